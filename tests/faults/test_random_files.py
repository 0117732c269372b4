"""Random scenario files: sound ones load, survive being written back, and run; bad ones are told, with their place."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings

from sim.cli import corridor
from sim.model import simulate
from sim.network import build, load
from sim.scenario.faults import ScenarioError
from sim.show.save import write_resolved
from tests.verification.files import damaged, files, lay_down

LARGE = [HealthCheck.too_slow, HealthCheck.data_too_large]
LINE = re.compile(r"[^\n]*\.yaml:[1-9]\d*:[1-9]\d*: error: [^\n]+")


def assert_survives(texts: dict[str, str], folder: Path) -> None:
    """The files load; what `corridor run` would save of them loads to the same scenario; and it runs."""
    scenario = load(lay_down(texts, folder))
    saved = folder / "scenario.yaml"
    write_resolved(scenario, saved)
    again = load(saved)
    assert again.tree == scenario.tree
    assert again.model == scenario.model
    assert again.digest() == scenario.digest()
    network = build(scenario)
    simulate(network, check=True)


@settings(max_examples=20, phases=[Phase.generate], suppress_health_check=LARGE)
@given(files())
def test_sound_files_survive_being_written_back(texts: dict[str, str]) -> None:
    with TemporaryDirectory() as folder:
        assert_survives(texts, Path(folder))


def faults(text: bytes, folder: Path) -> list[str]:
    """What is wrong with a file: nothing, or lines with file, line and column."""
    file = folder / "bad.yaml"
    file.write_bytes(text)
    lines: list[str] = []
    try:
        build(load(file))
    except ScenarioError as error:
        lines = [*error.lines] or [""]
    assert all(LINE.fullmatch(line) for line in lines), lines
    return lines


@settings(max_examples=60, phases=[Phase.generate], suppress_health_check=LARGE)
@given(damaged())
def test_bad_files_are_told_with_their_place(case: tuple[str, bytes]) -> None:
    with TemporaryDirectory() as folder:
        faults(case[1], Path(folder))


@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=[*LARGE, HealthCheck.function_scoped_fixture])
@given(damaged())
def test_the_command_ends_with_2(monkeypatch: pytest.MonkeyPatch, case: tuple[str, bytes]) -> None:
    with TemporaryDirectory() as folder:
        found = faults(case[1], Path(folder))
        monkeypatch.chdir(folder)
        result = CliRunner().invoke(corridor, ["validate", "bad.yaml"])
        assert result.exit_code == (2 if found else 0), result.output
        assert result.stderr.splitlines() == [line.rpartition("/")[2] for line in found]
        monkeypatch.undo()
