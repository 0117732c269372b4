"""The program as a person meets it: the command line in a fresh folder, with a corridor small enough to wait for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result

from tests.painting import nothing_painted

ROOT = Path(__file__).resolve().parents[2]
SMALL = Path(__file__).with_name("small.yaml")

Corridor = Callable[..., Result]


@pytest.fixture(scope="session")
def baseline() -> str:
    return str(ROOT / "scenarios" / "baseline-2024.yaml")


@pytest.fixture
def corridor_json(corridor: Corridor) -> Callable[..., Any]:
    """Call `corridor … --json`, which must succeed, and read what it prints; its plots are not painted."""

    def call(*words: object) -> Any:
        with nothing_painted():
            result = corridor(*words, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return call


@pytest.fixture(scope="session")
def documented() -> Callable[[str, Any], None]:
    """That what a command prints with --json has the form that docs/results.schema.json gives it, and no other's."""
    schema = json.loads((ROOT / "docs" / "results.schema.json").read_text(encoding="utf-8"))

    def check(command: str, found: Any) -> None:
        jsonschema.validate(found, {"$ref": f"#/$defs/{command}", "$defs": schema["$defs"]})
        jsonschema.validate(found, schema)

    return check


@pytest.fixture
def shell(folder: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Run a shell command in the folder as a person would, with the project's `corridor` and `python` found first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def written(folder: Path) -> Callable[[], list[str]]:
    """The files that stand in the folder beside what the test put there."""
    before = set(folder.rglob("*"))
    return lambda: sorted(str(file.relative_to(folder)) for file in set(folder.rglob("*")) - before)
