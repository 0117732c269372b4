"""The story of a train set or a ship: it waits for a berth, discharges, takes cargo, leaves, runs, and begins anew at
the other end. Trains and ships differ in their numbers, not in their story."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.model.calendars import ALWAYS_OPEN, Closures
from sim.model.clock import Actor, Story, Streams
from sim.model.facilities import HAIR, Pool, Track, Yard
from sim.model.grid import INF, Floats, Hours, Ids, snap
from sim.model.handling import work, work_whole
from sim.model.journal import PACK_STOP, PACK_STRETCH, Call, Claim, Recorder
from sim.model.stock import Lane, Load, Part, Rule, Stock, Taker
from sim.network import Section, load_share
from sim.scenario.schema import Berths, Effect, Fleet, FleetService
from sim.scenario.values import Variate

if TYPE_CHECKING:
    from sim.model.world import World

Voyage = tuple[list[float], int]  # hours of delay on each stretch, and where the recorder keeps those of each link
FIRST_DRAWS = 64  # values drawn ahead for each vehicle and purpose


@dataclass(frozen=True, slots=True)
class Stretch:
    """Links that are run without a wait between them: a track may hold the train up before it, a border after it."""

    index: int  # in the journal
    track: Track | None
    direction: int
    hours: float  # undisturbed
    first: int  # of all links of the way, the first of these
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

    def moves(self, cargo: Load) -> Hours:
        """Hours of the move of each unit."""
        if self.each is not None:
            return self.each
        if len(cargo.parts) == 1:
            return cargo.parts[0][0].traffic.per_unit(self.key, self.hours, cargo.ids)
        drawn, end = [], 0
        for stage, count in cargo.parts:
            begin, end = end, end + count
            drawn.append(stage.traffic.per_unit(self.key, self.hours, cargo.ids[begin:end]))
        return np.concatenate(drawn)

    def work(
        self, start: float, ready: Floats | None, moves: Hours, count: int, classes: Ids | None = None
    ) -> tuple[Floats, Floats, float]:
        """Begin and end of each unit's move, and when all is done, by these cranes: see `handling.work`."""
        return work(start, ready, moves, count, self.cranes, self.closures, self.effect, classes, self.shared)


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
    lane: Lane  # at the stock
    stretches: tuple[Stretch, ...]  # the way to the other stop
    links: int  # of all these
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
        self.voyages: dict[tuple[str, int, str], tuple[Floats, int]] = {}  # of these trains, as of `lay_out_voyages`

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
        stock = world.stocks[place, self.fleet.service]
        stretches = self._stretches(world, service, place)
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
            stock,
            stock.lane(self.accepts),
            stretches,
            sum([len(stretch.delays) for stretch in stretches]),
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
                stretches.append(self._stretch(world, service, part, border, sum([len(s.delays) for s in stretches])))
                part = []
        return tuple(stretches)

    def _stretch(
        self, world: World, service: FleetService, sections: list[Section], border: str | None, first: int
    ) -> Stretch:
        links = [world.model.links[section.link] for section in sections]
        ways = [0 if x.start == link.between[0] else 1 for x, link in zip(sections, links, strict=True)]
        speeds = [min(v for v in (link.speed, self.fleet.speed) if v is not None) * service.pace for link in links]
        hours = [snap(link.distance / speed) for link, speed in zip(links, speeds, strict=True)]
        numbers = [world.link_number[section.link] for section in sections]
        world.recorder.ways.append(list(zip(numbers, ways, hours, strict=True)))
        delays = [(f"run/{x.link}/{x.start}", link.delay, h) for x, link, h in zip(sections, links, hours, strict=True)]
        track = world.tracks.get(sections[0].link)
        return Stretch(len(world.recorder.ways) - 1, track, ways[0], sum(hours), first, tuple(delays), border)


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
                Actor(world.env, form_trains(world, line, line.halts[place]), "forming of trains")
            continue
        vehicles = fleet.vessels or int(fleet.train_sets or 0)
        draws = FleetDraws(world.streams, world.recorder, name, vehicles)
        for number in range(vehicles):
            vehicle = Shuttle(world, line, draws, number)
            vehicle.actor = Actor(world.env, vehicle.shuttle(places[number % 2]), "vehicle")


