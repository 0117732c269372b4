"""One replication: everything of the scenario put in its place, and set going."""

from __future__ import annotations

import gc

import numpy as np
import simpy

from sim.model.calendars import ALWAYS_OPEN, Closures, Times, lay_out, outside
from sim.model.carriers import Section, carry
from sim.model.clock import Floats, Ids, Streams, snap
from sim.model.demand import Traffic
from sim.model.demand import lay_out as lay_out_demand
from sim.model.documents import Desk
from sim.model.facilities import Pool, Story, Track, Yard
from sim.model.journal import ROOMS, SEGMENTS, STOPS, USES, Journal, Recorder, calls_table, carriages_table, table
from sim.model.stock import Stock
from sim.model.vehicles import start_fleets
from sim.network import Network
from sim.scenario.schema import Documents, FleetService, Terminal


def simulate(network: Network, replication: int = 0) -> Journal:
    """Run one replication of a scenario and return its journal. The same seed and replication give the same journal
    to the bit."""
    world = World(network, replication)
    collecting = gc.isenabled()
    gc.disable()  # a run makes few cycles, and looking for them would take a fifth of its time
    try:
        world.env.run(until=world.times.end)
    finally:
        if collecting:
            gc.enable()
    return world.journal()


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
        self.env = simpy.Environment(initial_time=self.times.begin)
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
        self.itinerary = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        self.finished = np.full(sum(counts), np.nan)
        self.pools: dict[tuple[str, str], Pool] = {}
        self.sections: dict[tuple[str, str], list[Section]] = {}  # of consignments that go by themselves
        self.timetables: dict[str, tuple[Floats, Floats, Floats]] = {}
        self.yards: dict[tuple[str, str], Yard] = {}
        self._yard_of: dict[tuple[int, int], Yard | None] = {}
        self.desks: dict[str, Desk] = {}
        self._build_places()
        self.tracks = self._build_tracks()
        self.stocks = {
            (place, name): Stock(self.env, self.traffic, self.itinerary)
            for name, service in model.services.items()
            if isinstance(service, FleetService)
            for place in service.stops
        }
        start_fleets(self)
        for t in self.traffic:
            self.forward(t, 0, t.ids, t.released)

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

    def land(self, traffic: Traffic, leg: int, ids: Ids, landed: Floats | float) -> None:
        """Units stand at the end of a leg at the times `landed`, known ahead: they have arrived, or go on."""
        legs = traffic.itinerary.legs
        if leg + 1 == len(legs):
            self.finished[ids] = landed
            return
        desk = self.desks.get(legs[leg].destination)
        if desk is None or legs[leg].destination in self.model.borders:
            self.forward(traffic, leg + 1, ids, landed)
        elif desk.pool is None:
            self.forward(traffic, leg + 1, ids, desk.release(traffic, ids, landed))
        else:
            self.env.process(self._papers(desk, traffic, leg, ids, landed))

    def forward(self, traffic: Traffic, leg: int, ids: Ids, ready: Floats | float) -> None:
        """Units are ready for their next leg: they wait for a vehicle, or go by themselves."""
        if not len(ids):
            return
        service, place = traffic.itinerary.legs[leg].service, traffic.itinerary.legs[leg].origin
        stock = self.stocks.get((place, service))
        if stock is None:
            at = ready if isinstance(ready, np.ndarray) else np.full(len(ids), ready)
            carriage, landed = carry(self, traffic, leg, ids, at)
            self.recorder.carry(carriage)
            arrived = np.isfinite(landed)
            self.land(traffic, leg, ids[arrived], landed[arrived])
        else:
            stock.add(traffic, leg, ids, ready)

    def yard_for(self, traffic: Traffic, leg: int) -> Yard | None:
        """The yard in which units of this traffic stand between the vehicle that brought them and that of `leg`."""
        if (traffic.index, leg) not in self._yard_of:
            self._yard_of[traffic.index, leg] = self._find_yard(traffic, leg)
        return self._yard_of[traffic.index, leg]

    def _find_yard(self, traffic: Traffic, leg: int) -> Yard | None:
        legs = traffic.itinerary.legs
        around = [self.model.services[x.service] for x in legs[max(leg - 1, 0) : leg + 1]]
        if len(around) < 2 or not all(isinstance(s, FleetService) for s in around):
            return None  # it begins or ends here, or comes or goes by itself
        place = legs[leg].origin
        for name, yard in self.network.terminal(place).yards.items():
            if yard.limit.unit == traffic.cargo.space.unit and yard.direction in (None, traffic.flow.direction):
                return self.yards[place, name]
        return None

    def _papers(self, desk: Desk, traffic: Traffic, leg: int, ids: Ids, landed: Floats | float) -> Story:
        """A parcel queues at a desk with few servers, once all of it stands there."""
        assert desk.pool is not None
        yield self.env.timeout(max(float(np.max(landed)) - self.env.now, 0.0))
        claim = yield from desk.pool.seize(traffic.priority)
        hours = float(desk.hours(traffic)[traffic.block_of(ids)].max())
        yield self.env.timeout(desk.done(claim.granted, hours) - claim.granted)
        desk.pool.release(claim)
        self.forward(traffic, leg + 1, ids, self.env.now)

    def _facility(self, place: str, name: str, capacity: float) -> int:
        self.facilities.append(f"{place}/{name}")
        self.capacities.append(capacity)
        return len(self.facilities) - 1

    def _build_places(self) -> None:
        for place, terminal in (self.model.terminals | self.model.ports).items():
            self._build_terminal(place, terminal)
        for place, border in self.model.borders.items():
            self.desks[place] = self._desk(place, border, self.closures(border.calendar))

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

    def _cut_off(self) -> None:
        """Record the uses that the end of the run cuts off."""
        end = self.times.end
        for pool in (*self.pools.values(), *(d.pool for d in self.desks.values() if d.pool is not None)):
            for claim in pool.claims:
                granted = end if np.isnan(claim.granted) else claim.granted
                self.recorder.uses.fromlist([pool.index, claim.requested, granted, end])

    def journal(self) -> Journal:
        recorder = self.recorder
        units = {
            "itinerary": self.itinerary,
            "released": np.concatenate([t.released for t in self.traffic]) if self.traffic else np.empty(0),
            "finished": self.finished,
        }
        names = {
            "itineraries": [f"{i.flow}/{i.route}" for i in self.network.itineraries],
            "places": self.places,
            "links": self.links,
            "fleets": self.fleets,
            "facilities": self.facilities,
        }
        self._cut_off()
        return Journal(
            self.replication,
            units,
            calls_table(recorder.calls),
            table(recorder.segments, SEGMENTS),
            table(recorder.stops, STOPS),
            carriages_table(recorder),
            table(recorder.uses, USES),
            table(recorder.rooms, ROOMS),
            names,
            np.array(self.capacities),
            trips=recorder.trips,
            events=next(self.env._eid),
        )
