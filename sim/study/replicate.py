"""Replications in parallel processes: the same outcome to the bit for any number of workers.

A replication that raises is kept as a Failure with its traceback. Ctrl-C lets what is in work end, and pressed again
gives it up; all that has finished is kept.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sim.study.crew import Mishap, Processes, attempt, carry_out, processes

T = TypeVar("T")
N = TypeVar("N")

OnDone = Callable[[int, int, float], None]  # finished, of how many, seconds that remain
OnStop = Callable[[], None]


def counted(replications: int) -> str:
    """So many replications, in words."""
    return "one replication" if replications == 1 else f"{replications} replications"


@dataclass(frozen=True)
class Failure:
    """A replication that gave no result, and why."""

    replication: int
    error: str
    traceback: str


@dataclass(frozen=True)
class Outcomes(Generic[T]):
    """What came of the replications: values in order of replication, failures, and whether Ctrl-C cut them short."""

    values: dict[int, T]
    failures: tuple[Failure, ...]
    interrupted: bool


def replicate(
    task: Callable[[N, int], T],
    network: N,
    replications: Sequence[int],
    *,
    workers: int | None = None,
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
) -> Outcomes[T]:
    """Call `task(network, replication)` for each of `replications`, in `workers` processes (none: one a processor).

    `task` must be a function of an importable module, its value picklable. With one worker all runs in this process,
    and Ctrl-C ends it at once; with several it calls `on_stop`, and lets what is in work end.
    """
    workers = min(processes(workers), len(replications))
    outcomes: dict[int, T | Mishap] = {}
    started = time.monotonic()

    def keep(replication: int, outcome: T | Mishap) -> None:
        outcomes[replication] = outcome
        if on_done:
            done, total = len(outcomes), len(replications)
            on_done(done, total, (time.monotonic() - started) / done * (total - done))

    interrupted = False
    if workers <= 1:
        try:
            for replication in replications:
                keep(replication, attempt(task, network, replication))
        except KeyboardInterrupt:
            interrupted = True
    else:
        waiting = deque(replications)
        try:
            with Processes(task, network, workers) as crew:
                interrupted = carry_out(crew, lambda _: waiting.popleft() if waiting else None, keep, on_stop)
        except KeyboardInterrupt:  # pressed again: what is in work is given up
            interrupted = True
    ordered = {n: outcomes[n] for n in sorted(outcomes)}
    return Outcomes(
        {n: outcome for n, outcome in ordered.items() if not isinstance(outcome, Mishap)},
        tuple(Failure(n, one.error, one.traceback) for n, one in ordered.items() if isinstance(one, Mishap)),
        interrupted,
    )
