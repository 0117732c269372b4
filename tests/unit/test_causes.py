"""Each hour of each box has one cause: the sums are exact, box by box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.measure import box_hours, measure, tails
from sim.measure.causes import NOT_ARRIVED
from sim.model import simulate
from sim.model.journal import Parcels, Rows
from sim.network import Network, build, load

ROOT = Path(__file__).resolve().parents[2]
CORRIDOR = "tests/corridor.yaml"
LINER = "tests/oracles/liner.yaml"
ORACLES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "oracles").glob("*.yaml"))
SHORT = ("run.warm_up=20 d", "run.length=30 d", "run.run_out=15 d")
CUT = "run.run_out=0 h"  # so short that many boxes have not arrived
CASES = [
    (CORRIDOR,),
    (CORRIDOR, "fleets.bc.vessels=1", "fleets.bc.capacity=60 TEU"),
    ("tests/user/small.yaml",),
    *((file,) for file in ORACLES),
    *((file, CUT) for file in ORACLES),
    (LINER, CUT, "services.liner.every=20 d"),
    ("scenarios/baseline-2024.yaml", *SHORT),
    ("scenarios/congested-2022.yaml", *SHORT),
]


def network_of(file: str, *changes: str) -> Network:
    return build(load(ROOT / file, set=changes))


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_the_causes_of_each_box_add_up_to_its_hours_to_the_bit(case: tuple[str, ...]) -> None:
    network = network_of(*case)
    journal = simulate(network, 0)
    end = float(network.model.run.length + network.model.run.run_out)
    released, finished = journal.units["released"], journal.units["finished"]
    seen = never = 0
    for number, hours in box_hours(network, journal):
        mine = hours.index
        assert (journal.units["itinerary"][mine] == number).all()
        until = np.where(np.isnan(finished[mine]), end, finished[mine])
        assert np.array_equal(hours.sum(axis=1).to_numpy(), until - released[mine])
        assert (hours.to_numpy() >= 0).all()
        if NOT_ARRIVED in hours.columns.get_level_values("cause"):
            waits = hours[NOT_ARRIVED].sum(axis=1).to_numpy()
            assert (waits[~np.isnan(finished[mine])] == 0).all()
        seen += len(mine)
        never += int(np.isnan(finished[mine]).sum())
    compared = [network.model.demand[way.flow].compare for way in network.itineraries]
    counted = (released >= 0) & (released < network.model.run.length)
    assert seen == np.count_nonzero(counted & np.array(compared)[journal.units["itinerary"]]) > 0
    if CUT in case:
        assert never > 0


SMALL = "tests/user/small.yaml"
PORTS = ("east-port", "west-port")
BERTHS = [
    *("terminals.hub.berths.rail", "terminals.market.berths.rail"),
    *(f"terminals.junction.berths.{gauge}" for gauge in ("broad", "standard")),
    *(f"ports.{port}.berths.{kind}" for port in PORTS for kind in ("rail", "quay")),
]
TRAINS = [f"fleets.trains-{name}" for name in ("east", "west", "broad", "standard")]
RAILS = [f"links.{name}" for name in ("hub-east-port", "west-port-market", "hub-junction", "junction-market")]
STOPS = [
    *(f"rail-{name}.stops.hub" for name in ("east", "broad")),
    *(f"rail-{name}.stops.market" for name in ("west", "standard")),
    *("rail-east.stops.east-port", "rail-west.stops.west-port", "rail-broad.stops.junction"),
    *("rail-standard.stops.junction", *(f"feeder.stops.{port}" for port in PORTS)),
]
YARDS = "ports.east.yards"
TIMETABLE = ("every=10 min", "on_time=100 %", "stops.east.cutoff=0 h", "stops.west.cutoff=0 h")


@pytest.mark.parametrize(
    ("cause", "file", "remedy"),
    [
        ("moving", SMALL, [*(f"{rail}.speed=4000 km/h" for rail in RAILS), "fleets.feeders.speed=1100 kn"]),
        ("handling", SMALL, [f"{berth}.{work}=0 min" for berth in BERTHS for work in ("discharge", "load")]),
        ("train set", SMALL, [f"{trains}.train_sets=unlimited" for trains in TRAINS]),
        ("path", SMALL, [f"{rail}.paths=null" for rail in RAILS]),
        ("berth", SMALL, [f"{berth}.count=50" for berth in BERTHS]),
        ("crane", SMALL, [f"{berth}.{change}" for berth in BERTHS for change in ("cranes=200", "fixed=0 h")]),
        ("vessel to come", "tests/oracles/border.yaml", ["fleets.ferries.vessels=40"]),
        ("vessel to fill", SMALL, [f"services.{stop}.wait=0 h" for stop in STOPS]),
        ("weather", SMALL, [f"ports.{port}.calendar=null" for port in PORTS]),
        ("gauge change", SMALL, ["links.junction-market.gauge=1520"]),
        ("documents", SMALL, ["terminals.junction.documents=null", "ports.east-port.documents=null"]),
        (
            "yard space",
            "tests/oracles/full-yard.yaml",
            [f"ports.east.yards.{y}.limit=9999 TEU" for y in ("west", "all")],
        ),
        ("breakdown", SMALL, ["links.hub-east-port.delay=null"]),
        ("timetable", LINER, [*(f"services.liner.{change}" for change in TIMETABLE), "links.road-1.hours=null"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_cause_is_met_and_goes_with_its_reason(cause: str, file: str, remedy: list[str]) -> None:
    before, after = (days_of(cause, network_of(file, *changes)) for changes in ([], remedy))
    assert before > 0
    assert after <= 0.1 * before


def days_of(cause: str, network: Network) -> float:
    """Days of a cause, a box of each flow and route together."""
    causes = measure(network, simulate(network, 0)).causes
    return float(causes.loc[causes["cause"] == cause, "days"].sum())


def test_measures_lay_out_no_table_of_all_carriages(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a row a box and leg it takes many times the room of the journal."""
    laid_out: list[Parcels] = []
    rows = Parcels.rows

    def seen(parcels: Parcels) -> Rows:
        laid_out.append(parcels)
        return rows(parcels)

    monkeypatch.setattr(Parcels, "rows", seen)
    network = network_of(CORRIDOR)
    journal = simulate(network, 0)
    measure(network, journal)
    tails(network, journal)
    assert not laid_out
    assert len(journal.carriages["unit"]) == journal.parcels.sizes.sum() > 0
    assert laid_out == [journal.parcels]


