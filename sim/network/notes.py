"""What a scenario holds and nothing uses, and what looks like a slip: no faults, as what is tried out may be unused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from math import asin, cos, isfinite, radians, sin, sqrt
from typing import TYPE_CHECKING

from sim.network.build import Network, heeds_links, idle_services, yard_before
from sim.scenario.faults import Path
from sim.scenario.schema import FleetService, Place

if TYPE_CHECKING:
    from sim.scenario.load import Scenario

EARTH_KM = 6371.0
STRAIGHT = 0.95  # of the way as the crow flies: coordinates are those of a place, and not of its station

Note = tuple[Path, str]


def notes(network: Network, scenario: Scenario) -> list[str]:
    """A line for each, with its position: `file:line:column: note: ...`."""
    every = (_idle, _short_links, _yards, _paths, _borders, _dated)
    return [f"{scenario.locate(path)}: note: {text}" for path, text in chain(*(look(network) for look in every))]


def _idle(network: Network) -> Iterator[Note]:
    """Services of vehicles that there are not."""
    for name in idle_services(network.model):
        yield ("services", name), f"no fleet runs on {name}: nothing goes by it"


def _short_links(network: Network) -> Iterator[Note]:
    """Links that are shorter than the way through the air."""
    for name, link in network.model.links.items():
        one, other = (network.model.places[place] for place in link.between)
        straight = _kilometres(one, other)
        if float(link.distance) < STRAIGHT * straight:
            yield ("links", name, "distance"), f"{link.distance.text}, and its ends lie {straight:,.0f} km apart"


def _kilometres(one: Place, other: Place) -> float:
    """The great circle between two places."""
    up, across = (radians(getattr(other, axis) - getattr(one, axis)) / 2 for axis in ("lat", "lon"))
    return 2 * EARTH_KM * asin(sqrt(sin(up) ** 2 + cos(radians(one.lat)) * cos(radians(other.lat)) * sin(across) ** 2))


def _yards(network: Network) -> Iterator[Note]:
    """Yards in which nothing ever stands."""
    model = network.model
    used = {
        (leg.origin, yard_before(model, model.demand[way.flow], way.legs, number))
        for way in network.itineraries
        for number, leg in enumerate(way.legs)
    }
    for section, terminals in (("terminals", model.terminals), ("ports", model.ports)):
        for place, terminal in terminals.items():
            for name in terminal.yards:
                if (place, name) not in used:
                    what = "nothing stands here: a yard is for what goes from one fleet to another"
                    yield (section, place, "yards", name), what


def _paths(network: Network) -> Iterator[Note]:
    """Limits of links that hold nobody up, though a service uses them."""
    model = network.model
    fleets, heeded, every = set[str](), set[str](), set[str]()
    for name, way in network.ways.items():
        service, links = model.services[name], {section.link for section in way}
        every |= links
        if isinstance(service, FleetService):
            fleets |= links
        if heeds_links(service):
            heeded |= links
    for name, link in model.links.items():
        if name not in every:
            continue
        if link.paths is not None and name not in fleets:
            yield ("links", name, "paths"), "no fleet runs here, and nothing else waits for paths"
        for key in ("hours", "calendar"):
            if getattr(link, key) is not None and name not in heeded:
                yield ("links", name, key), "what runs here keeps its own time, and does not wait for it"


def _borders(network: Network) -> Iterator[Note]:
    """Borders at which nothing stops en route."""
    model = network.model
    passed = {
        section.end for name, way in network.ways.items() if heeds_links(model.services[name]) for section in way[:-1]
    }
    for place in model.borders:
        if place not in passed:
            what = "nothing stops here en route: where a service ends, papers are those of the terminal or port"
            yield ("borders", place), what


def _dated(network: Network) -> Iterator[Note]:
    """Closures and diversions before the run begins, or after it ends."""
    model, run = network.model, network.model.run
    zero = datetime.fromisoformat(run.start)
    before = float(run.warm_up) if isfinite(run.warm_up) else 0.0  # of an automatic one it is not known yet
    begin, end = (zero + timedelta(hours=hours) for hours in (-before, float(run.length + run.run_out)))
    spans: list[tuple[Path, str, str | None]] = [
        (("calendars", name, "closures", key), closure.start, closure.end)
        for name, calendar in model.calendars.items()
        for key, closure in calendar.closures.items()
    ]
    spans += [
        (("demand", name, "diversions", key), diversion.start, diversion.end)
        for name, flow in model.demand.items()
        for key, diversion in flow.diversions.items()
    ]
    for path, first, last in spans:
        if datetime.fromisoformat(first) >= end or (last and datetime.fromisoformat(last) <= begin):
            yield path, f"not within the run, which is from {begin:%Y-%m-%d} to {end:%Y-%m-%d}"
