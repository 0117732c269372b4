"""The reference corridor in salabim: a component for each box, train and ship, with its monitors as it is shipped."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Generator
from typing import Any

import salabim

from benchmarks.corridor import Corridor, Floats, Log

Story = Generator[Any, Any, Any]

salabim.yieldless(False)


def simulate(corridor: Corridor) -> Floats:
    """The hours of MILESTONES of each box; NaN: not by the end."""
    world = World(corridor)
    world.env.run(till=corridor.end)
    return world.log.milestones()


class World:
    def __init__(self, corridor: Corridor) -> None:
        c = self.corridor = corridor
        env = self.env = salabim.Environment(trace=False)
        self.closes, self.opens = c.closes.tolist(), c.opens.tolist()
        self.log = Log(c.boxes)
        self.station = salabim.Resource("cranes", c.station_cranes, env=env)
        self.east = salabim.Resource("berths in the east", c.berths, env=env)
        self.west = salabim.Resource("berths in the west", c.berths, env=env)
        self.gauge = salabim.Resource("gauge-change tracks", c.gauge_tracks, env=env)
        self.yard: deque[Box] = deque()
        self.lane: deque[Ship] = deque()
        self.train: list[Box] = []
        self.begun = [0] * c.blocks  # trains out, by the block of their first box
        self.unload, self.load, self.discharge = c.unload.tolist(), c.load.tolist(), c.discharge.tolist()
        for number in range(c.ships):
            Ship(world=self, number=number, env=env)
        for block, arrived in enumerate(c.arrived.tolist()):
            BlockTrain(world=self, block=block, at=arrived, env=env)

    def closed(self) -> float:
        """Hours until it is open."""
        now = self.env.now()
        k = bisect_right(self.closes, now) - 1
        return float(self.opens[k] - now) if k >= 0 and now < self.opens[k] else 0.0

    def into_yard(self, box: Box) -> None:
        if self.lane and self.lane[0].open:
            self.lane[0].assign(box)
        else:
            self.yard.append(box)

    def join_train(self, box: Box) -> None:
        self.train.append(box)
        if len(self.train) == self.corridor.train:
            TrainOut(world=self, boxes=self.train, env=self.env)
            self.train = []


class BlockTrain(salabim.Component):  # type: ignore[misc]
    def setup(self, world: World, block: int) -> None:
        self.world = world
        size = world.corridor.train
        self.boxes = range(block * size, (block + 1) * size)

    def process(self) -> None:
        for box in self.boxes:
            Box(world=self.world, box=box, env=self.env)


class Box(salabim.Component):  # type: ignore[misc]
    def setup(self, world: World, box: int) -> None:
        self.world = world
        self.box = box
        self.ship: Any = None
        self.train: Any = None

    def process(self) -> Story:
        world, box, log, now = self.world, self.box, self.world.log, self.env.now
        yield self.request(world.station)
        log.unloading[box] = now()
        yield self.hold(world.unload[box])
        log.ready[box] = now()
        self.release()
        world.into_yard(self)
        if self.ship is None:
            yield self.passivate()
        yield self.request(self.ship.cranes)
        log.loading[box] = now()
        yield self.hold(world.load[box])
        log.loaded[box] = now()
        self.release()
        self.ship.one_done()
        yield self.passivate()
        yield self.request(self.ship.cranes)
        log.discharging[box] = now()
        yield self.hold(world.discharge[box])
        log.landed[box] = now()
        self.release()
        self.ship.one_done()
        world.join_train(self)
        yield self.passivate()
        log.left[box], log.delivered[box] = self.train.left, now()


class Ship(salabim.Component):  # type: ignore[misc]
    def setup(self, world: World, number: int) -> None:
        self.world = world
        self.starts_west = bool(number % 2)
        self.out = iter(world.corridor.out[number].tolist())
        self.back = iter(world.corridor.back[number].tolist())
        self.cranes = salabim.Resource("cranes", world.corridor.quay_cranes, env=self.env)
        self.open = False  # takes boxes
        self.left = 0  # moves still to do
        self.cargo: list[Box] = []

    def process(self) -> Story:
        if self.starts_west:
            yield from self.call_west()
            yield self.hold(next(self.back))
        while True:
            yield from self.call_east()
            yield self.hold(next(self.out))
            yield from self.call_west()
            yield self.hold(next(self.back))

    def call_east(self) -> Story:
        yield from self.weather()
        yield self.request(self.world.east)
        yield from self.weather()
        yield from self.take_cargo()
        if self.left:
            yield self.passivate()
        yield from self.weather()
        self.release()

    def take_cargo(self) -> Story:
        world, wait = self.world, self.world.corridor.wait
        berthed = self.env.now()
        world.lane.append(self)
        if world.lane[0] is not self:
            yield self.passivate()
        self.open = True
        while world.yard and self.open:
            box = world.yard.popleft()
            self.assign(box)
            box.activate()
        if self.open:
            yield self.hold(till=max(berthed + wait, self.env.now()))
        self.open = False
        world.lane.popleft()
        if world.lane:
            world.lane[0].activate()

    def assign(self, box: Box) -> None:
        self.cargo.append(box)
        self.left += 1
        box.ship = self
        if len(self.cargo) == self.world.corridor.capacity:
            self.open = False
        if self.isscheduled() and not self.open:
            self.activate()  # it is full

    def one_done(self) -> None:
        self.left -= 1
        if not self.left and self.ispassive():
            self.activate()

    def call_west(self) -> Story:
        yield from self.weather()
        yield self.request(self.world.west)
        yield from self.weather()
        self.left = len(self.cargo)
        for box in self.cargo:
            box.activate()
        if self.left:
            yield self.passivate()
        self.cargo = []
        yield from self.weather()
        self.release()

    def weather(self) -> Story:
        closed = self.world.closed()
        if closed:
            yield self.hold(closed)


class TrainOut(salabim.Component):  # type: ignore[misc]
    def setup(self, world: World, boxes: list[Box]) -> None:
        self.world = world
        self.boxes = boxes
        self.left = self.env.now()

    def process(self) -> Story:
        c = self.world.corridor
        block = self.boxes[0].box // c.train
        number = self.world.begun[block]
        self.world.begun[block] += 1
        yield self.hold(c.to_gauge[number, block])
        yield self.request(self.world.gauge)
        yield self.hold(c.change[block])
        self.release()
        yield self.hold(c.onward[number, block])
        for box in self.boxes:
            box.train = self
            box.activate()
