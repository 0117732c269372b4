"""The reference corridor as plain numbers and arrays, for those who simulate it without the program.

The draws are those of the program itself, by the same names, so that whoever follows the same rules gets the same hours
to the bit. The rules are told in benchmarks/README.md, and what all must tell of each box here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.model.calendars import Times
from sim.model.calendars import lay_out as lay_out_calendar
from sim.model.clock import Streams
from sim.model.demand import lay_out as lay_out_demand
from sim.model.grid import snap
from sim.model.journal import Journal
from sim.network import Network
from sim.scenario.schema import FleetService
from sim.scenario.variates import Variate

Floats = NDArray[np.float64]

MILESTONES = ("unloading", "ready", "loading", "loaded", "discharging", "landed", "left", "delivered")  # of each box
LEGS = ("lowered", "landed"), ("lifted", "loaded", "lowered", "landed"), ("lifted",)  # the same in the journal, by leg

VOYAGE_H = 24.0  # the shortest round trip on average: so many voyages are drawn ahead
TRAINS = 8  # trains out that begin with boxes of the same block: so many are drawn ahead


@dataclass(frozen=True)
class Corridor:
    """All times in hours. Boxes are numbered in order of release; box i came with block train i // train."""

    end: float
    train: int  # boxes of a block train, in and out
    station_cranes: int  # before the sea: they take box after box, whichever train it came with
    ships: int
    capacity: int  # boxes
    berths: int  # at each port
    quay_cranes: int  # at each berth
    wait: float  # of a ship that is not full, from its berthing
    gauge_tracks: int
    released: Floats  # of each block
    arrived: Floats  # of each block, at the station before the sea
    unload: Floats  # of each box at that station
    load: Floats  # of each box, and so on
    discharge: Floats
    out: Floats  # of each ship and voyage, at sea
    back: Floats
    to_gauge: Floats  # [n, block]: of the n-th train out whose first box came with this block
    change: Floats  # of each block, for the trains out whose first box came with it
    onward: Floats  # [n, block], as to_gauge
    closes: Floats  # the weather
    opens: Floats

    @property
    def boxes(self) -> int:
        return len(self.unload)

    @property
    def blocks(self) -> int:
        return len(self.released)


class Log:
    """The hours of MILESTONES of each box, as a rival in Python writes them down on the way."""

    def __init__(self, boxes: int) -> None:
        hours = [[float("nan")] * boxes for _ in MILESTONES]
        self.unloading, self.ready, self.loading, self.loaded, self.discharging, self.landed = hours[:6]
        self.left, self.delivered = hours[6:]
        self._hours = hours

    def milestones(self) -> Floats:
        """A row each, a column for each box; NaN: not by the end."""
        return np.array(self._hours)


def milestones(journal: Journal) -> Floats:
    """The same as the program tells them, of boxes that are delivered: what is still on a train or ship is not told."""
    delivered = journal.units["finished"]
    found = np.full((len(MILESTONES), len(delivered)), np.nan)
    found[-1] = delivered
    number = 0
    for leg, columns in enumerate(LEGS):
        for rows in journal.parcels.of_leg(0, leg):
            for row, name in enumerate(columns, number):
                found[row, rows["unit"]] = rows[name]
        number += len(columns)
    return found


def differing(a: Floats, b: Floats) -> int:
    """Boxes that are delivered in one of both, and of which not all MILESTONES are the same in both."""
    delivered = np.isfinite(a[-1]) | np.isfinite(b[-1])
    return int(np.count_nonzero(delivered & (a != b).any(axis=0)))


def draw(network: Network, replication: int = 0) -> Corridor:
    """The corridor of the scenario `network` in one replication."""
    model = network.model
    times = Times(model.run.start, snap(-model.run.warm_up), snap(model.run.length + model.run.run_out))
    streams = Streams(model.run.seed, replication)
    traffic = lay_out_demand(network, times, streams)[0]
    closures = lay_out_calendar(model.calendars, "weather", times, streams)
    station, port = model.ports["east"].berths["tracks"], model.ports["east"].berths["quay"]
    ships, gauge = model.fleets["ships"], model.borders["gauge"]
    crossing = model.services["crossing"]
    assert isinstance(crossing, FleetService)
    voyages = int(times.end / VOYAGE_H) + 3

    def undisturbed(link: str, speed: float | None) -> float:
        return snap(model.links[link].distance / float(speed or 0))

    def delay(link: str) -> Variate:
        found = model.links[link].delay
        assert found is not None
        return found

    def rail(link: str, start: str) -> Floats:
        hours = undisturbed(link, model.links[link].speed)
        names = ["train", *(f"train/{number}" for number in range(2, TRAINS + 1))]
        delays = [traffic.per_block(f"{name}/run/{link}/{start}", delay(link), hours) for name in names]
        return hours + np.array(delays)

    def sea(start: str) -> Floats:
        hours = undisturbed("sea", ships.speed)
        names = [f"vehicle/ships/{ship}/run/sea/{start}" for ship in range(ships.vessels or 0)]
        return hours + np.array([streams.durations(name, delay("sea"), voyages, hours) for name in names])

    released = traffic.released[:: traffic.flow.block]
    return Corridor(
        end=times.end,
        train=traffic.flow.block,
        station_cranes=station.cranes,
        ships=ships.vessels or 0,
        capacity=int(ships.capacity),
        berths=port.count,
        quay_cranes=port.cranes,
        wait=snap(crossing.stops["east"].wait),
        gauge_tracks=gauge.servers or 0,
        released=released,
        arrived=released + undisturbed("hub-east", model.links["hub-east"].speed),
        unload=traffic.per_unit("discharge/east/tracks", station.discharge, traffic.ids),
        load=traffic.per_unit("load/east/quay", port.load, traffic.ids),
        discharge=traffic.per_unit("discharge/west/quay", port.discharge, traffic.ids),
        out=sea("east"),
        back=sea("west"),
        to_gauge=rail("west-gauge", "west"),
        change=traffic.per_block("documents/gauge/time", gauge.time),
        onward=rail("gauge-market", "gauge"),
        closes=np.array(closures.starts),
        opens=np.array(closures.ends),
    )
