"""Intervals against scipy, paired differences, and MSER-5 on series whose loading-in phase is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sim.study import WarmUpError, bonferroni, estimate, intervals, mser5, paired_difference
from sim.study.statistics import median


@pytest.mark.parametrize("n", [2, 5, 30])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_interval_is_that_of_scipy(n: int, confidence: float) -> None:
    values = np.random.default_rng(n).lognormal(3, 0.5, n)
    found = estimate(values, confidence)
    low, high = stats.t.interval(confidence, n - 1, loc=values.mean(), scale=stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((values.mean(), low, high), rel=1e-12)
    assert found.n == n


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    one, none = estimate([3.5]), estimate([])
    assert (one.value, one.low, one.high, one.n) == (3.5, None, None, 1)
    assert (none.value, none.low, none.high, none.n) == (None, None, None, 0)


@pytest.mark.parametrize("unknown", [math.nan, math.inf])
def test_an_unknown_replication_makes_the_mean_unknown(unknown: float) -> None:
    found = estimate([20.0, 21.0, unknown, 19.0])
    assert (found.value, found.low, found.high, found.n) == (None, None, None, 4)


def test_equal_values_have_an_interval_of_no_length() -> None:
    found = estimate([7.0, 7.0, 7.0])
    assert (found.value, found.low, found.high) == (7.0, 7.0, 7.0)


def test_rows_are_estimated_one_by_one() -> None:
    table = np.random.default_rng(1).normal(20, 3, (6, 8))
    table[2, 3] = np.nan
    mean, low, high = intervals(table)
    for row, values in enumerate(table):
        found = estimate(values)
        expected = [np.nan if end is None else end for end in (found.value, found.low, found.high)]
        np.testing.assert_array_equal([mean[row], low[row], high[row]], expected)


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    tries = 4000
    _, low, high = intervals(np.random.default_rng(5).normal(0, 1, (tries, 6)))
    covered = np.mean((low <= 0) & (high >= 0))
    assert abs(covered - 0.95) < 4 * math.sqrt(0.95 * 0.05 / tries)


def test_paired_difference_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(2)
    weather = rng.normal(0, 5, 12)
    base, other = 30 + weather + rng.normal(0, 0.5, 12), 28 + weather + rng.normal(0, 0.5, 12)
    found = paired_difference(base, other)
    oracle = stats.ttest_rel(other, base)
    interval = oracle.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.correlation == pytest.approx(np.corrcoef(base, other)[0, 1])
    assert found.separated == (oracle.pvalue < 0.05)
    assert found.separated


def test_common_random_numbers_win_what_the_correlation_says() -> None:
    rng = np.random.default_rng(3)
    weather = rng.normal(0, 5, 50)
    base, other = 30 + weather + rng.normal(0, 0.5, 50), 29.5 + weather + rng.normal(0, 0.5, 50)
    paired, shuffled = paired_difference(base, other), paired_difference(base, rng.permutation(other))
    assert paired.separated
    assert not shuffled.separated


def test_no_difference_is_not_separated() -> None:
    values = [20.0, 25.0, 30.0]
    found = paired_difference(values, values)
    assert (found.value, found.low, found.high, found.separated) == (0.0, 0.0, 0.0, False)
    assert found.correlation == pytest.approx(1)


@pytest.mark.parametrize(("base", "other"), [([20.0], [10.0]), ([20.0, np.nan], [10.0, 11.0]), ([], [])])
def test_an_unknown_interval_separates_nothing(base: list[float], other: list[float]) -> None:
    found = paired_difference(base, other)
    assert not found.separated
    assert found.correlation is None


def test_constant_values_have_no_correlation() -> None:
    assert paired_difference([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]).correlation is None


def test_pairs_must_be_as_many_on_both_sides() -> None:
    with pytest.raises(ValueError, match="not 2 and 3"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])


def test_bonferroni_divides_the_risk() -> None:
    assert bonferroni(1) == pytest.approx(0.95)
    assert bonferroni(5) == pytest.approx(0.99)
    with pytest.raises(ValueError, match="at least one"):
        bonferroni(0)


def test_mser_cuts_off_a_bias_at_the_start_and_little_more() -> None:
    rng = np.random.default_rng(4)
    days = np.arange(400)
    bias = 30 * np.exp(-days / 20)
    noise = rng.normal(0, 1, (10, 400))
    for day in range(1, 400):
        noise[:, day] += 0.7 * noise[:, day - 1]
    cut = mser5(50 - bias + noise)
    assert cut % 5 == 0
    assert 40 <= cut <= 150
    assert bias[cut] < 5


def test_mser_leaves_a_series_without_bias_alone() -> None:
    assert mser5(np.full((3, 100), 8.0)) == 0
    assert mser5(np.random.default_rng(6).normal(0, 1, (20, 365))) < 60


def test_mser_refuses_a_cut_in_the_second_half() -> None:
    growing = np.concatenate([np.linspace(0, 100, 300), np.full(100, 100.0)])
    with pytest.raises(WarmUpError, match=r"300 of 400 observations, more than half: the run is too short"):
        mser5(growing)


def test_mser_needs_enough_observations_and_all_of_them() -> None:
    with pytest.raises(WarmUpError, match=r"59 observations are too few .* 60 are needed"):
        mser5(np.zeros(59))
    with pytest.raises(ValueError, match="missing values"):
        mser5([*np.zeros(60), np.nan])


def test_the_interval_of_a_median_covers_it_for_any_distribution() -> None:
    tries = 2000
    draws = np.random.default_rng(8).lognormal(0, 2, (tries, 25))
    draws[draws > 12] = np.inf  # one in ten is not known: beyond all others
    held = [low <= 1 <= high for _, low, high in map(median, draws)]
    assert np.mean(held) == pytest.approx(0.9567, abs=3 * np.sqrt(0.95 * 0.05 / tries))  # 1 − 2 P(at most 7 of 25)


def test_a_median_of_which_half_is_beyond_or_few_is_unknown() -> None:
    assert np.isnan(median([1.0, 2.0, np.inf, np.inf])).all()
    assert np.isnan(median([])).all()
    assert median([3.0, 1.0, 2.0])[0] == 2
    assert np.isnan(median([3.0, 1.0, 2.0])[1:]).all()
