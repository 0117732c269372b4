"""validate, explain, diff, schema and --set: everything short of a simulation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result
from ruamel.yaml import YAML

Corridor = Callable[..., Result]
Written = Callable[[], list[str]]


def overlay(folder: Path, text: str, name: str = "changed.yaml") -> str:
    """A scenario that extends the small one."""
    (folder / name).write_text(f"extends: small.yaml\n{text}", encoding="utf-8")
    return name


def test_validate_says_ok_and_how_much_there_is(corridor: Corridor) -> None:
    result = corridor("validate", "small.yaml")
    assert result.exit_code == 0
    assert result.stdout == "small.yaml: ok: 5 places, 5 links, 5 services, 2 routes, 2 flows\n"
    assert result.stderr == ""


def test_validate_names_the_faults_of_all_files(folder: Path, corridor: Corridor, written: Written) -> None:
    overlay(folder, "fleets:\n  feeders:\n    vesels: 3\n", "typo.yaml")
    overlay(folder, "links:\n  crossing:\n    distance: 250\n", "unit.yaml")
    before = written()
    result = corridor("validate", "typo.yaml", "small.yaml", "unit.yaml")
    assert result.exit_code == 2
    typo, unit = result.stderr.splitlines()
    assert typo.startswith("typo.yaml:4:5: error: ")
    assert '; did you mean "vessels"?' in typo
    assert unit.startswith("unit.yaml:4:15: error: ")
    assert "nm" in unit
    assert result.stdout.startswith("small.yaml: ok: ")
    assert written() == before


def test_validate_json(folder: Path, corridor: Corridor) -> None:
    bad = overlay(folder, "links: {crossing: {distance: -3 km}}\n")
    result = corridor("validate", "small.yaml", bad, "--json")
    assert result.exit_code == 2
    good, faulty = json.loads(result.stdout)
    assert good == {"file": "small.yaml", "ok": True, "errors": [], "notes": []}
    assert not faulty["ok"]
    assert faulty["errors"] == result.stderr.splitlines()


def test_a_demand_that_no_route_serves_is_found_by_validate(folder: Path, corridor: Corridor) -> None:
    bad = overlay(folder, "services: {feeder: null, rail-west: null}\nfleets: {feeders: null, trains-west: null}\n")
    result = corridor("validate", bad)
    assert result.exit_code == 2
    assert "no service that carries box stops at waypoint west-port" in result.stderr
    assert all(line.count(": error: ") == 1 for line in result.stderr.splitlines())


@pytest.mark.parametrize(
    "command", [["validate"], ["preview"], ["run"], ["compare"], ["explain"], ["diff", "small.yaml"]]
)
@pytest.mark.parametrize("file", ["missing.yaml", "empty.yaml", "typo.yaml", "."])
def test_a_bad_scenario_is_told_and_nothing_is_written(
    folder: Path, corridor: Corridor, written: Written, command: list[str], file: str
) -> None:
    (folder / "empty.yaml").touch()
    overlay(folder, "fleet: {}\n", "typo.yaml")
    before = written()
    result = corridor(*command, file, *(["title"] if command == ["explain"] else []))
    assert result.exit_code == 2
    assert ": error: " in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert written() == before


def test_set_changes_one_value(corridor_json: Callable[..., Any]) -> None:
    (found,) = corridor_json("explain", "small.yaml", "fleets.feeders.vessels", "--set", "fleets.feeders.vessels=5")
    assert found["value"] == "5"
    assert found["set_at"].startswith("--set")
    assert found["replaced"][0]["value"] == "2"


@pytest.mark.parametrize("change", ["fleets.feeders.vesels=5", "fleets.feeders.vessels", "links.crossing.distance=5"])
def test_a_bad_set_is_told_like_a_bad_file(corridor: Corridor, change: str) -> None:
    result = corridor("validate", "small.yaml", "--set", change)
    assert result.exit_code == 2
    assert result.stderr.startswith("--set")


def test_explain_tells_place_source_and_grade(corridor: Corridor) -> None:
    result = corridor("explain", "small.yaml", "links.hub-east-port.distance")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "links.hub-east-port.distance: 900 km",
        "  set at    small.yaml:21:23",
        "  source    made-up – Figures made up for the tests",
        "  grade     assumption",
        "  note      along the old line",
    ]


def test_explain_tells_what_was_replaced(folder: Path, corridor: Corridor) -> None:
    changed = overlay(folder, "links:\n  crossing:\n    distance: 300 nm\n")
    result = corridor("explain", changed, "links.crossing.distance")
    assert "set at    changed.yaml:4:15" in result.stdout
    assert "replaced  250 nm, set at small.yaml:" in result.stdout


def test_explain_a_block_tells_all_its_values(corridor: Corridor) -> None:
    result = corridor("explain", "small.yaml", "fleets.feeders")
    assert [line.split(":")[0] for line in result.stdout.splitlines() if not line.startswith(" ")] == [
        f"fleets.feeders.{key}"
        for key in ("service", "title", "vessels", "capacity", "speed", "draught.full", "draught.empty", "accepts")
    ]


def test_explain_a_default_and_an_unknown_path(corridor: Corridor) -> None:
    assert "default" in corridor("explain", "small.yaml", "services.feeder.pace").stdout
    result = corridor("explain", "small.yaml", "fleets.feders")
    assert result.exit_code == 2
    assert "feeders" in result.stderr


def test_diff_tells_what_changes_and_nothing_else(folder: Path, corridor: Corridor) -> None:
    changed = overlay(folder, "fleets:\n  feeders:\n    vessels: 4\nroutes:\n  around:\n    promise: null\n")
    result = corridor("diff", "small.yaml", changed)
    assert result.exit_code == 0
    assert "fleets.feeders.vessels: 2 → 4  (changed.yaml:4:14)" in result.stdout
    assert len(result.stdout.splitlines()) == 2
    assert corridor("diff", "small.yaml", "small.yaml").stdout == ""


def test_diff_json(folder: Path, corridor_json: Callable[..., Any]) -> None:
    changed = overlay(folder, "fleets:\n  feeders:\n    vessels: 4\n")
    (change,) = corridor_json("diff", "small.yaml", changed)
    assert change == {
        "path": "fleets.feeders.vessels",
        "before": "2",
        "after": "4",
        "set_at": "changed.yaml:4:14",
    }


def test_schema_accepts_the_small_corridor_and_parts_of_it(folder: Path, corridor: Corridor) -> None:
    schema = json.loads(corridor("schema").stdout)
    jsonschema.validate(YAML(typ="safe").load(folder / "small.yaml"), schema)
    jsonschema.validate({"extends": "small.yaml", "fleets": {"feeders": {"vessels": 3}}}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"fleets": {"feeders": {"vesels": 3}}}, schema)


def test_set_and_explain_complete_paths(shell: Callable[[str], Any]) -> None:
    words = "corridor explain small.yaml fleets.feeders.v"
    done = shell(f"_CORRIDOR_COMPLETE=bash_complete COMP_WORDS='{words}' COMP_CWORD=3 corridor")
    assert done.stdout == "plain,fleets.feeders.vessels\n"
    words = "corridor run small.yaml --set run.s"
    done = shell(f"_CORRIDOR_COMPLETE=bash_complete COMP_WORDS='{words}' COMP_CWORD=4 corridor")
    assert done.stdout == "plain,run.seed\n"


def test_a_scenario_of_the_library_is_found_by_its_bare_name(corridor: Corridor) -> None:
    result = corridor("explain", "baseline-2024", "run.seed")
    assert result.exit_code == 0


def test_a_reader_that_has_seen_enough_is_no_fault(shell: Callable[[str], Any]) -> None:
    done = shell("set -o pipefail; corridor schema | head -c 100")
    assert done.stderr == ""


@pytest.mark.parametrize("date", ["2025-3-20", "2025-03-20 6:00", "2025-03-20  06:00", "20.3.2025", "2025-02-30"])
def test_dates_have_one_form_wherever_they_stand(folder: Path, corridor: Corridor, date: str) -> None:
    closure = f"calendars: {{shut: {{closures: {{once: {{start: '{date}', end: '2025-12-01'}}}}}}}}\n"
    for words in (("small.yaml", "--set", f"run.start={date}"), (overlay(folder, closure),)):
        result = corridor("validate", *words)
        assert result.exit_code == 2
        assert f'found "{date}", where a date like "2025-09-12"' in result.stderr


def test_papers_that_are_announced_take_less_time(corridor: Corridor) -> None:
    result = corridor("validate", "small.yaml", "--set", "ports.east-port.documents={time: 9 h, advance: 50 %}")
    assert result.exit_code == 2
    assert '50 % are announced, but key "advance_factor" is missing' in result.stderr
