"""Greenhouse gases of a box on its way, after ISO 14083 and the GLEC framework: transport activity (t km) times an
intensity, well-to-wheel and tank-to-wheel, leg by leg, and the hubs between them.

The intensity of a factor holds for its load factor and its share of empty running. A service that runs otherwise is
scaled to its own: a vehicle uses `empty_energy` of what it uses full when it runs empty, and in between in proportion
to its load. So a vehicle with the utilisation u = load factor / (1 + empty running), empty km included, uses
(e + (1 - e) u) / u of what a full one uses a t km. The empty km are those that are declared, not those of the
simulated fleets, and are borne by the loaded boxes.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sim.measure.legs import Ride, hops
from sim.measure.ways import compared
from sim.network import Itinerary, Network
from sim.scenario.schema import Cargo, Factor, Running

EMISSIONS = ("flow", "route", "order", "stage", "kind", "tkm", "wtw", "ttw", "known")


def emission_frame(network: Network) -> pd.DataFrame:
    """One row a stage of each compared flow and route: kind (leg or hub), t km, and kg CO2e of a unit.

    `known` is False where a leg has no factor in the scenario for all of its km: these count with 0 kg.
    """
    return pd.DataFrame(emission_rows(network), columns=list(EMISSIONS))


def emission_rows(network: Network) -> list[tuple[str, str, int, str, str, float, float, float, bool]]:
    """The rows of `emission_frame`."""
    return [(way.flow, way.route, *row) for _, way in compared(network) for row in _emissions(network, way)]


def _emissions(network: Network, way: Itinerary) -> Iterator[tuple[int, str, str, float, float, float, bool]]:
    cargo = network.model.cargo[network.model.demand[way.flow].cargo]
    for hop in hops(network, way):
        if isinstance(hop, Ride):
            yield _leg(hop, cargo)
        elif hop.charges is not None and hop.charges.wtw is not None:
            ttw = hop.charges.ttw.of(cargo) if hop.charges.ttw is not None else 0.0
            yield hop.order, hop.stage, "hub", 0.0, hop.charges.wtw.of(cargo), ttw, True


def _leg(ride: Ride, cargo: Cargo) -> tuple[int, str, str, float, float, float, bool]:
    wtw = ttw = km = 0.0
    for step in ride.steps:
        km += step.km
        if step.factor is not None:
            share = scaling(step.factor, ride.service) * step.km
            wtw += share * step.factor.wtw.of(cargo)
            ttw += share * step.factor.ttw.of(cargo)
    return ride.order, ride.stage, "leg", km * cargo.payload, wtw, ttw, all(step.factor for step in ride.steps)


def scaling(factor: Factor, service: Running) -> float:
    """How many times as much a t km of this service emits as the factor says: 1 where both run alike."""

    def a_tkm(load: float, empty: float) -> float:
        used = load / (1 + empty)
        return (float(factor.empty_energy) + (1 - float(factor.empty_energy)) * used) / used

    load = factor.load_factor if service.load_factor is None else service.load_factor
    empty = factor.empty_running if service.empty_running is None else service.empty_running
    return a_tkm(float(load), float(empty)) / a_tkm(float(factor.load_factor), float(factor.empty_running))
