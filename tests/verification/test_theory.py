"""The closed forms against numbers of textbooks, against each other where one is the limit of another, and against
Markov chains that are solved state by state."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.verification import theory


def stationary(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of the states of a Markov chain with these rates of transition."""
    balance = (rates - np.diag(rates.sum(axis=1))).T
    balance[0] = 1.0
    return np.linalg.solve(balance, np.eye(len(rates))[0])


@pytest.mark.parametrize(
    ("servers", "offered", "expected"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9), (10, 8.0, 0.409), (50, 40.0, 0.0870)],
)
def test_erlang_c_of_the_tables(servers: int, offered: float, expected: float) -> None:
    """The first three are simple fractions; the others from tables of the Erlang C function, to the digits printed."""
    assert theory.erlang_c(servers, offered) == pytest.approx(expected, abs=5e-4)


def test_m_m_1_and_pollaczek_khinchine() -> None:
    assert theory.m_m_c(0.75, 1, 1) == pytest.approx(3)
    assert theory.m_g_1(0.75, 1, 1) == pytest.approx(3)
    assert theory.m_g_1(0.75, 1, 0) == pytest.approx(1.5)


def test_priorities_keep_the_mean_and_the_product_of_two_classes() -> None:
    """Kleinrock's conservation law; and M/M/1 with loads 0.3 and 0.4: 1 and 3⅓ services."""
    urgent, other = theory.m_m_c_priorities([0.3, 0.4], 1, 1)
    assert (urgent, other) == (pytest.approx(0.7 / 0.7), pytest.approx(0.7 / (0.7 * 0.3)))
    three = theory.m_m_c_priorities([0.2, 0.5, 0.9], 1.5, 3)
    assert np.average(three, weights=[0.2, 0.5, 0.9]) == pytest.approx(theory.m_m_c(1.6, 1.5, 3))


def test_batches_of_one_are_the_plain_queue() -> None:
    assert theory.Batches(0.6, 1).wait_for_a_server(1) == pytest.approx(theory.m_m_c(0.6, 1, 1))
    assert theory.Batches(0.6, 1, 5.0).transform(0.3) == pytest.approx(0.6 / 0.9)


def test_full_batches_wait_half_the_gaps_between_their_units() -> None:
    full = theory.Batches(0.5, 4)
    assert (full.load, full.wait, full.interval) == (4, pytest.approx(3 / 2 / 0.5), 8)
    patient = theory.Batches(0.5, 4, 500.0)
    assert (patient.load, patient.wait) == (pytest.approx(full.load), pytest.approx(full.wait))
    assert patient.transform(0.1) == pytest.approx(full.transform(0.1))


def test_batches_with_a_limit_against_their_transform() -> None:
    """The mean interval is minus the slope of its transform at zero; with no patience each unit goes by itself."""
    batches = theory.Batches(0.5, 4, 3.0)
    assert (1 - batches.transform(1e-7)) / 1e-7 == pytest.approx(batches.interval, rel=1e-5)
    assert theory.Batches(0.5, 4, 1e-9).load == pytest.approx(1)


@pytest.mark.parametrize(("least", "most"), [(1, 1), (1, 3), (3, 3), (2, 4)])
def test_bulk_service_against_its_markov_chain(least: int, most: int) -> None:
    rate, service, longest = 0.5, 1.4, 150
    busy, idle = range(longest + 1), range(longest + 1, longest + 1 + least)
    rates = np.zeros((longest + 1 + least,) * 2)
    for n in busy:
        if n < longest:
            rates[n, n + 1] += rate
        done = idle[n] if n < least else busy[max(n - most, 0)]
        rates[n, done] += 1 / service
    for q, state in enumerate(idle):
        rates[state, idle[q + 1] if q + 1 < least else busy[0]] += rate
    p = stationary(rates)
    queue = sum(n * p[n] for n in busy) + sum(q * p[state] for q, state in enumerate(idle))
    assert theory.m_m_a_b_1(rate, service, least, most) == pytest.approx(queue / rate, rel=1e-6)


def test_machine_repair_of_one_machine_and_of_many() -> None:
    alone = theory.machine_repair(1, 1, 9, 1)
    assert (alone.wait, alone.use) == (0, pytest.approx(0.1))
    many = theory.machine_repair(100, 2, 100 / 0.75 - 1, 1.0)  # nearly a Poisson stream of 0.75 an hour
    assert many.wait == pytest.approx(theory.m_m_c(0.75, 1, 2), rel=0.05)


