"""The real program against queueing theory: a corridor that is a queue."""

from __future__ import annotations

from math import factorial
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from sim.measure import measure
from sim.model import simulate
from sim.network import build
from sim.scenario.load import load

QUEUE = Path(__file__).parent / "queue.yaml"
RATE = 1314 / 8760  # boxes an hour
SERVICE = 10.0  # h
REPLICATIONS = 8


def erlang_wait(servers: int) -> float:
    """Mean hours in the queue of M/M/c."""
    load = RATE * SERVICE
    share = load / servers
    tail = load**servers / factorial(servers) / (1 - share)
    busy = tail / (sum(load**k / factorial(k) for k in range(servers)) + tail)
    return busy * SERVICE / (servers - load)


def waits(*changes: str) -> tuple[list[float], list[float], list[float]]:
    """Mean wait, utilisation and mean queue at b, of each replication."""
    network = build(load(QUEUE, set=changes))
    rows = []
    for replication in range(REPLICATIONS):
        facilities = measure(network, simulate(network, replication)).facilities
        rows.append(facilities.set_index(["place", "facility"]).loc[("b", "berth tracks")])
    return tuple([float(row[name]) for row in rows] for name in ("mean_wait_h", "utilisation", "mean_queue"))  # type: ignore[return-value]


def near(values: list[float], expected: float) -> bool:
    """Within the 99.9 % interval of the mean over replications."""
    half = stats.t.ppf(0.9995, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
    return bool(abs(np.mean(values) - expected) <= half)


@pytest.mark.parametrize("servers", [2, 3])
def test_wait_use_and_little_of_m_m_c(servers: int) -> None:
    wait, use, queue = waits(f"terminals.b.berths.tracks.count={servers}")
    assert near(wait, erlang_wait(servers))
    assert near(use, RATE * SERVICE / servers)
    assert near(queue, RATE * erlang_wait(servers))


def test_wait_of_m_d_1_is_half_of_m_m_1() -> None:
    """Pollaczek–Khinchine with a constant service of 5 h on one track."""
    wait, _, _ = waits("terminals.b.berths.tracks.count=1", "terminals.b.berths.tracks.discharge=5 h")
    load = RATE * 5
    assert near(wait, load * 5 / (2 * (1 - load)))
