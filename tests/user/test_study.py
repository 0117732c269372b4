"""run and compare: what they print, what they save, and what Ctrl-C leaves."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest
from click.testing import CliRunner, Result

import sim
from sim.cli import Stopped, unhurried
from sim.cli import corridor as command

Corridor = Callable[..., Result]
Written = Callable[[], list[str]]

ROOT = Path(__file__).resolve().parents[2]
CUSTOMS = "ports.west-port.documents={time: {dist: lognormal, mean: 12 h, cv: 0.6}}"  # each consignment by itself


@pytest.fixture(scope="module")
def results_schema() -> Any:
    return json.loads((ROOT / "docs" / "results.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder that a run of the small corridor wrote, and the JSON that it printed."""
    out = tmp_path_factory.mktemp("out")
    small = Path(__file__).with_name("small.yaml")
    result = CliRunner().invoke(command, ["run", str(small), "-n", "2", "--workers", "1", "--out", str(out), "--json"])
    assert result.exit_code == 0, result.output
    return out / "small", json.loads(result.stdout)


def test_json_of_run_has_the_documented_form(studied: tuple[Path, Any], results_schema: Any) -> None:
    _, found = studied
    jsonschema.validate(found, results_schema)
    assert (found["scenario"], found["seed"], found["replications"], found["warm_up_days"]) == ("small", 7, 2, 10)
    assert {row["route"] for row in found["routes"]} == {"over", "around"}


def test_run_saves_plots_scenario_measures_and_journal(studied: tuple[Path, Any]) -> None:
    folder, found = studied
    kinds = {file.suffix for file in folder.rglob("*") if file.is_file()}
    assert kinds == {".csv", ".parquet", ".yaml", ".png", ".svg", ".json", ".md"}
    assert set(pd.read_parquet(folder / "measures" / "routes.parquet")["replication"]) == {0, 1}
    assert list((folder / "journal").glob("*.parquet"))
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == found


def test_the_saved_scenario_gives_the_same_results(studied: tuple[Path, Any]) -> None:
    folder, found = studied
    again = sim.simulate(folder / "scenario.yaml", replications=2, workers=1).to_json()
    assert again | {"scenario": "small"} == found


def test_one_worker_and_two_give_the_same_numbers(studied: tuple[Path, Any], folder: Path) -> None:
    assert sim.simulate("small.yaml", replications=2, workers=2).to_json() == studied[1]


