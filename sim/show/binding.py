"""Which facility holds the corridor up: tables and plot of what one more of each would gain."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.show.style import FOOT, HEAD, INK, PALE, PALETTE, WIDTH, Sheet
from sim.show.tables import NO_BOX, facilities_table, foot_of, number, plain_table
from sim.study.binding import Binding, fleets

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NOTHING = "No box was released in the measured time: what one more would gain is unknown."
LABELS, GAP, ROW = 3.2, 0.25, 0.28  # inches


def binding_table(binding: Binding) -> RenderableType:
    """Use, queues and waiting; then the gains, the largest first."""
    return Group(facilities_table(binding.result), Text(), _fleets_table(binding), Text(), _gains_table(binding))


def _gains_table(binding: Binding) -> RenderableType:
    result, count = binding.result, len(binding.gains)
    table = plain_table(
        Column("\nOne change"), Column("Waits now\ndays a box", justify="right"),
        Column("Gains in transit\ndays a box", justify="right"),
        Column("Gains in arrivals\nTEU a year", justify="right"),
        gap=3,
    )  # fmt: skip
    for row in binding.gains.to_dict("records"):
        table.add_row(
            Text(row["what"]),
            number(row["waiting_days"], ".2f"),
            _gain(row, "days", "+.2f"),
            _gain(row, "teu", "+,.0f"),
        )
    notes = [
        f"Paired with the scenario as it is, {len(result.replications)} replications each; ± is half the 95 % "
        f"interval{_corrected(count)}. Not separated: the interval holds zero."
    ]
    if not binding.boxes:
        notes = [NOTHING]
    if binding.gains["days"].isna().any():
        notes.append(NO_BOX)
    if binding.left_out:
        notes.append(f"{binding.left_out} changes with less waiting were not tried; --top tries more.")
    ways = ", ".join(f"{flow} by {route}" for flow, route in binding.ways)
    title = Text(f"What one more would gain: {result.title}", style="bold underline")
    remarks = [Text(f"\n{note}", "dim") for note in notes]
    return Group(title, Text(f"boxes of {ways}\n", style="dim"), table, *remarks, Text(), *foot_of(result))


def _corrected(changes: int) -> str:
    return f", corrected for {changes} changes" if changes > 1 else ""


def _fleets_table(binding: Binding) -> RenderableType:
    table = plain_table(
        Column("\nFleet", min_width=22), Column("Ve-\nhicles", justify="right"),
        Column("Voyages\none way", justify="right"),
        Column("Load\nout %", justify="right"), Column("Load\nback %", justify="right"),
        Column("Moves\n%", justify="right"), Column("Waits,\nberth %", justify="right"),
        Column("Waits,\ncargo %", justify="right"),
    )  # fmt: skip
    shares = ("load_factor_out", "load_factor_back", "share_moving", "share_waiting_berth", "share_waiting_cargo")
    for row in fleets(binding.result).to_dict("records"):
        table.add_row(
            Text(row["fleet"]),
            number(row["vehicles"], ".0f"),
            number(row["voyages_per_vehicle"], ".0f"),
            *(number(100 * row[name], ".0f") for name in shares),
        )
    heading = Text(f"Fleets: means of a vehicle over {binding.result.length_days:.0f} days\n", style="bold")
    return Group(heading, table)


def _gain(row: Mapping[Any, Any], name: str, form: str) -> Text:
    if math.isnan(row[name]):
        return Text("?")
    separated = row[f"{name}_separated"]
    text = Text(format(row[name] + 0.0, form), style="bold" if separated else "")
    if math.isfinite(row[f"{name}_high"]):
        text.append(f" ±{row[f'{name}_high'] - row[name]:{form.removeprefix('+')}}", style="dim")
    return text if separated else text.append("\nnot separated", style="dim italic")


def plot_binding(binding: Binding) -> Figure:
    """The gains of each change with their intervals: a forest plot."""
    rows = binding.gains.to_dict("records")
    sheet = Sheet(
        binding.result,
        "What one more would gain",
        NOTHING
        if not binding.boxes
        else f"Gain of each change with its 95 % interval{_corrected(len(rows))}. Hollow: not separated from zero.",
        HEAD + ROW * max(len(rows), 1) + 0.45 + FOOT,
    )
    across = (WIDTH - LABELS - 0.2) / 2 - GAP
    measures = (("days", "days faster, a box"), ("teu", "TEU a year more that arrive"))
    for column, (name, title) in enumerate(measures):
        height = ROW * max(len(rows), 1)
        axes = sheet.panel(LABELS + column * (across + GAP), FOOT + 0.45, across, height)
        axes.set_ylim(max(len(rows), 1), 0)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.grid(axis="x", color=PALE, linewidth=0.6)
        axes.set_xlabel(title, size=8.5, color=INK)
        axes.set_yticks([i + 0.5 for i in range(len(rows))], [row["what"] for row in rows], size=7.5)
        axes.tick_params(axis="y", length=0, labelleft=column == 0)
        axes.spines["left"].set_visible(False)
        for position, row in enumerate(rows):
            _forest(axes, position + 0.5, row, name)
    return sheet


def _forest(axes: Axes, y: float, row: Mapping[Any, Any], name: str) -> None:
    if math.isfinite(row[f"{name}_low"]):
        axes.plot([row[f"{name}_low"], row[f"{name}_high"]], [y, y], color=PALETTE[0], linewidth=1.4)
    face = PALETTE[0] if row[f"{name}_separated"] else "white"
    axes.plot(row[name], y, "o", color=PALETTE[0], markerfacecolor=face, markersize=4.5)
