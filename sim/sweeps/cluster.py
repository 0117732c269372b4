"""Jobs done by the workers of a Dask cluster that is there: the same outcomes to the bit as from processes here.

Dask has at most as many jobs as its workers have threads, and gives a job whose worker was killed to another one.
Everything that an outcome depends on must be the same there as here, which each job makes sure.
"""

from __future__ import annotations

import ctypes
import logging
import pickle
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from sim.study import BadStudyError
from sim.study.crew import Mishap, attempt, pickled, too_long, unpickled
from sim.sweeps.work import NEEDS, model_id, runtime

J = TypeVar("J")
T = TypeVar("T")
S = TypeVar("S")

PATIENCE = 10.0  # s, for a scheduler to answer and a first worker to join
ROLL_CALL = 2.0  # s between two looks at how many workers there are
NUDGE = 1.0  # s after which a job that is to end is told so once more

LOGS = ("distributed", "distributed.client", "tornado.application")  # what a connection that breaks is told by, too
_one_at_a_time = threading.Lock()  # simulating holds the interpreter: further threads of a worker would gain nothing


def identity() -> dict[str, str]:
    """What an outcome depends on beside its scenario; after this, its time limit pays for no import."""
    for name in NEEDS:
        import_module(name)
    return {"model": model_id(), **runtime()}


@dataclass(frozen=True)
class Stranger:
    """The answer of a worker that would come to other outcomes."""

    worker: str
    identity: Mapping[str, str]


