"""Writes the tables of docs/model.md: from the code, and from the resolved baseline scenario.

Each table stands between a pair of comments; the words around them are written by hand, and hold no number. Run by
`make docs`; a test says when the page is out of date.
"""

from __future__ import annotations

import inspect
import re
import tomllib
from collections import Counter
from collections.abc import Iterator

from data_tables import ROOT, SCENARIOS, lines, replaced

from sim._version import __version__
from sim.measure import Measures
from sim.model import journal
from sim.model.grid import GRID
from sim.network import Network, build, load
from sim.scenario import schema
from sim.scenario.schema import Documents, Model
from sim.scenario.sources import grades, numbers_of, shares
from sim.scenario.variates import Variate
from sim.study import sequential, statistics, warmup
from sim.study.evidence import KINDS, observed

PAGE = ROOT / "docs" / "model.md"
BLOCKS = {
    "places": schema.Place,
    "links": schema.Link,
    "calendars": schema.Calendar,
    "cargo": schema.Cargo,
    "terminals": schema.Terminal,
    "ports": schema.Port,
    "borders": schema.Border,
    "fleets": schema.Fleet,
    "routes": schema.Route,
    "demand": schema.Flow,
}


def written(page: str, network: Network) -> str:
    """The page with its tables as the code and the baseline have them."""
    for part, text in {
        "blocks": blocks(network.model),
        "journal": sentences(journal.__doc__ or "", "- "),
        "measures": sentences(Measures.__doc__ or ""),
        "laws": laws(network.model),
        "fleets": fleets(network.model),
        "berths": berths(network.model),
        "papers": papers(network.model),
        "demand": demand(network.model),
        "grades": f"{shares(grades(network.model))}.",
        "evidence": evidence(),
        "experiment": experiment(network.model),
        "code": code(),
    }.items():
        page = replaced(page, part, text)
    return page


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    return lines([head, ["---"] * len(head), *rows])


def blocks(model: Model) -> str:
    """What the model is made of, and how many of each the baseline has; in the words of the schema."""
    rows = []
    for name, block in BLOCKS.items():
        rows.append([f"`{name}`", str(len(getattr(model, name))), meaning(block)])
    for kind in (schema.FleetService, schema.TimetableService, schema.IndividualService):
        count = sum(isinstance(service, kind) for service in model.services.values())
        rows.append(["`services`", str(count), meaning(kind)])
    return table(["Block", "In the baseline", "What it is"], rows)


def meaning(block: type) -> str:
    """The first sentences of a block's docstring."""
    return (inspect.getdoc(block) or "").split("\n\n")[0].replace("\n", " ")


def sentences(doc: str, bullet: str = "") -> str:
    """The entries "name: what it holds" of a docstring as a table."""
    found = re.findall(
        rf"^ *{re.escape(bullet)}(\w+): (.+(?:\n +(?!\w+: |- ).+)*)", inspect.cleandoc(doc), re.MULTILINE
    )
    return table(["Table", "What it holds"], [[f"`{name}`", " ".join(what.split())] for name, what in found])


def laws(model: Model) -> str:
    """How many of the variates of the baseline follow which law."""
    count = Counter(value.dist for _, value in numbers_of(model) if isinstance(value, Variate))
    return table(["Distribution", "Values"], [[name, str(number)] for name, number in sorted(count.items())])


def fleets(model: Model) -> str:
    """The fleets, with their service and size."""
    rows = []
    for fleet in model.fleets.values():
        service = model.services[fleet.service]
        stops = "–".join(model.places[stop].name for stop in service.stops)
        speed = fleet.speed.text if fleet.speed else "of the line"
        rows.append([fleet.title, stops, str(fleet.vessels or fleet.train_sets), fleet.capacity.text, speed])
    return table(["Fleet", "Between", "Vehicles", "Capacity", "Speed"], rows)


def berths(model: Model) -> str:
    """The berths and tracks of all terminals and ports."""
    rows = []
    for place, terminal in {**model.terminals, **model.ports}.items():
        for kind, berth in terminal.berths.items():
            cranes = f"{berth.cranes}{' shared' if berth.shared else ' each'}" if berth.per == "unit" else "–"
            times = [of_variate(berth.discharge), of_variate(berth.load)]
            work = f"{' / '.join(dict.fromkeys(times))} a {berth.per}"
            rows.append([model.places[place].name, kind, str(berth.count), cranes, work, berth.fixed.text])
    return table(["Place", "Kind", "Berths", "Cranes", "Discharge / load", "Fixed"], rows)


def papers(model: Model) -> str:
    """Customs and papers at terminals, ports and borders."""
    rows = [
        [model.places[place].name, where, of_variate(found.time), found.faulty.text if found.faulty else "–"]
        for place, where, found in desks(model)
    ]
    return table(["Place", "Where", "Time", "Faulty"], rows)


def desks(model: Model) -> Iterator[tuple[str, str, Documents]]:
    """Place, kind of place and documents of all that have some."""
    for place, terminal in {**model.terminals, **model.ports}.items():
        if terminal.documents:
            yield place, "port" if place in model.ports else "terminal", terminal.documents
    for place, border in model.borders.items():
        yield place, "border, en route", border


def demand(model: Model) -> str:
    """The flows: volume, unit of cargo, size of a block, whether it has seasons, and its routes."""
    rows = []
    for flow in model.demand.values():
        routes = ", ".join(f"{name} {share.text}" if share < 1 else name for name, share in flow.routes.items())
        seasons = "by month" if flow.seasons else "even"
        rows.append([flow.title, flow.volume.text, flow.cargo, str(flow.block), flow.arrivals, seasons, routes])
    return table(["Flow", "Volume", "Cargo", "Block", "Arrivals", "Seasons", "Routes"], rows)


def evidence() -> str:
    """How many observed figures there are, by what they are used for."""
    count = Counter(figure.kind for figure in observed().figures.values())
    return table(["Figures", "Number"], [[title, str(count[kind])] for kind, title in KINDS.items()])


def experiment(model: Model) -> str:
    """How the model is run, and by which rules results are made."""
    run = model.run
    tried = ", ".join(f"{days:g}" for days in warmup.TRIED)
    rows = [
        ["First measured hour", run.start],
        ["Warm-up before it", run.warm_up.text],
        ["Measured period", run.length.text],
        ["Run-out after it, in which demand goes on", run.run_out.text],
        ["Replications, unless asked otherwise", str(run.replications)],
        ["Seed", str(run.seed)],
        ["Confidence of intervals", f"{100 * statistics.CONFIDENCE:g} %, Student t over replications"],
        ["Warm-up found by the program", f"MSER-{statistics.BATCH}; tries {tried} days in {len(warmup.PILOTS)} pilots"],
        ["Sequential stopping", f"at least {sequential.BATCH} replications more each time, {sequential.MOST} at most"],
        ["Steps of the clock", f"{GRID:,.0f} an hour"],
    ]
    return table(["What", "Value"], rows)


def code() -> str:
    """Version, language and libraries."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    libraries = ", ".join(re.split(r"[><=; ]", name)[0] for name in project["dependencies"])
    rows = [
        ["Model version", __version__],
        ["Language", f"Python {project['requires-python']}"],
        ["Libraries", libraries],
        ["Licence", project["license"]],
    ]
    return table(["What", "Value"], rows)


def of_variate(value: Variate) -> str:
    """The mean of a time and the law it follows."""
    hours = value.mean
    told = f"{60 * hours:.1f} min" if hours < 1 else f"{hours:.1f} h"
    return told if value.constant else f"{told} ({value.dist})"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), build(load(SCENARIOS[0]))), encoding="utf-8")
