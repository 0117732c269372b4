"""Runs so short that no box is released in some replication, or in any: what is not known is told as unknown, with the
reason, and no command ends in a traceback."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from matplotlib.text import Text
from rich.console import Console

import sim
from sim.show.binding import plot_binding
from sim.show.evidence import evidence_table
from sim.study.evidence import Compared, Evidence, observed
from sim.study.statistics import estimate
from sim.sweeps.outcomes import why_unknown

Corridor = Callable[..., Result]
Written = Callable[[], list[str]]
SMALL = Path(__file__).with_name("small.yaml")
EMPTY = ("--set", "run.length=1 h", "--workers", 1)
SOME = ["run.length=40 h"]  # of three replications two have a box from the market around the sea
NO_BOX = "? unknown: there was no box in some replication"


def told(result: Result) -> str:
    """What a command printed, in one line."""
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run",), NO_BOX),
        (("compare", "small.yaml"), f"{NO_BOX}, or one of the scenarios has no such route or published time"),
        (("why",), NO_BOX),
        (("promise",), NO_BOX),
        (("binding", "--top", 1), "No box was released in the measured time: what one more would gain is unknown."),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else "",
)
def test_each_command_says_that_there_was_no_box(
    folder: Path, corridor: Corridor, words: tuple[object, ...], said: str
) -> None:
    (folder / "other.yaml").write_text("extends: small.yaml\ntitle: The same again\n", encoding="utf-8")
    assert said in told(corridor(*words, *(["other.yaml"] if "compare" in words else ["small.yaml"]), "-n", 2, *EMPTY))


@pytest.mark.parametrize(
    ("command", "rows", "figures"),
    [
        ("why", "steps", ("days", "low", "high")),
        ("promise", "promises", ("kept", "early", "worst_kept", "week_kept")),
        ("binding", "facilities", ("mean_wait_h",)),
    ],
)
def test_what_no_box_tells_is_null(
    corridor_json: Callable[..., Any],
    documented: Callable[[str, Any], None],
    command: str,
    rows: str,
    figures: tuple[str, ...],
) -> None:
    found = corridor_json(command, "small.yaml", "-n", 2, *EMPTY)
    documented(command, found)
    assert found[rows]
    assert {row[figure] for row in found[rows] for figure in figures} == {None}
    assert not found.get("gains")


def test_the_picture_of_no_gains_says_why() -> None:
    found = sim.binding(sim.load(SMALL, set=["run.length=1 h"]), replications=1, workers=1)
    drawn = [text.get_text() for text in plot_binding(found).findobj(Text)]
    assert any("No box was released in the measured time" in text for text in drawn)


def test_a_replication_without_a_box_makes_the_days_of_the_route_unknown() -> None:
    """No mean counts it with 0 days: neither free flow, nor causes and stages."""
    result = sim.why(sim.load(SMALL, set=SOME), replications=3, workers=1)
    boxes = result.frames["routes"].groupby(["flow", "route"])["boxes"]
    empty = {way for way, fewest in boxes.min().items() if fewest == 0}
    assert any(most > 0 for way, most in boxes.max().items() if way in empty)  # some of them had a box elsewhere
    assert set(boxes.groups) - empty
    for table in (result.causes(), result.stages(), result.waterfall().query("step in ('free flow', 'mean')")):
        for way, days in table.groupby(["flow", "route"])["days"]:
            assert days.isna().all() if way in empty else days.notna().all()
        assert set(table[["flow", "route"]].itertuples(index=False, name=None)) & empty
    drawn = [text.get_text() for text in result.plot_stages().findobj(Text)]
    assert sum("no box in some replication" in text for text in drawn) == len(empty)


@pytest.mark.parametrize("command", ["promise", "cost"])
def test_what_asks_for_a_flow_that_is_compared_says_so(corridor: Corridor, written: Written, command: str) -> None:
    alone = [word for flow in ("trade", "returns") for word in ("--set", f"demand.{flow}.compare=false")]
    found = corridor(command, "small.yaml", "-n", 1, *alone)
    assert found.exit_code == 2
    assert "no flow is compared" in found.output
    assert written() == []


@pytest.mark.parametrize(
    ("target", "changes", "count", "unknown"),
    [
        ("transit.p50", ["run.length=1 h"], 2, "no box was released in the measured time of some replication"),
        ("promise.late", ["run.length=1 h"], 2, "no box was released in the measured time of some replication"),
        ("transit.p90", ["run.length=20 d", "fleets.feeders.capacity=20 TEU"], 2, "boxes have not arrived"),
        ("transit.mean", ["run.length=20 d"], 1, "one replication has no interval"),
    ],
)
def test_a_target_that_is_not_known_says_why(
    corridor: Corridor, target: str, changes: list[str], count: int, unknown: str
) -> None:
    words = ["-n", count, "--max", count, "--until", f"{target}[trade/over] ± 5 {'%' if 'late' in target else 'd'}"]
    changed = [word for change in changes for word in ("--set", change)]
    shown = told(corridor("run", "small.yaml", *words, "--workers", 1, *changed))
    assert f"NOT REACHED, not known for trade/over: {unknown}" in shown


def test_a_wait_of_which_nothing_asked_is_unknown(corridor: Corridor, corridor_json: Callable[..., Any]) -> None:
    idle = ("run", "small.yaml", "-n", 2, *EMPTY)
    found = corridor_json(*idle)["facilities"]
    assert {row["mean_wait_h"] for row in found} == {None}
    assert {row["mean_queue"] for row in found} == {0}
    assert "? unknown: in some replication nothing asked for it" in told(corridor(*idle))
    busy = corridor_json("run", "small.yaml", "-n", 1, "--workers", 1)["facilities"]
    assert all(row["mean_wait_h"] is not None for row in busy)


NO_FLEET = """\
title: By timetable, then by truck
run: {start: 2024-03-01, warm_up: 5 d, length: 40 d, run_out: 20 d}
places:
  a: {name: Alpha, country: KZ, lat: 43, lon: 60}
  b: {name: Beta, country: KZ, lat: 43, lon: 70}
  c: {name: Gamma, country: KZ, lat: 45, lon: 75}
