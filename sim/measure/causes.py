"""Each hour of each consignment has one cause. A leg is cut at the moments of its vehicle's calls; between two cuts
there is one cause, and the cuts follow each other, so that the causes add up to the transit time of each box, to the
bit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.model import Journal
from sim.network import Itinerary, Network
from sim.scenario.schema import FleetService, TimetableService

Floats = NDArray[np.float64]
Column = NDArray[Any]  # of a journal table
Key = tuple[int, float, str, str, str]  # itinerary, order of the stage, stage, cause, place

NOT_ARRIVED = "not arrived"
FREE_FLOW = ("moving", "handling")  # what is left of the transit time where nothing is waited for


@dataclass(frozen=True)
class Labels:
    """Names of the causes at one leg, by the kind of its vehicle and of the places at its ends."""

    to_come: str
    handling: tuple[str, str]  # at the origin and the destination of the leg
    crane: tuple[str, str]
    berth: tuple[str, str]


@dataclass(frozen=True)
class Carried:
    """The boxes of one itinerary on one leg."""

    way: Itinerary
    number: int  # of the itinerary
    leg: int
    rows: dict[str, Column]  # of the journal's carriages
    calls: int  # in the journal

    @cached_property
    def on_board(self) -> Column:
        """How many of the boxes each call takes away."""
        return np.bincount(self.rows["call_from"].astype(np.int64), minlength=self.calls)


@dataclass(frozen=True)
class Entry:
    """Hours with one cause at one place: of each box, or of what each call takes away."""

    key: Key
    units: Column  # rows of the journal's units
    hours: Column  # one a box; with `calls`, one a call there, and a call may stand there several times
    carried: Carried | None = None
    calls: Column | None = None

    def total(self) -> float:
        """Hours of all boxes together."""
        if self.carried is None or self.calls is None:
            return float(np.sum(self.hours))
        return float(self.hours @ self.carried.on_board[self.calls])

    def each(self) -> Floats:
        """Hours of each box."""
        if self.carried is None or self.calls is None:
            return self.hours.astype(float)
        by_call = np.bincount(self.calls.astype(np.int64), self.hours, self.carried.calls).astype(float)
        each: Floats = by_call[self.carried.rows["call_from"]]
        return each


def causes_and_stages(network: Network, journal: Journal) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(causes, stages): mean days a box of each compared itinerary, see `Measures`."""
    hours: dict[Key, float] = defaultdict(float)
    ledger = _Ledger(network, journal)
    boxes = np.bincount(journal.units["itinerary"][ledger.counted], minlength=len(network.itineraries))
    for number in np.flatnonzero(boxes):
        for entry in ledger.entries(int(number)):
            hours[entry.key] += entry.total()
    rows = pd.DataFrame(
        [(*key, h / 24 / boxes[key[0]]) for key, h in hours.items() if h],
        columns=["itinerary", "order", "stage", "cause", "place", "days"],
    )
    rows.insert(0, "flow", [network.itineraries[i].flow for i in rows["itinerary"]])
    rows.insert(1, "route", [network.itineraries[i].route for i in rows["itinerary"]])
    causes = rows.groupby(["flow", "route", "cause", "place"], as_index=False, sort=True)["days"].sum()
    stages = rows.groupby(["flow", "route", "order", "stage"], as_index=False, sort=True)["days"].sum()
    stages["order"] = stages.groupby(["flow", "route"]).cumcount()
    return pd.DataFrame(causes), pd.DataFrame(stages)


def box_hours(network: Network, journal: Journal) -> Iterator[tuple[int, pd.DataFrame]]:
    """(itinerary, hours of each of its boxes) for each compared itinerary with boxes released in the measured period.

    One row a box, its index the row in the journal's units; one column a cause and place. A row adds up exactly to
    the hours from release to arrival; for a box that has not arrived, to those from release to the run's end.
    """
    ledger = _Ledger(network, journal)
    for number in np.unique(journal.units["itinerary"][ledger.counted]):
        boxes = np.flatnonzero(ledger.counted & (journal.units["itinerary"] == number))
        columns: dict[tuple[str, str], Floats] = {}
        for entry in ledger.entries(int(number)):
            column = columns.setdefault(entry.key[-2:], np.zeros(len(boxes)))
            column[np.searchsorted(boxes, entry.units)] += entry.each()
        names = pd.MultiIndex.from_tuples(columns, names=["cause", "place"])
        table = pd.DataFrame(np.stack(list(columns.values()), axis=1), index=boxes, columns=names)
        yield int(number), table.loc[:, (table != 0).any()]


