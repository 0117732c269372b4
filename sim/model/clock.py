"""The grid of time, and the named streams of random numbers.

All times and durations are multiples of 2⁻²⁰ h (3.4 ms). Sums of such numbers are exact in floating point, so the
causes of a box's hours add up to its transit time to the bit, and an event falls exactly when it was computed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from hashlib import blake2b
from heapq import heappop, heappush
from typing import Any, TypeVar

import numpy as np
import simpy
from numpy.typing import NDArray
from simpy.events import NORMAL, URGENT

from sim.scenario.values import Variate

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Hours = Floats | float  # of each unit, or the same for all

T = TypeVar("T")

GRID = float(1 << 20)  # steps an hour


def snap(hours: float) -> float:
    """The nearest time on the grid."""
    return round(hours * GRID) / GRID


def snap_all(hours: Floats) -> Floats:
    """The same for an array."""
    return np.rint(hours * GRID) / GRID


# Of a train, a ship or a consignment: what it waits for, an event or an hour that is known ahead.
Story = Generator[simpy.Event | float, None, T]


class Clock(simpy.Environment):
    """SimPy's, with stories that may wait for an hour by telling it: most do, and it saves an event to make."""

    def at(self, hour: float) -> simpy.Event:
        """An hour that is known ahead, as an event."""
        event = simpy.Event(self)
        event._ok, event._value = True, None
        heappush(self._queue, (hour, NORMAL, next(self._eid), event))
        return event

    def go(self, until: float) -> None:
        """All that happens before this hour."""
        queue = self._queue
        while queue and queue[0][0] < until:
            self._now, _, _, event = heappop(queue)
            callbacks, event.callbacks = event.callbacks, None  # type: ignore[assignment]
            for callback in callbacks:
                callback(event)


class Actor:
    """Who acts out a story, from one wait to the next."""

    __slots__ = ("_alarm", "_clock", "_next", "_tell", "name")

    def __init__(self, clock: Clock, story: Story[Any]) -> None:
        self.name: str = story.__name__  # type: ignore[attr-defined]
        self._clock = clock
        self._tell = story.send
        self._next: list[Callable[[Any], None]] = [self.go_on]
        self._alarm = simpy.Event(clock)  # the same for every hour that it waits for
        self._alarm._ok, self._alarm._value = True, None
        self._alarm.callbacks = self._next
        clock.schedule(self._alarm, URGENT)

    def go_on(self, _: simpy.Event) -> None:
        try:
            wanted = self._tell(None)
        except StopIteration:
            self._next.clear()  # which lets go of the actor
            return
        if isinstance(wanted, float):
            self._alarm.callbacks = self._next
            clock = self._clock
            heappush(clock._queue, (wanted, NORMAL, next(clock._eid), self._alarm))
        else:
            wanted.callbacks.append(self.go_on)


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
