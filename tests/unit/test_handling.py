"""The crane's recursion against cranes that are simulated one move at a time."""

from __future__ import annotations

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from sim.model.calendars import ALWAYS_OPEN, Closures
from sim.model.grid import snap_all
from sim.model.handling import work

hours = st.floats(0, 10).map(lambda x: round(x * 64) / 64)


def one_by_one(start: float, ready: list[float], moves: list[float], cranes: int) -> list[float]:
    """Finishing times with SimPy resources: boxes in order, each by a crane that is free."""
    env = simpy.Environment()
    pool = simpy.Resource(env, cranes)
    done = [0.0] * len(ready)

    def feed():  # type: ignore[no-untyped-def]
        yield env.timeout(start)
        for i in range(len(ready)):
            request = pool.request()
            yield request
            if env.now < ready[i]:
                yield env.timeout(ready[i] - env.now)  # the crane stands below the hook for this box
            env.process(lift(i, request))

    def lift(i, request):  # type: ignore[no-untyped-def]
        yield env.timeout(moves[i])
        done[i] = env.now
        pool.release(request)

    env.process(feed())
    env.run()
    return done


@given(hours, st.lists(st.tuples(hours, hours), min_size=1, max_size=30), st.integers(1, 4))
def test_every_box_as_by_one_crane_move_at_a_time(start: float, boxes: list[tuple[float, float]], cranes: int) -> None:
    ready = sorted(r for r, _ in boxes)
    moves = [m for _, m in boxes]
    begins, ends, done = work(start, np.array(ready), np.array(moves), len(boxes), cranes, ALWAYS_OPEN, "suspend")
    assert ends.tolist() == one_by_one(start, ready, moves, cranes)
    assert np.array_equal(ends - begins, np.array(moves))
    assert done == ends.max()


@given(hours, hours, st.integers(1, 30), st.integers(1, 4))
def test_moves_of_equal_length_are_the_same_in_one_formula(start: float, move: float, count: int, cranes: int) -> None:
    there = work(start, None, move, count, cranes, ALWAYS_OPEN, "finish")
    one_at_a_time = one_by_one(start, [start] * count, [move] * count, cranes)
    assert there[1].tolist() == one_at_a_time
    assert there[2] == max(one_at_a_time)


@pytest.mark.parametrize(
    ("effect", "begin", "end"),
    [("finish", 8.0, 12.0), ("suspend", 8.0, 22.0), ("do-not-start", 8.0, 12.0)],
)
def test_a_closure_in_the_middle_of_a_move(effect: str, begin: float, end: float) -> None:
    storm = Closures([(10.0, 20.0)])
    begins, ends, _ = work(8.0, np.array([8.0]), np.array([4.0]), 1, 1, storm, effect)  # type: ignore[arg-type]
    assert (begins[0], ends[0]) == (begin, end)


def test_work_that_may_not_start_waits_for_the_end_of_the_storm() -> None:
    begins, ends, _ = work(12.0, np.array([8.0]), np.array([4.0]), 1, 1, Closures([(10.0, 20.0)]), "do-not-start")
    assert (begins[0], ends[0]) == (20.0, 24.0)


def test_sums_on_the_grid_are_exact() -> None:
    rng = np.random.default_rng(1)
    moves = snap_all(rng.exponential(0.2, 1000))
    _, ends, _ = work(0.0, np.zeros(1000), moves, 1000, 1, ALWAYS_OPEN, "finish")
    total = 0.0
    for move in moves.tolist():
        total += move
    assert ends[-1] == total


def test_no_idle_crane_begins_before_the_unit_stands_there() -> None:
    """Two classes that come in one moment: the second crane, idle for long, takes its unit in that moment, too."""
    ready, moves, ranks = np.array([10.0, 10.0, 12.0]), np.array([7.0, 7.0, 1.0]), np.array([0, 1, 1])
    begins, ends, done = work(0.0, ready, moves, 3, 2, ALWAYS_OPEN, "finish", ranks)
    assert (begins.tolist(), ends.tolist(), done) == ([10.0, 10.0, 17.0], [17.0, 17.0, 18.0], 18.0)
