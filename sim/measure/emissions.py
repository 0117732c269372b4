"""Greenhouse gases of a box on its way, after ISO 14083 and the GLEC framework: transport activity (t km) times an
intensity, well-to-wheel and tank-to-wheel, leg by leg, and the hubs between them.

The intensity of a factor holds for its load factor and its share of empty running. A service that runs otherwise is
scaled to its own: a vehicle uses `empty_energy` of what it uses full when it runs empty, and in between in proportion
to its load. So a vehicle with the utilisation u = load factor / (1 + empty running), empty km included, uses
(e + (1 - e) u) / u of what a full one uses a t km. The empty km are those that are declared, not those of the
simulated fleets, and are borne by the loaded boxes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from sim.measure.legs import Ride, hops
from sim.measure.ways import compared
from sim.network import Itinerary, Network
from sim.scenario.schema import Cargo, Factor, Running
from sim.scenario.sources import NOT_STATED
from sim.scenario.values import Quantity

BASIS = ("factor", "load_factor", "empty_running", "source", "grade")  # what the figures of a row rest on
EMISSIONS = ("flow", "route", "order", "stage", "kind", *BASIS, "tkm", "wtw", "ttw", "known")


def emission_frame(network: Network) -> pd.DataFrame:
    """One row a stage of each compared flow and route, and of a leg for each of its factors: kind (leg or hub), t km,
    and kg CO2e of a unit.

    `factor` is the id of the emission factor, `source` and `grade` those of its well-to-wheel figure, `load_factor` and
    `empty_running` those that are reckoned with; of a hub the first and the last two are empty or NaN. `known` is False
    where the scenario has no factor for the km of a leg, and then `factor` is empty, or where that of a leg or hub says
    nothing of this cargo, as g a t km of what weighs nothing: these count with 0 kg.
    """
    return pd.DataFrame(emission_rows(network), columns=list(EMISSIONS))


def emission_rows(network: Network) -> list[tuple[Any, ...]]:
    """The rows of `emission_frame`."""
    return [(way.flow, way.route, *row) for _, way in compared(network) for row in _emissions(network, way)]


def _emissions(network: Network, way: Itinerary) -> Iterator[tuple[object, ...]]:
    cargo = network.model.cargo[network.model.demand[way.flow].cargo]
    for hop in hops(network, way):
        if isinstance(hop, Ride):
            yield from _leg(hop, cargo)
        elif hop.charges is not None and hop.charges.wtw is not None:
            wtw, ttw = hop.charges.wtw, hop.charges.ttw
            direct = ttw.of(cargo) if ttw is not None else 0.0
            basis = ("", math.nan, math.nan, *_said(wtw))
            yield hop.order, hop.stage, "hub", *basis, 0.0, wtw.of(cargo), direct, wtw.counts(cargo)


def _leg(ride: Ride, cargo: Cargo) -> Iterator[tuple[object, ...]]:
    """A row for each factor, in the order in which the leg meets them."""
    for name, factor in {step.name: step.factor for step in ride.steps}.items():
        km = sum(step.km for step in ride.steps if step.name == name)
        if factor is None:
            basis: tuple[object, ...] = ("", math.nan, math.nan, "", "")
            yield ride.order, ride.stage, "leg", *basis, km * cargo.payload, 0.0, 0.0, False
            continue
        basis = (name, *conditions(factor, ride.service), *_said(factor.wtw))
        share = scaling(factor, ride.service) * km
        wtw, ttw = share * factor.wtw.of(cargo), share * factor.ttw.of(cargo)
        yield ride.order, ride.stage, "leg", *basis, km * cargo.payload, wtw, ttw, factor.wtw.counts(cargo)


def _said(value: Quantity) -> tuple[str, str]:
    """Source and grade of a value."""
    return value.source or "", value.grade or NOT_STATED


def conditions(factor: Factor, service: Running) -> tuple[float, float]:
    """Load factor and empty running of a service: its own, or those of the factor."""
    load = factor.load_factor if service.load_factor is None else service.load_factor
    empty = factor.empty_running if service.empty_running is None else service.empty_running
    return float(load), float(empty)


def scaling(factor: Factor, service: Running) -> float:
    """How many times as much a t km of this service emits as the factor says: 1 where both run alike."""

    def a_tkm(load: float, empty: float) -> float:
        used = load / (1 + empty)
        return (float(factor.empty_energy) + (1 - float(factor.empty_energy)) * used) / used

    return a_tkm(*conditions(factor, service)) / a_tkm(float(factor.load_factor), float(factor.empty_running))
