"""A sweep from its plan to its ledger: which runs are missing, who does them, and when a point has enough."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sim.network import build
from sim.network.preview import preview
from sim.scenario.faults import ScenarioError
from sim.scenario.load import Scenario, altered
from sim.scenario.sources import grades
from sim.study import OnDone, OnStop, settle
from sim.study.crew import FAILED, TIMED_OUT, Crew, Mishap, Processes, carry_out, processes
from sim.study.memory import check_memory
from sim.study.sequential import COLUMNS, Precision, more, precision
from sim.sweeps.file import SweepPlan
from sim.sweeps.ledger import FILE, OK, Ledger, LedgerError, reading, writing
from sim.sweeps.outcomes import count_figures
from sim.sweeps.points import Point, check_extras, fingerprint, points, values
from sim.sweeps.work import NEEDS, Job, Run, model_id, runtime, work


class DifferentSweepError(LedgerError):
    """The ledger is that of another sweep, or of other scenarios; `lines` tell the difference."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def run_sweep(
    plan: SweepPlan,
    folder: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    again: bool = False,
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
) -> bool:
    """Do the runs that the ledger in `folder` does not have yet; True if Ctrl-C cut it short.

    In `workers` processes (none: one a processor), or on the Dask cluster of a `scheduler`, with the same outcomes to
    the bit. With `again`, runs that failed or took too long are done once more. Ctrl-C calls `on_stop` at once.

    Raises BadStudyError if the sweep cannot be made or a base does not fit into the memory, LedgerError if the ledger
    there cannot be used, DifferentSweepError if it is one of another sweep, OSError if it cannot be written or a
    scheduler cannot be reached, and KeyboardInterrupt if Ctrl-C was pressed twice. What had finished is kept.
    """
    check_extras(plan)
    check_bases(plan, scheduler)
    with writing(folder) as (ledger, new):
        found = {} if new else ledger.about()
        plan = settled(plan, found.get("warm_up", {}), workers, on_stop)
        about, todo = describe(plan), points(plan)
        if new:
            ledger.begin(about, map(_row, todo))
        else:
            refuse_difference(folder, found, about, ledger.points(), todo)
            for key, value in about.items():
                if value != found.get(key):  # what bears on no run
                    ledger.tell(key, value)
        progress = _Progress(plan, todo, ledger, again, on_done)
        stopped = False
        if progress.missing:
            with crew_for(plan, progress.missing, workers, scheduler) as crew:
                stopped = carry_out(crew, progress.take, progress.keep, on_stop)
        ledger.tell("unmet", progress.unmet(todo))
        return stopped


def _reckoned(plan: SweepPlan, todo: Sequence[Point]) -> float:
    """The mean seconds of a run by `sim.network.preview`, over some points of the design."""
    bases = {scenario.name: scenario for scenario in plan.bases}
    seconds = []
    for point in todo[:: math.ceil(len(todo) / LOOKED_AT)]:
        try:
            network = build(altered(bases[point.base], point.changes))
        except ScenarioError:  # levels that are no sound scenario together: the run will say so
            network = build(bases[point.base])
        seconds.append(preview(network).estimate.cpu_s)
    return float(np.mean(seconds))


LOOKED_AT = 8  # points of a design that are previewed
EMPTY, RECORD = 100_000, 1_500  # bytes of a ledger without runs, and of a run without its figures; measured


def describe(plan: SweepPlan) -> dict[str, Any]:
    """What a ledger says of its sweep."""
    return {
        "sweep": plan.name,
        "title": plan.title,
        "file": plan.file,
        "model": model_id(),
        "runtime": runtime(),
        "values": {scenario.name: values(scenario) for scenario in plan.bases},
        "prints": {scenario.name: fingerprint(scenario) for scenario in plan.bases},
        "grades": {scenario.name: grades(scenario.model) for scenario in plan.bases},
        "titles": {scenario.name: scenario.model.title for scenario in plan.bases},
        "promises": {scenario.name: _promises(scenario) for scenario in plan.bases},
        "warm_up": {scenario.name: float(scenario.model.run.warm_up) / 24 for scenario in plan.bases},
        "factors": [
            {
                "name": factor.name,
                "title": factor.title,
                "unit": factor.unit,
                "how": factor.how,
                "levels": list(factor.levels),
                "low": factor.low,
                "high": factor.high,
            }
            for factor in plan.factors
        ],
        "unsound": dict(plan.unsound),
        "design": plan.design.model_dump(),
        "outcomes": [outcome.text for outcome in plan.outcomes],
        "replications": plan.replications,
        "given": plan.given,
        "first": {scenario.name: _first(plan, scenario.name) for scenario in plan.bases},
        "until": [target.text for target in plan.until],
        "most": plan.most,
        "time_limit": plan.time_limit,
    }


