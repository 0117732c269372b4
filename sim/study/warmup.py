"""How long the loading-in phase takes, and whether the warm-up covers it.

A run begins empty, so its first boxes find no queues. The series that tells is the transit time by day of release,
relative to the mean of its route, averaged over replications and over the compared routes. Storms and demand have
their seasons, and the year would look like a loading-in phase: so the same days a year later are taken off. What
remains is the effect of the empty start alone. MSER-5 finds where it ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sim.scenario.values import Duration, PositiveDuration, WarmUp
from sim.study.errors import BadStudyError, StudyError
from sim.study.replicate import OnDone, OnStop, replicate
from sim.study.statistics import SHORTEST, WarmUpError, estimate, mser5

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from sim.network import Network

    Floats = NDArray[np.float64]

YEAR = 365  # days
FEWEST = 5  # replications: the mean of fewer is noise, in which MSER-5 finds what it likes
DRIFT = 0.99  # confidence that the load grows from year to year, before it is said
TRIED = (60.0, 120.0, WarmUp.longest / 24)  # days of warm-up that `auto` tries
PILOTS = range(1_000_000, 1_000_010)  # numbers of the pilot replications: none of those that results are made of


@dataclass(frozen=True)
class LoadingIn:
    """What the runs say of their own warm-up.

    `cut_days` is the end of the loading-in phase, in days from the beginning of the run, None where it is not found;
    `covered` whether the warm-up is as long, None where that could not be checked. `says` tells it in words.
    """

    warm_up_days: float
    cut_days: int | None
    covered: bool | None
    says: str


def loading_in(releases: pd.DataFrame, warm_up_days: float, length_days: float) -> LoadingIn:
    """Look for the loading-in phase in `releases`, the frame of `sim.measure.Measures` with a column `replication`.

    The series is as long as the warm-up and what is measured beyond one year; a cut in its second half is no cut.
    """

    def found(says: str, cut: int | None = None, covered: bool | None = None) -> LoadingIn:
        return LoadingIn(warm_up_days, cut, covered, f"The warm-up of {warm_up_days:g} days {says}.")

    first = math.floor(-warm_up_days)
    watched = math.floor(length_days) - YEAR - first
    runs = releases["replication"].nunique()
    if releases.empty:
        return found("is not checked: no flow is compared")
    if watched < SHORTEST:
        needs = f"a year that is measured, and {SHORTEST} days more of warm-up or measured time"
        return found(f"is not checked: that takes {needs}")
    if runs < FEWEST:
        return found(f"is not checked: that takes {FEWEST} replications")
    boxes, days = _by_day(releases, first, watched + YEAR)
    try:
        cut = mser5(_effect(boxes.sum(axis=0), days.sum(axis=0), watched))
    except WarmUpError as error:
        return found(f"may be too short: {error}", covered=False)
    if cut > warm_up_days:
        return found(f"is too short: the loading-in phase takes {cut} days by MSER-5", cut, covered=False)
    drift = estimate(_drift(boxes, days, cut, watched), DRIFT)
    if drift.value is not None and drift.low is not None and drift.high is not None and drift.high < 0:
        growth = f"{-100 * drift.value:.1f} % ±{100 * (drift.high - drift.value):.1f} %"
        says = f"may be too short, or the load grows without end: a year later transit is longer by {growth}"
        return found(says, cut, covered=False)
    return found(f"covers the loading-in phase, which takes {cut} days by MSER-5", cut, covered=True)


def settle(
    networks: Sequence[Network],
    *,
    workers: int | None = None,
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
) -> list[Network]:
    """Find the warm-up of those networks that leave it to the program, by pilot replications.

    All of them get the longest that one of them needs, so that they meet the same demand and weather. Raises
    BadStudyError where none of those tried is long enough, StudyError if a pilot replication fails, and
    KeyboardInterrupt at Ctrl-C.
    """
    open_ones = [network for network in networks if network.model.run.warm_up.auto]
    days = max((_needed(network, workers, on_done, on_stop) for network in open_ones), default=0.0)
    return [with_warm_up(one, days) if one.model.run.warm_up.auto else one for one in networks]


def with_warm_up(network: Network, days: float, length_days: float | None = None) -> Network:
    """The same network with another warm-up and, if given, another measured period."""
    run = network.model.run
    changes: dict[str, Duration] = {"warm_up": WarmUp(24 * days)}
    if length_days is not None:
        changes["length"] = PositiveDuration(24 * length_days)
    return replace(network, model=network.model.model_copy(update={"run": run.model_copy(update=changes)}))


def pilot(network: Network, replication: int) -> pd.DataFrame:
    """One pilot replication: only its transit by day of release is kept."""
    from sim.measure import releases
    from sim.model import simulate

    return releases(network, simulate(network, replication)).assign(replication=replication)


def _needed(network: Network, workers: int | None, on_done: OnDone | None, on_stop: OnStop | None) -> float:
    """The shortest warm-up of those tried, in days, that covers its own loading-in phase."""
    import pandas as pd

    for days in TRIED:
        with_days = with_warm_up(network, days, YEAR)
        outcomes = replicate(pilot, with_days, PILOTS, workers=workers, on_done=on_done, on_stop=on_stop)
        if outcomes.interrupted:
            raise KeyboardInterrupt
        if outcomes.failures:
            raise StudyError(f"a pilot replication of {network.name} failed with\n{outcomes.failures[0].traceback}")
        found = loading_in(pd.concat(outcomes.values.values(), ignore_index=True), days, YEAR)
        if found.covered:
            return days
    advice = "see in `corridor preview` what is near its capacity, or give a warm-up in days"
    raise BadStudyError(f"auto finds no warm-up. {found.says} {advice}", network.name, ("run", "warm_up"))


def _by_day(releases: pd.DataFrame, first: int, days: int) -> tuple[Floats, Floats]:
    """Boxes, and the sum of their days under way, each of shape (replications, routes, days)."""
    import pandas as pd

    kept = releases[(releases["day"] >= first) & (releases["day"] < first + days)]
    run = pd.factorize(kept["replication"])[0]
    route = kept.groupby(["flow", "route"], sort=False).ngroup().to_numpy()
    at = run, route, kept["day"].to_numpy(dtype=int) - first
    tables = np.zeros((2, run.max(initial=-1) + 1, route.max(initial=-1) + 1, days))
    for table, name in zip(tables, ("boxes", "box_days"), strict=True):
        np.add.at(table, at, kept[name].to_numpy(dtype=float))
    return tables[0], tables[1]


def _effect(boxes: Floats, days: Floats, watched: int) -> Floats:
    """Transit by day of release less that a year later, relative to the route's mean; the mean of all routes.

    `boxes` and `days` have shape (routes, days). On a day without a box the route's transit is interpolated.
    """
    calendar = np.arange(boxes.shape[1])
    series = np.array(
        [
            np.interp(calendar, calendar[n > 0], d[n > 0] / n[n > 0]) / (d.sum() / n.sum())
            for n, d in zip(boxes, days, strict=True)
        ]
    )
    return np.asarray((series[:, :watched] - series[:, YEAR : YEAR + watched]).mean(axis=0))


def _drift(boxes: Floats, days: Floats, cut: int, watched: int) -> Floats:
    """The same for all days after the cut together, by replication; NaN where no route has boxes then and later."""
    with np.errstate(invalid="ignore"):  # of routes without boxes
        level = days.sum(axis=(0, 2)) / boxes.sum(axis=(0, 2))
        now, later = (
            days[:, :, part].sum(axis=2) / boxes[:, :, part].sum(axis=2)
            for part in (slice(cut, watched), slice(YEAR + cut, YEAR + watched))
        )
        effect = (now - later) / level
        known = np.isfinite(effect)
        return np.asarray(np.where(known, effect, 0.0).sum(axis=1) / known.sum(axis=1))
