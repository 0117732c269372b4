"""The measures of one replication, as pandas frames.

Consignments released within the measured period are followed to their arrival, or to the end of the run. Those that
have not arrived are counted, never dropped: they count as later than any promise, in the mean they stand with the days
they have been under way, which is a lower bound, and a quantile that they could still change is unknown (NaN).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from sim.measure.carried import teu_a_year
from sim.measure.causes import causes_and_stages
from sim.measure.cost import cost_frame, cost_rows
from sim.measure.emissions import emission_frame, emission_rows
from sim.measure.facilities import facility_frames, facility_rows, fleet_frame, link_frame
from sim.measure.releases import releases
from sim.measure.ways import released_within, with_units
from sim.model import Journal
from sim.network import Network

BIN_DAYS = 0.5
QUANTILES = np.array([0.1, 0.5, 0.9])


class RouteRow(TypedDict):
    """One compared flow and route: its units, transit days, promised days, and shares from 0 to 1. NaN: unknown."""

    flow: str
    title: str
    origin: str
    destination: str
    route: str
    direction: str
    cargo: str
    unit_teu: float
    unit_t: float
    boxes: int
    teu: float
    unfinished: int
    share_unfinished: float
    mean: float
    p10: float
    p50: float
    p90: float
    p10_so_far: float
    p50_so_far: float
    p90_so_far: float
    promise_low: float
    promise_high: float
    share_within: float
    share_late: float
    share_early: float


@dataclass(frozen=True)
class Measures:
    """Frames of one replication; ids of places, routes, flows and fleets are those of the scenario.

    routes: one row a compared flow and route: boxes, teu, unfinished (not arrived), share_unfinished, mean, p10, p50,
      p90 (days), p10_so_far, p50_so_far, p90_so_far (the same with the days so far of those that have not arrived),
      promise_low, promise_high, share_within, share_late, share_early.
    causes: flow, route, cause, place, days a box; they add up to the row's mean.
    stages: flow, route, order, stage, days a box; likewise.
    transit: flow, route, day (lower edge of a half-day bin), boxes.
    releases: flow, route, day (0: the first measured one; negative in the warm-up), boxes released on it, box_days,
      kept (the promise).
    facilities: place, facility, kind, capacity, utilisation, mean_queue, mean_wait_h.
    facility_days: place, facility, date, utilisation, queue.
    links: link, start, end, direction, units, teu, t, vehicles with cargo, a year.
    fleets: fleet, service, vehicles, voyages_per_vehicle, load factors out (from the first stop of the service) and
      back, shares of time.
    costs: flow, route, order, stage, kind, operator, USD a unit of cargo, known (False: no freight is given).
    emissions: flow, route, order, stage, kind (leg or hub), factor, load_factor, empty_running, source, grade, t km and
        kg CO2e a unit (wtw, ttw), known.
    """

    routes: pd.DataFrame
    causes: pd.DataFrame
    stages: pd.DataFrame
    transit: pd.DataFrame
    releases: pd.DataFrame
    facilities: pd.DataFrame
    facility_days: pd.DataFrame
    links: pd.DataFrame
    fleets: pd.DataFrame
    costs: pd.DataFrame
    emissions: pd.DataFrame

    def frames(self) -> dict[str, pd.DataFrame]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class Essentials:
    """Rows of those frames of `Measures` that a sweep keeps figures of, and what was carried, in TEU a year, flow and
    route by flow and route."""

    routes: Sequence[Mapping[str, Any]]
    facilities: Sequence[Mapping[str, Any]]
    costs: Sequence[tuple[Any, ...]]  # with the columns COSTS
    emissions: Sequence[tuple[Any, ...]]  # with the columns EMISSIONS
    carried: Sequence[float]


def essentials(network: Network, journal: Journal) -> Essentials:
    """The same to the bit as `measure` and `carried` give, without the time that their frames take."""
    return Essentials(
        [row for row, _ in _transit(network, journal)],
        facility_rows(network, journal),
        cost_rows(network, journal),
        emission_rows(network),
        [teu_a_year(network, way, journal.units["finished"][mine]) for _, way, mine in with_units(network, journal)],
    )


def measure(network: Network, journal: Journal) -> Measures:
    """All measures of one replication."""
    routes, transit = _transit_frames(network, journal)
    causes, stages = causes_and_stages(network, journal)
    facilities, days = facility_frames(network, journal)
    return Measures(
        routes,
        causes,
        stages,
        transit,
        releases(network, journal),
        facilities,
        days,
        link_frame(network, journal),
        fleet_frame(network, journal),
        cost_frame(network, journal),
        emission_frame(network),
    )


def _transit_frames(network: Network, journal: Journal) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(routes, transit)"""
    rows, bins = [], []
    for row, days in _transit(network, journal):
        rows.append(row)
        days = days[np.isfinite(days)]
        days /= BIN_DAYS
        counts = np.bincount(days.astype(int))
        filled = np.flatnonzero(counts)
        named = {"flow": row["flow"], "route": row["route"]}
        bins.append(pd.DataFrame({**named, "day": filled * BIN_DAYS, "boxes": counts[filled]}))
    empty = pd.DataFrame({"flow": [], "route": [], "day": [], "boxes": []})
    routes = pd.DataFrame(rows, columns=list(RouteRow.__annotations__))
    return routes, pd.concat(bins, ignore_index=True) if bins else empty