class FleetDraws:
    """Draws for the vehicles of a fleet, addressed by vehicle, purpose and how often it was drawn: a vehicle's n-th
    voyage meets the n-th value. They are drawn ahead for all vehicles together, and again for one that needs more."""

    def __init__(self, streams: Streams, recorder: Recorder, fleet: str, vehicles: int) -> None:
        self._streams = streams
        self._recorder = recorder
        self._names = [f"vehicle/{fleet}/{number}" for number in range(vehicles)]
        self._series: dict[str, list[Iterator[float]]] = {}
        self.voyages: dict[str, list[Iterator[Voyage]]] = {}

    def hours(self, number: int, key: str, variate: Variate) -> float:
        """The next of those that this vehicle draws for this purpose."""
        if key not in self._series:
            self._series[key] = self._for_all(lambda names, n: self._values(names, key, variate, 1.0, n).tolist())
        return next(self._series[key][number])

    def sail(self, halt: Halt) -> None:
        """The voyages of each vehicle from here."""
        self.voyages[halt.place] = self._for_all(lambda names, n: self._sail(names, halt, n))

    def _for_all(self, values: Callable[[list[str], int], list[Any]]) -> list[Iterator[Any]]:
        """What is drawn for each vehicle, without end: a longer draw begins with the shorter one."""
        first = values(self._names, FIRST_DRAWS)

        def more(name: str) -> Iterator[Any]:
            done = FIRST_DRAWS
            while True:
                yield from islice(values([name], 4 * done)[0], done, None)
                done *= 4

        return [chain(some, more(name)) for some, name in zip(first, self._names, strict=True)]

    def _values(self, names: list[str], key: str, variate: Variate, scale: float, count: int) -> Floats:
        return self._streams.table([f"{name}/{key}" for name in names], variate, count, scale)

    def _sail(self, names: list[str], halt: Halt, count: int) -> list[Iterable[Voyage]]:
        """The delays of so many voyages of each vehicle."""

        def drawn(key: str, law: Variate, hours: float) -> Floats:
            return self._values(names, key, law, hours, count)

        late, begin = lay_out_voyages(self._recorder, halt, drawn, (len(names), count))
        of_each = count * halt.links  # numbers that the recorder keeps
        return [
            zip(voyages, range(begin + n * of_each, begin + (n + 1) * of_each, halt.links), strict=True)
            for n, voyages in enumerate(late.tolist())
        ]


def lay_out_voyages(
    recorder: Recorder, halt: Halt, drawn: Callable[[str, Variate, float], Floats], shape: tuple[int, ...]
) -> tuple[Floats, int]:
    """Hours of delay of voyages, on each stretch: an array of this shape and one dimension more. And where the recorder
    keeps those on each link, `drawn` by key, law and undisturbed hours."""
    late = [
        np.zeros(shape) if law is None else drawn(key, law, hours)
        for stretch in halt.stretches
        for key, law, hours in stretch.delays
    ]
    table = np.stack(late, axis=-1)
    return np.add.reduceat(table, [stretch.first for stretch in halt.stretches], axis=-1), recorder.keep(table)


def form_trains(world: World, line: Line, halt: Halt) -> Story[None]:
    """Where train sets are never short: make up a train as soon as there is a load for it."""
    while True:
        taker = Taker(world.env.acting, line.room, halt.rule, world.env.now, world.env.now)
        if halt.stock.line_up(halt.lane, taker):
            yield None
        cargo = halt.stock.load(halt.lane)
        assert cargo is not None
        train = BlockTrain(world, line, cargo)
        train.actor = Actor(world.env, train.go_once(halt, cargo), "train")


