"""The sweep file: what a planner writes to vary a scenario, read with all its faults and their positions."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin

from pydantic import Field, ValidationError

from sim.network import build
from sim.scenario import check, load
from sim.scenario.faults import Fault, Origin, ScenarioError, listed, nearest, render
from sim.scenario.load import Scenario, altered, rendered
from sim.scenario.scale import in_unit, number, plus, setting, times, written
from sim.scenario.schema import Block, Id
from sim.scenario.sources import ranged
from sim.scenario.tree import Node
from sim.scenario.values import Count, PositiveDuration, Quantity
from sim.scenario.variates import Variate
from sim.study import BadStudyError, read_target
from sim.study.sequential import Target, check_targets
from sim.sweeps.outcomes import Outcome, OutcomeError, read_outcome
from sim.units import DIMENSION_OF, UNITS, UnitError, told
from sim.units import wanted as due

How = Literal["set", "times", "plus", "mean"]
Level = float | str

Scalar = str | int | float | bool
Number = Annotated[int, Field(ge=1)]


class FactorBlock(Block):
    """What is varied: a value at one or several paths of the scenario."""

    title: str | None = None
    path: str | list[str] | None = None  # dotted; * stands for any one key
    how: How = "set"  # the values replace what is there, multiply it, are added to it, or become the mean of its dist
    values: Annotated[list[Scalar], Field(min_length=1)] | None = None
    range: Annotated[list[str | int | float], Field(min_length=2, max_length=2)] | None = None  # its ends
    steps: Annotated[int, Field(ge=2)] | None = None  # in a grid: equally spaced values of the range
    levels: Annotated[dict[str, dict[str, Any]], Field(min_length=1)] | None = None  # name: what it sets, path by path
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
    points: Number
    seed: Annotated[int, Field(ge=0)] = 1


class Morris(Block):
    """Elementary effects: `trajectories` × (factors + 2) points, each next to the one before.

    The second further one is for the factor `realisation`.
    """

    kind: Literal["morris"]
    trajectories: Annotated[int, Field(ge=2)] = 10
    levels: Annotated[int, Field(ge=2)] = 4
    realisations: Number = 20  # replications among which the further factor `realisation` chooses
    seed: Annotated[int, Field(ge=0)] = 1


class Sobol(Block):
    """Shares of variance: `samples` × (factors + 3) points, with the factor `realisation`; samples a power of 2."""

    kind: Literal["sobol"]
    samples: Number = 64
    realisations: Number = 20
    seed: Annotated[int, Field(ge=0)] = 1


Design = Annotated[Grid | PointList | LatinHypercube | Morris | Sobol, Field(discriminator="kind")]


class Then(Block):
    """What `corridor sensitivity` does after a Morris design: a Sobol design over the factors that survive it."""

    samples: Number = 64
    most: Number = 8  # factors


class SweepPart(Block):
    """What is left of a sweep file without its faulty parts, so that the others can still be judged."""

    title: str = ""
    description: str | None = None
    base: str | list[str] | None = None  # scenario files, beside this one; or bare names of scenarios of the program
    set: dict[str, Any] = Field(default_factory=dict)  # path: value, for all runs
    factors: dict[Id, FactorBlock] = Field(default_factory=dict)
    design: Design | None = None
    then: Then | None = None
    replications: Number | None = None  # of each point; none: as the scenario says
    until: list[str] = Field(default_factory=list)  # targets: a point gets more replications until they are reached
    most: Number = 200  # replications of a point
    outcomes: list[str] = Field(default_factory=list)
    time_limit: PositiveDuration | None = None  # of one run


class SweepBlock(SweepPart):
    """A sweep file."""

    title: str
    base: str | list[str]
    factors: Annotated[dict[Id, FactorBlock], Field(min_length=1)]
    design: Design
    outcomes: Annotated[list[str], Field(min_length=1)]


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
    words: Mapping[str, Scalar] = field(default_factory=dict)  # a level that is no number -> what was written
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
        found = []
        for path in dict.fromkeys(path for whole in self.paths for path in spread(scenario, whole)):
            try:
                found.append(setting(path, self._value(scenario, path, level)))
            except UnitError as error:
                raise UnitError(f"{path}: {error.message}") from None
        return tuple(found)

    def _value(self, scenario: Scenario, path: str, level: Level) -> Any:
        if isinstance(level, str):
            return self.words[level]
        if self.how == "set":
            return written(level, self.unit, whole=self.whole or (not self.unit and level == round(level)))
        node = scenario.root.find(tuple(path.split(".")))
        if node is None:
            raise UnitError(f"there is nothing to change in {scenario.name}")
        raw = node.plain()
        if self.how == "times":
            size = UNITS["share"]["%"] if self.unit == "%" else 1.0
            return times(raw, level * size)
        if self.how == "plus":
            return plus(raw, written(level, self.unit))
        mean = _at_path(scenario, path)
        if not isinstance(mean, Variate):
            raise UnitError("this has no mean, since it is no distribution; use how: set")
        dimension = DIMENSION_OF[mean.unit] if mean.unit else "share"
        if self.unit not in UNITS[dimension] and (self.unit or dimension != "share"):
            raise UnitError(f"found {show_level(level)} {self.unit or 'without a unit'}, where {due(dimension)} is due")
        mark = level * UNITS[dimension].get(self.unit, 1.0)
        # what is nothing has no spread: no distribution has a mean of 0
        return times(raw, mark / mean.mean) if mark and mean.mean else written(level, self.unit)


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
    then: Then = field(default_factory=Then)
    unsound: Mapping[str, str] = field(default_factory=dict)  # values that `every` leaves out -> what their ranges make
    given: int | None = None  # replications that were asked for beside the file, which they overrule


LARGEST = 100_000  # points of a design
TRIED = 30  # levels of a factor that are tried before anything runs
RESERVED = frozenset(  # columns of the tables, and the factor that chooses the replication
    (
        *("point", "scenario", "replication", "replications", "realisation"),
        *("outcome", "unit", "value", "low", "high", "status", "error", "traceback"),
    )
)
SENSE = {  # keys of a factor that have a sense beside the one that tells what it is varied over
    "values": ("title", "path", "how"),
    "range": ("title", "path", "how", "steps"),
    "levels": ("title",),
    "every": ("only", "without"),
}


def read_sweep(file: str | os.PathLike[str], library: Path) -> SweepPlan:
    """The sweep of a file. Raises ScenarioError with everything that is wrong with it, and with its scenarios.

    `library` is the folder of the scenarios that come with the program.
    """
    name = os.fspath(file)
    root = load.mapping(name)
    block, lines = sound_part(root)
    reader = Reader(name, root, library, lines)
    bases = reader.bases(block.base, block.set)
    design = block.design
    factors = reader.factors(block.factors, bases, design)
    until = reader.each(("until",), block.until, lambda text: _target(text, bases))
    outcomes = reader.each(("outcomes",), block.outcomes, lambda text: read_outcome(text, bases))
    if isinstance(design, PointList):
        reader.check_points(design, factors, broken=len(factors) < len(block.factors) or bool(lines))
    for key, made in (("design", design), ("then", block.then)):
        if isinstance(made, Sobol | Then) and made.samples & (made.samples - 1):
            reader.fault((key, "samples"), f"found {made.samples}, where a power of 2 is due")
    if isinstance(design, Morris) and design.levels % 2:  # else its steps favour one half of a range
        reader.fault(("design", "levels"), f"found {design.levels}, where an even number is due")
    if block.then is not None and not isinstance(design, Morris | None):
        reader.fault(("then",), 'has no sense but after a design of kind "morris"', at="key")
    if isinstance(design, Morris | Sobol) and (block.until or block.replications):
        key = "until" if block.until else "replications"
        reader.fault((key,), realised(design), at="key")
    first = block.replications or max((base.model.run.replications for base in bases), default=0)
    if block.until and first > block.most:
        reader.fault(
            ("most",) if "most" in block.model_fields_set else ("until",), _too_many(first, block.most), at="key"
        )
    reader.refuse()
    assert design is not None
    limit = None if block.time_limit is None else 3600 * float(block.time_limit)
    return SweepPlan(
        Path(name).stem, block.title, name, tuple(bases), tuple(factors), design, block.replications,
        tuple(until), block.most, tuple(outcomes), limit, block.then or Then(), reader.unsound,
    )  # fmt: skip


def realised(design: Morris | Sobol) -> str:
    """Why such a design takes no number of replications."""
    said = f"a design of kind {design.kind} makes one run a point, chosen by the factor realisation"
    return f"{said}; set design.realisations"


def replicated(plan: SweepPlan, replications: int) -> SweepPlan:
    """The same sweep with another number of replications. Raises BadStudyError if its design chooses them."""
    if isinstance(plan.design, Morris | Sobol):
        raise BadStudyError(realised(plan.design))
    if not isinstance(replications, int) or replications < 1:
        raise BadStudyError(f"found {replications!r} replications, where a whole number of at least 1 is due")
    plan = replace(plan, replications=replications, given=replications)
    if plan.until and replications > plan.most:
        raise BadStudyError(_too_many(replications, plan.most))
    return plan


def _too_many(replications: int, most: int) -> str:
    return f"{replications} replications to begin with are more than the {most} allowed at most"


def count_points(design: Grid | PointList | LatinHypercube | Morris | Sobol, factors: Sequence[Factor]) -> int:
    """How many points a design has, for one scenario."""
    if isinstance(design, Grid):
        return math.prod(len(factor.levels) for factor in factors)
    if isinstance(design, PointList):
        return len(design.points)
    if isinstance(design, LatinHypercube):
        return design.points
    columns = len(factors) + 1
    return design.trajectories * (columns + 1) if isinstance(design, Morris) else design.samples * (columns + 2)


def read_block(name: str, kind: type[Any]) -> tuple[Any, Node]:
    """A file as a block of this kind, and its tree. Raises ScenarioError with all faults of its shape."""
    root = load.mapping(name)
    try:
        return kind.model_validate(_as_written(root)), root
    except ValidationError as error:
        raise ScenarioError(rendered(root, check.check_shape(_as_written(root), error, kind))) from None


def _as_written(node: Node) -> Any:
    """The plain values of a tree with its nulls: below `set` and `levels` they delete what the scenario has."""
    if isinstance(node.value, dict):
        return {key: _as_written(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [_as_written(child) for child in node.value]
    return node.value


def sound_part(root: Node) -> tuple[SweepPart, list[str]]:
    """A sweep file without what is faulty in its shape, and these faults."""
    tree = _as_written(root)
    try:
        return SweepBlock.model_validate(tree), []
    except ValidationError as error:
        faults = check.check_shape(tree, error, SweepBlock)
    broken = {fault.path[: 2 if fault.path[:1] in (("factors",), ("set",)) else 1] for fault in faults}
    rest = {
        key: {name: entry for name, entry in value.items() if (key, name) not in broken}
        if key in ("factors", "set") and isinstance(value, dict)
        else value
        for key, value in tree.items()
        if (key,) not in broken
    }
    return SweepPart.model_validate(rest), rendered(root, faults)


class Reader:
    """Goes through what is sound in the shape of a sweep file, and gathers what is wrong with its sense."""

    def __init__(self, file: str, root: Node, library: Path, lines: Sequence[str] = ()) -> None:
        self.file = file
        self.root = root
        self.library = library
        self.lines = list(lines)
        self.unsound: dict[str, str] = {}  # values with a range that makes no sound scenario -> why

    def fault(
        self, path: tuple[str, ...], message: str, near: str | None = None, at: Literal["key", "value"] = "value"
    ) -> None:
        self.lines += rendered(self.root, [Fault(path, message, at, near)])

    def refuse(self) -> None:
        """Raise ScenarioError if anything was wrong."""
        if self.lines:
            raise ScenarioError(sorted(dict.fromkeys(self.lines), key=self._position))

    def _position(self, line: str) -> tuple[int, ...]:
        """Where in this file a fault is; those of other files come last."""
        place = re.match(rf"{re.escape(self.file)}:(\d+):(\d+):", line)
        return tuple(map(int, place.groups())) if place else (LARGEST,)

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

    def bases(self, named: str | list[str] | None, changes: Mapping[str, Any]) -> list[Scenario]:
        """The scenarios, with what is set for all runs. Raises ScenarioError: without them nothing can be judged."""
        names = [named] if isinstance(named, str) else named or []
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
                shipped = nearest(name, (file.stem for file in self.library.glob("*.yaml")))
                folder = os.path.dirname(self.file) or "."
                self.fault(path, f'there is no file "{beside}"', os.path.relpath(near, folder) if near else shipped)
        if named == []:
            self.fault(("base",), "no scenario is named")
        if len(files) < len(names) or not names:
            self.refuse()
        try:
            scenarios = load.load_all(files)
        except ScenarioError as error:
            self.lines += error.lines
            self.refuse()
        if len({scenario.name for scenario in scenarios}) < len(scenarios):
            self.fault(("base",), "two scenarios have the same name")
        wanted = [(setting(dotted, value), self.where("set", dotted)) for dotted, value in changes.items()]
        changed = [self.altering(scenario, wanted) or scenario for scenario in scenarios]
        sound = [scenario for scenario in changed if self.passable(scenario, None)]
        if len(sound) < len(changed):
            self.refuse()
        return sound

    def altering(self, scenario: Scenario, changes: Iterable[tuple[str, Origin]], what: str = "") -> Scenario | None:
        """The scenario with changes, each written at its place of this file; None if they make faults.

        `what` names the change where its place does not tell.
        """
        root, lines, at = scenario.root, list[str](), None
        for text, at in changes:
            root, more = load.change(root, [text], at)
            lines += more
        if not lines:
            try:
                return altered(replace(scenario, root=root), [])
            except ScenarioError as error:
                lines = list(error.lines)
        self.blame(at, lines, what)
        return None

    def passable(self, scenario: Scenario, at: Origin | None, what: str = "") -> bool:
        """Whether its vehicles and boxes find their ways; `at` is blamed if not."""
        try:
            build(scenario)
        except ScenarioError as error:
            self.blame(at, error.lines, what)
            return False
        return True

    def blame(self, at: Origin | None, lines: Sequence[str], what: str = "") -> None:
        """Take down the faults that something at a place of this file makes, also those that show elsewhere."""
        for line in lines:
            own = at is None or line.startswith(f"{self.file}:")
            if what or not own:
                fault = line.removeprefix(f"{at}: error: ")
                line = f"{at}: error: {f'{what} ' if what else ''}makes this fault: {fault}"
            self.lines.append(line)

    def factors(self, blocks: Mapping[str, FactorBlock], bases: Sequence[Scenario], design: Any) -> list[Factor]:
        """All factors, each of whose levels makes a sound scenario of each base.

        What a factor of its own changes is no part of `every`. A value of `every` for which an end of its range does
        not is left out, and is in `unsound`, unless its very path stands under `only`.
        """
        made: dict[str, list[Factor]] = {}
        for name, block in blocks.items():
            if name in RESERVED:
                self.fault(
                    ("factors", name), f'"{name}" is the name of a column of the tables; choose another', at="key"
                )
            before = len(self.lines)
            found = list(self.made(name, block, bases))
            if isinstance(design, Grid) and any(not factor.levels for factor in found):
                said = "values" if block.every else 'values, or a range with "steps"'
                self.fault(("factors", name), f"a grid takes {said}", at="key")
            if len(self.lines) == before:
                made[name] = found
        for name, found in made.items():
            if blocks[name].every:
                others = [factor for other in made if not blocks[other].every for factor in made[other]]
                made[name] = list(_besides(found, _touched(others, bases)))
        self.check_clashes(made, bases)
        factors = [factor for found in made.values() for factor in found]
        if design is not None and len(made) == len(blocks):
            count = count_points(design, factors) * len(bases)
            if count > LARGEST:
                self.fault(("design",), f"this design makes {count:,} points, allowed: {LARGEST:,} at most", at="key")
                return factors
        for name, found in made.items():
            for factor in found:
                before = len(self.lines)
                self.try_levels(name, blocks[name], factor, bases)
                if blocks[name].every and factor.name not in (blocks[name].only or ()) and len(self.lines) > before:
                    self.unsound[factor.name] = _without_places(self.lines[before], factor.name)
                    del self.lines[before:]
            if found and all(factor.name in self.unsound for factor in found):
                self.fault(("factors", name), f"no value with a range makes sound scenarios: {listed(self.unsound)}")
        return [factor for factor in factors if factor.name not in self.unsound]

    def check_clashes(self, made: Mapping[str, Sequence[Factor]], bases: Sequence[Scenario]) -> None:
        """Two factors that change the same value, or one a part of what the other does."""
        taken: dict[tuple[str, ...], str] = {}
        for name, factors in made.items():
            own = _touched(factors, bases)
            ends = {path[:end] for path in own for end in range(1, len(path) + 1)}
            for path, other in taken.items():
                near = next((path[:end] for end in range(1, len(path) + 1) if path[:end] in own), path)
                if path in ends or near in own:
                    said = f'the factors {other} and {name} both change "{".".join(path)}"'
                    self.fault(("factors", name), said, at="key")
                    break
            taken |= dict.fromkeys(own, name)

    def made(self, name: str, block: FactorBlock, bases: Sequence[Scenario]) -> Iterator[Factor]:
        path = ("factors", name)
        given = [key for key in SENSE if getattr(block, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            keys = "values, range, levels and every"
            self.fault(path, f"found {found} of the keys {keys}, of which one is due", at="key")
            return
        (kind,) = given
        before = len(self.lines)
        for key in block.model_fields_set - {kind, *SENSE[kind]}:
            self.fault((*path, key), f'key "{key}" has no sense beside "{kind}"', at="key")
        if "path" in SENSE[kind] and block.path is None:
            self.fault(path, 'key "path" is missing', at="key")
        if block.path == []:
            self.fault((*path, "path"), "no path is named")
        if len(self.lines) > before:
            return
        title = block.title or name
        if block.levels is not None:
            at = self.where(*path)
            levels = block.levels
            yield Factor(name, title, "set", _paths(levels), "", tuple(levels), bundles=levels, at=at)
        elif block.every is not None:
            yield from self.doubtful(path, block, bases)
        else:
            assert block.path is not None
            paths = (block.path,) if isinstance(block.path, str) else tuple(block.path)
            for scenario in bases:
                for index, one in enumerate(paths):
                    step = (str(index),) if isinstance(block.path, list) else ()
                    self.check_path((*path, "path", *step), scenario, one)
            if len(self.lines) == before and (factor := self.with_values(name, title, paths, block, bases)) is not None:
                yield factor

    def check_path(self, path: tuple[str, ...], scenario: Scenario, dotted: str) -> None:
        steps = tuple(dotted.split("."))
        fixed = steps[: steps.index("*")] if "*" in steps else steps
        if (stranger := load.unknown_step(scenario.root, fixed)) is not None:
            self.fault(path, *stranger)
        elif not spread(scenario, dotted):
            self.fault(path, f'no path of {scenario.name} fits "{dotted}"')
        elif steps == ("run", "replications"):
            self.fault(path, "a point is what is replicated; write how often under replications")

    def with_values(
        self, name: str, title: str, paths: tuple[str, ...], block: FactorBlock, bases: Sequence[Scenario]
    ) -> Factor | None:
        key = "values" if block.values is not None else "range"
        path = ("factors", name, key)
        given: Sequence[Any] = block.values or block.range or ()
        whole = block.how == "set" and all(_is_count(path) for whole in paths for path in spread(bases[0], whole))
        at = self.where(*path)
        try:
            levels, unit = _in_one_unit(given)
        except UnitError as error:
            if key == "range" or block.how != "set":
                self.fault(path, error.message)
                return None
            words = {_word(value): value for value in given}
            if len(words) < len(given):
                self.fault(path, "a value is written twice")
            return Factor(name, title, block.how, paths, "", tuple(words), words=words, at=at)
        if block.how == "times" and unit not in ("", "%"):
            self.fault(path, f"found {told(given[0])}, where a number like 1.2 or a share like 120 % is due")
            return None
        if whole and (broken := [value for value in levels if value != round(value)]):
            self.fault(path, f"found {broken[0]:g}, where a whole number is due")
            return None
        if key == "values":
            if len(set(levels)) < len(levels):
                self.fault(path, "a value is written twice")
                return None
            return Factor(name, title, block.how, paths, unit, tuple(levels), whole=whole, at=at)
        low, high = levels
        if not low < high:
            said = f"the low end {told(given[0])} is not below the high end {told(given[1])}"
            self.fault(path, said)
            return None
        steps: tuple[float, ...] = ()
        if block.steps is not None:
            if block.steps > LARGEST:
                self.fault((*path[:2], "steps"), f"found {block.steps:,}, allowed: {LARGEST:,} at most")
                return None
            steps = tuple(float(f"{low + i * (high - low) / (block.steps - 1):.10g}") for i in range(block.steps))
            if whole and any(step != round(step) for step in steps):
                said = f"{block.steps} steps from {low:g} to {high:g} are no whole numbers; write values"
                self.fault((*path[:2], "steps"), said)
                return None
        return Factor(name, title, block.how, paths, unit, steps, low, high, whole, at=at)

    def doubtful(self, path: tuple[str, ...], block: FactorBlock, bases: Sequence[Scenario]) -> Iterator[Factor]:
        """A factor for each value that has a range in the first scenario.

        What stands in several places is one: it is chosen if one of them is, and left out if all of them are.
        """
        known = ranged(bases[0])
        for key, patterns in (("only", block.only), ("without", block.without)):
            for index, pattern in enumerate(patterns or ()):
                if not any(_begins(value.path, pattern) for value in known):
                    self.fault((*path, key, str(index)), f'no value with a range fits "{pattern}"')
        alike: dict[Any, list[Any]] = {}
        for value in known:
            alike.setdefault(value.alike, []).append(value)
        groups = [
            group
            for group in alike.values()
            if any(block.only is None or _fits(value.path, block.only) for value in group)
            and not all(_fits(value.path, block.without or ()) for value in group)
        ]
        if not groups:
            self.fault(path, "no value with a range fits", at="key")
        for first, *others in groups:
            value = _at_path(bases[0], first.path)
            assert isinstance(value, Quantity | Count | Variate)  # nothing else can have a range
            unit = value.unit
            dimension = value.dimension if isinstance(value, Quantity) and value.dimension else DIMENSION_OF.get(unit)
            size = UNITS[dimension][unit] if dimension and unit else 1.0  # a metre of depth is none of distance
            how: How = "mean" if isinstance(value, Variate) else "set"
            paths = tuple(one.path for one in (first, *others))
            low, high = (float(f"{end / size:.10g}") for end in (first.low, first.high))
            whole = isinstance(value, Count)
            yield Factor(first.path, first.path, how, paths, unit, (), low, high, whole, at=self.where(*path))

    def try_levels(self, name: str, block: FactorBlock, factor: Factor, bases: Sequence[Scenario]) -> None:
        """Whether each scenario is sound at each level of this factor alone; of very many, at some of them."""
        levels = factor.extremes()
        picked = sorted({round(i * (len(levels) - 1) / (TRIED - 1)) for i in range(TRIED)})
        for scenario in bases:
            for index in picked if len(levels) > TRIED else range(len(levels)):
                at = self.level_at(name, block, index, len(levels))
                level = levels[index]
                try:
                    changes = [(change, at) for change in factor.changes(scenario, level)]
                except UnitError as error:
                    self.lines.append(render(at, error.message))
                    continue
                if factor.bundles:
                    places = (
                        self.where("factors", name, "levels", str(level), path) for path in factor.bundles[str(level)]
                    )
                    changes = [(change, place) for (change, _), place in zip(changes, places, strict=True)]
                what = f"{factor.name}: {show_level(level)} {factor.unit}".rstrip() if block.every else ""
                changed = self.altering(scenario, changes, what)
                if changed is not None:
                    self.passable(changed, at, what)

    def level_at(self, name: str, block: FactorBlock, index: int, of: int) -> Origin:
        """Where in this file a level is written."""
        if block.values is not None:
            return self.where("factors", name, "values", str(index))
        if block.levels is not None:
            return self.where("factors", name, "levels", list(block.levels)[index])
        if block.range is not None and index in (0, of - 1):
            return self.where("factors", name, "range", str(int(index > 0)))
        return self.where("factors", name, "range" if block.range else "every")

    def check_points(self, design: PointList, factors: Sequence[Factor], *, broken: bool) -> None:
        """The points of a list name factors, and levels that these have. Factors may be missing that are `broken`."""
        known = {factor.name: factor for factor in factors}
        for index, point in enumerate(design.points):
            for name, value in point.items():
                path = ("design", "points", str(index), name)
                if name in known:
                    try:
                        given_level(known[name], value)
                    except UnitError as error:
                        self.fault(path, error.message)
                elif not broken:
                    self.fault(path, f'"{name}" is no factor, allowed: {listed(known)}', nearest(name, known), "key")


def _target(text: str, bases: Sequence[Scenario]) -> Target:
    target = read_target(text)
    if target.paired:
        raise BadStudyError(f'"{target.text}": a point of a sweep has no difference; bound transit or promise')
    check_targets([target], [build(scenario) for scenario in bases])
    return target


def given_level(factor: Factor, value: Scalar) -> Level:
    """A level as it is written in a list of points. Raises UnitError if the factor does not have it."""
    text = _word(value)
    if factor.levels and isinstance(factor.levels[0], str):
        if text not in factor.levels:
            raise UnitError(f"found {told(value)}, allowed: {', '.join(map(str, factor.levels))}")
        return text
    (level,), unit = _in_one_unit([value])
    try:
        level = in_unit(level, unit, factor.unit)
    except UnitError:
        raise UnitError(f"found {told(value)}, where a number in {factor.unit or 'no unit'} is due") from None
    if factor.whole and level != round(level):
        raise UnitError(f"found {told(value)}, where a whole number is due")
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


def _touched(factors: Iterable[Factor], bases: Sequence[Scenario]) -> set[tuple[str, ...]]:
    """The paths of all values that some factors change."""
    return {
        tuple(path.split("."))
        for factor in factors
        for whole in factor.paths
        for scenario in bases
        for path in spread(scenario, whole)
    }


def _besides(factors: Iterable[Factor], taken: Iterable[tuple[str, ...]]) -> Iterator[Factor]:
    """The factors without paths that are taken, or a part of what is, or that something taken is a part of."""
    for factor in factors:
        steps = {path: tuple(path.split(".")) for path in factor.paths}
        free = tuple(path for path, own in steps.items() if not any(own[: len(x)] == x[: len(own)] for x in taken))
        if free:
            yield replace(factor, name=free[0], title=free[0], paths=free)


def _fitting(node: Node | None, steps: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if not steps:
        yield ()
        return
    for key, child in (node.entries if node else {}).items():
        if steps[0] in ("*", key):
            yield from ((key, *rest) for rest in _fitting(child, steps[1:]))


def _at_path(scenario: Scenario, path: str) -> Any:
    """The value of the model at a path; None where there is none."""
    value: Any = scenario.model
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else getattr(value, step, None)
    return value


def _is_count(dotted: str) -> bool:
    kinds = check.allowed_at(tuple(dotted.split(".")))
    numbers = [kind.type for kind in kinds if get_origin(kind.type) is not Literal]  # besides words such as unlimited
    return bool(numbers) and all(kind in (int, Count) for kind in numbers)


def _without_places(line: str, name: str) -> str:
    """A fault of one level of a factor, without its name and without positions."""
    return re.sub(r"\S+:\d+:\d+: error: ", "", line).removeprefix(f"{name}: ")


def _in_one_unit(values: Iterable[Any]) -> tuple[list[float], str]:
    """Numbers in the unit of the first of them. Raises UnitError."""
    found = [number(value) for value in values]
    unit = found[0][1]
    return [in_unit(value, own, unit) for value, own in found], unit


def _begins(path: str, pattern: str) -> bool:
    """Whether a path, or a block that it lies in, fits a pattern like ports.* or fleets.aktau-*."""
    steps = path.split(".")
    return any(fnmatchcase(".".join(steps[:end]), pattern) for end in range(1, len(steps) + 1))


def _fits(path: str, patterns: Iterable[str]) -> bool:
    return any(_begins(path, pattern) for pattern in patterns)


def _paths(levels: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(path for bundle in levels.values() for path in bundle))


def _word(value: Scalar) -> str:
    """A level that is no number, as it is called: true and false as in YAML."""
    return value if isinstance(value, str) else str(value).lower()