def estimate(plan: SweepPlan, folder: Path, workers: int | None) -> dict[str, Any]:
    """What a sweep would do: points, runs in all, those that the ledger has, and the seconds that the others may take.

    The seconds are those of the runs in the ledger, or without any a rough reckoning.
    """
    check_extras(plan)
    statuses: dict[tuple[str, int], str] = {}
    seconds = None
    if (folder / FILE).is_file():
        with reading(folder) as ledger:
            found, statuses, seconds = ledger.about()["warm_up"], ledger.statuses(), ledger.mean_seconds()
        plan = replace(plan, bases=tuple(_warmed(base, found.get(base.name)) for base in plan.bases))
    todo = points(plan)
    wanted = {
        (point.key, n)
        for point in todo
        for n in ([point.replication] if point.replication is not None else range(_first(plan, point.base)))
    }
    done = sum(1 for run in wanted if statuses.get(run) == OK)
    if seconds is None:
        seconds = _reckoned(plan, todo)
    count = min(processes(workers), max(1, len(wanted) - done))
    return {
        "sweep": plan.name,
        "unsound": dict(plan.unsound),
        "points": len(todo),
        "runs": len(wanted),
        "done": done,
        "until": [target.text for target in plan.until],
        "most_runs": sum(plan.most for _ in {point.key for point in todo}) if plan.until else len(wanted),
        "seconds_a_run": seconds,
        "workers": count,
        "seconds": seconds * (len(wanted) - done) / count,
        "ledger_bytes": EMPTY + len(wanted) * (RECORD + max(8 * count_figures(build(base)) for base in plan.bases)),
    }


def maker(about: Mapping[str, Any]) -> str:
    """The command that a ledger is of: sweep, sensitivity (it is a stage of a study) or optimise."""
    if "optimisation" in about:
        return "optimise"
    return "sweep" if about["sweep"] == Path(about["file"]).stem else "sensitivity"


def progress_of(folder: Path) -> dict[str, Any]:
    """How far the sweep in a folder has come: numbers of runs by status, and the errors that were met."""
    with reading(folder) as ledger:
        about, statuses = ledger.about(), ledger.statuses()
        wanted = set()
        for _, base, _, _, key, replication in ledger.points():
            first = about["first"][base]
            wanted |= {(key, n) for n in ([replication] if replication is not None else range(first))}
        wanted |= statuses.keys()  # targets may have asked for more
        errors = Counter((r.status, (r.error or "").partition("\n")[0]) for r in ledger.records() if r.status != OK)
        seconds = ledger.mean_seconds()
        pace, last = ledger.pace()
    count = Counter(statuses.values())
    return {
        "sweep": about["sweep"],
        "title": about["title"],
        "command": maker(about),
        "file": about["file"],
        "model": about["model"],
        "runs": len(wanted),
        **{status: count[status] for status in (OK, FAILED, TIMED_OUT)},
        "missing": len(wanted - statuses.keys()),
        "seconds_a_run": seconds,
        "pace": pace,
        "last": last,
        "errors": [[status, error, number] for (status, error), number in errors.most_common()],
    }


def _first(plan: SweepPlan, base: str) -> int:
    """With how many replications a point begins."""
    runs = {scenario.name: scenario.model.run.replications for scenario in plan.bases}
    return plan.replications or runs[base]


def _promises(scenario: Scenario) -> dict[str, list[float]]:
    """The published days of each route."""
    routes = scenario.model.routes
    return {
        name: [float(route.promise.low) / 24, float(route.promise.high) / 24]
        for name, route in routes.items()
        if route.promise is not None
    }


