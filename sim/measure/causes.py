"""Each hour of each consignment has one cause. A leg is cut at the moments of its vehicle's calls; between two cuts
there is one cause, and the cuts follow each other, so that the causes add up to the transit time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.model import Journal
from sim.model.journal import Rows
from sim.network import Itinerary, Network
from sim.scenario.schema import FleetService, TimetableService

Floats = NDArray[np.float64]
Column = NDArray[Any]  # of a journal table
Key = tuple[int, float, str, str, str]  # itinerary, order of the stage, stage, cause, place

NOT_ARRIVED = "not arrived"


@dataclass(frozen=True)
class Labels:
    """Names of the causes at one leg, by the kind of its vehicle and of the places at its ends."""

    to_come: str
    handling: tuple[str, str]  # at the origin and the destination of the leg
    crane: tuple[str, str]
    berth: tuple[str, str]


def causes_and_stages(network: Network, journal: Journal) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(causes, stages): mean days a box of each compared itinerary, see `Measures`."""
    hours: dict[Key, float] = defaultdict(float)
    units = journal.units
    inside = (units["released"] >= 0) & (units["released"] < network.model.run.length)
    compared = np.array([network.model.demand[i.flow].compare for i in network.itineraries])
    counted = inside & compared[units["itinerary"]] if len(compared) else inside
    boxes = np.bincount(units["itinerary"][counted], minlength=len(network.itineraries))
    _Ledger(network, journal, counted, hours).write()
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


