"""Where it fails: boxes that were planted are found, luck is not, and a real sweep is told in words."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.show.discovery import boxes_frame, limit_in_words, plot_discovery, sentences
from sim.study import BadStudyError
from sim.sweeps import SweepResult, Varied
from sim.sweeps.discovery import cases_of, discover, read_condition
from tests.sweeps.sweeping import documented

SMALL = Path(__file__).parents[1] / "user" / "small.yaml"
COLUMN, UNFINISHED = "transit.p90[trade/over]", "unfinished[trade/over]"
LATE = f"{COLUMN} > 15 d"
FACTORS = (
    Varied("hours", "papers at East Port", "h", "set", (), 0.0, 10.0),
    Varied("feeders", "feeders", "", "set", (), 1.0, 8.0),
    Varied("storms", "storms", "", "set", ("mild", "as now", "wild"), None, None),
    Varied("sea", "level of the sea", "m", "set", (), -1.0, 0.0),
    Varied("demand", "demand", "", "times", (), 0.5, 1.5),
)


def swept(fails, count=400, seed=1, wrong=0.05):
    """A sweep in which the points fail that `fails(points)` says, but for a few."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "point": range(count),
            "scenario": "small",
            "hours": rng.uniform(0, 10, count),
            "feeders": rng.integers(1, 9, count).astype(float),
            "storms": rng.choice(["mild", "as now", "wild"], count),
            "sea": rng.uniform(-1, 0, count),
            "demand": rng.uniform(0.5, 1.5, count),
        }
    )
    failing = np.asarray(fails(table)) ^ (rng.random(count) < wrong)
    runs = table.assign(replication=0, **{COLUMN: np.where(failing, 20.0, 10.0)})
    failures = pd.DataFrame(columns=["point", "replication", "status", "error", "traceback"])
    about = {"model": "a rule"}
    return SweepResult("rule", "A rule", "latin-hypercube", FACTORS, (COLUMN,), {}, table, runs, failures, about)


def found_in(fails, **options):
    return discover(cases_of(swept(fails, **options), read_condition(LATE)))


def limits(box):
    return {limit.factor.name: limit for limit in box.limits}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_box_is_found_with_its_limits(seed):
    """Of 400 points some 3 lie within a hundredth of the range of a limit: it is found to a few hundredths."""
    found = found_in(lambda p: (p.feeders < 5) & (p.sea < -0.4), seed=seed)
    (box,) = found.boxes
    assert limits(box).keys() == {"feeders", "sea"}
    assert limits(box)["feeders"].low is None
    assert limits(box)["feeders"].high == 4.5
    assert limits(box)["sea"].high == pytest.approx(-0.4, abs=0.05)
    assert box.density > 0.85  # one in twenty is wrong
    assert box.coverage > 0.8
    (said,) = sentences(found)
    assert said.startswith("It fails when fewer than 5 feeders and level of the sea is below −0.")
    assert f"{box.failures} of {box.points} points" in said


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_second_box_is_found_in_what_the_first_leaves(seed):
    first, second = found_in(
        lambda p: ((p.feeders < 4) & (p.sea < -0.5)) | ((p.hours > 8) & (p.storms == "wild")), seed=seed, count=800
    ).boxes
    assert limits(first).keys() == {"feeders", "sea"}
    assert limits(second).keys() == {"hours", "storms"}
    assert limits(second)["storms"].words == ("wild",)
    assert limits(second)["hours"].low == pytest.approx(8, abs=0.4)
    assert not (first.inside & second.inside).any()


def test_words_have_no_order():
    (box,) = found_in(lambda p: p.storms.isin(["mild", "wild"]) & (p.hours > 6)).boxes
    assert limits(box)["storms"].words == ("mild", "wild")
    assert limits(box)["hours"].low == pytest.approx(6, abs=0.3)
    assert limits(box)["hours"].high is None


def test_luck_gives_no_box():
    """One try in twenty may: of ten, more than two would be a fault, which luck makes one time in a hundred."""
    rng = np.random.default_rng(5)
    results = [found_in(lambda p: rng.random(len(p)) < 0.3, count=120, seed=seed) for seed in range(10)]
    assert sum(bool(found.boxes) for found in results) <= 2
    nothing = next(found for found in results if not found.boxes)
    assert sentences(nothing) == ["No box was found that is better than chance."]
    assert boxes_frame(nothing).empty


def test_the_same_sweep_gives_the_same_boxes_whatever_the_order_of_its_runs():
    result = swept(lambda p: (p.feeders < 5) & (p.sea < -0.4))
    shuffled = replace(result, runs=result.runs.sample(frac=1, random_state=3))
    one, other = (boxes_frame(discover(cases_of(each, read_condition(LATE)))) for each in (result, shuffled))
    pd.testing.assert_frame_equal(one, other)


def test_numbers_in_a_box_add_up():
    found = found_in(lambda p: (p.feeders < 5) & (p.sea < -0.4))
    (box,), cases = found.boxes, found.cases
    assert box.points == box.inside.sum()
    assert box.failures == (box.inside & cases.fails).sum()
    assert box.density == box.failures / box.points
    assert box.coverage == box.failures / cases.fails.sum()
    whole = box.peeling.iloc[0]
    assert (whole["points"], whole["coverage"]) == (len(cases.fails), 1)
    assert box.peeling["points"].is_monotonic_decreasing


def test_all_or_nothing_is_said():
    for condition, said in ((f"{COLUMN} > 5 d", "all points fail"), (f"{COLUMN} > 50 d", "no point fails")):
        cases = cases_of(swept(lambda p: p.sea < -0.4), read_condition(condition))
        with pytest.raises(BadStudyError, match=said):
            discover(cases)