def test_boxes_and_means_tell_the_same() -> None:
    network = network_of(CORRIDOR)
    journal = simulate(network, 0)
    means = measure(network, journal).causes.set_index(["flow", "route", "cause", "place"])["days"]
    for number, hours in box_hours(network, journal):
        way = network.itineraries[number]
        found = hours.mean() / 24
        assert found.to_numpy() == pytest.approx(means[way.flow, way.route][found.index].to_numpy(), rel=1e-12)
        assert len(found) == len(means[way.flow, way.route])


def test_the_boxes_around_the_p90_are_those_late_ones() -> None:
    network = network_of(CORRIDOR)
    journal = simulate(network, 0)
    measures, found = measure(network, journal), tails(network, journal)
    days = found.groupby(["flow", "route"])[["days", "late_days"]].sum()
    for row in measures.routes.itertuples():
        own = days.loc[row.flow, row.route]
        assert own["days"] == pytest.approx(row.mean, rel=1e-12)
        assert row.p50 < own["late_days"]
        assert own["late_days"] == pytest.approx(row.p90, rel=0.03)  # they are its neighbours on both sides


def test_a_storm_that_stops_the_cranes_is_weather_and_no_handling() -> None:
    """Ships enter and leave in any weather here: all weather is that of cranes that stand still."""
    network = network_of("tests/oracles/storms-at-work.yaml", "ports.west.berths.quay.discharge=0.09375 h")
    [(_, hours)] = box_hours(network, simulate(network, 0))
    handling, weather = (hours[cause]["west"].to_numpy() for cause in ("handling", "weather"))
    assert set(handling) == {0.09375}
    assert weather.max() > 1
    assert weather.min() == 0


@pytest.mark.parametrize(
    ("closed", "cause"),
    [('hours="06:00-23:00"', "timetable"), ("calendar=snow", "weather")],
)
def test_trucks_that_wait_for_a_road_to_open_have_not_broken_down(closed: str, cause: str) -> None:
    snow = "calendars.snow={closures: {one: {start: 2024-02-01, end: 2024-02-20}}}"
    changes = ["links.road-1.hours=null", "links.road-2.delay=null"]
    none, some = (
        measure(network, simulate(network, 0)).causes.query("place == 'trucks'").groupby("cause")["days"].sum()
        for network in (network_of(LINER, snow, *changes), network_of(LINER, snow, *changes, f"links.road-1.{closed}"))
    )
    assert set(none.index) == {"moving", "documents"}
    assert set(some.index) == {"moving", "documents", cause}
    assert some[cause] > 0


def test_work_that_goes_on_in_a_storm_is_not_the_weathers() -> None:
    """Closures only keep a ship's work from beginning: then each box takes its time, and waits for those before it."""
    berth = "ports.west.berths.quay"
    changes = [
        f"{berth}.discharge=0.5625 h",
        f"{berth}.fixed=0 h",
        "ports.west.weather.discharge=do-not-start",
        "ports.west.calendar=gales",
    ]
    network = network_of("tests/oracles/storms-at-work.yaml", *changes)
    [(_, hours)] = box_hours(network, simulate(network, 0))
    arrived = hours["handling"]["west"] > 0
    handling, crane, weather = (hours[cause]["west"][arrived].to_numpy() for cause in ("handling", "crane", "weather"))
    assert set(handling) == {0.5625}
    assert set(crane % 0.5625) == {0}
    assert weather.max() > 1
    assert weather.min() == 0
