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

from sim.measure.storms import Phase, Storms
from sim.measure.ways import ride_name, stop_name, with_units
from sim.model import Journal
from sim.model.journal import Rows, Table
from sim.network import Itinerary, Network
from sim.scenario.schema import FleetService, TimetableService

Floats = NDArray[np.float64]
Column = NDArray[Any]  # of a journal table
Key = tuple[int, float, str, str, str]  # itinerary, order of the stage, stage, cause, place

NOT_ARRIVED = "not arrived"
UNDER_WAY = -1  # for those who wait for a leg: the number of that leg
FREE_FLOW = ("moving", "handling")  # what is left of the transit time where nothing is waited for


@dataclass(frozen=True)
class Labels:
    """Names of the causes at one leg, by the kind of its vehicle and of the places at its ends."""

    to_come: str
    handling: tuple[str, str]  # at the origin and the destination of the leg
    crane: tuple[str, str]


@dataclass(frozen=True)
class Carried:
    """Boxes of one itinerary on one leg."""

    way: Itinerary
    number: int  # of the itinerary
    leg: int
    rows: Rows  # of the journal's parcels
    calls: int  # in the journal

    @cached_property
    def on_board(self) -> Column:
        """How many of the boxes each call takes away."""
        return np.bincount(self.rows["call_from"].astype(np.int64), minlength=self.calls)


class Ends(dict[str, Column]):
    """The calls at one end of a leg, one for each box; a column is laid out when it is first asked for."""

    def __init__(self, calls: Table, which: Column) -> None:
        self._calls = calls
        self._which = which

    def __missing__(self, name: str) -> Column:
        self[name] = self._calls[name][self._which]
        return self[name]


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
    boxes = {}
    for number, way, mine in with_units(network, journal):
        boxes[number] = np.count_nonzero(ledger.counted(mine))
        for entry in ledger.entries(number, way, mine):
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
    for number, way, mine in with_units(network, journal):
        boxes = np.flatnonzero(ledger.counted(mine)) + mine.start
        if not len(boxes):
            continue
        columns: dict[tuple[str, str], Floats] = {}
        for entry in ledger.entries(number, way, mine):
            column = columns.setdefault(entry.key[-2:], np.zeros(len(boxes)))
            column[np.searchsorted(boxes, entry.units)] += entry.each()
        names = pd.MultiIndex.from_tuples(columns, names=["cause", "place"])
        table = pd.DataFrame(np.stack(list(columns.values()), axis=1), index=boxes, columns=names)
        yield number, table.loc[:, (table != 0).any()]


