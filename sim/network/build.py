"""From a scenario to the ways that vehicles and consignments take.

Two graphs: links between places (a service finds its way on it, on one gauge if it is a train), and services between
their stops (a flow finds its chain of services on it, through the waypoints of its route).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from itertools import pairwise

import networkx as nx

from sim.scenario.faults import Fault, Path, hint, listed, nearest
from sim.scenario.load import Scenario
from sim.scenario.schema import (
    Fleet,
    FleetService,
    Flow,
    Link,
    Model,
    Port,
    Route,
    Run,
    Service,
    Terminal,
    TimetableService,
)
from sim.scenario.values import Share, Variate

TRANSFER_H = 12.0  # weight of one change of service when a route is sought; it only ranks alternatives
SEA_KMH = 25.0  # likewise for links without a speed of their own
MODES: dict[str, tuple[tuple[str, ...], ...]] = {  # what a service runs on; the first that has a way
    "trains": (("rail",),),
    "ships": (("sea", "waterway"),),
    "timetable": (("sea",), ("rail",), ("waterway",), ("road",), ("sea", "rail", "waterway", "road")),
    "individual": (("rail",), ("road",), ("pipeline",), ("sea", "rail", "waterway", "road", "pipeline")),
}


@dataclass(frozen=True)
class Section:
    """One link as a service runs it."""

    link: str
    start: str
    end: str


Ways = dict[str, tuple[Section, ...]]  # service → sections from its first stop to its second
LinkGraphs = Callable[[tuple[str, ...], int | None], "nx.Graph[str]"]  # of the links of these modes, and one gauge


@dataclass(frozen=True)
class Leg:
    """One carriage of a consignment by one service, from stop to stop."""

    service: str
    origin: str
    destination: str


Chains = dict[tuple[str, str], tuple[Leg, ...]]  # flow and route → the services that carry it


@dataclass(frozen=True)
class Itinerary:
    """The way of one flow over one route."""

    flow: str
    route: str
    share: float  # of the flow, in the mean of the measured time
    legs: tuple[Leg, ...]


@dataclass(frozen=True)
class Network:
    """A scenario with its ways found: all that the model needs, and picklable."""

    name: str
    digest: str
    model: Model
    ways: Ways
    itineraries: tuple[Itinerary, ...]

    def terminal(self, place: str) -> Terminal | Port:
        return self.model.ports.get(place) or self.model.terminals[place]

    def sections(self, service: str, origin: str) -> tuple[Section, ...]:
        """The way of `service` in the direction that starts at `origin`."""
        way = self.ways[service]
        if way[0].start == origin:
            return way
        return tuple(Section(s.link, s.end, s.start) for s in reversed(way))


def build(scenario: Scenario) -> Network:
    """Find every way. Raises ScenarioError with all faults at once: no way for a service, no route for a flow, a
    request larger than its facility."""
    model = scenario.model
    ways, chains, faults = _find(model, frozenset())
    if faults:
        scenario.refuse(faults)
    itineraries = (
        Itinerary(flow, route, _mean_share(model.run, model.demand[flow], route), legs)
        for (flow, route), legs in chains.items()
    )
    return Network(scenario.name, scenario.digest(), model, ways, tuple(itineraries))


def network_faults(model: Model, doubtful: frozenset[Path]) -> list[Fault]:
    """What `build` would refuse however the `doubtful` entries, (section, key), of a faulty scenario are mended."""
    return _find(model, doubtful)[2]


def _find(model: Model, doubtful: frozenset[Path]) -> tuple[Ways, Chains, list[Fault]]:
    """Ways of services, chains of services, and faults; where these hang on what is doubtful, there is none."""
    ways, faults = _find_ways(model, doubtful)
    carried, all_known = _find_carried(model, doubtful)
    graph_for = _service_graphs(model, ways, carried)
    chains: Chains = {}
    for name, flow in model.demand.items():
        if flow.origin == flow.destination:  # the check of the file tells that
            continue
        for route, path in _named(flow).items():
            rule = model.routes[route]
            legs = _legs(graph_for(flow.cargo, rule), flow, rule)
            if not isinstance(legs, str):
                chains[name, route] = legs
            elif all_known:
                faults.append(Fault(("demand", name, *path), legs + _missing(model), "key"))
    return ways, chains, [*faults, *_oversized(model, chains, doubtful)]


def idle_services(model: Model) -> list[str]:
    """Services of vehicles on which no fleet runs: nothing goes by them."""
    served = {fleet.service for fleet in model.fleets.values()}
    return [name for name, one in model.services.items() if isinstance(one, FleetService) and name not in served]


def _missing(model: Model) -> str:
    """What may be the reason why there is no way."""
    idle = idle_services(model)
    return f"; no fleet runs on {listed(idle)}" if idle else ""


def _named(flow: Flow) -> dict[str, Path]:
    """All routes that a flow ever takes, and where in it each is named first."""
    named: dict[str, Path] = {route: ("routes", route) for route in flow.routes}
    for key, diversion in flow.diversions.items():
        for route in diversion.routes:
            named.setdefault(route, ("diversions", key, "routes", route))
    return named


def _mean_share(run: Run, flow: Flow, route: str) -> float:
    """The share of a route in the measured time: diversions count by how long they last in it."""
    usual = flow.routes.get(route, Share(0.0))
    share, start = float(usual), datetime.fromisoformat(run.start)
    for diversion in flow.diversions.values():
        begin, end = (
            (datetime.fromisoformat(date) - start).total_seconds() / 3600 if date else math.inf
            for date in (diversion.start, diversion.end)
        )
        part = max(0.0, min(end, run.length) - max(begin, 0.0)) / run.length
        share += part * (diversion.routes.get(route, 0.0) - usual)
    return max(share, 0.0)


def _find_ways(model: Model, doubtful: frozenset[Path]) -> tuple[Ways, list[Fault]]:
    """The way of each service. One that has none goes straight, and so do all if links are doubtful: a flow is then
    not refused for what may be a fault of a link alone."""
    sure = all(section != "links" for section, _ in doubtful)
    graph_of = cache(partial(_link_graph, model))
    ways, faults = {}, []
    for name, service in model.services.items():
        way = _way(model, service, graph_of)
        if way is None and sure and ("services", name) not in doubtful:
            faults.append(Fault(("services", name), _no_way(model, service), "key"))
        ways[name] = way if way and sure else (Section("", *service.stops),)
    return ways, [*faults, *_without_speed(model, ways, doubtful)]


def _without_speed(model: Model, ways: Ways, doubtful: frozenset[Path]) -> Iterable[Fault]:
    """Links that tell no speed, on the way of what has none of its own, and does not say how long it takes."""
    told: dict[str, str] = {}
    for name, way in ways.items():
        service = model.services[name]
        if service.kind != "ships" and own_time(service) is None and ("services", name) not in doubtful:
            told |= {s.link: name for s in way if s.link and model.links[s.link].speed is None}
    for link, name in told.items():
        yield Fault(("links", link), f'key "speed" is missing: {name} runs here, and only ships bring their own', "key")


def _find_carried(model: Model, doubtful: frozenset[Path]) -> tuple[dict[str, set[str]], bool]:
    """The kinds of cargo of each service, all kinds if it or a fleet of it is doubtful; and whether there can be no
    more than that: a service or a fleet may be missing from the model."""
    carried = {name: accepts(model, name) for name in model.services}
    served = {key: fleet.service for key, fleet in model.fleets.items()}
    fleets = {served.get(key) for section, key in doubtful if section == "fleets"}
    services = {key for section, key in doubtful if section == "services"}
    lines = {name for name, service in model.services.items() if isinstance(service, FleetService)}
    known = fleets <= lines and services <= carried.keys()
    return carried | {name: set(model.cargo) for name in carried if name in fleets | services}, known


def _way(model: Model, service: Service, graph_of: LinkGraphs) -> tuple[Section, ...] | None:
    """The shortest way between the two stops, over `via`, on the mode of the service or on one that has a way, if there
    is one; on one gauge for trains.

    A service that says how long it takes needs no links: it goes straight where there are none.
    """
    first, second = service.stops
    gauges: tuple[int | None, ...] = (1435, 1520) if service.kind == "trains" else (None,)
    mode = None if isinstance(service, FleetService) else service.mode
    for modes in ((mode,),) if mode else MODES[service.kind]:
        ways = [_shortest(graph_of(modes, gauge), [first, *service.via, second]) for gauge in gauges]
        found = [way for way in ways if way is not None]
        if found:
            return min(found, key=lambda way: sum(model.links[s.link].distance for s in way))
    return None if own_time(service) is None else (Section("", first, second),)


def _shortest(graph: nx.Graph[str], points: list[str]) -> tuple[Section, ...] | None:
    try:
        places = _through(graph, points)
    except (nx.NetworkXNoPath, nx.NodeNotFound):
        return None
    return tuple(Section(graph[a][b]["link"], a, b) for a, b in pairwise(places))


def _link_graph(model: Model, modes: tuple[str, ...], gauge: int | None) -> nx.Graph[str]:
    graph: nx.Graph[str] = nx.Graph()
    for name, link in model.links.items():
        if link.mode not in modes or (gauge and link.gauge != gauge):
            continue
        hours = link.distance / (link.speed or SEA_KMH)
        a, b = link.between
        if not graph.has_edge(a, b) or graph[a][b]["hours"] > hours:
            graph.add_edge(a, b, link=name, hours=hours)
    return graph


def _through(graph: nx.Graph[str], points: list[str]) -> list[str]:
    places = [points[0]]
    for a, b in pairwise(points):
        places += nx.shortest_path(graph, a, b, weight="hours")[1:]
    return places


def _no_way(model: Model, service: Service) -> str:
    first, second = service.stops
    where = f" by {', '.join(service.via)}" if service.via else ""
    if not isinstance(service, FleetService):
        what = f"{service.mode} links" if service.mode else "links"
    else:
        what = {"trains": "rail links of one gauge", "ships": "sea or waterway links"}[service.kind]
    return f"no way from {first} to {second}{where} on {what}; add links, or change via"


def hours_of(model: Model, ways: Ways, name: str, cargo: str | None = None) -> float:
    """Undisturbed hours from stop to stop, by the fastest fleet; of those that carry this kind of cargo, if it is
    told."""
    service = model.services[name]
    told = own_time(service)
    if told is not None:
        return told.mean
    pace = 1.0 if isinstance(service, TimetableService) else float(service.pace)
    fleets = [f for f in model.fleets.values() if f.service == name and (cargo is None or cargo in f.accepts)]
    links = [model.links[s.link] for s in ways[name] if s.link]
    return min(sum(run_hours(link, pace, speed) for link in links) for speed in {f.speed for f in fleets} or {None})


def run_hours(link: Link, pace: float, speed: float | None) -> float:
    """Undisturbed hours on a link. speed: of the vehicle, km/h, if it has one of its own; it keeps to the lower."""
    return link.distance / (min([v for v in (link.speed, speed) if v is not None], default=SEA_KMH) * pace)


def own_time(service: Service) -> Variate | None:
    """How long a service says that it takes; None: as long as its links take."""
    return None if isinstance(service, FleetService) else service.time


def heeds_links(service: Service) -> bool:
    """Whether the hours and closures of links and the borders on its way hold it up: liners, and what says how long it
    takes, keep their own time."""
    return not isinstance(service, TimetableService) and own_time(service) is None


def load_share(model: Model, fleet: Fleet) -> float:
    """The part of its capacity that a ship may load at the shallower of its two ports, 0..1."""
    share = 1.0
    for place in model.services[fleet.service].stops:
        port = model.ports.get(place)
        if fleet.draught is None or port is None or port.depth is None:
            continue
        water = port.depth + model.seas[port.sea].level
        share = min(share, (water - fleet.draught.empty) / (fleet.draught.full - fleet.draught.empty))
    return max(share, 0.0)


def path_hours(link: Link) -> float:
    """Hours of a track that each train takes up: the time to the next path, or more where a daily window lets in fewer
    trains than there are paths; 0: no limit."""
    if link.paths is None:
        return 0.0
    apart = 1 / float(link.paths)
    if link.hours is None:
        return apart
    return max(apart, 24 / math.ceil(link.hours.length / apart))


def accepts(model: Model, name: str) -> set[str]:
    """The cargo kinds that a service carries."""
    service = model.services[name]
    if isinstance(service, FleetService):
        return {kind for f in model.fleets.values() if f.service == name for kind in f.accepts}
    return set(service.accepts)


def _legs(graph: nx.Graph[str], flow: Flow, route: Route) -> tuple[Leg, ...] | str:
    """The chain of services for one flow on the graph of those that it may take, or what is wrong."""
    for end in (flow.origin, flow.destination):
        if end not in graph:
            return f"no service that carries {flow.cargo} stops at {end}, so the demand has no route"
    if wrong := _against(flow, route):
        return wrong
    points = _waypoints(flow, route)
    for point in points:
        if point not in graph:
            return f"no service that carries {flow.cargo} stops at waypoint {point}{hint(nearest(point, graph))}"
    legs: list[Leg] = []
    for a, b in pairwise(points):
        # no place is passed twice, and no waypoint before its turn
        passed = {leg.origin for leg in legs} | set(points) - {a, b}
        try:
            places = nx.shortest_path(graph.subgraph(set(graph) - passed), a, b, weight="hours")
        except nx.NetworkXNoPath:
            return f"no chain of services carries {flow.cargo} from {a} to {b}, so the demand has no route"
        legs += [Leg(graph[p][q]["service"], p, q) for p, q in pairwise(places)]
    return tuple(legs)


def _against(flow: Flow, route: Route) -> str | None:
    """What is wrong if a flow would run against its route."""
    via = _via(flow, route)
    if flow.origin not in via or flow.destination not in via or via.index(flow.origin) < via.index(flow.destination):
        return None
    return (
        f"its route passes {flow.destination} before {flow.origin} in direction {flow.direction}; via is told westbound"
    )


def _via(flow: Flow, route: Route) -> list[str]:
    return list(route.via) if flow.direction == "west" else list(reversed(route.via))


def _waypoints(flow: Flow, route: Route) -> list[str]:
    """Waypoints between origin and destination; a route that goes on beyond either of them is cut there."""
    via = _via(flow, route)
    if flow.origin in via:
        via = via[via.index(flow.origin) + 1 :]
    if flow.destination in via:
        via = via[: via.index(flow.destination)]
    return [flow.origin, *via, flow.destination]


def _service_graphs(model: Model, ways: Ways, carried: dict[str, set[str]]) -> Callable[[str, Route], nx.Graph[str]]:
    """The graph of the services that a kind of cargo may take on a route. `carried`: the kinds of each service."""
    hours = {name: hours_of(model, ways, name) + TRANSFER_H for name in ways}
    touched = {name: {name, *(p for s in way for p in (s.start, s.end))} for name, way in ways.items()}

    @cache
    def graph_of(cargo: str, avoid: frozenset[str]) -> nx.Graph[str]:
        graph: nx.Graph[str] = nx.Graph()
        for name in ways:
            if cargo not in carried[name] or touched[name] & avoid:
                continue
            a, b = model.services[name].stops
            if not graph.has_edge(a, b) or graph[a][b]["hours"] > hours[name]:
                graph.add_edge(a, b, service=name, hours=hours[name])
        return graph

    return lambda cargo, route: graph_of(cargo, frozenset(route.avoid))


def _oversized(model: Model, chains: Chains, doubtful: frozenset[Path]) -> Iterable[Fault]:
    """What could never be carried or put down, and would wait for ever, unless that hangs on what is doubtful."""
    for name, fleet in model.fleets.items():
        stops = model.services[fleet.service].stops
        rests_on = {("fleets", name), ("services", fleet.service)}
        rests_on |= {(section, place) for section in ("ports", "terminals") for place in stops}
        rests_on |= {("seas", model.ports[place].sea) for place in stops if place in model.ports}
        if rests_on & doubtful:
            continue
        yield from _too_small_fleet(model, name, fleet, doubtful)
        for place in stops:
            yield from _too_small_yards(model, chains, name, fleet, place)


def _too_small_fleet(model: Model, name: str, fleet: Fleet, doubtful: frozenset[Path]) -> Iterable[Fault]:
    room = float(fleet.capacity) * load_share(model, fleet)
    for kind in fleet.accepts:
        if model.cargo[kind].space > room and ("cargo", kind) not in doubtful:
            yield Fault(
                ("fleets", name, "draught" if fleet.draught else "capacity"),
                f"one unit of {kind} takes {model.cargo[kind].space:g} {fleet.capacity.unit}, but at this depth of "
                f"water the fleet loads no more than {room:g} {fleet.capacity.unit}",
            )


def yard_before(model: Model, flow: Flow, legs: Sequence[Leg], number: int) -> str | None:
    """The yard in which units stand before a leg, where they go from one fleet to another: the first one for their unit
    and direction."""
    around = [model.services[leg.service] for leg in legs[max(number - 1, 0) : number + 1]]
    if len(around) < 2 or not all(isinstance(service, FleetService) for service in around):
        return None  # they begin or end here, or come or go by themselves
    place, unit = legs[number].origin, model.cargo[flow.cargo].space.unit
    terminal = model.ports.get(place) or model.terminals[place]
    fits = (
        name
        for name, yard in terminal.yards.items()
        if yard.limit.unit == unit and yard.direction in (None, flow.direction)
    )
    return next(fits, None)


def _too_small_yards(model: Model, chains: Chains, name: str, fleet: Fleet, place: str) -> Iterable[Fault]:
    section, room = "ports" if place in model.ports else "terminals", float(fleet.capacity) * load_share(model, fleet)
    filled = {
        yard_before(model, model.demand[flow], legs, number)
        for (flow, _), legs in chains.items()
        for number, leg in enumerate(legs[:-1], 1)
        if (leg.service, leg.destination) == (fleet.service, place)
    }
    for yard_name, yard in getattr(model, section)[place].yards.items():
        if yard_name in filled and yard.limit < room:
            yield Fault(
                (section, place, "yards", yard_name, "limit"),
                f"a full vehicle of fleet {name} ({room:g} {fleet.capacity.unit}) is larger than "
                f"this yard ({yard.limit:g} {yard.limit.unit}) and would wait for ever",
            )
