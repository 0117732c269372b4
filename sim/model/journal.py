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
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import ACCESS_COPY, mmap
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from sim.model.grid import GRID, Floats, Hours, Ids
from sim.model.kernels import APART, BATCH, NEAR, pack, packer

if TYPE_CHECKING:
    from sim.model.kernels import Batch
    from sim.model.stock import Part

NAN: Final = float("nan")
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


STRETCHES = ("call", "stretch", "begin", "path", "entered", "drawn")  # links that follow each other without a wait
STOPS = ("call", "place", "begin", "granted", "ended")
USES = ("facility", "requested", "granted", "released")
Claim = int  # where a row of USES begins; what has not happened yet is NaN there
GRANTED: Final = 2
RELEASED: Final = 3
ROOMS = ("facility", "time", "change")
# of a row that goes into a ledger
PACK_STRETCH: Final = packer(len(STRETCHES))
PACK_STOP: Final = packer(len(STOPS))
PACK_ROOM: Final = packer(len(ROOMS))
WHOLE = {"index", "call", "stretch", "place", "facility", "vehicle", "fleet", "berth", "drawn"}


CALLS = ("index", "vehicle", "fleet", "place", "berth", *CALL_TIMES, "space_in", "space_out")
PACK_CALL: Final = packer(len(CALLS))


class Call:
    """One visit of a vehicle to a stop."""

    __slots__ = CALLS

    def __init__(self, index: int, vehicle: int, fleet: int, place: int, t: float) -> None:
        self.index = index
        self.vehicle = vehicle
        self.fleet = fleet
        self.place = place
        self.berth = -1
        self.arrived = t
        self.weather_in = self.berthed = self.room = self.discharged = NAN
        self.opened = self.closed = self.weather_again = self.reberthed = self.loaded = self.weather_out = NAN
        self.space_in = self.space_out = 0.0

    def row(self) -> bytes:
        """Of CALLS."""
        return PACK_CALL(
            self.index, self.vehicle, self.fleet, self.place, self.berth, self.arrived, self.weather_in, self.berthed,
            self.room, self.discharged, self.opened, self.closed, self.weather_again, self.reberthed, self.loaded,
            self.weather_out, self.space_in, self.space_out,
        )  # fmt: skip

    def brings_nothing(self) -> None:
        """A train without cargo goes into the siding: it needs no track first."""
        self.weather_in = self.berthed = self.room = self.discharged = self.arrived


# What is carried over one leg together: its parts, each of one itinerary, all units, the calls at both ends, and the
# columns of HOURS, for each unit or the same for all. Of legs without a modelled vehicle, `moving` and `documents` are
# the hours of lifted..landed that were spent so, and `timetable` those of waiting before `lifted`, or for links to open
# after it.
Carriage = tuple[list["Part"], Ids, int, int, Hours, Hours, Hours, Hours, Hours, Hours, Hours, Hours]
PARCELS = ("itinerary", "leg", "call_from", "call_to")
HOURS = ("ready", "lifted", "loaded", "lowered", "landed", "moving", "documents", "timetable")
COLUMNS = ("unit", *PARCELS, *HOURS)
ROWS = 1 << 15  # of the carriages that are laid out at one go
PAGE = 1 << 22  # numbers of a ledger


@dataclass(frozen=True)
class Column:
    """One of HOURS of all carriages. Of each carriage: `first`, the only or the first of its hours; `kind` says how
    those of its units are kept; `shift`, where they stand: that of unit `row` of all at `row + shift`."""

    first: Floats
    kind: NDArray[np.int8]
    shift: Ids
    steps: NDArray[np.int32]  # of all columns
    apart: Floats  # likewise

    def of(self, carriage: Ids, row: Ids) -> Floats:
        """The hours of some units: the number of their carriage, and their own among all that were carried."""
        hours = self.first[carriage]
        kind = self.kind[carriage]
        if kind.any():
            at = row + self.shift[carriage]
            near, apart = kind == NEAR, kind == APART
            hours += self.steps[at * near] * near / GRID
            if apart.any():
                hours = np.where(apart, self.apart[at * apart], hours)
        return hours


