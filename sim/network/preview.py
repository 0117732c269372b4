"""What can be said without a run: the load that demand offers to each line, berth, border, path and train-set pool,
against what it can take. Means only: queues, weather's timing and full yards need the simulation."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sim.network.build import Network, load_share
from sim.scenario.schema import Calendar, Documents, Fleet, FleetService, Flow, Terminal

TRIP_S = 150e-6  # CPU of one vehicle trip and of one unit's leg, measured on the baseline: an order of magnitude
UNIT_LEG_S = 0.2e-6
UNIT_LEG_BYTES = 160.0
PROGRAM_BYTES = 170e6


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
        return self.offered / self.capacity if self.capacity else float("inf")


@dataclass(frozen=True)
class Estimate:
    """What one replication will take, roughly."""

    trips: float
    units: float
    cpu_s: float
    memory_mb: float


@dataclass(frozen=True)
class Preview:
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
    space: dict[str, dict[str, float]]  # stop → cargo → space/h
    room: float  # of a mean vehicle
    trips: float  # vehicles/h each way

    def units(self, network: Network, stop: str) -> float:
        """Units/h loaded at a stop."""
        return sum(s / network.model.cargo[c].space for c, s in self.space.get(stop, {}).items())

    def laden(self, stop: str) -> float:
        """The part of the vehicles that leave a stop with cargo, if those are full."""
        return sum(self.space.get(stop, {}).values()) / (self.trips * self.room)


def preview(network: Network) -> Preview:
    """Offered load against capacity of everything that can be full, and what a run will take."""
    lines = _lines(network)
    loads = [
        *(_line_load(network, line) for line in lines if not _unlimited(line)),
        *_berths(network, lines),
        *_borders(network, lines),
        *_paths(network, lines),
        *_yards(network, lines),
    ]
    return Preview(tuple(loads), _estimate(network, lines))


def _rate(network: Network, flow: Flow, share: float) -> float:
    """Space per hour."""
    cargo = network.model.cargo[flow.cargo]
    return flow.units_per_hour(cargo) * cargo.space * share


def _lines(network: Network) -> list[_Line]:
    space: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    for way in network.itineraries:
        flow = network.model.demand[way.flow]
        for leg in way.legs:
            space[leg.service][leg.origin][flow.cargo] += _rate(network, flow, way.share)
    lines = []
    for name, service in network.model.services.items():
        if not isinstance(service, FleetService):
            continue
        fleets = {k: f for k, f in network.model.fleets.items() if f.service == name}
        rooms = [(_count(f), float(f.capacity) * load_share(network.model, f)) for f in fleets.values()]
        room = sum(n * r for n, r in rooms) / max(sum(n for n, _ in rooms), 1)
        busiest = max((sum(c.values()) for c in space[name].values()), default=0.0)
        lines.append(_Line(name, service, fleets, dict(space[name]), room, busiest / room if room else 0.0))
    return lines


def _count(fleet: Fleet) -> int:
    return fleet.vessels or (1 if fleet.train_sets in (None, "unlimited") else int(fleet.train_sets))


def _unlimited(line: _Line) -> bool:
    return any(f.train_sets == "unlimited" for f in line.fleets.values())


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
    run = sum(_run_hours(network, line, fleet, stop) for stop in stops)
    return run + sum(_berth_hours(network, line, stop) / _open_share(network, stop) for stop in stops)


def _run_hours(network: Network, line: _Line, fleet: Fleet, origin: str) -> float:
    hours = 0.0
    sections = network.sections(line.name, origin)
    for section in sections:
        link = network.model.links[section.link]
        speed = min(x for x in (link.speed, fleet.speed) if x is not None) * line.service.pace
        hours += link.distance / speed * (1 + (link.delay.mean if link.delay else 0.0))
        if section.end in network.model.borders and section is not sections[-1] and line.space.get(origin):
            hours += papers_mean(network.model.borders[section.end])
    return hours


def papers_mean(rule: Documents) -> float:
    """Mean working hours of the papers, faults and advance information included."""
    announced = 1 - rule.advance * (1 - rule.advance_factor)
    faulty = rule.faulty * rule.faulty_time.mean if rule.faulty_time else 0.0
    return rule.time.mean * announced + faulty


def _open_share(network: Network, place: str) -> float:
    name = network.terminal(place).calendar
    calendar: Calendar | None = network.model.calendars[name] if name else None
    if calendar is None:
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
        hours = 24 * _open_share(network, place)
        loads.append(Offered(place, f"berth {kind}", "berth", used * 24, kept.count * hours, "berth h/d"))
        if kept.per == "unit":
            cranes = kept.count * kept.cranes * hours
            loads.append(Offered(place, f"cranes {kind}", "crane", craned[place, kind] * 24, cranes, "crane h/d"))
    return loads


def _borders(network: Network, lines: list[_Line]) -> list[Offered]:
    desks: dict[str, Documents] = {p: b for p, b in network.model.borders.items() if b.servers}
    terminals: dict[str, Terminal] = {**network.model.terminals, **network.model.ports}
    desks |= {p: t.documents for p, t in terminals.items() if t.documents and t.documents.servers}
    jobs: dict[str, float] = defaultdict(float)
    for line in lines:
        for origin in line.space:
            sections = network.sections(line.name, origin)
            for section in sections[:-1]:
                if section.end in network.model.borders:
                    jobs[section.end] += line.trips
            jobs[sections[-1].end] += line.trips
    loads = []
    for place, rule in desks.items():
        open_hours = 24.0 if rule.hours is None else (rule.hours[1] - rule.hours[0]) % 24 or 24.0
        hours = jobs[place] * papers_mean(rule) * 24
        loads.append(Offered(place, "documents", "border", hours, float(rule.servers or 0) * open_hours, "desk h/d"))
    return loads


def _paths(network: Network, lines: list[_Line]) -> list[Offered]:
    trains: dict[str, float] = defaultdict(float)
    for line in lines:
        for section in network.ways[line.name]:
            trains[section.link] += line.trips
    loads = []
    for name, link in network.model.links.items():
        if link.paths is not None:
            both = 2 if link.track == "single" else 1
            day = 24.0
            loads.append(Offered(name, "paths", "path", trains[name] * both * day, link.paths * day, "trains/d"))
    return loads


def _yards(network: Network, lines: list[_Line]) -> list[Offered]:
    """By Little's law: what comes an hour times how long it stands there at least: papers and half a departure gap."""
    gap = {line.name: 0.5 / line.trips for line in lines if line.trips}
    held: dict[tuple[str, str], float] = defaultdict(float)
    for way in network.itineraries:
        flow = network.model.demand[way.flow]
        unit = network.model.cargo[flow.cargo].space.unit
        for before, after in zip(way.legs, way.legs[1:], strict=False):
            if after.service not in gap or not isinstance(network.model.services[before.service], FleetService):
                continue
            terminal = network.terminal(after.origin)
            stay = gap[after.service] + (papers_mean(terminal.documents) if terminal.documents else 0.0)
            for name, yard in terminal.yards.items():
                if yard.limit.unit == unit and yard.direction in (None, flow.direction):
                    held[after.origin, name] += _rate(network, flow, way.share) * stay
                    break
    loads = []
    for (place, name), room in held.items():
        limit = network.terminal(place).yards[name].limit
        loads.append(Offered(place, f"yard {name}", "yard", room, float(limit), limit.unit))
    return loads


def _estimate(network: Network, lines: list[_Line]) -> Estimate:
    run = network.model.run
    hours = run.warm_up + run.length + run.run_out
    trips = sum(2 * line.trips for line in lines) * hours
    units = legs = 0.0
    for way in network.itineraries:
        flow = network.model.demand[way.flow]
        count = _rate(network, flow, way.share) / network.model.cargo[flow.cargo].space * hours
        units += count
        legs += count * len(way.legs)
    cpu = trips * TRIP_S + legs * UNIT_LEG_S
    return Estimate(trips, units, cpu, (PROGRAM_BYTES + legs * UNIT_LEG_BYTES) / 1e6)
