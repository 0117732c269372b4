"""Legs without a modelled vehicle: liners by timetable, and consignments that go by themselves. There is room for
all, so a whole parcel is carried in one go; only at a border with few desks each consignment queues for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Story
from sim.model.demand import Traffic
from sim.model.documents import Desk
from sim.model.grid import Floats, Hours, Ids, snap
from sim.model.stock import Stage
from sim.scenario.schema import IndividualService, TimetableService
from sim.scenario.values import Variate

if TYPE_CHECKING:
    from sim.model.world import World

NO_CALL = -1
Times = tuple[Hours, Hours, Hours, Hours, Hours, Hours, Hours, Hours]  # of a carriage, as in journal.HOURS


def carry(world: World, stage: Stage, ids: Ids, ready: Floats) -> Story[None]:
    """Carry units that are ready at `ready` over one leg, and land them. It waits only where `queues_on` says so.

    Those whose departure lies beyond the run stay: NaN.
    """
    traffic, leg = stage.traffic, stage.leg
    service = world.model.services[traffic.itinerary.legs[leg].service]
    if isinstance(service, TimetableService):
        times, landed = _by_timetable(world, service, traffic, leg, ids, ready)
    else:
        assert isinstance(service, IndividualService)
        times, landed = yield from _by_itself(world, service, traffic, leg, ids, ready)
    world.recorder.carry(([(stage, len(ids))], ids, NO_CALL, NO_CALL, *times))
    there = np.isfinite(landed)
    ids = ids[there]
    world.land([(stage, len(ids))], ids, landed[there])


def queues_on(world: World, name: str, origin: str) -> bool:
    """Whether consignments that go by themselves queue at a border on the way of this service."""
    service = world.model.services[name]
    if not isinstance(service, IndividualService) or service.time is not None:
        return False
    return any(desk is not None and desk.pool is not None for *_, desk in _sections(world, service, name, origin))


def _by_timetable(
    world: World, service: TimetableService, traffic: Traffic, leg: int, ids: Ids, ready: Floats
) -> tuple[Times, Floats]:
    way = traffic.itinerary.legs[leg]
    departures, sailing, arrivals = _timetable(world, service, way.service, way.origin)
    wanted = ready + snap(service.stops[way.origin].cutoff)
    k = np.searchsorted(departures, wanted)
    there = k < len(departures)
    k = np.minimum(k, len(departures) - 1)
    departed = np.where(there, departures[k], np.nan)
    arrived = np.where(there, arrivals[k], np.nan)
    landed = arrived
    release = service.stops[way.destination].release
    if release is not None:
        name = f"service/{way.service}/{way.destination}/release"
        landed = arrived + traffic.per_block(name, release)[traffic.block_of(ids)]
    waited = departed - ready
    return (ready, departed, departed, arrived, landed, sailing[k], 0.0, waited), landed


def _timetable(world: World, service: TimetableService, name: str, origin: str) -> tuple[Floats, Floats, Floats]:
    """(departures, hours by timetable, arrivals) of every departure from `origin` in the run."""
    key = f"service/{name}/{origin}"
    if key not in world.timetables:
        streams, times = world.streams, world.times
        every = snap(service.every)
        phase = snap(float(streams.uniforms(f"{key}/phase", 1)[0]) * every)
        departures = np.arange(times.begin + phase, times.end, every)
        count = len(departures)
        if service.time is not None:
            sailing = streams.durations(f"{key}/time", service.time, count)
        else:
            links = [world.model.links[s.link] for s in world.network.ways[name]]
            sailing = np.full(count, snap(sum(x.distance / (x.speed or np.nan) for x in links)))
        late = np.zeros(count)
        if service.late is not None:
            is_late = streams.uniforms(f"{key}/is-late", count) >= service.on_time
            late = np.where(is_late, streams.durations(f"{key}/late", service.late, count), 0.0)
        world.timetables[key] = (departures, sailing, departures + sailing + late)
    return world.timetables[key]


def _by_itself(
    world: World, service: IndividualService, traffic: Traffic, leg: int, ids: Ids, ready: Floats
) -> Story[tuple[Times, Floats]]:
    way = traffic.itinerary.legs[leg]
    block = traffic.block_of(ids)
    key = f"service/{way.service}/{way.origin}"
    if service.time is not None:
        time = traffic.per_block(f"{key}/time", service.time)[block]
        landed = ready + time
        return (ready, ready, ready, landed, landed, time, 0.0, 0.0), landed
    t, moving, papers, waited = ready, 0.0, np.zeros(len(ids)), np.zeros(len(ids))
    for link, hours, delay, closed, desk in _sections(world, service, way.service, way.origin):
        opened = _all_open(closed, t)
        waited, moving, t = waited + (opened - t), moving + hours, opened + hours
        if delay is not None:
            t = t + traffic.per_block(f"{key}/{link}", delay, hours)[block]
        if desk is not None:
            if desk.pool is None:
                released = desk.release(traffic, ids, t)
            else:
                done = yield from desk.queue(world.env, traffic, ids, t)
                released = np.full(len(ids), done)
            papers, t = papers + (released - t), released
    return (ready, ready, ready, t, t, moving, papers, waited), t


def _all_open(closed: list[Closures], t: Floats) -> Floats:
    """The first moments from `t` at which nothing is closed."""
    while closed:
        opened = np.max([closures.all_open(t) for closures in closed], axis=0)
        if np.array_equal(opened, t):
            break
        t = opened
    return t


Section = tuple[str, float, Variate | None, list[Closures], Desk | None]  # link, hours, delay, closed, border


def _sections(world: World, service: IndividualService, name: str, origin: str) -> list[Section]:
    """The links from `origin`, as a consignment that goes by itself meets them."""
    key = (name, origin)
    if key not in world.sections:
        world.sections[key] = []
        sections = world.network.sections(name, origin)
        for section in sections:
            link = world.model.links[section.link]
            hours = snap(link.distance / (link.speed * service.pace)) if link.speed else np.nan
            closed = [c for c in (world.hours(link.hours), world.closures(link.calendar)) if c.starts]
            border = section.end in world.model.borders and section is not sections[-1]
            desk = world.borders[section.end] if border else None
            world.sections[key].append((section.link, hours, link.delay, closed, desk))
    return world.sections[key]
