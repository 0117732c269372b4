"""What a sweep shows, on ledgers whose figures are known: effects, the efficient set, plots, tables, the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from rich.console import Console
from scipy import stats

import sim
from sim.show import sweep_plots, sweeps
from sim.show.sweep_plots import plot_heat_map, plot_response, plot_tornado, plot_trade_off, plots
from sim.show.sweeps import save_page, sweep_json, sweep_table, told
from sim.study import BadStudyError
from sim.study.crew import Mishap
from sim.sweeps import SweepResult, read_results, read_sweep
from sim.sweeps.effects import Interval, Samples, axes, effects, efficient, samples
from sim.sweeps.ledger import writing
from sim.sweeps.points import points
from sim.sweeps.run import _row, describe
from sim.sweeps.work import Run
from tests.sweeps.sweeping import documented

SMALL = Path(__file__).resolve().parents[1] / "user" / "small.yaml"
WAY = "trade/over"
P90, USD, CO2E = f"transit.p90[{WAY}]", f"cost[{WAY}]", f"emissions[{WAY}]"
SHIPS = "  ships: {title: feeders, path: fleets.feeders.vessels, values: [1, 2, 3]}\n"
WAIT = "  wait: {title: longest wait, path: services.feeder.stops.*.wait, values: [12 h, 36 h, 60 h]}\n"
SPEED = "  engine: {levels: {slow: {fleets.feeders.speed: 8 kn}, fast: {fleets.feeders.speed: 15 kn}}}\n"
DEPTH = "  depth: {path: ports.east-port.depth, range: [5 m, 7 m]}\n"

Figures = Callable[[Mapping[str, Any], int], tuple[float, float, float]]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., SweepResult]:
    """The result of a sweep whose P90, USD and CO2e are a function of levels and replication; None: the run failed."""
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())

    def make(figures: Any, factors: str, design: str = "{kind: grid}", replications: int = 4) -> SweepResult:
        file = tmp_path / "made.yaml"
        file.write_text(
            f"title: A made-up sweep\nbase: small.yaml\nfactors:\n{factors}design: {design}\n"
            f"replications: {replications}\noutcomes: ['{P90}']\n",
            encoding="utf-8",
        )
        plan = read_sweep(file, sim.library())
        todo = points(plan)
        names = [factor.name for factor in plan.factors]
        with writing(tmp_path / "made") as (ledger, _):
            ledger.begin(describe(plan), map(_row, todo))
            for point in todo:
                for replication in range(replications):
                    found = figures(dict(zip(names, point.levels, strict=True)), replication)
                    outcome: Run | Mishap = Mishap("ValueError: made to fail", "")
                    if found is not None:
                        outcome = Run((P90, USD, CO2E), np.array(found, dtype=float), 0.1)
                    ledger.keep(point.key, replication, outcome)
        return read_results(tmp_path / "made")

    return make


def plain(levels: Mapping[str, Any], replication: int) -> tuple[float, float, float]:
    """Two days less a ship, a day more for 24 h of wait; noise that all points of a replication share."""
    days = 11 - 2 * levels["ships"] + levels.get("wait", 36) / 24 + 0.5 * replication
    return days, 1000 + 100 * levels["ships"], 50.0 * levels["ships"]


def test_groups_of_points_that_are_not_paired_add_up_their_errors_as_squares() -> None:
    values = np.random.default_rng(4).normal(20, 3, (12, 1))
    before = np.arange(12) < 5
    found = Samples(values, np.full(values.shape, True), grid=False).change(before, ~before)
    groups = [values[rows, 0] for rows in (before, ~before)]
    halves = [stats.t.ppf(0.975, len(group) - 1) * stats.sem(group) for group in groups]
    assert found.value == pytest.approx(groups[1].mean() - groups[0].mean())
    assert (found.high - found.value, found.value - found.low) == pytest.approx((np.hypot(*halves),) * 2)


def test_changes_are_paired_by_replication(made: Callable[..., SweepResult]) -> None:
    result = made(plain, SHIPS + WAIT)
    first, second = effects(result, P90)
    assert (first.axis.name, second.axis.name) == ("ships", "wait")
    assert first.middle.value == pytest.approx(11 - 4 + 1.5 + 0.75)
    assert first.low == pytest.approx((2, 2, 2))  # noise that is shared leaves no doubt
    assert first.high == pytest.approx((-2, -2, -2))
    assert second.whole == pytest.approx((2, 2, 2))
    alone = samples(result, P90).typical(axes(result)[0].rows(0))
    assert alone.value == pytest.approx(11.25)  # one ship, mean over waits and replications
    assert alone.high - alone.value == pytest.approx(3.18245 * np.std(0.5 * np.arange(4), ddof=1) / 2, rel=1e-4)


def test_random_designs_compare_points_that_lie_close(made: Callable[..., SweepResult]) -> None:
    result = made(
        lambda levels, _: (levels["depth"], 0.0, 0.0), DEPTH + SPEED, "{kind: latin-hypercube, points: 40}", 2
    )
    by_name = {effect.axis.name: effect for effect in effects(result, P90)}
    assert by_name["depth"].whole.value == pytest.approx(
        1.6, abs=0.05
    )  # from the mean of the lowest fifth to the highest
    assert by_name["depth"].whole.separated
    assert not by_name["engine"].whole.separated


def test_points_that_break_down_count_as_the_longest(made: Callable[..., SweepResult]) -> None:
    def figures(levels: Mapping[str, Any], _: int) -> tuple[float, float, float]:
        return (math.nan if levels["depth"] < 5.1 else 20 - levels["depth"], 0.0, 0.0)

    result = made(figures, DEPTH, "{kind: latin-hypercube, points: 60}", 1)
    (effect,) = effects(result, P90)
    days = np.sort(20 - result.runs["depth"].to_numpy())  # the three longest are unknown: more ends than the median
    assert effect.middle.value == pytest.approx(np.median(days))
    assert effect.high.value == pytest.approx(np.median(days[:12]) - np.median(days))
    assert effect.low.value == pytest.approx(np.median(days[48:]) - np.median(days))
    assert effect.low.separated
    assert math.isinf(effect.low.high)  # the third longest of twelve is the upper end
    assert "(unknown: the longest)" in plot_tornado(result).texts[1].get_text().replace("\n", " ")


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=12))
def test_the_efficient_set_is_what_nothing_beats(rows: list[tuple[int, int, int]]) -> None:
    chosen = efficient(np.array(rows, dtype=float))
    for row, kept in zip(rows, chosen, strict=True):
        beaten = any(all(x <= y for x, y in zip(other, row, strict=True)) and other != row for other in rows)
        assert kept == (not beaten)


def drawn(figure: Any) -> list[str]:
    """The texts of a figure, which all must lie within it."""
    FigureCanvasAgg(figure).draw()
    width, height = figure.bbox.width, figure.bbox.height
    ticks = {label for axes in figure.axes for label in (*axes.get_xticklabels(), *axes.get_yticklabels())}
    shown = [text for text in figure.findobj(Text) if text.get_text().strip() and text not in ticks]
    for text in shown:
        box = text.get_window_extent()
        if text.get_visible() and box.width:
            assert box.x0 >= -1, text.get_text()
            assert box.x1 <= width + 1, text.get_text()
            assert box.y0 >= -1, text.get_text()
            assert box.y1 <= height + 1, text.get_text()
    return [text.get_text() for text in shown]


@pytest.mark.parametrize(
    ("factors", "design", "stems"),
    [
        (SHIPS + WAIT, "{kind: grid}", ["response", "heat-map", "tornado", "trade-off"]),
        (SHIPS + WAIT + SPEED, "{kind: grid}", ["response", *["heat-map"] * 3, "tornado", "trade-off"]),
        (SHIPS + DEPTH, "{kind: latin-hypercube, points: 20}", ["response", "tornado", "trade-off"]),
        (SHIPS + WAIT, "{kind: list, points: [{ships: 1}, {ships: 3, wait: 12 h}]}", ["response", "trade-off"]),
        (SPEED, "{kind: grid}", ["response", "tornado", "trade-off"]),
    ],
)
def test_every_design_has_its_plots_with_all_text_inside(
    made: Callable[..., SweepResult], factors: str, design: str, stems: list[str]
) -> None:
    result = made(lambda levels, r: plain({"ships": 2} | {k: v for k, v in levels.items() if v is not None}, r),
                  factors, design)  # fmt: skip
    found = list(plots(result))
    assert [next(kind for kind in stems if plot.stem.startswith(kind)) for plot in found] == stems
    assert len({plot.stem for plot in found}) == len(found)
    for plot in found:
        texts = " ".join(" ".join(drawn(plot.figure)).split())
        assert "Boxes to the market, Over the sea" in texts
        assert "A made-up sweep (small)" in texts
        assert "seed 7" in texts


def test_of_many_factors_those_are_shown_that_change_most(
    made: Callable[..., SweepResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_plots, "PANELS_SHOWN", 1)
    monkeypatch.setattr(sweep_plots, "BARS_SHOWN", 1)
    result = made(
        lambda levels, _: (levels["depth"], 0.0, 0.0), SPEED + DEPTH, "{kind: latin-hypercube, points: 40}", 2
    )
    for figure in (plot_response(result, P90), plot_tornado(result, P90)):
        (panel,) = figure.axes
        texts = " ".join(drawn(figure)) + " ".join(label.get_text() for label in panel.get_yticklabels())
        assert "Shown: the 1 of 2 factors that change it most." in " ".join(texts.split())
        assert "depth" in texts
        assert "engine" not in texts


def test_the_json_is_one_text_however_many_its_pieces(
    made: Callable[..., SweepResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "AT_ONCE", 4)
    result = made(plain, SHIPS + WAIT)
    pieces = list(sweep_json(result))
    estimates = result.estimates()
    assert len(pieces) > len(estimates) / 4 > 2
    found = documented("".join(pieces), "sweep")
    assert [(row["point"], row["outcome"], row["value"]) for row in found["points"]] == list(
        estimates[["point", "outcome", "value"]].itertuples(index=False, name=None)
    )


def test_the_line_of_the_promise_runs_where_the_p90_is_the_published_time(made: Callable[..., SweepResult]) -> None:
    result = made(lambda levels, _: (6 + levels["ships"], 0.0, 0.0), SHIPS + WAIT)  # 7, 8, 9 days; published: 8
    figure = plot_heat_map(result, P90, "ships", "wait")
    (line,) = [path for lines in figure.axes[0].collections if hasattr(lines, "levels") for path in lines.get_paths()]
    assert np.allclose(line.vertices[:, 0], 1.5)  # the middle of the second column
    assert "promise kept, P90 no more than the published 8 days" in drawn(figure)


@pytest.mark.parametrize(("days", "said"), [(9, "nowhere here"), (7, "everywhere here")])
def test_without_a_line_it_is_said_where_the_promise_is_kept(
    made: Callable[..., SweepResult], days: float, said: str
) -> None:
    result = made(lambda levels, _: (days + 0.1 * levels["ships"], 0.0, 0.0), SHIPS + WAIT)
    assert f"Promise kept, P90 no more than the published 8 days: {said}." in " ".join(drawn(plot_heat_map(result)))


def test_what_is_unknown_is_shown_as_unknown(made: Callable[..., SweepResult]) -> None:
    result = made(lambda levels, r: (math.nan if levels["ships"] == 1 and r == 0 else 9, 1, 1), SHIPS + WAIT)
    assert drawn(plot_heat_map(result)).count("unknown") == 3
    assert "1: unknown, too many boxes have not arrived, or there was none" in drawn(plot_tornado(result))
    drawn(plot_response(result))
    assert "Left out, as a figure is unknown: 3 of " in " ".join(drawn(plot_trade_off(result)))


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (P90, "too many boxes have not arrived, or there was none"),
        (USD, "no price a TEU, or there was no box or no sailing"),
        (CO2E, "no emission factor that counts the cargo, or cargo that is not counted in TEU"),
    ],
)
def test_each_figure_is_unknown_for_its_own_reason(made: Callable[..., SweepResult], outcome: str, why: str) -> None:
    result = made(lambda levels, _: [math.nan if levels["ships"] == 1 else 9.0] * 3, SHIPS + WAIT).asking([outcome])
    for figure in (plot_heat_map(result, outcome), plot_response(result, outcome), plot_tornado(result, outcome)):
        assert f"unknown, {why}" in " ".join(" ".join(drawn(figure)).split())
    assert f"interval; unknown: {why}." in sweeps.page(result, [])


def test_a_tornado_without_a_middle_says_why(made: Callable[..., SweepResult]) -> None:
    result = made(lambda levels, _: [math.nan] * 3, SHIPS).asking([USD])
    assert "unknown at the middle: no price a TEU, or there was no box or no sailing" in drawn(plot_tornado(result))


def test_plots_that_a_sweep_does_not_allow_are_refused(made: Callable[..., SweepResult]) -> None:
    result = made(lambda *_: (9.0, math.nan, math.nan), SHIPS)
    with pytest.raises(BadStudyError, match="a heat map takes a grid of two factors"):
        plot_heat_map(result)
    with pytest.raises(BadStudyError, match="fewer than two points have days, USD and CO2e"):
        plot_trade_off(result)
    with pytest.raises(BadStudyError, match="is no outcome of this result"):
        plot_response(result, "cost[trade/around]")
    assert not any(plot.stem.startswith("trade-off") for plot in plots(result))


def test_the_page_tells_failures_and_what_is_not_separated(made: Callable[..., SweepResult], tmp_path: Path) -> None:
    def figures(levels: Mapping[str, Any], r: int) -> tuple[float, float, float] | None:
        days = 9 - levels["ships"] + (-1) ** r * (levels["wait"] - 36) / 24
        return None if (levels["ships"], r) == (1, 3) else (days, 1, 1)

    result = made(figures, SHIPS + WAIT)
    text = save_page(result, tmp_path / "made").read_text(encoding="utf-8")
    assert "**3 runs gave no result**" in text
    assert "- 3 × failed: ValueError: made to fail" in text
    assert "separated: feeders (1 → 3): −2.0 ± 0.0 d. *not separated*: longest wait (h) (12 h → 60 h):" in text
    assert "| 1 | 12 | " in text


def test_a_long_table_tells_where_the_rest_is(made: Callable[..., SweepResult]) -> None:
    many = "  wait: {path: services.feeder.stops.*.wait, range: [6 h, 48 h], steps: 15}\n"
    result = made(plain, SHIPS + many, replications=1)
    shown = StringIO()
    Console(file=shown, width=80).print(sweep_table(result, 80))
    lines = shown.getvalue().splitlines()
    assert len([line for line in lines if line[:2] in ("1 ", "2 ", "3 ")]) == 40
    assert "… and 5 more points: see estimates.csv" in lines


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Interval(27.731, 25.3, 30.1), "27.7 ± 2.4"),
        (Interval(3271.77, 3250.0, 3293.5), "3,272 ± 22"),
        (Interval(-0.0456, -0.0480, -0.0432), "−0.0456 ± 0.0024"),
        (Interval(12.3456, math.nan, math.nan), "12.35"),
        (Interval(5.0, 5.0, 5.0), "5.0 ± 0.0"),
        (Interval(math.nan, math.nan, math.nan), "unknown"),
    ],
)
def test_figures_have_the_digits_that_their_interval_allows(cell: Interval, text: str) -> None:
    assert told(cell) == text
