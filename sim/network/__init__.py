"""Places, links and services as graphs; the way of each service and the itinerary of each flow on each route.

`sim.network.chains` tells from them, without a run, how far and how long each flow goes, and `sim.network.preview` what
is offered to each facility.
"""

from sim.network.build import Itinerary, Leg, Network, Section, build, load_share, path_hours, yard_before
from sim.network.notes import notes
from sim.network.read import load, load_all

__all__ = [
    "Itinerary",
    "Leg",
    "Network",
    "Section",
    "build",
    "load",
    "load_all",
    "load_share",
    "notes",
    "path_hours",
    "yard_before",
]
