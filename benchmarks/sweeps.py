"""What a sweep costs beside simulating, and what a large ledger asks of time and memory.

`parts` times what is done for one run of the baseline, in CPU seconds of this process, the least of some repetitions;
writing the ledger also by the clock, because it waits for the disk. `large` makes a ledger of 10,000 runs whose
figures are drawn at random, and goes on with it, exports it and draws it in a process of its own, because the peak of a
process never falls. `by_workers` is worth what the machine is quiet.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

import sim
from benchmarks.memory import peak
from sim.measure import essentials
from sim.model import simulate
from sim.network import build
from sim.scenario.load import altered, load
from sim.sweeps import read_results, read_sweep, run_sweep
from sim.sweeps.ledger import reading, writing
from sim.sweeps.outcomes import figures
from sim.sweeps.points import points
from sim.sweeps.run import describe
from sim.sweeps.work import Job, Run, work

BASELINE = Path(__file__).parent.parent / "scenarios" / "baseline-2024.yaml"
REPLICATIONS = 10  # of a point, over which the making of its network is spread
POINTS = 1000
SWEEP = f"""\
title: A large sweep
base: {BASELINE}
factors:
  feeders: {{path: fleets.asco-feeders.vessels, range: [2, 8]}}
  demand: {{path: "demand.*.volume", how: times, range: [0.5, 2.0]}}
design: {{kind: latin-hypercube, points: {POINTS}}}
replications: {REPLICATIONS}
outcomes: [transit.p50, transit.p90, promise.within, cost, emissions]
"""


def parts(repetitions: int) -> dict[str, float]:
    """Seconds a run of the baseline, by what they are for."""
    scenario = load(BASELINE)
    changes = ("fleets.asco-feeders.vessels=3",)
    network = build(altered(scenario, changes))
    journal = simulate(network)
    done = work({scenario.name: scenario}, Job("key", scenario.name, changes, 0))

    cpu, clock = writes(done, 20 * repetitions)
    return {
        "simulating": least(lambda: simulate(network), repetitions),
        "measuring": least(lambda: figures(essentials(network, journal)), repetitions),
        "making the network": least(lambda: build(altered(scenario, changes)), repetitions) / REPLICATIONS,
        "sending the outcome": least(lambda: pickle.loads(pickle.dumps(done)), repetitions),
        "writing the ledger": cpu,
        "the same by the clock": clock,
    }


def least(job: Callable[[], object], repetitions: int) -> float:
    """The least CPU seconds of several repetitions."""
    found = []
    for _ in range(repetitions):
        start = process_time()
        job()
        found.append(process_time() - start)
    return min(found)


def writes(run: Run, count: int) -> tuple[float, float]:
    """The CPU seconds of one record, and the median of those by the clock."""
    found = []
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, writing(Path(folder)) as (ledger, _):
        ledger.begin({}, [])
        used = process_time()
        for number in range(count):
            start = perf_counter()
            ledger.keep("key", number, run)
            found.append(perf_counter() - start)
        used = process_time() - used
    return used / count, median(found)


def by_workers(counts: Sequence[int]) -> dict[int, float]:
    """Seconds by the clock of a sweep of the baseline, by the number of processes, their start included."""
    found = {}
    for count in counts:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            file = Path(folder) / "small.yaml"
            file.write_text(SWEEP.replace(f"points: {POINTS}", "points: 2"), encoding="utf-8")
            plan = read_sweep(file, sim.library())
            start = perf_counter()
            run_sweep(plan, Path(folder) / plan.name, workers=count)
            found[count] = perf_counter() - start
    return found


def large() -> dict[str, tuple[float, float]]:
    """What is done with the large ledger -> (CPU seconds, MB that the process had at most)."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "large.yaml"
        file.write_text(SWEEP, encoding="utf-8")
        fill(file)
        found = {}
        for what in ("resume", "export", "plot"):
            command = [sys.executable, "-m", "benchmarks.sweeps", what, str(file)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            seconds, most = json.loads(answer.splitlines()[-1])
            found[what] = (seconds, most)
        return found


def fill(file: Path) -> None:
    """Make the ledger of a sweep, with figures that are made up."""
    plan = read_sweep(file, sim.library())
    [base] = plan.bases
    short = altered(base, ["run.length=20 d", "run.warm_up=10 d", "run.run_out=5 d"])
    names = work({base.name: short}, Job("", base.name, (), 0)).names
    rng = np.random.default_rng(1)
    todo = points(plan)
    with writing(file.parent / plan.name) as (ledger, _):
        ledger.begin(describe(plan), ((p.number, p.base, p.levels, p.changes, p.key, None) for p in todo))
        for point in todo:
            for replication in range(REPLICATIONS):
                ledger.keep(point.key, replication, Run(names, rng.gamma(9.0, 2.0, len(names)), 1.0))


def do(what: str, file: Path) -> None:
    """One of the commands on the large ledger."""
    from sim.show.sweeps import save_page, save_tables

    folder = file.parent / file.stem
    if what == "resume":
        run_sweep(read_sweep(file, sim.library()), folder)
        with reading(folder) as ledger:
            assert len(ledger.statuses()) == POINTS * REPLICATIONS
        return
    result = read_results(folder)
    save_tables(result, folder) if what == "export" else save_page(result, folder)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        begun = process_time()
        do(sys.argv[1], Path(sys.argv[2]))
        print(json.dumps([process_time() - begun, peak()]))
    else:
        told = parts(5)
        for name, seconds in told.items():
            print(f"{name:22s}{1e3 * seconds:10.2f} ms {seconds / told['simulating']:8.2%}")
        one, two = by_workers([1, 2]).values()
        print(f"two workers {one / two:.2f} times as fast as one")
        for name, (seconds, most) in large().items():
            print(f"{name:22s}{seconds:10.2f} s {most:8.0f} MB")
