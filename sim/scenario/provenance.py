"""Where a figure comes from, how sure it is, and within which range it may lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sim.scenario.faults import Fault, listed, nearest
from sim.units import UnitError, told

GRADES = ("high", "medium", "low", "assumption")
KEYS = ("source", "grade", "range", "note")


@dataclass(frozen=True)
class Provenance:
    """What may stand beside a value; `range` is in the base unit of that value."""

    source: str | None = None
    grade: str | None = None
    range: tuple[float, float] | None = None
    note: str | None = None


NOWHERE = Provenance()


def read(raw: dict[str, Any], number: Callable[[object], float]) -> tuple[Provenance, list[Fault]]:
    """The provenance in a mapping, and what is wrong with it; `number` reads an end of the range."""
    source, grade, note = raw.get("source"), raw.get("grade"), raw.get("note")
    faults = []
    if "source" in raw and not isinstance(source, str):
        faults.append(Fault(("source",), f"found {told(source)}, where the id of a source is due"))
    if "grade" in raw and grade not in GRADES:
        near = nearest(str(grade), GRADES)
        faults.append(Fault(("grade",), f"found {told(grade)}, allowed: {', '.join(GRADES)}", suggestion=near))
    if "note" in raw and not isinstance(note, str):
        faults.append(Fault(("note",), f"found {told(note)}, where a text is due"))
    span = None
    if "range" in raw:
        span, more = read_range(raw["range"], number)
        faults += more
    return (NOWHERE if faults else Provenance(source, grade, span, note)), faults


def read_range(raw: object, number: Callable[[object], float]) -> tuple[tuple[float, float] | None, list[Fault]]:
    """The two ends of `range: [low, high]`, and what is wrong with them."""
    if not isinstance(raw, list) or len(raw) != 2:
        return None, [Fault(("range",), f"found {told(raw)}, where a list of two ends, [low, high], is due")]
    ends, faults = [], []
    for index, end in enumerate(raw):
        try:
            ends.append(number(end))
        except UnitError as error:
            faults.append(Fault(("range", str(index)), error.message, suggestion=error.suggestion))
    if not faults and ends[0] >= ends[1]:
        faults.append(Fault(("range",), f"the low end {told(raw[0])} is not below the high end {told(raw[1])}"))
    return (None if faults else (ends[0], ends[1])), faults


def unknown_keys(raw: dict[str, Any], allowed: tuple[str, ...]) -> list[Fault]:
    """A fault for each key of the mapping that is not allowed."""
    message = 'unknown key "{}", allowed here: {}'
    return [
        Fault((key,), message.format(key, listed(allowed, most=24)), at="key", suggestion=nearest(key, allowed))
        for key in raw
        if key not in allowed
    ]


def json_schema(end: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of these keys; `end` is the schema of an end of the range."""
    return {
        "source": {"type": "string", "description": "id of an entry in `sources`"},
        "grade": {"enum": list(GRADES)},
        "range": {"type": "array", "items": end, "minItems": 2, "maxItems": 2},
        "note": {"type": "string"},
    }
