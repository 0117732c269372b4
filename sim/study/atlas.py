"""What tables and maps must know of a network: names, coordinates, the course of its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.scenario.schema import Model

Point = tuple[float, float]  # longitude, latitude in degrees


@dataclass(frozen=True)
class Spot:
    """A place on the map."""

    point: Point
    port: bool


@dataclass(frozen=True)
class Course:
    """A link on the map, or a service that runs by its timetable and on no link."""

    mode: str  # as of a link
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Atlas:
    """Names and geometry by scenario id; routes in the order of the scenario, which fixes their colours."""

    names: Mapping[str, str]  # of places, links and services
    routes: Mapping[str, str]  # id → title
    places: Mapping[str, Spot]
    courses: Mapping[str, Course]

    def name(self, key: str) -> str:
        """The name of a place, link or service; the id itself where it is none of them."""
        return self.names.get(key, key)

    def route(self, route: str) -> str:
        """The title of a route."""
        return self.routes.get(route, route)

    def ports(self) -> list[str]:
        """The ids of the places that are ports."""
        return [place for place, spot in self.places.items() if spot.port]


def atlas_of(model: Model) -> Atlas:
    """The atlas of a scenario's model."""
    ports = _ports(model)
    places = {key: Spot((float(place.lon), float(place.lat)), key in ports) for key, place in model.places.items()}
    names = {key: service.title for key, service in model.services.items()}
    names |= {key: "–".join(model.places[end].name for end in link.between) for key, link in model.links.items()}
    names |= {key: place.name for key, place in model.places.items()}
    courses = {}
    between = {}
    for key, link in model.links.items():
        start, end = link.between
        points = (places[start].point, *((float(lon), float(lat)) for lat, lon in link.via or ()), places[end].point)
        courses[key] = between[start, end] = Course(link.mode, points)
        between[end, start] = Course(link.mode, points[::-1])
    for key, service in model.services.items():
        stops = list(service.stops)
        steps = pairwise([stops[0], *service.via, stops[1]])
        parts = [between.get(step) or Course("sea", (places[step[0]].point, places[step[1]].point)) for step in steps]
        courses.setdefault(key, Course(parts[0].mode, tuple(point for part in parts for point in part.points)))
    return Atlas(names, {key: route.title for key, route in model.routes.items()}, places, courses)


def _ports(model: Model) -> set[str]:
    """The ports of the scenario, and those of which it says no more than that liners from the sea call there."""
    coasts = {end for link in model.links.values() if link.mode == "sea" for end in link.between}
    calls = {stop for service in model.services.values() for stop in service.stops}
    return {*model.ports, *(coasts & calls - model.terminals.keys())}
