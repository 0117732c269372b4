"""By which services each flow goes on each of its routes; how far that is, and how long if nothing holds it up."""

from __future__ import annotations

from dataclasses import dataclass

from sim.network.build import Itinerary, Leg, Network, heeds_links, hours_of
from sim.scenario.schema import Documents, Flow, TimetableService


@dataclass(frozen=True)
class PlannedLeg(Leg):
    """One leg, before anything has run."""

    kind: str  # trains | ships | timetable | individual
    mode: str  # of its links, as "sea" or "rail and road"; of a service that runs on none its kind
    km: float | None  # None: it runs on no link
    hours: float  # under way: distance over speed of the fastest fleet, or the mean of the time that the service says
    papers_hours: float  # mean office hours at borders on the way, to the release of a liner, where the next begins


@dataclass(frozen=True)
class Chain(Itinerary):
    """The way of one flow on one route, leg by leg."""

    legs: tuple[PlannedLeg, ...]

    @property
    def km(self) -> float | None:
        """None: not known of some leg."""
        every = [leg.km for leg in self.legs if leg.km is not None]
        return sum(every) if len(every) == len(self.legs) else None

    @property
    def hours(self) -> float:
        """Under way, without delays or waiting."""
        return sum(leg.hours for leg in self.legs)

    @property
    def papers_hours(self) -> float:
        """Papers, without queues and hours in which nobody works."""
        return sum(leg.papers_hours for leg in self.legs)


def chains(network: Network) -> tuple[Chain, ...]:
    """The chain of each flow on each of its routes, in the order of the scenario."""
    return tuple(
        Chain(way.flow, way.route, way.share, tuple(_planned(network, way, number) for number in range(len(way.legs))))
        for way in network.itineraries
    )


def _planned(network: Network, way: Itinerary, number: int) -> PlannedLeg:
    leg, flow = way.legs[number], network.model.demand[way.flow]
    service = network.model.services[leg.service]
    links = [network.model.links[section.link] for section in network.ways[leg.service] if section.link]
    return PlannedLeg(
        leg.service,
        leg.origin,
        leg.destination,
        service.kind,
        " and ".join(dict.fromkeys(link.mode for link in links)) or service.kind,
        sum(float(link.distance) for link in links) if links else None,
        hours_of(network.model, network.ways, leg.service, flow.cargo),
        _papers(network, way, number, flow),
    )


def _papers(network: Network, way: Itinerary, number: int, flow: Flow) -> float:
    model, leg = network.model, way.legs[number]
    service, sections = model.services[leg.service], network.sections(leg.service, leg.origin)
    rules: list[Documents] = []
    if heeds_links(service):
        rules += [model.borders[section.end] for section in sections[:-1] if section.end in model.borders]
    terminal = model.ports.get(leg.destination) or model.terminals.get(leg.destination)
    if terminal is not None and terminal.documents is not None and number + 1 < len(way.legs):
        rules.append(terminal.documents)
    released = service.stops[leg.destination].release if isinstance(service, TimetableService) else None
    return sum(papers_mean(rule, flow) for rule in rules) + (released.mean if released is not None else 0.0)


def papers_mean(rule: Documents, flow: Flow) -> float:
    """Mean working hours of the papers of a flow; faults and advance information included."""
    announced = 1 - rule.advance * (1 - rule.advance_factor)
    faulty = rule.faulty * rule.faulty_time.mean if rule.faulty_time else 0.0
    return rule.time_of(flow).mean * announced + faulty
