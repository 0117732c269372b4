"""What a box pays on its way, to whom and for what: freight, port charges, storage, papers, and the value of its time.

Freight, moves and fees follow from the way that a box takes, and count in full also for boxes that have not arrived.
Storage and the value of time follow from the hours of the journal; for those boxes they are what has run up so far.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import repeat
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.measure.legs import Charge, Passage, Ride, hops
from sim.measure.ways import released_within, with_units
from sim.model import Journal
from sim.network import Itinerary, Network
from sim.scenario.schema import Cargo, Charges

Floats = NDArray[np.float64]
Column = NDArray[Any]  # of a journal table

KINDS = ("freight", "charter", "port", "storage", "documents", "time value")
OWNER = "owner of the goods"
COSTS = ("flow", "route", "order", "stage", "kind", "operator", "usd", "known")


def cost_frame(network: Network, journal: Journal) -> pd.DataFrame:
    """USD a unit of each compared flow and route, by stage of the way, kind and operator.

    `known` is False where a leg has no freight in the scenario, or where it or another charge says nothing of this
    cargo, as USD a TEU of a wagon: it stands there with 0 USD.
    """
    return pd.DataFrame(cost_rows(network, journal), columns=list(COSTS))


def cost_rows(network: Network, journal: Journal) -> list[tuple[str, str, int, str, str, str, float, bool]]:
    """The rows of `cost_frame`."""
    total: dict[tuple[str, str, int, str, str, str], tuple[float, bool]] = {}
    charters = chartered(network, journal)
    for number, way, mine in with_units(network, journal):
        stays = _stays(network, journal, number, mine)
        for order, stage, kind, operator, usd, known in _costs(network, way, charters, stays):
            key = (way.flow, way.route, order, stage, kind, operator)
            before, all_known = total.get(key, (0.0, True))
            total[key] = before + usd, all_known and known
    return [(*key, *value) for key, value in total.items()]


def charged(network: Network, way: Itinerary) -> Iterator[tuple[int, float]]:
    """(order of the stage, USD a unit) of all that hangs neither on time nor on what else is carried: freight, moves
    and fees.

    NaN where a leg has no freight, or a charge says nothing of this cargo.
    """
    for order, _, kind, _, usd, known in _costs(network, way, {}, repeat(NO_BOXES)):
        if kind in ("freight", "port", "documents"):
            yield order, usd if known else float("nan")


def chartered(network: Network, journal: Journal) -> dict[str, float]:
    """USD for the space of one TEU, wagon and so on, of each service whose vehicles are chartered by the day.

    What they cost in the measured period, idle or not, over the space that sailed within it, both ways together.
    Unknown (NaN) if nothing sailed.
    """
    days = float(network.model.run.length) / 24
    calls = journal.calls
    left = (calls["weather_out"] >= 0) & (calls["weather_out"] < float(network.model.run.length))
    sailed = np.bincount(calls["fleet"][left].astype(int), calls["space_out"][left], len(journal.names["fleets"]))
    usd: dict[str, float] = defaultdict(float)
    space: dict[str, float] = defaultdict(float)
    for name, carried in zip(journal.names["fleets"], sailed.tolist(), strict=True):
        fleet = network.model.fleets[name]
        if fleet.charter is not None and fleet.train_sets != "unlimited":
            usd[fleet.service] += float(fleet.charter) * days * (fleet.vessels or fleet.train_sets or 0)
            space[fleet.service] += carried
    return {service: paid / space[service] if space[service] else float("nan") for service, paid in usd.items()}


NO_BOXES = np.empty(0)


def _stays(network: Network, journal: Journal, number: int, mine: slice) -> Iterator[Floats]:
    """Hours of the measured units of one itinerary, leg by leg: those of standing before it, and those of riding on it,
    by turns. They add up to the transit time, or to the run's end where a unit has not arrived."""
    run = network.model.run
    end = float(run.length + run.run_out)
    measured = released_within(journal, mine, 0.0, run.length)
    came = journal.units["released"][measured].copy()

    for leg in range(len(network.itineraries[number].legs)):
        stands = end - came  # to the run's end; or it is under way then
        rides, stayed = np.zeros(len(came)), np.ones(len(came), bool)
        for piece in journal.parcels.of_leg(number, leg):
            unit = piece["unit"]
            rows = piece.where(np.isfinite(piece["landed"]) & (unit >= measured.start) & (unit < measured.stop))
            unit = rows["unit"] - measured.start
            # what is known ahead is not told
            lifted, landed = (np.minimum(rows[name], end) for name in ("lifted", "landed"))
            stands[unit], rides[unit] = lifted - came[unit], landed - lifted
            came[unit], stayed[unit] = landed, rows["landed"] > end
        came[stayed] = np.nan  # it never came to the end of the leg
        yield np.nan_to_num(stands, copy=False)
        del stands  # it takes much room
        yield rides
        del rides  # likewise


