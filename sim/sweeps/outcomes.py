"""What a run is asked for: figures of a flow and route, of a flow, or of a facility, each under a name.

A run keeps all figures of its compared flows and routes and of its facilities, whatever the sweep file asks for, so
that a further question takes no further run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim.network.build import build
from sim.scenario.faults import listed, nearest
from sim.study.costs import COST_KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.measure import Essentials
    from sim.network import Network
    from sim.scenario.load import Scenario

    Floats = NDArray[np.float64]

# name -> column of the frame, unit, what it is
ROUTE_FIGURES: dict[str, tuple[str, str, str]] = {
    "transit.mean": ("mean", "d", "mean transit time"),
    "transit.p10": ("p10", "d", "P10 of the transit time"),
    "transit.p50": ("p50", "d", "median transit time"),
    "transit.p90": ("p90", "d", "P90 of the transit time"),
    "promise.within": ("share_within", "%", "boxes within the published time"),
    "promise.late": ("share_late", "%", "boxes later than the published time"),
    "unfinished": ("share_unfinished", "%", "boxes that have not arrived"),
    "carried": ("teu_a_year", "TEU/a", "TEU that arrive in a year"),
    "cost": ("cost", "USD/TEU", "what is paid"),
    "generalised": ("generalised", "USD/TEU", "cost with the value of time"),
    "emissions": ("wtw", "kg CO2e/TEU", "greenhouse gases, well-to-wheel"),
}
FACILITY_FIGURES: dict[str, tuple[str, str, str]] = {
    "use": ("utilisation", "%", "use"),
    "queue": ("mean_queue", "units", "mean queue"),
    "wait": ("mean_wait_h", "h", "mean wait"),
}
FIGURES = ROUTE_FIGURES | FACILITY_FIGURES
QUANTILES = ("transit.p10", "transit.p50", "transit.p90")
WHY_UNKNOWN = {  # in some run; what is not here is unknown for want of a box alone
    **dict.fromkeys(QUANTILES, "too many boxes have not arrived, or there was none"),
    **dict.fromkeys(("promise.within", "promise.late"), "no time is published, or there was no box"),
    **dict.fromkeys(("cost", "generalised"), "no price a TEU, or there was no box or no sailing"),
    "emissions": "no emission factor that counts the cargo, or cargo that is not counted in TEU",
    "wait": "nothing asked for it",
}
FORM = re.compile(r"\s*(?P<name>[\w.]+)\s*(?:\[\s*(?P<first>[^\]/]+?)\s*(?:/\s*(?P<second>[^\]]+?)\s*)?\])?\s*")
EXAMPLE = "transit.p90[xian-istanbul/middle-btk]"


class OutcomeError(ValueError):
    """A text that names no figure of the scenarios."""


@dataclass(frozen=True)
class Outcome:
    """A figure of every compared flow and route, of those of one flow, or of one; likewise of facilities."""

    text: str
    name: str
    first: str | None = None  # flow or place
    second: str | None = None  # route or facility

    def columns(self, known: Iterable[str]) -> list[str]:
        """The columns that it stands for."""
        return [column for column in known if self.fits(column)]

    def fits(self, column: str) -> bool:
        name, _, rest = column.partition("[")
        first, _, second = rest.removesuffix("]").partition("/")
        return name == self.name and self.first in (None, first) and self.second in (None, second)


def read_outcome(text: str, bases: Sequence[Scenario]) -> Outcome:
    """The outcome that a planner wrote. Raises OutcomeError if a scenario has no such figure."""
    outcome = parse_outcome(text)
    for scenario in bases:
        _check(outcome, build(scenario))
    return outcome


def parse_outcome(text: str) -> Outcome:
    """The outcome that a text names, whatever it is an outcome of. Raises OutcomeError."""
    match = FORM.fullmatch(text)
    if match is None or match["name"] not in FIGURES:
        name = match["name"] if match else text
        raise OutcomeError(f'found "{name}", allowed: {", ".join(FIGURES)}{hint(name, FIGURES)}; as in "{EXAMPLE}"')
    return Outcome(" ".join(text.split()), match["name"], match["first"], match["second"])


def possible(outcome: Outcome, network: Network) -> list[str]:
    """The columns that an outcome stands for in the runs of a network."""
    return outcome.columns(f"{outcome.name}[{first}/{second}]" for first, second in _pairs(outcome, network))


def unit_of(column: str) -> str:
    """The unit of a column."""
    return FIGURES[column.partition("[")[0]][1]


def why_unknown(column: str) -> str:
    """What keeps a figure from being known where it is not."""
    return WHY_UNKNOWN.get(column.partition("[")[0], "there was no box")


def longest_unknown(column: str) -> bool:
    """Whether what is unknown of a column counts as longer than all that is known."""
    return column.partition("[")[0] in QUANTILES


def describe(column: str) -> str:
    """What a column is, in words: "P90 of the transit time, xian-istanbul by middle-btk"."""
    name, _, rest = column.partition("[")
    first, _, second = rest.removesuffix("]").partition("/")
    joint = " by " if name in ROUTE_FIGURES else ", "
    return f"{FIGURES[name][2]}, {first}{joint}{second}"


def figures(found: Essentials) -> tuple[tuple[str, ...], Floats]:
    """The names and values of all figures of one replication. NaN: unknown. Shares are in %, as they are told."""
    ways = [(row["flow"], row["route"]) for row in found.routes]
    totals = _totals(found, ways) | {"teu_a_year": found.carried}
    names: list[str] = []
    values: list[float] = []
    for name, (column, unit, _) in ROUTE_FIGURES.items():
        names += [f"{name}[{flow}/{route}]" for flow, route in ways]
        own = totals[column] if column in totals else [row[column] for row in found.routes]
        values += [100 * value for value in own] if unit == "%" else own
    for name, (column, unit, _) in FACILITY_FIGURES.items():
        names += [f"{name}[{row['place']}/{row['facility']}]" for row in found.facilities]
        own = [row[column] for row in found.facilities]
        values += [100 * value for value in own] if unit == "%" else own
    return tuple(names), np.array(values)


def count_figures(network: Network) -> int:
    """How many figures a run of this network has."""
    compared = sum(1 for way in network.itineraries if network.model.demand[way.flow].compare)
    return len(ROUTE_FIGURES) * compared + len(FACILITY_FIGURES) * len(_facilities(network))


Way = tuple[str, str]


def _totals(found: Essentials, ways: Sequence[Way]) -> dict[str, Sequence[float]]:
    """What `sim.study.costs.route_totals` gives, a hundred times as fast for one replication; way by way."""
    paid, borne, emitted = (dict.fromkeys(ways, 0.0) for _ in range(3))
    for flow, route, _, _, kind, _, usd, known in found.costs:
        usd = usd if known else math.nan
        if kind in COST_KINDS:
            paid[flow, route] += usd
        borne[flow, route] += usd
    for flow, route, *_, wtw, _, known in found.emissions:
        emitted[flow, route] += wtw if known else math.nan
    sizes = [row["unit_teu"] for row in found.routes]
    return {
        name: [total / size if size else math.nan for total, size in zip(sums.values(), sizes, strict=True)]
        for name, sums in (("cost", paid), ("generalised", borne), ("wtw", emitted))
    }


def _check(outcome: Outcome, network: Network) -> None:
    of_route = outcome.name in ROUTE_FIGURES
    kinds = ("flow that is compared", "route of it") if of_route else ("place with a facility", "facility of it")
    pairs = _pairs(outcome, network)
    firsts = list(dict.fromkeys(first for first, _ in pairs))
    seconds = [second for first, second in pairs if first == outcome.first]
    for found, allowed, kind in ((outcome.first, firsts, kinds[0]), (outcome.second, seconds, kinds[1])):
        if found is not None and found not in allowed:
            raise OutcomeError(
                f'"{found}" is no {kind} in {network.name}, allowed: {listed(allowed)}{hint(found, allowed)}'
            )


def _pairs(outcome: Outcome, network: Network) -> list[tuple[str, str]]:
    """The compared flows and their routes, or the places and their facilities."""
    if outcome.name in ROUTE_FIGURES:
        return [(way.flow, way.route) for way in network.itineraries if network.model.demand[way.flow].compare]
    return _facilities(network)


def _facilities(network: Network) -> list[tuple[str, str]]:
    """Places and facilities whose use is measured."""
    terminals = network.model.terminals | network.model.ports
    stops = {stop for way in network.itineraries for leg in way.legs for stop in (leg.origin, leg.destination)}
    found = []
    for place, terminal in terminals.items():
        if place in stops:
            found += [(place, f"berth {kind}") for kind in terminal.berths]
            found += [(place, f"yard {yard}") for yard in terminal.yards]
    return found + [(name, "paths") for name, link in network.model.links.items() if link.paths is not None]


def hint(found: str, allowed: Iterable[str]) -> str:
    """The nearest name, as the end of a message."""
    near = nearest(found, allowed)
    return f'; did you mean "{near}"?' if near else ""
