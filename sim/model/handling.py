"""Cranes that work a whole load in one go: each box in order by the crane that is free first."""

from __future__ import annotations

from functools import lru_cache
from heapq import heapify, heappop, heappush, heapreplace

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
    free: list[float] | None = None,
) -> tuple[Floats, Floats, float]:
    """When each of `count` units' moves begins and ends, and when all are done.

    start: the cranes are there from this hour. ready: hours at which each unit stands there; none: all are there by
    then. moves: hours of each move. ranks: classes of the units if there are several, the lowest first; the units are
    in the order of rank and, within it, of readiness. free: if others use the cranes, too, when each of them is free;
    it is put forward. A closure suspends the work, keeps it from starting
    (do-not-start) or lets it go on.
    """
    last, suspended = start, False
    if ready is not None:
        last = ready.item(-1) if ranks is None else ready.max().item()
        if last <= start:
            last, ready = start, None
    if closures.starts:
        if effect == "do-not-start":
            start = closures.next_open(start if ready is None else max(start, ready.min().item()))
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
    return begins, ends, ends.max().item()


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
    if ready is None and isinstance(moves, float) and free is None:  # all cranes work in step
        first, last = _rounds(count, cranes, moves)
        ends = last + start
        return first + start, ends, ends.item(-1)
    each = np.full(count, moves) if isinstance(moves, float) else moves
    if cranes == 1 and free is None and (ready is None or ranks is None):
        ends = each.cumsum()  # one move after the other, or as soon as the unit is there
        ends += start if ready is None else np.maximum.accumulate(np.maximum(ready, start) - (ends - each))
        return ends - each, ends, ends.item(-1)
    hours = each.tolist()
    shared = free is not None
    if free is None:
        free = [start] * cranes
    if ready is None and cranes > 2 and (not shared or (count >= cranes and min(hours) > 0)):
        if shared:  # each crane that stands idle will have its turn
            free[:] = [max(hour, start) for hour in free]
        begins = np.fromiter(_in_turn(hours, free), float, count)
        ends = begins + each
        return begins, ends, ends.max().item() if shared else max(free)
    at = [start] * count if ready is None else np.maximum(ready, start).tolist()
    if ready is not None and ranks is not None:
        done = _by_rank(at, hours, free, ranks)
    else:
        done = _by_the_first_free(at, hours, free)
    ends = np.fromiter(done, float, count)
    return ends - each, ends, max(done if shared else free)


@lru_cache(maxsize=1024)
def _rounds(count: int, cranes: int, move: float) -> tuple[Floats, Floats]:
    """Hours from the start until the move of each unit begins and ends, if all moves take the same time."""
    ends = (np.arange(cranes, cranes + count) // cranes).astype(float) * move
    return ends - move, ends


def _in_turn(moves: list[float], free: list[float]) -> list[float]:
    """When each unit's move begins, if it need not wait for the unit; `free` is put forward. With two cranes the other
    way, without a heap, is quicker."""
    heapify(free)
    return [heapreplace(free, free[0] + move) for move in moves]


def _by_the_first_free(at: list[float], moves: list[float], free: list[float]) -> list[float]:
    """When each unit's move ends; `free` is put forward."""
    ends = []
    if len(free) == 2:  # the same without a heap, in half the time
        first, second = min(free), max(free)
        for there, move in zip(at, moves, strict=True):
            first = (first if first > there else there) + move
            ends.append(first)
            if first > second:
                first, second = second, first
        free[:] = first, second
        return ends
    heapify(free)
    for there, move in zip(at, moves, strict=True):
        crane = free[0]
        end = (crane if crane > there else there) + move
        heapreplace(free, end)
        ends.append(end)
    return ends


def _by_rank(at: list[float], moves: list[float], free: list[float], ranks: Ids) -> list[float]:
    """A crane that is free takes, of the units that stand there, that of the lowest rank that was ready first."""
    coming = np.lexsort((ranks, np.array(at))).tolist()[::-1]
    there: list[int] = []  # units are numbered in the order of their rank and readiness
    ends = [0.0] * len(moves)
    heapify(free)
    now = free[0]
    while coming or there:
        now = max(free[0], now if there else at[coming[-1]])  # a crane that stood idle till now cannot begin before
        while coming and at[coming[-1]] <= now:
            heappush(there, coming.pop())
        unit = heappop(there)
        ends[unit] = end = now + moves[unit]
        heapreplace(free, end)
    return ends
