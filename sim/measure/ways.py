"""The flows that are compared: their ways and their boxes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sim.model import Journal
from sim.network import Itinerary, Network


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
