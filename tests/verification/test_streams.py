"""The same draws meet the same things, whatever else the scenario holds: through scenario files, to the bit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.model import Journal, simulate
from sim.model.clock import Streams
from sim.network import Network, build
from sim.scenario.load import load
from sim.scenario.values import MONTHS

ROOT = Path(__file__).resolve().parents[2]
FILES = {"corridor": ROOT / "tests" / "corridor.yaml", "baseline": ROOT / "scenarios" / "baseline-2024.yaml"}
SHORT = ["run.warm_up=20 d", "run.length=60 d", "run.run_out=20 d"]
ORDERED = {"stops", "quantiles"}  # mappings whose order has a meaning
NUMBERED = {
    "itinerary": "itineraries",
    "place": "places",
    "link": "links",
    "fleet": "fleets",
    "facility": "facilities",
    "berth": "facilities",
}
ALL_YEAR = ", ".join(f"{month}: 9 %" for month in MONTHS)

# what is changed -> the file that changes it
CORRIDOR = {
    "a port with its flow": f"""
places: {{k: {{name: K, country: KZ, lat: 43.2, lon: 51.6}}}}
links:
  ak:
    between: [a, k]
    mode: rail
    gauge: 1520
    distance: 100 km
    speed: 30 km/h
    delay: {{dist: exponential, mean: 20 %}}
calendars:
  gale: {{closed_share: {{{ALL_YEAR}}}, block: {{dist: gamma, mean: 20 h, cv: 0.5}}}}
terminals:
  a: {{berths: {{branch: {{count: 2, per: vehicle, discharge: 4 h, load: 4 h}}}}}}
ports:
  k:
    sea: caspian
    calendar: gale
    berths: {{rail: {{count: 1, discharge: {{dist: exponential, mean: 0.1 h}}, load: 0.1 h}}}}
services:
  ak: {{kind: trains, title: AK, stops: {{a: {{berth: branch, wait: 24 h}}, k: {{berth: rail, wait: 12 h}}}}}}
fleets:
  ak: {{service: ak, title: sets, train_sets: 4, capacity: 110 TEU, accepts: [container]}}
routes:
  to-k: {{title: To K}}
demand:
  k:
    title: to K
    origin: a
    destination: k
    direction: west
    cargo: container
    volume: 3000 TEU/a
    routes: {{to-k: 1.0}}
    compare: true