class _Ledger:
    """Books the hours of the boxes that were released within the measured period, piece by piece of each leg: the table
    of all carriages would take many times the room of the journal."""

    def __init__(self, network: Network, journal: Journal) -> None:
        self.network = network
        self.model = network.model
        self.journal = journal
        self.calls = journal.calls
        self.storms = Storms(network, journal.replication)
        self.end = float(self.model.run.length + self.model.run.run_out)
        self.unlimited = np.array([f.train_sets == "unlimited" for f in self.model.fleets.values()], bool)

    def counted(self, mine: slice) -> NDArray[np.bool_]:
        """Whether each of these units was released within the measured period."""
        released = self.journal.units["released"][mine]
        counted: NDArray[np.bool_] = (released >= 0) & (released < self.model.run.length)
        return counted

    @cached_property
    def _first_moves(self) -> dict[Phase, Floats]:
        """When the first unit of each call was lifted off its vehicle, and onto it; infinite if none was."""
        first: dict[Phase, Floats] = {
            phase: np.full(len(self.calls["arrived"]), np.inf) for phase in ("discharge", "load")
        }
        for piece in self.journal.parcels.by_leg():
            rows = piece.where(piece["call_from"] >= 0)
            np.fmin.at(first["load"], rows["call_from"], rows["lifted"])
            rows = rows.where(rows["call_to"] >= 0)
            np.fmin.at(first["discharge"], rows["call_to"], rows["lowered"])
        return first

    def entries(self, number: int, way: Itinerary, mine: slice) -> Iterator[Entry]:
        """All hours of the counted boxes of an itinerary, leg by leg."""
        counted = self.counted(mine)
        never = np.isnan(self.journal.units["finished"][mine])
        came = self.journal.units["released"][mine].copy()  # when each unit came to stand where it now stands
        reached = np.zeros(len(came), np.int16)  # the leg that it waits for there
        for leg in range(len(way.legs)):
            for piece in self.journal.parcels.of_leg(number, leg):
                own, there = counted[piece["unit"] - mine.start], piece["landed"] <= self.end
                rows = piece.where(own & there)
                if len(rows["unit"]):
                    unit = rows["unit"] - mine.start
                    yield from self._leg(Carried(way, number, leg, rows, len(self.calls["arrived"])), came[unit])
                    came[unit], reached[unit] = rows["landed"], leg + 1
                rows = piece.where(own & ~there & (piece["lifted"] <= self.end))
                unit = rows["unit"] - mine.start
                yield from self._under_way(way, number, leg, rows, came[unit])
                reached[unit] = UNDER_WAY
        left = np.flatnonzero(counted & never & (reached != UNDER_WAY))
        for leg in np.unique(reached[left]):
            waits = left[reached[left] == leg]
            origin = way.legs[leg].origin
            key = (number, 2.0 * leg, stop_name(self.network, origin), NOT_ARRIVED, origin)
            yield Entry(key, waits + mine.start, self.end - came[waits])

    def _under_way(self, way: Itinerary, number: int, leg: int, rows: Rows, came: Floats) -> Iterator[Entry]:
        """The hours of boxes that ride when the run ends: when they land is known ahead, and is not told."""
        step = way.legs[leg]
        stands = (number, 2.0 * leg, stop_name(self.network, step.origin), NOT_ARRIVED, step.origin)
        rides = (number, 2.0 * leg + 1, ride_name(self.network, step), NOT_ARRIVED, step.service)
        if len(rows["unit"]):
            yield Entry(stands, rows["unit"], rows["lifted"] - came)
            yield Entry(rides, rows["unit"], self.end - rows["lifted"])

    def _leg(self, boxes: Carried, came: Floats) -> Iterator[Entry]:
        """came: when each of the boxes came to stand before this leg."""
        place = boxes.way.legs[boxes.leg].origin
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
        a, b = Ends(self.calls, rows["call_from"]), Ends(self.calls, rows["call_to"])
        t = rows["ready"].astype(float)
        for cause, cut in self._waiting(names, service, start, a, rows):
            until = np.clip(np.where(np.isnan(cut), t, cut), t, rows["lifted"])
            if cause == names.crane[0]:
                yield from self._worked(boxes, 0, start, "discharge", cause, t, until)
            else:
                yield self._at(boxes, 0, start, cause, until - t)
            t = until
        yield from self._worked(boxes, 0, start, "load", names.crane[0], t, rows["lifted"])
        yield from self._worked(boxes, 0, start, "load", names.handling[0], rows["lifted"], rows["loaded"])
        t = np.maximum(rows["loaded"], a["closed"])
        yield self._at(boxes, 0, start, "vessel to fill", t - rows["loaded"])
        yield from self._worked(boxes, 0, start, "load", names.crane[0], t, a["loaded"])
        yield self._at(boxes, 0, start, "weather", a["weather_out"] - a["loaded"])
        yield from self._en_route(boxes)
        yield self._at(boxes, 2, end, "weather", b["weather_in"] - b["arrived"])
        yield self._at(boxes, 2, end, "berth", b["berthed"] - b["weather_in"])
        yield self._at(boxes, 2, end, "yard space", b["room"] - b["berthed"])
        yield from self._worked(boxes, 2, end, "discharge", names.crane[1], b["room"], rows["lowered"])
        yield from self._worked(boxes, 2, end, "discharge", names.handling[1], rows["lowered"], rows["landed"])

    def _worked(
        self, boxes: Carried, part: int, place: str, phase: Phase, cause: str, begin: Column, end: Column
    ) -> Iterator[Entry]:
        """Hours in which cranes work, or are waited for: those that a storm takes out of it are the weather's."""
        service = self.model.services[boxes.way.legs[boxes.leg].service]
        assert isinstance(service, FleetService)
        calls = boxes.rows["call_from" if part == 0 else "call_to"]
        berth = service.stops[place].berth
        stopped = self.storms.hours(place, berth, phase, begin, end, lambda: self._first_moves[phase][calls])
        yield self._at(boxes, part, place, cause, end - begin - stopped)
        yield self._at(boxes, part, place, "weather", stopped)

    def _waiting(
        self, names: Labels, service: FleetService, start: str, a: Ends, rows: Rows
    ) -> list[tuple[str, Column]]:
        """What a box that stands at `start` waits for, each until the moment beside it in the call `a`, in order."""
        made_up = self.unlimited[a["fleet"]]
        berths = self.network.terminal(start).berths[service.stops[start].berth]
        by_unit = service.stops[start].waits_at == "berth" and berths.per == "unit"
        filled = a["opened"] if by_unit else a["closed"]
        came = ("arrived", "weather_in", "berthed", "room", "discharged")  # a train that is made up was there all along
        arrived, weather_in, berthed, room, discharged = (np.where(made_up, rows["ready"], a[k]) for k in came)
        return [
            (names.to_come, arrived),
            ("weather", weather_in),
            ("berth", berthed),
            ("yard space", room),
            (names.crane[0], discharged),
            ("vessel to fill", a["opened"]),
            ("vessel to fill", filled),
            ("weather", filled if by_unit else a["weather_again"]),
            ("berth", filled if by_unit else a["reberthed"]),
        ]

    def _labels(self, service: FleetService, way: Itinerary, leg: int) -> Labels:
        gauge = self._changes_gauge(way, leg), self._changes_gauge(way, leg + 1)
        return Labels(
            "train set" if service.kind == "trains" else "vessel to come",
            ("gauge change" if gauge[0] else "handling", "gauge change" if gauge[1] else "handling"),
            ("gauge change" if gauge[0] else "crane", "gauge change" if gauge[1] else "crane"),
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
        stage, order = ride_name(self.network, boxes.way.legs[boxes.leg]), 2.0 * boxes.leg + 1
        table = self.journal.segments
        mine = boxes.on_board[table["call"]] > 0
        s = {k: v[mine] for k, v in table.items()}
        for link in np.unique(s["link"]):
            on = s["link"] == link
            name = self.journal.names["links"][link]
            parts = {k: s[k][on] for k in ("begin", "path", "entered", "moved", "ended")}
            for cause, hours in (
                ("path", parts["path"] - parts["begin"]),
                (self._closed_by(name), parts["entered"] - parts["path"]),
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

    def _closed_by(self, *links: str) -> str:
        """The cause where links are waited for to open: a railway's closures are planned, others are the weather's."""
        closures = [self.model.links[link] for link in links if link and self.model.links[link].calendar is not None]
        return "weather" if any(link.mode != "rail" for link in closures) else "timetable"

    def _by_itself(self, boxes: Carried) -> Iterator[Entry]:
        r, step = boxes.rows, boxes.way.legs[boxes.leg]
        beyond = r["lowered"] - r["lifted"] - r["moving"] - r["documents"]
        en_route = [("moving", r["moving"]), ("documents", r["documents"])]
        if isinstance(self.model.services[step.service], TimetableService):
            yield self._at(boxes, 0, step.origin, "timetable", r["timetable"])
            en_route.append(("timetable", beyond))
        else:
            links = [section.link for section in self.network.ways[step.service]]
            en_route.append((self._closed_by(*links), r["timetable"]))
            en_route.append(("breakdown", beyond - r["timetable"]))
        for cause, hours in en_route:
            key = (boxes.number, 2 * boxes.leg + 1, ride_name(self.network, step), cause, step.service)
            yield Entry(key, r["unit"], hours)
        yield self._at(boxes, 2, step.destination, "handling", r["landed"] - r["lowered"])

    def _at(self, boxes: Carried, part: int, place: str, cause: str, hours: Column) -> Entry:
        """Hours of each box at one end of its leg: `part` 0 is the origin, 2 the destination."""
        key = (boxes.number, 2 * boxes.leg + part, stop_name(self.network, place), cause, place)
        return Entry(key, boxes.rows["unit"], hours)
