"""Legs without a modelled vehicle: liners by timetable, and consignments that go by themselves. There is room for
all, so a whole parcel is carried in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Floats, Ids, snap
from sim.model.demand import Traffic
from sim.model.documents import Desk
from sim.model.journal import Carriage
from sim.scenario.schema import IndividualService, TimetableService
from sim.scenario.values import Variate

if TYPE_CHECKING:
    from sim.model.world import World

NO_CALL = -1


def carry(world: World, traffic: Traffic, leg: int, ids: Ids, ready: Floats) -> tuple[Carriage, Floats]:
    """Carry units that are ready at `ready` over one leg; returns also when each has landed.

    Those whose departure lies beyond the run stay: NaN.
    """
    service = world.model.services[traffic.itinerary.legs[leg].service]
    if isinstance(service, TimetableService):
        return _by_timetable(world, service, traffic, leg, ids, ready)
    assert isinstance(service, IndividualService)
    return _by_itself(world, service, traffic, leg, ids, ready)


def _by_timetable(
    world: World, service: TimetableService, traffic: Traffic, leg: int, ids: Ids, ready: Floats
) -> tuple[Carriage, Floats]:
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
    times = (ready, departed, departed, arrived, landed)
    return (traffic.index, leg, ids, NO_CALL, NO_CALL, *times, sailing[k], 0.0, waited), landed


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
) -> tuple[Carriage, Floats]:
    way = traffic.itinerary.legs[leg]
    block = traffic.block_of(ids)
    key = f"service/{way.service}/{way.origin}"
    if service.time is not None:
        time = traffic.per_block(f"{key}/time", service.time)[block]
        landed = ready + time
        times = (ready, ready, ready, landed, landed)
        return (traffic.index, leg, ids, NO_CALL, NO_CALL, *times, time, 0.0, 0.0), landed
    t, moving = ready, 0.0
    papers: Floats | float = 0.0
    for link, hours, delay, closed, desk in _sections(world, service, way.service, way.origin):
        for closures in closed:
            t = np.array([closures.next_open(x) for x in t.tolist()])
        moving, t = moving + hours, t + hours
        if delay is not None:
            t = t + traffic.per_block(f"{key}/{link}", delay, hours)[block]
        if desk is not None:
            released = desk.release(traffic, ids, t)
            papers, t = papers + (released - t), released
    return (traffic.index, leg, ids, NO_CALL, NO_CALL, ready, ready, ready, t, t, moving, papers, 0.0), t


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
            desk = world.desks[section.end] if border else None
            world.sections[key].append((section.link, hours, link.delay, closed, desk))
    return world.sections[key]