class Vehicle(ABC):
    """One train set or ship."""

    actor: Actor

    def __init__(self, world: World, line: Line) -> None:
        self.world = world
        self.env = world.env
        self.recorder = world.recorder
        self.line = line
        self.cargo: Load | None = None  # on board, or about to be
        self.call: Call | None = None  # that is not over
        self.number = world.recorder.vehicles
        world.recorder.vehicles += 1
        world.vehicles[self.number] = self

    @abstractmethod
    def draw(self, key: str, variate: Variate) -> float:
        """Hours that it draws for a purpose."""

    @abstractmethod
    def delays(self, halt: Halt) -> Voyage:
        """Those of its voyage from here."""

    def berth(self, halt: Halt, cargo: Load | None, now: float) -> Story[tuple[float, Claim, float]]:
        """Wait for open water, for a berth, and for open water once more; returns `now` put off by the closed hours,
        the berth, and the hour at which it is there."""
        closures, since = halt.entering, now
        opened = closures.next_open(now)
        if opened > now:
            yield opened
        claim, waits = halt.pool.ask(1 if cargo is None else cargo.priority, since, opened)
        if not waits and opened == now:
            return now, claim, now
        called = opened
        if waits:
            yield None
            called = self.env.now
        again = closures.next_open(called)
        if again > called:
            yield again
        return opened + (again - called), claim, again

    def find_room(self, cargo: Load, now: float) -> Story[float]:
        """Wait for room ashore in each of the yards that the cargo needs; returns the hour at which there is."""
        for yard, room in self.rooms(cargo).items():
            if yard.ask(room, now):
                yield None
                now = self.env.now
        return now

    def rooms(self, cargo: Load) -> dict[Yard, float]:
        """The yard room that the cargo on board needs here, by yard."""
        rooms: dict[Yard, float] = {}
        for stage, count in cargo.parts:
            yard = stage.following.yard if stage.following is not None else None
            if yard is not None:
                rooms[yard] = rooms.get(yard, 0.0) + count * stage.traffic.space
        return rooms

    def discharge(self, call: Call, halt: Halt, cargo: Load | None, now: float) -> float:
        """All cargo goes ashore; the crane's times are known when it begins. Returns when it is done."""
        if cargo is None:
            return now
        begins, ends, end = self.work(halt.discharge, cargo, now, max(now, call.berthed + halt.discharge.fixed))
        call.space_in = cargo.room
        hours = (cargo.ready, cargo.lifted, cargo.loaded, begins, ends, 0.0, 0.0, 0.0)
        self.recorder.carry((cargo.parts, cargo.ids, self.origin, call.index, *hours))
        self.world.land(cargo.parts, cargo.ids, ends)
        self.cargo = None
        return end

    def load_and_leave(self, call: Call, halt: Halt, cargo: Load | None, now: float) -> Story[float]:
        """Cranes began with the first box that was there; now the load is known, and with it their times. Then wait
        for open water, and go: the room in the yard is free again. Returns the hour."""
        start, moored = now, call.reberthed
        if not halt.off_berth:
            call.weather_again = call.reberthed = now
            start, moored = call.opened, call.berthed
        if cargo is not None:
            if halt.off_berth or not call.space_in:
                start = max(start, moored + halt.load.fixed)
            cargo.lifted, cargo.loaded, end = self.work(halt.load, cargo, now, start, in_turn=True)
            if end > now:
                yield end
                now = end
            call.space_out = cargo.room
        call.loaded = now
        opened = halt.leaving.next_open(now)
        if opened > now:
            yield opened
            now = opened
        call.weather_out = now
        if halt.yards and cargo is not None:
            for stage, count in cargo.parts:
                if stage.yard is not None:
                    stage.yard.give_back(count * stage.traffic.space, now)
        self.origin = call.index
        self.recorder.over(call)
        self.call = None
        self.recorder.trips += 1
        return now

    def work(
        self, task: Task, cargo: Load, now: float, start: float, *, in_turn: bool = False
    ) -> tuple[Hours, Hours, float]:
        """Begin and end of each unit's move, and when all is done. Either all units are there from the start, in the
        order of discharge, or they come in turn: priority first, then in order of readiness."""
        if task.whole:
            hours = self.draw(task.key, task.hours) if task.each is None else task.each
            begin, end = work_whole(max(start, now), hours, task.closures, task.effect)
            return begin, end, end
        moves = task.moves(cargo)
        ready = cargo.ready if in_turn else start
        if isinstance(ready, float):
            return task.work(max(start, ready), None, moves, len(cargo.ids))
        if len(cargo.parts) == 1:
            return task.work(start, ready, moves, len(cargo.ids))
        order, classes = _in_order_of_loading(cargo.parts, ready)
        moves = moves if isinstance(moves, float) else moves[order]
        begins, ends = np.empty_like(ready), np.empty_like(ready)
        begins[order], ends[order], done = task.work(start, ready[order], moves, len(order), classes)
        return begins, ends, done

    def run(self, call: Call, halt: Halt, cargo: Load | None, now: float) -> Story[float]:
        """Stretch by stretch to the other stop; an event only where there may be a wait. Returns when it is there."""
        env, recorder, t = self.env, self.recorder, now
        delays, drawn = self.delays(halt)
        for number, stretch in enumerate(halt.stretches):
            path = entered = t
            if stretch.track is not None:
                if t > now:
                    yield t
                    now = t
                path, entered = stretch.track.enter(t, stretch.direction)
            recorder.stretches.fresh += PACK_STRETCH(call.index, stretch.index, t, path, entered, drawn + stretch.first)
            t = entered + stretch.hours + delays[number]
            if stretch.border is not None and cargo is not None:
                t = yield from self.cross(call, stretch.border, cargo, t)
                now = env.now
        if t > now:
            yield t
        return t

    def cross(self, call: Call, place: str, cargo: Load, t: float) -> Story[float]:
        """The whole train stops at a border from `t` until its papers are done; returns that hour."""
        env, desk = self.env, self.world.borders[place]
        traffic = cargo.parts[0][0].traffic
        hours = desk.hours(traffic).item(traffic.block_of_first(cargo.ids))
        if desk.pool is None:
            granted, end = t, desk.done(t, hours)
        else:
            if t > env.now:
                yield t
            claim, waits = desk.pool.ask(cargo.priority, t, t)
            if waits:
                yield None
            granted, end = env.now, desk.done(env.now, hours)
            yield end
            desk.pool.release(claim, end)
        self.recorder.stops.fresh += PACK_STOP(call.index, self.world.place_number[place], t, granted, end)
        return end


