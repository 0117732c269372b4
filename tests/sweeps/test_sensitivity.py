"""Which factors decide: indices against functions whose indices are known, and the two stages on a small corridor."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import sim
from sim.scenario.faults import ScenarioError
from sim.show.files import put_frame
from sim.show.sensitivity import indices_table, plot_indices, shares_in_words
from sim.study import BadStudyError
from sim.sweeps import SweepResult, Varied, read_sweep
from sim.sweeps.ledger import FILE, OK, reading
from sim.sweeps.points import points, sampled
from sim.sweeps.sensitivity import CLEAR, LIKELY, WITHIN, indices, survivors
from tests.sweeps.sweeping import documented, eventually, stopped_at_once

SMALL = Path(__file__).parents[1] / "user" / "small.yaml"
LINKS = ("hub-east-port", "west-port-market", "hub-junction", "junction-market", "crossing")
COLUMN = "transit.p50[trade/over]"


def factor_lines(count):
    """Factors of a file, each over 100 to 1,100 of something, so that (level - 100) / 1000 is uniform."""
    kinds = [
        *((f"links.{link}.distance", "km") for link in LINKS),
        *((f"links.{link}.speed", "km/h") for link in LINKS),
    ]
    return [
        f"  x{i}: {{path: {path}, range: [100 {unit}, 1100 {unit}]}}" for i, (path, unit) in enumerate(kinds[:count])
    ]


def plan_of(tmp_path, design, count=3):
    file = tmp_path / "study.yaml"
    lines = ["title: A function", f"base: {SMALL}", "factors:", *factor_lines(count), f"design: {design}"]
    file.write_text("\n".join([*lines, f'outcomes: ["{COLUMN}"]']), "utf-8")
    return read_sweep(file, sim.library())


def swept(plan, function):
    """The result of a sweep whose runs give `function(x, replication)`, x with shape (points, factors) in 0 to 1."""
    found = points(plan)
    names = [factor.name for factor in plan.factors]
    table = pd.DataFrame([(p.number, p.base, *p.levels) for p in found], columns=["point", "scenario", *names])
    replications = np.array([p.replication for p in found])
    x = (table[names].to_numpy(float) - 100) / 1000
    runs = table.assign(replication=replications, **{COLUMN: function(x, replications)})
    factors = tuple(Varied(f.name, f.title, f.unit, f.how, f.levels, f.low, f.high) for f in plan.factors)
    about = {"design": plan.design.model_dump(), "model": "a function", "titles": {"small": "Small"}}
    failures = pd.DataFrame(columns=["point", "replication", "status", "error", "traceback"])
    return SweepResult(plan.name, plan.title, plan.design.kind, factors, (COLUMN,), {}, table, runs, failures, about)


def noise(size=20, seed=4):
    """What each realisation adds."""
    return np.random.default_rng(seed).normal(size=size)


def ishigami(x):
    a, b, c = (np.pi * (2 * x[:, i] - 1) for i in range(3))
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def row(table, factor):
    return table[table["factor"] == factor].iloc[0]


def test_shares_of_variance_are_those_of_the_textbook(tmp_path):
    """Ishigami and Homma (1990): a = 7, b = 0.1; and a realisation that adds a known variance."""
    plan = plan_of(tmp_path, "{kind: sobol, samples: 512, realisations: 32, seed: 3}")
    added = 2.0 * noise(32)
    table = indices(swept(plan, lambda x, r: ishigami(x) + added[r]))
    v1, v2, v13 = 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, 49 / 8, 0.1**2 * np.pi**8 * (1 / 18 - 1 / 50)
    total = v1 + v2 + v13 + added.var()
    alone = dict(zip(["x0", "x1", "x2", "realisation"], np.array([v1, v2, 0, added.var()]) / total, strict=True))
    joint = alone | {"x0": (v1 + v13) / total, "x2": v13 / total}
    assert list(table["factor"]) == list(alone)
    for factor in alone:
        found = row(table, factor)
        for name, known in (("s1", alone[factor]), ("st", joint[factor])):
            error = (found[f"{name}_high"] - found[name]) / 1.96
            assert error < 0.06
            assert found[name] == pytest.approx(known, abs=3 * error + 1e-12), (factor, name)


def test_a_share_without_effect_is_nothing_and_too_few_samples_are_said(tmp_path):
    plan = plan_of(tmp_path, "{kind: sobol, samples: 8, seed: 5}")
    table = indices(swept(plan, lambda x, r: np.where(x[:, 0] > 0.9, 9.0, x[:, 1]) + 0.3 * noise()[r]))
    assert row(table, "x2")[["s1", "st"]].tolist() == [0, 0]
    assert ((table["s1"] < 0) | (table["s1"] > 1)).any()  # kept as it is
    said = " ".join(
        shares_in_words(swept(plan, lambda x, r: np.where(x[:, 0] > 0.9, 9.0, x[:, 1]) + noise()[r]), table)
    )
    assert "Too few samples" in said


def test_an_outcome_that_does_not_vary_has_no_shares(tmp_path):
    plan = plan_of(tmp_path, "{kind: sobol, samples: 8}")
    result = swept(plan, lambda x, r: np.full(len(x), 100.0))
    assert indices(result)[["s1", "st"]].isna().all(axis=None)
    assert "the same in nearly all runs" in " ".join(shares_in_words(result, indices(result)))


def test_effects_of_a_line_are_its_slopes_and_chance_is_beside_them(tmp_path):
    """With the realisation fixed while a factor moves, the effect of a factor is exact, however large the noise."""
    plan = plan_of(tmp_path, "{kind: morris, trajectories: 8, seed: 2}")
    added = 3 * noise()
    result = swept(plan, lambda x, r: 20 * x[:, 0] - 0.5 * x[:, 1] + added[r])
    table = indices(result)
    for factor, slope in (("x0", 20), ("x1", -0.5), ("x2", 0)):
        assert row(table, factor)[["mu", "mu_star", "sigma"]].tolist() == pytest.approx(
            [slope, abs(slope), 0], abs=1e-6
        )
    replications = result.runs["replication"].to_numpy().reshape(8, 5)
    jumps = [abs(added[one.max()] - added[one.min()]) for one in replications]
    assert row(table, "realisation")["mu_star"] == pytest.approx(np.mean(jumps) * 1.5)  # the step is two thirds
    assert list(table["standing"]) == [CLEAR, WITHIN, WITHIN, "chance"]
    assert survivors(table, 3) == ("x0",)


@pytest.mark.parametrize(("standing", "due"), [(CLEAR, ("x0", "x1", "x2")), (LIKELY, ("x0", "x2", "x1"))])
def test_what_is_surely_above_chance_goes_on_before_what_is_first_on_another_outcome(standing, due):
    rows = [("mean", "x0", 5.0, standing), ("mean", "x1", 3.0, standing), ("within", "x2", 1.5, LIKELY)]
    table = pd.DataFrame(rows, columns=["outcome", "factor", "over_chance", "standing"]).assign(scenario="base")
    assert survivors(table, 3) == due
    assert survivors(table, 2) == due[:2]


def test_each_trajectory_has_realisations_of_its_own(tmp_path):
    plan = plan_of(tmp_path, "{kind: morris, trajectories: 8, levels: 4, realisations: 20}")
    chosen = [point.replication for point in points(plan)]
    assert len(set(chosen)) > 8
    assert all(len(set(chosen[i : i + 5])) == 2 for i in range(0, len(chosen), 5))
    assert set(chosen) <= set(range(20))


def test_nothing_stands_out_of_an_outcome_that_is_chance(tmp_path):
    """Of ten factors each is likely above chance about one time in twelve, and above it almost never."""
    plan = plan_of(tmp_path, "{kind: morris, trajectories: 10, seed: 8}", count=10)
    rng = np.random.default_rng(11)
    standings = [
        row_ for _ in range(10) for row_ in indices(swept(plan, lambda x, r: rng.normal(size=len(x))))["standing"]
    ]
    assert standings.count(CLEAR) <= 3
    assert standings.count(LIKELY) <= 20
    sobol = plan_of(tmp_path, "{kind: sobol, samples: 128, seed: 8}", count=3)
    table = indices(swept(sobol, lambda x, r: rng.normal(size=len(x))))
    errors = (table["s1_high"] - table["s1"]) / 1.96
    assert (table["s1"].abs() < 3 * errors).all()


@pytest.mark.parametrize(
    ("design", "block"),
    [("{kind: morris, trajectories: 5}", 5), ("{kind: sobol, samples: 16}", 6)],
    ids=["morris", "sobol"],
)
def test_what_has_a_hole_is_left_out_and_counted(tmp_path, design, block):
    plan = plan_of(tmp_path, design)
    whole = swept(plan, lambda x, r: 5 * x[:, 0] + x[:, 1] + 0.2 * noise()[r])
    drawn = len(whole.points) // block
    holed = whole.runs.copy()
    holed.loc[block + 1, COLUMN] = np.nan  # the figure of a run of the second block is unknown
    holed = holed.drop(index=2 * block)  # a run of the third is missing
    table = indices(replace(whole, runs=holed))
    assert set(table["used"]) == {drawn - 2}
    assert set(table["drawn"]) == {drawn}
    if block == 5:  # the same as from the others alone
        y = whole.runs[COLUMN].to_numpy().reshape(drawn, block)[[0, 3, 4]]
        x = sampled(plan.design, 3).reshape(drawn, block, 4)[[0, 3, 4]]
        moved = np.abs(np.diff(x, axis=1)) > 0
        effect = np.abs(np.diff(y, axis=1)) * 1.5
        assert list(table["mu_star"]) == pytest.approx([effect[moved[:, :, i]].mean() for i in range(4)])
    console = Console(width=200)
    with console.capture() as shown:
        console.print(indices_table(replace(whole, runs=holed)))
    assert f"{drawn - 2} of {drawn}" in shown.get()
    few = holed[holed["point"] < len(holed) / 2 - block]  # fewer than half: holes may not come by chance
    values = indices(replace(whole, runs=few)).select_dtypes(float)
    assert values.isna().all(axis=None)


def test_other_designs_and_other_samples_are_refused(tmp_path):
    plan = plan_of(tmp_path, "{kind: morris, trajectories: 4}")
    result = swept(plan, lambda x, r: x[:, 0])
    with pytest.raises(BadStudyError, match="only morris and sobol"):
        indices(replace(result, design="grid"))
    moved = result.points.assign(x1=result.points["x1"].to_numpy()[::-1])
    with pytest.raises(BadStudyError, match="this version of SALib"):
        indices(replace(result, points=moved))


def test_tables_and_plots_show_each_outcome(tmp_path):
    for design in ("{kind: morris, trajectories: 4}", "{kind: sobol, samples: 16}"):
        result = swept(plan_of(tmp_path, design), lambda x, r: 5 * x[:, 0] + noise()[r])
        files = put_frame(indices(result), tmp_path / "indices")
        assert [file.name for file in files] == ["indices.csv", "indices.parquet"]
        saved = pd.read_parquet(tmp_path / "indices.parquet")
        pd.testing.assert_frame_equal(saved, indices(result), check_dtype=False)
        (axes,) = plot_indices(result).axes
        assert [label.get_text() for label in axes.get_yticklabels()][-1] == "realisation"


STUDY = """\
title: What decides at a small sea
base: small.yaml
set: {run.length: 20 d}
factors:
  papers: {title: papers at East Port, path: ports.east-port.documents.time, how: mean, range: [6 h, 90 h]}
  lifts: {path: ports.west-port.berths.quay.load, range: [3.9 min, 4.1 min]}
