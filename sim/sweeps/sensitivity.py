"""Which factors decide an outcome: the indices of Morris and of Sobol, with those of chance beside them.

Both designs have one factor more than the file names: the realisation, which chooses the replication. What it does is
chance, so that its index is the noise that the others are held against. Morris: Campolongo, Cariboni and Saltelli
(2007), doi:10.1016/j.envsoft.2006.10.004; Sobol: Saltelli et al. (2010), doi:10.1016/j.cpc.2009.09.018; both by SALib.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.study import BadStudyError, OnDone, OnStop
from sim.sweeps.file import Morris, Sobol, SweepPlan
from sim.sweeps.outcomes import unit_of
from sim.sweeps.points import REALISATION, check_salib, sampled, unit_problem
from sim.sweeps.run import estimate, run_sweep
from sim.sweeps.table import SweepResult, read_results

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KINDS = ("morris", "sobol")
RESAMPLES = 1000  # of the bootstrap over trajectories or blocks
CLEAR, LIKELY, WITHIN, CHANCE = "above chance", "likely above", "within chance", "chance"  # how an effect stands
UNKNOWN = "unknown"  # the same of an outcome that is unknown in too many runs
EFFECTS = ("mu_star", "mu_star_low", "mu_star_high", "mu", "sigma", "over_chance", "standing")
SHARES = ("s1", "s1_low", "s1_high", "st", "st_low", "st_high")


def indices(result: SweepResult) -> pd.DataFrame:
    """One row a scenario, outcome and factor, in their order; the last factor of each outcome is `realisation`.

    Of a Morris design: `mu_star`, the mean absolute effect of the whole range, in `unit`, with its 95 % interval; `mu`,
    the same with its sign; `sigma`, how much the effect differs from place to place; `over_chance`, mu_star over that
    of the realisation; `standing`: above chance if its interval is above that of the realisation, likely above if
    mu_star is, else within chance. The realisation's effects are scaled as all others, so that an outcome that is
    nothing but chance shows the same mu_star for all.

    Of a Sobol design, shares of the variance with 95 % intervals: `s1` of the factor alone, `st` with all its
    interactions. An estimate below 0 is one that the samples cannot tell from 0. NaN: the outcome does not vary.

    `used` of `drawn` trajectories or blocks had all their figures; those with a hole are left out, never filled. Holes
    do not come by chance (a P90 is unknown where it is large), so with fewer than half of the blocks, or than two, all
    is NaN. Intervals are bootstrapped, and too narrow where few are used.

    Raises BadStudyError if the design is another, or its sample is not the one that is made now.
    """
    import pandas as pd

    if result.design not in KINDS:
        raise BadStudyError(f"a design of kind {result.design} gives no indices, only {' and '.join(KINDS)} do")
    check_salib(result.design)
    design: Morris | Sobol = (Morris if result.design == "morris" else Sobol)(**result.about["design"])
    sample = sampled(design, len(result.factors))
    names = [*(factor.name for factor in result.factors), REALISATION]
    titles = [*(factor.label for factor in result.factors), REALISATION]
    tables = []
    for scenario, own in result.points.groupby("scenario", sort=False):
        _check_sample(result, own, sample)
        runs = own[["point"]].merge(result.runs[["point", *result.outcomes]], on="point", how="left")
        for outcome in result.outcomes:
            found, used = _of_outcome(design, sample, runs[outcome].to_numpy(float))
            table = pd.DataFrame({"factor": names, "title": titles, **found})
            table = table.assign(used=used, drawn=len(sample) // _block(design, sample))
            head = {"scenario": scenario, "outcome": outcome, "unit": unit_of(outcome)}
            for place, (name, value) in enumerate(head.items()):
                table.insert(place, name, value)
            tables.append(table)
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def survivors(table: pd.DataFrame, most: int) -> tuple[str, ...]:
    """The factors of a Morris table whose effect on any outcome is likely above chance; at most `most`.

    A factor that is kept by mistake costs runs, and the next stage shows it; one that is lost is lost. So it is enough
    that mu_star is above the interval of the realisation. Those surely above chance on any outcome come before the
    others; of both, those that are first on any outcome before those that are second on any, so that each outcome has
    its say; of several, those that are furthest above chance.
    """
    if table.empty:  # no run gave a figure
        return ()
    kept = table[table["standing"].isin((CLEAR, LIKELY))]
    by_outcome = kept.groupby(["scenario", "outcome"], sort=False)["over_chance"]
    ranked = kept.assign(rank=by_outcome.rank(ascending=False, method="first"), sure=kept["standing"] == CLEAR)
    best = ranked.groupby("factor", sort=False).agg({"sure": "max", "rank": "min", "over_chance": "max"})
    order = best.sort_values(["sure", "rank", "over_chance"], ascending=[False, True, False], kind="stable")
    return tuple(map(str, order.index[:most]))


@dataclass(frozen=True)
class Study:
    """A screening, and the shares of variance of what survived it; `shares` is None if nothing did, or after Ctrl-C."""

    plan: SweepPlan
    screening: SweepResult
    effects: pd.DataFrame
    survivors: tuple[str, ...]
    weighing: SweepResult | None = None
    shares: pd.DataFrame | None = None

    @property
    def interrupted(self) -> bool:
        return self.screening.interrupted or (self.weighing is not None and self.weighing.interrupted)

    @property
    def stages(self) -> list[SweepResult]:
        return [self.screening] if self.weighing is None else [self.screening, self.weighing]


def study(
    plan: SweepPlan,
    folder: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    again: bool = False,
    progress: Callable[[str], AbstractContextManager[OnDone | None]] = lambda title: nullcontext(),
    on_stop: OnStop | None = None,
) -> Study:
    """Screen the factors of a plan with a Morris design, then weigh the survivors with a Sobol design.

    The ledgers are in `folder`/morris and `folder`/sobol; what they have is not run again. Ctrl-C calls `on_stop` at
    once. Raises what `run_sweep` does, and BadStudyError if the design is another.
    """
    _check_design(plan)

    def stage(part: str, planned: SweepPlan) -> SweepResult:
        planned = replace(planned, name=f"{plan.name}-{part}")
        with progress(f"{plan.title}: {part}") as on_done:
            stopped = run_sweep(
                planned,
                folder / part,
                workers=workers,
                scheduler=scheduler,
                again=again,
                on_done=on_done,
                on_stop=on_stop,
            )
        return read_results(folder / part, interrupted=stopped)

    screening = stage("morris", plan)
    effects = indices(screening)
    kept = survivors(effects, plan.then.most)
    if screening.interrupted or not kept:
        return Study(plan, screening, effects, kept)
    weighing = stage("sobol", _second(plan, kept))
    return Study(plan, screening, effects, kept, weighing, indices(weighing))


def forecast(plan: SweepPlan, folder: Path, workers: int | None) -> dict[str, dict[str, Any]]:
    """What `study` would do: `estimate` of its `screening`, and of its `weighing` at most.

    Which factors are weighed is known if `folder` has the whole screening; it is as many as may be before. Raises
    BadStudyError if the design is another.
    """
    _check_design(plan)
    screening = estimate(plan, folder / "morris", workers)
    kept = tuple(factor.name for factor in plan.factors[: plan.then.most])
    if screening["done"] == screening["runs"]:
        kept = survivors(indices(read_results(folder / "morris")), plan.then.most)
    return {"screening": screening, "weighing": estimate(_second(plan, kept), folder / "sobol", workers)}


def _check_design(plan: SweepPlan) -> None:
    kind = plan.design.kind
    if kind != "morris":
        raise BadStudyError(f"{plan.file}: a sensitivity study begins with a design of kind morris, not {kind}")


def _second(plan: SweepPlan, kept: Sequence[str]) -> SweepPlan:
    """The plan that weighs the factors that were kept."""
    first = plan.design
    assert isinstance(first, Morris)
    design = Sobol(kind="sobol", samples=plan.then.samples, realisations=first.realisations, seed=first.seed)
    return replace(plan, factors=tuple(factor for factor in plan.factors if factor.name in kept), design=design)


def too_few(used: int, drawn: int) -> bool:
    """Whether an outcome is known in too few of the blocks that were drawn."""
    return used < max(2, drawn / 2)


def _block(design: Morris | Sobol, sample: Floats) -> int:
    """How many rows belong together: a trajectory, or the rows that the indices of Sobol are made of."""
    return int(sample.shape[1]) + (1 if isinstance(design, Morris) else 2)


def _of_outcome(design: Morris | Sobol, sample: Floats, figures: Floats) -> tuple[dict[str, Any], int]:
    """The columns of the table of one outcome, and how many blocks they are made of."""
    block = _block(design, sample)
    whole = np.asarray(np.isfinite(figures.reshape(-1, block)).all(axis=1))
    rows, used = np.repeat(whole, block), int(whole.sum())
    columns = EFFECTS if isinstance(design, Morris) else SHARES
    if too_few(used, whole.size):
        unknown: dict[str, Any] = {name: UNKNOWN if name == "standing" else np.nan for name in columns}
        return unknown, used
    problem, seed = unit_problem(sample.shape[1]), design.seed + 1  # SALib takes a seed of 0 for none
    if isinstance(design, Morris):
        return _effects(problem, sample[rows], figures[rows], design.levels, seed), used
    return _shares(problem, figures[rows], seed), used


def _effects(problem: dict[str, object], sample: Floats, figures: Floats, levels: int, seed: int) -> dict[str, Any]:
    from SALib.analyze import morris

    found = morris.analyze(problem, sample, figures, num_resamples=RESAMPLES, num_levels=levels, seed=seed)
    effect, half = (np.asarray(found[name], dtype=float) for name in ("mu_star", "mu_star_conf"))
    low, high = np.maximum(effect - half, 0.0), effect + half
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.where(effect > 0, effect / effect[-1], 0.0)
    standing = np.where(low > high[-1], CLEAR, np.where(effect > high[-1], LIKELY, WITHIN)).astype(object)
    standing[-1] = CHANCE
    sign, sigma = (np.asarray(found[name], dtype=float) for name in ("mu", "sigma"))
    return dict(zip(EFFECTS, (effect, low, high, sign, sigma, over, standing), strict=True))


def _shares(problem: dict[str, object], figures: Floats, seed: int) -> dict[str, Any]:
    from SALib.analyze import sobol

    if np.ptp(figures) == 0:
        return dict.fromkeys(SHARES, np.nan)
    found = sobol.analyze(problem, figures, calc_second_order=False, num_resamples=RESAMPLES, seed=seed)
    columns: dict[str, Any] = {}
    for name in ("S1", "ST"):
        value, half = found[name], found[f"{name}_conf"]
        columns |= {name.lower(): value, f"{name.lower()}_low": value - half, f"{name.lower()}_high": value + half}
    return columns


def _check_sample(result: SweepResult, points: pd.DataFrame, sample: Floats) -> None:
    """Raise BadStudyError if the points were not made from this sample, as by another version of SALib."""
    same = len(points) == len(sample)
    for column, factor in enumerate(result.factors):
        if not same or factor.levels or factor.low is None or factor.high is None:
            continue
        levels = points[factor.name].to_numpy(float)
        slack = 1.0 if (levels == np.round(levels)).all() else 1e-6 * (factor.high - factor.low)  # counts are rounded
        same = bool(np.abs(factor.low + sample[:, column] * (factor.high - factor.low) - levels).max() <= slack)
    if not same:
        raise BadStudyError(f"{result.name}: its points are not those that this version of SALib draws")


def left_out(table: pd.DataFrame) -> list[tuple[str, str, int, int]]:
    """scenario, outcome, used and drawn of each outcome for which not all blocks could be used."""
    rows: Sequence[Any] = table.drop_duplicates(["scenario", "outcome"]).to_dict("records")
    return [(r["scenario"], r["outcome"], r["used"], r["drawn"]) for r in rows if r["used"] < r["drawn"]]