def _costs(
    network: Network, way: Itinerary, charters: Mapping[str, float], stays: Iterator[Floats]
) -> Iterator[tuple[int, str, str, str, float, bool]]:
    """(order, stage, kind, operator, usd, known) along the way; a row for each charge. stays: of each leg."""
    cargo = network.model.cargo[network.model.demand[way.flow].cargo]
    for hop in hops(network, way):
        if isinstance(hop, Passage):
            yield from _passage(hop, cargo, NO_BOXES if hop.leg is None else next(stays))
        else:
            charter = charters.get(way.legs[hop.leg].service)
            yield from _ride(hop, cargo, charter, next(stays))


def _passage(hop: Passage, cargo: Cargo, waited: Floats) -> Iterator[tuple[int, str, str, str, float, bool]]:
    charges = hop.charges or Charges()
    operator = charges.operator or hop.name
    if charges.move is not None:
        yield hop.order, hop.stage, "port", operator, hop.moves * charges.move.of(cargo), charges.move.counts(cargo)
    if hop.documents is not None:
        customs, fee = f"customs {hop.country}", hop.documents
        yield hop.order, hop.stage, "documents", customs, fee.of(cargo), fee.counts(cargo)
    if hop.leg is None:
        return
    if charges.storage is not None:
        days = _mean(np.maximum(waited - charges.free, 0.0)) / 24
        yield hop.order, hop.stage, "storage", operator, days * charges.storage.of(cargo), charges.storage.counts(cargo)
    yield hop.order, hop.stage, "time value", OWNER, _mean(waited) / 24 * day_value(cargo), True


def _ride(
    hop: Ride, cargo: Cargo, charter: float | None, riding: Floats
) -> Iterator[tuple[int, str, str, str, float, bool]]:
    if charter is not None:
        operator = hop.service.operator or hop.service.title
        yield hop.order, hop.stage, "charter", operator, charter * float(cargo.space), True
    for charge in hop.charges if charter is None else ():
        known = charge.freight is not None and charge.freight.counts(cargo)
        yield hop.order, hop.stage, "freight", charge.operator, _freight(charge, cargo), known
    for place, country, fee in hop.borders:
        yield hop.order, f"border {place}", "documents", f"customs {country}", fee.of(cargo), fee.counts(cargo)
    yield hop.order, hop.stage, "time value", OWNER, _mean(riding) / 24 * day_value(cargo), True


def _freight(charge: Charge, cargo: Cargo) -> float:
    if charge.freight is None:
        return 0.0
    return charge.freight.of(cargo) * (charge.km if charge.freight.per_km else 1.0)


def day_value(cargo: Cargo) -> float:
    """USD that a day costs the owner of one unit; 0 where the scenario does not say."""
    if cargo.time_value is not None:
        return cargo.time_value.of(cargo)
    return cargo.worth.of(cargo) * float(cargo.decay) if cargo.worth and cargo.decay else 0.0


def _mean(hours: Floats) -> float:
    """Unknown (NaN) without any unit."""
    return float(np.mean(hours)) if len(hours) else float("nan")
