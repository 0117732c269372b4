"""The search for the cheapest choice that meets its goals, and the last step that makes sure that it was not luck.

The search runs all candidates with the same few replications. Those that may be the answer then get fresh
replications, the same for all of them, so that nobody is preferred for having been lucky in the search. Costs are
known; only whether a goal is met must be told from the replications, by one-sided Student-t bounds of the mean. These
are corrected (Bonferroni) for the number of finalists and for the looks that are taken at growing numbers of
replications: with the confidence that was asked for, no finalist is wrongly said to meet the goals, and none wrongly
to miss them.

Nothing here runs anything: `seek` asks for replications, and goes on when they are there. Its way depends on nothing
but their outcomes, so that an interrupted search that begins anew comes back to the same point.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal

import numpy as np

from sim.study import BadStudyError
from sim.sweeps.levers import Choice, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BATCH = 8  # candidates that are run together: a fixed number, so that that of the workers has no bearing
PATIENCE = 10  # suggestions of what was tried before, for each new one, before the search ends
SCREEN = 0.99  # one-sided confidence with which a candidate must miss a goal to be left out after the search
RUNGS = 3  # the cheapest candidates that met the goals in the search; what is dearer than all of them is left out
NEAREST = 3  # finalists that missed by least, where none clearly met the goals
LOOK = 8  # fresh replications at the first look; they are doubled for each further one
UNKNOWN = 1e3  # the excess of a figure that is not known: worse than any that is

Status = Literal["meets", "misses", "open", "unknown"]
Samples = Mapping[
    Choice, Mapping[int, Sequence[float] | None]
]  # by replication: the figures of the goals; None: failed
Asked = list[tuple[Choice, range]]  # replications of choices that are needed before it goes on
Asking = Generator[Asked, None, "Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What the search has found. `finalists` are those of the last step, the cheapest first.

    `fresh` are the replications that had no part in the search, of each choice that got such ones.
    """

    tried: tuple[Choice, ...]
    finalists: Mapping[Choice, Status]
    fresh: Mapping[Choice, range]
    winner: Choice | None
    nearest: Choice | None  # that misses by least, where nobody was shown to meet the goals
    efficient: tuple[Choice, ...]  # for which none that is cheaper is as good, the cheapest first


def seek(problem: Problem, samples: Samples) -> Asking:
    """Ask for replications until the verdict is there. Raises BadStudyError if a library is missing."""
    tried = yield from (_all if problem.size <= problem.budget else _searched)(problem, samples)
    finalists = choose_finalists(problem, samples, tried)
    statuses, fresh = yield from _last_step(problem, samples, finalists)
    front = _spread_out(pareto(problem, samples, dict.fromkeys(tried, searched(problem))), problem.finalists)
    first = looks(problem)[0]
    yield [(choice, first) for choice in front]
    fresh |= {choice: first for choice in front if choice not in fresh}
    winner = next((choice for choice in finalists if statuses[choice] == "meets"), None)
    nearest = None
    if winner is None:
        nearest = min(fresh, key=lambda choice: (_worst(problem, samples, choice, first), problem.cost(choice)))
    efficient = pareto(problem, samples, dict.fromkeys(fresh, first))
    return Verdict(tuple(tried), statuses, fresh, winner, nearest, tuple(efficient))


def check_extra(problem: Problem) -> None:
    """Raise BadStudyError if the search takes a library that is not installed."""
    if problem.size > problem.budget:
        try:
            import optuna  # noqa: F401
        except ImportError:
            raise BadStudyError(
                f"a search among {problem.size:,} candidates takes optuna: pip install 'middle-corridor-sim[opt]'; "
                "without it, let the budget cover all of them"
            ) from None


def searched(problem: Problem) -> range:
    """The replications of the search."""
    return range(problem.replications)


def looks(problem: Problem) -> list[range]:
    """The fresh replications at each look of the last step, each with those of the look before."""
    counts = [LOOK]
    while counts[-1] < problem.most:
        counts.append(2 * counts[-1])
    counts[-1] = problem.most
    return [range(problem.replications, problem.replications + count) for count in counts]


