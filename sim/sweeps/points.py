"""The points of a sweep: for each the scenario, the level of each factor, and the changes that make it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from sim.scenario.load import Scenario
from sim.study import BadStudyError
from sim.sweeps.file import (
    Factor,
    Grid,
    LatinHypercube,
    Level,
    Morris,
    PointList,
    Sobol,
    SweepPlan,
    given_level,
)
from sim.sweeps.work import model_id

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

REALISATION = "realisation"  # the factor that chooses the replication, so that noise has an effect of its own


@dataclass(frozen=True)
class Point:
    """One point: `levels` in the order of the factors, None where a factor is left as it is.

    `replication` is the only one that it is run with, if the design has chosen it. `key` tells its resolved scenario
    from any other: points with the same key are run once.
    """

    number: int
    base: str
    levels: tuple[Level | None, ...]
    changes: tuple[str, ...]
    key: str
    replication: int | None = None


def points(plan: SweepPlan) -> list[Point]:
    """All points of a sweep, scenario by scenario."""
    rows = list(_rows(plan))
    prints = {scenario.name: fingerprint(scenario) for scenario in plan.bases}
    found: list[Point] = []
    for scenario in plan.bases:
        for levels, replication in rows:
            changes = changes_at(plan.factors, scenario, levels)
            key = point_key(prints[scenario.name], changes)
            found.append(Point(len(found), scenario.name, levels, changes, key, replication))
    return found


def changes_at(factors: Sequence[Factor], scenario: Scenario, levels: Sequence[Level | None]) -> tuple[str, ...]:
    """The `path=value` changes that bring a scenario to these levels."""
    return tuple(
        change
        for factor, level in zip(factors, levels, strict=True)
        if level is not None
        for change in factor.changes(scenario, level)
    )


def point_key(print_of_base: str, changes: Sequence[str]) -> str:
    """A hash of a resolved scenario (of what its base says, and of what is changed) and of the model that runs it."""
    text = json.dumps([model_id(), print_of_base, sorted(changes)], ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(scenario: Scenario) -> str:
    """A hash of the values of a scenario, in whatever order and files they stand, without sources and notes."""
    return hashlib.sha256(json.dumps(values(scenario), ensure_ascii=False).encode()).hexdigest()


def values(scenario: Scenario) -> dict[str, str]:
    """Each value of a scenario as a text by its path, in order of paths; `run.replications` is no part of it."""
    from sim.scenario.explain import values_of

    skipped = {"title", "description", "run.replications"}
    found = {".".join(path): text for path, text in values_of(scenario) if path[0] != "sources"}
    return {path: found[path] for path in sorted(found) if path not in skipped}


def _rows(plan: SweepPlan) -> Iterator[tuple[tuple[Level | None, ...], int | None]]:
    """The levels of each point, and its replication if the design chooses it."""
    factors, design = plan.factors, plan.design
    if isinstance(design, Grid):
        for levels in product(*(factor.levels for factor in factors)):
            yield levels, None
    elif isinstance(design, PointList):
        for point in design.points:
            yield tuple(given_level(f, point[f.name]) if f.name in point else None for f in factors), None
    elif isinstance(design, LatinHypercube):
        from scipy.stats import qmc

        for row in qmc.LatinHypercube(len(factors), rng=np.random.default_rng(design.seed)).random(design.points):
            yield tuple(f.level(float(u)) for f, u in zip(factors, row, strict=True)), None
    else:
        sample = sampled(design, len(factors))
        for row, replication in zip(sample, realisations(design, sample), strict=True):
            levels = tuple(f.level(float(u)) for f, u in zip(factors, row, strict=False))
            yield levels, replication


def sampled(design: Morris | Sobol, factors: int) -> Floats:
    """The sample in the unit cube, shape (points, factors + 1); the last column chooses the realisation."""
    problem = unit_problem(factors + 1)
    if isinstance(design, Morris):
        from SALib.sample import morris

        return np.asarray(morris.sample(problem, design.trajectories, num_levels=design.levels, seed=design.seed))
    from SALib.sample import sobol

    return np.asarray(sobol.sample(problem, design.samples, calc_second_order=False, seed=design.seed))


def realisations(design: Morris | Sobol, sample: Floats) -> list[int]:
    """The replication of each row of a sample.

    The few levels of a Morris design would choose among a few replications only: each trajectory counts on from
    another one.
    """
    chosen = np.minimum((sample[:, -1] * design.realisations).astype(int), design.realisations - 1)
    if isinstance(design, Morris):
        chosen = (chosen + np.arange(len(sample)) // (sample.shape[1] + 1)) % design.realisations
    return [int(number) for number in chosen]


def unit_problem(columns: int) -> dict[str, object]:
    """The problem of SALib: columns between 0 and 1."""
    return {"num_vars": columns, "names": [str(i) for i in range(columns)], "bounds": [[0.0, 1.0]] * columns}


def check_extras(plan: SweepPlan) -> None:
    """Raise BadStudyError if a design takes a library that is not installed."""
    if isinstance(plan.design, Morris | Sobol):
        check_salib(plan.design.kind)


def check_salib(kind: str) -> None:
    """Raise BadStudyError if it is not installed, which a design of this kind takes, and its indices."""
    try:
        import SALib  # noqa: F401
    except ImportError:
        raise BadStudyError(f"a design of kind {kind} takes SALib: pip install 'middle-corridor-sim[design]'") from None
