"""What can be full: berths, tracks, borders, yards, paths. All decide in one call, and serve in order."""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush

import simpy

from sim.model.calendars import Closures
from sim.model.journal import GRANTED, NAN, RELEASED, Claim, Recorder

HAIR = 1e-9  # of space, so that ten trucks of 1.1 wagon lengths go into eleven


def _call_up(env: simpy.Environment, turn: simpy.Event) -> None:
    """Let the first in a queue go on in this moment, before anyone who asks for a place in the same moment."""
    turn._ok, turn._value = True, None
    env.schedule(turn, priority=simpy.events.URGENT)


class Pool:
    """`capacity` equal places: berths of one kind, tracks, customs desks. Priority first, then order of arrival."""

    def __init__(self, env: simpy.Environment, index: int, capacity: int, recorder: Recorder) -> None:
        self.env = env
        self.index = index
        self._free = capacity
        self._queue: list[tuple[int, int, Claim, simpy.Event]] = []
        self._tickets = 0
        self._uses = recorder.uses

    def ask(self, priority: int, since: float, now: float) -> tuple[Claim, simpy.Event | None]:
        """A claim to a place, and the event to wait for if none is free. A ship that lay off a closed port wants its
        berth `since` it arrived."""
        claim = [self.index, since, now, NAN]
        self._uses.append(claim)
        if self._free:
            self._free -= 1
            return claim, None
        claim[GRANTED] = NAN
        turn = self.env.event()
        self._tickets += 1
        heappush(self._queue, (priority, self._tickets, claim, turn))
        return claim, turn

    def release(self, claim: Claim, now: float) -> None:
        """Give a place back; the first in the queue has it in the same moment."""
        claim[RELEASED] = now
        if self._queue:
            _, _, first, turn = heappop(self._queue)
            first[GRANTED] = now
            _call_up(self.env, turn)
        else:
            self._free += 1


class Yard:
    """Standing room of one unit of space, first come first served."""

    def __init__(self, env: simpy.Environment, index: int, limit: float, recorder: Recorder) -> None:
        self.env = env
        self.index = index
        self.limit = limit
        self.used = 0.0
        self._queue: deque[tuple[float, Claim, simpy.Event]] = deque()
        self._recorder = recorder

    def ask(self, room: float, now: float) -> simpy.Event | None:
        """Take `room`; the event to wait for if there is not so much."""
        claim = [self.index, now, now, now]
        self._recorder.uses.append(claim)
        if not self._queue and self.used + room <= self.limit + HAIR:
            self._take(room, now)
            return None
        claim[GRANTED] = claim[RELEASED] = NAN
        turn = self.env.event()
        self._queue.append((room, claim, turn))
        return turn

    def give_back(self, room: float, now: float) -> None:
        self._take(-room, now)
        while self._queue and self.used + self._queue[0][0] <= self.limit + HAIR:
            first, claim, turn = self._queue.popleft()
            self._take(first, now)
            claim[GRANTED] = claim[RELEASED] = now
            _call_up(self.env, turn)

    def _take(self, room: float, now: float) -> None:
        self.used += room
        self._recorder.rooms.fresh.extend((self.index, now, room))


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
