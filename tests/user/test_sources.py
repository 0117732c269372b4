"""`corridor sources`: who says so, of every number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import sim
from sim.scenario.schema import Link, Model
from sim.scenario.sources import grades, numbers_of

Corridor = Callable[..., Result]

ROOT = Path(__file__).resolve().parents[2]


def test_each_value_has_its_source_and_its_line(corridor: Corridor, baseline: str) -> None:
    done = corridor("sources", baseline)
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    line = next(
        number
        for number, row in enumerate((Path(baseline).parent / "base" / "links.yaml").read_text().splitlines(), 1)
        if "&titr-delay" in row
    )
    found = f"links.almaty-moyynty.delay: lognormal, mean 70 %, cv 0.6 (0 % to 260 %) medium links.yaml:{line}"
    assert found in text
    assert "newsCentralAsia" in text
    assert "://" not in text


def test_json_agrees_with_the_scenario(
    corridor_json: Callable[..., Any], baseline: str, documented: Callable[[str, Any], None]
) -> None:
    told = corridor_json("sources", baseline, "--set", "fleets.kmtf-small.vessels=5")
    documented("sources", told)
    rows = {row["path"]: row for row in told["values"]}
    depth, speed = rows["ports.aktau.depth"], rows["links.malaszewicze-duisburg.speed"]
    assert depth["citation"] == (
        "Kazakh port basin depth vs standard, and load factor, sea-news.az / Ministry of Industry, 2023"
    )
    assert (speed["text"], speed["range"]) == ("20 km/h", "18 km/h to 45 km/h")
    assert (speed["low"], speed["high"]) == (18, 45)
    assert rows["fleets.kmtf-small.vessels"]["text"] == "5"
    assert rows["fleets.kmtf-small.vessels"]["grade"] == "not stated"
    assert rows["fleets.kmtf-small.vessels"]["origin"].startswith("--set ")
    assert "run.seed" not in rows
    assert not any(path.startswith("places.") for path in rows)


def test_a_grade_chooses_values_and_leaves_the_summary(corridor_json: Callable[..., Any], baseline: str) -> None:
    every, assumed = corridor_json("sources", baseline), corridor_json("sources", baseline, "--grade", "assumption")
    assert assumed["grades"] == every["grades"]
    assert assumed["values"] == [row for row in every["values"] if row["grade"] == "assumption"]
    assert sum(every["grades"].values()) < len(every["values"])  # what stands in several places counts once


def test_no_other_grades(corridor: Corridor) -> None:
    done = corridor("sources", "small.yaml", "--grade", "guess")
    assert done.exit_code == 2
    assert "assumption" in done.stderr


def test_sensitivity_finds_the_values_with_a_range(baseline: str) -> None:
    scenario = sim.load(baseline)
    every, ranged = sim.sources(scenario), sim.ranged(scenario)
    assert [value for value in every if value.range] == list(ranged)
    assert all(value.low is not None and value.high is not None and value.low < value.high for value in ranged)


def test_reports_tell_the_grades(
    corridor: Corridor, corridor_json: Callable[..., Any], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grades = corridor_json("sources", "small.yaml")["grades"]
    assert corridor_json("run", "small.yaml", "-n", 1)["grades"] == grades
    words = f"{100 * grades['assumption'] / sum(grades.values()):.0f} % assumption"
    assert words in " ".join(corridor("run", "small.yaml", "-n", 1).stdout.split())
    assert words in (folder / "results" / "small" / "README.md").read_text()
    for report in ("why", "promise", "binding"):
        told = corridor(report, "small.yaml", "-n", 1, "--workers", 1, *(("--top", 1) if report == "binding" else ()))
        assert words in " ".join(told.stdout.split())
        saved = folder / "results" / f"small-{report}"
        assert words in (saved / "README.md").read_text()
        assert json.loads((saved / "summary.json").read_text())["grades"] == grades
    price = ("--set", "services.feeder.freight=1 USD/TEU")
    assert words in " ".join(corridor("cost", "small.yaml", "-n", 1, *price).stdout.split())


def test_a_block_that_is_added_to_the_model_is_seen() -> None:
    scenario = sim.load(ROOT / "tests" / "faults" / "complete.yaml")
    told = {value.path.partition(".")[0] for value in sim.sources(scenario)}
    assert told == set(Model.model_fields) - {"title", "description", "places", "sources"}

    class Longer(Model):
        tolls: dict[str, Link]

    tree = scenario.tree | {"tolls": {"bridge": scenario.tree["links"]["almaty-aktau"]}}
    longer = Longer.model_validate(tree)
    added = dict(numbers_of(longer)).keys() - dict(numbers_of(scenario.model)).keys()
    assert ("tolls", "bridge", "distance") in added
    assert {path[0] for path in added} == {"tolls"}
    assert sum(grades(longer).values()) > sum(grades(scenario.model).values())
