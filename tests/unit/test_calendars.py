"""Closed windows: asked one by one and on the working clock, against a plain minute-by-minute count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.model.calendars import Closures, Times, lay_out, outside
from sim.model.clock import Streams
from sim.model.grid import GRID
from sim.scenario.schema import Calendar

quarters = st.integers(0, 400).map(lambda n: n / 4)
windows = st.lists(st.tuples(quarters, quarters).filter(lambda w: w[0] < w[1]), max_size=8)


def closed_at(spans: list[tuple[float, float]], t: float) -> bool:
    return any(a <= t < b for a, b in spans)


@given(windows, quarters)
def test_next_open_is_the_first_open_quarter_of_an_hour(spans: list[tuple[float, float]], t: float) -> None:
    first = t
    while closed_at(spans, first):
        first += 0.25
    assert Closures(spans).next_open(t) == first


@given(windows, quarters, quarters)
def test_closed_hours_are_counted(spans: list[tuple[float, float]], a: float, b: float) -> None:
    a, b = sorted((a, b))
    counted = sum(0.25 for t in np.arange(a, b, 0.25) if closed_at(spans, float(t)))
    assert Closures(spans).closed_between(a, b) == pytest.approx(counted)


@given(windows, quarters, st.integers(1, 40).map(lambda n: n / 4))
def test_suspended_work_takes_its_open_hours(spans: list[tuple[float, float]], start: float, hours: float) -> None:
    left, t = hours, start
    while left > 0:
        left -= 0 if closed_at(spans, t) else 0.25
        t += 0.25
    assert Closures(spans).finish(start, hours) == t


def storms(seed: int, **shares: str) -> tuple[Closures, Closures]:
    """The closures of a port, and of one in its lee that shares two storms in five."""
    months = (
        dict.fromkeys(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), "0 %")
        | shares
    )
    calendar = Calendar.model_validate(
        {"closed_share": months, "block": {"dist": "gamma", "mean": "48 h", "cv": 0.5}}, strict=False
    )
    lee = Calendar.model_validate({"storms": "storm", "part": "40 %"}, strict=False)
    year = Times("2024-01-01", 0.0, 366 * 24.0)
    return tuple(lay_out({"storm": calendar, "lee": lee}, name, year, Streams(seed, 0)) for name in ("storm", "lee"))


def test_storms_close_the_share_of_the_month() -> None:
    november = (305 * 24.0, 335 * 24.0)
    shares = [storms(seed, nov="50 %")[0].closed_between(*november) / 720 for seed in range(400)]
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    # October is calm, so November begins open: that lowers its share by half a cycle's part of the month at most
    assert 0.5 - 0.5 * 96 / 720 - 3 * error < np.mean(shares) < 0.5 + 3 * error
    assert storms(1, nov="50 %")[0].closed_between(0, november[0]) == 0


def test_storms_come_in_blocks_on_the_grid() -> None:
    closures, _ = storms(7, nov="50 %", dec="50 %")
    lengths = np.array(closures.ends) - np.array(closures.starts)
    assert lengths.mean() > 24
    assert all((t * GRID).is_integer() for t in closures.starts + closures.ends)


def test_a_night_window_reaches_over_midnight() -> None:
    night = outside((23.0, 5.0), Times("2024-01-01", -48.0, 480.0))
    assert night.next_open(12.0) == 23.0
    assert night.next_open(24.0 + 3) == 27.0
    assert night.closed_between(0.0, 240.0) == 18 * 10


def test_ports_that_share_storms_are_closed_together() -> None:
    pairs = [storms(seed, nov="50 %", dec="50 %") for seed in range(200)]
    for open_sea, lee in pairs:
        assert set(zip(lee.starts, lee.ends, strict=True)) <= set(zip(open_sea.starts, open_sea.ends, strict=True))
    parts = [len(lee.starts) / len(open_sea.starts) for open_sea, lee in pairs]
    assert abs(np.mean(parts) - 0.4) < 4 * np.std(parts, ddof=1) / np.sqrt(len(parts))
