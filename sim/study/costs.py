"""Costs and emissions over the replications: USD and kg CO2e per TEU and per t, generalised cost, break-even values.

One value a replication is the unit, as everywhere; a route is known only where all of its legs have a price.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sim.study.statistics import bonferroni, estimate

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KEY = ["flow", "route"]
CHARGES = ["port", "storage", "documents"]
COST_KINDS = ["freight", "charter", *CHARGES]  # what is paid
TIME_VALUE = "time value"  # what the owner of the goods bears
KINDS = [*COST_KINDS, TIME_VALUE]
TOTALS = [*KINDS, "cost", "cost_per_t", "generalised", "days", "wtw", "ttw", "wtw_g_tkm", "ttw_g_tkm"]
STAGE = [*KEY, "order", "stage", "kind"]
PAIR = ["origin", "destination", "flow", "route", "other_flow", "other_route"]
BREAK_EVEN = [*PAIR, "usd_more", "days_less", "value", "low", "high", "verdict"]
AT, NONE, OPEN, UNKNOWN = "break even", "none: dominated", "not separated", "unknown"
REASONS = ["cost_unknown", "emissions_unknown"]


def stage_costs(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The frame of costs with `usd` a TEU and `usd_per_t`, by replication."""
    frame = _sized(frames, "costs")
    return frame.assign(usd_per_t=frame["usd"] / frame["unit_t"], usd=frame["usd"] / frame["unit_teu"])


