"""Transit by day of release, over the whole run: what shows how long the loading-in phase takes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.model import Journal
from sim.network import Network

COLUMNS = ("flow", "route", "day", "boxes", "box_days", "kept")


def releases(network: Network, journal: Journal) -> pd.DataFrame:
    """One row a compared flow, route and day with boxes: day (0 is the first that is measured, those of the warm-up
    are negative), boxes released on it, the sum of their days under way (to the run's end if not arrived), and how many
    of them arrived no later than the route's published time (NaN: it has none)."""
    run = network.model.run
    first = int(np.floor(-run.warm_up / 24))
    itinerary, released = journal.units["itinerary"], journal.units["released"]
    under_way = np.fmin(journal.units["finished"], run.length + run.run_out) - released
    edges = np.searchsorted(itinerary, np.arange(len(network.itineraries) + 1))  # units stand in order of itineraries
    frames = []
    for number, way in enumerate(network.itineraries):
        if not network.model.demand[way.flow].compare:
            continue
        mine = slice(edges[number], edges[number + 1])
        followed = released[mine] < run.length
        day = np.floor(released[mine][followed] / 24).astype(int) - first
        boxes, hours = np.bincount(day), np.bincount(day, under_way[mine][followed])
        filled = np.flatnonzero(boxes)
        promise = network.model.routes[way.route].promise
        transit = (journal.units["finished"] - released)[mine][followed]
        kept = np.bincount(day, transit / 24 <= promise.high / 24) if promise else np.full(len(boxes), np.nan)
        rows = (way.flow, way.route, filled + first, boxes[filled], hours[filled] / 24, kept[filled])
        frames.append(pd.DataFrame(dict(zip(COLUMNS, rows, strict=True))))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
