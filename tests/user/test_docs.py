"""What is written for people is true: commands run, files load, generated pages are current, notebooks execute."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import nbclient
import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from sim.scenario import values
from sim.scenario.jsonschema import scenario_schema
from sim.show.sweeps import told
from sim.sweeps import read_sweep
from sim.sweeps.effects import Interval
from sim.sweeps.points import points
from tests import shipped

Shell = Callable[[str], subprocess.CompletedProcess[str]]

ROOT = Path(__file__).resolve().parents[2]
HOW_TO_SWEEP = ROOT / "docs" / "how-to-sweep.md"
HOW_TO = ROOT / "docs" / "how-to-write-a-scenario.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "results" / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
REFERENCE = runpy.run_path(str(ROOT / "docs" / "reference.py"))


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def file_name(block: str) -> str | None:
    """The name that a YAML block gives itself in a line `# file: name.yaml`."""
    named = re.search(r"^# file: (\S+)$", block, re.MULTILINE)
    return named and named[1]


EXAMPLES = {name: block for page in PAGES for block in blocks(page, "yaml") if (name := file_name(block))}
SHORT = ' -n 1 --set "run.warm_up=5 d" --set "run.length=20 d" --set "run.run_out=5 d"'


def shortened(command: str) -> str:
    """The same in less time: one replication of a month, or two where there are to be more and more."""
    if re.match(r"corridor (run|compare|why|binding|promise|cost)", command):
        return re.sub(r" (-n|--max) \d+", "", command) + SHORT + (" --max 2" if "--until" in command else "")
    if re.match(r"corridor optimise (?!.*--dry-run)", command):
        return f"{command} --dry-run"
    return command


COMMANDS = {
    shortened(command): command
    for page in PAGES
    for block in blocks(page, "sh")
    for command in re.findall(r"^(corridor .*?)\s*(?:#|$)", block, re.MULTILINE)
}
SWEEPS = {
    named[1]: block
    for page in PAGES
    for block in blocks(page, "yaml")
    if (named := re.match(r"# sweep: (\S+)\n", block))
}


@pytest.fixture
def library(folder: Path) -> Path:
    """The scenarios of the checkout and the examples of the pages, in a folder of their own."""
    for file in shipped.scenario_files():
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    for name, block in EXAMPLES.items():
        (folder / "scenarios" / name).write_text(block, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "mistakes.yaml"])
def test_the_files_on_the_pages_are_good(library: Path, name: str) -> None:
    from sim.network import build
    from sim.scenario.load import load
    from sim.sweeps.levers import read_optimisation

    file = library / "scenarios" / name
    if file.parent.name == "optimise":
        read_optimisation(file, library / "scenarios")
    else:
        build(load(file))


def test_every_yaml_block_is_a_file() -> None:
    every = [block for page in PAGES for block in blocks(page, "yaml")]
    assert [block for block in every if not file_name(block) and block not in SWEEPS.values()] == []


def test_the_sweep_and_the_python_of_its_page_run(library: Path) -> None:
    (library / "small.yaml").rename(library / "scenarios" / "small.yaml")
    for name, block in SWEEPS.items():
        (library / "scenarios" / "sweeps" / name).write_text(block, encoding="utf-8")
    (script,) = blocks(HOW_TO_SWEEP, "python")
    scope: dict[str, Any] = {}
    exec(script, scope)  # the reader would type it
    assert len(scope["result"].runs) == 12
    assert (library / "results" / "small-sea" / "ledger.sqlite").is_file()


def test_the_published_sweep_is_that_of_its_file_and_shows_its_plots() -> None:
    folder = ROOT / "results" / "feeders-sea-level"
    page = (folder / "README.md").read_text(encoding="utf-8")
    plan = read_sweep(ROOT / "scenarios" / "sweeps" / "feeders-sea-level.yaml", ROOT / "scenarios")
    assert page.startswith(f"# {plan.title}\n")
    estimates, runs = (pd.read_csv(folder / f"{name}.csv") for name in ("estimates", "runs"))
    assert set(estimates["outcome"]) == {outcome.text for outcome in plan.outcomes}
    assert {tuple(row) for row in runs[[factor.name for factor in plan.factors]].to_numpy().tolist()} == {
        point.levels for point in points(plan)
    }
    shown = set(re.findall(r"\]\((plots/[^)]+)\)", page))
    assert shown == {str(file.relative_to(folder)) for file in (folder / "plots").glob("*.png")}
    for row in estimates.dropna().itertuples():
        assert f"| {told(Interval(row.value, row.low, row.high))} |" in page


def test_the_published_discovery_is_that_of_its_file_and_of_its_page() -> None:
    folder = ROOT / "results" / "discovery-feeders-sea-level"
    page = (folder / "discovery.md").read_text(encoding="utf-8")
    plan = read_sweep(ROOT / "scenarios" / "sweeps" / "discovery-feeders-sea-level.yaml", ROOT / "scenarios")
    assert page.startswith(f"# Where it fails: {plan.title}\n")
    runs = pd.read_csv(folder / "runs.csv")
    levels = np.array([point.levels for point in points(plan)], dtype=float)
    np.testing.assert_allclose(runs[[factor.name for factor in plan.factors]].to_numpy(float), levels, rtol=1e-7)
    fails = runs["transit.p90[xian-poti/middle-poti]"].fillna(np.inf) > 30
    limits = pd.read_csv(folder / "discovery.csv")
    inside = np.logical_and.reduce(
        [runs[row.factor].between(*np.nan_to_num([row.low, row.high], nan=np.inf) * [-1 if pd.isna(row.low) else 1, 1])
         for row in limits.itertuples()]
    )  # fmt: skip
    said = f"{(fails & inside).sum()} of {inside.sum()} points there"
    told = " ".join((ROOT / "docs" / "how-to-find-what-matters.md").read_text(encoding="utf-8").split())
    assert said in page
    assert said in told


@pytest.mark.parametrize("command", COMMANDS, ids=COMMANDS.values())
def test_the_commands_on_the_pages_run(
    library: Path, corridor: Callable[..., Result], command: str, request: pytest.FixtureRequest
) -> None:
    if re.match(r"corridor (run|cost|compare) (?!.*promised-schedule)", command):  # which paints the same plots
        request.getfixturevalue("unpainted")
    done = corridor(*shlex.split(command)[1:])
    assert done.exit_code == 0, done.output
    assert done.stdout


def test_the_sessions_on_the_pages_print_what_they_show(library: Path, shell: Shell) -> None:
    (session,) = blocks(HOW_TO, "console")
    command, _, shown = session.partition("\n")
    done = shell(f"cd scenarios && {command.removeprefix('$ ')}")
    assert done.stdout + done.stderr == shown
    assert done.returncode == 2


def test_the_python_of_the_readme_runs(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (script,) = blocks(ROOT / "README.md", "python")
    scope: dict[str, Any] = {}
    exec(script, scope)  # the reader would type it
    assert len(scope["result"].replications) == 2


@pytest.mark.parametrize("notebook", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda file: file.stem)
def test_the_notebooks_execute(notebook: Path, tmp_path: Path) -> None:
    book = jupytext.read(notebook)
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [cell for cell in book.cells if cell.cell_type == "code" and not cell.execution_count] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    headings = {re.sub(r"[^\w\- ]", "", line).strip().lower().replace(" ", "-") for line in text.splitlines()}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif "://" not in target:
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_the_reference_is_current() -> None:
    assert REFERENCE["reference"]() == REFERENCE["PAGE"].read_text(encoding="utf-8"), "run `make docs`"


def test_the_examples_of_values_in_the_reference_are_good() -> None:
    for name, (_, example) in REFERENCE["VALUES"].items():
        raw = dict.fromkeys(values.MONTHS, "25 %") if name == "Months" else YAML(typ="safe").load(example)
        TypeAdapter(getattr(values, name)).validate_python(raw)


def test_the_schema_for_editors_is_current() -> None:
    stored = json.loads((ROOT / "scenarios" / "scenario.schema.json").read_text(encoding="utf-8"))
    assert stored == scenario_schema(), "run `make schema`"


def test_the_lock_and_the_pages_name_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert lock.count("--hash=sha256:") > lock.count("==")
