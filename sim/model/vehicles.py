"""The story of a train set or a ship: it waits for a berth, discharges, takes cargo, leaves, runs, and begins anew at
the other end. Trains and ships differ in their numbers, not in their story."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from sim.model.calendars import ALWAYS_OPEN, Closures
from sim.model.clock import Floats, Hours, snap
from sim.model.facilities import HAIR, Pool, Story, Track, Yard
from sim.model.handling import work, work_whole
from sim.model.journal import Call, Claim
from sim.model.stock import INF, Load, Rule, Stock, Taker
from sim.network import Section, load_share
from sim.scenario.schema import Berths, Effect, Fleet, FleetService
from sim.scenario.values import Variate

if TYPE_CHECKING:
    from sim.model.demand import Traffic
    from sim.model.world import World

Draw = Callable[[str, Variate], float]
Voyage = tuple[tuple[float, list[float]], ...]  # of each stretch: hours of delay in all, and on each link
Delays = Callable[["Halt"], Voyage]
FIRST_DRAWS = 64  # values drawn ahead for each vehicle and purpose


@dataclass(frozen=True, slots=True)
class Stretch:
    """Links that are run without a wait between them: a track may hold the train up before it, a border after it."""

    index: int  # in the journal
    track: Track | None
    direction: int
    hours: float  # undisturbed
    delays: tuple[tuple[str, Variate | None, float], ...]  # of each link: name of the draw, law, undisturbed hours
    border: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """Discharging or loading at one stop."""

    key: str
    whole: bool  # one time for the whole vehicle, not one for each unit
    hours: Variate
    each: float | None  # hours, if they are constant
    fixed: float
    cranes: int
    closures: Closures
    effect: Effect
    shared: list[float] | None  # when each of the cranes is free, if others use them, too

    def moves(self, loads: list[Load]) -> Hours:
        """Hours of the move of each unit."""
        if self.each is not None:
            return self.each
        return _joined([x.traffic.per_unit(self.key, self.hours)[x.ids - x.traffic.base] for x in loads])


@dataclass(frozen=True, slots=True)
class Halt:
    """One stop of a service as a fleet sees it."""

    place: str
    number: int
    other: str
    off_berth: bool  # it waits for its load in the roads or in a siding
    rule: Rule
    discharge: Task
    load: Task
    pool: Pool
    stock: Stock
    stretches: tuple[Stretch, ...]  # the way to the other stop
    yards: bool  # there are some here
    entering: Closures  # of the terminal where they hold up the phase, else always open
    leaving: Closures


class Line:
    """A fleet on its service: what all its vehicles share."""

    def __init__(self, world: World, name: str, fleet: Fleet) -> None:
        service = world.model.services[fleet.service]
        assert isinstance(service, FleetService)
        self.name = name
        self.number = world.fleets.index(name)
        self.fleet = fleet
        self.accepts = frozenset(fleet.accepts)
        self.load = float(fleet.capacity) * load_share(world.model, fleet)
        self.room = self.load + HAIR
        self.halts = {place: self._halt(world, service, place) for place in service.stops}
        self.begun: dict[tuple[int, int], int] = {}  # trains made up for loads that begin with each block of a traffic

    def _halt(self, world: World, service: FleetService, place: str) -> Halt:
        stop = service.stops[place]
        other = next(p for p in service.stops if p != place)
        rule = Rule(
            snap(stop.wait),
            stop.count_from,
            stop.min_load * self.load,
            INF if stop.empty_after is None or self.fleet.train_sets == "unlimited" else snap(stop.empty_after),
        )
        terminal = world.network.terminal(place)
        closures = world.closures(terminal.calendar)
        berths = terminal.berths[stop.berth]
        weather = berths.weather or terminal.weather
        idle = [world.times.begin] * berths.cranes
        cranes = world.cranes.setdefault((place, stop.berth), idle) if berths.shared else None
        return Halt(
            place,
            world.place_number[place],
            other,
            stop.waits_at == "off-berth",
            rule,
            _task(f"discharge/{place}/{stop.berth}", berths, berths.discharge, closures, weather.discharge, cranes),
            _task(f"load/{place}/{stop.berth}", berths, berths.load, closures, weather.load, cranes),
            world.pools[place, stop.berth],
            world.stocks[place, self.fleet.service],
            self._stretches(world, service, place),
            bool(terminal.yards),
            closures if weather.enter == "do-not-start" else ALWAYS_OPEN,
            closures if weather.leave == "do-not-start" else ALWAYS_OPEN,
        )

    def _stretches(self, world: World, service: FleetService, origin: str) -> tuple[Stretch, ...]:
        sections = world.network.sections(self.fleet.service, origin)
        stretches: list[Stretch] = []
        part: list[Section] = []
        for section, following in zip(sections, [*sections[1:], None], strict=True):
            part.append(section)
            border = section.end if following is not None and section.end in world.model.borders else None
            if border is not None or following is None or following.link in world.tracks:
                stretches.append(self._stretch(world, service, part, border))
                part = []
        return tuple(stretches)

    def _stretch(self, world: World, service: FleetService, sections: list[Section], border: str | None) -> Stretch:
        links = [world.model.links[section.link] for section in sections]
        ways = [0 if x.start == link.between[0] else 1 for x, link in zip(sections, links, strict=True)]
        speeds = [min(v for v in (link.speed, self.fleet.speed) if v is not None) * service.pace for link in links]
        hours = [snap(link.distance / speed) for link, speed in zip(links, speeds, strict=True)]
        numbers = [world.link_number[section.link] for section in sections]
        world.recorder.ways.append(list(zip(numbers, ways, hours, strict=True)))
        delays = [(f"run/{x.link}/{x.start}", link.delay, h) for x, link, h in zip(sections, links, hours, strict=True)]
        track = world.tracks.get(sections[0].link)
        return Stretch(len(world.recorder.ways) - 1, track, ways[0], sum(hours), tuple(delays), border)


def _task(
    key: str, berths: Berths, hours: Variate, closures: Closures, effect: Effect, shared: list[float] | None
) -> Task:
    each = snap(hours.mean) if hours.constant else None
    return Task(key, berths.per == "vehicle", hours, each, snap(berths.fixed), berths.cranes, closures, effect, shared)


def start_fleets(world: World) -> None:
    """Put every vehicle at a stop, by turns at both, and set it going. The order of names decides, not that of the
    file, so that a file put into another order gives the same results."""
    for name, fleet in sorted(world.model.fleets.items()):
        line = Line(world, name, fleet)
        places = sorted(line.halts)
        if fleet.train_sets == "unlimited":
            for place in places:
                world.env.process(form_trains(world, line, line.halts[place]))
            continue
        for number in range(fleet.vessels or int(fleet.train_sets or 0)):
            vehicle = Vehicle(world, line, *own_draws(world, f"{name}/{number}"))
            vehicle.story = world.env.process(vehicle.shuttle(places[number % 2]))


def own_draws(world: World, vehicle: str) -> tuple[Draw, Delays]:
    """Draws addressed by vehicle, purpose and how often it was drawn: its n-th voyage meets the n-th value."""
    series: dict[str, Iterator[float]] = {}
    voyages: dict[str, Iterator[Voyage]] = {}

    def values(key: str, variate: Variate, scale: float, count: int) -> Floats:
        return world.streams.durations(f"vehicle/{vehicle}/{key}", variate, count, scale)

    def numbers(key: str, variate: Variate) -> Iterator[float]:
        for done, count in _ever_more():
            yield from values(key, variate, 1.0, count).tolist()[done:]

    def draw(key: str, variate: Variate) -> float:
        if key not in series:
            series[key] = numbers(key, variate)
        return next(series[key])

    def sail(halt: Halt) -> Iterator[Voyage]:
        for done, count in _ever_more():
            yield from _voyages(halt, count, lambda k, v, hours, n=count: values(k, v, hours, n))[done:]  # type: ignore[misc]

    def delays(halt: Halt) -> Voyage:
        if halt.place not in voyages:
            voyages[halt.place] = sail(halt)
        return next(voyages[halt.place])

    return draw, delays


def _ever_more() -> Iterator[tuple[int, int]]:
    """(drawn before, to be drawn): a longer draw begins with the shorter one."""
    done, count = 0, FIRST_DRAWS
    while True:
        yield done, count
        done, count = count, 4 * count


def _voyages(halt: Halt, count: int, values: Callable[[str, Variate, float], Floats]) -> list[Voyage]:
    """The delays of `count` voyages from a halt, with the values that are drawn for each link."""
    parts = []
    for stretch in halt.stretches:
        late = [np.zeros(count) if law is None else values(key, law, hours) for key, law, hours in stretch.delays]
        table = np.stack(late, axis=1)
        parts.append(zip(table.sum(axis=1).tolist(), table.tolist(), strict=True))
    return list(zip(*parts, strict=True))


def cargo_draws(line: Line, traffic: Traffic, block: int) -> tuple[Draw, Delays]:
    """Draws of a train made up for one load, addressed by the block of its first unit, and by how many trains began
    with that block before."""
    number = line.begun.get((traffic.index, block), 0) + 1
    line.begun[traffic.index, block] = number
    name = "train" if number == 1 else f"train/{number}"

    def draw(key: str, variate: Variate) -> float:
        return traffic.per_block(f"{name}/{key}", variate).item(block)

    def delays(halt: Halt) -> Voyage:
        voyage = []
        for stretch in halt.stretches:
            late = [
                0.0 if law is None else traffic.per_block(f"{name}/{key}", law, hours).item(block)
                for key, law, hours in stretch.delays
            ]
            voyage.append((sum(late), late))
        return tuple(voyage)

    return draw, delays


def form_trains(world: World, line: Line, halt: Halt) -> Story:
    """Where train sets are never short: make up a train as soon as there is a load for it."""
    while True:
        taker = Taker(line.accepts, line.room, halt.rule, world.env.now, world.env.now)
        loads = yield from halt.stock.load(taker)
        traffic = loads[0].traffic
        train = Vehicle(world, line, *cargo_draws(line, traffic, traffic.block_of_first(loads[0].ids)))
        train.cargo = loads
        train.story = world.env.process(train.go_once(halt, loads))


class Vehicle:
    """One train set or ship."""

    story: simpy.Process

    def __init__(self, world: World, line: Line, draw: Draw, delays: Delays) -> None:
        self.world = world
        self.env = world.env
        self.recorder = world.recorder
        self.line = line
        self.draw = draw
        self.delays = delays
        self.cargo: list[Load] = []  # on board, or about to be
        self.number = world.recorder.vehicles
        world.recorder.vehicles += 1
        world.vehicles[self.number] = self

    def shuttle(self, place: str) -> Story:
        """To and fro for ever."""
        env, line, cargo = self.env, self.line, list[Load]()
        now = env.now
        while True:
            halt = line.halts[place]
            call = self.recorder.call(self.number, line.number, halt.number, now)
            claim = None
            if cargo or not halt.off_berth:
                claim = yield from self.berth(call, halt, cargo)
                now = env.now
                end = self.discharge(call, halt, cargo, now)
                if end > now:
                    yield env.timeout(end - now)
                now = call.discharged = end
                if halt.off_berth:
                    halt.pool.release(claim, now)
                    claim = None
            else:
                call.brings_nothing()
            taker = Taker(line.accepts, line.room, halt.rule, call.berthed, now)
            cargo = self.cargo = yield from halt.stock.load(taker)
            now = call.closed = taker.closing
            call.opened = taker.opened
            if halt.off_berth and cargo:
                claim = yield from self.berth_again(call, halt, cargo)
                now = env.now
            now = yield from self.load_and_leave(call, halt, cargo, now)
            if claim is not None:
                halt.pool.release(claim, now)
            now = yield from self.run(call, halt, cargo, now)
            place = halt.other

    def go_once(self, halt: Halt, cargo: list[Load]) -> Story:
        """A train made up for one load: loads, runs, discharges, and is gone."""
        env = self.env
        call = self.recorder.call(self.number, self.line.number, halt.number, env.now)
        call.brings_nothing()
        call.opened = call.closed = env.now
        claim = yield from self.berth_again(call, halt, cargo)
        now = yield from self.load_and_leave(call, halt, cargo, env.now)
        halt.pool.release(claim, now)
        now = yield from self.run(call, halt, cargo, now)
        halt = self.line.halts[halt.other]
        call = self.recorder.call(self.number, self.line.number, halt.number, now)
        claim = yield from self.berth(call, halt, cargo)
        now = env.now
        end = self.discharge(call, halt, cargo, now)
        if end > now:
            yield env.timeout(end - now)
        call.discharged = end
        self.recorder.over(call)
        halt.pool.release(claim, end)
        del self.world.vehicles[self.number]

    def berth(self, call: Call, halt: Halt, cargo: list[Load]) -> Generator[simpy.Event, Any, Claim]:
        """Wait for open water and a berth, then for room ashore."""
        closed, claim = yield from self.enter(halt, cargo, call.arrived)
        call.weather_in = call.arrived + closed
        call.berthed = now = self.env.now
        call.berth = halt.pool.index
        if halt.yards:
            for yard, room in self.rooms(cargo).items():
                turn = yard.ask(room, self.env.now)
                if turn is not None:
                    yield turn
            now = self.env.now
        call.room = now
        return claim

    def berth_again(self, call: Call, halt: Halt, cargo: list[Load]) -> Generator[simpy.Event, Any, Claim]:
        """From the roads or the siding to a berth, to load."""
        closed, claim = yield from self.enter(halt, cargo, call.closed)
        call.weather_again = call.closed + closed
        call.reberthed = self.env.now
        call.berth = halt.pool.index
        return claim

    def enter(self, halt: Halt, cargo: list[Load], since: float) -> Generator[simpy.Event, Any, tuple[float, Claim]]:
        """Wait for open water, for a berth, and for open water once more; returns the closed hours, and the berth."""
        env, closures = self.env, halt.entering
        now = env.now
        closed = closures.next_open(now) - now
        if closed:
            yield env.timeout(closed)
            now = env.now
        claim, turn = halt.pool.ask(_priority(cargo), since, now)
        if turn is None and not closed:
            return closed, claim
        if turn is not None:
            yield turn
            now = env.now
        again = closures.next_open(now) - now
        if again:
            yield env.timeout(again)
        return closed + again, claim

    def rooms(self, cargo: list[Load]) -> dict[Yard, float]:
        """The yard room that the cargo on board needs here, by yard."""
        rooms: dict[Yard, float] = {}
        for load in cargo:
            stages = self.world.stages[load.traffic.index]
            yard = stages[load.leg + 1].yard if load.leg + 1 < len(stages) else None
            if yard is not None:
                rooms[yard] = rooms.get(yard, 0.0) + load.room
        return rooms

    def discharge(self, call: Call, halt: Halt, cargo: list[Load], now: float) -> float:
        """All cargo goes ashore; the crane's times are known when it begins. Returns when it is done."""
        if not cargo:
            return now
        moves, end = self.work(halt.discharge, cargo, now, max(now, call.berthed + halt.discharge.fixed))
        for load, (begins, ends) in zip(cargo, moves, strict=True):
            traffic, leg, ids = load.traffic, load.leg, load.ids
            call.space_in += load.room
            hours = (load.ready, load.lifted, load.loaded, begins, ends, 0.0, 0.0, 0.0)
            self.recorder.carry((traffic.index, leg, ids, self.origin, call.index, *hours))
            self.world.land(traffic, leg, ids, ends)
        self.cargo = []
        return end

    def load_and_leave(
        self, call: Call, halt: Halt, cargo: list[Load], now: float
    ) -> Generator[simpy.Event, Any, float]:
        """Cranes began with the first box that was there; now the load is known, and with it their times. Then wait
        for open water, and go: the room in the yard is free again. Returns the hour."""
        start, moored = now, call.reberthed
        if not halt.off_berth:
            call.weather_again = call.reberthed = now
            start, moored = call.opened, call.berthed
        if cargo:
            if halt.off_berth or not call.space_in:
                start = max(start, moored + halt.load.fixed)
            moves, end = self.work(halt.load, cargo, now, start, in_turn=True)
            for load, hours in zip(cargo, moves, strict=True):
                load.lifted, load.loaded = hours
            if end > now:
                yield self.env.timeout(end - now)
                now = end
            call.space_out = sum([load.room for load in cargo])
        call.loaded = now
        opened = halt.leaving.next_open(now)
        if opened > now:
            yield self.env.timeout(opened - now)
            now = opened
        call.weather_out = now
        if halt.yards:
            for load in cargo:
                yard = self.world.stages[load.traffic.index][load.leg].yard
                if yard is not None:
                    yard.give_back(load.room, now)
        self.origin = call.index
        self.recorder.over(call)
        self.recorder.trips += 1
        return now

    def work(
        self, task: Task, loads: list[Load], now: float, start: float, *, in_turn: bool = False
    ) -> tuple[list[tuple[Hours, Hours]], float]:
        """Begin and end of each unit's move, by load, and when all is done. Either all units are there from the start,
        in the order of `loads`, or they come in turn: priority first, then in order of readiness."""
        if task.whole:
            begin = max(start, now)
            hours = self.draw(task.key, task.hours) if task.each is None else task.each
            begin, end = work_whole(begin, hours, task.closures, task.effect)
            return [(begin, end)] * len(loads), end
        if len(loads) == 1:
            load = loads[0]
            ready = _each(load) if in_turn else None
            begins, ends, done = work(
                start,
                ready,
                task.moves(loads),
                len(load.ids),
                task.cranes,
                task.closures,
                task.effect,
                None,
                task.shared,
            )
            return [(begins, ends)], done
        edges = [0, *accumulate([len(load.ids) for load in loads])]
        moves, ready, ranks, order = task.moves(loads), None, None, None
        if in_turn:
            ready = np.concatenate([_each(load) for load in loads])
            ranks = np.repeat([load.traffic.priority for load in loads], [len(load.ids) for load in loads])
            order = np.lexsort((ready, ranks))
            ready, ranks = ready[order], ranks[order] if ranks[0] != ranks[-1] else None
            moves = moves if isinstance(moves, float) else moves[order]
        begins, ends, done = work(
            start, ready, moves, edges[-1], task.cranes, task.closures, task.effect, ranks, task.shared
        )
        if order is not None:
            back = order.argsort()
            begins, ends = begins[back], ends[back]
        return [(begins[a:b], ends[a:b]) for a, b in pairwise(edges)], done

    def run(self, call: Call, halt: Halt, cargo: list[Load], now: float) -> Generator[simpy.Event, Any, float]:
        """Stretch by stretch to the other stop; an event only where there may be a wait. Returns when it is there."""
        env, recorder, t = self.env, self.recorder, now
        for stretch, (late, delays) in zip(halt.stretches, self.delays(halt), strict=True):
            path = entered = t
            if stretch.track is not None:
                if t > now:
                    yield env.timeout(t - now)
                    now = t
                path, entered = stretch.track.enter(t, stretch.direction)
            recorder.stretches.fromlist([call.index, stretch.index, t, path, entered])
            recorder.delays.fromlist(delays)
            t = entered + stretch.hours + late
            if stretch.border is not None and cargo:
                t = yield from self.cross(call, stretch.border, cargo, t)
                now = env.now
        if t > now:
            yield env.timeout(t - now)
        return t

    def cross(self, call: Call, place: str, cargo: list[Load], t: float) -> Generator[simpy.Event, Any, float]:
        """The whole train stops at a border from `t` until its papers are done; returns that hour."""
        env, desk = self.env, self.world.borders[place]
        first = cargo[0]
        hours = desk.hours(first.traffic).item(first.traffic.block_of_first(first.ids))
        if desk.pool is None:
            granted, end = t, desk.done(t, hours)
        else:
            if t > env.now:
                yield env.timeout(t - env.now)
            claim, turn = desk.pool.ask(_priority(cargo), t, t)
            if turn is not None:
                yield turn
            granted, end = env.now, desk.done(env.now, hours)
            yield env.timeout(end - granted)
            desk.pool.release(claim, end)
        self.recorder.stops.fromlist([call.index, self.world.place_number[place], t, granted, end])
        return end


def _priority(cargo: list[Load]) -> int:
    return cargo[0].traffic.priority if cargo else 1  # the loads stand in order of rank


def _each(load: Load) -> Floats:
    """When each unit of a load is ready."""
    return load.ready if isinstance(load.ready, np.ndarray) else np.full(len(load.ids), load.ready)


def _joined(parts: list[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
