"""Ciw as a second engine for the part that it can express: queues of single units, by class or in a row.

Once fed with the arrivals and services of the journal, so that every box must wait as long in both; once with draws
of its own, compared by the interval of the difference of the means (Welch).
"""

from __future__ import annotations

import ciw
import numpy as np
import pytest
from scipy import stats

from sim.model import Journal, simulate
from sim.study import run
from tests.verification.queues import CONFIDENCE, RATE, Floats, Queue, facility, plain, priorities, tandems

pytestmark = pytest.mark.filterwarnings("ignore:Pickle, copy, and deepcopy support:DeprecationWarning")  # Ciw copies

BOXES = 2000  # of each flow, that both engines follow
REPLICATIONS = 24
WARM_UP, LENGTH = 720.0, 6000.0  # h
NARROW = 0.3  # half an interval over the mean: Ciw is too slow for the width of the comparisons with theory

SERVERS, CLASSES, TANDEM = plain()[1], priorities(), tandems()[0]


def waits(network: ciw.network.Network, until: float) -> dict[tuple[str, int], Floats]:
    """(arrival, wait) of each unit by class and number of the station, from 1, in order of arrival."""
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(until)
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for record in sorted(simulation.get_all_records(), key=lambda record: record.arrival_date):
        row = (record.arrival_date, record.waiting_time)
        found.setdefault((record.customer_class, record.node), []).append(row)
    return {key: np.array(rows) for key, rows in found.items()}


def journal_of(queue: Queue) -> Journal:
    """From an empty queue on, so that both engines begin alike."""
    return simulate(queue.network("run.warm_up=0 h"), 0)


def column(journal: Journal, flow: int, leg: int, name: str) -> Floats:
    """Hours of the first units of a flow on one leg, in order of release."""
    c = journal.carriages
    mine = np.flatnonzero((c["itinerary"] == flow) & (c["leg"] == leg))
    return c[name][mine[np.argsort(c["unit"][mine])]][:BOXES]


def fed(hours: Floats) -> ciw.dists.Distribution:
    """These values in turn, then none for a century."""
    return ciw.dists.Sequential([*hours.tolist(), 876_000.0])


def gaps(arrivals: Floats) -> Floats:
    return np.diff(arrivals, prepend=0.0)


def test_each_box_of_m_m_2_waits_as_long_by_ciw() -> None:
    journal = journal_of(SERVERS)
    came = column(journal, 0, 0, "ready") + 1  # an hour's run
    begins, ends = (column(journal, 0, 0, name) for name in ("lowered", "landed"))
    network = ciw.create_network(
        arrival_distributions=[fed(gaps(came))],
        service_distributions=[fed(ends - begins)],
        number_of_servers=[2],
    )
    assert waits(network, 100_000.0)["Customer", 1][:, 1] == pytest.approx(begins - came, abs=1e-6)


def test_each_box_of_two_classes_waits_as_long_by_ciw() -> None:
    journal = journal_of(CLASSES)
    names = ["boxes", "urgent"]
    came = [column(journal, flow, 0, "ready") + 1 for flow in range(2)]
    begins, ends = ([column(journal, flow, 0, name) for flow in range(2)] for name in ("lowered", "landed"))
    network = ciw.create_network(
        arrival_distributions={name: [fed(gaps(came[i]))] for i, name in enumerate(names)},
        service_distributions={name: [fed(ends[i] - begins[i])] for i, name in enumerate(names)},
        priority_classes={"urgent": 0, "boxes": 1},
        number_of_servers=[2],
    )
    both = min(came[0][-1], came[1][-1])  # later, one class has run out in Ciw but not in the journal
    found = waits(network, both)
    for i, name in enumerate(names):
        theirs = found[name, 1]
        assert len(theirs) > BOXES / 3
        assert theirs[:, 1] == pytest.approx((begins[i] - came[i])[: len(theirs)], abs=1e-6)


def test_each_box_of_two_stations_in_a_row_waits_as_long_by_ciw() -> None:
    journal = journal_of(TANDEM)
    came = column(journal, 0, 0, "ready") + 1
    begins, ends = (column(journal, 0, 0, name) for name in ("lowered", "landed"))
    again, done = (column(journal, 0, 1, name) for name in ("lifted", "loaded"))
    network = ciw.create_network(
        arrival_distributions=[fed(gaps(came)), None],
        service_distributions=[fed(ends - begins), fed(done - again)],
        routing=[[0.0, 1.0], [0.0, 0.0]],
        number_of_servers=[1, 1],
    )
    found = waits(network, 100_000.0)
    assert found["Customer", 1][:, 1] == pytest.approx(begins - came, abs=1e-6)
    assert found["Customer", 2][:, 1] == pytest.approx(again - ends, abs=1e-6)


def test_m_m_2_with_draws_of_its_own() -> None:
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(RATE)],
        service_distributions=[ciw.dists.Exponential(1 / 8)],
        number_of_servers=[2],
    )
    theirs = []
    for seed in range(REPLICATIONS):
        ciw.seed(seed)
        came, wait = waits(network, 2 * WARM_UP + LENGTH)["Customer", 1].T
        theirs.append(wait[(came >= WARM_UP) & (came < WARM_UP + LENGTH)].mean())
    result = run(SERVERS.network(f"run.length={LENGTH} h"), REPLICATIONS, workers=1)
    ours = facility("b", "berth tracks", "mean_wait_h")(result)
    interval = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(CONFIDENCE)
    assert interval.low <= 0 <= interval.high
    assert (interval.high - interval.low) / 2 <= NARROW * np.mean(theirs)
