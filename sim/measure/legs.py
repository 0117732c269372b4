"""The way of a flow as costs and emissions see it: passages through places, and rides between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sim.measure.ways import ride_name, stop_name
from sim.network import Itinerary, Network
from sim.network.build import Section
from sim.scenario.schema import Carriage, Charges, Factor, Flow, Service
from sim.scenario.values import Fee, Freight


@dataclass(frozen=True)
class Passage:
    """A place that a box passes: where it is lifted on or off."""

    order: int
    stage: str
    leg: int | None  # the leg that begins here; none where the journey ends
    moves: int  # lifts: off the vehicle that brings it, onto the one that takes it
    name: str
    country: str
    charges: Charges | None
    documents: Fee | None


@dataclass(frozen=True)
class Charge:
    """What one operator asks for some km; `freight` is None where the scenario does not say."""

    operator: str
    km: float
    freight: Freight | None


@dataclass(frozen=True)
class Step:
    """Some km with one traction; `factor` is None, and its name empty, where the scenario does not say."""

    km: float
    name: str
    factor: Factor | None


@dataclass(frozen=True)
class Ride:
    """One leg: carriage by one service."""

    order: int
    stage: str
    leg: int
    service: Service
    charges: tuple[Charge, ...]
    steps: tuple[Step, ...]
    borders: tuple[tuple[str, str, Fee], ...]  # name and country of each border that asks for a fee


def hops(network: Network, way: Itinerary) -> Iterator[Passage | Ride]:
    """Passages and rides by turns, from origin to destination."""
    for leg, step in enumerate(way.legs):
        yield _passage(network, step.origin, leg, first=leg == 0)
        yield _ride(network, way, leg)
    yield _passage(network, way.legs[-1].destination, len(way.legs), last=True)


def _passage(network: Network, place: str, leg: int, *, first: bool = False, last: bool = False) -> Passage:
    model = network.model
    terminal = model.ports.get(place) or model.terminals.get(place)
    spot = model.places[place]
    between = not first and not last
    papers = terminal.documents if terminal is not None and between else None
    return Passage(
        order=2 * leg,
        stage=stop_name(network, place),
        leg=None if last else leg,
        moves=2 if between else 1,
        name=spot.name,
        country=spot.country,
        charges=terminal.charges if terminal is not None else None,
        documents=papers.fee if papers is not None else None,
    )


def _ride(network: Network, way: Itinerary, leg: int) -> Ride:
    model, step = network.model, way.legs[leg]
    service = model.services[step.service]
    sections = network.sections(step.service, step.origin)
    flow = model.demand[way.flow]
    names = model.places
    passed = [section.end for section in sections[:-1] if section.end in model.borders]
    fees = [(names[place].name, names[place].country, model.borders[place].fee) for place in passed]
    return Ride(
        order=2 * leg + 1,
        stage=ride_name(network, step),
        leg=leg,
        service=service,
        charges=tuple(_charges(network, service, sections, flow)),
        steps=tuple(_steps(network, service, sections)),
        borders=tuple((name, country, fee) for name, country, fee in fees if fee is not None),
    )


def _charges(network: Network, service: Service, sections: tuple[Section, ...], flow: Flow) -> Iterator[Charge]:
    """One charge of the service if it has a price for this flow, else one of each of its links."""
    owner = service.operator or service.title
    asked = _asked(service, flow)
    if asked is not None:
        known = all(section.link for section in sections) or not asked.per_km
        yield Charge(owner, _km(network, sections), asked if known else None)
        return
    for section in sections:
        link = network.model.links.get(section.link)
        freight = _asked(link, flow) if link is not None else None
        operator = (link.operator if link is not None else None) or owner
        yield Charge(operator, _km(network, (section,)), freight)


def _asked(carriage: Carriage, flow: Flow) -> Freight | None:
    """The price for the cargo of a flow in its direction."""
    fare = carriage.freight_of.get(flow.cargo, carriage)
    return fare.freight_east if flow.direction == "east" and fare.freight_east is not None else fare.freight


def _steps(network: Network, service: Service, sections: tuple[Section, ...]) -> Iterator[Step]:
    for section in sections:
        link = network.model.links.get(section.link)
        name = service.factor or link.factor if link is not None else None
        yield Step(_km(network, (section,)), name or "", network.model.factors[name] if name is not None else None)


def _km(network: Network, sections: tuple[Section, ...]) -> float:
    return sum(float(network.model.links[section.link].distance) for section in sections if section.link)