def _transit(network: Network, journal: Journal) -> Iterator[tuple[RouteRow, np.ndarray]]:
    """The row of each compared flow and route, and the transit days of its units; NaN: not arrived."""
    run = network.model.run
    for _, way, mine in with_units(network, journal):
        inside = released_within(journal, mine, 0.0, run.length)
        released, finished = journal.units["released"][inside], journal.units["finished"][inside]
        days = finished - released
        days /= 24
        age = run.length + run.run_out - released
        age /= 24
        row = _row(network, way.flow, way.route, days, age)
        del age  # it takes much room
        yield row, days


def _row(network: Network, flow_id: str, route_id: str, days: np.ndarray, age: np.ndarray) -> RouteRow:
    """One compared flow and route. days: transit days, NaN if not arrived; age: days from release to the run's end,
    which is used up."""
    flow = network.model.demand[flow_id]
    promise = network.model.routes[route_id].promise
    low, high = (promise.low / 24, promise.high / 24) if promise else (np.nan, np.nan)
    arrived = np.isfinite(days)
    followed = float(age[~arrived].min(initial=np.inf))
    np.copyto(age, days, where=arrived)
    mean = float(np.mean(age)) if len(age) else np.nan
    so_far, settled = _quantiles(age, int(np.count_nonzero(days <= followed)))
    p10, p50, p90 = np.where(settled, so_far, np.nan).tolist()
    p10_so_far, p50_so_far, p90_so_far = so_far.tolist()
    known = len(days) > 0
    promised = known and promise is not None
    within = float(np.mean((days >= low) & (days <= high))) if promised else np.nan
    early = float(np.mean(days < low)) if promised else np.nan
    late = float(np.mean(~(days <= high))) if promised else np.nan
    return {
        "flow": flow_id,
        "title": flow.title,
        "origin": flow.origin,
        "destination": flow.destination,
        "route": route_id,
        "direction": flow.direction,
        "cargo": flow.cargo,
        "unit_teu": network.model.cargo[flow.cargo].teu,
        "unit_t": network.model.cargo[flow.cargo].payload,
        "boxes": len(days),
        "teu": len(days) * network.model.cargo[flow.cargo].teu,
        "unfinished": int(np.count_nonzero(~arrived)),
        "share_unfinished": float(np.mean(~arrived)) if known else np.nan,
        "mean": mean,
        "p10": p10,
        "p50": p50,
        "p90": p90,
        "p10_so_far": p10_so_far,
        "p50_so_far": p50_so_far,
        "p90_so_far": p90_so_far,
        "promise_low": low,
        "promise_high": high,
        "share_within": within,
        "share_late": late,
        "share_early": early,
    }


def _quantiles(days: np.ndarray, settled: int) -> tuple[np.ndarray, np.ndarray]:
    """P10, P50, P90 of the days so far, which are used up, and whether each of them is known. settled: boxes that took
    no longer than any that has not arrived was followed. No other can still come before them, so a quantile beyond them
    may yet be later, but not earlier than it is so far."""
    if not len(days):
        return np.full(len(QUANTILES), np.nan), np.full(len(QUANTILES), False)
    days.sort()
    found = np.quantile(days, QUANTILES, overwrite_input=True)
    return found, np.ceil(QUANTILES * (len(days) - 1)) < settled
