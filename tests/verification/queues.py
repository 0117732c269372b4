"""Scenario files that are queues, and what theory says of each: for the tests and for results/verification.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sim.network import Network, build
from sim.scenario.load import load
from sim.study import Estimate, Result, estimate
from tests.verification import theory

FOLDER = Path(__file__).parent
CONFIDENCE = 0.999  # of the intervals in which theory must lie

Floats = NDArray[np.float64]
Observed = Callable[[Result], Floats]  # one value a replication


@dataclass(frozen=True)
class Quantity:
    """What is observed of a queue, and what it is in theory."""

    name: str
    observed: Observed
    expected: float

    def of(self, result: Result, confidence: float = CONFIDENCE) -> Estimate:
        return estimate(self.observed(result), confidence)


@dataclass(frozen=True)
class Queue:
    """A scenario file with `changes`, and what it shows."""

    name: str
    source: str  # of the theory
    file: str
    changes: tuple[str, ...]
    quantities: tuple[Quantity, ...]

    def network(self, *changes: str) -> Network:
        return build(load(FOLDER / self.file, set=[*self.changes, *changes]))


def facility(place: str, name: str, column: str) -> Observed:
    """A column of the table of facilities."""

    def observed(result: Result) -> Floats:
        frame = result.frames["facilities"]
        return frame.loc[(frame["place"] == place) & (frame["facility"] == name), column].to_numpy()

    return observed


def transit(flow: str) -> Observed:
    """Mean hours from release to arrival."""

    def observed(result: Result) -> Floats:
        frame = result.frames["routes"]
        return 24 * frame.loc[frame["flow"] == flow, "mean"].to_numpy()

    return observed


def caused(flow: str, cause: str, place: str) -> Observed:
    """Mean hours for one cause at a place."""

    def observed(result: Result) -> Floats:
        frame = result.frames["causes"]
        mine = (frame["flow"] == flow) & (frame["cause"] == cause) & (frame["place"] == place)
        return 24 * frame.loc[mine].groupby("replication")["days"].sum().to_numpy()

    return observed


def fleet(name: str, column: str) -> Observed:
    """A column of the table of fleets."""

    def observed(result: Result) -> Floats:
        frame = result.frames["fleets"]
        return frame.loc[frame["fleet"] == name, column].to_numpy()

    return observed


def station(place: str, name: str, expected: theory.Station) -> tuple[Quantity, ...]:
    """The three columns of a facility."""
    return (
        Quantity(f"wait at {place}, h", facility(place, name, "mean_wait_h"), expected.wait),
        Quantity(f"waiting at {place}", facility(place, name, "mean_queue"), expected.queue),
        Quantity(f"use of {place}", facility(place, name, "utilisation"), expected.use),
    )


RATE = 0.15  # boxes an hour in queue.yaml and what extends it


def single(name: str, source: str, wait: float, service: float, *changes: str, servers: int = 1) -> Queue:
    """queue.yaml with other tracks at b."""
    expected = theory.Station(wait, RATE * wait, RATE * service / servers)
    changes = (f"terminals.b.berths.tracks.count={servers}", *changes)
    return Queue(name, source, "queue.yaml", changes, station("b", "berth tracks", expected))


def discharge(text: str) -> str:
    return f"terminals.b.berths.tracks.discharge={text}"


def plain() -> list[Queue]:
    return [
        single("M/M/1", "Kleinrock", theory.m_m_c(RATE, 3.5, 1), 3.5, discharge("{dist: exponential, mean: 3.5 h}")),
        single(
            "M/M/2",
            "Erlang",
            theory.m_m_c(RATE, 8, 2),
            8,
            discharge("{dist: exponential, mean: 8 h}"),
            "run.length=1460 d",
            servers=2,
        ),
        single(
            "M/M/3", "Erlang", theory.m_m_c(RATE, 12, 3), 12, discharge("{dist: exponential, mean: 12 h}"), servers=3
        ),
        single("M/D/1", "Pollaczek–Khinchine", theory.m_g_1(RATE, 4, 0), 4, discharge("4 h"), "run.length=730 d"),
        single(
            "M/G/1, lognormal, cv 0.5",
            "Pollaczek–Khinchine",
            theory.m_g_1(RATE, 4, 0.5),
            4,
            discharge("{dist: lognormal, mean: 4 h, cv: 0.5}"),
            "run.length=730 d",
        ),
        single(
            "M/G/1, gamma, cv 1.5",
            "Pollaczek–Khinchine",
            theory.m_g_1(RATE, 3, 1.5),
            3,
            discharge("{dist: gamma, mean: 3 h, cv: 1.5}"),
        ),
    ]


def priorities() -> Queue:
    """priorities.yaml: 0.05 urgent and 0.1 other boxes an hour, 7 h on one of two tracks."""
    urgent, other = theory.m_m_c_priorities([0.05, 0.1], 7, 2)
    return Queue(
        "M/M/2, two classes",
        "Cobham",
        "priorities.yaml",
        (),
        (
            Quantity("wait of urgent boxes, h", caused("urgent", "berth", "b"), urgent),
            Quantity("wait of other boxes, h", caused("boxes", "berth", "b"), other),
        ),
    )


def batches() -> list[Queue]:
    """batches.yaml: trains of at most four boxes, 16 h on one track."""
    queues = []
    for name, longest, changes in (
        ("full batches", float("inf"), ()),
        (
            "full, or after 12 h",
            12.0,
            ("services.line.stops.a.wait=12 h", discharge("{dist: exponential, mean: 9 h}"), "run.length=1825 d"),
        ),
    ):
        service = 16.0 if longest == float("inf") else 9.0
        formed = theory.Batches(RATE, 4, longest)
        queues.append(
            Queue(
                f"M/M/1 of trains: {name}",
                "renewal; GI/M/1, Kleinrock",
                "batches.yaml",
                changes,
                (
                    Quantity("boxes wait for their train, h", caused("boxes", "vessel to fill", "a"), formed.wait),
                    Quantity("share of the train filled", fleet("trains", "load_factor_out"), formed.load / 4),
                    Quantity(
                        "trains wait at b, h",
                        facility("b", "berth tracks", "mean_wait_h"),
                        formed.wait_for_a_server(service),
                    ),
                ),
            )
        )
    return queues


def ferries() -> list[Queue]:
    """ferry.yaml: one ferry for four boxes, back after 16 h in the mean."""
    return [
        Queue(
            f"M/M({least},4)/1",
            "Medhi",
            "ferry.yaml",
            (f"services.crossing.stops.a.min_load={least / 4:.0%}",),
            (Quantity("boxes on the way, h", transit("boxes"), theory.m_m_a_b_1(RATE, 16, least, 4) + 16),),
        )
        for least in (1, 3, 4)
    ]


def fleets() -> list[Queue]:
    """repair.yaml and shuttle.yaml: closed networks."""
    sets = theory.machine_repair(5, 2, 20, 10)
    cycles, (a, b) = theory.closed_network(5, [(20.0, 2), (8.0, 1)], 24.0)
    length = 730 * 24
    return [
        Queue("M/M/2//5: machine repair", "Gross & Harris", "repair.yaml", (), station("b", "berth tracks", sets)),
        Queue(
            "closed fleet, two ports",
            "Reiser & Lavenberg",
            "shuttle.yaml",
            (),
            (
                *station("a", "berth quay", a),
                *station("b", "berth quay", b),
                Quantity("voyages of a ship", fleet("ships", "voyages_per_vehicle"), 2 * cycles * length / 5),
            ),
        ),
    ]


def tandems() -> list[Queue]:
    """tandem.yaml: 3 h on one track, then 3.5 h on another, an hour's run before and after."""
    free = theory.m_m_c(RATE, 3, 1) + 3 + theory.m_m_c(RATE, 3.5, 1) + 3.5
    stay, yard = theory.yard_between(RATE, 3, 3.5, 4)
    return [
        Queue(
            "two stations in a row",
            "Jackson",
            "tandem.yaml",
            ("terminals.m.yards=null",),
            (
                Quantity(
                    "wait at the first, h", facility("m", "berth arrivals", "mean_wait_h"), theory.m_m_c(RATE, 3, 1)
                ),
                Quantity(
                    "wait at the second, h",
                    facility("m", "berth departures", "mean_wait_h"),
                    theory.m_m_c(RATE, 3.5, 1),
                ),
                Quantity("boxes on the way, h", transit("boxes"), 2 + free),
            ),
        ),
        Queue(
            "the same with a yard for 4 between",
            "Neuts, matrix-geometric",
            "tandem.yaml",
            ("run.length=365 d",),
            (
                Quantity("boxes on the way, h", transit("boxes"), 2 + stay),
                Quantity("use of the yard", facility("m", "yard boxes", "utilisation"), yard / 4),
            ),
        ),
    ]


