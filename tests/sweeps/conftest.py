"""A small sweep: in a process of its own or in this one, and what it must come to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from sim.cli import corridor as command
from tests.painting import nothing_painted
from tests.sweeps.sweeping import ROOT, RUNS, Start, lay_out, runs


@pytest.fixture
def folder(folder: Path) -> Path:
    """The working folder, with a sweep to do."""
    return lay_out(folder)


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start `corridor` with these words as a process with a group of its own, its runs done by `task` and nothing
    painted."""
    begun: list[subprocess.Popen[str]] = []

    def call(task: str, *words: object, **options: Any) -> subprocess.Popen[str]:
        begun.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.sweeps.tasks", task, *map(str, words)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=folder,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | options.pop("env", {}),
                **options,
            )
        )
        return begun[-1]

    yield call
    for process in begun:
        with process:
            process.kill()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The runs of the sweep when nothing happens to it."""
    folder = lay_out(tmp_path_factory.mktemp("undisturbed"))
    words = ["sweep", str(folder / "tiny.yaml"), "--out", str(folder / "results"), "--workers", "1"]
    with nothing_painted():
        result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.output
    frame = runs(folder)
    assert len(frame) == RUNS
    assert frame.drop(columns=["point", "scenario"]).drop_duplicates().shape[0] == RUNS
    return frame
