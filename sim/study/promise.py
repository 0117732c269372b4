"""Whether boxes keep the time that is published for their route, and when in the year they do so least."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.study.statistics import CONFIDENCE, bonferroni, estimate, intervals, paired_difference

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sim.study.result import Result

    Table = NDArray[np.float64]

KEY = ["flow", "route"]
PERIODS = {"worst": ("M", "%Y-%m"), "week": ("W", "%Y-%m-%d")}  # as pandas names them, and how their begin is told
COLUMNS = [
    *("flow", "title", "origin", "destination", "route", "promise_low", "promise_high"),
    *("kept", "kept_low", "kept_high", "early"),
    *("worst", "worst_kept", "worst_low", "worst_high", "worst_separated"),
    *("week", "week_kept", "week_low", "week_high", "week_separated"),
]


def promises(result: Result) -> pd.DataFrame:
    """One row a flow and route with a published time, in the order of the scenario.

    `kept` is the probability that a box arrives no later than the end of the published time, `kept_low` and
    `kept_high` its 95 % interval over the replications, cut at 0 and 1, `early` the part that arrives even before its
    begin. `worst` is the month of release (like 2024-01) in which least is kept, with an interval that holds for all
    months together, as which one it is is only seen afterwards; `worst_separated` tells whether that month differs
    from the whole period. `week` is likewise the week in which least is kept,
    by the date of its Monday. Where all are alike or none has boxes in every replication, its name is empty; `x_kept`
    tells which it is. Boxes that have not arrived have not kept it. NaN: unknown, because there is one replication, or
    no box in some.
    """
    import pandas as pd

    routes = result.frames["routes"]
    rows = []
    for row in routes.drop_duplicates(KEY).dropna(subset=["promise_high"]).to_dict("records"):
        own = routes[(routes["flow"] == row["flow"]) & (routes["route"] == row["route"])]
        kept = 1 - own.set_index("replication")["share_late"].reindex(list(result.replications)).to_numpy(float)
        early = estimate(own["share_early"]).value
        mean, low, high = _share(kept)
        told = {"kept": mean, "kept_low": low, "kept_high": high, "early": early}
        for name in PERIODS:
            told |= _worst(result, row, kept, name)
        rows.append({**{name: row[name] for name in COLUMNS[:7]}, **told})
    table = pd.DataFrame(rows, columns=COLUMNS)
    words = [name for period in PERIODS for name in (period, f"{period}_separated")]
    return table.astype(dict.fromkeys([name for name in COLUMNS[5:] if name not in words], float))


def kept_by(result: Result, flow: str, route: str, period: str) -> tuple[list[pd.Period], Table]:
    """The periods of the measured time ("M" or "W", as pandas names them), and the share of the boxes released in each
    that kept the promise: shape (periods, replications), NaN where a replication has no box in the period."""
    import numpy as np
    import pandas as pd

    releases = result.frames["releases"]
    mine = releases[(releases["flow"] == flow) & (releases["route"] == route) & (releases["day"] >= 0)]
    start = pd.Timestamp(result.start)
    end = start + pd.Timedelta(days=result.length_days)
    dates = pd.Series(start + pd.to_timedelta(mine["day"].to_numpy(), unit="D"), index=mine.index)
    sums = mine.groupby([dates.dt.to_period(period).rename("period"), "replication"])[["boxes", "kept"]].sum()
    share = (sums["kept"] / sums["boxes"]).unstack("replication").reindex(columns=list(result.replications))
    every = pd.period_range(start, end - pd.Timedelta(1), freq=period)
    return list(every), np.asarray(share.reindex(every), float)


def _worst(result: Result, row: dict[Any, Any], whole: Table, name: str) -> dict[str, Any]:
    """The month (`worst`) or week in which least is kept, of those that every replication has boxes in."""
    import numpy as np

    period, form = PERIODS[name]
    periods, shares = kept_by(result, row["flow"], row["route"], period)
    known = np.flatnonzero(np.isfinite(shares).all(axis=1))
    means = shares[known].mean(axis=1)
    if not len(known):
        return {name: "", f"{name}_separated": False}
    if means.min() == means.max():
        return {name: "", f"{name}_kept": float(means[0]), f"{name}_separated": False}
    confidence = bonferroni(len(known))
    at = known[np.argmin(means)]
    mean, low, high = _share(shares[at], confidence)
    return {
        name: periods[at].start_time.strftime(form), f"{name}_kept": mean, f"{name}_low": low, f"{name}_high": high,
        f"{name}_separated": paired_difference(whole, shares[at], confidence).separated,
    }  # fmt: skip


def _share(values: Table, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Mean of shares over the replications, and its interval as far as it lies within 0 and 1."""
    import numpy as np

    (mean,), (low,), (high,) = intervals(values[None, :], confidence)
    return float(mean), float(np.maximum(low, 0.0)), float(np.minimum(high, 1.0))