links:
  ab: {between: [a, b], mode: rail, gauge: 1520, distance: 800 km, speed: 40 km/h}
  bc: {between: [b, c], mode: road, distance: 400 km, speed: 50 km/h}
cargo: {box: {title: Box, space: 2 TEU, teu: 2}}
services:
  daily: {kind: timetable, title: Daily train, stops: {a: {}, b: {}}, every: 24 h, accepts: [box]}
  trucks: {kind: individual, title: Trucks, stops: {b: {}, c: {}}, accepts: [box]}
routes: {only: {title: Only, via: [b], promise: {low: 1 d, high: 2 d}}}
demand:
  f:
    {title: F, origin: a, destination: c, direction: east, cargo: box, volume: 900 TEU/a, routes: {only: 1},
     compare: true}
"""


def test_without_fleets_and_facilities_each_command_answers(corridor: Corridor, folder: Path) -> None:
    (folder / "plain.yaml").write_text(NO_FLEET, encoding="utf-8")
    (folder / "again.yaml").write_text("extends: plain.yaml\ntitle: Again\n", encoding="utf-8")
    for command in ("run", "why", "promise", "binding"):
        told(corridor(command, "plain.yaml", "-n", 2, "--workers", 1))
    assert "nan" not in told(corridor("compare", "plain.yaml", "again.yaml", "-n", 3, "--workers", 1))


def test_who_waits_for_a_link_beyond_the_end_has_waited_until_then(corridor_json: Callable[..., Any]) -> None:
    shut = "calendars.shut={closures: {all: {start: 2024-01-20, end: 2027-01-01}}}"
    words = ("run", "small.yaml", "-n", 1, "--workers", 1, "--set", shut, "--set", "links.hub-junction.calendar=shut")
    network = sim.load("small.yaml").model.run
    waits = [line["mean_wait_h"] for line in corridor_json(*words)["facilities"] if line["place"] == "hub-junction"]
    assert 24 < waits[0] < network.length + network.run_out


def test_a_sweep_without_any_box_has_no_failing_point(folder: Path, corridor: Corridor) -> None:
    (folder / "idle.yaml").write_text(
        """\
title: An hour
base: small.yaml
set: {run.length: 1 h}
factors: {depth: {path: "ports.*.depth", values: [5 m, 6 m]}}
design: {kind: grid}
replications: 1
outcomes: [transit.p50]
""",
        encoding="utf-8",
    )
    said = told(corridor("sweep", "idle.yaml", "--workers", 1))
    assert f"Unknown: {why_unknown('transit.p50')}." in said
    assert "One replication each: no intervals." in said
    figures = ("transit.p50[trade/over]", "wait[east-port/berth quay]")
    for figure, unit in zip(figures, ("d", "h"), strict=True):
        found = corridor("sweep", "discover", "idle", "--fails", f"{figure} > 5 {unit}")
        assert found.exit_code == 2
        assert f"{figure} is not known at any point: {why_unknown(figure)}" in found.output


def test_a_figure_of_the_evidence_that_is_unknown_is_not_outside() -> None:
    file = observed()
    one = file.figures["xian-baku"]
    unknown = Compared("xian-baku", one, file.sources[one.source], estimate([math.nan, 17.0]))
    console = Console(width=120, file=io.StringIO(), color_system=None)
    console.print(evidence_table(Evidence((unknown,), {one.case: file.cases[one.case]}, 2, (1,), "0", {})))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "unknown" in shown
    assert "OUTSIDE" not in shown


def test_a_network_that_compares_nothing_has_frames_with_columns() -> None:
    changes = ["demand.trade.compare=false", "demand.returns.compare=false"]
    result = sim.simulate(sim.load(SMALL, set=changes), replications=1, workers=1)
    for table in (result.route_costs(), result.promises(), result.summary(), result.causes(), result.break_even()):
        assert len(table) == 0
        assert len(table.columns)
