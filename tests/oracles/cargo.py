"""The boxes, alone and in company: what they meet before and after a vehicle carries them. See actors.py."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from itertools import groupby
from math import nan
from typing import TYPE_CHECKING

import simpy

from sim.scenario.schema import Documents
from tests.oracles.inputs import Calendar, on_grid

if TYPE_CHECKING:
    from tests.oracles.actors import Corridor, Vehicle

Story = Generator[simpy.Event, object, None]
MILESTONES = ("ready", "lifted", "loaded", "lowered", "landed")


def all_else(env: simpy.Environment) -> simpy.Event:
    """Comes in this moment, when all else that happens in it has happened."""
    event = env.event()
    event._ok, event._value = True, None
    env.schedule(event, priority=2)
    return event


def until_open(env: simpy.Environment, calendar: Calendar) -> Story:
    if calendar.opens(env.now) > env.now:
        yield env.timeout(calendar.opens(env.now) - env.now)


def labour(env: simpy.Environment, hours: float, calendar: Calendar) -> Story:
    """Work that stands still while closed. What is done when it closes is done."""
    while hours > 0:
        yield from until_open(env, calendar)
        spell = min(hours, calendar.closes(env.now) - env.now)
        yield env.timeout(spell)
        hours -= spell


class Box:
    """A unit of cargo, and what it has met on each leg."""

    def __init__(self, corridor: Corridor, way: int, number: int, block: int, n: int) -> None:
        self.env, self.way_number, self.way = corridor.env, way, corridor.network.itineraries[way]
        self.flow = corridor.model.demand[self.way.flow]
        self.block, self.n = block, n  # its block's number within the flow, and its own
        self.space = float(corridor.model.cargo[self.flow.cargo].space)
        self.rank = 0 if self.flow.priority == "priority" else 1
        self.leg = 0
        self.number = number
        self.turn = (0, number)  # among those that become ready in one moment
        self.log = [dict.fromkeys(MILESTONES, nan) for _ in self.way.legs]
        self.finished = nan
        self.ashore = self.env.event()
        self.party: Party

    def note(self, milestone: str) -> None:
        self.log[self.leg][milestone] = self.env.now

    @property
    def order(self) -> tuple[int, float, tuple[int, int]]:
        """Priority first, then in order of readiness; in one moment as they came."""
        return self.rank, self.log[self.leg]["ready"], self.turn

    @property
    def discharge_order(self) -> tuple[int, str, str, tuple[int, float, tuple[int, int]]]:
        """Priority first, then by the names of flow and route, in the order of loading."""
        return self.rank, self.way.flow, self.way.route, self.order


class Party:
    """What goes of a block together: one consignment where papers queue, once all of it is there."""

    def __init__(self, env: simpy.Environment, boxes: list[Box]) -> None:
        self.env, self.size = env, len(boxes)
        self.muster()
        for box in boxes:
            box.party = self

    def muster(self) -> None:
        self.missing = self.size
        self.released = self.env.event()


class Desk:
    """Customs at a terminal or a border."""

    def __init__(self, corridor: Corridor, place: str, rule: Documents, calendar: Calendar) -> None:
        self.env, self.streams = corridor.env, corridor.world.streams
        self.place, self.rule, self.closed = place, rule, calendar
        self.office = corridor.world.outside(rule.hours)
        self.servers = simpy.PriorityResource(self.env, rule.servers) if rule.servers else None

    def hours(self, box: Box) -> float:
        """Working hours of the papers of its block."""
        rule, flow, name = self.rule, box.way.flow, f"documents/{self.place}"
        time = rule.time
        if box.flow.direction == "east" and rule.eastbound_time:
            time = rule.eastbound_time
        if box.flow.priority == "priority" and rule.priority_time:
            time = rule.priority_time
        hours = self.streams.hours(f"{name}/time/{flow}", time, box.block)
        if rule.advance and self.streams.uniform(f"{name}/advance/{flow}", box.block) < rule.advance:
            hours = on_grid(hours * rule.advance_factor)
        if rule.faulty_time and self.streams.uniform(f"{name}/faulty/{flow}", box.block) < rule.faulty:
            hours += self.streams.hours(f"{name}/faulty-time/{flow}", rule.faulty_time, box.block)
        return hours

    def work(self, hours: float, rank: int) -> Story:
        if self.servers is None:
            yield from self._work(hours)
        else:
            with self.servers.request(rank) as turn:
                yield turn
                yield from self._work(hours)

    def _work(self, hours: float) -> Story:
        yield from until_open(self.env, self.closed)
        yield from labour(self.env, hours, self.office)

    def release(self, box: Box) -> Story:
        """One box waits for its papers: by itself, or with its party if they queue."""
        if self.servers is None:
            yield from self.work(self.hours(box), box.rank)
            return
        box.party.missing -= 1
        if box.party.missing:
            yield box.party.released
        else:
            yield from self.work(self.hours(box), box.rank)
            box.party.released.succeed()
            box.party.muster()


class Crowd:
    """The boxes that stand at a stop for one service, and the vehicles that come for them."""

    def __init__(self, env: simpy.Environment) -> None:
        self.env = env
        self.smallest: dict[str, float] = {}  # the space of a unit of each kind of cargo that comes here
        self.boxes: list[Box] = []
        self.lines: dict[frozenset[str], list[Vehicle]] = defaultdict(list)
        self.news = env.event()

    def tell(self) -> None:
        news, self.news = self.news, self.env.event()
        news.succeed()

    def carry(self, box: Box) -> Story:
        box.ashore = self.env.event()
        self.boxes.append(box)
        self.tell()
        yield box.ashore

    def of(self, accepts: frozenset[str]) -> list[Box]:
        return sorted((box for box in self.boxes if box.flow.cargo in accepts), key=lambda box: box.order)

    def choose(self, accepts: frozenset[str], room: float) -> list[Box]:
        """Priority first, then in order of readiness, as far as there is room."""
        chosen = []
        for _, ranked in groupby(self.of(accepts), key=lambda box: box.rank):
            for box in ranked:
                if box.space > room:
                    break
                room -= box.space
                chosen.append(box)
                self.boxes.remove(box)
        return chosen