@pytest.mark.parametrize(("machines", "servers"), [(4, 1), (5, 2), (7, 3), (2, 3)])
def test_mean_value_analysis_with_one_station_is_machine_repair(machines: int, servers: int) -> None:
    cycles, (station,) = theory.closed_network(machines, [(10.0, servers)], 18.0)
    expected = theory.machine_repair(machines, servers, 18.0, 10.0)
    assert (station.wait, station.queue, station.use) == (
        pytest.approx(expected.wait),
        pytest.approx(expected.queue),
        pytest.approx(expected.use),
    )
    assert cycles * (18 + 10 + station.wait) == pytest.approx(machines)


def test_mean_value_analysis_of_a_balanced_cycle() -> None:
    """N customers at M equal single servers: N / (M + N − 1) services' worth of work an hour each (Buzen's bound)."""
    for customers in (1, 2, 5):
        cycles, _ = theory.closed_network(customers, [(1.0, 1)] * 3, 0.0)
        assert cycles == pytest.approx(customers / (customers + 2))


def test_mean_value_analysis_against_the_markov_chain_of_a_fleet() -> None:
    """Five ships, two and one berths, exponential times at sea: states (at a, at b), all transitions written down."""
    ships, at_a, at_b, away = 5, 20.0, 8.0, 12.0
    states = [(i, j, k) for i in range(ships + 1) for j in range(ships + 1 - i) for k in range(ships + 1 - i - j)]
    number = {s: n for n, s in enumerate(states)}  # at a, at sea to b, at b; the others at sea to a
    rates = np.zeros((len(states),) * 2)
    for i, j, k in states:
        rest = ships - i - j - k
        for count, hours, to in (
            (min(i, 2), at_a, (i - 1, j + 1, k)),
            (j, away, (i, j - 1, k + 1)),
            (min(k, 1), at_b, (i, j, k - 1)),
            (rest, away, (i + 1, j, k)),
        ):
            if count:
                rates[number[i, j, k], number[to]] += count / hours
    p = stationary(rates)
    cycles, (a, b) = theory.closed_network(ships, [(at_a, 2), (at_b, 1)], 2 * away)
    assert a.queue == pytest.approx(sum(p[number[s]] * max(s[0] - 2, 0) for s in states))
    assert b.queue == pytest.approx(sum(p[number[s]] * max(s[2] - 1, 0) for s in states))
    assert cycles == pytest.approx(sum(p[number[s]] * min(s[2], 1) for s in states) / at_b)


def test_breakdowns_against_the_matrix_geometric_solution() -> None:
    rate, mu, fails, mends = 0.1, 1 / 3, 1 / 40, 1 / 10
    up, down = rate * np.eye(2), np.diag([mu, 0.0])
    change = np.array([[0.0, fails], [mends, 0.0]])
    local = change - np.diag((up + down + change).sum(axis=1))
    level, phase = theory.mean_level(up, local, down, change - np.diag((up + change).sum(axis=1)))
    assert level / rate == pytest.approx(theory.breakdowns_m_m_1(rate, 3, 40, 10))
    assert phase == pytest.approx([0.8, 0.2])
    assert theory.breakdowns_m_m_1(rate, 3, inf, 10) == pytest.approx(theory.m_m_c(rate, 3, 1) + 3)


def test_a_large_yard_is_none() -> None:
    """Two queues in a row, each as if the other were not there (Jackson); and a small yard costs time."""
    free = theory.m_m_c(0.15, 3, 1) + 3 + theory.m_m_c(0.15, 4, 1) + 4
    assert theory.yard_between(0.15, 3, 4, 80)[0] == pytest.approx(free)
    assert theory.yard_between(0.15, 3, 4, 4)[0] > free


def test_a_small_yard_against_its_markov_chain() -> None:
    rate, first, second, room, longest = 0.15, 3.0, 4.0, 3, 120
    number = {(n, k): n * (room + 1) + k for n in range(longest + 1) for k in range(room + 1)}
    rates = np.zeros((len(number),) * 2)
    for (n, k), state in number.items():
        if n < longest:
            rates[state, number[n + 1, k]] = rate
        if n and k < room:
            rates[state, number[n - 1, k + 1]] = 1 / first
        if k:
            rates[state, number[n, k - 1]] = 1 / second
    p = stationary(rates)
    stay = sum(p[state] * (n + k) for (n, k), state in number.items()) / rate
    assert theory.yard_between(rate, first, second, room)[0] == pytest.approx(stay, rel=1e-6)


@pytest.mark.parametrize(
    "queue",
    [
        lambda: theory.m_m_c(1, 2, 2),
        lambda: theory.m_g_1(1, 1, 0.5),
        lambda: theory.Batches(1, 4).wait_for_a_server(4),
        lambda: theory.m_m_a_b_1(1, 4, 1, 4),
        lambda: theory.breakdowns_m_m_1(0.4, 2, 10, 10),
    ],
)
def test_a_queue_that_grows_for_ever_is_refused(queue: object) -> None:
    with pytest.raises(ValueError, match="no steady state"):
        queue()  # type: ignore[operator]
