"""Cargo that waits at a stop for the vehicles of one service, with its known future: boxes still under the crane or
at the customs stand here already, with the time at which they will be ready."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sim.model.clock import Actor, Clock
from sim.model.demand import Traffic
from sim.model.grid import INF, Floats, Hours, Ids, of_each
from sim.model.kernels import between, bisect_left, bisect_right, by_traffic, in_order, insert, reached

if TYPE_CHECKING:
    from sim.model.documents import Desk
    from sim.model.facilities import Yard


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What the units of one traffic meet on one leg of their way."""

    traffic: Traffic
    leg: int
    key: int  # of the leg in the journal
    stock: Stock | None  # where they wait for a vehicle; none: they go by themselves
    yard: Yard | None  # where they stand meanwhile
    desk: Desk | None  # at the end of the leg, before the next one
    queues: bool  # if they go by themselves: at a border on the way
    alone: bool  # from here to the end of the way they share nothing with others
    following: Stage | None  # on the next leg; none: they have arrived


Part = tuple[Stage, int]  # so many units of one traffic


@dataclass(frozen=True, slots=True)
class Rule:
    """When a vehicle that takes cargo leaves."""

    wait: float  # h, at the latest after `count_from`
    count_from: Literal["berthing", "opening", "first-unit"]
    min_room: float  # of the load, in space
    empty_after: float  # h without cargo, after which it leaves empty; inf: never


class Taker:
    """A vehicle that takes cargo: what fits on it, since when, and who waits to be called when its load is known."""

    __slots__ = ("actor", "berthed", "closing", "free_since", "opened", "room", "rule", "takes", "waits")

    def __init__(self, actor: Actor, room: float, rule: Rule, berthed: float, now: float) -> None:
        self.actor = actor
        self.berthed = berthed
        self.room = room
        self.rule = rule
        self.free_since = now
        self.opened = INF  # it is first in turn to take cargo
        self.closing = INF  # its load is known
        self.takes: list[Lot] = []  # this load, as far as it is known
        self.waits = False


class Load:
    """What a vehicle takes: units in the order in which they will be discharged, when each was ready, and when the
    crane lifted and set it down."""

    __slots__ = ("ids", "lifted", "loaded", "parts", "priority", "ready", "room")
    lifted: Hours
    loaded: Hours

    def __init__(self, parts: list[Part], ids: Ids, ready: Hours) -> None:
        self.parts = parts
        self.ids = ids
        self.ready = ready
        self.room = 0.0
        for stage, count in parts:
            self.room += count * stage.traffic.space
        self.priority = parts[0][0].traffic.priority  # that of its first units: priority cargo is in front


class Queue:
    """Units of one kind of cargo and one class, in order of readiness."""

    __slots__ = ("cargo", "end", "head", "hours", "ids", "priority", "ready", "space", "stages")

    def __init__(self, cargo: str, space: float, priority: int) -> None:
        self.cargo = cargo
        self.space = space
        self.priority = priority
        self.stages: dict[int, Stage] = {}  # by the order of the traffic
        self._keep(np.empty(0, np.int64), np.empty(0), 0)

    @property
    def waiting(self) -> int:
        return self.end - self.head

    def _keep(self, ids: Ids, ready: Floats, waiting: int) -> None:
        """In these arrays stands who waits, from `head` to `end`; what is behind is room for more."""
        self.ids, self.ready = ids, ready
        self.hours: Sequence[float] = ready.data  # the same, quicker to read one by one
        self.head, self.end = 0, waiting

    def add(self, ids: Ids, ready: Hours) -> float:
        """Put in units that are ready at these times, or all at one time; returns the first of these times."""
        if isinstance(ready, float):
            first = ready
        else:
            ids, ready = in_order(ids, ready)
            first = ready.item(0)
        count = len(ids)
        if self.head == self.end:
            self._keep(ids, of_each(ready, count), count)
            return first
        if self.end + count > len(self.ids):
            self._make_room(count)
        insert(self.ids, self.ready, self.hours, self.head, self.end, ids, ready)
        self.end += count
        return first

    def _make_room(self, count: int) -> None:
        """Go into larger arrays, with room for so many more; what was taken keeps those it stands in."""
        waiting = self.end - self.head
        room = 4 * (waiting + count)
        ids, ready = np.empty(room, np.int64), np.empty(room)
        ids[:waiting] = self.ids[self.head : self.end]
        ready[:waiting] = self.ready[self.head : self.end]
        self._keep(ids, ready, waiting)

    def take(self, count: int) -> tuple[int, int]:
        """Take the first `count` units; returns from where on, and until where they stand."""
        head, self.head = self.head, self.head + count
        return head, self.head

    def at(self, n: int) -> float:
        """When `n` units are ready; inf: not in sight."""
        position = self.head + n
        return self.hours[position - 1] if position <= self.end else INF

    def by(self, hour: float) -> int:
        """How many units are ready at that hour."""
        return bisect_right(self.hours, hour, self.head, self.end) - self.head

    def before(self, hour: float) -> int:
        """How many were ready before."""
        return bisect_left(self.hours, hour, self.head, self.end) - self.head


