"""Random corridors in the checked mode: nothing is lost, causes add up, and seeds, workers and berths move no draw."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from ruamel.yaml import YAML

from sim.measure import measure
from sim.model import Journal, simulate
from sim.network import Network, build
from sim.network.preview import preview
from sim.scenario.load import load
from sim.study import checked, run
from tests.verification.corridors import Tree, corridors

EXAMPLES = 40
DRAWN = [Phase.generate]  # to look for a smaller example takes minutes; one that fails is printed as it is
LARGE = [HealthCheck.too_slow, HealthCheck.data_too_large]


def network_of(tree: Tree) -> Network:
    """The network of a scenario file with this in it."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "random.yaml"
        with file.open("w", encoding="utf-8") as stream:
            YAML().dump(tree, stream)
        return build(load(file))


def assert_sound(network: Network) -> Journal:
    """One replication in the checked mode, and what must hold of its journal, its measures and its preview."""
    assert all(np.isfinite(load.offered) and load.offered >= 0 for load in preview(network).loads)
    journal = simulate(network, check=True)
    assert_same(journal, simulate(network))
    units = journal.units
    arrived = np.isfinite(units["finished"])
    assert np.all(units["finished"][arrived] >= units["released"][arrived])
    for earlier, later in (("begin", "path"), ("path", "entered"), ("entered", "moved"), ("moved", "ended")):
        assert np.all(journal.segments[earlier] <= journal.segments[later])
    assert np.all(journal.uses["requested"] <= journal.uses["granted"])
    assert np.all(journal.uses["granted"] <= journal.uses["released"])
    measures = measure(network, journal)
    for parts in (measures.causes, measures.stages):
        assert not (parts["days"] < 0).any()
        sums = parts.groupby(["flow", "route"])["days"].sum()
        for row in measures.routes.to_dict("records"):
            if row["boxes"]:
                assert sums.get((row["flow"], row["route"]), 0.0) == pytest.approx(row["mean"], rel=1e-12, abs=1e-12)
    return journal


def assert_same(one: Journal, other: Journal) -> None:
    others = other.tables()
    for name, table in one.tables().items():
        for column, values in table.items():
            assert values.tobytes() == others[name][column].tobytes(), (name, column)


@settings(max_examples=EXAMPLES, phases=DRAWN, suppress_health_check=LARGE)
@given(corridors())
def test_all_is_accounted_for(tree: Tree) -> None:
    assert_sound(network_of(tree))


def delays(journal: Journal, fleets: set[int]) -> dict[tuple[int, int, int], list[float]]:
    """Of each vehicle of these fleets the delays on each link and way, in order of its voyages."""
    found = defaultdict(list)
    segments = journal.segments
    late = segments["ended"] - segments["moved"]
    for call, link, way, hours in zip(segments["call"], segments["link"], segments["direction"], late, strict=True):
        if journal.calls["fleet"][call] in fleets:
            found[int(journal.calls["vehicle"][call]), int(link), int(way)].append(float(hours))
    return found


@settings(max_examples=EXAMPLES // 4, phases=DRAWN, suppress_health_check=LARGE)
@given(corridors().filter(lambda tree: "fleets" in tree))
def test_another_berth_moves_no_draw(tree: Tree) -> None:
    """Demand, its routes, and the delays of the n-th voyage of each vehicle stay as they were."""
    before = network_of(tree)
    for terminal in [*tree["terminals"].values(), *tree["ports"].values()]:
        for kind in terminal["berths"].values():
            kind["count"] += 1
    after = network_of(tree)
    assert before.model != after.model
    one, other = simulate(before), simulate(after)
    for column in ("itinerary", "released"):
        assert one.units[column].tobytes() == other.units[column].tobytes()
    lasting = {n for n, fleet in enumerate(before.model.fleets.values()) if fleet.train_sets != "unlimited"}
    first, second = delays(one, lasting), delays(other, lasting)
    for key in first.keys() & second.keys():
        shorter = min(len(first[key]), len(second[key]))
        assert first[key][:shorter] == second[key][:shorter], key


@settings(max_examples=2, suppress_health_check=LARGE, phases=DRAWN)  # processes are slow to start
@given(corridors())
def test_the_result_is_that_of_one_worker(tree: Tree) -> None:
    network = network_of(tree)
    alone = run(network, [0, 1], workers=1, task=checked)
    together = run(network, [0, 1], workers=2, task=checked)
    assert alone.frames.keys() == together.frames.keys()
    for name, frame in alone.frames.items():
        pd.testing.assert_frame_equal(frame, together.frames[name], check_exact=True)
