"""From the journal of one replication to what a planner asks: transit times, causes, stages, use of facilities."""

from sim.measure.measures import Measures, measure
from sim.measure.releases import releases

__all__ = ["Measures", "measure", "releases"]
