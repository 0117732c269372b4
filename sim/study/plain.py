"""Values as JSON has them: no NaN, no infinity and no tuples; what is unknown is null."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def plain(value: Any) -> Any:
    """One value."""
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def record(row: Mapping[Any, Any]) -> dict[str, Any]:
    """One row."""
    return {str(name): plain(value) for name, value in row.items()}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """All rows of a frame."""
    return [record(row) for row in frame.to_dict("records")]
