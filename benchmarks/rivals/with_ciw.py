"""The part of the reference corridor that Ciw can express: block trains, and one pool of cranes that unloads them box
by box; not ships that wait until they are full, nor weather. The same part in SimPy stands beside it."""

from __future__ import annotations

import ciw
import numpy as np
import simpy

from benchmarks.corridor import Corridor, Floats
from benchmarks.rivals.with_simpy import Story


def unloaded(corridor: Corridor) -> Floats:
    """The hour at which each box is unloaded; NaN: not by the end."""
    c = corridor
    gaps = np.diff(c.arrived, prepend=0.0).tolist()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*gaps, 2 * c.end])],
        batching_distributions=[ciw.dists.Deterministic(c.train)],
        service_distributions=[ciw.dists.Sequential(c.unload.tolist())],
        number_of_servers=[c.station_cranes],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(c.end)
    done = np.full(c.boxes, np.nan)
    for record in simulation.get_all_records(only=["service"]):
        done[record.id_number - 1] = record.service_end_date
    return done


def unloaded_in_simpy(corridor: Corridor) -> Floats:
    """The same with a SimPy process a box."""
    c, env = corridor, simpy.Environment()
    cranes = simpy.Resource(env, c.station_cranes)
    hours = c.unload.tolist()
    done = [float("nan")] * c.boxes

    def box(number: int) -> Story:
        with cranes.request() as crane:
            yield crane
            yield env.timeout(hours[number])
        done[number] = env.now

    def train(block: int, arrived: float) -> Story:
        yield env.timeout(arrived)
        for number in range(block * c.train, (block + 1) * c.train):
            env.process(box(number))

    for block, arrived in enumerate(c.arrived.tolist()):
        env.process(train(block, arrived))
    env.run(until=c.end)
    return np.array(done)
