"""The corridor told a second time, by its actors: each box, vehicle and crane is a SimPy process of its own.

Written from the description of the scenario language (docs/), for tests: slow, and as plain as the story is. It knows
nothing ahead: a vehicle sees the boxes that stand there, a crane takes the next one. It shares no code with sim.model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import count
from math import ceil, inf

import simpy

from sim.network import Network, load_share
from sim.network.build import Leg
from sim.scenario.schema import Berths, FleetService, IndividualService, Stop, TimetableService
from sim.scenario.values import Variate
from tests.oracles.cargo import Box, Crowd, Desk, Party, Story, all_else, labour, until_open
from tests.oracles.inputs import Calendar, World, on_grid

OPEN = Calendar()


class Entrance:
    """Where trains and ships enter a link: in order of asking, a headway apart, while it is open."""

    def __init__(self, corridor: Corridor, name: str) -> None:
        link = corridor.model.links[name]
        self.env = corridor.env
        self.headway = on_grid(1 / link.paths) if link.paths else 0.0
        self.closures = [corridor.world.outside(link.hours), corridor.calendar(link.calendar)]
        one = simpy.Resource(self.env)
        self.path = {0: one, 1: one if link.track == "single" else simpy.Resource(self.env)}

    def enter(self, direction: int) -> Story:
        path = self.path[direction].request()
        yield path
        yield from self.wait_until_open()
        self.env.process(self._follow(path))

    def wait_until_open(self) -> Story:
        while any(c.opens(self.env.now) > self.env.now for c in self.closures):
            for closures in self.closures:
                yield from until_open(self.env, closures)

    def _follow(self, path: simpy.resources.resource.Request) -> Story:
        yield self.env.timeout(self.headway)
        path.resource.release(path)


class Shift:
    """Discharging or loading at one call. Each crane is a process: it takes the next box until there are no more."""

    def __init__(self, vehicle: Vehicle, halt: Halt, task: str) -> None:
        self.vehicle, self.env, self.streams = vehicle, vehicle.env, vehicle.corridor.world.streams
        self.name = f"{task}/{halt.place}/{halt.stop.berth}"
        self.begin, self.end = ("lifted", "loaded") if task == "load" else ("lowered", "landed")
        self.hours: Variate = getattr(halt.berths, task)
        self.effect, self.closed = getattr(halt.weather, task), halt.closed
        self.begun = False
        self.pile: list[Box] = []
        self.more_to_come = True
        self.news = self.env.event()
        crew = [self.gang()] if halt.berths.per == "vehicle" else [self.crane() for _ in range(halt.berths.cranes)]
        self.crew = [self.env.process(story) for story in crew]

    def bring(self, boxes: list[Box], *, more_to_come: bool = False) -> None:
        self.pile += boxes
        if self.begin == "lifted":
            self.pile.sort(key=lambda box: box.order)
        self.more_to_come = more_to_come
        news, self.news = self.news, self.env.event()
        news.succeed()

    def crane(self) -> Story:
        yield self.env.timeout(max(self.vehicle.moored - self.env.now, 0.0))
        while self.pile or self.more_to_come:
            if not self.pile:
                yield self.news
            elif self.held():
                yield from until_open(self.env, self.closed)
            else:
                box = self.pile.pop(0)
                hours = self.streams.hours(f"{self.name}/{box.way.flow}", self.hours, box.n)
                yield from self.move([box], hours)

    def gang(self) -> Story:
        """All at once, where the time is that of the whole vehicle."""
        while self.more_to_come:
            yield self.news
        yield self.env.timeout(max(self.vehicle.moored - self.env.now, 0.0))
        if self.held():
            yield from until_open(self.env, self.closed)
        boxes, self.pile = self.pile, []
        if boxes:
            yield from self.move(boxes, self.vehicle.draw(self.name, self.hours))

    def held(self) -> bool:
        """Whether nothing may begin now."""
        open_now = self.closed.opens(self.env.now) == self.env.now
        return not open_now and (self.effect == "suspend" or (self.effect == "do-not-start" and not self.begun))

    def move(self, boxes: list[Box], hours: float) -> Story:
        self.begun = True
        for box in boxes:
            box.note(self.begin)
        yield from labour(self.env, hours, self.closed if self.effect == "suspend" else OPEN)
        for box in boxes:
            box.note(self.end)
            if self.end == "landed":
                box.ashore.succeed()


class Halt:
    """One stop of a service: what a vehicle finds there."""

    def __init__(self, corridor: Corridor, service: str, place: str) -> None:
        terminal = corridor.network.terminal(place)
        rule = corridor.model.services[service]
        assert isinstance(rule, FleetService)
        self.place = place
        self.stop: Stop = rule.stops[place]
        self.other = next(p for p in rule.stops if p != place)
        self.berths: Berths = terminal.berths[self.stop.berth]
        self.quay = corridor.quays[place, self.stop.berth]  # its berths, as places that are taken
        self.crowd = corridor.crowds[place, service]
        self.weather = terminal.berths[self.stop.berth].weather or terminal.weather
        self.closed = corridor.calendar(terminal.calendar)
        self.entering = self.closed if self.weather.enter == "do-not-start" else OPEN
        self.leaving = self.closed if self.weather.leave == "do-not-start" else OPEN


class Vehicle:
    """A ship or a train set of a fleet."""

    def __init__(self, corridor: Corridor, fleet: str, name: str) -> None:
        self.corridor, self.env, self.name = corridor, corridor.env, name
        self.fleet = corridor.model.fleets[fleet]
        self.accepts = frozenset(self.fleet.accepts)
        self.most = float(self.fleet.capacity) * load_share(corridor.model, self.fleet)
        self.room = self.most + 1e-9  # ten trucks of 1.1 wagon lengths go into eleven
        service = corridor.model.services[self.fleet.service]
        self.halts = {place: Halt(corridor, self.fleet.service, place) for place in service.stops}
        self.drawn: Counter[str] = Counter()
        self.aboard: list[Box] = []
        self.berth: simpy.Event | None = None
        self.moored = -inf
        self.train = 1  # of those made up that begin with the same block, the first

    def draw(self, key: str, variate: Variate, scale: float = 1.0) -> float:
        """Its n-th draw for this purpose; a train made up for one load draws with the block that it carries."""
        streams = self.corridor.world.streams
        if self.fleet.train_sets == "unlimited":
            box = self.aboard[0]
            name = "train" if self.train == 1 else f"train/{self.train}"
            return streams.hours(f"{name}/{key}/{box.way.flow}", variate, box.block, scale)
        self.drawn[key] += 1
        return streams.hours(f"vehicle/{self.name}/{key}", variate, self.drawn[key] - 1, scale)

    def shuttle(self, place: str) -> Story:
        """To and fro for ever."""
        while True:
            halt = self.halts[place]
            at_berth = halt.stop.waits_at == "berth"
            if self.aboard or at_berth:
                yield from self.enter(halt)
                yield from self.discharge(halt)
            if at_berth:
                shift = Shift(self, halt, "load")
                yield from self.take_cargo(halt, shift)
                yield self.env.all_of(shift.crew)
            else:
                self.clear_berth(halt)
                yield from self.take_cargo(halt)
                if self.aboard:
                    yield from self.load(halt)
            yield from self.leave(halt)
            yield from self.voyage(halt)
            place = halt.other

    def one_trip(self, halt: Halt) -> Story:
        """A train made up for one load is gone when it is discharged."""
        yield from self.load(halt)
        yield from self.leave(halt)
        yield from self.voyage(halt)
        end = self.halts[halt.other]
        yield from self.enter(end)
        yield from self.discharge(end)
        self.clear_berth(end)

    def enter(self, halt: Halt) -> Story:
        """Open water, then a berth, then open water once more."""
        yield from until_open(self.env, halt.entering)
        self.berth = halt.quay.request(min((box.rank for box in self.aboard), default=1))
        yield self.berth
        yield from until_open(self.env, halt.entering)
        self.moored = self.env.now + on_grid(halt.berths.fixed)

    def clear_berth(self, halt: Halt) -> None:
        if self.berth is not None:
            halt.quay.release(self.berth)
        self.berth = None

    def discharge(self, halt: Halt) -> Story:
        """Room ashore first, for all that goes on from here; then the cranes."""
        if not self.aboard:
            return
        for yard, room in self.corridor.rooms(self.aboard, 1).items():
            yield yard.put(room)
        landing = next(self.corridor.landings)
        parties = defaultdict(list)
        for position, box in enumerate(self.aboard):
            box.turn = landing, position
            parties[box.way_number, box.block].append(box)
        for boxes in parties.values():
            Party(self.env, boxes)
        shift = Shift(self, halt, "discharge")
        shift.bring(self.aboard)
        yield self.env.all_of(shift.crew)
        self.aboard = []

    def take_cargo(self, halt: Halt, shift: Shift | None = None) -> Story:
        """Wait for its turn, then until it is full or as long as the rule says; at the berth cranes work meanwhile."""
        crowd, line = halt.crowd, halt.crowd.lines[self.accepts]
        there_since = self.env.now
        line.append(self)
        while line[0] is not self:
            yield crowd.news
        opened = self.env.now
        yield all_else(self.env)
        while (closing := self.closing(halt, there_since, opened)) > self.env.now:
            if shift:
                self.call_forward(crowd, shift, more_to_come=True)
            yield crowd.news if closing == inf else crowd.news | self.env.timeout(closing - self.env.now)
            yield all_else(self.env)
        self.call_forward(crowd, shift, more_to_come=False)
        self.aboard.sort(key=lambda box: box.discharge_order)
        line.pop(0)
        crowd.tell()

    def call_forward(self, crowd: Crowd, shift: Shift | None, *, more_to_come: bool) -> None:
        boxes = crowd.choose(self.accepts, self.room - sum(box.space for box in self.aboard))
        self.aboard += boxes
        if shift:
            shift.bring(boxes, more_to_come=more_to_come)

    def closing(self, halt: Halt, there_since: float, opened: float) -> float:
        """The hour at which it takes no more, if nothing else comes."""
        rule, there = halt.stop, self.aboard + halt.crowd.of(self.accepts)
        if not there:
            return inf if rule.empty_after is None else max(there_since + on_grid(rule.empty_after), opened)
        room = sum(box.space for box in there)
        if room > self.room - min(halt.crowd.smallest[kind] for kind in self.accepts if kind in halt.crowd.smallest):
            return self.env.now
        if room < rule.min_load * self.most:
            return inf
        first = min(box.log[box.leg]["ready"] for box in there)
        since = {"berthing": self.moored, "opening": opened, "first-unit": max(first, opened)}[rule.count_from]
        return since + on_grid(rule.wait)

    def load(self, halt: Halt) -> Story:
        """From the roads or the siding to a berth."""
        yield from self.enter(halt)
        shift = Shift(self, halt, "load")
        shift.bring(self.aboard)
        yield self.env.all_of(shift.crew)

    def leave(self, halt: Halt) -> Story:
        """Open water, and gone: berth and yard are free for others."""
        yield from until_open(self.env, halt.leaving)
        for yard, room in self.corridor.rooms(self.aboard, 0).items():
            yard.get(room)
        self.clear_berth(halt)

    def voyage(self, halt: Halt) -> Story:
        corridor, service = self.corridor, self.corridor.model.services[self.fleet.service]
        for section in (sections := corridor.network.sections(self.fleet.service, halt.place)):
            link = corridor.model.links[section.link]
            speed = min(speed for speed in (link.speed, self.fleet.speed) if speed) * service.pace
            hours = on_grid(link.distance / speed)
            yield from corridor.entrances[section.link].enter(link.between.index(section.start))
            delay = self.draw(f"run/{section.link}/{section.start}", link.delay, hours) if link.delay else 0.0
            yield self.env.timeout(hours + delay)
            if section.end in corridor.borders and section is not sections[-1] and self.aboard:
                desk = corridor.borders[section.end]
                yield from desk.work(desk.hours(self.aboard[0]), min(box.rank for box in self.aboard))


class Corridor:
    """One replication, told by its actors."""

    def __init__(self, network: Network, replication: int) -> None:
        self.network, self.model = network, network.model
        self.world = World(network.model, replication)
        self.env = simpy.Environment(self.world.begin)
        self.landings = count(1)  # which vehicle began to discharge before which
        self.calendar = cache(self.world.calendar)
        self.entrances = {name: Entrance(self, name) for name in self.model.links}
        self.borders = {p: Desk(self, p, rule, self.calendar(rule.calendar)) for p, rule in self.model.borders.items()}
        self.desks, self.quays, self.yards = {}, {}, {}
        for place, terminal in (self.model.terminals | self.model.ports).items():
            if terminal.documents:
                self.desks[place] = Desk(self, place, terminal.documents, OPEN)
            for kind, berths in terminal.berths.items():
                self.quays[place, kind] = simpy.PriorityResource(self.env, berths.count)
            for name, yard in terminal.yards.items():
                self.yards[place, name] = simpy.Container(self.env, float(yard.limit))
        self.crowds: dict[tuple[str, str], Crowd] = defaultdict(lambda: Crowd(self.env))
        self.numbers = count()
        self.begun: dict[str, Counter[tuple[str, int]]] = defaultdict(Counter)  # trains made up of each fleet
        self.boxes = [box for way in range(len(network.itineraries)) for box in self.demand(way)]
        for fleet in sorted(self.model.fleets):
            self.start(fleet)

    def run(self) -> list[Box]:
        self.env.run(until=self.world.end)
        return self.boxes

    def start(self, name: str) -> None:
        """Vehicles begin by turns at both stops; where train sets are never short, each end makes up trains."""
        fleet = self.model.fleets[name]
        places = sorted(self.model.services[fleet.service].stops)
        if fleet.train_sets == "unlimited":
            for place in places:
                self.env.process(self.make_up_trains(name, place))
            return
        for n in range(fleet.vessels or fleet.train_sets or 0):
            self.env.process(Vehicle(self, name, f"{name}/{n}").shuttle(places[n % 2]))

    def make_up_trains(self, fleet: str, place: str) -> Story:
        begun = self.begun[fleet]  # trains that began with a block
        while True:
            train = Vehicle(self, fleet, "")
            yield from train.take_cargo(train.halts[place])
            if train.aboard:
                first = train.aboard[0]
                begun[first.way.flow, first.block] += 1
                train.train = begun[first.way.flow, first.block]
                self.env.process(train.one_trip(train.halts[place]))

    def demand(self, number: int) -> Iterator[Box]:
        """The boxes of one flow on one route, block by block."""
        way = self.network.itineraries[number]
        flow = self.model.demand[way.flow]
        for leg in way.legs:
            self.crowds[leg.origin, leg.service].smallest[flow.cargo] = float(self.model.cargo[flow.cargo].space)
        for block, released in enumerate(self.world.releases(way.flow, flow)):
            if self.world.takes(way.flow, flow, way.route, block, released):
                boxes = [
                    Box(self, number, next(self.numbers), block, block * flow.block + n) for n in range(flow.block)
                ]
                Party(self.env, boxes)
                for box in boxes:
                    self.env.process(self.journey(box, released))
                yield from boxes

    def rooms(self, boxes: list[Box], ahead: int) -> dict[simpy.Container, float]:
        """The yard room that these boxes take where the leg begins on which they are, or the one `ahead` of it."""
        rooms: dict[simpy.Container, float] = defaultdict(float)
        for box in boxes:
            legs = box.way.legs[max(box.leg + ahead - 1, 0) : box.leg + ahead + 1]
            if len(legs) == 2 and all(isinstance(self.model.services[leg.service], FleetService) for leg in legs):
                place, unit = legs[1].origin, self.model.cargo[box.flow.cargo].space.unit
                for name, yard in self.network.terminal(place).yards.items():
                    if yard.limit.unit == unit and yard.direction in (None, box.flow.direction):
                        rooms[self.yards[place, name]] += box.space
                        break
        return rooms

    def journey(self, box: Box, released: float) -> Story:
        """The story of a box."""
        yield self.env.timeout(released - self.env.now)
        for number, leg in enumerate(box.way.legs):
            box.leg = number
            box.note("ready")
            match self.model.services[leg.service]:
                case FleetService():
                    yield from self.crowds[leg.origin, leg.service].carry(box)
                case TimetableService() as service:
                    yield from self.by_timetable(box, leg, service)
                case service:
                    yield from self.by_itself(box, leg, service)
            if leg is box.way.legs[-1]:
                box.finished = self.env.now
            elif leg.destination in self.desks:
                yield from self.desks[leg.destination].release(box)

    def by_timetable(self, box: Box, leg: Leg, service: TimetableService) -> Story:
        """The first departure for which it is there in time; there is room for all."""
        streams, key, every = self.world.streams, f"service/{leg.service}/{leg.origin}", on_grid(service.every)
        first = self.world.begin + on_grid(streams.uniform(f"{key}/phase", 0) * every)
        n = max(ceil((self.env.now + service.stops[leg.origin].cutoff - first) / every), 0)
        yield self.env.timeout(first + n * every - self.env.now)
        box.note("lifted")
        box.note("loaded")
        if service.time:
            hours = streams.hours(f"{key}/time", service.time, n)
        else:
            links = [self.model.links[s.link] for s in self.network.sections(leg.service, leg.origin)]
            hours = on_grid(sum(link.distance / link.speed for link in links))
        if service.late and streams.uniform(f"{key}/is-late", n) >= service.on_time:
            hours += streams.hours(f"{key}/late", service.late, n)
        yield self.env.timeout(hours)
        box.note("lowered")
        release = service.stops[leg.destination].release
        if release:
            name = f"service/{leg.service}/{leg.destination}/release/{box.way.flow}"
            yield self.env.timeout(streams.hours(name, release, box.block))
        box.note("landed")

    def by_itself(self, box: Box, leg: Leg, service: IndividualService) -> Story:
        """Off at once, over every link and border by itself; paths are no matter."""
        streams, key = self.world.streams, f"service/{leg.service}/{leg.origin}"
        box.note("lifted")
        box.note("loaded")
        if service.time:
            yield self.env.timeout(streams.hours(f"{key}/time/{box.way.flow}", service.time, box.block))
        else:
            for section in (sections := self.network.sections(leg.service, leg.origin)):
                link = self.model.links[section.link]
                yield from self.entrances[section.link].wait_until_open()
                hours = on_grid(link.distance / (link.speed * service.pace))
                name = f"{key}/{section.link}/{box.way.flow}"
                delay = streams.hours(name, link.delay, box.block, hours) if link.delay else 0.0
                yield self.env.timeout(hours + delay)
                if section.end in self.borders and section is not sections[-1]:
                    yield from self.borders[section.end].release(box)
        box.note("lowered")
        box.note("landed")
