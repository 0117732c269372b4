"""Tables, plots, saved results and the progress bar: all there, whole, and saying what they show in which units."""

from __future__ import annotations

import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from rich.console import Console, RenderableType

import sim
from sim.scenario.load import load
from sim.show import plots
from sim.show import save as saving
from sim.show.map import BESIDE, plot_map
from sim.show.plots import (
    plot_costs,
    plot_differences,
    plot_emissions,
    plot_facilities,
    plot_queues,
    plot_stages,
    plot_trade_off,
    plot_transit,
)
from sim.show.progress import progress, remaining
from sim.show.save import save, save_comparison
from sim.show.shell import goes_on_with
from sim.show.style import MODES, PALETTE, route_colours, write
from sim.show.tables import differences_table, facilities_table, number, pairs, preview_table, routes_table, span
from sim.show.views import view, view_comparison
from sim.study import Comparison, Failure, Result, compare
from tests import synthetic

PLOTS: list[Callable[[Result], Figure]] = [
    *(plot_transit, plot_stages, plot_facilities, plot_queues, plot_map),
    *(plot_costs, plot_emissions, plot_trade_off),
]


@pytest.fixture(scope="module")
def result() -> Result:
    return synthetic.result(replications=3)


@pytest.fixture(scope="module")
def comparison(result: Result) -> Comparison:
    return compare([result, synthetic.result("faster", 0.8, 3), synthetic.result("slower", 1.1, 3)])


@pytest.fixture(scope="module")
def figures(result: Result, comparison: Comparison) -> dict[Any, Figure]:
    """Every plot, drawn once."""
    drawn: dict[Any, Figure] = {plot: plot(result) for plot in PLOTS}
    drawn[plot_differences] = plot_differences(comparison)
    for figure in drawn.values():
        figure.draw_without_rendering()
    return drawn


