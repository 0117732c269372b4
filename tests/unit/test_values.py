"""Quantities as the schema takes them: from texts and mappings, with their provenance."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sim import units
from sim.scenario import values
from sim.scenario.faults import MisreadError
from sim.scenario.values import (
    MONTHS,
    Depth,
    Distance,
    Duration,
    Hours,
    Months,
    PositiveDuration,
    Quantity,
    Ratio,
    Share,
    Space,
    SpaceRate,
    Speed,
    TimesPerHour,
)

CLASSES = [Depth, Distance, Duration, PositiveDuration, Ratio, Share, Space, SpaceRate, Speed, TimesPerHour]


def faults_of(read, raw):
    with pytest.raises(MisreadError) as caught:
        read(raw)
    return [(fault.path, fault.message, fault.at, fault.suggestion) for fault in caught.value.faults]


def test_a_text_is_read_in_base_units():
    days = Duration.read("3 d")
    assert (days, days.unit, days.text) == (72.0, "d", "3 d")
    assert (days.source, days.grade, days.range, days.note) == (None, None, None, None)


def test_a_mapping_carries_its_provenance():
    raw = {"value": "36 h", "range": ["15 h", "3 d"], "source": "alat-2024", "grade": "high", "note": "mean of calls"}
    stay = Duration.read(raw)
    assert stay == 36.0
    assert (stay.source, stay.grade, stay.range, stay.note) == ("alat-2024", "high", (15.0, 72.0), "mean of calls")


def test_quantities_are_floats_and_survive_pickling():
    stay = Duration.read({"value": "3 d", "source": "x", "grade": "low", "range": ["1 d", "4 d"], "note": "n"})
    again = pickle.loads(pickle.dumps(stay))
    assert (again, type(again), vars(again)) == (stay, Duration, vars(stay))
    assert type(stay * 2) is float
    assert f"{stay:.1f}" == "72.0"


@pytest.mark.parametrize("cls", CLASSES)
def test_constructors_take_base_units(cls):
    assert cls(1.0) == 1.0
    assert cls(1.0).unit == cls.base


@pytest.mark.parametrize(
    ("cls", "raw", "value", "unit"),
    [
        (Depth, "-29.3 m", -29.3, "m"),
        (Distance, "253 nm", 468.556, "nm"),
        (Speed, "10 kn", 18.52, "kn"),
        (Share, "25 %", 0.25, "%"),
        (Share, 0.25, 0.25, ""),
        (Share, 1, 1.0, ""),
        (Share, "0 %", 0.0, "%"),
        (Ratio, 1.2, 1.2, ""),
        (Space, "54 wagons", 54.0, "wagons"),
        (SpaceRate, "34400 trucks/a", 34400 / 8760, "trucks/a"),
        (TimesPerHour, "12 /d", 0.5, "/d"),
        (Duration, "0 h", 0.0, "h"),
    ],
)
def test_each_kind_reads_its_own(cls, raw, value, unit):
    read = cls.read(raw)
    assert (read, read.unit) == (pytest.approx(value, rel=1e-12), unit)


def test_the_unit_of_a_rate_names_its_space():
    assert SpaceRate.read("35000 TEU/a").space == "TEU"
    assert SpaceRate.read("3 wagon/d").space == "wagons"


@pytest.mark.parametrize(
    ("cls", "raw", "message", "suggestion"),
    [
        (Duration, "-3 h", "negative", None),
        (Duration, 36, "found 36 without a unit", None),
        (PositiveDuration, "0 h", "not more than 0", None),
        (Distance, "0 km", "not more than 0", None),
        (Ratio, 0, "not more than 0", None),
        (Ratio, "1.2", 'found "1.2", where a number like 1.2 is due', None),
        (Ratio, True, "found true", None),
        (Share, 25, "found 25, where a share from 0 to 1", "25 %"),
        (Share, 1.5, "found 1.5, where a share from 0 to 1", "1.5 %"),
        (Share, "125 %", "from 0 % to 100 %", None),
        (Share, -0.1, "from 0 to 1", None),
        (Space, "54 m", 'unit "m"', None),
        (Space, 54, "found 54 without a unit", None),
        (Duration, None, "found nothing", None),
    ],
)
def test_what_cannot_be_meant_is_refused(cls, raw, message, suggestion):
    [(path, said, at, hint)] = faults_of(cls.read, raw)
    assert (path, at, hint) == ((), "value", suggestion)
    assert message in said


def test_all_faults_of_a_mapping_are_told_at_once():
    raw = {"value": "-3 h", "range": ["4 h", 5], "source": 7, "grade": "hihg", "note": 1, "nota": "x"}
    faults = {path: hint for path, _, _, hint in faults_of(Duration.read, raw)}
    assert faults == {
        ("nota",): "note",
        ("value",): None,
        ("range", "1"): None,
        ("source",): None,
        ("grade",): "high",
        ("note",): None,
    }


@pytest.mark.parametrize("ends", [["4 h", "4 h"], ["5 h", "4 h"], ["4 h"], "4 h", {"low": "4 h"}])
def test_a_range_has_two_ends_that_rise(ends):
    [(path, _, _, _)] = faults_of(Duration.read, {"value": "3 h", "range": ends})
    assert path == ("range",)


def test_a_mapping_needs_its_value():
    assert faults_of(Duration.read, {"grade": "high"}) == [((), 'key "value" is missing', "key", None)]


@given(st.data())
def test_what_a_quantity_tells_is_read_back(data):
    cls = data.draw(st.sampled_from([cls for cls in CLASSES if cls.dimension and cls is not Share]))
    unit = data.draw(st.sampled_from(sorted(units.UNITS[cls.dimension])))
    number = data.draw(st.floats(min_value=1e-6, max_value=1e7))
    written = cls.read(f"{number!r} {unit}")
    again = cls.read(written.text)
    assert again == pytest.approx(written, rel=1e-11)
    assert again.unit == written.unit


@given(st.floats(min_value=0, max_value=1))
def test_shares_are_read_back(share):
    written = Share.read(f"{share * 100!r} %")
    assert written == pytest.approx(share, rel=1e-11, abs=1e-300)
    assert Share.read(written.text) == pytest.approx(share, rel=1e-11, abs=1e-300)
    assert Share.read(float(Share.read(share).text)) == share


def test_months_are_twelve_numbers_from_january_on():
    raw = dict.fromkeys(MONTHS, 1) | {"jan": "25 %", "dec": 0.5, "source": "x", "grade": "low", "note": "n"}
    months = Months.read(raw)
    assert tuple(months) == (0.25, *(1.0,) * 10, 0.5)
    assert (months.source, months.grade, months.note) == ("x", "low", "n")
    again = pickle.loads(pickle.dumps(months))
    assert (again, type(again), again.source) == (months, Months, "x")


def test_months_must_be_complete_and_not_negative():
    raw = dict.fromkeys(MONTHS, 1) | {"feb": -1, "mar": "x"}
    assert [path for path, *_ in faults_of(Months.read, raw)] == [("feb",), ("mar",)]
    del raw["apr"]
    assert "missing: apr" in faults_of(Months.read, raw)[0][1]
    assert faults_of(Months.read, raw | {"arp": 1})[0][3] == "apr"
    assert "a mapping of the months" in faults_of(Months.read, 3)[0][1]
    assert "range" in faults_of(Months.read, raw | {"range": [1, 2]})[0][1]


@pytest.mark.parametrize(
    ("text", "window"),
    [("08:00-20:00", (8, 20)), ("22:30 - 5:15", (22.5, 5.25)), ("00:00-24:00", (0, 24))],
)
def test_hours(text, window):
    assert Hours.read(text) == window


@pytest.mark.parametrize(
    "text", ["8-20", "08:00", "08:00-25:00", "08:60-09:00", "24:00-08:00", "08:00-08:00", 800, None]
)
def test_hours_that_are_none(text):
    [(path, _, _, _)] = faults_of(Hours.read, text)
    assert path == ()


class Stay(BaseModel):
    time: Duration = Duration(0.0)
    share: Share = Share(0.0)
    hours: Hours | None = None
    months: Months | None = None


def test_pydantic_takes_the_classes_as_types():
    stay = Stay.model_validate({"time": "3 d", "share": {"value": 0.2, "source": "x"}, "hours": "08:00-20:00"})
    assert (stay.time, stay.share.source, stay.hours) == (72.0, "x", (8, 20))
    assert Stay().time == 0.0
    with pytest.raises(ValidationError):
        Stay.model_validate({"time": 3})


def test_everything_is_offered_by_name():
    assert all(hasattr(values, name) for name in values.__all__)
    assert issubclass(Quantity, float)


def test_a_count_is_a_whole_number_that_carries_its_provenance():
    count = values.Count.read({"value": 3, "range": [2, 5], "source": "port", "grade": "high", "note": "of seven"})
    assert (count, count + 1, count.text) == (3, 4, "3")
    assert (count.range, count.source, count.grade, count.note) == ((2, 5), "port", "high", "of seven")
    copy = pickle.loads(pickle.dumps(count))
    assert (copy, copy.range, copy.source) == (3, (2, 5), "port")
    assert values.Count.read(4).source is None


@pytest.mark.parametrize(
    "raw", [0, -1, 2.5, True, "3", None, {"value": 0}, {"valu": 3}, {"value": 3, "range": [1, 2.5]}]
)
def test_a_count_is_one_or_more(raw):
    with pytest.raises(MisreadError):
        values.Count.read(raw)
