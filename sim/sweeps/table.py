"""The results of a sweep as frames, read from its ledger: while it runs, after it, or after a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from sim.study.statistics import intervals
from sim.sweeps.ledger import OK, Ledger, Record, reading
from sim.sweeps.outcomes import FIGURES, ROUTE_FIGURES, Outcome, OutcomeError, hint, parse_outcome, unit_of

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
    folder: Path | None = field(default=None, repr=False)  # of its ledger, which has further outcomes

    @property
    def keys(self) -> list[str]:
        """The columns that tell a point."""
        return ["point", "scenario", *(factor.name for factor in self.factors)]

    def title_of(self, outcome: str) -> str:
        """An outcome in words, with the titles of the scenario: "P90 of the transit time, Xi'an → Poti, by Poti"."""
        name, _, rest = outcome.partition("[")
        first, _, second = rest.removesuffix("]").partition("/")
        said = next(iter(self.about["values"].values()))
        if name in ROUTE_FIGURES:
            return f"{FIGURES[name][2]}, {self.title_of_way(f'{first}/{second}')}"
        place = said.get(f"places.{first}.name", first)
        return f"{FIGURES[name][2]} of {second}, {place}"

    def title_of_way(self, way: str) -> str:
        """A flow and its route, as in "xian-poti/middle-poti", with their titles."""
        said = next(iter(self.about["values"].values()))
        flow, _, route = way.partition("/")
        return f"{said.get(f'demand.{flow}.title', flow)}, {said.get(f'routes.{route}.title', route)}"

    def estimates(self) -> pd.DataFrame:
        """One row a point and outcome: the columns of the point, outcome, unit, replications, value, low, high.

        `value` is the mean over the replications, `low` and `high` its 95 % interval; NaN: unknown.
        """
        import pandas as pd

        table = self.runs[list(self.outcomes)].to_numpy(float)
        numbers, starts = np.unique(self.runs["point"].to_numpy(int), return_index=True)
        parts = [intervals(rows.T) for rows in np.split(table, starts[1:])] if len(numbers) else []
        counts = np.diff([*starts, len(table)])
        value, low, high = np.array(parts).reshape(len(numbers), 3, len(self.outcomes)).transpose(1, 0, 2)
        long = pd.DataFrame(
            {
                "point": np.repeat(numbers, len(self.outcomes)),
                "outcome": list(self.outcomes) * len(numbers),
                "unit": [unit_of(outcome) for outcome in self.outcomes] * len(numbers),
                "replications": np.repeat(counts, len(self.outcomes)),
                "value": value.ravel(),
                "low": low.ravel(),
                "high": high.ravel(),
            }
        )
        return self.points.merge(long, on="point")

    def asking(self, outcomes: Sequence[str]) -> Self:
        """The same runs with other outcomes, texts like those in the sweep file. Raises OutcomeError."""
        assert self.folder is not None
        texts = [outcomes] if isinstance(outcomes, str) else outcomes
        found = read_results(self.folder, texts, interrupted=self.interrupted)
        return replace(self, **{part.name: getattr(found, part.name) for part in fields(found)})

    def means(self) -> pd.DataFrame:
        """One row a point: its columns, replications, and the mean of each outcome."""
        table = self.runs[["point", *self.outcomes]]
        mean = table.groupby("point").mean().where(table.set_index("point").notna().groupby("point").all())
        count = self.runs.groupby("point").size().rename("replications")
        return self.points.merge(count, on="point").merge(mean, on="point")


def read_results(folder: Path, outcomes: Sequence[str] | None = None, *, interrupted: bool = False) -> SweepResult:
    """The results in the ledger of a folder. Raises LedgerError.

    `outcomes` are texts like those in the sweep file; none: those that it asks for. Raises OutcomeError if no run has
    such a figure.
    """
    with reading(folder) as ledger:
        about = ledger.about()
        result = _result(about, ledger, [parse_outcome(text) for text in outcomes or about["outcomes"]], interrupted)
    return replace(result, folder=folder)


def _result(about: Mapping[str, Any], ledger: Ledger, outcomes: Sequence[Outcome], interrupted: bool) -> SweepResult:
    import pandas as pd

    factors = tuple(Varied(**{**row, "levels": tuple(row["levels"])}) for row in about["factors"])
    names = [factor.name for factor in factors]
    listed = ledger.points()
    points = pd.DataFrame(
        [(number, base, *levels) for number, base, levels, *_ in listed], columns=["point", "scenario", *names]
    )
    by_key: dict[str, list[tuple[int, int | None]]] = {}
    for number, _, _, _, key, replication in listed:
        by_key.setdefault(key, []).append((number, replication))
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
    for outcome in outcomes:
        own = dict.fromkeys(column for known in lists for column in outcome.columns(known))
        if lists and not own:
            every = list(dict.fromkeys(column for known in lists for column in known))
            raise OutcomeError(f'no run has "{outcome.text}"{hint(outcome.text, every)}')
        columns |= own
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
            "point": np.array([number for number, _ in chosen], dtype=int),
            "replication": np.array([record.replication for _, record in chosen], dtype=int),
        }
    )
    runs = pd.concat([runs, pd.DataFrame(table, columns=list(columns))], axis=1)
    runs = points.merge(runs, on="point", how="inner")
    failures = pd.DataFrame(sorted(failed), columns=["point", "replication", "status", "error", "traceback"])
    return SweepResult(
        about["sweep"], about["title"], about["design"]["kind"], factors, tuple(columns), about["promises"],
        points, runs, failures, about, interrupted,
    )  # fmt: skip
