"""The checked mode: after every event each box, vehicle, berth and yard is accounted for.

A second set of books is kept beside the model, from what passes between its parts: a box is posted when it comes to
stand before a leg, when a vehicle takes it, when it lands. After each event the books must agree with what is really
there. Nothing of it runs, and nothing is kept for it, unless it is asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import isnan
from typing import NoReturn

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Actor
from sim.model.facilities import Pool, Yard
from sim.model.grid import INF, Floats, Hours, Ids, of_each
from sim.model.journal import CALL_TIMES, GRANTED, RELEASED, USES, Call, Claim, Journal, Table
from sim.model.stock import Load, Part, Stage, Stock
from sim.model.vehicles import Line, Vehicle
from sim.model.world import World, _consignments
from sim.network import Network

COMING, WAITING, ABOARD, ALONE, ASHORE, ARRIVED = range(6)
WHERE = (
    "not yet anywhere",
    "in a stock",
    "on board",
    "on its way by itself",
    "ashore, before its papers",
    "at its destination",
)
NEVER_LEFT = -1
HAIR = 1e-6  # of space: sums of many rooms
CENSUS = 5000  # boxes that may be counted one by one for each event; a larger run is counted less often


class ConservationError(Exception):
    """Something was lost, doubled, in two places, or too early. The fault lies in the program, not in the scenario."""


class CheckedWorld(World):
    """A replication that keeps the books. Raises ConservationError at the first event after which they disagree."""

    def __init__(self, network: Network, replication: int) -> None:
        self._books: Books | None = None
        super().__init__(network, replication)
        self.env.watch = self.books.after
        self.books.census()

    @property
    def books(self) -> Books:
        """Opened when the first box is posted, which is while the world is still being built."""
        if self._books is None:
            self._books = Books(self)
        return self._books

    def land(self, parts: list[Part], ids: Ids, landed: Hours) -> None:
        if parts[0][0].stock is not None:
            self.books.discharge()
        for stage, these, at in _by_part(parts, ids, landed):
            self.books.land(stage, these, at)
        super().land(parts, ids, landed)

    def _forward(self, stage: Stage, ids: Ids, ready: Hours) -> None:
        self.books.forward(stage, ids, ready)
        super()._forward(stage, ids, ready)
        self.books.forwarded(stage, ids)

    def journal(self) -> Journal:
        journal = super().journal()
        self.books.census()
        self.books.close(journal)
        return journal


class Books:
    """Where every box, vehicle, place and room should be."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.itinerary = world.itinerary  # of each unit
        units = len(self.itinerary)
        self.now = world.env.now
        self.refused: ConservationError | None = None
        self.actor: Actor | None = None  # who went on in the last event
        self.where = "while the run is set up"
        self.state = np.full(units, COMING, np.int8)
        self.leg = np.zeros(units, np.int16)
        self.at = np.concatenate([t.released for t in world.traffic]) if world.traffic else np.empty(0)  # ready, landed
        self.waiting = 0  # boxes in stocks
        self.papers: set[bytes] = set()  # consignments at desks with few servers
        self.stories: dict[Actor, Vehicle] = {}
        self.known_vehicles = 0
        self.lines: dict[int, Line] = {}  # by number of the fleet
        self.cargo: dict[int, Load | None] = {}  # by vehicle, as it was last seen
        self.origins: dict[int, int] = {}  # by vehicle, the call that it left last
        self.calls: dict[int, Call] = {}  # by vehicle, the last one
        world.recorder.watched = []
        self.seen_calls = self.seen_uses = self.events = 0
        desks = [*world.desks.values(), *world.borders.values()]
        pools = [*world.pools.values(), *(desk.pool for desk in desks if desk.pool is not None)]
        self.pools = {pool.index: pool for pool in pools}
        self.claims: dict[int, list[tuple[Claim, Actor | None]]] = {index: [] for index in self.pools}
        self.signatures: dict[int, tuple[int, ...]] = {}
        self.standing: dict[Yard, float] = dict.fromkeys(world.yards.values(), 0.0)  # room of the cargo there

    # --- what the model tells ---

    def forward(self, stage: Stage, ids: Ids, ready: Hours) -> None:
        """Boxes come to stand before a leg: in a stock, or on their way by themselves."""
        self._moved(stage, ids, ASHORE if stage.leg else COMING)
        if np.any(self.at[ids] > ready):
            self._refuse(f"{self._box(ids[0])} is ready before it has landed or was released")
        desk = self.world.stages[stage.traffic.index][stage.leg - 1].desk if stage.leg else None
        if desk is not None and desk.pool is not None and not stage.alone:
            consignment = ids.tobytes()
            if consignment not in self.papers:
                self._refuse(f"papers at {desk.place} release other boxes than they were made out for")
            self.papers.remove(consignment)
        self.at[ids] = ready
        self.state[ids] = ALONE if stage.stock is None else WAITING
        self.waiting += 0 if stage.stock is None else len(ids)

    def forwarded(self, stage: Stage, ids: Ids) -> None:
        """What goes by itself and queues nowhere has landed at once, unless its timetable ends before."""
        leg = stage.traffic.itinerary.legs[stage.leg]
        if stage.stock is not None or stage.queues or self.world.model.services[leg.service].kind == "timetable":
            return
        lost = ids[(self.state[ids] == ALONE) & (self.leg[ids] == stage.leg)]
        if len(lost):
            self._refuse(f"{self._box(lost[0])} went by itself from {leg.origin} and is lost")

    def discharge(self) -> None:
        """A vehicle is about to land its cargo. It may have come over in no time, and have taken it in this event."""
        vehicle = self.stories.get(self.world.env.acting)
        if vehicle is not None:
            self._see_vehicle(vehicle)

    def land(self, stage: Stage, ids: Ids, landed: Hours) -> None:
        """Boxes come to the end of a leg."""
        by_vehicle = stage.stock is not None
        self._moved(stage, ids, ABOARD if by_vehicle else ALONE)
        earliest = self.world.env.now if by_vehicle else self.at[ids]
        if len(ids) and not np.all(landed >= earliest):
            self._refuse(f"{self._box(ids[0])} lands before its vehicle is there, or before it set out")
        self.at[ids] = landed
        self.state[ids] = ARRIVED if stage.following is None else ASHORE
        self.leg[ids] = stage.leg + 1
        if stage.following is None:
            return
        yard, desk = stage.following.yard, stage.desk
        if yard is not None:
            self.standing[yard] += len(ids) * stage.traffic.space
        if desk is not None and desk.pool is not None:
            at = of_each(landed, len(ids))
            self.papers |= {these.tobytes() for these, _ in _consignments(stage.traffic, ids, at)}

    def _moved(self, stage: Stage, ids: Ids, state: int) -> None:
        """Refuse boxes that are not where they come from, or not of this traffic, or there twice."""
        leg = stage.leg
        wrong = ids[(self.state[ids] != state) | (self.leg[ids] != leg)]
        if len(wrong):
            before, due = WHERE[self.state[wrong[0]]], WHERE[state]
            self._refuse(f"{self._box(wrong[0])} is {before} (leg {self.leg[wrong[0]]}), not {due} (leg {leg})")
        if len(np.unique(ids)) < len(ids) or np.any(self.itinerary[ids] != stage.traffic.index):
            self._refuse(f"{self._box(ids[0])} and those with it are doubled, or of another flow")

    # --- what is looked at after each event ---

    def after(self, actor: Actor) -> None:
        """Look at all that an event can have changed, in which this actor went on."""
        now = self.world.env.now
        self._get_to_know()
        vehicle = self.stories.get(actor)
        self.actor, self.where = actor, ""
        if now < self.now:
            self._refuse(f"time runs backwards, from hour {self.now:.6f}")
        self.now = now
        self._see_claims(actor)
        if vehicle is not None:
            self._see_vehicle(vehicle)
        self._see_stocks()
        self._see_pools()
        self._see_yards()
        self.events += 1
        if self.events * CENSUS % max(len(self.state), CENSUS) < CENSUS:
            self.census()

    def _get_to_know(self) -> None:
        """Vehicles and calls that are new; a train made up for a load has it already."""
        recorder = self.world.recorder
        while self.known_vehicles < recorder.vehicles:
            vehicle = self.world.vehicles.get(self.known_vehicles)
            if vehicle is None:
                self._refuse(f"vehicle {self.known_vehicles} is gone before it did anything")
            self.stories[vehicle.actor] = vehicle
            self.lines[vehicle.line.number] = vehicle.line
            self.cargo[vehicle.number], self.origins[vehicle.number] = None, NEVER_LEFT
            self.known_vehicles += 1
            if vehicle.cargo is not None:
                self._take(vehicle)
        assert recorder.watched is not None
        for call in recorder.watched[self.seen_calls :]:
            self.calls[call.vehicle] = call
        self.seen_calls = len(recorder.watched)

    def _call(self, index: int) -> Call:
        assert self.world.recorder.watched is not None
        return self.world.recorder.watched[index]

    def _see_vehicle(self, vehicle: Vehicle) -> None:
        number, cargo = vehicle.number, vehicle.cargo
        if cargo is not self.cargo[number]:
            self._take(vehicle)
        if cargo is not None:
            self._aboard(cargo, vehicle)
        origin: int = getattr(vehicle, "origin", NEVER_LEFT)
        if origin != self.origins[number]:
            self.origins[number] = origin
            self._leave(vehicle, self._call(origin))

    def _take(self, vehicle: Vehicle) -> None:
        """A vehicle has new cargo: of kinds that it takes, all of it ready, and no more than there is room."""
        line, now, load = vehicle.line, self.world.env.now, vehicle.cargo
        self.cargo[vehicle.number] = load
        if load is None:
            return
        if load.room > line.room + HAIR:
            self._refuse(f"{_name(vehicle)} has more on board than its {line.load:g} {line.fleet.capacity.unit}")
        for stage, ids, ready in _by_part(load.parts, load.ids, load.ready):
            self._moved(stage, ids, WAITING)
            first = self._box(ids[0])
            if stage.traffic.flow.cargo not in line.accepts:
                self._refuse(f"{_name(vehicle)} takes {first}, which it does not accept")
            if stage.traffic.itinerary.legs[stage.leg].service != line.fleet.service:
                self._refuse(f"{_name(vehicle)} takes {first}, which waits for another service")
            if np.any(self.at[ids] != ready) or np.max(ready) > now:
                self._refuse(f"{_name(vehicle)} takes {first} or one with it before it is ready")
            self.state[ids] = ABOARD
            self.waiting -= len(ids)

    def _aboard(self, load: Load, vehicle: Vehicle) -> None:
        legs = np.repeat([stage.leg for stage, _ in load.parts], [count for _, count in load.parts])
        there = (self.state[load.ids] == ABOARD) & (self.leg[load.ids] == legs)
        if not there.all():
            box = load.ids[~there][0]
            self._refuse(f"{self._box(box)} is on board of {_name(vehicle)} and also {WHERE[self.state[box]]}")

    def _leave(self, vehicle: Vehicle, call: Call) -> None:
        """A vehicle has left: without a berth, with its room ashore given back, and its call in order of time."""
        for index, claims in self.claims.items():
            for claim, owner in claims:
                if owner is vehicle.actor and not self._over(claim):
                    name = self.world.facilities[index]
                    self._refuse(f"{_name(vehicle)} has left {name} and keeps its place there")
        times = [(getattr(call, name), name) for name in CALL_TIMES]
        times = [(hour, name) for hour, name in times if hour == hour]  # without cargo it does not berth again
        for (earlier, _), (later, name) in pairwise(times):
            if not earlier <= later <= self.world.env.now:
                self._refuse(f'the call of {_name(vehicle)} runs backwards at "{name}": hour {earlier} and {later}')
        for stage, count in vehicle.cargo.parts if vehicle.cargo is not None else ():
            if stage.yard is not None:
                self.standing[stage.yard] -= count * stage.traffic.space

    def _see_claims(self, actor: Actor) -> None:
        """Who asked in this event owns what was asked for."""
        uses = self.world.recorder.uses
        for claim in range(self.seen_uses, len(uses), len(USES)):
            if uses[claim] in self.claims:
                self.claims[int(uses[claim])].append((claim, actor))
        self.seen_uses = len(uses)

    def _see_stocks(self) -> None:
        there = sum([queue.waiting for stock in self.world.stocks.values() for queue in stock._queues.values()])
        if there != self.waiting:
            self._refuse(f"{there} boxes stand in the stocks, where {self.waiting} were put and not taken")

    def _see_pools(self) -> None:
        for index, pool in self.pools.items():
            claims = self.claims[index]
            if self.signatures.get(index) != (pool._free, len(pool._queue), len(claims)):
                self._count_places(pool, claims)
                self.signatures[index] = (pool._free, len(pool._queue), len(claims))

    def _count_places(self, pool: Pool, claims: list[tuple[Claim, Actor | None]]) -> None:
        """Places that are taken are those that were granted and not given back."""
        name, capacity = self.world.facilities[pool.index], int(self.world.capacities[pool.index])
        free, waiting, uses = pool._free, len(pool._queue), self.world.recorder.uses
        for claim, _ in claims:
            _, requested, granted, released = uses[claim : claim + len(USES)]
            if granted < requested or released < granted or max(granted, released) > self.now:
                hours = f"{requested}, {granted} and {released}"
                self._refuse(f"a place at {name} was asked for, granted and released at the hours {hours}")
        claims[:] = [entry for entry in claims if not self._over(entry[0])]
        granted_now = sum([not isnan(uses[claim + GRANTED]) for claim, _ in claims])
        if not 0 <= free <= capacity:
            self._refuse(f"{free} of {capacity} places at {name} are free")
        if granted_now != capacity - free:
            self._refuse(f"{capacity - free} of {capacity} places at {name} are taken, but {granted_now} granted")
        if len(claims) - granted_now != waiting:
            self._refuse(f"{waiting} stand in line for {name}, but {len(claims) - granted_now} have asked")
        if free and waiting:
            self._refuse(f"{name} has a place free while {waiting} wait")

    def _over(self, claim: Claim) -> bool:
        """Whether the place was given back."""
        return not isnan(self.world.recorder.uses[claim + RELEASED])

    def _see_yards(self) -> None:
        """Room that is taken is that of the cargo there, and of what is just about to be put down."""
        for (place, name), yard in self.world.yards.items():
            if yard.used > yard.limit + HAIR:
                self._refuse(f"{yard.used:g} of {yard.limit:g} are taken in yard {name} of {place}")
            promised = yard.used - self.standing[yard]
            if abs(promised) <= HAIR:
                continue
            number = self.world.place_number[place]
            coming = [self.stories[story] for story in self.stories if self._unloads(self.stories[story], number)]
            most = sum([v.rooms(v.cargo).get(yard, 0.0) for v in coming if v.cargo is not None])
            if not 0 < promised <= most + HAIR:
                there = self.standing[yard]
                self._refuse(f"{yard.used:g} are taken in yard {name} of {place}, where cargo of {there:g} stands")

    def _unloads(self, vehicle: Vehicle, place: int) -> bool:
        """Whether it is at a berth here and waits for room ashore."""
        call = self.calls.get(vehicle.number)
        return call is not None and call.place == place and call.berthed == call.berthed and call.room != call.room

    def census(self) -> None:
        """Every box and every vehicle, one by one."""
        stocks, world = list(self.world.stocks.values()), self.world
        queues = [queue for stock in stocks for queue in stock._queues.values()]
        self._counted([q.ids[q.head : q.head + q.waiting] for q in queues], WAITING)
        self._counted([v.cargo.ids for v in world.vehicles.values() if v.cargo is not None], ABOARD)
        self._get_to_know()
        calls_up = Counter(self._called_up(stocks))
        for vehicle in world.vehicles.values():
            if calls_up[vehicle.actor] != 1:
                self._refuse(f"{_name(vehicle)} waits for {calls_up[vehicle.actor]} things at once, not for one")
        fleets = Counter(vehicle.line.name for vehicle in world.vehicles.values())
        for name, fleet in world.model.fleets.items():
            due = fleet.train_sets or fleet.vessels
            if due != "unlimited" and fleets[name] != due:
                self._refuse(f"fleet {name} has {fleets[name]} vehicles, where {due} are due")
        self.stories = {story: vehicle for story, vehicle in self.stories.items() if vehicle.number in world.vehicles}

    def _counted(self, parcels: list[Ids], state: int) -> None:
        """These boxes, each once, are those that the books have there."""
        found = np.bincount(np.concatenate([*parcels, np.empty(0, np.int64)]), minlength=len(self.state))
        wrong = np.flatnonzero(found != (self.state == state))
        if len(wrong):
            box, times = wrong[0], found[wrong[0]]
            self._refuse(f"{self._box(box)} is {WHERE[self.state[box]]}, and found {WHERE[state]} {times} times")

    def _called_up(self, stocks: list[Stock]) -> list[Actor]:
        """Who goes on in each event that is to come, or that somebody else will bring about."""
        takers = [taker for stock in stocks for lane in stock._lanes.values() for taker in lane.takers]
        return [
            *(actor for pool in self.pools.values() for *_, actor in pool._queue),
            *(actor for yard in self.world.yards.values() for *_, actor in yard._queue),
            *(taker.actor for taker in takers if taker.closing == INF),
            *self.world.env._called_up,
            *(actor for _, number, actor in self.world.env._queue if number == actor.due),
        ]

    def close(self, journal: Journal) -> None:
        """The journal tells of each box what the books do, in order of time."""
        self.where = "in the journal"
        table = journal.carriages
        unit, leg, landed = table["unit"], table["leg"], table["landed"]
        key = unit * (int(self.leg.max(initial=0)) + 2) + leg
        if len(np.unique(key)) < len(key):
            self._refuse("a box is carried over one leg twice")
        done = np.bincount(unit[np.isfinite(landed)], minlength=len(self.leg))
        wrong = np.flatnonzero(done != self.leg)
        if len(wrong):
            self._refuse(f"{self._box(wrong[0])} has {done[wrong[0]]} legs in the journal, not {self.leg[wrong[0]]}")
        self._in_order(table["unit"], [table[name] for name in ("ready", "lifted", "loaded", "lowered", "landed")])
        last = leg == np.array([len(t.itinerary.legs) - 1 for t in self.world.traffic], int)[self.itinerary[unit]]
        ended = np.full(len(self.leg), np.nan)  # known ahead, maybe
        ended[unit[last]] = landed[last]
        arrived = np.isfinite(ended)
        wrong = np.flatnonzero(arrived != (self.state == ARRIVED))
        if len(wrong):
            self._refuse(f"{self._box(wrong[0])} is {WHERE[self.state[wrong[0]]]}; arrived: {arrived[wrong[0]]}")
        finished, within = journal.units["finished"], np.where(ended <= self.world.times.end, ended, np.nan)
        wrong = np.flatnonzero((finished != within) & ~(np.isnan(finished) & np.isnan(within)))
        if len(wrong):
            box = wrong[0]
            self._refuse(f"{self._box(box)} landed at hour {ended[box]} and arrived at hour {finished[box]}")
        before = np.where(leg == 0, journal.units["released"][unit], -np.inf)
        carried = np.full((len(self.leg), int(self.leg.max(initial=0)) + 2), -np.inf)
        carried[unit, leg + 1] = landed
        self._in_order(unit, [np.maximum(before, carried[unit, leg]), table["ready"]])
        self._aboard_between(journal, table)
        self._ways(journal)
        for call in self.world.recorder.watched or ():
            self._open_water(call)

    def _aboard_between(self, journal: Journal, table: Table) -> None:
        """Boxes are loaded before their vehicle is, at the begin of their leg, and come off it at the end of it, after
        there was room and before all are ashore."""
        rides = np.flatnonzero(table["call_from"] >= 0)
        unit, leg, calls = table["unit"][rides], table["leg"][rides], journal.calls
        start, end = table["call_from"][rides], table["call_to"][rides]
        number = self.world.place_number
        most = int(self.leg.max(initial=0)) + 1
        ends = np.full((len(self.world.traffic), most, 2), -1)
        for t in self.world.traffic:
            for i, way in enumerate(t.itinerary.legs[:most]):
                ends[t.index, i] = number[way.origin], number[way.destination]
        there = np.stack([calls["place"][start], calls["place"][end]], axis=-1)
        wrong = np.flatnonzero((there != ends[self.itinerary[unit], leg]).any(axis=-1))
        if len(wrong):
            places = " to ".join(journal.names["places"][place] for place in there[wrong[0]])
            self._refuse(f"{self._box(unit[wrong[0]])} was taken from {places} on leg {leg[wrong[0]]}")
        for earlier, later in (
            (table["loaded"][rides], calls["loaded"][start]),
            (calls["room"][end], table["lowered"][rides]),
            (table["landed"][rides], calls["discharged"][end]),
        ):
            self._in_order(unit, [earlier, later])

    def _ways(self, journal: Journal) -> None:
        """Trains and ships run forward in time, and enter a link one path after the other, while it is open."""
        world = self.world
        for name, table, hours in (
            ("link", journal.segments, ("begin", "path", "entered", "moved", "ended")),
            ("place", journal.stops, ("begin", "granted", "ended")),
        ):
            for earlier, later in pairwise(hours):
                wrong = np.flatnonzero(table[later] < table[earlier])
                if len(wrong):
                    row = wrong[0]
                    where = journal.names[f"{name}s"][table[name][row]]
                    self._refuse(f'time runs backwards at {where}, call {table["call"][row]}: "{later}" < "{earlier}"')
        link, direction = journal.segments["link"], journal.segments["direction"]
        for name, track in world.tracks.items():
            for way in (0, 1):
                mine = (link == world.link_number[name]) & (track.single | (direction == way))
                entered = np.sort(journal.segments["entered"][mine])
                if np.any(np.diff(entered) < track.headway):
                    self._refuse(f"two trains are on one path of {name}")
                for closures in track.closures:
                    shut = [hour for hour in entered.tolist() if _shut(closures, hour)]
                    if shut:
                        self._refuse(f"a train enters {name} at hour {shut[0]}, when it is closed")

    def _open_water(self, call: Call) -> None:
        """A vehicle comes to a berth, and leaves, only while that is open. A train made up for a load comes to its
        first track with it, as those do that waited off the berth."""
        line = self.lines[call.fleet]
        halt = line.halts[self.world.places[call.place]]
        comes_with_cargo = halt.off_berth or line.fleet.train_sets == "unlimited"
        for name, closures, there in (
            ("berthed", halt.entering, call.space_in > 0 or not comes_with_cargo),
            ("reberthed", halt.entering, call.space_out > 0 and comes_with_cargo),
            ("weather_out", halt.leaving, True),
        ):
            hour = getattr(call, name)
            if there and _shut(closures, hour):
                self._refuse(f'call {call.index} at {halt.place} is "{name}" at hour {hour}, when it is closed')

    def _in_order(self, unit: Ids, hours: list[Floats]) -> None:
        for earlier, later in pairwise(hours):
            wrong = np.flatnonzero(later < earlier)
            if len(wrong):
                row = wrong[0]
                self._refuse(f"time runs backwards for {self._box(unit[row])}: hour {earlier[row]}, then {later[row]}")

    def _box(self, unit: np.int64) -> str:
        traffic = self.world.traffic[self.itinerary[unit]]
        way = traffic.itinerary
        return f"{traffic.flow.cargo} {unit - traffic.base} of {way.flow}/{way.route}"

    def _event(self) -> str:
        """The event in words: who went on, and where."""
        assert self.actor is not None
        vehicle = self.stories.get(self.actor)
        if vehicle is not None:
            call = self.calls.get(vehicle.number)
            return f"after {_name(vehicle)} went on" + (f", last at {self.world.places[call.place]}" if call else "")
        return f"after {self.actor.name} went on"

    def _refuse(self, what: str) -> NoReturn:
        self.refused = ConservationError(f"hour {self.world.env.now:.6f}: {what} ({self.where or self._event()})")
        raise self.refused


def _shut(closures: Closures, hour: float) -> bool:
    """Whether it is closed at this hour; NaN, which has not come, is not. Apart from what `Closures` tells: it may be
    that which is wrong."""
    window = bisect_right(closures.starts, hour) - 1 if hour == hour else -1
    return window >= 0 and hour < closures.ends[window]


def _by_part(parts: list[Part], ids: Ids, hours: Hours) -> Iterator[tuple[Stage, Ids, Hours]]:
    """The units of each part, and their hours."""
    end = 0
    for stage, count in parts:
        begin, end = end, end + count
        yield stage, ids[begin:end], hours if isinstance(hours, float) else hours[begin:end]


def _name(vehicle: Vehicle) -> str:
    return f"vehicle {vehicle.number} of fleet {vehicle.line.name}"
