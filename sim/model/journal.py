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
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.model.clock import Floats, Ids

NAN = float("nan")
Table = dict[str, NDArray[Any]]

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

    weather_in = berthed = room = discharged = NAN
    opened = closed = weather_again = reberthed = loaded = weather_out = NAN
    space_in = space_out = 0.0
    berth = -1

    def __init__(self, index: int, vehicle: int, fleet: int, place: int, t: float) -> None:
        self.index = index
        self.vehicle = vehicle
        self.fleet = fleet
        self.place = place
        self.arrived = t

    def brings_nothing(self) -> None:
        """A train without cargo goes into the siding: it needs no track first."""
        self.weather_in = self.berthed = self.room = self.discharged = self.arrived


class Carriage(NamedTuple):
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


PARCELS = ("itinerary", "leg", "call_from", "call_to")
HOURS = ("ready", "lifted", "loaded", "lowered", "landed", "moving", "documents", "timetable")


class Recorder:
    """The journal while the run goes on. Rows of numbers are appended flat, which is cheap."""

    def __init__(self, carriages: int) -> None:
        """carriages: one for each unit and leg, the most that there can be."""
        self.calls: list[Call] = []
        self.parcels = array("i")  # rows of PARCELS, and the number of units
        self.units = np.empty(carriages, np.int64)  # of each parcel in turn
        self.hours = [np.zeros(carriages) for _ in HOURS]  # likewise; pages that nothing is written to take no memory
        self.segments = array("d")  # rows of SEGMENTS
        self.stops = array("d")  # rows of STOPS
        self.uses = array("d")  # rows of USES
        self.rooms = array("d")  # rows of ROOMS
        self.carried = 0
        self.vehicles = 0
        self.trips = 0

    def carry(self, carriage: Carriage) -> None:
        itinerary, leg, ids, call_from, call_to, *hours = carriage
        self.parcels.fromlist([itinerary, leg, call_from, call_to, len(ids)])
        rows = slice(self.carried, self.carried + len(ids))
        self.carried = rows.stop
        self.units[rows] = ids
        for column, each in zip(self.hours, hours, strict=True):
            if isinstance(each, np.ndarray) or each:
                column[rows] = each

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


def carriages_table(recorder: Recorder) -> Table:
    """One row a unit and leg. The hours are those that were recorded, not a copy: they are the most of a journal."""
    parcels = np.frombuffer(recorder.parcels, np.int32).reshape(-1, len(PARCELS) + 1)
    columns: Table = {"unit": recorder.units[: recorder.carried]}
    for i, name in enumerate(PARCELS):
        columns[name] = parcels[:, i].repeat(parcels[:, -1])
    for name, hours in zip(HOURS, recorder.hours, strict=True):
        columns[name] = hours[: recorder.carried]
    return columns
