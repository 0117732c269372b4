"""The scenario language: every block a planner may write, as frozen pydantic models.

Quantities arrive here in base units (h, km, km/h, m, t, TEU, USD; shares as 0..1) and keep their source, grade
and range (`sim.scenario.values`). A key that is not declared here is an error, so each key below is read by the model.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sim.scenario.values import (
    Amount,
    Charter,
    Count,
    DailyPrice,
    Decay,
    Depth,
    Distance,
    Duration,
    Fee,
    Freight,
    Hours,
    HubIntensity,
    Intensity,
    Months,
    PositiveDuration,
    Ratio,
    Share,
    Space,
    SpaceRate,
    Speed,
    TimesPerHour,
    Variate,
    WarmUp,
)

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Direction = Literal["west", "east"]
Mode = Literal["rail", "sea", "road", "waterway", "pipeline"]
Effect = Literal["finish", "suspend", "do-not-start"]
StartEffect = Literal["finish", "do-not-start"]


class Block(BaseModel):
    """A mapping of the scenario file: fixed keys, nothing unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Run(Block):
    """How long and how often the model runs."""

    start: str = "2024-01-01"  # date of the first hour that is measured
    warm_up: WarmUp  # simulated before `start`, not measured; auto: as long as pilot replications show to be needed
    length: PositiveDuration  # consignments released within it are measured
    run_out: Duration  # simulated after it, demand goes on, so that what started can arrive
    seed: Annotated[int, Field(ge=0)] = 1  # of all random streams
    replications: Annotated[int, Field(ge=1)] = 20  # unless the command says otherwise


class Source(Block):
    """Where a figure comes from."""

    title: str
    publisher: str | None = None
    year: int | str | None = None
    url: str | None = None
    fact: str | None = None  # id of the record in docs/data.md


class Place(Block):
    """A point of the network: a station, a port, a border crossing, a junction."""

    name: str  # as tables and plots show it
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    lat: Annotated[float, Field(ge=-90, le=90)]
    lon: Annotated[float, Field(ge=-180, le=180)]


class Factor(Block):
    """Emission factor of one kind of traction, well-to-wheel and tank-to-wheel, with the empty running in it."""

    title: str
    wtw: Intensity  # g CO2e from the well to the wheel
    ttw: Intensity  # of it from the tank to the wheel: none for electric traction
    load_factor: Share  # mean load of the loaded vehicles, for which the two figures hold
    empty_running: Share = Share(0.0)  # km run empty for each km run loaded, likewise
    empty_energy: Share = Share(0.5)  # what a vehicle uses empty, as a share of what it uses full


class Fare(Block):
    """What one kind of cargo pays."""

    freight: Freight
    freight_east: Freight | None = None  # where eastbound cargo pays another price


class Carriage(Block):
    """What carriage costs and emits, by a service or, where the service says nothing, by each of its links."""

    freight: Freight | None = None  # what the operator asks; none: not known
    freight_east: Freight | None = None  # where eastbound cargo pays another price
    freight_of: dict[Id, Fare] = {}  # kinds of cargo that pay neither of these, but prices of their own
    factor: Id | None = None  # emission factor; none: not known


class Running(Carriage):
    """A service, as it is paid for and emits."""

    load_factor: Share | None = None  # mean load of its loaded vehicles; none: that of the emission factor
    empty_running: Share | None = None  # km run empty for each km run loaded; none: that of the emission factor


class Link(Carriage):
    """Rail, sea, road, inland waterway or pipeline between two places, usable both ways."""

    between: Annotated[list[Id], Field(min_length=2, max_length=2)]
    mode: Mode  # what can use it
    gauge: Literal[1435, 1520] | None = None  # mm, rail only
    distance: Distance
    speed: Speed | None = None  # undisturbed; ships bring their own, and keep to the lower of the two
    delay: Variate | None = None  # extra time as a share of the undisturbed time: technical stops, breakdowns
    track: Literal["single", "double"] = "double"  # single: both directions share its paths
    paths: TimesPerHour | None = None  # for the modelled trains; each way if double, both ways together if single
    hours: Hours | None = None  # daily window in which a train may enter
    calendar: Id | None = None  # closures: nothing enters while closed
    operator: str | None = None
    via: list[list[float]] | None = None  # [lat, lon] points for the map only


class Calendar(Block):
    """When something is closed: by weather (random blocks, monthly shares), by dated closures, or both."""

    closed_share: Months | None = None  # share of each month that is closed
    block: Variate | None = None  # length of one weather closure
    storms: Id | None = None  # instead of these two: a calendar whose weather closures this one shares,
    part: Share = Share(1.0)  # and the part of them that closes here too, the same ones for all that share it
    closures: dict[Id, Closure] = {}


class Closure(Block):
    start: str  # date, or date and time "2025-09-12 06:00"
    end: str


