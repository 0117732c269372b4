"""What an optimisation shows: the cheapest set of measures, what else came near, and what more money would buy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.scenario.sources import grades, shares
from sim.show.files import put_frame, put_text
from sim.show.progress import remaining
from sim.show.style import FOOT, GREY, HEAD, INK, PALE, PALETTE, WIDTH, Sheet, write
from sim.show.tables import plain_table
from sim.sweeps.file import show_level
from sim.sweeps.levers import shown_cost
from sim.sweeps.optimise import looks
from sim.sweeps.outcomes import describe, unit_of, why_unknown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.sweeps.file import Factor
    from sim.sweeps.levers import Goal, OptimisationPlan
    from sim.sweeps.optimised import OptimisationResult

    Row = Mapping[Any, Any]

FRAMES = {
    "candidates": "one row a candidate: its levers, cost, replications, status, and each figure with its interval",
    "runs": "one row a run: candidate, replication, whether it was of the search or of the last step, and each figure",
    "failures": "runs that gave no result, with their errors",
}
SAID = {
    "meets": "meets it",
    "misses": "misses it",
    "open": "not shown",
    "unknown": "not known: no figure in some run, or runs failed",
    "search": "no finalist",
}
PICTURE = "cost-and-outcome"
LABELS, PANEL, ROW = 3.7, 3.6, 0.2  # inches: names of the levers, height of the plot, height of a row
UNDER = FOOT + 0.12  # inches from the lower edge to the levers: a footer of two lines


def dry_table(plan: OptimisationPlan, found: Mapping[str, Any]) -> RenderableType:
    """The levers, how many runs the search may take, and how long."""
    way = "all of them are tried" if found["exhaustive"] else f"{found['tried']} of them are tried"
    done = f", {found['done']} of them done" if found["done"] else ""
    time = (
        f"about {remaining(found['seconds'])} with {found['workers']} workers at {found['seconds_a_run']:.2g} s a run"
    )
    said = (
        f"{found['candidates']:,} candidates, {way}; {found['search_runs']} runs in the search and up to "
        f"{found['last_step_runs']} in the last step{done}; {time}"
    )
    return Group(Text(plan.sweep.title, style="bold"), Text(_targets(plan)), _levers_table(plan), Text(said))


def optimise_table(result: OptimisationResult) -> RenderableType:
    """What was found, in words, and the finalists and the efficient set as a table."""
    goal = result.plan.problem.goals[0]
    rows = shown_rows(result)
    table = plain_table(
        Column(""), Column("a year", justify="right"), Column(unit_of(goal.column), justify="right"),
        Column("±", justify="right"), Column("bound", justify="right"), Column("runs", justify="right"),
        Column("target"),
    )  # fmt: skip
    for letter, row in rows:
        table.add_row(
            letter + _mark(row),
            shown_cost(row["cost"]),
            _number(row[goal.column]),
            _number((row[f"{goal.column} high"] - row[f"{goal.column} low"]) / 2),
            _bound(result, goal, row),
            str(row["confirmed"] or row["searched"]),
            SAID[row["status"]].partition(":")[0],
        )
    columns = [(letter, row) for letter, row in rows if row["efficient"] or row["winner"]]
    levels = plain_table(Column("measures"), *(Column(letter + _mark(row), justify="right") for letter, row in columns))
    for factor in result.plan.sweep.factors:
        levels.add_row(key_of(factor), *(symbol(factor, row[factor.name]) for _, row in columns))
    return Group(
        Text(result.plan.sweep.title, style="bold"),
        Text(_targets(result.plan)),
        *(Text(f"\n{line}") for line in story(result)),
        Text(f"\n{describe(goal.column)}"),
        table,
        Text(),
        *([levels] if columns else []),
        Text(f"\n{LEGEND}", style="dim"),
    )


LEGEND = (
    "★ the cheapest that meets the target; ° efficient: none that is cheaper is as good. ± is half of the 95 % "
    "interval over the fresh replications that all have in common. The bound of the last step is over all of its own, "
    "and holds for all finalists together: that which shows that the target is missed, else the other one."
)


def story(result: OptimisationResult) -> list[str]:
    """What may be said of the search, in sentences."""
    plan, verdict = result.plan, result.verdict
    problem, tried = plan.problem, len(result.candidates)
    share = f"{100 * problem.confidence:.4g} %"
    if verdict is None:
        return [f"The search is not at its end: {len(result.runs)} runs of {tried} candidates are done."]
    lines = []
    best, nearest = result.winner, result.nearest
    if best is not None:
        lines.append(
            f"The cheapest that was shown to meet the target costs {shown_cost(best['cost'])}: {measures(plan, best)}; "
            f"{_against(result, best)}."
        )
        cheaper = [row for row in result.candidates.to_dict("records") if row["cost"] < best["cost"]]
        if cheaper:
            lines.append(f"Of {len(cheaper)} cheaper ones that were tried, {_fates(cheaper)}.")
    elif nearest is None or not any(math.isfinite(nearest[goal.column]) for goal in problem.goals):
        why = why_unknown(problem.goals[0].column)
        lines.append(f"No set of measures has a figure: {why}, or runs failed.")
    else:
        missed = all(status in ("misses", "unknown") for status in verdict.finalists.values())
        told = "Each finalist misses it" if missed else "None was shown to meet the target"
        lines.append(
            f"{told}. The nearest miss costs {shown_cost(nearest['cost'])}: {measures(plan, nearest)}; "
            f"{_against(result, nearest)}."
        )
    if set(verdict.finalists.values()) != {"unknown"}:
        lines.append(
            f"With {share} confidence none of the {len(verdict.finalists)} finalists is wrongly said to meet the "
            "target, nor to miss it: they were judged by replications that had no part in the search."
        )
    if result.exhaustive:
        lines.append(f"All {tried} candidates were tried.")
    else:
        lines.append(
            f"{tried} of {problem.size:,} candidates were tried: that a better one is among the others is not excluded."
        )
    if plan.grades:
        lines.append(f"Grades of the costs: {', '.join(f'{count} {grade}' for grade, count in plan.grades.items())}.")
    lines.append(f"Values of {plan.scenario.name}: {shares(grades(plan.scenario.model))}.")
    return lines


def measures(plan: OptimisationPlan, row: Row) -> str:
    """The levers that are not at their cheapest level."""
    taken = [
        f"{factor.title}: {_level(factor, row[factor.name])}"
        for factor in plan.sweep.factors
        if row[factor.name] != factor.levels[0]
    ]
    return "; ".join(taken) or "nothing is changed"


def shown_rows(result: OptimisationResult) -> list[tuple[str, Row]]:
    """What is worth a look, each with a letter: the finalists and the efficient set; before the end, all."""
    frame = result.candidates
    if result.verdict is not None:
        frame = frame[(frame["status"] != "search") | frame["efficient"]]
    return list(zip(letters(len(frame)), frame.to_dict("records"), strict=True))


def optimise_json(result: OptimisationResult) -> dict[str, Any]:
    """The object of `corridor optimise --json`."""
    plan, problem = result.plan, result.plan.problem
    best, nearest = result.winner, result.nearest
    return {
        "optimisation": result.name,
        "model_version": result.model,
        "targets": [goal.text for goal in problem.goals],
        "confidence": problem.confidence,
        "candidates_in_all": problem.size,
        "tried": len(result.candidates),
        "complete": result.verdict is not None,
        "story": story(result),
        "winner": best and _record(best),
        "nearest_miss": nearest and _record(nearest),
        "levers": [
            {"name": one.name, "title": one.title, "unit": one.unit, "levels": list(one.levels), "cost": list(costs)}
            for one, costs in zip(plan.sweep.factors, problem.costs, strict=True)
        ],
        "candidates": [_record(row) for row in result.candidates.to_dict("records")],
        "failures": [_record(row) for row in result.failures.to_dict("records")],
        "interrupted": result.interrupted,
    }  # fmt: skip


def save_optimisation(result: OptimisationResult, folder: Path) -> Path:
    """Write tables, picture and the page that shows them; each file is there whole or not at all."""
    for name in FRAMES:
        put_frame(getattr(result, name), folder / name)
    text = json.dumps(optimise_json(result), indent=2, ensure_ascii=False, allow_nan=False)
    put_text(folder / "optimise.json", [text, "\n"])
    if result.verdict is not None:
        write(plot_optimisation(result), folder / PICTURE)
    return put_text(folder / "README.md", [_page(result)])


def plot_optimisation(result: OptimisationResult) -> Figure:
    """Cost over the first target's figure: all that was tried, the finalists with intervals, the efficient set."""
    plan, goal = result.plan, result.plan.problem.goals[0]
    frame = result.candidates.assign(musd=result.candidates["cost"] / 1e6)
    confirmed = frame[(frame["confirmed"] > 0) & frame[goal.column].notna()]
    front = confirmed[confirmed["efficient"]]
    shown = [(letter, row) for letter, row in shown_rows(result) if row["efficient"] or row["winner"]]
    rows = len(plan.sweep.factors) + 2
    bottom = UNDER + ROW * rows + 0.75
    beyond = _limits(frame, confirmed, goal)
    hidden = frame[~frame[goal.column].between(*beyond)]
    reading = (
        "Each dot is a set of measures; pale: tried in the search only. Bars: 95 % intervals over fresh years, the "
        "same for all,\nso that differences are surer than they look. Line: the efficient set, listed below. "
        "Diamond: the cheapest shown to meet the target."
    )
    foot = f"{plan.scenario.model.title} · {len(frame)} sets, {len(result.runs)} runs · model {result.model}"
    foot += _hidden(hidden, goal)
    sheet = Sheet(foot, plan.sweep.title, reading, HEAD + PANEL + bottom)
    axes = sheet.panel(0.75, bottom, WIDTH - 1.0, PANEL)
    axes.set_xlim(*beyond)
    axes.grid(color=PALE, linewidth=0.5)
    axes.set_xlabel(f"{describe(goal.column)} ({unit_of(goal.column)})", size=8.5, color=INK)
    axes.set_ylabel("cost, million USD a year", size=8.5, color=INK)
    axes.axvline(goal.limit, color=PALETTE[1], linewidth=1.2)
    axes.annotate(
        f"target {'≤' if goal.sense > 0 else '≥'} {goal.limit:.6g} {unit_of(goal.column)}", (goal.limit, 1), (4, -2),
        xycoords=axes.get_xaxis_transform(), textcoords="offset points", size=8, color=PALETTE[1], va="top",
    )  # fmt: skip
    searched = frame[(frame["confirmed"] == 0) & frame[goal.column].between(*beyond)]
    axes.plot(searched[goal.column], searched["musd"], "o", color=PALE, markersize=4)
    _bars(axes, confirmed, goal.column)
    axes.plot(front[goal.column], front["musd"], color=PALETTE[0], linewidth=1, drawstyle="steps-pre")
    for letter, row in shown:
        axes.annotate(
            letter, (row[goal.column], row["cost"] / 1e6), (7, 4), textcoords="offset points", size=9, weight="bold",
            color=INK, annotation_clip=True,
        )  # fmt: skip
    winner = confirmed[confirmed["winner"]]
    axes.plot(winner[goal.column], winner["musd"], "D", color=PALETTE[1], markersize=8, markeredgecolor=INK, zorder=5)
    _matrix(sheet, plan, shown)
    return sheet


