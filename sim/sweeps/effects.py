"""What a sweep shows of its factors: means by level, changes from one level to another, what nothing else beats.

In a grid, points meet the same replications, so that means and changes are taken replication by replication. In other
designs each point has levels of its own; means are then those of points whose levels lie close together, or medians
where some points have an unknown quantile of days, which is longer than all that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sim.study.statistics import intervals, median
from sim.sweeps.outcomes import longest_unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.sweeps.table import SweepResult

    Floats = NDArray[np.float64]
    Rows = NDArray[np.bool_]

GRID = "grid"
PARTS = 5  # groups of points along a factor, where each point has levels of its own
FEWEST = 3  # points of such a group


class Interval(NamedTuple):
    """A mean, or a median, with the ends of its 95 % interval; NaN: unknown."""

    value: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        return bool(np.isfinite(self.value))

    @property
    def separated(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


UNKNOWN = Interval(np.nan, np.nan, np.nan)


@dataclass(frozen=True)
class Axis:
    """A factor, or the scenarios: `parts` are its levels, or groups of close ones, in their order."""

    name: str
    label: str
    parts: tuple[tuple[str, float], ...]  # how each is called, and where it lies on the axis
    at: tuple[int, ...]  # the part of each point; -1 where the factor is left as it is
    where: tuple[float, ...]  # where each point lies on the axis; NaN where the factor is left as it is
    numeric: bool
    unit: str = ""

    def rows(self, part: int) -> Rows:
        """The points of one part."""
        return np.equal(self.at, part)

    def called(self, part: int) -> str:
        """A part with its unit."""
        return f"{self.parts[part][0]} {self.unit}".rstrip()


@dataclass(frozen=True)
class Samples:
    """One outcome of a sweep, shape (points, replications): `values`, NaN where unknown, and which were `run`.

    longest: whether an unknown value is longer than all that are known.
    """

    values: Floats
    run: Rows
    grid: bool
    longest: bool = False

    @cached_property
    def by_median(self) -> bool:
        """Whether points of which some are unknown are told by their median, as they have no mean."""
        return self.longest and not self.grid and bool(self.unknown.any())

    @property
    def unknown(self) -> Rows:
        """The points that have runs, but no mean."""
        return self.run.any(axis=1) & np.isnan(self.points)

    def typical(self, rows: Rows) -> Interval:
        """The mean over some points, or their median."""
        if not self.run[rows].any():
            return UNKNOWN
        common = self.run[rows].all(axis=0)
        if self.grid or rows.sum() == 1:
            return _interval(self.values[np.ix_(rows, common)].mean(axis=0))
        means = self.points[rows & self.run.any(axis=1)]
        return Interval(*median(np.where(np.isnan(means), np.inf, means))) if self.by_median else _interval(means)

    def change(self, before: Rows, after: Rows) -> Interval:
        """What is typical of some points, less that of others. If they are not paired, the halves of their intervals
        are added as squares, each end with the one that it goes with."""
        if self.grid:
            common = self.run[before | after].all(axis=0)
            first, second = (self.values[np.ix_(rows, common)].mean(axis=0) for rows in (before, after))
            return _interval(second - first)
        first, second = self.typical(before), self.typical(after)
        value = second.value - first.value
        below = np.hypot(second.value - second.low, first.high - first.value)
        above = np.hypot(second.high - second.value, first.value - first.low)
        return Interval(value, value - below, value + above)

    def each(self) -> tuple[Floats, Floats, Floats]:
        """The mean of each point with the ends of its interval."""
        if self.run.all():
            return intervals(self.values)
        cells = [_interval(values[run]) for values, run in zip(self.values, self.run, strict=True)]
        value, low, high = np.array(cells).reshape(len(cells), 3).T
        return value, low, high

    @cached_property
    def points(self) -> Floats:
        """The mean of each point; NaN where it has no run, or an unknown one."""
        values = np.where(self.run, self.values, 0.0)
        count = self.run.sum(axis=1)
        return np.where(count > 0, values.sum(axis=1) / np.maximum(count, 1), np.nan)


@dataclass(frozen=True)
class Effect:
    """How an outcome changes when one factor goes to its low or high end and the others stay in the middle."""

    axis: Axis
    middle: Interval
    low: Interval  # change from the middle
    high: Interval
    whole: Interval  # change from the low to the high end

    @property
    def size(self) -> float:
        """The largest change; infinite where an end is unknown."""
        changes = np.abs([self.low.value, self.high.value, self.whole.value])
        return float(changes.max()) if np.isfinite(changes).all() else np.inf


def samples(result: SweepResult, outcome: str) -> Samples:
    """The values of an outcome by point and replication."""
    points = result.points["point"].to_numpy(int)
    replications = np.unique(result.runs["replication"].to_numpy(int))
    row = np.searchsorted(points, result.runs["point"].to_numpy(int))
    column = np.searchsorted(replications, result.runs["replication"].to_numpy(int))
    values = np.full((len(points), len(replications)), np.nan)
    run = np.zeros(values.shape, dtype=bool)
    values[row, column] = result.runs[outcome].to_numpy(float)
    run[row, column] = True
    return Samples(values, run, result.design == GRID, longest_unknown(outcome))


def axes(result: SweepResult) -> list[Axis]:
    """What was varied: the factors, and the scenarios if there are several; what has one level only is left out."""
    found = []
    names = list(result.points["scenario"])
    several = list(dict.fromkeys(names))
    if len(several) > 1:
        found.append(
            Axis(
                "scenario",
                "scenario",
                tuple((name, float(i)) for i, name in enumerate(several)),
                tuple(several.index(name) for name in names),
                tuple(float(several.index(name)) for name in names),
                numeric=False,
            )
        )
    for factor in result.factors:
        column = list(result.points[factor.name])
        known: list[float | str] = [x for x in dict.fromkeys(column) if x == x and x is not None]
        numeric = all(isinstance(level, float | int) for level in known)
        if numeric and not (result.design == GRID or len(known) <= PARTS):
            parts, at = _groups(np.array(column, dtype=float))
        else:
            order = sorted(known, key=float) if numeric else [x for x in factor.levels if x in known]
            parts = tuple((level_text(x), float(x) if numeric else float(i)) for i, x in enumerate(order))
            at = tuple(order.index(x) if x in order else -1 for x in column)
        where = tuple(
            float(x) if numeric and x is not None else parts[i][1] if i >= 0 else np.nan
            for x, i in zip(column, at, strict=True)
        )
        if len(parts) > 1:
            found.append(Axis(factor.name, factor.label, parts, at, where, numeric, _mark(factor.unit, factor.how)))
    return found


def level_text(level: float | str) -> str:
    """A level as tables and plots show it, without its unit."""
    return level if isinstance(level, str) else f"{level:.6g}".replace("-", "\u2212")


def middle(factors: Sequence[Axis], besides: Axis | None = None) -> Rows:
    """The points at which all factors but one lie in their middle."""
    rows = np.ones(len(factors[0].at), dtype=bool)
    for axis in factors:
        if axis is not besides and axis.name != "scenario":
            rows &= axis.rows((len(axis.parts) - 1) // 2)
        elif axis is not besides:
            rows &= axis.rows(0)
    return rows


def effects(result: SweepResult, outcome: str) -> list[Effect]:
    """The effect of each factor, the largest first.

    In a grid around its middle point (with several scenarios, of the first one); else between the points at the low end
    of a factor, those at its high end, and all.
    """
    factors, table = axes(result), samples(result, outcome)
    found = []
    for axis in factors:
        if table.grid:
            held = middle(factors, axis)
            centre = held & axis.rows(0 if axis.name == "scenario" else (len(axis.parts) - 1) // 2)
        else:
            held = centre = np.ones(len(axis.at), dtype=bool)
        low, high = held & axis.rows(0), held & axis.rows(len(axis.parts) - 1)
        changes = [table.change(centre, low), table.change(centre, high), table.change(low, high)]
        found.append(Effect(axis, table.typical(centre), *changes))
    return sorted(found, key=lambda effect: -effect.size)


def influence(table: Samples, axis: Axis) -> float:
    """How far apart the means at the levels of a factor lie, the others averaged; unknown ones count as farthest."""
    means = [table.typical(axis.rows(part)).value for part in range(len(axis.parts))]
    known = [mean for mean in means if np.isfinite(mean)]
    return (max(known) - min(known) if known else 0.0) if len(known) == len(means) else np.inf


def efficient(costs: Floats) -> Rows:
    """Which rows no other row beats: none is as low in every column and lower in one. Shape (points, columns)."""
    near = np.array([[float(f"{x:.6g}") for x in row] for row in costs])
    kept = np.ones(len(near), dtype=bool)
    for row in np.argsort(near.sum(axis=1), kind="stable"):
        if kept[row]:
            kept &= ~((near >= near[row]).all(axis=1) & (near > near[row]).any(axis=1))
    return kept


def _interval(values: Floats) -> Interval:
    value, low, high = intervals(values[None, :])
    return Interval(float(value[0]), float(low[0]), float(high[0]))


def _groups(levels: Floats) -> tuple[tuple[tuple[str, float], ...], tuple[int, ...]]:
    """Levels that lie close together, each group about as large: its name and mean, and the group of each point."""
    known = np.isfinite(levels)
    count = min(PARTS, int(known.sum()) // FEWEST)
    if count < 2:
        return (), tuple(-1 for _ in levels)
    edges = np.unique(np.quantile(levels[known], np.linspace(0, 1, count + 1)))
    at = np.where(known, np.clip(np.searchsorted(edges, levels, side="right") - 1, 0, len(edges) - 2), -1)
    filled = np.unique(at[known])  # where many points share a level, there may be none between two edges
    if len(filled) < 2:
        return (), tuple(-1 for _ in levels)
    parts = []
    for part in filled.tolist():
        ends = (level_text(float(f"{edge:.3g}")) for edge in edges[part : part + 2])
        parts.append((" to ".join(ends), float(levels[at == part].mean())))
    return tuple(parts), tuple(np.where(known, np.searchsorted(filled, at), -1).tolist())


def _mark(unit: str, how: str) -> str:
    return "×" if how == "times" and not unit else unit
