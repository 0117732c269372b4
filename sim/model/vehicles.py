"""The story of a train set or a ship: it waits for a berth, discharges, takes cargo, leaves, runs, and begins anew at
the other end. Trains and ships differ in their numbers, not in their story."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import simpy

from sim.model.calendars import ALWAYS_OPEN, Closures
from sim.model.clock import Floats, snap
from sim.model.facilities import Claim, Pool, Story, Track, Yard
from sim.model.handling import work, work_whole
from sim.model.journal import Call, Carriage
from sim.model.stock import INF, Load, Rule, Stock, Taker
from sim.network import load_share
from sim.scenario.schema import Berths, Fleet, FleetService, Stop, Weather
from sim.scenario.values import Variate

if TYPE_CHECKING:
    from sim.model.demand import Traffic
    from sim.model.world import World

Times = Floats | float  # of each unit, or of all together
Draw = Callable[[str, Variate, float], float]
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
class Halt:
    """One stop of a service as a fleet sees it."""

    place: str
    number: int
    other: str
    stop: Stop
    rule: Rule
    berths: Berths
    pool: Pool
    stock: Stock
    runs: tuple[Run, ...]  # the way to the other stop
    weather: Weather
    closures: Closures  # of the terminal
    entering: Closures  # the same where they hold up the phase, else always open
    leaving: Closures


@dataclass(slots=True)
class Parcel:
    """Cargo on board: what was taken of one traffic, and when each unit was loaded."""

    load: Load
    lifted: Floats | float
    loaded: Floats | float


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
        weather = terminal.weather
        return Halt(
            place,
            world.place_number[place],
            other,
            stop,
            rule,
            terminal.berths[stop.berth],
            world.pools[place, stop.berth],
            world.stocks[place, self.fleet.service],
            self._runs(world, service, place),
            weather,
            closures,
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
            vehicle = Vehicle(world, line, own_draws(world, f"{name}/{number}"))
            world.env.process(vehicle.shuttle(places[number % 2]))


def own_draws(world: World, vehicle: str) -> Draw:
    """Draws addressed by vehicle, purpose and how often it was drawn: its n-th voyage meets the n-th value."""
    drawn: dict[str, list[float]] = {}
    used: dict[str, int] = {}

    def draw(key: str, variate: Variate, scale: float) -> float:
        n = used.get(key, 0)
        used[key] = n + 1
        values = drawn.get(key)
        if values is None or n >= len(values):
            count = FIRST_DRAWS if values is None else 4 * len(values)
            values = world.streams.durations(f"vehicle/{vehicle}/{key}", variate, count, scale).tolist()
            drawn[key] = values
        return values[n]

    return draw


def cargo_draws(traffic: Traffic, block: int) -> Draw:
    """Draws of a train made up for one load, addressed by the block that it carries."""

    def draw(key: str, variate: Variate, scale: float) -> float:
        return float(traffic.per_block(f"train/{key}", variate, scale)[block])

    return draw


def form_trains(world: World, line: Line, halt: Halt) -> Story:
    """Where train sets are never short: make up a train as soon as there is a load for it."""
    while True:
        taker = Taker(line.accepts, line.room, halt.rule, world.env.now)
        loads = yield from halt.stock.load(taker)
        traffic = loads[0].traffic
        draw = cargo_draws(traffic, int(traffic.block_of(loads[0].ids[0])))
        train = Vehicle(world, line, draw)
        world.env.process(train.go_once(halt, loads))


def _last(times: Times) -> float:
    return float(times.max()) if isinstance(times, np.ndarray) else times


class Vehicle:
    """One train set or ship."""

    def __init__(self, world: World, line: Line, draw: Draw) -> None:
        self.world = world
        self.env = world.env
        self.recorder = world.recorder
        self.line = line
        self.draw = draw
        self.number = world.recorder.vehicles
        world.recorder.vehicles += 1

    def shuttle(self, place: str) -> Story:
        """To and fro for ever."""
        cargo: list[Parcel] = []
        while True:
            halt = self.line.halts[place]
            call = self.recorder.call(self.number, self.line.number, halt.number, self.env.now)
            off_berth = halt.stop.waits_at == "off-berth"
            claim = None
            if cargo or not off_berth:
                claim = yield from self.berth(call, halt, cargo)
                yield from self.discharge(call, halt, cargo)
                if off_berth:
                    halt.pool.release(claim)
                    claim = None
            else:
                call.brings_nothing()
            loads = yield from self.take_cargo(call, halt)
            if off_berth and loads:
                claim = yield from self.berth_again(call, halt, loads)
            cargo = yield from self.load(call, halt, loads)
            yield from self.leave(call, halt, cargo)
            if claim is not None:
                halt.pool.release(claim)
            yield from self.run(call, halt, cargo)
            place = halt.other

    def go_once(self, halt: Halt, loads: list[Load]) -> Story:
        """A train made up for one load: loads, runs, discharges, and is gone."""
        call = self.recorder.call(self.number, self.line.number, halt.number, self.env.now)
        call.brings_nothing()
        call.opened = call.closed = self.env.now
        claim = yield from self.berth_again(call, halt, loads)
        cargo = yield from self.load(call, halt, loads)
        yield from self.leave(call, halt, cargo)
        halt.pool.release(claim)
        yield from self.run(call, halt, cargo)
        end = self.line.halts[halt.other]
        last = self.recorder.call(self.number, self.line.number, end.number, self.env.now)
        claim = yield from self.berth(last, end, cargo)
        yield from self.discharge(last, end, cargo)
        end.pool.release(claim)

    def berth(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """Wait for open water and a berth, then for room ashore."""
        closed = 0.0
        if halt.entering.starts:
            closed += yield from self._until_open(halt.entering)
        claim = yield from halt.pool.seize(self._priority([p.load for p in cargo]), call.arrived)
        if halt.entering.starts:
            closed += yield from self._until_open(halt.entering)
        call.weather_in = call.arrived + closed
        call.berthed = self.env.now
        for yard, room in self._rooms(cargo).items():
            yield from yard.take(room)
        call.room = self.env.now
        return claim

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

    def _priority(self, loads: list[Load]) -> int:
        return min((load.traffic.priority for load in loads), default=1)

    def discharge(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """All cargo goes ashore; the crane's times are known when it begins."""
        call.berth = halt.pool.index
        end = self.env.now
        if cargo:
            lowered, landed = self._work(call, halt, "discharge", [p.load for p in cargo], [], self.env.now)
            for parcel, begins, ends in zip(cargo, lowered, landed, strict=True):
                load = parcel.load
                call.space_in += load.room
                self.recorder.carriages.append(
                    Carriage(
                        load.traffic.index,
                        load.leg,
                        load.ids,
                        self._origin,
                        call.index,
                        load.ready,
                        parcel.lifted,
                        parcel.loaded,
                        begins,
                        ends,
                    )
                )
                self.world.land(load.traffic, load.leg, load.ids, ends)
                end = max(end, _last(ends))
        if end > self.env.now:
            yield self.env.timeout(end - self.env.now)
        call.discharged = end

    def take_cargo(self, call: Call, halt: Halt) -> Story:
        """Wait for a load until full, or as long as the rule says."""
        taker = Taker(self.line.accepts, self.line.room, halt.rule, self.env.now)
        loads = yield from halt.stock.load(taker)
        call.opened, call.closed = taker.opened, self.env.now
        return loads

    def berth_again(self, call: Call, halt: Halt, loads: list[Load]) -> Generator[simpy.Event, Any, Claim]:
        """From the roads or the siding to a berth, to load."""
        closed = 0.0
        if halt.entering.starts:
            closed += yield from self._until_open(halt.entering)
        claim = yield from halt.pool.seize(self._priority(loads), call.closed)
        if halt.entering.starts:
            closed += yield from self._until_open(halt.entering)
        call.weather_again = call.closed + closed
        call.reberthed = self.env.now
        call.berth = halt.pool.index
        return claim

    def load(self, call: Call, halt: Halt, loads: list[Load]) -> Story:
        """Cranes began with the first box that was there; now the load is known, and with it their times."""
        start = self.env.now
        if halt.stop.waits_at == "berth":
            call.weather_again = call.reberthed = call.closed
            start = call.opened
        lifted, loaded = self._work(call, halt, "load", loads, [x.ready for x in loads], start)
        cargo = [Parcel(*x) for x in zip(loads, lifted, loaded, strict=True)]
        end = max(map(_last, loaded), default=self.env.now)
        if end > self.env.now:
            yield self.env.timeout(end - self.env.now)
        call.loaded = self.env.now
        call.space_out = sum(x.room for x in loads)
        return cargo

    def leave(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """Wait for open water, and go; the room in the yard is free again."""
        if halt.leaving.starts:
            yield from self._until_open(halt.leaving)
        call.weather_out = self.env.now
        for parcel in cargo:
            yard = self.world.yard_for(parcel.load.traffic, parcel.load.leg)
            if yard is not None:
                yard.give_back(parcel.load.room)
        self._origin = call.index
        self.recorder.trips += 1

    def _work(
        self, call: Call, halt: Halt, task: str, loads: list[Load], ready: list[Floats], start: float
    ) -> tuple[list[Times], list[Times]]:
        """Begin and end of each unit's move, by parcel. Without `ready`, everything is there from the start."""
        if not loads:
            return [], []
        berths, closures = halt.berths, halt.closures
        effect = halt.weather.discharge if task == "discharge" else halt.weather.load
        variate = berths.discharge if task == "discharge" else berths.load
        key = f"{task}/{halt.place}/{halt.stop.berth}"
        if task == "discharge" or halt.stop.waits_at == "off-berth" or not call.space_in:
            start += berths.fixed
        if berths.per == "vehicle":
            begin = max(start, self.env.now)
            end = work_whole(begin, self.draw(key, variate, 1.0), closures, effect)
            return [begin] * len(loads), [end] * len(loads)
        moves = [self._moves(x, key, variate) for x in loads]
        if len(loads) == 1:
            at = ready[0] if ready else np.full(len(moves[0]), start)
            begins, ends = work(start, at, moves[0], berths.cranes, closures, effect)
            return [begins], [ends]
        together = np.concatenate(moves)
        if not ready:
            begins, ends = work(start, np.full(len(together), start), together, berths.cranes, closures, effect)
        else:  # priority first, then in order of readiness
            at = np.concatenate(ready)
            ranks = [x.traffic.priority for x in loads]
            mixed = min(ranks) < max(ranks)
            order = np.lexsort((at, np.repeat(ranks, [len(x) for x in moves]))) if mixed else at.argsort(kind="stable")
            begins, ends = np.empty(len(at)), np.empty(len(at))
            begins[order], ends[order] = work(start, at[order], together[order], berths.cranes, closures, effect)
        edges = list(accumulate(len(x) for x in moves))
        spans = [slice(a, b) for a, b in pairwise([0, *edges])]
        return [begins[s] for s in spans], [ends[s] for s in spans]

    def _moves(self, load: Load, key: str, variate: Variate) -> Floats:
        return load.traffic.per_unit(key, variate)[load.ids - load.traffic.base]

    def run(self, call: Call, halt: Halt, cargo: list[Parcel]) -> Story:
        """Link by link to the other stop; an event only where there may be a wait."""
        env = self.env
        t = env.now
        for run in halt.runs:
            path = entered = t
            if run.track is not None:
                if t > env.now:
                    yield env.timeout(t - env.now)
                path, entered = run.track.enter(t, run.direction)
            moved = entered + run.hours
            ended = moved
            if run.delay is not None:
                ended += self.draw(run.key, run.delay, run.hours)
            self.recorder.segments.extend((call.index, run.link, run.direction, t, path, entered, moved, ended))
            t = ended
            if run.border is not None and cargo:
                t = yield from self.cross(call, run.border, cargo, t)
        if t > env.now:
            yield env.timeout(t - env.now)

    def cross(self, call: Call, place: str, cargo: list[Parcel], t: float) -> Generator[simpy.Event, Any, float]:
        """The whole train stops at a border from `t` until its papers are done; returns that hour."""
        desk = self.world.desks[place]
        first = cargo[0].load
        hours = float(desk.hours(first.traffic)[first.traffic.block_of(first.ids[0])])
        if desk.pool is None:
            granted, end = t, desk.done(t, hours)
        else:
            if t > self.env.now:
                yield self.env.timeout(t - self.env.now)
            claim = yield from desk.pool.seize(self._priority([p.load for p in cargo]))
            granted, end = self.env.now, desk.done(self.env.now, hours)
            yield self.env.timeout(end - granted)
            desk.pool.release(claim)
        self.recorder.stops.extend((call.index, self.world.place_number[place], t, granted, end))
        return end
