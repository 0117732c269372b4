"""Places, links and services as graphs; the way of each service and the itinerary of each flow on each route."""

from sim.network.build import Itinerary, Leg, Network, Section, build, load_share
from sim.network.preview import Estimate, Offered, Preview, preview
from sim.network.read import load, load_all

__all__ = [
    "Estimate",
    "Itinerary",
    "Leg",
    "Network",
    "Offered",
    "Preview",
    "Section",
    "build",
    "load",
    "load_all",
    "load_share",
    "preview",
]