class Documents(Block):
    """Customs and papers: how long a consignment waits for its release."""

    time: Variate  # of one block or unit, in office hours
    eastbound_time: Variate | None = None  # where the two directions differ
    priority_time: Variate | None = None  # for cargo of class `priority`, in both directions
    servers: Count | None = None  # consignments in work at once: what came of a block together; none: no queue
    hours: Hours | None = None  # office hours; work stops outside them
    faulty: Share = Share(0.0)  # share of consignments with faulty documents
    faulty_time: Variate | None = None  # added to the time of a faulty one
    advance: Share = Share(0.0)  # share announced electronically in advance
    advance_factor: Share = Share(1.0)  # what remains of the time of an announced one
    fee: Fee | None = None  # customs and papers, for each unit that is released

    def time_of(self, flow: Flow) -> Variate:
        """That of a flow, by its class and direction."""
        if flow.priority == "priority" and self.priority_time is not None:
            return self.priority_time
        if flow.direction == "east" and self.eastbound_time is not None:
            return self.eastbound_time
        return self.time


class Border(Documents):
    """A stop of the whole train en route, not where its service ends, without transhipment. The key is the place."""

    calendar: Id | None = None  # no papers are taken up while it is closed


class Weather(Block):
    """What a closure does to each phase of a call."""

    enter: StartEffect = "do-not-start"  # going to the berth; finish: closures do not matter
    discharge: Effect = "suspend"  # suspend: work stands still; do-not-start: what has begun goes on
    load: Effect = "suspend"  # likewise
    leave: StartEffect = "do-not-start"  # as enter


class Berths(Block):
    """Berths or loading tracks of one kind, and what works there."""

    count: Count  # places for one vehicle each
    cranes: Count = Count(1)  # at each berth; if they are shared: of all berths of this kind together
    shared: bool = False  # cranes: they serve vehicle by vehicle, in the order in which work on each can begin
    discharge: Variate  # time of one move (per: unit) or of the whole vehicle (per: vehicle)
    load: Variate
    per: Literal["unit", "vehicle"] = "unit"  # what the times above are for
    fixed: Duration = Duration(0.0)  # each time a berth is taken, before the first move: mooring, survey, shunting
    weather: Weather | None = None  # what closures do here; none: what they do at the whole terminal or port


class Yard(Block):
    """Standing room for cargo that goes from one fleet to another. Full: the vehicle that brings more must wait."""

    limit: Space  # all that stands there, and all that is about to be put down; its unit is that of the cargo it is for
    direction: Direction | None = None  # none: both together


class Charges(Block):
    """What a terminal or port asks for, and emits."""

    move: Fee | None = None  # one lift: onto a vehicle or off it
    storage: DailyPrice | None = None  # for each day beyond the free ones, from landing to loading
    free: Duration = Duration(0.0)  # time without storage
    operator: str | None = None  # who asks; none: the place itself
    wtw: HubIntensity | None = None  # kg CO2e of one passage, from the well to the wheel
    ttw: HubIntensity | None = None  # of it from the tank to the wheel


class Terminal(Block):
    """Where cargo changes vehicle: a dry port, a gauge-change station. The key is the place."""

    berths: dict[Id, Berths]
    yards: dict[Id, Yard] = {}  # in order: cargo stands in the first that has its unit and takes its direction
    documents: Documents | None = None  # after discharge, before the next leg
    calendar: Id | None = None
    weather: Weather = Weather()
    charges: Charges | None = None


class Port(Terminal):
    """A terminal on the water."""

    sea: Id
    depth: Depth | None = None  # at the level of the sea's datum; none: deep enough


class Sea(Block):
    level: Depth = Depth(0.0)  # against the datum; negative: the sea has fallen


class Stop(Block):
    """How a vehicle of a fleet behaves at one end of its service."""

    berth: Id  # kind of berth at the terminal
    wait: Duration  # leaves at the latest so long after `count_from`, full or not
    count_from: Literal["berthing", "opening", "first-unit"] = (
        "first-unit"  # it berths; takes cargo; the first is there
    )
    min_load: Share = Share(0.0)  # does not leave with less, unless empty
    empty_after: Duration | None = None  # leaves empty when nothing came so long after discharge; none: waits
    waits_at: Literal["berth", "off-berth"] = "off-berth"  # where it waits for its load: off-berth, in roads or siding


class FleetService(Running):
    """Trains or ships of finite fleets that shuttle between two stops: leave when full or after a wait."""

    kind: Literal["trains", "ships"]
    title: str
    stops: Annotated[dict[Id, Stop], Field(min_length=2, max_length=2)]  # the first is home
    via: list[Id] = []  # places its way must touch, in order
    pace: Ratio = Ratio(1.0)  # speed relative to the links'
    operator: str | None = None


class TimetableStop(Block):
    cutoff: Duration = Duration(0.0)  # cargo must be there so long before departure
    release: Variate | None = None  # from arrival until the cargo can go on


