"""Scenario discovery: where in the ranges of its factors a corridor fails, told as a box of few limits.

PRIM, the patient rule induction method (Friedman and Fisher 1999, doi:10.1023/A:1008894516817): thin slices are peeled
off, each time the one whose loss raises the share of failures most, then pasted on again where that costs nothing.
Limits that chance could have set are dropped by the quasi-p-values of Bryant and Lempert (2010,
doi:10.1016/j.techfore.2009.08.002), and a box that shuffled failures give as well is no box.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sim.scenario.scale import number
from sim.study import BadStudyError
from sim.sweeps.outcomes import FIGURES, FORM, unit_of, why_unknown
from sim.sweeps.table import SweepResult, Varied, read_results
from sim.units import DIMENSION_OF, UNITS, UnitError, split

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ALPHA = 0.05  # of the points in a box, that one peel takes away or one paste brings back
THIN, THICK = (ALPHA,), (ALPHA, 0.1, 0.2, 0.3, 0.4, 0.5)
LEAST = 0.05  # of all points, that a box must keep
SIGNIFICANT = 0.05  # of the quasi-p-value of a limit, and of the share of shuffles that give as good a box
SHUFFLES = 59
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le, "≤": operator.le, ">=": operator.ge, "≥": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
EXAMPLE = "transit.p90[xian-istanbul/middle-btk] > 15 d"


@dataclass(frozen=True)
class Condition:
    """What counts as a failure, as in "promise.within[xian-poti/middle-poti] < 50 %"; `limit` in the figure's unit."""

    text: str
    figure: str
    sign: str
    limit: float

    def holds(self, values: Floats) -> Bools:
        return np.asarray(SIGNS[self.sign](values, self.limit))


@dataclass(frozen=True)
class Limit:
    """One factor of a box: the numbers between `low` and `high` (None: open), or some of its words.

    `p` is the chance that the limit does nothing: that as many failures lie in the box as do, were their share that of
    the box without this limit.
    """

    factor: Varied
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    p: float = 1.0


@dataclass(frozen=True)
class Box:
    """Where it fails: the share of all failures that lie in it (coverage) and of failures in it (density)."""

    limits: tuple[Limit, ...]  # the surest first
    points: int
    failures: int
    coverage: float
    density: float
    peeling: pd.DataFrame = field(repr=False)  # one row a step: points, failures, coverage, density
    inside: Bools = field(repr=False)  # of the cases


@dataclass(frozen=True)
class Cases:
    """The points of a sweep, and which of them fail: that of the mean over the replications of a point.

    `unknown` points, of which a run failed or the figure is not known, are left out. A transit time that is unknown
    because the boxes had not arrived is infinite.
    """

    result: SweepResult
    condition: Condition
    factors: tuple[Varied, ...]  # the scenario is one of them if there are several
    inputs: pd.DataFrame  # a column for each factor
    values: Floats
    fails: Bools
    unknown: int


@dataclass(frozen=True)
class Discovery:
    """The boxes in which failures lie, the first one first, each on what those before it leave."""

    cases: Cases
    boxes: tuple[Box, ...]


def discover(cases: Cases, most: int = 2, seed: int = 1) -> Discovery:
    """Up to `most` boxes, none that is chance. Raises BadStudyError if all points fail, none does, or none is known."""
    if not len(cases.fails):
        figure = cases.condition.figure
        raise BadStudyError(f"{figure} is not known at any point: {why_unknown(figure)}")
    if cases.fails.all() or not cases.fails.any():
        share = "all points fail" if cases.fails.all() else "no point fails"
        raise BadStudyError(f"{share}: {cases.condition.text}")
    columns = [_column(cases.inputs[factor.name], factor) for factor in cases.factors]
    rng = np.random.default_rng(seed)
    left, boxes = np.ones(len(cases.fails), dtype=bool), list[Box]()
    while len(boxes) < most and (found := _box(cases, columns, left, rng)) is not None:
        boxes.append(found)
        left = left & ~found.inside
    return Discovery(cases, tuple(boxes))


