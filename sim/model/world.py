"""One replication: everything of the scenario put in its place, and set going."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.model.calendars import ALWAYS_OPEN, Closures, Times, lay_out, outside
from sim.model.carriers import Section, carry, queues_on
from sim.model.clock import Actor, Clock, Story, Streams
from sim.model.demand import Traffic, all_released
from sim.model.demand import lay_out as lay_out_demand
from sim.model.documents import Desk
from sim.model.facilities import Pool, Track, Yard
from sim.model.grid import Floats, Hours, Ids, of_each, snap
from sim.model.journal import ROOMS, STOPS, Journal, Recorder, Table, leg_key, segments_table, table
from sim.model.stock import Part, Stage, Stock
from sim.model.vehicles import Vehicle, start_fleets
from sim.network import Network, yard_before
from sim.scenario.schema import Documents, FleetService, Terminal


def simulate(network: Network, replication: int = 0, *, check: bool = False) -> Journal:
    """Run one replication of a scenario and return its journal. The same seed and replication give the same journal
    to the bit. `check`: account for every box, vehicle and place after every event, which is slow; raises
    ConservationError."""
    collecting = gc.isenabled()
    gc.disable()  # a run makes few cycles, and looking for them would take a fifth of its time
    try:
        world = _checked(network, replication) if check else World(network, replication)
        world.run()
        return world.journal()
    finally:
        if collecting:
            gc.enable()


def _checked(network: Network, replication: int) -> World:
    from sim.model.check import CheckedWorld  # made of what stands here, and rarely asked for

    return CheckedWorld(network, replication)


class World:
    """The state of one replication."""

    def __init__(self, network: Network, replication: int) -> None:
        model = network.model
        run = model.run
        self.network = network
        self.model = model
        self.replication = replication
        self.times = Times(run.start, snap(-run.warm_up), snap(run.length + run.run_out))
        self.streams = Streams(run.seed, replication)
        self.env = Clock(self.times.begin)
        self.places = list(model.places)
        self.place_number = {p: i for i, p in enumerate(self.places)}
        self.links = list(model.links)
        self.link_number = {x: i for i, x in enumerate(self.links)}
        self.fleets = list(model.fleets)
        self.facilities: list[str] = []  # "place/facility"
        self.capacities: list[float] = []
        self._closures: dict[str, Closures] = {}
        self.traffic = lay_out_demand(network, self.times, self.streams)
        self.recorder = Recorder(sum(t.count * len(t.itinerary.legs) for t in self.traffic))
        counts = [t.count for t in self.traffic]
        self.finished = np.full(sum(counts), np.nan)  # of each unit
        orders = np.repeat(np.array([t.order for t in self.traffic], np.min_scalar_type(len(counts))), counts)
        self.pools: dict[tuple[str, str], Pool] = {}
        self.sections: dict[tuple[str, str], list[Section]] = {}  # of consignments that go by themselves
        self.timetables: dict[str, tuple[Floats, Floats, Floats]] = {}
        self.yards: dict[tuple[str, str], Yard] = {}
        self.cranes: dict[tuple[str, str], list[float]] = {}  # that serve all berths of a kind: when each is free
        self.desks: dict[str, Desk] = {}  # of terminals and ports
        self.borders: dict[str, Desk] = {}
        self._build_places()
        self.tracks = self._build_tracks()
        self.stocks = {
            (place, name): Stock(self.env, self.traffic, orders, place, name)
            for name, service in model.services.items()
            if isinstance(service, FleetService)
            for place in service.stops
        }
        self.stages = [self._stages(t) for t in self.traffic]
        self._alone: dict[Stage, list[tuple[Ids, Hours]]] = {}
        self.vehicles: dict[int, Vehicle] = {}  # that there are now, by number
        start_fleets(self)
        for t in sorted(self.traffic, key=lambda t: t.rank):
            self._forward(self.stages[t.index][0], t.ids, t.released)

    @property
    def itinerary(self) -> NDArray[np.int32]:
        """The number of the itinerary of each unit."""
        return np.repeat(np.arange(len(self.traffic), dtype=np.int32), [t.count for t in self.traffic])

    def closures(self, calendar: str | None) -> Closures:
        """The closed windows of a calendar in this replication; none: always open."""
        if calendar is None:
            return ALWAYS_OPEN
        if calendar not in self._closures:
            self._closures[calendar] = lay_out(self.model.calendars, calendar, self.times, self.streams)
        return self._closures[calendar]

    def hours(self, window: tuple[float, float] | None) -> Closures:
        """Closed outside a daily window; none: always open."""
        if window is None:
            return ALWAYS_OPEN
        key = f"hours/{window}"
        if key not in self._closures:
            self._closures[key] = outside(window, self.times)
        return self._closures[key]

    def land(self, parts: list[Part], ids: Ids, landed: Hours) -> None:
        """Units stand at the end of a leg at the times `landed`, known ahead: they have arrived, or go on."""
        begin = 0
        for stage, count in parts:
            some, at = ids, landed
            if len(parts) > 1:
                end = begin + count
                some, at = ids[begin:end], landed if isinstance(landed, float) else landed[begin:end]
                begin = end
            desk, following = stage.desk, stage.following
            if following is None:
                self.finished[some] = at
            elif following.alone and (desk is None or desk.pool is None):
                self._alone.setdefault(stage, []).append((some, at))
            elif desk is None:
                self._forward(following, some, at)
            elif desk.pool is None:
                self._forward(following, some, desk.release(stage.traffic, some, at))
            else:
                for these, hours in _consignments(stage.traffic, some, of_each(at, len(some))):
                    Actor(self.env, self._papers(desk, following, these, hours), "papers")

    def run(self) -> None:
        """All that happens until the run ends. Nobody waits for what shares nothing any more: it goes to its
        destination after the run, all at once."""
        self.env.go(self.times.end)
        while self._alone:
            stage, parcels = self._alone.popitem()
            assert stage.following is not None
            ids = np.concatenate([these for these, _ in parcels])
            hours = [of_each(at, len(these)) for these, at in parcels]
            ready = np.concatenate(hours)
            if stage.desk is not None:
                ready = stage.desk.release(stage.traffic, ids, ready)
            self._forward(stage.following, ids, ready)

    def _forward(self, stage: Stage, ids: Ids, ready: Hours) -> None:
        """Units are ready for a leg: they wait for a vehicle, or go by themselves."""
        if not len(ids):
            return
        if stage.stock is not None:
            stage.stock.add(stage, ids, ready)
            return
        at = of_each(ready, len(ids))
        if stage.queues:
            for these, hours in _consignments(stage.traffic, ids, at):
                Actor(self.env, carry(self, stage, these, hours), "consignment")
        else:
            deque(carry(self, stage, ids, at), maxlen=0)  # it waits for nothing

    def _stages(self, traffic: Traffic) -> list[Stage]:
        stages: list[Stage] = []
        following, alone = None, True
        for number, leg in reversed(list(enumerate(traffic.itinerary.legs))):
            desk = self.desks.get(leg.destination)
            stock = self.stocks.get((leg.origin, leg.service))
            queues = queues_on(self, leg.service, leg.origin)
            alone = alone and stock is None and not queues and (not following or desk is None or desk.pool is None)
            name = yard_before(self.model, traffic.flow, traffic.itinerary.legs, number)
            yard = None if name is None else self.yards[leg.origin, name]
            key = leg_key(traffic.index, number)
            following = Stage(traffic, number, key, stock, yard, desk, queues, alone, following)
            stages.insert(0, following)
        return stages

    def _papers(self, desk: Desk, following: Stage, ids: Ids, landed: Floats) -> Story[None]:
        """A consignment queues at a desk with few servers, and goes on."""
        released = yield from desk.queue(self.env, following.traffic, ids, landed)
        self._forward(following, ids, released)

    def _facility(self, place: str, name: str, capacity: float) -> int:
        self.facilities.append(f"{place}/{name}")
        self.capacities.append(capacity)
        return len(self.facilities) - 1

    def _build_places(self) -> None:
        for place, terminal in (self.model.terminals | self.model.ports).items():
            self._build_terminal(place, terminal)
        for place, border in self.model.borders.items():
            self.borders[place] = self._desk(place, border, self.closures(border.calendar))

    def _build_terminal(self, place: str, terminal: Terminal) -> None:
        for kind, berths in terminal.berths.items():
            index = self._facility(place, f"berth {kind}", berths.count)
            self.pools[place, kind] = Pool(self.env, index, berths.count, self.recorder)
        for name, yard in terminal.yards.items():
            index = self._facility(place, f"yard {name}", float(yard.limit))
            self.yards[place, name] = Yard(self.env, index, float(yard.limit), self.recorder)
        if terminal.documents is not None:
            self.desks[place] = self._desk(place, terminal.documents, ALWAYS_OPEN)

    def _desk(self, place: str, rule: Documents, closures: Closures) -> Desk:
        pool = None
        if rule.servers is not None:
            index = self._facility(place, "documents", rule.servers)
            pool = Pool(self.env, index, rule.servers, self.recorder)
        return Desk(place, rule, self.hours(rule.hours), closures, pool)

    def _build_tracks(self) -> dict[str, Track]:
        """The links that trains may have to wait for."""
        tracks = {}
        for name, link in self.model.links.items():
            closures = [c for c in (self.hours(link.hours), self.closures(link.calendar)) if c.starts]
            if link.paths is None and not closures:
                continue
            headway = 0.0 if link.paths is None else snap(1 / link.paths)
            index = self._facility(name, "paths", 1.0 if link.track == "single" else 2.0)
            tracks[name] = Track(index, headway, link.track == "single", closures)
        return tracks

    def journal(self) -> Journal:
        recorder = self.recorder
        for some in self.traffic:
            some.forget()
        for vehicle in self.vehicles.values():
            if vehicle.call is not None:
                recorder.over(vehicle.call)
        calls = recorder.calls_table()  # takes the most room
        self.finished[self.finished > self.times.end] = np.nan  # known ahead, but not within the run
        units: Table = {
            "itinerary": self.itinerary,
            "released": all_released(self.traffic),
            "finished": self.finished,
        }
        names = {
            "itineraries": [f"{i.flow}/{i.route}" for i in self.network.itineraries],
            "places": self.places,
            "links": self.links,
            "fleets": self.fleets,
            "facilities": self.facilities,
        }
        return Journal(
            self.replication,
            units,
            calls,
            segments_table(recorder),
            table(recorder.stops.numbers(), STOPS),
            recorder.all_parcels(),
            recorder.uses_table(self.times.end),
            table(recorder.rooms.numbers(), ROOMS),
            names,
            np.array(self.capacities, float),
            trips=recorder.trips,
            events=self.env.events,
        )


def _consignments(traffic: Traffic, ids: Ids, at: Floats) -> Iterator[tuple[Ids, Floats]]:
    """What came together of each block, and when each unit of it stands there."""
    blocks = traffic.block_of(ids)
    order = np.argsort(blocks, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(blocks[order])) + 1):
        yield ids[part], at[part]
