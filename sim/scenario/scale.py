"""Values of a scenario as they are written, made larger or smaller: what a change writes in their place."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sim.scenario.values import MONTHS
from sim.units import DIMENSION_OF, UNITS, Dimension, UnitError, normal, parse, show, split

AMOUNTS = ("value", "mean", "median", "p95", "low", "mode", "high", "shift", "min", "max")  # parameters with a unit


def number(raw: object) -> tuple[float, str]:
    """The number and the unit of a text like "36 h", or of a bare number, whose unit is "". Raises UnitError."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(raw), ""
    value, unit = parse(raw, dimension_of(raw))
    return value / UNITS[DIMENSION_OF[unit]][unit], unit


def dimension_of(raw: object) -> Dimension:
    """The dimension that the unit of a text belongs to; the first that has it."""
    parts = split(raw) if isinstance(raw, str) else None
    unit = normal(parts[1]) if parts else ""
    if unit not in DIMENSION_OF:
        raise UnitError(f'found {raw!r}, where a number with a unit like "36 h" is due')
    return DIMENSION_OF[unit]


def times(raw: Any, factor: float) -> Any:
    """A value as written (a number, a text with a unit, a mapping, a distribution, months) times a factor.

    What a mapping says of its source and range holds no more. Raises UnitError if there is nothing to multiply.
    """
    if isinstance(raw, dict):
        scaled = {name: times(raw[name], factor) for name in (*AMOUNTS, *MONTHS) if name in raw}
        if "quantiles" in raw:
            scaled["quantiles"] = {name: times(value, factor) for name, value in raw["quantiles"].items()}
        if not scaled:
            raise UnitError("this is no number; name a value in it")
        return scaled | ({"range": None} if "range" in raw else {})
    return _written(raw, lambda value: factor * value)


def plus(raw: Any, amount: str | float) -> Any:
    """A value as written, no distribution, plus an amount of the same dimension. Raises UnitError."""
    if isinstance(raw, dict):
        if "value" not in raw:
            raise UnitError("an amount can only be added to a single number; use how: times, or how: mean")
        return {"value": plus(raw["value"], amount)} | ({"range": None} if "range" in raw else {})
    (more, unit), own = number(amount), number(raw)[1]
    try:
        more = in_unit(more, unit, own)
    except UnitError:
        raise UnitError(f"{amount} cannot be added to {raw}") from None
    return _written(raw, lambda value: value + more)


def in_unit(value: float, unit: str, other: str) -> float:
    """A number in another unit of the same kind. Raises UnitError if there is no such: TEU are no wagons."""
    if unit == other:
        return value
    for dimension, sizes in UNITS.items():
        if {unit, other} <= sizes.keys() and _counted(dimension, unit) == _counted(dimension, other):
            return float(f"{value * sizes[unit] / sizes[other]:.10g}")
    raise UnitError(f"the units {unit or 'none'} and {other or 'none'} do not go together")


def _counted(dimension: Dimension, unit: str) -> str:
    """What a unit counts or is paid for, where that tells it from others of its dimension: TEU, wagons, t km."""
    if dimension == "space rate":
        return unit.partition("/")[0]
    if dimension in ("intensity", "hub intensity"):
        return unit.partition("/")[2]
    return unit if dimension in ("space", "freight", "fee", "daily price") else ""


def written(value: float, unit: str, *, whole: bool = False) -> Any:
    """A number with its unit as a planner would write it; a whole number if it must be one."""
    if whole:
        return round(value)
    plain = float(f"{value:.10g}")
    return show(value * UNITS[DIMENSION_OF[unit]][unit], unit, DIMENSION_OF[unit]) if unit else plain


def setting(path: str, raw: Any) -> str:
    """What `--set` takes to write a value at a path."""
    return f"{path}={json.dumps(raw, ensure_ascii=False)}"


def _written(raw: Any, alter: Callable[[float], float]) -> Any:
    value, unit = number(raw)
    return written(alter(value), unit, whole=isinstance(raw, int))
