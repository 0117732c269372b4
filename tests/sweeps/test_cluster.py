"""Sweeps on a Dask cluster: a real scheduler and real workers, as processes on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.study import BadStudyError
from sim.study.crew import Mishap, carry_out
from sim.sweeps import cluster
from sim.sweeps.cluster import Cluster
from sim.sweeps.ledger import reading
from tests.sweeps import tasks
from tests.sweeps.sweeping import PATIENCE, ROOT, RUNS, Corridor, Start, eventually, outcome, runs

distributed = pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="signals of POSIX"),
    pytest.mark.filterwarnings("default"),  # those of distributed are its own
    pytest.mark.usefixtures("unpainted"),
]
RESULTS = Path("results") / "tiny"


class Site:
    """A scheduler and its workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self.begin("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-show")

    def begin(self, kind: str, *words: str, **variables: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{kind}-{len(self.processes)}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"],
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env=os.environ
                    | {"PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
                    | variables,
                )
            )
        return self.processes[-1]

    def add_worker(self, **variables: str) -> subprocess.Popen[bytes]:
        return self.begin("worker", self.address, "--no-nanny", "--nthreads", "1", **variables)

    def ask(self, what: Callable[[Any], Any]) -> Any:
        """What a client of one's own hears from the scheduler."""
        with distributed.Client(self.address, timeout=PATIENCE, set_as_default=False) as client:
            return what(client)

    def await_workers(self, count: int) -> None:
        self.ask(lambda client: client.wait_for_workers(count, timeout=PATIENCE))

    def left(self) -> dict[str, str]:
        """The tasks that the scheduler knows, and their states."""
        states: dict[str, str] = self.ask(
            lambda client: client.run_on_scheduler(
                lambda dask_scheduler: {str(key): task.state for key, task in dask_scheduler.tasks.items()}
            )
        )
        return states

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.end()


@pytest.fixture
def site(empty_site: Site) -> Site:
    for _ in range(2):
        empty_site.add_worker()
    empty_site.await_workers(2)
    return empty_site


