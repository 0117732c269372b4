"""How busy each facility, link and fleet was."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.model import Journal
from sim.model.grid import snap
from sim.network import Network, path_hours
from sim.scenario.schema import FleetService, IndividualService

Floats = NDArray[np.float64]

HOURS_A_YEAR = 8760.0
FACILITIES = ("place", "facility", "kind", "capacity", "utilisation", "mean_queue", "mean_wait_h")
FACILITY_DAYS = ("place", "facility", "date", "utilisation", "queue")
FLEETS = ("fleet", "service", "vehicles", "voyages_per_vehicle", "load_factor_out", "load_factor_back")


def facility_frames(network: Network, journal: Journal) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(facilities over the measured period, facilities by day)."""
    edges = _days(network)
    dates = pd.Timestamp(network.model.run.start) + pd.to_timedelta(edges[:-1], unit="h")
    rows, days = [], []
    for row, busy, queue in _facilities(network, journal, edges):
        rows.append(row)
        hours = np.diff(edges)
        share = busy / hours / row["capacity"]
        if row["kind"] == "path":  # those of a window are taken in part of the day, and may end in the next
            share = np.minimum(share, 1.0)
        days.append(
            pd.DataFrame(
                {
                    "place": row["place"],
                    "facility": row["facility"],
                    "date": dates,
                    "utilisation": share,
                    "queue": queue / hours,
                }
            )
        )
    if not rows:
        return pd.DataFrame(columns=FACILITIES), pd.DataFrame(columns=FACILITY_DAYS)
    return pd.DataFrame(rows), pd.concat(days, ignore_index=True)


def facility_rows(network: Network, journal: Journal) -> list[dict[str, Any]]:
    """The rows of the first frame of `facility_frames`, by their columns."""
    return [row for row, *_ in _facilities(network, journal, _days(network))]


def _days(network: Network) -> Floats:
    """The hours at which days of the measured period begin, and its end."""
    length = float(network.model.run.length)
    return np.append(np.arange(0.0, length, 24.0), length)


def _facilities(network: Network, journal: Journal, edges: Floats) -> Iterator[tuple[dict[str, Any], Floats, Floats]]:
    """Each facility over the measured period; and for each day the hours in use and those waited."""
    length = float(network.model.run.length)
    for index, name in enumerate(journal.names["facilities"]):
        place, facility = name.split("/", 1)
        kind = facility.split(" ")[0]
        requested, granted, busy_until, capacity = _uses(network, journal, index, place, kind)
        since_granted = _hours_since(granted, edges)
        if kind == "yard":
            busy = _room_by_bin(journal, index, edges)
        else:
            busy = np.diff(since_granted - _hours_since(busy_until, edges))
        queue = np.diff(_hours_since(requested, edges) - since_granted)
        asked = (requested >= 0) & (requested < length)
        row = {
            "place": place,
            "facility": facility,
            "kind": kind.replace("paths", "path"),
            "capacity": capacity,
            "utilisation": float(busy.sum() / (capacity * length)),
            "mean_queue": float(queue.sum() / length),
            "mean_wait_h": _mean((granted - requested)[asked]),
        }
        yield row, busy, queue


def _uses(
    network: Network, journal: Journal, index: int, place: str, kind: str
) -> tuple[Floats, Floats, Floats, float]:
    """(requested, granted, busy until) of each use, and the capacity."""
    if kind == "paths":
        s = journal.segments
        mine = s["link"] == journal.names["links"].index(place)
        headway = snap(path_hours(network.model.links[place]))  # trains follow closer in a daily window
        # who enters after the end has waited until then, as at any other facility
        entered = np.minimum(s["entered"][mine].astype(float), network.model.run.length + network.model.run.run_out)
        return s["begin"][mine].astype(float), entered, entered + headway, float(journal.capacities[index])
    u = journal.uses
    mine = u["facility"] == index
    requested, granted, released = (u[k][mine].astype(float) for k in ("requested", "granted", "released"))
    return requested, granted, released, float(journal.capacities[index])


def _hours_since(moments: Floats, edges: Floats) -> Floats:
    """The hours from all moments before it to each edge. Those of starts less those of ends are the hours of the spans
    between them that lie before an edge."""
    at = np.sort(moments)
    count = np.searchsorted(at, edges)
    return np.asarray(count * edges - np.concatenate([[0.0], np.cumsum(at)])[count])


def _room_by_bin(journal: Journal, index: int, edges: Floats) -> Floats:
    """Room taken × hours in each bin."""
    mine = journal.rooms["facility"] == index
    t, change = journal.rooms["time"][mine].astype(float), journal.rooms["change"][mine].astype(float)
    order = np.argsort(t, kind="stable")
    t, level = t[order], np.cumsum(change[order])
    integral = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(t))]) if len(t) else np.zeros(1)

    def before(x: Floats) -> Floats:
        if not len(t):
            return np.zeros(len(x))
        k = np.searchsorted(t, x, side="right") - 1
        return np.where(k < 0, 0.0, integral[k] + level[k] * (x - t[k]))

    return np.diff(before(edges))


