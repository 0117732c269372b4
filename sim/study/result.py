"""Results of a scenario over its replications, and of several scenarios against the first of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from sim._version import __version__
from sim.study.atlas import Atlas, atlas_of
from sim.study.replicate import Failure, OnDone, replicate
from sim.study.statistics import bonferroni, estimate, intervals, paired_difference

if TYPE_CHECKING:
    import pandas as pd

    from sim.measure import Measures
    from sim.network import Network

ROUTE = ["flow", "title", "origin", "destination", "route", "direction", "cargo", "promise_low", "promise_high"]
KEY = ["flow", "route"]
DAYS = ["mean", "p10", "p50", "p90"]
SHARES = ["share_within", "share_late", "share_early"]
COUNTS = ["boxes", "teu", "unfinished"]
COMPARED = ["mean", "p50", "p90", "share_within"]
USE = ["utilisation", "mean_queue", "mean_wait_h"]


class StudyError(Exception):
    """A study has nothing to say, or compares what cannot be compared."""


@dataclass(frozen=True)
class Result:
    """What the replications of one scenario showed.

    `frames` holds the measures of `sim.measure.Measures` by name, each with a column `replication` before its own.
    `replications` are the finished ones; `complete` is False where Ctrl-C or a failure left some out.
    """

    scenario: str
    title: str
    digest: str
    model_version: str
    seed: int
    warm_up_days: float
    replications: tuple[int, ...]
    complete: bool
    failures: tuple[Failure, ...]
    started: datetime
    finished: datetime
    atlas: Atlas = field(repr=False)
    frames: Mapping[str, pd.DataFrame] = field(repr=False)

    def summary(self) -> pd.DataFrame:
        """One row per flow and route: what it is, then each measure as `x`, `x_low`, `x_high` (95 % interval).

        Days, shares 0..1 and numbers of boxes and TEU. NaN: unknown, because too many boxes have not arrived in some
        replication, or, for an interval, because there is only one replication.
        """
        return self._over_replications("routes", ROUTE, [*DAYS, *SHARES, *COUNTS])

    def causes(self) -> pd.DataFrame:
        """Mean days per box by flow, route, cause and place with interval; the largest first in each flow and route."""
        frame = self._over_replications("causes", [*KEY, "cause", "place"], ["days"], absent=0.0)
        return _by_route(frame, self.frames["routes"], "days", ascending=False)

    def stages(self) -> pd.DataFrame:
        """Mean days per box by flow, route and stage with interval, along the way."""
        order = self.frames["stages"].groupby([*KEY, "stage"], as_index=False, sort=False)["order"].mean()
        frame = self._over_replications("stages", [*KEY, "stage"], ["days"], absent=0.0).merge(order)
        return _by_route(frame, self.frames["routes"], "order", ascending=True).drop(columns="order")

    def facilities(self) -> pd.DataFrame:
        """One row per facility: utilisation (0..1), mean queue and mean wait (h) with intervals."""
        return self._over_replications("facilities", ["place", "facility", "kind", "capacity"], USE)

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`, as plain dicts and lists; docs/results.schema.json describes it."""
        causes = self.causes()
        return {
            "scenario": self.scenario,
            "model_version": self.model_version,
            "seed": self.seed,
            "replications": len(self.replications),
            "warm_up_days": self.warm_up_days,
            "routes": [_route_json(row, causes) for row in self.summary().to_dict("records")],
            "facilities": [
                {"place": row["place"], "facility": row["facility"], **{name: _number(row[name]) for name in USE}}
                for row in self.facilities().to_dict("records")
            ],
        }

    def _over_replications(
        self, frame: str, index: list[str], measures: list[str], absent: float = math.nan
    ) -> pd.DataFrame:
        """Estimate each of `measures` for each distinct `index`; a replication without the row counts as `absent`."""
        import numpy as np

        data = self.frames[frame].reindex(columns=["replication", *index, *measures])
        row = data.groupby(index, sort=False, dropna=False).ngroup()
        column = data["replication"].map({n: i for i, n in enumerate(self.replications)})
        table = data.loc[~row.duplicated(), index].reset_index(drop=True)
        for name in measures:
            values = np.full((len(table), len(self.replications)), absent)
            values[row, column] = data[name]
            table[name], table[f"{name}_low"], table[f"{name}_high"] = intervals(values)
        return table


