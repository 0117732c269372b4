"""How fast and how much: the two figures by which a change of the scenario is judged."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.measure.facilities import HOURS_A_YEAR
from sim.model import Journal
from sim.network import Network

COLUMNS = ["flow", "route", "boxes", "mean", "teu_a_year"]


def carried(network: Network, journal: Journal) -> pd.DataFrame:
    """One row a compared flow and route: the boxes released in the measured period and their mean transit days (those
    so far, if they have not arrived), and the TEU a year that arrived within this period, whenever released."""
    run = network.model.run
    itinerary, released, finished = (journal.units[name] for name in ("itinerary", "released", "finished"))
    edges = np.searchsorted(itinerary, np.arange(len(network.itineraries) + 1))  # units stand in order of itineraries
    rows = []
    for number, way in enumerate(network.itineraries):
        flow = network.model.demand[way.flow]
        if not flow.compare:
            continue
        start, end = (x[edges[number] : edges[number + 1]] for x in (released, finished))
        inside = (start >= 0) & (start < run.length)
        days = (np.where(np.isnan(end), run.length + run.run_out, end) - start)[inside] / 24
        units = np.count_nonzero((end >= 0) & (end < run.length))
        teu = units * network.model.cargo[flow.cargo].teu * HOURS_A_YEAR / run.length
        rows.append((way.flow, way.route, len(days), float(days.mean()) if len(days) else np.nan, teu))
    return pd.DataFrame(rows, columns=COLUMNS)