def refuse_difference(
    folder: Path,
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    earlier: Sequence[Sequence[Any]],
    todo: Sequence[Point],
) -> None:
    """Raise DifferentSweepError if the runs of a ledger would not be those that are asked for now.

    `earlier` are the points of the ledger, as it gives them.
    """
    lines = list(_differences("", *({"model": about["model"], **about["runtime"]} for about in (before, now))))
    for name in dict.fromkeys([*before["values"], *now["values"]]):
        lines += _differences(f"{name}: ", before["values"].get(name, {}), now["values"].get(name, {}))
    old, new = ({factor["name"]: factor for factor in about["factors"]} for about in (before, now))
    for name in dict.fromkeys([*old, *new]):
        lines += _differences(f"factors.{name}.", *(_essence(about.get(name, {})) for about in (old, new)))
    lines += _differences("design.", before["design"], now["design"])
    if not lines and list(old) != list(new):  # the columns of the points stand in their order
        lines.append(f"factors: {', '.join(old)} → {', '.join(new)}")
    if not lines:
        for was, point in zip(earlier, todo, strict=False):
            if was[4] != point.key:
                shown = (", ".join(changes) or "nothing" for changes in (was[3], point.changes))
                lines.append(f"point {point.number}: {' → '.join(shown)}")
        if len(earlier) != len(todo):
            lines.append(f"points: {len(earlier)} → {len(todo)}")
    if lines:
        advice = "give another --out, or move the folder away, to begin anew; to go on, undo the change"
        shown_lines = lines[:20] + ([f"and {len(lines) - 20} more"] if len(lines) > 20 else [])
        head = f"{folder}: the sweep there was begun with something else; {advice}"
        raise DifferentSweepError([head, *(f"  {line}" for line in shown_lines)])


def _essence(factor: Mapping[str, Any]) -> dict[str, Any]:
    """What a factor is, without what it is called."""
    return {key: value for key, value in factor.items() if key not in ("name", "title")}


