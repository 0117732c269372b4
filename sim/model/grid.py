"""The grid of time.

All times and durations are multiples of 2⁻²⁰ h (3.4 ms). Sums of such numbers are exact in floating point, so the
causes of a box's hours add up to its transit time to the bit, and an event falls exactly when it was computed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]
Hours = Floats | float  # of each unit, or the same for all

INF: Final = float("inf")
GRID: Final = float(1 << 20)  # steps an hour


def of_each(hours: Hours, count: int) -> Floats:
    """Those of each of so many units."""
    return np.full(count, hours) if isinstance(hours, float) else hours


def snap(hours: float) -> float:
    """The nearest time on the grid."""
    return round(hours * GRID) / GRID


def snap_all(hours: Floats) -> Floats:
    """The same for an array."""
    return np.rint(hours * GRID) / GRID
