"""The story of a train set or a ship: it waits for a berth, discharges, takes cargo, leaves, runs, and begins anew at
the other end. Trains and ships differ in their numbers, not in their story."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import simpy

from sim.model.calendars import ALWAYS_OPEN, Closures
from sim.model.clock import Floats, Ids, snap
from sim.model.facilities import Claim, Pool, Story, Track, Yard
from sim.model.handling import work, work_whole
from sim.model.journal import Call, Carriage
from sim.model.stock import INF, Load, Rule, Stock, Taker
from sim.network import load_share
from sim.scenario.schema import Berths, Effect, Fleet, FleetService
from sim.scenario.values import Variate

if TYPE_CHECKING:
    from sim.model.demand import Traffic
    from sim.model.world import World

Hours = Floats | float  # of each unit, or of all together
Draw = Callable[[str, Variate], float]
Delays = Callable[["Halt"], tuple[float, ...]]  # of one voyage, on each link
FIRST_DRAWS = 64  # values drawn ahead for each vehicle and purpose


@dataclass(frozen=True, slots=True)
class Run:
    """One section as a fleet runs it."""

    key: str
    link: int
    direction: int
    hours: float  # undisturbed
    delay: Variate | None
    track: Track | None
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

    def moves(self, loads: list[Load], count: int) -> Floats:
        """Hours of the move of each unit."""
        if self.each is not None:
            return np.full(count, self.each)
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
    runs: tuple[Run, ...]  # the way to the other stop
    yards: bool  # there are some here
    entering: Closures  # of the terminal where they hold up the phase, else always open
    leaving: Closures


class Parcel(NamedTuple):
    """Cargo on board: what was taken of one traffic, and when each unit was loaded."""

    load: Load
    lifted: Hours
    loaded: Hours


class Line:
    """A fleet on its service: what all its vehicles share."""

    def __init__(self, world: World, name: str, fleet: Fleet) -> None:
        service = world.model.services[fleet.service]
        assert isinstance(service, FleetService)
        self.name = name
        self.number = world.fleets.index(name)
        self.fleet = fleet
        self.accepts = frozenset(fleet.accepts)
        self.room = float(fleet.capacity) * load_share(world.model, fleet)
        self.halts = {place: self._halt(world, service, place) for place in service.stops}

    def _halt(self, world: World, service: FleetService, place: str) -> Halt:
        stop = service.stops[place]
        other = next(p for p in service.stops if p != place)
        rule = Rule(
            snap(stop.wait),
            stop.count_from == "opening",
            stop.min_load * self.room,
            INF if stop.empty_after is None else snap(stop.empty_after),
        )
        terminal = world.network.terminal(place)
        closures = world.closures(terminal.calendar)
        weather, berths = terminal.weather, terminal.berths[stop.berth]
        return Halt(
            place,
            world.place_number[place],
            other,
            stop.waits_at == "off-berth",
            rule,
            _task(f"discharge/{place}/{stop.berth}", berths, berths.discharge, closures, weather.discharge),
            _task(f"load/{place}/{stop.berth}", berths, berths.load, closures, weather.load),
            world.pools[place, stop.berth],
            world.stocks[place, self.fleet.service],
            self._runs(world, service, place),
            bool(terminal.yards),
            closures if weather.enter == "do-not-start" else ALWAYS_OPEN,
            closures if weather.leave == "do-not-start" else ALWAYS_OPEN,
        )

    def _runs(self, world: World, service: FleetService, origin: str) -> tuple[Run, ...]:
        runs = []
        sections = world.network.sections(self.fleet.service, origin)
        for section in sections:
            link = world.model.links[section.link]
            speed = min(x for x in (link.speed, self.fleet.speed) if x is not None) * service.pace
            border = section.end if section.end in world.model.borders and section is not sections[-1] else None
            runs.append(
                Run(
                    f"run/{section.link}/{section.start}",
                    world.link_number[section.link],
                    0 if section.start == link.between[0] else 1,
                    snap(link.distance / speed),
                    link.delay,
                    world.tracks.get(section.link),
                    border,
                )
            )
        return tuple(runs)


def _task(key: str, berths: Berths, hours: Variate, closures: Closures, effect: Effect) -> Task:
    each = snap(hours.mean) if hours.constant else None
    return Task(key, berths.per == "vehicle", hours, each, berths.fixed, berths.cranes, closures, effect)


def start_fleets(world: World) -> None:
    """Put every vehicle at a stop, by turns at home and away, and set it going."""
    for name, fleet in world.model.fleets.items():
        line = Line(world, name, fleet)
        places = list(line.halts)
        if fleet.train_sets == "unlimited":
            for place in places:
                world.env.process(form_trains(world, line, line.halts[place]))
            continue
        for number in range(fleet.vessels or int(fleet.train_sets or 0)):
            vehicle = Vehicle(world, line, *own_draws(world, f"{name}/{number}"))
            world.env.process(vehicle.shuttle(places[number % 2]))


def own_draws(world: World, vehicle: str) -> tuple[Draw, Delays]:
    """Draws addressed by vehicle, purpose and how often it was drawn: its n-th voyage meets the n-th value."""
    series: dict[str, Iterator[float]] = {}
    voyages: dict[str, Iterator[tuple[float, ...]]] = {}

    def endless(key: str, variate: Variate, scale: float) -> Iterator[float]:
        done, count = 0, FIRST_DRAWS
        while True:  # a longer draw begins with the shorter one
            yield from world.streams.durations(f"vehicle/{vehicle}/{key}", variate, count, scale).tolist()[done:]
            done, count = count, 4 * count

    def values(key: str, variate: Variate, scale: float) -> Iterator[float]:
        if key not in series:
            series[key] = endless(key, variate, scale)
        return series[key]

    def draw(key: str, variate: Variate) -> float:
        return next(values(key, variate, 1.0))

    def delays(halt: Halt) -> tuple[float, ...]:
        if halt.place not in voyages:
            links = [values(r.key, r.delay, r.hours) if r.delay else repeat(0.0) for r in halt.runs]
            voyages[halt.place] = zip(*links, strict=True)
        return next(voyages[halt.place])

    return draw, delays


def cargo_draws(traffic: Traffic, block: int) -> tuple[Draw, Delays]:
    """Draws of a train made up for one load, addressed by the block that it carries."""

    def draw(key: str, variate: Variate, scale: float = 1.0) -> float:
        return traffic.per_block(f"train/{key}", variate, scale).item(block)

    def delays(halt: Halt) -> tuple[float, ...]:
        return tuple([draw(r.key, r.delay, r.hours) if r.delay else 0.0 for r in halt.runs])

    return draw, delays


def form_trains(world: World, line: Line, halt: Halt) -> Story:
    """Where train sets are never short: make up a train as soon as there is a load for it."""
    while True:
        taker = Taker(world.env, line.accepts, line.room, halt.rule)
        loads = yield from halt.stock.load(taker)
        traffic = loads[0].traffic
        train = Vehicle(world, line, *cargo_draws(traffic, traffic.block_of(loads[0].ids[:1]).item()))
        world.env.process(train.go_once(halt, loads))


class Vehicle:
    """One train set or ship."""

    def __init__(self, world: World, line: Line, draw: Draw, delays: Delays) -> None:
        self.world = world
        self.env = world.env
        self.recorder = world.recorder
        self.line = line
        self.draw = draw
        self.delays = delays
        self.number = world.recorder.vehicles
        world.recorder.vehicles += 1

    def shuttle(self, place: str) -> Story:
        """To and fro for ever."""
        cargo: list[Parcel] = []
        while True:
            halt = self.line.halts[place]
            call = self.call(halt)
            claim = None
            if cargo or not halt.off_berth:
                claim = yield from self.berth(call, halt, cargo)
                yield from self.discharge(call, halt, cargo)
                if halt.off_berth:
                    halt.pool.release(claim)
                    claim = None
            else:
                call.brings_nothing()
            loads = yield from self.take_cargo(call, halt)
            if halt.off_berth and loads:
                claim = yield from self.berth_again(call, halt, loads)
            cargo = yield from self.load(call, halt, loads)
            yield from self.leave(call, halt, cargo)
            if claim is not None:
                halt.pool.release(claim)
            yield from self.run(call, halt, cargo)
            place = halt.other

    def go_once(self, halt: Halt, loads: list[Load]) -> Story:
        """A train made up for one load: loads, runs, discharges, and is gone."""
        call = self.call(halt)
        call.brings_nothing()
        call.opened = call.closed = self.env.now
        claim = yield from self.berth_again(call, halt, loads)
        cargo = yield from self.load(call, halt, loads)
        yield from self.leave(call, halt, cargo)
        halt.pool.release(claim)
        yield from self.run(call, halt, cargo)
        end = self.line.halts[halt.other]
        last = self.call(end)
        claim = yield from self.berth(last, end, cargo)
        yield from self.discharge(last, end, cargo)
        end.pool.release(claim)

    def call(self, halt: Halt) -> Call:
        """It arrives at a stop."""
        return self.recorder.call(self.number, self.line.number, halt.number, self.env.now)

    def berth(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """Wait for open water and a berth, then for room ashore."""
        env = self.env
        priority = _priority([parcel.load for parcel in cargo])
        closed, claim = yield from self._enter(halt, priority, call.arrived)
        call.weather_in = call.arrived + closed
        call.berthed = env.now
        if halt.yards:
            for yard, room in self._rooms(cargo).items():
                yield from yard.take(room)
        call.room = env.now
        return claim

    def berth_again(self, call: Call, halt: Halt, loads: list[Load]) -> Generator[simpy.Event, Any, Claim]:
        """From the roads or the siding to a berth, to load."""
        closed, claim = yield from self._enter(halt, _priority(loads), call.closed)
        call.weather_again = call.closed + closed
        call.reberthed = self.env.now
        call.berth = halt.pool.index
        return claim

    def _enter(self, halt: Halt, priority: int, since: float) -> Generator[simpy.Event, Any, tuple[float, Claim]]:
        """Wait for open water, for a berth, and for open water once more; returns the closed hours, and the berth."""
        if not halt.entering.starts:
            return 0.0, (yield from halt.pool.seize(priority, since))
        before = yield from self._until_open(halt.entering)
        claim = yield from halt.pool.seize(priority, since)
        after = yield from self._until_open(halt.entering)
        return before + after, claim

    def _until_open(self, closures: Closures) -> Story:
        """Wait while closed; returns the hours of it."""
        opened = closures.next_open(self.env.now)
        closed = opened - self.env.now
        if closed > 0:
            yield self.env.timeout(closed)
        return closed

    def _rooms(self, cargo: list[Parcel]) -> dict[Yard, float]:
        """The yard room that the cargo on board needs here, by yard."""
        rooms: dict[Yard, float] = {}
        for parcel in cargo:
            load = parcel.load
            yard = self.world.yard_for(load.traffic, load.leg + 1)
            if yard is not None:
                rooms[yard] = rooms.get(yard, 0.0) + load.room
        return rooms

    def discharge(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """All cargo goes ashore; the crane's times are known when it begins."""
        call.berth = halt.pool.index
        now = end = self.env.now
        if cargo:
            task = halt.discharge
            loads = [parcel.load for parcel in cargo]
            moves, end = self._work(task, loads, now + task.fixed)
            for (load, lifted, loaded), (begins, ends) in zip(cargo, moves, strict=True):
                traffic, leg, ids = load.traffic, load.leg, load.ids
                call.space_in += load.room
                self.recorder.carry(
                    Carriage(
                        traffic.index, leg, ids, self._origin, call.index, load.ready, lifted, loaded, begins, ends
                    )
                )
                self.world.land(traffic, leg, ids, ends)
        if end > now:
            yield self.env.timeout(end - now)
        call.discharged = end

    def take_cargo(self, call: Call, halt: Halt) -> Story:
        """Wait for a load until full, or as long as the rule says."""
        taker = Taker(self.env, self.line.accepts, self.line.room, halt.rule)
        loads = yield from halt.stock.load(taker)
        call.opened, call.closed = taker.opened, self.env.now
        return loads

    def load(self, call: Call, halt: Halt, loads: list[Load]) -> Story:
        """Cranes began with the first box that was there; now the load is known, and with it their times."""
        now = start = end = self.env.now
        if not halt.off_berth:
            call.weather_again = call.reberthed = call.closed
            start = call.opened
        cargo: list[Parcel] = []
        if loads:
            task = halt.load
            if halt.off_berth or not call.space_in:
                start += task.fixed
            moves, end = self._work(task, loads, start, in_turn=True)
            cargo = [Parcel(load, *hours) for load, hours in zip(loads, moves, strict=True)]
        if end > now:
            yield self.env.timeout(end - now)
        call.loaded = self.env.now
        call.space_out = sum([load.room for load in loads])
        return cargo

    def leave(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """Wait for open water, and go; the room in the yard is free again."""
        if halt.leaving.starts:
            yield from self._until_open(halt.leaving)
        call.weather_out = self.env.now
        if halt.yards:
            for parcel in cargo:
                yard = self.world.yard_for(parcel.load.traffic, parcel.load.leg)
                if yard is not None:
                    yard.give_back(parcel.load.room)
        self._origin = call.index
        self.recorder.trips += 1

    def _work(
        self, task: Task, loads: list[Load], start: float, *, in_turn: bool = False
    ) -> tuple[list[tuple[Hours, Hours]], float]:
        """Begin and end of each unit's move, by load, and when all is done. Either all units are there from the start,
        in the order of `loads`, or they come in turn: priority first, then in order of readiness."""
        if task.whole:
            begin = max(start, self.env.now)
            hours = self.draw(task.key, task.hours) if task.each is None else task.each
            end = work_whole(begin, hours, task.closures, task.effect)
            return [(begin, end)] * len(loads), end
        edges = [0, *accumulate([len(load.ids) for load in loads])]
        moves = task.moves(loads, edges[-1])
        ready = order = None
        if in_turn:
            ready = _joined([load.ready for load in loads])
            if len(loads) > 1:
                order = _turns(loads, ready)
                moves, ready = moves[order], ready[order]
        begins, ends = work(start, ready, moves, task.cranes, task.closures, task.effect)
        done = float(ends.max())
        if len(loads) == 1:
            return [(begins, ends)], done
        if order is not None:
            back = order.argsort()
            begins, ends = begins[back], ends[back]
        return [(begins[a:b], ends[a:b]) for a, b in pairwise(edges)], done

    def run(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """Link by link to the other stop; an event only where there may be a wait."""
        env, segments = self.env, self.recorder.segments
        t = env.now
        for run, delay in zip(halt.runs, self.delays(halt), strict=True):
            path = entered = t
            if run.track is not None:
                if t > env.now:
                    yield env.timeout(t - env.now)
                path, entered = run.track.enter(t, run.direction)
            moved = entered + run.hours
            ended = moved + delay
            segments.fromlist([call.index, run.link, run.direction, t, path, entered, moved, ended])
            t = ended
            if run.border is not None and cargo:
                t = yield from self.cross(call, run.border, cargo, t)
        if t > env.now:
            yield env.timeout(t - env.now)

    def cross(self, call: Call, place: str, cargo: list[Parcel], t: float) -> Generator[simpy.Event, Any, float]:
        """The whole train stops at a border from `t` until its papers are done; returns that hour."""
        desk = self.world.desks[place]
        first = cargo[0].load
        hours = desk.hours(first.traffic).item(first.traffic.block_of(first.ids[:1]).item())
        if desk.pool is None:
            granted, end = t, desk.done(t, hours)
        else:
            if t > self.env.now:
                yield self.env.timeout(t - self.env.now)
            claim = yield from desk.pool.seize(_priority([parcel.load for parcel in cargo]))
            granted, end = self.env.now, desk.done(self.env.now, hours)
            yield self.env.timeout(end - granted)
            desk.pool.release(claim)
        self.recorder.stops.fromlist([call.index, self.world.place_number[place], t, granted, end])
        return end


def _priority(loads: list[Load]) -> int:
    return min([load.traffic.priority for load in loads], default=1)


def _joined(parts: list[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _turns(loads: list[Load], ready: Floats) -> Ids:
    """The order of work: priority first, then in order of readiness."""
    ranks = [load.traffic.priority for load in loads]
    if min(ranks) == max(ranks):
        return ready.argsort(kind="stable")
    return np.lexsort((ready, np.repeat(ranks, [len(load.ids) for load in loads])))
