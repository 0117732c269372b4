"""The model beside what was observed: a table for the terminal, a page for the repository, and a picture."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.scenario.sources import shares_of_each
from sim.show.save import check_place
from sim.show.style import GREY, HEAD, INK, PALE, Sheet, write
from sim.show.tables import plain_table
from sim.study.evidence import KINDS, TOLERANCE, TOPICS, Compared, Evidence, Figure
from sim.study.replicate import counted
from sim.study.statistics import Estimate

WORDS: Mapping[str, str] = {
    "inside": "inside",
    "below": "outside, below",
    "above": "outside, above",
    "unknown": "unknown",
}
COLOURS: Mapping[str, str] = {"inside": "#009E73", "below": "#D55E00", "above": "#D55E00", "unknown": GREY}
OBSERVED = "#C4C4C4"
ROW, GAP = 0.155, 0.42  # inches: a figure, and before each kind
LEFT, RIGHT, BOTTOM = 3.1, 2.15, 0.75  # inches beside and below the axis
TICKS = (0.2, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)  # simulated over observed


def evidence_table(found: Evidence, width: int = 120) -> RenderableType:
    """All figures by kind, those that the model misses too."""
    parts: list[RenderableType] = [
        Text("Evidence: the model beside what was observed", style="bold underline"),
        Text(f"{_made(found)}; ± is half the 95 % interval", style="dim"),
    ]
    for kind, title in KINDS.items():
        table = plain_table(
            Column("\nFigure", width=max(22, width - 58)),
            Column("\nCase", width=17),
            Column("\nObserved", justify="right", width=15),
            Column("\nSimulated", justify="right", width=11),
            Column("\nVerdict", width=7),
        )
        for one in found.of_kind(kind):
            verdict = one.verdict if one.verdict in ("inside", "unknown") else f"OUTSIDE\n{one.verdict}"
            table.add_row(
                Text(one.figure.title),
                Text(one.figure.case, style="dim"),
                Text(f"{span(one.figure)}\n{one.figure.unit}"),
                Text(_with_half(one.simulated)),
                Text(verdict, style="green" if one.verdict == "inside" else "red"),
            )
        parts += [Text(f"\n{title}", style="bold"), Text(_inside(found, kind), style="dim"), table]
    return Group(*parts, Text(), *(Text(line, style="dim") for line in shares_of_each(found.grades)))


def evidence_page(found: Evidence) -> str:
    """The same as Markdown, with sources; calibration and validation apart."""
    cases = [f"- `{name}`: {case.title}." for name, case in found.cases.items()]
    parts = [
        "# Evidence: the model beside what was observed",
        "Written by `make evidence`. Observed figures, their sources and how each is worked out from a run stand in "
        "[sim/data/evidence.yaml](../sim/data/evidence.yaml). A figure is inside when the mean over the replications "
        "lies within what was observed, or within 5 % of a single figure. What the model misses stays in the tables; "
        "[docs/data.md](../docs/data.md#calibration) says what may explain it.",
        f"{_made(found)}. Intervals are 95 % Student-t intervals over replications.",
        "\n".join(cases),
        "\n".join(f"- {title}: {_inside(found, kind)}." for kind, title in KINDS.items()),
        "How sure the values of the scenarios are:",
        "\n".join(f"- {line}." for line in shares_of_each(found.grades)),
    ]
    for kind, title in KINDS.items():
        head = ["Figure", "Case", "Observed", "Simulated", "95 % interval", "Verdict", "Grade", "Source", "Note"]
        rows = [_row(one) for one in found.of_kind(kind)]
        parts.append(f"## {title}")
        for topic, name in TOPICS.items():
            mine = [row for one, row in zip(found.of_kind(kind), rows, strict=True) if one.figure.topic == topic]
            if mine:
                parts.append(f"### {name[0].upper()}{name[1:]}")
                parts.append(_markdown([head, ["---"] * len(head), *mine]))
    return "\n\n".join(parts) + "\n"


def evidence_json(found: Evidence) -> dict[str, Any]:
    """The same for `--json`."""
    return {
        "model_version": found.model_version,
        "seeds": list(found.seeds),
        "replications": found.replications,
        "grades": {name: dict(count) for name, count in found.grades.items()},
        "cases": {name: {"title": case.title, "scenario": case.scenario} for name, case in found.cases.items()},
        "inside": {kind: dict(zip(("inside", "of"), found.inside(kind), strict=True)) for kind in KINDS},
        "figures": [
            {
                "id": one.key,
                "title": one.figure.title,
                "case": one.figure.case,
                "kind": one.figure.kind,
                "topic": TOPICS[one.figure.topic],
                "unit": one.figure.unit,
                "observed": {"low": one.figure.observed[0], "high": one.figure.observed[1]},
                "simulated": {
                    "value": one.simulated.value,
                    "low": one.simulated.low,
                    "high": one.simulated.high,
                },
                "verdict": one.verdict,
                "grade": one.figure.grade,
                "source": {"id": one.figure.source, "citation": one.record.citation, "url": one.record.url},
                "note": one.figure.note,
            }
            for one in found.compared
        ],
    }


def check_evidence(out: Path) -> None:
    """Raise OSError, before anything is simulated, if the files could not be written into `out`."""
    for file in (out / f"evidence{suffix}" for suffix in (".md", ".png", ".svg")):
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
    check_place(out / "evidence")


def save_evidence(found: Evidence, out: Path) -> list[Path]:
    """Write `evidence.md`, `.png` and `.svg` into `out`, each whole or not at all; returns them."""
    out.mkdir(parents=True, exist_ok=True)
    fresh = out / f".evidence-{id(found)}"
    page = fresh.with_suffix(".md")
    page.write_text(evidence_page(found), encoding="utf-8")
    files = [page, *write(plot_evidence(found), fresh)]
    return [file.replace(out / f"evidence{file.suffix}") for file in files]


def plot_evidence(found: Evidence) -> Sheet:
    """One row a figure: the observed range as a bar, the simulated mean with its interval as a dot, as shares of what
    was observed."""
    groups = [(kind, found.of_kind(kind)) for kind in KINDS]
    rows = sum(len(mine) for _, mine in groups)
    inner = rows * ROW + len(groups) * GAP
    sheet = Sheet(
        f"{_made(found)}",
        "Observed and simulated",
        "Each row sets the model (dot, with its 95 % interval) on the scale of what was observed (bar; 1 is its "
        f"middle;\na single figure is ±{100 * TOLERANCE:g} %). A dot beyond its bar is a miss. At the bottom stand the "
        "figures that had no part\nin setting values of the model: they are its tests.",
        HEAD + 0.45 + inner + BOTTOM,
    )
    width = sheet.get_size_inches()[0]
    axes = sheet.panel(LEFT, BOTTOM, width - LEFT - RIGHT, inner)
    axes.set_ylim(inner, 0)
    axes.set_xscale("log")
    axes.set_xlim(TICKS[0], 1.1 * TICKS[-1])
    axes.set_xticks(TICKS, [f"{tick:g} ×" for tick in TICKS])
    axes.set_xticks([], minor=True)
    axes.set_yticks([])
    axes.grid(axis="x", color=PALE, linewidth=0.5)
    axes.axvline(1, color=GREY, linewidth=0.8)
    axes.set_xlabel("simulated over observed", fontsize=8.5, color=INK)
    top = 0.0
    for kind, mine in groups:
        heading = f"{KINDS[kind]} ({_inside(found, kind)})"
        y = _up(sheet, inner, top + GAP * 0.65)
        paper = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        sheet.text(0.15 / width, y, heading, size=9, weight="bold", color=INK, va="center", bbox=paper)
        top += GAP
        for one in mine:
            _draw(sheet, one, top + ROW / 2, inner)
            top += ROW
    sheet.text((width - RIGHT + 0.1) / width, _up(sheet, inner, -0.02), "simulated | observed", size=7.5, color=GREY)
    sheet.legend(
        handles=[
            Patch(color=OBSERVED, label="observed"),
            Line2D([], [], color=COLOURS["inside"], marker="o", markersize=4, label="simulated, inside"),
            Line2D([], [], color=COLOURS["above"], marker="o", markersize=4, label="simulated, outside"),
        ],
        ncols=3,
        loc="lower left",
        borderaxespad=0,
        frameon=False,
        fontsize=8.5,
        bbox_to_anchor=(0.15 / width, _up(sheet, inner, -0.02)),
    )
    return sheet


def _draw(sheet: Sheet, one: Compared, y: float, inner: float) -> None:
    """One figure: its name on the left, bar and dot, the numbers on the right."""
    axes, width = sheet.axes[0], sheet.get_size_inches()[0]
    low, high = one.figure.observed
    middle = low if high is None else (low + high) / 2
    ends = low / middle, 1.1 * TICKS[-1] if high is None else high / middle
    if ends[0] == ends[1]:
        ends = 1 - TOLERANCE, 1 + TOLERANCE
    axes.barh(y, ends[1] - ends[0], left=ends[0], height=ROW * 0.7, color=OBSERVED, linewidth=0)
    colour, value = COLOURS[one.verdict], one.simulated
    if value.value is not None:
        if value.low is not None and value.high is not None:
            axes.plot([value.low / middle, value.high / middle], [y, y], color=colour, linewidth=1.4)
        axes.plot(value.value / middle, y, "o", color=colour, markersize=4)
    style: dict[str, Any] = {"size": 7.5, "va": "center", "color": INK}
    sheet.text((LEFT - 0.1) / width, _up(sheet, inner, y), one.figure.title, ha="right", **style)
    right = f"{number(value.value, 1)} | {span(one.figure)} {one.figure.unit}"
    sheet.text((width - RIGHT + 0.1) / width, _up(sheet, inner, y), right, **style | {"color": colour})


def _up(sheet: Sheet, inner: float, y: float) -> float:
    """The height on the sheet, as a share, of what lies `y` inches below the upper edge of the panel."""
    return float((BOTTOM + inner - y) / sheet.get_size_inches()[1])


def span(figure: Figure) -> str:
    """What was observed: "38–53", "more than 20"."""
    low, high = figure.observed
    if high is None:
        return f"more than {number(low)}"
    return "–".join(dict.fromkeys([number(low), number(high)]))


def number(value: float | None, digits: int | None = None) -> str:
    """A number as people write it, thousands apart; a dash where it is unknown."""
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:g}" if digits is None else f"{value:.{digits}f}"


def _with_half(value: Estimate) -> str:
    if value.value is None or value.high is None:
        return number(value.value, 1)
    return f"{number(value.value, 1)}\n±{number(value.high - value.value, 1)}"


def _row(one: Compared) -> list[str]:
    figure, found = one.figure, one.simulated
    source = f"[{figure.source}]({one.record.url})" if one.record.url else figure.source
    return [
        figure.title,
        figure.case,
        f"{span(figure)} {figure.unit}",
        number(found.value, 1),
        "–" if found.low is None else f"{number(found.low, 1)} to {number(found.high, 1)}",
        marked(one.verdict),
        figure.grade,
        f"{source}, {one.record.year}",
        figure.note or "",
    ]


def marked(verdict: str) -> str:
    """A verdict in the words of the pages: bold where it is not inside."""
    return WORDS[verdict] if verdict == "inside" else f"**{WORDS[verdict]}**"


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)


def _inside(found: Evidence, kind: Any) -> str:
    inside, every = found.inside(kind)
    return f"{inside} of {every} inside"


def _made(found: Evidence) -> str:
    each, seeds = counted(found.replications), " and ".join(map(str, found.seeds))
    return f"{each[0].upper()}{each[1:]} of each case, seed {seeds}, model {found.model_version}"
