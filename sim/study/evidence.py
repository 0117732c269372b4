"""What was observed beside what the model says: calibration and validation cases, run and compared.

The figures stand in `sim/data/evidence.yaml`; each says by which of the measures below it is worked out from a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from sim.measure import Measures, measure
from sim.measure.storms import Phase, Storms
from sim.model import Journal, simulate
from sim.network import Network, build, load
from sim.scenario.schema import FleetService
from sim.study.memory import check_memory
from sim.study.replicate import Failure, OnDone, OnStop
from sim.study.result import Result, run_all
from sim.study.statistics import Estimate, estimate

Floats = NDArray[np.float64]  # one value a replication

TOLERANCE = 0.05  # how far from a single observed figure still counts as inside
WORK: tuple[tuple[Phase, str, str], ...] = (("discharge", "berthed", "discharged"), ("load", "reberthed", "loaded"))
Kind = Literal["calibration", "partly", "validation"]
Verdict = Literal["inside", "below", "above"]
KINDS: dict[Kind, str] = {
    "calibration": "Calibration: values of the scenario were set by these figures",
    "partly": "Partly calibration: these had a part in setting values",
    "validation": "Validation: these had no part, and are tests of the model",
}
TOPICS = {
    "total": "transit time in total",
    "section": "transit time by section",
    "border": "border stay",
    "port": "ports",
    "fleet": "fleets",
    "volume": "volumes and seasons",
    "north": "northern route",
    "sea": "sea route",
}


def judge(value: float, low: float, high: float | None) -> Verdict:
    """Whether a value lies within what was observed; a single figure is met within the tolerance."""
    margin = TOLERANCE if low == high else 0.0
    if value < low * (1 - margin):
        return "below"
    return "above" if high is not None and value > high * (1 + margin) else "inside"


class Entry(BaseModel):
    """A part of the file: unknown keys are errors, nothing changes after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Transit(Entry):
    """Mean days of the consignments of some flows, from release to landing; by one route or all."""

    what: Literal["transit"]
    flows: list[str]

    def values(self, result: Result) -> Floats:
        routes = result.frames["routes"]
        return _mean(result, routes[routes["flow"].isin(self.flows)], "mean", "boxes")


class Ratio(Entry):
    """Mean days of some flows over those of others."""

    what: Literal["ratio"]
    over: list[str]
    under: list[str]

    def values(self, result: Result) -> Floats:
        over, under = (Transit(what="transit", flows=flows).values(result) for flows in (self.over, self.under))
        return over / under


class Section(Entry):
    """Mean days from the beginning, or that of the stage `first`, to the end of the stage `last`, and on `links`.

    Unknown in a replication in which nothing came to one of the two.
    """

    what: Literal["section"]
    flow: str
    route: str
    first: str | None = None
    last: str
    links: list[str] = []

    def values(self, result: Result) -> Floats:
        stages = _of_way(result, "stages", self.flow, self.route)
        parts = []
        for _, way in stages.groupby("replication"):
            names = way["stage"].tolist()
            if self.last in names and self.first in (None, *names):
                begin = names.index(self.first) if self.first else 0
                parts.append(way.iloc[begin : names.index(self.last) + 1])
        along = pd.concat(parts) if parts else stages.iloc[:0]
        beyond = _of_way(result, "causes", self.flow, self.route)
        beyond = beyond[beyond["place"].isin(self.links)]
        return _total(result, along, "days") + (_total(result, beyond, "days") if self.links else 0.0)


class StayOfCargo(Entry):
    """Mean days of the consignments of a flow and route at some places, or on some links, for whatever cause."""

    what: Literal["stay_of_cargo"]
    flow: str
    route: str
    places: list[str]

    def values(self, result: Result) -> Floats:
        causes = _of_way(result, "causes", self.flow, self.route)
        return _total(result, causes[causes["place"].isin(self.places)], "days")


class Carried(Entry):
    """What went over some links in a year: TEU, or tonnes."""

    what: Literal["carried"]
    links: list[str]
    directions: list[Literal["west", "east"]] = ["west", "east"]
    column: Literal["teu", "t"] = "teu"
    scale: float = 1.0

    def values(self, result: Result) -> Floats:
        links = result.frames["links"]
        chosen = links[links["link"].isin(self.links) & links["direction"].isin(self.directions)]
        return self.scale * _total(result, chosen, self.column)


class Calls(Entry):
    """How often ships of some services call at a port within so many days."""

    what: Literal["calls"]
    place: str
    services: list[str]
    days: float

    def values(self, result: Result) -> Floats:
        return self.days * _total(result, _ships(result, place=self.place, services=self.services), "calls")


class PortHours(Entry):
    """Mean hours of a ship at a port, or on the passage from it: see `ship_frame`."""

    what: Literal["port_hours"]
    place: str
    services: list[str] = []
    fleets: list[str] = []
    part: Literal["stay", "roads", "berth", "work", "passage"]

    def values(self, result: Result) -> Floats:
        ships = _ships(result, place=self.place, services=self.services, fleets=self.fleets)
        return _mean(result, ships, self.part, "calls")


