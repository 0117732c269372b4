"""What one replication shows, against its journal and against the same boxes followed for longer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.measure import Measures, carried, essentials, measure, releases
from sim.measure.cost import day_value
from sim.model import Journal, simulate
from sim.network import Network, build
from sim.network.preview import preview
from sim.scenario.load import load

SMALL = Path(__file__).resolve().parents[1] / "user" / "small.yaml"
BASELINE = Path(__file__).resolve().parents[2] / "scenarios" / "baseline-2024.yaml"
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
        quantiles = pytest.approx(np.percentile(hours / 24, [10, 50, 90]))
        assert row[[f"{name}_so_far" for name in QUANTILES]].astype(float).to_list() == quantiles
        if not never.any():
            assert row[list(QUANTILES)].astype(float).to_list() == quantiles


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


@pytest.fixture(scope="module")
def busy() -> tuple[Network, Journal, Measures]:
    network = network_of("run.length=50 d", "fleets.feeders.vessels=1", "fleets.trains-east.train_sets=20")
    journal = simulate(network, 0)
    return network, journal, measure(network, journal)


def test_the_time_of_a_fleet_is_that_of_the_calls_of_its_vehicles(busy: tuple[Network, Journal, Measures]) -> None:
    network, journal, measures = busy
    length, calls = float(network.model.run.length), journal.calls
    spans = {
        "share_waiting_berth": [("arrived", "berthed"), ("closed", "reberthed")],
        "share_at_berth": [("berthed", "discharged"), ("reberthed", "weather_out")],
        "share_waiting_cargo": [("discharged", "closed")],
        "share_moving": [("weather_out", "next")],
    }
    for number, name in enumerate(journal.names["fleets"]):
        hours, vehicles = dict.fromkeys(spans, 0.0), np.unique(calls["vehicle"][calls["fleet"] == number])
        for vehicle in vehicles:
            rows = np.flatnonzero(calls["vehicle"] == vehicle)
            for row, following in zip(rows, [*calls["arrived"][rows[1:]], np.nan], strict=True):
                for share, parts in spans.items():
                    for start, end in parts:
                        until = following if end == "next" else calls[end][row]
                        if (start, end) == ("closed", "reberthed") and np.isnan(until):
                            until = calls["weather_out"][row]  # it leaves empty from the roads
                        if (
                            row == rows[-1]
                            and np.isnan(until)
                            and (end == "next" or np.isnan(calls["weather_out"][row]))
                        ):
                            until = length  # it does so still when the run ends
                        inside = min(until, length) - max(calls[start][row], 0.0)
                        hours[share] += inside if inside > 0 else 0.0
        row = measures.fleets.set_index("fleet").loc[name]
        shares = row[list(spans)].astype(float)
        assert shares.to_list() == pytest.approx([h / (len(vehicles) * length) for h in hours.values()])
        assert shares[["share_at_berth", "share_waiting_cargo", "share_moving"]].min() > 0
        assert shares.sum() == pytest.approx(1)


def test_ships_that_wait_in_the_roads_to_leave_empty_wait() -> None:
    network = build(load(BASELINE.parents[1] / "tests" / "oracles" / "storms-by-phase.yaml"))
    found = measure(network, simulate(network, 0)).fleets
    assert found.filter(like="share_").sum(axis=1).to_list() == pytest.approx([1] * len(found))


def test_hours_beyond_the_end_are_not_told_though_they_are_known() -> None:
    """A liner that is at sea when the run ends, and the barge behind it, are known to the end of the way."""
    network = build(load(BASELINE, set=["run.length=45 d", "run.run_out=0 d", "run.warm_up=30 d"]))
    journal = simulate(network, 0)
    found = measure(network, journal)
    assert np.nanmax(journal.units["finished"]) <= network.model.run.length
    assert (journal.carriages["landed"] > network.model.run.length).any()
    routes = found.routes.set_index(["flow", "route"]).query("boxes > 0")
    days = found.releases.query("day >= 0").groupby(["flow", "route"])[["box_days", "boxes"]].sum()
    assert (days["box_days"] / days["boxes"]).loc[routes.index].to_list() == pytest.approx(routes["mean"].to_list())
    value = found.costs[found.costs["kind"] == "time value"]
    assert value["usd"].min() >= 0
    a_day = value.groupby(["flow", "route"])["usd"].sum().loc[routes.index] / routes["mean"]
    worth = [day_value(network.model.cargo[network.model.demand[flow].cargo]) for flow, _ in a_day.index]
    assert a_day.to_list() == pytest.approx(worth)


def test_a_liner_counts_once_a_sailing_whatever_it_carries() -> None:
    network = build(load(BASELINE, set=["run.length=60 d", "run.run_out=0 d", "run.warm_up=0 d"]))
    journal = simulate(network, 0)
    links = measure(network, journal).links.query("link == 'shanghai-suez' and direction == 'west'")
    rows = journal.carriages
    sailings = {
        (leg.service, hour)
        for number, way in enumerate(network.itineraries)
        for at, leg in enumerate(way.legs)
        if any(section.link == "shanghai-suez" for section in network.sections(leg.service, leg.origin))
        and network.model.demand[way.flow].direction == "west"
        for hour in rows["lifted"][(rows["itinerary"] == number) & (rows["leg"] == at)].tolist()
        if 0 <= hour < network.model.run.length
    }
    assert links["vehicles"].sum() == pytest.approx(len(sailings) * 365 / 60)
    assert len(sailings) <= 2 * 9  # two weekly services


def test_a_link_carries_what_is_on_board_of_the_vehicles_that_run_it(busy: tuple[Network, Journal, Measures]) -> None:
    network, journal, measures = busy
    run, rows, segments = network.model.run, journal.carriages, journal.segments
    counted = (rows["lifted"] >= 0) & (rows["lifted"] < run.length)
    west = np.array([network.model.demand[way.flow].direction == "west" for way in network.itineraries])
    for direction in ("west", "east"):
        mine = counted & (west[rows["itinerary"]] == (direction == "west"))
        aboard = np.bincount(rows["call_from"][mine], minlength=len(journal.calls["arrived"]))
        table = measures.links[measures.links["direction"] == direction].set_index("link")
        for number, link in enumerate(journal.names["links"]):
            calls = segments["call"][segments["link"] == number]
            found = table.loc[link]
            a_year = 8760 / run.length
            units = aboard[calls].sum() * a_year
            assert units > 0
            expected = [units, 2 * units, 20 * units, np.count_nonzero(aboard[calls]) * a_year]
            assert found[["units", "teu", "t", "vehicles"]].astype(float).to_list() == pytest.approx(expected)


def test_a_vehicle_counts_once_on_a_link_whatever_flows_are_on_board() -> None:
    way = "origin: hub, destination: market, direction: west, cargo: box, routes: {over: 1}"
    more = f"demand.more={{title: More, {way}, volume: 9000 TEU/a}}"
    small = Path(__file__).parents[1] / "user" / "small.yaml"
    network = build(load(small, set=[more, "run.length=90 d"]))
    journal = simulate(network, 0)
    rows, segments = journal.carriages, journal.segments
    counted = np.unique(rows["call_from"][(rows["lifted"] >= 0) & (rows["lifted"] < network.model.run.length)])
    crossing = segments["link"] == journal.names["links"].index("crossing")
    found = measure(network, journal).links.set_index("link").loc[["crossing"], "vehicles"].sum()
    assert found == pytest.approx(np.isin(segments["call"][crossing], counted).sum() * 8760 / network.model.run.length)


def test_a_daily_window_that_lets_in_one_train_makes_one_path_a_day() -> None:
    """In the means of the preview, and in what trains take of it in the simulation."""
    window = ["links.hub-east-port.hours=22:00-00:00", "links.hub-east-port.paths=12 /d", "run.length=180 d"]
    network = build(load(Path(__file__).parents[1] / "user" / "small.yaml", set=window))
    (offered,) = [one for one in preview(network).loads if (one.place, one.kind) == ("hub-east-port", "path")]
    assert offered.capacity == 1
    table = measure(network, simulate(network, 0)).facilities.set_index("place")
    assert table.loc["hub-east-port", "utilisation"] == pytest.approx(offered.utilisation, rel=0.15)


@pytest.mark.parametrize("replication", [2, 3])
def test_no_day_of_a_daily_window_is_used_for_more_than_the_whole(replication: int) -> None:
    """A day may hold the last path of one night and the first of the next; more trains come than there are nights."""
    trains = ("demand.trade.volume=40000 TEU/a", "fleets.trains-east.train_sets=60")
    network = network_of("links.hub-east-port.hours=21:00-03:00", "links.hub-east-port.paths=4 /d", *trains)
    table = measure(network, simulate(network, replication)).facility_days
    assert table.loc[table["place"] == "hub-east-port", "utilisation"].max() == 1


def test_the_days_of_a_facility_add_up_to_its_whole_period(busy: tuple[Network, Journal, Measures]) -> None:
    _, _, measures = busy
    days = measures.facility_days.groupby(["place", "facility"])[["utilisation", "queue"]].agg(["mean", "count"])
    for row in measures.facilities.to_dict("records"):
        own = days.loc[row["place"], row["facility"]]
        assert own["utilisation", "count"] == 50
        assert own["utilisation", "mean"] == pytest.approx(row["utilisation"])
        assert own["queue", "mean"] == pytest.approx(row["mean_queue"])
    assert (measures.facilities["mean_queue"] > 0).any()


@pytest.mark.parametrize("paths", ["0.7 /d", "1.1 /d"])  # headways that the grid of time makes shorter, and longer
def test_a_full_link_is_used_to_the_whole_and_no_more(paths: str) -> None:
    network = network_of(f"links.west-port-market.paths={paths}")
    days = measure(network, simulate(network, 0)).facility_days
    assert days.loc[days["place"] == "west-port-market", "utilisation"].max() == 1


def test_what_is_carried_has_arrived_within_the_period(busy: tuple[Network, Journal, Measures]) -> None:
    network, journal, measures = busy
    length = network.model.run.length
    means = measures.routes.set_index(["flow", "route"])["mean"]
    assert (journal.units["finished"] > length).any()
    for number, row in enumerate(carried(network, journal).to_dict("records")):
        finished = journal.units["finished"][journal.units["itinerary"] == number]
        arrived = np.count_nonzero((finished >= 0) & (finished < length))
        assert row["teu_a_year"] == pytest.approx(2 * arrived * 8760 / length)
        assert row["mean"] == pytest.approx(means[row["flow"], row["route"]])


def test_the_gauge_changes_at_the_junction_alone(busy: tuple[Network, Journal, Measures]) -> None:
    causes = busy[2].causes
    assert set(causes.loc[causes["cause"] == "gauge change", "place"]) == {"junction"}
    assert not causes.loc[causes["place"] == "junction", "cause"].isin(["handling", "crane", "berth"]).any()
    assert {"hub", "market"} <= set(causes.loc[causes["cause"] == "handling", "place"])
