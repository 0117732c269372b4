"""Plots for reports: transit times, stages, use of facilities, queues at the ports, differences between scenarios.

Each takes a Result or Comparison and returns a matplotlib Figure, without pyplot and its state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import cycle
from textwrap import fill, wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.show.style import FOOT, GREY, HEAD, INK, MODES, PALE, PALETTE, WIDTH, Sheet, route_colours
from sim.show.tables import BUSY, at_least, number, of_route, pairs

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.study import Comparison, Result

LABELS = 2.2  # inches left of a panel for the names of its routes
TITLE = 0.36  # inches above it for the name of its pair
TICKS = 0.15  # inches below it for its days
STANDING = {"at ports": "#E69F00", "at borders, terminals, liner ports": "#CC79A7"}
MOVING = {f"by {mode}": colour for mode, colour in MODES.items()}
FACILITIES_SHOWN = 40
FOREST = {"mean": "mean, days", "p90": "P90, days", "share_within": "within promise, % points"}
LEGEND_COLUMNS = 3
COSTS = {
    "freight": "#0072B2",
    "charter": "#56B4E9",
    "port": "#E69F00",
    "storage": "#882255",
    "documents": "#CC79A7",
    "time value": "#BBBBBB",
}
LARGEST_KG = 700.0  # square points of the circle of the route that emits most
SMOOTHING_D = 7  # days of the moving average of the queues
THOUSANDS = "{x:,g}"  # numbers of an axis, as those in the plots and tables


def plot_transit(result: Result) -> Figure:
    """Distribution of the transit time of each route, one panel a pair, with the promised days."""
    transit = result.frames["transit"]
    panels = [(pair, [(0.52, entry) for entry in rows]) for pair, rows in pairs(result, result.summary())]
    sheet = Sheet(
        result,
        "How long the boxes are on the way",
        "Each curve: distribution of the transit time of all boxes, drawn to the same height. Dot: median.\n"
        "Bar: from the 10th to the 90th percentile. Band: the promised days.",
        HEAD + _stacked(panels) + FOOT,
    )
    colours = route_colours(result)
    for axes, rows in _stack(sheet, panels, name_at=0.36, right=2.05, label="transit time, days"):
        axes.set_xlim(0, _axis_end(transit))
        for top, entry in rows:
            _ridge(axes, top, entry, of_route(transit, entry), colours.get(entry["route"], INK))
    return sheet


def plot_stages(result: Result) -> Figure:
    """Mean days of each stage of the way, stacked, one bar a route."""
    stages, summary = result.stages(), result.summary()
    panels: Panels = []
    for pair, entries in pairs(result, summary):
        captions = [_caption(of_route(stages, entry)) for entry in entries]
        heights = [0.45 + 0.105 * len(lines) for lines in captions]
        told = [entry | {"caption": "\n".join(lines)} for entry, lines in zip(entries, captions, strict=True)]
        panels.append((pair, list(zip(heights, told, strict=True))))
    sheet = Sheet(
        result,
        "Where the time goes",
        "Mean days per box, stage by stage; below each bar those of its stages in order. " + _so_far(summary),
        HEAD + _stacked(panels) + FOOT,
    )
    longest = float(np.nan_to_num(stages.groupby(["flow", "route"])["days"].sum().max())) or 1.0  # no box, no days
    colours = MOVING | STANDING
    shown: set[str] = set()
    for axes, rows in _stack(sheet, panels, name_at=0.2, right=0.3, label="mean transit time, days"):
        axes.set_xlim(0, 1.08 * longest)
        for top, entry in rows:
            if not math.isfinite(entry["mean"]):
                axes.text(0, top + 0.2, _unknown("no box in some replication"), size=7.5, color=GREY, va="center")
                continue
            own = of_route(stages, entry)
            kinds = [_kind(stage) for stage in own["stage"]]
            shown |= set(kinds)
            _bar(axes, top + 0.2, 0.26, own["days"].to_numpy(), [colours[kind] for kind in kinds], at_least(entry))
            axes.text(0, top + 0.37, entry["caption"], size=6.5, color=GREY, va="top", linespacing=1.15)
    sheet.key([Patch(color=colour, label=kind) for kind, colour in colours.items() if kind in shown], 0.15)
    return sheet


def plot_facilities(result: Result) -> Figure:
    """Use of each facility over the year: weekly means, the most used ones first."""
    names, weeks = _weekly(result, "utilisation")
    if weeks.empty:
        return Sheet(result, "How much the facilities are used", "There is none that could be full.", HEAD + FOOT)
    use = result.facilities().set_index(["place", "facility"])["utilisation"]
    use = use.sort_values(ascending=False, kind="stable")
    shown = weeks.loc[use.index[:FACILITIES_SHOWN]]
    left_out = len(weeks) - len(shown)
    left = 0.25 + 0.06 * max(len(names[key]) for key in shown.index)
    height = 0.2 * len(shown)
    sheet = Sheet(
        result,
        "How much the facilities are used",
        f"Weekly mean utilisation, by falling mean of the whole period (right, %; bold from {100 * BUSY:.0f} % on)."
        + (f" The {left_out} least used ones are left out." if left_out else ""),
        HEAD + height + 0.4 + FOOT,
    )
    axes = sheet.panel(left, FOOT + 0.35, WIDTH - left - 1.3, height)
    image = axes.pcolormesh(
        np.arange(shown.shape[1] + 1),
        np.arange(len(shown) + 1),
        100 * shown.to_numpy(),
        cmap="YlOrBr",
        vmin=0,
        vmax=100,
    )
    image.set_edgecolor("face")
    axes.invert_yaxis()
    axes.set_yticks(np.arange(len(shown)) + 0.5, [names[key] for key in shown.index], size=7.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    for position, mean in enumerate(use[:FACILITIES_SHOWN]):
        weight = "bold" if mean >= BUSY else "normal"
        axes.annotate(
            f"{100 * mean:.0f}",
            (1, position + 0.5),
            (6, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            annotation_clip=False,
            size=7.5,
            va="center",
            weight=weight,
        )
    _months(axes, result.frames["facility_days"]["date"], days_a_unit=7)
    bar = sheet.panel(WIDTH - 0.8, FOOT + 0.35 + max(0.0, height - 2.5), 0.14, min(2.5, height))
    sheet.colorbar(image, cax=bar).set_label("utilisation, %", size=8.5)
    return sheet


def plot_queues(result: Result) -> Figure:
    """Ships and trains that wait at the ports over the year, one panel a port, one line a kind of berth."""
    days, use = result.frames["facility_days"], result.facilities()
    berths = use[(use["kind"] == "berth") & use["place"].isin(result.atlas.ports())]
    keys: list[tuple[str, str]] = list(zip(berths["place"], berths["facility"], strict=True))
    lines = {key: _smooth(days, *key) for key in keys}
    ports = list(berths["place"].unique())
    several = len(result.replications) > 1
    most = max((len(berths[berths["place"] == port]) for port in ports), default=0)
    each, gap, columns = 1.5, 0.47 + 0.13 * math.ceil(most / LEGEND_COLUMNS), 2
    rows = math.ceil(len(ports) / columns)
    sheet = Sheet(
        result,
        "How many ships and trains wait at the ports",
        f"Waiting for a berth or track, moving average over {SMOOTHING_D} days."
        + (" Line: mean over replications. Band: their 10th to 90th percentile." if several else ""),
        HEAD + rows * (each + gap) + FOOT + 0.2,
    )
    highest = max((float(np.quantile(line, 0.9, axis=1).max()) for line in lines.values()), default=1.0)
    across = (WIDTH - 1.5) / columns
    for position, port in enumerate(ports):
        left = 0.6 + position % columns * (across + 0.6)
        down = position // columns + 1
        axes = sheet.panel(left, sheet.get_figheight() - HEAD - down * (each + gap) + 0.25, across, each)
        axes.set_ylim(0, max(1.0, 1.05 * highest))
        axes.set_title(result.atlas.name(port), size=9.5, weight="bold", color=INK, loc="left", pad=6)
        axes.set_ylabel("ships or trains", size=8, color=INK)
        axes.grid(axis="y", color=PALE, linewidth=0.6)
        own = [(facility, line) for (place, facility), line in lines.items() if place == port]
        for (facility, line), colour in zip(own, cycle(PALETTE), strict=False):
            axes.plot(line.mean(axis=1), color=colour, linewidth=1.4, label=facility.removeprefix("berth "))
            if several:
                band = np.quantile(line, (0.1, 0.9), axis=1)
                axes.fill_between(range(len(line)), *band, color=colour, alpha=0.2, linewidth=0)
        _months(axes, days["date"], days_a_unit=1, label=position + columns >= len(ports))
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 0.99), ncols=LEGEND_COLUMNS, frameon=False, fontsize=7.5,
            handlelength=1, handletextpad=0.4, columnspacing=1, borderaxespad=0,
        )  # fmt: skip
    return sheet


def plot_differences(comparison: Comparison) -> Figure:
    """Each other scenario minus the first one, with intervals: a forest plot."""
    base, differences = comparison.base, comparison.differences()
    others = comparison.results[1:]
    rows = [
        (f"{pair}\n{fill(entry['label'], 40)}", entry)
        for pair, entries in pairs(base, differences.drop_duplicates(["flow", "route"]))
        for entry in entries
    ]
    row, left, gap = 0.25 + 0.12 * len(others), 2.5, 0.2
    across = (WIDTH - left - 0.2) / len(FOREST) - gap
    corrected = f", corrected for {len(others)} comparisons" if len(others) > 1 else ""
    sheet = Sheet(
        base,
        f"What changes against: {base.title}",
        f"Difference of the paired replications with its 95 % interval{corrected}. Hollow: not separated from zero.",
        HEAD + 0.2 + row * len(rows) + 0.45 + FOOT,
    )
    ends = differences[differences["measure"].isin(["mean", "p90"])][["low", "high", "difference"]].abs().max().max()
    for column, (measure, title) in enumerate(FOREST.items()):
        axes = sheet.panel(left + column * (across + gap), FOOT + 0.45, across, row * len(rows))
        axes.set_ylim(len(rows), 0)
        if measure != "share_within" and ends > 0:
            axes.set_xlim(-1.1 * ends, 1.1 * ends)
        axes.axvline(0, color=INK, linewidth=0.8)
        axes.grid(axis="x", color=PALE, linewidth=0.6)
        axes.set_xlabel(title, size=8.5, color=INK)
        axes.set_yticks(np.arange(len(rows)) + 0.5, [label for label, _ in rows], size=7.5)
        axes.tick_params(axis="y", length=0, labelleft=column == 0)
        axes.spines["left"].set_visible(False)
        for position, (_, entry) in enumerate(rows):
            if position % 2:
                axes.axhspan(position, position + 1, color="#F5F5F5", linewidth=0, zorder=0)
            own = of_route(differences[differences["measure"] == measure], entry).to_dict("records")
            for place, (found, colour) in enumerate(zip(own, cycle(PALETTE), strict=False), 1):
                scale = 100 if measure == "share_within" else 1
                _forest(axes, position + place / (len(others) + 1), found, scale, colour)
    colours = zip(others, cycle(PALETTE), strict=False)
    sheet.key([Line2D([], [], color=colour, marker="o", label=other.title) for other, colour in colours], 0.15)
    return sheet


def plot_costs(result: Result) -> Figure:
    """What a TEU pays by kind, and what its time is worth, stacked, one bar a route."""
    costs = result.route_costs()
    panels = _rows_of_routes(result, costs, 0.42)
    sheet = Sheet(
        result,
        "What it costs",
        "USD a TEU by kind. Bold: the generalised cost, which has the value of time in it. Dark line: its 95 % "
        "interval.\nBelow: what is paid. " + _so_far(costs),
        HEAD + _stacked(panels) + FOOT,
    )
    longest, highest = (float(np.nan_to_num(costs[each].max())) for each in ("generalised", "generalised_high"))
    limit = min(1.06 * max(longest, highest), 1.6 * longest) or 1.0  # an interval of two runs may be as wide as a year
    for axes, rows in _stack(sheet, panels, name_at=0.21, right=0.62, label="USD a TEU"):
        axes.set_xlim(0, limit)
        for top, entry in rows:
            if math.isfinite(entry["cost"]):
                axes.text(0, top + 0.29, f"paid {entry['cost']:,.0f}", size=6.5, color=GREY, va="top")
            if not math.isfinite(entry["generalised"]):
                axes.text(0, top + 0.15, _unknown(entry["cost_unknown"]), size=7.5, color=GREY, va="center")
                continue
            parts, end = np.array([entry[kind] for kind in COSTS]), np.nan_to_num(entry["generalised_high"])
            colours = list(COSTS.values())
            _bar(axes, top + 0.15, 0.24, parts, colours, at_least(entry), ",.0f", min(float(end), limit))
            if math.isfinite(entry["generalised_low"]):
                ends = [entry["generalised_low"], entry["generalised_high"]]
                axes.plot(ends, [top + 0.15] * 2, color=INK, linewidth=1)
    met = [kind for kind in COSTS if (costs[kind] > 0).any()]
    sheet.key([Patch(color=COSTS[kind], label=kind) for kind in met], LABELS)
    return sheet


def plot_emissions(result: Result) -> Figure:
    """Greenhouse gases of a TEU by leg and hub, stacked, one bar a route."""
    gases, costs = result.emissions(), result.route_costs()
    panels = _rows_of_routes(result, costs, 0.52)
    sheet = Sheet(
        result,
        "What it emits",
        "kg CO2e a TEU, well-to-wheel, leg by leg along the way. Dark line: tank-to-wheel. "
        "Below: well-to-wheel a t km.",
        HEAD + _stacked(panels) + FOOT,
    )
    longest = float(costs["wtw"].max())
    colours = MOVING | STANDING
    shown: set[str] = set()
    for axes, rows in _stack(sheet, panels, name_at=0.24, right=0.5, label="kg CO2e a TEU"):
        axes.set_xlim(0, 1.06 * longest if longest > 0 else 1)
        for top, entry in rows:
            if not math.isfinite(entry["wtw"]):
                axes.text(0, top + 0.2, _unknown(entry["emissions_unknown"]), size=7.5, color=GREY, va="center")
                continue
            own = of_route(gases, entry).groupby(["order", "stage"])["wtw"].sum()
            kinds = [_kind(stage) for _, stage in own.index]
            shown |= set(kinds)
            _bar(axes, top + 0.15, 0.22, own.to_numpy(), [colours[kind] for kind in kinds], form=",.0f")
            axes.plot([0, entry["ttw"]], [top + 0.29] * 2, color=INK, linewidth=2, solid_capstyle="butt")
            axes.text(0, top + 0.33, f"{entry['wtw_g_tkm']:.1f} g/(t km)", size=6.5, color=GREY, va="top")
    handles: list[Artist] = [Patch(color=colour, label=kind) for kind, colour in colours.items() if kind in shown]
    sheet.key([*handles, Line2D([], [], color=INK, linewidth=2, label="tank-to-wheel")], LABELS - 1.4)
    return sheet


def plot_trade_off(result: Result) -> Figure:
    """Days against USD, with the greenhouse gases as size, one panel a pair of places with several routes."""
    costs = result.route_costs()
    known = costs[costs[["days", "cost", "wtw"]].notna().all(axis=1)]
    panels = [(pair, entries) for pair, entries in pairs(result, known) if len(entries) > 1]
    columns, each, gap = 2, 2.6, 0.75
    lines = math.ceil(len(panels) / columns)
    colours = route_colours(result)
    shown = [route for route in result.atlas.routes if any(route == e["route"] for _, es in panels for e in es)]
    left_out = f" Left out, as unknown: {len(costs) - len(known)} of {len(costs)}." if len(known) < len(costs) else ""
    key = 0.2 * math.ceil(len(shown) / columns) + 0.15
    sheet = Sheet(
        result,
        "Days against USD",
        "Mean days and what is paid for a TEU, by route, with the interval of the days. Area, and figures: kg CO2e "
        "a TEU,\nwell-to-wheel. Grey lines: the same generalised cost. A route below and left of another is better "
        f"in both.{left_out}",
        HEAD + key + lines * (each + gap) + FOOT,
    )
    across = (WIDTH - 1.6) / columns
    most = float(known["wtw"].max()) if len(known) else 1.0
    for position, (pair, entries) in enumerate(panels):
        down = position // columns + 1
        left = 0.7 + position % columns * (across + 0.7)
        axes = sheet.panel(left, sheet.get_figheight() - HEAD - key - down * (each + gap) + 0.5, across, each)
        axes.set_title(pair, size=9.5, weight="bold", color=INK, loc="left", pad=6)
        axes.grid(color=PALE, linewidth=0.4)
        axes.set_xlim(0, 1.3 * known["days"].max())
        axes.set_ylim(0, 1.25 * known["cost"].max())
        _level_lines(axes, entries)
        for entry in sorted(entries, key=lambda entry: -entry["wtw"]):
            colour, spot = colours[entry["route"]], (entry["days"], entry["cost"])
            axes.scatter(*spot, LARGEST_KG * entry["wtw"] / most, colour, alpha=0.35, linewidth=0)
            axes.plot(*spot, ">" if at_least(entry) else "o", color=colour, markersize=4 if at_least(entry) else 3.5)
            if math.isfinite(entry["days_low"]):
                axes.plot([entry["days_low"], entry["days_high"]], [entry["cost"]] * 2, color=colour, linewidth=1.4)
        for line, entry in enumerate(entries):
            axes.text(
                0.99, 0.98 - 0.075 * line, f"{entry['wtw']:,.0f} kg", size=7.5, ha="right", va="top", weight="bold",
                color=colours[entry["route"]], transform=axes.transAxes,
                bbox={"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 0.5},
            )  # fmt: skip
        bounds = "; ▸: at least" if any(map(at_least, entries)) else ""
        axes.set_xlabel(f"mean transit time, days{bounds}", size=8, color=INK)
        axes.set_ylabel("USD a TEU", size=8, color=INK)
        axes.yaxis.set_major_formatter(THOUSANDS)
    handles = [
        Line2D([], [], color=colours[route], marker="o", linestyle="", label=result.atlas.route(route))
        for route in shown
    ]
    sheet.legend(
        handles=handles, ncols=columns, loc="upper left", frameon=False, fontsize=8, borderaxespad=0,
        bbox_to_anchor=(0.15 / WIDTH, 1 - (HEAD - 0.05) / sheet.get_figheight()),
    )  # fmt: skip
    return sheet


def _rows_of_routes(result: Result, costs: pd.DataFrame, height: float) -> Panels:
    """One row of the same height a route, one panel a pair of places."""
    return [(pair, [(height, entry) for entry in entries]) for pair, entries in pairs(result, costs)]


def _unknown(reason: str) -> str:
    """What stands in the place of a bar."""
    return fill(f" unknown: {reason}", 115, subsequent_indent=" ")


def _level_lines(axes: Axes, entries: list[dict[Any, Any]]) -> None:
    """Lines on which what is paid and the value of time add up to the same."""
    slope = entries[0]["time value"] / entries[0]["days"]
    days = np.array(axes.get_xlim())
    if not math.isfinite(slope) or slope == 0:
        return
    for level in np.linspace(0, axes.get_ylim()[1] + slope * days[1], 9)[1:-1]:
        axes.plot(days, level - slope * days, color=PALE, linewidth=0.7, linestyle="--", zorder=0)


Row = tuple[float, dict[Any, Any]]  # inches, and what is known of the flow and route
Panels = list[tuple[str, list[Row]]]


def _stacked(panels: Panels) -> float:
    """Inches that the panels of `_stack` take."""
    return sum(TITLE + sum(height for height, _ in rows) + TICKS for _, rows in panels) + 0.3


def _stack(
    sheet: Sheet, panels: Panels, *, name_at: float, right: float, label: str
) -> Iterator[tuple[Axes, list[Row]]]:
    """One panel a pair below the other, and the rows of each with their tops.

    y counts inches down from the top of the panel. Routes are named `name_at` inches below the top of their row.
    """
    down, across = sheet.get_figheight() - HEAD, WIDTH - LABELS - right
    for pair, rows in panels:
        edges = np.concatenate([[0.0], np.cumsum([height for height, _ in rows])])
        down -= TITLE + edges[-1]
        last = pair == panels[-1][0]
        axes = sheet.panel(LABELS, down, across, edges[-1])
        axes.set_ylim(edges[-1], 0)
        axes.set_title(pair, size=9.5, weight="bold", color=INK, loc="left", x=(0.15 - LABELS) / across, pad=4)
        axes.set_yticks(edges[:-1] + name_at, [fill(entry["label"], 30) for _, entry in rows])
        axes.tick_params(length=0)
        axes.tick_params(axis="x", labelsize=7, labelcolor=GREY)
        axes.xaxis.set_major_formatter(THOUSANDS)
        axes.grid(axis="x", color=PALE, linewidth=0.6)
        axes.spines[:].set_visible(False)
        if last:
            axes.set_xlabel(label, size=8.5, color=INK)
        yield axes, [(top, entry) for top, (_, entry) in zip(edges, rows, strict=False)]
        down -= TICKS


def _axis_end(transit: pd.DataFrame) -> float:
    """Days until which all but a hundredth of the boxes of every route have arrived, rounded up to tens."""
    ends = [10.0]
    for _, group in transit.groupby(["flow", "route"]):
        boxes = group.groupby("day")["boxes"].sum().cumsum()
        ends.append(float(boxes.index[boxes >= 0.99 * boxes.iloc[-1]][0]))
    return 10 * math.ceil((max(ends) + 1) / 10)


def _ridge(axes: Axes, top: float, entry: Mapping[Any, Any], transit: pd.DataFrame, colour: str) -> None:
    """One route: its promise, its distribution in bins of a day, its percentiles, and what they are in figures."""
    foot, line = top + 0.41, top + 0.47
    if math.isfinite(entry["promise_low"]):
        promise = [entry["promise_low"], entry["promise_high"]]
        axes.fill_between(promise, top + 0.01, top + 0.51, color=colour, alpha=0.16, linewidth=0)
    if len(transit):
        boxes = transit.groupby(np.floor(transit["day"]))["boxes"].sum()
        edges = np.arange(boxes.index.min(), boxes.index.max() + 2)
        curve = boxes.reindex(edges, fill_value=0).to_numpy() / boxes.max()
        axes.fill_between(edges, foot, foot - 0.37 * curve, step="post", color=colour, alpha=0.75, linewidth=0)
    known = math.isfinite(entry["p50"])
    if math.isfinite(entry["p10"]):
        end = entry["p90"] if math.isfinite(entry["p90"]) else axes.get_xlim()[1]
        axes.plot([entry["p10"], end], [line, line], color=colour, linewidth=2, solid_capstyle="butt")
    if known:
        axes.plot(entry["p50"], line, "o", color=colour, markersize=5, markeredgecolor="white")
    figures = f"median {entry['p50']:.0f} days" if known else "median unknown"
    if math.isfinite(entry["promise_low"]):
        within, late = (number(100 * entry[share], ".0f") for share in ("share_within", "share_late"))
        figures += f"\n{within} % as promised, {late} % later"
    if entry["unfinished"] >= 0.5:
        figures += f"\n{entry['unfinished']:,.0f} of {entry['boxes']:,.0f} boxes not arrived"
    axes.text(1.02, top + 0.29, figures, size=7.5, color=INK, va="center", transform=axes.get_yaxis_transform())


def _so_far(routes: pd.DataFrame) -> str:
    """What the mark of a lower bound means, if there is one."""
    return "≥: with the days so far of boxes that had not arrived." if (routes["unfinished"] > 0).any() else ""


def _bar(
    axes: Axes,
    y: float,
    height: float,
    parts: np.ndarray,
    colours: list[str],
    bound: str = "",
    form: str = ".1f",
    beyond: float = 0.0,
) -> None:
    """Stacked from left to right, with the sum at its end, or `beyond` it. bound: stands before it."""
    starts = np.concatenate([[0.0], np.cumsum(parts)])
    axes.barh(np.full(len(parts), y), parts, height, starts[:-1], color=colours, edgecolor="white", linewidth=0.8)
    axes.text(
        max(starts[-1], beyond), y, f" {bound}{starts[-1]:{form}}", size=8.5, weight="bold", color=INK, va="center"
    )


def _caption(stages: pd.DataFrame) -> list[str]:
    """The stages with their days, in lines; a stage is not broken, and none is told that rounds to nothing."""
    told = stages[stages["days"] >= 0.05]
    words = [f"{row.stage} {row.days:.1f}".replace(" ", "\u00a0") for row in told.itertuples()]
    return wrap("\u00a0· ".join(words), 138, break_long_words=False, break_on_hyphens=False)


def _kind(stage: str) -> str:
    """A stage is named "rail A–B" while moving, and by its place where it stands."""
    mode = f"by {stage.split()[0]}"
    if mode in MOVING:
        return mode
    return "at ports" if "port" in stage.split() else "at borders, terminals, liner ports"


def _weekly(result: Result, column: str) -> tuple[dict[tuple[str, str], str], pd.DataFrame]:
    """Names of the facilities, and the mean of `column` over replications by facility and week of the run."""
    days = result.frames["facility_days"]
    dates = pd.to_datetime(days["date"])
    week = ((dates - dates.min()).dt.days // 7).rename("week")
    table = days.groupby(["place", "facility", week], sort=False)[column].mean().unstack("week")
    return {key: f"{result.atlas.name(key[0])} · {key[1]}" for key in table.index}, table


def _smooth(days: pd.DataFrame, place: str, facility: str) -> np.ndarray:
    """The queue of one facility, shape (days, replications), as a moving average."""
    own = days[(days["place"] == place) & (days["facility"] == facility)]
    table = own.pivot(index="date", columns="replication", values="queue").sort_index()
    return table.rolling(SMOOTHING_D, center=True, min_periods=1).mean().to_numpy()


def _months(axes: Axes, dates: pd.Series[Any], *, days_a_unit: int, label: bool = True) -> None:
    """Name the months on an axis that counts units of days from the first date."""
    first, last = pd.Timestamp(dates.min()), pd.Timestamp(dates.max())
    starts = [start for start in pd.date_range(first.replace(day=1), last, freq="MS") if start >= first]
    axes.set_xticks([(start - first).days / days_a_unit for start in starts], [f"{start:%b}" for start in starts])
    axes.set_xlim(0, ((last - first).days + 1) / days_a_unit)
    axes.tick_params(axis="x", labelsize=7.5)
    if label:
        axes.set_xlabel(f"months, {first:%B %Y} to {last:%B %Y}", size=8.5, color=INK)


def _forest(axes: Axes, y: float, row: Mapping[Any, Any], scale: float, colour: str) -> None:
    if not math.isfinite(row["difference"]):
        axes.text(0, y, " unknown", size=7, color=GREY, va="center")
        return
    if math.isfinite(row["low"]):
        axes.plot([scale * row["low"], scale * row["high"]], [y, y], color=colour, linewidth=1.4)
    face = colour if row["separated"] else "white"
    axes.plot(scale * row["difference"], y, "o", color=colour, markerfacecolor=face, markersize=4.5)