class Voyages(Entry):
    """Voyages a year of a ship of some fleets."""

    what: Literal["voyages"]
    fleets: list[str]

    def values(self, result: Result) -> Floats:
        fleets = result.frames["fleets"]
        chosen = fleets[fleets["fleet"].isin(self.fleets)]
        return _mean(result, chosen, "voyages_per_vehicle", "vehicles") * 365 / result.length_days


class Round(Entry):
    """Mean days of a round of the ships of some fleets: two voyages."""

    what: Literal["round"]
    fleets: list[str]

    def values(self, result: Result) -> Floats:
        return 2 * 365 / Voyages(what="voyages", fleets=self.fleets).values(result)


class Loaded(Entry):
    """TEU a year that the ships of some fleets took, at all their ports."""

    what: Literal["loaded"]
    fleets: list[str]

    def values(self, result: Result) -> Floats:
        return _total(result, _ships(result, fleets=self.fleets), "teu")


class Season(Entry):
    """The share, in %, of a year's consignments that was released within these days of it."""

    what: Literal["season"]
    flows: list[str]
    days: tuple[int, int]

    def values(self, result: Result) -> Floats:
        releases = result.frames["releases"]
        chosen = releases[releases["flow"].isin(self.flows) & releases["day"].between(0, 364)]
        within = chosen["boxes"].where(chosen["day"].between(self.days[0], self.days[1] - 1), 0)
        return 100 * _total(result, chosen.assign(within=within), "within") / _total(result, chosen, "boxes")


Measure = Annotated[
    Transit | Ratio | Section | StayOfCargo | Carried | Calls | PortHours | Voyages | Round | Loaded | Season,
    Field(discriminator="what"),
]


class Case(Entry):
    """A scenario of the library that is run, with the changes by which more of it is measured."""

    title: str
    scenario: str
    set: list[str] = []


class Record(Entry):
    """Where an observed figure is published."""

    title: str
    publisher: str
    year: str
    url: str | None = None

    @property
    def citation(self) -> str:
        return f"{self.publisher} ({self.year}): {self.title}"


class Figure(Entry):
    """An observed figure, from `low` to `high`, and how it is worked out from a run."""

    title: str
    case: str
    topic: Literal["total", "section", "border", "port", "fleet", "volume", "north", "sea"]
    kind: Kind
    observed: tuple[float, float | None]
    unit: str
    source: str
    grade: Literal["high", "medium", "low"]
    note: str | None = None
    measure: Measure


class Observed(Entry):
    """The whole file."""

    cases: dict[str, Case]
    figures: dict[str, Figure]
    sources: dict[str, Record]


@dataclass(frozen=True)
class Compared:
    """A figure with what the model says: a mean over replications with its 95 % interval, in the figure's unit."""

    key: str
    figure: Figure
    record: Record
    simulated: Estimate

    @property
    def verdict(self) -> Verdict | Literal["unknown"]:
        value = self.simulated.value
        return "unknown" if value is None else judge(value, *self.figure.observed)


@dataclass(frozen=True)
class Evidence:
    """All figures, in the order of the file, and how they were made; `grades` counts the values of each scenario."""

    compared: tuple[Compared, ...]
    cases: Mapping[str, Case]
    replications: int
    seeds: tuple[int, ...]
    model_version: str
    grades: Mapping[str, Mapping[str, int]]
    failures: tuple[Failure, ...] = ()

    def of_kind(self, kind: Kind) -> list[Compared]:
        """The figures of one kind, by topic."""
        mine = [one for one in self.compared if one.figure.kind == kind]
        return sorted(mine, key=lambda one: list(TOPICS).index(one.figure.topic))

    def inside(self, kind: Kind) -> tuple[int, int]:
        """How many of a kind lie inside, of how many."""
        mine = self.of_kind(kind)
        return sum(one.verdict == "inside" for one in mine), len(mine)


@cache
def observed() -> Observed:
    """The observed figures that come with the program."""
    text = files("sim.data").joinpath("evidence.yaml").read_text(encoding="utf-8")
    return Observed.model_validate(YAML(typ="safe").load(text))


def evidence(
    library: Path,
    replications: int | None = None,
    *,
    workers: int | None = None,
    changes: Sequence[str] = (),
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
) -> Evidence:
    """Run all cases with scenarios of the folder `library` and compare them with what was observed.

    `replications` of each case (none: as many as its scenario says), with `changes` as for `--set`. Raises
    ScenarioError, StudyError, and KeyboardInterrupt after Ctrl-C, which calls `on_stop` at once: half of a table would
    look like the whole.
    """
    every = observed()
    cases, own = every.cases.values(), [changes] if isinstance(changes, str) else changes
    networks = [build(load(library / f"{case.scenario}.yaml", set=[*case.set, *own])) for case in cases]
    check_memory(networks)
    done = run_all(networks, replications, workers=workers, on_done=on_done, on_stop=on_stop, task=measured)
    if len(done) < len(networks) or any(result.interrupted for result in done):
        raise KeyboardInterrupt
    results = dict(zip(every.cases, done, strict=True))
    grades: dict[str, Mapping[str, int]] = {}
    for case, result in zip(cases, done, strict=True):
        grades.setdefault(case.scenario, result.grades)  # further cases of a scenario only add to it
    compared = tuple(
        Compared(key, figure, every.sources[figure.source], _simulated(figure, results[figure.case]))
        for key, figure in every.figures.items()
    )
    return Evidence(
        compared,
        every.cases,
        min(len(result.replications) for result in results.values()),
        tuple(dict.fromkeys(result.seed for result in results.values())),
        next(iter(results.values())).model_version,
        grades,
        tuple(failure for result in done for failure in result.failures),
    )


