"""Closed forms and exact numeric solutions of the queues that the scenario files here express.

Hours and rates an hour throughout. Sources, by the short names that the functions give:

- Kleinrock: Queueing Systems, vol. 1: Theory, Wiley 1975.
- Gross & Harris: Fundamentals of Queueing Theory, 3rd ed., Wiley 1998.
- Cobham: Priority assignment in waiting line problems, Operations Research 2 (1954).
- Medhi: Recent Developments in Bulk Queueing Models, Wiley Eastern 1984; the rule (a, b) is that of Neuts: A general
  class of bulk queues with Poisson input, Annals of Mathematical Statistics 38 (1967).
- White & Christie: Queuing with preemptive priorities or with breakdown, Operations Research 6 (1958).
- Reiser & Lavenberg: Mean-value analysis of closed multichain queuing networks, J. ACM 27 (1980).
- Baskett, Chandy, Muntz & Palacios: Open, closed, and mixed networks of queues with different classes of customers,
  J. ACM 22 (1975).
- Neuts: Matrix-Geometric Solutions in Stochastic Models, Johns Hopkins 1981.

Queues without a steady state (a load of 1 or more) are an error of the caller: ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Matrix = NDArray[np.float64]
Transform = Callable[[float], float]  # Laplace transform of a distribution of hours


def _steady(load: float) -> None:
    if not 0 <= load < 1:
        raise ValueError(f"a load of {load:g} a server has no steady state")


def erlang_c(servers: int, offered: float) -> float:
    """Share of arrivals that must wait in M/M/c; `offered`: rate × mean service (Kleinrock 3.5)."""
    _steady(offered / servers)
    tail = offered**servers / factorial(servers) / (1 - offered / servers)
    return tail / (sum(offered**k / factorial(k) for k in range(servers)) + tail)


def m_m_c(rate: float, service: float, servers: int) -> float:
    """Mean wait of M/M/c."""
    return erlang_c(servers, rate * service) * service / (servers - rate * service)


def m_g_1(rate: float, service: float, cv: float) -> float:
    """Mean wait of M/G/1 by Pollaczek and Khinchine; cv 0: M/D/1 (Kleinrock 5.6)."""
    load = rate * service
    _steady(load)
    return load * service * (1 + cv**2) / (2 * (1 - load))


def m_m_c_priorities(rates: Sequence[float], service: float, servers: int) -> list[float]:
    """Mean wait of each class, the first the most urgent, if who is served is not interrupted (Cobham)."""
    loads = [0.0, *accumulate(rate * service / servers for rate in rates)]
    first = erlang_c(servers, sum(rates) * service) * service / servers
    return [first / ((1 - higher) * (1 - own)) for higher, own in pairwise(loads)]


def gi_m_1(interval: Transform, mean_interval: float, service: float) -> float:
    """Mean wait of GI/M/1: arrivals at independent intervals, exponential service (Kleinrock 6.4)."""
    _steady(service / mean_interval)
    root = optimize.brentq(lambda s: interval((1 - s) / service) - s, 0.0, 1 - 1e-9, xtol=1e-14)
    return float(root * service / (1 - root))


@dataclass(frozen=True)
class Batches:
    """Batches made up of Poisson arrivals, that leave when full or `longest` hours after their first unit.

    A batch is a renewal: its first unit comes after an exponential time, and it leaves when `size` − 1 more have come
    or the wait is over. Without a limit, `longest` is infinite.
    """

    rate: float
    size: int
    longest: float = float("inf")

    def _more_than(self, count: int) -> float:
        """Probability that more than `count` units join the first one within the longest wait."""
        return 1.0 if self.longest == float("inf") else float(stats.poisson.sf(count, self.rate * self.longest))

    @property
    def load(self) -> float:
        """Mean units a batch."""
        return 1 + sum(self._more_than(count) for count in range(self.size - 1))

    @property
    def wait(self) -> float:
        """Mean hours a unit stands until its batch leaves: hours with n units times n, over units, a batch."""
        return sum((n + 1) * self._more_than(n) / self.rate for n in range(self.size - 1)) / self.load

    @property
    def interval(self) -> float:
        """Mean hours between departures."""
        return self.load / self.rate

    def transform(self, s: float) -> float:
        """Laplace transform of the hours between departures."""
        faster, others = self.rate + s, self.size - 1
        if self.longest == float("inf"):
            return float((self.rate / faster) ** self.size)
        filled = (self.rate / faster) ** others * stats.poisson.sf(others - 1, faster * self.longest)
        late = exp(-s * self.longest) * stats.poisson.cdf(others - 1, self.rate * self.longest)
        return float(self.rate / faster * (filled + late))

    def wait_for_a_server(self, service: float) -> float:
        """Mean hours a batch waits for a single exponential server."""
        return gi_m_1(self.transform, self.interval, service)


def m_m_a_b_1(rate: float, service: float, least: int, most: int) -> float:
    """Mean wait of M/M(a,b)/1: one server takes what waits, at least `least` and at most `most`, for one exponential
    time; who comes meanwhile waits for the next turn (Medhi).

    Busy with n waiting has probability C rⁿ, idle with q waiting C/(rate × service) × (1 + r + … + r^q).
    """
    _steady(rate * service / most)
    mu = 1 / service
    root = optimize.brentq(lambda z: mu * z ** (most + 1) - (rate + mu) * z + rate, 0.0, 1 - 1e-9, xtol=1e-14)
    idle = [mu / rate * sum(root**j for j in range(q + 1)) for q in range(least)]
    total = 1 / (1 - root) + sum(idle)
    queue = (root / (1 - root) ** 2 + sum(q * p for q, p in enumerate(idle))) / total
    return float(queue / rate)


@dataclass(frozen=True)
class Station:
    """What a queue shows: mean hours of wait for a server, mean number waiting, share of the servers busy."""

    wait: float
    queue: float
    use: float


def machine_repair(machines: int, servers: int, up: float, down: float) -> Station:
    """M/M/c//N (Gross & Harris, ch. 2): `up` hours away, then `down` hours on one of the servers. The time
    away may have any distribution with this mean (Baskett et al.)."""
    weights = accumulate(
        range(machines),
        lambda p, n: p * (machines - n) / min(n + 1, servers) * down / up,
        initial=1.0,
    )
    p = np.array(list(weights))
    p /= p.sum()
    n = np.arange(machines + 1)
    queue = float(p @ np.maximum(n - servers, 0))
    rate = (machines - float(p @ n)) / up
    return Station(queue / rate, queue, float(p @ np.minimum(n, servers)) / servers)


def closed_network(customers: int, stations: Sequence[tuple[float, int]], away: float) -> tuple[float, list[Station]]:
    """Cycles an hour of all customers together, and the stations of a closed cycle, by mean-value analysis
    (Reiser & Lavenberg; for several servers with the marginal probabilities of the busy ones).

    stations: mean hours and number of servers of each. away: hours of the cycle spent at none of them, however spread.
    """
    if customers < 1:
        raise ValueError(f"a closed network needs a customer, not {customers}")
    short = [np.eye(1, servers)[0] for _, servers in stations]  # probabilities of 0 .. servers − 1 at each station
    queues = [0.0] * len(stations)
    cycles = 0.0
    for n in range(1, customers + 1):
        stays = []
        for (service, servers), p, number in zip(stations, short, queues, strict=True):
            idle = sum((servers - 1 - j) * p[j] for j in range(servers - 1))
            stays.append(service / servers * (1 + number + idle))
        cycles = n / (away + sum(stays))
        queues = [cycles * stay for stay in stays]
        for i, (service, servers) in enumerate(stations):
            old = short[i]
            new = np.zeros(servers)
            new[1:] = cycles * service * old[:-1] / np.arange(1, servers)
            new[0] = 1 - (cycles * service + sum((servers - j) * new[j] for j in range(1, servers))) / servers
            short[i] = new
    waits = [stay - service for stay, (service, _) in zip(stays, stations, strict=True)]
    return cycles, [
        Station(wait, cycles * wait, cycles * service / servers)
        for wait, (service, servers) in zip(waits, stations, strict=True)
    ]


def breakdowns_m_m_1(rate: float, service: float, open_for: float, closed_for: float) -> float:
    """Mean stay in M/M/1 whose server stands still for exponential times, also when idle; the work goes on where it
    stood (White & Christie)."""
    fails, mends, mu = 1 / open_for, 1 / closed_for, 1 / service
    _steady(rate * service * (fails + mends) / mends)
    both = fails + mends
    return (both**2 + mu * fails) / (both * (mu * mends - rate * both))


def mean_level(up: Matrix, local: Matrix, down: Matrix, bottom: Matrix) -> tuple[float, Matrix]:
    """Mean level of a quasi-birth-death process, and the probabilities of its phases (Neuts, ch. 3).

    up, local, down: rates of transition by phase (the diagonal of `local` included); bottom: `local` at level 0.
    """
    phases = len(up)
    rates: Matrix = np.zeros_like(up)
    while True:
        better = -(up + rates @ rates @ down) @ np.linalg.inv(local)
        if np.abs(better - rates).max() < 1e-15:
            break
        rates = better
    rest = np.linalg.inv(np.eye(phases) - rates)
    ground = bottom + rates @ down
    ground[:, 0] = rest @ np.ones(phases)  # in the place of one balance equation: all probabilities add up to 1
    empty = np.linalg.solve(ground.T, np.eye(phases)[0])
    return float(empty @ rates @ rest @ rest @ np.ones(phases)), empty @ rest


def yard_between(rate: float, first: float, second: float, room: int) -> tuple[float, float]:
    """Two single servers in a row with a yard for `room` units, which takes who is under the first server, who stands
    between, and who is under the second: (mean stay of both stations together, mean units in the yard).

    The first does not begin before there is room; who waits for room keeps the first server's place. Level: units that
    are not through the first server; phase: units that are.
    """
    phases = room + 1
    up = rate * np.eye(phases)
    down = np.eye(phases, k=1) / first
    leaving = np.eye(phases, k=-1) / second
    local = leaving - np.diag((up + down + leaving).sum(axis=1))
    bottom = leaving - np.diag((up + leaving).sum(axis=1))
    level, phase = mean_level(up, local, down, bottom)
    behind = float(phase @ np.arange(phases))
    return (level + behind) / rate, behind + rate * first
