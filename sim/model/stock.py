"""Cargo that waits at a stop for the vehicles of one service, with its known future: boxes still under the crane or
at the customs stand here already, with the time at which they will be ready."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from sim.model.clock import Floats, Ids
from sim.model.demand import Traffic

INF = float("inf")


@dataclass(frozen=True, slots=True)
class Rule:
    """When a vehicle that takes cargo leaves."""

    wait: float  # h, at the latest after `opening` or the first unit
    from_opening: bool
    min_room: float  # of the load, in space
    empty_after: float  # h without cargo, after which it leaves empty; inf: never


class Taker:
    """A vehicle that takes cargo: what fits on it, since when, and the events that it waits for."""

    __slots__ = ("accepts", "close", "closing", "free_since", "opened", "room", "rule", "turn", "version")

    def __init__(self, accepts: frozenset[str], room: float, rule: Rule, free_since: float) -> None:
        self.accepts = accepts
        self.room = room
        self.rule = rule
        self.free_since = free_since
        self.turn: simpy.Event | None = None  # it is first in turn to take cargo
        self.close: simpy.Event | None = None  # its load is known
        self.opened = INF
        self.closing = INF
        self.version = 0  # of the closing time, so that an alarm for an older one is void


@dataclass(frozen=True, slots=True)
class Load:
    """What a vehicle takes of one traffic."""

    traffic: Traffic
    leg: int
    ids: Ids
    ready: Floats

    @property
    def room(self) -> float:
        return len(self.ids) * self.traffic.space


class Queue:
    """Units of one kind of cargo and one class, in order of readiness."""

    __slots__ = ("cargo", "head", "ids", "priority", "ready", "space")

    def __init__(self, cargo: str, space: float, priority: int) -> None:
        self.cargo = cargo
        self.space = space
        self.priority = priority
        self.ids: Ids = np.empty(0, np.int64)
        self.ready: Floats = np.empty(0)
        self.head = 0

    def add(self, ids: Ids, ready: Floats | float) -> None:
        """Put in units that are ready at these times, or all at one time."""
        in_order = not isinstance(ready, np.ndarray) or bool((ready[1:] >= ready[:-1]).all())
        at = ready if isinstance(ready, np.ndarray) else np.full(len(ids), ready)
        if self.head < len(self.ids):
            in_order = in_order and at[0] >= self.ready[-1]
            ids = np.concatenate([self.ids[self.head :], ids])
            at = np.concatenate([self.ready[self.head :], at])
        if not in_order:
            order = np.argsort(at, kind="stable")
            ids, at = ids[order], at[order]
        self.ids, self.ready, self.head = ids, at, 0

    def take(self, count: int) -> tuple[Ids, Floats]:
        part = slice(self.head, self.head + count)
        self.head += count
        return self.ids[part], self.ready[part]

    def fits(self, room: float, now: float) -> int:
        """How many units are ready at `now` and fit into `room`."""
        most = min(int(room / self.space), len(self.ids) - self.head)
        if most and self.ready[self.head + most - 1] <= now:
            return most
        return int(np.searchsorted(self.ready[self.head : self.head + most], now, side="right"))


class Stock:
    """The cargo at one stop for one service, and the vehicles that take it, one of each kind at a time."""

    def __init__(self, env: simpy.Environment, traffic: list[Traffic], itinerary: NDArray[np.int32]) -> None:
        self.env = env
        self._traffic = traffic
        self._itinerary = itinerary  # of each unit
        self._legs: dict[int, int] = {}  # of each itinerary, the leg that begins here
        self._queues: dict[tuple[str, int], Queue] = {}
        self._takers: list[Taker] = []

    def add(self, traffic: Traffic, leg: int, ids: Ids, ready: Floats | float) -> None:
        """Units that are, or will be, ready here for their leg."""
        key = (traffic.flow.cargo, traffic.priority)
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = Queue(traffic.flow.cargo, traffic.space, traffic.priority)
        self._legs[traffic.index] = leg
        queue.add(ids, ready)
        for taker in self._takers:
            if taker.opened < INF:
                self._review(taker)

    def load(self, taker: Taker) -> Generator[simpy.Event, Any, list[Load]]:
        """Stand in line, take cargo until it is time to close, and close."""
        self._takers.append(taker)
        self._open()
        if taker.opened == INF:
            taker.turn = self.env.event()
            yield taker.turn
        if taker.closing > self.env.now:
            taker.close = self.env.event()
            yield taker.close
        self._takers.remove(taker)
        loads = self._choose(taker)
        if self._takers:
            self._open()
            for other in self._takers:
                if other.opened < INF:
                    self._review(other)
        return loads

    def _open(self) -> None:
        """The first of each kind of vehicle takes cargo; those behind it wait."""
        kinds = set()
        for taker in self._takers:
            if taker.accepts in kinds:
                continue
            kinds.add(taker.accepts)
            if taker.opened == INF:
                taker.opened = self.env.now
                self._review(taker)
                if taker.turn is not None:
                    taker.turn.succeed()

    def _review(self, taker: Taker) -> None:
        """Set the moment of closing anew; an alarm that was set before it is void."""
        closing = max(self._closing(taker), self.env.now)
        if closing == taker.closing:
            return
        taker.closing = closing
        taker.version += 1
        if closing == self.env.now:
            if taker.close is not None:
                taker.close.succeed()
        elif closing < INF:
            alarm = self.env.timeout(closing - self.env.now, (taker, taker.version))
            alarm.callbacks.append(_ring)

    def _closing(self, taker: Taker) -> float:
        """When the vehicle is full, or has waited as long as its rule says, as far as is known now."""
        rule = taker.rule
        patience = max(taker.free_since + rule.empty_after, taker.opened)
        queues = [q for q in self._queues.values() if q.head < len(q.ids) and q.cargo in taker.accepts]
        if not queues:
            return patience
        first, enough, full = _known(queues[0], taker) if len(queues) == 1 else self._known_together(queues, taker)
        if first > patience:  # nothing came in time
            return patience
        waited = (taker.opened if rule.from_opening else max(first, taker.opened)) + rule.wait
        return min(full, max(waited, enough))

    def _known_together(self, queues: list[Queue], taker: Taker) -> tuple[float, float, float]:
        """As `_known`, of several queues in common order of readiness."""
        parts = [q.ready[q.head : q.head + int(taker.room / q.space) + 1] for q in queues]
        ready = np.concatenate(parts)
        space = np.repeat([q.space for q in queues], [len(p) for p in parts])
        order = ready.argsort(kind="stable")
        ready, room = ready[order], space[order].cumsum()
        smallest = min(q.space for q in self._queues.values() if q.cargo in taker.accepts)
        k = int(room.searchsorted(taker.rule.min_room))
        enough = float(ready[k]) if k < len(room) else INF
        # full with the unit that leaves no room for the smallest, or when one stands there that does not fit
        full = int(room.searchsorted(taker.room - smallest, side="right"))
        return float(ready[0]), enough, float(ready[full]) if full < len(room) else INF

    def _choose(self, taker: Taker) -> list[Load]:
        """Priority cargo that is ready first, then the rest in order of readiness, as far as there is room."""
        now, left = self.env.now, taker.room
        queues = [q for q in self._queues.values() if q.head < len(q.ids) and q.cargo in taker.accepts]
        loads: list[Load] = []
        for priority in sorted({q.priority for q in queues}):
            ranked = [q for q in queues if q.priority == priority]
            counts = [ranked[0].fits(left, now)] if len(ranked) == 1 else _share(ranked, left, now)
            for queue, count in zip(ranked, counts, strict=True):
                if count:
                    left -= count * queue.space
                    loads += self._by_traffic(*queue.take(count))
        return loads

    def _by_traffic(self, ids: Ids, ready: Floats) -> list[Load]:
        whose = self._itinerary[ids]
        first = int(whose[0])
        if (whose == first).all():
            return [Load(self._traffic[first], self._legs[first], ids, ready)]
        return [
            Load(self._traffic[i], self._legs[i], ids[mine], ready[mine])
            for i in np.unique(whose).tolist()
            for mine in [whose == i]
        ]


def _known(queue: Queue, taker: Taker) -> tuple[float, float, float]:
    """When the first unit, enough for the least load, and a full load are ready; inf: not in sight."""
    waiting = len(queue.ids) - queue.head
    most = int(taker.room / queue.space)
    least = max(ceil(taker.rule.min_room / queue.space), 1)
    first = float(queue.ready[queue.head])
    enough = float(queue.ready[queue.head + least - 1]) if waiting >= least else INF
    return first, enough, float(queue.ready[queue.head + most - 1]) if waiting >= most else INF


def _share(queues: list[Queue], room: float, now: float) -> list[int]:
    """How many units each queue gives, in common order of readiness."""
    parts = [q.ready[q.head : q.head + q.fits(room, now)] for q in queues]
    sizes = [len(p) for p in parts]
    whose = np.repeat(np.arange(len(queues)), sizes)
    space = np.repeat([q.space for q in queues], sizes)
    order = np.concatenate(parts).argsort(kind="stable")
    fits = int(space[order].cumsum().searchsorted(room, side="right"))
    return np.bincount(whose[order[:fits]], minlength=len(queues)).tolist()


def _ring(alarm: simpy.Event) -> None:
    """The alarm of a closing time, unless the time was set anew since."""
    taker, version = alarm.value
    if taker.version == version and taker.close is not None and not taker.close.triggered:
        taker.close.succeed()