def _simulated(figure: Figure, result: Result) -> Estimate:
    hours = 24.0 if figure.unit == "h" and isinstance(figure.measure, Section | StayOfCargo) else 1.0
    return estimate(hours * figure.measure.values(result))


@dataclass(frozen=True)
class MoreMeasures(Measures):
    """The measures of a run, and `ships`: see `ship_frame`."""

    ships: pd.DataFrame


def measured(network: Network, replication: int) -> MoreMeasures:
    """Simulate one replication and measure it."""
    journal = simulate(network, replication)
    return MoreMeasures(**measure(network, journal).frames(), ships=ship_frame(network, journal))


def ship_frame(network: Network, journal: Journal) -> pd.DataFrame:
    """One row for each fleet of ships and port: the calls that begin in the measured period.

    calls: a day. stay: hours from the roads until the ship leaves; roads: before the first berth; berth: discharging
    and loading on a berth; work: these, but for the hours in which storms suspend it; passage: from leaving until it is
    in the roads of the other port. teu: taken in a year, of container ships.
    """
    storms = Storms(network, journal.replication)
    length = float(network.model.run.length)
    table = pd.DataFrame(journal.calls).sort_values(["vehicle", "arrived"], kind="stable")
    following = table.groupby("vehicle")["arrived"].shift(-1)
    table = table.assign(
        stay=table["weather_out"] - table["arrived"],
        roads=table["berthed"] - table["arrived"],
        berth=table["discharged"] - table["berthed"] + table["loaded"] - table["reberthed"],
        passage=following - table["weather_out"],
    )
    table = table[(table["arrived"] >= 0) & (table["arrived"] < length)]
    rows = []
    for number, name in enumerate(journal.names["fleets"]):
        fleet = network.model.fleets[name]
        service = network.model.services[fleet.service]
        assert isinstance(service, FleetService)
        for place, stop in service.stops.items() if fleet.vessels else ():
            at = table[(table["fleet"] == number) & (table["place"] == journal.names["places"].index(place))]
            storm = _suspended(storms, place, stop.berth, at)
            in_teu = fleet.capacity.unit == "TEU"
            rows.append(
                {
                    "fleet": name,
                    "service": fleet.service,
                    "place": place,
                    "calls": len(at) / length * 24,
                    **{part: at[part].mean() for part in ("stay", "roads", "berth", "passage")},
                    "work": (at["berth"] - storm).mean(),
                    "teu": at["space_out"].sum() / length * 8760 if in_teu else 0.0,
                }
            )
    return pd.DataFrame(rows)


def _suspended(storms: Storms, place: str, berth: str, calls: pd.DataFrame) -> Floats:
    """Hours of each call in which storms suspended discharging or loading."""
    hours = np.zeros(len(calls))
    for phase, first, last in WORK:
        begin, end = calls[first].to_numpy(float), calls[last].to_numpy(float)
        hours += storms.hours(place, berth, phase, begin, end, begin.copy)  # what may not begin is not suspended
    return hours


def _ships(
    result: Result, *, place: str | None = None, services: Sequence[str] = (), fleets: Sequence[str] = ()
) -> pd.DataFrame:
    """The rows of some services or fleets, at one port or at all."""
    table = result.frames["ships"]
    mine = table["service"].isin(services) | table["fleet"].isin(fleets)
    chosen: pd.DataFrame = table[mine & (table["place"] == place)] if place else table[mine]
    return chosen


def _of_way(result: Result, frame: str, flow: str, route: str) -> pd.DataFrame:
    table = result.frames[frame]
    chosen: pd.DataFrame = table[(table["flow"] == flow) & (table["route"] == route)]
    return chosen


def _total(result: Result, table: pd.DataFrame, column: str) -> Floats:
    """The sum of a column in each replication; NaN where a replication has no row of it, and is unknown."""
    sums = table.groupby("replication")[column].sum()
    return sums.reindex(list(result.replications)).to_numpy(dtype=float)


def _mean(result: Result, table: pd.DataFrame, column: str, weight: str) -> Floats:
    """The weighted mean of what is known of a column in each replication; NaN where the weights add up to nothing."""
    table = table[table[column].notna()]
    weighted = table.assign(**{column: table[column] * table[weight]})
    with np.errstate(invalid="ignore"):
        return _total(result, weighted, column) / _total(result, table, weight)
