"""From the journal of one replication to what a planner asks: transit times, causes, stages, use of facilities."""

from sim.measure.carried import carried
from sim.measure.causes import FREE_FLOW, box_hours
from sim.measure.measures import Essentials, Measures, essentials, measure
from sim.measure.releases import releases
from sim.measure.tails import AROUND_P90, tails

__all__ = [
    "AROUND_P90",
    "FREE_FLOW",
    "Essentials",
    "Measures",
    "box_hours",
    "carried",
    "essentials",
    "measure",
    "releases",
    "tails",
]
