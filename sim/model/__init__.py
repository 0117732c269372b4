"""The discrete-event model: SimPy is the clock of what is few; boxes are rows of numpy arrays."""

from sim.model.journal import Journal
from sim.model.world import simulate

__all__ = ["Journal", "simulate"]
