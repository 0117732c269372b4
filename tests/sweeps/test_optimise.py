"""corridor optimise: the right answer where it is known, as surely as promised; nothing lost, nothing run twice."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from scipy import stats

import sim
from sim.show.optimise import save_optimisation
from sim.sweeps.levers import Choice, Goal, Problem, read_goals
from sim.sweeps.optimise import Verdict, looks, searched, seek
from tests.sweeps.sweeping import Start, documented, stopped_at_once

ROOT = Path(__file__).resolve().parents[2]
COLUMN = "transit.p90[trade/over]"

World = Callable[[Choice, int], Sequence[float] | None]
Corridor = Callable[..., Result]

# --- where the answer is known ----------------------------------------

THREE = Problem(((0.0, 3.0, 9.0), (0.0, 2.0, 5.0), (0.0, 4.0, 11.0)), (Goal(COLUMN, 1, 10.0),))


def drive(problem: Problem, world: World) -> Verdict:
    """Seek in a made-up world; what is asked for is asked for once."""
    samples: dict[Choice, dict[int, Sequence[float] | None]] = {}
    seeking = seek(problem, samples)
    while True:
        try:
            asked = next(seeking)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict
        for choice, replications in asked:
            known = samples.setdefault(choice, {})
            known |= {n: world(choice, n) for n in replications if n not in known}


def days(choice: Choice) -> float:
    """More of each lever is better, each further level by less."""
    return 14.0 - sum(1.5 * sqrt(level) * (1 + at / 4) for at, level in enumerate(choice))


def cheapest(problem: Problem) -> Choice:
    """By brute force, without noise."""
    choices = product(*(range(len(costs)) for costs in problem.costs))
    return min((c for c in choices if days(c) <= problem.goals[0].limit), key=problem.cost)


def test_without_noise_the_cheapest_of_all_is_found() -> None:
    verdict = drive(THREE, lambda choice, n: (days(choice),))
    assert len(verdict.tried) == 27
    assert verdict.winner == cheapest(THREE)
    better = [c for c in verdict.tried if THREE.cost(c) < THREE.cost(verdict.winner)]
    assert better
    assert all(days(c) > 10 for c in better)


@pytest.mark.parametrize("seed", [1, 2])
def test_in_a_large_space_no_single_step_back_from_the_answer_meets_the_target(seed: int) -> None:
    costs = tuple(tuple(float(level * (3 + at)) for level in range(5)) for at in range(5))
    problem = Problem(costs, (Goal(COLUMN, 1, 6.0),), budget=120, seed=seed)
    verdict = drive(problem, lambda choice, n: (days(choice),))
    assert len(verdict.tried) <= 120 < problem.size
    assert len(set(verdict.tried)) == len(verdict.tried)
    assert verdict.winner is not None
    assert days(verdict.winner) <= 6
    for at, level in enumerate(verdict.winner):
        if level:
            assert days((*verdict.winner[:at], level - 1, *verdict.winner[at + 1 :])) > 6
    assert verdict == drive(problem, lambda choice, n: (days(choice),))


def noisy(seed: int, means: Callable[[Choice], float], own: float, shared: float) -> World:
    """Noise that all candidates share in a replication, and noise of their own."""

    table = np.random.default_rng(seed).normal(size=(100, 28))

    def world(choice: Choice, n: int) -> tuple[float]:
        alone = table[n, 9 * choice[0] + 3 * choice[1] + choice[2]]
        return (float(means(choice) + shared * table[n, 27] + own * alone),)

    return world


def test_with_noise_the_right_one_wins_as_often_as_promised() -> None:
    """Each mean is so far from the target that 64 replications can tell it: then the answer is to be the right one."""
    repetitions, problem = 60, replace(THREE, goals=(Goal(COLUMN, 1, 10.43),))
    assert min(abs(days(choice) - 10.43) for choice in product(range(3), repeat=3)) > 4.5 * 0.3 / sqrt(64)
    right = sum(drive(problem, noisy(seed, days, 0.2, 0.2)).winner == cheapest(problem) for seed in range(repetitions))
    assert right / repetitions >= 0.95 - 3 * sqrt(0.95 * 0.05 / repetitions)


def test_being_lucky_in_the_search_makes_no_winner() -> None:
    """All candidates miss by a hair: the hardest case. Without fresh replications nearly every search had a winner."""
    repetitions = 100
    problem = replace(THREE, most=16)
    wrong = sum(
        drive(problem, noisy(seed, lambda _: 10.0001, 1.0, 0.3)).winner is not None for seed in range(repetitions)
    )
    assert wrong / repetitions <= 0.05 + 3 * sqrt(0.95 * 0.05 / repetitions)


def test_good_ones_are_not_said_to_miss() -> None:
    repetitions = 100
    problem = replace(THREE, most=16)
    wrong = 0
    for seed in range(repetitions):
        verdict = drive(problem, noisy(seed, lambda _: 9.9999, 1.0, 0.3))
        wrong += "misses" in verdict.finalists.values()
    assert wrong / repetitions <= 0.05 + 3 * sqrt(0.95 * 0.05 / repetitions)


def test_the_last_step_takes_replications_that_the_search_did_not_use() -> None:
    assert looks(replace(THREE, most=50)) == [range(4, 12), range(4, 20), range(4, 36), range(4, 54)]
    assert looks(replace(THREE, most=3)) == [range(4, 7)]
    assert set(searched(THREE)).isdisjoint(looks(THREE)[-1])


def test_where_none_meets_the_target_the_nearest_miss_is_told() -> None:
    problem = replace(THREE, goals=(Goal(COLUMN, 1, 2.0),))
    verdict = drive(problem, noisy(3, days, 0.1, 0.1))
    assert verdict.winner is None
    assert verdict.nearest == (2, 2, 2)
    assert set(verdict.finalists.values()) == {"misses"}


def test_what_varies_much_does_not_crowd_out_the_nearest_misses() -> None:
    """Nobody can say of a wild candidate that it clearly misses; the calm ones next to the target are to be judged."""

    def world(choice: Choice, n: int) -> tuple[float]:
        wild = 30.0 * (-1) ** n if choice[0] < 2 else 0.1 * (-1) ** n
        return (days(choice) + 20.0 + wild if choice[0] < 2 else days(choice) + wild,)

    verdict = drive(replace(THREE, goals=(Goal(COLUMN, 1, 5.0),), finalists=4), world)
    assert (2, 2, 2) in verdict.finalists
    assert verdict.nearest == (2, 2, 2)
    assert verdict.finalists[2, 2, 2] == "misses"


def test_all_goals_must_be_met() -> None:
    problem = replace(THREE, goals=(Goal(COLUMN, 1, 10.0), Goal("promise.within[trade/over]", -1, 50.0)))
    verdict = drive(problem, lambda choice, n: (days(choice), 60.0 if choice[0] == 2 else 40.0))
    assert verdict.winner is not None
    assert verdict.winner[0] == 2
    assert days(verdict.winner) <= 10


@pytest.mark.parametrize("lost", [None, (float("nan"),)])
def test_what_is_not_known_meets_nothing(lost: Any) -> None:
    """A run that failed, or a P90 that nobody knows since boxes had not arrived."""
    best = cheapest(THREE)
    verdict = drive(THREE, lambda choice, n: lost if choice == best and n % 2 else (days(choice),))
    assert verdict.winner is not None
    assert verdict.winner != best
    assert days(verdict.winner) <= 10


def test_the_efficient_set_is_that_of_all() -> None:
    verdict = drive(replace(THREE, finalists=27), lambda choice, n: (days(choice),))
    for choice in verdict.efficient:
        cheaper = [c for c in verdict.tried if c != choice and THREE.cost(c) <= THREE.cost(choice)]
        assert all(days(c) > days(choice) for c in cheaper)
    assert verdict.efficient[0] == (0, 0, 0)
    assert verdict.efficient[-1] == (2, 2, 2)


def test_without_optuna_a_large_space_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    write(folder, "large", budget=2)
    with pytest.raises(sim.BadStudyError, match=r"pip install 'middle-corridor-sim\[opt\]'"):
        sim.optimise("large.yaml")
    assert not (folder / "results").exists()


# --- by the command, on a small corridor ----------------------------------------

FILE = {
    "title": "Sooner over the small sea",
    "base": "small.yaml",
    "set": {
        **{"run.warm_up": "5 d", "run.length": "20 d", "run.run_out": "10 d"},
        **{
            "demand.trade.volume": "20000 TEU/a",
            "demand.trade.routes": {"over": 1, "around": 0},
        },
    },
    "levers": {
        "feeders": {"path": "fleets.feeders.vessels", "values": [1, 2, 3], "cost_each": "5 MUSD/a"},
        "papers": {
            "levels": {
                "as they are": {},
                "digital": {"ports.east-port.documents.time": {"dist": "lognormal", "mean": "3 h", "cv": 0.4}},
            },
            "cost": {"as they are": "0 USD/a", "digital": {"value": "2 MUSD/a", "grade": "assumption"}},
        },
    },
    "target": f"{COLUMN} <= 8.5 d",
    "replications": 3,
    "most": 8,
}


def write(folder: Path, name: str, **changed: Any) -> str:
    """A file of an optimisation, as FILE but for what is changed; JSON is YAML."""
    (folder / f"{name}.yaml").write_text(json.dumps(FILE | changed), encoding="utf-8")
    return f"{name}.yaml"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The result of FILE, made by one worker without a break."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "small.yaml").write_bytes((ROOT / "tests" / "user" / "small.yaml").read_bytes())
    return sim.optimise(folder / write(folder, "sooner"), out=folder, workers=1)


def same(one: Any, other: Any) -> None:
    """The same verdict and the same figures to the bit."""
    assert one.verdict == other.verdict
    pd.testing.assert_frame_equal(one.candidates, other.candidates, check_exact=True)
    pd.testing.assert_frame_equal(one.runs, other.runs, check_exact=True)


def test_the_winner_is_that_of_brute_force(undisturbed: Any, folder: Path) -> None:
    """Each set of measures by itself, with the fresh replications, judged by another telling of the rule."""
    base = [f"{path}={json.dumps(value)}" for path, value in FILE["set"].items()]
    digital = FILE["levers"]["papers"]["levels"]["digital"]
    finalists, met = len(undisturbed.verdict.finalists), []
    for feeders, papers in product((1, 2, 3), ("as they are", "digital")):
        changes = [f"fleets.feeders.vessels={feeders}"]
        changes += [f"{path}={json.dumps(value)}" for path, value in digital.items() if papers == "digital"]
        result = sim.simulate(sim.load("small.yaml", set=[*base, *changes]), replications=range(3, 11), workers=1)
        routes = result.frames["routes"]
        p90 = routes.loc[(routes["flow"] == "trade") & (routes["route"] == "over"), "p90"].to_numpy()
        half = stats.t.ppf(1 - 0.05 / finalists, 7) * p90.std(ddof=1) / sqrt(8)
        bound = p90.mean() + half
        frame = undisturbed.candidates
        (row,) = frame[(frame["feeders"] == feeders) & (frame["papers"] == papers)].to_dict("records")
        assert row["cost"] == (feeders - 1) * 5e6 + (2e6 if papers == "digital" else 0)
        if row["confirmed"]:
            assert row[COLUMN] == pytest.approx(p90.mean(), rel=1e-12, nan_ok=True)
        if row["status"] != "search":
            told = p90.mean() - half if p90.mean() - half > 8.5 else bound
            assert row[f"{COLUMN} bound"] == pytest.approx(told, rel=1e-9)
            assert (row["status"] == "misses") == (told != bound)
        if bound <= 8.5:
            met.append((row["cost"], feeders, papers))
    assert len(met) < 6
    winner = undisturbed.winner
    assert (winner["cost"], winner["feeders"], winner["papers"]) == min(met)


def test_a_search_finds_the_best_that_it_tried(undisturbed: Any, folder: Path) -> None:
    found = sim.optimise(write(folder, "sooner", budget=5), workers=1)
    tried = set(found.candidates["cost"])
    assert len(tried) <= 5 < found.plan.problem.size
    meet = undisturbed.candidates.loc[undisturbed.candidates["status"] == "meets", "cost"]
    assert found.winner["cost"] == min(cost for cost in meet if cost in tried)


def test_two_workers_come_to_the_same_to_the_bit(undisturbed: Any, folder: Path) -> None:
    same(sim.optimise(write(folder, "sooner"), workers=2), undisturbed)


def rows(ledger: Path) -> dict[tuple[str, int], tuple[Any, ...]]:
    with sqlite3.connect(ledger) as connection:
        found = connection.execute("SELECT key, replication, finished, seconds FROM runs").fetchall()
    connection.close()
    return {(key, n): rest for key, n, *rest in found}


@pytest.fixture
def started(folder: Path) -> Callable[[int], subprocess.Popen[str]]:
    """Start the command in a process of its own, and wait until so many runs are in the ledger."""
    ledger = folder / "results" / "optimise-sooner" / "ledger.sqlite"

    def start(runs: int) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-c",
            "from sim.cli import main; main()",
            "optimise",
            "sooner.yaml",
            "--workers",
            "1",
        ]
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        while process.poll() is None:
            try:
                if ledger.exists() and len(rows(ledger)) >= runs:
                    return process
            except sqlite3.OperationalError:
                pass  # it has no tables yet
            time.sleep(0.01)
        raise AssertionError(f"it ended before: {process.communicate()}")

    return start


@pytest.mark.parametrize("runs", [2, 30])
def test_killed_and_begun_again_it_ends_as_if_nothing_had_been(
    undisturbed: Any, folder: Path, started: Callable[[int], subprocess.Popen[str]], runs: int
) -> None:
    """In the search, and in the last step."""
    write(folder, "sooner")
    process = started(runs)
    process.kill()
    process.communicate()
    ledger = folder / "results" / "optimise-sooner" / "ledger.sqlite"
    before = rows(ledger)
    assert runs <= len(before) < len(undisturbed.runs)
    same(sim.optimise("sooner.yaml", workers=1), undisturbed)
    after = rows(ledger)
    assert len(after) == len(undisturbed.runs)
    assert {run: after[run] for run in before} == before  # none was run again


def test_after_ctrl_c_all_is_kept_and_the_same_command_goes_on(
    undisturbed: Any, folder: Path, started: Callable[[int], subprocess.Popen[str]]
) -> None:
    write(folder, "sooner")
    process = started(3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "press Ctrl-C again" in err
    assert re.search(r"\d+ runs are kept; go on with: corridor optimise sooner\.yaml$", err, re.M)
    assert "The search is not at its end" in out
    same(sim.optimise("sooner.yaml", workers=1), undisturbed)


def test_ctrl_c_pressed_twice_says_what_is_kept(
    folder: Path, start: Start, started: Callable[[int], subprocess.Popen[str]]
) -> None:
    write(folder, "sooner")
    process = started(3)
    process.kill()
    process.communicate()
    done = len(rows(folder / "results" / "optimise-sooner" / "ledger.sqlite"))
    err = stopped_at_once(start("very_slow", "optimise", "sooner.yaml", "--workers", 2))
    assert f"Stopped. {done} runs are kept; go on with: corridor optimise sooner.yaml\n" in err


def test_of_levels_that_come_to_the_same_the_cheapest_wins(folder: Path) -> None:
    """4.4 ships are 4 ships: both levels have the same runs."""
    lever = {"path": "fleets.feeders.vessels", "how": "times", "values": [1, 1.1], "cost_each": "10 MUSD/a"}
    file = {"levers": {"feeders": lever}, "target": f"{COLUMN} <= 90 d", "replications": 2, "most": 8}
    (folder / "same.yaml").write_text(json.dumps(FILE | file), encoding="utf-8")
    for _ in range(2):
        found = sim.optimise("same.yaml", workers=1)
        assert found.winner is not None
        assert found.winner["cost"] == 0
        assert set(found.candidates["status"]) == {"meets"}


def test_what_is_shown_and_saved(corridor: Corridor, folder: Path, undisturbed: Any) -> None:
    file = write(folder, "sooner")
    dry = corridor("optimise", file, "--dry-run")
    assert dry.exit_code == 0
    assert "6 candidates, all of them are tried; 18 runs in the search" in " ".join(dry.stdout.split())
    assert not (folder / "results").exists()
    done = corridor("optimise", file, "--workers", 2)
    assert done.exit_code == 0, done.output
    cost = undisturbed.winner["cost"] / 1e6
    assert f"The cheapest that was shown to meet the target costs {cost:g} MUSD/a" in " ".join(done.stdout.split())
    saved = folder / "results" / "optimise-sooner"
    assert {file.name for file in saved.iterdir()} >= {
        *(f"{name}.{kind}" for name in ("candidates", "runs", "failures") for kind in ("csv", "parquet")),
        *("README.md", "optimise.json", "cost-and-outcome.png", "cost-and-outcome.svg", "ledger.sqlite"),
    }
    shown = documented(corridor("optimise", file, "--json").stdout, "optimisation")  # nothing is left to run
    documented(corridor("optimise", file, "--dry-run", "--json").stdout, "optimisation_dry_run")
    assert shown["winner"]["cost"] == undisturbed.winner["cost"]
    assert shown == json.loads((saved / "optimise.json").read_text(encoding="utf-8"))
    assert [row["cost"] for row in shown["candidates"]] == sorted(undisturbed.candidates["cost"])
    frame = pd.read_parquet(saved / "candidates.parquet")
    pd.testing.assert_frame_equal(frame, undisturbed.candidates, check_exact=True)


def test_another_target_uses_the_runs_that_are_there_and_another_scenario_is_refused(
    corridor: Corridor, folder: Path
) -> None:
    corridor("optimise", write(folder, "sooner"), "--workers", 2)
    ledger = folder / "results" / "optimise-sooner" / "ledger.sqlite"
    before = rows(ledger)
    none = corridor("optimise", write(folder, "sooner", target=f"{COLUMN} <= 1 d"), "--workers", 2)
    assert none.exit_code == 0, none.output
    assert "Each finalist misses it. The nearest miss costs" in " ".join(none.stdout.split())
    after = rows(ledger)
    assert {run: after[run] for run in before} == before
    changed = FILE["set"] | {"run.length": "21 d"}
    refused = corridor("optimise", write(folder, "sooner", set=changed))
    assert refused.exit_code == 2
    assert "run.length: 20 d → 21 d" in refused.output
    levers = {**FILE["levers"], "feeders": {**FILE["levers"]["feeders"], "values": [2, 3]}}
    refused = corridor("optimise", write(folder, "sooner", levers=levers))
    assert refused.exit_code == 2
    assert "begun with something else" in refused.output
    assert rows(ledger) == after


@pytest.mark.parametrize("words", [["resume"], ["plot"], ["export"], ["discover", "--fails", f"{COLUMN} > 8 d"]])
def test_the_commands_of_sweeps_leave_an_optimisation_alone(corridor: Corridor, folder: Path, words: list[str]) -> None:
    corridor("optimise", write(folder, "sooner", replications=2, most=2), "--workers", 2)
    saved = folder / "results" / "optimise-sooner"
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    refused = corridor("sweep", words[0], "optimise-sooner", *words[1:])
    assert refused.exit_code == 2
    assert "an optimisation: corridor optimise sooner.yaml goes on with it" in refused.stderr
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
    told = corridor("sweep", "status", "optimise-sooner")
    assert told.exit_code == 0
    assert "a search asks for runs as it goes" in told.stdout


def test_runs_that_take_too_long_are_told_and_win_nothing(corridor: Corridor, folder: Path) -> None:
    done = corridor("optimise", write(folder, "sooner", time_limit="0.01 s", replications=2, most=2), "--workers", 2)
    assert done.exit_code == 3
    assert "runs gave no result; the first: it took longer than 0.01 s" in done.output
    said = " ".join(done.stdout.split())
    assert "No set of measures has a figure" in said
    assert "confidence" not in said


LEVER = FILE["levers"]["feeders"]
FAULTS = [
    ({"target": f"{COLUMN} = 7 d"}, "target", "where a target like"),
    ({"target": "transit.p99[trade/over] <= 7 d"}, "target", 'did you mean "transit.p90"?'),
    ({"target": "transit.p90[trade/ower] <= 7 d"}, "target", 'did you mean "over"?'),
    ({"target": f"{COLUMN} <= 7"}, "target", '"7" without a unit'),
    ({"target": f"{COLUMN} <= 7 km"}, "target", 'unit "km"'),
    ({"target": "queue[east-port/berth quay] <= 3 d"}, "target", "a number of units without a unit"),
    ({"target": [f"{COLUMN} <= 7 d", "promise.within[trade] => 5 %"]}, "1", "where a target like"),
    ({"target": []}, "target", ""),
    ({"confidence": "40 %"}, "confidence", "from 50 % to less than 100 %"),
    ({"replications": 1}, "replications", "at least 2"),
    ({"budget": 0}, "budget", "at least 1"),
    ({"levers": {}}, "levers", ""),
    ({"base": "smal.yaml"}, "base", 'did you mean "small.yaml"?'),
    ({"levers": {"cost": LEVER}}, "cost", "the name of a column"),
    ({"levers": {"feeders": {**LEVER, "path": "fleets.feeder.vessels"}}}, "path", "feeder"),
    ({"levers": {"feeders": {**LEVER, "values": [2, 0]}}}, "values", "of at least 1"),
    ({"levers": {"feeders": {**LEVER, "values": [2]}}}, "values", ""),
    ({"levers": {"feeders": {**LEVER, "values": [2, 4, 4]}}}, "values", "a value is written twice"),
    ({"levers": {"feeders": {**LEVER, "values": [4, 2]}}}, "cost_each", "counts from the first value, 4"),
    ({"levers": {"feeders": {**LEVER, "cost_each": "5 MUSD"}}}, "cost_each", "a yearly cost like"),
    ({"levers": {"feeders": {**LEVER, "cost_each": "-5 MUSD/a"}}}, "cost_each", "negative"),
    ({"levers": {"feeders": {**LEVER, "cost_each": {"value": "5 MUSD/a", "source": "made-op"}}}}, "source",
     'did you mean "made-up"?'),
    ({"levers": {"feeders": {**LEVER, "cost": {"2": "0 USD/a", "4": "1 USD/a"}}}}, "feeders", "cost and cost_each"),
    ({"levers": {"feeders": {"path": LEVER["path"], "values": [2, 4]}}}, "feeders", "neither of cost and cost_each"),
    ({"levers": {"feeders": {"path": LEVER["path"], "values": [2, 4], "cost": {"2": "0 USD/a"}}}}, "cost",
     "no cost is given for: 4"),
    ({"levers": {"feeders": {"path": LEVER["path"], "values": [2, 4], "cost": {"2": "0 USD/a", "2.0": "1 USD/a"}}}},
     "2.0", "a cost of 2 is given already"),
    ({"levers": {"feeders": {**LEVER, "path": []}}}, "path", "no path is named"),
    ({"levers": {"feeders": {"path": LEVER["path"], "values": [2, 4], "cost": {"2": "0 USD/a", "6": "1 USD/a"}}}}, "6",
     "allowed: 2, 4"),
    ({"levers": {"feeders": {"path": LEVER["path"], "cost_each": "5 MUSD/a"}}}, "feeders",
     "neither of values and levels"),
    ({"levers": {"feeders": {"levels": {"a": {}, "b": {"run.seed": 3}}, "cost_each": "5 MUSD/a"}}}, "cost_each",
     "levels that are words"),
    ({"levers": {"one": LEVER, "two": LEVER}}, "two", 'the levers one and two both change "fleets.feeders.vessels"'),
    ({"levers": {"feeders": {**LEVER, "price": 3}}}, "price", ""),
]  # fmt: skip


@pytest.mark.parametrize("limit", ["\u22122", "\u22122 units"])
def test_the_limit_of_a_target_may_have_a_minus_as_tables_print_it(limit: str) -> None:
    (goal,) = read_goals(f"queue[east-port/berth quay] >= {limit}", sim.load(ROOT / "tests" / "user" / "small.yaml"))
    assert goal.limit == -2


@pytest.mark.parametrize(("changed", "key", "told"), FAULTS, ids=[f"{i}-{fault[1]}" for i, fault in enumerate(FAULTS)])
def test_faults_of_the_file(corridor: Corridor, folder: Path, changed: dict[str, Any], key: str, told: str) -> None:
    """Each is told at its line, with exit code 2, and nothing is written."""
    text = json.dumps(FILE | changed, indent=1)
    (folder / "sooner.yaml").write_text(text, encoding="utf-8")
    done = corridor("optimise", "sooner.yaml")
    assert done.exit_code == 2
    assert told in done.output
    line = int(done.output.partition("sooner.yaml:")[2].partition(":")[0])
    near = text.splitlines()[max(0, line - 4) : line + 3]
    assert any(f'"{key}"' in one for one in near) or key.isdigit(), done.output
    assert not (folder / "results").exists()


def test_faults_of_levers_and_of_targets_are_told_together(corridor: Corridor, folder: Path) -> None:
    file = FILE | {"levers": {"feeders": {**LEVER, "values": [2, 0]}}, "target": "transit.p99[trade/over] <= 7 d"}
    (folder / "sooner.yaml").write_text(json.dumps(file, indent=1), encoding="utf-8")
    told = corridor("optimise", "sooner.yaml").output
    assert "of at least 1" in told
    assert 'did you mean "transit.p90"?' in told


def test_a_bound_lies_on_the_side_of_the_mean_over_all_fresh_replications(undisturbed: Any, tmp_path: Path) -> None:
    """That of the first eight, which all have in common, may lie beyond it."""
    frame, runs = undisturbed.candidates, undisturbed.runs
    row = frame.index[frame["status"] == "meets"][0]
    fresh = (runs["candidate"] == frame.loc[row, "candidate"]) & (runs["part"] == "last step")
    mean = runs.loc[fresh, COLUMN].mean()
    for bound, side in ((mean - 0.5, "≥"), (mean + 0.5, "≤")):
        altered = frame.copy()
        altered.loc[row, [f"{COLUMN} bound", COLUMN]] = bound, 2 * bound - mean  # that of the first
        page = save_optimisation(replace(undisturbed, candidates=altered), tmp_path).read_text("utf-8")
        assert f"| {side} {bound:.2f} |" in page