class _Ledger:
    """Adds up hours by itinerary, stage, cause and place."""

    def __init__(self, network: Network, journal: Journal, counted: NDArray[np.bool_], hours: dict[Key, float]) -> None:
        self.network = network
        self.model = network.model
        self.journal = journal
        self.counted = counted
        self.hours = hours
        self.calls = journal.calls
        self.unlimited = np.array([f.train_sets == "unlimited" for f in self.model.fleets.values()], bool)

    def write(self) -> None:
        """All hours of the counted units, leg by leg."""
        counted = self.counted
        stood = self.journal.units["released"].copy()  # since when each unit has stood where it was last seen
        reached = np.zeros(len(stood), np.int8)  # legs that each has behind it
        for rows in self.journal.parcels.by_leg():
            kept = rows.where(counted[rows["unit"]])
            unit, landed = kept["unit"], kept["landed"]
            if len(unit):
                self._leg(kept, stood[unit])
            there = np.isfinite(landed)
            stood[unit[there]] = landed[there]
            reached[unit[there]] += 1
        self._not_arrived(stood, reached)

    def _leg(self, rows: Rows, came: Floats) -> None:
        number, leg = int(rows["itinerary"][0]), int(rows["leg"][0])
        way = self.network.itineraries[number]
        place = way.legs[leg].origin
        self._add(way, number, 2 * leg, place, "documents", rows["ready"] - came)
        if rows["call_from"][0] >= 0:
            self._by_vehicle(way, number, leg, rows)
        else:
            self._by_itself(way, number, leg, rows)

    def _by_vehicle(self, way: Itinerary, number: int, leg: int, rows: Rows) -> None:
        start, end = way.legs[leg].origin, way.legs[leg].destination
        service = self.model.services[way.legs[leg].service]
        assert isinstance(service, FleetService)
        names = self._labels(service, start, end)
        a = {k: v[rows["call_from"]] for k, v in self.calls.items()}
        b = {k: v[rows["call_to"]] for k, v in self.calls.items()}
        made_up = self.unlimited[a["fleet"]]
        berths = self.network.terminal(start).berths[service.stops[start].berth]
        by_unit = service.stops[start].waits_at == "berth" and berths.per == "unit"
        filled = a["opened"] if by_unit else a["closed"]
        came = ("arrived", "weather_in", "berthed", "room", "discharged")  # a train that is made up was there all along
        a |= {k: np.where(made_up, rows["ready"], a[k]) for k in came}
        waiting = [
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
        t = rows["ready"]
        for cause, cut in waiting:
            until = np.clip(np.where(np.isnan(cut), t, cut), t, rows["lifted"])
            self._add(way, number, 2 * leg, start, cause, until - t)
            t = until
        self._add(way, number, 2 * leg, start, names.crane[0], rows["lifted"] - t)
        self._add(way, number, 2 * leg, start, names.handling[0], rows["loaded"] - rows["lifted"])
        t = np.maximum(rows["loaded"], a["closed"])
        self._add(way, number, 2 * leg, start, "vessel to fill", t - rows["loaded"])
        self._add(way, number, 2 * leg, start, names.crane[0], a["loaded"] - t)
        self._add(way, number, 2 * leg, start, "weather", a["weather_out"] - a["loaded"])
        self._en_route(way, number, leg, rows["call_from"])
        arrival = 2 * leg + 2
        self._add(way, number, arrival, end, "weather", b["weather_in"] - b["arrived"])
        self._add(way, number, arrival, end, names.berth[1], b["berthed"] - b["weather_in"])
        self._add(way, number, arrival, end, "yard space", b["room"] - b["berthed"])
        self._add(way, number, arrival, end, names.crane[1], rows["lowered"] - b["room"])
        self._add(way, number, arrival, end, names.handling[1], rows["landed"] - rows["lowered"])

    def _labels(self, service: FleetService, start: str, end: str) -> Labels:
        gauge = [self._changes_gauge(p) for p in (start, end)]
        return Labels(
            "train set" if service.kind == "trains" else "vessel to come",
            ("gauge change" if gauge[0] else "handling", "gauge change" if gauge[1] else "handling"),
            ("gauge change" if gauge[0] else "crane", "gauge change" if gauge[1] else "crane"),
            ("gauge change" if gauge[0] else "berth", "gauge change" if gauge[1] else "berth"),
        )

    def _changes_gauge(self, place: str) -> bool:
        """Trains of both gauges meet there."""
        gauges = set()
        for way in self.network.ways.values():
            for section in (way[0], way[-1]):
                if section.link and place in (section.start, section.end):
                    gauges.add(self.model.links[section.link].gauge)
        return {1435, 1520} <= gauges and place in self.model.terminals

    def _en_route(self, way: Itinerary, number: int, leg: int, calls: Column) -> None:
        """The links and border stops of each trip, weighted with the boxes on board."""
        boxes = np.bincount(calls.astype(np.int64), minlength=len(self.calls["arrived"]))
        table = self.journal.segments
        weight = boxes[table["call"]]
        mine = weight > 0
        s = {k: v[mine] for k, v in table.items()}
        weight = weight[mine]
        for link in np.unique(s["link"]):
            on = s["link"] == link
            name = self.journal.names["links"][link]
            parts = {k: s[k][on] for k in ("begin", "path", "entered", "moved", "ended")}
            w = weight[on]
            closed = "weather" if self.model.links[name].mode != "rail" else "timetable"
            for cause, hours in (
                ("path", parts["path"] - parts["begin"]),
                (closed, parts["entered"] - parts["path"]),
                ("moving", parts["moved"] - parts["entered"]),
                ("breakdown", parts["ended"] - parts["moved"]),
            ):
                self._total(number, 2 * leg + 1, self._stage(way, leg), cause, name, float(hours @ w))
        stops = self.journal.stops
        weight = boxes[stops["call"]]
        for place in np.unique(stops["place"][weight > 0]):
            at = (stops["place"] == place) & (weight > 0)
            name = self.journal.names["places"][place]
            stay = float((stops["ended"][at] - stops["begin"][at]) @ weight[at])
            self._total(number, 2 * leg + 1.5, f"border {self.model.places[name].name}", "documents", name, stay)

    def _by_itself(self, way: Itinerary, number: int, leg: int, rows: Rows) -> None:
        r = rows.where(np.isfinite(rows["lifted"]) & np.isfinite(rows["landed"]))
        service = self.model.services[way.legs[leg].service]
        stage, name = self._stage(way, leg), way.legs[leg].service
        rest = r["lowered"] - r["lifted"] - r["moving"] - r["documents"]
        late = "timetable" if isinstance(service, TimetableService) else "breakdown"
        self._add(way, number, 2 * leg, way.legs[leg].origin, "timetable", r["timetable"])
        self._total(number, 2 * leg + 1, stage, "moving", name, float(np.sum(r["moving"])))
        self._total(number, 2 * leg + 1, stage, "documents", name, float(np.sum(r["documents"])))
        self._total(number, 2 * leg + 1, stage, late, name, float(np.sum(rest)))
        end = way.legs[leg].destination
        self._add(way, number, 2 * leg + 2, end, "handling", r["landed"] - r["lowered"])

    def _not_arrived(self, stood: Floats, reached: NDArray[np.int8]) -> None:
        """What has not arrived when the run ends: the hours since it last came to stand somewhere."""
        left = np.flatnonzero(self.counted & np.isnan(self.journal.units["finished"]))
        end = self.model.run.length + self.model.run.run_out
        last, reached, itinerary = stood[left], reached[left], self.journal.units["itinerary"][left]
        for number in np.unique(itinerary):
            way = self.network.itineraries[number]
            mine = itinerary == number
            behind = reached[mine]
            hours = np.maximum(end - last[mine], 0.0)
            for leg in np.unique(behind):
                at = min(int(leg), len(way.legs) - 1)
                total = float(np.sum(hours[behind == leg]))
                self._total(
                    int(number), 2 * at, self._terminal(way.legs[at].origin), NOT_ARRIVED, way.legs[at].origin, total
                )

    def _add(self, way: Itinerary, number: int, order: float, place: str, cause: str, hours: Column) -> None:
        self._total(number, order, self._terminal(place), cause, place, float(np.sum(hours)))

    def _total(self, number: int, order: float, stage: str, cause: str, place: str, hours: float) -> None:
        self.hours[number, order, stage, cause, place] += hours

    def _terminal(self, place: str) -> str:
        name = self.model.places[place].name
        return f"{name} port" if place in self.model.ports else name

    def _stage(self, way: Itinerary, leg: int) -> str:
        step = way.legs[leg]
        first = self.network.ways[step.service][0]
        kind = self.model.links[first.link].mode if first.link else "sea"
        names = self.model.places
        return f"{kind} {names[step.origin].name}–{names[step.destination].name}"
