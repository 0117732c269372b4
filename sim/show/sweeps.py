"""What a sweep shows: tables, files, and the summary page in its folder."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.show.progress import remaining
from sim.show.tables import plain_table
from sim.sweeps.outcomes import describe, unit_of

if TYPE_CHECKING:
    import pandas as pd

    from sim.sweeps import SweepPlan, SweepResult

TABLES = {
    "runs": "one row a run: its point, the level of each factor, the replication, and each outcome",
    "estimates": "one row a point and outcome: the mean over the replications with its 95 % interval",
    "failures": "runs that gave no result, with their errors",
}


def dry_table(plan: SweepPlan, found: Mapping[str, Any]) -> RenderableType:
    """The factors of a sweep, how many runs they make, and how long these may take."""
    table = plain_table(*map(Column, ("factor", "levels", "of")))
    for factor in plan.factors:
        table.add_row(
            factor.name, _levels(factor), ", ".join(factor.paths[:2]) + (" …" if len(factor.paths) > 2 else "")
        )
    more = f", up to {found['most_runs']} to reach {'; '.join(found['until'])}" if found["until"] else ""
    done = f", {found['done']} of them done" if found["done"] else ""
    time = (
        f"about {remaining(found['seconds'])} with {found['workers']} workers at {found['seconds_a_run']:.2g} s a run"
    )
    said = f"{found['points']} points, {found['runs']} runs{more}{done}; {time}"
    return Group(Text(plan.title, style="bold"), table, Text(said))


def _levels(factor: Any) -> str:
    if factor.levels:
        return f"{', '.join(f'{x:g}' if isinstance(x, float) else x for x in factor.levels)} {factor.unit}".rstrip()
    return f"{factor.low:g} to {factor.high:g} {factor.unit}".rstrip()


def sweep_table(result: SweepResult, width: int = 120) -> RenderableType:
    """Each point with the mean of each outcome and half of its interval."""
    frame = result.estimates()
    names, labels = zip(*((factor.name, factor.label) for factor in result.factors), strict=True)
    parts: list[RenderableType] = [Text(result.title, style="bold")]
    for outcome in result.outcomes:
        own = frame[frame["outcome"] == outcome]
        table = plain_table(
            *map(Column, ("scenario", *labels)),
            *(Column(head, justify="right") for head in (unit_of(outcome), "±", "runs")),
        )
        for row in own.to_dict("records"):
            half = (row["high"] - row["low"]) / 2
            table.add_row(
                row["scenario"],
                *(_shown(row[name]) for name in names),
                _shown(row["value"]),
                _shown(half),
                str(row["replications"]),
            )
        parts += [Text(f"\n{describe(outcome)}"), table]
    return Group(*parts)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4g}"
    return str(value)


def sweep_json(result: SweepResult) -> dict[str, Any]:
    """The object of `corridor sweep --json`."""
    return {
        "sweep": result.name,
        "model_version": result.about["model"],
        "design": result.design,
        "factors": [vars(factor) | {"levels": list(factor.levels)} for factor in result.factors],
        "points": records(result.estimates()),
        "failures": records(result.failures),
        "interrupted": result.interrupted,
    }


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame for JSON, which has no numbers but finite ones."""
    return [
        {str(k): None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        for row in frame.to_dict("records")
    ]


def save_tables(result: SweepResult, folder: Path) -> list[Path]:
    """Write runs, estimates and failures as CSV and Parquet; each file is there whole or not at all."""
    written = []
    for name, frame in (("runs", result.runs), ("estimates", result.estimates()), ("failures", result.failures)):
        for ending in ("csv", "parquet"):
            target = folder / f"{name}.{ending}"
            fresh = folder / f".{name}.{ending}.new"
            if ending == "csv":
                frame.to_csv(fresh, index=False, float_format="%.8g")  # Parquet has all digits
            else:
                frame.to_parquet(fresh, index=False)
            os.replace(fresh, target)
            written.append(target)
    return written


def save_page(result: SweepResult, folder: Path) -> Path:
    """Draw what the sweep allows, and write the page that shows it."""
    (folder / "sweep.json").write_text(json.dumps(sweep_json(result), indent=2, ensure_ascii=False) + "\n", "utf-8")
    page = folder / "README.md"
    page.write_text(f"# {result.title}\n", "utf-8")
    return page