class Shuttle(Vehicle):
    """One of so many train sets or ships. What it draws is addressed by its number in the fleet."""

    def __init__(self, world: World, line: Line, draws: FleetDraws, number: int) -> None:
        super().__init__(world, line)
        self.draws = draws
        self.of_fleet = number

    def draw(self, key: str, variate: Variate) -> float:
        return self.draws.hours(self.of_fleet, key, variate)

    def delays(self, halt: Halt) -> Voyage:
        voyages = self.draws.voyages
        if halt.place not in voyages:
            self.draws.sail(halt)
        return next(voyages[halt.place][self.of_fleet])

    def shuttle(self, place: str) -> Story[None]:
        """To and fro for ever."""
        env, line, recorder = self.env, self.line, self.recorder
        cargo: Load | None = None
        now = env.now
        while True:
            halt = line.halts[place]
            call = self.call = recorder.call(self.number, line.number, halt.number, now)
            claim = None
            if cargo is not None or not halt.off_berth:
                call.weather_in, claim, now = yield from self.berth(halt, cargo, now)
                call.berth, call.berthed = halt.pool.index, now
                if halt.yards and cargo is not None:
                    now = yield from self.find_room(cargo, now)
                call.room = now
                end = self.discharge(call, halt, cargo, now)
                if end > now:
                    yield end
                now = call.discharged = end
                if halt.off_berth:
                    halt.pool.release(claim, now)
                    claim = None
            else:
                call.brings_nothing()
            taker = Taker(self.actor, line.room, halt.rule, call.berthed, now)
            if halt.stock.line_up(halt.lane, taker):
                yield None
            cargo = self.cargo = halt.stock.load(halt.lane)
            call.opened, now = taker.opened, taker.closing
            call.closed = now
            if halt.off_berth and cargo is not None:
                call.weather_again, claim, now = yield from self.berth(halt, cargo, now)
                call.berth, call.reberthed = halt.pool.index, now
            now = yield from self.load_and_leave(call, halt, cargo, now)
            if claim is not None:
                halt.pool.release(claim, now)
            now = yield from self.run(call, halt, cargo, now)
            place = halt.other


