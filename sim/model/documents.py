"""Customs and papers: how long the release of a consignment takes, and where it queues for it."""

from __future__ import annotations

import numpy as np

from sim.model.calendars import Closures
from sim.model.clock import Clock, Story
from sim.model.demand import Traffic
from sim.model.facilities import Pool
from sim.model.grid import Floats, Hours, Ids, of_each, snap_all
from sim.scenario.schema import Documents


class Desk:
    """The desk of one terminal or border. Papers are made out for a block, so its units are released together."""

    def __init__(self, place: str, rule: Documents, office: Closures, closures: Closures, pool: Pool | None) -> None:
        self.place = place
        self.pool = pool
        self._rule = rule
        self._office = office
        self._closures = closures
        self._hours: dict[int, Floats] = {}  # of each block
        self._each: dict[int, Floats] = {}  # of each unit

    def hours(self, traffic: Traffic) -> Floats:
        """Working hours of the papers of each block."""
        if traffic.index not in self._hours:
            self._hours[traffic.index] = self._draw(traffic)
        return self._hours[traffic.index]

    def done(self, begin: float, hours: float) -> float:
        """When papers that are taken up at `begin` are done."""
        return self._office.finish(self._closures.next_open(begin), hours)

    def release(self, traffic: Traffic, ids: Ids, landed: Hours) -> Floats:
        """When each unit is released, if nothing queues."""
        if traffic.index not in self._each:
            self._each[traffic.index] = self.hours(traffic).repeat(traffic.block)
        hours = self._each[traffic.index][ids - traffic.base]
        if not self._closures.starts and not self._office.starts:
            return landed + hours
        at = self._closures.all_open(of_each(landed, len(ids)))
        return np.asarray(np.maximum(self._office.finishes(self._office.working(at) + hours), at))

    def queue(self, env: Clock, traffic: Traffic, ids: Ids, landed: Floats) -> Story[float]:
        """A consignment queues for one of few servers once all of it stands there; returns when it is released."""
        assert self.pool is not None
        there = landed.item(landed.argmax())
        if there > env.now:
            yield there
        claim, waits = self.pool.ask(traffic.priority, there, env.now)
        if waits:
            yield None
        done = self.done(env.now, self.hours(traffic).item(traffic.block_of_first(ids)))
        yield done
        self.pool.release(claim, done)
        return done

    def _draw(self, traffic: Traffic) -> Floats:
        rule, name = self._rule, f"documents/{self.place}"
        hours = traffic.per_block(f"{name}/time", rule.time_of(traffic.flow))
        if rule.advance > 0:
            announced = traffic.chance(f"{name}/advance") < rule.advance
            hours = snap_all(np.where(announced, hours * rule.advance_factor, hours))
        if rule.faulty > 0 and rule.faulty_time is not None:
            faulty = traffic.chance(f"{name}/faulty") < rule.faulty
            hours = hours + np.where(faulty, traffic.per_block(f"{name}/faulty-time", rule.faulty_time), 0.0)
        return hours