@dataclass(frozen=True)
class Comparison:
    """Several scenarios, paired by replication with the first of them."""

    results: tuple[Result, ...]

    @property
    def base(self) -> Result:
        return self.results[0]

    def differences(self) -> pd.DataFrame:
        """One row per other scenario, flow, route and measure (mean, p50, p90 in days; share_within 0..1).

        `base` and `value` are the means of the two scenarios over the replications that both have finished,
        `difference` is value − base with `low` and `high`, Bonferroni-corrected for the number of scenarios,
        `correlation` that of the pairs. `separated` is False where the interval includes zero or is unknown.
        """
        import pandas as pd

        confidence = bonferroni(len(self.results) - 1)
        rows = [
            row | {"scenario": other.scenario}
            for other in self.results[1:]
            for row in _paired_rows(self.base, other, confidence)
        ]
        columns = ["scenario", *ROUTE[:-2], "measure", "base", "value", "difference", "low", "high", "correlation"]
        table = pd.DataFrame(rows, columns=[*columns, "separated"])
        return table.astype(dict.fromkeys(columns[-6:], float))

    def to_json(self) -> dict[str, Any]:
        """The object of `--json` for several scenarios; docs/results.schema.json describes it."""
        names = ["scenario", "flow", "route", "measure", "base", "value", "difference", "low", "high", "correlation"]
        return {
            "baseline": self.base.scenario,
            "scenarios": [result.to_json() for result in self.results],
            "differences": [
                {name: _number(row[name]) for name in names} | {"separated": bool(row["separated"])}
                for row in self.differences().to_dict("records")
            ],
        }


def measured(network: Network, replication: int) -> Measures:
    """Simulate one replication and measure it."""
    from sim.measure import measure
    from sim.model import simulate

    return measure(network, simulate(network, replication))


def run(
    network: Network,
    replications: int | Sequence[int] | None = None,
    *,
    workers: int | None = None,
    on_done: OnDone | None = None,
    task: Any = measured,
) -> Result:
    """Run replications of a network in `workers` processes (none: one a processor).

    `replications` is their number or the list of them; none: as many as the scenario says. The result is the same to
    the bit for any number of workers. Raises StudyError with the first traceback if every replication failed, and
    KeyboardInterrupt if Ctrl-C came before one had finished.
    """
    wanted = network.model.run.replications if replications is None else replications
    numbers = range(wanted) if isinstance(wanted, int) else wanted
    if len(numbers) == 0:
        raise StudyError("at least one replication is needed")
    import pandas  # noqa: F401  # now, not after the replications: Ctrl-C during its import would lose them

    started = datetime.now(UTC)
    outcomes = replicate(task, network, numbers, workers=workers, on_done=on_done)
    if not outcomes.values:
        if outcomes.interrupted:
            raise KeyboardInterrupt
        first = outcomes.failures[0]
        raise StudyError(f"every replication failed; replication {first.replication} with\n{first.traceback}")
    return Result(
        scenario=network.name,
        title=network.model.title,
        digest=network.digest,
        model_version=__version__,
        seed=network.model.run.seed,
        warm_up_days=float(network.model.run.warm_up) / 24,
        replications=tuple(outcomes.values),
        complete=len(outcomes.values) == len(numbers),
        failures=outcomes.failures,
        started=started,
        finished=datetime.now(UTC),
        atlas=atlas_of(network.model),
        frames=_joined(outcomes.values),
    )


