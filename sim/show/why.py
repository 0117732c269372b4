"""The waterfall from the free-flow time to the mean and on to the P90: table and plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from matplotlib.patches import Patch
from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.show.style import FOOT, GREY, INK, PALE, PALETTE, WIDTH, Sheet
from sim.show.tables import NO_BOX, foot_of, heading_of, number, plain_table, span
from sim.study.why import ELSEWHERE, FREE, MEAN, P90, definition, waterfall

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.study import Atlas, Result

TOTALS = {FREE: "Free flow", MEAN: "Mean", P90: "P90"}
WORDS = {"documents": "customs and documents"}
MORE, LESS, TOTAL = PALETTE[1], PALETTE[0], PALETTE[6]
LABELS, FIGURES = 3.3, 1.25  # inches left and right of the bars
ROW, HEAD = 0.24, 1.55  # inches
TITLE_AT = (0.15 - LABELS) / (WIDTH - LABELS - FIGURES)  # of the width of the bars


def why_table(result: Result, flow: str | None = None, route: str | None = None) -> RenderableType:
    """One waterfall a flow and route, as a column of days."""
    steps = waterfall(result, flow, route)
    parts = heading_of(result)
    for (flow_id, route_id), own in steps.groupby(["flow", "route"], sort=False):
        table = plain_table(
            Column(""), Column("Days", justify="right"), Column("±", justify="right", style="dim"), gap=3
        )
        for row in own.to_dict("records"):
            total = row["step"] in TOTALS
            form = ".1f" if total else "+.2f"
            table.add_row(
                Text(label(result.atlas, row) if total else f"  {label(result.atlas, row)}", "bold" if total else ""),
                Text(number(row["days"], form), "bold" if total else ""),
                "" if math.isnan(row["high"]) else f"{row['high'] - row['days']:.2f}",
            )
        parts += [Text(heading(result, str(flow_id), str(route_id)), style="bold"), table, Text()]
    notes = [definition(), *([NO_BOX] if steps.loc[steps["step"] == MEAN, "days"].isna().any() else [])]
    return Group(*parts, *(Text(note, style="dim") for note in notes), *foot_of(result))


def plot_why(result: Result, flow: str, route: str) -> Figure:
    """The waterfall of one flow and route: bars from day to day, with 95 % intervals."""
    steps = waterfall(result, flow, route)
    rows = steps.to_dict("records")
    reading = ["Mean days a box. Each bar begins where the one above ends; its line: 95 % interval of its length."]
    sheet = Sheet(
        result,
        "Why so many days",
        "\n".join(reading + wrap(definition(), 125)),
        HEAD + ROW * len(rows) + 0.55 + FOOT,
    )
    axes = sheet.panel(LABELS, FOOT + 0.45, WIDTH - LABELS - FIGURES, ROW * len(rows))
    axes.set_ylim(len(rows), 0)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([i + 0.5 for i in range(len(rows))], [label(result.atlas, row) for row in rows], size=7.5)
    axes.tick_params(axis="y", length=0)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight("bold" if row["step"] in TOTALS else "normal")
    axes.set_title(heading(result, flow, route), size=9.5, weight="bold", color=INK, loc="left", x=TITLE_AT, pad=6)
    axes.set_xlim(0, _end(rows))
    axes.set_xlabel("days from release to arrival", size=8.5, color=INK)
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    _promised(axes, result, flow, route)
    at = 0.0
    for position, row in enumerate(rows):
        at = _bar(axes, position + 0.5, at, row)
    colours = {"sum": TOTAL, "adds days": MORE, "takes days away": LESS, "published time": PALE}
    used = {"published time"} if _promise(result, flow, route) else set()
    used |= {"sum", "adds days", *(["takes days away"] if (steps["days"] < 0).any() else [])}
    handles = [Patch(color=colour, label=name) for name, colour in colours.items() if name in used]
    sheet.legend(
        handles=handles, ncols=len(handles), loc="upper left", frameon=False, fontsize=8, handlelength=1.2,
        bbox_to_anchor=(0.15 / WIDTH, 1 - 1.0 / sheet.get_figheight()), borderaxespad=0,
    )  # fmt: skip
    return sheet


def heading(result: Result, flow: str, route: str) -> str:
    """The flow and its route by their names."""
    routes = result.frames["routes"]
    title = routes.loc[routes["flow"] == flow, "title"].iloc[0]
    return f"{title}, {result.atlas.route(route)}"


def label(atlas: Atlas, row: Mapping[Any, Any]) -> str:
    """A step in words: its cause and place."""
    if row["step"] in TOTALS:
        return TOTALS[row["step"]]
    cause = WORDS.get(row["cause"], row["cause"])
    if row["place"] == ELSEWHERE:
        return f"{cause}, elsewhere"
    return f"{cause}, {atlas.name(row['place'])}" if row["place"] else cause


def _bar(axes: Axes, y: float, at: float, row: Mapping[Any, Any]) -> float:
    """Draw a step from day `at`; returns where it ends."""
    total, days = row["step"] in TOTALS, row["days"]
    right = axes.get_yaxis_transform()
    if math.isnan(days):
        axes.text(1.02, y, "unknown", size=7.5, color=GREY, va="center", transform=right)
        return at
    begin, end = (0.0, days) if total else (at, at + days)
    colour = TOTAL if total else MORE if days >= 0 else LESS
    axes.barh(y, end - begin, 0.62, begin, color=colour, linewidth=0)
    text = f"{days:.1f}" if total else f"{days:+.2f}"
    if not math.isnan(row["high"]):
        half = row["high"] - days
        axes.plot([end - half, end + half], [y, y], color=INK, linewidth=0.9)
        text += f" ±{half:.1f}" if total else f" ±{half:.2f}"
    axes.text(1.02, y, text, size=7.5, color=INK, va="center", weight="bold" if total else "normal", transform=right)
    return float(end)


def _end(rows: Sequence[Mapping[Any, Any]]) -> float:
    """Where the axis ends: beyond the longest sum and the interval of its bars."""
    at, longest = 0.0, 1.0
    for row in rows:
        if math.isnan(row["days"]):
            continue
        at = row["days"] if row["step"] in TOTALS else at + row["days"]
        half = 0.0 if math.isnan(row["high"]) else row["high"] - row["days"]
        longest = max(longest, at + half)
    return 1.03 * longest


def _promise(result: Result, flow: str, route: str) -> tuple[float, float] | None:
    routes = result.frames["routes"]
    row = routes[(routes["flow"] == flow) & (routes["route"] == route)].iloc[0]
    low, high = float(row["promise_low"]), float(row["promise_high"])
    return (low, high) if span(low, high) else None


def _promised(axes: Axes, result: Result, flow: str, route: str) -> None:
    """The published days as a band behind the bars."""
    if promise := _promise(result, flow, route):
        axes.axvspan(*promise, color=PALE, alpha=0.7, linewidth=0, zorder=0)
