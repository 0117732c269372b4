"""Numbers with units, as a planner writes them, and floats in base units, as the model reckons with them.

Base units: h, km, km/h, m, t, TEU, wagons, trucks, USD, kg CO2e; rates are per hour, but prices and charters a
day, and costs a year; shares are 0..1. `nm` is the nautical mile, `kn` the knot, `wk` seven days and `a` a year of 365
days.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Literal

Dimension = Literal[
    "time",
    "distance",
    "speed",
    "depth",
    "share",
    "frequency",
    "space",
    "space rate",
    "money",
    "emissions",
    "freight",
    "fee",
    "daily price",
    "charter",
    "yearly cost",
    "decay",
    "intensity",
    "hub intensity",
]

HOURS = {"s": 1 / 3600, "min": 1 / 60, "h": 1.0, "d": 24.0, "wk": 168.0, "a": 8760.0}
SPACES = {"TEU": 1.0, "wagons": 1.0, "trucks": 1.0, "t": 1.0}
BASES = ("TEU", "unit", "t")  # what a price or a factor is for; a unit is a box, a wagon, a truck

# unit -> its size in the base unit; spaces are not converted into each other
UNITS: dict[Dimension, dict[str, float]] = {
    "time": HOURS,
    "distance": {"km": 1.0, "m": 0.001, "nm": 1.852},
    "speed": {"km/h": 1.0, "km/d": 1 / 24, "m/s": 3.6, "kn": 1.852},
    "depth": {"m": 1.0, "cm": 0.01},
    "share": {"%": 0.01},
    "frequency": {f"/{unit}": 1 / hours for unit, hours in HOURS.items()},
    "space": SPACES,
    "space rate": {f"{space}/{unit}": 1 / hours for space in (*SPACES, "units") for unit, hours in HOURS.items()},
    "money": {"USD": 1.0},
    "emissions": {"kg CO2e": 1.0, "t CO2e": 1000.0},
    "freight": {f"USD/{base}": 1.0 for base in BASES} | {f"USD/({base} km)": 1.0 for base in BASES},
    "fee": {f"USD/{base}": 1.0 for base in BASES},
    "daily price": {f"USD/({base} d)": 1.0 for base in BASES},
    "charter": {f"USD/{unit}": 24 / hours for unit, hours in HOURS.items() if 1 <= hours < 8760},
    "yearly cost": {"USD/a": 1.0, "kUSD/a": 1e3, "MUSD/a": 1e6},
    "decay": {"%/d": 0.01, "%/a": 0.01 / 365},
    "intensity": {f"{mass}/({base} km)": kg for mass, kg in (("g", 0.001), ("kg", 1.0)) for base in BASES},
    "hub intensity": {f"{mass}/{base}": kg for mass, kg in (("kg", 1.0), ("g", 0.001)) for base in BASES},
}

# unit -> the first dimension that has it: TEU is one of space, % of share
DIMENSION_OF: dict[str, Dimension] = {unit: dimension for dimension, units in reversed(UNITS.items()) for unit in units}

EXAMPLES: dict[Dimension, str] = {
    "time": "36 h",
    "distance": "3128 km",
    "speed": "45 km/h",
    "depth": "7 m",
    "share": "25 %",
    "frequency": "12 /d",
    "space": "350 TEU",
    "space rate": "35000 TEU/a",
    "money": "1200 USD",
    "emissions": "22 kg CO2e",
    "freight": "0.3 USD/(TEU km)",
    "fee": "50 USD/unit",
    "daily price": "5 USD/(TEU d)",
    "charter": "9000 USD/d",
    "yearly cost": "5 MUSD/a",
    "decay": "8 %/a",
    "intensity": "22 g/(t km)",
    "hub intensity": "1.2 kg/t",
}

SINGULAR = {"wagon": "wagons", "truck": "trucks", "unit": "units"}

# what people write instead, only to suggest the unit that is meant
MEANT = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours", "H"), "h"),
    **dict.fromkeys(("day", "days", "D"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "wk"),
    **dict.fromkeys(("y", "yr", "year", "years"), "a"),
    **dict.fromkeys(("nmi", "NM", "nautical miles", "miles", "mi"), "nm"),
    **dict.fromkeys(("kilometres", "kilometers", "KM"), "km"),
    **dict.fromkeys(("metre", "metres", "meter", "meters"), "m"),
    **dict.fromkeys(("kt", "kts", "knot", "knots"), "kn"),
    **dict.fromkeys(("kmh", "km/hr", "kph", "km/hour"), "km/h"),
    **dict.fromkeys(("km/day", "km/days"), "km/d"),
    **dict.fromkeys(("percent", "pct"), "%"),
    **dict.fromkeys(("teu", "teus", "TEUs", "Teu"), "TEU"),
    **dict.fromkeys(("ton", "tons", "tonne", "tonnes", "T"), "t"),
}

LARGEST = 1e12  # in any base unit; more is a slip, and overflows somewhere

MINUS = "\u2212"  # as tables print it
NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.ASCII)


class UnitError(ValueError):
    """A text that is not a quantity of the dimension that is due."""

    def __init__(self, message: str, suggestion: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.suggestion = suggestion


def parse(text: object, dimension: Dimension) -> tuple[float, str]:
    """Read "36 h" as (36.0, "h"): the value in the base unit of `dimension`, and the unit as written.

    Raises UnitError if the text is no number with a unit, or its unit is not of that dimension.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise UnitError(f"found {told(text)}, where {wanted(dimension)} is due")
    if not isinstance(text, str):
        raise UnitError(f"found {text} without a unit, where {wanted(dimension)} is due", _with_unit(text, dimension))
    parts = split(text)
    if not parts:
        raise UnitError(f"found {told(text)}, where {wanted(dimension)} is due")
    digits, written = parts
    unit = normal(written)
    factor = UNITS[dimension].get(unit)
    if factor is None:
        found = f"unit {told(written)} in {told(text)}" if written else f"{told(text)} without a unit"
        nearest = nearest_unit(written, dimension) if written else None
        suggestion = f"{digits} {nearest}" if nearest else _with_unit(digits, dimension) if not written else None
        raise UnitError(f"found {found}, where {wanted(dimension)} is due", suggestion)
    value = float(digits) * factor
    if abs(value) > LARGEST:
        raise UnitError(f"found {told(text)}, which is too large")
    return value, unit