Lot = tuple[Queue, int]  # so many units of a queue
COUNT = itemgetter(1)


class Lane:
    """The vehicles that take the same kinds of cargo, in order of arrival, and the queues of that cargo. The first
    takes cargo; those behind it wait."""

    __slots__ = ("accepts", "queues", "smallest", "takers")

    def __init__(self, accepts: frozenset[str], smallest: float) -> None:
        self.accepts = accepts
        self.smallest = smallest  # space of the kinds that come here
        self.queues: list[Queue] = []  # priority cargo first
        self.takers: deque[Taker] = deque()

    def open(self, queue: Queue) -> None:
        """Cargo of a kind or class comes for the first time."""
        self.queues = sorted([*self.queues, queue], key=lambda q: q.priority)

    def foresee(self, taker: Taker, now: float) -> float:
        """When the vehicle is full, or has waited as long as its rule says, and what it takes then, as far as is known
        now."""
        rule, opened, room = taker.rule, taker.opened, taker.room
        first, queues = INF, []
        for queue in self.queues:
            if queue.end > queue.head:
                queues.append(queue)
                ready = queue.hours[queue.head]
                if ready < first:
                    first = ready
        patience = taker.free_since + rule.empty_after
        if patience < opened:
            patience = opened
        if first > patience or not queues:  # nothing came in time
            taker.takes = []
            return max(patience, now)
        since = max(first, opened)
        if rule.count_from != "first-unit":
            since = opened if rule.count_from == "opening" else taker.berthed
        enough = _enough(queues, rule.min_room) if rule.min_room else first
        closing = since + rule.wait
        if closing < enough:
            closing = enough
        if closing < opened:
            closing = opened
        if len(queues) == 1:  # the same in short
            queue = queues[0]
            full = queue.at(max(int((room - self.smallest) / queue.space) + 1, 1))
            if closing > full:
                closing = full
            if closing < now:
                closing = now
            taker.takes = [(queue, min(int(room / queue.space), queue.by(closing)))]
            return closing
        full, lots = _full(queues, room, self.smallest, closing)
        closing = max(min(full, closing), now)
        if queues[0].priority != queues[-1].priority:
            taker.takes = self._by_class(queues, room, closing)
        else:
            taker.takes = lots if full == INF else _top_up(lots, room, full)
        return closing

    def _by_class(self, queues: list[Queue], room: float, now: float) -> list[Lot]:
        """Priority cargo that is ready first, then the rest, as far as there is room."""
        takes: list[Lot] = []
        for _, group in groupby(queues, key=lambda q: q.priority):
            if room < self.smallest:  # those before them fill it
                break
            ranked = list(group)
            full, lots = _full(ranked, room, self.smallest, now)
            if full < INF:
                lots = _top_up(lots, room, full)
            takes += lots
            room -= sum([count * queue.space for queue, count in lots])
        return takes


