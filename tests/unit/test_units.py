"""Numbers with units: pint is the oracle for the sizes of units, but not for their names."""

from __future__ import annotations

import math

import pint
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.units import EXAMPLES, LARGEST, UNITS, UnitError, parse, show

PINT = {
    **{"s": "second", "min": "minute", "h": "hour", "d": "day", "wk": "week", "a": "(365 * day)"},
    **{"km": "kilometre", "m": "metre", "cm": "centimetre", "nm": "nautical_mile"},
    **{"km/h": "kilometre / hour", "km/d": "kilometre / day", "m/s": "metre / second", "kn": "knot"},
}
BASE = {"time": "hour", "distance": "kilometre", "speed": "kilometre / hour", "depth": "metre"}


@pytest.fixture(scope="module")
def ureg():
    return pint.UnitRegistry()


@pytest.mark.parametrize(("dimension", "unit"), [(dimension, unit) for dimension in BASE for unit in UNITS[dimension]])
def test_sizes_of_units_are_those_of_pint(ureg, dimension, unit):
    value, _ = parse(f"7.5 {unit}", dimension)
    assert value == pytest.approx((7.5 * ureg.parse_expression(PINT[unit])).m_as(BASE[dimension]), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension", "value", "unit"),
    [
        ("36 h", "time", 36.0, "h"),
        ("36h", "time", 36.0, "h"),
        ("  3 d ", "time", 72.0, "d"),
        ("-29.3 m", "depth", -29.3, "m"),
        ("253 nm", "distance", 468.556, "nm"),  # nautical miles, not nanometres
        ("10 kn", "speed", 18.52, "kn"),
        ("25 %", "share", 0.25, "%"),
        ("12 /d", "frequency", 0.5, "/d"),
        ("12/ d", "frequency", 0.5, "/d"),
        ("3 /wk", "frequency", 3 / 168, "/wk"),
        ("35000 TEU/a", "space rate", 35000 / 8760, "TEU/a"),
        ("1 wagon", "space", 1.0, "wagons"),
        ("2 trucks / d", "space rate", 2 / 24, "trucks/d"),
        ("1e3 t", "space", 1000.0, "t"),
        ("12 t CO2e", "emissions", 12000.0, "t CO2e"),
        ("1200 USD", "money", 1200.0, "USD"),
    ],
)
def test_parse(text, dimension, value, unit):
    assert parse(text, dimension) == (pytest.approx(value, rel=1e-12), unit)


@pytest.mark.parametrize(
    ("text", "dimension", "message", "suggestion"),
    [
        (36, "time", "found 36 without a unit", None),
        ("36", "time", '"36" without a unit', None),
        (0.25, "share", "found 0.25 without a unit", "0.25 %"),
        ("3 days", "time", 'unit "days" in "3 days"', "3 d"),
        ("3 nmi", "distance", 'unit "nmi"', "3 nm"),
        ("10 kt", "speed", 'unit "kt"', "10 kn"),
        ("5 teu/year", "space rate", 'unit "teu/year"', "5 TEU/a"),
        ("36 km", "time", 'unit "km"', None),
        ("1,000 km", "distance", 'unit ",000 km"', None),
        ("fast", "speed", 'found "fast"', None),
        ("nan h", "time", 'found "nan h"', None),
        ("inf h", "time", 'found "inf h"', None),
        ("1e999 h", "time", "too large", None),
        ("1e13 h", "time", "too large", None),
        ("٣ h", "time", 'found "٣ h"', None),
        ("", "time", 'found ""', None),
        (None, "time", "found nothing", None),
        (True, "time", "found true", None),
        ([1], "time", "found a list of 1", None),
        ({}, "time", "found a mapping of 0", None),
    ],
)
def test_what_is_no_quantity_is_refused(text, dimension, message, suggestion):
    with pytest.raises(UnitError) as caught:
        parse(text, dimension)
    assert message in caught.value.message
    assert caught.value.suggestion == suggestion


def test_the_message_says_what_is_allowed():
    with pytest.raises(UnitError, match=r'a time like "36 h" \(s, min, h, d, wk, a\)'):
        parse("5", "time")


@pytest.mark.parametrize("dimension", EXAMPLES)
def test_every_example_is_a_quantity(dimension):
    value, unit = parse(EXAMPLES[dimension], dimension)
    assert show(value, unit, dimension) == EXAMPLES[dimension]


@given(
    st.sampled_from([(dimension, unit) for dimension, units in UNITS.items() for unit in units]),
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e8, max_value=1e8),
)
def test_what_is_shown_is_read_back(of, number):
    dimension, unit = of
    value = number * UNITS[dimension][unit]
    assume(abs(value) <= LARGEST)  # more is refused
    again, same = parse(show(value, unit, dimension), dimension)
    assert same == unit
    assert math.isclose(again, value, rel_tol=1e-11, abs_tol=1e-300)


def test_a_minus_may_be_written_as_tables_print_it() -> None:
    assert parse("\u22120.75 m", "depth") == parse("-0.75 m", "depth")


def test_a_volume_without_a_time_is_meant_a_year() -> None:
    with pytest.raises(UnitError) as error:
        parse("1000 TEU", "space rate")
    assert error.value.suggestion == "1000 TEU/a"
