"""A made-up network and made-up measures of it: plausible, seeded, quick; and tasks that workers can import."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from sim.scenario.values import WarmUp
from sim.study.result import Result, run

PLACES = {
    "xian": ("Xi'an", 34.34, 108.94),
    "khorgos": ("Khorgos/Altynkol", 44.2, 80.3),
    "dostyk": ("Dostyk", 45.25, 82.48),
    "almaty": ("Almaty", 43.25, 76.95),
    "zhezkazgan": ("Zhezkazgan", 47.8, 67.7),
    "beineu": ("Beineu", 45.32, 55.19),
    "aktau": ("Aktau", 43.6, 51.2),
    "kuryk": ("Kuryk", 43.18, 51.67),
    "alat": ("Alat", 39.98, 49.41),
    "turkmenbashi": ("Turkmenbashi", 40.02, 52.97),
    "tashkent": ("Tashkent", 41.3, 69.25),
    "boyuk-kesik": ("Boyuk Kesik", 41.3, 45.3),
    "tbilisi": ("Tbilisi", 41.7, 44.8),
    "poti": ("Poti", 42.15, 41.65),
    "batumi": ("Batumi", 41.65, 41.65),
    "akhalkalaki": ("Akhalkalaki", 41.4, 43.48),
    "kars": ("Kars", 40.6, 43.1),
    "istanbul": ("Istanbul", 41.02, 28.77),
    "kapikule": ("Kapıkule", 41.72, 26.35),
    "constanta": ("Constanța", 44.1, 28.65),
    "budapest": ("Budapest", 47.5, 19.05),
    "duisburg": ("Duisburg", 51.43, 6.75),
    "petropavl": ("Petropavl", 54.87, 69.15),
    "moscow": ("Moscow", 55.75, 37.62),
    "brest": ("Brest/Małaszewicze", 52.08, 23.6),
    "shanghai": ("Shanghai", 31.2, 121.9),
    "suez": ("Suez", 29.9, 32.55),
    "cape": ("Cape of Good Hope", -34.6, 18.5),
    "rotterdam": ("Rotterdam", 51.95, 4.1),
}
PORTS = ("aktau", "kuryk", "alat", "turkmenbashi", "poti", "batumi", "constanta", "shanghai", "rotterdam")
MALACCA = [[22.0, 119.0], [10.0, 110.0], [1.2, 104.0], [6.0, 95.0], [5.8, 80.0]]
LINKS: dict[str, tuple[str, str, str, float, list[list[float]]]] = {
    "xian-khorgos": ("xian", "khorgos", "rail", 150_000, [[36.0, 103.8], [40.0, 98.0], [43.8, 87.6]]),
    "xian-dostyk": ("xian", "dostyk", "rail", 230_000, [[36.1, 103.7], [40.2, 97.8], [43.9, 87.4]]),
    "khorgos-almaty": ("khorgos", "almaty", "rail", 120_000, []),
    "dostyk-petropavl": ("dostyk", "petropavl", "rail", 260_000, [[46.8, 75.0], [51.2, 71.4]]),
    "almaty-petropavl": ("almaty", "petropavl", "rail", 60_000, [[46.8, 75.0], [51.2, 71.4]]),
    "almaty-zhezkazgan": ("almaty", "zhezkazgan", "rail", 52_000, [[45.0, 73.5]]),
    "zhezkazgan-beineu": ("zhezkazgan", "beineu", "rail", 52_000, [[47.8, 61.0]]),
    "beineu-aktau": ("beineu", "aktau", "rail", 40_000, []),
    "beineu-kuryk": ("beineu", "kuryk", "rail", 9_000, []),
    "tashkent-beineu": ("tashkent", "beineu", "rail", 15_000, [[42.5, 59.6]]),
    "tashkent-turkmenbashi": ("tashkent", "turkmenbashi", "rail", 8_000, [[39.1, 63.6], [37.95, 58.4]]),
    "aktau-alat": ("aktau", "alat", "sea", 40_000, []),
    "kuryk-alat": ("kuryk", "alat", "sea", 9_000, []),
    "turkmenbashi-alat": ("turkmenbashi", "alat", "sea", 8_000, []),
    "alat-boyuk-kesik": ("alat", "boyuk-kesik", "rail", 57_000, []),
    "boyuk-kesik-tbilisi": ("boyuk-kesik", "tbilisi", "rail", 57_000, []),
    "tbilisi-poti": ("tbilisi", "poti", "rail", 30_000, []),
    "tbilisi-batumi": ("tbilisi", "batumi", "rail", 4_000, []),
    "tbilisi-akhalkalaki": ("tbilisi", "akhalkalaki", "rail", 23_000, []),
    "akhalkalaki-kars": ("akhalkalaki", "kars", "rail", 23_000, []),
    "kars-istanbul": ("kars", "istanbul", "rail", 23_000, [[39.4, 38.1], [39.9, 32.85]]),
    "poti-constanta": ("poti", "constanta", "sea", 26_000, []),
    "istanbul-kapikule": ("istanbul", "kapikule", "rail", 12_000, []),
    "kapikule-budapest": ("kapikule", "budapest", "rail", 12_000, [[43.5, 21.9]]),
    "constanta-budapest": ("constanta", "budapest", "rail", 21_000, []),
    "budapest-duisburg": ("budapest", "duisburg", "rail", 33_000, []),
    "petropavl-moscow": ("petropavl", "moscow", "rail", 320_000, [[55.2, 61.4]]),
    "moscow-brest": ("moscow", "brest", "rail", 320_000, []),
    "brest-duisburg": ("brest", "duisburg", "rail", 320_000, []),
    "xian-shanghai": ("xian", "shanghai", "rail", 90_000, []),
    "shanghai-suez": ("shanghai", "suez", "sea", 30_000, [*MALACCA, [12.5, 45.0], [12.6, 43.3], [20.0, 38.5]]),
    "suez-rotterdam": ("suez", "rotterdam", "sea", 30_000, [[32.0, 30.0], [36.5, 13.0], [37.5, 5.0], [36.0, -5.6],
                                                            [37.0, -9.5], [44.0, -9.8], [48.8, -5.8], [51.0, 1.5]]),
    "shanghai-cape": ("shanghai", "cape", "sea", 60_000, [[22.0, 119.0], [10.0, 110.0], [-6.0, 105.0], [-32.0, 32.0]]),
    "cape-rotterdam": ("cape", "rotterdam", "sea", 60_000, [[-10.0, -5.0], [15.0, -20.0], [44.0, -10.5], [48.8, -5.8],
                                                            [51.0, 1.5]]),
    "rotterdam-duisburg": ("rotterdam", "duisburg", "rail", 90_000, []),
    "aktau-kuryk-road": ("aktau", "kuryk", "road", 0, []),
}  # fmt: skip
ROUTES = {
    "middle-btk": ("Middle Corridor by Kars", 10, 15),
    "middle-poti": ("Middle Corridor by Poti", 10, 15),
    "north": ("Northern rail", 15, 20),
    "sea-suez": ("Sea by Suez", 45, 60),
    "sea-cape": ("Sea by the Cape", 45, 60),
}
FLOWS: dict[str, tuple[str, str, str, dict[str, tuple[float, float]]]] = {  # route → mean days, boxes a year
    "xian-istanbul": ("xian", "istanbul", "west", {"middle-btk": (29, 4100), "sea-suez": (43, 1500)}),
    "xian-duisburg": (
        "xian",
        "duisburg",
        "west",
        {"middle-poti": (46, 1900), "north": (18, 160_000), "sea-suez": (49, 14_000), "sea-cape": (58, 29_000)},
    ),
    "xian-poti": ("xian", "poti", "west", {"middle-poti": (31, 6200)}),
    "almaty-istanbul": ("almaty", "istanbul", "west", {"middle-btk": (24, 2200)}),
    "tashkent-istanbul": ("tashkent", "istanbul", "west", {"middle-btk": (26, 1700), "middle-poti": (27, 900)}),
    "istanbul-xian": ("istanbul", "xian", "east", {"middle-btk": (33, 1300), "sea-suez": (41, 800)}),
}
STAGES: dict[str, list[tuple[str, float]]] = {
    "middle-btk": [
        ("rail Xi'an–Khorgos/Altynkol", 0.16),
        ("Khorgos/Altynkol", 0.11),
        ("rail Khorgos/Altynkol–Aktau", 0.17),
        ("Aktau port", 0.17),
        ("sea Aktau–Alat", 0.05),
        ("Alat port", 0.09),
        ("rail Alat–Akhalkalaki", 0.07),
        ("Akhalkalaki", 0.06),
        ("rail Akhalkalaki–Istanbul", 0.12),
    ],
    "middle-poti": [
        ("rail Xi'an–Khorgos/Altynkol", 0.15),
        ("Khorgos/Altynkol", 0.1),
        ("rail Khorgos/Altynkol–Aktau", 0.16),
        ("Aktau port", 0.16),
        ("sea Aktau–Alat", 0.04),
        ("Alat port", 0.09),
        ("rail Alat–Poti", 0.06),
        ("Poti port", 0.1),
        ("sea Poti–Constanța", 0.06),
        ("Constanța port", 0.04),
        ("rail Constanța–Duisburg", 0.04),
    ],
    "north": [
        ("rail Xi'an–Dostyk", 0.27),
        ("Dostyk", 0.15),
        ("rail Dostyk–Brest/Małaszewicze", 0.33),
        ("Brest/Małaszewicze", 0.15),
        ("rail Brest/Małaszewicze–Duisburg", 0.1),
    ],
    "sea-suez": [
        ("rail Xi'an–Shanghai", 0.08),
        ("Shanghai port", 0.14),
        ("sea Shanghai–Rotterdam", 0.62),
        ("Rotterdam port", 0.1),
        ("road Rotterdam–Duisburg", 0.06),
    ],
    "sea-cape": [
        ("rail Xi'an–Shanghai", 0.07),
        ("Shanghai port", 0.12),
        ("sea Shanghai–Rotterdam", 0.68),
        ("Rotterdam port", 0.08),
        ("road Rotterdam–Duisburg", 0.05),
    ],
}
CAUSES = [
    ("moving", "zhezkazgan-beineu", 0.38),
    ("documents", "khorgos", 0.2),
    ("vessel to fill", "aktau", 0.17),
    ("train set", "alat", 0.12),
    ("weather", "aktau", 0.08),
    ("handling", "alat", 0.05),
]
FACILITIES = [  # place, facility, kind, capacity, utilisation, queue
    ("khorgos", "berth rail", "berth", 6, 0.71, 1.4),
    ("khorgos", "documents", "documents", 40, 0.66, 9.0),
    ("dostyk", "berth rail", "berth", 8, 0.81, 2.9),
    ("dostyk", "documents", "documents", 60, 0.69, 12.0),
    ("aktau", "berth container", "berth", 2, 0.62, 0.9),
    ("aktau", "berth dry-cargo", "berth", 5, 0.48, 0.4),
    ("aktau", "yard container", "yard", 3000, 0.74, 0.7),
    ("kuryk", "berth ferry", "berth", 2, 0.87, 3.1),
    ("kuryk", "yard wagon", "yard", 900, 0.91, 1.6),
    ("alat", "berth container", "berth", 2, 0.58, 0.6),
    ("alat", "berth ferry", "berth", 2, 0.89, 3.8),
    ("alat", "berth ro-pax", "berth", 1, 0.44, 0.3),
    ("alat", "yard container", "yard", 2500, 0.52, 0.1),
    ("turkmenbashi", "berth ferry", "berth", 4, 0.37, 0.2),
    ("poti", "berth container", "berth", 3, 0.69, 0.8),
    ("poti", "yard container", "yard", 7000, 0.63, 0.3),
    ("constanta", "berth container", "berth", 6, 0.31, 0.1),
    ("boyuk-kesik", "border", "border", 3, 0.57, 1.1),
    ("akhalkalaki", "berth rail", "berth", 2, 0.79, 1.9),
    ("kapikule", "border", "border", 4, 0.73, 2.2),
    ("brest", "berth rail", "berth", 10, 0.83, 4.4),
    ("kars-istanbul", "paths", "path", 8, 0.93, 5.1),
    ("beineu-aktau", "paths", "path", 12, 0.64, 0.8),
    ("alat-boyuk-kesik", "paths", "path", 10, 0.58, 0.3),
    ("moscow-brest", "paths", "path", 24, 0.71, 0.6),
]


@dataclass(frozen=True)
class ToyMeasures:
    """The frames of `sim.measure.Measures`."""

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


@dataclass(frozen=True)
class ToyNetwork:
    """What a study reads of a network. `slowness` scales the waiting, `loading_days` the loading-in."""

    name: str = "baseline"
    digest: str = "0" * 64
    slowness: float = 1.0
    replications: int = 4
    loading_days: float = 8.0

    @property
    def itineraries(self) -> list[Any]:
        return [SimpleNamespace(flow=flow, route=route) for flow, (*_, ways) in FLOWS.items() for route in ways]

    @property
    def model(self) -> Any:
        return SimpleNamespace(
            title="A made-up baseline",
            run=SimpleNamespace(
                seed=1,
                start="2024-01-01",
                warm_up=WarmUp(60 * 24.0),
                length=365 * 24.0,
                run_out=90 * 24.0,
                replications=self.replications,
            ),
            places={key: SimpleNamespace(name=name, lat=lat, lon=lon) for key, (name, lat, lon) in PLACES.items()},
            links={
                key: SimpleNamespace(between=[a, b], mode=mode, via=via) for key, (a, b, mode, _, via) in LINKS.items()
            },
            terminals={},
            ports=dict.fromkeys(PORTS),
            services={
                "trans-siberian-land-bridge": SimpleNamespace(
                    title="Land bridge by timetable", kind="timetable", stops={"moscow": 0, "brest": 0}, via=[]
                ),
                "feeders": SimpleNamespace(
                    title="Feeders Aktau–Alat", kind="ships", via=[], stops={"aktau": 0, "alat": 0}
                ),
            },
            routes={
                key: SimpleNamespace(title=title, promise=(low, high)) for key, (title, low, high) in ROUTES.items()
            },
            demand={flow: SimpleNamespace(compare=True) for flow in FLOWS},
        )


def toy_measures(network: ToyNetwork, replication: int) -> ToyMeasures:
    """One made-up replication; the same draws for the same replication whatever the network."""
    rng = np.random.default_rng([1, replication])
    luck = rng.normal(0, 0.05) + np.random.default_rng([int(100 * network.slowness), replication]).normal(0, 0.01)
    routes, causes, stages, transit = [], [], [], []
    for flow, (origin, destination, direction, ways) in FLOWS.items():
        for route, (mean, boxes) in ways.items():
            sea = route.startswith("sea")
            spread = 0.12 if sea or route == "north" else 0.28
            target = mean * (1 + luck * (0.3 if sea else 1)) * (1 if sea else network.slowness)
            days = target * rng.lognormal(-(spread**2) / 2, spread, 4000)
            unfinished = 0 if sea else rng.poisson(0.012 * boxes)
            low, high = ROUTES[route][1:]
            key = {"flow": flow, "route": route}
            routes.append(
                key
                | {
                    "title": f"{PLACES[origin][0]} to {PLACES[destination][0]}",
                    "origin": origin,
                    "destination": destination,
                    "direction": direction,
                    "cargo": "feu",
                    "unit_teu": 2.0,
                    "unit_t": 20.0,
                    "boxes": int(boxes),
                    "teu": float(2 * boxes),
                    "unfinished": int(unfinished),
                    "share_unfinished": unfinished / boxes,
                    "mean": days.mean(),
                    **{f"p{q}{end}": np.quantile(days, q / 100) for q in (10, 50, 90) for end in ("", "_so_far")},
                    "promise_low": float(low),
                    "promise_high": float(high),
                    "share_within": ((days >= low) & (days <= high)).mean(),
                    "share_late": (days > high).mean(),
                    "share_early": (days < low).mean(),
                }
            )
            causes += [
                key | {"cause": cause, "place": place, "days": share * days.mean()} for cause, place, share in CAUSES
            ]
            scale = days.mean() / sum(share for _, share in STAGES[route])
            stages += [
                key | {"order": i, "stage": stage, "days": share * scale}
                for i, (stage, share) in enumerate(STAGES[route])
            ]
            counts, edges = np.histogram(days, np.arange(0, 200.5, 0.5))
            transit += [
                key | {"day": edge, "boxes": int(count * boxes / 4000)}
                for edge, count in zip(edges[:-1], counts, strict=True)
                if count
            ]
    facility_days = _facility_days(rng, network.slowness)
    means = facility_days.groupby(["place", "facility"], sort=False)[["utilisation", "queue"]].mean()
    facilities = pd.DataFrame(
        {
            "place": place,
            "facility": facility,
            "kind": kind,
            "capacity": float(capacity),
            "utilisation": means.loc[(place, facility), "utilisation"],
            "mean_queue": means.loc[(place, facility), "queue"],
            "mean_wait_h": 6.0 * float(means["queue"][place, facility]),
        }
        for place, facility, kind, capacity, _, _ in FACILITIES
    )
    return ToyMeasures(
        pd.DataFrame(routes),
        pd.DataFrame(causes),
        pd.DataFrame(stages),
        pd.DataFrame(transit),
        _releases(rng, network.loading_days),
        facilities,
        facility_days,
        _links(rng),
        pd.DataFrame(
            {
                "fleet": ["aktau-alat-feeders"],
                "service": ["feeders"],
                "vehicles": [4],
                "voyages_per_vehicle": [61.0 + luck],
                "load_factor_out": [0.81],
                "load_factor_back": [0.34],
                "share_moving": [0.31],
                "share_at_berth": [0.38],
                "share_waiting_berth": [0.12],
                "share_waiting_cargo": [0.19],
            }
        ),
        *_costs(pd.DataFrame(stages)),
    )


def _costs(stages: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(costs, emissions): a leg pays for its days, a place for its moves, and each day costs 60 USD a unit."""
    leg = stages["stage"].str.contains("^rail |^sea |^road ")
    at = stages[["flow", "route", "order", "stage"]]
    paid = at.assign(
        kind=np.where(leg, "freight", "port"),
        operator=np.where(leg, "Railways and lines", stages["stage"]),
        usd=np.where(leg, 200.0 * (1 + at["order"]), 120.0),
        known=True,
    )
    time = at.assign(kind="time value", operator="owner of the goods", usd=60 * stages["days"], known=True)
    tkm = np.where(leg, 20_000.0 * (1 + at["order"]), 0.0)
    wtw = np.where(leg, 0.02 * tkm, 24.0)
    basis = {"factor": "diesel", "load_factor": 0.6, "empty_running": 0.33, "source": "", "grade": "assumption"}
    gases = at.assign(kind=np.where(leg, "leg", "hub"), **basis, tkm=tkm, wtw=wtw, ttw=0.6 * wtw, known=True)
    return pd.concat([paid, time], ignore_index=True), gases


