"""Which facility holds the corridor up: what one more unit of each would gain, by paired runs.

The candidates are made from the scenario: whatever the boxes of the compared flows pass on their way. They are tried in
order of the waiting that they could take away, each with the same demand and weather as the scenario as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sim.measure import Measures, carried, measure
from sim.network import Network, build, load_share
from sim.scenario.load import altered
from sim.scenario.scale import setting, times
from sim.scenario.schema import Documents, FleetService
from sim.study.errors import BadStudyError
from sim.study.memory import check_memory
from sim.study.plain import records
from sim.study.replicate import Failure, OnDone, OnStop, replicate
from sim.study.result import Result, run
from sim.study.statistics import bonferroni, paired_difference
from sim.study.warmup import settle
from sim.study.why import chosen
from sim.units import show

if TYPE_CHECKING:
    import pandas as pd

    from sim.scenario.load import Scenario

TOP = 8
FASTER = 0.8  # what remains of the time of documents
DEEPER_M = 0.5
ROOMIER = 1.1  # a yard
TIMES = ("time", "eastbound_time", "priority_time", "faulty_time")  # of documents
GAINS = ("days", "teu")
COLUMNS = [
    "kind", "place", "what", "changes", "waiting_days",
    *(f"{gain}{end}" for gain in GAINS for end in ("", "_low", "_high", "_separated")),
]  # fmt: skip

Way = tuple[str, str]  # flow and route


@dataclass(frozen=True)
class Candidate:
    """One more of something. `waiting_days` is what a box waits for it in the mean, as the scenario is."""

    kind: str
    place: str  # id of the place, link or service
    what: str  # in words, with the names of the scenario
    changes: tuple[str, ...]  # path=value
    waiting_days: float


@dataclass(frozen=True)
class Binding:
    """The scenario as it is, and what each candidate would gain.

    `gains` has one row a candidate, by falling gain: kind, place, what, changes, waiting_days, and for the mean transit
    time (`days`, how many fewer) and for what arrives (`teu`, how many more a year) the gain, its interval and whether
    it leaves out zero. The intervals of one measure hold for all candidates together with 95 %.
    """

    result: Result
    ways: tuple[Way, ...]
    gains: pd.DataFrame
    left_out: int  # candidates with less waiting that were not tried
    failures: tuple[Failure, ...]
    interrupted: bool

    @property
    def boxes(self) -> int:
        """How many of them were released in the measured time of all replications; without any, nothing is tried."""
        return int(_of(self.result.frames["carried"], self.ways)["boxes"].sum())

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; null is what is unknown."""
        return self.result.about() | {
            "ways": [{"flow": flow, "route": route} for flow, route in self.ways],
            "facilities": records(self.result.facilities()),
            "fleets": records(fleets(self.result)),
            "gains": records(self.gains),
            "left_out": self.left_out,
            "interrupted": self.interrupted,
        }


@dataclass(frozen=True)
class Based(Measures):
    """The measures, and what was carried (see `sim.measure.carried`)."""

    carried: pd.DataFrame


@dataclass(frozen=True)
class Trials:
    """Networks to be run with the same replications, all those of one before those of the next."""

    networks: tuple[Network, ...]
    replications: tuple[int, ...]


def based(network: Network, replication: int) -> Based:
    """One replication of the scenario as it is: a task for `run`."""
    from sim.model import simulate

    journal = simulate(network, replication)
    return Based(**measure(network, journal).frames(), carried=carried(network, journal))


def trial(trials: Trials, number: int) -> pd.DataFrame:
    """The `number`-th run of all trials: what was carried."""
    from sim.model import simulate

    which, replication = divmod(number, len(trials.replications))
    network = trials.networks[which]
    return carried(network, simulate(network, trials.replications[replication]))