def link_frame(network: Network, journal: Journal) -> pd.DataFrame:
    """What each link carried, a year, by the direction of the flow; `vehicles` are those with cargo."""
    run = network.model.run
    a_year = HOURS_A_YEAR / run.length
    flows = [network.model.demand[i.flow] for i in network.itineraries]
    cargo = [network.model.cargo[f.cargo] for f in flows]
    services = {
        (number, leg): network.model.services[step.service]
        for number, way in enumerate(network.itineraries)
        for leg, step in enumerate(way.legs)
    }
    units: Counter[tuple[int, int]] = Counter()  # by itinerary and leg
    left: dict[tuple[int, int], set[float]] = defaultdict(set)  # the calls of their fleets, or hours of the timetable
    for piece in journal.parcels.by_leg():
        c = piece.where((piece["lifted"] >= 0) & (piece["lifted"] < run.length))
        if len(c["leg"]):
            key = int(c["itinerary"][0]), int(c["leg"][0])
            units[key] += len(c["leg"])
            told_by = "call_from" if isinstance(services[key], FleetService) else "lifted"
            left[key].update(np.unique(c[told_by]).tolist())
    rows = []
    counted: dict[tuple[str, str, str, str], set[float]] = defaultdict(set)  # of these, by service, link and direction
    for (number, leg), carried in units.items():
        way = network.itineraries[number]
        step = way.legs[leg]
        alone = isinstance(services[number, leg], IndividualService)
        for section in network.sections(step.service, step.origin):
            before = counted[step.service, section.link, section.start, flows[number].direction]
            further = left[number, leg] - before
            before |= further
            vehicles = carried / flows[number].block if alone else len(further)
            rows.append(
                {
                    "link": section.link or step.service,
                    "start": section.start,
                    "end": section.end,
                    "direction": flows[number].direction,
                    "units": carried * a_year,
                    "teu": carried * cargo[number].teu * a_year,
                    "t": carried * cargo[number].payload * a_year,
                    "vehicles": vehicles * a_year,
                }
            )
    names = ["link", "start", "end", "direction"]
    frame = pd.DataFrame(rows, columns=[*names, "units", "teu", "t", "vehicles"])
    return frame.groupby(names, as_index=False)[["units", "teu", "t", "vehicles"]].sum()


def fleet_frame(network: Network, journal: Journal) -> pd.DataFrame:
    """Voyages, loads and time of each finite fleet within the measured period."""
    length = float(network.model.run.length)
    calls = journal.calls
    order = np.lexsort((calls["arrived"], calls["vehicle"]))
    k = {name: column[order] for name, column in calls.items()}
    goes_on = np.append(k["vehicle"][1:] == k["vehicle"][:-1], False) if len(order) else np.empty(0, bool)
    k["next"] = np.where(goes_on, np.roll(k["arrived"], -1), np.nan)
    # without cargo it leaves from the roads, when the sea is open
    k["left_roads"] = np.where(np.isnan(k["reberthed"]), k["weather_out"], k["reberthed"])
    left = (k["weather_out"] >= 0) & (k["weather_out"] < length)
    count = len(journal.names["fleets"])

    def hours(start: str, end: str) -> Floats:
        """Hours between two moments of the calls, within the measured period, by fleet. What a vehicle does when the
        run ends, as waiting for cargo that never comes, it does until then."""
        at_the_end = ~goes_on & np.isnan(k["next" if end == "next" else "weather_out"])
        until = np.where(at_the_end & np.isnan(k[end]), length, k[end])
        span = np.clip(until, 0, length) - np.clip(k[start], 0, length)
        return np.bincount(k["fleet"], np.nan_to_num(span), count).astype(float)

    phases = {
        "share_moving": hours("weather_out", "next"),
        "share_at_berth": hours("berthed", "discharged") + hours("reberthed", "weather_out"),
        "share_waiting_berth": hours("arrived", "berthed") + hours("closed", "left_roads"),
        "share_waiting_cargo": hours("discharged", "closed"),
    }
    rows = []
    for number, name in enumerate(journal.names["fleets"]):
        fleet = network.model.fleets[name]
        service = network.model.services[fleet.service]
        assert isinstance(service, FleetService)
        mine = left & (k["fleet"] == number)
        unlimited = fleet.train_sets == "unlimited"
        vehicles = len(np.unique(k["vehicle"][mine])) if unlimited else fleet.vessels or fleet.train_sets
        home, away = (mine & (k["place"] == journal.names["places"].index(p)) for p in service.stops)
        rows.append(
            {
                "fleet": name,
                "service": fleet.service,
                "vehicles": vehicles,
                "voyages_per_vehicle": np.count_nonzero(mine) / max(float(vehicles or 0), 1.0),
                "load_factor_out": _mean(k["space_out"][home]) / fleet.capacity,
                "load_factor_back": _mean(k["space_out"][away]) / fleet.capacity,
                # a train made up for one load has no time of its own to share out
                **{x: np.nan if unlimited else h[number] / (float(vehicles or 1) * length) for x, h in phases.items()},
            }
        )
    return pd.DataFrame(rows, columns=[*FLEETS, *phases])


def _mean(values: Floats) -> float:
    """Unknown (NaN) without any value."""
    return float(values.mean()) if len(values) else float("nan")