class Stock:
    """The cargo at one stop for one service, and the vehicles that take it."""

    def __init__(self, env: Clock, traffic: list[Traffic], orders: NDArray[np.int32], place: str, service: str) -> None:
        self.env = env
        self._spaces = {
            t.flow.cargo: t.space
            for t in traffic
            for leg in t.itinerary.legs
            if (leg.origin, leg.service) == (place, service)
        }  # of each kind of cargo that comes here
        self._orders = orders  # of the traffic of each unit
        self._queues: dict[tuple[str, int], Queue] = {}
        self._lanes: dict[frozenset[str], Lane] = {}

    def add(self, stage: Stage, ids: Ids, ready: Hours) -> None:
        """Units that are, or will be, ready here for their leg."""
        queue = self._queues.get(stage.traffic.kind) or self._open(stage.traffic)
        queue.stages[stage.traffic.order] = stage
        first = queue.add(ids, ready)
        for lane in self._lanes.values():
            # what is ready later changes nothing for who leaves before
            if lane.takers and first <= lane.takers[0].closing:
                self._set_alarm(lane, self.env.now)

    def _open(self, traffic: Traffic) -> Queue:
        queue = self._queues[traffic.kind] = Queue(traffic.flow.cargo, traffic.space, traffic.priority)
        for lane in self._lanes.values():
            if queue.cargo in lane.accepts:
                lane.open(queue)
        return queue

    def lane(self, accepts: frozenset[str]) -> Lane:
        """Where vehicles stand that take these kinds of cargo."""
        if accepts not in self._lanes:
            smallest = min([space for kind, space in self._spaces.items() if kind in accepts], default=INF)
            self._lanes[accepts] = Lane(accepts, smallest)
            for queue in self._queues.values():
                if queue.cargo in accepts:
                    self._lanes[accepts].open(queue)
        return self._lanes[accepts]

    def line_up(self, lane: Lane, taker: Taker) -> bool:
        """Stand in the lane, and take cargo when it is its turn; returns whether it waits to be called for that."""
        lane.takers.append(taker)
        if len(lane.takers) == 1:
            self._set_alarm(lane, taker.free_since)
        taker.waits = taker.closing > taker.free_since
        return taker.waits

    def load(self, lane: Lane) -> Load | None:
        """It is time for the first in the lane to close, with what it takes; the next has its turn."""
        taker = lane.takers.popleft()
        load = self._take(taker.takes)
        for other in self._lanes.values():
            if other.takers and (load is not None or other is lane):
                self._set_alarm(other, taker.closing)
        return load

    def _set_alarm(self, lane: Lane, now: float) -> None:
        """The first in the lane will close, and be called, when its load is known."""
        taker = lane.takers[0]
        if taker.opened == INF:
            taker.opened = now
        closing = lane.foresee(taker, now)
        if closing != taker.closing:
            taker.closing = closing
            if taker.waits or closing > now:
                self.env.call(taker.actor, closing)

    def _take(self, lots: list[Lot]) -> Load | None:
        """Take so many units of each queue, and put them into the order in which they will be discharged."""
        lots = list(filter(COUNT, lots))
        if not lots:
            return None
        if len(lots) == 1:
            ((queue, count),) = lots
            stages = queue.stages
            ids, ready = between(queue.ids, queue.ready, queue.hours, *queue.take(count))
        else:
            stages, all_ids, all_ready = {}, [], []
            for queue, count in lots:
                head, end = queue.take(count)
                stages |= queue.stages
                all_ids.append(queue.ids[head:end])
                all_ready.append(queue.ready[head:end])
            ids, ready = np.concatenate(all_ids), np.concatenate(all_ready)
        if len(stages) == 1:
            (stage,) = stages.values()
            return Load([(stage, len(ids))], ids, ready)
        ids, ready, counts = by_traffic(self._orders, ids, ready)
        return Load([(stages[order], count) for order, count in counts], ids, ready)


def _full(queues: list[Queue], room: float, smallest: float, by: float) -> tuple[float, list[Lot]]:
    """When there is no room any more for the smallest unit, or one stands there that does not fit, and how many units
    of each queue are ready before that; if it is not so by the hour `by`: inf, and how many are ready by then."""
    nearly, full = room - smallest, INF
    for queue in queues:  # with the cargo of one of them
        alone = queue.at(max(int(nearly / queue.space) + 1, 1))
        if alone < full and alone <= by:
            full = alone
    lots, filled = [], 0.0
    for queue in queues:
        count = queue.by(by) if full == INF else queue.before(full)
        lots.append((queue, count))
        filled += count * queue.space
    if filled > nearly and len(queues) > 1:
        full = _reached(lots, nearly, over=True)
        lots = [(queue, queue.before(full)) for queue in queues]
    return full, lots


def _enough(queues: list[Queue], least: float) -> float:
    """When cargo for the least load is ready; inf: not in sight."""
    alone = min([q.at(max(ceil(least / q.space), 1)) for q in queues])
    if len(queues) == 1:
        return alone
    return min(_reached([(q, q.before(alone)) for q in queues], least, over=False), alone)


def _reached(lots: list[Lot], room: float, *, over: bool) -> float:
    """When so many units of each queue fill `room`, or more than that; inf: they do not."""
    return reached([(queue.ready, queue.head, count, queue.space) for queue, count in lots], room, over)


def _top_up(lots: list[Lot], room: float, full: float) -> list[Lot]:
    """Of the units that become ready in the hour at which a vehicle is full, the first that fit; none is passed by."""
    filled = 0.0
    for queue, count in lots:
        filled += count * queue.space
    left = room - filled
    for i, (queue, count) in enumerate(lots):
        coming = queue.by(full) - count
        fitting = min(int(left / queue.space), coming)
        lots[i] = queue, count + fitting
        if fitting < coming:
            break
        left -= fitting * queue.space
    return lots
