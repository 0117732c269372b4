"""A switch turned off gives the simpler theory: to the bit, for the draws of all else stay as they are.

What each switch does when it is on is compared with theory in test_queues.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.model import simulate
from sim.network import build
from sim.scenario.load import load
from sim.study import estimate
from tests.verification.queues import CONFIDENCE, FOLDER, OFF, Floats

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SHORT = "run.length=180 d"
PLAIN = (  # queue.yaml as it is beneath the switches
    "terminals.b.berths.tracks.count=1",
    "terminals.b.berths.tracks.discharge={dist: exponential, mean: 3 h}",
    "demand.boxes.volume=876 TEU/a",
)


def arrivals(file: str | Path, *changes: str, replication: int = 0) -> Floats:
    """The hour at which each box of the first flow arrives."""
    journal = simulate(build(load(FOLDER / file, set=[SHORT, *changes])), replication)
    return journal.units["finished"][journal.units["itinerary"] == 0]


def same(one: Floats, other: Floats) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def test_all_off_is_the_plain_queue_to_the_bit() -> None:
    assert same(arrivals("switches.yaml", *OFF.values()), arrivals("queue.yaml", *PLAIN))


@pytest.mark.parametrize(
    ("switch", "harmless"),
    [
        ("border", ["borders.x={time: 0 h, servers: 1}"]),
        ("border", ["borders.x={time: 0 h}"]),
        ("breakdowns", ["links.xb.delay=0 %"]),
        ("weather", [f"calendars.wind.closed_share.{month}=0 %" for month in MONTHS]),
        ("weather", ["terminals.b.weather={enter: finish, discharge: finish, load: finish, leave: finish}"]),
        ("weather", ["terminals.b.weather={enter: finish, discharge: finish}"]),
    ],
)  # fmt: skip
def test_a_switch_that_is_on_but_does_no_harm_is_off_to_the_bit(switch: str, harmless: list[str]) -> None:
    off = [change for name, change in OFF.items() if name != switch]
    assert same(arrivals("switches.yaml", *off, *harmless), arrivals("queue.yaml", *PLAIN))


@pytest.mark.parametrize("switch", OFF)
def test_a_switch_that_is_on_costs_time(switch: str) -> None:
    """The same boxes with it and without it, in ten replications."""
    on = [change for name, change in OFF.items() if name != switch]
    later = [
        np.nanmean(arrivals("switches.yaml", *on, replication=n) - arrivals("queue.yaml", *PLAIN, replication=n))
        for n in range(10)
    ]
    assert estimate(later, confidence=CONFIDENCE).low > 0


def test_closed_before_the_berth_or_on_it_is_the_same_to_the_box() -> None:
    """A single track that stands still while closed: whether one then enters or waits outside, the order stays."""
    weather = [change for name, change in OFF.items() if name != "weather"]
    outside = "terminals.b.weather.enter=do-not-start"
    assert same(arrivals("switches.yaml", *weather), arrivals("switches.yaml", *weather, outside))


def test_a_yard_that_is_never_full_is_none_to_the_bit() -> None:
    none = arrivals("tandem.yaml", "terminals.m.yards=null")
    assert same(arrivals("tandem.yaml", "terminals.m.yards.boxes.limit=1000 TEU"), none)


def test_a_yard_that_is_full_costs_time() -> None:
    """The narrower, the more; each box arrives later or as before."""
    none, wide, narrow = (
        arrivals("tandem.yaml", f"terminals.m.yards={yards}")
        for yards in ("null", "{boxes: {limit: 6 TEU}}", "{boxes: {limit: 3 TEU}}")
    )
    there = np.isfinite(narrow)
    assert np.all(none[there] <= wide[there])
    assert np.all(wide[there] <= narrow[there])
    assert np.mean(none[there]) < np.mean(wide[there]) < np.mean(narrow[there])
