"""The chains of services by which flows go: one line each, or leg by leg."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column
from rich.text import Text

from sim.show.tables import heading, number, plain_table
from sim.study.atlas import Atlas, atlas_of

if TYPE_CHECKING:
    from sim.network import Network
    from sim.network.chains import Chain, PlannedLeg

UNDER_WAY = "Under way: distance over speed, of the fastest fleet, or the mean of the time that a service says"


def chains_table(network: Network, chains: Sequence[Chain]) -> RenderableType:
    """A row for each chain with the flows that go by it, there (→) and back (←)."""
    atlas, alike = atlas_of(network.model), _alike(chains)
    table = plain_table(
        Column("\nChain of services"),
        Column("\nkm", justify="right"),
        Column("Days\nunder way", justify="right"),
    )
    for there, back in _both_ways(chains):
        way = Text(atlas.name(there[0].legs[0].origin))
        for leg in there[0].legs:
            means = leg.service if alike[_between(leg)] > 1 else leg.mode
            way.append(f" –{means}– ", style="dim").append(atlas.name(leg.destination))
        for arrow, some in (("→", there), ("←", back)):
            way.append("".join(f"\n  {arrow} {line}" for line in _flows(some)), style="dim")
        table.add_row(way, _km(there[0].km), Text(f"{there[0].hours / 24:,.1f}"))
    notes = (
        "→ the flows that go so from left to right, by route; ← those that go back",
        f"{UNDER_WAY}; waiting, handling, papers and delays come on top",
        "Leg by leg: --flow FLOW, --route ROUTE",
    )
    return Group(table, *(Text(note, style="dim") for note in notes))


def legs_table(network: Network, chains: Sequence[Chain]) -> RenderableType:
    """Each chain leg by leg, with the flows that go by it."""
    atlas = atlas_of(network.model)
    parts = heading(network.model.title, f"{network.name} · by which services flows go, without a simulation")
    for same in _grouped(chains):
        legs = same[0].legs
        ends = f"{atlas.name(legs[0].origin)} → {atlas.name(legs[-1].destination)}"
        parts.append(Text.assemble((ends, "bold"), f": {same[0].hours / 24:,.1f} days under way"))
        parts += [Text(line, style="dim") for line in _flows(same)]
        parts.append(Padding(_legs(atlas, same[0]), (0, 0, 1, 2)))
    notes = (
        f"{UNDER_WAY}; without delays or waiting",
        "Papers: mean office hours at borders on the way, to a liner's release, before the next leg; without queues",
    )
    return Group(*parts, *(Text(note, style="dim") for note in notes))


def _legs(atlas: Atlas, chain: Chain) -> RenderableType:
    table = plain_table(
        Column("\nService", overflow="fold"),
        Column("\nTo", overflow="fold"),
        Column("\nKind"),
        Column("\nkm", justify="right"),
        Column("Under way\nh", justify="right"),
        Column("\nkm/h", justify="right"),
        Column("Papers\nh", justify="right"),
        gap=1,
    )
    for leg in chain.legs:
        table.add_row(
            Text(leg.service),
            Text(atlas.name(leg.destination)),
            Text(leg.kind if leg.kind == leg.mode else f"{leg.kind}, {leg.mode}"),
            *_figures(leg),
        )
    table.add_section()
    table.add_row("together", "", "", *_figures(chain))
    return table


def _figures(part: PlannedLeg | Chain) -> list[Text]:
    """km, hours, km/h and hours of papers."""
    speed = number(part.km / part.hours, ".0f") if part.km is not None and part.hours else "?"
    return [_km(part.km), Text(f"{part.hours:,.1f}"), Text(speed), Text(f"{part.papers_hours:,.1f}")]


def _km(km: float | None) -> Text:
    return Text(number(km, ",.0f"))


def _flows(chains: Iterable[Chain]) -> Iterator[str]:
    """The flows by route: "middle-poti: xian-poti, almaty-poti"."""
    by_route: dict[str, list[str]] = {}
    for chain in chains:
        by_route.setdefault(chain.route, []).append(chain.flow)
    return (f"{route}: {', '.join(flows)}" for route, flows in by_route.items())


def _grouped(chains: Iterable[Chain]) -> Iterable[list[Chain]]:
    """Those with the same legs together."""
    groups: dict[tuple[PlannedLeg, ...], list[Chain]] = {}
    for chain in chains:
        groups.setdefault(chain.legs, []).append(chain)
    return groups.values()


def _both_ways(chains: Iterable[Chain]) -> Iterable[tuple[list[Chain], list[Chain]]]:
    """Those by the same services in the same hours together, apart by direction; the first one leads."""
    groups: dict[tuple[tuple[str, str, str, float], ...], tuple[list[Chain], list[Chain]]] = {}
    for chain in chains:
        there = tuple((leg.service, leg.origin, leg.destination, round(leg.hours, 6)) for leg in chain.legs)
        back = tuple((service, end, start, hours) for service, start, end, hours in reversed(there))
        if back in groups:
            groups[back][1].append(chain)
        else:
            groups.setdefault(there, ([], []))[0].append(chain)
    return groups.values()


def _alike(chains: Iterable[Chain]) -> Counter[tuple[frozenset[str], str]]:
    """How many services go between two places in the same way."""
    services = {leg.service: _between(leg) for chain in chains for leg in chain.legs}
    return Counter(services.values())


def _between(leg: PlannedLeg) -> tuple[frozenset[str], str]:
    return frozenset((leg.origin, leg.destination)), leg.mode
