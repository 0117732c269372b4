"""How often the published time is kept, by flow and route and by week of release: table and plot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from sim.show.style import FOOT, HEAD, INK, PALE, WIDTH, Sheet, route_colours
from sim.show.tables import NO_BOX, foot_of, heading_of, number, pairs, plain_table, span
from sim.study.promise import PERIODS, kept_by, promises

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.study import Result

COLUMNS, PANEL, GAP = 2, 1.35, 0.75  # panels side by side; inches
MARKS = 7  # months that are named below a panel at most
READING = "Kept: the box arrives no later than the end of the published time; one that has not arrived has not kept it."


def promise_table(result: Result) -> RenderableType:
    """One row a flow and route with a published time, by pair of places."""
    promised = promises(result)
    parts = [*heading_of(result, "95 % intervals"), _table(show_header=True)]
    for pair, rows in pairs(result, promised):
        table = _table(show_header=False)
        for row in rows:
            table.add_row(
                Text(row["label"]),
                span(row["promise_low"], row["promise_high"]),
                _share(row, "kept"),
                number(100 * row["early"], ".0f"),
                Text("\n").join(_period(row, name) for name in PERIODS),
                Text("\n").join(_then(row, name) for name in PERIODS),
            )
        parts += [Text(f"\n{pair}", style="bold"), table]
    note = (
        "Worst month of release, and worst week by the date of its Monday: intervals hold for all months or weeks "
        "together; dim: not separated from the whole year."
    )
    notes = [f"\n{READING}\n{note}", *([NO_BOX] if promised["kept"].isna().any() else [])]
    return Group(*parts, *(Text(told, style="dim") for told in notes), *foot_of(result))


def _table(*, show_header: bool) -> Table:
    return plain_table(
        Column("\nRoute", width=26), Column("Promise\ndays", justify="right", width=7),
        Column("Kept\n%", justify="right", width=7), Column("Too\nearly %", justify="right", width=7),
        Column("Worst month\nand week", justify="right", width=11), Column("Kept\nthen %", justify="right", width=12),
        show_header=show_header,
    )  # fmt: skip


def plot_promise(result: Result) -> Figure:
    """The share of boxes that kept the promise by week of release, one panel a flow and route."""
    table = promises(result)
    entries = [(pair, row) for pair, rows in pairs(result, table) for row in rows]
    lines = math.ceil(len(entries) / COLUMNS)
    several = len(result.replications) > 1
    sheet = Sheet(
        result,
        "How many boxes keep the published time",
        "Share of the boxes released in each week that arrived no later than promised."
        + (" Line: mean over replications.\nBand: their 10th to 90th percentile." if several else "")
        + " Dashed: the share of the whole period.",
        HEAD + lines * (PANEL + GAP) + FOOT + 0.3,
    )
    colours = route_colours(result)
    across = (WIDTH - 1.5) / COLUMNS
    for position, (pair, row) in enumerate(entries):
        down = position // COLUMNS + 1
        left = 0.65 + position % COLUMNS * (across + 0.6)
        axes = sheet.panel(left, sheet.get_figheight() - HEAD - down * (PANEL + GAP) + 0.3, across, PANEL)
        weeks, shares = kept_by(result, row["flow"], row["route"], "W")
        colour = colours.get(row["route"], INK)
        _weeks(axes, 100 * shares, colour, several)
        axes.axhline(100 * row["kept"], color=INK, linewidth=0.8, linestyle="--")
        title = f"{pair} · {number(100 * row['kept'], '.0f')} % within {row['promise_high']:g} days"
        axes.set_title(f"{title}\n{fill(row['label'], 56)}", size=8, weight="bold", color=INK, loc="left", pad=5)
        starts = [i for i, week in enumerate(weeks) if i == 0 or week.end_time.month != weeks[i - 1].end_time.month]
        shown = starts[:: math.ceil(len(starts) / MARKS)]
        axes.set_xticks(shown, [f"{weeks[i].end_time:%b}" for i in shown])
        axes.tick_params(axis="x", labelsize=7.5)
        axes.set_ylabel("kept, %" if position % COLUMNS == 0 else "", size=8, color=INK)
        if position + COLUMNS >= len(entries):
            axes.set_xlabel("week of release", size=8.5, color=INK)
    return sheet


def _weeks(axes: Any, shares: np.ndarray, colour: str, several: bool) -> None:
    """The line of one panel, and its band; weeks without a box in any replication leave a gap."""
    known = np.isfinite(shares).any(axis=1)
    mean = np.full(len(shares), np.nan)
    mean[known] = np.nanmean(shares[known], axis=1)
    axes.plot(mean, color=colour, linewidth=1.4)
    if several and known.any():
        low, high = np.full((2, len(shares)), np.nan)
        low[known], high[known] = np.nanquantile(shares[known], (0.1, 0.9), axis=1)
        axes.fill_between(range(len(shares)), low, high, color=colour, alpha=0.2, linewidth=0)
    axes.set_ylim(-2, 102)
    axes.set_xlim(0, max(len(shares) - 1, 1))
    axes.grid(axis="y", color=PALE, linewidth=0.6)


def _share(row: Mapping[Any, Any], name: str) -> Text:
    """A share in %, and below it its interval."""
    text = Text(number(100 * row[name], ".0f"))
    return text.append(_interval(row, name, "\n{}"), style="dim")


def _period(row: Mapping[Any, Any], name: str) -> Text:
    """The month or week in which least is kept."""
    none = "none" if math.isfinite(row[f"{name}_kept"]) else "?"
    return Text(row[name] or none, "" if row[f"{name}_separated"] else "dim italic")


def _then(row: Mapping[Any, Any], name: str) -> Text:
    """The share that is kept then, with its interval."""
    if not row[name]:
        return Text()
    return Text(number(100 * row[f"{name}_kept"], ".0f")).append(_interval(row, name, " ({})"), style="dim")


def _interval(row: Mapping[Any, Any], name: str, form: str) -> str:
    low, high = (row[f"{name}_{end}"] for end in ("low", "high"))
    return form.format(f"{100 * low:.0f}–{100 * high:.0f}") if math.isfinite(low) else ""