def find_binding(
    scenario: Scenario,
    replications: int | None = None,
    *,
    flow: str | None = None,
    route: str | None = None,
    top: int = TOP,
    workers: int | None = None,
    on_done: OnDone | None = None,
    on_stop: OnStop | None = None,
) -> Binding:
    """Run the scenario, and then with one more of each of the `top` candidates with the largest waiting.

    Gains are those of the boxes of `flow` and `route`, or of all compared ones. After Ctrl-C it tells of the candidates
    that had been tried. Raises what `run` does, and BadStudyError for a flow or route that is not compared.
    """
    if top < 0:
        raise BadStudyError(f"found {top} changes to try, where 0 or more are due")
    network = build(scenario)
    check_memory([network])
    (network,) = settle([network], workers=workers, on_done=on_done, on_stop=on_stop)
    ways = tuple(chosen(network, flow, route))
    result = run(network, replications, workers=workers, on_done=on_done, on_stop=on_stop, task=based)
    found = [] if result.interrupted else candidates(scenario, network, result, ways)
    tried = found[:top]
    networks = tuple(_with(scenario, network, candidate) for candidate in tried)
    trials = Trials(networks, result.replications)
    count = len(result.replications)
    every = range(len(networks) * count)
    outcomes = replicate(trial, trials, every, workers=workers, on_done=on_done, on_stop=on_stop)
    gains = []
    for at, candidate in enumerate(tried):
        values = {n: outcomes.values.get(at * count + i) for i, n in enumerate(result.replications)}
        gains.append(_gain(result, ways, candidate, values, bonferroni(len(tried))))
    interrupted = result.interrupted or outcomes.interrupted
    return Binding(result, ways, _sorted(gains), len(found) - len(tried), outcomes.failures, interrupted)


def _with(scenario: Scenario, network: Network, candidate: Candidate) -> Network:
    """The network with one more, and with the warm-up that was found for the scenario as it is."""
    other = build(altered(scenario, candidate.changes))
    return replace(other, model=other.model.model_copy(update={"run": network.model.run}))


def _gain(
    result: Result,
    ways: Sequence[Way],
    candidate: Candidate,
    outcomes: Mapping[int, pd.DataFrame | None],
    confidence: float,
) -> dict[str, Any] | None:
    """A row of the gains, over the replications that have finished; None if none has."""
    import numpy as np

    base = result.frames["carried"]
    pairs = [
        (*_figures(base[base["replication"] == n], ways), *_figures(frame, ways))
        for n, frame in outcomes.items()
        if frame is not None
    ]
    if not pairs:
        return None
    days, teu, other_days, other_teu = np.array(pairs).T
    row: dict[str, Any] = {name: getattr(candidate, name) for name in COLUMNS[:5]}
    for name, gain in (
        ("days", paired_difference(other_days, days, confidence)),
        ("teu", paired_difference(teu, other_teu, confidence)),
    ):
        row |= {name: gain.value, f"{name}_low": gain.low, f"{name}_high": gain.high}
        row[f"{name}_separated"] = gain.separated
    return row


def _figures(frame: pd.DataFrame, ways: Sequence[Way]) -> tuple[float, float]:
    """(mean days a box, TEU a year) of the boxes of these flows and routes together."""
    mine = _of(frame, ways)
    boxes = mine["boxes"].sum()
    days = (mine["boxes"] * mine["mean"]).sum() / boxes if boxes else float("nan")
    return float(days), float(mine["teu_a_year"].sum())


def _of(frame: pd.DataFrame, ways: Sequence[Way]) -> pd.DataFrame:
    """The rows of these flows and routes."""
    return frame.loc[[way in ways for way in zip(frame["flow"], frame["route"], strict=True)]]


def _sorted(gains: Iterable[dict[str, Any] | None]) -> pd.DataFrame:
    import pandas as pd

    table = pd.DataFrame([row for row in gains if row is not None], columns=COLUMNS)
    numbers = [name for name in COLUMNS[4:] if not name.endswith("separated")]
    return table.astype(dict.fromkeys(numbers, float)).sort_values(
        ["days", "teu"], ascending=False, kind="stable", ignore_index=True
    )


