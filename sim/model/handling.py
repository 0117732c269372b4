"""Cranes that work a whole load in one go: each box in order by the crane that is free first."""

from __future__ import annotations

from heapq import heapreplace

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Floats
from sim.scenario.schema import Effect


def work(
    start: float, ready: Floats | None, moves: Floats, cranes: int, closures: Closures, effect: Effect
) -> tuple[Floats, Floats]:
    """When each unit's move begins and ends.

    start: the cranes are there from this hour. ready: hours at which each unit stands there, in the order of work;
    none: all are there by then. moves: hours of each move. A closure suspends the work, keeps it from starting
    (do-not-start) or lets it go on.
    """
    last = start if ready is None else float(ready.max())
    if last <= start:
        last, ready = start, None
    if effect == "do-not-start":
        start = closures.next_open(start if ready is None else max(start, float(ready[0])))
    suspended = effect == "suspend" and closures.starts and closures.touch(start, last + float(moves.sum()))
    if suspended:
        start = float(closures.working(np.array([start]))[0])
        ready = None if ready is None else closures.working(ready)
    begins, ends = _by_the_first_free(start, ready, moves, cranes)
    if suspended:
        return closures.begins(begins), closures.finishes(ends)
    return begins, ends


def work_whole(start: float, hours: float, closures: Closures, effect: Effect) -> float:
    """When a task of the whole vehicle that may start at `start` is done."""
    if effect == "do-not-start":
        start = closures.next_open(start)
    return closures.finish(start, hours) if effect == "suspend" else start + hours


def _by_the_first_free(start: float, ready: Floats | None, moves: Floats, cranes: int) -> tuple[Floats, Floats]:
    if cranes == 1 and ready is None:  # nothing is waited for: one move after the other
        ends = start + moves.cumsum()
        return ends - moves, ends
    free = [start] * cranes
    begins = []
    ends_list = []
    for at, move in zip([start] * len(moves) if ready is None else ready.tolist(), moves.tolist(), strict=True):
        begin = free[0] if free[0] > at else at
        end = begin + move
        heapreplace(free, end)
        begins.append(begin)
        ends_list.append(end)
    return np.array(begins), np.array(ends_list)
