"""Sweeps to which something happens: nothing is lost, nothing done twice, and the table is that of a quiet day."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.study.crew import Mishap, Processes, carry_out
from sim.sweeps import read_results
from sim.sweeps.ledger import OK, reading
from tests.processes import group
from tests.sweeps import tasks
from tests.sweeps.sweeping import (
    PATIENCE,
    ROOT,
    RUNS,
    SWEEP,
    Corridor,
    Start,
    eventually,
    lay_out,
    outcome,
    runs,
    stopped_at_once,
)

RESULTS = Path("results") / "tiny"

pytestmark = [
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="signals of POSIX, and processes in /proc"),
    pytest.mark.usefixtures("unpainted"),
]


def acknowledged() -> set[tuple[str, int]]:
    """The runs in the ledger that are ok."""
    with reading(RESULTS) as ledger:
        return {run for run, status in ledger.statuses().items() if status == OK}


def under_way(count: int = 1) -> bool:
    """Whether so many runs are in the ledger."""
    return (RESULTS / "ledger.sqlite").is_file() and len(acknowledged()) >= count


def same(found: pd.DataFrame, due: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, due, check_exact=True)


# The parent


def test_a_parent_that_is_killed_again_and_again_comes_to_the_same_table(
    folder: Path, start: Start, undisturbed: pd.DataFrame
) -> None:
    chance = np.random.default_rng(20241)
    kept: set[tuple[str, int]] = set()
    for further in (None, *chance.integers(3, 9, 20).tolist()):  # runs until the next blow; None: before there is one
        process = start("slow", "sweep", "tiny.yaml", "--workers", 2)
        if further is None:
            time.sleep(chance.uniform(0.5, 2.5))
        else:
            due = len(kept) + further
            eventually(lambda p=process, n=due: under_way(n) or p.poll() is not None)  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.2))
        process.kill()
        code, err = outcome(process)
        eventually(lambda leader=process.pid: not group(leader))  # type: ignore[misc]
        if under_way(0):
            now = acknowledged()
            assert kept <= now
            kept = now
        if code == 0:
            break
        assert (code, err) == (-signal.SIGKILL, "")
    assert code == 0
    with reading(RESULTS) as ledger:
        assert len(list(ledger.records())) == RUNS
    same(runs(folder), undisturbed)


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_keeps_what_was_in_work_and_the_rest_can_be_done_later(
    workers: int, folder: Path, start: Start, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    process = start("slow", "sweep", "tiny.yaml", "--workers", workers)
    eventually(under_way)
    os.killpg(process.pid, signal.SIGINT)
    code, err = outcome(process)
    done = len(acknowledged())
    assert code == 130
    assert f"Stopped. {done} runs are kept; go on with: corridor sweep resume results/tiny" in err
    assert "Traceback" not in err
    assert 1 <= done < RUNS
    assert len(runs(folder)) == done
    assert corridor("sweep", "resume", RESULTS, "--workers", 1).exit_code == 0
    same(runs(folder), undisturbed)


def test_ctrl_c_pressed_twice_ends_at_once(
    folder: Path, start: Start, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    process = start("slow", "sweep", "tiny.yaml", "--workers", 2)
    eventually(under_way)
    process.kill()
    outcome(process)
    done = len(acknowledged())
    err = stopped_at_once(start("very_slow", "sweep", "tiny.yaml", "--workers", 2))
    assert f"{done} runs are kept; go on with: corridor sweep resume results/tiny" in err
    assert corridor("sweep", "tiny.yaml", "--workers", 1).exit_code == 0
    same(runs(folder), undisturbed)


def test_two_parents_do_not_share_a_ledger_and_a_killed_one_leaves_no_lock(
    folder: Path, start: Start, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    first = start("slow", "sweep", "tiny.yaml", "--workers", 1)
    eventually(under_way)
    second = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert second.exit_code == 1
    assert "another process is running this sweep" in second.stderr
    assert corridor("sweep", "status", RESULTS).exit_code == 0
    first.kill()
    outcome(first)
    assert corridor("sweep", "tiny.yaml", "--workers", 1).exit_code == 0
    same(runs(folder), undisturbed)


# A worker


def test_a_run_whose_worker_is_killed_is_done_again(folder: Path, start: Start, undisturbed: pd.DataFrame) -> None:
    process = start("is_killed_once", "sweep", "tiny.yaml", "--workers", 2, env={"ONCE": str(folder / "once")})
    assert outcome(process)[0] == 0
    assert (folder / "once").exists()
    same(runs(folder), undisturbed)


@pytest.mark.parametrize(
    ("task", "limit", "status", "error"),
    [
        ("is_killed", "10 min", "failed", "its process was killed twice (exit code -9); too little memory?"),
        ("raises", "10 min", "failed", "ArithmeticError: no ship can be divided by 0 \\udcff"),
        ("hangs", "4 s", "timed out", "it took longer than 4 s"),
    ],
)
def test_a_run_that_gives_no_outcome_is_told_and_harms_no_other(
    task: str, limit: str, status: str, error: str,
    folder: Path, start: Start, corridor: Corridor, undisturbed: pd.DataFrame,
) -> None:  # fmt: skip
    lay_out(folder, f"{SWEEP}time_limit: {limit}\n")
    process = start(task, "sweep", "tiny.yaml", "--workers", 2)
    code, err = outcome(process)
    assert code == 3
    assert err.splitlines()[-1].endswith(error)
    eventually(lambda: not group(process.pid))
    result = read_results(RESULTS)
    [failure] = result.failures.to_dict("records")
    assert (failure["status"], failure["error"], failure["replication"]) == (status, error, 1)
    assert ("in raises" in failure["traceback"]) == (task == "raises")
    found, due = runs(folder), undisturbed
    lacking = (due["point"] == failure["point"]) & (due["replication"] == 1)
    same(found, due[~lacking].reset_index(drop=True))
    before = acknowledged()
    assert corridor("sweep", "tiny.yaml", "--workers", 1).exit_code == 3  # it is not tried again by itself
    assert acknowledged() == before
    assert corridor("sweep", "tiny.yaml", "--workers", 1, "--again").exit_code == 0
    assert read_results(RESULTS).failures.empty
    same(runs(folder), undisturbed)


UNSOUND = """\
title: Blocks that are too long for some trains
base: small.yaml
set: {run.length: 10 d, run.warm_up: 5 d, demand.trade.block: 20}
factors:
  trains: {path: "fleets.*.capacity", values: [80 TEU, 50 TEU]}
  block: {path: demand.trade.block, values: [20, 30]}
