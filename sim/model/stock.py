"""Cargo that waits at a stop for the vehicles of one service, with its known future: boxes still under the crane or
at the customs stand here already, with the time at which they will be ready."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import simpy

from sim.model.clock import Floats, Ids
from sim.model.facilities import Yard

INF = float("inf")


@dataclass(frozen=True, slots=True)
class Rule:
    """When a vehicle that takes cargo leaves."""

    wait: float  # h, at the latest after `opening` or the first unit
    from_opening: bool
    min_room: float  # of the load, in space
    empty_after: float  # h without cargo, after which it leaves empty; inf: never


@dataclass(slots=True)
class Taker:
    """A vehicle that takes cargo: what fits on it, since when, and the event that tells it to close."""

    accepts: frozenset[str]
    room: float
    rule: Rule
    free_since: float
    turn: simpy.Event  # it is first in turn to take cargo
    close: simpy.Event  # its load is known
    queued: bool = False  # waits for `turn`
    waits: bool = False  # waits for `close`
    opened: float = INF
    closing: float = INF
    version: int = 0  # of the closing time, so that an alarm for an older one is void


class Lane:
    """Units of one itinerary and leg, in order of readiness."""

    __slots__ = ("cargo", "head", "ids", "itinerary", "leg", "priority", "ready", "space", "yard")

    def __init__(
        self, itinerary: int, leg: int, cargo: str, space: float, priority: int, yard: Yard | None
    ) -> None:
        self.itinerary = itinerary
        self.leg = leg
        self.cargo = cargo
        self.space = space
        self.priority = priority
        self.yard = yard  # whose room a unit gives back when it leaves
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


@dataclass(frozen=True, slots=True)
class Load:
    """What a vehicle takes from one lane."""

    lane: Lane
    ids: Ids
    ready: Floats


class Stock:
    """The cargo at one stop for one service, and the vehicles that take it, one of each kind at a time."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.lanes: dict[tuple[int, int], Lane] = {}
        self._takers: list[Taker] = []

    def add(self, lane: Lane, ids: Ids, ready: Floats | float) -> None:
        lane.add(ids, ready)
        self._review()

    def load(self, taker: Taker) -> Generator[simpy.Event, Any, list[Load]]:
        """Stand in line, take cargo until it is time to close, and close."""
        self._takers.append(taker)
        self._open()
        if taker.opened == INF:
            taker.queued = True
            yield taker.turn
        if taker.closing > self.env.now:
            taker.waits = True
            yield taker.close
        return self._take(taker)

    def _take(self, taker: Taker) -> list[Load]:
        """The priority cargo that is ready, then the rest in order of readiness, as far as there is room."""
        self._takers.remove(taker)
        loads = self._choose(taker)
        self._open()
        self._review()
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
                self._review_one(taker)
                if taker.queued:
                    taker.turn.succeed()

    def _review(self) -> None:
        for taker in self._takers:
            if taker.opened < INF:
                self._review_one(taker)

    def _review_one(self, taker: Taker) -> None:
        """Set the moment of closing anew; an alarm that was set before it is void."""
        closing = max(self._closing(taker), self.env.now)
        if closing == taker.closing:
            return
        taker.closing = closing
        taker.version += 1
        if closing == self.env.now:
            if taker.waits:
                taker.close.succeed()
        elif closing < INF:
            alarm = self.env.timeout(closing - self.env.now, (taker, taker.version))
            alarm.callbacks.append(_ring)

    def _closing(self, taker: Taker) -> float:
        """When the vehicle is full, or has waited as long as its rule says, as far as is known now."""
        rule = taker.rule
        patience = max(taker.free_since + rule.empty_after, taker.opened)
        lanes = [x for x in self.lanes.values() if x.head < len(x.ids) and x.cargo in taker.accepts]
        if not lanes:
            return patience
        first, enough, full = _known(lanes[0], taker) if len(lanes) == 1 else self._known_together(lanes, taker)
        if first > patience:  # nothing came in time
            return patience
        waited = (taker.opened if rule.from_opening else max(first, taker.opened)) + rule.wait
        return min(full, max(waited, enough))

    def _known_together(self, lanes: list[Lane], taker: Taker) -> tuple[float, float, float]:
        """As `_known`, of several lanes in common order of readiness."""
        parts = [x.ready[x.head : x.head + int(taker.room / x.space) + 1] for x in lanes]
        ready = np.concatenate(parts)
        space = np.repeat([x.space for x in lanes], [len(p) for p in parts])
        order = np.argsort(ready, kind="stable")
        ready, room = ready[order], np.cumsum(space[order])
        most = min(x.space for x in self.lanes.values() if x.cargo in taker.accepts)
        k = int(np.searchsorted(room, taker.rule.min_room))
        enough = float(ready[k]) if k < len(room) else INF
        # full with the unit that leaves no room for the smallest, or when one stands there that does not fit
        full = int(np.searchsorted(room, taker.room - most, side="right"))
        return float(ready[0]), enough, float(ready[full]) if full < len(room) else INF

    def _choose(self, taker: Taker) -> list[Load]:
        now = self.env.now
        lanes = [x for x in self.lanes.values() if x.head < len(x.ids) and x.cargo in taker.accepts]
        if len(lanes) == 1:
            return _from_one(lanes[0], taker, now)
        left = taker.room
        counts: dict[tuple[int, int], int] = {}
        for priority in sorted({x.priority for x in lanes}):
            left = _fill([x for x in lanes if x.priority == priority], now, left, counts)
        loads = []
        for lane in lanes:
            count = counts.get((lane.itinerary, lane.leg), 0)
            if count:
                part = slice(lane.head, lane.head + count)
                loads.append(Load(lane, lane.ids[part], lane.ready[part]))
                lane.head += count
        return loads


