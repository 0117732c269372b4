"""`corridor sweep` as a planner meets it: what it shows, what it writes, how it ends."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

import sim
from sim.cli import corridor
from sim.scenario.sources import grades, shares_of_each
from sim.sweeps.jsonschema import optimise_schema, sweep_schema
from tests.sweeps.sweeping import documented

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests" / "user" / "small.yaml"
SWEEP = """\
title: Feeders and waits on a small sea
base: small.yaml
set: {run.length: 30 d, run.warm_up: 5 d, run.run_out: 10 d}
factors:
  ships: {title: feeders, path: fleets.feeders.vessels, values: [1, 2, 3]}
  wait: {title: longest wait of a feeder, path: services.feeder.stops.*.wait, values: [12 h, 36 h]}
design: {kind: grid}
replications: 2
outcomes: ["transit.p50[trade]", "use[east-port/berth quay]"]
"""

Corridor = Callable[..., Result]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the sweep has been run."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "small.yaml").write_bytes(SMALL.read_bytes())
    (folder / "ships.yaml").write_text(SWEEP, encoding="utf-8")
    result = call("sweep", folder / "ships.yaml", "--out", folder / "results", "--workers", 1)
    assert result.exit_code == 0, result.output
    (folder / "table.txt").write_text(result.stdout, encoding="utf-8")
    return folder


def call(*words: object) -> Result:
    result = CliRunner().invoke(corridor, [str(word) for word in words], prog_name="corridor")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def sweep(done: Path, verb: str, *words: object) -> Result:
    return call("sweep", verb, *words, "--out", done / "results")


def test_the_table_has_a_row_a_point_and_a_column_an_outcome(done: Path) -> None:
    lines = (done / "table.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "Feeders and waits on a small sea"
    rows = [line.split() for line in lines if re.match(r"[123] ", line)]
    assert len(rows) % 6 == 0
    assert [row[:2] for row in rows[:6]] == [[ships, wait] for ships in "123" for wait in ("12", "36")]
    means = sim.sweep(done / "ships.yaml", out=done / "results").means()
    assert float(rows[0][2]) == pytest.approx(means["transit.p50[trade/over]"][0], abs=0.5)
    assert any("Means over 2 replications" in line for line in lines)


def test_files_hold_all_runs_and_their_means(done: Path) -> None:
    folder = done / "results" / "ships"
    runs, estimates = (pd.read_csv(folder / f"{name}.csv") for name in ("runs", "estimates"))
    assert len(runs) == 12
    assert set(runs.columns[:5]) == {"point", "scenario", "ships", "wait", "replication"}
    name = "transit.p50[trade/over]"
    pd.testing.assert_series_equal(
        runs.groupby("point")[name].mean(),
        estimates[estimates["outcome"] == name].set_index("point")["value"],
        check_names=False, rtol=1e-6,
    )  # fmt: skip
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "runs.parquet"), runs, rtol=1e-6, check_dtype=False)
    assert pd.read_csv(folder / "failures.csv").empty


def test_the_page_says_what_was_done_and_shows_every_plot(done: Path) -> None:
    folder = done / "results" / "ships"
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Feeders and waits on a small sea\n")
    assert "6 points, 12 runs, seed 7, model `" in text
    shown = re.findall(r"\]\((plots/[^)]+\.png)\)", text)
    assert len(shown) == len(set(shown)) >= 6
    for name in shown:
        assert (folder / name).stat().st_size > 10_000
        assert (folder / name).with_suffix(".svg").is_file()
    assert len(list((folder / "plots").iterdir())) == 2 * len(shown)
    assert "*not separated*" in text
    assert not [file for file in folder.iterdir() if file.name.startswith(".")]


def test_the_table_and_the_page_tell_how_sure_the_values_are(done: Path) -> None:
    told = shares_of_each({"small": grades(sim.load(done / "small.yaml").model)})[0]
    for text in (done / "table.txt", done / "results" / "ships" / "README.md"):
        assert told in " ".join(text.read_text(encoding="utf-8").split())


def test_a_dry_run_counts_without_running(done: Path, tmp_path: Path) -> None:
    shown = call("sweep", done / "ships.yaml", "--dry-run", "--out", tmp_path / "results")
    assert shown.exit_code == 0
    assert "6 points, 12 runs; about " in " ".join(shown.stdout.split())
    assert not (tmp_path / "results").exists()
    found = documented(call("sweep", done / "ships.yaml", "--dry-run", "--out", tmp_path, "--json").stdout, "dry_run")
    assert (found["points"], found["runs"], found["done"]) == (6, 12, 0)
    assert found["seconds"] > 0
    size = (done / "results" / "ships" / "ledger.sqlite").stat().st_size
    assert size / 2 < found["ledger_bytes"] < 4 * size


def test_a_dry_run_knows_what_is_done(done: Path) -> None:
    found = json.loads(
        call("sweep", done / "ships.yaml", "--dry-run", "-n", 5, "--out", done / "results", "--json").stdout
    )
    assert (found["runs"], found["done"]) == (30, 12)


def test_a_folder_that_was_renamed_is_the_one_that_goes_on(done: Path, tmp_path: Path) -> None:
    moved = tmp_path / "of-last-week"
    shutil.copytree(done / "results" / "ships", moved)
    again = call("sweep", "resume", moved)
    assert again.exit_code == 0, again.output
    assert f"saved in {moved}" in again.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["of-last-week"]


def test_status_export_plot_and_resume_take_name_folder_or_file(done: Path) -> None:
    for target in ("ships", done / "results" / "ships", done / "ships.yaml"):
        assert sweep(done, "status", target).stdout == (
            "ships: 12 of 12 runs done, 0 failed, 0 took too long, 0 missing\n"
        )
    found = documented(sweep(done, "status", "ships", "--json").stdout, "status")
    assert (found["ok"], found["missing"], found["errors"]) == (12, 0, [])
    assert sweep(done, "export", "ships").exit_code == 0
    assert sweep(done, "resume", "ships").exit_code == 0


def test_other_figures_of_the_same_runs(done: Path) -> None:
    folder = done / "results" / "ships"
    before = (folder / "runs.csv").read_text(encoding="utf-8")
    assert sweep(done, "export", "ships", "--outcome", "queue[west-port/berth quay]").exit_code == 0
    assert list(pd.read_csv(folder / "runs.csv").columns)[-1] == "queue[west-port/berth quay]"
    assert sweep(done, "export", "ships").exit_code == 0
    assert (folder / "runs.csv").read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["status", "shisp"], 'no sweep "shisp" in '),
        (["plot", "ships", "--outcome", "transit.p51"], 'did you mean "transit.p50"?'),
        (["plot", "ships", "--outcome", "cost[trad]"], 'no run has "cost[trad]"; did you mean "cost[trade/over]"?'),
    ],
)
def test_a_wrong_command_line_is_told_with_exit_code_2(done: Path, words: list[str], said: str) -> None:
    result = sweep(done, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_the_results_of_a_scenario_are_not_mixed_with_a_sweep(done: Path, tmp_path: Path) -> None:
    (tmp_path / "ships").mkdir()
    (tmp_path / "ships" / "run.json").write_text("{}")
    result = call("sweep", done / "ships.yaml", "--out", tmp_path)
    assert result.exit_code == 2
    assert "holds the results of a scenario; give another --out" in " ".join(result.stderr.split())
    assert [file.name for file in (tmp_path / "ships").iterdir()] == ["run.json"]


@pytest.mark.parametrize("way", ["sensitivity", "python"])
def test_nor_with_a_study_or_from_python(tmp_path: Path, way: str) -> None:
    """The next run of the scenario would replace the folder with the ledger."""
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())
    design = "{kind: morris, trajectories: 2}" if way == "sensitivity" else "{kind: grid}"
    (tmp_path / "ships.yaml").write_text(SWEEP.replace("{kind: grid}\nreplications: 2", design), encoding="utf-8")
    (tmp_path / "results" / "ships").mkdir(parents=True)
    (tmp_path / "results" / "ships" / "run.json").write_text("{}")
    if way == "sensitivity":
        result = call("sensitivity", tmp_path / "ships.yaml", "--out", tmp_path / "results")
        assert result.exit_code == 2
        assert "holds the results of a scenario" in " ".join(result.stderr.split())
    else:
        with pytest.raises(sim.BadStudyError, match="holds the results of a scenario"):
            sim.sweep(tmp_path / "ships.yaml", out=tmp_path / "results")
    assert [file.name for file in (tmp_path / "results" / "ships").iterdir()] == ["run.json"]


@pytest.mark.usefixtures("unpainted")
def test_targets_that_are_not_reached_are_told(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())
    until = SWEEP + 'until: ["transit.p50[trade/over] ± 0.001 d", "transit.p50[trade/over] ± 900 d"]\nmost: 3\n'
    (tmp_path / "ships.yaml").write_text(until, encoding="utf-8")
    words = ["sweep", tmp_path / "ships.yaml", "--out", tmp_path / "results", "--workers", 1]
    told = "transit.p50[trade/over] ± 0.001 d with at most 3 replications, at 6 of 6 points"
    assert f"NOT REACHED: {told}" in " ".join(call(*words).stdout.split())
    page = (tmp_path / "results" / "ships" / "README.md").read_text(encoding="utf-8")
    assert f"**Not reached**: {told}." in page
    assert "900 d with" not in page
    found = documented(call(*words, "--json").stdout, "sweep")
    assert found["unmet"] == {"transit.p50[trade/over] ± 0.001 d": list(range(6))}
    refused = call(*words, "-n", 4)
    assert refused.exit_code == 2
    assert "4 replications to begin with are more than the 3" in " ".join(refused.stderr.split())


@pytest.mark.usefixtures("unpainted")
def test_resume_takes_the_replications_of_the_file_unless_others_were_asked_for(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())
    for given, count in (([], 3), (["-n", 1], 1)):
        out = tmp_path / f"results-{count}"
        (tmp_path / "ships.yaml").write_text(SWEEP, encoding="utf-8")
        call("sweep", tmp_path / "ships.yaml", "--out", out, "--workers", 1, *given)
        (tmp_path / "ships.yaml").write_text(SWEEP.replace("replications: 2", "replications: 3"), encoding="utf-8")
        assert call("sweep", "resume", out / "ships", "--workers", 1).exit_code == 0
        assert len(pd.read_csv(out / "ships" / "runs.csv")) == 6 * count


def test_a_design_that_chooses_replications_takes_no_number_of_them(done: Path, tmp_path: Path) -> None:
    text = SWEEP.replace("{kind: grid}", "{kind: sobol, samples: 4}").replace("replications: 2\n", "")
    (done / "sobol.yaml").write_text(text, encoding="utf-8")
    result = call("sweep", done / "sobol.yaml", "-n", 3, "--out", tmp_path)
    assert result.exit_code == 2
    assert "set design.realisations" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("kind", "folder", "wrong"),
    [("sweep", "sweeps", {"design": {"kind": "gird"}}), ("optimise", "optimise", {"replications": 1})],
)
def test_the_schema_for_editors_is_current_and_takes_the_shipped_files(
    kind: str, folder: str, wrong: dict[str, Any]
) -> None:
    stored = json.loads((ROOT / "scenarios" / folder / f"{kind}.schema.json").read_text(encoding="utf-8"))
    made = sweep_schema() if kind == "sweep" else optimise_schema()
    assert stored == made == json.loads(call("schema", f"--{kind}").stdout), "run `make schema`"
    check = jsonschema.Draft202012Validator(stored)
    files = list((ROOT / "scenarios" / folder).glob("*.yaml"))
    assert files
    for file in files:
        assert file.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema=./{kind}.schema.json\n")
        tree: dict[str, Any] = YAML(typ="safe").load(file)
        check.validate(tree)
        assert not check.is_valid(tree | wrong)


@pytest.mark.usefixtures("unpainted")
def test_more_boxes_than_fit_into_the_memory_are_refused_or_are_failed_runs(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())
    absurd, out = "demand.returns.volume", tmp_path / "results"
    text = SWEEP.replace("set: {", f"set: {{{absurd}: 1e12 TEU/a, ")
    (tmp_path / "all.yaml").write_text(text, encoding="utf-8")
    refused = call("sweep", tmp_path / "all.yaml", "--out", out, "--workers", 1)
    assert refused.exit_code == 2
    assert "small: one replication would take about" in " ".join(refused.stderr.split())
    assert not out.exists()
    ships, _, rest = SWEEP.partition("factors:\n")
    more = f"  more: {{title: returns, path: {absurd}, values: [5000 TEU/a, 1e12 TEU/a]}}\ndesign: {{kind: grid}}\n"
    (tmp_path / "one.yaml").write_text(ships + "factors:\n" + more + rest.partition("grid}\n")[2], encoding="utf-8")
    some = call("sweep", tmp_path / "one.yaml", "--out", out, "-n", 1, "--workers", 1)
    assert some.exit_code == 3
    assert "1 runs gave no result; the first: BadStudyError: small: one replication would take about" in some.stderr
