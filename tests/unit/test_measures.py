"""What one replication shows, against the same boxes followed for longer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.measure import essentials, measure
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
