"""By which services flows go, as `corridor preview` tells it before a run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from ruamel.yaml import YAML

import sim

Corridor = Callable[..., Result]

SIZES = {"km": 1.0, "nm": 1.852, "km/h": 1.0, "kn": 1.852}
FERRY = (
    "services.ferry={kind: ships, title: Ferry, stops: {east-port: {berth: quay, wait: 9 h}, "
    "west-port: {berth: quay, wait: 9 h}}}",
    "fleets.ferries={service: ferry, title: Ferries, vessels: 1, capacity: 90 TEU, speed: 8 kn, accepts: [box]}",
    "routes.by-ferry={title: By ferry, via: [east-port, west-port], avoid: [feeder]}",
    "demand.trade.routes={over: 50 %, by-ferry: 50 %, around: null}",
)


def setting(*changes: str) -> list[str]:
    return [word for change in changes for word in ("--set", change)]


def told(found: Any, flow: str = "trade", route: str = "over") -> Any:
    """The chain of a flow on a route."""
    (chain,) = (chain for chain in found["chains"] if (chain["flow"], chain["route"]) == (flow, route))
    return chain


@pytest.fixture
def written(folder: Path) -> Any:
    """The small corridor as it stands in its file."""
    return YAML(typ="safe").load(folder / "small.yaml")


def size(text: Any) -> float:
    """A distance or a speed, read without the program; km or km/h."""
    number, unit = (text["value"] if isinstance(text, dict) else text).split()
    return float(number) * SIZES[unit]


@pytest.mark.parametrize("flow", ["trade", "returns"])
@pytest.mark.parametrize("route", ["over", "around"])
def test_km_and_hours_are_those_of_the_links_in_the_file(
    corridor_json: Callable[..., Any], written: Any, flow: str, route: str
) -> None:
    """Every waypoint of the small corridor is an end of a link; ships bring their own speed."""
    between = {frozenset(link["between"]): link for link in written["links"].values()}
    links = [between[frozenset(step)] for step in pairwise(written["routes"][route]["via"])]
    knots = written["fleets"]["feeders"]["speed"]
    chain = told(corridor_json("preview", "small.yaml"), flow, route)
    assert chain["km"] == pytest.approx(sum(size(link["distance"]) for link in links))
    hours = sum(size(link["distance"]) / size(link.get("speed", knots)) for link in links)
    assert chain["hours"] == pytest.approx(hours)
    assert chain["km"] == pytest.approx(sum(leg["km"] for leg in chain["legs"]))
    assert chain["share"] == (0.6 if route == "over" else 0.4)


def test_each_leg_tells_its_service_and_its_ends(corridor_json: Callable[..., Any]) -> None:
    chain = told(corridor_json("preview", "small.yaml"), "returns")
    assert [(leg["service"], leg["origin"], leg["destination"], leg["kind"], leg["mode"]) for leg in chain["legs"]] == [
        ("rail-west", "market", "west-port", "trains", "rail"),
        ("feeder", "west-port", "east-port", "ships", "sea"),
        ("rail-east", "east-port", "hub", "trains", "rail"),
    ]


def test_the_hours_under_way_are_those_that_boxes_move_in_a_run(
    folder: Path, corridor_json: Callable[..., Any]
) -> None:
    changes = ("services.rail-east.pace=0.8", "links.crossing.speed=9 kn")
    chain = told(corridor_json("preview", "small.yaml", *setting(*changes)))
    causes = sim.simulate(sim.load(folder / "small.yaml", set=changes), replications=1, workers=1).causes()
    moving = causes.query("flow == 'trade' and route == 'over' and cause == 'moving'")["days"].sum()
    assert moving == pytest.approx(chain["hours"] / 24, rel=1e-6)


@pytest.mark.parametrize("options", [(), ("--flow", "trade")])
def test_json_has_the_documented_form(
    corridor_json: Callable[..., Any], documented: Callable[[str, Any], None], options: tuple[str, ...]
) -> None:
    found = corridor_json("preview", "small.yaml", *options)
    documented("preview", found)
    assert {chain["flow"] for chain in found["chains"]} == ({"trade"} if options else {"trade", "returns"})


def test_json_of_a_line_without_a_fleet(
    corridor_json: Callable[..., Any], documented: Callable[[str, Any], None]
) -> None:
    found = corridor_json("preview", "small.yaml", *setting(FERRY[0]))
    documented("preview", found)
    (idle,) = (load for load in found["loads"] if load["facility"] == "ferry")
    assert (idle["capacity"], idle["utilisation"]) == (0, 0)


def test_flows_of_one_chain_share_a_row_there_and_back(corridor: Corridor) -> None:
    lines = corridor("preview", "small.yaml").stdout.splitlines()
    chain = "Hub –rail– East Port –sea– West Port –rail– Market"
    at = next(number for number, line in enumerate(lines) if line.startswith(chain))
    assert lines[at].split()[-2:] == ["1,863", "2.5"]
    assert [line.strip() for line in lines[at + 1 : at + 3]] == ["→ over: trade", "← over: returns"]


def test_services_between_the_same_places_are_told_apart(corridor: Corridor) -> None:
    shown = corridor("preview", "small.yaml", *setting(*FERRY)).stdout
    assert "East Port –feeder– West Port" in shown
    assert "East Port –ferry– West Port" in shown


def test_one_flow_is_told_leg_by_leg(corridor: Corridor) -> None:
    shown = corridor("preview", "small.yaml", "--flow", "trade", "--route", "over").stdout
    assert "Hub → Market: 2.5 days under way" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["feeder", "West", "Port", "ships,", "sea", "463", "22.7", "20", "0.0"] in rows
    assert ["together", "1,863", "59.5", "31", "12.0"] in rows
    assert "Utilisation" not in shown


def test_an_unknown_flow_and_route_are_told_together(corridor: Corridor) -> None:
    result = corridor("preview", "small.yaml", "--flow", "trad", "--route", "ower")
    assert (result.exit_code, result.stdout) == (2, "")
    assert '"trad" is not a flow of the demand, these are: trade, returns; did you mean "trade"?' in result.stderr
    assert '"ower" is not a route of the demand, these are: over, around; did you mean "over"?' in result.stderr


def test_a_route_that_a_flow_does_not_take_is_told(corridor: Corridor) -> None:
    only = "demand.returns.routes={over: 100 %, around: null}"
    result = corridor("preview", "small.yaml", "--set", only, "--flow", "returns", "--route", "around")
    assert result.exit_code == 2
    assert "returns does not take the route around, but: over" in result.stderr


@pytest.mark.parametrize("width", [80, 100])
def test_chains_of_the_baseline_are_whole_at_any_width(shell: Any, width: int) -> None:
    shown = shell(f"COLUMNS={width} corridor preview baseline-2024").stdout.partition("Chain of services")[2]
    legs = shell(f"COLUMNS={width} corridor preview baseline-2024 --route turkmen-btk").stdout
    assert "tashkent-istanbul-turkmen" in shown
    for text in (shown, legs):
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= width
