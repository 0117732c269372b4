"""The results of a sweep as frames, read from its ledger: while it runs, after it, or after a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.study.statistics import intervals
from sim.sweeps.ledger import OK, Ledger, Record, reading
from sim.sweeps.outcomes import Outcome, unit_of

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Varied:
    """A factor: its `levels` are numbers in `unit`, or words; of a range only its ends are known."""

    name: str
    title: str
    unit: str
    how: str
    levels: tuple[float | str, ...]
    low: float | None
    high: float | None

    @property
    def label(self) -> str:
        """For an axis: "feeders", "depth (m)", "demand (×)"."""
        unit = "×" if self.how == "times" and not self.unit else self.unit
        return f"{self.title} ({unit})" if unit else self.title


@dataclass(frozen=True)
class SweepResult:
    """What a sweep has found so far.

    `points`: one row a point: point, scenario, a column for each factor (numbers in the unit of the factor, or words;
    NaN where it is left as it is).
    `runs`: one row a finished run: the columns of its point, replication, and a column for each outcome, as
    in "transit.p90[xian-istanbul/middle-btk]", in the unit that `sim.sweeps.outcomes.unit_of` gives. NaN: unknown.
    `failures`: point, replication, status (failed, timed out), error, traceback.
    """

    name: str
    title: str
    design: str
    factors: tuple[Varied, ...]
    outcomes: tuple[str, ...]  # columns of `runs`
    promises: Mapping[str, Mapping[str, Sequence[float]]]  # scenario -> route -> low and high, days
    points: pd.DataFrame = field(repr=False)
    runs: pd.DataFrame = field(repr=False)
    failures: pd.DataFrame = field(repr=False)
    about: Mapping[str, Any] = field(repr=False)
    interrupted: bool = False

    @property
    def keys(self) -> list[str]:
        """The columns that tell a point."""
        return ["point", "scenario", *(factor.name for factor in self.factors)]

    def estimates(self) -> pd.DataFrame:
        """One row a point and outcome: the columns of the point, outcome, unit, replications, value, low, high.

        `value` is the mean over the replications, `low` and `high` its 95 % interval; NaN: unknown.
        """
        import pandas as pd

        rows = []
        for point, runs in self.runs.groupby("point", sort=True):
            table = runs[list(self.outcomes)].to_numpy(float).T
            value, low, high = intervals(table)
            rows.append(
                pd.DataFrame(
                    {
                        "point": point,
                        "outcome": self.outcomes,
                        "replications": table.shape[1],
                        "value": value,
                        "low": low,
                        "high": high,
                    }
                )
            )
        columns = ["point", "outcome", "replications", "value", "low", "high"]
        long = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)
        long.insert(2, "unit", [unit_of(outcome) for outcome in long["outcome"]])
        return self.points.merge(long, on="point")

    def means(self) -> pd.DataFrame:
        """One row a point: its columns, replications, and the mean of each outcome."""
        table = self.runs[["point", *self.outcomes]]
        mean = table.groupby("point").mean().where(table.set_index("point").notna().groupby("point").all())
        count = self.runs.groupby("point").size().rename("replications")
        return self.points.merge(count, on="point").merge(mean, on="point")


def read_results(folder: Path, outcomes: Sequence[str] | None = None, *, interrupted: bool = False) -> SweepResult:
    """The results in the ledger of a folder. Raises LedgerError.

    `outcomes` are texts like those in the sweep file; none: those that it asks for.
    """
    with reading(folder) as ledger:
        about = ledger.about()
        return _result(about, ledger, outcomes or about["outcomes"], interrupted)


def _result(about: Mapping[str, Any], ledger: Ledger, outcomes: Sequence[str], interrupted: bool) -> SweepResult:
    import pandas as pd

    from sim.sweeps.outcomes import FORM

    factors = tuple(Varied(**{**row, "levels": tuple(row["levels"])}) for row in about["factors"])
    names = [factor.name for factor in factors]
    listed = ledger.points()
    points = pd.DataFrame(
        [(number, base, *levels) for number, base, levels, *_ in listed], columns=["point", "scenario", *names]
    )
    by_key: dict[str, list[tuple[int, int | None]]] = {}
    for number, _, _, _, key, replication in listed:
        by_key.setdefault(key, []).append((number, replication))
    asked = []
    for text in outcomes:
        match = FORM.fullmatch(text)
        assert match is not None
        asked.append(Outcome(text, match["name"], match["first"], match["second"]))
    columns: dict[str, None] = {}
    chosen: list[tuple[int, Record]] = []
    failed = []
    for record in ledger.records():
        for number, replication in by_key.get(record.key, ()):
            if replication not in (None, record.replication):
                continue
            if record.status == OK:
                chosen.append((number, record))
            else:
                failed.append((number, record.replication, record.status, record.error, record.traceback))
    lists = dict.fromkeys(record.names for _, record in chosen)
    for outcome in asked:
        for known in lists:
            columns |= dict.fromkeys(outcome.columns(known))
    where = {known: {name: at for at, name in enumerate(known)} for known in lists}
    places = {known: [at.get(column, -1) for column in columns] for known, at in where.items()}
    chosen.sort(key=lambda pair: (pair[0], pair[1].replication))
    table = np.full((len(chosen), len(columns)), np.nan)
    for row, (_, record) in enumerate(chosen):
        assert record.figures is not None
        at = np.array(places[record.names], dtype=int)
        table[row] = np.where(at >= 0, record.figures[at], np.nan)
    runs = pd.DataFrame(
        {
            "point": [number for number, _ in chosen],
            "replication": [record.replication for _, record in chosen],
        }
    )
    runs = pd.concat([runs, pd.DataFrame(table, columns=list(columns))], axis=1)
    runs = points.merge(runs, on="point", how="inner")
    failures = pd.DataFrame(sorted(failed), columns=["point", "replication", "status", "error", "traceback"])
    return SweepResult(
        about["sweep"], about["title"], about["design"]["kind"], factors, tuple(columns), about["promises"],
        points, runs, failures, about, interrupted,
    )  # fmt: skip
