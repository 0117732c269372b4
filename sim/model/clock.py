"""The clock of events, and the named streams of random numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from hashlib import blake2b
from typing import Any, Final, TypeVar

import numpy as np
import simpy

from sim.model.grid import INF, Floats, snap, snap_all
from sim.model.kernels import heappop, heappush, heapreplace
from sim.scenario.values import Variate

T = TypeVar("T")

NOT_CALLED: Final = -1

# Of a train, a ship or a consignment: the hour that it waits for, or nothing if somebody else will call it up.
Story = Generator[float | None, None, T]


class Clock(simpy.Environment):
    """SimPy's, with actors themselves in its queue of events: most wait for an hour, and need no event made for it.
    They go on by hour; in one hour first who was called up, then who was called for it, in the order of the calls."""

    _queue: list[tuple[float, int, Actor]]  # type: ignore[assignment]  # of those called for an hour
    now: float = 0.0  # SimPy's is a property, which takes a call
    events: int = 0  # so far
    acting: Actor  # who goes on in this moment
    watch: Callable[[Actor], None] | None = None  # told of each who went on

    def __init__(self, begin: float) -> None:
        super().__init__(begin)
        self.now = begin
        self._called_up: deque[Actor] = deque()

    def go(self, until: float) -> None:
        """All that happens before this hour: one actor after the other goes on, and tells what it waits for."""
        queue, called_up, watch = self._queue, self._called_up, self.watch
        on, pop, replace = next, heappop, heapreplace  # looked up once
        while True:
            while called_up:
                self.acting = actor = called_up.popleft()
                hour = on(actor.story, None)
                if hour is not None:
                    self.call(actor, hour)
                if watch is not None:
                    watch(actor)
            if not queue or queue[0][0] >= until:
                return
            self.now, number, actor = queue[0]
            if number != actor.due:
                pop(queue)  # it was called for another hour since
                continue
            self.acting = actor
            actor.due = NOT_CALLED
            hour = on(actor.story, None)
            if hour is None:
                pop(queue)  # nobody has come before it meanwhile
            else:
                self.events = actor.due = number = self.events + 1
                replace(queue, (hour, number, actor))
            if watch is not None:
                watch(actor)

    def call(self, actor: Actor, hour: float) -> None:
        """An actor who waits will go on at this hour, and not at that for which it was called before; inf: not yet."""
        actor.due = NOT_CALLED
        if hour < INF:
            self.events = actor.due = number = self.events + 1
            heappush(self._queue, (hour, number, actor))

    def call_up(self, actor: Actor) -> None:
        """An actor who waits for no hour goes on in this moment, before all who were called for it."""
        self.events += 1
        self._called_up.append(actor)


class Actor:
    """Who acts out a story, from one wait to the next."""

    __slots__ = ("due", "name", "story")

    def __init__(self, clock: Clock, story: Story[Any], name: str) -> None:
        self.name = name
        self.story = story
        self.due = NOT_CALLED  # number of the event in which it goes on
        clock.call_up(self)


class Streams:
    """Uniform numbers by name: the same name gives the same numbers whatever else the scenario holds.

    A longer draw begins with the shorter one, so more demand leaves what was there as it was.
    """

    def __init__(self, seed: int, replication: int) -> None:
        self._seed = _words(seed, 4)
        self._replication = _words(replication, 1)

    def uniforms(self, name: str, count: int) -> Floats:
        digest = blake2b(name.encode(), digest_size=8).digest()
        # what SeedSequence(seed, spawn_key=(two words of the digest, replication)) would put together, in half the time
        entropy = np.frombuffer(self._seed + digest + self._replication, ">u4").astype(np.uint32)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy))).random(count)

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


def _words(number: int, least: int) -> bytes:
    """A number in words of 32 bits, the lowest word first, and not fewer than so many."""
    count = max(-(-number.bit_length() // 32), least)
    return b"".join([(number >> 32 * i & 0xFFFFFFFF).to_bytes(4, "big") for i in range(count)])
