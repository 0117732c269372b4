"""How fast and how much: the two figures by which a change of the scenario is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.measure.facilities import HOURS_A_YEAR
from sim.measure.ways import released_within, with_units
from sim.model import Journal
from sim.network import Itinerary, Network

COLUMNS = ["flow", "route", "boxes", "mean", "teu_a_year"]


def carried(network: Network, journal: Journal) -> pd.DataFrame:
    """One row a compared flow and route: the boxes released in the measured period and their mean transit days (those
    so far, if they have not arrived), and the TEU a year that arrived within this period, whenever released."""
    run = network.model.run
    rows = []
    for _, way, mine in with_units(network, journal):
        inside = released_within(journal, mine, 0.0, run.length)
        start, end = journal.units["released"][inside], journal.units["finished"][inside]
        days = (np.where(np.isnan(end), run.length + run.run_out, end) - start) / 24
        teu = teu_a_year(network, way, journal.units["finished"][mine])
        rows.append((way.flow, way.route, len(days), float(days.mean()) if len(days) else np.nan, teu))
    return pd.DataFrame(rows, columns=COLUMNS)


def teu_a_year(network: Network, way: Itinerary, end: NDArray[np.float64]) -> float:
    """What arrived within the measured period. end: hour at which each unit arrived."""
    length = network.model.run.length
    units = np.count_nonzero((end >= 0) & (end < length))
    cargo = network.model.cargo[network.model.demand[way.flow].cargo]
    return float(units * cargo.teu * HOURS_A_YEAR / length)
