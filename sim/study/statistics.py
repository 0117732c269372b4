"""What a few replications allow to be said: intervals, paired differences, the end of the loading-in phase.

One value a replication is the unit everywhere; boxes are never pooled. A value that is unknown (NaN: so many boxes have
not arrived that the quantile cannot be told) makes the estimate unknown, since a mean of the other replications
would be a mean of the lucky ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

CONFIDENCE = 0.95
BATCH = 5  # observations a batch, the 5 of MSER-5
TAIL = 5  # last batches that MSER does not consider: a mean of so few is small by chance
SHORTEST = 2 * BATCH * (TAIL + 1)  # observations from which on a cut can fall in the second half, and be refused


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` replications with its interval; None where it is unknown."""

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Difference(Estimate):
    """The mean of other − base over paired replications, with its interval.

    `correlation` is that of the pairs: the closer to 1, the more the common random numbers narrow the interval.
    `variance_ratio` is what they won: the variance of the difference of unpaired runs over that of the pairs, which
    is also how many times as many replications would be needed without. None where it is unknown or without end.
    """

    correlation: float | None
    variance_ratio: float | None

    @property
    def separated(self) -> bool:
        """Whether the interval leaves out zero. False as well where there is no interval."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


class WarmUpError(ValueError):
    """The series is too short to tell where its loading-in phase ends."""


def intervals(samples: ArrayLike, confidence: float = CONFIDENCE) -> tuple[Floats, Floats, Floats]:
    """Means, lower and upper ends of the Student-t intervals of `samples`, shape (rows, replications).

    NaN is what is unknown: all three of a row with a value that is not finite, the ends with one replication.
    """
    table = np.asarray(samples, dtype=float)
    n = table.shape[1]
    unknown = np.full(len(table), np.nan)
    if n == 0:
        return unknown, unknown, unknown
    mean = np.where(np.isfinite(table).all(axis=1), table.sum(axis=1) / n, np.nan)
    if n == 1:
        return mean, unknown, unknown
    from scipy.special import stdtrit  # the t quantile without the seconds that scipy.stats takes to import

    spread = np.sqrt(((table - mean[:, None]) ** 2).sum(axis=1) / (n - 1))
    half = stdtrit(n - 1, (1 + confidence) / 2) * spread / np.sqrt(n)
    return mean, mean - half, mean + half


def median(values: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """Median of `values`, shape (n,), and its interval by order statistics, which holds for any distribution.

    A value may be infinite: beyond all others. NaN: of none, or where half are beyond; the ends if n is below 6.
    """
    from scipy.special import bdtr

    ordered = np.sort(np.asarray(values, dtype=float))
    n = ordered.size
    middle = float(np.median(ordered)) if n else np.nan
    if not np.isfinite(middle):
        return np.nan, np.nan, np.nan
    rank = int((bdtr(np.arange(n), n, 0.5) <= (1 - confidence) / 2).sum())
    return (middle, float(ordered[rank - 1]), float(ordered[n - rank])) if rank else (middle, np.nan, np.nan)


def estimate(values: ArrayLike, confidence: float = CONFIDENCE) -> Estimate:
    """Mean and Student-t interval of `values`, shape (replications,).

    One value has no interval; none at all, or any that is not finite, has no mean.
    """
    sample = np.asarray(values, dtype=float)
    ends = (float(end[0]) for end in intervals(sample[None, :], confidence))
    value, low, high = (end if np.isfinite(end) else None for end in ends)
    return Estimate(value, low, high, sample.size)


def paired_difference(base: ArrayLike, other: ArrayLike, confidence: float = CONFIDENCE) -> Difference:
    """Mean of `other` − `base`, both of shape (replications,) and in the same order of replications."""
    first, second = np.asarray(base, dtype=float), np.asarray(other, dtype=float)
    if first.shape != second.shape:
        raise ValueError(f"pairs need as many values on both sides, not {first.size} and {second.size}")
    gain = estimate(second - first, confidence)
    if first.size < 2 or gain.value is None:
        return Difference(gain.value, gain.low, gain.high, gain.n, None, None)
    apart = first.var() + second.var()
    paired = (second - first).var()
    ratio = None if paired == 0.0 else float(apart / paired)
    return Difference(gain.value, gain.low, gain.high, gain.n, _correlation(first, second), ratio)


def _correlation(first: Floats, second: Floats) -> float | None:
    x, y = first - first.mean(), second - second.mean()
    spread = float(np.sqrt((x @ x) * (y @ y)))
    return None if spread == 0.0 else float(np.clip(x @ y / spread, -1.0, 1.0))


def bonferroni(comparisons: int, confidence: float = CONFIDENCE) -> float:
    """The confidence of each of several intervals such that all hold at once with at least `confidence`."""
    if comparisons < 1:
        raise ValueError(f"at least one comparison is needed, not {comparisons}")
    return 1 - (1 - confidence) / comparisons


def mser5(series: ArrayLike) -> int:
    """How many of the first observations to leave out as loading-in, by MSER-5 on the mean over replications.

    `series` has shape (replications, observations) or (observations,). The cut is a multiple of five. It minimises
    the squared standard error of what remains (White 1997). Raises WarmUpError where the cut falls in the
    second half, for then the run is too short to tell, or could not fall there as the series is shorter than
    SHORTEST; and ValueError where values are missing.
    """
    mean = np.atleast_2d(np.asarray(series, dtype=float)).mean(axis=0)
    if not np.isfinite(mean).all():
        raise ValueError("a series with missing values has no warm-up cut")
    batches = mean.size // BATCH
    if mean.size < SHORTEST:
        raise WarmUpError(f"{mean.size} observations are too few to find the loading-in phase; {SHORTEST} are needed")
    means = mean[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    errors = [float(means[cut:].var() / (batches - cut)) for cut in range(batches - TAIL)]
    cut = int(np.argmin(errors)) * BATCH
    if 2 * cut >= mean.size:
        raise WarmUpError(
            f"the loading-in phase seems to last {cut} of {mean.size} observations, more than half: the run is too "
            "short to tell; lengthen it, or look for a load that grows without end"
        )
    return cut