def compare(results: Sequence[Result]) -> Comparison:
    """Pair several results by replication. Raises StudyError where they cannot be compared."""
    if len(results) < 2:
        raise StudyError(f"a comparison needs at least two scenarios, not {len(results)}")
    base = results[0]
    for other in results[1:]:
        if other.seed != base.seed:
            raise StudyError(
                f"{other.scenario} was run with seed {other.seed}, {base.scenario} with seed {base.seed}: only runs "
                "with the same seed meet the same demand and weather"
            )
        if other.model_version != base.model_version:
            raise StudyError(
                f"{other.scenario} was run with model version {other.model_version}, {base.scenario} with "
                f"{base.model_version}: results of different versions are not comparable"
            )
        if not set(base.replications) & set(other.replications):
            raise StudyError(f"{other.scenario} and {base.scenario} have no finished replication in common")
    return Comparison(tuple(results))


def _joined(measures: Mapping[int, Any]) -> dict[str, pd.DataFrame]:
    """The frames of all replications one below the other, with a column `replication`."""
    import pandas as pd

    frames = {}
    for part in fields(next(iter(measures.values()))):
        each = [getattr(one, part.name).assign(replication=n) for n, one in measures.items()]
        frame = pd.concat(each, ignore_index=True)
        frames[part.name] = frame[["replication", *frame.columns.drop("replication")]]
    return frames


def _by_route(frame: pd.DataFrame, routes: pd.DataFrame, column: str, *, ascending: bool) -> pd.DataFrame:
    """Sorted by `column` within each flow and route, these in the order of the scenario."""
    if frame.empty:
        return frame
    order = {key: i for i, key in enumerate(routes[KEY].drop_duplicates().itertuples(index=False, name=None))}
    place = [order.get(key, len(order)) for key in frame[KEY].itertuples(index=False, name=None)]
    return (
        frame.assign(_place=place)
        .sort_values(["_place", column], ascending=[True, ascending], kind="stable", ignore_index=True)
        .drop(columns="_place")
    )


def _paired_rows(base: Result, other: Result, confidence: float) -> list[dict[str, Any]]:
    """A route that only one of the two scenarios has is there with unknown values: nothing is dropped in silence."""
    import pandas as pd

    common = [n for n in base.replications if n in set(other.replications)]
    first, second = base.frames["routes"], other.frames["routes"]
    known = pd.concat([first, second])[ROUTE[:-2]].drop_duplicates(KEY)
    rows = []
    for row in cast("list[dict[str, Any]]", known.to_dict("records")):
        pair = [_values(frame, row, common) for frame in (first, second)]
        for measure in COMPARED:
            a, b = (values[measure].to_numpy() for values in pair)
            gain = paired_difference(a, b, confidence)
            rows.append(
                {
                    **row,
                    "measure": measure,
                    "base": estimate(a).value,
                    "value": estimate(b).value,
                    "difference": gain.value,
                    "low": gain.low,
                    "high": gain.high,
                    "correlation": gain.correlation,
                    "separated": gain.separated,
                }
            )
    return rows


def _values(routes: pd.DataFrame, row: Mapping[Any, Any], replications: list[int]) -> pd.DataFrame:
    chosen: pd.DataFrame = routes[(routes["flow"] == row["flow"]) & (routes["route"] == row["route"])]
    return chosen.set_index("replication")[COMPARED].reindex(replications)


def _route_json(row: Mapping[Any, Any], causes: pd.DataFrame) -> dict[str, Any]:
    own = causes[(causes["flow"] == row["flow"]) & (causes["route"] == row["route"])]
    return {
        **{name: row[name] for name in ("flow", "origin", "destination", "route", "direction", "cargo")},
        **{name: _number(row[name]) for name in COUNTS},
        "days": {
            name: {
                "value": _number(row[name]),
                "low": _number(row[f"{name}_low"]),
                "high": _number(row[f"{name}_high"]),
            }
            for name in DAYS
        },
        "promise": {
            "low": _number(row["promise_low"]),
            "high": _number(row["promise_high"]),
            "share_within": _number(row["share_within"]),
            "share_late": _number(row["share_late"]),
        },
        "causes": [
            {"cause": cause["cause"], "place": cause["place"], "days": _number(cause["days"])}
            for cause in own.to_dict("records")
            if cause["days"] > 0
        ],
    }


def _number(value: Any) -> Any:
    """JSON has no NaN: what is unknown is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
