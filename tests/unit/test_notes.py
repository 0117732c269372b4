"""What a scenario holds and nothing uses is told, and is no fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.network import build, notes
from sim.scenario.load import load

ROOT = Path(__file__).resolve().parents[2]
CORRIDOR = ROOT / "tests" / "corridor.yaml"
OWN = "keeps its own time"
TRUCKS = (
    "links.road={between: [c, d], mode: road, distance: 3000 km, speed: 60 km/h, paths: 3 /d, hours: '06:00-20:00'}",
    "services.trucks={kind: individual, title: Trucks, stops: {c: {}, d: {}}, mode: road, accepts: [container]}",
)


def told(*changes: str) -> list[str]:
    scenario = load(CORRIDOR, set=changes)
    return notes(build(scenario), scenario)


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda file: file.stem)
def test_all_that_the_shipped_scenarios_hold_is_used(file: Path) -> None:
    scenario = load(file)
    assert notes(build(scenario), scenario) == []


@pytest.mark.parametrize(
    ("changes", "due"),
    [
        (("links.ab.distance=40 km",), "40 km, and its ends lie"),
        (("ports.b.yards.more={limit: 900 TEU, direction: west}",), "nothing stands here"),
        (TRUCKS, "no fleet runs here, and nothing else waits for paths"),
        ((*TRUCKS, "services.trucks.time=2 d"), OWN),
        (("borders.a={time: 3 h}",), "nothing stops here en route"),
        (("services.more={kind: trains, title: M, stops: {a: {berth: rail, wait: 9 h}, b: {berth: rail, wait: 9 h}}}",),
         "no fleet runs on more"),
        (("calendars.shut={closures: {old: {start: '1990-01-01', end: '1990-02-01'}}}",), "not within the run"),
        (("demand.w.diversions={late: {start: '2090-01-01', routes: {middle: 1}}}",), "not within the run"),
    ],
    ids=str,
)  # fmt: skip
def test_what_nothing_uses_is_told_with_its_place(changes: tuple[str, ...], due: str) -> None:
    before = told()
    further = [line for line in told(*changes) if line not in before]
    assert any(due in line and ": note: " in line for line in further), further


def test_hours_of_a_road_hold_trucks_up_unless_they_keep_their_own_time() -> None:
    assert not any(OWN in line for line in told(*TRUCKS))
