"""python -m benchmarks.memory FILE: what one replication of a scenario adds to the memory of its process, as JSON.

It runs in a process of its own, because the peak of a process never falls. Linux only: it reads /proc.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from sim.measure import measure
from sim.model import simulate
from sim.network import build
from sim.scenario.load import load

STATUS = Path("/proc/self/status")


def peak() -> float:
    """The most memory that this process has had, in MB of 10⁶ bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


def main(file: str) -> None:
    warm = build(load(file, set=["run.length=2 d"]))
    measure(warm, simulate(warm))  # so that all code is there, and what is added is the replication's own
    network = build(load(file))
    before = peak()
    journal = simulate(network)
    simulated = peak()
    measure(network, journal)
    print(json.dumps({"before": before, "simulated": simulated - before, "measured": peak() - before}))


if __name__ == "__main__":
    main(sys.argv[1])