def _releases(rng: np.random.Generator, loading_days: float) -> pd.DataFrame:
    """Ten boxes a day on each route; the first find empty ports, and winter is slow."""
    day = np.arange(-60, 365)
    season = 1 + 0.3 * np.cos(2 * np.pi * (day - 20) / 365)
    empty = 1 - 0.4 * np.exp(-(day + 60) / loading_days)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "flow": flow,
                    "route": route,
                    "day": day,
                    "boxes": 10,
                    "box_days": 10 * mean * season * empty * rng.lognormal(0, 0.1, len(day)),
                }
            )
            for flow, (*_, ways) in FLOWS.items()
            for route, (mean, _) in ways.items()
        ],
        ignore_index=True,
    )


def _facility_days(rng: np.random.Generator, slowness: float) -> pd.DataFrame:
    dates = pd.date_range("2024-01-01", periods=366, freq="D")
    winter = 1 + 0.35 * np.cos(2 * np.pi * (dates.day_of_year.to_numpy() - 20) / 366)
    frames = []
    for place, facility, _, _, use, queue in FACILITIES:
        noise = np.convolve(rng.normal(0, 1, len(dates) + 13), np.ones(14) / 14, "valid")
        season = winter if place in PORTS else np.ones(len(dates))
        frames.append(
            pd.DataFrame(
                {
                    "place": place,
                    "facility": facility,
                    "date": dates,
                    "utilisation": np.clip(use * (0.75 + 0.25 * season) * (1 + 0.4 * noise), 0, 1),
                    "queue": np.clip(queue * slowness * season**3 * np.exp(1.5 * noise), 0, None),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _links(rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for link, (start, end, _, teu, _) in LINKS.items():
        for direction, share in (("west", 0.62), ("east", 0.38)):
            units = teu * share / 2 * rng.uniform(0.98, 1.02)
            ends = (end, start) if direction == "west" else (start, end)
            rows.append(
                {
                    "link": link,
                    "start": ends[1],
                    "end": ends[0],
                    "direction": direction,
                    "units": units,
                    "teu": 2 * units,
                    "t": 24 * units,
                    "vehicles": units / 55,
                }
            )
    return pd.DataFrame(rows)


def result(name: str = "baseline", slowness: float = 1.0, replications: int = 4, loading_days: float = 8.0) -> Result:
    """A made-up result, computed in this process."""
    network: Any = ToyNetwork(name=name, slowness=slowness, replications=replications, loading_days=loading_days)
    return run(network, workers=1, task=toy_measures)


def square(network: int, replication: int) -> int:
    return network * replication**2


def square_or_raise(network: int, replication: int) -> int:
    if replication == 2:
        raise ArithmeticError("no square of two today")
    return network * replication**2


def square_or_die(network: int, replication: int) -> int:
    """A worker that is killed from outside, as for lack of memory."""
    if replication == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return network * replication**2


def square_or_interrupt(network: int, replication: int) -> int:
    if replication == 2:
        raise KeyboardInterrupt
    return network * replication**2


def slow_square(network: int, replication: int) -> int:
    time.sleep(0.3)
    return network * replication**2


def moment() -> datetime:
    return datetime(2024, 1, 1, tzinfo=UTC)