def _differences(where: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """A line for each entry that is not the same: what it was, and what it is."""
    for key in dict.fromkeys([*before, *now]):
        was, is_now = before.get(key, "nothing"), now.get(key, "nothing")
        if was != is_now:
            yield f"{where}{key}: {was} → {is_now}"


def check_bases(plan: SweepPlan, scheduler: str | None) -> None:
    """Raise BadStudyError if a base does not fit into the memory of this machine, where it is to be run here. Points
    that do not are runs that fail."""
    if scheduler is None:
        check_memory([build(base) for base in plan.bases])


def settled(
    plan: SweepPlan, found: Mapping[str, float], workers: int | None, on_stop: OnStop | None = None
) -> SweepPlan:
    """The plan with a warm-up for the scenarios that leave it to the program: one for all, or as it was `found`."""
    if not all(base.name in found for base in plan.bases if _finds_warm_up(base)):
        open_ones = [build(base) for base in plan.bases if _finds_warm_up(base)]
        networks = settle(open_ones, workers=workers, on_stop=on_stop)
        found = {network.name: float(network.model.run.warm_up) / 24 for network in networks}
    return replace(plan, bases=tuple(_warmed(base, found.get(base.name)) for base in plan.bases))


def _finds_warm_up(scenario: Scenario) -> bool:
    """Whether the scenario leaves its warm-up to the program."""
    return bool(scenario.tree["run"].get("warm_up") == "auto")


def _warmed(scenario: Scenario, days: float | None) -> Scenario:
    """The scenario with the warm-up that was found for it, if it was to be found."""
    if days is None or not _finds_warm_up(scenario):
        return scenario
    return altered(scenario, [f"run.warm_up={days:g} d"])


def _row(point: Point) -> Sequence[Any]:
    return (point.number, point.base, point.levels, point.changes, point.key, point.replication)


def crew_for(
    plan: SweepPlan, runs: int, workers: int | None, scheduler: str | None
) -> AbstractContextManager[Crew[Job, Run]]:
    """Who does the runs: no more processes of this machine than there are runs, or the cluster of a scheduler."""
    bases = {scenario.name: scenario for scenario in plan.bases}
    if scheduler is not None:
        from sim.sweeps.cluster import Cluster

        return Cluster(scheduler, work, bases, plan.time_limit)
    count = max(1, min(processes(workers), runs))
    return Processes(work, bases, count, plan.time_limit, NEEDS)


class _Progress:
    """Which runs are done, which are in work, and which are still to be given out."""

    def __init__(
        self, plan: SweepPlan, todo: Sequence[Point], ledger: Ledger, again: bool, on_done: OnDone | None
    ) -> None:
        self.plan = plan
        self.ledger = ledger
        self.on_done = on_done
        self.points = {point.key: point for point in reversed(todo)}  # those of one key are run once
        self.asked: dict[str, set[int]] = {key: set() for key in self.points}
        self.waiting: dict[str, deque[Job]] = {}
        self.in_work = Counter[str]()
        self.samples: dict[str, dict[int, Run | None]] = {key: {} for key in self.points}  # None: no result
        self.total = self.missing = 0  # runs asked for, and those of them still to be done, as far as is known
        for record in ledger.records():
            if record.key in self.samples and (record.status == OK or not again):
                run = None if record.figures is None else Run(record.names, record.figures, 0.0)
                self.samples[record.key][record.replication] = run if plan.until else None
        for point in todo:
            self.ask(point)
        self.before = self.total - self.missing
        self.started = time.monotonic()

    def ask(self, point: Point) -> None:
        """Let all runs of a point wait that it needs and does not have, as far as that can be known now."""
        numbers = range(_first(self.plan, point.base)) if point.replication is None else [point.replication]
        asked, samples = self.asked[point.key], self.samples[point.key]
        while True:
            fresh = sorted(set(numbers) - asked)
            asked.update(fresh)
            jobs = [Job(point.key, point.base, point.changes, n) for n in fresh if n not in samples]
            self.total += len(fresh)
            self.missing += len(jobs)
            if jobs:
                self.waiting.setdefault(point.key, deque()).extend(jobs)
                return
            if not self.plan.until or (count := self._lacking(point.key)) <= 0:
                return
            numbers = range(max(asked) + 1, max(asked) + 1 + count)

    def _lacking(self, key: str) -> int:
        """How many replications the targets call for beyond those that were asked for.

        Runs of the ledger that this has not come to yet do not count, so that it comes to as many as without a break.
        """
        found = self._judged(key)
        return (
            min(more(found), self.plan.most - len(self.asked[key])) if found else 0
        )  # failed ones were asked for, too

    def unmet(self, todo: Sequence[Point]) -> dict[str, list[int]]:
        """The numbers of the points that do not reach a target, or not yet, by target."""
        if not self.plan.until:
            return {}
        reached = {key: {one.target for one in self._judged(key) if one.reached} for key in self.points}
        missed = {
            target.text: [point.number for point in todo if target.text not in reached[point.key]]
            for target in self.plan.until
        }
        return {text: numbers for text, numbers in missed.items() if numbers}

    def _judged(self, key: str) -> list[Precision]:
        """What became of the targets at a point; nothing without any run."""
        runs = [run for run in map(self.samples[key].get, sorted(self.asked[key])) if run is not None]
        if not runs:
            return []
        samples: dict[tuple[str, str], dict[str, Any]] = {}
        for at, column in enumerate(runs[0].names):
            name, _, rest = column.partition("[")
            if name in COLUMNS:
                flow, _, route = rest.removesuffix("]").partition("/")
                scale = 0.01 if name.startswith("promise") else 1.0
                series = np.array([run.values[at] for run in runs]) * scale
                if name.startswith("transit") or np.isfinite(series).any():
                    samples.setdefault((flow, route), {})[COLUMNS[name]] = series
        return [precision(target, samples, samples, 1, self.plan.most) for target in self.plan.until]

    def take(self, near: Job | None) -> Job | None:
        """The next job: of the point that this process has at hand, of one that nobody is at, of any."""
        own = near.key if near is not None else None
        free = (key for key in self.waiting if not self.in_work[key])
        key = own if own in self.waiting else next(free, None) or next(iter(self.waiting), None)
        if key is None:
            return None
        line = self.waiting[key]
        job = line.popleft()
        if not line:
            del self.waiting[key]
        self.in_work[key] += 1
        return job

    def keep(self, job: Job, outcome: Run | Mishap) -> None:
        """Write an outcome down, and see whether its point needs more."""
        self.ledger.keep(job.key, job.replication, outcome)
        self.in_work[job.key] -= 1
        self.missing -= 1
        sample = outcome if isinstance(outcome, Run) and self.plan.until else None
        self.samples[job.key][job.replication] = sample
        if job.key not in self.waiting and not self.in_work[job.key]:
            self.ask(self.points[job.key])
        if self.on_done:
            done = self.total - self.missing
            rate = (time.monotonic() - self.started) / max(1, done - self.before)
            self.on_done(done, self.total, rate * self.missing)
