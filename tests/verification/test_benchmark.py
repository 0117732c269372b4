"""The benchmark compares like with like: the program and its rivals deliver every box at the same hour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.corridor import draw
from benchmarks.rivals import with_c, with_heapq, with_simpy
from sim.model import simulate
from sim.network import Network, build
from sim.scenario.load import load

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
DAYS = 40


def network(name: str, seed: int) -> Network:
    return build(load(BENCHMARKS / f"{name}.yaml", set=[f"run.length={DAYS} d", f"run.seed={seed}"]))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["reference-corridor", "reference-corridor-ferries"])
def test_the_program_and_its_rivals_deliver_every_box_at_the_same_hour(name: str, seed: int) -> None:
    scenario = network(name, seed)
    corridor = draw(scenario)
    due = simulate(scenario).units["finished"]
    assert 500 < np.count_nonzero(np.isfinite(due)) < corridor.boxes
    np.testing.assert_array_equal(with_heapq.simulate(corridor), due)
    np.testing.assert_array_equal(with_simpy.simulate(corridor), due)


@pytest.mark.skipif(not with_c.available(), reason="no C compiler")
def test_the_compiled_loop_does_as_the_one_by_hand() -> None:
    corridor = draw(network("reference-corridor-ferries", 1))
    np.testing.assert_array_equal(with_c.simulate(corridor), with_heapq.simulate(corridor))


@pytest.mark.parametrize(("size", "times"), [("200k", 4), ("1m", 20)])
def test_all_that_is_short_grows_with_the_boxes(size: str, times: int) -> None:
    scenarios = network("reference-corridor", 1), network(f"reference-corridor-{size}", 1)
    volumes = [float(scenario.model.demand["boxes"].volume) for scenario in scenarios]
    assert volumes[1] == pytest.approx(times * volumes[0])
    first, large = [draw(scenario) for scenario in scenarios]
    for name in ("station_cranes", "ships", "berths", "gauge_tracks"):
        assert getattr(large, name) == times * getattr(first, name)
    for name in ("quay_cranes", "capacity", "train", "wait"):
        assert getattr(large, name) == getattr(first, name)
