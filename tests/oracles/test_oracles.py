"""Every milestone of every box: the program's journal against the corridor as its actors tell it, equal to the bit."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sim.model import Journal, simulate
from sim.model.journal import Table
from sim.network import Network, build
from sim.scenario.load import load
from tests.oracles.actors import Corridor
from tests.oracles.cargo import MILESTONES

HERE = Path(__file__).parent
FILES = sorted(path.stem for path in HERE.glob("*.yaml"))
Story = NDArray[np.float64]  # [box, leg, milestone], the hour of each; NaN: not within the run


def network_of(file: str, *changes: str) -> Network:
    return build(load(HERE / f"{file}.yaml", set=changes))


def by_the_program(journal: Journal, legs: int, end: float) -> Story:
    story = np.full((len(journal.units["finished"]), legs + 1, len(MILESTONES)), np.nan)
    c = journal.carriages
    for number, name in enumerate(MILESTONES):
        story[c["unit"], c["leg"], number] = c[name]
    story[:, legs, 0] = journal.units["finished"]
    story[story >= end] = np.nan  # known ahead, but not within the run
    return story


def by_the_actors(corridor: Corridor, legs: int) -> Story:
    boxes = corridor.run()
    story = np.full((len(boxes), legs + 1, len(MILESTONES)), np.nan)
    for box in boxes:
        for leg, log in enumerate(box.log):
            story[box.number, leg] = [log[name] for name in MILESTONES]
        story[box.number, legs, 0] = box.finished
    return story


def told_twice(network: Network, replication: int = 0) -> tuple[Journal, Story, Story]:
    """The journal, and both stories. The journal has a leg by vehicle when its discharge begins; until then the actors
    know more, and that is left out."""
    legs = max(len(way.legs) for way in network.itineraries)
    journal = simulate(network, replication)
    corridor = Corridor(network, replication)
    program = by_the_program(journal, legs, corridor.world.end)
    actors = by_the_actors(corridor, legs)
    if len(program) == len(actors):
        carried = actors[:, :legs]
        carried[np.isnan(program[:, :legs, 0]) & np.isnan(carried[:, :, MILESTONES.index("lowered")])] = np.nan
    return journal, program, actors


def difference(program: Story, actors: Story) -> str:
    """The first milestone on which the two do not agree; empty: there is none."""
    if len(program) != len(actors):
        return f"{len(program)} boxes, the actors have {len(actors)}"
    both_never = np.isnan(program) & np.isnan(actors)
    apart = np.argwhere((program != actors) & ~both_never)
    if not len(apart):
        return ""
    box, leg, milestone = min(apart, key=lambda at: np.nanmin([program[tuple(at)], actors[tuple(at)]]))
    found, told = program[box, leg, milestone], actors[box, leg, milestone]
    where = f"box {box}, leg {leg}, {MILESTONES[milestone]}"
    return f"{len(apart)} milestones differ; the first is {where}: {found} h, the actors say {told} h"


@pytest.mark.parametrize("file", FILES)
def test_every_milestone_of_every_box_is_equal(file: str) -> None:
    network = network_of(file)
    journal, program, actors = told_twice(network)
    assert difference(program, actors) == ""
    assert np.isfinite(program[:, -1, 0]).sum() > 1000
    if file in SEEN:
        assert SEEN[file](journal.calls).sum() > 5
    # it tells another story than what it extends: else it would prove nothing more
    if parent := re.search(r"^extends: (.*)\.yaml$", (HERE / f"{file}.yaml").read_text(), re.MULTILINE):
        assert not np.array_equal(journal.units["finished"], finished(parent[1]), equal_nan=True)


@cache
def finished(file: str) -> NDArray[np.float64]:
    return simulate(network_of(file)).units["finished"]


# what must have happened in a file for its agreement to mean something
SEEN: dict[str, Callable[[Table], NDArray[np.bool_]]] = {
    "storms": lambda c: (c["weather_in"] > c["arrived"]) | (c["weather_out"] > c["loaded"]),
    "storms-at-work": lambda c: c["discharged"] - c["room"] > 10,
    "at-berth": lambda c: (c["opened"] > c["discharged"]) & (c["closed"] > c["opened"]),
    "closing": lambda c: (c["closed"] == c["opened"] + 13) & (c["loaded"] > c["closed"] + 1),
    "full-yard": lambda c: c["room"] > c["berthed"],
    "gauge-change": lambda c: c["berthed"] > c["weather_in"],
}


def variant(seed: int) -> list[str]:
    """A corridor made up at random."""
    rng = random.Random(seed)
    changes = []

    def change(path: str, *values: object) -> None:
        changes.append(f"{path}={rng.choice(values)}")

    change("run.seed", *range(1000))
    change("demand.boxes.block", 1, 5, 31)
    change("demand.boxes.arrivals", "poisson", "regular")
    change("demand.boxes.volume", "6000 TEU/a", "14000 TEU/a", "20000 TEU/a")
    change("demand.returns.volume", "2000 TEU/a", "7000 TEU/a")
    change("fleets.trains.train_sets", 2, 4, 8, "unlimited")
    change("fleets.ferries.vessels", 1, 2, 3, 5)
    change("fleets.ferries.capacity", "62 TEU", "120 TEU", "214 TEU")
    change("services.line.stops.east.empty_after", "null", "7 h")
    change("links.hub-halfway.track", "single", "double")
    change("links.hub-halfway.paths", "3 /d", "6 /d", "20 /d")
    for place in ("east", "west"):
        change(f"ports.{place}.berths.quay.count", 1, 2, 3)
        change(f"ports.{place}.berths.quay.cranes", 1, 2, 4)
        change(f"services.ferry.stops.{place}.wait", "5.3 h", "14 h", "50 h")
        change(f"services.ferry.stops.{place}.count_from", "opening", "first-unit")
        change(f"services.ferry.stops.{place}.min_load", 0, "30 %")
    for phase, effects in WEATHER.items():
        change(f"ports.east.weather.{phase}", *effects)
    if rng.random() < 0.5:
        for place in ("east", "west"):
            change(f"ports.{place}.berths.quay.fixed", "0 h", "1.3 h")
        for place in ("east", "west"):
            change(f"services.ferry.stops.{place}.waits_at", "berth", "off-berth")
        change("ports.east.yards", "{}", "{all: {limit: 214 TEU}}", "{west: {limit: 250 TEU, direction: west}}")
    else:
        change("demand.boxes.priority", "priority", "ordinary")
    return changes


WEATHER = {
    "enter": ("finish", "do-not-start"),
    "discharge": ("finish", "suspend", "do-not-start"),
    "load": ("finish", "suspend", "do-not-start"),
    "leave": ("finish", "do-not-start"),
}


@pytest.mark.parametrize("seed", range(32))
def test_corridors_made_up_at_random(seed: int) -> None:
    file = random.Random(seed).choice(["random", "storms"])
    network = network_of(file, *variant(seed))
    _, program, actors = told_twice(network, replication=seed % 3)
    assert difference(program, actors) == ""
    assert np.isfinite(program[:, 0, 1]).any()


# Rules that are easily broken: the file, what is changed in it, and what the description says
RULES = {
    "a-desk-takes-consignments": (
        "desk",
        ["fleets.trains.capacity=66 TEU"],
        "a train that brings parts of two blocks brings two consignments, and a desk makes out one at a time",
    ),
    "a-desk-takes-what-comes-by-itself": (
        "liner",
        ["ports.west.documents={time: 0.5 h, servers: 1}"],
        "each consignment queues when it has landed, not when all of the run have",
    ),
    "a-border-takes-trucks": (
        "liner",
        ["borders.customs.servers=1", "links.road-1.delay={dist: exponential, mean: 10 %}"],  # no two come at once
        "a desk works on so many consignments at once, also on those that go by themselves",
    ),
    "a-border-and-a-customs-house": (
        "papers",
        ["borders.east={time: 2 h}"],
        "a border where a service ends leaves the documents of the terminal there as they are",
    ),
    "a-truck-meets-hours-and-closures": (
        "liner",
        [
            "calendars={works: {closures: {first: {start: 2024-01-09, end: 2024-01-13 01:30}}}}",
            "links.road-1.calendar=works",
        ],
        "it enters when both let it, not outside the daily window because a closure ended there",
    ),
    "no-crane-stands-idle": (
        "at-berth",
        [
            "demand.parcels={title: p, origin: hub, destination: west, direction: west, cargo: box, "
            "volume: 4000 TEU/a, routes: {way: 100 %}, priority: priority}"
        ],
        "cranes load what stands there; priority goes first among that, and is not waited for",
    ),
    "moored-when-the-berth-is-taken": (
        "full-yard",
        ["ports.east.berths.tracks.fixed=1.5 h"],
        "`fixed` begins when the berth is taken, also while room ashore is waited for",
    ),
    "moored-behind-another-ship": (
        "at-berth",
        ["ports.east.berths.quay.fixed=1.875 h"],
        "`fixed` begins when the berth is taken, also while another ship is first in turn",
    ),
    "fixed-on-the-grid": ("base", ["ports.east.berths.quay.fixed=1.9 h"], "all times are multiples of 2⁻²⁰ h"),
    "hours-on-the-grid": ("papers", ["ports.east.documents.hours=07:20-19:10"], "all times are multiples of 2⁻²⁰ h"),
    "a-move-of-months": (
        "base",
        [
            "ports.east.berths.tracks.discharge={dist: lognormal, mean: 3000 h, cv: 1.5}",
            "ports.east.berths.tracks.cranes=80",
        ],
        "hours that do not go into 32 bits, drawn or of the boxes of one train, are told to the bit like all others",
    ),
    "a-whole-vehicle-in-a-storm": (
        "storms-at-work",
        ["ports.east.berths.tracks.per=vehicle", "ports.east.berths.tracks.discharge=3 h"],
        "it is lowered when work begins, which is after the storm",
    ),
    "no-time-at-all-in-a-storm": (
        "storms-at-work",
        ["ports.east.berths.tracks.discharge=0 h"],
        "work that takes no time is done after the storm, too, and a box does not land before it is lowered",
    ),
    "trains-enough-are-not-sent-empty": (
        "unlimited-trains",
        ["services.line.stops.east.empty_after=7 h"],
        "where trains are made up for a load, none goes without",
    ),
    "discharged-in-the-order-of-the-file": (
        "cargo-kinds",
        ["run.seed=5"],
        "the order of discharge does not depend on which kind of cargo came first in the run",
    ),
    "full-whatever-is-in-sight": (
        "cargo-kinds",
        [
            *("run.seed=12", "demand.longs=null", "demand.shorts.volume=150 TEU/a", "demand.shorts.block=1"),
            *("fleets.ferries.capacity=121 TEU", "fleets.trains.capacity=67 TEU"),
        ],
        "full is what has no room for the smallest kind that comes here, whether or not one is under way",
    ),
    "none-is-passed-by": (
        "cargo-kinds",
        [
            *("run.seed=3", "fleets.trains.capacity=65 TEU", "demand.returns=null", "demand.boxes.destination=east"),
            *("demand.shorts.destination=east", "demand.longs.destination=east"),
            *("demand.longs.priority=priority", "demand.longs.volume=6000 TEU/a"),
        ],
        "a box that does not fit after those of its class is not passed by, nor is one for which there never was room",
    ),
}


@pytest.mark.parametrize("name", RULES)
def test_rules_that_are_easily_broken(name: str) -> None:
    file, changes, _ = RULES[name]
    network = network_of(file, *changes)
    _, program, actors = told_twice(network)
    assert difference(program, actors) == ""
