"""What one replication shows, against the same boxes followed for longer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.measure import essentials, measure, releases
from sim.model import simulate
from sim.network import Network, build
from sim.scenario.load import load

SMALL = Path(__file__).resolve().parents[1] / "user" / "small.yaml"
SLOW = ("fleets.feeders.vessels=1", "fleets.feeders.capacity=100 TEU")
QUANTILES = ("p10", "p50", "p90")


def network_of(*changes: str) -> Network:
    return build(load(SMALL, set=changes))


@pytest.mark.parametrize("followed", [3, 10])
@pytest.mark.parametrize("replication", [0, 1])
def test_a_quantile_is_told_only_if_boxes_on_the_way_cannot_change_it(followed: int, replication: int) -> None:
    """A longer run goes on where the shorter one ends, so it shows what the shorter one could not know."""
    short, whole = (
        measure(network, simulate(network, replication)).routes
        for network in (network_of(*SLOW, f"run.run_out={days} d") for days in (followed, 300))
    )
    assert (short["unfinished"] > 0).any()
    assert (whole["unfinished"] == 0).all()
    told = untold = 0
    for name in QUANTILES:
        known = short[name].notna()
        np.testing.assert_allclose(short.loc[known, name], whole.loc[known, name], rtol=1e-12)
        settled = whole[name] < followed
        assert known[settled].all(), name
        told, untold = told + known.sum(), untold + (~known).sum()
    assert untold > 0
    assert told > 0


def test_a_quantile_that_is_the_last_box_to_arrive_is_known() -> None:
    """Half of an odd number of boxes and one have arrived: the last of these is the median."""
    network = network_of("run.run_out=100 d", "demand.trade.block=1")
    journal = simulate(network, 2)
    finished = journal.units["finished"].copy()
    medians = {}
    for number, way in enumerate(network.itineraries):
        released = np.where(journal.units["itinerary"] == number, journal.units["released"], np.nan)
        inside = np.flatnonzero((released >= 0) & (released < network.model.run.length))
        order = inside[np.argsort((finished - released)[inside], kind="stable")]
        if len(order) % 2:
            medians[way.flow, way.route] = (finished - released)[order[len(order) // 2]] / 24
            finished[order[len(order) // 2 + 1 :]] = np.nan
    rows = essentials(network, replace(journal, units=journal.units | {"finished": finished})).routes
    found = {(row["flow"], row["route"]): row for row in rows}
    assert medians
    for way, median in medians.items():
        assert found[way]["p50"] == median
        assert np.isnan(found[way]["p90"])


@pytest.mark.parametrize("run_out", ["0 d", "60 d"])
def test_the_figures_of_a_route_are_counted_from_the_journal(run_out: str) -> None:
    network = network_of(*SLOW, f"run.run_out={run_out}")
    journal = simulate(network, 0)
    run, units = network.model.run, journal.units
    routes = measure(network, journal).routes.set_index(["flow", "route"])
    assert len(routes) == len(network.itineraries) == 4
    for number, way in enumerate(network.itineraries):
        row, promise = routes.loc[way.flow, way.route], network.model.routes[way.route].promise
        assert promise is not None
        mine = (units["itinerary"] == number) & (units["released"] >= 0) & (units["released"] < run.length)
        released, finished = units["released"][mine], units["finished"][mine]
        never = np.isnan(finished)
        hours = np.where(never, run.length + run.run_out, finished) - released
        late = never | (hours > promise.high)
        early = ~never & (hours < promise.low)
        assert (row["boxes"], row["unfinished"]) == (len(hours), never.sum())
        assert row["mean"] == pytest.approx(hours.mean() / 24)
        shares = row[["share_late", "share_early", "share_within", "share_unfinished"]].astype(float)
        counted = [late.mean(), early.mean(), (~late & ~early).mean(), never.mean()]
        assert shares.to_list() == pytest.approx(counted)
        if not never.any():
            assert row[list(QUANTILES)].astype(float).to_list() == pytest.approx(
                np.percentile(hours / 24, [10, 50, 90])
            )


def test_a_box_that_takes_just_the_published_time_keeps_the_promise() -> None:
    network = network_of()
    journal = simulate(network, 0)
    number = journal.names["itineraries"].index("trade/over")
    promise = network.model.routes["over"].promise
    assert promise is not None
    released, mine = journal.units["released"], journal.units["itinerary"] == number
    for hours, kept in ((promise.low, 1.0), (promise.high, 1.0), (promise.low - 1, 0.0), (promise.high + 1, 0.0)):
        finished = np.where(mine, released + hours, journal.units["finished"])
        altered = replace(journal, units=journal.units | {"finished": finished})
        row = next(row for row in essentials(network, altered).routes if row["route"] == "over")
        assert row["share_within"] == kept, hours
        own = releases(network, altered).query("flow == 'trade' and route == 'over'")
        assert (own["kept"].sum() == own["boxes"].sum()) == (hours <= promise.high), hours
