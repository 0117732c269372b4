"""The reference corridor as an event loop by hand: one heap, one event a move of a box, no library."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from benchmarks.corridor import Corridor, Floats, Log


def simulate(corridor: Corridor) -> Floats:
    """The hours of MILESTONES of each box; NaN: not by the end."""
    return Loop(corridor).run().milestones()


class Cranes:
    """Cranes that take waiting boxes in turn, and write down in `begun` when; `done` is called with the cranes and the
    box after each move."""

    __slots__ = ("begun", "done", "hours", "idle", "ship", "waiting")

    def __init__(
        self, number: int, hours: list[float], begun: list[float], done: Callable[..., None], ship: Any = None
    ) -> None:
        self.idle = number
        self.hours = hours
        self.begun = begun
        self.done = done
        self.ship = ship
        self.waiting: deque[tuple[int, int]] = deque()  # ticket and box


class Ship:
    __slots__ = ("back", "berthed", "cargo", "cranes", "left", "open", "out", "voyage")

    def __init__(self, out: list[float], back: list[float]) -> None:
        self.out = iter(out)
        self.back = iter(back)
        self.voyage = 0
        self.cranes: Any = None
        self.berthed = 0.0
        self.open = False  # takes boxes
        self.cargo: list[int] = []
        self.left = 0  # moves still to do


class Port:
    __slots__ = ("berthed", "free", "queue")

    def __init__(self, berths: int, berthed: Callable[[Ship], None]) -> None:
        self.free = berths
        self.queue: deque[Ship] = deque()
        self.berthed = berthed


class Loop:
    def __init__(self, corridor: Corridor) -> None:
        c = self.corridor = corridor
        self.now = 0.0
        self.heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.tickets = 0  # what happens at the same time happens in their order
        self.closes, self.opens = c.closes.tolist(), c.opens.tolist()
        self.log = Log(c.boxes)
        self.station = Cranes(c.station_cranes, c.unload.tolist(), self.log.unloading, self.unloaded)
        self.yard: deque[int] = deque()
        self.lane: deque[Ship] = deque()  # berthed in the east; the first takes boxes
        self.east, self.west = Port(c.berths, self.berthed_east), Port(c.berths, self.berthed_west)
        self.load, self.discharge = c.load.tolist(), c.discharge.tolist()
        self.train: list[int] = []
        self.begun = [0] * c.blocks  # trains out, by the block of their first box
        self.to_gauge, self.change, self.onward = c.to_gauge.tolist(), c.change.tolist(), c.onward.tolist()
        self.gauge_free = c.gauge_tracks
        self.gauge_queue: deque[tuple[list[int], int, int]] = deque()

    def run(self) -> Log:
        for number, (out, back) in enumerate(zip(self.corridor.out.tolist(), self.corridor.back.tolist(), strict=True)):
            self.at(0.0, self.arrive, self.west if number % 2 else self.east, Ship(out, back))
        for block, arrived in enumerate(self.corridor.arrived.tolist()):
            self.at(arrived, self.train_in, block)
        heap, end = self.heap, self.corridor.end
        while heap and heap[0][0] < end:
            self.now, _, happen, what = heappop(heap)
            happen(*what)
        return self.log

    def at(self, t: float, happen: Callable[..., None], *what: object) -> None:
        self.tickets += 1
        heappush(self.heap, (t, self.tickets, happen, what))

    def when_open(self, happen: Callable[..., None], *what: object) -> None:
        k = bisect_right(self.closes, self.now) - 1
        if k >= 0 and self.now < self.opens[k]:
            self.at(self.opens[k], happen, *what)
        else:
            happen(*what)

    def work(self, cranes: Cranes, box: int) -> None:
        """A box asks for a crane, and draws the ticket of the end of its move."""
        self.tickets += 1
        if cranes.idle:
            cranes.idle -= 1
            cranes.begun[box] = self.now
            heappush(self.heap, (self.now + cranes.hours[box], self.tickets, cranes.done, (cranes, box)))
        else:
            cranes.waiting.append((self.tickets, box))

    def next_box(self, cranes: Cranes) -> None:
        if cranes.waiting:
            ticket, box = cranes.waiting.popleft()
            cranes.begun[box] = self.now
            heappush(self.heap, (self.now + cranes.hours[box], ticket, cranes.done, (cranes, box)))
        else:
            cranes.idle += 1

    # the station before the sea

    def train_in(self, block: int) -> None:
        size = self.corridor.train
        for box in range(block * size, (block + 1) * size):
            self.work(self.station, box)

    def unloaded(self, cranes: Cranes, box: int) -> None:
        self.log.ready[box] = self.now
        self.next_box(cranes)
        if self.lane:
            self.assign(self.lane[0], box)
        else:
            self.yard.append(box)

    # ships

    def arrive(self, port: Port, ship: Ship) -> None:
        self.when_open(self.ask, port, ship)

    def ask(self, port: Port, ship: Ship) -> None:
        if port.free:
            port.free -= 1
            self.when_open(port.berthed, ship)
        else:
            port.queue.append(ship)

    def give_back(self, port: Port) -> None:
        if port.queue:
            self.when_open(port.berthed, port.queue.popleft())
        else:
            port.free += 1

    def berthed_east(self, ship: Ship) -> None:
        ship.berthed = self.now
        self.lane.append(ship)
        if self.lane[0] is ship:
            self.open(ship)

    def open(self, ship: Ship) -> None:
        ship.open = True
        ship.cranes = Cranes(self.corridor.quay_cranes, self.load, self.log.loading, self.loaded, ship)
        while self.yard and ship.open:
            self.assign(ship, self.yard.popleft())
        if ship.open:
            self.at(max(ship.berthed + self.corridor.wait, self.now), self.waited, ship, ship.voyage)

    def assign(self, ship: Ship, box: int) -> None:
        ship.cargo.append(box)
        ship.left += 1
        self.work(ship.cranes, box)
        if len(ship.cargo) == self.corridor.capacity:
            self.close(ship)

    def waited(self, ship: Ship, voyage: int) -> None:
        if ship.open and ship.voyage == voyage:
            self.close(ship)

    def close(self, ship: Ship) -> None:
        ship.open = False
        self.lane.popleft()
        if not ship.left:
            self.when_open(self.leave_east, ship)
        if self.lane:
            self.open(self.lane[0])

    def loaded(self, cranes: Cranes, box: int) -> None:
        self.log.loaded[box] = self.now
        self.next_box(cranes)
        ship = cranes.ship
        ship.left -= 1
        if not ship.left and not ship.open:
            self.when_open(self.leave_east, ship)

    def leave_east(self, ship: Ship) -> None:
        self.at(self.now + next(ship.out), self.arrive, self.west, ship)
        self.give_back(self.east)

    def berthed_west(self, ship: Ship) -> None:
        cranes = Cranes(self.corridor.quay_cranes, self.discharge, self.log.discharging, self.landed, ship)
        ship.left = len(ship.cargo)
        for box in ship.cargo:
            self.work(cranes, box)
        if not ship.cargo:
            self.when_open(self.leave_west, ship)

    def landed(self, cranes: Cranes, box: int) -> None:
        self.log.landed[box] = self.now
        self.next_box(cranes)
        ship = cranes.ship
        ship.left -= 1
        if not ship.left:
            self.when_open(self.leave_west, ship)
        self.train.append(box)
        if len(self.train) == self.corridor.train:
            block = self.train[0] // self.corridor.train
            number = self.begun[block]
            self.begun[block] += 1
            for box in self.train:
                self.log.left[box] = self.now
            self.at(self.now + self.to_gauge[number][block], self.at_gauge, self.train, number, block)
            self.train = []

    def leave_west(self, ship: Ship) -> None:
        ship.cargo = []
        ship.voyage += 1
        self.at(self.now + next(ship.back), self.arrive, self.east, ship)
        self.give_back(self.west)

    # trains after the sea

    def at_gauge(self, train: list[int], number: int, block: int) -> None:
        if self.gauge_free:
            self.gauge_free -= 1
            self.at(self.now + self.change[block], self.changed, train, number, block)
        else:
            self.gauge_queue.append((train, number, block))

    def changed(self, train: list[int], number: int, block: int) -> None:
        self.at(self.now + self.onward[number][block], self.arrived, train)
        if self.gauge_queue:
            train, number, block = self.gauge_queue.popleft()
            self.at(self.now + self.change[block], self.changed, train, number, block)
        else:
            self.gauge_free += 1

    def arrived(self, train: list[int]) -> None:
        for box in train:
            self.log.delivered[box] = self.now