def error_of_a_look(problem: Problem, finalists: int) -> float:
    """How probable a wrong word may be at one look at one finalist, for all to be right with the confidence asked."""
    return (1 - problem.confidence) / (finalists * len(looks(problem)))


def mean_excess(
    problem: Problem, samples: Samples, choice: Choice, replications: Iterable[int]
) -> tuple[Floats, Floats, int] | None:
    """Mean and standard error of the excess over each goal, and the number of replications; None: not known."""
    runs = [samples.get(choice, {}).get(number) for number in replications]
    table = [problem.excess(run) for run in runs if run is not None]
    if len(table) < len(runs) or not np.isfinite(table).all():
        return None
    means = np.mean(table, axis=0)
    return means, np.std(table, axis=0, ddof=1) / math.sqrt(len(table)), len(table)


def judge(
    problem: Problem, samples: Samples, choice: Choice, replications: Iterable[int], error: float
) -> tuple[Status, float]:
    """Whether a choice meets all goals, wrong with a probability of at most `error`; and its largest upper bound.

    To meet all, each must be met, so no goal needs more confidence for there being others. One that is missed is
    enough to miss, so there the error is shared by the goals.
    """
    from scipy.special import stdtrit

    found = mean_excess(problem, samples, choice, replications)
    if found is None:
        return "unknown", UNKNOWN
    means, errors, count = found
    upper = means + stdtrit(count - 1, 1 - error) * errors
    lower = means - stdtrit(count - 1, 1 - error / len(means)) * errors
    status: Status = "meets" if (upper <= 0).all() else "misses" if (lower > 0).any() else "open"
    return status, float(upper.max())


def choose_finalists(problem: Problem, samples: Samples, tried: Sequence[Choice]) -> list[Choice]:
    """Those that may be the cheapest to meet the goals, the cheapest first.

    Left out are what clearly missed in the search, and what is dearer than several that clearly met. If still too
    many remain, these several are chosen, then what is cheaper than they are, the best means first. Where none
    clearly met, the nearest misses come first.
    """
    numbers, in_order = searched(problem), sorted(tried, key=lambda choice: (problem.cost(choice), choice))
    rungs = [c for c in in_order if judge(problem, samples, c, numbers, 1 - problem.confidence)[0] == "meets"][:RUNGS]
    first, dearest = (problem.cost(rungs[0]), problem.cost(rungs[-1])) if rungs else (math.inf, math.inf)
    possible = [
        choice
        for choice in in_order
        if problem.cost(choice) <= dearest
        and judge(problem, samples, choice, numbers, 1 - SCREEN)[0] not in ("misses", "unknown")
    ]
    likely = sorted(possible, key=lambda c: (problem.cost(c) > first, _worst(problem, samples, c, numbers)))
    nearest = sorted(in_order, key=lambda c: _worst(problem, samples, c, numbers))[:NEAREST]
    chosen = list(dict.fromkeys([*(rungs or nearest), *likely]))[: problem.finalists]
    return [choice for choice in in_order if choice in chosen]


def pareto(problem: Problem, samples: Samples, among: Mapping[Choice, range]) -> list[Choice]:
    """Those for which none that is cheaper is as good in the mean of the first goal, the cheapest first.

    `among` has the replications of each; only the same ones compare.
    """
    found = {choice: mean_excess(problem, samples, choice, numbers) for choice, numbers in among.items()}
    known = {choice: float(one[0][0]) for choice, one in found.items() if one is not None}
    front: list[Choice] = []
    for choice in sorted(known, key=lambda choice: (problem.cost(choice), known[choice], choice)):
        if not front or known[choice] < known[front[-1]]:
            front.append(choice)
    return front


