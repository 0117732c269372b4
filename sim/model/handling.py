"""Cranes that work a whole load in one go: each box in order by the crane that is free first."""

from __future__ import annotations

from heapq import heapreplace

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Floats
from sim.scenario.schema import Effect


def work(
    start: float, ready: Floats, moves: Floats, cranes: int, closures: Closures, effect: Effect
) -> tuple[Floats, Floats]:
    """When each unit's move begins and ends.

    start: the cranes are there from this hour. ready: hours at which each unit stands there, in the order of work.
    moves: hours of each move. A closure suspends the work, keeps it from starting (do-not-start) or lets it go on.
    """
    if effect == "do-not-start":
        start = closures.next_open(max(start, float(ready[0]))) if len(ready) else start
    latest = max(start, float(ready.max())) + float(moves.sum()) if len(ready) else start
    suspended = effect == "suspend" and closures.touch(start, latest)
    if suspended:
        clock = closures.working(np.append(ready, start))
        start, ready = float(clock[-1]), clock[:-1]
    begins, ends = _by_the_first_free(start, ready, moves, cranes)
    if suspended:
        return closures.begins(begins), closures.finishes(ends)
    return begins, ends


def work_whole(start: float, hours: float, closures: Closures, effect: Effect) -> float:
    """When a task of the whole vehicle that may start at `start` is done."""
    if effect == "do-not-start":
        start = closures.next_open(start)
    return closures.finish(start, hours) if effect == "suspend" else start + hours


def _by_the_first_free(start: float, ready: Floats, moves: Floats, cranes: int) -> tuple[Floats, Floats]:
    if cranes == 1 and (not len(ready) or ready.max() <= start):  # nothing is waited for: one move after the other
        ends = start + np.cumsum(moves)
        return ends - moves, ends
    free = [start] * cranes
    begins = []
    ends_list = []
    for at, move in zip(ready.tolist(), moves.tolist(), strict=True):
        begin = free[0] if free[0] > at else at
        end = begin + move
        heapreplace(free, end)
        begins.append(begin)
        ends_list.append(end)
    return np.array(begins), np.array(ends_list)
