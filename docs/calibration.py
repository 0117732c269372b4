"""Runs the three scenarios of the library, compares them with what is published, and writes that into docs/data.md.

FIGURES holds each published figure once, with how it is worked out from a run. A figure that the model misses stays in.
Run by `make calibration`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from data_tables import PAGE, ROOT, lines, replaced
from numpy.typing import NDArray

from sim.measure import Measures, measure
from sim.model import Journal, simulate
from sim.network import Network, build
from sim.scenario.load import load
from sim.study import Result, estimate, run

Floats = NDArray[np.float64]
Simulated = Callable[[Result], Floats]  # one value a replication

TOLERANCE = 0.05  # how far from a single published figure still counts as inside
MORE = float("inf")


@dataclass(frozen=True)
class MoreMeasures(Measures):
    """The measures of a run, and one row for each fleet of ships and port.

    ships: fleet, service, place, calls a day, stay (hours from the arrival in the roads until the ship leaves).
    """

    ships: pd.DataFrame


def measured(network: Network, replication: int) -> MoreMeasures:
    """Simulate one replication and measure it."""
    journal = simulate(network, replication)
    return MoreMeasures(**measure(network, journal).frames(), ships=ships(network, journal))


def ships(network: Network, journal: Journal) -> pd.DataFrame:
    """The calls of ships that begin in the measured period."""
    length = float(network.model.run.length)
    table = pd.DataFrame(journal.calls)
    table = table[(table["arrived"] >= 0) & (table["arrived"] < length)]
    rows = []
    for number, name in enumerate(journal.names["fleets"]):
        fleet = network.model.fleets[name]
        for place in network.model.services[fleet.service].stops if fleet.vessels else ():
            at = (table["fleet"] == number) & (table["place"] == journal.names["places"].index(place))
            rows.append(
                {
                    "fleet": name,
                    "service": fleet.service,
                    "place": place,
                    "calls": at.sum() / length * 24,
                    "stay": (table["weather_out"] - table["arrived"])[at].mean(),
                }
            )
    return pd.DataFrame(rows)


def transit(*flows: str) -> Simulated:
    """Mean days of the units of some flows."""

    def days(result: Result) -> Floats:
        routes = result.frames["routes"]
        return mean(routes[routes["flow"].isin(flows)], "mean", "boxes")

    return days


def stages(flow: str, route: str, *, last: str, first: str | None = None) -> Simulated:
    """Mean days from the beginning, or from that of the stage `first`, to the end of the stage `last`."""

    def days(result: Result) -> Floats:
        table = result.frames["stages"]
        sums = []
        for _, way in table[(table["flow"] == flow) & (table["route"] == route)].groupby("replication"):
            names = way["stage"].tolist()
            sums.append(way["days"].iloc[names.index(first) if first else 0 : names.index(last) + 1].sum())
        return np.array(sums)

    return days


def on_link(flow: str, link: str) -> Simulated:
    """Mean days on a link, waits for it included."""

    def days(result: Result) -> Floats:
        causes = result.frames["causes"]
        return total(causes[(causes["flow"] == flow) & (causes["place"] == link)], "days")

    return days


def carried(link: str, *directions: str) -> Simulated:
    """TEU a year over a link."""

    def teu(result: Result) -> Floats:
        links = result.frames["links"]
        return total(links[(links["link"] == link) & links["direction"].isin(directions)], "teu")

    return teu


def calls(place: str, *services: str) -> Simulated:
    """Calls a day at a port of the ships of some services."""
    return lambda result: total(at_port(result, place, services), "calls")


def stay(place: str, service: str) -> Simulated:
    """Mean hours of a ship from its arrival in the roads of a port until it leaves."""
    return lambda result: mean(at_port(result, place, [service]), "stay", "calls")


def at_port(result: Result, place: str, services: Sequence[str]) -> pd.DataFrame:
    """The calls of the ships of some services at a port."""
    table = result.frames["ships"]
    return table[(table["place"] == place) & table["service"].isin(services)]


def total(table: pd.DataFrame, column: str) -> Floats:
    """The sum of a column in each replication."""
    return table.groupby("replication")[column].sum().to_numpy(dtype=float)


def mean(table: pd.DataFrame, column: str, weight: str) -> Floats:
    """The weighted mean of a column in each replication."""
    return total(table.assign(**{column: table[column] * table[weight]}), column) / total(table, weight)


def plus(first: Simulated, second: Simulated) -> Simulated:
    """The sum of two."""
    return lambda result: first(result) + second(result)


@dataclass(frozen=True)
class Figure:
    """A published figure, and how it is worked out from a run."""

    what: str
    low: float
    high: float  # equal to low: a single figure
    record: str
    simulated: Simulated
    used: Literal["yes", "partly", "no"] = "no"  # to set values of the scenario
    unit: str = "days"

    @property
    def published(self) -> str:
        """As it was published: "38–53 days"."""
        if self.high == MORE:
            return f"more than {number(self.low)} {self.unit}"
        return f"{'–'.join(dict.fromkeys([number(self.low), number(self.high)]))} {self.unit}"

    def verdict(self, value: float) -> str:
        """Whether a simulated mean lies inside of what is published."""
        margin = TOLERANCE if self.low == self.high else 0.0
        if value < self.low * (1 - margin):
            return "**outside**, below"
        return "**outside**, above" if value > self.high * (1 + margin) else "inside"


IN_KAZAKHSTAN = "rail Khorgos/Altynkol–Aktau"
NORTH = "rail Khorgos/Altynkol–Małaszewicze"
ALTYNKOL_AKTAU = stages("xian-poti", "middle-poti", first=IN_KAZAKHSTAN, last=IN_KAZAKHSTAN)
ALTYNKOL_BREST = stages("xian-duisburg-north", "north", first=NORTH, last=NORTH)
ALTYNKOL_POLAND = stages("xian-duisburg-north", "north", first=NORTH, last="border Brest")
XIAN_CONSTANTA = stages("xian-duisburg-poti", "middle-poti", last="sea Poti–Constanța")
XIAN_BUDAPEST = stages("xian-duisburg-poti", "middle-poti", last="rail Constanța–Budapest")
XIAN_KARS = plus(
    stages("xian-istanbul-btk", "middle-btk", last="Akhalkalaki"), on_link("xian-istanbul-btk", "akhalkalaki-kars")
)
SHANGHAI_POTI = stages(
    "xian-poti-suez",
    "sea-suez",
    first="sea Shanghai/Ningbo–Istanbul (Halkalı)",
    last="sea Istanbul (Halkalı)–Poti",
)
KURYK_FERRIES = calls("kuryk", "kuryk-alat-rail-ferry", "kuryk-alat-ropax")
TURKMEN_FERRIES = calls("turkmenbashi", "turkmenbashi-alat-rail-ferry", "turkmenbashi-alat-ropax")
FEEDERS_AT_ALAT = stay("alat", "aktau-alat-feeder")
CAPACITY = carried("aktau-alat", "west")

FIGURES = {
    "promised-schedule": [
        Figure("Altynkol → Alat (Absheron)", 9, 9, "e2e.altynkol", transit("altynkol-baku"), "yes"),
        Figure("Altynkol → Poti", 12, 12, "e2e.altynkol", transit("altynkol-poti"), "yes"),
        Figure("Altynkol → Constanța", 20, 22, "e2e.altynkol", transit("altynkol-constanta"), "yes"),
        Figure("Altynkol → Aktau by rail, target of 2023", 5, 5, "rail.kz.transit_days.hist", ALTYNKOL_AKTAU, "yes"),
        Figure("Xi'an → Baku", 8, 12, "e2e.xian_baku", transit("xian-baku"), "yes"),
        Figure("Xi'an → Poti", 12, 18, "e2e.xian_georgia", transit("xian-poti")),
        Figure("Altynkol → Alat, January 2024", 8, 8, "e2e.jan2024", transit("altynkol-baku")),
        Figure("Altynkol → Poti, January 2024", 10, 10, "e2e.jan2024", transit("altynkol-poti")),
        Figure("Xi'an → Istanbul, at best", 12, 12, "T032", transit("xian-istanbul-btk")),
    ],
    "congested-2022": [
        Figure("China → ports of the Black Sea", 38, 53, "e2e.china_blacksea_gov", transit("xian-poti"), "yes"),
        Figure("the same, “before” as told in 2024", 58, 60, "e2e.gov2024", transit("xian-poti")),
        Figure("Altynkol → Aktau by rail", 12, 12, "rail.kz.transit_days.hist", ALTYNKOL_AKTAU, "yes"),
        Figure(
            "Containers Aktau–Alat", 33600, 33600, "vol.teu", carried("aktau-alat", "west", "east"), unit="TEU a year"
        ),
    ],
    "baseline-2024": [
        Figure("China → Poland", 13, 14, "N001", transit("xian-poland-north", "chongqing-poland-north"), "partly"),
        Figure("China → Germany", 18, 20, "N002", transit("xian-duisburg-north"), "yes"),
        Figure("Chinese to Polish border, with the stop at Brest", 6, 8, "N005", ALTYNKOL_POLAND, "yes"),
        Figure("Altynkol → Brest, without the stop there", 7.31, 7.31, "N006", ALTYNKOL_BREST, "yes"),
        Figure("Germany → China, ordinary", 18, 22, "N011", transit("duisburg-xian-north"), "partly"),
        Figure("Altynkol → Aktau by rail, 2023", 5, 6, "rail.kz.transit_days.hist", ALTYNKOL_AKTAU, "yes"),
        Figure("Xi'an → Constanța, arrival of the ship", 31, 34, "e2e.titr_eu", XIAN_CONSTANTA),
        Figure("Xi'an → Budapest by Constanța", 32, 37, "e2e.titr_eu", XIAN_BUDAPEST, "partly"),
        Figure("Xi'an → Duisburg by Constanța", 32, 37, "e2e.titr_eu", transit("xian-duisburg-poti"), "partly"),
        Figure("Xi'an → Poti, 2023", 19, 23, "e2e.china_blacksea_gov", transit("xian-poti")),
        Figure("Xi'an → Poti, 2024", 12, 18, "e2e.xian_georgia", transit("xian-poti")),
        Figure("Xi'an → Poti, 2026", 13, 17, "e2e.gov2026", transit("xian-poti")),
        Figure("Xi'an → Poti, show-case trains", 12, 18, "e2e.xian_georgia", transit("xian-poti-showcase")),
        Figure("Xi'an → Baku", 8, 12, "e2e.xian_baku", transit("xian-baku")),
        Figure("Xi'an → Baku, another announcement", 12, 15, "e2e.xian_baku", transit("xian-baku")),
        Figure("Xi'an → Baku, show-case trains", 8, 12, "e2e.xian_baku", transit("xian-baku-showcase")),
        Figure("China → Kars", 20, MORE, "bcp.turkish_clause", XIAN_KARS),
        Figure("Stay of a container ship at Alat", 20.1, 20.1, "baku.unload", FEEDERS_AT_ALAT, "partly", "h"),
        Figure("Ferry calls at Kuryk", 2, 2, "kuryk.traffic", KURYK_FERRIES, unit="a day"),
        Figure("Ferries Turkmenbashi–Alat, each way", 1.4, 1.4, "P020", TURKMEN_FERRIES, unit="a day"),
        Figure("Shanghai → Poti by sea", 35, 40, "T062", SHANGHAI_POTI),
        Figure("China → Europe by sea, by Suez", 45, 60, "promised_transit_days", transit("xian-duisburg-suez")),
        Figure("the same, as told in Georgia", 52, 52, "T064", transit("xian-duisburg-suez")),
        Figure("China → Europe by sea, by the Cape", 45, 60, "promised_transit_days", transit("xian-duisburg-cape")),
    ],
    "baseline-2024, with more boxes at Aktau than the feeders can take": [
        Figure("Capacity Aktau → Alat", 89000, 89000, "feeder.fleet2025", CAPACITY, unit="TEU a year"),
    ],
}

# The scenario of each run, and what is changed in it to measure more.
RUNS: dict[str, tuple[str, list[str]]] = {
    "promised-schedule": ("promised-schedule", []),
    "congested-2022": ("congested-2022", []),
    "baseline-2024": (
        "baseline-2024",
        [
            f"demand.{flow}.compare=true"
            for flow in (
                "xian-poland-north",
                "chongqing-poland-north",
                "duisburg-xian-north",
                "xian-baku-showcase",
                "xian-poti-showcase",
            )
        ],
    ),
    "baseline-2024, with more boxes at Aktau than the feeders can take": (
        "baseline-2024",
        [
            "demand.more={title: More boxes, origin: aktau, destination: alat, direction: west, cargo: container, "
            "volume: 150000 TEU/a, block: 55, routes: {middle-baku: 1}}"
        ],
    ),
}

# Where the records are to be found.
RECORDS = {
    "N001": "https://index1520.com/en/analytics/obzor-rynka-zheleznodorozhnykh-perevozok-yanvar-2024/",
    "N002": "https://index1520.com/en/analytics/obzor-rynka-zheleznodorozhnykh-perevozok-yanvar-2024/",
    "N005": "https://index1520.com/en/analytics/obzor-rynka-zheleznodorozhnykh-perevozok-yanvar-2024/",
    "N006": "https://index1520.com/en/index/",
    "N011": "https://index1520.com/en/analytics/obzor-rynka-zheleznodorozhnykh-perevozok-yanvar-2024/",
    "P020": "https://www.newscentralasia.net/2023/06/19/in-january-may-2023-the-turkmenbashi-port-received-over-200-ships-from-azerbaijan/",
    "T032": "https://vibewire.com.au/?p=190168",
    "T062": "https://report.az/ru/infrastruktura/stoimost-perevozok-po-tmtm-prodolzhaet-snizhatsya-tretij-mesyac-podryad",
    "T064": "https://agenda.ge/en/news/2024/39285",
    "baku.unload": "https://en.trend.az/business/transport/3723262.html",
    "bcp.turkish_clause": "https://www.trend.az/business/transport/4077968.html",
    "e2e.altynkol": "https://en.trend.az/casia/kazakhstan/3906462.html",
    "e2e.china_blacksea_gov": "https://newscentralasia.net/2023/03/04/delivery-time-of-goods-from-china-to-the-black-sea-ports-via-the-caspian-sea-has-been-halved",
    "e2e.gov2024": "https://www.trend.az/business/3985660.html",
    "e2e.gov2026": "https://astanatimes.com/2026/03/trans-caspian-transport-route-cargo-volumes-increase-fivefold-in-seven-years/",
    "e2e.jan2024": "http://www.today.az/news/business/244405.html",
    "e2e.titr_eu": "https://navisgroup.com.ua/en/2025/08/27/middle-corridor-vs-classic-routes-from-china-when-is-it-actually-faster-and-for-which-cargo/",
    "e2e.xian_baku": "https://menafn.com/1107722132/First-Container-Train-From-China-Arrives-To-Azerbaijan-Via-Middle-Corridor-In-2024",
    "e2e.xian_georgia": "https://en.vestikavkaza.ru/material/170615",
    "feeder.fleet2025": "https://sia.az/en/news/economy/1235452.html",
    "kuryk.traffic": "https://menafn.com/1107455734/Kazakhstans-Kuryk-Port-Provides-Details-On-Major-Expansion-Projects-Exclusive",
    "rail.kz.transit_days.hist": "https://newscentralasia.net/2023/03/04/delivery-time-of-goods-from-china-to-the-black-sea-ports-via-the-caspian-sea-has-been-halved",
    "vol.teu": "https://astanatimes.com/2026/03/trans-caspian-transport-route-cargo-volumes-increase-fivefold-in-seven-years/",
}


def report(results: dict[str, Result]) -> str:
    """A table for each run, and before them how many of the figures lie inside."""
    inside = {"yes": 0, "partly": 0, "no": 0}
    every = dict(inside)
    tables = []
    for name, result in results.items():
        rows = []
        for figure in FIGURES[name]:
            mean = estimate(figure.simulated(result))
            verdict = "unknown" if mean.value is None else figure.verdict(mean.value)
            inside[figure.used] += verdict == "inside"
            every[figure.used] += 1
            url = RECORDS.get(figure.record)
            rows.append(
                [
                    figure.what,
                    figure.published,
                    f"[{figure.record}]({url})" if url else figure.record,
                    number(mean.value, 1),
                    f"{number(mean.low, 1)} to {number(mean.high, 1)}",
                    verdict,
                    figure.used,
                ]
            )
        head = ["Figure", "Published", "Record", "Simulated", "95 % interval", "Verdict", "Used to set values?"]
        tables.append(f"**{name}**\n\n{lines([head, ['---'] * len(head), *rows])}")
    any_one = next(iter(results.values()))
    told = (
        f"{len(any_one.replications)} replications each with seed {any_one.seed}, version {any_one.model_version}. "
        f"Inside are {inside['yes']} of the {every['yes']} figures by which values were set, {inside['partly']} of the "
        f"{every['partly']} that had a part in it, and {inside['no']} of the {every['no']} that are checks only."
    )
    return "\n\n".join([told, *tables])


def number(value: float | None, digits: int | None = None) -> str:
    """A number as people write it, thousands apart; a dash where it is unknown."""
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:g}" if digits is None else f"{value:.{digits}f}"


def main() -> None:
    """Run the scenarios and write the tables."""
    parser = argparse.ArgumentParser(description="Write the calibration tables of docs/data.md.")
    parser.add_argument("replications", type=int, nargs="?", default=20, help="of each scenario (20)")
    replications = parser.parse_args().replications
    results = {}
    for name, (scenario, changes) in RUNS.items():
        print(f"{name}: {replications} replications", file=sys.stderr)
        network = build(load(ROOT / "scenarios" / f"{scenario}.yaml", set=changes))
        results[name] = run(network, replications, task=measured)
        if not results[name].complete:
            sys.exit(f"{name}: not all replications have finished; the page is left as it is")
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), "measured", report(results)), encoding="utf-8")


if __name__ == "__main__":
    main()