def split(text: str) -> tuple[str, str] | None:
    """The digits that `float` reads, and the unit as written or "", of a text like "36 h"; None if it is no number."""
    match = NUMBER.fullmatch(text.replace(MINUS, "-"))
    return (match[1], match[2]) if match else None


def show(value: float, unit: str, dimension: Dimension) -> str:
    """Write a value in base units with a unit of its dimension: show(36.0, "h", "time") is "36 h"."""
    number = repr(float(f"{value / UNITS[dimension][unit]:.12g}")).removesuffix(".0")
    return f"{number} {unit}"


@lru_cache(maxsize=1000)
def normal(unit: str) -> str:
    """The unit as it is listed in UNITS: single blanks, none around a slash or in brackets, "wagons" for "wagon"."""
    text = re.sub(r"\s*([/()])\s*", r"\1", " ".join(re.split(r"[\s·]+", unit.strip())))
    head, slash, tail = text.partition("/")
    return SINGULAR.get(head, head) + slash + tail


def nearest_unit(unit: str, dimension: Dimension) -> str | None:
    """The unit of this dimension that was probably meant, or None."""
    allowed = UNITS[dimension]
    parts = [MEANT.get(part.strip(), part.strip()) for part in unit.split("/")]
    below = " ".join(MEANT.get(part, part) for part in re.split(r"[/\s()·*-]+", unit.partition("/")[2]) if part)
    for guess in (MEANT.get(unit, unit), "/".join(parts), f"{parts[0]}/({below})", f"{unit}/a", f"{unit}/d"):
        if guess in allowed:
            return guess
    close = difflib.get_close_matches(unit, allowed, n=1, cutoff=0.7)
    return close[0] if close else None


def wanted(dimension: Dimension) -> str:
    """What is allowed, in words: 'a time like "36 h" (s, min, h, d, wk, a)'."""
    units = (
        "TEU, wagons, trucks, t or units, a year: TEU/a" if dimension == "space rate" else ", ".join(UNITS[dimension])
    )
    return f'a {dimension} like "{EXAMPLES[dimension]}" ({units})'


def told(found: object) -> str:
    """What was found, for a message: texts in quotes, cut if long; kinds of value by their YAML names."""
    if found is None:
        return "nothing"
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, dict):
        return f"a mapping of {len(found)}"
    if isinstance(found, list):
        return f"a list of {len(found)}"
    if isinstance(found, str):
        return f'"{found}"' if len(found) <= 60 else f'"{found[:57]}..."'
    return str(found)


def _with_unit(number: object, dimension: Dimension) -> str | None:
    """The same number with the only unit of its dimension; where there are several, nobody can know."""
    units = list(UNITS[dimension])
    return f"{number} {units[0]}" if len(units) == 1 else None