design: {kind: morris, trajectories: 4, realisations: 8}
then: {samples: 4, most: 1}
outcomes: ["transit.p50[trade/over]"]
"""


@pytest.fixture
def call(folder, corridor):
    """`corridor` in a folder with a small corridor and a study of it."""
    (folder / "study.yaml").write_text(STUDY, "utf-8")
    return corridor


def test_a_stage_of_a_study_goes_on_with_its_study_only(call, folder):
    assert call("sensitivity", "study.yaml", "--workers", 1).exit_code == 0
    refused = call("sweep", "resume", "results/study/morris")
    assert refused.exit_code == 2
    assert "a stage of a study of sensitivity: corridor sensitivity study.yaml goes on with it" in refused.stderr
    assert call("sweep", "plot", "results/study/morris").exit_code == 0
    assert not (folder / "results" / "morris").exists()


def test_a_study_screens_weighs_and_goes_on_where_it_was(call, tmp_path):
    first = call("sensitivity", "study.yaml", "--workers", 1, "--json")
    assert first.exit_code == 0, first.output
    found = documented(first.stdout, "study")
    assert found["survivors"] == ["papers"]
    assert {line["factor"] for line in found["shares"]} == {"papers", "realisation"}
    folder = tmp_path / "results" / "study"
    page = (folder / "README.md").read_text("utf-8")
    assert "16 runs to screen 2 factors, 16 runs to weigh the 1" in page
    assert re.search(r"^small: Of \d+ values .* % assumption", page, re.M)
    for name in ("screening.png", "shares.png"):
        assert f"]({name})" in page
        assert (folder / name).is_file()
    again = call("sensitivity", "study.yaml", "--workers", 1, "--json")
    assert json.loads(again.stdout) == found
    assert "16 of 16 runs done" in call("sweep", "status", folder / "sobol").stdout
    known = documented(call("sensitivity", "study.yaml", "--dry-run", "--json").stdout, "study_dry_run")
    assert all(
        stage["done"] == stage["runs"] > 0 for stage in known.values()
    )  # the weighing is of the one that is left


def test_a_dry_run_tells_both_stages_and_runs_nothing(call, tmp_path):
    shown = " ".join(call("sensitivity", "study.yaml", "--dry-run").stdout.split())
    assert "16 points, 16 runs; about " in shown
    assert "Then the weighing of at most 1 of them: 16 points, 16 runs; about " in shown  # 4 × (1 + 3)
    found = documented(call("sensitivity", "study.yaml", "--dry-run", "--json").stdout, "study_dry_run")
    assert found["weighing"]["done"] == 0
    assert not (tmp_path / "results").exists()


def test_ctrl_c_pressed_twice_in_the_second_stage_says_what_is_kept_of_both(call, folder, start):
    words = ("sensitivity", "study.yaml", "--workers", 2, "--out", "elsewhere")
    ledgers = [folder / "elsewhere" / "study" / stage / FILE for stage in ("morris", "sobol")]

    def kept():
        found = 0
        for file in ledgers:
            if file.is_file():
                with reading(file.parent) as ledger:
                    found += list(ledger.statuses().values()).count(OK)
        return found

    process = start("slow", *words)
    eventually(lambda: kept() > 16)  # those of the first stage, and one
    process.kill()
    process.communicate()
    err = stopped_at_once(start("very_slow", *words))
    assert f"{kept()} runs are kept; go on with: corridor sensitivity study.yaml --out elsewhere\n" in err


def test_a_sweep_with_a_morris_design_ends_with_its_indices(call, tmp_path):
    done = call("sweep", "study.yaml", "--workers", 1)
    assert done.exit_code == 0, done.output
    assert "papers at East Port" in done.stdout
    assert "realisation" in done.stdout
    assert "within chance" in done.stdout
    folder = tmp_path / "results" / "study"
    assert (folder / "indices.csv").is_file()
    drawn = [file.name for file in (folder / "plots").glob("*.png")]
    assert drawn == ["indices.png"]  # no means over points that differ in one factor only from each other
    assert "](plots/indices.png)" in (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("samples: 4", "samples: 5", "8:17", "found 5, where a power of 2 is due"),
        (
            "{kind: morris, trajectories: 4, realisations: 8}",
            "{kind: latin-hypercube, points: 4}",
            "8:1",
            "has no sense",
        ),
    ],
)
def test_faults_of_the_second_stage_have_their_place(call, tmp_path, old, new, line, message):
    (tmp_path / "study.yaml").write_text(STUDY.replace(old, new), "utf-8")
    done = call("sensitivity", "study.yaml")
    assert done.exit_code == 2
    assert f"study.yaml:{line}: error: " in done.output
    assert message in done.output


def test_a_study_begins_with_a_morris_design(call, tmp_path):
    other = STUDY.replace("{kind: morris, trajectories: 4, realisations: 8}", "{kind: sobol, samples: 4}")
    (tmp_path / "study.yaml").write_text(other.replace("then: {samples: 4, most: 1}\n", ""), "utf-8")
    done = call("sensitivity", "study.yaml")
    assert done.exit_code == 2
    assert "design of kind morris, not sobol" in done.output
    assert not (tmp_path / "results").exists()


def test_shared_values_move_together_and_nothing_and_counts_are_levels(tmp_path):
    base = tmp_path / "ranges.yaml"
    base.write_text(
        f"extends: {SMALL}\ntitle: Ranges\nlinks:\n"
        "  hub-east-port: {speed: &pace {value: 40 km/h, range: [30 km/h, 50 km/h], source: made-up, grade: low},"
        " delay: {dist: triangular, low: 0 %, mode: 10 %, high: 40 %, range: [0 %, 30 %], grade: assumption}}\n"
        "  hub-junction: {speed: *pace}\n",
        "utf-8",
    )
    file = tmp_path / "study.yaml"
    text = (
        "title: Ranges\nbase: ranges.yaml\nfactors:\n  all: {every: range, only: [links.hub-east-port]}\n"
        "  sets: {path: fleets.trains-east.train_sets, range: [4, 8]}\n"
        f'design: {{kind: morris, trajectories: 2}}\noutcomes: ["{COLUMN}"]\n'
    )
    file.write_text(text, "utf-8")
    plan = read_sweep(file, sim.library())
    paths = {factor.name: factor.paths for factor in plan.factors}
    assert paths["links.hub-east-port.speed"] == ("links.hub-east-port.speed", "links.hub-junction.speed")
    (scenario,) = plan.bases
    delay = next(factor for factor in plan.factors if factor.name.endswith("delay"))
    assert delay.changes(scenario, 0.0) == ('links.hub-east-port.delay="0 %"',)
    sets = next(factor for factor in plan.factors if factor.name == "sets")
    assert {sets.level(u) for u in np.linspace(0, 1, 50)} == {4.0, 5.0, 6.0, 7.0, 8.0}
    file.write_text(text.replace("only: [links.hub-east-port]", "without: [links.hub-east-port]"), "utf-8")
    assert "links.hub-east-port.speed" in {factor.name for factor in read_sweep(file, sim.library()).factors}
    file.write_text(text.replace("only: [links.hub-east-port]", "without: [links]"), "utf-8")
    with pytest.raises(ScenarioError, match="no value with a range fits"):
        read_sweep(file, sim.library())
