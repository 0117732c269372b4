"""Where a corridor fails, in the words of the trade: boxes as sentences, table, plot and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.show.files import put_csv, put_text
from sim.show.shell import found_as, in_shell
from sim.show.style import FOOT, GREY, HEAD, INK, PALE, PALETTE, WIDTH, Sheet, write
from sim.show.sweeps import how_sure, scenarios_of
from sim.show.tables import plain_table
from sim.study.plain import records
from sim.sweeps.discovery import Box, Discovery, Limit, is_words
from sim.sweeps.outcomes import describe, unit_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from sim.sweeps import Varied
    from sim.sweeps.discovery import Cases

FAILS, KEEPS, BOX = PALETTE[1], "#9ECAE1", INK
SIDE, PANEL = 2.6, 3.4  # inches: the panel of the peeling, that of the points


def sentences(found: Discovery) -> list[str]:
    """One sentence a box: "It fails when … and …: 34 of 36 points there, 81 % of all failures."."""
    cases = found.cases
    said = []
    for number, box in enumerate(found.boxes):
        when = " and ".join(limit_in_words(limit, cases) for limit in box.limits)
        said.append(
            f"It {'also ' if number else ''}fails when {when}: {box.failures} of {box.points} points there "
            f"(density {100 * box.density:.0f} %), {100 * box.coverage:.0f} % of all failures (coverage)."
        )
    return said or ["No box was found that is better than chance."]


def limit_in_words(limit: Limit, cases: Cases) -> str:
    """As "fewer than 5 feeders", "level of the sea is below −0.4 m", "storms are mild or none"."""
    factor = limit.factor
    if limit.words:
        return f"{factor.title} is {' or '.join(limit.words)}"
    if is_count(factor, cases):
        low = None if limit.low is None else int(np.ceil(limit.low))
        high = None if limit.high is None else int(np.floor(limit.high))
        if low is None or high is None:
            amount = f"fewer than {high + 1}" if high is not None else f"more than {(low or 0) - 1}"
        else:
            amount = f"{low}" if low == high else f"{low} to {high}"
        return f"{amount} {factor.title}"
    unit = factor.label.removeprefix(factor.title).strip(" ()")
    low_, high_ = (None if end is None else f"{end:.3g} {unit}".rstrip().replace("-", "−") for end in _ends(limit))
    if low_ is None or high_ is None:
        return f"{factor.title} is " + (f"below {high_}" if high_ is not None else f"above {low_}")
    return f"{factor.title} is between {low_} and {high_}"


def is_count(factor: Varied, cases: Cases) -> bool:
    """Whether a factor is a number of things: whole numbers without a unit that are set."""
    if is_words(factor) or factor.unit or factor.how != "set":
        return False
    values = cases.inputs[factor.name].to_numpy(float)
    return bool((values == np.round(values)).all())


def _ends(limit: Limit) -> tuple[float | None, float | None]:
    return limit.low, limit.high


def discovery_table(found: Discovery, width: int = 120) -> RenderableType:
    """The boxes in words, and each limit with the chance that it does nothing."""
    cases = found.cases
    parts: list[RenderableType] = [Text(cases.result.title, style="bold"), Text(_head(cases))]
    for sentence, box in zip(sentences(found), found.boxes or (None,), strict=True):
        parts.append(Text(f"\n{sentence}"))
        if box is None:
            continue
        table = plain_table(
            Column("factor", width=max(24, width - 50)), Column("limit"), Column("may be chance", justify="right")
        )
        for limit in box.limits:
            table.add_row(limit.factor.label, _span(limit), _chance(limit))
        parts.append(table)
    parts += [Text(f"\n{line}", style="dim") for line in how_sure(cases.result)]
    return Group(*parts)


def _head(cases: Cases) -> str:
    failures, count = int(cases.fails.sum()), len(cases.fails)
    unknown = f"; {cases.unknown} points left out, whose figure is not known" if cases.unknown else ""
    return f"{failures} of {count} points fail ({100 * failures / count:.0f} %): {cases.condition.text}{unknown}"


def _span(limit: Limit) -> str:
    if limit.words:
        return " or ".join(limit.words)
    low, high = (None if end is None else f"{end:.4g}" for end in _ends(limit))
    return f"{low} to {high}" if low and high else (f"< {high}" if high else f"> {low}")


def boxes_frame(found: Discovery) -> pd.DataFrame:
    """One row a box and limit: box, factor, title, unit, low, high, words, p, points, failures, coverage, density."""
    import pandas as pd

    columns = ["box", "factor", "title", "unit", "low", "high", "words", "p", "points", "failures"]
    rows = [
        (number, limit.factor.name, limit.factor.title, limit.factor.unit, limit.low, limit.high,
         " or ".join(limit.words), limit.p, box.points, box.failures, box.coverage, box.density)
        for number, box in enumerate(found.boxes, 1)
        for limit in box.limits
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*columns, "coverage", "density"])


def discovery_json(found: Discovery) -> dict[str, Any]:
    """The object of `corridor sweep discover --json`."""
    cases = found.cases
    return {
        "sweep": cases.result.name,
        "fails": cases.condition.text,
        "points": len(cases.fails),
        "failures": int(cases.fails.sum()),
        "unknown": cases.unknown,
        "boxes": [
            {
                "sentence": sentence,
                "points": box.points,
                "failures": box.failures,
                "coverage": box.coverage,
                "density": box.density,
            }
            for sentence, box in zip(sentences(found), found.boxes, strict=False)
        ],
        "limits": records(boxes_frame(found)),
    }


def save_discovery(found: Discovery, folder: Path) -> list[Path]:
    """Write limits and peeling as CSV, a plot of the boxes, and a page with both, into the folder of the sweep."""
    import pandas as pd

    peelings = [
        box.peeling.assign(box=number, step=range(len(box.peeling))) for number, box in enumerate(found.boxes, 1)
    ]
    whole = pd.concat(peelings) if peelings else pd.DataFrame(columns=["points", "failures", "coverage", "density"])
    tables = [put_csv(boxes_frame(found), folder / "discovery.csv"), put_csv(whole, folder / "discovery-peeling.csv")]
    drawn = write(plot_discovery(found), folder / "discovery") if found.boxes else []
    page = put_text(folder / "discovery.md", ["\n\n".join(_page(found)), "\n"])
    return [page, *tables, *drawn]


def _page(found: Discovery) -> Iterator[str]:
    """The boxes in words, with the chance of each limit, the plot, and how they were found."""
    cases, about = found.cases, found.cases.result.about
    yield f"# Where it fails: {cases.result.title}"
    yield (
        f"Sweep `{cases.result.name}` of {scenarios_of(cases.result)}, by a design of kind {cases.result.design}, "
        f"model `{about['model']}`. {_head(cases)} ({describe(cases.condition.figure)})."
    )
    yield from how_sure(cases.result)
    for sentence in sentences(found):
        yield f"**{sentence}**"
    if not found.boxes:
        return
    lines = ["| box | factor | range of the sweep | it fails at | may be chance |", "|---|---|---|---|---:|"]
    lines += [
        f"| {number} | {limit.factor.label} | {_varied(limit.factor)} | {_span(limit)} | {_chance(limit)} |"
        for number, box in enumerate(found.boxes, 1)
        for limit in box.limits
    ]
    yield "\n".join(lines)
    yield "![Where it fails](discovery.png)"
    yield (
        "Left: the points over the two surest limits of the box; rings lie outside its other limits. Right: how the "
        "box was peeled from all points, slice by slice; the square is the box that was chosen, as it holds the most "
        "failures beyond those that as many points anywhere would hold. Coverage is the share of all failures that lie "
        "in the box, density the share of its points that fail. “May be chance” is how often points without order "
        "would set such a limit. Factors that are not named have no limit that is surer than chance."
    )
    assert cases.result.folder is not None
    command = in_shell("sweep discover", found_as(cases.result.folder))
    yield f'Made by `{command} --fails "{cases.condition.text}"`.'


def _varied(factor: Varied) -> str:
    if factor.levels or factor.low is None or factor.high is None:
        return ", ".join(f"{level}" if isinstance(level, str) else f"{level:g}" for level in factor.levels)
    return f"{factor.low:g} to {factor.high:g}".replace("-", "−")


def _chance(limit: Limit) -> str:
    return f"{limit.p:.2g}" if limit.p >= 0.001 else "< 0.001"


def plot_discovery(found: Discovery) -> Sheet:
    """A row a box: the points over its two surest factors, with the box, and how it was peeled."""
    cases = found.cases
    rows = len(found.boxes)
    step = PANEL + 1.15
    result = cases.result
    sheet = Sheet(
        f"{result.title} ({result.name}) · {len(cases.fails)} points · model {result.about['model']}",
        "Where it fails",
        f"{_head(cases)}.\nLeft: the points over the two surest limits of the box; rings: outside its other limits."
        "\nRight: its peeling, step by step, from all points to the purest; the square is the box.",
        HEAD + 0.25 + rows * step + FOOT,
    )
    left = np.ones(len(cases.fails), dtype=bool)
    wide = WIDTH - 1.0 - SIDE - 1.0
    for number, (box, sentence) in enumerate(zip(found.boxes, sentences(found), strict=True)):
        bottom = sheet.get_figheight() - HEAD - 0.75 - number * step - PANEL
        axes = sheet.panel(0.9, bottom, wide, PANEL)
        _points(axes, cases, box, left)
        kept_together = sentence.replace(" %", "\u00a0%")
        axes.set_title(fill(kept_together, 88), size=8, weight="bold", color=INK, loc="left", pad=6)
        _peeling(sheet.panel(0.9 + wide + 0.85, bottom, SIDE, PANEL), box)
        left = left & ~box.inside
    return sheet


def _points(axes: Axes, cases: Cases, box: Box, left: np.ndarray) -> None:
    """The points that the boxes before leave, over the two surest limits, or one and the outcome."""
    from matplotlib.patches import Rectangle

    first, *others = box.limits
    second = others[0] if others else None
    across = _places(cases, first.factor)
    up = _places(cases, second.factor) if second else _finite(cases.values)
    near = _within(cases, box.limits[2:])
    for mask, colour, name in ((~cases.fails, KEEPS, "keeps"), (cases.fails, FAILS, "fails")):
        full, ring = left & mask & near, left & mask & ~near
        axes.scatter(across[full], up[full], s=13, color=colour, linewidths=0, label=name)
        axes.scatter(across[ring], up[ring], s=11, facecolors="none", edgecolors=colour, linewidths=0.5, alpha=0.7)
    axes.margins(0.03)
    axes.autoscale(enable=False)
    x0, x1 = _edges(axes.get_xlim(), first)
    y0, y1 = _edges(axes.get_ylim(), second) if second else axes.get_ylim()
    axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, edgecolor=BOX, linewidth=1.4))
    axes.set_xlabel(first.factor.label, size=8, color=INK)
    axes.set_ylabel(second.factor.label if second else _outcome(cases), size=8, color=INK)
    for limit, axis in ((first, axes.xaxis), (second, axes.yaxis)):
        if limit is not None and is_words(limit.factor):
            axis.set_ticks(range(len(limit.factor.levels)), [str(level) for level in limit.factor.levels])
    if second is None:
        axes.axhline(cases.condition.limit, color=GREY, linewidth=0.8, linestyle="--")
    axes.legend(frameon=False, fontsize=7.5, loc="upper left", bbox_to_anchor=(0, -0.13), ncols=2, borderaxespad=0)


def _places(cases: Cases, factor: Varied) -> np.ndarray:
    """Where the points stand along a factor; counts and words are spread a little, so that no point hides another."""
    if is_words(factor):
        order: Mapping[Any, int] = {word: at for at, word in enumerate(factor.levels)}
        values = np.array([float(order[word]) for word in cases.inputs[factor.name]])
    else:
        values = cases.inputs[factor.name].to_numpy(float)
    if is_words(factor) or is_count(factor, cases):
        values = values + 0.5 * (np.random.default_rng(1).random(len(values)) - 0.5)
    return values


def _finite(values: np.ndarray) -> np.ndarray:
    """What is infinite stands a little above all else."""
    known = values[np.isfinite(values)]
    return np.where(np.isfinite(values), values, 1.05 * known.max() if len(known) else 1.0)


def _within(cases: Cases, limits: Sequence[Limit]) -> np.ndarray:
    """Which points lie within these limits."""
    inside = np.ones(len(cases.fails), dtype=bool)
    for limit in limits:
        values = cases.inputs[limit.factor.name]
        if limit.words:
            inside &= values.isin(limit.words).to_numpy()
        else:
            low, high = (-np.inf if limit.low is None else limit.low), (np.inf if limit.high is None else limit.high)
            inside &= values.between(low, high).to_numpy()
    return inside


def _edges(shown: tuple[float, float], limit: Limit) -> tuple[float, float]:
    """The ends of a box on an axis; open ends are those of the axis."""
    if limit.words:
        places = [limit.factor.levels.index(word) for word in limit.words]
        return min(places) - 0.4, max(places) + 0.4
    return shown[0] if limit.low is None else limit.low, shown[1] if limit.high is None else limit.high


def _peeling(axes: Axes, box: Box) -> None:
    axes.plot(
        100 * box.peeling["coverage"], 100 * box.peeling["density"], color=GREY, marker="o", markersize=2.5, lw=0.8
    )
    axes.plot(100 * box.coverage, 100 * box.density, marker="s", markersize=7, color=BOX)
    axes.set_xlim(0, 103)
    axes.set_ylim(0, 103)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_xlabel("coverage: % of all failures", size=8, color=INK)
    axes.set_ylabel("density: % that fail", size=8, color=INK)


def _outcome(cases: Cases) -> str:
    return f"{describe(cases.condition.figure)} ({unit_of(cases.condition.figure)})"
