"""What can be full: berths, tracks, borders, yards, paths. All decide in one call, and serve in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import simpy

from sim.model.calendars import Closures
from sim.model.journal import Recorder

Story = Generator[simpy.Event, Any, Any]


@dataclass(eq=False, slots=True)
class Claim:
    """One use of a place in a pool: asked for, granted (NaN: still in the queue)."""

    requested: float
    granted: float = float("nan")


class Pool:
    """`capacity` equal places: berths of one kind, tracks, customs desks. Priority first, then order of arrival."""

    def __init__(self, env: simpy.Environment, index: int, capacity: int, recorder: Recorder) -> None:
        self.env = env
        self.index = index
        self.capacity = capacity
        self.claims: dict[Claim, None] = {}  # waiting or granted, in order
        self._busy = 0
        self._queue: list[tuple[int, int, simpy.Event]] = []
        self._tickets = 0
        self._recorder = recorder

    def seize(self, priority: int, since: float | None = None) -> Generator[simpy.Event, Any, Claim]:
        """Wait for a place and take it. A ship that lay off a closed port wants its berth `since` it arrived."""
        claim = Claim(self.env.now if since is None else since)
        self.claims[claim] = None
        if self._busy < self.capacity:
            self._busy += 1
        else:
            turn = self.env.event()
            self._tickets += 1
            heappush(self._queue, (priority, self._tickets, turn))
            yield turn
        claim.granted = self.env.now
        return claim

    def release(self, claim: Claim) -> None:
        """Give a place back; the first in the queue has it in the same moment."""
        del self.claims[claim]
        self._recorder.uses.fromlist([self.index, claim.requested, claim.granted, self.env.now])
        if self._queue:
            heappop(self._queue)[2].succeed()
        else:
            self._busy -= 1


class Yard:
    """Standing room of one unit of space, first come first served."""

    def __init__(self, env: simpy.Environment, index: int, limit: float, recorder: Recorder) -> None:
        self.env = env
        self.index = index
        self.limit = limit
        self.used = 0.0
        self._queue: deque[tuple[float, simpy.Event]] = deque()
        self._recorder = recorder

    def take(self, room: float) -> Story:
        """Wait until there is `room`, and take it."""
        requested = self.env.now
        if self._queue or self.used + room > self.limit:
            turn = self.env.event()
            self._queue.append((room, turn))
            yield turn
        else:
            self._take(room)
        self._recorder.uses.fromlist([self.index, requested, self.env.now, self.env.now])

    def give_back(self, room: float) -> None:
        self.used -= room
        self._recorder.rooms.fromlist([self.index, self.env.now, -room])
        while self._queue and self.used + self._queue[0][0] <= self.limit:
            first, turn = self._queue.popleft()
            self._take(first)
            turn.succeed()

    def _take(self, room: float) -> None:
        self.used += room
        self._recorder.rooms.fromlist([self.index, self.env.now, room])


class Track:
    """The entrance of a link: so many paths a day, and open at certain times. Trains enter in order of asking, so
    the moment of entering is known when they ask."""

    def __init__(self, index: int, headway: float, single: bool, closures: list[Closures]) -> None:
        self.index = index
        self.headway = headway
        self.single = single
        self.closures = closures
        self._free = [float("-inf"), float("-inf")]

    def enter(self, now: float, direction: int) -> tuple[float, float]:
        """(the path is free, and the link is open: the train enters)."""
        lane = 0 if self.single else direction
        path = entered = max(now, self._free[lane])
        if self.closures:
            while (opened := max([c.next_open(entered) for c in self.closures])) > entered:
                entered = opened
        self._free[lane] = entered + self.headway
        return path, entered
