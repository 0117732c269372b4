"""Cranes that work a whole load in one go: each box in order by the crane that is free first."""

from __future__ import annotations

from heapq import heapreplace

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Floats, Hours
from sim.scenario.schema import Effect


def work(
    start: float, ready: Floats | None, moves: Hours, count: int, cranes: int, closures: Closures, effect: Effect
) -> tuple[Floats, Floats, float]:
    """When each of `count` units' moves begins and ends, and when all are done.

    start: the cranes are there from this hour. ready: hours at which each unit stands there, in the order of work;
    none: all are there by then. moves: hours of each move. A closure suspends the work, keeps it from starting
    (do-not-start) or lets it go on.
    """
    last = start if ready is None else ready.max().item()
    if last <= start:
        last, ready = start, None
    if closures.starts:
        if effect == "do-not-start":
            start = closures.next_open(start if ready is None else max(start, ready.item(0)))
        elif effect == "suspend":
            total = moves * count if isinstance(moves, float) else moves.sum().item()
            if closures.touch(start, last + total):
                return _suspended(start, ready, moves, count, cranes, closures)
    return _by_the_first_free(start, ready, moves, count, cranes)


def work_whole(start: float, hours: float, closures: Closures, effect: Effect) -> float:
    """When a task of the whole vehicle that may start at `start` is done."""
    if not closures.starts or effect == "finish":
        return start + hours
    if effect == "do-not-start":
        return closures.next_open(start) + hours
    return closures.finish(start, hours)


def _suspended(
    start: float, ready: Floats | None, moves: Hours, count: int, cranes: int, closures: Closures
) -> tuple[Floats, Floats, float]:
    """The same on the working clock."""
    start = closures.working(np.array([start])).item()
    ready = None if ready is None else closures.working(ready)
    begins, ends, _ = _by_the_first_free(start, ready, moves, count, cranes)
    ends = closures.finishes(ends)
    return closures.begins(begins), ends, ends.max().item()


def _by_the_first_free(
    start: float, ready: Floats | None, moves: Hours, count: int, cranes: int
) -> tuple[Floats, Floats, float]:
    if ready is None and isinstance(moves, float):  # all cranes work in step
        ends: Floats = start + (np.arange(cranes, cranes + count) // cranes).astype(float) * moves
        return ends - moves, ends, ends.item(-1)
    if isinstance(moves, float):
        moves = np.full(count, moves)
    if cranes == 1:  # one move after the other, or as soon as the unit is there
        done = moves.cumsum()
        done += start if ready is None else np.maximum.accumulate(np.maximum(ready, start) - (done - moves))
        return done - moves, done, done.item(-1)
    free = [start] * cranes
    begins = []
    ends_list = []
    for at, move in zip([start] * count if ready is None else ready.tolist(), moves.tolist(), strict=True):
        begin = free[0] if free[0] > at else at
        end = begin + move
        heapreplace(free, end)
        begins.append(begin)
        ends_list.append(end)
    return np.array(begins), np.array(ends_list), max(free)
