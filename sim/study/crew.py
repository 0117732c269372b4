"""Jobs done by spawned processes: the same outcome to the bit for any number of them.

Each process holds one job at a time, so that it is known which job a process was at when it was killed or took too
long. Processes end with their parent. Ctrl-C lets what is in work end.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as first_of
from types import FrameType, ModuleType
from typing import Any, Generic, Literal, Protocol, TypeVar

from sim.study.errors import BadStudyError

J = TypeVar("J", bound=Hashable)
T = TypeVar("T")
S = TypeVar("S")

FAILED, TIMED_OUT = "failed", "timed out"
GRACE = 5.0  # s that an idle process has to go by itself


@dataclass(frozen=True)
class Mishap:
    """A job that gave no outcome: it raised, its process was killed twice, or it took longer than was allowed."""

    error: str
    traceback: str
    status: Literal["failed", "timed out"] = "failed"


class Crew(Protocol[J, T]):
    """Who does jobs: processes of this machine, or of others."""

    @property
    def idle(self) -> Sequence[J | None]:
        """For each that could take a job now, its last one, or None."""

    @property
    def busy(self) -> bool:
        """Whether jobs are in work."""

    def give(self, job: J, near: J | None) -> None:
        """Hand a job to an idle one whose last job was `near`."""

    def wait(self) -> list[tuple[J, T | Mishap]]:
        """What has ended, after at least one has."""


def carry_out(
    crew: Crew[J, T],
    take: Callable[[J | None], J | None],
    keep: Callable[[J, T | Mishap], None],
    on_stop: Callable[[], None] | None = None,
) -> bool:
    """Have a crew do all jobs; True if Ctrl-C cut it short, after what was in work has ended.

    `take` is asked for the next job by who is idle, and told its last one; None: there is none at the moment. `keep`
    gets each outcome, and may make further jobs. `on_stop` is called when Ctrl-C is pressed.
    """
    stopping = False
    with _deferred_interrupt(on_stop) as pressed:
        while True:
            while not stopping and not pressed() and crew.idle:
                near = crew.idle[0]
                if (job := take(near)) is None:
                    break
                crew.give(job, near)
            if not crew.busy:
                return stopping or pressed()
            for job, outcome in crew.wait():
                try:
                    keep(job, outcome)
                except KeyboardInterrupt:
                    if stopping or pressed():  # for the second time
                        raise
                    stopping = True


@contextmanager
def _deferred_interrupt(on_stop: Callable[[], None] | None) -> Iterator[Callable[[], bool]]:
    """Ctrl-C is only noted; pressed again it is raised. Outside the main thread nothing is to be caught."""
    presses = 0

    def press(signum: int, frame: FrameType | None) -> None:
        nonlocal presses
        presses += 1
        if presses > 1:
            raise KeyboardInterrupt
        if on_stop:
            on_stop()

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: presses > 0
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(eq=False)
class _Worker(Generic[J]):
    process: multiprocessing.process.BaseProcess
    connection: Connection
    there: bool = False  # it has started, and was told what it needs and its job
    ready: bool = False  # it is at its job
    job: J | None = None
    last: J | None = None
    due: float = float("inf")  # when its job has taken too long, on the monotonic clock


class Processes(AbstractContextManager["Processes[Any, Any, Any]"], Generic[S, J, T]):
    """A crew of `count` spawned processes that call `work(state, job)`, at most `time_limit` seconds a job.

    `work` must be a function of an importable module, `state`, jobs and outcomes picklable. The modules that it `needs`
    are imported before the first job. A job whose process was killed is tried once more. Where fewer processes can be
    started than were asked for, those do all.
    """

    def __init__(
        self,
        work: Callable[[S, J], T],
        state: S,
        count: int,
        time_limit: float | None = None,
        needs: Sequence[str] = (),
    ) -> None:
        self._work = work
        self._needs = needs
        self._state = pickle.dumps(state)  # once, not for each process
        self._count = count
        self._time_limit = time_limit
        self._workers: list[_Worker[J]] = []
        self._again: deque[J] = deque()  # to be given out before any other
        self._killed = Counter[J]()

    def __exit__(self, *error: object) -> None:
        """Nobody is left behind; whoever is still at work is killed."""
        for worker in self._workers:
            worker.connection.close()  # who is idle reads the end of it, and goes
            if worker.job is not None:
                worker.process.kill()
        for worker in self._workers:
            worker.process.join(GRACE)
            worker.process.kill()
            worker.process.join()
            worker.process.close()
        self._workers.clear()

    @property
    def idle(self) -> list[J | None]:
        unborn = self._count - len(self._workers)
        free = [worker.last for worker in self._workers if worker.job is None] + [None] * unborn
        return free[len(self._again) :]

    @property
    def busy(self) -> bool:
        return bool(self._again) or any(worker.job is not None for worker in self._workers)

    def give(self, job: J, near: J | None) -> None:
        free = sorted((worker for worker in self._workers if worker.job is None), key=lambda one: one.last != near)
        while free and (free[0].last == near or len(self._workers) >= self._count):
            if self._send(free.pop(0), job):
                return
        try:
            self._start().job = job  # it is told when it says that it is there: it may never be
        except OSError as error:  # no memory, or too many processes
            if not self._workers:
                raise OSError(error.errno, f"no process can be started: {error.strerror or error}") from error
            self._count = len(self._workers)
            self._again.append(job)

    def wait(self) -> list[tuple[J, T | Mishap]]:
        ended: list[tuple[J, T | Mishap]] = []
        while not ended:
            self._give_again()
            at_work = {worker.connection: worker for worker in self._workers if worker.job is not None}
            patience = min(worker.due for worker in at_work.values()) - time.monotonic()
            ready = first_of(list(at_work), max(0.0, patience) if patience < float("inf") else None)
            for connection in ready:
                ended += self._hear(at_work[connection])  # type: ignore[index]
            for worker in at_work.values():
                if worker.job is not None and worker.due <= time.monotonic():
                    ended.append((worker.job, self._cut(worker)))
        return ended

    def _send(self, worker: _Worker[J], job: J) -> bool:
        """Hand a job over; False if the process was killed while it was idle."""
        worker.job = job
        self._set_limit(worker)
        try:
            worker.connection.send(job)
        except OSError:
            self._lay_off(worker)
            return False
        return True

    def _give_again(self) -> None:
        for _ in range(len(self._again)):
            free = [worker for worker in self._workers if worker.job is None]
            if free or len(self._workers) < self._count:
                self.give(self._again.popleft(), free[0].last if free else None)

    def _set_limit(self, worker: _Worker[J]) -> None:
        if self._time_limit is not None:
            worker.due = time.monotonic() + self._time_limit

    def _hear(self, worker: _Worker[J]) -> list[tuple[J, T | Mishap]]:
        """The outcome that a process has sent; nothing if it has only started, or was killed and its job is to be tried
        once more."""
        assert worker.job is not None
        job = worker.job
        try:
            sent = worker.connection.recv_bytes()
            if not worker.there:
                worker.connection.send_bytes(self._state)
                worker.connection.send(job)
        except (EOFError, OSError):
            code = self._lay_off(worker, GRACE)
            self._killed[job] += 1
            if self._killed[job] < 2:
                self._again.append(job)
                return []
            if not worker.ready:  # which is no fault of the job
                raise OSError(None, f"processes end as they start (exit code {code})") from None
            return [(job, Mishap(f"its process was killed twice (exit code {code}); too little memory?", ""))]
        if not worker.there:
            worker.there = True
            return []
        if not worker.ready:
            worker.ready = True
            self._set_limit(worker)  # not before: a job is not to pay for the start of its process
            return []
        worker.job, worker.last, worker.due = None, job, float("inf")
        return [(job, attempt(unpickled, sent, None))]

    def _cut(self, worker: _Worker[J]) -> Mishap:
        """End a job that takes too long, and the process with it."""
        self._lay_off(worker)
        return too_long(self._time_limit)

    def _lay_off(self, worker: _Worker[J], grace: float = 0.0) -> int | None:
        """End a process, unless it ends by itself; its exit code."""
        worker.process.join(grace)
        worker.process.kill()
        worker.process.join()
        code = worker.process.exitcode
        worker.process.close()
        worker.connection.close()
        worker.job = None
        self._workers.remove(worker)
        return code

    def _start(self) -> _Worker[J]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._work, self._needs), daemon=True)
        try:
            with _sheltered_start(self._work):
                process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._workers.append(_Worker(process, ours))
        return self._workers[-1]


def processes(workers: int | None) -> int:
    """How many processes `workers` asks for; none: one for each processor that this process may use, which are fewer
    than the machine has in a container or under taskset. Raises BadStudyError."""
    if workers is not None and workers < 1:
        raise BadStudyError(f"found {workers} workers, where 1 or more are due")
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return workers or available


def too_long(time_limit: float | None) -> Mishap:
    """What became of a job that was not done after `time_limit` seconds."""
    return Mishap(f"it took longer than {time_limit:g} s", "", "timed out")


def attempt(work: Callable[[S, J], T], state: S, job: J) -> T | Mishap:
    """The outcome of a job, or what it raised."""
    try:
        return work(state, job)
    except Exception as error:
        return Mishap(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


@contextmanager
def _sheltered_start(work: Callable[..., object]) -> Iterator[None]:
    """Start a process that a Ctrl-C does not reach and that does not run the caller's script again.

    A blocked signal stays blocked in a child; here it is only late. Without `__main__` in sight, spawn does not import
    the script that called, so that one without `if __name__ == "__main__":` works as a notebook does.
    """
    main = sys.modules["__main__"]
    masks = hasattr(signal, "pthread_sigmask")
    if masks:
        resource_tracker.ensure_running()  # which unblocks the signal when it starts
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if work.__module__ != "__main__":
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, work: Callable[[Any, Any], Any], needs: Sequence[str]) -> None:
    """The life of a process: it is told the state, then one job after the other, until nobody is there to give one. The
    state is not among the arguments: a parent that writes more of them than fit into a pipe to a process that has
    died waits for ever."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; and where signals cannot be blocked
    threading.Thread(target=_follow_parent, daemon=True).start()
    try:
        connection.send_bytes(b"")  # it is there
        state = pickle.loads(connection.recv_bytes())
        for name in needs:
            import_module(name)
        connection.send_bytes(b"")  # ready
        while True:
            connection.send_bytes(pickled(attempt(work, state, connection.recv())))
    except (EOFError, OSError):
        return


def pickled(outcome: object) -> bytes:
    """An outcome on its way, or a word that it cannot be sent."""
    try:
        return pickle.dumps(outcome)
    except Exception as error:
        return pickle.dumps(attempt(_raising, error, None))


def unpickled(sent: bytes, _: None) -> Any:
    """What was sent."""
    return pickle.loads(sent)


def _raising(error: Exception, _: None) -> None:
    raise error


def _follow_parent() -> None:
    """A process that is at work when its parent is killed would not notice."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