def printed(table: RenderableType, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    return str(text)


def words(figure: Figure) -> str:
    """All text of a figure, legends and labels of axes included."""
    return "\n".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def without(result: Result, **frames: pd.DataFrame) -> Result:
    return replace(result, frames={**result.frames, **frames})


# Tables


@pytest.mark.parametrize("width", [80, 120])
def test_routes_stand_side_by_side_with_intervals_and_causes(result: Result, width: int) -> None:
    text = printed(routes_table(result, width), width)
    assert "…" not in text
    duisburg = text[text.index("Xi'an → Duisburg") : text.index("Xi'an → Poti")]
    row = result.summary().query("flow == 'xian-duisburg' and route == 'north'").iloc[0]
    line = next(line for line in duisburg.splitlines() if line.startswith("Northern rail"))
    assert line.split()[2:] == [
        f"≥{row['mean']:.1f}",  # some have not arrived
        *(f"{row[name]:.1f}" for name in ("p10", "p50", "p90")),
        "15–20",
        f"{100 * row['share_within']:.0f}",
        f"{100 * row['share_late']:.0f}",
        f"{100 * row['share_unfinished']:.1f}",
        "320,000",
    ]
    assert f"±{row['mean_high'] - row['mean']:.1f}" in duisburg
    assert "days documents, Khorgos/Altynkol · " in duisburg
    assert "days moving" not in duisburg  # what is told is where time is lost
    for heading in ("days", "%", "TEU", "Promise", "arrived"):
        assert heading in text


def test_numbers_are_right_aligned(result: Result) -> None:
    lines = [line for line in printed(routes_table(result, 120), 120).splitlines() if line.rstrip().endswith("00")]
    assert len(lines) == 12
    assert len({len(line.rstrip()) for line in lines}) == 1


def test_what_boxes_that_have_not_arrived_bear_on_is_a_lower_bound(result: Result) -> None:
    routes = result.frames["routes"]
    late = routes.assign(p90=routes["p90"].where(routes["replication"] > 0))
    text = printed(routes_table(without(result, routes=late), 120), 120)
    bound = late[late["flow"] == "xian-poti"]["p90_so_far"].mean()
    line = text[text.index("Xi'an → Poti") :].splitlines()[1]
    assert f" ≥{bound:.1f} " in line
    assert "≥ at least: some boxes had not arrived" in text
    assert "in a quantile that they could still change" in " ".join(text.split())
    assert "≥" not in printed(routes_table(without(result, routes=routes.assign(unfinished=0)), 120), 120)


def test_a_route_without_boxes_is_unknown(result: Result) -> None:
    empty = result.frames["routes"].assign(mean=math.nan, p10=math.nan, p50=math.nan, p90=math.nan, unfinished=0)
    empty[["p10_so_far", "p50_so_far", "p90_so_far"]] = math.nan
    text = printed(routes_table(without(result, routes=empty), 80), 80)
    assert " ? " in text
    assert "? unknown: there was no box in some replication" in text


def test_a_route_without_a_promise_is_told_without_one(result: Result) -> None:
    none = dict.fromkeys(["promise_low", "promise_high", "share_within", "share_late", "share_early"], math.nan)
    text = printed(routes_table(without(result, routes=result.frames["routes"].assign(**none)), 80), 80)
    assert "?" not in text
    assert "320,000" in text


def test_routes_are_ranked_where_they_are_separated_only(result: Result) -> None:
    routes = result.frames["routes"]
    behind = result.route_differences().query("destination == 'duisburg' and route == 'sea-cape'").iloc[0]
    gap = f"{behind['difference']:+.1f} ±{behind['high'] - behind['difference']:.1f} days"
    for share, so_far in ((0.0, ""), (0.01, " so far")):  # of the boxes have not arrived
        text = printed(routes_table(without(result, routes=routes.assign(share_unfinished=share)), 120), 120)
        assert f"Fastest in the mean{so_far}: Northern rail" in text
        assert f"{gap}{so_far}: Sea by the Cape" in text
    noise = 30.0 * (routes["replication"] - 1)
    level = routes.assign(mean=40.0 + noise.where(routes["route"].isin(["north", "sea-suez"]), -noise))
    text = printed(routes_table(without(result, routes=level), 120), 120)
    assert "Fastest" not in text
    assert "Not separated: " in text


def test_the_warm_up_is_judged_and_a_short_one_is_a_warning(result: Result) -> None:
    assert "warm-up of 60 days is not checked: that takes 5 replications" in printed(routes_table(result, 120), 120)
    slow = synthetic.result(replications=6, loading_days=90.0)
    assert "warm-up of 60 days may be too short" in printed(routes_table(slow, 120), 120)
    assert "covers the loading-in phase" in printed(routes_table(synthetic.result(replications=6), 120), 120)


def test_failures_and_an_early_stop_are_told(result: Result) -> None:
    failed = replace(result, complete=False, failures=(Failure(7, "ValueError: [no] ship", "…"),))
    assert "replication 7 failed and is left out: ValueError: [no] ship" in printed(routes_table(failed), 120)
    assert "stopped early" in printed(routes_table(replace(result, complete=False)), 120)


def test_one_replication_has_no_intervals() -> None:
    text = printed(routes_table(synthetic.result(replications=1)), 120)
    assert "±" not in text
    assert "no intervals" in text


def test_a_route_of_two_flows_of_one_pair_is_told_apart(result: Result) -> None:
    routes = result.frames["routes"]
    second = routes.query("flow == 'xian-poti'").assign(flow="xian-poti-show", title="Show-case trains")
    text = printed(routes_table(without(result, routes=pd.concat([routes, second]))), 120)
    assert "Middle Corridor by Poti (Show-case" in text
    assert "Middle Corridor by Poti (Xi'an to Poti)" in text


@pytest.mark.parametrize("width", [80, 120])
def test_facilities_come_by_utilisation_and_the_busy_ones_are_marked(result: Result, width: int) -> None:
    text = printed(facilities_table(result, limit=6), width)
    lines = text.splitlines()[5:11]
    shares = [float(line.split()[-3]) for line in lines]
    assert shares == sorted(shares, reverse=True)
    for line, share in zip(lines, shares, strict=True):
        assert ("▲" in line) == (share >= 85)
    assert "Kars–Istanbul" in text
    assert f"{len(synthetic.FACILITIES) - 6} less busy ones are left out" in text
    assert "left out" not in printed(facilities_table(result, limit=None), width)


@pytest.mark.parametrize("width", [80, 120])
def test_differences_rank_nothing_that_is_not_separated(comparison: Comparison, width: int) -> None:
    text = printed(differences_table(comparison, width), width)
    assert "…" not in text
    assert "corrected for 2 comparisons" in text
    faster = text[text.index("\nfaster") : text.index("\nslower")]
    assert "Sea by Suez" in faster
    suez = faster[faster.index("Sea by Suez") :].splitlines()[:2]
    assert suez[1].split() == ["not", "separated"] * 4
    kars = next(line for line in faster.splitlines() if line.startswith("Middle Corridor by Kars"))
    assert kars.split()[4].startswith("-")


def test_flows_of_one_pair_and_route_are_told_apart(result: Result) -> None:
    rows = [("a", "North", "A"), ("a", "South", "B"), ("a", "South", "C"), ("b", "South", "D")]
    summary = pd.DataFrame(rows, columns=["route", "title", "flow"]).assign(origin="aktau", destination="tbilisi")
    [(pair, found)] = pairs(result, summary)
    assert pair == "Aktau → Tbilisi"
    assert [row["label"] for row in found] == ["a (North)", "a (B)", "a (C)", "b"]


def test_preview_shows_the_fullest_first() -> None:
    loads = [
        SimpleNamespace(place="aktau–alat", facility="feeders", offered=700.0, capacity=900.0, unit="TEU/wk"),
        SimpleNamespace(place="kuryk", facility="berth ferry", offered=50.0, capacity=48.0, unit="berth h/d"),
    ]
    for load_ in loads:
        load_.utilisation = load_.offered / load_.capacity
    estimate = SimpleNamespace(trips=4000.0, units=250000.0, cpu_s=0.4, memory_mb=210.0)
    preview: Any = SimpleNamespace(chains=(), loads=loads, estimate=estimate)
    network: Any = synthetic.ToyNetwork()
    text = printed(preview_table(network, preview), 80)
    lines = text.splitlines()
    kuryk, aktau = (
        next(i for i, line in enumerate(lines) if line.startswith(name)) for name in ("Kuryk", "Aktau–Alat")
    )
    assert kuryk < aktau
    assert lines[kuryk].split()[-2:] == ["▲", "104"]
    assert "Feeders Aktau–Alat" in lines[aktau]
    assert "4,000 vehicle trips, 250,000 units, 0.4 s of CPU, 210 MB" in text


def test_numbers_and_spans() -> None:
    assert [number(value, ".1f") for value in (3.14, None, math.nan, math.inf)] == ["3.1", "?", "?", "?"]
    assert [span(10.0, 15.0), span(math.nan, math.nan)] == ["10–15", ""]


# Plots


def test_the_same_result_gives_the_same_file(result: Result, tmp_path: Path) -> None:
    first, second = (write(plot_queues(result), tmp_path / "queues")[1].read_bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("plot", "labels"),
    [
        (
            plot_transit,
            ["transit time, days", "Northern rail", "Xi'an → Duisburg", "% as promised", "boxes not arrived"],
        ),
        (plot_stages, ["mean transit time, days", "by rail", "at ports", "sea\u00a0Aktau–Alat\u00a0"]),
        (plot_facilities, ["utilisation, %", "Kars–Istanbul · paths", "months, January 2024 to December 2024"]),
        (plot_queues, ["ships or trains", "months, January 2024", "Kuryk", "ferry", "10th to 90th percentile"]),
        (plot_map, ["TEU a year", "Aktau", "40°N", "60°E", "other place"]),
    ],
)
def test_plots_say_what_they_show(
    plot: Callable[[Result], Figure], labels: list[str], figures: dict[Any, Figure]
) -> None:
    text = words(figures[plot])
    for label in labels:
        assert label in text


def test_all_of_a_plot_is_on_its_paper(figures: dict[Any, Figure]) -> None:
    for figure in figures.values():
        box = figure.get_tightbbox()
        width, height = figure.get_size_inches()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height


def test_no_name_on_the_map_covers_another(figures: dict[Any, Figure]) -> None:
    named = set()
    for axes in figures[plot_map].axes:
        texts = [child for child in axes.get_children() if isinstance(child, Annotation)]
        boxes = [Text.get_window_extent(text) for text in texts if text.get_text()]  # the others are lines to names
        assert all(box.count_overlaps(boxes) == 1 for box in boxes)
        named |= {text.get_text() for text in texts}
    assert {"Aktau", "Alat", "Poti", "Xi'an", "Duisburg", "Istanbul"} <= named


def test_links_are_as_wide_as_what_they_carry(figures: dict[Any, Figure]) -> None:
    large: Axes = figures[plot_map].axes[0]
    coloured = [line for line in large.lines if line.get_color() in MODES.values()]
    widths = [line.get_linewidth() for line in coloured]
    assert max(widths) == pytest.approx(7)
    assert widths == sorted(widths, reverse=True)
    assert len(coloured) == sum(teu > 0 for *_, teu, _ in synthetic.LINKS.values())


def test_a_route_has_the_same_colour_everywhere(result: Result, figures: dict[Any, Figure]) -> None:
    colours = route_colours(result)
    assert colours == dict(zip(synthetic.ROUTES, PALETTE, strict=False))
    atlas = replace(result.atlas, routes={"not-compared": "Of cargo that shares ships", **result.atlas.routes})
    assert route_colours(replace(result, atlas=atlas)) == colours
    used = {line.get_color() for axes in figures[plot_transit].axes for line in axes.lines if line.get_marker() == "o"}
    assert used == set(colours.values())


def test_plots_without_intervals_flows_or_quantiles(result: Result) -> None:
    for plot in PLOTS:
        plot(synthetic.result(replications=1))
    routes = result.frames["routes"].assign(p50=math.nan, p90=math.nan, promise_low=math.nan, promise_high=math.nan)
    text = words(plot_transit(without(result, routes=routes)))
    assert "median unknown" in text
    assert "as promised" not in text
    nothing = {name: result.frames[name].iloc[:0] for name in ("routes", "causes", "stages", "transit", "links")}
    for plot in PLOTS:
        plot(without(result, **nothing))


def test_plots_mark_days_that_are_a_lower_bound(result: Result) -> None:
    routes, bounds = result.frames["routes"], {plot_stages: "≥", plot_costs: "≥", plot_trade_off: "▸"}
    for unfinished in (0, 1):
        figures = {plot: plot(without(result, routes=routes.assign(unfinished=unfinished))) for plot in bounds}
        marked = {plot: mark in words(figures[plot]) for plot, mark in bounds.items()}
        assert set(marked.values()) == {unfinished > 0}
        dots = {line.get_marker() for axes in figures[plot_trade_off].axes for line in axes.lines} & {"o", ">"}
        assert dots == {">" if unfinished else "o"}


def test_differences_are_drawn_hollow_where_not_separated(comparison: Comparison, figures: dict[Any, Figure]) -> None:
    figure = figures[plot_differences]
    assert [axes.get_xlabel() for axes in figure.axes] == ["mean, days", "P90, days", "within promise, % points"]
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    found = comparison.differences().query("measure == 'mean'")
    assert len(dots) == len(found)
    assert sum(dot.get_markerfacecolor() == "white" for dot in dots) == (~found["separated"]).sum()


def test_views_draw_themselves(result: Result, comparison: Comparison) -> None:
    shown = view(result)
    pd.testing.assert_frame_equal(shown.summary(), result.summary())
    assert "transit time, days" in words(shown.plot_transit())
    assert shown.plot_stages()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    both = view_comparison(comparison)
    assert "mean, days" in words(both.plot_differences())
    assert "ships or trains" in words(both.results[1].plot_queues())  # type: ignore[attr-defined]


def test_plots_leave_pyplot_alone() -> None:
    code = "import sys, sim.show.views, sim.show.save; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


# Saved results


@dataclass(frozen=True)
class ToyJournal:
    replication: int = 0
    names: Any = None

    def tables(self) -> dict[str, dict[str, np.ndarray]]:
        return {"units": {"itinerary": np.array([0, 1]), "released": np.array([0.5, 7.25])}}


@pytest.fixture(scope="module")
def folder(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = tmp_path_factory.mktemp("scenarios")
    empty = "places: {}\nlinks: {}\ncargo: {}\nservices: {}\nroutes: {}\ndemand: {}\n"
    (files / "base.yaml").write_text(f"title: Base\nrun: {{warm_up: 1 d, length: 10 d, run_out: 1 d}}\n{empty}")
    (files / "child.yaml").write_text("extends: base.yaml\ntitle: 'Child: # 1'\nrun: {length: 30 d}\n")
    scenario = load(files / "child.yaml", set=["run.seed=9"])
    journal: Any = ToyJournal(names={"itineraries": ["xian-poti/middle-poti"]})
    saved = save(result, files / "results", scenario=scenario, journal=journal)
    again = load(saved / "scenario.yaml")
    assert again.tree == scenario.tree
    return saved


def test_everything_is_saved(folder: Path, result: Result) -> None:
    assert folder.name == "baseline"
    assert {path.name for path in folder.iterdir()} == {
        "costs",
        "README.md",
        "journal",
        "measures",
        "plots",
        "run.json",
        "scenario.yaml",
        "summary.csv",
        "summary.json",
    }
    assert json.loads((folder / "summary.json").read_text()) == result.to_json()
    for name, frame in result.frames.items():
        pd.testing.assert_frame_equal(pd.read_parquet(folder / "measures" / f"{name}.parquet"), frame)
        assert len(pd.read_csv(folder / "measures" / f"{name}.csv")) == len(frame)
    assert list(pd.read_parquet(folder / "journal" / "units.parquet")["released"]) == [0.5, 7.25]
    assert json.loads((folder / "journal" / "names.json").read_text())["itineraries"] == ["xian-poti/middle-poti"]
    assert len(list((folder / "plots").iterdir())) == 2 * len(PLOTS)


@pytest.mark.parametrize("plot", PLOTS)
def test_plots_are_saved_with_title_and_footer(
    plot: Callable[[Result], Figure], figures: dict[Any, Figure], folder: Path
) -> None:
    (name,) = (name for name, (own, _) in (saving.PLOTS | saving.COST_PLOTS).items() if own is plot)
    png, svg = (folder / "plots" / f"{name}.{kind}" for kind in ("png", "svg"))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()
    footer = "A made-up baseline (baseline) · mean over 3 replications · seed 1 · model"
    assert footer in words(figures[plot])


def test_the_resolved_scenario_says_where_each_value_was_set(folder: Path) -> None:
    lines = (folder / "scenario.yaml").read_text().splitlines()
    origins = {line.split(":")[0].strip(): line.rpartition("# ")[2] for line in lines if "  # " in line}
    assert origins["warm_up"] == "base.yaml:2"
    assert origins["length"] == "child.yaml:3"
    assert origins["seed"] == "--set run.seed=9"


def test_the_record_allows_to_repeat_the_run(folder: Path, result: Result) -> None:
    record = json.loads((folder / "run.json").read_text())
    assert (record["seed"], record["replications"], record["complete"]) == (1, [0, 1, 2], True)
    assert record["model_version"] == result.model_version
    assert record["started"] <= record["finished"]
    assert record["file"].endswith("child.yaml")
    assert {"numpy", "simpy", "pandas"} <= record["libraries"].keys()


def test_the_readme_lists_every_file(folder: Path) -> None:
    text = (folder / "README.md").read_text()
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "README.md" and path.parent.name != "journal":
            assert path.stem in text
    assert "journal/*.parquet" in text


def test_a_result_takes_the_place_of_the_former_one(result: Result, tmp_path: Path, quick: None) -> None:
    saved = save(result, tmp_path)
    (saved / "stale.txt").write_text("of the former run")
    assert save(result, tmp_path) == saved
    assert not (saved / "stale.txt").exists()
    assert list(tmp_path.iterdir()) == [saved]


def test_what_is_not_a_result_is_not_touched(result: Result, tmp_path: Path) -> None:
    precious = tmp_path / "baseline" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    with pytest.raises(FileExistsError, match="not a result"):
        save(result, tmp_path)
    assert precious.read_text() == "years of work"


def test_nothing_half_written_is_left(
    result: Result, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save(result, tmp_path)
    before = {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()}

    def stop(result: Result) -> Figure:
        raise KeyboardInterrupt

    monkeypatch.setitem(saving.PLOTS, "map", (stop, "a plot that does not end"))
    with pytest.raises(KeyboardInterrupt):
        save(result, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        save(replace(result, scenario="another"), tmp_path)
    assert list(tmp_path.iterdir()) == [saved]
    assert {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()} == before


def test_a_comparison_is_saved(comparison: Comparison, tmp_path: Path) -> None:
    saved = save_comparison(comparison, tmp_path)
    assert saved.name == "baseline-vs-faster-slower"
    differences = pd.read_parquet(saved / "differences.parquet")
    pd.testing.assert_frame_equal(differences, comparison.differences())
    assert json.loads((saved / "summary.json").read_text()) == comparison.to_json()
    assert (saved / "differences.png").is_file()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Save without the plots, which take the time."""
    monkeypatch.setattr(saving, "PLOTS", {})
    monkeypatch.setattr(saving, "COST_PLOTS", {})


# Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_progress_shows_only_on_a_terminal(
    stream: type[io.StringIO], shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = stream()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress("Baseline [2024]") as on_done:
        on_done(2, 3, 75.0)
    text = terminal.getvalue()
    assert bool(text) == shown
    if shown:
        assert "Baseline [2024]" in text
        assert "2/3" in text
        assert "1 min 15 s left" in text


def test_times_are_told_in_units_that_fit() -> None:
    assert [remaining(seconds) for seconds in (0.4, 59, 200, 7500)] == ["0 s", "59 s", "3 min 20 s", "2 h 5 min"]


def test_the_key_of_stages_has_room_for_all_modes(monkeypatch: pytest.MonkeyPatch, result: Result) -> None:
    kinds = cycle([*plots.MOVING, *plots.STANDING])
    monkeypatch.setattr(plots, "_kind", lambda stage: next(kinds))
    figure = plot_stages(result)
    figure.draw_without_rendering()
    (key,) = figure.legends
    assert [text.get_text() for text in key.get_texts()] == [*plots.MOVING, *plots.STANDING]
    assert key.get_window_extent().x1 < figure.bbox.x1


@pytest.mark.parametrize(
    ("maker", "folder", "told"),
    [
        ("sweep", "results/ships", "corridor sweep resume results/ships"),
        ("sweep", "my sweeps/ships", "corridor sweep resume 'my sweeps/ships'"),
        ("optimise", "results/optimise-ships", "corridor optimise 'my ships.yaml'"),
        ("optimise", "mine/optimise-ships", "corridor optimise 'my ships.yaml' --out mine"),
        ("sensitivity", "results/sensitivity-ships/screening", "corridor sensitivity 'my ships.yaml'"),
        ("sensitivity", "mine/sensitivity-ships/screening", "corridor sensitivity 'my ships.yaml' --out mine"),
    ],
)
def test_the_command_that_goes_on_names_its_folder(maker: str, folder: str, told: str) -> None:
    assert goes_on_with(maker, "my ships.yaml", Path(folder)) == told


def test_links_on_one_course_are_drawn_beside_each_other() -> None:
    way = "origin: west-port, destination: market, direction: west, cargo: swap, routes: {road: 1}"
    changes = [
        "links.road={between: [west-port, market], mode: road, distance: 500 km, speed: 50 km/h}",
        "services.cars={kind: individual, title: C, stops: {west-port: {}, market: {}}, mode: road, accepts: [swap]}",
        "routes.road={title: By road, via: [west-port, market]}",
        f"demand.more={{title: More, {way}, volume: 9000 TEU/a}}",
        "cargo.swap={title: Swap body, space: 1 TEU, teu: 1}",
        "run.length=20 d",
    ]
    small = Path(__file__).resolve().parents[1] / "user" / "small.yaml"
    figure = plot_map(sim.simulate(sim.load(small, set=changes), replications=1, workers=1))
    drawn = {line.get_color(): line for axes in figure.axes for line in axes.lines if line.get_zorder() == 4}
    road = drawn[MODES["road"]]
    rails = [line for axes in figure.axes for line in axes.lines if line.get_color() == MODES["rail"]]
    (rail,) = [line for line in rails if np.array_equal(line.get_xydata(), road.get_xydata())]
    apart = np.subtract(*(line.get_transform().transform(line.get_xydata()) for line in (rail, road)))
    points = np.hypot(*apart.T) * 72 / figure.dpi
    assert points == pytest.approx(np.full(2, (rail.get_linewidth() + road.get_linewidth()) / 2 + BESIDE))
