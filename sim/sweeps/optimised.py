"""An optimisation from its plan to its ledger, and what it has found as frames."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.study import OnDone, OnStop
from sim.study.crew import Mishap, carry_out, processes
from sim.study.statistics import intervals
from sim.sweeps.ledger import FILE, OK, Ledger, Record, reading, writing
from sim.sweeps.levers import Choice, OptimisationPlan, Problem
from sim.sweeps.optimise import Asked, Verdict, check_extra, error_of_a_look, looks, searched, seek
from sim.sweeps.points import changes_at, fingerprint, point_key
from sim.sweeps.run import check_bases, crew_for, describe, refuse_difference, settled
from sim.sweeps.work import Job, Run

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

ADJUSTABLE = ("title", "file", "replications", "most", "time_limit", "optimisation")  # from one session to the next


@dataclass(frozen=True)
class OptimisationResult:
    """What an optimisation has found so far; `verdict` is None while it is not at its end.

    `candidates`: one row a candidate, the cheapest first: candidate (its number), a column for each lever, cost (USD a
    year), searched and confirmed (replications of the search, and fresh ones), status (meets, misses, open, unknown, or
    "search": not in the last step), winner, efficient; and for each goal its mean as "transit.p90[flow/route]" with
    columns "… low" and "… high", the ends of its 95 % interval: over the fresh replications that all confirmed ones
    have in common, or for the others over those of the search. "… bound" is a one-sided bound of the last step, over
    all fresh replications of the candidate: the one that is beyond the target if it shows that this is missed, else the
    other, which shows that it is met if it is not beyond.
    `runs`: candidate, replication, part (search, last step), a column for each goal. NaN: unknown.
    `failures`: candidate, replication, status, error, traceback.
    """

    plan: OptimisationPlan
    verdict: Verdict | None
    choices: tuple[Choice, ...] = field(repr=False)  # of the rows of `candidates`
    candidates: pd.DataFrame = field(repr=False)
    runs: pd.DataFrame = field(repr=False)
    failures: pd.DataFrame = field(repr=False)
    model: str
    interrupted: bool = False

    @property
    def name(self) -> str:
        """That of the file."""
        return self.plan.sweep.name

    @property
    def exhaustive(self) -> bool:
        """Whether all candidates were tried."""
        return self.plan.problem.size <= self.plan.problem.budget

    @property
    def winner(self) -> dict[str, Any] | None:
        """The row of the cheapest that was shown to meet the goals."""
        return self._row(self.verdict.winner if self.verdict else None)

    @property
    def nearest(self) -> dict[str, Any] | None:
        """The row of what misses the goals by least, where none was shown to meet them."""
        return self._row(self.verdict.nearest if self.verdict else None)

    def _row(self, choice: Choice | None) -> dict[str, Any] | None:
        if choice is None:
            return None
        return {str(key): value for key, value in self.candidates.iloc[self.choices.index(choice)].items()}


def run_optimisation(
    plan: OptimisationPlan,
    folder: Path,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    again: bool = False,
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
) -> OptimisationResult:
    """Do the runs that the search asks for and the ledger in `folder` does not have; what came of it.

    In `workers` processes (none: one a processor), or on the Dask cluster of a `scheduler`, with the same outcomes to
    the bit. With `again`, runs that failed or took too long are done once more. Ctrl-C calls `on_stop` at once, and
    what is in work ends; `interrupted` is true then.

    Raises BadStudyError if a library or memory is missing, LedgerError if the ledger there cannot be used,
    DifferentSweepError if it is one of other levers or scenarios, OSError if it cannot be written, and
    KeyboardInterrupt if Ctrl-C was pressed twice. What had finished is kept.
    """
    from dataclasses import replace

    check_extra(plan.problem)
    check_bases(plan.sweep, scheduler)
    with writing(folder) as (ledger, new):
        found = {} if new else ledger.about()
        plan = replace(plan, sweep=settled(plan.sweep, found.get("warm_up", {}), workers, on_stop))
        about = _about(plan)
        if new:
            ledger.begin(about, [])
        else:
            refuse_difference(folder, _essence(found), _essence(about), [], [])
            for key in ADJUSTABLE:
                ledger.tell(key, about[key])
        candidates = _Candidates(plan, ledger, again, on_done)
        verdict, interrupted = _carried_out(plan, candidates, workers, scheduler, on_stop)
        return _result(plan, candidates, verdict, about["model"], interrupted)


def estimate(plan: OptimisationPlan, folder: Path, workers: int | None) -> dict[str, Any]:
    """What an optimisation would do: candidates, runs of the search and of the last step at most, and their seconds.

    The seconds are those of the runs in the ledger, or without any a rough reckoning.
    """
    from sim.network import build
    from sim.network.preview import preview

    check_extra(plan.problem)
    problem, done, seconds = plan.problem, 0, None
    if (folder / FILE).is_file():
        with reading(folder) as ledger:
            done = sum(status == OK for status in ledger.statuses().values())
            seconds = ledger.mean_seconds()
    if seconds is None:
        seconds = preview(build(plan.scenario)).estimate.cpu_s
    tried = min(problem.size, problem.budget)
    chosen = min(problem.finalists, tried)
    first, last = len(looks(problem)[0]), len(looks(problem)[-1])
    search, confirmation = tried * problem.replications, chosen * (first + last)
    count = processes(workers)
    return {
        "optimisation": plan.sweep.name,
        "candidates": problem.size,
        "tried": tried,
        "exhaustive": problem.size <= problem.budget,
        "search_runs": search,
        "last_step_runs": confirmation,
        "done": done,
        "seconds_a_run": seconds,
        "workers": count,
        "seconds": seconds * max(0, search + confirmation - done) / count,
    }


def _carried_out(
    plan: OptimisationPlan,
    candidates: _Candidates,
    workers: int | None,
    scheduler: str | None,
    on_stop: OnStop | None,
) -> tuple[Verdict | None, bool]:
    """The verdict, None if Ctrl-C came before, and whether it did."""
    seeking = seek(plan.problem, candidates.samples)
    planned = candidates.planned
    crew = None
    with ExitStack() as stack:
        while True:
            try:
                asked = next(seeking)
            except StopIteration as end:
                return end.value, False
            if count := candidates.ask(asked):
                crew = crew or stack.enter_context(crew_for(plan.sweep, max(count, planned), workers, scheduler))
                if carry_out(crew, candidates.take, candidates.keep, on_stop):
                    return None, True


class _Candidates:
    """The candidates, the replications that each was asked for, and what is known of them."""

    def __init__(self, plan: OptimisationPlan, ledger: Ledger, again: bool, on_done: OnDone | None) -> None:
        self.plan = plan
        self.ledger = ledger
        self.on_done = on_done
        self.asked: dict[Choice, set[int]] = {}
        self.samples: dict[Choice, dict[int, tuple[float, ...] | None]] = {}  # the figures of the goals
        self.mishaps: dict[tuple[Choice, int], Mishap] = {}
        self.numbers: dict[str, int] = {key: number for number, _, _, _, key, _ in ledger.points()}
        self.known: dict[str, dict[int, Record]] = {}
        for record in ledger.records():
            if record.status == OK or not again:
                self.known.setdefault(record.key, {})[record.replication] = record
        self.print = fingerprint(plan.scenario)
        self.jobs: dict[Choice, tuple[str, tuple[str, ...]]] = {}  # key and changes
        self.choices: dict[str, list[Choice]] = {}  # several where levels come to the same, as 4.4 ships and 4
        self.ended: dict[tuple[str, int], Run | Mishap] = {}  # since the ledger was read
        self.waiting: dict[Job, None] = {}
        self.in_work = Counter[str]()
        self.done = 0
        self.started = time.monotonic()

    @property
    def planned(self) -> int:
        """The runs of the search."""
        problem = self.plan.problem
        return min(problem.size, problem.budget) * problem.replications

    def number(self, choice: Choice) -> int:
        """The number that a candidate has in the ledger."""
        return self.numbers[self.jobs[choice][0]]

    def ask(self, asked: Asked) -> int:
        """Let runs wait that are asked for and not known; how many."""
        self.enter([choice for choice, _ in asked])
        for choice, replications in asked:
            key, changes = self.jobs[choice]
            for n in sorted(set(replications) - self.asked[choice]):
                record = self.known.get(key, {}).get(n)
                if (key, n) in self.ended:
                    self.learn(choice, n, self.ended[key, n])
                elif record is None:
                    self.waiting[Job(key, self.plan.scenario.name, changes, n)] = None
                elif record.figures is None:
                    mishap = Mishap(record.error or "", record.traceback or "", record.status)  # type: ignore[arg-type]
                    self.learn(choice, n, mishap)
                else:
                    self.learn(choice, n, Run(record.names, record.figures, 0.0))
            self.asked[choice] |= set(replications)
        return len(self.waiting)

    def enter(self, choices: Sequence[Choice]) -> None:
        """Write candidates into the ledger that are not in it."""
        fresh = []
        for choice in choices:
            if choice in self.jobs:
                continue
            levels = self.plan.levels(choice)
            changes = changes_at(self.plan.sweep.factors, self.plan.scenario, levels)
            key = point_key(self.print, changes)
            self.jobs[choice] = key, changes
            self.choices.setdefault(key, []).append(choice)
            self.asked[choice] = set()
            self.samples[choice] = {}
            if key not in self.numbers:
                self.numbers[key] = len(self.numbers)
                fresh.append((self.numbers[key], self.plan.scenario.name, levels, changes, key, None))
        if fresh:
            self.ledger.add_points(fresh)

    def learn(self, choice: Choice, replication: int, outcome: Run | Mishap) -> None:
        if isinstance(outcome, Mishap):
            self.samples[choice][replication] = None
            self.mishaps[choice, replication] = outcome
            return
        at = {name: index for index, name in enumerate(outcome.names)}
        columns = [at.get(goal.column) for goal in self.plan.problem.goals]
        self.samples[choice][replication] = tuple(
            np.nan if index is None else float(outcome.values[index]) for index in columns
        )

    def take(self, near: Job | None) -> Job | None:
        """The next job: of the candidate that this process has at hand, of one that nobody is at, of any."""
        own = next((job for job in self.waiting if near is not None and job.key == near.key), None)
        free = own or next((job for job in self.waiting if not self.in_work[job.key]), None)
        job = free or next(iter(self.waiting), None)
        if job is not None:
            del self.waiting[job]
            self.in_work[job.key] += 1
        return job

    def keep(self, job: Job, outcome: Run | Mishap) -> None:
        """Write an outcome down."""
        self.ledger.keep(job.key, job.replication, outcome)
        self.in_work[job.key] -= 1
        self.ended[job.key, job.replication] = outcome
        for choice in self.choices[job.key]:
            if job.replication in self.asked[choice]:
                self.learn(choice, job.replication, outcome)
        self.done += 1
        if self.on_done:
            finished = sum(map(len, self.samples.values()))
            total = max(self.planned, sum(map(len, self.asked.values())))
            self.on_done(finished, total, (time.monotonic() - self.started) / self.done * (total - finished))


def _about(plan: OptimisationPlan) -> dict[str, Any]:
    """What a ledger says of its optimisation: as of a sweep, and what is sought."""
    problem = plan.problem
    return describe(plan.sweep) | {
        "design": {"kind": "optimise"},
        "optimisation": {
            "costs": problem.costs,
            "targets": [goal.text for goal in problem.goals],
            "finalists": problem.finalists,
            "budget": problem.budget,
            "seed": problem.seed,
            "confidence": problem.confidence,
        },
    }


def _essence(about: Mapping[str, Any]) -> dict[str, Any]:
    """Without the titles of levers, and the order of their levels, which is that of the costs."""
    factors = [factor | {"title": "", "levels": sorted(factor["levels"], key=str)} for factor in about["factors"]]
    return dict(about) | {"factors": factors}


def _result(
    plan: OptimisationPlan, candidates: _Candidates, verdict: Verdict | None, model: str, interrupted: bool
) -> OptimisationResult:
    import pandas as pd

    problem = plan.problem
    names = [factor.name for factor in plan.sweep.factors]
    order = sorted(candidates.samples, key=lambda choice: (problem.cost(choice), choice))
    rows, runs, failures = [], [], []
    for choice in order:
        number, samples = candidates.number(choice), candidates.samples[choice]
        rows.append({"candidate": number, **dict(zip(names, plan.levels(choice), strict=True)),
                     **_row(problem, choice, samples, verdict)})  # fmt: skip
        for n in sorted(samples):
            figures, part = samples[n], "search" if n in searched(problem) else "last step"
            if figures is not None:
                runs.append((number, n, part, *figures))
            else:
                mishap = candidates.mishaps[choice, n]
                failures.append((number, n, mishap.status, mishap.error, mishap.traceback))
    columns = [goal.column for goal in problem.goals]
    return OptimisationResult(
        plan,
        verdict,
        tuple(order),
        pd.DataFrame(rows),
        pd.DataFrame(runs, columns=["candidate", "replication", "part", *columns]),
        pd.DataFrame(failures, columns=["candidate", "replication", "status", "error", "traceback"]),
        model,
        interrupted,
    )


def _row(
    problem: Problem, choice: Choice, samples: Mapping[int, tuple[float, ...] | None], verdict: Verdict | None
) -> dict[str, Any]:
    """What is known of a candidate."""
    fresh = verdict.fresh.get(choice, range(0)) if verdict else range(0)
    status = verdict.finalists.get(choice, "search") if verdict else "search"
    common = looks(problem)[0] if fresh else [n for n in searched(problem) if n in samples]
    value, low, high = intervals(_table(problem, samples, common))
    row: dict[str, Any] = {
        "cost": problem.cost(choice),
        "searched": sum(n in samples for n in searched(problem)),
        "confirmed": len(fresh),
        "status": status,
        "winner": verdict is not None and choice == verdict.winner,
        "efficient": verdict is not None and choice in verdict.efficient,
    }
    bounds = np.full((2, len(problem.goals)), np.nan)
    if verdict is not None and choice in verdict.finalists:
        confidence = 1 - 2 * error_of_a_look(problem, len(verdict.finalists))  # of both sides together
        _, *ends = intervals(_table(problem, samples, fresh), confidence)
        bounds = np.array(ends)
    for at, goal in enumerate(problem.goals):
        least, most = bounds[:, at] if goal.sense > 0 else bounds[::-1, at]  # the better end first
        bound = least if goal.excess(least) > 0 else most  # what shows that it misses the target, or may meet it
        shown = {"": value[at], " low": low[at], " high": high[at], " bound": bound}
        row |= {goal.column + end: float(figure) for end, figure in shown.items()}
    return row


def _table(
    problem: Problem, samples: Mapping[int, tuple[float, ...] | None], replications: Iterable[int]
) -> NDArray[np.float64]:
    """The figures of the goals, shape (goals, replications); NaN where a run failed."""
    unknown = (np.nan,) * len(problem.goals)
    rows = [samples.get(n) or unknown for n in replications]
    return np.array(rows, dtype=float).reshape(-1, len(problem.goals)).T
