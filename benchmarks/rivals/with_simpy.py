"""The reference corridor in SimPy as its manual teaches: a process for each box, train and ship, resources for what
they share, events for what they wait for."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Generator
from typing import Any

import simpy

from benchmarks.corridor import Corridor, Floats, Log

Story = Generator[simpy.Event, Any, Any]


def simulate(corridor: Corridor) -> Floats:
    """The hours of MILESTONES of each box; NaN: not by the end."""
    world = World(corridor)
    world.env.run(until=corridor.end)
    return world.log.milestones()


class Work:
    """Moves that must all be done, once no more are added."""

    def __init__(self, env: simpy.Environment, moves: int) -> None:
        self.left = moves
        self.complete = False  # no more are added
        self.done = env.event()

    def one_done(self) -> None:
        self.left -= 1
        if self.complete and not self.left:
            self.done.succeed()

    def finish(self) -> Generator[simpy.Event, Any, None]:
        """Wait until all are done."""
        self.complete = True
        if self.left:
            yield self.done


class Slot:
    """A box's place in the yard, and then on a ship."""

    def __init__(self, env: simpy.Environment) -> None:
        self.assigned = env.event()  # with the voyage
        self.unload = env.event()


class Voyage:
    """One crossing of a ship, from its berth in the east on."""

    def __init__(self, env: simpy.Environment, cranes: int) -> None:
        self.turn = env.event()  # it is first in the lane
        self.full = env.event()
        self.closed = False
        self.cargo: list[Slot] = []
        self.cranes = simpy.Resource(env, cranes)
        self.loading = Work(env, 0)
        self.discharging = self.loading


class World:
    def __init__(self, corridor: Corridor) -> None:
        c = self.corridor = corridor
        env = self.env = simpy.Environment()
        self.closes, self.opens = c.closes.tolist(), c.opens.tolist()
        self.log = Log(c.boxes)
        self.station = simpy.Resource(env, c.station_cranes)
        self.east, self.west = simpy.Resource(env, c.berths), simpy.Resource(env, c.berths)
        self.gauge = simpy.Resource(env, c.gauge_tracks)
        self.yard: deque[Slot] = deque()
        self.lane: deque[Voyage] = deque()
        self.train: list[int] = []
        self.begun = [0] * c.blocks  # trains out, by the block of their first box
        self.train_in = env.event()
        self.unload, self.load, self.discharge = c.unload.tolist(), c.load.tolist(), c.discharge.tolist()
        self.to_gauge, self.change, self.onward = c.to_gauge.tolist(), c.change.tolist(), c.onward.tolist()
        for number in range(c.ships):
            env.process(self.ship(number))
        for block, arrived in enumerate(c.arrived.tolist()):
            env.process(self.block_train(block, arrived))

    def weather(self) -> Story:
        """Wait while it is closed."""
        now = self.env.now
        k = bisect_right(self.closes, now) - 1
        if k >= 0 and now < self.opens[k]:
            yield self.env.timeout(self.opens[k] - now)

    def block_train(self, block: int, arrived: float) -> Story:
        env, c = self.env, self.corridor
        yield env.timeout(arrived)
        for box in range(block * c.train, (block + 1) * c.train):
            env.process(self.box(box))

    def box(self, box: int) -> Story:
        env, log = self.env, self.log
        with self.station.request() as crane:
            yield crane
            log.unloading[box] = env.now
            yield env.timeout(self.unload[box])
        log.ready[box] = env.now
        slot = Slot(env)
        self.into_yard(slot)
        voyage = yield slot.assigned
        with voyage.cranes.request() as crane:
            yield crane
            log.loading[box] = env.now
            yield env.timeout(self.load[box])
        log.loaded[box] = env.now
        voyage.loading.one_done()
        yield slot.unload
        with voyage.cranes.request() as crane:
            yield crane
            log.discharging[box] = env.now
            yield env.timeout(self.discharge[box])
        log.landed[box] = env.now
        voyage.discharging.one_done()
        log.left[box] = yield self.join_train(box)
        log.delivered[box] = env.now

    def into_yard(self, slot: Slot) -> None:
        if self.lane and not self.lane[0].closed:
            self.assign(self.lane[0], slot)
        else:
            self.yard.append(slot)

    def assign(self, voyage: Voyage, slot: Slot) -> None:
        voyage.cargo.append(slot)
        voyage.loading.left += 1
        slot.assigned.succeed(voyage)
        if len(voyage.cargo) == self.corridor.capacity:
            voyage.closed = True
            voyage.full.succeed()

    def ship(self, number: int) -> Story:
        env, out, back = self.env, self.corridor.out[number].tolist(), self.corridor.back[number].tolist()
        voyage = Voyage(env, self.corridor.quay_cranes)
        if number % 2:  # it begins in the west, empty
            yield from self.call_west(voyage)
            yield env.timeout(back.pop(0))
        while True:
            voyage = Voyage(env, self.corridor.quay_cranes)
            yield from self.call_east(voyage)
            yield env.timeout(out.pop(0))
            yield from self.call_west(voyage)
            yield env.timeout(back.pop(0))

    def call_east(self, voyage: Voyage) -> Story:
        yield from self.weather()
        with self.east.request() as berth:
            yield berth
            yield from self.weather()
            yield from self.take_cargo(voyage)
            yield from voyage.loading.finish()
            yield from self.weather()

    def take_cargo(self, voyage: Voyage) -> Story:
        env, wait = self.env, self.corridor.wait
        berthed = env.now
        self.lane.append(voyage)
        if self.lane[0] is not voyage:
            voyage.closed = True
            yield voyage.turn
            voyage.closed = False
        opened = env.now
        while self.yard and not voyage.closed:
            self.assign(voyage, self.yard.popleft())
        yield voyage.full | env.timeout(max(berthed + wait - opened, 0))
        voyage.closed = True
        self.lane.popleft()
        if self.lane:
            self.lane[0].turn.succeed()

    def call_west(self, voyage: Voyage) -> Story:
        yield from self.weather()
        with self.west.request() as berth:
            yield berth
            yield from self.weather()
            if voyage.cargo:
                voyage.discharging = Work(self.env, len(voyage.cargo))
                for slot in voyage.cargo:
                    slot.unload.succeed()
                yield from voyage.discharging.finish()
            yield from self.weather()

    def join_train(self, box: int) -> simpy.Event:
        """The arrival of the train that this box is on, with the hour at which it left: with the box that fills it."""
        arrival = self.train_in
        self.train.append(box)
        if len(self.train) == self.corridor.train:
            block = self.train[0] // self.corridor.train
            self.env.process(self.train_out(self.begun[block], block, arrival))
            self.begun[block] += 1
            self.train, self.train_in = [], self.env.event()
        return arrival

    def train_out(self, number: int, block: int, arrival: simpy.Event) -> Story:
        env, left = self.env, self.env.now
        yield env.timeout(self.to_gauge[number][block])
        with self.gauge.request() as track:
            yield track
            yield env.timeout(self.change[block])
        yield env.timeout(self.onward[number][block])
        arrival.succeed(left)
