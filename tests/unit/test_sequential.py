"""Targets of exactness: how they are read, and when a study that has them ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.study import BadStudyError, Precision, Result, compare, read_target, run, run_all
from tests import synthetic


def toy(**fields: Any) -> Any:
    return synthetic.ToyNetwork(**fields)


def test_ctrl_c_between_two_batches_keeps_what_has_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    def press(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sim.study.result._judge", press)
    found = study("transit.mean ± 0.001 d")
    assert (found.interrupted, len(found.replications)) == (True, 4)


def study(target: str | list[str], first: int = 4, most: int = 60, **how: Any) -> Result:
    return run(toy(), first, until=target, most=most, task=synthetic.toy_measures, **{"workers": 1} | how)


@pytest.mark.parametrize(
    ("text", "name", "half", "relative", "flow", "route"),
    [
        ("transit.p50 ± 0.25 d", "transit.p50", 0.25, False, None, None),
        ("transit.mean+-6 h", "transit.mean", 0.25, False, None, None),
        ("transit.p90 +/- 2 %", "transit.p90", 0.02, True, None, None),
        ("transit.p50[xian-poti/middle-poti] ± 1 d", "transit.p50", 1.0, False, "xian-poti", "middle-poti"),
        ("transit.p10 [ xian-poti ] ± 1 d", "transit.p10", 1.0, False, "xian-poti", None),
        ("promise.within ± 3 %", "promise.within", 0.03, False, None, None),
        ("difference.mean ± 1 d", "difference.mean", 1.0, False, None, None),
        ("difference.late ± 1 %", "difference.late", 0.01, False, None, None),
    ],
)
def test_a_target_is_read_as_it_is_written(
    text: str, name: str, half: float, relative: bool, flow: str | None, route: str | None
) -> None:
    found = read_target(text)
    assert (found.name, found.half, found.relative) == (name, pytest.approx(half), relative)
    assert (found.flow, found.route) == (flow, route)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("quickly", 'found "quickly", where a target like "transit.p50 ± 0.25 d" is due'),
        ("transit.p5 ± 1 d", 'did you mean "transit.p50"'),
        ("transit.p50 ± 0.25", "without a unit"),
        ("transit.p50 ± 1 km", 'unit "km"'),
        ("transit.p50 ± 0 d", "not more than 0"),
        ("promise.within ± 1 d", "percentage points"),
        ("difference.p50 ± 3 %", "a difference may be zero"),
        ("difference.p50 ± 1 d", "takes two scenarios"),
        ("transit.p50[xian-pot] ± 1 d", 'did you mean "xian-poti"'),
        ("transit.p50[xian-poti/north] ± 1 d", "allowed in baseline: middle-poti"),
    ],
)
def test_a_target_that_means_nothing_is_refused_before_anything_runs(text: str, said: str) -> None:
    with pytest.raises(BadStudyError) as caught:
        run(toy(), 2, until=text, workers=1, task=None)
    assert said in str(caught.value)


def test_more_replications_to_begin_with_than_the_cap_are_refused() -> None:
    with pytest.raises(BadStudyError, match="4 replications to begin with are more than the 3 allowed"):
        study("transit.mean ± 1 d", most=3)


def test_a_study_goes_on_until_its_interval_is_narrow_enough() -> None:
    target = "transit.mean[xian-poti] ± 0.6 d"
    result = study(target)
    (found,) = result.until
    summary = result.summary().query("flow == 'xian-poti'").iloc[0]
    assert found == Precision(
        target,
        True,
        "xian-poti",
        "middle-poti",
        pytest.approx(summary["mean_high"] - summary["mean"]),
        0.6,
        len(result.replications),
        60,
        "",
    )
    assert found.half_width is not None
    assert found.half_width <= 0.6
    assert 4 < len(result.replications) < 60
    assert result.replications == tuple(range(len(result.replications)))
    fewer = run(toy(), 4, workers=1, task=synthetic.toy_measures).summary().query("flow == 'xian-poti'").iloc[0]
    assert fewer["mean_high"] - fewer["mean"] > 0.6  # it did not stop too late, either


def test_the_number_of_workers_does_not_matter() -> None:
    one, two = (study("transit.p90 ± 2.5 %", workers=workers) for workers in (1, 2))
    assert len(one.replications) > 4
    assert one.to_json() == two.to_json()


def test_what_is_not_reached_is_said_with_the_width_that_was() -> None:
    result = study(["transit.mean ± 1 min", "transit.mean ± 10 d"], most=20)
    missed, easy = result.until
    assert (missed.reached, missed.replications, missed.most, easy.reached) == (False, 20, 20, True)
    summary = result.summary()
    assert missed.half_width == pytest.approx((summary["mean_high"] - summary["mean"]).max())


def test_a_relative_target_is_one_of_the_mean() -> None:
    (found,) = study("transit.p50[xian-duisburg/north] ± 1.5 %").until
    assert found.reached
    assert found.allowed == pytest.approx(0.015 * 17.7, rel=0.1)


def test_a_target_that_holds_from_the_start_adds_nothing() -> None:
    result = study("promise.late ± 60 %")
    assert (len(result.replications), result.until[0].reached) == (4, True)


def never(network: Any, replication: int) -> synthetic.ToyMeasures:
    measures = synthetic.toy_measures(network, replication)
    measures.routes.loc[0, "p90"] = np.nan
    return measures


def test_what_more_replications_cannot_reach_ends_at_once() -> None:
    result = run(toy(), 3, until="transit.p90 ± 1 d", workers=1, task=never)
    (found,) = result.until
    assert (found.reached, found.half_width, found.replications) == (False, None, 3)


def fails_from_four_on(network: Any, replication: int) -> synthetic.ToyMeasures:
    if replication >= 4:
        raise MemoryError
    return synthetic.toy_measures(network, replication)


def test_replications_that_fail_count_towards_the_cap() -> None:
    result = run(toy(), 4, until="transit.mean ± 1 min", most=20, workers=1, task=fails_from_four_on)
    assert [failure.replication for failure in result.failures] == list(range(4, 20))
    (found,) = result.until
    assert (found.reached, found.replications, found.most) == (False, 4, 20)


def test_a_difference_can_be_bounded_and_all_scenarios_get_the_same_replications() -> None:
    networks = [toy(), toy(name="faster", slowness=0.8)]
    base, other = run_all(
        networks, 3, until="difference.mean[xian-poti] ± 0.25 d", workers=1, task=synthetic.toy_measures
    )
    assert base.replications == other.replications
    assert len(base.replications) > 3
    assert base.until == ()
    (found,) = other.until
    assert found.reached
    row = compare([base, other]).differences().query("flow == 'xian-poti' and measure == 'mean'").iloc[0]
    assert found.half_width == pytest.approx(row["high"] - row["difference"])


def test_the_differences_of_several_scenarios_are_bounded_together() -> None:
    networks = [toy(), toy(name="faster", slowness=0.8), toy(name="slower", slowness=1.2)]
    results = run_all(networks, 4, until="difference.mean[xian-poti] ± 9 d", workers=1, task=synthetic.toy_measures)
    differences = compare(results).differences().query("flow == 'xian-poti' and measure == 'mean'")
    for result in results[1:]:
        (found,) = result.until
        row = differences[differences["scenario"] == result.scenario].iloc[0]
        assert found.half_width == pytest.approx(row["high"] - row["difference"])