def test_a_time_beyond_what_was_followed_fails_and_a_run_without_result_is_left_out():
    result = swept(lambda p: p.sea < -0.4, wrong=0)
    runs = result.runs.assign(**{UNFINISHED: 0.0})
    late = runs[COLUMN] > 15
    runs.loc[late, COLUMN] = np.nan  # all of the late ones are so late that the P90 is not known
    runs.loc[late, UNFINISHED] = 40.0
    runs = runs[runs["point"] != 7]
    cases = cases_of(replace(result, runs=runs, outcomes=(COLUMN, UNFINISHED)), read_condition(LATE))
    assert cases.unknown == 1
    assert cases.fails.sum() == late[runs.index].sum()
    (box,) = discover(cases).boxes
    assert limits(box)["sea"].high == pytest.approx(-0.4, abs=0.02)


def test_several_scenarios_are_a_factor():
    result = swept(lambda p: p.point % 2 == 0)
    names = {"scenario": np.where(result.points["point"] % 2 == 0, "storm", "calm")}
    cases = cases_of(
        replace(result, points=result.points.assign(**names), runs=result.runs.assign(**names)), read_condition(LATE)
    )
    (box,) = discover(cases).boxes
    assert limits(box)["scenario"].words == ("storm",)


@pytest.mark.parametrize(
    ("text", "limit"), [("> 15 d", 15.0), (">= 360 h", 15.0), ("≤ 2 wk", 14.0), ("> 15d", 15.0), ("< \u22122 d", -2.0)]
)
def test_a_limit_may_have_any_unit_of_its_kind(text, limit):
    assert read_condition(f"{COLUMN} {text}").limit == limit


@pytest.mark.parametrize("text", ["> 5", "> 5 units"])
def test_a_limit_of_what_is_counted_needs_no_unit(text):
    assert read_condition(f"queue[east-port/berth quay] {text}").limit == 5


@pytest.mark.parametrize("text", ["> nan d", "> inf d", "> 15", "> 15 km"])
def test_a_limit_that_is_none_is_refused(text):
    with pytest.raises(BadStudyError, match="where a number in d is due"):
        read_condition(f"{COLUMN} {text}")


@pytest.mark.parametrize("text", ["late", "transit.p90 > 15 d", "transit.p95[trade/over] > 15 d", f"{COLUMN} = 15 d"])
def test_a_condition_that_says_nothing_is_refused(text):
    with pytest.raises(BadStudyError, match="a figure, a sign and a limit are due"):
        read_condition(text)


def test_limits_are_told_in_the_words_of_the_trade():
    found = found_in(lambda p: p.feeders.between(3, 5) & p.hours.between(2, 7) & (p.demand > 0.9), count=800)
    (box,) = found.boxes
    said = {name: limit_in_words(limit, found.cases) for name, limit in limits(box).items()}
    assert said["feeders"] == "3 to 5 feeders"
    assert said["hours"].startswith("papers at East Port is between ")
    assert said["hours"].endswith(" h")
    assert said["demand"].startswith("demand is above 0.")
    assert said["demand"].endswith(" ×")
    points, peeling = plot_discovery(found).axes
    assert {points.get_xlabel(), points.get_ylabel()} <= {"feeders", "papers at East Port (h)", "demand (×)"}
    assert peeling.get_xlabel().startswith("coverage")


SWEEP = """\
title: Papers and ships at a small sea
base: small.yaml
set: {run.length: 20 d}
factors:
  papers: {title: papers at East Port, path: ports.east-port.documents.time, how: mean, range: [6 h, 150 h]}
  ships: {path: fleets.feeders.vessels, range: [1, 4]}
design: {kind: latin-hypercube, points: 40}
replications: 1
outcomes: ["transit.p50[trade/over]"]
"""


@pytest.fixture
def call(folder, corridor):
    """`corridor` in a folder with a small corridor and a sweep of it that is done."""
    (folder / "papers.yaml").write_text(SWEEP, "utf-8")
    assert corridor("sweep", "papers.yaml", "--workers", 1).exit_code == 0
    return corridor


def test_a_sweep_is_searched_by_a_figure_that_its_file_does_not_name(call, tmp_path):
    done = call("sweep", "discover", "papers", "--fails", "transit.mean[trade/over] > 9 d", "--json")
    assert done.exit_code == 0, done.output
    found = documented(done.stdout, "discovery")
    assert found["points"] == 40
    first = found["boxes"][0]
    assert "papers at East Port is above" in first["sentence"]
    assert first["density"] > 0.8
    folder = tmp_path / "results" / "papers"
    names = ("discovery.csv", "discovery-peeling.csv", "discovery.png", "discovery.svg")
    assert all((folder / name).is_file() for name in names)
    page = (folder / "discovery.md").read_text("utf-8")
    assert f"**{first['sentence']}**" in page
    assert re.search(r"^small: Of \d+ values .* % assumption", page, re.M)
    assert "](discovery.png)" in page
    assert "corridor sweep discover papers --fails" in (folder / "README.md").read_text("utf-8")
    told = call("sweep", "discover", "papers", "--fails", "transit.mean[trade/over] > 216 h")
    assert first["sentence"].split(":")[0] in " ".join(told.stdout.split())
    for condition, said in (
        ("transit.mean[trade/under] > 9 d", 'no run has "transit.mean[trade/under]"'),
        ("transit.mean[trade/over] > 900 d", "no point fails"),
        ("transit.mean[trade/over] > 9 km", "where a number in d is due"),
    ):
        wrong = call("sweep", "discover", "papers", "--fails", condition)
        assert wrong.exit_code == 2
        assert said in wrong.output
