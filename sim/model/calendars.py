"""When something is closed: windows laid out before the run, asked by bisection."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from sim.model.clock import Streams
from sim.model.grid import Floats, snap
from sim.scenario.schema import Calendar
from sim.scenario.values import Variate

Window = tuple[float, float]


class Closures:
    """Closed windows [start, end), sorted and apart from each other, in hours of the run."""

    def __init__(self, windows: Iterable[Window]) -> None:
        merged: list[list[float]] = []
        for start, end in sorted(windows):
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            elif end > start:
                merged.append([start, end])
        self.starts = [w[0] for w in merged]
        self.ends = [w[1] for w in merged]
        self._start_array = np.array(self.starts)
        self._end_array = np.array(self.ends)
        self._closed_until = np.concatenate([[0.0], np.cumsum(self._end_array - self._start_array)])
        # a window on the working clock has no length: it stands at its start less all that was closed before
        self._work_starts = self._start_array - self._closed_until[:-1]

    def next_open(self, t: float) -> float:
        """The first open moment at or after `t`."""
        if not self.starts:
            return t
        k = bisect_right(self.starts, t) - 1
        return self.ends[k] if k >= 0 and t < self.ends[k] else t

    def all_open(self, t: Floats) -> Floats:
        """The same for an array."""
        if not self.starts:
            return t
        k = np.maximum(np.searchsorted(self._start_array, t, side="right") - 1, 0)
        return np.where((self._start_array[k] <= t) & (t < self._end_array[k]), self._end_array[k], t)

    def touch(self, start: float, end: float) -> bool:
        """Whether anything of [start, end] is closed."""
        k = bisect_right(self.starts, end)
        return k > 0 and self.ends[k - 1] > start

    def closed_between(self, start: float, end: float) -> float:
        """Closed hours in [start, end]."""
        if not self.starts or end <= start:
            return 0.0
        work = self.working(np.array([start, end]))
        return float((end - start) - (work[1] - work[0]))

    def working(self, t: Floats) -> Floats:
        """The working clock: hours less the closed hours before them."""
        if not self.starts:
            return t
        k = np.searchsorted(self._start_array, t, side="right") - 1
        inside = np.minimum(t, self._end_array[k]) - self._start_array[k]
        before = self._closed_until[np.maximum(k, 0)]
        return np.where(k < 0, t, t - before - inside)

    def begins(self, work: Floats) -> Floats:
        """The hour at which work that begins at working time `work` begins: after a closure that falls there."""
        k = np.searchsorted(self._work_starts, work, side="right")
        return np.asarray(work + self._closed_until[k])

    def finishes(self, work: Floats) -> Floats:
        """The hour at which work that is done at working time `work` is done: before a closure that falls there."""
        k = np.searchsorted(self._work_starts, work, side="left")
        return np.asarray(work + self._closed_until[k])

    def finish(self, start: float, hours: float) -> float:
        """The end of `hours` of work begun at `start` and suspended while closed."""
        if not self.touch(start, start + hours):
            return start + hours
        work = self.working(np.array([start])) + hours
        return max(float(self.finishes(work)[0]), start)


ALWAYS_OPEN = Closures([])


class Times:
    """Hours of the run: 0 is the start of the measured period, the run begins at `begin` and ends at `end`."""

    def __init__(self, start: str, begin: float, end: float) -> None:
        self.zero = datetime.fromisoformat(start)
        self.begin = begin
        self.end = end
        self.months = self._months()

    def hour(self, text: str) -> float:
        return snap((datetime.fromisoformat(text) - self.zero).total_seconds() / 3600)

    def _months(self) -> list[tuple[float, float, int]]:
        """(start hour, end hour, month 0..11) of every month that the run touches."""
        day = (self.zero + timedelta(hours=self.begin)).replace(day=1, hour=0, minute=0, second=0)
        edges: list[tuple[float, int]] = []
        while not edges or edges[-1][0] < self.end:
            edges.append(((day - self.zero).total_seconds() / 3600, day.month - 1))
            day = (day + timedelta(days=32)).replace(day=1)
        return [(max(a, self.begin), b, month) for (a, month), (b, _) in pairwise(edges)]


def lay_out(calendars: dict[str, Calendar], name: str, times: Times, streams: Streams) -> Closures:
    """All closures of one calendar in one replication."""
    calendar = calendars[name]
    windows = [(times.hour(c.start), times.hour(c.end)) for c in calendar.closures.values()]
    weather = calendar.storms or name
    shares, block = calendars[weather].closed_share, calendars[weather].block
    if shares is not None and block is not None:
        storms = _storms(list(shares), block, weather, times, streams)
        # the storm that closes one place closes all those that are closed by a larger part of the storms
        severity = streams.uniforms(f"calendar/{weather}/severity", len(storms))
        windows += [storm for storm, u in zip(storms, severity.tolist(), strict=True) if u < calendar.part]
    return Closures(windows)


def _storms(shares: list[float], block: Variate, name: str, times: Times, streams: Streams) -> list[Window]:
    """Alternately open and closed: open spells are exponential, with a rate that gives each month its closed share."""
    rates = [s / (1 - s) / block.mean for s in shares]
    expected = sum((b - a) * rates[m] for a, b, m in times.months)
    count = int(expected + 6 * expected**0.5 + 20)
    spells = -np.log1p(-streams.uniforms(f"calendar/{name}/open", count))
    lengths = streams.durations(f"calendar/{name}/closed", block, count)
    windows: list[Window] = []
    t = times.begin
    for spell, length in zip(spells.tolist(), lengths.tolist(), strict=True):
        start = _after(t, spell, rates, times)
        if start is None:
            return windows
        windows.append((start, start + length))
        t = start + length
    raise RuntimeError(f"calendar {name}: {count} closures were too few for the run")


def _after(t: float, spell: float, rates: list[float], times: Times) -> float | None:
    """When the storms' rate, added up from `t`, has reached `spell`; none: not within the run."""
    for start, end, month in times.months:
        if end <= t:
            continue
        mass = (end - max(start, t)) * rates[month]
        if spell < mass:
            return snap(max(start, t) + spell / rates[month])
        spell -= mass
    return None


def outside(hours: tuple[float, float], times: Times) -> Closures:
    """Closed outside a daily window, which may reach over midnight."""
    opens, closes = snap(hours[0]), snap(hours[1])
    length = (opens - closes) % 24
    first = np.floor(times.begin / 24) * 24 - 24
    days = np.arange(first, times.end + 24, 24)
    return Closures((float(d + closes), float(d + closes + length)) for d in days)
