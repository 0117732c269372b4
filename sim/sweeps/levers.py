"""The file of `corridor optimise`: levers with what they cost, and the targets that are to be met."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sim.network.build import build
from sim.scenario.faults import Origin, listed, nearest
from sim.scenario.load import Scenario
from sim.scenario.schema import Block, Id
from sim.scenario.values import PositiveDuration, Quantity, Share
from sim.sweeps.file import (
    Factor,
    FactorBlock,
    How,
    Level,
    Number,
    PointList,
    Reader,
    Scalar,
    SweepPlan,
    given_level,
    read_block,
    show_level,
)
from sim.sweeps.outcomes import FIGURES, OutcomeError, possible, read_outcome, unit_of
from sim.units import Dimension, UnitError, parse, show, split, told

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Choice = tuple[int, ...]  # of each lever the number of its level, the cheapest first

FORM = re.compile(r"\s*(?P<outcome>[^<>=≤≥]+?)\s*(?P<sense><=|>=|≤|≥)\s*(?P<amount>[^<>=≤≥]+?)\s*")
EXAMPLE = "transit.p90[xian-istanbul-btk/middle-btk] <= 15 d"
AMOUNTS: dict[str, tuple[Dimension, float]] = {  # unit of an outcome -> how an amount is written, its size in that unit
    "d": ("time", 1 / 24),
    "h": ("time", 1.0),
    "%": ("share", 100.0),
    "TEU/a": ("space rate", 8760.0),
    "USD/TEU": ("fee", 1.0),
    "kg CO2e/TEU": ("hub intensity", 1.0),
}
RESERVED = frozenset(  # columns of the tables
    (
        *("candidate", "cost", "status", "winner", "efficient", "searched", "confirmed", "point", "scenario"),
        *("replication", "replications", "part", "error", "traceback", "realisation"),
    )
)


class YearlyCost(Quantity):
    """USD a year, 0 or more: "5 MUSD/a"."""

    dimension, base, least = "yearly cost", "USD/a", 0.0


class LeverBlock(Block):
    """What may be changed, and what each of its levels costs a year."""

    title: str | None = None
    path: str | list[str] | None = None  # dotted; * stands for any one key
    how: How = "set"
    values: Annotated[list[Scalar], Field(min_length=2)] | None = None
    levels: Annotated[dict[str, dict[str, Any]], Field(min_length=2)] | None = None  # name: what it sets, path by path
    cost: dict[str, YearlyCost] | None = None  # of each level
    cost_each: YearlyCost | None = None  # for each one of the unit of the values, beyond the first value


class OptimiseBlock(Block):
    """A file of `corridor optimise`."""

    title: str
    description: str | None = None
    base: str  # a scenario file, beside this one; or the bare name of a scenario of the program
    set: dict[str, Any] = Field(default_factory=dict)  # path: value, for all runs
    levers: Annotated[dict[Id, LeverBlock], Field(min_length=1)]
    target: str | Annotated[list[str], Field(min_length=1)]  # what is to be met; of several, all
    confidence: Share | None = None  # that what is said to meet the target does; none: 95 %
    replications: Annotated[int, Field(ge=2)] = 4  # of each candidate in the search
    most: Annotated[int, Field(ge=2)] = 64  # fresh ones of each candidate in the last step
    finalists: Number = 12  # candidates in the last step
    budget: Number = 200  # candidates in the search
    seed: Annotated[int, Field(ge=0)] = 1  # of the search
    time_limit: PositiveDuration | None = None  # of one run


@dataclass(frozen=True)
class Goal:
    """A figure that is to be at most (`sense` 1) or at least (−1) `limit`, in the unit of its column."""

    column: str
    sense: Literal[1, -1]
    limit: float

    @property
    def text(self) -> str:
        """As a planner would write it."""
        return f"{self.column} {'≤' if self.sense > 0 else '≥'} {self.limit:.6g} {unit_of(self.column)}"

    def excess(self, value: float) -> float:
        """How far a value is beyond the limit; 0 or less: it is met."""
        return self.sense * (value - self.limit)


@dataclass(frozen=True)
class Problem:
    """What is sought: the cheapest choice of levels that meets all goals."""

    costs: tuple[tuple[float, ...], ...]  # of each lever the costs of its levels, USD a year, rising
    goals: tuple[Goal, ...]
    replications: int = 4
    most: int = 64
    finalists: int = 12
    budget: int = 200
    seed: int = 1
    confidence: float = 0.95

    @property
    def size(self) -> int:
        """How many choices there are."""
        return prod(map(len, self.costs))

    def cost(self, choice: Choice) -> float:
        """USD a year."""
        return sum(costs[at] for costs, at in zip(self.costs, choice, strict=True))

    def excess(self, values: Sequence[float]) -> Floats:
        """How far the values of the goals are beyond their limits, as shares of these; 0 or less: met."""
        return np.array(
            [goal.excess(value) / (abs(goal.limit) or 1.0) for goal, value in zip(self.goals, values, strict=True)]
        )


@dataclass(frozen=True)
class OptimisationPlan:
    """An optimisation as it was asked for, without fault: `sweep` holds the levers as factors.

    The levels of a factor are in the order of their costs; `grades` counts the costs above 0 by grade.
    """

    sweep: SweepPlan
    problem: Problem
    grades: Mapping[str, int]

    @property
    def scenario(self) -> Scenario:
        """The scenario with what is set for all runs."""
        return self.sweep.bases[0]

    def levels(self, choice: Choice) -> tuple[Level, ...]:
        """The level of each lever."""
        return tuple(factor.levels[at] for factor, at in zip(self.sweep.factors, choice, strict=True))


def read_optimisation(file: str | os.PathLike[str], library: Path) -> OptimisationPlan:
    """The optimisation of a file. Raises ScenarioError with everything that is wrong with it, and with its scenario.

    `library` is the folder of the scenarios that come with the program.
    """
    name = os.fspath(file)
    block, root = read_block(name, OptimiseBlock)
    reader = _LeverReader(name, root, library)
    bases = reader.bases(block.base, block.set)
    sound = {lever: one for lever, one in block.levers.items() if reader.check_lever(lever, one)}
    goals = reader.goals(block.target, bases[0])
    confidence = 0.95 if block.confidence is None else float(block.confidence)
    if not 0.5 <= confidence < 1:
        reader.fault(("confidence",), f"found {confidence:.6g}, where a share from 50 % to less than 100 % is due")
    factors = reader.factors(
        {
            name: FactorBlock(**one.model_dump(include=set(FactorBlock.model_fields), exclude_unset=True))
            for name, one in sound.items()
        },
        bases,
        design=None,
    )
    levers = [reader.priced(factor, block.levers[factor.name], bases[0]) for factor in factors]
    reader.refuse()
    limit = None if block.time_limit is None else 3600 * float(block.time_limit)
    asked = PointList(kind="list", points=[{}])  # which points there are, the search finds out
    sweep = SweepPlan(
        Path(name).stem, block.title, name, tuple(bases), tuple(factor for factor, _ in levers), asked,
        block.replications, (), block.most, (), limit,
    )  # fmt: skip
    problem = Problem(
        tuple(costs for _, costs in levers), tuple(goals), block.replications, block.most, block.finalists,
        block.budget, block.seed, confidence,
    )  # fmt: skip
    return OptimisationPlan(sweep, problem, _grades(block.levers.values()))


class _LeverReader(Reader):
    """Levers are read as the factors of a sweep are; what is wrong with them is told where they stand."""

    def fault(
        self, path: tuple[str, ...], message: str, near: str | None = None, at: Literal["key", "value"] = "value"
    ) -> None:
        super().fault(_of_levers(path), message.replace("the factors", "the levers"), near, at)

    def where(self, *path: str) -> Origin:
        return super().where(*_of_levers(path))

    def check_lever(self, name: str, block: LeverBlock) -> bool:
        """Whether it has levels of one kind, and costs of one kind."""
        path, before = ("levers", name), len(self.lines)
        if name in RESERVED:
            self.fault(path, f'"{name}" is the name of a column of the tables; choose another', at="key")
        for one, other in (("values", "levels"), ("cost", "cost_each")):
            given = [key for key in (one, other) if getattr(block, key) is not None]
            if len(given) != 1:
                self.fault(
                    path,
                    f"found {' and '.join(given) or 'neither'} of {one} and {other}, of which one is due",
                    at="key",
                )
        return len(self.lines) == before

    def priced(self, factor: Factor, block: LeverBlock, scenario: Scenario) -> tuple[Factor, tuple[float, ...]]:
        """The lever with its levels in the order of their costs, and these, USD a year."""
        for path, cost in _costs(block):
            if cost.source is not None and cost.source not in scenario.model.sources:
                known = scenario.model.sources
                self.fault(
                    ("levers", factor.name, *path, "source"),
                    f'"{cost.source}" is no source of {scenario.name}',
                    nearest(cost.source, known),
                )
        found = self.by_level(factor, block.cost) if block.cost is not None else self.by_step(factor, block)
        order = sorted(range(len(found)), key=found.__getitem__)
        levels = tuple(factor.levels[at] for at in order)
        return replace(factor, levels=levels), tuple(found[at] for at in order)

    def by_step(self, factor: Factor, block: LeverBlock) -> list[float]:
        """Costs that count from the first level."""
        path, first = ("levers", factor.name, "cost_each"), factor.levels[0]
        assert block.cost_each is not None
        if any(isinstance(level, str) for level in factor.levels):
            self.fault(path, 'levels that are words take "cost", for each of them', at="key")
            return [0.0] * len(factor.levels)
        steps = [float(level) - float(first) for level in factor.levels]
        if min(steps) < 0:
            self.fault(
                path, f'counts from the first value, {show_level(first)}, and others are lower; use "cost"', at="key"
            )
        return [step * float(block.cost_each) for step in steps]

    def by_level(self, factor: Factor, costs: Mapping[str, YearlyCost]) -> list[float]:
        """The costs that are written for each level; each must have one."""
        found: dict[Level, float] = {}
        misread = False
        for key, cost in costs.items():
            path = ("levers", factor.name, "cost", key)
            try:
                level = _level(factor, key)
            except UnitError as error:
                self.fault(path, error.message, at="key")
                misread = True
                continue
            if level in found:
                self.fault(path, f"a cost of {show_level(level)} is given already", at="key")
            found[level] = float(cost)
        missing = [show_level(level) for level in factor.levels if level not in found]
        if missing and not misread:  # a key that was misread may be theirs
            self.fault(("levers", factor.name, "cost"), f"no cost is given for: {', '.join(missing)}", at="key")
        return [found.get(level, 0.0) for level in factor.levels]

    def goals(self, written: str | Sequence[str], scenario: Scenario) -> list[Goal]:
        """What is to be met, figure by figure."""
        texts = [written] if isinstance(written, str) else written
        found: list[Goal] = []
        for index, text in enumerate(texts):
            try:
                found += read_goals(text, scenario)
            except (OutcomeError, UnitError) as error:
                path = ("target",) if isinstance(written, str) else ("target", str(index))
                self.fault(path, str(error), getattr(error, "suggestion", None))
        return found


def read_goals(text: str, scenario: Scenario) -> list[Goal]:
    """What a text like "transit.p90[flow/route] <= 15 d" asks for: a goal for each figure that it names.

    Raises OutcomeError or UnitError.
    """
    match = FORM.fullmatch(text)
    if match is None:
        raise OutcomeError(f'found "{text}", where a target like "{EXAMPLE}" is due')
    outcome = read_outcome(match["outcome"], [scenario])
    network = build(scenario)
    columns = possible(outcome, network)
    if outcome.name.startswith("promise"):
        kept = [column for column in columns if network.model.routes[column[:-1].partition("/")[2]].promise is not None]
        if not kept:
            raise OutcomeError(f"{outcome.text}: no time is published for {listed(columns)}")
        columns = kept
    unit = FIGURES[outcome.name][1]
    if unit in AMOUNTS:
        dimension, size = AMOUNTS[unit]
        limit = parse(match["amount"], dimension)[0] * size
    else:
        amount = split(match["amount"])
        if amount is None or amount[1] not in ("", unit):
            raise UnitError(f"found {told(match['amount'])}, where a number of {unit} without a unit is due")
        limit = float(amount[0])
    sense: Literal[1, -1] = 1 if match["sense"] in ("<=", "≤") else -1
    return [Goal(column, sense, float(f"{limit:.12g}")) for column in columns]


def shown_cost(cost: float) -> str:
    """A cost as a planner would write it: "12.5 MUSD/a"."""
    unit = "MUSD/a" if cost >= 1e5 else "kUSD/a" if cost >= 1e2 else "USD/a"
    return show(float(f"{cost:.6g}"), unit, "yearly cost") if cost else "0"


def _of_levers(path: tuple[str, ...]) -> tuple[str, ...]:
    return ("levers", *path[1:]) if path[:1] == ("factors",) else path


def _level(factor: Factor, key: str) -> Level:
    """The level that a key of `cost` means. Raises UnitError."""
    try:
        return given_level(factor, key if factor.unit or isinstance(factor.levels[0], str) else float(key))
    except ValueError as error:
        if isinstance(error, UnitError):
            raise
        raise UnitError(f"found {told(key)}, allowed: {', '.join(map(show_level, factor.levels))}") from None


def _costs(block: LeverBlock) -> list[tuple[tuple[str, ...], YearlyCost]]:
    """The costs of a lever with their paths in it."""
    if block.cost_each is not None:
        return [(("cost_each",), block.cost_each)]
    return [(("cost", key), cost) for key, cost in (block.cost or {}).items()]


def _grades(levers: Any) -> dict[str, int]:
    """How many costs above 0 are of which grade."""
    return dict(Counter(cost.grade or "not stated" for block in levers for _, cost in _costs(block) if cost > 0))
