"""What processes are given to do instead of a plain run, so that something goes wrong; and `corridor` with it.

    python -m tests.sweeps.tasks slow sweep small-sweep.yaml

is `corridor sweep small-sweep.yaml` whose runs are each done by `slow`, and whose plots are not painted.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.scenario.load import Scenario
from sim.sweeps.work import Job, Run, work

Bases = Mapping[str, Scenario]


def bad(job: Job) -> bool:
    """The run at which something goes wrong: one of the sweep."""
    levels = {'ports.east-port.depth="5 m"', 'demand.trade.volume="13200 TEU/a"'}
    return job.replication == 1 and levels <= set(job.changes)


def slow(bases: Bases, job: Job) -> Run:
    time.sleep(0.1)
    return work(bases, job)


def very_slow(bases: Bases, job: Job) -> Run:
    time.sleep(60)
    return work(bases, job)


def raises(bases: Bases, job: Job) -> Run:
    if bad(job):
        raise ArithmeticError("no ship can be divided by 0 \udcff")
    return work(bases, job)


def is_killed(bases: Bases, job: Job) -> Run:
    if bad(job):
        os.kill(os.getpid(), signal.SIGKILL)
    return work(bases, job)


def is_killed_once(bases: Bases, job: Job) -> Run:
    """By who comes first; ONCE names the file that tells the others."""
    time.sleep(0.05)
    try:
        Path(os.environ["ONCE"]).touch(exist_ok=False)
    except FileExistsError:
        return work(bases, job)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def hangs(bases: Bases, job: Job) -> Run:
    while bad(job):
        sum(range(1000))
    return work(bases, job)


def cannot_be_sent(state: object, job: int) -> Any:
    return (lambda: job) if job == 1 else job


class Thorny:
    """Can be pickled, but not made again of it."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__()

    def __reduce__(self) -> Any:
        return Thorny, (1,)


def cannot_be_read(state: object, job: int) -> Any:
    return Thorny(1, 2) if job == 1 else job


def misbehaves(state: str, job: int) -> Any:
    """1 raises, 2 does not end, 3 cannot be sent, 4 kills its process."""
    if job == 1:
        raise ArithmeticError("no ship can be divided by 0")
    while job == 2:
        sum(range(1000))
    if job == 3:
        return lambda: job
    if job == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"{state} {job}"


def square(state: object, job: int) -> int:
    return job * job


if __name__ == "__main__":
    import sim.sweeps.run
    from sim.cli import main
    from tests.painting import nothing_painted
    from tests.sweeps import tasks  # not those of __main__, which processes do not import

    sim.sweeps.run.work = getattr(tasks, sys.argv.pop(1))
    with nothing_painted():
        main()