class Packed:
    """Carriages while the run goes on, in a small part of the room of a number for each of their HOURS. An hour that
    all units share is kept once. Hours of each unit are kept as steps of the grid after the first of them, in 32 bits,
    which is exact; as they are if they lie too far apart for that, or one is NaN."""

    def __init__(self, most: int) -> None:
        """most: units that can be carried, each leg for itself."""
        self._units = np.empty(most, np.int32)  # pages never written to take no memory
        self._rows = 0  # of them that are used
        self._steps = np.zeros(most * len(HOURS) + 1, np.int32)  # likewise
        self._used = 0
        self._apart = [np.zeros(1)]
        self._carried = 0
        parcels, calls, hours = np.empty((3, 0), np.int64), np.empty((2, 0), np.int32), np.empty((len(HOURS), 0))
        self._batches: list[Batch] = [(parcels, calls, hours, hours.astype(np.int8), hours.astype(np.int64))]

    def put(self, carriages: list[Carriage]) -> None:
        """Put in some more."""
        room = self._carried, self._units, self._rows, self._steps, self._used, self._apart
        batch, self._rows, self._used = pack(carriages, *room)
        self._carried += len(carriages)
        self._batches.append(batch)

    def parcels(self) -> Parcels:
        """All of them."""
        (sizes, legs, carriage), calls, first, kind, shift = [
            np.concatenate(some, axis=1) for some in zip(*self._batches, strict=True)
        ]
        apart = np.concatenate(self._apart)
        columns = {name: Column(first[i], kind[i], shift[i], self._steps, apart) for i, name in enumerate(HOURS)}
        order = legs.argsort(kind="stable")
        units, ends = self._units[: self._rows], dict(zip(("call_from", "call_to"), calls, strict=True))
        return Parcels(sizes, legs, carriage, sizes.cumsum() - sizes, units, ends, columns, order, legs[order])


@dataclass(frozen=True)
class Parcels:
    """The carriages as they were recorded, part by part of one itinerary: `Rows` lay the table out of it."""

    sizes: Ids  # units of each parcel
    legs: Ids  # itinerary and leg of each, as of `leg_key`
    carriage: Ids  # of each
    first: Ids  # of its units, among all that were carried
    units: NDArray[np.int32]  # all of these
    calls: dict[str, NDArray[np.int32]]  # at both ends of each carriage
    hours: dict[str, Column]  # HOURS
    order: Ids  # the parcels leg by leg of each itinerary in turn
    keys: Ids  # the legs in this order

    def rows(self) -> Rows:
        """One row a unit and leg, in the order of recording."""
        return self._rows(np.arange(len(self.sizes)))

    def by_leg(self) -> Iterator[Rows]:
        """The same rows, leg by leg of each itinerary in turn; a leg with many of them in several pieces."""
        return self._pieces(self.order, self.keys)

    def of_leg(self, itinerary: int, leg: int) -> Iterator[Rows]:
        """The rows of one leg of one itinerary, in the order of recording; many of them in several pieces."""
        key = leg_key(itinerary, leg)
        mine = slice(*self.keys.searchsorted([key, key + 1]))
        return self._pieces(self.order[mine], self.keys[mine])

    def _pieces(self, parcels: Ids, keys: Ids) -> Iterator[Rows]:
        piece = (self.sizes[parcels].cumsum() - 1) // ROWS
        for some in np.split(parcels, np.flatnonzero(np.diff(keys) | np.diff(piece)) + 1):
            if len(some):
                yield self._rows(some)

    def _rows(self, parcels: Ids) -> Rows:
        counts = self.sizes[parcels]
        within = np.arange(counts.sum()) - (counts.cumsum() - counts).repeat(counts)
        return Rows(self, parcels.repeat(counts), within + self.first[parcels].repeat(counts))


