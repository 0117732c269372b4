"""What reaches the corridor from outside: random numbers by name, demand, closures.

Written from docs/architecture.md ("Random numbers", "What happens, rule by rule"); shares no code with sim.model.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import count

import numpy as np

from sim.scenario.schema import Flow, Model
from sim.scenario.values import Hours, Variate

STEPS = 2**20  # of the grid of time, an hour
DAYS = (31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
MOST_CLOSED = 0.99  # of a month, by random blocks


def on_grid(hours: float) -> float:
    return round(hours * STEPS) / STEPS


class Streams:
    """The n-th number of a named stream, whatever else was asked for before."""

    def __init__(self, seed: int, replication: int) -> None:
        self.seed, self.replication = seed, replication
        self._uniforms: dict[str, np.ndarray] = {}
        self._hours: dict[tuple[str, float], np.ndarray] = {}

    def uniform(self, name: str, n: int) -> float:
        if n >= len(self._uniforms.get(name, ())):
            digest = blake2b(name.encode(), digest_size=8).digest()
            words = (int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big"), self.replication)
            bits = np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=words))
            self._uniforms[name] = np.random.Generator(bits).random(2 * n + 64)
        return float(self._uniforms[name][n])

    def hours(self, name: str, variate: Variate, n: int, scale: float = 1.0) -> float:
        """The n-th draw of a variate: a time, or a share of `scale` hours."""
        if n >= len(self._hours.get((name, scale), ())):
            self.uniform(name, n)
            self._hours[name, scale] = variate.ppf(self._uniforms[name]) * scale
        return on_grid(float(self._hours[name, scale][n]))


class Calendar:
    """Closed windows, from their start up to but without their end."""

    def __init__(self, windows: Iterable[tuple[float, float]] = ()) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        for start, end in sorted(windows):
            if self.ends and start <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], end)
            else:
                self.starts.append(start)
                self.ends.append(end)

    def opens(self, t: float) -> float:
        """The first open moment from `t` on."""
        k = bisect_right(self.starts, t) - 1
        return max(t, self.ends[k]) if k >= 0 else t

    def closes(self, t: float) -> float:
        """The first start of a closure from `t` on."""
        k = bisect_left(self.starts, t)
        return self.starts[k] if k < len(self.starts) else math.inf


class World:
    """The times of the run, its demand and its closures, in one replication."""

    def __init__(self, model: Model, replication: int) -> None:
        self.model = model
        self.streams = Streams(model.run.seed, replication)
        self.zero = datetime.fromisoformat(model.run.start)
        self.begin = on_grid(-model.run.warm_up)
        self.end = on_grid(model.run.length + model.run.run_out)

    def months(self) -> Iterator[tuple[float, float, int]]:
        """(first hour, last hour, month 0..11) of each month, the first from the begin of the run on."""
        first = (self.zero + timedelta(hours=self.begin)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while self.hour(first) < self.end:
            following = (first + timedelta(days=31)).replace(day=1)
            yield max(self.hour(first), self.begin), self.hour(following), first.month - 1
            first = following

    def hour(self, date: datetime) -> float:
        return (date - self.zero).total_seconds() / 3600

    def releases(self, name: str, flow: Flow) -> list[float]:
        """When each block of a flow is released."""
        rate = flow.units_per_hour(self.model.cargo[flow.cargo]) / flow.block
        seasons = flow.seasons or (1.0,) * 12
        mean = sum(s * d for s, d in zip(seasons, DAYS, strict=True)) / sum(DAYS)
        blocks = self._expected(name, flow.arrivals == "regular")
        due, passed, released = next(blocks), 0.0, []
        for start, month_end, month in self.months():
            now_rate = rate * seasons[month] / mean
            more = (min(month_end, self.end) - start) * now_rate
            while due < passed + more:
                released.append(on_grid(start + (due - passed) / now_rate))
                due = next(blocks)
            passed += more
        return released

    def _expected(self, name: str, regular: bool) -> Iterator[float]:
        """The expected number of blocks up to each block."""
        total = 0.0
        for n in count():
            u = self.streams.uniform(f"demand/{name}", n)
            total -= math.log1p(-u)
            yield n + u if regular else total

    def takes(self, name: str, flow: Flow, route: str, block: int, released: float) -> bool:
        """Whether the block takes this route: each has its part of the unit interval, in order of names."""
        shares = flow.routes
        for diversion in flow.diversions.values():
            begin, end = diversion.start, diversion.end or "2999-12-31"
            if self.hour(datetime.fromisoformat(begin)) <= released < self.hour(datetime.fromisoformat(end)):
                shares = diversion.routes
        if route not in shares:
            return False
        names = sorted(shares)
        low = sum(shares[other] for other in names if other < route)
        high = 1.0 if route == names[-1] else low + shares[route]
        return len(names) == 1 or low <= self.streams.uniform(f"route/{name}", block) < high

    def calendar(self, name: str | None) -> Calendar:
        """Dated closures, and storms: open spells are exponential, at a rate that gives each month its closed share."""
        if name is None:
            return Calendar()
        rule = self.model.calendars[name]
        dates = [(datetime.fromisoformat(c.start), datetime.fromisoformat(c.end)) for c in rule.closures.values()]
        windows = [(on_grid(self.hour(start)), on_grid(self.hour(end))) for start, end in dates]
        of = rule.storms or name
        for n, storm in enumerate(self._storms(of)):
            if self.streams.uniform(f"calendar/{of}/severity", n) < rule.part:
                windows.append(storm)
        return Calendar(windows)

    def _storms(self, name: str) -> Iterator[tuple[float, float]]:
        rule = self.model.calendars[name]
        if rule.closed_share is None or rule.block is None:
            return
        storms = count()
        n, t = next(storms), self.begin
        spell = -math.log1p(-self.streams.uniform(f"calendar/{name}/open", n))
        for start, end, month in self.months():
            share = min(rule.closed_share[month], MOST_CLOSED)
            rate = share / (1 - share) / rule.block.mean
            while spell < (end - max(start, t)) * rate:
                storm = on_grid(max(start, t) + spell / rate)
                t = storm + self.streams.hours(f"calendar/{name}/closed", rule.block, n)
                yield storm, t
                n = next(storms)
                spell = -math.log1p(-self.streams.uniform(f"calendar/{name}/open", n))
            spell -= max(end - max(start, t), 0.0) * rate

    def outside(self, hours: Hours | None) -> Calendar:
        """Closed outside a daily window."""
        if hours is None:
            return Calendar()
        opens, closes = on_grid(hours.start), on_grid(hours.end)
        days = range(math.floor(self.begin / 24) - 1, math.ceil(self.end / 24) + 1)
        return Calendar((24.0 * day + closes, 24.0 * day + closes + (opens - closes) % 24) for day in days)
