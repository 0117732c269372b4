"""From a scenario to the ways that vehicles and consignments take.

Two graphs: links between places (a service finds its way on it, on one gauge if it is a train), and services between
their stops (a flow finds its chain of services on it, through the waypoints of its route).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise

import networkx as nx

from sim.scenario.faults import Fault
from sim.scenario.load import Scenario
from sim.scenario.schema import Fleet, FleetService, Flow, Model, Port, Route, Service, Terminal

TRANSFER_H = 12.0  # weight of one change of service when a route is sought; it only ranks alternatives
SEA_KMH = 25.0  # likewise for links without a speed of their own
MODES: dict[str, tuple[tuple[str, ...], ...]] = {  # what a service runs on; the first that has a way
    "trains": (("rail",),),
    "ships": (("sea", "waterway"),),
    "timetable": (("sea",), ("rail",), ("waterway",), ("road",), ("sea", "rail", "waterway", "road")),
    "individual": (("rail",), ("road",), ("sea", "rail", "waterway", "road")),
}


@dataclass(frozen=True)
class Section:
    """One link as a service runs it."""

    link: str
    start: str
    end: str


@dataclass(frozen=True)
class Leg:
    """One carriage of a consignment by one service, from stop to stop."""

    service: str
    origin: str
    destination: str


@dataclass(frozen=True)
class Itinerary:
    """The way of one flow over one route."""

    flow: str
    route: str
    share: float
    legs: tuple[Leg, ...]


@dataclass(frozen=True)
class Network:
    """A scenario with its ways found: all that the model needs, and picklable."""

    name: str
    digest: str
    model: Model
    ways: dict[str, tuple[Section, ...]]  # service → sections from its first stop to its second
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
    faults: list[Fault] = []
    ways = {}
    for name, service in model.services.items():
        way = _way(model, service)
        if way is None:
            faults.append(Fault(("services", name), _no_way(model, service), "key"))
        else:
            ways[name] = way
    itineraries: list[Itinerary] = []
    if not faults:
        for name, flow in model.demand.items():
            for route, share in flow.routes.items():
                legs = _legs(model, ways, flow, model.routes[route])
                if isinstance(legs, str):
                    faults.append(Fault(("demand", name, "routes", route), legs, "key"))
                else:
                    itineraries.append(Itinerary(name, route, float(share), legs))
        faults += _oversized(model)
    if faults:
        scenario.refuse(faults)
    return Network(scenario.name, scenario.digest(), model, ways, tuple(itineraries))


def _way(model: Model, service: Service) -> tuple[Section, ...] | None:
    """The shortest way between the two stops, over `via`, on one mode if there is one, on one gauge for trains.

    A service that says how long it takes needs no links: it goes straight where there are none.
    """
    first, second = service.stops
    gauges: tuple[int | None, ...] = (1435, 1520) if service.kind == "trains" else (None,)
    for modes in MODES[service.kind]:
        ways = [_shortest(model, [first, *service.via, second], modes, gauge) for gauge in gauges]
        found = [way for way in ways if way is not None]
        if found:
            return min(found, key=lambda way: sum(model.links[s.link].distance for s in way))
    timed = not isinstance(service, FleetService) and service.time is not None
    return (Section("", first, second),) if timed else None


def _shortest(model: Model, points: list[str], modes: tuple[str, ...], gauge: int | None) -> tuple[Section, ...] | None:
    graph = _link_graph(model, modes, gauge)
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
    what = {"trains": "rail links of one gauge", "ships": "sea or waterway links"}.get(service.kind, "links")
    return f"no way from {first} to {second}{where} on {what}; add links, or change via"


def hours_of(model: Model, ways: dict[str, tuple[Section, ...]], name: str) -> float:
    """Undisturbed hours from stop to stop."""
    service = model.services[name]
    if not isinstance(service, FleetService) and service.time is not None:
        return service.time.mean
    pace = getattr(service, "pace", 1.0)
    speeds = [f.speed for f in model.fleets.values() if f.service == name and f.speed]
    ship = max(speeds, default=SEA_KMH)
    links = [model.links[s.link] for s in ways[name]]
    return sum(link.distance / (link.speed or ship) / pace for link in links)


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


def accepts(model: Model, name: str) -> set[str]:
    """The cargo kinds that a service carries."""
    service = model.services[name]
    if isinstance(service, FleetService):
        return {kind for f in model.fleets.values() if f.service == name for kind in f.accepts}
    return set(service.accepts)


def _legs(model: Model, ways: dict[str, tuple[Section, ...]], flow: Flow, route: Route) -> tuple[Leg, ...] | str:
    """The chain of services for one flow, or what is wrong."""
    graph = _service_graph(model, ways, flow.cargo, set(route.avoid))
    for end in (flow.origin, flow.destination):
        if end not in graph:
            return f"no service that carries {flow.cargo} stops at {end}, so the demand has no route"
    points = _waypoints(flow, route)
    for point in points:
        if point not in graph:
            near = get_close_matches(point, list(graph), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"no service that carries {flow.cargo} stops at waypoint {point}{hint}"
    legs: list[Leg] = []
    for a, b in pairwise(points):
        # no place is passed twice, and no waypoint before its turn
        passed = {leg.origin for leg in legs} | set(points) - {a, b}
        try:
            places = nx.shortest_path(graph.subgraph(set(graph) - passed), a, b, weight="hours")
        except nx.NetworkXNoPath:
            return f"no chain of services carries {flow.cargo} from {a} to {b}, so the demand has no route"
        legs += [Leg(graph[p][q]["service"], p, q) for p, q in pairwise(places)]
    return tuple(legs) or f"origin and destination are both {flow.origin}"


def _waypoints(flow: Flow, route: Route) -> list[str]:
    """Waypoints between origin and destination; a route that goes on beyond either of them is cut there."""
    via = list(route.via) if flow.direction == "west" else list(reversed(route.via))
    if flow.origin in via:
        via = via[via.index(flow.origin) + 1 :]
    if flow.destination in via:
        via = via[: via.index(flow.destination)]
    return [flow.origin, *via, flow.destination]


def _service_graph(model: Model, ways: dict[str, tuple[Section, ...]], cargo: str, avoid: set[str]) -> nx.Graph[str]:
    graph: nx.Graph[str] = nx.Graph()
    for name, way in ways.items():
        touched = {name, *(p for s in way for p in (s.start, s.end))}
        if cargo not in accepts(model, name) or touched & avoid:
            continue
        hours = hours_of(model, ways, name) + TRANSFER_H
        a, b = model.services[name].stops
        if not graph.has_edge(a, b) or graph[a][b]["hours"] > hours:
            graph.add_edge(a, b, service=name, hours=hours)
    return graph


def _oversized(model: Model) -> Iterable[Fault]:
    """What could never be carried or put down, and would wait for ever."""
    for name, fleet in model.fleets.items():
        room = float(fleet.capacity) * load_share(model, fleet)
        for kind in fleet.accepts:
            if model.cargo[kind].space > room:
                yield Fault(
                    ("fleets", name, "draught" if fleet.draught else "capacity"),
                    f"one unit of {kind} takes {model.cargo[kind].space:g} {fleet.capacity.unit}, but at this depth of "
                    f"water the fleet loads no more than {room:g} {fleet.capacity.unit}",
                )
        for place in model.services[fleet.service].stops:
            section = "ports" if place in model.ports else "terminals"
            terminal = getattr(model, section)[place]
            for yard_name, yard in terminal.yards.items():
                if yard.limit.unit == fleet.capacity.unit and yard.limit < fleet.capacity:
                    yield Fault(
                        (section, place, "yards", yard_name, "limit"),
                        f"a full vehicle of fleet {name} ({fleet.capacity:g} {fleet.capacity.unit}) is larger than "
                        f"this yard ({yard.limit:g} {yard.limit.unit}) and would wait for ever",
                    )
