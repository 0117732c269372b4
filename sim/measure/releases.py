"""Transit by day of release, over the whole run: what shows how long the loading-in phase takes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.measure.ways import released_within, with_units
from sim.model import Journal
from sim.network import Network

COLUMNS = ("flow", "route", "day", "boxes", "box_days", "kept")


def releases(network: Network, journal: Journal) -> pd.DataFrame:
    """One row a compared flow, route and day with boxes: day (0 is the first that is measured, those of the warm-up
    are negative), boxes released on it, the sum of their days under way (to the run's end if not arrived), and how many
    of them arrived no later than the route's published time (NaN: it has none)."""
    run, units = network.model.run, journal.units
    first = int(np.floor(-run.warm_up / 24))
    frames = []
    for _, way, mine in with_units(network, journal):
        followed = released_within(journal, mine, -np.inf, run.length)
        released, finished = units["released"][followed], units["finished"][followed]
        day = np.floor(released / 24).astype(int)
        day -= first
        boxes = np.bincount(day)
        spent = np.fmin(finished, run.length + run.run_out)
        spent -= released
        hours = np.bincount(day, spent)
        filled = np.flatnonzero(boxes)
        promise = network.model.routes[way.route].promise
        transit = np.subtract(finished, released, out=spent)
        transit /= 24
        kept = np.bincount(day, transit <= promise.high / 24) if promise else np.full(len(boxes), np.nan)
        rows = (way.flow, way.route, filled + first, boxes[filled], hours[filled] / 24, kept[filled])
        frames.append(pd.DataFrame(dict(zip(COLUMNS, rows, strict=True))))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
