"""The model through its journal: conservation, order, exactness, streams."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.measure import measure
from sim.model import Journal, simulate
from sim.network import Network, build
from sim.network.preview import preview
from sim.scenario.load import load

CORRIDOR = Path(__file__).parent.parent / "corridor.yaml"

Corridor = Callable[..., Network]


@pytest.fixture(scope="module")
def network() -> Network:
    return build(load(CORRIDOR))


@pytest.fixture(scope="module")
def journal(network: Network) -> Journal:
    return simulate(network, 0)


def changed(*changes: str) -> Network:
    return build(load(CORRIDOR, set=changes))


def test_a_trip_takes_no_more_than_15_events(journal: Journal) -> None:
    assert journal.events / journal.trips <= 15


def test_the_preview_counts_what_a_run_will_do(network: Network, journal: Journal) -> None:
    estimate = preview(network).estimate
    counted = (
        journal.trips,
        len(journal.segments["call"]),
        len(journal.units["itinerary"]),
        len(journal.carriages["unit"]),
    )
    assert (estimate.trips, estimate.sections, estimate.units, estimate.legs) == pytest.approx(counted, rel=0.1)
    run = network.model.run
    hours = run.warm_up + run.length + run.run_out
    half = preview(changed(f"run.length={run.length - hours / 2} h")).estimate
    assert half.cpu_s == pytest.approx(estimate.cpu_s / 2)
    assert estimate.memory_mb > half.memory_mb > estimate.memory_mb / 2


def test_every_box_is_carried_once_on_each_leg(network: Network, journal: Journal) -> None:
    c = journal.carriages
    keys = c["unit"].astype(np.int64) * 10 + c["leg"]
    assert len(np.unique(keys)) == len(keys)
    arrived = np.isfinite(journal.units["finished"])
    legs = np.array([len(i.legs) for i in network.itineraries])[journal.units["itinerary"]]
    carried = np.bincount(c["unit"].astype(np.int64), minlength=len(arrived))
    assert np.array_equal(carried[arrived], legs[arrived])


def test_time_does_not_run_backwards(journal: Journal) -> None:
    c = journal.carriages
    for before, after in (("ready", "lifted"), ("lifted", "loaded"), ("loaded", "lowered"), ("lowered", "landed")):
        assert np.all(c[before] <= c[after]), (before, after)
    k = journal.calls
    for before, after in (
        ("arrived", "weather_in"),
        ("weather_in", "berthed"),
        ("berthed", "room"),
        ("room", "discharged"),
        ("discharged", "closed"),
        ("opened", "closed"),
        ("loaded", "weather_out"),
    ):
        ok = (k[before] <= k[after]) | np.isnan(k[before]) | np.isnan(k[after])
        assert np.all(ok), (before, after)


def test_no_vehicle_carries_more_than_it_holds(network: Network, journal: Journal) -> None:
    room = np.array([float(f.capacity) for f in network.model.fleets.values()])
    assert np.all(journal.calls["space_out"] <= room[journal.calls["fleet"]] + 1e-6)


def test_what_a_vehicle_brings_is_what_it_took(journal: Journal) -> None:
    k = journal.calls
    order = np.lexsort((k["arrived"], k["vehicle"]))
    same = k["vehicle"][order][1:] == k["vehicle"][order][:-1]
    brought, took = k["space_in"][order][1:][same], k["space_out"][order][:-1][same]
    done = np.isfinite(k["discharged"][order][1:][same])
    assert np.array_equal(brought[done], took[done])


def test_berths_and_yards_are_never_overfull(network: Network, journal: Journal) -> None:
    for index, capacity in enumerate(journal.capacities):
        u = journal.uses["facility"] == index
        name = journal.names["facilities"][index]
        if "/yard" in name:
            rooms = journal.rooms["facility"] == index
            order = np.argsort(journal.rooms["time"][rooms], kind="stable")
            level = np.cumsum(journal.rooms["change"][rooms][order])
        else:
            times = np.concatenate([journal.uses["granted"][u], journal.uses["released"][u]])
            change = np.repeat([1, -1], u.sum())
            level = np.cumsum(change[np.lexsort((change, times))])
        if len(level) and "/paths" not in name:
            assert level.min() >= 0, name
            assert level.max() <= capacity, name


def test_no_leg_is_faster_than_distance_over_speed(network: Network, journal: Journal) -> None:
    s = journal.segments
    links = list(network.model.links.values())
    for number, link in enumerate(links):
        mine = s["link"] == number
        speed = link.speed or max(f.speed for f in network.model.fleets.values() if f.speed)
        assert np.all(s["ended"][mine] - s["entered"][mine] >= link.distance / speed - 1e-5)


def test_causes_and_stages_add_up_to_the_mean(network: Network, journal: Journal) -> None:
    m = measure(network, journal)
    mean = m.routes.set_index(["flow", "route"])["mean"]
    for frame in (m.causes, m.stages):
        total = frame.groupby(["flow", "route"])["days"].sum()
        assert total.to_numpy() == pytest.approx(mean[total.index].to_numpy(), rel=1e-9)
        assert (frame["days"] >= 0).all()


def test_boxes_that_have_not_arrived_are_counted() -> None:
    network = changed("fleets.bc.vessels=1", "fleets.bc.capacity=60 TEU")
    m = measure(network, simulate(network, 0))
    west = m.routes.set_index("flow").loc["w"]
    assert west["unfinished"] > 0.5 * west["boxes"]
    assert np.isnan(west["p90"])
    assert west["share_late"] >= west["unfinished"] / west["boxes"]
    total = m.causes[m.causes["flow"] == "w"]["days"].sum()
    assert total == pytest.approx(west["mean"], rel=1e-3)


def test_the_same_seed_gives_the_same_journal_to_the_bit(network: Network, journal: Journal) -> None:
    again = simulate(network, 0).tables()
    for name, table in journal.tables().items():
        for column, values in table.items():
            assert np.array_equal(values, again[name][column], equal_nan=values.dtype.kind == "f"), (
                name,
                column,
            )


def test_replications_differ(network: Network, journal: Journal) -> None:
    other = simulate(network, 1)
    assert journal.units["released"][:100].tolist() != other.units["released"][:100].tolist()


def released(network: Network, flow: str, journal: Journal) -> list[float]:
    number = next(i for i, x in enumerate(network.itineraries) if x.flow == flow)
    return journal.units["released"][journal.units["itinerary"] == number].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "change",
    [
        "demand.a-new={title: n, origin: a, destination: b, direction: west, cargo: container, "
        "volume: 3000 TEU/a, routes: {middle: 1}}",
        "fleets.bc.vessels=3",
        "calendars.storm.block=30 h",
    ],
)
def test_demand_does_not_depend_on_the_rest_of_the_scenario(network: Network, journal: Journal, change: str) -> None:
    other = changed(change)
    assert released(network, "w", journal) == released(other, "w", simulate(other, 0))


def test_more_demand_keeps_the_weather(network: Network, journal: Journal) -> None:
    """Storms are laid out before the run: a busier year meets the same ones."""
    other = changed("demand.w.volume=50000 TEU/a")
    closed = []
    for n in (network, other):
        k = simulate(n, 0).calls
        waits = (k["weather_in"] > k["arrived"]) & (k["berthed"] == k["weather_in"])
        closed.append(set(k["weather_in"][waits].tolist()))
    assert len(closed[0] & closed[1]) > 0.5 * len(closed[0])


def test_switches_are_read() -> None:
    """Without storms no hour is lost to weather; with a short yard trains wait for room."""
    calm = changed("ports.b.calendar=null", "ports.c.calendar=null")
    causes = measure(calm, simulate(calm, 0)).causes
    assert "weather" not in set(causes["cause"])
    tight = changed("ports.b.yards.west.limit=220 TEU")
    before = measure(build(load(CORRIDOR)), simulate(build(load(CORRIDOR)), 0)).causes
    after = measure(tight, simulate(tight, 0)).causes
    yard = [f[(f["cause"] == "yard space") & (f["flow"] == "w")]["days"].sum() for f in (before, after)]
    assert yard[1] > 2 * yard[0]


def test_priority_cargo_waits_less() -> None:
    network = changed(
        "fleets.bc.vessels=2",
        "demand.show={title: s, origin: a, destination: d, direction: west, cargo: container, compare: true, "
        "volume: 4000 TEU/a, routes: {middle: 1}, priority: priority, block: 55}",
    )
    mean = measure(network, simulate(network, 0)).routes.set_index("flow")["mean"]
    assert mean["show"] < mean["w"]


def test_falling_water_costs_load() -> None:
    changes = ("ports.b.depth=5 m", 'fleets.bc.draught={full: "6 m", empty: "2 m"}')
    shallow = changed(*changes)
    journal = simulate(shallow, 0)
    ships = journal.names["fleets"].index("bc")
    assert journal.calls["space_out"][journal.calls["fleet"] == ships].max() <= 150
    lower = changed(*changes, "seas.caspian.level=-1 m")
    journal = simulate(lower, 0)
    assert journal.calls["space_out"][journal.calls["fleet"] == ships].max() <= 100
