"""Every number that a scenario uses, with where it comes from and how sure it is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sim.scenario.explain import explain
from sim.scenario.faults import Origin, Path
from sim.scenario.load import Scenario, load
from sim.scenario.provenance import GRADES
from sim.scenario.schema import Block, Model, Source
from sim.scenario.values import Months, Quantity
from sim.scenario.variates import Variate

Number = Quantity | Variate | Months | int | float

NOT_STATED = "not stated"
WITHOUT = ("places", "sources")  # blocks that tell where places lie, and who says so
CHOICES = {("run", "length"), ("run", "seed"), ("run", "replications")}  # what is studied, and how: nothing to be known
SETTINGS = {"gauge", "via"}  # told by the name of the thing, or for the map only


@dataclass(frozen=True)
class Sourced:
    """A number as it was written, and what is known of it.

    `low` and `high` are the ends of its range in base units (h, km, km/h, m, t, TEU, shares of 1); of a distribution
    they are those of its mean. None: nothing was written.
    """

    path: str
    text: str
    source: str | None  # id in `sources` of the scenario
    citation: str | None
    year: str | None
    grade: str  # of GRADES, or NOT_STATED
    range: str | None
    low: float | None
    high: float | None
    note: str | None
    origin: Origin | None  # file, line and column that set it
    alike: Hashable  # the same for values that are told once


def sources(scenario: Scenario | str | os.PathLike[str]) -> tuple[Sourced, ...]:
    """The numbers of a scenario, or of that of a file, by block and in the order of its files."""
    scenario = scenario if isinstance(scenario, Scenario) else load(scenario)
    model = scenario.model
    known = {".".join(path): value for path, value in numbers_of(model)}
    found = []
    for block in type(model).model_fields:
        for part in explain(scenario, block).parts if block in scenario.tree else ():
            if part.path not in known:
                continue
            value = known[part.path]
            source = model.sources[part.source] if part.source else None
            low, high = getattr(value, "range", None) or (None, None)
            found.append(
                Sourced(
                    path=part.path,
                    text=part.text,
                    source=part.source,
                    citation=citation(source) if source else None,
                    year=str(source.year) if source and source.year else None,
                    grade=grade(value),
                    range=part.range,
                    low=low,
                    high=high,
                    note=part.note,
                    origin=part.origin,
                    alike=_alike(tuple(part.path.split(".")), value),
                )
            )
    return tuple(found)


def ranged(scenario: Scenario | str | os.PathLike[str]) -> tuple[Sourced, ...]:
    """Those with a range: what a study of sensitivity varies."""
    return tuple(value for value in sources(scenario) if value.low is not None)


def distinct(values: Iterable[Sourced]) -> list[tuple[Sourced, int]]:
    """Each value once, the first of those alike, and in how many places it stands."""
    groups: dict[Hashable, list[Sourced]] = {}
    for value in values:
        groups.setdefault(value.alike, []).append(value)
    return [(group[0], len(group)) for group in groups.values()]


def grades(model: Model) -> dict[str, int]:
    """How many values are of which grade; one that stands in several places counts once."""
    once = {_alike(path, value): grade(value) for path, value in numbers_of(model)}
    count = Counter(once.values())
    return {name: count[name] for name in (*GRADES, NOT_STATED)}


def shares(count: Mapping[str, int]) -> str:
    """The grades as a sentence: "Of 300 values 8 % are of grade high, …"."""
    every = sum(count.values())
    if not every:
        return "No values"
    parts = [f"{100 * number / every:.0f} % {name}" for name, number in count.items()]
    return f"Of {every} values (one that stands in several places counts once): {', '.join(parts)}"


def shares_of_each(scenarios: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The same for each of several scenarios."""
    return [f"{name}: {shares(count)}" for name, count in scenarios.items()]


def citation(source: Source) -> str:
    """Title, publisher and year, without the address."""
    return ", ".join([source.title, *(str(part) for part in (source.publisher, source.year) if part)])


def grade(value: Number) -> str:
    """The grade of a number; what has none says so."""
    return getattr(value, "grade", None) or NOT_STATED


def numbers_of(block: object, path: Path = ()) -> Iterator[tuple[Path, Number]]:
    """The numbers that are written below a block and bear on results, each with its path."""
    if isinstance(block, Quantity | Variate | Months) or (
        isinstance(block, int | float) and not isinstance(block, bool)
    ):
        yield path, block
    elif isinstance(block, Block):
        names = (name for name in type(block).model_fields if name in block.model_fields_set)
        for name in names:
            if not (path == () and name in WITHOUT) and name not in SETTINGS and (*path, name) not in CHOICES:
                yield from numbers_of(getattr(block, name), (*path, name))
    elif isinstance(block, dict):
        for name, value in block.items():
            whole = path[-1:] == ("routes",) and len(path) == 3 and value == 1  # one route has nothing to share
            if not whole:
                yield from numbers_of(value, (*path, name))


def _alike(path: Path, value: Number) -> Hashable:
    """What tells a value from another: the key it is written under, the number, and what is said of it.

    Numbers of which nothing is said are alike by chance only.
    """
    about = tuple(getattr(value, name, None) for name in ("source", "grade", "range", "note"))
    if not any(about):
        return path
    return path[-1], value.text if isinstance(value, Quantity) else repr(value), *about