""",
    "one vessel less": "fleets: {bc: {vessels: 3}}",
    "a fleet less": "fleets: {bc: null, new: {service: sea-bc, title: n, vessels: 3, capacity: 200 TEU, speed: 12 kn, "
    "accepts: [container]}}",
    "another route": "routes: {again: {title: Again, via: [b, c]}}\ndemand: {w: {routes: {middle: 60 %, again: 40 %}}}",
    "another flow": "demand: {x: {title: x, origin: a, destination: d, direction: west, cargo: container, "
    "volume: 2000 TEU/a, routes: {middle: 1.0}, compare: true}}",
}
HOW_TO = (ROOT / "docs" / "how-to-write-a-scenario.md").read_text(encoding="utf-8")
BASELINE = {
    "a port and a route": re.findall(r"^# file: new-port.yaml\nextends: .*?\n(.*?)^```", HOW_TO, re.M | re.S)[0],
    "one vessel less": "fleets: {kmtf-small: {vessels: 2}}",
    "another flow": "demand: {x: {title: x, origin: xian, destination: poti, direction: west, cargo: container, "
    "volume: 900 TEU/a, routes: {middle-poti: 1}, compare: true}}",
}
CHANGES = [("corridor", name) for name in CORRIDOR] + [("baseline", name) for name in BASELINE]


@dataclass(frozen=True)
class Observed:
    """One replication: its journal, and the uniforms that were drawn by name."""

    network: Network
    journal: Journal
    drawn: dict[str, NDArray[np.float64]]


def observe(file: Path, monkeypatch: pytest.MonkeyPatch, changes: Sequence[str] = SHORT) -> Observed:
    drawn: dict[str, NDArray[np.float64]] = {}
    uniforms = Streams.uniforms

    def recorded(self: Streams, name: str, count: int) -> NDArray[np.float64]:
        found = uniforms(self, name, count)
        if len(found) >= len(drawn.get(name, ())):
            drawn[name] = found
        return found

    network = build(load(file, set=changes))
    with monkeypatch.context() as patch:
        patch.setattr(Streams, "uniforms", recorded)
        journal = simulate(network, 1)
    return Observed(network, journal, drawn)


@pytest.fixture(scope="module")
def bases() -> dict[str, Observed]:
    with pytest.MonkeyPatch.context() as patch:
        return {name: observe(file, patch) for name, file in FILES.items()}


@pytest.fixture
def changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Observed]:
    def run(name: str, what: str) -> Observed:
        text = (CORRIDOR if name == "corridor" else BASELINE)[what]
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"extends: {FILES[name]}\n{text}\n", encoding="utf-8")
        return observe(file, monkeypatch)

    return run


def blocks(one: Observed, flow: str) -> dict[float, tuple[str, int]]:
    """The blocks of a flow: hour of release -> route, and the number of its first unit."""
    found = {}
    for number, way in enumerate(one.network.itineraries):
        if way.flow == flow:
            units = np.flatnonzero(one.journal.units["itinerary"] == number)
            for unit in units[:: one.network.model.demand[flow].block].tolist():
                found[float(one.journal.units["released"][unit])] = (way.route, unit)
    return found


def papers(one: Observed, flow: str) -> dict[tuple[float, str], float]:
    """Hours at a desk without a queue: (hour of release of the block, place) -> hours from landing to ready."""
    c = one.journal.carriages
    found = {}
    for released, (route, unit) in blocks(one, flow).items():
        legs = next(way.legs for way in one.network.itineraries if (way.flow, way.route) == (flow, route))
        rows = np.flatnonzero(c["unit"] == unit)
        for row in rows[c["leg"][rows] > 0].tolist():
            before = rows[c["leg"][rows] == c["leg"][row] - 1]
            place = legs[int(c["leg"][row])].origin
            terminal = (one.network.model.terminals | one.network.model.ports).get(place)
            desk = terminal.documents if terminal else None
            if len(before) and desk and not desk.hours and not desk.servers:
                found[released, place] = float(c["ready"][row] - c["landed"][before[0]])
    return found


def delays(one: Observed) -> dict[tuple[str, int, int, int], list[float]]:
    """Delays on the way: (fleet, its n-th vehicle, link, direction) -> hours, voyage by voyage."""
    s, calls = one.journal.segments, one.journal.calls
    fleet, vehicle = calls["fleet"][s["call"]], calls["vehicle"][s["call"]]
    first = {number: int(vehicle[fleet == number].min()) for number in np.unique(fleet).tolist()}
    found: dict[tuple[str, int, int, int], list[float]] = {}
    names = one.journal.names
    for row in np.argsort(s["begin"], kind="stable").tolist():
        name = names["fleets"][fleet[row]]
        if one.network.model.fleets[name].train_sets != "unlimited":
            number, link = int(vehicle[row]) - first[int(fleet[row])], names["links"][s["link"][row]]
            key = (name, number, link, int(s["direction"][row]))
            found.setdefault(key, []).append(float(s["ended"][row] - s["moved"][row]))
    return found


def assert_same_draws(base: Observed, other: Observed) -> None:
    """What both draw is the same, and both draw what is laid out before the run."""
    common = base.drawn.keys() & other.drawn.keys()
    for name in common:
        count = min(len(base.drawn[name]), len(other.drawn[name]))
        np.testing.assert_array_equal(base.drawn[name][:count], other.drawn[name][:count], err_msg=name)
    laid_out = {name for name in base.drawn if name.startswith(("demand/", "route/", "calendar/"))}
    assert laid_out
    assert laid_out <= other.drawn.keys()


@pytest.mark.parametrize(("name", "what"), CHANGES, ids=lambda value: value.replace(" ", "-"))
def test_a_change_leaves_all_other_draws_as_they_were(
    bases: dict[str, Observed], changed: Callable[[str, str], Observed], name: str, what: str
) -> None:
    base, other = bases[name], changed(name, what)
    assert_same_draws(base, other)
    for flow in base.network.model.demand:
        before, after = blocks(base, flow), blocks(other, flow)
        assert before.keys() == after.keys(), flow
        routes = base.network.model.demand[flow].routes
        if other.network.model.demand[flow].routes == routes:
            assert [way for way, _ in before.values()] == [after[at][0] for at in before]
        mine, theirs = papers(base, flow), papers(other, flow)
        both = mine.keys() & theirs.keys()
        assert {key: mine[key] for key in both} == {key: theirs[key] for key in both}
    mine_, theirs_ = delays(base), delays(other)
    assert len(mine_.keys() & theirs_.keys()) > 5
    for key in mine_.keys() & theirs_.keys():
        count = min(len(mine_[key]), len(theirs_[key]))
        assert mine_[key][:count] == theirs_[key][:count], key


def backwards(value: Any, key: str = "") -> Any:
    """The same with all mappings in the other order, but for those whose order has a meaning."""
    if not isinstance(value, dict):
        return value
    items = list(value.items())
    return {name: backwards(below, name) for name, below in (items if key in ORDERED else reversed(items))}


def by_name(one: Observed) -> dict[str, NDArray[np.float64]]:
    """The tables of the journal, their rows in an order of their own, with ranks of names for numbers that follow the
    order of the file. Not the carriages, which number units by flow: what they tell stands in the others as well."""
    found = {}
    for table, columns in one.journal.tables().items():
        values = []
        for column, numbers in columns.items():
            if column in NUMBERED:
                ranks = np.argsort(np.argsort(one.journal.names[NUMBERED[column]]))
                values.append(np.append(ranks, -1)[numbers])  # -1: none
            else:
                values.append(numbers)
        rows = np.stack(values)
        found[table] = rows[:, np.lexsort(rows)]
    del found["carriages"]
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_order_of_the_file_does_not_matter(
    bases: dict[str, Observed], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = bases[name]
    file = tmp_path / f"{name}.yaml"
    file.write_text(json.dumps(backwards(load(FILES[name]).tree)), encoding="utf-8")  # which is YAML as well
    other = observe(file, monkeypatch)
    assert list(other.network.model.links) == list(reversed(base.network.model.links))
    assert_same_draws(base, other)
    for flow in base.network.model.demand:
        before, after = blocks(base, flow), blocks(other, flow)
        assert {at: way for at, (way, _) in before.items()} == {at: way for at, (way, _) in after.items()}
    found = by_name(other)
    for table, rows in by_name(base).items():
        np.testing.assert_array_equal(rows, found[table], err_msg=table)


@pytest.mark.parametrize("name", FILES)
def test_a_longer_run_begins_with_the_shorter_one(
    bases: dict[str, Observed], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, longer = bases[name], observe(FILES[name], monkeypatch, [*SHORT, "run.length=75 d"])
    assert_same_draws(base, longer)
    assert len(base.journal.units["released"]) < len(longer.journal.units["released"])
    for flow in base.network.model.demand:
        before, after = blocks(base, flow), blocks(longer, flow)
        for at, (way, unit) in before.items():
            assert after[at][0] == way
            count = base.network.model.demand[flow].block
            mine, theirs = (
                one.journal.units["finished"][first : first + count]
                for one, first in ((base, unit), (longer, after[at][1]))
            )
            arrived = mine < base.network.model.run.length + base.network.model.run.run_out
            np.testing.assert_array_equal(mine[arrived], theirs[arrived], err_msg=f"{flow}, {at}")


def test_what_is_apart_happens_as_before(bases: dict[str, Observed], changed: Callable[[str, str], Observed]) -> None:
    """A port with its own trains, track and cargo: not one hour of the other boxes moves."""
    base, other = bases["corridor"], changed("corridor", "a port with its flow")
    for flow in base.network.model.demand:
        finished = [
            {
                (at, n): float(one.journal.units["finished"][unit + n])
                for at, (_, unit) in blocks(one, flow).items()
                for n in range(one.network.model.demand[flow].block)
            }
            for one in (base, other)
        ]
        np.testing.assert_equal(finished[0], finished[1])