class TimetableService(Running):
    """Sailings or trains by timetable, room for all: liners."""

    kind: Literal["timetable"]
    title: str
    stops: Annotated[dict[Id, TimetableStop], Field(min_length=2, max_length=2)]
    via: list[Id] = []  # places its way must touch, in order
    mode: Mode | None = None  # what it runs on; none: the first with a way of sea, rail, waterway, road, all together
    every: PositiveDuration  # between departures, each way
    time: Variate | None = None  # stop to stop by timetable, port calls included; none: distance over speed
    on_time: Share = Share(1.0)  # share of arrivals by timetable
    late: Variate | None = None  # delay of the others
    accepts: list[Id]  # cargo kinds
    operator: str | None = None


class NoStop(Block):
    pass


class IndividualService(Running):
    """Trucks, single wagons, feeders with room for all: each consignment goes by itself as soon as it is ready."""

    kind: Literal["individual"]
    title: str
    stops: Annotated[dict[Id, NoStop], Field(min_length=2, max_length=2)]
    via: list[Id] = []  # places its way must touch, in order
    mode: Mode | None = None  # what it runs on; none: the first with a way of rail, road, pipeline, all together
    pace: Ratio = Ratio(1.0)  # speed relative to the links'
    time: Variate | None = None  # stop to stop, whatever the links say; none: distance over speed, delays, closures
    accepts: list[Id]  # cargo kinds
    operator: str | None = None


Service = Annotated[FleetService | TimetableService | IndividualService, Field(discriminator="kind")]


class Draught(Block):
    """What a ship draws; between the two the load goes with the draught."""

    full: Depth  # with its whole capacity
    empty: Depth  # without cargo


class Fleet(Block):
    """Vehicles of one kind on one service. Exactly one of vessels and train_sets, of 10000 at most."""

    service: Id
    title: str
    vessels: Count | None = None  # ships in service
    train_sets: Count | Literal["unlimited"] | None = None  # wagons for so many trains; unlimited: none are waited for
    capacity: Space  # "350 TEU", "54 wagons", "6000 t"
    speed: Speed | None = None  # ships
    draught: Draught | None = None  # none: depth does not matter
    accepts: list[Id]  # cargo kinds
    charter: Charter | None = None  # of each vehicle, borne by what the service carries, instead of a freight


class Cargo(Block):
    """A kind of unit: a 40-foot box, a wagon on a rail ferry, a truck, a parcel of oil."""

    title: str
    space: Space  # what one unit takes of a vehicle's capacity
    teu: Amount = Amount(0.0)
    payload: Amount = Amount(0.0)  # t
    time_value: DailyPrice | None = None  # what a day under way costs the owner of the goods
    worth: Fee | None = None  # value of the goods, instead of time_value together with
    decay: Decay | None = None  # the share of it that a day costs: interest, loss of value, stocks


class Promise(Block):
    """The transit time that is published for a route."""

    low: Duration
    high: Duration  # later than this is late


class Route(Block):
    """A way through the network, as waypoints and constraints."""

    title: str
    via: list[Id] = []  # places, in westbound order
    avoid: list[Id] = []  # places or services
    promise: Promise | None = None


class Diversion(Block):
    """Other shares of the routes for a time: while one of them is closed, or once there is a new one."""

    start: str  # date, or date and time "2025-09-12 06:00": what is released from then on
    end: str | None = None  # to then; none: for good
    routes: dict[Id, Share]  # adds up to 1


class Flow(Block):
    """Demand: consignments from origin to destination, over one or several routes in shares that may change by date."""

    title: str
    origin: Id  # place
    destination: Id  # place
    direction: Direction
    cargo: Id  # kind
    volume: SpaceRate  # "35000 TEU/a", or in units of its cargo "12750 units/a"; all routes together
    routes: dict[Id, Share]  # adds up to 1
    diversions: dict[Id, Diversion] = {}  # instead of these shares, for a time
    block: Count = Count(1)  # units released together: 55 for a block train
    arrivals: Literal["poisson", "regular"] = "poisson"  # regular: one block in each equal interval, at a random moment
    seasons: Months | None = None  # relative intensity of each month
    priority: Literal["priority", "ordinary"] = "ordinary"  # class of the cargo; priority goes first everywhere
    compare: bool = False  # shown in the comparison of routes

    def units_per_hour(self, cargo: Cargo) -> float:
        """Units an hour, all routes together."""
        return float(self.volume) / (1.0 if self.volume.space == "units" else float(cargo.space))


class Model(Block):
    """A whole scenario, after inheritance."""

    title: str
    description: str | None = None
    run: Run
    sources: dict[Id, Source] = {}
    places: dict[Id, Place]
    links: dict[Id, Link]
    factors: dict[Id, Factor] = {}
    seas: dict[Id, Sea] = {}
    calendars: dict[Id, Calendar] = {}
    cargo: dict[Id, Cargo]
    terminals: dict[Id, Terminal] = {}
    ports: dict[Id, Port] = {}
    borders: dict[Id, Border] = {}
    services: dict[Id, Service]
    fleets: dict[Id, Fleet] = {}
    routes: dict[Id, Route]
    demand: dict[Id, Flow]


Calendar.model_rebuild()
