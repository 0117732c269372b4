"""Replications in processes, what becomes of failures and of Ctrl-C, results, comparisons, and their JSON."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pandas as pd
import pytest
from scipy import stats

import sim
from sim.study import Result, StudyError, compare, estimate, replicate, run
from sim.study.atlas import atlas_of
from tests import synthetic
from tests.processes import group

SCHEMA = Path(__file__).parents[2] / "docs" / "results.schema.json"


@pytest.fixture(scope="module")
def baseline() -> Result:
    return synthetic.result()


@pytest.fixture(scope="module")
def faster() -> Result:
    return synthetic.result("faster", slowness=0.8)


def validate(value: object) -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json.dumps(value, allow_nan=False)), schema)


def toy(**fields: Any) -> Any:
    return synthetic.ToyNetwork(**fields)


# Replications


def test_two_workers_give_the_same_bits_as_one() -> None:
    one, two = (run(toy(), 3, workers=n, task=synthetic.toy_measures) for n in (1, 2))
    assert one.replications == two.replications == (0, 1, 2)
    for name, frame in one.frames.items():
        pd.testing.assert_frame_equal(frame, two.frames[name], check_exact=True)
    assert one.to_json() == two.to_json()


@pytest.mark.parametrize("workers", [1, 2])
def test_values_come_in_order_of_replication(workers: int) -> None:
    outcomes = replicate(synthetic.square, 3, [4, 1, 3], workers=workers)
    assert list(outcomes.values.items()) == [(1, 3), (3, 27), (4, 48)]
    assert outcomes.failures == ()
    assert not outcomes.interrupted


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replication_that_raises_is_kept_with_its_traceback_and_is_no_result(workers: int) -> None:
    outcomes = replicate(synthetic.square_or_raise, 1, range(4), workers=workers)
    assert outcomes.values == {0: 0, 1: 1, 3: 9}
    (failure,) = outcomes.failures
    assert failure.replication == 2
    assert failure.error == "ArithmeticError: no square of two today"
    assert "in square_or_raise" in failure.traceback


def test_a_killed_worker_costs_the_replications_that_kill_it_again() -> None:
    outcomes = replicate(synthetic.square_or_die, 1, range(3), workers=2)
    assert {0, 1} & outcomes.values.keys()
    assert 2 in {failure.replication for failure in outcomes.failures}
    assert "killed" in outcomes.failures[-1].error
    assert outcomes.values.keys() | {failure.replication for failure in outcomes.failures} == {0, 1, 2}


def test_progress_is_told_after_each_replication() -> None:
    told: list[tuple[int, int, float]] = []
    replicate(synthetic.square, 1, range(3), workers=1, on_done=lambda *now: told.append(now))
    assert [(done, total) for done, total, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert told[-1][2] == 0
    assert all(seconds >= 0 for _, _, seconds in told)


def test_ctrl_c_keeps_what_has_finished() -> None:
    outcomes = replicate(synthetic.square_or_interrupt, 1, range(4), workers=1)
    assert outcomes.interrupted
    assert outcomes.values == {0: 0, 1: 1}


def test_ctrl_c_lets_the_workers_finish_what_they_have_begun() -> None:
    def on_done(done: int, total: int, seconds: float) -> None:
        if done == 1:
            raise KeyboardInterrupt

    outcomes = replicate(synthetic.slow_square, 1, range(20), workers=2, on_done=on_done)
    assert outcomes.interrupted
    assert 1 <= len(outcomes.values) <= 3
    assert all(value == n**2 for n, value in outcomes.values.items())


SCRIPT = """
from sim.study import replicate
from tests import synthetic
from tests.processes import group
print("begins", flush=True)
outcomes = replicate(synthetic.{task}, 1, range({count}), workers=2, on_done=lambda *now: print("one", flush=True))
print(outcomes.interrupted, len(outcomes.values), outcomes.failures, flush=True)
"""


def script(folder: Path, task: str, count: int) -> subprocess.Popen[str]:
    """A script without a main guard, in a process group of its own."""
    file = folder / "planner.py"
    file.write_text(SCRIPT.format(task=task, count=count))
    return subprocess.Popen(
        [sys.executable, str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(SCHEMA.parents[1])},
    )


def test_a_script_without_a_main_guard_is_not_run_again_by_the_workers(tmp_path: Path) -> None:
    with script(tmp_path, "square", 3) as process:
        out, err = process.communicate(timeout=60)
    assert (out, err) == ("begins\none\none\none\nFalse 3 ()\n", "")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_at_the_keyboard_reaches_the_whole_group_and_ends_cleanly(tmp_path: Path) -> None:
    with script(tmp_path, "slow_square", 1000) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["begins\n", "one\n"]
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert err == ""
    assert out.splitlines()[-1].startswith("True ")
    assert out.endswith(" ()\n")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_pressed_again_gives_up_what_is_in_work_and_keeps_what_has_finished(tmp_path: Path) -> None:
    with script(tmp_path, "slow_square", 1000) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["begins\n", "one\n"]
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.05)  # the same signal twice at once would be one
        out, err = process.communicate(timeout=60)
    assert err == ""
    interrupted, kept, failures = out.splitlines()[-1].split()
    assert (interrupted, failures) == ("True", "()")
    assert 1 <= int(kept) <= 2


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the workers in /proc")
def test_no_worker_outlives_a_killed_parent(tmp_path: Path) -> None:
    with script(tmp_path, "slow_square", 1000) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["begins\n", "one\n"]
        assert group(process.pid) - {process.pid}
        process.kill()
        process.wait()
        deadline = time.monotonic() + 30
        while group(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not group(process.pid)


# Results


def test_run_takes_the_replications_of_the_scenario(baseline: Result) -> None:
    assert baseline.replications == (0, 1, 2, 3)
    assert baseline.complete
    assert baseline.warm_up_days == 60
    assert {tuple(frame.columns[:1]) for frame in baseline.frames.values()} == {("replication",)}


def test_run_without_any_result_says_why() -> None:
    with pytest.raises(StudyError, match=r"replication 0 with AttributeError: .* no attribute 'boats'\nTraceback"):
        run(toy(), 2, workers=1, task=lambda network, replication: network.boats)
    with pytest.raises(StudyError, match="at least one"):
        run(toy(), 0, workers=1)


def test_run_that_is_cut_short_is_not_complete() -> None:
    def task(network: Any, replication: int) -> synthetic.ToyMeasures:
        if replication == 2:
            raise KeyboardInterrupt
        return synthetic.toy_measures(network, replication)

    result = run(toy(), 4, workers=1, task=task)
    assert (result.replications, result.complete, result.failures) == ((0, 1), False, ())
    with pytest.raises(KeyboardInterrupt):
        run(toy(), [2], workers=1, task=task)


def test_a_failed_replication_is_told_and_is_no_row() -> None:
    def task(network: Any, replication: int) -> synthetic.ToyMeasures:
        if replication == 1:
            raise ValueError("a ship too many")
        return synthetic.toy_measures(network, replication)

    result = run(toy(), 3, workers=1, task=task)
    assert not result.complete
    assert [failure.error for failure in result.failures] == ["ValueError: a ship too many"]
    assert all(set(frame["replication"]) == {0, 2} for frame in result.frames.values())


def test_summary_estimates_each_measure_over_replications(baseline: Result) -> None:
    summary = baseline.summary()
    routes = baseline.frames["routes"]
    assert len(summary) == routes.groupby(["flow", "route"]).ngroups == 12
    row = summary.query("flow == 'xian-duisburg' and route == 'north'").iloc[0]
    values = routes.query("flow == 'xian-duisburg' and route == 'north'")["p90"]
    found = estimate(values)
    assert (row["p90"], row["p90_low"], row["p90_high"]) == (found.value, found.low, found.high)


def test_an_unknown_quantile_stays_unknown(baseline: Result) -> None:
    routes = baseline.frames["routes"].copy()
    routes.loc[3, "p90"] = math.nan
    result = replace(baseline, frames={**baseline.frames, "routes": routes})
    row = routes.loc[3]
    found = next(
        entry for entry in result.to_json()["routes"] if (entry["flow"], entry["route"]) == (row["flow"], row["route"])
    )
    values = routes[(routes["flow"] == row["flow"]) & (routes["route"] == row["route"])]["p90"]
    so_far = routes.loc[values.index, "p90_so_far"]
    bound = pytest.approx(so_far.mean())
    assert found["days"]["p90"] == {"value": None, "low": None, "high": None, "at_least": bound}
    assert found["days"]["p50"]["value"] is not None
    validate(result.to_json())


def test_a_route_that_a_replication_lacks_is_unknown_and_a_cause_that_it_lacks_is_none(baseline: Result) -> None:
    frames = dict(baseline.frames)
    for name, more in (("routes", ""), ("causes", " and cause == 'weather'")):
        lacking = frames[name].query("flow == 'xian-poti' and replication == 0" + more)
        assert len(lacking) == 1
        frames[name] = frames[name].drop(lacking.index)
    result = replace(baseline, frames=frames)
    assert result.summary().query("flow == 'xian-poti'")["mean"].isna().all()
    weather = "flow == 'xian-poti' and cause == 'weather'"
    days = float(result.causes().query(weather)["days"].iloc[0])
    whole = baseline.frames["causes"].query(weather)
    assert days == pytest.approx(whole[whole["replication"] > 0]["days"].sum() / 4)


def test_causes_and_stages_add_up_to_the_mean(baseline: Result) -> None:
    means = baseline.summary().set_index(["flow", "route"])["mean"]
    for frame in (baseline.causes(), baseline.stages()):
        sums = frame.groupby(["flow", "route"])["days"].sum()
        pd.testing.assert_series_equal(sums.sort_index(), means.sort_index(), check_names=False)


def test_causes_come_largest_first_and_stages_along_the_way(baseline: Result) -> None:
    for _, group_ in baseline.causes().groupby(["flow", "route"]):
        assert group_["days"].is_monotonic_decreasing
    way = baseline.stages().query("flow == 'xian-duisburg' and route == 'north'")["stage"]
    assert list(way) == [stage for stage, _ in synthetic.STAGES["north"]]


def test_a_scenario_that_compares_nothing_has_empty_tables(baseline: Result) -> None:
    empty = {name: baseline.frames[name].iloc[:0] for name in ("routes", "causes", "stages", "transit")}
    result = replace(baseline, frames={**baseline.frames, **empty})
    assert len(result.summary()) == len(result.causes()) == len(result.stages()) == 0
    validate(result.to_json())


def test_json_holds_what_its_schema_says(baseline: Result) -> None:
    found = baseline.to_json()
    validate(found)
    assert list(found) == [
        "scenario",
        "model_version",
        "seed",
        "replications",
        "grades",
        "until",
        "warm_up_days",
        "warm_up",
        "routes",
        "facilities",
        "route_differences",
    ]
    assert (found["scenario"], found["replications"]) == ("baseline", 4)
    assert len(found["facilities"]) == len(synthetic.FACILITIES)
    row = found["routes"][0]
    assert sum(cause["days"] for cause in row["causes"]) == pytest.approx(row["days"]["mean"]["value"])


def test_json_of_one_replication_has_no_intervals() -> None:
    found = synthetic.result(replications=1).to_json()
    validate(found)
    mean = found["routes"][0]["days"]["mean"]
    assert mean["value"] > 0
    assert (mean["low"], mean["high"]) == (None, None)


# Comparisons


def test_differences_are_paired_with_the_first(baseline: Result, faster: Result) -> None:
    differences = compare([baseline, faster]).differences()
    assert set(differences["scenario"]) == {"faster"}
    row = differences.query("flow == 'xian-poti' and measure == 'mean'").iloc[0]
    frames = [result.frames["routes"].query("flow == 'xian-poti'")["mean"].to_numpy() for result in (baseline, faster)]
    assert row["difference"] == pytest.approx((frames[1] - frames[0]).mean())
    assert row["separated"]
    assert 0.5 < row["correlation"] <= 1
    by_sea = differences.query("route == 'sea-suez' and measure == 'mean'")
    assert not by_sea["separated"].any()


def test_more_scenarios_have_wider_intervals(baseline: Result, faster: Result) -> None:
    alone = compare([baseline, faster]).differences()
    other = synthetic.result("slower", slowness=1.1)
    together = compare([baseline, faster, other]).differences().query("scenario == 'faster'")
    widths = [(frame["high"] - frame["low"]).to_numpy() for frame in (alone, together)]
    assert (widths[1] >= widths[0]).all()
    assert (widths[1] > widths[0]).any()


@pytest.mark.parametrize(
    ("names", "confidence"), [((), 0.95), (("slower",), 0.975), (("slower", "slowest"), 1 - 0.05 / 3)]
)
def test_the_intervals_of_all_scenarios_hold_at_once(
    baseline: Result, faster: Result, names: Sequence[str], confidence: float
) -> None:
    comparison = compare([baseline, faster, *(synthetic.result(name, slowness=1.1) for name in names)])
    row = comparison.differences().query("scenario == 'faster' and flow == 'xian-poti' and measure == 'p90'").iloc[0]
    first, second = (one.frames["routes"].query("flow == 'xian-poti'")["p90"].to_numpy() for one in (baseline, faster))
    expected = stats.ttest_rel(second, first).confidence_interval(confidence)
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert comparison.to_json()["confidence"] == pytest.approx(confidence)


def test_only_common_replications_are_paired(baseline: Result, faster: Result) -> None:
    fewer = run(toy(name="faster", slowness=0.8), [3, 1, 7], workers=1, task=synthetic.toy_measures)
    found = compare([baseline, fewer]).differences().query("flow == 'xian-poti' and measure == 'mean'").iloc[0]
    frame = baseline.frames["routes"].query("flow == 'xian-poti' and replication in [1, 3]")
    assert found["base"] == pytest.approx(frame["mean"].mean())


def test_a_route_of_one_scenario_only_is_there_as_unknown(baseline: Result, faster: Result) -> None:
    routes = faster.frames["routes"].query("route != 'north'")
    closed = replace(faster, frames={**faster.frames, "routes": routes})
    comparison = compare([baseline, closed])
    north = comparison.differences().query("route == 'north'")
    assert len(north) == 4
    assert north["difference"].isna().all()
    assert not north["separated"].any()
    validate(comparison.to_json())


def test_what_cannot_be_paired_is_refused(baseline: Result, faster: Result) -> None:
    with pytest.raises(StudyError, match="seed 2, baseline with seed 1"):
        compare([baseline, replace(faster, seed=2)])
    with pytest.raises(StudyError, match="warm-up of 20 days, baseline with one of 60"):
        compare([baseline, replace(faster, warm_up_days=20.0)])
    with pytest.raises(StudyError, match="different versions are not comparable"):
        compare([baseline, replace(faster, model_version="0.0.1")])
    with pytest.raises(StudyError, match="no finished replication in common"):
        compare([baseline, replace(faster, replications=(8, 9))])
    with pytest.raises(StudyError, match="at least two"):
        compare([baseline])


def test_json_of_a_comparison_holds_what_its_schema_says(baseline: Result, faster: Result) -> None:
    found = compare([baseline, faster]).to_json()
    validate(found)
    assert found["baseline"] == "baseline"
    assert [scenario["scenario"] for scenario in found["scenarios"]] == ["baseline", "faster"]


def test_pairing_tells_what_it_won(baseline: Result, faster: Result) -> None:
    row = compare([baseline, faster]).differences().query("flow == 'xian-poti' and measure == 'mean'").iloc[0]
    first, second = (one.frames["routes"].query("flow == 'xian-poti'")["mean"].to_numpy() for one in (baseline, faster))
    assert row["variance_ratio"] == pytest.approx((first.var() + second.var()) / (second - first).var())
    assert row["variance_ratio"] > 1
    assert (row["base_unfinished"], row["unfinished"]) == tuple(
        pytest.approx(one.frames["routes"].query("flow == 'xian-poti'")["share_unfinished"].mean())
        for one in (baseline, faster)
    )


def test_routes_of_one_pair_are_told_apart_only_where_they_are(baseline: Result) -> None:
    behind = baseline.route_differences().query("destination == 'duisburg'")
    assert list(zip(behind["base_route"], behind["route"], strict=True)) == [
        ("north", "middle-poti"),
        ("north", "sea-suez"),
        ("north", "sea-cape"),
    ]
    assert behind["separated"].all()
    routes = baseline.frames["routes"]
    frames = [
        routes.query(f"flow == 'xian-duisburg' and route == '{route}'")["mean"] for route in ("north", "sea-cape")
    ]
    difference = frames[1].to_numpy() - frames[0].to_numpy()
    found = estimate(difference, 1 - 0.05 / 6)  # any of the six pairs of four routes may be looked at
    row = behind.iloc[-1]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((found.value, found.low, found.high))

    noise = routes["replication"] - 1.5
    level = routes.assign(mean=40.0 + noise.where(routes["route"] == "middle-poti", -noise))
    alike = replace(baseline, frames={**baseline.frames, "routes": level}).route_differences()
    assert not alike.query("origin == 'tashkent'")["separated"].any()


# Atlas


def test_atlas_names_places_links_and_services() -> None:
    atlas = atlas_of(toy().model)
    assert atlas.name("aktau") == "Aktau"
    assert atlas.name("beineu-aktau") == "Beineu–Aktau"
    assert atlas.name("feeders") == "Feeders Aktau–Alat"
    assert atlas.name("nowhere") == "nowhere"
    assert list(atlas.routes) == list(synthetic.ROUTES)
    assert "aktau" in atlas.ports()
    assert "tbilisi" not in atlas.ports()


def test_atlas_takes_for_a_port_where_liners_call_and_not_where_they_pass() -> None:
    model = sim.load(sim.library() / "baseline-2024.yaml").model
    found = set(atlas_of(model).ports())
    assert found == {*model.ports, "shanghai", "rotterdam"}
    assert {"suez", "cape", "istanbul"} < model.places.keys()


def test_atlas_draws_links_along_their_points_and_services_along_links() -> None:
    atlas = atlas_of(toy().model)
    points = atlas.courses["kars-istanbul"].points
    assert points[0] == atlas.places["kars"].point
    assert points[1] == (38.1, 39.4)
    assert points[-1] == atlas.places["istanbul"].point
    service = atlas.courses["trans-siberian-land-bridge"]
    assert (service.mode, service.points) == ("rail", atlas.courses["moscow-brest"].points)