def stage_emissions(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """The frame of emissions with `wtw` and `ttw` in kg a TEU, and `wtw_g_tkm` and `ttw_g_tkm`, by replication."""
    frame = _sized(frames, "emissions")
    activity = frame["tkm"].where(frame["tkm"] > 0)
    return frame.assign(
        **{f"{name}_g_tkm": 1000 * frame[name] / activity for name in ("wtw", "ttw")},
        **{name: frame[name] / frame["unit_teu"] for name in ("wtw", "ttw")},
    )


def route_totals(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a replication, flow and route with the columns TOTALS: USD a TEU by kind, what is paid in all (`cost`),
    that with the value of time (`generalised`), days, kg CO2e a TEU and g a t km.

    NaN: unknown; `reasons` tells why.
    """
    by = ["replication", *KEY]
    table = frames["routes"].set_index(by)
    costs, gases = frames["costs"], frames["emissions"]
    for kind in KINDS:
        own = costs[costs["kind"] == kind].groupby(by)
        usd = own["usd"].agg(_sum).where(own["known"].agg(bool_all))
        table[kind] = usd.reindex(table.index, fill_value=0.0) / table["unit_teu"]
    table["cost"] = table[COST_KINDS].sum(axis=1, skipna=False)
    table["cost_per_t"] = table["cost"] * table["unit_teu"] / table["unit_t"]
    table["generalised"] = table["cost"] + table[TIME_VALUE]
    table["days"] = table["mean"]
    own = gases.groupby(by)
    activity, known = own["tkm"].agg(_sum), own["known"].agg(bool_all)
    for name in ("wtw", "ttw"):
        kg = own[name].agg(_sum).where(known)
        table[name] = kg / table["unit_teu"]
        table[f"{name}_g_tkm"] = 1000 * kg / activity
    return table.reset_index()


def reasons(totals: pd.DataFrame, gases: pd.DataFrame) -> pd.DataFrame:
    """One row a flow and route of `route_totals`: why its USD and days are unknown (`cost_unknown`), and why its
    emissions are, of which `gases` is the frame; empty where they are known.

    What one replication does not know makes the whole unknown, since a mean of the others would be one of the lucky.
    """
    import pandas as pd

    unknown = gases[~gases["known"].astype(bool)]
    without = (unknown["kind"] == "leg") & (unknown["factor"] == "")
    unknown = unknown.assign(why=np.where(without, "a leg has no emission factor", "a factor does not count the cargo"))
    emissions = {key: "; ".join(sorted(set(own))) for key, own in unknown.groupby(KEY)["why"]}
    rows = [(*key, *_reasons(runs, emissions.get(key, ""))) for key, runs in totals.groupby(KEY, sort=False)]
    return pd.DataFrame(rows, columns=[*KEY, *REASONS])


def _reasons(runs: pd.DataFrame, emissions: str) -> tuple[str, str]:
    """Of one flow and route, a row a replication; `emissions` is what is wrong with its factors."""
    if (runs["unit_teu"] == 0).any():
        return ("the cargo is not counted in TEU",) * 2
    cost = ["a leg has no price"] if runs["freight"].isna().any() else []
    if runs.loc[runs["boxes"] > 0, CHARGES].isna().any(axis=None):
        cost.append("a charge does not count the cargo")
    for what, without in (
        ("no box was released", runs["boxes"] == 0),
        ("nothing went by a chartered service", runs["charter"].isna()),
    ):
        some = f" of {without.sum()} of {len(runs)} replications" if not without.all() else ""
        cost += [f"{what} in the measured time{some}"] if without.any() else []
    return "; ".join(cost), emissions


def bool_all(known: pd.Series[bool]) -> bool:
    """Whether all of it is known."""
    return bool(known.all())


def _sum(values: pd.Series[float]) -> float:
    """Unknown where a part is."""
    return float(values.sum(skipna=False))


def _sized(frames: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """A frame with `unit_teu` and `unit_t` of its flow's cargo; NaN where a unit is no TEU or weighs nothing."""
    sizes = frames["routes"][["replication", *KEY, "unit_teu", "unit_t"]]
    sizes = sizes.assign(**{size: sizes[size].where(sizes[size] > 0) for size in ("unit_teu", "unit_t")})
    return frames[name].merge(sizes, on=["replication", *KEY], how="left")


def break_even(totals: pd.DataFrame, replications: Sequence[int]) -> pd.DataFrame:
    """For each pair of routes of one origin and destination the value of time at which both cost the same.

    `other_route` is the faster one in the mean; it costs `usd_more` USD a TEU more and takes `days_less` days less.
    `value` is their ratio, in USD a TEU and day: who loses more by a day takes the faster route. Its interval
    is that of Fieller for paired replications, and holds for all pairs of these places together. `verdict` says whether
    there is such a value: none where the faster route is the cheaper one as well, "not separated" where the days or the
    prices could as well differ in the other direction.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for places, group in totals.groupby(["origin", "destination"], sort=False):
        routes = [
            (dict(zip(KEY, key, strict=True)), own.set_index("replication").reindex(list(replications)))
            for key, own in group.groupby(KEY, sort=False)
        ]
        pairs = list(combinations(routes, 2))
        for first, second in pairs:
            slow, fast = sorted((first, second), key=lambda route: -route[1]["days"].mean())
            found = trade_off(
                (fast[1]["cost"] - slow[1]["cost"]).to_numpy(dtype=float),
                (slow[1]["days"] - fast[1]["days"]).to_numpy(dtype=float),
                bonferroni(len(pairs)),
            )
            other = {f"other_{name}": fast[0][name] for name in KEY}
            rows.append(dict(zip(("origin", "destination"), places, strict=True)) | slow[0] | other | found._asdict())
    table = pd.DataFrame(rows, columns=BREAK_EVEN)
    return table.astype(dict.fromkeys(["usd_more", "days_less", "value", "low", "high"], float))


class TradeOff(NamedTuple):
    """What a faster route costs more and saves, and the value of time at which that is even; None: unknown or none."""

    usd_more: float | None
    days_less: float | None
    value: float | None
    low: float | None
    high: float | None
    verdict: str


def trade_off(usd_more: Floats, days_less: Floats, confidence: float) -> TradeOff:
    """From paired replications, both of shape (replications,); the days are positive in the mean."""
    dearer, quicker = estimate(usd_more, confidence), estimate(days_less, confidence)
    if dearer.value is None or quicker.value is None:
        return TradeOff(dearer.value, quicker.value, None, None, None, UNKNOWN)
    surely_quicker = quicker.low is None or quicker.low > 0
    surely_signed = dearer.low is None or dearer.high is None or not dearer.low <= 0.0 <= dearer.high
    even = dearer.low == dearer.high == 0.0
    if not surely_quicker or not (surely_signed or even):
        return TradeOff(dearer.value, quicker.value, None, None, None, OPEN)
    if dearer.value <= 0:
        return TradeOff(dearer.value, quicker.value, None, None, None, NONE)
    value = dearer.value / quicker.value
    low, high = fieller(usd_more, days_less, confidence)
    return TradeOff(dearer.value, quicker.value, value, low, high, AT)


def fieller(above: Floats, below: Floats, confidence: float) -> tuple[float | None, float | None]:
    """Interval of the ratio of the means of two paired samples (Fieller 1954); None with one replication, or where the
    mean below could be zero, so that there is no bound."""
    n = len(above)
    if n < 2:
        return None, None
    from scipy.special import stdtrit

    t = float(stdtrit(n - 1, (1 + confidence) / 2))
    (yy, xy), (_, xx) = np.cov(above, below) / n
    y, x = float(np.mean(above)), float(np.mean(below))
    a, b, c = x * x - t * t * xx, x * y - t * t * xy, y * y - t * t * yy  # a r² - 2 b r + c <= 0
    if a <= 0:
        return None, None
    half = math.sqrt(max(b * b - a * c, 0.0))
    return (b - half) / a, (b + half) / a