class Cluster(AbstractContextManager["Cluster[Any, Any, Any]"], Generic[S, J, T]):
    """A crew that calls `work(state, job)` on the cluster of the scheduler at `address`, as `Processes` does here.

    Entering it raises BadStudyError if distributed is not installed or the workers are not as this program is, and
    OSError if there is no scheduler or no worker. A job whose workers were killed again and again is a Mishap.
    """

    def __init__(self, address: str, work: Callable[[S, J], T], state: S, time_limit: float | None = None) -> None:
        self._address = address
        self._work = work
        self._packed = pickle.dumps(state)
        self._time_limit = time_limit
        self._client: Any = None
        self._jobs: dict[Any, J] = {}  # by their futures
        self._ended = SimpleQueue[Any]()  # futures
        self._last = deque[J]()
        self._threads = 1
        self._counted = -ROLL_CALL
        self._lost = False

    def __enter__(self) -> Cluster[S, J, T]:
        try:
            import distributed
        except ImportError:
            raise BadStudyError("--scheduler takes dask.distributed: pip install 'middle-corridor-sim[dist]'") from None
        connect: Any = distributed.Client
        try:
            self._client = connect(self._address, timeout=PATIENCE, set_as_default=False)
        except ValueError as error:
            raise BadStudyError(f'found "{self._address}", where an address like tcp://host:8786 is due') from error
        except OSError as error:
            raise OSError(None, f"no Dask scheduler answers there within {PATIENCE:g} s", self._address) from error
        self._levels = {name: logging.getLogger(name).level for name in LOGS}
        for name in LOGS:  # a scheduler that is lost is told once, by this program
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            self._check_workers()
            self._state = self._client.submit(pickle.loads, self._packed, pure=False)  # Dask can make it anew
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is left on the cluster: jobs that have not begun are given up, those in work not waited for."""
        for future in self._jobs:
            future.release()
        self._state.release()
        self._leave()

    def _leave(self) -> None:
        with suppress(OSError, TimeoutError):
            self._client.close(timeout=PATIENCE)
        if not self._lost:  # else the client's threads go on to tell what has been told
            for name, level in self._levels.items():
                logging.getLogger(name).setLevel(level)

    @property
    def idle(self) -> list[J | None]:
        now = time.monotonic()
        if now - self._counted > ROLL_CALL:
            with self._heard():
                self._threads = sum(self._client.nthreads().values())
            self._counted = now
        room = max(1, self._threads) - len(self._jobs)  # without any worker it waits until one joins
        return [*self._last, *[None] * room][: max(0, room)]

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def give(self, job: J, near: J | None) -> None:
        if near is not None:
            self._last.remove(near)
        task = pickle.dumps((self._work, job, self._time_limit, identity()))
        with self._heard():
            future = self._client.submit(perform, self._state, task, pure=False)
        self._jobs[future] = job
        future.add_done_callback(self._ended.put)

    def wait(self) -> list[tuple[J, T | Mishap]]:
        futures = [self._ended.get()]
        while not self._ended.empty():
            futures.append(self._ended.get())
        return [(self._jobs[future], self._outcome(future)) for future in futures]

    def _outcome(self, future: Any) -> T | Mishap:
        from distributed import KilledWorker

        found: Any

        with self._heard():
            if future.status == "error":
                error = future.exception()
                if not isinstance(error, KilledWorker):
                    raise OSError(None, f"a worker cannot do its job: {error!r}", self._address)
                found = Mishap("its worker was killed each time that it was tried; too little memory?", "")
            else:
                found = attempt(unpickled, future.result(), None)
        if isinstance(found, Stranger):
            raise BadStudyError(_unlike({found.worker: found.identity}))
        self._last.append(self._jobs.pop(future))
        future.release()
        outcome: T | Mishap = found
        return outcome

    def _check_workers(self) -> None:
        with self._heard():
            try:
                self._client.wait_for_workers(1, timeout=PATIENCE)
            except TimeoutError:
                raise OSError(None, "the scheduler there has no workers", self._address) from None
            answers = self._client.run(identity, on_error="return")
        if others := {worker: answer for worker, answer in answers.items() if answer != identity()}:
            raise BadStudyError(_unlike(others))

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """A cluster that is lost, as an OSError."""
        from distributed import CancelledError
        from distributed.comm.core import CommClosedError

        try:
            yield
        except (CancelledError, CommClosedError) as error:
            self._lost = True
            raise OSError(None, "the scheduler is lost; the runs before are kept", self._address) from error


def _unlike(others: Mapping[str, object]) -> str:
    """How workers differ from this program."""
    here = identity()
    lines = []
    for worker, found in others.items():
        if isinstance(found, Mapping):
            parts = [
                f"{what} {found.get(what)}, here {value}" for what, value in here.items() if found.get(what) != value
            ]
            lines.append(f"  {worker}: {'; '.join(parts)}")
        else:
            lines.append(f"  {worker}: {found!r}")
    return "\n".join(["workers of the cluster would come to other outcomes; install the same there as here:", *lines])


def perform(state: S, task: bytes) -> bytes:
    """Do a job, on a worker: the pickled outcome, Mishap or Stranger."""
    work, job, time_limit, needed = pickle.loads(task)
    if identity() != needed:
        from distributed import get_worker

        return pickled(Stranger(get_worker().address, identity()))
    with _one_at_a_time:
        return pickled(_within(time_limit, work, state, job))


class _TimeUp(BaseException):
    """Raised in the thread of a job that takes too long."""


def _within(limit: float | None, work: Callable[[S, J], T], state: S, job: J) -> T | Mishap:
    """The outcome of a job, or that it took longer than `limit` seconds.

    A thread cannot be killed, but is made to raise; which waits until a call of compiled code has come back.
    """
    if limit is None:
        return attempt(work, state, job)
    thread, over = ctypes.c_ulong(threading.get_ident()), threading.Event()

    def ring() -> None:
        patience = limit
        while not over.wait(patience):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_TimeUp))
            patience = NUDGE  # a destructor may have swallowed it

    clock = threading.Thread(target=ring, daemon=True)
    clock.start()
    try:
        outcome = attempt(work, state, job)
        over.set()
        clock.join()  # what it still raises is raised before this has ended
        return outcome
    except _TimeUp:
        over.set()
        return too_long(limit)
