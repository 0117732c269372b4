"""docs/model.md tells what the code and the baseline hold."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from sim.network import build, load

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    sys.path.insert(0, str(DOCS))
    try:
        return runpy.run_path(str(DOCS / "model.py"))
    finally:
        sys.path.remove(str(DOCS))


def test_the_page_is_current(script: dict[str, Any], baseline: str) -> None:
    page = script["PAGE"].read_text(encoding="utf-8")
    assert page == script["written"](page, build(load(baseline))), "run `make docs`"


def test_another_scenario_has_another_page(script: dict[str, Any], baseline: str) -> None:
    page = script["PAGE"].read_text(encoding="utf-8")
    changed = script["written"](page, build(load(baseline, set=["fleets.kmtf-small.vessels=7", "run.replications=33"])))
    old, new = set(page.splitlines()), set(changed.splitlines())
    assert len(new - old) == 2
    assert {"7", "33"} <= {cell.strip() for row in new - old for cell in row.split("|")}


def test_no_table_is_empty_and_no_number_is_written_by_hand(script: dict[str, Any]) -> None:
    page = script["PAGE"].read_text(encoding="utf-8")
    parts = re.findall(r"<!-- (\w+) -->\n(.*?)\n<!-- /\1 -->", page, re.DOTALL)
    assert len(parts) == page.count("<!-- /")
    assert all(text.count("\n") >= 3 or name == "grades" for name, text in parts)
    prose = re.sub(r"<!-- (\w+) -->.*?<!-- /\1 -->|\]\([^)]*\)|baseline-2024", "", page, flags=re.DOTALL)
    assert re.findall(r".*\d.*", prose) == []