def _from_one(lane: Lane, taker: Taker, now: float) -> list[Load]:
    end = lane.head + int(taker.room / lane.space)
    if end > len(lane.ids) or lane.ready[end - 1] > now:
        end = int(np.searchsorted(lane.ready, now, side="right"))
    if end == lane.head:
        return []
    load = Load(lane, lane.ids[lane.head : end], lane.ready[lane.head : end])
    lane.head = end
    return [load]


def _ring(alarm: simpy.Event) -> None:
    """The alarm of a closing time, unless the time was set anew since."""
    taker, version = alarm.value
    if taker.version == version and not taker.close.triggered:
        taker.close.succeed()


def _known(lane: Lane, taker: Taker) -> tuple[float, float, float]:
    """When the first unit, enough for the least load, and a full load are ready; inf: not in sight."""
    waiting = len(lane.ids) - lane.head
    most = int(taker.room / lane.space)
    least = max(ceil(taker.rule.min_room / lane.space), 1)
    first = float(lane.ready[lane.head])
    enough = float(lane.ready[lane.head + least - 1]) if waiting >= least else INF
    return first, enough, float(lane.ready[lane.head + most - 1]) if waiting >= most else INF


def _fill(lanes: Iterable[Lane], now: float, room: float, counts: dict[tuple[int, int], int]) -> float:
    """Count what each lane gives, in common order of readiness; returns the room that is left."""
    parts = []
    for number, lane in enumerate(lanes):
        ready = lane.ready[lane.head : lane.head + int(room / lane.space)]
        parts.append((number, lane, ready[: int(np.searchsorted(ready, now, side="right"))]))
    ready = np.concatenate([p for _, _, p in parts])
    whose = np.concatenate([np.full(len(p), n) for n, _, p in parts])
    space = np.concatenate([np.full(len(p), x.space) for _, x, p in parts])
    order = np.argsort(ready, kind="stable")
    taken = np.cumsum(space[order])
    fits = int(np.searchsorted(taken, room, side="right"))
    for number, lane, _ in parts:
        counts[(lane.itinerary, lane.leg)] = int(np.count_nonzero(whose[order][:fits] == number))
    return room - (float(taken[fits - 1]) if fits else 0.0)