def letters(count: int) -> list[str]:
    """A, B, C and so on; after Z, AA, AB."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [(alphabet[at // 26 - 1] if at >= 26 else "") + alphabet[at % 26] for at in range(count)]


def _limits(frame: pd.DataFrame, confirmed: pd.DataFrame, goal: Goal) -> tuple[float, float]:
    """The ends of the axis: the target, what was confirmed, and of the others what is not far off."""
    ends = [goal.limit, *confirmed[goal.column]]
    for end in ("low", "high"):
        ends += [x for x in confirmed[f"{goal.column} {end}"] if math.isfinite(x)]
    if confirmed.empty:
        ends += [x for x in frame[goal.column] if math.isfinite(x)]
    low, high = min(ends), max(ends)
    if goal.sense > 0 and low < 2 * goal.limit < high:
        high = 2 * goal.limit  # what is so far from the target would leave no room for the rest
    room = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    return low - room, high + room


def _hidden(hidden: pd.DataFrame, goal: Goal) -> str:
    """How many candidates have no place in the plot."""
    unknown = int(hidden[goal.column].isna().sum())
    beyond = len(hidden) - unknown
    parts = [f" · {beyond} lie outside"] if beyond else []
    parts += [f" · {unknown} without a figure: {why_unknown(goal.column)}"] if unknown else []
    return "".join(parts)


def _bars(axes: Axes, rows: pd.DataFrame, column: str) -> None:
    for row in rows.to_dict("records"):
        colour = PALETTE[0] if row["efficient"] else GREY
        axes.plot(
            [row[f"{column} low"], row[f"{column} high"]], [row["musd"]] * 2, color=colour, linewidth=1.4, alpha=0.6
        )
        axes.plot(row[column], row["musd"], "o", color=colour, markersize=5)


def _matrix(sheet: Sheet, plan: OptimisationPlan, front: Sequence[tuple[str, Row]]) -> None:
    """Below the plot: the level of each lever in each set of the efficient set, and in the winner."""
    factors = plan.sweep.factors
    rows = len(factors) + 2
    axes = sheet.panel(LABELS, UNDER, WIDTH - LABELS - 0.2, ROW * rows)
    axes.set_axis_off()
    axes.set_xlim(-0.5, max(len(front), 8) - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    heads = ["", "million USD a year", *map(key_of, factors)]
    for y, head in enumerate(heads):
        axes.annotate(head, (0, y), (-8 - 72 * 0.3, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
                      size=7, color=INK if y > 1 else GREY, ha="right", va="center")  # fmt: skip
    goal = plan.problem.goals[0].column
    for x, (letter, row) in enumerate(front):
        best = row["winner"]
        colour = PALETTE[1] if best else INK
        axes.text(
            x, 0, f"{letter}  {_number(row[goal])}", size=7.5, weight="bold", color=colour, ha="center", va="center"
        )
        axes.text(x, 1, f"{row['cost'] / 1e6:.4g}", size=7, color=GREY, ha="center", va="center")
        for y, factor in enumerate(factors, start=2):
            text = symbol(factor, row[factor.name])
            axes.text(x, y, text, size=7, color=GREY if text == UNCHANGED else colour, ha="center", va="center")


UNCHANGED = "·"


def symbol(factor: Factor, level: Any) -> str:
    """A level in a narrow column: the number; for words so many dots, which `key_of` explains."""
    at = factor.levels.index(level)
    return ("●" * at if isinstance(level, str) else show_level(level)) if at else UNCHANGED


def key_of(factor: Factor) -> str:
    """The name of a lever, and what its dots stand for."""
    if not isinstance(factor.levels[0], str):
        return f"{factor.title}{f', {factor.unit}' if factor.unit else ''}"
    dots = ", ".join(f"{'●' * at} {level}" for at, level in enumerate(factor.levels) if at)
    return f"{factor.title}: {dots}"


def _page(result: OptimisationResult) -> str:
    plan, goal = result.plan, result.plan.problem.goals[0]
    lines = [
        f"# {plan.sweep.title}",
        "",
        f"Written by `corridor optimise {plan.sweep.file}`, model {result.model}.",
        "",
    ]
    lines += [f"{_targets(plan)}.", "", *(f"- {line}" for line in story(result)), ""]
    if result.verdict is not None:
        lines += [f"![Cost over outcome of each set of measures]({PICTURE}.png)", ""]
    unit = unit_of(goal.column)
    lines += [f"## The {'finalists and the efficient set' if result.verdict else 'candidates so far'}", ""]
    lines += [f"| | cost | {describe(goal.column)}, {unit} | 95 % interval | bound | fresh runs | target |"]
    lines += ["| --- | ---: | ---: | --- | ---: | ---: | --- |"]
    rows = shown_rows(result)
    for letter, row in rows:
        value, low, high = (_number(row[goal.column + end]) for end in ("", " low", " high"))
        cells = [f"{letter} {_mark(row)}".strip(), shown_cost(row["cost"]), value, f"{low} to {high}",
                 _bound(result, goal, row), str(row["confirmed"]), SAID[row["status"]]]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"| measures | {' | '.join(letter for letter, _ in rows)} |", f"| --- |{' --- |' * len(rows)}"]
    for factor in plan.sweep.factors:
        levels = (symbol(factor, row[factor.name]) for _, row in rows)
        lines.append(f"| {key_of(factor)} | {' | '.join(levels)} |")
    lines += ["", f"{LEGEND} A point in the middle: the cheapest level.", "", "## The levers", ""]
    lines += ["| lever | levels and what they cost |", "| --- | --- |"]
    lines += [f"| {title} | {levels} |" for title, levels in _priced(plan)]
    lines += ["", "## Files", "", *(f"- `{name}.csv, .parquet`: {what}" for name, what in FRAMES.items())]
    lines += ["- `optimise.json`: all of it, as `--json` prints it", f"- `{PICTURE}.png, .svg`: the picture", ""]
    return "\n".join(lines)


def _levers_table(plan: OptimisationPlan) -> RenderableType:
    table = plain_table(Column("lever"), Column("levels and what they cost"))
    for title, levels in _priced(plan):
        table.add_row(title, levels)
    return table


def _priced(plan: OptimisationPlan) -> list[tuple[str, str]]:
    """Each lever with its levels and their costs."""
    return [
        (
            factor.title,
            "; ".join(f"{_level(factor, x)}: {shown_cost(cost)}" for x, cost in zip(factor.levels, costs, strict=True)),
        )
        for factor, costs in zip(plan.sweep.factors, plan.problem.costs, strict=True)
    ]


def _targets(plan: OptimisationPlan) -> str:
    return f"Target: {' and '.join(goal.text for goal in plan.problem.goals)}"


def _against(result: OptimisationResult, row: Row) -> str:
    """The figures of a candidate beside its targets: "24.1 d over 8 replications (bound ≤ 24.8 d over all 16)"."""
    problem = result.plan.problem
    parts, first = [], looks(problem)[0] if row["confirmed"] else ()
    for goal in problem.goals:
        unit, told = unit_of(goal.column), ""
        if math.isfinite(row[f"{goal.column} bound"]):
            every = f" over all {row['confirmed']}" if row["confirmed"] > len(first) else ""
            told = f" over {len(first)} replications (bound {_bound(result, goal, row)} {unit}{every})"
        parts.append(f"{goal.column} is {_number(row[goal.column])} {unit}{told}")
    return ", ".join(parts)


def _bound(result: OptimisationResult, goal: Goal, row: Row) -> str:
    """The bound of the last step, and on which side of it the mean over all fresh replications is."""
    bound, runs = row[f"{goal.column} bound"], result.runs
    if math.isnan(bound):
        return "–"
    fresh = runs[(runs["candidate"] == row["candidate"]) & (runs["part"] == "last step")]
    return f"{'≥' if bound < fresh[goal.column].mean() else '≤'} {_number(bound)}"


def _fates(rows: Sequence[Row]) -> str:
    """How many candidates came to what."""
    words = {
        "misses": "were shown to miss it",
        "open": "were not shown to meet it",
        "unknown": "have no figure",
        "search": "missed it in the search, or were less likely than the finalists",
        "meets": "meet it",
    }
    counts = {word: sum(row["status"] == status for row in rows) for status, word in words.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)


def _mark(row: Row) -> str:
    return "★" if row["winner"] else "°" if row["efficient"] else ""


def _level(factor: Factor, level: Any) -> str:
    return f"{show_level(level)} {factor.unit}".rstrip()


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"


def _record(row: Row) -> dict[str, Any]:
    """A row of a frame as JSON has it; null: unknown."""
    plain = {str(key): getattr(value, "item", lambda value=value: value)() for key, value in row.items()}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}
