"""The reference corridor as plain numbers and arrays, for those who simulate it without the program.

The draws are those of the program itself, by the same names, so that whoever follows the same rules gets the same hours
to the bit. The rules are told in benchmarks/README.md.
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
from sim.network import Network
from sim.scenario.schema import FleetService
from sim.scenario.variates import Variate

Floats = NDArray[np.float64]

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