def read_cases(folder: Path, text: str) -> Cases:
    """The cases in the ledger of a folder. Raises LedgerError, and BadStudyError if the text is none about them."""
    known = read_results(folder)
    condition = read_condition(text)
    figures = [condition.figure]
    if condition.figure.startswith("transit."):
        figures.append("unfinished" + condition.figure[condition.figure.index("[") :])
    result = read_results(folder, figures)
    missing = [figure for figure in figures if figure not in result.outcomes]
    if missing and not known.outcomes:
        raise BadStudyError(f"no run of {known.name} gave a result")
    if missing:
        raise BadStudyError(f'"{missing[0]}" is no figure of {known.name}, as is {", ".join(known.outcomes[:4])}')
    return cases_of(result, condition)


def cases_of(result: SweepResult, condition: Condition) -> Cases:
    """The points of a sweep and which of them fail."""
    own = result.runs.copy()
    unfinished = "unfinished" + condition.figure[condition.figure.index("[") :]
    if unfinished in own:
        own.loc[own[condition.figure].isna() & (own[unfinished] > 0), condition.figure] = np.inf
    means = replace(result, runs=own, outcomes=(condition.figure,)).means()
    known = means[means[condition.figure].notna()].reset_index(drop=True)
    factors = result.factors
    bases = tuple(dict.fromkeys(map(str, result.points["scenario"])))
    if len(bases) > 1:
        factors = (Varied("scenario", "scenario", "", "set", bases, None, None), *factors)
    holes = [factor.name for factor in factors if known[factor.name].isna().any()]
    if holes:
        raise BadStudyError(f'points that leave "{holes[0]}" as it is cannot be compared with those that set it')
    values = known[condition.figure].to_numpy(float)
    fails = condition.holds(values)
    return Cases(result, condition, factors, known, values, fails, len(result.points) - len(known))


def read_condition(text: str) -> Condition:
    """What a planner wrote after --fails. Raises BadStudyError."""
    match = re.fullmatch(r"\s*(.*?)\s*(<=|>=|≤|≥|<|>)\s*(.*?)\s*", text)
    named = FORM.fullmatch(match[1]) if match else None
    if match is None or named is None or named["name"] not in FIGURES or not named["second"]:
        raise BadStudyError(f'found "{text}", where a figure, a sign and a limit are due, as in "{EXAMPLE}"')
    figure = f"{named['name']}[{named['first']}/{named['second']}]"
    return Condition(" ".join(text.split()), figure, match[2], _in_unit(match[3], unit_of(figure), text))


def _in_unit(raw: str, unit: str, text: str) -> float:
    amount, own = split(raw) or ("nan", "")
    try:
        if not math.isfinite(float(amount)):
            raise UnitError("no limit")
        if own == unit or (not own and unit not in DIMENSION_OF):
            return float(amount)
        value, given = number(raw)
        if DIMENSION_OF[given] == DIMENSION_OF[unit]:
            return value * UNITS[DIMENSION_OF[given]][given] / UNITS[DIMENSION_OF[unit]][unit]
    except (KeyError, UnitError):
        pass
    raise BadStudyError(f'found "{raw}" in "{text}", where a number in {unit} is due')


def _column(values: pd.Series[Any], factor: Varied) -> Floats:
    """The values of a factor as numbers; words by their place among its levels."""
    if is_words(factor):
        places = {word: float(place) for place, word in enumerate(factor.levels)}
        return np.array([places[word] for word in values])
    return values.to_numpy(float)


def is_words(factor: Varied) -> bool:
    """Whether the levels of a factor are words, which have no order."""
    return bool(factor.levels) and isinstance(factor.levels[0], str)


Sides = tuple["Bools", ...]  # of each factor, which cases lie within its limit


class Step(NamedTuple):
    """A box on the way of a peeling, and how many cases and failures it holds."""

    sides: Sides
    points: int
    failures: int