class _Ledger:
    """Books the hours of the boxes of compared flows that were released within the measured period."""

    def __init__(self, network: Network, journal: Journal) -> None:
        self.network = network
        self.model = network.model
        self.journal = journal
        self.calls = journal.calls
        self.end = float(self.model.run.length + self.model.run.run_out)
        self.unlimited = np.array([f.train_sets == "unlimited" for f in self.model.fleets.values()], bool)
        released, itinerary = journal.units["released"], journal.units["itinerary"]
        compared = np.array([self.model.demand[i.flow].compare for i in network.itineraries], bool)
        self.counted = (released >= 0) & (released < self.model.run.length) & compared[itinerary]
        self.legs = max((len(i.legs) for i in network.itineraries), default=0)
        self._lay_out()

    def _lay_out(self) -> None:
        """Sort the carriages by itinerary and leg, and note when each box came to stand before each leg."""
        rows = self.journal.carriages
        never = ~np.isfinite(self.journal.units["finished"])
        known = np.where(never[rows["unit"]], self.end, np.inf) >= rows["landed"]  # what is known ahead is not told
        kept = np.flatnonzero(self.counted[rows["unit"]] & known)
        self.position = np.cumsum(self.counted) - 1  # of a counted unit among the counted ones
        unit = self.position[rows["unit"][kept]]
        self.before = np.full((int(np.count_nonzero(self.counted)), self.legs + 1), np.nan)
        self.before[:, 0] = self.journal.units["released"][self.counted]
        self.before[unit, rows["leg"][kept] + 1] = rows["landed"][kept]
        group = rows["itinerary"][kept] * (self.legs + 1) + rows["leg"][kept]
        order = np.argsort(group, kind="stable")
        self.kept = kept[order]
        self.edges = np.searchsorted(group[order], np.arange(len(self.network.itineraries) * (self.legs + 1) + 1))

    def entries(self, number: int) -> Iterator[Entry]:
        """All hours of the counted boxes of an itinerary, leg by leg."""
        way = self.network.itineraries[number]
        for leg in range(len(way.legs)):
            first = number * (self.legs + 1) + leg
            kept = self.kept[self.edges[first] : self.edges[first + 1]]
            if len(kept):
                rows = {k: v[kept] for k, v in self.journal.carriages.items()}
                yield from self._leg(Carried(way, number, leg, rows, len(self.calls["arrived"])))
        yield from self._not_arrived(number, way)

    def _leg(self, boxes: Carried) -> Iterator[Entry]:
        place = boxes.way.legs[boxes.leg].origin
        came = self.before[self.position[boxes.rows["unit"]], boxes.leg]
        yield self._at(boxes, 0, place, "documents", boxes.rows["ready"] - came)
        if boxes.rows["call_from"][0] >= 0:
            yield from self._by_vehicle(boxes)
        else:
            yield from self._by_itself(boxes)

    def _by_vehicle(self, boxes: Carried) -> Iterator[Entry]:
        step, rows = boxes.way.legs[boxes.leg], boxes.rows
        start, end = step.origin, step.destination
        service = self.model.services[step.service]
        assert isinstance(service, FleetService)
        names = self._labels(service, boxes.way, boxes.leg)
        a = {k: v[rows["call_from"]] for k, v in self.calls.items()}
        b = {k: v[rows["call_to"]] for k, v in self.calls.items()}
        t = rows["ready"].astype(float)
        for cause, cut in self._waiting(names, service, start, a, rows):
            until = np.clip(np.where(np.isnan(cut), t, cut), t, rows["lifted"])
            yield self._at(boxes, 0, start, cause, until - t)
            t = until
        yield self._at(boxes, 0, start, names.crane[0], rows["lifted"] - t)
        yield self._at(boxes, 0, start, names.handling[0], rows["loaded"] - rows["lifted"])
        t = np.maximum(rows["loaded"], a["closed"])
        yield self._at(boxes, 0, start, "vessel to fill", t - rows["loaded"])
        yield self._at(boxes, 0, start, names.crane[0], a["loaded"] - t)
        yield self._at(boxes, 0, start, "weather", a["weather_out"] - a["loaded"])
        yield from self._en_route(boxes)
        yield self._at(boxes, 2, end, "weather", b["weather_in"] - b["arrived"])
        yield self._at(boxes, 2, end, names.berth[1], b["berthed"] - b["weather_in"])
        yield self._at(boxes, 2, end, "yard space", b["room"] - b["berthed"])
        yield self._at(boxes, 2, end, names.crane[1], rows["lowered"] - b["room"])
        yield self._at(boxes, 2, end, names.handling[1], rows["landed"] - rows["lowered"])

    def _waiting(
        self, names: Labels, service: FleetService, start: str, a: dict[str, Column], rows: dict[str, Column]
    ) -> list[tuple[str, Column]]:
        """What a box that stands at `start` waits for, each until the moment beside it in the call `a`, in order."""
        made_up = self.unlimited[a["fleet"]]
        berths = self.network.terminal(start).berths[service.stops[start].berth]
        by_unit = service.stops[start].waits_at == "berth" and berths.per == "unit"
        filled = a["opened"] if by_unit else a["closed"]
        came = ("arrived", "weather_in", "berthed", "room", "discharged")  # a train that is made up was there all along
        a = a | {k: np.where(made_up, rows["ready"], a[k]) for k in came}
        return [
            (names.to_come, a["arrived"]),
            ("weather", a["weather_in"]),
            (names.berth[0], a["berthed"]),
            ("yard space", a["room"]),
            (names.crane[0], a["discharged"]),
            ("vessel to fill", a["opened"]),
            ("vessel to fill", filled),
            ("weather", filled if by_unit else a["weather_again"]),
            (names.berth[0], filled if by_unit else a["reberthed"]),
        ]

    def _labels(self, service: FleetService, way: Itinerary, leg: int) -> Labels:
        gauge = self._changes_gauge(way, leg), self._changes_gauge(way, leg + 1)
        return Labels(
            "train set" if service.kind == "trains" else "vessel to come",
            ("gauge change" if gauge[0] else "handling", "gauge change" if gauge[1] else "handling"),
            ("gauge change" if gauge[0] else "crane", "gauge change" if gauge[1] else "crane"),
            ("gauge change" if gauge[0] else "berth", "gauge change" if gauge[1] else "berth"),
        )

    def _changes_gauge(self, way: Itinerary, leg: int) -> bool:
        """The boxes come to the begin of this leg on one gauge, and leave it on another."""
        if not 0 < leg < len(way.legs):
            return False
        before, after = way.legs[leg - 1], way.legs[leg]
        came = self.network.sections(before.service, before.origin)[-1].link
        goes = self.network.sections(after.service, after.origin)[0].link
        gauges = [self.model.links[link].gauge if link else None for link in (came, goes)]
        return None not in gauges and gauges[0] != gauges[1]

    def _en_route(self, boxes: Carried) -> Iterator[Entry]:
        """The links and border stops of each trip."""
        stage, order = self._stage(boxes.way, boxes.leg), 2.0 * boxes.leg + 1
        table = self.journal.segments
        mine = boxes.on_board[table["call"]] > 0
        s = {k: v[mine] for k, v in table.items()}
        for link in np.unique(s["link"]):
            on = s["link"] == link
            name = self.journal.names["links"][link]
            parts = {k: s[k][on] for k in ("begin", "path", "entered", "moved", "ended")}
            closed = "weather" if self.model.links[name].mode != "rail" else "timetable"
            for cause, hours in (
                ("path", parts["path"] - parts["begin"]),
                (closed, parts["entered"] - parts["path"]),
                ("moving", parts["moved"] - parts["entered"]),
                ("breakdown", parts["ended"] - parts["moved"]),
            ):
                key = (boxes.number, order, stage, cause, name)
                yield Entry(key, boxes.rows["unit"], hours, boxes, s["call"][on])
        stops = self.journal.stops
        mine = boxes.on_board[stops["call"]] > 0
        for place in np.unique(stops["place"][mine]):
            at = (stops["place"] == place) & mine
            name = self.journal.names["places"][place]
            key = (boxes.number, order + 0.5, f"border {self.model.places[name].name}", "documents", name)
            yield Entry(key, boxes.rows["unit"], stops["ended"][at] - stops["begin"][at], boxes, stops["call"][at])

    def _by_itself(self, boxes: Carried) -> Iterator[Entry]:
        r, step = boxes.rows, boxes.way.legs[boxes.leg]
        late = "timetable" if isinstance(self.model.services[step.service], TimetableService) else "breakdown"
        yield self._at(boxes, 0, step.origin, "timetable", r["timetable"])
        for cause, hours in (
            ("moving", r["moving"]),
            ("documents", r["documents"]),
            (late, r["lowered"] - r["lifted"] - r["moving"] - r["documents"]),
        ):
            key = (boxes.number, 2 * boxes.leg + 1, self._stage(boxes.way, boxes.leg), cause, step.service)
            yield Entry(key, r["unit"], hours)
        yield self._at(boxes, 2, step.destination, "handling", r["landed"] - r["lowered"])

    def _not_arrived(self, number: int, way: Itinerary) -> Iterator[Entry]:
        """What has not arrived when the run ends: the hours since it last came to stand somewhere."""
        units = self.journal.units
        left = np.flatnonzero(self.counted & (units["itinerary"] == number) & np.isnan(units["finished"]))
        before = self.before[self.position[left]]
        reached = np.sum(np.isfinite(before), axis=1) - 1
        for leg in np.unique(reached):
            mine = reached == leg
            origin = way.legs[leg].origin
            key = (number, 2.0 * leg, self._terminal(origin), NOT_ARRIVED, origin)
            yield Entry(key, left[mine], self.end - before[mine, leg])

    def _at(self, boxes: Carried, part: int, place: str, cause: str, hours: Column) -> Entry:
        """Hours of each box at one end of its leg: `part` 0 is the origin, 2 the destination."""
        key = (boxes.number, 2 * boxes.leg + part, self._terminal(place), cause, place)
        return Entry(key, boxes.rows["unit"], hours)

    def _terminal(self, place: str) -> str:
        name = self.model.places[place].name
        return f"{name} port" if place in self.model.ports else name

    def _stage(self, way: Itinerary, leg: int) -> str:
        step = way.legs[leg]
        first = self.network.ways[step.service][0]
        kind = self.model.links[first.link].mode if first.link else "sea"
        names = self.model.places
        return f"{kind} {names[step.origin].name}–{names[step.destination].name}"
