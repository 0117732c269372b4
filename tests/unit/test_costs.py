"""Break-even values of time: what is told of two routes, and the interval of a ratio."""

from __future__ import annotations

import numpy as np
import pytest

from sim.study.costs import fieller, trade_off

NARROW = np.array([-0.1, 0.0, 0.1])


@pytest.mark.parametrize(
    ("usd_more", "days_less", "verdict"),
    [
        (1000 + NARROW, 20 + NARROW, "break even"),
        (-500 + NARROW, 20 + NARROW, "none: dominated"),
        (np.zeros(3), 20 + NARROW, "none: dominated"),  # as dear, and faster
        (1000 + NARROW, np.array([-1.0, 0.5, 2.0]), "not separated"),
        (-500 + NARROW, np.array([-1.0, 0.5, 2.0]), "not separated"),  # who knows whether it is faster
        (np.array([-9.0, 1.0, 10.0]), 20 + NARROW, "not separated"),
        (np.array([np.nan, 1.0, 2.0]), 20 + NARROW, "unknown"),
    ],
)
def test_verdicts(usd_more, days_less, verdict):
    found = trade_off(usd_more, days_less, 0.95)
    assert found.verdict == verdict
    assert (found.value is not None) == (verdict == "break even")


def test_one_replication_has_a_value_and_no_interval():
    found = trade_off(np.array([900.0]), np.array([30.0]), 0.95)
    assert (found.value, found.low, found.high) == (30.0, None, None)


def test_a_sure_denominator_leaves_the_interval_of_the_mean():
    """With the days without any spread, Fieller's interval is Student's, divided by them."""
    usd = np.array([980.0, 1000.0, 1040.0, 1010.0])
    low, high = fieller(usd, np.full(4, 20.0), 0.95)
    half = 3.182446305284263 * usd.std(ddof=1) / 2 / 20  # t of 3 degrees of freedom, 97.5 %
    assert (low, high) == (pytest.approx(usd.mean() / 20 - half), pytest.approx(usd.mean() / 20 + half))


def test_a_denominator_that_may_be_zero_has_no_bound():
    assert fieller(np.array([9.0, 10.0, 11.0]), np.array([-1.0, 1.0, 2.0]), 0.95) == (None, None)


def test_the_interval_holds_the_true_ratio_as_often_as_it_says():
    """Correlated normal samples of ten, 4000 times: 95 % ± 4.5 standard errors."""
    rng = np.random.default_rng(20)
    draws = rng.multivariate_normal([300.0, 10.0], [[900.0, 20.0], [20.0, 4.0]], size=(4000, 10))
    hits = [low <= 30.0 <= high for low, high in (fieller(d[:, 0], d[:, 1], 0.95) for d in draws)]
    assert abs(np.mean(hits) - 0.95) < 4.5 * np.sqrt(0.95 * 0.05 / 4000)
