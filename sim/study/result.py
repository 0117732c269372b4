"""Results of a scenario over its replications, and of several scenarios against the first of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from functools import partial
from operator import index
from typing import TYPE_CHECKING, Any, cast

from sim._version import __version__
from sim.measure.emissions import BASIS
from sim.scenario.sources import grades
from sim.study.atlas import Atlas, atlas_of
from sim.study.costs import STAGE, TOTALS, break_even, reasons, route_totals, stage_costs, stage_emissions
from sim.study.errors import BadStudyError, StudyError
from sim.study.plain import record, records
from sim.study.replicate import Failure, OnDone, OnStop, replicate
from sim.study.sequential import MOST, Precision, Target, check_targets, more, precision, read_target
from sim.study.statistics import Difference, bonferroni, estimate, intervals, paired_difference
from sim.study.warmup import LoadingIn, loading_in, settle

if TYPE_CHECKING:
    import pandas as pd

    from sim.measure import Measures
    from sim.network import Network
    from sim.study.sequential import Samples

PLACES = ["origin", "destination"]
ROUTE = ["flow", "title", "origin", "destination", "route", "direction", "cargo", "promise_low", "promise_high"]
KEY = ["flow", "route"]
DAYS = ["mean", "p10", "p50", "p90"]
SO_FAR = ["p10_so_far", "p50_so_far", "p90_so_far"]
SHARES = ["share_within", "share_late", "share_early"]
COUNTS = ["boxes", "teu", "unfinished", "share_unfinished"]
COMPARED = ["mean", "p50", "p90", "share_within"]
GAIN = ["difference", "low", "high", "correlation", "variance_ratio"]
UNARRIVED = ["base_unfinished", "unfinished"]
PAIRED = ["base", "value", *GAIN, *UNARRIVED]
USE = ["utilisation", "mean_queue", "mean_wait_h"]


@dataclass(frozen=True)
class Result:
    """What the replications of one scenario showed.

    `frames` holds the measures of `sim.measure.Measures` by name, each with a column `replication` before its own.
    `replications` are the finished ones; `complete` is False where Ctrl-C or a failure left some out. Every box was
    followed for `followed_days` at least. `grades` counts the scenario's values by how sure they are. `until` tells
    what became of the targets of the study.
    """

    scenario: str
    title: str
    digest: str
    model_version: str
    seed: int
    start: str  # of the measured period
    warm_up_days: float
    length_days: float
    followed_days: float
    replications: tuple[int, ...]
    complete: bool
    interrupted: bool
    failures: tuple[Failure, ...]
    started: datetime
    finished: datetime
    atlas: Atlas = field(repr=False)
    frames: Mapping[str, pd.DataFrame] = field(repr=False)
    grades: Mapping[str, int] = field(default_factory=dict)
    until: tuple[Precision, ...] = ()

    def summary(self) -> pd.DataFrame:
        """One row per flow and route: what it is, then each measure as `x`, `x_low`, `x_high` (95 % interval).

        Days, shares 0..1 and numbers of boxes and TEU. NaN: unknown, because too many boxes have not arrived in some
        replication, or, for an interval, because there is only one replication. Each of the days has a column
        `x_at_least`: a lower bound where boxes that have not arrived bear on it, else NaN. They are in the mean with
        the days that they were under way, and so they are in the bound of a quantile that they could still change.
        """
        routes = self.frames["routes"].reindex(columns=["replication", *ROUTE, *DAYS, *SO_FAR, *SHARES, *COUNTS])
        table = self._over_replications(routes, ROUTE, [*DAYS, *SHARES, *COUNTS])
        bounds = self._over_replications(routes, ROUTE, ["mean", *SO_FAR])
        table["mean_at_least"] = bounds["mean"].where(table["unfinished"] > 0)
        for name, so_far in zip(DAYS[1:], SO_FAR, strict=True):
            table[f"{name}_at_least"] = bounds[so_far].where(table[name].isna())
        return table

    def causes(self) -> pd.DataFrame:
        """Mean days per box by flow, route, cause and place with interval; the largest first in each flow and route.

        NaN: unknown, because some replication had no box of the flow and route.
        """
        frame = self._days("causes", ["cause", "place"])
        return _by_route(frame, self.frames["routes"], "days", ascending=False)

    def stages(self) -> pd.DataFrame:
        """Mean days per box by flow, route and stage with interval, along the way. NaN: unknown, as in `causes`."""
        order = self.frames["stages"].groupby([*KEY, "stage"], as_index=False, sort=False)["order"].mean()
        frame = self._days("stages", ["stage"]).merge(order)
        return _by_route(frame, self.frames["routes"], "order", ascending=True).drop(columns="order")

    def facilities(self) -> pd.DataFrame:
        """One row per facility: utilisation (0..1), mean queue and mean wait (h) with intervals."""
        return self._over_replications(self.frames["facilities"], ["place", "facility", "kind", "capacity"], USE)

    def loading_in(self) -> LoadingIn:
        """How long the loading-in phase took, and whether the warm-up covers it."""
        return loading_in(self.frames["releases"], self.warm_up_days, self.length_days)

    def route_differences(self) -> pd.DataFrame:
        """One row per route of each pair of places but the fastest in the mean: how many days it is slower.

        `difference` is its mean less that of the fastest (`base_flow`, `base_route`), paired by replication, with an
        interval that holds for all pairs of routes of these places together. `separated` is False where it includes
        zero or is unknown: then neither is the faster one. `base_unfinished` and `unfinished` are the shares of boxes
        that have not arrived: their days so far are in the means.
        """
        import pandas as pd

        rows = []
        for _, routes in self.summary().groupby(PLACES, sort=False):
            if len(routes) > 1 and routes["mean"].notna().any():
                rows += list(self._behind_the_fastest(routes))
        table = pd.DataFrame(rows, columns=[*PLACES, "base_flow", "base_route", *KEY, *GAIN, *UNARRIVED, "separated"])
        return table.astype(dict.fromkeys([*GAIN, *UNARRIVED], float))

    def _behind_the_fastest(self, routes: pd.DataFrame) -> Iterator[dict[str, Any]]:
        """The rows of one pair of places, in order of their means."""
        confidence = bonferroni(len(routes) * (len(routes) - 1) // 2)
        fastest, *others = cast("list[dict[str, Any]]", routes.sort_values("mean", kind="stable").to_dict("records"))
        replications = list(self.replications)
        first = _values(self.frames["routes"], fastest, replications)["mean"]
        for row in others:
            gain = paired_difference(first, _values(self.frames["routes"], row, replications)["mean"], confidence)
            yield {
                **{name: row[name] for name in (*PLACES, *KEY)},
                **{f"base_{name}": fastest[name] for name in KEY},
                **_gain(gain),
                "base_unfinished": fastest["share_unfinished"],
                "unfinished": row["share_unfinished"],
                "separated": gain.separated,
            }

    def costs(self) -> pd.DataFrame:
        """USD a TEU (`usd`) and a t (`usd_per_t`) by flow, route, stage of the way, kind and operator, with intervals.

        Kinds: freight, port, storage, documents, and the time value of the goods. `known` is False where the scenario
        has no freight for a leg, which then stands there with 0 USD.
        """
        index = [*STAGE, "operator", "known"]
        return self._over_replications(stage_costs(self.frames), index, ["usd", "usd_per_t"], absent=0.0)

    def emissions(self) -> pd.DataFrame:
        """kg CO2e a TEU well-to-wheel (`wtw`) and tank-to-wheel (`ttw`) by flow, route, stage and emission factor, with
        intervals, and what the figures rest on: load factor, empty running, source and grade.

        Legs have g a t km as well (`wtw_g_tkm`, `ttw_g_tkm`), hubs NaN. `known` is False where a leg has no factor, or
        a factor does not count the cargo: these stand there with 0 kg.
        """
        measures = ["wtw", "ttw", "wtw_g_tkm", "ttw_g_tkm"]
        return self._over_replications(stage_emissions(self.frames), [*STAGE, *BASIS, "known"], measures)

    def route_costs(self) -> pd.DataFrame:
        """One row per flow and route: USD a TEU by kind, what is paid in all (`cost`, and `cost_per_t`), that with the
        time value of the goods (`generalised`), mean days, kg CO2e a TEU and g a t km, each with its interval.

        NaN: unknown, for what `cost_unknown` and `emissions_unknown` say, as that a leg has no price or that there was
        no box in some replication. `days`, and with them the time value, are lower bounds where boxes have not arrived
        (`unfinished`).
        """
        totals = route_totals(self.frames)
        why = reasons(totals, self.frames["emissions"])
        return self._over_replications(totals, ROUTE[:-2], [*TOTALS, "unfinished"]).merge(why, on=KEY)

    def break_even(self) -> pd.DataFrame:
        """The value of time at which two routes of one pair of places cost the same: see `sim.study.costs`."""
        return break_even(route_totals(self.frames), self.replications)

    def priced(self) -> bool:
        """Whether the scenario has any price."""
        return bool((self.frames["costs"]["usd"] > 0).any())

    def about(self) -> dict[str, Any]:
        """What it stands on, runs and grades of the values: the head of every object of `--json`."""
        names = ("scenario", "model_version", "seed")
        return {name: getattr(self, name) for name in names} | {
            "replications": len(self.replications),
            "grades": dict(self.grades),
            "until": [record(asdict(found)) for found in self.until],
        }

    def costs_json(self, flows: Sequence[str] = ()) -> dict[str, Any]:
        """The object of `corridor cost --json`: routes, their costs and emissions by stage, and break-even values."""
        tables = {
            "routes": self.route_costs(),
            "costs": self.costs(),
            "emissions": self.emissions(),
            "break_even": self.break_even(),
        }
        return self.about() | {
            name: [row for row in records(table) if not flows or row["flow"] in flows or row.get("other_flow") in flows]
            for name, table in tables.items()
        }

    def to_json(self) -> dict[str, Any]:
        """The object of `--json`, as plain dicts and lists; docs/results.schema.json describes it."""
        causes = self.causes()
        return self.about() | {
            "warm_up_days": self.warm_up_days,
            "warm_up": record(asdict(self.loading_in())),
            "routes": [_route_json(row, causes) for row in self.summary().to_dict("records")],
            "facilities": records(self.facilities()[["place", "facility", *USE]]),
            "route_differences": records(self.route_differences()),
        }

    def _days(self, name: str, parts: list[str]) -> pd.DataFrame:
        """The days of a frame by flow, route and `parts`: a replication without the row has none of them, but one
        without any box does not say how many it would have."""
        frame = self._over_replications(self.frames[name], [*KEY, *parts], ["days"], absent=0.0)
        routes = self.frames["routes"]
        empty = set(routes.loc[routes["boxes"] == 0, KEY].itertuples(index=False, name=None))
        unknown = [way in empty for way in frame[KEY].itertuples(index=False, name=None)]
        frame.loc[unknown, ["days", "days_low", "days_high"]] = math.nan
        return frame

    def _over_replications(
        self, frame: pd.DataFrame, index: list[str], measures: list[str], absent: float = math.nan
    ) -> pd.DataFrame:
        """Estimate each of `measures` for each distinct `index`; a replication without the row counts as `absent`."""
        import numpy as np

        data = frame.reindex(columns=["replication", *index, *measures])
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

    @property
    def confidence(self) -> float:
        """That of each interval, so that those of one measure hold in all scenarios at once with 95 %."""
        return bonferroni(len(self.results) - 1)

    def differences(self) -> pd.DataFrame:
        """One row per other scenario, flow, route and measure (mean, p50, p90 in days; share_within 0..1).

        `base` and `value` are the means of the two scenarios over the replications that both have finished,
        `difference` is value − base with `low` and `high`, Bonferroni-corrected for the number of scenarios (see
        `confidence`), `correlation` that of the pairs, and `variance_ratio` what the pairing won: how many times as
        many replications unpaired runs would take. `separated` is False where the interval includes zero or is
        unknown. `base_unfinished` and `unfinished` are the shares of boxes that have not arrived, which bear on
        every figure of the row.
        """
        import pandas as pd

        rows = [
            row | {"scenario": other.scenario}
            for other in self.results[1:]
            for row in _paired_rows(self.base, other, self.confidence)
        ]
        table = pd.DataFrame(rows, columns=["scenario", *ROUTE[:-2], "measure", *PAIRED, "separated"])
        return table.astype(dict.fromkeys(PAIRED, float))

    def to_json(self) -> dict[str, Any]:
        """The object of `--json` for several scenarios; docs/results.schema.json describes it."""
        names = ["scenario", *KEY, "measure", *PAIRED, "separated"]
        return {
            "baseline": self.base.scenario,
            "confidence": self.confidence,
            "scenarios": [result.to_json() for result in self.results],
            "differences": records(self.differences()[names]),
        }


def measured(network: Network, replication: int, *, check: bool = False) -> Measures:
    """Simulate one replication and measure it. With `check` every box, vehicle and place is accounted for after every
    event; raises ConservationError."""
    from sim.measure import measure
    from sim.model import simulate

    return measure(network, simulate(network, replication, check=check))


checked = partial(measured, check=True)


def run(
    network: Network,
    replications: int | Sequence[int] | None = None,
    *,
    until: str | Sequence[str] = (),
    most: int = MOST,
    workers: int | None = None,
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
    task: Any = measured,
) -> Result:
    """Run replications of a network in `workers` processes (none: one a processor).

    `replications` is their number or the list of them; none: as many as the scenario says. With targets in `until`,
    like "transit.p50 ± 0.25 d", more are added until all are reached, to `most` at most. A warm-up that is left to
    the program is found first. The result is the same to the bit for any number of workers. Ctrl-C calls `on_stop` at
    once, and lets what other processes have in work end.

    Raises BadStudyError for targets or a warm-up that cannot be met, StudyError with the first traceback if every
    replication failed, and KeyboardInterrupt if Ctrl-C came before one had finished.
    """
    (result,) = run_all(
        [network], replications, until=until, most=most, workers=workers, on_done=on_done, on_stop=on_stop, task=task
    )
    return result


def run_all(
    networks: Sequence[Network],
    replications: int | Sequence[int] | None = None,
    *,
    until: str | Sequence[str] = (),
    most: int = MOST,
    workers: int | None = None,
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
    task: Any = measured,
) -> list[Result]:
    """The same for several networks: the same replications of all, so that they can be paired.

    Without targets each runs as many as its own scenario says. `on_done` counts the replications of all. After Ctrl-C
    there are fewer results: those of the networks of which one had finished.
    """
    targets = [read_target(text) for text in ([until] if isinstance(until, str) else until)]
    check_targets(targets, networks)
    networks = settle(networks, workers=workers, on_done=on_done, on_stop=on_stop)
    import pandas  # noqa: F401  # now, not after the replications: Ctrl-C during its import would lose them

    runs = [_Run(network, _numbers(network, replications)) for network in networks]
    if targets:
        _check_cap(runs, most)
    started = time.monotonic()

    def told() -> None:
        if on_done:
            done, total = sum(one.done for one in runs), sum(one.asked + len(one.waiting) for one in runs)
            on_done(done, total, (time.monotonic() - started) / done * (total - done))

    while any(one.waiting for one in runs):
        for one in runs:
            one.go_on(task, workers, told, on_stop)
            if one.interrupted:
                return _finished(runs)
        if targets:
            try:
                add = _judge(runs, targets, most)
            except KeyboardInterrupt:
                runs[-1].interrupted = True
                return _finished(runs)
            for one in runs:
                one.add(add)
    return [one.result() for one in runs]


@dataclass
class _Run:
    """The replications of one network as they are added."""

    network: Network
    waiting: list[int]
    values: dict[int, Any] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    asked: int = 0
    done: int = 0  # of those, also where they failed
    interrupted: bool = False
    until: tuple[Precision, ...] = ()
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def go_on(self, task: Any, workers: int | None, on_done: Callable[[], None], on_stop: OnStop | None) -> None:
        """Run what waits."""
        numbers, self.waiting = self.waiting, []
        self.asked += len(numbers)

        def told(done: int, of: int, seconds: float) -> None:
            self.done = self.asked - of + done
            on_done()

        outcomes = replicate(task, self.network, numbers, workers=workers, on_done=told, on_stop=on_stop)
        self.values |= outcomes.values
        self.failures += outcomes.failures
        self.interrupted = outcomes.interrupted

    def add(self, count: int) -> None:
        """Let `count` further replications wait."""
        first = max((*self.values, *(failure.replication for failure in self.failures))) + 1
        self.waiting = list(range(first, first + count))

    def samples(self, replications: Sequence[int]) -> Samples:
        """The values that targets bound, by flow and route; no shares within a promise where there is none."""
        import numpy as np

        found: dict[tuple[str, str], dict[str, Any]] = {}
        for at, number in enumerate(replications):
            for row in self.values[number].routes.to_dict("records"):
                columns = [*DAYS, *(SHARES[:2] if math.isfinite(row["promise_low"]) else [])]
                own = found.setdefault((row["flow"], row["route"]), {})
                for name in columns:
                    own.setdefault(name, np.full(len(replications), np.nan))[at] = row[name]
        return found

    def result(self) -> Result:
        """What came of them all; raises StudyError if nothing did."""
        if not self.values:
            first = self.failures[0]
            failed = f"every replication failed; replication {first.replication} with {first.error}"
            raise StudyError(f"{failed}\n{first.traceback}")
        model = self.network.model
        return Result(
            scenario=self.network.name,
            title=model.title,
            digest=self.network.digest,
            model_version=__version__,
            seed=model.run.seed,
            start=model.run.start,
            warm_up_days=float(model.run.warm_up) / 24,
            length_days=float(model.run.length) / 24,
            followed_days=float(model.run.run_out) / 24,
            replications=tuple(self.values),
            complete=len(self.values) == self.asked,
            interrupted=self.interrupted,
            failures=self.failures,
            started=self.started,
            finished=datetime.now(UTC),
            atlas=atlas_of(model),
            frames=_joined(self.values),
            grades=grades(model),
            until=self.until,
        )


def _finished(runs: Sequence[_Run]) -> list[Result]:
    """What there is after Ctrl-C; raises KeyboardInterrupt if that is nothing."""
    results = [one.result() for one in runs if one.values]
    if not results:
        raise KeyboardInterrupt
    return results


def _numbers(network: Network, replications: int | Sequence[int] | None) -> list[int]:
    """Which replications to run first."""
    wanted: Any = network.model.run.replications if replications is None else replications
    try:
        numbers = [index(number) for number in wanted] if isinstance(wanted, Iterable) else list(range(index(wanted)))
    except TypeError:
        raise BadStudyError(f"found {wanted!r}, where a number of replications, or their numbers, are due") from None
    if not numbers:
        raise BadStudyError("at least one replication is needed")
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise BadStudyError(f"found the replications {wanted!r}, where different ones from 0 on are due")
    return numbers


def _check_cap(runs: Sequence[_Run], most: int) -> None:
    """All networks begin with the same replications, no more than the cap."""
    numbers = max((one.waiting for one in runs), key=len)
    if len(numbers) > most:
        raise BadStudyError(f"{len(numbers)} replications to begin with are more than the {most} allowed at most")
    for one in runs:
        one.waiting = list(numbers)


def _judge(runs: Sequence[_Run], targets: Sequence[Target], most: int) -> int:
    """Judge all targets on the replications that all runs have finished; returns how many to add."""
    common = [n for n in runs[0].values if all(n in one.values for one in runs)]
    samples = [one.samples(common) for one in runs]
    for number, one in enumerate(runs):
        one.until = tuple(
            precision(target, samples[number], samples[0], len(runs), most)
            for target in targets
            if number or not target.paired
        )
    found = [one_of for one in runs for one_of in one.until]
    asked = max(one.asked for one in runs)  # with those that failed: a cap on what has finished might never be met
    return min(more(found), most - asked) if common else 0


def check_pairing(networks: Sequence[Network]) -> None:
    """Raise BadStudyError where networks would not meet the same demand and weather."""
    base = networks[0]
    for other in networks[1:]:
        for key in ("seed", "start", "warm_up"):
            first, second = getattr(base.model.run, key), getattr(other.model.run, key)
            if first != second:
                found = (
                    f"{getattr(first, 'text', first)} in {base.name}, {getattr(second, 'text', second)} in {other.name}"
                )
                raise BadStudyError(
                    f"the scenarios would not meet the same demand and weather, as they have different values of "
                    f"run.{key}: {found}; give one with --set run.{key}=…"
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
        if other.start != base.start:
            raise StudyError(
                f"{other.scenario} was run from {other.start}, {base.scenario} from {base.start}: they do not meet the "
                "same demand and weather"
            )
        if other.warm_up_days != base.warm_up_days:
            raise StudyError(
                f"{other.scenario} was run with a warm-up of {other.warm_up_days:g} days, {base.scenario} with one of "
                f"{base.warm_up_days:g}: they begin at different dates, and do not meet the same demand and weather"
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
                    **_gain(gain),
                    "base_unfinished": estimate(pair[0]["share_unfinished"]).value,
                    "unfinished": estimate(pair[1]["share_unfinished"]).value,
                    "separated": gain.separated,
                }
            )
    return rows


def _values(routes: pd.DataFrame, row: Mapping[Any, Any], replications: list[int]) -> pd.DataFrame:
    chosen: pd.DataFrame = routes[(routes["flow"] == row["flow"]) & (routes["route"] == row["route"])]
    return chosen.set_index("replication").reindex(columns=[*COMPARED, "share_unfinished"], index=replications)


def _route_json(row: Mapping[Any, Any], causes: pd.DataFrame) -> dict[str, Any]:
    own = causes[(causes["flow"] == row["flow"]) & (causes["route"] == row["route"])]
    return {
        **{name: row[name] for name in ("flow", "origin", "destination", "route", "direction", "cargo")},
        **record({name: row[name] for name in COUNTS}),
        "days": {
            name: record({"value": row[name]} | {end: row[f"{name}_{end}"] for end in ("low", "high", "at_least")})
            for name in DAYS
        },
        "promise": record(
            {"low": row["promise_low"], "high": row["promise_high"]} | {name: row[name] for name in SHARES[:2]}
        ),
        "causes": records(own.loc[own["days"] > 0, ["cause", "place", "days"]]),
    }


def _gain(difference: Difference) -> dict[str, float | None]:
    values = (difference.value, difference.low, difference.high, difference.correlation, difference.variance_ratio)
    return dict(zip(GAIN, values, strict=True))
