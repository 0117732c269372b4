"""What can be said without a run: by which services each flow goes, and the load that demand offers to each line,
berth, border, path and train-set pool, against what it can take. Means only: queues, weather's timing and full yards
need the simulation."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from sim.network.build import Network, heeds_links, load_share, path_hours, run_hours, yard_before
from sim.network.chains import Chain, chains, papers_mean
from sim.scenario.schema import Calendar, Documents, Fleet, FleetService, Flow

# What a replication takes, simulated and measured: fitted to the shipped scenarios and the corridors of the benchmark
# on one machine, within a third for each of them, but for the memory of a million boxes, which is 306 and not 425 MB.
# To be fitted anew when the model has become faster or smaller.
TRIP_S = 20e-6  # CPU of a vehicle's trip from stop to stop,
SECTION_S = 12e-6  # of each link that it runs,
UNIT_LEG_S = 0.25e-6  # and of each unit on board
PROGRAM_BYTES = 185e6
UNIT_LEG_BYTES = 80.0

HAIR = 1e-9  # of space: nothing


@dataclass(frozen=True)
class Offered:
    """The load on one facility: `offered` and `capacity` in `unit`; utilisation is their ratio."""

    place: str
    facility: str
    kind: str  # line | berth | crane | border | path | yard
    offered: float
    capacity: float
    unit: str

    @property
    def utilisation(self) -> float:
        if not self.offered:
            return 0.0
        return self.offered / self.capacity if self.capacity else math.inf


@dataclass(frozen=True)
class Estimate:
    """What one replication will take, roughly."""

    trips: float  # of vehicles, from stop to stop
    sections: float  # links that they run
    units: float
    legs: float  # of all units
    cpu_s: float
    memory_mb: float


@dataclass(frozen=True)
class Preview:
    chains: tuple[Chain, ...]
    loads: tuple[Offered, ...]
    estimate: Estimate

    def overloaded(self) -> list[Offered]:
        """Facilities that demand fills or overfills: queues there grow without end."""
        return [x for x in self.loads if x.utilisation >= 1]


@dataclass(frozen=True)
class _Line:
    """A fleet service under its demand, per hour, by the stop where the vehicles start."""

    name: str
    service: FleetService
    fleets: dict[str, Fleet]
    space: dict[str, dict[str, float]]  # stop → flow → space/h
    room: float  # of a mean vehicle
    trips: float = 0.0  # vehicles/h each way
    laden_trips: dict[str, float] = field(default_factory=dict)  # stop → of these, with cargo
    cuts: dict[str, float] = field(default_factory=dict)  # stop → of these, with a part of a group of units only

    def units(self, network: Network, stop: str) -> float:
        """Units/h loaded at a stop."""
        model = network.model
        return sum(s / model.cargo[model.demand[f].cargo].space for f, s in self.space.get(stop, {}).items())

    def papers(self, network: Network, stop: str, rule: Documents) -> float:
        """Mean working hours of the papers of a vehicle from this stop: those of one of the flows on it, each as often
        as it fills them."""
        space = self.space.get(stop, {})
        hours = sum(s * papers_mean(rule, network.model.demand[f]) for f, s in space.items())
        return hours / max(sum(space.values()), HAIR)

    @property
    def both_ways(self) -> float:
        """Vehicles/h there and back; trains that are made up for one load do not come back."""
        return sum(self.laden_trips.values()) if self.unlimited else 2 * self.trips

    @property
    def unlimited(self) -> bool:
        """Its train sets are never short."""
        return any(f.train_sets == "unlimited" for f in self.fleets.values())

    def laden(self, stop: str) -> float:
        """The part of the vehicles that leave a stop with cargo."""
        return self.laden_trips.get(stop, 0.0) / self.trips


def preview(network: Network) -> Preview:
    """The chain of services of each flow, offered load against capacity of everything that can be full, and what a run
    will take."""
    lines = _lines(network)
    loads = [
        *(_line_load(network, line) for line in lines if not line.unlimited),
        *_berths(network, lines),
        *_borders(network, lines),
        *_paths(network, lines),
        *_yards(network, lines),
    ]
    return Preview(chains(network), tuple(loads), _estimate(network, lines))


def _rate(network: Network, flow: Flow, share: float) -> float:
    """Space per hour."""
    cargo = network.model.cargo[flow.cargo]
    return flow.units_per_hour(cargo) * cargo.space * share


def _lines(network: Network) -> list[_Line]:
    space: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    for way in network.itineraries:
        flow = network.model.demand[way.flow]
        for leg in way.legs:
            space[leg.service][leg.origin][way.flow] += _rate(network, flow, way.share)
    lines = {}
    for name, service in network.model.services.items():
        if not isinstance(service, FleetService):
            continue
        fleets = {k: f for k, f in network.model.fleets.items() if f.service == name}
        rooms = [(_count(f), float(f.capacity) * load_share(network.model, f)) for f in fleets.values()]
        room = sum(n * r for n, r in rooms) / max(sum(n for n, _ in rooms), 1)
        lines[name] = _Line(name, service, fleets, dict(space[name]), room)
    # what comes to a line depends on the one before it, and its hours at the berth on how many vehicles there are
    for _ in range(1 + max((len(way.legs) for way in network.itineraries), default=0)):
        groups = _groups(network, lines)
        lines = {name: replace(line, **_trips(network, line, groups[name])) for name, line in lines.items()}
    return list(lines.values())


def _groups(network: Network, lines: dict[str, _Line]) -> dict[str, dict[str, float]]:
    """How often an hour units come together to each stop of each line: blocks on their first leg; later what a vehicle
    brings. Each vehicle that leaves cuts the stream of blocks once, and brings together what it has."""
    brought: dict[tuple[str, str, str], float] = defaultdict(float)  # by line, stop and the line before
    for way in network.itineraries:
        flow = network.model.demand[way.flow]
        rate = _rate(network, flow, way.share)
        if not rate:
            continue
        units = rate / network.model.cargo[flow.cargo].space
        pieces, before = units / flow.block, ""
        for leg in way.legs:
            brought[leg.service, leg.origin, before] += min(pieces, units)
            before = ""
            if leg.service in lines:
                line = lines[leg.service]
                pieces += line.cuts.get(leg.origin, 0.0) * rate / sum(line.space[leg.origin].values())
                before = "" if network.terminal(leg.destination).documents else leg.service
    groups: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (name, stop, before), often in brought.items():
        laden = [rate for start, rate in lines[before].laden_trips.items() if start != stop] if before else []
        groups[name][stop] += min(often, *laden) if any(laden) else often
    return groups


def _trips(network: Network, line: _Line, groups: dict[str, float]) -> dict[str, Any]:
    """How many vehicles leave an hour: full, or by their wait before they are full, as far as the fleet allows and as
    they come back from the other end. groups: of units that come together to each stop per hour."""
    full, laden, cut, loading = {}, {}, {}, {}
    for stop, rule in line.service.stops.items():
        space, often = sum(line.space.get(stop, {}).values()), groups.get(stop, 0.0)
        full[stop] = space / line.room if line.room else 0.0
        laden[stop] = cut[stop] = loading[stop] = 0.0
        if often and space and line.room:
            load, loading[stop], cut[stop] = _mean_load(line.room, space / often, often, rule.wait)
            laden[stop] = space / max(load, rule.min_load * line.room)
    trips = max(laden.values()) if line.unlimited else max(_made(network, line, laden, loading), *full.values())
    laden_trips = {stop: min(rate, trips) for stop, rate in laden.items()}
    return {"trips": trips, "laden_trips": laden_trips, "cuts": {k: rate * cut[k] for k, rate in laden_trips.items()}}


def _mean_load(room: float, group: float, often: float, wait: float) -> tuple[float, float, float]:
    """Of a vehicle that leaves full, or `wait` hours after its first group: the mean load, the hours that it takes to
    gather it, and how probably a part of the last group stays behind. Groups of the same size come at random, `often`
    an hour."""
    import numpy as np
    from scipy.special import gammainc

    further = max(math.ceil((room - HAIR) / group) - 1, 0)  # groups for which there is room, the last one in part
    expected = often * wait
    number = np.arange(1, 1 + min(further, math.ceil(expected + 10 * expected**0.5 + 40)))  # more hardly come in time
    come = gammainc(number, expected)  # how probably at least so many do
    load = min(group, room) + float(come @ np.minimum(group, room - number * group))
    cuts = len(number) == further and (1 + further) * group > room + HAIR
    return load, float(come.sum()) / often, (float(come[-1]) if further else 1.0) if cuts else 0.0


def _made(network: Network, line: _Line, laden: dict[str, float], loading: dict[str, float]) -> float:
    """Round trips an hour that the fleet makes, where `laden` vehicles an hour find cargo and take `loading` hours to
    gather it. Those for which there is none leave empty when they have stood for `empty_after`, or wait for it; the
    others are taken to have stood for half of that when it comes."""
    if not line.fleets:
        return 0.0  # nothing needs it
    vehicles: float = sum(_count(f) for f in line.fleets.values())
    hours = vehicles / sum(_count(f) / max(_cycle(network, line, f), 1e-9) for f in line.fleets.values())
    hours += sum(loading.values())
    trips = vehicles / hours
    for stop in sorted(laden, key=lambda stop: laden[stop]):
        patience = line.service.stops[stop].empty_after
        if trips <= laden[stop]:
            break
        if patience is None:
            return laden[stop]
        hours += patience - loading[stop] + laden[stop] * loading[stop] ** 2 / 2
        vehicles -= laden[stop] * (loading[stop] - patience / 2)
        trips = max(laden[stop], vehicles / hours)
    return trips


def _count(fleet: Fleet) -> int:
    return fleet.vessels or (1 if fleet.train_sets in (None, "unlimited") else int(fleet.train_sets))


def _line_load(network: Network, line: _Line) -> Offered:
    """Space that is to be carried a week in the busier direction, against what the fleet can make."""
    busiest = max((sum(c.values()) for c in line.space.values()), default=0.0)
    made = 0.0
    for fleet in line.fleets.values():
        cycle = _cycle(network, line, fleet)
        made += _count(fleet) * float(fleet.capacity) * load_share(network.model, fleet) / cycle
    unit = next(iter(line.fleets.values())).capacity.unit if line.fleets else "TEU"
    week = 168.0
    home, away = line.service.stops
    return Offered(f"{home}–{away}", line.name, "line", busiest * week, made * week, f"{unit}/wk")


def _cycle(network: Network, line: _Line, fleet: Fleet) -> float:
    """Mean hours of a round trip without any waiting, closures by weather included."""
    stops = list(line.service.stops)
    berth = sum(_berth_hours(network, line, s) / _open_share(network, s, line.service.stops[s].berth) for s in stops)
    return sum(_run_hours(network, line, fleet, stop) for stop in stops) + berth


def _run_hours(network: Network, line: _Line, fleet: Fleet, origin: str) -> float:
    hours = 0.0
    sections = network.sections(line.name, origin)
    for section in sections:
        link = network.model.links[section.link]
        delayed = 1 + (link.delay.mean if link.delay else 0.0)
        hours += run_hours(link, line.service.pace, fleet.speed) * delayed
        if section.end in network.model.borders and section is not sections[-1]:
            hours += line.papers(network, origin, network.model.borders[section.end])
    return hours


def _open_share(network: Network, place: str, kind: str) -> float:
    """The part of the year in which a kind of berth can be worked at."""
    terminal = network.terminal(place)
    name, rule = terminal.calendar, terminal.berths[kind].weather or terminal.weather
    calendar: Calendar | None = network.model.calendars[name] if name else None
    if calendar is None or set(rule.model_dump().values()) == {"finish"}:
        return 1.0
    weather = network.model.calendars[calendar.storms] if calendar.storms else calendar
    return 1.0 if weather.closed_share is None else 1 - calendar.part * sum(weather.closed_share) / 12


def _work(network: Network, line: _Line, stop: str) -> tuple[float, float]:
    """Crane hours and hours at the berth of a mean call: what comes is discharged, what goes is loaded.

    In the less busy direction most vehicles are taken to run empty, the others full.
    """
    rule = line.service.stops[stop]
    berths = network.terminal(stop).berths[rule.berth]
    other = next(s for s in line.service.stops if s != stop)
    if not line.trips:
        return 0.0, 0.0
    loaded, brought = line.laden(stop), line.laden(other)
    berthings = loaded + brought if rule.waits_at == "off-berth" else 1.0
    if berths.per == "vehicle":
        hours = brought * berths.discharge.mean + loaded * berths.load.mean
        return hours, hours + berthings * berths.fixed
    units = line.units(network, other) * berths.discharge.mean + line.units(network, stop) * berths.load.mean
    return units / line.trips, units / line.trips / berths.cranes + berthings * berths.fixed


def _berth_hours(network: Network, line: _Line, stop: str) -> float:
    return _work(network, line, stop)[1]


def _berths(network: Network, lines: list[_Line]) -> list[Offered]:
    taken: dict[tuple[str, str], float] = defaultdict(float)
    craned: dict[tuple[str, str], float] = defaultdict(float)
    for line in lines:
        for stop, rule in line.service.stops.items():
            crane, berth = _work(network, line, stop)
            craned[stop, rule.berth] += line.trips * crane
            taken[stop, rule.berth] += line.trips * berth
    loads = []
    for (place, kind), used in taken.items():
        kept = network.terminal(place).berths[kind]
        hours = 24 * _open_share(network, place, kind)
        loads.append(Offered(place, f"berth {kind}", "berth", used * 24, kept.count * hours, "berth h/d"))
        if kept.per == "unit":
            cranes = kept.cranes * hours * (1 if kept.shared else kept.count)
            loads.append(Offered(place, f"cranes {kind}", "crane", craned[place, kind] * 24, cranes, "crane h/d"))
    return loads


def _borders(network: Network, lines: list[_Line]) -> list[Offered]:
    """Consignments at the desks: trains at borders, what came of a block at terminals. Where there are desks enough,
    there is no limit."""
    model = network.model
    terminals = {**model.terminals, **model.ports}
    borders = {place: _Desk(place, "border", rule) for place, rule in model.borders.items()}
    offices = {
        place: _Desk(place, "documents", terminal.documents)
        for place, terminal in terminals.items()
        if terminal.documents is not None
    }
    for line in lines:
        for origin, trips in line.laden_trips.items():
            for section in network.sections(line.name, origin)[:-1]:
                if desk := borders.get(section.end):
                    desk.take(trips, line.papers(network, origin, desk.rule))
    for way in network.itineraries:
        flow = model.demand[way.flow]
        blocks = _rate(network, flow, way.share) / model.cargo[flow.cargo].space / flow.block
        for leg in way.legs:
            service = model.services[leg.service]
            if heeds_links(service) and not isinstance(service, FleetService):
                for section in network.sections(leg.service, leg.origin)[:-1]:
                    if desk := borders.get(section.end):
                        desk.take(blocks, papers_mean(desk.rule, flow))
        for leg in way.legs[:-1]:
            if desk := offices.get(leg.destination):
                desk.take(blocks, papers_mean(desk.rule, flow))
    return [desk.load() for desk in (*borders.values(), *offices.values())]


@dataclass
class _Desk:
    """What comes to a customs desk."""

    place: str
    facility: str
    rule: Documents
    papers: float = 0.0  # per hour
    work: float = 0.0  # hours of work per hour

    def take(self, often: float, hours: float) -> None:
        """Papers that come so often an hour, and take so long."""
        self.papers += often
        self.work += often * hours

    def load(self) -> Offered:
        """A day."""
        if self.rule.servers is None:
            return Offered(self.place, self.facility, "border", self.papers * 24, math.inf, "papers/d")
        open_hours = 24.0 if self.rule.hours is None else self.rule.hours.length
        made = self.rule.servers * open_hours
        return Offered(self.place, self.facility, "border", self.work * 24, made, "desk h/d")


def _paths(network: Network, lines: list[_Line]) -> list[Offered]:
    trains: dict[str, float] = defaultdict(float)
    for line in lines:
        for section in network.ways[line.name]:
            single = network.model.links[section.link].track == "single"
            trains[section.link] += line.both_ways if single else line.trips
    loads = []
    for name, link in network.model.links.items():
        if link.paths is not None:
            loads.append(Offered(name, "paths", "path", trains[name] * 24, 24 / path_hours(link), "trains/d"))
    return loads


def _yards(network: Network, lines: list[_Line]) -> list[Offered]:
    """By Little's law: what comes an hour times how long it stands there at least: papers, half of the hours in which
    the vehicles that bring and take it are worked on, and half the gap between those that take it, as far as there
    is cargo in it."""
    by_name = {line.name: line for line in lines if line.trips}
    held: dict[tuple[str, str], float] = defaultdict(float)
    for way in network.itineraries:
        flow = network.model.demand[way.flow]
        rate = _rate(network, flow, way.share)
        if not rate:
            continue
        for number, (before, after) in enumerate(pairwise(way.legs), 1):
            name = yard_before(network.model, flow, way.legs, number)
            if name is None or before.service not in by_name or after.service not in by_name:
                continue
            terminal, bringing, taking = network.terminal(after.origin), by_name[before.service], by_name[after.service]
            stay = papers_mean(terminal.documents, flow) if terminal.documents else 0.0
            stay += (_berth_hours(network, bringing, after.origin) + _berth_hours(network, taking, after.origin)) / 2
            stay += min(1 / taking.laden_trips[after.origin], float(taking.service.stops[after.origin].wait)) / 2
            held[after.origin, name] += rate * stay
    loads = []
    for (place, name), room in held.items():
        limit = network.terminal(place).yards[name].limit
        loads.append(Offered(place, f"yard {name}", "yard", room, float(limit), limit.unit))
    return loads


def _estimate(network: Network, lines: list[_Line]) -> Estimate:
    run = network.model.run
    hours = run.warm_up + run.length + run.run_out
    trips = sum(line.both_ways for line in lines) * hours
    sections = sum(line.both_ways * len(network.ways[line.name]) for line in lines) * hours
    units, legs = _units(network)
    cpu = trips * TRIP_S + sections * SECTION_S + legs * UNIT_LEG_S
    return Estimate(trips, sections, units, legs, cpu, memory_mb(network))


def _units(network: Network) -> tuple[float, float]:
    """Units of a replication, and the legs that all of them make."""
    run = network.model.run
    hours = run.warm_up + run.length + run.run_out
    units = legs = 0.0
    for way in network.itineraries:
        flow = network.model.demand[way.flow]
        count = _rate(network, flow, way.share) / network.model.cargo[flow.cargo].space * hours
        units += count
        legs += count * len(way.legs)
    return units, legs


def memory_mb(network: Network) -> float:
    """What one replication will take, roughly: the one part of `Estimate` that needs no vehicles."""
    _, legs = _units(network)
    return (PROGRAM_BYTES + legs * UNIT_LEG_BYTES) / 1e6
