"""Plots of a sweep: response over each factor, heat map over two, tornado, and the trade-off with its efficient set.

Each takes a SweepResult and returns a matplotlib Figure, without pyplot and its state.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from textwrap import shorten, wrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.show.sensitivity import EFFECTS_READING, SHARES_READING, plot_indices
from sim.show.style import FOOT, GREY, HEAD, INK, PALE, PALETTE, WIDTH, Sheet
from sim.show.sweeps import OUTCOMES_SHOWN, told
from sim.study import BadStudyError
from sim.study.replicate import counted
from sim.sweeps.effects import Axis, Effect, Interval, Samples, axes, effects, efficient, influence, level_text, samples
from sim.sweeps.outcomes import FIGURES, ROUTE_FIGURES, unit_of, why_unknown
from sim.sweeps.sensitivity import KINDS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from sim.sweeps import SweepResult

PAIRS_SHOWN = 3  # heat maps of one outcome
PANELS_SHOWN = 12  # factors in the responses of one outcome
BARS_SHOWN = 24  # factors in a tornado
LINES_SHOWN = 6  # lines of one response
MANY = 500  # points from which on they are a picture, and not a shape each, in an SVG
CROWD = 9  # pixels within which two numbers would lie over each other
LISTED = 14  # points of the efficient set that are named
KEPT = 90.0  # % of the boxes within the published time: then the promise counts as kept
MARKERS = "osD^vP"
DOTS = "#9A9A9A"
READING = 124  # letters of a line below the title
LETTER = 0.066  # inches that a letter of the smallest text takes at most
KEY = 0.88  # inches from the top to the legend, below two lines of reading


class Plot(NamedTuple):
    """A figure with the name of its file and how to read it."""

    stem: str
    caption: str
    figure: Figure


class AllThree(NamedTuple):
    """Days, USD and CO2e of a way: the figure of the days, the three outcomes, the estimates of each by point, and
    which points have all."""

    days: str
    names: list[str]
    estimates: dict[str, pd.DataFrame]
    kept: NDArray[np.bool_]


def plots(result: SweepResult) -> Iterator[Plot]:
    """All plots that a sweep allows, of its first outcomes.

    Of a Morris or Sobol design its indices: their points come in rows of which each differs from the next in one factor
    only, so that a mean over points is that of few rows, whatever the factor.
    """
    if result.design in KINDS:
        reading = EFFECTS_READING if result.design == "morris" else SHARES_READING
        if len(result.runs):
            yield Plot("indices", reading, plot_indices(result))
        yield from _trade_offs(result)
        return
    factors = axes(result)
    for outcome in result.outcomes[:OUTCOMES_SHOWN]:
        if not factors or not samples(result, outcome).run.any():
            continue
        named, slug = result.title_of(outcome), _slug(outcome)
        yield Plot(
            f"response-{slug}",
            f"{named}, over each factor. {_response_reading(result, outcome)}",
            plot_response(result, outcome),
        )
        for first, second in pairs(result, outcome)[:PAIRS_SHOWN]:
            yield Plot(
                f"heat-map-{slug}-{first.name}-{second.name}",
                f"{named}, over {first.label} and {second.label}. Each cell: mean ± half of its 95 % interval"
                f"{_averaged(factors, (first, second))}. {_kept(result, outcome, first, second)[1]}",
                plot_heat_map(result, outcome, first.name, second.name),
            )
        if result.design != "list":
            yield Plot(
                f"tornado-{slug}",
                f"{named}: how it changes from the low to the high end of each factor. "
                f"{_tornado_reading(result, outcome)}",
                plot_tornado(result, outcome),
            )
    yield from _trade_offs(result)


def _trade_offs(result: SweepResult) -> Iterator[Plot]:
    for way, found in _all_three(result, ways(result)).items():
        if found is not None:
            sheet = _trade_off(result, way, found)
            yield Plot(f"trade-off-{_slug(way)}", f"{result.title_of_way(way)}. {TRADE_OFF}", sheet)


def plot_response(result: SweepResult, outcome: str | None = None) -> Figure:
    """An outcome over each factor, one panel a factor. Raises BadStudyError if nothing was varied."""
    outcome, factors = _asked(result, outcome)
    table, every = samples(result, outcome), factors
    if len(every) > PANELS_SHOWN:
        largest = {effect.axis.name for effect in effects(result, outcome)[:PANELS_SHOWN]}
        factors = [axis for axis in every if axis.name in largest]
    columns, each, gap = min(2, len(factors)), 2.3, 0.95 if table.grid and len(factors) > 1 else 0.6
    rows = math.ceil(len(factors) / columns)
    sheet = _sheet(
        result, _title(result, outcome), _response_reading(result, outcome), HEAD + rows * (each + gap) + FOOT + 0.1
    )
    across = (WIDTH - 0.9 * columns) / columns
    low, high = _span(table)
    promise = _promise(result, outcome)
    if promise is not None:
        low, high = min(low, promise), max(high, promise)
    for position, axis in enumerate(factors):
        left = 0.7 + position % columns * (across + 0.8)
        bottom = sheet.get_figheight() - HEAD - (position // columns + 1) * (each + gap) + 0.45
        panel = sheet.panel(left, bottom, across, each)
        panel.set_ylim(low - 0.06 * (high - low or 1), high + 0.1 * (high - low or 1))
        panel.grid(axis="y", color=PALE, linewidth=0.6)
        panel.set_xlabel(axis.label, size=8.5, color=INK)
        panel.set_ylabel(_short(outcome), size=8, color=INK)
        if promise is not None:
            panel.axhline(promise, color=GREY, linewidth=1, linestyle="--", zorder=1)
        _ticks(panel, axis, result.design == "grid")
        _lines(panel, table, axis, _other(table, axis, every))
    return sheet


def plot_heat_map(
    result: SweepResult, outcome: str | None = None, across: str | None = None, up: str | None = None
) -> Figure:
    """An outcome over two factors of a grid, with the line where the promise is kept.

    `across` and `up` are names of factors; none: the two with the largest effects. Raises BadStudyError if there are no
    two.
    """
    outcome, factors = _asked(result, outcome)
    known = {axis.name: axis for axis in factors}
    found = pairs(result, outcome)
    if not found:
        raise BadStudyError("a heat map takes a grid of two factors")
    first, second = (known.get(across or ""), known.get(up or "")) if across or up else found[0]
    if first is None or second is None or first == second:
        raise BadStudyError(f"{across} and {up} are not two of the factors; there are: {', '.join(known)}")
    means = _cells(samples(result, outcome), first, second)
    values = np.array([[cell.value for cell in row] for row in means])
    height = max(1.6, 0.52 * len(second.parts))
    mark, reading = _kept(result, outcome, first, second)
    sheet = _sheet(
        result, _title(result, outcome),
        f"Mean ± half of its 95 % interval{_averaged(factors, (first, second))}. Grey: unknown, "
        f"{why_unknown(outcome)}.\n{reading}",
        HEAD + (0.35 if mark is not None else 0.1) + height + 0.6 + FOOT,
    )  # fmt: skip
    label, of_colours = (wrap(text, int(height / 0.07)) for text in (second.label, _short(outcome)))
    left = 0.5 + 0.15 * len(label) + 0.075 * max(len(name) for name, _ in second.parts)
    panel = sheet.panel(left, FOOT + 0.5, WIDTH - left - 1.3, height)
    panel.set_facecolor(PALE)
    image = panel.pcolormesh(np.ma.masked_invalid(values), cmap="YlOrBr", edgecolors="white", linewidth=1.5)
    if not np.isfinite(values).any():
        image.set_clim(0, 1)
    elif np.nanmax(values) == np.nanmin(values):
        image.set_clim(np.nanmin(values) - 0.5, np.nanmax(values) + 0.5)
    panel.set_xticks(np.arange(len(first.parts)) + 0.5, [name for name, _ in first.parts], size=8)
    panel.set_yticks(np.arange(len(second.parts)) + 0.5, [name for name, _ in second.parts], size=8)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_xlabel(first.label, size=8.5, color=INK)
    panel.set_ylabel("\n".join(label), size=8.5, color=INK)
    for row, cells in enumerate(means):
        for column, cell in enumerate(cells):
            shade = float(np.asarray(image.norm(np.array(cell.value)))) if cell.known else 0.0
            colour = "white" if shade > 0.6 else INK
            panel.text(column + 0.5, row + 0.5, told(cell), size=8, color=colour, ha="center", va="center")
    if mark is not None:
        grid = np.arange(len(first.parts)) + 0.5, np.arange(len(second.parts)) + 0.5
        panel.contour(*grid, np.ma.masked_invalid(values), levels=[mark], colors="#0072B2", linewidths=2.5)
        _key(sheet, [Line2D([], [], color="#0072B2", linewidth=2.5, label=_line(outcome, mark))])
    if len(np.unique(values[np.isfinite(values)])) > 1:
        bar = sheet.panel(WIDTH - 0.95, FOOT + 0.5, 0.14, height)
        sheet.colorbar(image, cax=bar).set_label("\n".join(of_colours), size=8.5)
    return sheet


def plot_tornado(result: SweepResult, outcome: str | None = None) -> Figure:
    """How an outcome changes from the low to the high end of each factor, the largest change first."""
    outcome, _ = _asked(result, outcome)
    if result.design == "list":
        raise BadStudyError("a list of points has no low and high end to compare")
    rows = effects(result, outcome)[:BARS_SHOWN]
    height = 0.62 * len(rows)
    sheet = _sheet(
        result, _title(result, outcome), _tornado_reading(result, outcome), HEAD + 0.35 + height + 0.5 + FOOT
    )
    left = 0.4 + min(3.2, 0.066 * max(len(effect.axis.label) for effect in rows))
    panel = sheet.panel(left, FOOT + 0.45, WIDTH - left - 0.5, height)
    panel.set_ylim(len(rows) - 0.4, -0.6)
    panel.set_yticks(range(len(rows)), [shorten(effect.axis.label, 48, placeholder=" …") for effect in rows], size=8.5)
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    panel.grid(axis="x", color=PALE, linewidth=0.6)
    panel.set_xlabel(_short(outcome), size=8.5, color=INK)
    low, high = _tornado_span(rows)
    longest = max(len(effect.axis.called(part)) for effect in rows for part in (0, len(effect.axis.parts) - 1))
    # the share of the width that the names of the ends take on each side
    share = min(0.4, (LETTER * longest + 0.1) / (WIDTH - left - 0.5))
    room = share / (1 - 2 * share) * (high - low or 1)
    panel.set_xlim(low - room, high + room)
    for row, effect in enumerate(rows):
        _tornado_row(panel, row, effect, why_unknown(outcome), (low, high))
    ends = [Patch(color=PALETTE[0], label="to the low end"), Patch(color=PALETTE[1], label="to the high end")]
    _key(sheet, [*ends, Patch(facecolor="white", edgecolor=GREY, label="hollow: not separated from no change")])
    return sheet


TRADE_OFF = (
    "Each dot is a point of the sweep: days, and what is paid for a TEU; its colour is the kg CO2e of a TEU, "
    "well-to-wheel. Numbered: the efficient set, which no other point beats in all three, by the means alone; bars are "
    "95 % intervals. Prices are what the scenario asks for carriage: what more ships cost is not in them. "
    "The axes do not begin at 0."
)


def plot_trade_off(result: SweepResult, way: str | None = None) -> Figure:
    """Days against USD and CO2e over all points, with the efficient set.

    `way` is a flow and its route, as in "xian-istanbul/middle-btk"; none: the first of the outcomes. All three figures
    come from the ledger, whatever the sweep file asks for. Raises BadStudyError if no route is among the outcomes.
    """
    known = ways(result)
    way = way or next(iter(known), "")
    if way not in known:
        raise BadStudyError(f'"{way}" is no flow and route with outcomes; there are: {", ".join(known) or "none"}')
    found = _all_three(result, [way])[way]
    if found is None:
        raise BadStudyError(f"fewer than two points have days, USD and CO2e of {way}")
    return _trade_off(result, way, found)


def _trade_off(result: SweepResult, way: str, found: AllThree) -> Figure:
    days, names, table, kept = found
    points = table[names[0]].index.to_numpy()[kept]
    values = np.column_stack([table[name]["value"].to_numpy(float)[kept] for name in names])
    chosen = _numbered(values)
    height = max(3.0, 0.55 + 0.3 * min(len(chosen), LISTED))
    unknown = (
        f" Left out, as a figure is unknown: {int((~kept).sum())} of {len(kept)} points." if not kept.all() else ""
    )
    sheet = _sheet(
        result, f"Days, USD and CO2e: {result.title_of_way(way)}",
        "Each dot: one point of the sweep. Numbered: no other point is better in all three (by their means).\n"
        f"Bars: 95 % intervals.{unknown}",
        HEAD + height + 0.7 + FOOT,
    )  # fmt: skip
    panel = sheet.panel(0.85, FOOT + 0.55, 4.0, height)
    panel.grid(color=PALE, linewidth=0.5)
    panel.set_xlabel(f"{ROUTE_FIGURES[days][2]}, days", size=8.5, color=INK)
    panel.set_ylabel("what is paid, USD/TEU", size=8.5, color=INK)
    gases = values[:, 2]
    same = float(np.ptp(gases)) <= 1e-6 * float(np.abs(gases).max())
    look: dict[str, Any] = {"color": PALETTE[5]} if same else {"c": gases, "cmap": "viridis_r"}
    dots = panel.scatter(
        values[:, 0],
        values[:, 1],
        34,
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
        rasterized=len(values) > MANY,
        **look,
    )
    if same:
        panel.set_title(f"{gases[0]:,.0f} kg CO2e a TEU at every point", size=8, color=GREY, loc="left")
    else:
        bar = sheet.panel(4.95, FOOT + 0.55, 0.12, height)
        sheet.colorbar(dots, cax=bar).set_label("kg CO2e a TEU, well-to-wheel", size=8)
    _efficient_set(sheet, panel, result, points, values, chosen, table, names)
    return sheet


def pairs(result: SweepResult, outcome: str) -> list[tuple[Axis, Axis]]:
    """The pairs of factors of a grid, those with the largest effects first; the one with more levels goes across."""
    if result.design != "grid":
        return []
    table = samples(result, outcome)
    order = sorted(axes(result), key=lambda axis: -influence(table, axis))
    found = [(one, two) for place, two in enumerate(order) for one in order[:place]]
    return [(one, two) if len(one.parts) >= len(two.parts) else (two, one) for one, two in found]


def ways(result: SweepResult) -> list[str]:
    """The flows and routes that the outcomes are about, as "flow/route"."""
    named = (outcome.partition("[") for outcome in result.outcomes[:OUTCOMES_SHOWN])
    return list(dict.fromkeys(rest.removesuffix("]") for name, _, rest in named if name in ROUTE_FIGURES))


def _sheet(result: SweepResult, title: str, reading: str, height: float) -> Sheet:
    about = result.about
    seeds = {values.get("run.seed", "1") for values in about["values"].values()}
    counts = result.runs.groupby("point").size()
    each = counted(counts.min()) if counts.min() == counts.max() else f"{counts.min()}–{counts.max()} replications"
    scenarios = ", ".join(about["titles"])
    foot = (
        f"{shorten(result.title, 70, placeholder=' …')} ({scenarios}) · {len(counts)} points, {each} each "
        f"· seed {', '.join(sorted(seeds))} · model {about['model']}"
    )
    lines = [line for part in reading.split("\n") for line in wrap(part, READING)]
    return Sheet(foot, shorten(title, 88, placeholder=" …"), "\n".join(lines), height)


def _key(sheet: Sheet, handles: Sequence[Artist]) -> None:
    """The legend, in one row below two lines of reading."""
    across, up = sheet.get_size_inches()
    sheet.legend(
        handles=list(handles), ncols=len(handles), loc="upper left", borderaxespad=0, frameon=False, fontsize=8.5,
        handlelength=1.2, bbox_to_anchor=(0.15 / across, 1 - KEY / up),
    )  # fmt: skip


def _asked(result: SweepResult, outcome: str | None) -> tuple[str, list[Axis]]:
    """The outcome that is meant, and what was varied."""
    factors = axes(result)
    outcome = outcome or next(iter(result.outcomes), "")
    if outcome not in result.outcomes:
        raise BadStudyError(
            f'"{outcome}" is no outcome of this result; there are: {", ".join(result.outcomes) or "none"}'
        )
    if not factors:
        raise BadStudyError("no factor has two levels")
    if result.design in KINDS:
        raise BadStudyError(f"what moves an outcome in a design of kind {result.design} is told by its indices")
    return outcome, factors


def _title(result: SweepResult, outcome: str) -> str:
    text = result.title_of(outcome)
    return text[0].upper() + text[1:]


def _short(outcome: str) -> str:
    """A figure and its unit, for an axis."""
    return f"{FIGURES[outcome.partition('[')[0]][2]}, {unit_of(outcome)}"


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in text).strip("-").replace("--", "-")


def _averaged(factors: Sequence[Axis], shown: Sequence[Axis]) -> str:
    left = [axis.name for axis in factors if axis not in shown]
    return f", means over {', '.join(left)}" if left else ""


# --- the promise ---


def _promise(result: SweepResult, outcome: str) -> float | None:
    """What the outcome must not exceed, or for `promise.within` not fall below; None: it has no promise.

    A promise counts as kept if 90 % of the boxes arrive no later than published: then the P90 is no more than the high
    end of the promise, and no more than 10 % are late. `promise.within` leaves out those that come too soon.
    """
    name, _, rest = outcome.partition("[")
    route = rest.removesuffix("]").partition("/")[2]
    known = {tuple(promises[route]) for promises in result.promises.values() if route in promises}
    if len(known) != 1:
        return None
    marks = {"transit.p90": float(next(iter(known))[1]), "promise.within": KEPT, "promise.late": 100 - KEPT}
    return marks.get(name)


def _kept(result: SweepResult, outcome: str, first: Axis, second: Axis) -> tuple[float | None, str]:
    """Where the line of the promise is to be drawn, if there is one; and a sentence on it."""
    mark = _promise(result, outcome)
    if mark is None:
        return None, ""
    values = np.array([[c.value for c in row] for row in _cells(samples(result, outcome), first, second)])
    known = values[np.isfinite(values)]
    good = known >= mark if outcome.startswith("promise.within") else known <= mark
    said = _line(outcome, mark)
    if not good.any():
        return None, f"{said[0].upper()}{said[1:]}: nowhere here."
    if good.all() and len(known) == values.size:
        return None, f"{said[0].upper()}{said[1:]}: everywhere here."
    if not (first.numeric and second.numeric) or good.all():
        return None, f"{said[0].upper()}{said[1:]}: at {int(good.sum())} of {values.size} cells."
    return mark, f"Blue line: {said}, between the cells by straight lines."


def _line(outcome: str, mark: float) -> str:
    if outcome.startswith("promise.within"):
        return f"promise met by {mark:g} % of the boxes, neither sooner nor later than published"
    if outcome.startswith("promise.late"):
        return f"promise kept, no more than {mark:g} % of the boxes late"
    return f"promise kept, P90 no more than the published {mark:g} days"


# --- response ---


def _response_reading(result: SweepResult, outcome: str) -> str:
    mark = _promise(result, outcome)
    dashed = f" Dashed: {_line(outcome, mark)}." if mark is not None else ""
    dashed += _most_of(result, PANELS_SHOWN)
    if result.design == "grid":
        several = len(axes(result)) > 1
        lines = "One line a level of the factor that matters most beside it, means over all others. " if several else ""
        return f"{lines}Bars: 95 % intervals. × at the top: unknown, {why_unknown(outcome)}.{dashed}"
    table = samples(result, outcome)
    dots = f"Dots: points; ×: unknown, {why_unknown(outcome)}" if table.unknown.any() else "Dots: points of the sweep"
    line = "mean of close points"
    if table.by_median:
        line = "median of close points (unknown: the longest)"
    return f"{dots}. Line: {line} with its 95 % interval, all other factors varied.{dashed}"


def _other(table: Samples, axis: Axis, factors: Sequence[Axis]) -> Axis | None:
    """The factor that matters most beside this one, if its levels can have a line each."""
    others = [other for other in factors if other is not axis and len(other.parts) <= LINES_SHOWN]
    return max(others, key=lambda other: influence(table, other)) if table.grid and others else None


def _lines(panel: Axes, table: Samples, axis: Axis, other: Axis | None) -> None:
    positions = np.array([position for _, position in axis.parts])
    apart = 0.012 * float(np.ptp(positions))
    if not table.grid:
        many = len(axis.where) > MANY
        panel.plot(axis.where, table.points, ".", color=DOTS, markersize=4, zorder=1, rasterized=many)
        _crosses(panel, np.array(axis.where)[table.unknown], 1, DOTS, 3)
    groups = range(len(other.parts)) if other else [0]
    for group in groups:
        colour, shape = PALETTE[group % len(PALETTE)], MARKERS[group % len(MARKERS)]
        held = other.rows(group) if other else np.ones(len(axis.at), dtype=bool)
        cells = [table.typical(held & axis.rows(part)) for part in range(len(axis.parts))]
        value, low, high = (np.array([cell[i] for cell in cells]) for i in range(3))
        x = positions + apart * (group - (len(groups) - 1) / 2)
        label = other.called(group) if other else None
        joined = "-" if axis.numeric else ":"
        panel.plot(x, value, joined, color=colour, marker=shape, markersize=4, linewidth=1.4, label=label, zorder=3)
        panel.vlines(x, *np.clip([low, high], *panel.get_ylim()), color=colour, linewidth=1.2, zorder=2)
        gone = ~np.isfinite(value)
        _crosses(panel, x[gone], 0.97 - 0.05 * group, colour, 5)
    if other:
        panel.legend(
            loc="lower left", bbox_to_anchor=(0, 1.0), ncols=len(other.parts), frameon=False, fontsize=7.5,
            borderaxespad=0, handlelength=1.4, columnspacing=1, handletextpad=0.4, title=other.label,
            title_fontsize=7.5, alignment="left",
        )  # fmt: skip


def _crosses(panel: Axes, x: NDArray[np.float64], height: float, colour: str, size: float) -> None:
    """What is unknown, at the top of a panel: `height` is a share of it."""
    panel.plot(
        x, np.full(len(x), height), "x", color=colour, markersize=size, zorder=3,
        transform=panel.get_xaxis_transform(), clip_on=False,
    )  # fmt: skip


def _ticks(panel: Axes, axis: Axis, grid: bool) -> None:
    positions = [position for _, position in axis.parts]
    if not axis.numeric:
        panel.set_xticks(positions, [shorten(name, 26, placeholder=" …") for name, _ in axis.parts], size=8)
        panel.set_xlim(-0.4, len(positions) - 0.6)
    elif grid and len(positions) <= 10:
        panel.set_xticks(positions, [name for name, _ in axis.parts], size=8)


def _span(table: Samples) -> tuple[float, float]:
    """The ends of an axis that holds all points, in a grid with their intervals as far as these are not very wide."""
    value, low, high = table.each()
    if not np.isfinite(value).any():
        return 0.0, 1.0
    least, most = float(np.nanmin(value)), float(np.nanmax(value))
    if not table.grid:
        return least, most
    room = most - least or abs(most) or 1.0
    ends = np.concatenate([value, low, high])
    bottom = max(float(np.nanmin(ends)), least - room)
    return bottom if least < 0 else max(0.0, bottom), min(float(np.nanmax(ends)), most + room)


# --- heat map, tornado, trade-off ---


def _cells(table: Samples, first: Axis, second: Axis) -> list[list[Interval]]:
    """The mean at each pair of levels, one row a level of the second factor."""
    return [
        [table.typical(first.rows(column) & second.rows(row)) for column in range(len(first.parts))]
        for row in range(len(second.parts))
    ]


def _tornado_reading(result: SweepResult, outcome: str) -> str:
    if result.design == "grid":
        return (
            "One factor at a time goes from the middle point of the grid to its low and its high end.\n"
            f"{_middle(result)} Lines: 95 % intervals of the change, by paired replications."
            f"{_most_of(result, BARS_SHOWN)}"
        )
    by_median = samples(result, outcome).by_median
    return (
        f"From the {'median' if by_median else 'mean'} of all points to that of the points at the low and at the high "
        f"end of each factor, all others varied{' (unknown: the longest)' if by_median else ''}. "
        f"Lines: 95 % intervals of the change{'; an arrow has no end' if by_median else ''}."
        f"{_most_of(result, BARS_SHOWN)}"
    )


def _most_of(result: SweepResult, shown: int) -> str:
    """That there are more factors than are shown, if there are."""
    count = len(axes(result))
    return f" Shown: the {shown} of {count} factors that change it most." if count > shown else ""


def _middle(result: SweepResult) -> str:
    """The middle point of a grid in words."""
    parts = [
        f"{axis.name} {axis.called(0 if axis.name == 'scenario' else (len(axis.parts) - 1) // 2)}"
        for axis in axes(result)
    ]
    return f"Middle: {', '.join(parts)}."


def _tornado_span(rows: Sequence[Effect]) -> tuple[float, float]:
    known = [effect for effect in rows if effect.middle.known]
    middles = [effect.middle.value for effect in known] or [0.0]
    ends = [
        effect.middle.value + value
        for effect in known
        for change in (effect.low, effect.high)
        for value in change
        if math.isfinite(value)
    ]
    return min(middles + ends), max(middles + ends)


def _tornado_row(panel: Axes, row: int, effect: Effect, why: str, span: tuple[float, float]) -> None:
    """why: what keeps the outcome from being known where it is not; span: the ends of all that is known."""
    axis, centre = effect.axis, effect.middle.value
    if not effect.middle.known:
        panel.text(
            0.02, row, f"unknown at the middle: {why}", size=8, color=GREY, va="center",
            transform=panel.get_yaxis_transform(),
        )  # fmt: skip
        return
    ends = ((0, effect.low, PALETTE[0], row - 0.17), (len(axis.parts) - 1, effect.high, PALETTE[1], row + 0.17))
    for part, change, colour, y in ends:
        if change.known and change.value == 0 and not change.separated and change.high == 0:
            continue  # the end is the middle
        if not change.known:
            panel.text(
                0.01, y, f"{axis.called(part)}: unknown, {why}", size=7.5, color=colour,
                va="center", transform=panel.get_yaxis_transform(), zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},  # a long reason crosses the middle
            )  # fmt: skip
            continue
        face = colour if change.separated else "white"
        panel.barh(y, change.value, 0.3, centre, color=face, edgecolor=colour, zorder=2)
        limits = np.clip([centre + x for x in (change.low, change.high) if x == x], *span).tolist()
        panel.plot(limits, [y] * len(limits), color=INK, linewidth=1, zorder=3)
        for end, shape, x in ((change.low, "<", span[0]), (change.high, ">", span[1])):
            if math.isinf(end):
                panel.plot(x, y, shape, color=INK, markersize=4, zorder=3)
        falls = change.value < 0
        far = (min if falls else max)([centre + change.value, *limits])
        panel.annotate(
            axis.called(part), (far, y), (-4 if falls else 4, 0), textcoords="offset points", size=7.5, color=INK,
            ha="right" if falls else "left", va="center", zorder=4,
        )  # fmt: skip
    panel.plot([centre, centre], [row - 0.36, row + 0.36], color=INK, linewidth=1.2, zorder=3)


def _all_three(result: SweepResult, ways: Sequence[str]) -> dict[str, AllThree | None]:
    """Days, USD and CO2e of each way; None if not even two points have all three."""
    days = {way: _days(result, way) for way in ways}
    names = {way: [f"{days[way]}[{way}]", f"cost[{way}]", f"emissions[{way}]"] for way in ways}
    if not ways:
        return {}
    estimates = result.asking([name for own in names.values() for name in own]).estimates()
    tables = {name: own.set_index("point")[["value", "low", "high"]] for name, own in estimates.groupby("outcome")}
    found: dict[str, AllThree | None] = {}
    for way, own in names.items():
        table = {name: tables[name] for name in own}
        kept = np.isfinite(np.column_stack([table[name]["value"].to_numpy(float) for name in own])).all(axis=1)
        found[way] = AllThree(days[way], own, table, kept) if kept.sum() > 1 else None
    return found


def _days(result: SweepResult, way: str) -> str:
    """The figure of the days that the sweep asks for; the mean if it asks for none."""
    named = (outcome.partition("[") for outcome in result.outcomes)
    asked = [name for name, _, rest in named if name.startswith("transit.") and rest == f"{way}]"]
    return "transit.p90" if "transit.p90" in asked else next(iter(asked), "transit.mean")


def _numbered(values: np.ndarray) -> np.ndarray:
    """The rows of the efficient set, by rising days; of equal ones the first."""
    chosen = np.flatnonzero(efficient(values))
    return chosen[np.argsort(values[chosen, 0], kind="stable")]


def _efficient_set(
    sheet: Sheet, panel: Axes, result: SweepResult, points: np.ndarray, values: np.ndarray, chosen: np.ndarray,
    table: dict[str, pd.DataFrame], names: Sequence[str],
) -> None:  # fmt: skip
    """Mark the points that no other beats, and name them beside the panel."""
    shown, spots = chosen[:LISTED], list[np.ndarray]()
    panel.autoscale_view()
    panel.set_autoscale_on(False)
    days, usd = (table[name].loc[points] for name in names[:2])
    for number, row in enumerate(shown, start=1):
        x, y = values[row, :2]
        panel.plot([days["low"].iloc[row], days["high"].iloc[row]], [y, y], color=INK, linewidth=1, zorder=2)
        panel.plot([x, x], [usd["low"].iloc[row], usd["high"].iloc[row]], color=INK, linewidth=1, zorder=2)
        panel.plot(x, y, "o", markersize=8, markerfacecolor="none", markeredgecolor=INK, zorder=4)
        spot = panel.transData.transform((x, y))
        crowd = sum(bool(np.abs(spot - other).max() < CROWD) for other in spots)
        spots.append(spot)
        panel.annotate(
            str(number), (x, y), (7 + 9 * crowd, 5), textcoords="offset points", size=8, weight="bold", zorder=5
        )
    rows = result.points.set_index("point")
    across, up = sheet.get_size_inches()
    top = up - HEAD - 0.1
    said = [f"{number}  {_levels(result, rows.loc[points[row]])}" for number, row in enumerate(shown, start=1)]
    figures = [f"{d:.1f} d, {u:,.0f} USD, {g:,.0f} kg" for d, u, g in values[shown]]
    for line, (levels, amounts) in enumerate(zip(said, figures, strict=True)):
        y = (top - 0.3 * line) / up
        sheet.text(5.75 / across, y, shorten(levels, 48, placeholder=" …"), size=7.5, color=INK, va="top")
        sheet.text(5.87 / across, y - 0.13 / up, amounts, size=7, color=GREY, va="top")
    if len(chosen) > LISTED:
        sheet.text(5.75 / across, (top - 0.3 * LISTED) / up, f"and {len(chosen) - LISTED} more", size=7.5, color=GREY)


def _levels(result: SweepResult, row: pd.Series[Any]) -> str:
    """The levels of a point, with the scenario where there are several."""
    parts = [row["scenario"]] if len(result.promises) > 1 else []
    for factor in result.factors:
        level = row[factor.name]
        if level == level and level is not None:
            unit = "×" if factor.how == "times" and not factor.unit else factor.unit
            shown = level_text(level if isinstance(level, str) or factor.levels else float(f"{level:.3g}"))
            parts.append(f"{factor.name} {shown} {unit}".rstrip())
    return ", ".join(parts)
