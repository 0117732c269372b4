"""What a sweep shows: tables, files, and the summary page in its folder."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.scenario.sources import shares_of_each
from sim.show.files import put_frame, put_text
from sim.show.progress import remaining
from sim.show.shell import RESULTS, found_as, goes_on_with, in_shell
from sim.show.tables import plain_table
from sim.study.plain import records
from sim.sweeps.effects import Interval, effects, level_text
from sim.sweeps.outcomes import unit_of, why_unknown

if TYPE_CHECKING:
    import pandas as pd

    from sim.sweeps import SweepPlan, SweepResult

OUTCOMES_SHOWN = 6  # on the page and in its plots; others by name
UNSOUND = "Left out, as an end of their ranges makes no sound scenario while all else is as it is"
ROWS_SHOWN = 40  # points of a table in the terminal
TABLES_SHOWN = 4  # tables beside each other's end, where not all outcomes fit into one
PAGE_ROWS = 24  # points of the table of the page
AT_ONCE = 5_000  # rows of JSON that are made at one go
FILES = {
    "runs.csv, .parquet": "one row a run: its point, the level of each factor, the replication, and each outcome",
    "estimates.csv, .parquet": "one row a point and outcome: the mean over the replications with its 95 % interval",
    "failures.csv, .parquet": "runs that gave no result, with their errors",
    "sweep.json": "the estimates as `corridor sweep --json` prints them",
    "ledger.sqlite": "every run with all its figures; `corridor sweep resume` goes on from it",
}


def dry_table(plan: SweepPlan, found: Mapping[str, Any]) -> RenderableType:
    """The factors of a sweep, how many runs they make, how long these may take, and how large its ledger will be."""
    table = plain_table(*map(Column, ("factor", "levels", "of")))
    for factor in plan.factors:
        more = f" and {len(factor.paths) - 2} more" if len(factor.paths) > 2 else ""
        table.add_row(factor.name, _levels(factor), ", ".join(factor.paths[:2]) + more)
    parts: list[RenderableType] = [Text(plan.title, style="bold"), table]
    if plan.unsound:
        parts += [Text(f"\n{UNSOUND}:"), plain_table(*map(Column, ("value", "why")))]
        for path, why in plan.unsound.items():
            parts[-1].add_row(path, why)  # type: ignore[union-attr]
    return Group(*parts, Text(extent_of(found)))


def extent_of(found: Mapping[str, Any]) -> str:
    """Points, runs, time and room of what `sim.sweeps.run.estimate` has found."""
    more = f", up to {found['most_runs']:,} to reach {'; '.join(found['until'])}" if found["until"] else ""
    done = f", {found['done']:,} of them done" if found["done"] else ""
    time = (
        f"about {remaining(found['seconds'])} with {found['workers']} workers at {found['seconds_a_run']:.2g} s a run"
    )
    size = f"a ledger of about {_bytes(found['ledger_bytes'])}"
    return f"{found['points']:,} points, {found['runs']:,} runs{more}{done}; {time}; {size}"


def status_lines(found: Mapping[str, Any], folder: Path) -> list[str]:
    """How far the sweep in a folder has come, from what `sim.sweeps.run.progress_of` tells."""
    lines = [
        f"{found['sweep']}: {found['ok']:,} of {found['runs']:,} runs done, {found['failed']:,} failed, "
        f"{found['timed out']:,} took too long, {found['missing']:,} missing"
    ]
    again = goes_on_with(found["command"], found["file"], folder)
    if found["missing"] and found["pace"]:
        left = f"about {remaining(found['missing'] / found['pace'])} left"
        lines.append(f"  {60 * found['pace']:.3g} runs a minute, {left}; the last one ended {found['last']}")
    elif found["missing"]:
        ended = f"the last run ended {found['last']}" if found["last"] else "no run has ended yet"
        lines.append(f"  {ended}; if it is not running, go on with: {again}")
    elif found["command"] == "optimise":
        lines.append(f"  a search asks for runs as it goes: {again} goes on, or shows what came of it")
    return lines + [f"  {count} × {name}: {error}" for name, error, count in found["errors"]]


def _levels(factor: Any) -> str:
    if factor.levels:
        shown = [level_text(level) for level in factor.levels]
        if len(shown) > 8:
            shown = [*shown[:3], "…", shown[-1], f"({len(shown)} levels)"]
        return f"{', '.join(shown)} {factor.unit}".rstrip()
    return f"{level_text(factor.low)} to {level_text(factor.high)} {factor.unit}".rstrip()


def _bytes(size: float) -> str:
    return f"{size / 1e6:,.0f} MB" if size >= 1e6 else f"{max(1, size / 1e3):,.0f} kB"


def sweep_table(result: SweepResult, width: int = 120) -> RenderableType:
    """Each point with the mean of each outcome and half of its interval; as many outcomes beside each other as fit."""
    frame = result.estimates()
    several = result.points["scenario"].nunique() > 1
    names = [*(["scenario"] if several else []), *(factor.name for factor in result.factors)]
    heads = [*(["scenario"] if several else []), *(factor.label for factor in result.factors)]
    points = result.points[result.points["point"].isin(frame["point"])]
    rows = [[_shown(value) for value in row] for row in points[names].to_numpy(object).tolist()]
    cells = {
        outcome: [told(Interval(*row)) for row in own[["value", "low", "high"]].itertuples(index=False, name=None)]
        for outcome, own in frame.groupby("outcome", sort=False)
    }
    left = sum(
        max([len(head), *map(len, column)]) + 2 for head, column in zip(heads, zip(*rows, strict=True), strict=False)
    )
    groups = list(_fitting(result.outcomes, cells, width - left))
    parts: list[RenderableType] = [Text(result.title, style="bold")]
    for group in groups[:TABLES_SHOWN]:
        columns = [Column(head, vertical="bottom") for head in heads]
        table = plain_table(*columns, *(Column(_head(outcome), justify="right") for outcome in group))
        for place, row in enumerate(rows[:ROWS_SHOWN]):
            table.add_row(*row, *(cells[outcome][place] for outcome in group))
        parts += [table, Text()]
    parts += [Text(line) for line in _left_out(result, len(rows), sum(map(len, groups[TABLES_SHOWN:])))]
    if whys := _why_unknown(frame, list(chain.from_iterable(groups[:TABLES_SHOWN]))):
        parts.append(Text(f"Unknown: {whys}."))
    parts += [Text(f"NOT REACHED: {line}", style="yellow") for line in _unmet(result)]
    parts += [Text(line, style="dim") for line in how_sure(result)]
    return Group(*parts)


def _unmet(result: SweepResult) -> list[str]:
    """The targets of `until` that some points do not reach."""
    most, count = result.about["most"], len(result.points)
    return [
        f"{text} with at most {most} replications, at {len(missed)} of {count} points"
        for text, missed in result.about.get("unmet", {}).items()
    ]


def told(cell: Interval) -> str:
    """A mean with half of its interval, both to the digits that the interval allows: "27.7 ± 2.4"."""
    if not cell.known:
        return "unknown"
    half = (cell.high - cell.low) / 2
    if not math.isfinite(half):
        return f"{cell.value:,.4g}".replace("-", "\u2212")
    digits = 0 if half >= 10 else 1 if half >= 1 or half == 0 else min(4, 1 - math.floor(math.log10(half)))
    return f"{cell.value:,.{digits}f} ± {half:,.{digits}f}".replace("-", "\u2212")


def _fitting(outcomes: Sequence[str], cells: Mapping[Any, list[str]], width: int) -> list[list[str]]:
    """The outcomes in groups whose columns fit into a width."""
    groups: list[list[str]] = []
    room = 0
    for outcome in outcomes:
        wide = (
            max([len(line) for line in _head(outcome).split("\n")] + [len(cell) for cell in cells.get(outcome, [])]) + 2
        )
        if not groups or wide > room:
            groups.append([])
            room = width
        groups[-1].append(outcome)
        room -= wide
    return groups


def _head(outcome: str) -> str:
    """An outcome above its column: its name, what it is of, and its unit."""
    name, _, rest = outcome.partition("[")
    first, _, second = rest.removesuffix("]").partition("/")
    return f"{name}\n{first}\n{second}\n{unit_of(outcome)}"


def _left_out(result: SweepResult, points: int, outcomes: int) -> list[str]:
    counts = result.runs.groupby("point").size()
    numbers = sorted({int(counts.min()), int(counts.max())}) if len(counts) else []
    if not numbers:
        lines = ["No run has ended yet."]
    elif numbers == [1]:
        lines = ["One replication each: no intervals."]
    else:
        lines = [f"Means over {' to '.join(map(str, numbers))} replications ± half of their 95 % intervals."]
    if points > ROWS_SHOWN:
        lines.append(f"… and {points - ROWS_SHOWN:,} more points: see estimates.csv")
    if outcomes:
        lines.append(f"… and {outcomes:,} more outcomes: see estimates.csv")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "as it is" if math.isnan(value) else level_text(value)
    return "as it is" if value is None else str(value)


def sweep_json(result: SweepResult) -> Iterator[str]:
    """The text of `corridor sweep --json`, piece by piece, one line a point and outcome: of a large sweep, all of them
    at once would take hundreds of MB."""
    head = {
        "sweep": result.name,
        "model_version": result.about["model"],
        "design": result.design,
        "factors": [vars(factor) | {"levels": list(factor.levels)} for factor in result.factors],
        "unsound": result.about.get("unsound", {}),
        "unmet": result.about.get("unmet", {}),
        "failures": records(result.failures),
        "interrupted": result.interrupted,
    }
    yield json.dumps(head, indent=2, ensure_ascii=False, allow_nan=False).removesuffix("\n}") + ',\n  "points": ['
    estimates, mark = result.estimates(), "\n    "
    for begin in range(0, len(estimates), AT_ONCE):
        lines = (
            json.dumps(row, ensure_ascii=False, allow_nan=False)
            for row in records(estimates.iloc[begin : begin + AT_ONCE])
        )
        yield mark + ",\n    ".join(lines)
        mark = ",\n    "
    yield "\n  ]\n}\n"


def save_tables(result: SweepResult, folder: Path) -> list[Path]:
    """Write runs, estimates and failures as CSV and Parquet; each file is there whole or not at all."""
    frames = {"runs": result.runs, "estimates": result.estimates(), "failures": result.failures}
    return [file for name, frame in frames.items() for file in put_frame(frame, folder / name)]


def save_page(result: SweepResult, folder: Path) -> Path:
    """Draw what the sweep allows, and write the page that shows it; the plots are there whole or not at all."""
    from sim.show.style import write
    from sim.show.sweep_plots import plots

    fresh, old = folder / ".plots.new", folder / ".plots.old"
    for stale in (fresh, old):
        shutil.rmtree(stale, ignore_errors=True)
    fresh.mkdir()
    drawn = []
    for plot in plots(result):
        write(plot.figure, fresh / plot.stem)
        drawn.append((plot.stem, plot.caption))
    put_text(folder / "sweep.json", sweep_json(result))
    if (folder / "plots").exists():
        os.replace(folder / "plots", old)
    os.replace(fresh, folder / "plots")
    shutil.rmtree(old, ignore_errors=True)
    return put_text(folder / "README.md", [page(result, drawn)])


def page(result: SweepResult, drawn: Sequence[tuple[str, str]]) -> str:
    """The summary page: what was varied, what came out, how to read the plots, and how to go on.

    `drawn` has the name and the caption of each plot.
    """
    parts = [f"# {result.title}", _varied(result), _runs(result)]
    if len(result.runs):
        parts += ["## Estimates", _estimates(result)]
        if result.design == "grid" and (said := _separated(result)):
            parts += ["## What is told apart", said]
    if drawn:
        parts.append("## Plots")
        for stem, said in drawn:
            caption = " ".join(said.split())
            caption = caption[0].upper() + caption[1:]
            parts.append(f"![{caption.partition('. ')[0]}](plots/{stem}.png)\n\n{caption}")
    if len(result.outcomes) > OUTCOMES_SHOWN:
        names = ", ".join(f"`{outcome}`" for outcome in result.outcomes[OUTCOMES_SHOWN:])
        parts.append(f"Not drawn: {names}. `--outcome` chooses what is.")
    parts += ["## Files", _table(["file", "what it holds"], [[f"`{name}`", what] for name, what in FILES.items()])]
    parts += ["## How to go on", _advice(result)]
    return "\n\n".join(parts) + "\n"


def _varied(result: SweepResult) -> str:
    rows = []
    for factor in result.factors:
        how = {"set": "", "times": "times what is there", "plus": "added to what is there", "mean": "as mean"}[
            factor.how
        ]
        rows.append([factor.title, f"{_levels(factor)}{f', {how}' if how else ''}"])
    head = f"What was varied in {scenarios_of(result)}, by a design of kind {result.design}:"
    return "\n\n".join([head, _table(["factor", "levels"], rows), *unsound(result)])


def scenarios_of(result: SweepResult) -> str:
    """The scenarios of a sweep by title and name, as Markdown."""
    return ", ".join(f"{title} (`{name}`)" for name, title in result.about["titles"].items())


def how_sure(result: SweepResult) -> list[str]:
    """How many of the values of each scenario are of which grade."""
    return shares_of_each(result.about.get("grades", {}))  # ledgers of earlier versions do not have them


def unsound(result: SweepResult) -> list[str]:
    """Which values with a range were left out, and why, as Markdown; nothing if none was."""
    found = result.about.get("unsound", {})  # ledgers of earlier versions do not have it
    rows = [[f"`{path}`", why] for path, why in found.items()]
    return [f"{UNSOUND}:", _table(["value", "why"], rows)] if rows else []


def _runs(result: SweepResult) -> str:
    counts = result.runs.groupby("point").size()
    seeds = ", ".join(sorted({values.get("run.seed", "1") for values in result.about["values"].values()}))
    lines = [
        f"{len(result.points):,} points, {len(result.runs):,} runs, seed {seeds}, model `{result.about['model']}`. "
        "Each point meets the same demand and the same weather, replication by replication."
    ]
    if len(counts) < len(result.points) or result.interrupted:
        lines.append(f"**Not complete**: {len(result.points) - len(counts):,} points have no run yet.")
    lines += [f"**Not reached**: {line}." for line in _unmet(result)]
    if len(result.failures):
        lines.append(f"**{len(result.failures):,} runs gave no result** and have no part in the means:\n")
        errors = Counter(zip(result.failures["status"], result.failures["error"], strict=True))
        for (status, error), count in errors.most_common():
            lines.append(f"- {count} × {status}: {str(error).partition(chr(10))[0]}")
    return "\n\n".join(["\n".join(lines), *how_sure(result)])


def _estimates(result: SweepResult) -> str:
    frame = result.estimates()
    outcomes = result.outcomes[:OUTCOMES_SHOWN]
    several = result.points["scenario"].nunique() > 1
    names = [*(["scenario"] if several else []), *(factor.name for factor in result.factors)]
    heads = [*(["scenario"] if several else []), *(factor.label for factor in result.factors)]
    heads += [f"{result.title_of(outcome)}, {unit_of(outcome)}" for outcome in outcomes]
    rows = []
    for _, own in frame[frame["point"].isin(frame["point"].unique()[:PAGE_ROWS])].groupby("point", sort=True):
        first, by_name = own.iloc[0], own.set_index("outcome")
        values = [told(Interval(*by_name.loc[name, ["value", "low", "high"]])) for name in outcomes]
        rows.append([*(_shown(first[name]) for name in names), *values])
    more = frame["point"].nunique() - len(rows)
    whys = _why_unknown(frame, outcomes)
    said = f"Mean ± half of its 95 % interval{f'; unknown: {whys}' if whys else ''}."
    return f"{_table(heads, rows)}\n\n{f'… and {more:,} more points: see `estimates.csv`. ' if more else ''}{said}"


def _why_unknown(estimates: pd.DataFrame, outcomes: Sequence[str]) -> str:
    """What keeps some of these outcomes from being known; empty: all are."""
    unknown = estimates.loc[estimates["value"].isna() & estimates["outcome"].isin(outcomes), "outcome"].unique()
    return "; ".join(dict.fromkeys(map(why_unknown, unknown)))


def _separated(result: SweepResult) -> str:
    """For each outcome, the factors whose two ends differ beyond chance, and those for which that is not shown."""
    lines = []
    for outcome in result.outcomes[:OUTCOMES_SHOWN]:
        apart, not_apart, same, unknown = list[str](), list[str](), list[str](), list[str]()
        for effect in effects(result, outcome):
            change = effect.whole
            name = f"{effect.axis.label} ({effect.axis.called(0)} → {effect.axis.called(len(effect.axis.parts) - 1)})"
            if not change.known:
                unknown.append(name)
            elif tuple(change) == (0, 0, 0):
                same.append(name)
            elif change.separated:
                apart.append(f"{name}: {told(change)} {unit_of(outcome)}")
            else:
                not_apart.append(f"{name}: {told(change)} {unit_of(outcome)}" if math.isfinite(change.low) else name)
        told_apart = [f"separated: {'; '.join(apart)}"] if apart else []
        told_apart += [f"*not separated*: {'; '.join(not_apart)}"] if not_apart else []
        told_apart += [f"the same to the bit: {'; '.join(same)}"] if same else []
        told_apart += [f"unknown at an end: {'; '.join(unknown)}"] if unknown else []
        lines.append(f"- {result.title_of(outcome)}: {'. '.join(told_apart)}.")
    head = (
        "Change from the low to the high end of each factor, the others in their middle, with half of its 95 % "
        "interval. *Not separated* means that these replications do not show a difference, not that there is none."
    )
    return head + "\n\n" + "\n".join(lines)


def _advice(result: SweepResult) -> str:
    file, folder = result.about["file"], result.folder or RESULTS / result.name
    name, out = found_as(folder), folder.parent
    call = f'sim.sweep("{file}")' if out == RESULTS else f'sim.sweep("{file}", out="{out}")'
    more = f"`{in_shell('sweep', file, out)} -n {2 * _most(result)}` adds replications to these"
    narrower = [] if result.design in ("morris", "sobol") else [f"- Narrower intervals: {more}."]  # they choose them
    spread = (
        [f'- Where in these ranges it fails: `{in_shell("sweep discover", name)} --fails "{_some(result)} > …"`.']
        if result.design == "latin-hypercube" and result.outcomes
        else []
    )
    return "\n".join(
        [
            *spread,
            *narrower,
            f'- Other figures of the same runs: `{in_shell("sweep plot", name)} --outcome "transit.mean"`.',
            f"- From Python: `{call}` gives these tables as frames, with a method for each plot.",
        ]
    )


def _some(result: SweepResult) -> str:
    """An outcome, as an example."""
    return next((name for name in result.outcomes if name.startswith("transit")), result.outcomes[0])


def _most(result: SweepResult) -> int:
    counts = result.runs.groupby("point").size()
    return int(counts.max()) if len(counts) else 1


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
