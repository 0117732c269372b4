"""The flows that are compared: their ways, their boxes, and the names of the stages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.model import Journal
from sim.network import Itinerary, Leg, Network


def compared(network: Network) -> Iterator[tuple[int, Itinerary]]:
    """The itineraries of compared flows with their numbers."""
    for number, way in enumerate(network.itineraries):
        if network.model.demand[way.flow].compare:
            yield number, way


def with_units(network: Network, journal: Journal) -> Iterator[tuple[int, Itinerary, slice]]:
    """The same, each with where its boxes stand in the journal's units."""
    numbers = np.arange(len(network.itineraries) + 1)
    edges = np.searchsorted(journal.units["itinerary"], numbers)  # units stand in order of itineraries
    for number, way in compared(network):
        yield number, way, slice(int(edges[number]), int(edges[number + 1]))


def released_within(journal: Journal, mine: slice, begin: float, end: float) -> slice:
    """Where those of the units of an itinerary stand that were released in [begin, end): they stand in that order."""
    first, last = np.searchsorted(journal.units["released"][mine], [begin, end])
    return slice(mine.start + int(first), mine.start + int(last))


def stop_name(network: Network, place: str) -> str:
    """A stage where boxes are lifted: "Aktau port"."""
    name = network.model.places[place].name
    return f"{name} port" if place in network.model.ports else name


def ride_name(network: Network, leg: Leg) -> str:
    """A stage under way: "rail Altynkol–Aktau"."""
    first, names = network.ways[leg.service][0], network.model.places
    mode = network.model.links[first.link].mode if first.link else "sea"
    return f"{mode} {names[leg.origin].name}–{names[leg.destination].name}"