OFF = {
    "border": "borders.x=null",
    "breakdowns": "links.xb.delay=null",
    "weather": "terminals.b.calendar=null",
    "empties": "demand.empties=null",
}


def switches() -> list[Queue]:
    """switches.yaml: 0.1 boxes an hour, 3 h on one track, an hour's run; with one switch on at a time."""
    rate, plain = 0.1, theory.m_m_c(0.1, 3, 1) + 3

    def only(switch: str, source: str, stay: float) -> Queue:
        changes = tuple(change for name, change in OFF.items() if name != switch)
        return Queue(
            f"M/M/1 with {switch}",
            source,
            "switches.yaml",
            changes,
            (Quantity("boxes on the way, h", transit("boxes"), 1 + stay),),
        )

    return [
        only("border", "Jackson", theory.m_m_c(rate, 3, 1) + 3 + plain),
        only("breakdowns", "M/G/∞ leaves a Poisson stream", 10 + plain),
        only("weather", "White & Christie", theory.breakdowns_m_m_1(rate, 3, 40, 10)),
        only("empties", "Kleinrock", theory.m_m_c(rate + 0.05, 3, 1) + 3),
    ]


QUEUES = tuple(
    replace(queue, changes=(*queue.changes, f"run.seed={seed}"))  # each with draws of its own
    for seed, queue in enumerate(
        (*plain(), priorities(), *batches(), *ferries(), *fleets(), *tandems(), *switches()), start=1
    )
)