def _box(cases: Cases, columns: Sequence[Floats], left: Bools, rng: np.random.Generator) -> Box | None:
    """The next box in the cases that are left; None if there is none that is better than chance."""
    fails = cases.fails
    if not fails[left].any() or fails[left].all():
        return None
    own, words = [column[left] for column in columns], [is_words(factor) for factor in cases.factors]
    path = _peels(own, words, fails[left])
    best = max(path, key=lambda step: _excess(step, fails[left]))
    excess = _excess(best, fails[left])
    shuffled = (_most_excess(own, words, rng.permutation(fails[left])) for _ in range(SHUFFLES))
    if 1 + sum(other >= excess for other in shuffled) > SIGNIFICANT * (SHUFFLES + 1):
        return None
    sides, ps = _sure(_paste(best.sides, own, words, fails[left]), own, words, fails[left])
    if not ps:
        return None
    limits = [_limit(cases.factors[at], own[at], own[at][sides[at]], p) for at, p in ps.items()]
    inside = left.copy()
    inside[left] = np.logical_and.reduce(sides)
    points, failures, every = int(inside.sum()), int(fails[inside].sum()), int(fails.sum())
    limits.sort(key=lambda limit: limit.p)
    return Box(tuple(limits), points, failures, failures / every, failures / points, _trajectory(path, every), inside)


def _peels(columns: Sequence[Floats], words: Sequence[bool], fails: Bools) -> list[Step]:
    """The better of two ways of peeling: by thin slices only, or by slices of up to half of what is left.

    Thin slices follow a box that narrows in many factors at once; thick ones are not led astray by the luck of a few
    points at the edge, as where failures lie in several boxes.
    """
    orders = [np.argsort(column, kind="stable") for column in columns]
    ways = (list(_peel(columns, orders, words, fails, slices)) for slices in (THIN, THICK))
    return max(ways, key=lambda path: max(_excess(step, fails) for step in path))


def _peel(
    columns: Sequence[Floats],
    orders: Sequence[NDArray[np.intp]],
    words: Sequence[bool],
    fails: Bools,
    slices: Sequence[float],
) -> Iterator[Step]:
    """Smaller and smaller boxes, from all cases to the least."""
    sides: Sides = tuple(np.ones(len(fails), dtype=bool) for _ in columns)
    inside, points, failures = np.ones(len(fails), dtype=bool), len(fails), int(fails.sum())
    least = max(2, LEAST * len(fails))
    while True:
        yield Step(sides, points, failures)
        best, gain = None, 1e-12
        for at, column in enumerate(columns):
            cuts = (
                _words_less(column, inside, fails)
                if words[at]
                else _ends_less(column, orders[at], inside, fails, slices)
            )
            for keeps, value, kept, failing in cuts:
                if least <= kept < points:
                    rise = (failing / kept - failures / points) / (1 - kept / points)
                    if rise > gain:
                        best, gain = (at, keeps, value, kept, failing), rise
        if best is None:
            return
        at, keeps, value, points, failures = best
        side = keeps(columns[at], value)
        sides, inside = _with(sides, at, sides[at] & side), inside & side


Cut = tuple[Callable[[Any, Any], Any], float, int, int]  # what is kept, of which value; its cases and failures


def _words_less(column: Floats, inside: Bools, fails: Bools) -> Iterator[Cut]:
    """A factor without one of its words."""
    for word in np.unique(column[inside]):
        kept = inside & (column != word)
        yield operator.ne, word, int(kept.sum()), int(fails[kept].sum())


def _ends_less(
    column: Floats, order: NDArray[np.intp], inside: Bools, fails: Bools, slices: Sequence[float]
) -> Iterator[Cut]:
    """A factor without a slice at either end; ties go together."""
    line = order[inside[order]]
    values, failed = column[line], np.cumsum(fails[line])
    for share in slices:
        count = max(1, int(share * len(line)))
        lost = int(np.searchsorted(values, values[count - 1], "right"))
        yield operator.gt, values[count - 1], len(line) - lost, int(failed[-1] - failed[lost - 1])
        kept = int(np.searchsorted(values, values[-count], "left"))
        yield operator.lt, values[-count], kept, int(failed[kept - 1]) if kept else 0