def test_the_cluster_comes_to_the_same_table_and_nothing_is_left_on_it(
    site: Site, folder: Path, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    found = corridor("sweep", "tiny.yaml", "--scheduler", site.address)
    assert found.exit_code == 0, found.output
    pd.testing.assert_frame_equal(runs(folder), undisturbed, check_exact=True)
    eventually(lambda: not site.left())


def test_a_worker_that_is_killed_costs_no_run(
    site: Site, folder: Path, start: Start, undisturbed: pd.DataFrame
) -> None:
    process = start("slow", "sweep", "tiny.yaml", "--scheduler", site.address)
    eventually(lambda: done() >= 2)
    site.processes[1].kill()
    assert done() < RUNS
    code, err = outcome(process)
    assert code == 0, err
    pd.testing.assert_frame_equal(runs(folder), undisturbed, check_exact=True)


OPTIMISATION = """\
title: Sooner over the small sea
base: small.yaml
set: {run.length: 20 d, run.warm_up: 5 d, run.run_out: 10 d}
levers:
  feeders: {path: fleets.feeders.vessels, values: [1, 2, 3], cost_each: 5 MUSD/a}
  berths: {path: ports.west-port.berths.quay.count, values: [1, 2], cost_each: 3 MUSD/a}
target: transit.p50[trade/over] <= 9 d
replications: 2
most: 8
"""


def test_an_optimisation_comes_to_the_same_on_the_cluster_though_a_worker_is_killed(
    site: Site, folder: Path, start: Start, corridor: Corridor
) -> None:
    (folder / "sooner.yaml").write_text(OPTIMISATION, encoding="utf-8")
    assert corridor("optimise", "sooner.yaml", "--workers", 1, "--out", "here").exit_code == 0
    process = start("slow", "optimise", "sooner.yaml", "--scheduler", site.address)
    there = Path("results") / "optimise-sooner"
    eventually(lambda: done(there) >= 2)
    site.processes[1].kill()
    searched = done(there)
    code, err = outcome(process)
    assert code == 0, err
    assert searched < done(there) == done(Path("here") / "optimise-sooner")
    for name in ("candidates", "runs"):
        one, other = (
            pd.read_parquet(folder / at / "optimise-sooner" / f"{name}.parquet") for at in ("here", "results")
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    eventually(lambda: not site.left())


def test_ctrl_c_keeps_what_ends_and_leaves_nothing_on_the_cluster(
    site: Site, folder: Path, start: Start, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    process = start("slow", "sweep", "tiny.yaml", "--scheduler", site.address)
    eventually(lambda: done() >= 2)
    process.send_signal(2)
    code, err = outcome(process)
    assert code == 130
    assert f"Stopped. {done()} runs are kept" in err
    assert 2 <= done() < RUNS
    eventually(lambda: not site.left())
    assert corridor("sweep", "resume", "tiny", "--workers", 1).exit_code == 0  # here what was begun there
    pd.testing.assert_frame_equal(runs(folder), undisturbed, check_exact=True)


def test_a_scheduler_that_is_lost_ends_the_sweep_with_a_word(
    site: Site, folder: Path, start: Start, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    process = start("slow", "sweep", "tiny.yaml", "--scheduler", site.address)
    eventually(lambda: done() >= 2)
    site.scheduler.kill()
    code, err = outcome(process)
    assert code == 1
    assert f"{site.address}: the scheduler is lost; the runs before are kept" in err
    assert "Traceback" not in err
    assert 2 <= done() < RUNS
    assert corridor("sweep", "tiny.yaml", "--workers", 1).exit_code == 0
    pd.testing.assert_frame_equal(runs(folder), undisturbed, check_exact=True)


def test_what_a_job_does_wrong_is_its_own_mishap(site: Site) -> None:
    site.add_worker()
    site.await_workers(3)
    found: dict[int, Any] = {}
    numbers = iter(range(6))
    with Cluster(site.address, tasks.misbehaves, "a state", 2.0) as crew:
        assert not carry_out(crew, lambda _: next(numbers, None), found.__setitem__)
    assert {number: found[number] for number in (0, 5)} == {0: "a state 0", 5: "a state 5"}
    mishaps = [found[number] for number in (1, 2, 3, 4)]
    assert all(isinstance(one, Mishap) for one in mishaps)
    assert [one.status for one in mishaps] == ["failed", "timed out", "failed", "failed"]
    assert mishaps[0].error == "ArithmeticError: no ship can be divided by 0"
    assert "in misbehaves" in mishaps[0].traceback
    assert mishaps[1].error == "it took longer than 2 s"
    assert "local object" in mishaps[2].error
    assert mishaps[3].error.startswith("its worker was killed each time that it was tried")
    assert len(site.ask(lambda client: client.nthreads())) == 1


OTHER_SIMPY = """\
import importlib.metadata as metadata
version = metadata.version
metadata.version = lambda name: "0.1" if name == "simpy" else version(name)
"""


def test_workers_of_another_model_are_refused_before_the_first_run(
    empty_site: Site, folder: Path, corridor: Corridor
) -> None:
    other = folder / "other"
    (other / "tests").mkdir(parents=True)
    (other / "sim").symlink_to(ROOT / "sim")
    (other / "sitecustomize.py").write_text(OTHER_SIMPY)
    empty_site.add_worker(PYTHONPATH=str(other))
    empty_site.await_workers(1)
    found = corridor("sweep", "tiny.yaml", "--scheduler", empty_site.address)
    assert found.exit_code == 2
    assert "workers of the cluster would come to other outcomes; install the same there as here:" in found.stderr
    assert f"simpy 0.1, here {cluster.identity()['simpy']}" in found.stderr
    assert "model " not in found.stderr.partition("here:")[2]
    assert done() == 0


def test_a_worker_without_the_program_is_refused(empty_site: Site) -> None:
    bare = empty_site.folder / "bare"
    bare.mkdir()
    (bare / "sitecustomize.py").write_text("import sys; sys.modules['sim'] = None\n")
    empty_site.add_worker(PYTHONPATH=str(bare))
    empty_site.await_workers(1)
    with (
        pytest.raises(BadStudyError, match=r"tcp://127.0.0.1:\d+: .*ModuleNotFoundError"),
        Cluster(empty_site.address, tasks.square, None),
    ):
        pass


def test_a_worker_that_joins_later_and_is_not_the_same_ends_the_sweep(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[int, Any] = {}
    numbers = iter(range(4))
    with Cluster(site.address, tasks.square, None) as crew:
        monkeypatch.setattr(cluster, "identity", lambda: {"model": "another since"})
        with pytest.raises(BadStudyError, match="here another since"):
            carry_out(crew, lambda _: next(numbers, None), found.__setitem__)
    assert found == {}


def test_a_scheduler_that_does_not_answer_is_told_soon(folder: Path, corridor: Corridor) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
        begun = time.monotonic()
        found = corridor("sweep", "tiny.yaml", "--scheduler", address)
    assert found.exit_code == 1
    assert f"Error: {address}: no Dask scheduler answers there within 10 s\n" in found.stderr
    assert time.monotonic() - begun < PATIENCE
    found = corridor("sweep", "tiny.yaml", "--scheduler", "http//:no")
    assert found.exit_code == 2
    assert "where an address like tcp://host:8786 is due" in found.stderr


def test_a_scheduler_without_workers_is_told(empty_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    eventually(lambda: "Scheduler at" in (empty_site.folder / "scheduler-0.log").read_text())
    monkeypatch.setattr(cluster, "PATIENCE", 5.0)
    with (
        pytest.raises(OSError, match="the scheduler there has no workers"),
        Cluster(empty_site.address, tasks.square, None),
    ):
        pass


def test_without_the_package_it_is_named(folder: Path, corridor: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    found = corridor("sweep", "tiny.yaml", "--scheduler", "tcp://127.0.0.1:8786")
    assert found.exit_code == 2
    assert "pip install 'middle-corridor-sim[dist]'" in found.stderr


def done(folder: Path = RESULTS) -> int:
    """The runs in the ledger of a folder."""
    if not (folder / "ledger.sqlite").is_file():
        return 0
    with reading(folder) as ledger:
        return len(ledger.statuses())
