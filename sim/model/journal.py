"""What happened: the only source of every measure.

Seven tables, each a dict of equally long numpy arrays. Times are hours of the run (0 is the start of the measured
period); NaN means that it had not happened when the run ended.

- units: one row a box, wagon, truck or parcel: itinerary, released, finished
- calls: one row a visit of a vehicle to a stop, with the phases of the visit in order
- segments: one row a link that a vehicle ran: begin, path (got its path), entered (link open), moved, ended
- stops: one row a border stop en route: begin, granted, ended
- carriages: one row a unit and leg, with the calls at both ends (-1: no vehicle was modelled)
- uses: one row a use of a facility that can be full: requested, granted, released
- rooms: one row a change of the room taken in a yard
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from sim.model.clock import Floats, Ids

NAN = float("nan")
Table = dict[str, NDArray[np.generic]]

CALL_TIMES = (
    "arrived",  # at the roads or before the station
    "weather_in",  # open for entering (the hours closed come first, the wait for a berth after them)
    "berthed",
    "room",  # yard room for what is on board
    "discharged",
    "opened",  # first in turn to take cargo
    "closed",  # what is to be loaded is known
    "weather_again",  # if it waited off the berth: open for entering once more
    "reberthed",  # and on a berth again
    "loaded",
    "weather_out",  # open for leaving
)


SEGMENTS = ("call", "link", "direction", "begin", "path", "entered", "moved", "ended")
STOPS = ("call", "place", "begin", "granted", "ended")
USES = ("facility", "requested", "granted", "released")
ROOMS = ("facility", "time", "change")
WHOLE = {"call", "link", "direction", "place", "facility", "vehicle", "fleet", "berth"}


class Call:
    """One visit of a vehicle to a stop."""

    __slots__ = (*CALL_TIMES, "berth", "fleet", "index", "place", "space_in", "space_out", "vehicle")

    def __init__(self, index: int, vehicle: int, fleet: int, place: int, t: float) -> None:
        self.index = index
        self.vehicle = vehicle
        self.fleet = fleet
        self.place = place
        self.arrived = t
        self.weather_in = self.berthed = self.room = self.discharged = NAN
        self.opened = self.closed = self.weather_again = self.reberthed = self.loaded = self.weather_out = NAN
        self.space_in = self.space_out = 0.0
        self.berth = -1

    def brings_nothing(self) -> None:
        """A train without cargo goes into the siding: it needs no track first."""
        self.weather_in = self.berthed = self.room = self.discharged = self.arrived


@dataclass(frozen=True, slots=True)
class Carriage:
    """A parcel carried over one leg: the same itinerary and leg, each unit with its own times."""

    itinerary: int
    leg: int
    ids: Ids
    call_from: int
    call_to: int
    ready: Floats
    lifted: Floats | float  # one number: all units together
    loaded: Floats | float
    lowered: Floats | float
    landed: Floats | float
    moving: Floats | float = 0.0  # of legs without a modelled vehicle: hours of lifted..landed spent moving,
    documents: Floats | float = 0.0  # at borders on the way,
    timetable: Floats | float = 0.0  # and waiting for the timetable before `lifted`


@dataclass
class Recorder:
    """The journal while the run goes on. Rows of numbers are appended flat, which is cheap."""

    calls: list[Call] = field(default_factory=list)
    carriages: list[Carriage] = field(default_factory=list)
    segments: array[float] = field(default_factory=lambda: array("d"))  # rows of SEGMENTS
    stops: array[float] = field(default_factory=lambda: array("d"))  # rows of STOPS
    uses: array[float] = field(default_factory=lambda: array("d"))  # rows of USES
    rooms: array[float] = field(default_factory=lambda: array("d"))  # rows of ROOMS
    vehicles: int = 0
    trips: int = 0

    def call(self, vehicle: int, fleet: int, place: int, t: float) -> Call:
        call = Call(len(self.calls), vehicle, fleet, place, t)
        self.calls.append(call)
        return call


@dataclass(frozen=True)
class Journal:
    """All tables of one replication, and the names that their numbers stand for."""

    replication: int
    units: Table
    calls: Table
    segments: Table
    stops: Table
    carriages: Table
    uses: Table
    rooms: Table
    names: dict[str, list[str]]  # itineraries ("flow/route"), places, links, fleets, facilities
    capacities: Floats  # of each facility
    trips: int
    events: int  # SimPy events

    def tables(self) -> dict[str, Table]:
        names = ("units", "calls", "segments", "stops", "carriages", "uses", "rooms")
        return {name: getattr(self, name) for name in names}


def table(rows: array[float], names: tuple[str, ...]) -> Table:
    """Rows appended flat, as a table; whole numbers stand in the columns of WHOLE."""
    data = np.frombuffer(rows, np.float64).reshape(-1, len(names))
    return {k: data[:, i].astype(np.int32 if k in WHOLE else np.float64) for i, k in enumerate(names)}


def calls_table(calls: list[Call]) -> Table:
    names = ("vehicle", "fleet", "place", "berth", *CALL_TIMES, "space_in", "space_out")
    rows = array("d")
    read = attrgetter(*names)
    for call in calls:
        rows.extend(read(call))
    return table(rows, names)


def carriages_table(carriages: list[Carriage]) -> Table:
    """One row a unit and leg."""
    sizes = np.array([len(c.ids) for c in carriages], np.int64)
    edges = np.concatenate([[0], np.cumsum(sizes)]).tolist()

    def joined(name: str) -> Floats:
        """One number a unit, where a carriage has one for each unit or one for all."""
        values = [getattr(c, name) for c in carriages]
        column = np.repeat(np.array([NAN if isinstance(v, np.ndarray) else v for v in values]), sizes)
        for i, value in enumerate(values):
            if isinstance(value, np.ndarray):
                column[edges[i] : edges[i + 1]] = value
        return column

    columns: Table = {"unit": np.concatenate([c.ids for c in carriages]) if carriages else np.empty(0, np.int64)}
    for name in ("itinerary", "leg", "call_from", "call_to"):
        columns[name] = np.repeat(np.array([getattr(c, name) for c in carriages], np.int32), sizes)
    for name in ("ready", "lifted", "loaded", "lowered", "landed", "moving", "documents", "timetable"):
        columns[name] = joined(name)
    return columns
