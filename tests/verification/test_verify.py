"""What counts the coverage of intervals, on samples whose coverage is known."""

from __future__ import annotations

import numpy as np

from tests.verification.verify import covered


def test_intervals_of_normal_samples_are_as_promised() -> None:
    sample = np.random.default_rng(1).normal(7, 2, 10_000)
    size, studies, share, _, _, verdict = covered(sample, 5, 7.0)
    assert (size, studies, verdict) == ("5", "2000", "as promised")
    assert abs(float(share.rstrip("%")) - 95) < 4 * 100 * (0.95 * 0.05 / 2000) ** 0.5


def test_a_skewed_sample_and_a_wrong_value_are_shown() -> None:
    """Few values of a lognormal with a long tail: the interval lies below the mean too often."""
    sample = np.random.default_rng(2).lognormal(0, 1.5, 10_000)
    assert covered(sample, 5, float(np.exp(1.5**2 / 2)))[-1] == "**too few**"
    normal = np.random.default_rng(3).normal(7, 2, 10_000)
    assert covered(normal, 5, 9.0)[-1] == "**too few**"


def test_intervals_that_are_too_wide_are_shown() -> None:
    """Two values far from each other in turn: each interval holds the mean."""
    assert covered(np.tile([0.0, 2.0], 1000), 2, 1.0)[-1] == "too many"


def test_what_is_unknown_covers_nothing() -> None:
    assert covered(np.full(100, np.nan), 5, 1.0)[2] == "0.0%"
