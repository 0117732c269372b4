"""The sweep file: what a planner writes to vary a scenario, read with all its faults and their positions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from sim.network import build
from sim.scenario import check, load
from sim.scenario.faults import Fault, Origin, ScenarioError, listed, nearest, render
from sim.scenario.load import Scenario, altered, rendered
from sim.scenario.scale import number, plus, setting, times, written
from sim.scenario.schema import Block, Count, Id
from sim.scenario.sources import numbers_of, ranged
from sim.scenario.tree import Node
from sim.scenario.values import PositiveDuration, Quantity
from sim.scenario.variates import Variate
from sim.study import BadStudyError, read_target
from sim.study.sequential import Target
from sim.sweeps.outcomes import Outcome, OutcomeError, read_outcome
from sim.units import DIMENSION_OF, UNITS, UnitError, told

How = Literal["set", "times", "plus", "mean"]
Level = float | str

Scalar = str | int | float | bool


class FactorBlock(Block):
    """What is varied: a value at one or several paths of the scenario."""

    title: str | None = None
    path: str | list[str] | None = None  # dotted; * stands for any one key
    how: How = "set"  # the values replace what is there, multiply it, are added to it, or become the mean of its dist
    values: Annotated[list[Scalar], Field(min_length=1)] | None = None
    range: Annotated[list[str | int | float], Field(min_length=2, max_length=2)] | None = None  # its ends
    steps: Annotated[int, Field(ge=2)] | None = None  # in a grid: equally spaced values of the range
    levels: dict[str, dict[str, Any]] | None = None  # name: what it sets, path by path
    every: Literal["range"] | None = None  # one factor for each value of the scenario that has a range
    only: list[str] | None = None  # of these, those whose paths begin with one of these patterns
    without: list[str] | None = None  # and with none of these


class Grid(Block):
    """Each level of each factor with each of all others."""

    kind: Literal["grid"]


class PointList(Block):
    """Points as they are written, each a mapping of factors to values; a factor that is not named stays as it is."""

    kind: Literal["list"]
    points: Annotated[list[dict[str, Scalar]], Field(min_length=1)]


class LatinHypercube(Block):
    """Points spread evenly over all ranges."""

    kind: Literal["latin-hypercube"]
    points: Count
    seed: Annotated[int, Field(ge=0)] = 1


class Morris(Block):
    """Elementary effects: `trajectories` × (factors + 1) points, each next to the one before."""

    kind: Literal["morris"]
    trajectories: Annotated[int, Field(ge=2)] = 10
    levels: Annotated[int, Field(ge=2)] = 4
    realisations: Count = 20  # replications among which the further factor `realisation` chooses
    seed: Annotated[int, Field(ge=0)] = 1


class Sobol(Block):
    """Shares of variance: `samples` × (factors + 2) points; samples a power of 2."""

    kind: Literal["sobol"]
    samples: Count = 64
    realisations: Count = 20
    seed: Annotated[int, Field(ge=0)] = 1


Design = Annotated[Grid | PointList | LatinHypercube | Morris | Sobol, Field(discriminator="kind")]


class SweepBlock(Block):
    """A sweep file."""

    title: str
    description: str | None = None
    base: str | list[str]  # scenario files, beside this one; or bare names of scenarios of the program
    set: dict[str, Any] = Field(default_factory=dict)  # path: value, for all runs
    factors: Annotated[dict[Id, FactorBlock], Field(min_length=1)]
    design: Design
    replications: Count | None = None  # of each point; none: as the scenario says
    until: list[str] = Field(
        default_factory=list
    )  # targets: more replications are added to a point until they are reached
    most: Count = 200  # replications of a point
    outcomes: Annotated[list[str], Field(min_length=1)]
    time_limit: PositiveDuration | None = None  # of one run


@dataclass(frozen=True)
class Factor:
    """What is varied. Its `levels` are numbers in `unit` or words; a range without steps has none, only its ends."""

    name: str
    title: str
    how: How
    paths: tuple[str, ...]
    unit: str
    levels: tuple[Level, ...]
    low: float | None = None
    high: float | None = None
    whole: bool = False
    bundles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of named levels
    at: Origin = field(default=Origin("", 0, 0), compare=False)

    def level(self, u: float) -> Level:
        """The level at `u`, 0 to 1, of its range or of its levels in their order."""
        if self.levels:
            return self.levels[min(int(u * len(self.levels)), len(self.levels) - 1)]
        assert self.low is not None
        assert self.high is not None
        if self.whole:
            return float(min(int(self.low + u * (self.high - self.low + 1)), int(self.high)))
        return float(f"{self.low + u * (self.high - self.low):.10g}")

    def extremes(self) -> tuple[Level, ...]:
        """The levels that are tried before anything runs."""
        return self.levels or (self.level(0.0), self.level(1.0))

    def changes(self, scenario: Scenario, level: Level) -> tuple[str, ...]:
        """The `path=value` changes that bring a scenario to this level. Raises UnitError."""
        if self.bundles:
            return tuple(setting(path, value) for path, value in self.bundles[str(level)].items())
        return tuple(
            setting(path, self._value(scenario, path, level))
            for whole in self.paths
            for path in spread(scenario, whole)
        )

    def _value(self, scenario: Scenario, path: str, level: Level) -> Any:
        if self.how == "set":
            return level if isinstance(level, str) else written(level, self.unit, whole=self.whole)
        node = scenario.root.find(tuple(path.split(".")))
        if node is None or isinstance(level, str):
            raise UnitError(f"there is nothing at {path} to change")
        raw = node.plain()
        if self.how == "times":
            size = UNITS["share"]["%"] if self.unit == "%" else 1.0
            return times(raw, level * size)
        if self.how == "plus":
            return plus(raw, written(level, self.unit))
        mean = _at_path(scenario, path)
        assert isinstance(mean, Variate)
        wanted = level * UNITS[DIMENSION_OF[self.unit]][self.unit]
        return times(raw, wanted / mean.mean) if mean.mean else written(level, self.unit)


@dataclass(frozen=True)
class SweepPlan:
    """A sweep as it was asked for, without fault."""

    name: str
    title: str
    file: str
    bases: tuple[Scenario, ...]
    factors: tuple[Factor, ...]
    design: Grid | PointList | LatinHypercube | Morris | Sobol
    replications: int | None
    until: tuple[Target, ...]
    most: int
    outcomes: tuple[Outcome, ...]
    time_limit: float | None  # s


def read_sweep(file: str | os.PathLike[str], library: Path) -> SweepPlan:
    """The sweep of a file. Raises ScenarioError with everything that is wrong with it, and with its scenarios.

    `library` is the folder of the scenarios that come with the program.
    """
    name = os.fspath(file)
    block, root = read_block(name, SweepBlock)
    reader = Reader(name, root, library)
    bases = reader.bases(block.base, block.set)
    factors = reader.factors(block.factors, bases, gridded=isinstance(block.design, Grid))
    until = reader.each(("until",), block.until, read_target)
    outcomes = reader.each(("outcomes",), block.outcomes, lambda text: read_outcome(text, bases))
    if isinstance(block.design, PointList):
        reader.check_points(block.design, factors)
    if isinstance(block.design, Sobol) and block.design.samples & (block.design.samples - 1):
        reader.fault(("design", "samples"), f"found {block.design.samples}, where a power of 2 is due")
    if isinstance(block.design, Morris | Sobol) and (block.until or block.replications):
        key = "until" if block.until else "replications"
        said = f"a design of kind {block.design.kind} makes one run a point, chosen by the factor realisation"
        reader.fault((key,), f"{said}; set design.realisations", at="key")
    reader.refuse()
    limit = None if block.time_limit is None else 3600 * float(block.time_limit)
    return SweepPlan(
        Path(name).stem, block.title, name, tuple(bases), tuple(factors), block.design, block.replications,
        tuple(until), block.most, tuple(outcomes), limit,
    )  # fmt: skip


def read_block(name: str, kind: type[Any]) -> tuple[Any, Node]:
    """A file as a block of this kind, and its tree. Raises ScenarioError with all faults of its shape."""
    root = load.mapping(name)
    try:
        return kind.model_validate(root.plain()), root
    except ValidationError as error:
        raise ScenarioError(rendered(root, check.check_shape(root.plain(), error, kind))) from None


class Reader:
    """Goes through a sweep file whose shape is sound, and gathers what is wrong with its sense."""

    def __init__(self, file: str, root: Node, library: Path) -> None:
        self.file = file
        self.root = root
        self.library = library
        self.lines: list[str] = []

    def fault(
        self, path: tuple[str, ...], message: str, near: str | None = None, at: Literal["key", "value"] = "value"
    ) -> None:
        self.lines += rendered(self.root, [Fault(path, message, at, near)])

    def refuse(self) -> None:
        """Raise ScenarioError if anything was wrong."""
        if self.lines:
            raise ScenarioError(list(dict.fromkeys(self.lines)))

    def where(self, *path: str) -> Origin:
        return load.locate(self.root, path)

    def each(self, path: tuple[str, ...], texts: Sequence[str], read: Callable[[str], Any]) -> list[Any]:
        """What `read` makes of each text of a list."""
        found = []
        for index, text in enumerate(texts):
            try:
                found.append(read(text))
            except (OutcomeError, BadStudyError) as error:
                self.fault((*path, str(index)), str(error))
        return found

    def bases(self, named: str | list[str], changes: Mapping[str, Any]) -> list[Scenario]:
        """The scenarios, with what is set for all runs. Raises ScenarioError: without them nothing can be judged."""
        names = [named] if isinstance(named, str) else named
        files = []
        for index, name in enumerate(names):
            path = ("base",) if isinstance(named, str) else ("base", str(index))
            beside = os.path.normpath(os.path.join(os.path.dirname(self.file), name))
            known = self.library / f"{name}.yaml"
            if os.path.isfile(beside):
                files.append(beside)
            elif known.is_file():
                files.append(str(known))
            else:
                near = load.near_file(beside, self.file)
                self.fault(
                    path,
                    f'there is no file "{beside}"',
                    near and os.path.relpath(near, os.path.dirname(self.file) or "."),
                )
        self.refuse()
        scenarios = load.load_all(files)
        if len({scenario.name for scenario in scenarios}) < len(scenarios):
            self.fault(("base",), "two scenarios have the same name")
        changed = []
        for scenario in scenarios:
            for dotted, value in changes.items():
                scenario = self.altering(scenario, [setting(dotted, value)], self.where("set", dotted)) or scenario
            changed.append(scenario)
        self.refuse()
        for scenario in changed:
            build(scenario)
        return changed

    def altering(self, scenario: Scenario, changes: Sequence[str], at: Origin) -> Scenario | None:
        """The scenario with changes that are written at a place of this file; None if they make faults."""
        try:
            return altered(scenario, changes, at)
        except ScenarioError as error:
            self.lines += [
                line if line.startswith(str(at)) else f"{at}: error: makes this fault: {line}" for line in error.lines
            ]
            return None

    def factors(self, blocks: Mapping[str, FactorBlock], bases: Sequence[Scenario], *, gridded: bool) -> list[Factor]:
        """All factors, each of whose levels makes a sound scenario of each base."""
        found: list[Factor] = []
        for name, block in blocks.items():
            before = len(self.lines)
            made = list(self.made(name, block, bases))
            if gridded and any(not factor.levels for factor in made):
                self.fault(("factors", name), 'a range in a grid takes "steps"', at="key")
            if len(self.lines) == before:
                for factor in made:
                    self.try_levels(factor, bases)
            found += made
        clash = [
            path for path, count in _counted(path for factor in found for path in factor.paths).items() if count > 1
        ]
        for path in clash:
            self.fault(("factors",), f'two factors change "{path}"', at="key")
        return found

    def made(self, name: str, block: FactorBlock, bases: Sequence[Scenario]) -> Iterator[Factor]:
        path = ("factors", name)
        given = [key for key in ("values", "range", "levels", "every") if getattr(block, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            self.fault(
                path, f"found {found} of the keys values, range, levels and every, of which one is due", at="key"
            )
            return
        needs_path = given[0] in ("values", "range")
        if needs_path != (block.path is not None):
            told_of = "is missing" if needs_path else f'has no sense beside "{given[0]}"'
            self.fault(path, f'key "path" {told_of}', at="key")
            return
        title = block.title or name
        if block.levels is not None:
            yield Factor(
                name,
                title,
                "set",
                tuple(_paths(block.levels)),
                "",
                tuple(block.levels),
                bundles=block.levels,
                at=self.where(*path),
            )
        elif block.every is not None:
            yield from self.doubtful(path, block, bases)
        else:
            assert block.path is not None
            paths = (block.path,) if isinstance(block.path, str) else tuple(block.path)
            before = len(self.lines)
            for scenario in bases:
                for index, one in enumerate(paths):
                    self.check_path(
                        (*path, "path", *((str(index),) if isinstance(block.path, list) else ())), scenario, one
                    )
            if len(self.lines) == before and (made := self.with_values(name, title, paths, block, bases)) is not None:
                yield made

    def check_path(self, path: tuple[str, ...], scenario: Scenario, dotted: str) -> None:
        if not spread(scenario, dotted):
            self.fault(path, f'no path of {scenario.name} fits "{dotted}"')
        elif "*" not in dotted and (stranger := load.unknown_step(scenario.root, tuple(dotted.split(".")))) is not None:
            self.fault(path, *stranger)

    def with_values(
        self, name: str, title: str, paths: tuple[str, ...], block: FactorBlock, bases: Sequence[Scenario]
    ) -> Factor | None:
        key = "values" if block.values is not None else "range"
        given: Sequence[Any] = block.values or block.range or ()
        whole = block.how == "set" and all(_is_count(path) for whole in paths for path in spread(bases[0], whole))
        try:
            levels: Sequence[Level]
            levels, unit = _in_one_unit(given)
        except UnitError as error:
            if key == "range" or block.how != "set":
                self.fault(("factors", name, key), error.message)
                return None
            levels, unit = [value if isinstance(value, str) else str(value).lower() for value in given], ""
        at = self.where("factors", name, key)
        if key == "values":
            return Factor(name, title, block.how, paths, unit, tuple(levels), whole=whole, at=at)
        low, high = (float(end) for end in levels)
        if not low < high:
            self.fault(
                ("factors", name, key), f"the low end {told(given[0])} is not below the high end {told(given[1])}"
            )
            return None
        steps: tuple[Level, ...] = ()
        if block.steps is not None:
            steps = tuple(float(f"{low + i * (high - low) / (block.steps - 1):.10g}") for i in range(block.steps))
        return Factor(name, title, block.how, paths, unit, steps, low, high, whole, at=at)

    def doubtful(self, path: tuple[str, ...], block: FactorBlock, bases: Sequence[Scenario]) -> Iterator[Factor]:
        """A factor for each value that has a range in the first scenario; what stands in several places is one."""
        groups: dict[Any, list[Any]] = {}
        for value in ranged(bases[0]):
            chosen = block.only is None or any(_begins(value.path, pattern) for pattern in block.only)
            if chosen and not any(_begins(value.path, pattern) for pattern in block.without or ()):
                groups.setdefault(value.alike, []).append(value)
        if not groups:
            self.fault(path, "no value with a range fits", at="key")
        for first, *others in groups.values():
            value = _at_path(bases[0], first.path)
            assert isinstance(value, Quantity | Variate)  # nothing else can have a range
            unit = value.unit
            size = UNITS[DIMENSION_OF[unit]][unit] if unit else 1.0
            how: How = "mean" if isinstance(value, Variate) else "set"
            paths = tuple(one.path for one in (first, *others))
            low, high = (float(f"{end / size:.10g}") for end in (first.low, first.high))
            yield Factor(first.path, first.path, how, paths, unit, (), low, high, at=self.where(*path))

    def try_levels(self, factor: Factor, bases: Sequence[Scenario]) -> None:
        """Whether each scenario is sound at each level of this factor alone."""
        for scenario in bases:
            for level in factor.extremes():
                try:
                    changed = self.altering(scenario, factor.changes(scenario, level), factor.at)
                except UnitError as error:
                    self.lines.append(render(factor.at, error.message))
                    return
                try:
                    if changed is not None:
                        build(changed)
                except ScenarioError as error:
                    self.lines += [f"{factor.at}: error: makes this fault: {line}" for line in error.lines]

    def check_points(self, design: PointList, factors: Sequence[Factor]) -> None:
        """The points of a list name factors, and levels that these have."""
        known = {factor.name: factor for factor in factors}
        for index, point in enumerate(design.points):
            for name, value in point.items():
                path = ("design", "points", str(index), name)
                if name not in known:
                    self.fault(path, f'"{name}" is no factor, allowed: {listed(known)}', nearest(name, known), "key")
                else:
                    try:
                        given_level(known[name], value)
                    except UnitError as error:
                        self.fault(path, error.message)


def given_level(factor: Factor, value: Scalar) -> Level:
    """A level as it is written in a list of points. Raises UnitError if the factor does not have it."""
    text = value if isinstance(value, str) else str(value).lower()
    if factor.levels and isinstance(factor.levels[0], str):
        if text not in factor.levels:
            raise UnitError(f"found {told(value)}, allowed: {', '.join(map(str, factor.levels))}")
        return text
    (level,), unit = _in_one_unit([value])
    if unit != factor.unit:
        if not unit or not factor.unit or DIMENSION_OF[unit] != DIMENSION_OF[factor.unit]:
            raise UnitError(f"found {told(value)}, where a number in {factor.unit or 'no unit'} is due")
        sizes = UNITS[DIMENSION_OF[unit]]
        level = level * sizes[unit] / sizes[factor.unit]
    inside = level in factor.levels if factor.levels else factor.low <= level <= factor.high  # type: ignore[operator]
    if not inside:
        allowed = ", ".join(map(show_level, factor.levels)) or f"{factor.low:g} to {factor.high:g}"
        raise UnitError(f"found {told(value)}, allowed: {allowed} {factor.unit}".rstrip())
    return level


def show_level(level: Level) -> str:
    """A level without its unit."""
    return level if isinstance(level, str) else f"{level:.6g}"


def spread(scenario: Scenario, dotted: str) -> list[str]:
    """The paths of a scenario that fit one in which * stands for any one key."""
    steps = dotted.split(".")
    if "*" not in steps:
        return [dotted]
    return [".".join(path) for path in _fitting(scenario.root, steps)]


def _fitting(node: Node | None, steps: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if not steps:
        yield ()
        return
    for key, child in (node.entries if node else {}).items():
        if steps[0] in ("*", key):
            yield from ((key, *rest) for rest in _fitting(child, steps[1:]))


def _at_path(scenario: Scenario, path: str) -> Any:
    """The value of the model at a path."""
    steps = tuple(path.split("."))
    return next((value for at, value in numbers_of(scenario.model) if at == steps), None)


def _is_count(dotted: str) -> bool:
    return any(kind.type is int for kind in check.allowed_at(tuple(dotted.split("."))))


def _in_one_unit(values: Iterable[Any]) -> tuple[list[float], str]:
    """Numbers in the unit of the first of them. Raises UnitError."""
    found = [number(value) for value in values]
    unit = found[0][1]
    numbers = []
    for value, own in found:
        if own == unit:
            numbers.append(value)
        elif own and unit and own in UNITS[DIMENSION_OF[unit]]:
            sizes = UNITS[DIMENSION_OF[unit]]
            numbers.append(float(f"{value * sizes[own] / sizes[unit]:.10g}"))
        else:
            raise UnitError(f"the units {unit or 'none'} and {own or 'none'} do not go together")
    return numbers, unit


def _begins(path: str, pattern: str) -> bool:
    """Whether a path, or a block that it lies in, fits a pattern like ports.* or fleets.aktau-*."""
    steps = path.split(".")
    return any(fnmatchcase(".".join(steps[:end]), pattern) for end in range(1, len(steps) + 1))


def _paths(levels: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(path for bundle in levels.values() for path in bundle))


def _counted(names: Iterable[str]) -> dict[str, int]:
    count: dict[str, int] = {}
    for name in names:
        count[name] = count.get(name, 0) + 1
    return count