def fleets(result: Result) -> pd.DataFrame:
    """One row a fleet: vehicles, voyages of each, load factors, shares of its time; means over the replications."""
    frame = result.frames["fleets"].drop(columns="replication")
    return frame.groupby(["fleet", "service"], as_index=False, sort=False).mean()


def candidates(scenario: Scenario, network: Network, result: Result, ways: Sequence[Way]) -> list[Candidate]:
    """One more of all that the boxes of `ways` wait for, the largest waiting first."""
    passed = _Passed(scenario, network, result, ways)
    found = [
        *passed.fleets(), *passed.berths(), *passed.links(), *passed.documents(), *passed.yards(), *passed.basins()
    ]  # fmt: skip
    return sorted((one for one in found if one.waiting_days > 0), key=lambda one: (-one.waiting_days, one.changes))


class _Passed:
    """What the boxes of some flows and routes pass on their way, and how long they wait there."""

    def __init__(self, scenario: Scenario, network: Network, result: Result, ways: Sequence[Way]) -> None:
        self.tree = scenario.tree
        self.model = network.model
        self.network = network
        self.names = result.atlas
        self.itineraries = [i for i in network.itineraries if (i.flow, i.route) in ways]
        legs = [leg for i in self.itineraries for leg in i.legs]
        self.services = sorted({leg.service for leg in legs})
        self.stops = sorted({stop for leg in legs for stop in (leg.origin, leg.destination)})
        self.sections = [s for name in self.services for s in network.ways[name]]
        self.kinds = sorted(
            {
                (place, stop.berth)
                for name in self.services
                if isinstance(service := self.model.services[name], FleetService)
                for place, stop in service.stops.items()
            }
        )
        facilities = result.facilities()
        self.queues = dict(
            zip(zip(facilities["place"], facilities["facility"], strict=True), facilities["mean_queue"], strict=True)
        )
        self.days = _waiting(result, ways)

    def waits(self, places: Iterable[str], *causes: str) -> float:
        """Mean days that a box waits at these places for these causes."""
        return sum(self.days.get((cause, place), 0.0) for place in places for cause in causes)

    def section(self, place: str) -> str:
        """The block of the scenario that holds a terminal."""
        return "ports" if place in self.model.ports else "terminals"

    def fleets(self) -> Iterator[Candidate]:
        carried = {self.model.demand[i.flow].cargo for i in self.itineraries}
        for key, fleet in self.model.fleets.items():
            if fleet.service not in self.services or not carried & set(fleet.accepts):
                continue
            stops = self.model.services[fleet.service].stops
            count, name = (fleet.vessels, "vessels") if fleet.vessels else (fleet.train_sets, "train_sets")
            if isinstance(count, int):
                kind = "vessel" if fleet.vessels else "train set"
                waits = self.waits(stops, "vessel to come" if fleet.vessels else "train set")
                change = f"fleets.{key}.{name}={count + 1}"
                yield Candidate(kind, fleet.service, f"one more {kind}: {fleet.title}", (change,), waits)

    def berths(self) -> Iterator[Candidate]:
        for place, kind in self.kinds:
            berths = self.network.terminal(place).berths[kind]
            name, path = self.names.name(place), f"{self.section(place)}.{place}.berths.{kind}"
            share = self._share(place, kind)
            for cause, key, count, causes in (
                ("berth", "count", berths.count, ["berth"]),
                ("crane", "cranes", berths.cranes, ["crane", "gauge change"]),
            ):
                if cause == "crane" and berths.per == "vehicle":
                    continue  # one time for the whole vehicle: it names no cranes
                waits = share * self.waits([place], *causes)
                what = f"one more {cause}: {name}, {kind}"
                yield Candidate(cause, place, what, (f"{path}.{key}={count + 1}",), waits)

    def _share(self, place: str, kind: str) -> float:
        """The part of the waiting at a place that falls to one kind of berth: that of its queue."""
        queues = {k: self.queues.get((p, f"berth {k}"), 0.0) for p, k in self.kinds if p == place}
        total = sum(queues.values())
        return queues[kind] / total if total else 1 / len(queues)

    def links(self) -> Iterator[Candidate]:
        for key in sorted({s.link for s in self.sections}):
            link = self.model.links.get(key)
            if link is not None and link.paths is not None:
                change = f"links.{key}.paths={show(link.paths + 1 / 24, '/d', 'frequency')}"
                what = f"one more path a day: {self.names.name(key)}"
                yield Candidate("path", key, what, (change,), self.waits([key], "path"))

    def documents(self) -> Iterator[Candidate]:
        for section in ("terminals", "ports", "borders"):
            for place, block in getattr(self.model, section).items():
                rule: Documents | None = block if isinstance(block, Documents) else block.documents
                path = (section, place) if section == "borders" else (section, place, "documents")
                waits = self.waits([place], "documents")
                if rule is not None and waits > 0:
                    what = f"documents {100 * (1 - FASTER):.0f} % faster: {self.names.name(place)}"
                    yield Candidate("documents", place, what, tuple(self._quicker(path)), waits)
                    if rule.servers is not None:
                        what = f"one more desk: {self.names.name(place)}"
                        yield Candidate("desk", place, what, (f"{'.'.join(path)}.servers={rule.servers + 1}",), waits)

    def _quicker(self, path: tuple[str, ...]) -> Iterator[str]:
        """The changes that shorten all times of the documents there."""
        block: Any = self.tree
        for key in path:
            block = block[key]
        for name in TIMES:
            if block.get(name) is not None:
                yield setting(".".join((*path, name)), times(block[name], FASTER))

    def yards(self) -> Iterator[Candidate]:
        for place in self.stops:
            terminal = self.model.ports.get(place) or self.model.terminals.get(place)
            for key, yard in (terminal.yards if terminal else {}).items():
                limit = show(ROOMIER * yard.limit, yard.limit.unit, "space")
                what = f"{100 * (ROOMIER - 1):.0f} % more room: {self.names.name(place)}, {key}"
                change = f"{self.section(place)}.{place}.yards.{key}.limit={limit}"
                yield Candidate("yard", place, what, (change,), self.waits([place], "yard space"))

    def basins(self) -> Iterator[Candidate]:
        """Ports whose depth keeps a ship from loading all it could."""
        for place in self.stops:
            port = self.model.ports.get(place)
            if port is None or port.depth is None:
                continue
            deeper = port.model_copy(update={"depth": type(port.depth)(port.depth + DEEPER_M, "m")})
            dredged = self.model.model_copy(update={"ports": self.model.ports | {place: deeper}})
            limited = [
                fleet
                for fleet in self.model.fleets.values()
                if fleet.service in self.services and load_share(dredged, fleet) > load_share(self.model, fleet)
            ]
            stops = {stop for fleet in limited for stop in self.model.services[fleet.service].stops}
            what = f"{DEEPER_M:g} m deeper: {self.names.name(place)}"
            change = f"ports.{place}.depth={show(port.depth + DEEPER_M, 'm', 'depth')}"
            yield Candidate("depth", place, what, (change,), self.waits(sorted(stops), "vessel to come"))


def _waiting(result: Result, ways: Sequence[Way]) -> dict[tuple[str, str], float]:
    """Mean days a box of these flows and routes, by cause and place; empty without any box."""
    causes, carried = result.frames["causes"], result.frames["carried"]
    table = causes.merge(carried[["replication", "flow", "route", "boxes"]], on=["replication", "flow", "route"])
    mine, boxes = _of(table, ways), _of(carried, ways)["boxes"].sum()
    total = (mine["days"] * mine["boxes"]).groupby([mine["cause"], mine["place"]]).sum() / boxes
    return dict(zip(total.index.to_flat_index(), total.astype(float), strict=True))
