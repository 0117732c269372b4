"""Cranes that work a whole load in one go: each box in order by the crane that is free first."""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Floats, Hours, Ids
from sim.scenario.schema import Effect


def work(
    start: float,
    ready: Floats | None,
    moves: Hours,
    count: int,
    cranes: int,
    closures: Closures,
    effect: Effect,
    ranks: Ids | None = None,
) -> tuple[Floats, Floats, float]:
    """When each of `count` units' moves begins and ends, and when all are done.

    start: the cranes are there from this hour. ready: hours at which each unit stands there; none: all are there by
    then. moves: hours of each move. ranks: classes of the units if there are several, the lowest first; the units are
    in the order of rank and, within it, of readiness. A closure suspends the work, keeps it from starting
    (do-not-start) or lets it go on.
    """
    last = start if ready is None else ready.max().item()
    if last <= start:
        last, ready = start, None
    if closures.starts:
        if effect == "do-not-start":
            start = closures.next_open(start if ready is None else max(start, ready.min().item()))
        elif effect == "suspend":
            total = moves * count if isinstance(moves, float) else moves.sum().item()
            if closures.touch(start, last + total):
                return _suspended(start, ready, moves, count, cranes, closures, ranks)
    return _work(start, ready, moves, count, cranes, ranks)


def work_whole(start: float, hours: float, closures: Closures, effect: Effect) -> tuple[float, float]:
    """When a task of the whole vehicle that may start at `start` begins and is done."""
    if closures.starts and effect != "finish":
        start = closures.next_open(start)
        if effect == "suspend":
            return start, closures.finish(start, hours)
    return start, start + hours


def _suspended(
    start: float,
    ready: Floats | None,
    moves: Hours,
    count: int,
    cranes: int,
    closures: Closures,
    ranks: Ids | None,
) -> tuple[Floats, Floats, float]:
    """The same on the working clock."""
    start = closures.working(np.array([start])).item()
    ready = None if ready is None else closures.working(ready)
    begins, ends, _ = _work(start, ready, moves, count, cranes, ranks)
    begins = closures.begins(begins)
    ends = np.maximum(begins, closures.finishes(ends))  # a move that takes no time is done when it begins
    return begins, ends, ends.max().item()


def _work(
    start: float, ready: Floats | None, moves: Hours, count: int, cranes: int, ranks: Ids | None
) -> tuple[Floats, Floats, float]:
    if ready is None and isinstance(moves, float):  # all cranes work in step
        ends: Floats = start + (np.arange(cranes, cranes + count) // cranes).astype(float) * moves
        return ends - moves, ends, ends.item(-1)
    if isinstance(moves, float):
        moves = np.full(count, moves)
    if ready is not None and ranks is not None:
        return _by_rank(start, ready, moves, cranes, ranks)
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


def _by_rank(start: float, ready: Floats, moves: Floats, cranes: int, ranks: Ids) -> tuple[Floats, Floats, float]:
    """A crane that is free takes, of the units that stand there, that of the lowest rank that was ready first."""
    coming = np.lexsort((ranks, ready)).tolist()[::-1]
    free = [start] * cranes
    there: list[int] = []  # units are numbered in the order of their rank and readiness
    begins, ends = np.empty(len(moves)), np.empty(len(moves))
    while coming or there:
        now = free[0] if there else max(free[0], ready.item(coming[-1]))
        while coming and ready.item(coming[-1]) <= now:
            heappush(there, coming.pop())
        unit = heappop(there)
        begins[unit], ends[unit] = now, now + moves.item(unit)
        heapreplace(free, ends.item(unit))
    return begins, ends, max(free)