@pytest.mark.usefixtures("unpainted")
def test_a_run_goes_on_until_its_intervals_are_narrow_enough_or_says_that_they_are_not(
    corridor: Corridor, corridor_json: Callable[..., Any], results_schema: Any
) -> None:
    words = ["run", "small.yaml", "-n", 2, "--workers", 1, "--max", 4]
    targets = ["--until", "transit.mean[trade/around] +- 60 %", "--until", "transit.p50[returns] ± 1 min"]
    found = corridor_json(*words, *targets)
    jsonschema.validate(found, results_schema)
    easy, hard = found["until"]
    assert (easy["reached"], hard["reached"], hard["replications"], found["replications"]) == (True, False, 4, 4)
    widths = [row["days"]["p50"] for row in found["routes"] if row["flow"] == "returns"]
    assert hard["half_width"] == pytest.approx(max(row["high"] - row["value"] for row in widths))
    text = " ".join(corridor(*words, *targets).stdout.split())
    assert "transit.mean[trade/around] +- 60 %: reached with 4 replications" in text
    assert "transit.p50[returns] ± 1 min: NOT REACHED with 4 replications; the widest is ±" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["small.yaml", "--until", "transit.p5 ± 1 d"], 'did you mean "transit.p50"?'),
        (["small.yaml", "--until", "transit.p50[trade/arond] ± 1 d"], 'did you mean "around"?'),
        (["small.yaml", "--max", "40"], "--max is the cap of --until"),
        (["small.yaml", "-n", "9", "--until", "transit.p50 ± 1 d", "--max", "4"], "more than the 4 allowed at most"),
    ],
)
def test_a_target_that_cannot_be_used_is_refused_before_anything_runs(
    folder: Path, corridor: Corridor, written: Written, words: list[str], said: str
) -> None:
    result = corridor("run", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
    assert written() == []


def test_compare_one_file_compares_its_routes(corridor: Corridor, written: Written) -> None:
    result = corridor("compare", "small.yaml", "-n", 1, "--workers", 1, "--set", "title=As changed for once")
    assert result.exit_code == 0
    assert [word for word in ("As changed for once", "Hub → Market", "Over the sea") if word not in result.stdout] == []
    assert "saved in results/small/" in result.stderr
    assert {Path(file).parts[0] for file in written()} == {"results"}


def test_compare_several_files_compares_them_with_the_first(
    folder: Path, corridor_json: Callable[..., Any], results_schema: Any
) -> None:
    for name, change in {"more": "fleets: {feeders: {vessels: 4}}", "same": "title: Another name"}.items():
        (folder / f"{name}.yaml").write_text(f"extends: small.yaml\n{change}\n", encoding="utf-8")
    found = corridor_json("compare", "small.yaml", "more.yaml", "same.yaml", "-n", 2, "--seed", 11)
    jsonschema.validate(found, results_schema)
    assert found["baseline"] == "small"
    assert [(one["scenario"], one["seed"]) for one in found["scenarios"]] == [("small", 11), ("more", 11), ("same", 11)]
    differences = {
        name: [row["difference"] for row in found["differences"] if row["scenario"] == name]
        for name in ("more", "same")
    }
    assert any(differences["more"])
    assert found["confidence"] == pytest.approx(0.975)
    assert not any(differences["same"])  # the same demand and weather, to the bit


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["small.yaml", "small.yaml"], "same name"),
        (["small.yaml", "seed.yaml"], "different values of run.seed: 7 in small, 99 in seed"),
        (["small.yaml", "long.yaml"], "different values of run.warm_up: 10 d in small, 70 d in long"),
        (["small.yaml", "-n", "0"], "0 is not in the range"),
        (["small.yaml", "--sed", "1"], "No such option"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_comparison_that_makes_no_sense_is_refused_before_it_runs(
    folder: Path, corridor: Corridor, written: Written, words: list[str], said: str
) -> None:
    (folder / "seed.yaml").write_text("extends: small.yaml\nrun: {seed: 99}\n", encoding="utf-8")
    (folder / "long.yaml").write_text("extends: small.yaml\nrun: {warm_up: 70 d}\n", encoding="utf-8")
    before = written()
    result = corridor("compare", *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert written() == before


def test_a_folder_that_cannot_be_written_is_told_without_a_traceback(folder: Path, corridor: Corridor) -> None:
    (folder / "taken").mkdir()
    (folder / "taken" / "small").write_text("something of yours", encoding="utf-8")
    result = corridor("run", "small.yaml", "-n", 1, "--workers", 1, "--out", "taken")
    assert result.exit_code == 1
    assert "taken/small" in result.stderr
    assert "Traceback" not in result.output
    assert (folder / "taken" / "small").read_text(encoding="utf-8") == "something of yours"


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        (["run", "small.yaml"], "small"),
        (["compare", "small.yaml", "other.yaml"], "other"),
        (["cost", "small.yaml"], "small"),
        (["why", "small.yaml"], "small-why"),
        (["promise", "small.yaml"], "small-promise"),
        (["binding", "small.yaml"], "small-binding"),
        (["evidence"], "evidence.md"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
@pytest.mark.parametrize("occupied", [True, False], ids=["occupied", "not writable"])
def test_a_folder_is_tried_before_anything_is_simulated(
    folder: Path,
    corridor: Corridor,
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    name: list[str],
    taken: str,
    occupied: bool,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("simulated")

    for place in ("sim.model.simulate", "sim.study.evidence.simulate"):
        monkeypatch.setattr(place, refuse)
    (folder / "other.yaml").write_text("extends: small.yaml\n", encoding="utf-8")
    (folder / "taken" / taken).mkdir(parents=True)
    (folder / "taken" / taken / "yours.txt").write_text("something of yours", encoding="utf-8")
    before = written()
    out = "taken" if occupied else "small.yaml/out"  # no folder can be made in a file, whoever asks
    result = corridor(*name, "-n", 1, "--workers", 1, "--out", out)
    assert result.exit_code == 1
    assert (f"taken/{taken}: " if occupied else "Error: small.yaml/out: Not a directory\n") in result.stderr
    assert "Traceback" not in result.output
    assert written() == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("words", ["--help", "validate small.yaml", "preview small.yaml", "preview small.yaml --json"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full_is_named(
    shell: Callable[[str], subprocess.CompletedProcess[str]], words: str, unbuffered: str
) -> None:
    shown = shell(f"PYTHONUNBUFFERED={unbuffered} corridor {words} > /dev/full")
    assert (shown.returncode, shown.stderr) == (1, "Error: standard output: No space left on device\n")


def test_the_lower_bound_of_a_quantile_is_that_with_the_days_so_far() -> None:
    slow = ["fleets.feeders.vessels=1", "fleets.feeders.capacity=100 TEU", "run.run_out=3 d"]
    result = sim.simulate(sim.load(Path(__file__).with_name("small.yaml"), set=slow), replications=3, workers=1)
    runs = result.frames["routes"].query("flow == 'trade' and route == 'over'")
    unknown = runs["p10"].isna().tolist()
    assert unknown == [False, True, False]
    assert runs["p10_so_far"][~runs["p10"].isna()].tolist() == runs["p10"].dropna().tolist()
    assert runs[["p50", "p90"]].isna().all(axis=None)
    row = result.summary().query("flow == 'trade' and route == 'over'").iloc[0]
    bounds = [runs[f"p{q}_so_far"].mean() for q in (10, 50, 90)]
    assert row[["p10_at_least", "p50_at_least", "p90_at_least"]].tolist() == pytest.approx(bounds)
    assert bounds == sorted(bounds)


def test_preview_tells_load_against_capacity(corridor: Corridor, corridor_json: Callable[..., Any]) -> None:
    found = corridor_json("preview", "small.yaml")
    feeder = next(load for load in found["loads"] if load["facility"] == "feeder")
    assert 0 < feeder["utilisation"] < 1
    assert found["estimate"]["trips"] > 0
    fewer = corridor_json("preview", "small.yaml", "--set", "fleets.feeders.vessels=1")
    worse = next(load for load in fewer["loads"] if load["facility"] == "feeder")
    assert worse["utilisation"] == pytest.approx(2 * feeder["utilisation"])
    assert "Feeders over" in corridor("preview", "small.yaml").stdout


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(("fleets.feeders.capacity=110 TEU", "fleets.feeders.vessels=4", CUSTOMS), id="scattered blocks"),
        pytest.param(("services.rail-west.stops.west-port.empty_after=72 h",), id="empty trains"),
        pytest.param(
            ("fleets.trains-west.train_sets=1", "demand.trade.volume=6000 TEU/a", "demand.trade.block=5"),
            id="one train set",
        ),
    ],
)
def test_preview_is_near_what_is_simulated(
    changes: tuple[str, ...], corridor_json: Callable[..., Any], folder: Path
) -> None:
    """Trains by the paths that they take: a mean of a few hundred trips. The estimate is one of means, so that a tenth
    is allowed beside the interval of the simulation; with whole blocks and without empty trains it was a fifth low."""
    changes = ("run.length=365 d", *changes)
    paths = {"place": "west-port-market", "facility": "paths"}
    found = corridor_json("preview", "small.yaml", *(word for change in changes for word in ("--set", change)))
    offered = next(load for load in found["loads"] if paths.items() <= load.items())["utilisation"]
    facilities = sim.simulate(sim.load(folder / "small.yaml", set=changes), replications=16, workers=1).facilities()
    (simulated,) = facilities[(facilities["place"] == paths["place"]) & (facilities["kind"] == "path")].to_dict(
        "records"
    )
    assert simulated["utilisation_low"] / 1.1 < offered < simulated["utilisation_high"] * 1.1


@pytest.mark.parametrize(
    "words", [["run"], ["compare"], ["cost"], ["why"], ["promise"], ["binding"], ["run", "--set", "run.warm_up=auto"]]
)
def test_more_boxes_than_fit_into_the_memory_are_refused_where_they_are_asked_for(
    folder: Path, corridor: Corridor, written: Written, words: list[str]
) -> None:
    (folder / "absurd.yaml").write_text("extends: small.yaml\ndemand:\n  returns:\n    volume: 1e12 TEU/a\n")
    before = written()
    result = corridor(words[0], "absurd.yaml", *words[1:], "-n", 1, "--workers", 1)
    assert result.exit_code == 2
    assert re.fullmatch(
        r"absurd\.yaml:4:13: error: one replication would take about \d+\.?\d* TB of memory, and this machine has "
        r"\d+\.?\d* [GT]B; most of its units are of returns: 1\.37e\+09 a day, for \d+ days",
        result.stderr.strip(),
    )
    assert written() == before
    with pytest.raises(sim.BadStudyError, match="one replication would take about"):
        sim.simulate("absurd.yaml", replications=1, workers=1)


@pytest.mark.parametrize("other", ["over", "around"])
def test_preview_of_a_route_that_nothing_takes(corridor_json: Callable[..., Any], other: str) -> None:
    shares = ", ".join(f"{route}: {0 if route == other else 100} %" for route in ("over", "around"))
    changes = [word for flow in ("trade", "returns") for word in ("--set", f"demand.{flow}.routes={{{shares}}}")]
    found = corridor_json("preview", "small.yaml", *changes)
    assert {load["offered"] > 0 for load in found["loads"] if load["kind"] == "line"} == {True, False}


def test_preview_of_a_line_without_a_fleet(corridor: Corridor) -> None:
    stops = ", ".join(f"{place}: {{berth: quay, wait: 9 h}}" for place in ("east-port", "west-port"))
    idle = f"services.idle={{kind: ships, title: Idle, stops: {{{stops}}}}}"
    assert corridor("preview", "small.yaml", "--set", idle).exit_code == 0


def test_preview_says_what_does_not_fit_into_the_memory(corridor: Corridor) -> None:
    shown = corridor("preview", "small.yaml", "--set", "demand.returns.volume=1e12 TEU/a")
    assert shown.exit_code == 0
    assert "It cannot be simulated here: this machine has " in shown.stdout
    assert "cannot be simulated" not in corridor("preview", "small.yaml").stdout


def test_no_column_is_lost_on_a_narrow_terminal(shell: Callable[[str], subprocess.CompletedProcess[str]]) -> None:
    wide, narrow = (shell(f"COLUMNS={width} corridor preview small.yaml").stdout for width in (80, 40))
    assert "Utilisation" in wide
    assert narrow == wide


def test_a_terminal_that_cannot_show_a_character_gets_its_number(
    shell: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    shown = shell("PYTHONIOENCODING=ascii corridor preview small.yaml")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u25b2 85 % of the capacity" in shown.stdout


@pytest.mark.parametrize("command", ["run", "promise"])
def test_boxes_that_were_not_followed_for_the_published_time_are_told(corridor: Corridor, command: str) -> None:
    def said(followed: str) -> bool:
        told = corridor(command, "small.yaml", "--workers", 1, "-n", 1, "--set", f"run.run_out={followed}").stdout
        return "the last ones were followed for 1 d," in " ".join(told.split())

    assert said("1 d")
    assert not said("20 d")


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (lambda scenario: sim.simulate(scenario, replications="2"), "found '2', where a number of replications"),  # type: ignore[arg-type]
    (lambda scenario: sim.simulate(scenario, replications=[0, 0]), "where different ones from 0 on are due"),
    (lambda scenario: sim.simulate(scenario, replications=0), "at least one replication"),
    (lambda scenario: sim.simulate(scenario, replications=1, workers=-1), "found -1 workers"),
    (lambda scenario: sim.binding(scenario, replications=1, top=-1), "found -1 changes to try"),
    (lambda scenario: sim.why(scenario, replications=1, workers=1).waterfall("trde"), 'did you mean "trade"'),
    (lambda scenario: sim.why(scenario, replications=1, workers=1).plot_why("trade", "x"), '"x" is not a route'),
]


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_an_argument_that_makes_no_sense_is_refused_in_python_too(wrong: Callable[[Any], Any], said: str) -> None:
    scenario = sim.load(Path(__file__).with_name("small.yaml"), set="run.length=20 d")  # one change may stand alone
    with pytest.raises(sim.BadStudyError, match=re.escape(said)):
        wrong(scenario)


def test_scenarios_of_one_name_are_told_apart() -> None:
    small = Path(__file__).with_name("small.yaml")
    several = [sim.load(small, set=["run.length=20 d", f"fleets.feeders.vessels={count}"]) for count in (2, 3, 4)]
    compared = sim.compare(several, replications=2, workers=1).differences()
    assert set(compared["scenario"]) == {"small (2)", "small (3)"}


def test_a_scenario_without_published_times_has_no_promise_to_keep(corridor: Corridor) -> None:
    without = [word for route in ("over", "around") for word in ("--set", f"routes.{route}.promise=null")]
    result = corridor("promise", "small.yaml", *without)
    assert result.exit_code == 2
    assert "no route that is compared has a published time" in " ".join(result.stderr.split())


def test_the_differences_have_a_folder_before_anything_is_simulated(
    folder: Path, corridor: Corridor, written: Written
) -> None:
    (folder / "other.yaml").write_text("extends: small.yaml\n", encoding="utf-8")
    (folder / "results" / "small-vs-other").mkdir(parents=True)
    before = written()
    result = corridor("compare", "small.yaml", "other.yaml", "-n", 1, "--workers", 1)
    assert result.exit_code == 1
    assert "results/small-vs-other: There is something that is not a result" in " ".join(result.stderr.split())
    assert written() == before


def test_nothing_to_compare_is_a_study_error() -> None:
    with pytest.raises(sim.StudyError, match="at least one scenario"):
        sim.compare([])


def test_progress_counts_the_replications_of_all_scenarios(folder: Path) -> None:
    told: list[tuple[int, int, float]] = []
    sim.compare(["small.yaml", "small.yaml"], replications=2, workers=1, on_done=lambda *now: told.append(now))
    assert [(done, total) for done, total, _ in told] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [seconds > 0 for *_, seconds in told] == [True, True, True, False]


def interrupted(folder: Path, wait_for: str, *words: str) -> tuple[int, str, str]:
    """Start `corridor` on a terminal, press Ctrl-C when it has shown `wait_for`; exit code, stdout, terminal."""
    terminal, stderr = pty.openpty()
    script = "from sim.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
        start_new_session=True,  # a process group of its own, which Ctrl-C reaches as a whole
    )
    os.close(stderr)
    shown = b""
    pressed = False
    while True:
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # Linux: the other end is closed
            break
        if not pressed and re.search(wait_for, shown.decode(errors="replace")):
            os.killpg(process.pid, signal.SIGINT)
            pressed = True
    stdout, _ = process.communicate(timeout=60)
    os.close(terminal)
    return process.returncode, stdout.decode(), shown.decode(errors="replace")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_keeps_what_has_finished_and_says_where(folder: Path, workers: str) -> None:
    code, stdout, shown = interrupted(
        folder, r"\b[1-9]\d*/5000\b", "run", "small.yaml", "-n", "5000", "--workers", workers
    )
    assert code == 130
    assert stdout == ""
    assert "Traceback" not in shown
    assert ("Stopping when the runs in work have ended" in shown) == (workers == "2")  # one is given up at once
    assert "results/small/" in shown.splitlines()[-1]
    kept = pd.read_parquet(folder / "results/small/measures/routes.parquet")["replication"].unique()
    assert 0 < len(kept) < 5000
    number = "one replication" if len(kept) == 1 else f"{len(kept)} replications"
    assert f"{number} of small" in shown.splitlines()[-1]
    record = json.loads((folder / "results/small/run.json").read_text(encoding="utf-8"))
    assert record["complete"] is False


def test_ctrl_c_while_results_are_written_waits_for_them(folder: Path) -> None:
    code, stdout, shown = interrupted(folder, "writing results", "run", "small.yaml", "-n", "2", "--workers", "1")
    assert (code, stdout) == (130, "")
    assert "press Ctrl-C again" in shown
    assert "2 replications of small in results/small/" in shown.splitlines()[-1]


def test_ctrl_c_while_a_study_is_written_says_where_it_is() -> None:
    folder = Path("results", "small-why")
    with pytest.raises(Stopped, match=r"What had finished is saved in results.small-why"), unhurried(folder):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_before_the_second_scenario_has_a_result_keeps_those_of_the_first(folder: Path) -> None:
    (folder / "long.yaml").write_text("extends: small.yaml\nrun: {length: 100000 d}\n", "utf-8")
    words = ("small.yaml", "long.yaml", "-n", "3", "--until", "transit.p50 ± 9 d", "--workers", "1")
    code, stdout, shown = interrupted(folder, "3/6", "compare", *words)
    assert (code, stdout) == (130, "")
    assert "3 replications of small in results/small/" in shown.splitlines()[-1]
    assert not (folder / "results" / "long").exists()


def test_ctrl_c_before_anything_has_finished_leaves_nothing(folder: Path) -> None:
    long = ["--set", "run.length=100000 d"]
    code, stdout, shown = interrupted(folder, r"0%|━", "run", "small.yaml", "-n", "1", *long)
    assert (code, stdout) == (130, "")
    assert "Nothing was saved" in shown
    assert not (folder / "results").exists()


def test_the_baseline_compares_the_middle_corridor_with_north_and_sea(baseline: str, results_schema: Any) -> None:
    found = sim.compare(baseline, replications=1, workers=1).to_json()
    jsonschema.validate(found, results_schema)
    pairs: dict[tuple[str, str], set[str]] = {}
    for row in found["routes"]:
        pairs.setdefault((row["origin"], row["destination"]), set()).add(row["route"])
    assert pairs["xian", "duisburg"] >= {"middle-poti", "north", "sea-suez", "sea-cape"}
    assert pairs["xian", "istanbul"] >= {"middle-btk", "middle-poti", "sea-suez", "sea-cape"}
    for pair in [("xian", "poti"), ("almaty", "istanbul"), ("tashkent", "istanbul"), ("istanbul", "xian")]:
        assert pair in pairs


def test_cargo_that_counts_no_teu_shows_none(corridor: Corridor) -> None:
    def teu(*changes: str) -> list[str]:
        shown = corridor("compare", "small.yaml", "-n", 1, "--workers", 1, *changes).stdout
        return [line.split()[-1] for line in shown.splitlines() if line.startswith("Over the sea")]

    counted = teu()
    assert counted
    assert all(float(count.replace(",", "")) > 0 for count in counted)
    assert teu("--set", "cargo.box.teu=0") == ["–"] * len(counted)