design: {kind: grid}
replications: 2
outcomes: [carried]
"""


def test_a_point_that_makes_no_sound_scenario_is_a_failure_with_its_fault(folder: Path, corridor: Corridor) -> None:
    lay_out(folder, UNSOUND)
    found = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert found.exit_code == 3, found.output
    failures = read_results(RESULTS).failures
    assert failures[["point", "replication", "status"]].values.tolist() == [[3, 0, "failed"], [3, 1, "failed"]]
    assert set(runs(folder)["point"]) == {0, 1, 2}
    assert failures["error"].str.contains("a block of 30 takes 60 TEU, more than the largest train, 50 TEU").all()
    said = json.loads(corridor("sweep", "status", "tiny", "--json").stdout)
    assert (said["runs"], said["ok"], said["failed"], said["missing"]) == (8, 6, 2, 0)


# The disk


def test_a_limit_of_what_a_file_may_hold_loses_nothing(
    folder: Path, start: Start, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    size = 120_000

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    code, err = outcome(start("work", "sweep", "tiny.yaml", "--workers", 2, preexec_fn=limit))
    assert code == 1
    assert "ledger.sqlite: " in err
    assert "the runs before are kept" in err
    assert "Traceback" not in err
    kept = acknowledged()
    assert 1 <= len(kept) < RUNS
    assert corridor("sweep", "status", RESULTS).exit_code == 0
    assert corridor("sweep", "tiny.yaml", "--workers", 1).exit_code == 0
    assert kept <= acknowledged()
    same(runs(folder), undisturbed)


ON_A_SMALL_DISK = """
mount -t tmpfs -o size={size}k tmpfs {disk} || exit 77
{corridor} sweep tiny.yaml --out {disk} --workers 2
echo code $?
{corridor} sweep status {disk}/tiny --json > {disk}/../status.json || exit 78
mount -o remount,size=20m {disk} || exit 79
{corridor} sweep tiny.yaml --out {disk} --workers 1 || exit 80
cp -r {disk} {disk}/../results
"""


def test_a_full_disk_loses_nothing(folder: Path, undisturbed: pd.DataFrame) -> None:
    disk = folder / "disk"
    disk.mkdir()
    script = ON_A_SMALL_DISK.format(disk=disk, size=160, corridor=f"{sys.executable} -m tests.sweeps.tasks work")
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare")
    found = subprocess.run(
        [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True, text=True, check=False, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=PATIENCE,
    )  # fmt: skip
    if found.returncode in (1, 77):
        pytest.skip(f"no file system can be mounted here: {found.stderr.strip()}")
    assert found.returncode == 0, found.stderr
    assert "code 1\n" in found.stdout
    assert "the runs before are kept" in found.stderr
    assert "Traceback" not in found.stderr
    same(runs(folder), undisturbed)


# However it is done


@pytest.mark.parametrize("until", ["", "until: [transit.p50 ± 0.3 d]\nmost: 40\n"])
def test_the_table_does_not_depend_on_the_number_of_workers_nor_on_a_break(
    until: str, folder: Path, start: Start, corridor: Corridor
) -> None:
    lay_out(folder, SWEEP + until)
    assert corridor("sweep", "tiny.yaml", "--workers", 1).exit_code == 0
    due = runs(folder)
    assert len(due) >= RUNS
    if until:
        assert due.groupby("point").size().nunique() > 1
    shutil.rmtree("results")
    process = start("work", "sweep", "tiny.yaml", "--workers", 2)
    eventually(lambda: under_way(RUNS // 2))
    process.kill()
    outcome(process)
    assert len(acknowledged()) < len(due)
    assert corridor("sweep", "tiny.yaml", "--workers", 2).exit_code == 0
    same(runs(folder), due)


# The crew


@pytest.mark.parametrize(
    ("task", "error"),
    [(tasks.cannot_be_sent, "local object"), (tasks.cannot_be_read, "missing 1 required positional argument")],
)
def test_an_outcome_that_cannot_travel_is_a_mishap(task: Any, error: str) -> None:
    outcomes = all_done(Processes(task, None, 1), [0, 1, 2])
    assert (outcomes[0], outcomes[2]) == (0, 2)
    assert isinstance(outcomes[1], Mishap)
    assert error in outcomes[1].error


def test_where_a_process_cannot_be_started_the_others_do_all(monkeypatch: pytest.MonkeyPatch) -> None:
    crew = Processes(tasks.square, None, 3)
    begun = crew._start
    left = iter([begun, begun])

    def start() -> Any:
        try:
            return next(left)()
        except StopIteration:
            raise BlockingIOError(11, "Resource temporarily unavailable") from None

    monkeypatch.setattr(crew, "_start", start)
    assert all_done(crew, list(range(10))) == {n: n * n for n in range(10)}
    crew = Processes(tasks.square, None, 3)
    monkeypatch.setattr(crew, "_start", start)
    with pytest.raises(OSError, match="no process can be started: Resource temporarily unavailable"):
        all_done(crew, [1])


NONE_STARTS = """
import multiprocessing
from sim.study.crew import Processes, carry_out
from tests.sweeps import tasks
multiprocessing.get_context("spawn").set_executable("/bin/false")
numbers = iter([1])
with Processes(tasks.square, b"x" * 1_000_000, 2) as crew:  # more than goes into a pipe
    carry_out(crew, lambda _: next(numbers, None), print)
"""


def test_processes_that_end_as_they_start_are_not_waited_for() -> None:
    command = [sys.executable, "-c", NONE_STARTS]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert "OSError: [Errno None] processes end as they start (exit code 1)" in found.stderr


def test_a_keep_that_raises_leaves_no_process_behind() -> None:
    def keep(job: int, outcome: object) -> None:
        raise RuntimeError("the disk is full")

    crew = Processes(tasks.square, None, 2)
    numbers = iter(range(10))
    with pytest.raises(RuntimeError, match="the disk is full"), crew:
        carry_out(crew, lambda _: next(numbers, None), keep)
    assert not crew.busy
    assert crew.idle == [None, None]


def all_done(crew: Processes[Any, int, Any], jobs: list[int]) -> dict[int, Any]:
    """The outcome of each job."""
    found: dict[int, Any] = {}
    numbers = iter(jobs)
    with crew:
        assert not carry_out(crew, lambda _: next(numbers, None), found.__setitem__)
    return dict(sorted(found.items()))
