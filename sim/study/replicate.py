"""Replications in parallel processes: the same outcome to the bit for any number of workers.

Workers are spawned, load the network once, and end with their parent. A replication that raises is kept as a Failure
with its traceback. Ctrl-C lets what is in work end and keeps all that has finished.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar

T = TypeVar("T")
N = TypeVar("N")

OnDone = Callable[[int, int, float], None]  # finished, of how many, seconds that remain


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
) -> Outcomes[T]:
    """Call `task(network, replication)` for each of `replications`, in `workers` processes (none: one a processor).

    `task` must be a function of an importable module, its value picklable. With one worker all runs in this process.
    """
    workers = min(workers or available_processors(), len(replications))
    outcomes: dict[int, T | Failure] = {}
    started = time.monotonic()

    def keep(replication: int, outcome: T | Failure) -> None:
        outcomes[replication] = outcome
        if on_done:
            done, total = len(outcomes), len(replications)
            on_done(done, total, (time.monotonic() - started) / done * (total - done))

    interrupted = False
    try:
        if workers <= 1:
            for replication in replications:
                keep(replication, _attempt(task, network, replication))
        else:
            _in_processes(task, network, replications, workers, keep)
    except KeyboardInterrupt:
        interrupted = True
    ordered = {n: outcomes[n] for n in sorted(outcomes)}
    return Outcomes(
        {n: outcome for n, outcome in ordered.items() if not isinstance(outcome, Failure)},
        tuple(outcome for outcome in ordered.values() if isinstance(outcome, Failure)),
        interrupted,
    )


def available_processors() -> int:
    """Processors that this process may use: fewer than the machine has in a container or under taskset."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _attempt(task: Callable[[N, int], T], network: N, replication: int) -> T | Failure:
    try:
        return task(network, replication)
    except Exception as error:
        return _failure(replication, error)


def _failure(replication: int, error: BaseException) -> Failure:
    return Failure(replication, f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


def _in_processes(
    task: Callable[[N, int], T],
    network: N,
    replications: Sequence[int],
    workers: int,
    keep: Callable[[int, T | Failure], None],
) -> None:
    """A pool whose worker was killed is built once more for what it left; what is lost again has failed."""
    left = _in_pool(task, network, replications, workers, keep)
    if left:
        left = _in_pool(task, network, left, workers, keep)
    for replication in left:
        keep(replication, _failure(replication, BrokenProcessPool("a worker process was killed; too little memory?")))


def _in_pool(
    task: Callable[[N, int], T],
    network: N,
    replications: Sequence[int],
    workers: int,
    keep: Callable[[int, T | Failure], None],
) -> list[int]:
    """One pool with as many replications in work as workers. Returns those that it left undone because it broke."""
    waiting = deque(replications)
    running: dict[Future[T | Failure], int] = {}

    def collect(done: set[Future[T | Failure]]) -> list[int]:
        lost = []
        for future in done:
            replication, error = running.pop(future), future.exception()
            if isinstance(error, BrokenProcessPool):
                lost.append(replication)
            else:
                keep(replication, _failure(replication, error) if error else future.result())
        return lost

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (task, network)) as pool:
        try:
            while waiting or running:
                with _sheltered_start(task):
                    while waiting and len(running) < workers:
                        future = pool.submit(_work, waiting[0])
                        running[future] = waiting.popleft()
                if lost := collect(wait(running, return_when=FIRST_COMPLETED).done):
                    lost += collect(wait(running).done)
                    return sorted([*lost, *waiting])
        except BrokenProcessPool:  # from submit: it broke while nothing was looked at
            return sorted([*collect(wait(running).done), *waiting])
        except KeyboardInterrupt:
            collect(wait(running).done)
            raise
    return []


@contextmanager
def _sheltered_start(task: Callable[..., object]) -> Iterator[None]:
    """Start workers that a Ctrl-C does not reach and that do not run the caller's script again.

    A blocked signal stays blocked in a child; here it is only late. Without `__main__` in sight, spawn does not import
    the script that called, so that one without `if __name__ == "__main__":` works as a notebook does.
    """
    main = sys.modules["__main__"]
    if task.__module__ != "__main__":
        sys.modules["__main__"] = ModuleType("__main__")
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


_bound: tuple[Callable[[Any, int], Any], Any]  # in a worker: its task and network


def _start_worker(task: Callable[[N, int], T], network: N) -> None:
    global _bound
    _bound = task, network
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; and where signals cannot be blocked
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(replication: int) -> Any:
    task, network = _bound
    return _attempt(task, network, replication)