def _last_step(
    problem: Problem, samples: Samples, finalists: Sequence[Choice]
) -> Generator[Asked, None, tuple[dict[Choice, Status], dict[Choice, range]]]:
    """Look at all finalists after so many fresh replications, and again at those that are still open after more.

    What is dearer than one that was shown to meet the goals needs no more.
    """
    stages = looks(problem)
    error = error_of_a_look(problem, len(finalists))
    statuses: dict[Choice, Status] = dict.fromkeys(finalists, "open")
    fresh: dict[Choice, range] = {}
    for replications in stages:
        shown = [problem.cost(choice) for choice in finalists if statuses[choice] == "meets"]
        active = [
            choice
            for choice in finalists
            if statuses[choice] == "open" and problem.cost(choice) <= min(shown, default=math.inf)
        ]
        if not active:
            break
        yield [(choice, replications) for choice in active]
        fresh |= dict.fromkeys(active, replications)
        for choice in active:
            statuses[choice] = judge(problem, samples, choice, replications, error)[0]
    return statuses, fresh


def _all(problem: Problem, samples: Samples) -> Generator[Asked, None, list[Choice]]:
    """Try every choice."""
    tried = list(product(*(range(len(costs)) for costs in problem.costs)))
    yield [(choice, searched(problem)) for choice in tried]
    return tried


def _searched(problem: Problem, samples: Samples) -> Generator[Asked, None, list[Choice]]:
    """Try as many choices as the budget allows, batch by batch.

    First the cheapest and the dearest of all. Then half of a batch are steps back from the best so far: the next
    cheaper level of one lever. The others are suggested by optuna's tree-structured Parzen estimator.
    """
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=problem.seed))
    finally:
        optuna.logging.set_verbosity(before)
    names = [str(at) for at in range(len(problem.costs))]
    levels: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.IntDistribution(0, len(costs) - 1)
        for name, costs in zip(names, problem.costs, strict=True)
    }
    tried: list[Choice] = []
    planned: Iterable[Choice] = [(0,) * len(names), tuple(len(costs) - 1 for costs in problem.costs)]
    while (room := min(BATCH, problem.budget - len(tried))) > 0:
        for choice in planned:
            study.enqueue_trial(dict(zip(names, choice, strict=True)))
        batch: list[Choice] = []
        pending = []
        for _ in range(room * PATIENCE):
            trial = study.ask(levels)
            choice = tuple(int(trial.params[name]) for name in names)
            if choice in tried:
                study.tell(trial, _penalised(problem, samples, choice))
                continue
            pending.append((trial, choice))
            if choice not in batch:
                batch.append(choice)
            if len(batch) == room:
                break
        if not batch:
            break
        yield [(choice, searched(problem)) for choice in batch]
        tried += batch
        for trial, choice in pending:
            study.tell(trial, _penalised(problem, samples, choice))
        planned = list(_steps_back(problem, samples, tried))[: BATCH // 2]
    return tried


def _steps_back(problem: Problem, samples: Samples, tried: Sequence[Choice]) -> Iterator[Choice]:
    """Each lever of the best so far one step cheaper, where that was not tried; what saves most first.

    The best is the cheapest that met the goals, or while none did, the nearest miss: some of its measures may do harm.
    """
    best = min(tried, key=lambda choice: (_penalised(problem, samples, choice), choice))
    steps = [(*best[:at], level - 1, *best[at + 1 :]) for at, level in enumerate(best) if level > 0]
    yield from (c for c in sorted(steps, key=lambda choice: (problem.cost(choice), choice)) if c not in tried)


def _penalised(problem: Problem, samples: Samples, choice: Choice) -> float:
    """What the search minimises: the cost; where a goal is missed, more than any cost, the more the further."""
    bound = _bound(problem, samples, choice)
    return problem.cost(choice) if bound <= 0 else sum(costs[-1] for costs in problem.costs) + 1 + bound


def _bound(problem: Problem, samples: Samples, choice: Choice) -> float:
    """The largest upper bound of the excess in the search."""
    return min(UNKNOWN, judge(problem, samples, choice, searched(problem), 1 - problem.confidence)[1])


def _worst(problem: Problem, samples: Samples, choice: Choice, replications: range) -> float:
    """The largest mean excess."""
    found = mean_excess(problem, samples, choice, replications)
    return UNKNOWN if found is None else float(found[0].max())


def _spread_out(choices: Sequence[Choice], most: int) -> list[Choice]:
    """At most so many of them, evenly chosen, with the first and the last."""
    if len(choices) <= most:
        return list(choices)
    return [choices[round(at)] for at in np.linspace(0, len(choices) - 1, most)]