def _paste(sides: Sides, columns: Sequence[Floats], words: Sequence[bool], fails: Bools) -> Sides:
    """The box with slices put back on as long as the share of failures does not fall."""
    while True:
        inside = np.logical_and.reduce(sides)
        density, best = fails[inside].mean(), None
        for at, column in enumerate(columns):
            others = np.logical_and.reduce(_with(sides, at, np.ones_like(inside)))
            for side in _larger(column, sides[at], others, words[at], ALPHA * inside.sum()):
                wider = others & side
                if wider.sum() > inside.sum() and (share := fails[wider].mean()) >= density:
                    density, best = share, (at, side)
        if best is None:
            return sides
        at, side = best
        sides = _with(sides, at, side)


def _larger(column: Floats, side: Bools, others: Bools, words: bool, count: float) -> Iterator[Bools]:
    """What a factor can win back: one of its words, or about `count` cases at either end."""
    outside = others & ~side
    if words:
        yield from (side | (column == word) for word in np.unique(column[outside]))
        return
    for sign in (1.0, -1.0):
        beyond = np.sort(sign * column[outside & (sign * column > (sign * column[side]).max())])
        if len(beyond):
            end = beyond[min(len(beyond), max(1, round(count))) - 1]
            yield side | ((sign * column > (sign * column[side]).max()) & (sign * column <= end))


def _sure(
    sides: Sides, columns: Sequence[Floats], words: Sequence[bool], fails: Bools
) -> tuple[Sides, dict[int, float]]:
    """The box without the limits that may be chance, and for each factor that is left the largest quasi-p-value."""
    from scipy.stats import binom

    ends: dict[tuple[int, int], Bools] = {}  # of each factor: its words, or its two limits
    for at, (column, side) in enumerate(zip(columns, sides, strict=True)):
        masks = [side] if words[at] else [column >= column[side].min(), column <= column[side].max()]
        ends |= {(at, end): mask for end, mask in enumerate(masks) if not mask.all()}
    every = np.ones_like(fails)
    while True:
        inside = np.logical_and.reduce([every, *ends.values()])
        ps = {}
        for one in ends:
            without = np.logical_and.reduce([every, *(mask for other, mask in ends.items() if other != one)])
            ps[one] = float(binom.sf(fails[inside].sum() - 1, inside.sum(), fails[without].mean()))
        worst = max(ps, key=lambda one: ps[one], default=None)
        if worst is None or ps[worst] <= SIGNIFICANT:
            break
        del ends[worst]
    sure = tuple(
        np.logical_and.reduce([every, *(mask for (of, _), mask in ends.items() if of == at)])
        for at in range(len(sides))
    )
    return sure, {at: max(p for (of, _), p in ps.items() if of == at) for at in dict.fromkeys(at for at, _ in ps)}


def _with(sides: Sides, at: int, side: Bools) -> Sides:
    """The sides of a box with another one of a factor."""
    return (*sides[:at], side, *sides[at + 1 :])


def _excess(step: Step, fails: Bools) -> float:
    """How many failures a box holds beyond those that as many cases anywhere would have."""
    return step.failures - step.points * float(fails.mean())


def _most_excess(columns: Sequence[Floats], words: Sequence[bool], fails: Bools) -> float:
    return max(_excess(step, fails) for step in _peels(columns, words, fails))


def _limit(factor: Varied, column: Floats, kept: Floats, p: float) -> Limit:
    """The limit of a factor, midway between the values inside it and those outside."""
    if is_words(factor):
        return Limit(factor, words=tuple(str(factor.levels[int(place)]) for place in np.unique(kept)), p=p)
    below, above = column[column < kept.min()], column[column > kept.max()]
    low = float(below.max() + kept.min()) / 2 if len(below) else None
    high = float(above.min() + kept.max()) / 2 if len(above) else None
    return Limit(factor, low, high, p=p)


def _trajectory(path: Sequence[Step], failures: int) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame([(step.points, step.failures) for step in path], columns=["points", "failures"])
    return frame.assign(coverage=frame["failures"] / failures, density=frame["failures"] / frame["points"])
