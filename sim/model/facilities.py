"""What can be full: berths, tracks, borders, yards, paths. All decide in one call, and serve in order."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

from sim.model.calendars import Closures
from sim.model.clock import Actor, Clock
from sim.model.journal import GRANTED, NAN, PACK_ROOM, RELEASED, Claim, Recorder
from sim.model.kernels import put_row

HAIR = 1e-9  # of space, so that ten trucks of 1.1 wagon lengths go into eleven


class Pool:
    """`capacity` equal places: berths of one kind, tracks, customs desks. Priority first, then order of arrival."""

    def __init__(self, env: Clock, index: int, capacity: int, recorder: Recorder) -> None:
        self.env = env
        self.index = index
        self._free = capacity
        self._queue: list[tuple[int, int, Claim, Actor]] = []
        self._tickets = 0
        self._uses = recorder.uses

    def ask(self, priority: int, since: float, now: float) -> tuple[Claim, bool]:
        """A claim to a place, and whether who asks waits to be called up, as none is free. A ship that lay off a closed
        port wants its berth `since` it arrived."""
        if self._free:
            self._free -= 1
            return put_row(self._uses, self.index, since, now, NAN), False
        claim = put_row(self._uses, self.index, since, NAN, NAN)
        self._tickets += 1
        heappush(self._queue, (priority, self._tickets, claim, self.env.acting))
        return claim, True

    def release(self, claim: Claim, now: float) -> None:
        """Give a place back; the first in the queue has it in the same moment."""
        self._uses[claim + RELEASED] = now
        if self._queue:
            _, _, first, actor = heappop(self._queue)
            self._uses[first + GRANTED] = now
            self.env.call_up(actor)
        else:
            self._free += 1


class Yard:
    """Standing room of one unit of space, first come first served."""

    def __init__(self, env: Clock, index: int, limit: float, recorder: Recorder) -> None:
        self.env = env
        self.index = index
        self.limit = limit
        self.used = 0.0
        self._queue: deque[tuple[float, Claim, Actor]] = deque()
        self._recorder = recorder

    def ask(self, room: float, now: float) -> bool:
        """Take `room`; returns whether who asks waits to be called up, as there is not so much."""
        if not self._queue and self.used + room <= self.limit + HAIR:
            put_row(self._recorder.uses, self.index, now, now, now)
            self._take(room, now)
            return False
        self._queue.append((room, put_row(self._recorder.uses, self.index, now, NAN, NAN), self.env.acting))
        return True

    def give_back(self, room: float, now: float) -> None:
        self._take(-room, now)
        uses = self._recorder.uses
        while self._queue and self.used + self._queue[0][0] <= self.limit + HAIR:
            first, claim, actor = self._queue.popleft()
            self._take(first, now)
            uses[claim + GRANTED] = uses[claim + RELEASED] = now
            self.env.call_up(actor)

    def _take(self, room: float, now: float) -> None:
        self.used += room
        self._recorder.rooms.fresh += PACK_ROOM(self.index, now, room)


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