class BlockTrain(Vehicle):
    """A train made up for one load. What it draws is addressed by the block of the first unit, and by how many trains
    began with that block before."""

    def __init__(self, world: World, line: Line, cargo: Load) -> None:
        super().__init__(world, line)
        self.cargo = cargo
        self.traffic = cargo.parts[0][0].traffic
        self.block = self.traffic.block_of_first(cargo.ids)
        number = line.begun.get((self.traffic.index, self.block), 0) + 1
        line.begun[self.traffic.index, self.block] = number
        self.draws = "train" if number == 1 else f"train/{number}"

    def draw(self, key: str, variate: Variate) -> float:
        return self._drawn(key, variate, 1.0).item(self.block)

    def delays(self, halt: Halt) -> Voyage:
        line = self.line
        known = (halt.place, self.traffic.index, self.draws)
        if known not in line.voyages:
            blocks = (self.traffic.count // self.traffic.block,)
            line.voyages[known] = lay_out_voyages(self.recorder, halt, self._drawn, blocks)
        late, begin = line.voyages[known]
        return late[self.block].tolist(), begin + self.block * halt.links

    def _drawn(self, key: str, law: Variate, hours: float) -> Floats:
        """Of each block, law times hours."""
        return self.traffic.per_block(f"{self.draws}/{key}", law, hours)

    def go_once(self, halt: Halt, cargo: Load) -> Story[None]:
        """A train made up for one load: loads, runs, discharges, and is gone."""
        env, line, recorder = self.env, self.line, self.recorder
        call = self.call = recorder.call(self.number, line.number, halt.number, env.now)
        call.brings_nothing()
        call.opened = call.closed = env.now
        call.weather_again, claim, now = yield from self.berth(halt, cargo, env.now)
        call.berth, call.reberthed = halt.pool.index, now
        now = yield from self.load_and_leave(call, halt, cargo, now)
        halt.pool.release(claim, now)
        now = yield from self.run(call, halt, cargo, now)
        halt = line.halts[halt.other]
        call = self.call = recorder.call(self.number, line.number, halt.number, now)
        call.weather_in, claim, now = yield from self.berth(halt, cargo, now)
        call.berth, call.berthed = halt.pool.index, now
        if halt.yards:
            now = yield from self.find_room(cargo, now)
        call.room = now
        end = self.discharge(call, halt, cargo, now)
        if end > now:
            yield end
        call.discharged = end
        recorder.over(call)
        self.call = None
        halt.pool.release(claim, end)
        del self.world.vehicles[self.number]


def _in_order_of_loading(parts: list[Part], ready: Floats) -> tuple[Ids, Ids | None]:
    """Positions of the units, priority first, then by readiness; and their classes, if there are several."""
    if parts[0][0].traffic.priority == parts[-1][0].traffic.priority:
        return ready.argsort(kind="stable"), None
    classes = np.repeat([stage.traffic.priority for stage, _ in parts], [count for _, count in parts])
    order = np.lexsort((ready, classes))
    return order, classes[order]