def leg_key(itinerary: int, leg: int) -> int:
    """A number for a leg of an itinerary, in their order."""
    return itinerary << 32 | leg


class Rows(Table):
    """Rows of the table of carriages; a column is laid out when it is first asked for."""

    def __init__(self, parcels: Parcels, parcel: Ids, row: Ids) -> None:
        """parcel, row: of each unit, the number of its parcel, and its own among all that were carried."""
        self._parcels = parcels
        self._parcel = parcel
        self._row = row

    def __missing__(self, name: str) -> NDArray[Any]:
        parcels = self._parcels
        if name == "unit":
            self[name] = parcels.units[self._row]
        elif name == "itinerary":
            self[name] = (parcels.legs[self._parcel] >> 32).astype(np.int32)
        elif name == "leg":
            self[name] = parcels.legs[self._parcel].astype(np.int32)
        elif name in parcels.calls:
            self[name] = parcels.calls[name][parcels.carriage[self._parcel]]
        else:
            self[name] = parcels.hours[name].of(parcels.carriage[self._parcel], self._row)
        return self[name]

    def where(self, kept: NDArray[np.bool_]) -> Rows:
        """Only those rows that are `kept`."""
        if kept.all():
            return self
        rows = Rows(self._parcels, self._parcel[kept], self._row[kept])
        rows.update({name: column[kept] for name, column in self.items()})
        return rows


class Ledger:
    """Rows of numbers, packed one after the other, and put away from time to time, which saves memory."""

    def __init__(self) -> None:
        self.fresh = bytearray()
        # Room that was not yet written to takes no memory, and it goes back to the system; numpy's own would be cleared
        # two megabytes at a time.
        self._pages: list[Floats] = []
        self._used: list[int] = []  # of each page

    def put_away(self) -> None:
        fresh = np.frombuffer(bytes(self.fresh))
        self.fresh.clear()
        if not self._pages or self._used[-1] + len(fresh) > len(self._pages[-1]):
            self._pages.append(np.frombuffer(mmap(-1, 8 * max(PAGE, len(fresh)), access=ACCESS_COPY)))
            self._used.append(0)
        begin = self._used[-1]
        self._used[-1] += len(fresh)
        self._pages[-1][begin : self._used[-1]] = fresh

    def numbers(self) -> list[Floats]:
        """All of them, in several pieces. They are handed over, and not kept here any more."""
        self.put_away()
        pages, self._pages = self._pages, []
        return [page[:used] for page, used in zip(pages, self._used, strict=True)]


class Recorder:
    """The journal while the run goes on."""

    def __init__(self, carriages: int) -> None:
        """carriages: one for each unit and leg, the most that there can be."""
        self.watched: list[Call] | None = None  # all calls, if somebody checks them
        self._calls = Ledger()  # rows of CALLS of those that are over
        self.carriages: list[Carriage] = []  # not yet written away
        self._packed = Packed(carriages)  # those that are
        self.stretches = Ledger()  # rows of STRETCHES
        self._delays: list[Floats] = []  # of voyages, on each link, as they were drawn
        self._drawn = 0  # in all
        self.ways: list[list[tuple[int, int, float]]] = []  # of each stretch: links, directions, undisturbed hours
        self.stops = Ledger()  # rows of STOPS
        self.uses = array("d")  # rows of USES: of berths, desks and yards
        self.rooms = Ledger()  # rows of ROOMS
        self._called = -1  # the number of the last call
        self.vehicles = 0
        self.trips = 0

    def carry(self, carriage: Carriage) -> None:
        self.carriages.append(carriage)
        if len(self.carriages) == BATCH:
            self.write()

    def write(self) -> None:
        """Put away what was recorded since."""
        for ledger in (self._calls, self.stretches, self.stops, self.rooms):
            ledger.put_away()
        self._pack()

    def _pack(self) -> None:
        """Put the carriages away."""
        if self.carriages:
            self._packed.put(self.carriages)
            self.carriages.clear()

    def keep(self, delays: Floats) -> int:
        """Keep the delays of some voyages, of which not all may take place; returns where they begin among all."""
        self._delays.append(delays.ravel())
        self._drawn += delays.size
        return self._drawn - delays.size

    def delays(self) -> Floats:
        """All that are kept."""
        return np.concatenate([np.empty(0), *self._delays])

    def call(self, vehicle: int, fleet: int, place: int, t: float) -> Call:
        self._called += 1
        call = Call(self._called, vehicle, fleet, place, t)
        if self.watched is not None:
            self.watched.append(call)
        return call

    def over(self, call: Call) -> None:
        """Nothing more will happen at this call."""
        self._calls.fresh += call.row()

    def calls_table(self) -> Table:
        """One row a call, in the order of their begin."""
        rows = table(self._calls.numbers(), CALLS)
        order = rows.pop("index").argsort()
        for name, column in rows.items():
            rows[name] = column[order]
        return rows

    def uses_table(self, end: float) -> Table:
        """What has not been granted or released when the run ends is cut off there."""
        t = table([np.frombuffer(self.uses)], USES)
        return t | {name: np.where(np.isnan(t[name]), end, t[name]) for name in USES[GRANTED:]}

    def all_parcels(self) -> Parcels:
        """What was carried."""
        self._pack()
        return self._packed.parcels()


