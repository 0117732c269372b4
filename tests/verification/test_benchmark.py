"""The benchmark compares like with like: the program and its rivals come to the same hours for every box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.corridor import differing, draw, milestones
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
def test_the_program_and_its_rivals_come_to_the_same_hours_for_every_box(name: str, seed: int) -> None:
    scenario = network(name, seed)
    corridor = draw(scenario)
    due = milestones(simulate(scenario))
    delivered = due[:, np.isfinite(due[-1])]
    assert 500 < delivered.shape[1] < corridor.boxes
    assert (np.diff(delivered, axis=0) >= 0).all()
    assert differing(with_heapq.simulate(corridor), due) == 0
    assert differing(with_simpy.simulate(corridor), due) == 0


def test_a_box_that_differs_in_any_hour_is_counted() -> None:
    due = with_heapq.simulate(draw(network("reference-corridor", 1)))
    box = int(np.flatnonzero(np.isfinite(due[-1]))[0])
    for milestone in range(len(due)):
        other = due.copy()
        other[milestone, box] += 1
        assert differing(other, due) == 1


@pytest.mark.skipif(not with_c.available(), reason="no C compiler")
def test_the_compiled_loop_does_as_the_one_by_hand() -> None:
    corridor = draw(network("reference-corridor-ferries", 1))
    assert differing(with_c.simulate(corridor), with_heapq.simulate(corridor)) == 0


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
