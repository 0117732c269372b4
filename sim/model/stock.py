"""Cargo that waits at a stop for the vehicles of one service, with its known future: boxes still under the crane or
at the customs stand here already, with the time at which they will be ready."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

import numpy as np
import simpy
from numpy.typing import NDArray

from sim.model.clock import Floats, Hours, Ids
from sim.model.demand import Traffic

INF = float("inf")


@dataclass(frozen=True, slots=True)
class Rule:
    """When a vehicle that takes cargo leaves."""

    wait: float  # h, at the latest after `count_from`
    count_from: Literal["berthing", "opening", "first-unit"]
    min_room: float  # of the load, in space
    empty_after: float  # h without cargo, after which it leaves empty; inf: never


class Taker:
    """A vehicle that takes cargo: what fits on it, since when, and the alarm that it waits for."""

    __slots__ = ("accepts", "alarm", "berthed", "closing", "free_since", "opened", "room", "rule")

    def __init__(self, accepts: frozenset[str], room: float, rule: Rule, berthed: float, now: float) -> None:
        self.accepts = accepts
        self.berthed = berthed
        self.room = room
        self.rule = rule
        self.free_since = now
        self.opened = INF  # it is first in turn to take cargo
        self.closing = INF  # its load is known
        self.alarm: simpy.Event | None = None


class Load:
    """What a vehicle takes of one traffic: units, when each was ready, and when the crane lifted and set it down."""

    __slots__ = ("ids", "leg", "lifted", "loaded", "ready", "room", "traffic")
    lifted: Hours
    loaded: Hours

    def __init__(self, traffic: Traffic, leg: int, ids: Ids, ready: Hours) -> None:
        self.traffic = traffic
        self.leg = leg
        self.ids = ids
        self.ready = ready
        self.room = len(ids) * traffic.space


class Queue:
    """Units of one kind of cargo and one class, in order of readiness."""

    __slots__ = ("cargo", "first_added", "head", "ids", "priority", "ready", "space", "waiting")

    def __init__(self, cargo: str, space: float, priority: int) -> None:
        self.cargo = cargo
        self.space = space
        self.priority = priority
        self.ids: Ids = np.empty(0, np.int64)
        self.ready: Floats = np.empty(0)
        self.head = 0
        self.waiting = 0
        self.first_added = INF  # the first hour of what was put in last

    def add(self, ids: Ids, ready: Hours) -> None:
        """Put in units that are ready at these times, or all at one time."""
        at = np.full(len(ids), ready) if isinstance(ready, float) else ready
        in_order = isinstance(ready, float) or not (at[1:] < at[:-1]).any()
        self.first_added = at.item(0) if in_order else at.min().item()
        if self.waiting:
            in_order = in_order and self.first_added >= self.ready.item(-1)
            ids = np.concatenate((self.ids[self.head :], ids))
            at = np.concatenate((self.ready[self.head :], at))
        if not in_order:
            order = at.argsort(kind="stable")
            ids, at = ids[order], at[order]
        self.ids, self.ready, self.head, self.waiting = ids, at, 0, len(ids)

    def take(self, count: int) -> tuple[Ids, Hours]:
        """The first `count` units, and when they were ready: one hour if it is the same for all."""
        head, end = self.head, self.head + count
        self.head = end
        self.waiting -= count
        first = self.ready.item(head)
        return self.ids[head:end], first if self.ready.item(end - 1) == first else self.ready[head:end]

    def at(self, n: int) -> float:
        """When `n` units are ready; inf: not in sight."""
        return self.ready.item(self.head + n - 1) if n <= self.waiting else INF

    def fits(self, room: float, now: float) -> int:
        """How many units are ready at `now` and fit into `room`."""
        most = min(int(room / self.space), self.waiting)
        if not most or self.ready.item(self.head + most - 1) <= now:
            return most
        return bisect_right(self.ready, now, self.head, self.head + most) - self.head


class Lane:
    """The vehicles that take the same kinds of cargo, in order of arrival, and the queues of that cargo. The first
    takes cargo; those behind it wait."""

    __slots__ = ("queues", "smallest", "takers")

    def __init__(self, queues: list[Queue], smallest: float) -> None:
        self.queues = queues
        self.smallest = smallest  # space of the kinds that come here
        self.takers: list[Taker] = []


class Stock:
    """The cargo at one stop for one service, and the vehicles that take it."""

    def __init__(
        self, env: simpy.Environment, traffic: list[Traffic], itinerary: NDArray[np.int32], place: str, service: str
    ) -> None:
        self.env = env
        self._spaces = {
            t.flow.cargo: t.space
            for t in traffic
            for leg in t.itinerary.legs
            if (leg.origin, leg.service) == (place, service)
        }  # of each kind of cargo that comes here
        self._traffic = traffic
        self._itinerary = itinerary  # of each unit
        self._legs: dict[int, int] = {}  # of each itinerary, the leg that begins here
        self._queues: dict[tuple[str, int], Queue] = {}
        self._lanes: dict[frozenset[str], Lane] = {}

    def add(self, traffic: Traffic, leg: int, ids: Ids, ready: Hours) -> None:
        """Units that are, or will be, ready here for their leg."""
        queue = self._queues.get(traffic.kind) or self._open(traffic)
        self._legs[traffic.index] = leg
        queue.add(ids, ready)
        for lane in self._lanes.values():
            # what is ready later changes nothing for who leaves before
            if lane.takers and queue.first_added <= lane.takers[0].closing:
                self._set_alarm(lane, self.env.now)

    def _open(self, traffic: Traffic) -> Queue:
        queue = self._queues[traffic.kind] = Queue(traffic.flow.cargo, traffic.space, traffic.priority)
        for accepts, lane in self._lanes.items():
            if queue.cargo in accepts:
                lane.queues.append(queue)
        return queue

    def load(self, taker: Taker) -> Generator[simpy.Event, Any, list[Load]]:
        """Stand in the lane, take cargo until it is time to close, and close."""
        lane = self._lanes.get(taker.accepts)
        if lane is None:
            queues = [q for q in self._queues.values() if q.cargo in taker.accepts]
            smallest = min([space for kind, space in self._spaces.items() if kind in taker.accepts], default=INF)
            lane = self._lanes[taker.accepts] = Lane(queues, smallest)
        lane.takers.append(taker)
        if len(lane.takers) == 1:
            self._set_alarm(lane, taker.free_since)
        if taker.closing > taker.free_since:
            if taker.alarm is None:
                taker.alarm = self.env.event()
            yield taker.alarm
        del lane.takers[0]
        loads = self._choose(taker, lane.queues)
        for other in self._lanes.values():
            if other.takers and (loads or other is lane):
                self._set_alarm(other, taker.closing)
        return loads

    def _set_alarm(self, lane: Lane, now: float) -> None:
        """The first in the lane will close when its load is known. Who waits for the alarm that was set before waits
        for the new one."""
        taker = lane.takers[0]
        if taker.opened == INF:
            taker.opened = now
        closing = max(_closing(taker, lane.queues, lane.smallest), now)
        if closing == taker.closing:
            return
        taker.closing = closing
        before = taker.alarm
        if before is None and closing == now:
            return  # it need not wait
        taker.alarm = self.env.event() if closing == INF else self.env.timeout(closing - now)
        if before is not None:
            assert taker.alarm.callbacks is not None
            assert before.callbacks is not None
            taker.alarm.callbacks += before.callbacks
            before.callbacks.clear()

    def _choose(self, taker: Taker, queues: list[Queue]) -> list[Load]:
        """Priority cargo that is ready first, then the rest in order of readiness, as far as there is room."""
        now, left = taker.closing, taker.room
        queues = [q for q in queues if q.waiting]
        if len(queues) == 1:
            count = queues[0].fits(left, now)
            return sorted(self._by_traffic(*queues[0].take(count)), key=_rank) if count else []
        loads: list[Load] = []
        for priority in sorted({q.priority for q in queues}):
            ranked = [q for q in queues if q.priority == priority]
            for queue, count in zip(ranked, _share(ranked, left, now), strict=True):
                if count:
                    left -= count * queue.space
                    loads += self._by_traffic(*queue.take(count))
        return sorted(loads, key=_rank)

    def _by_traffic(self, ids: Ids, ready: Hours) -> list[Load]:
        if len(self._legs) == 1:
            ((i, leg),) = self._legs.items()
            return [Load(self._traffic[i], leg, ids, ready)]
        whose = self._itinerary[ids]
        several = set(whose.tolist())
        if len(several) == 1:
            (i,) = several
            return [Load(self._traffic[i], self._legs[i], ids, ready)]
        return [
            Load(self._traffic[i], self._legs[i], ids[mine], ready[mine] if isinstance(ready, np.ndarray) else ready)
            for i in several
            for mine in [whose == i]
        ]


def _rank(load: Load) -> tuple[int, str, str]:
    return load.traffic.rank


def _closing(taker: Taker, queues: list[Queue], smallest: float) -> float:
    """When the vehicle is full, or has waited as long as its rule says, as far as is known now."""
    rule, opened = taker.rule, taker.opened
    patience = max(taker.free_since + rule.empty_after, opened)
    filled = [q for q in queues if q.waiting]
    if not filled:
        return patience
    if len(filled) == 1 and filled[0].space == smallest:
        queue = filled[0]
        first = queue.at(1)
        enough = queue.at(max(ceil(rule.min_room / queue.space), 1)) if rule.min_room else first
        full = queue.at(int(taker.room / queue.space))
    else:
        first, enough, full = _known_together(filled, taker, smallest)
    if first > patience:  # nothing came in time
        return patience
    since = max(first, opened)
    if rule.count_from != "first-unit":
        since = opened if rule.count_from == "opening" else taker.berthed
    return min(full, max(since + rule.wait, enough, opened))


def _known_together(queues: list[Queue], taker: Taker, smallest: float) -> tuple[float, float, float]:
    """When the first unit, enough for the least load, and a full load of several queues are ready."""
    least = taker.rule.min_room
    nearly = taker.room - smallest  # full with the unit that leaves no room for the smallest, or does not fit
    in_sight = sum([q.waiting * q.space for q in queues])
    if in_sight <= nearly and (in_sight < least or not least):
        first = min([q.at(1) for q in queues])
        return first, INF if least else first, INF
    most = [min(int(taker.room / q.space) + 1, q.waiting) for q in queues]
    ready = np.concatenate([q.ready[q.head : q.head + count] for q, count in zip(queues, most, strict=True)])
    order = ready.argsort(kind="stable")
    room = np.array([q.space for q in queues]).repeat(most)[order].cumsum()

    def at(position: int) -> float:
        return ready.item(order.item(position)) if position < len(room) else INF

    first = at(0)
    enough = at(int(room.searchsorted(least))) if least else first
    return first, enough, at(int(room.searchsorted(nearly, side="right")))


def _share(queues: list[Queue], room: float, now: float) -> list[int]:
    """How many units each queue gives, in common order of readiness."""
    counts = [q.fits(room + q.space, now) for q in queues]  # with the first that does not fit: none is passed by
    if sum([n * q.space for n, q in zip(counts, queues, strict=True)]) <= room:
        return counts
    parts = [q.ready[q.head : q.head + count] for q, count in zip(queues, counts, strict=True)]
    whose = np.arange(len(queues)).repeat(counts)
    space = np.array([q.space for q in queues]).repeat(counts)
    order = np.concatenate(parts).argsort(kind="stable")
    fits = int(space[order].cumsum().searchsorted(room, side="right"))
    given: list[int] = np.bincount(whose[order[:fits]], minlength=len(queues)).tolist()
    return given
