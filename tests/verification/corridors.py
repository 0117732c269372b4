"""Random corridors: valid scenarios, as the mappings that a planner would write, drawn by hypothesis."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

Tree = dict[str, Any]
Draw = Any  # of a composite strategy

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MINUTES = {"min": 1, "h": 60, "d": 1440}
CARGO = {  # kinds with their space, in the unit of the vehicles that take them
    "box": {"title": "40-foot box", "space": "2 TEU", "teu": 2},
    "small-box": {"title": "20-foot box", "space": "1 TEU", "teu": 1},
    "tank": {"title": "Tank container", "space": "1.25 TEU", "teu": 1},
}
SPACE = {name: float(kind["space"].split()[0]) for name, kind in CARGO.items()}


def sometimes(draw: Draw, often: int = 3) -> bool:
    """True one time in `often`, and seldom in the smallest example."""
    return bool(draw(st.integers(1, often)) == often)


@st.composite
def hours(draw: Draw, least: int, most: int) -> str:
    """A duration from `least` to `most` minutes, in one of its units."""
    minutes = draw(st.integers(least, most))
    unit = draw(st.sampled_from([name for name, size in MINUTES.items() if minutes % size == 0]))
    return f"{minutes // MINUTES[unit]} {unit}"


@st.composite
def variates(draw: Draw, mean: int, unit: str = "min") -> str | Tree:
    """A time, or a share, around `mean`."""
    around = st.integers(max(mean // 2, 1), mean * 2).map(lambda n: f"{n} {unit}")
    cv = st.sampled_from([0.2, 0.5, 1.1])
    least, most = f"{mean // 4} {unit}", f"{6 * mean} {unit}"
    law = st.one_of(
        st.fixed_dictionaries(
            {"dist": st.just("lognormal"), "mean": around, "cv": cv}, optional={"max": st.just(most)}
        ),
        st.fixed_dictionaries({"dist": st.just("gamma"), "mean": around, "cv": cv}, optional={"shift": st.just(least)}),
        st.fixed_dictionaries({"dist": st.just("exponential"), "mean": around}),
        st.fixed_dictionaries({"dist": st.just("erlang"), "mean": around, "stages": st.integers(1, 3)}),
        st.fixed_dictionaries({"dist": st.just("weibull"), "mean": around, "cv": cv}),
        st.just({"dist": "uniform", "low": least, "high": f"{2 * mean} {unit}"}),
        st.just({"dist": "triangular", "low": least, "mode": f"{mean} {unit}", "high": f"{3 * mean} {unit}"}),
        st.just({"dist": "empirical", "quantiles": {"p0": least, "p50": f"{mean} {unit}", "p100": most}}),
    )
    value: str | Tree = draw(st.one_of(around, law))
    return value


@st.composite
def papers(draw: Draw) -> Tree:
    """Documents of a terminal or a border, with and without a queue."""
    rule: Tree = {"time": draw(variates(300))}
    if sometimes(draw):
        rule["servers"] = draw(st.integers(1, 2))
    if sometimes(draw):
        rule["hours"] = draw(st.sampled_from(["08:00-20:00", "20:00-04:00"]))
    if sometimes(draw):
        rule |= {"faulty": "20 %", "faulty_time": draw(variates(900))}
    if sometimes(draw):
        rule |= {"advance": "50 %", "advance_factor": "40 %"}
    if sometimes(draw):
        rule |= {"priority_time": "30 min", "eastbound_time": "2 h"}
    return rule


@st.composite
def berths(draw: Draw) -> Tree:
    """Berths or tracks of one kind."""
    kind: Tree = {"count": draw(st.integers(1, 3)), "cranes": draw(st.integers(1, 3))}
    if sometimes(draw):
        kind |= {"per": "vehicle", "discharge": draw(variates(180)), "load": draw(variates(180))}
    else:
        kind |= {"discharge": draw(variates(6)), "load": draw(variates(6))}
    if sometimes(draw):
        kind["shared"] = True
    if sometimes(draw, 2):
        kind["fixed"] = draw(hours(0, 240))
    if sometimes(draw):
        kind["weather"] = draw(weather())
    return kind


@st.composite
def weather(draw: Draw) -> Tree:
    """What closures do to the phases of a call."""
    start = st.sampled_from(["finish", "do-not-start"])
    work = st.sampled_from(["finish", "suspend", "do-not-start"])
    return {"enter": draw(start), "discharge": draw(work), "load": draw(work), "leave": draw(start)}


@st.composite
def stops(draw: Draw, berth: str, kind: Tree) -> Tree:
    """How a vehicle behaves at one stop with these berths."""
    stop: Tree = {"berth": berth, "wait": draw(hours(0, 2880))}
    stop["count_from"] = draw(st.sampled_from(["first-unit", "opening"]))
    if sometimes(draw, 2):
        stop["empty_after"] = draw(hours(0, 1440))
    if sometimes(draw):
        stop["min_load"] = draw(st.sampled_from(["25 %", "50 %", "100 %"]))
    if sometimes(draw) and not (kind.get("shared") and kind.get("per") != "vehicle"):
        stop["waits_at"] = "berth"
        stop["count_from"] = draw(st.sampled_from(["first-unit", "opening", "berthing"]))
    return stop


@st.composite
def calendars(draw: Draw) -> Tree:
    """Storms, the same storms elsewhere, and a closure by date."""
    share = draw(st.sampled_from(["5 %", "20 %", "60 %"]))
    found: Tree = {"storms": {"closed_share": dict.fromkeys(MONTHS, share), "block": draw(variates(1200))}}
    if sometimes(draw):
        found["lee"] = {"storms": "storms", "part": "50 %"}
    if sometimes(draw):
        found["strike"] = {"closures": {"first": {"start": "2024-01-03", "end": "2024-01-04 18:00"}}}
    return found


@st.composite
def corridors(draw: Draw) -> Tree:
    """A chain of two to four places with a service between each two of them, perhaps a second way, and demand."""
    names = [f"p{n}" for n in range(draw(st.integers(2, 4)))]
    tree: Tree = {
        "title": draw(st.sampled_from(["A random corridor", "Über Land & Meer: 2", "yes", "'quoted' # no comment"])),
        "run": {"warm_up": draw(hours(0, 4320)), "length": "12 d", "run_out": draw(hours(0, 14400))},
        "places": {n: {"name": n.title(), "country": "KZ", "lat": 43, "lon": 50 - i} for i, n in enumerate(names)},
        "links": {},
        "calendars": draw(calendars()),
        "cargo": {name: dict(kind) for name, kind in CARGO.items()},
        "terminals": {},
        "services": {},
        "routes": {"through": {"title": "Through", "via": list(names)}},
    }
    tree["run"] |= {"seed": draw(st.integers(0, 99)), "replications": 2}
    for number, ends in enumerate(pairwise(names)):
        _service(draw, tree, f"s{number}", ends)
    if second := sometimes(draw, 2):
        tree["services"]["around"] = _by_itself(draw, (names[0], names[-1])) | {"time": draw(variates(4000))}
        tree["routes"]["through"]["avoid"] = ["around"]
        tree["routes"]["around"] = {"title": "Around", "avoid": [f"s{n}" for n in range(len(names) - 1)]}
    tree["demand"] = {f"flow-{n}": _flow(draw, tree, names, second) for n in range(draw(st.integers(1, 3)))}
    return tree


def _service(draw: Draw, tree: Tree, name: str, ends: tuple[str, str]) -> None:
    """A service between two places, with its links, berths and fleets."""
    kind = draw(st.sampled_from(["trains", "ships", "trains", "ships", "timetable", "individual"]))
    tree["links"] |= _links(draw, tree, name, ends, "sea" if kind == "ships" else "rail")
    if kind in ("timetable", "individual"):
        tree["services"][name] = _by_timetable(draw, ends) if kind == "timetable" else _by_itself(draw, ends)
        return
    service: Tree = {"kind": kind, "title": f"Service {name}", "stops": {}}
    for place in ends:
        terminal = _terminal(draw, tree, place, at_sea=kind == "ships")
        berth = f"{kind}-{name}" if sometimes(draw, 2) else "common"
        if berth not in terminal["berths"]:
            terminal["berths"][berth] = draw(berths())
        service["stops"][place] = draw(stops(berth, terminal["berths"][berth]))
    tree["services"][name] = service
    fleets = tree.setdefault("fleets", {})
    for number in range(2 if sometimes(draw) else 1):
        accepts = list(CARGO) if number == 0 else draw(st.lists(st.sampled_from(list(CARGO)), min_size=1, unique=True))
        fleet: Tree = {
            "service": name,
            "title": "A fleet",
            "capacity": f"{draw(st.integers(30, 90))} TEU",
            "accepts": accepts,
        }
        if kind == "ships":
            fleet |= {"vessels": draw(st.integers(1, 3)), "speed": draw(st.sampled_from(["11 kn", "25 km/h"]))}
            if sometimes(draw):
                fleet["draught"] = {"full": "5 m", "empty": "300 cm"}
        else:
            fleet["train_sets"] = "unlimited" if sometimes(draw, 4) else draw(st.integers(1, 4))
        fleets[f"{name}-{number}"] = fleet


def _terminal(draw: Draw, tree: Tree, place: str, *, at_sea: bool) -> Tree:
    """The terminal or port of a place; one on the water becomes a port."""
    terminals, ports = tree["terminals"], tree.setdefault("ports", {})
    terminal: Tree = ports.get(place) or terminals.get(place) or {"berths": {}}
    if not terminal["berths"]:
        terminals[place] = terminal
        if sometimes(draw, 2):
            terminal["yards"] = {"stack": {"limit": f"{draw(st.integers(90, 200))} TEU"}}
            if sometimes(draw):
                terminal["yards"]["stack"]["direction"] = "west"
        if sometimes(draw, 2):
            terminal["documents"] = draw(papers())
        if sometimes(draw, 2):
            terminal |= {"calendar": draw(st.sampled_from(sorted(tree["calendars"]))), "weather": draw(weather())}
    if at_sea and place not in ports:
        ports[place] = terminals.pop(place) | {"sea": "water"}
        tree["seas"] = {"water": {"level": "-20 cm"}}
        if sometimes(draw):
            ports[place]["depth"] = "4.7 m"
        return ports[place]
    return terminal


def _links(draw: Draw, tree: Tree, name: str, ends: tuple[str, str], mode: str) -> Tree:
    """One link, or two that meet at a place between, where there may be a border."""
    points = list(ends)
    if mode == "rail" and sometimes(draw, 2):
        between = f"between-{name}"
        points.insert(1, between)
        tree["places"][between] = {"name": between, "country": "KZ", "lat": 42.5, "lon": 49}
        if sometimes(draw, 2):
            border = draw(papers())
            if sometimes(draw):
                border["calendar"] = draw(st.sampled_from(sorted(tree["calendars"])))
            tree.setdefault("borders", {})[between] = border
    links: Tree = {}
    for number, between in enumerate(pairwise(points)):
        link: Tree = {"between": list(between), "mode": mode, "distance": f"{draw(st.integers(20, 400))} km"}
        if mode == "rail":
            link |= {"gauge": 1520, "speed": f"{draw(st.integers(15, 60))} km/h"}
            if sometimes(draw):
                link |= {
                    "paths": f"{draw(st.integers(1, 12))} /d",
                    "track": draw(st.sampled_from(["single", "double"])),
                }
            if sometimes(draw):
                link["hours"] = "06:00-22:00"
        if sometimes(draw, 2):
            link["delay"] = draw(variates(20, "%"))
        if sometimes(draw, 4):
            link["calendar"] = draw(st.sampled_from(sorted(tree["calendars"])))
        links[f"link-{name}-{number}"] = link
    return links


def _by_itself(draw: Draw, ends: tuple[str, str]) -> Tree:
    service = {"kind": "individual", "title": "Single wagons", "stops": {p: {} for p in ends}, "accepts": list(CARGO)}
    return service | ({"time": draw(variates(900))} if sometimes(draw) else {})


def _by_timetable(draw: Draw, ends: tuple[str, str]) -> Tree:
    service: Tree = {"kind": "timetable", "title": "A liner", "stops": {p: {} for p in ends}, "accepts": list(CARGO)}
    service["every"] = draw(hours(240, 7200))
    if sometimes(draw, 2):
        service["stops"][ends[0]] = {"cutoff": draw(hours(0, 600)), "release": draw(variates(300))}
    if sometimes(draw, 2):
        service["time"] = draw(variates(1500))
    if sometimes(draw, 2):
        service |= {"on_time": "70 %", "late": draw(variates(600))}
    return service


def _flow(draw: Draw, tree: Tree, names: list[str], second: bool) -> Tree:
    """Demand of one kind from end to end, or over a part of the chain."""
    first, last = sorted(draw(st.lists(st.sampled_from(range(len(names))), min_size=2, max_size=2, unique=True)))
    direction = draw(st.sampled_from(["west", "east"]))
    ends = (names[first], names[last]) if direction == "west" else (names[last], names[first])
    cargo = draw(st.sampled_from(list(CARGO)))
    flow: Tree = {"title": "A flow", "origin": ends[0], "destination": ends[1], "direction": direction, "cargo": cargo}
    flow["volume"] = draw(st.integers(200, 12000).map(lambda n: f"{n} TEU/a")) if sometimes(draw, 2) else "2000 units/a"
    flow["block"] = draw(st.integers(1, int(30 / SPACE[cargo])))
    flow["routes"] = {"through": "100 %"}
    if second and last - first == len(names) - 1 and sometimes(draw, 2):
        flow["routes"] = {"through": "60 %", "around": "40 %"}
    flow |= {"arrivals": draw(st.sampled_from(["poisson", "regular"])), "compare": draw(st.booleans())}
    if sometimes(draw):
        flow["priority"] = "priority"
    if sometimes(draw):
        flow["seasons"] = dict.fromkeys(MONTHS, 1) | {"jan": draw(st.sampled_from([0.5, 2]))}
    return flow
