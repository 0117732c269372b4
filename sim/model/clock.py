"""The grid of time, and the named streams of random numbers.

All times and durations are multiples of 2⁻²⁰ h (3.4 ms). Sums of such numbers are exact in floating point, so the
causes of a box's hours add up to its transit time to the bit, and an event falls exactly when it was computed.
"""

from __future__ import annotations

from hashlib import blake2b
from heapq import heappush

import numpy as np
import simpy
from numpy.typing import NDArray

from sim.scenario.values import Variate

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Hours = Floats | float  # of each unit, or the same for all

GRID = float(1 << 20)  # steps an hour


def snap(hours: float) -> float:
    """The nearest time on the grid."""
    return round(hours * GRID) / GRID


def snap_all(hours: Floats) -> Floats:
    """The same for an array."""
    return np.rint(hours * GRID) / GRID


class Hour(simpy.Event):
    """An hour that is known ahead, to wait for."""

    def __init__(self, clock: Clock, hour: float) -> None:
        self.env = clock
        self.callbacks = []
        self._ok, self._value = True, None
        heappush(clock._queue, (hour, simpy.events.NORMAL, next(clock._eid), self))


class Clock(simpy.Environment):
    """SimPy's, told the hour to wait for instead of how long that is."""

    def at(self, hour: float) -> Hour:
        return Hour(self, hour)


class Streams:
    """Uniform numbers by name: the same name gives the same numbers whatever else the scenario holds.

    A longer draw begins with the shorter one, so more demand leaves what was there as it was.
    """

    def __init__(self, seed: int, replication: int) -> None:
        self._seed = seed
        self._replication = replication

    def uniforms(self, name: str, count: int) -> Floats:
        digest = blake2b(name.encode(), digest_size=8).digest()
        key = (int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big"), self._replication)
        sequence = np.random.SeedSequence(self._seed, spawn_key=key)
        return np.random.Generator(np.random.PCG64(sequence)).random(count)

    def durations(self, name: str, variate: Variate, count: int, scale: float = 1.0) -> Floats:
        """`count` draws of `variate` times `scale`, in hours on the grid."""
        if variate.constant:
            return np.full(count, snap(variate.mean * scale))
        return snap_all(variate.ppf(self.uniforms(name, count)) * scale)

    def table(self, names: list[str], variate: Variate, count: int, scale: float = 1.0) -> Floats:
        """The same of several streams of one variate: a row for each of them."""
        if variate.constant:
            return np.full((len(names), count), snap(variate.mean * scale))
        return snap_all(variate.ppf(np.stack([self.uniforms(name, count) for name in names])) * scale)
