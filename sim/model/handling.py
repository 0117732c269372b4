"""Cranes that work a whole load in one go: each box in order by the crane that is free first."""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace

import numpy as np

from sim.model.calendars import Closures
from sim.model.grid import Floats, Hours, Ids, of_each
from sim.model.kernels import in_turn
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
    free: list[float] | None = None,
) -> tuple[Floats, Floats, float]:
    """When each of `count` units' moves begins and ends, and when all are done.

    start: the cranes are there from this hour. ready: hours at which each unit stands there; none: all are there by
    then. moves: hours of each move. ranks: classes of the units if there are several, the lowest first; the units are
    in the order of rank and, within it, of readiness. free: if others use the cranes, too, when each of them is free,
    as a heap; it is put forward. A closure suspends the work, keeps it from starting (do-not-start) or lets it go on.
    """
    last, suspended = start, False
    if ready is not None:
        last = ready.item(-1 if ranks is None else ready.argmax())
        if last <= start:
            last, ready = start, None
    if closures.starts:
        if effect == "do-not-start":
            start = closures.next_open(start if ready is None else max(start, ready.item(ready.argmin())))
        elif effect == "suspend":
            total = moves * count if isinstance(moves, float) else moves.sum().item()
            suspended = closures.touch(start, max([last, *free] if free else [last]) + total)
    if not suspended:
        return _move(start, ready, moves, count, cranes, ranks, free)
    # the same on the working clock
    if free is not None:
        free[:] = closures.working(np.array(free)).tolist()
    ready = None if ready is None else closures.working(ready)
    start = closures.working(np.array([start])).item()
    begins, ends, _ = _move(start, ready, moves, count, cranes, ranks, free)
    if free is not None:
        free[:] = closures.finishes(np.array(free)).tolist()
    begins = closures.begins(begins)
    ends = np.maximum(begins, closures.finishes(ends))  # a move that takes no time is done when it begins
    return begins, ends, ends.item(ends.argmax())


def work_whole(start: float, hours: float, closures: Closures, effect: Effect) -> tuple[float, float]:
    """When a task of the whole vehicle that may start at `start` begins and is done."""
    if closures.starts and effect != "finish":
        start = closures.next_open(start)
        if effect == "suspend":
            return start, closures.finish(start, hours)
    return start, start + hours


def _move(
    start: float,
    ready: Floats | None,
    moves: Hours,
    count: int,
    cranes: int,
    ranks: Ids | None,
    free: list[float] | None,
) -> tuple[Floats, Floats, float]:
    if ready is None or ranks is None:
        return in_turn(start, ready, moves, count, cranes, free)
    each = of_each(moves, count)
    ends, done = _by_rank(np.maximum(ready, start), each.tolist(), free or [start] * cranes, ranks)
    return ends - each, ends, done


def _by_rank(at: Floats, moves: list[float], free: list[float], ranks: Ids) -> tuple[Floats, float]:
    """When each unit's move ends, and all are done; `free` is put forward. A crane that is free takes, of the units
    that stand there, that of the lowest rank that was ready first."""
    hours = at.tolist()
    coming = np.lexsort((ranks, at)).tolist()[::-1]
    there: list[int] = []  # units are numbered in the order of their rank and readiness
    ends = [0.0] * len(moves)
    now = free[0]
    while coming or there:
        now = max(free[0], now if there else hours[coming[-1]])  # a crane that stood idle till now cannot begin before
        while coming and hours[coming[-1]] <= now:
            heappush(there, coming.pop())
        unit = heappop(there)
        ends[unit] = end = now + moves[unit]
        heapreplace(free, end)
    return np.array(ends), max(ends)
