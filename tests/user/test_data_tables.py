"""docs/data.md tells what the scenarios hold, and every quantity of theirs says where it comes from."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from sim.scenario.explain import unsourced
from sim.scenario.load import Scenario, load_all
from sim.scenario.sources import grades

TABLES = runpy.run_path(str(Path(__file__).resolve().parents[2] / "docs" / "data_tables.py"))

# What no source can tell, with the reason.
CHOSEN = {
    "run.length": "a year is studied",
}


@pytest.fixture(scope="module")
def scenarios() -> list[Scenario]:
    return load_all(TABLES["SCENARIOS"])


def test_the_tables_are_current(scenarios: list[Scenario]) -> None:
    page = TABLES["PAGE"].read_text(encoding="utf-8")
    assert page == TABLES["written"](page, scenarios), "run `make docs`"


def test_every_quantity_has_a_source_or_is_marked_as_an_assumption(scenarios: list[Scenario]) -> None:
    for scenario in scenarios:
        whole = {  # a flow with one route has nothing to share
            f"demand.{name}.routes.{route}"
            for name, flow in scenario.model.demand.items()
            for route, share in flow.routes.items()
            if share == 1
        }
        assert set(unsourced(scenario)) == whole | set(CHOSEN)
        assert grades(scenario.model)["not stated"] == 0  # bare numbers and counts as well
