"""What is different about the boxes that are late: the causes of their hours beside those of all boxes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sim.measure.causes import box_hours
from sim.model import Journal
from sim.network import Network

AROUND_P90 = (0.85, 0.95)  # ranks of the boxes that stand for the P90: wide enough to be a mean, and centred on it
COLUMNS = ["flow", "route", "cause", "place", "days", "late_days"]


def tails(network: Network, journal: Journal) -> pd.DataFrame:
    """One row a compared flow, route, cause and place: `days` is the mean of all boxes released in the measured period,
    `late_days` that of the boxes around the P90 of the transit time, those of the ranks AROUND_P90. Boxes that have not
    arrived have the highest ranks."""
    finished, released = journal.units["finished"], journal.units["released"]
    frames = []
    for number, hours in box_hours(network, journal):
        way = network.itineraries[number]
        transit = (finished - released)[hours.index]
        order = np.argsort(transit, kind="stable")  # NaN, not arrived, comes last
        first, last = (int(part * len(order)) for part in AROUND_P90)
        late = hours.iloc[order[first : max(last, first + 1)]]
        frame = (pd.DataFrame({"days": hours.mean(), "late_days": late.mean()}) / 24).reset_index()
        frames.append(frame.assign(flow=way.flow, route=way.route)[COLUMNS])
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=COLUMNS)