@dataclass(frozen=True)
class Journal:
    """All tables of one replication, and the names that their numbers stand for."""

    replication: int
    units: Table
    calls: Table
    segments: Table
    stops: Table
    parcels: Parcels
    uses: Table
    rooms: Table
    names: dict[str, list[str]]  # itineraries ("flow/route"), places, links, fleets, facilities
    capacities: Floats  # of each facility
    trips: int
    events: int  # in SimPy's queue

    @property
    def carriages(self) -> Table:
        """One row a unit and leg: the whole table, laid out for who asks, and not kept."""
        rows = self.parcels.rows()
        return {name: rows[name] for name in COLUMNS}

    def tables(self) -> dict[str, Table]:
        names = ("units", "calls", "segments", "stops", "carriages", "uses", "rooms")
        return {name: getattr(self, name) for name in names}


def table(pieces: list[Floats], names: tuple[str, ...]) -> Table:
    """Rows of numbers as a table of these columns; whole numbers stand in those of WHOLE."""
    kinds = [np.int32 if k in WHOLE else np.float64 for k in names]
    return {
        k: np.concatenate([piece[i :: len(names)] for piece in pieces], dtype=kind, casting="unsafe")
        for i, (k, kind) in enumerate(zip(names, kinds, strict=True))
    }


def segments_table(recorder: Recorder) -> Table:
    """One row a link run: a stretch is entered once, and its links follow each other without a wait."""
    rows = table(recorder.stretches.numbers(), STRETCHES)
    ways = [np.array(way).reshape(-1, 3) for way in recorder.ways]
    counts = np.array([len(way) for way in ways], int)[rows["stretch"]]
    heads = counts.cumsum() - counts  # row of the first link of each stretch
    starts = np.cumsum([0, *(len(way) for way in ways)])[rows["stretch"]]
    within = np.arange(counts.sum()) - np.repeat(heads, counts)  # its stretch
    link, direction, hours = np.concatenate([*ways, np.empty((0, 3))])[np.repeat(starts, counts) + within].T
    delays = recorder.delays()[np.repeat(rows["drawn"], counts) + within]
    run = (hours + delays).cumsum()
    before = run[heads] - (hours + delays)[heads]  # hours of all stretches before; exact on the grid
    ended = np.repeat(rows["entered"] - before, counts) + run
    begin = ended - hours - delays
    path, entered = begin.copy(), begin.copy()
    begin[heads], path[heads] = rows["begin"], rows["path"]
    return {
        "call": np.repeat(rows["call"], counts),
        "link": link.astype(np.int32),
        "direction": direction.astype(np.int32),
        "begin": begin,
        "path": path,
        "entered": entered,
        "moved": entered + hours,
        "ended": ended,
    }
