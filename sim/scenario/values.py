"""The quantities of the scenario language: floats in base units that remember where they come from.

Each is written as "36 h", or as a mapping
`{value: 36 h, range: [15 h, 60 h], source: id, grade: high, note: text}`.
Each class is an annotation for pydantic and also a constructor from the base unit: `Duration(36.0)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic_core import core_schema

from sim import units
from sim.scenario import provenance
from sim.scenario.faults import Fault, MisreadError, nearest
from sim.scenario.provenance import NOWHERE, Provenance, unknown_keys
from sim.scenario.variates import Variate
from sim.units import Dimension, UnitError, told

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

    from sim.scenario.schema import Cargo

__all__ = [
    "Amount",
    "Charter",
    "Count",
    "DailyPrice",
    "Decay",
    "Depth",
    "Distance",
    "Duration",
    "Fee",
    "Freight",
    "Hours",
    "HubIntensity",
    "Intensity",
    "Months",
    "PositiveDuration",
    "Quantity",
    "Ratio",
    "Share",
    "Space",
    "SpaceRate",
    "Speed",
    "TimesPerHour",
    "Variate",
    "WarmUp",
]

T = TypeVar("T")

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class Quantity(float):
    """A number in the base unit of its dimension; `unit` is the one it was written in."""

    dimension: ClassVar[Dimension | None] = None  # none: a bare number
    base: ClassVar[str] = ""
    least: ClassVar[float] = -math.inf
    most: ClassVar[float] = math.inf
    above: ClassVar[bool] = False  # the least itself is not allowed

    unit: str
    source: str | None
    grade: str | None
    range: tuple[float, float] | None
    note: str | None

    def __new__(cls, value: float, unit: str | None = None, provenance: Provenance = NOWHERE) -> Self:
        self = super().__new__(cls, value)
        self.unit = cls.base if unit is None else unit
        self.source, self.grade = provenance.source, provenance.grade
        self.range, self.note = provenance.range, provenance.note
        return self

    @property
    def text(self) -> str:
        """As a planner would write it: "36 h"."""
        if not self.unit or self.dimension is None:
            return repr(float(self)).removesuffix(".0")
        return units.show(float(self), self.unit, self.dimension)

    @classmethod
    def number(cls, raw: object) -> tuple[float, str]:
        """The value in the base unit and the unit as written; raises UnitError."""
        value, unit = cls.parse(raw)
        if value < cls.least or (cls.above and value == cls.least):
            bound = "negative" if not cls.above else f"not more than {cls.least:g}"
            raise UnitError(f"found {told(raw)}, which is {bound}")
        if value > cls.most:
            raise UnitError(f"found {told(raw)}, which is more than {cls.most:g}")
        return value, unit

    @classmethod
    def parse(cls, raw: object) -> tuple[float, str]:
        """As `number`, without the bounds."""
        if cls.dimension is None:
            return _bare(raw, "a number like 1.2"), ""
        return units.parse(raw, cls.dimension)

    @classmethod
    def read(cls, raw: object) -> Self:
        """A quantity from what a planner wrote: a text, a number or a mapping; raises MisreadError."""
        if isinstance(raw, cls):
            return raw
        if not isinstance(raw, dict):
            return cls(*_at((), cls.number, raw))
        (value, unit), origin = _beside_value(raw, cls.number, lambda end: cls.parse(end)[0])
        return cls(value, unit, origin)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read, ref=cls.__name__)

    @classmethod
    def written(cls) -> dict[str, Any]:
        """The JSON Schema of the value alone."""
        if cls.dimension is None:
            return {"type": "number"}
        return {"type": "string", "pattern": r"^\s*[-+]?[0-9.]", "examples": [units.EXAMPLES[cls.dimension]]}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _alone_or_mapped(cls.written())


class Duration(Quantity):
    """Hours, 0 or more."""

    dimension, base, least = "time", "h", 0.0


class PositiveDuration(Duration):
    """Hours, more than 0."""

    above = True


class WarmUp(Duration):
    """Hours, 0 or more; or "auto": to be found by pilot replications, and until then the longest that they try."""

    auto_text: ClassVar[str] = "auto"
    longest: ClassVar[float] = 240 * 24.0

    @property
    def auto(self) -> bool:
        """Whether it is still to be found."""
        return self.unit == self.auto_text

    @property
    def text(self) -> str:
        return self.auto_text if self.auto else super().text

    @classmethod
    def number(cls, raw: object) -> tuple[float, str]:
        if raw == cls.auto_text:
            return cls.longest, cls.auto_text
        try:
            return super().number(raw)
        except UnitError as error:
            meant = nearest(raw, [cls.auto_text]) if isinstance(raw, str) else None
            message = error.message.replace(" is due", f", or {cls.auto_text}, is due")
            raise UnitError(message, error.suggestion or meant) from None

    @classmethod
    def written(cls) -> dict[str, Any]:
        return {"anyOf": [super().written(), {"const": cls.auto_text}]}


class Distance(Quantity):
    """Kilometres, more than 0."""

    dimension, base, least, above = "distance", "km", 0.0, True


class Speed(Quantity):
    """Kilometres an hour, more than 0."""

    dimension, base, least, above = "speed", "km/h", 0.0, True


class Depth(Quantity):
    """Metres against a datum, of any sign."""

    dimension, base = "depth", "m"


class TimesPerHour(Quantity):
    """How often an hour, more than 0: "12 /d" is 0.5."""

    dimension, base, least, above = "frequency", "/h", 0.0, True


class Space(Quantity):
    """Room on a vehicle or in a yard, more than 0, in its `unit`: TEU, wagons, trucks or t."""

    dimension, base, least, above = "space", "TEU", 0.0, True


class SpaceRate(Quantity):
    """Volume an hour, more than 0, in its `space` or in units of cargo: "35000 TEU/a" is 3.995."""

    dimension, base, least, above = "space rate", "TEU/h", 0.0, True

    @property
    def space(self) -> str:
        """TEU, wagons, trucks, t, or units."""
        return self.unit.partition("/")[0]


class Rate(Quantity):
    """0 or more for each TEU, unit or t; `basis` says which of them."""

    least = 0.0

    @property
    def basis(self) -> str:
        """TEU, unit or t."""
        return self.unit.partition("/")[2].strip("()").split()[0]

    @property
    def per_km(self) -> bool:
        """Whether it is for each km, too."""
        return self.unit.endswith(" km)")

    def of(self, cargo: Cargo) -> float:
        """The rate of one unit of this cargo."""
        return float(self) * self.amount(cargo)

    def counts(self, cargo: Cargo) -> bool:
        """Whether it says anything of this cargo: USD a TEU does not of a wagon."""
        return self.amount(cargo) > 0

    def amount(self, cargo: Cargo) -> float:
        """How many TEU, units or t one unit of this cargo is; 0 if it is not counted so."""
        return {"TEU": float(cargo.teu), "unit": 1.0, "t": float(cargo.payload)}[self.basis]


class Freight(Rate):
    """What carriage costs, USD: "0.3 USD/(TEU km)", or for the whole way "600 USD/TEU"."""

    dimension, base = "freight", "USD/TEU"


class Fee(Rate):
    """USD each time: "50 USD/unit"."""

    dimension, base = "fee", "USD/unit"


class DailyPrice(Rate):
    """USD a day: "5 USD/(TEU d)"."""

    dimension, base = "daily price", "USD/(TEU d)"


class Charter(Quantity):
    """USD a day for the use of one vehicle, whatever it carries."""

    dimension, base, least = "charter", "USD/d", 0.0


class Decay(Quantity):
    """Share of a value that is lost a day: "8 %/a" is 0.00022."""

    dimension, base, least = "decay", "%/d", 0.0


class Intensity(Rate):
    """Greenhouse gases of carriage, kg CO2e: "22 g/(t km)" is 0.022."""

    dimension, base = "intensity", "kg/(t km)"


class HubIntensity(Rate):
    """Greenhouse gases of one passage through a hub, kg CO2e: "1.2 kg/t"."""

    dimension, base = "hub intensity", "kg/t"


class Ratio(Quantity):
    """A bare number, more than 0."""

    least, above = 0.0, True


class Amount(Quantity):
    """A bare number, 0 or more."""

    least = 0.0

    @classmethod
    def parse(cls, raw: object) -> tuple[float, str]:
        return _bare(raw, "a number of at least 0"), ""


class Share(Quantity):
    """Between 0 and 1, written "25 %" or 0.25."""

    dimension, least, most = "share", 0.0, 1.0

    @classmethod
    def parse(cls, raw: object) -> tuple[float, str]:
        return _share(raw)

    @classmethod
    def number(cls, raw: object) -> tuple[float, str]:
        value, unit = cls.parse(raw)
        if not 0 <= value <= 1:
            hint = f"{raw} %" if not unit and 1 < value <= 100 else None
            raise UnitError(f"found {told(raw)}, where a share from 0 to 1 or from 0 % to 100 % is due", hint)
        return value, unit

    @classmethod
    def written(cls) -> dict[str, Any]:
        return {"anyOf": [super().written(), {"type": "number", "minimum": 0, "maximum": 1}]}


class Count(int):
    """A whole number of things, 1 or more, that remembers where it comes from."""

    unit = ""
    source: str | None
    grade: str | None
    range: tuple[float, float] | None
    note: str | None

    def __new__(cls, value: int, provenance: Provenance = NOWHERE) -> Self:
        self = super().__new__(cls, value)
        self.source, self.grade = provenance.source, provenance.grade
        self.range, self.note = provenance.range, provenance.note
        return self

    @property
    def text(self) -> str:
        """As a planner would write it."""
        return str(int(self))

    @classmethod
    def read(cls, raw: object) -> Self:
        """A count from what a planner wrote: a number or a mapping; raises MisreadError."""
        if isinstance(raw, cls):
            return raw
        if not isinstance(raw, dict):
            return cls(_at((), _count, raw))
        return cls(*_beside_value(raw, _count, _count))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read, ref=cls.__name__)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return _alone_or_mapped({"type": "integer", "minimum": 1})


class Months(tuple[float, ...]):
    """Twelve numbers, January first, each written "25 %" or 0.25, with one provenance for all."""

    source: str | None
    grade: str | None
    note: str | None

    def __new__(cls, values: Sequence[float], provenance: Provenance = NOWHERE) -> Self:
        self = super().__new__(cls, values)
        self.source, self.grade, self.note = provenance.source, provenance.grade, provenance.note
        return self

    def __getnewargs__(self) -> tuple[tuple[float, ...]]:
        return (tuple(self),)

    @classmethod
    def read(cls, raw: object) -> Self:
        """The months from {jan: 25 %, ..., dec: 20 %, source: id}; raises MisreadError."""
        if isinstance(raw, cls):
            return raw
        if not isinstance(raw, dict):
            raise MisreadError(Fault((), f"found {told(raw)}, where a mapping of the months jan to dec is due"))
        keys = ("source", "grade", "note")
        faults = unknown_keys(raw, (*MONTHS, *keys))
        origin, more = provenance.read({key: raw[key] for key in keys if key in raw}, _month)
        faults += more
        absent = [month for month in MONTHS if month not in raw]
        if absent and not any(fault.at == "key" for fault in faults):
            faults.append(Fault((), f"all twelve months are needed; missing: {', '.join(absent)}", at="key"))
        values = []
        for month in MONTHS:
            try:
                if month in raw:
                    values.append(_at((month,), _month, raw[month]))
            except MisreadError as error:
                faults += error.faults
        if faults:
            raise MisreadError(*faults)
        return cls(values, origin)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read, ref=cls.__name__)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        month = {"anyOf": [{"type": "string", "pattern": "%"}, {"type": "number", "minimum": 0}]}
        keys: dict[str, Any] = dict.fromkeys(MONTHS, month) | provenance.json_schema(month)
        del keys["range"]
        return {"type": "object", "properties": keys, "additionalProperties": False}


class Hours(NamedTuple):
    """A daily window, hours of the day; over midnight where `end` is not after `start`."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """Hours of each day."""
        return (self.end - self.start) % 24 or 24.0

    @classmethod
    def read(cls, raw: object) -> Hours:
        """The window from "08:00-20:00"; raises MisreadError."""
        if isinstance(raw, Hours):
            return raw
        match = re.fullmatch(r"\s*(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)\s*", raw) if isinstance(raw, str) else None
        times = [int(part) for part in match.groups()] if match else []
        if not times or max(times[1], times[3]) > 59 or times[0] > 23 or times[2] * 60 + times[3] > 1440:
            raise MisreadError(Fault((), f'found {told(raw)}, where hours of the day like "08:00-20:00" are due'))
        start, end = times[0] + times[1] / 60, times[2] + times[3] / 60
        if start == end:
            raise MisreadError(Fault((), f'found {told(raw)}, which is no time at all; the whole day is "00:00-24:00"'))
        return cls(start, end)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read, ref=cls.__name__)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": r"^\s*\d\d?:\d\d\s*-\s*\d\d?:\d\d\s*$"}


def _bare(raw: object, wanted: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise UnitError(f"found {told(raw)}, where {wanted} is due")
    return float(raw)


def _count(raw: object) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or raw < 1:
        raise UnitError(f"found {told(raw)}, where a whole number of at least 1 is due")
    return raw


def _share(raw: object) -> tuple[float, str]:
    """A share and its unit: "%" or nothing."""
    if isinstance(raw, str):
        return units.parse(raw, "share")
    return _bare(raw, 'a share like "25 %" or 0.25'), ""


def _month(raw: object) -> float:
    value, _ = _share(raw)
    if value < 0:
        raise UnitError(f"found {told(raw)}, which is negative")
    return value


def _beside_value(
    raw: dict[str, Any], number: Callable[[object], T], end: Callable[[object], float]
) -> tuple[T, Provenance]:
    """The value of a mapping and what stands beside it: `number` reads the one, `end` the ends of its range."""
    faults = unknown_keys(raw, ("value", *provenance.KEYS))
    origin, more = provenance.read(raw, end)
    faults += more
    values = []
    try:
        if "value" in raw:
            values = [_at(("value",), number, raw["value"])]
        elif not faults:  # else an unknown key is the likelier cause
            faults.append(Fault((), 'key "value" is missing', at="key"))
    except MisreadError as error:
        faults += error.faults
    if faults:
        raise MisreadError(*faults)
    return values[0], origin


def _alone_or_mapped(value: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a value that may stand by itself, or in a mapping with what stands beside it."""
    keys = {"value": value} | provenance.json_schema(value)
    return {"anyOf": [value, {"type": "object", "properties": keys, "additionalProperties": False}]}


def _at(path: tuple[str, ...], read: Callable[[object], T], raw: object) -> T:
    """What `read` makes of `raw`, its UnitError turned into a MisreadError at this path."""
    try:
        return read(raw)
    except UnitError as error:
        raise MisreadError(Fault(path, error.message, suggestion=error.suggestion)) from None
