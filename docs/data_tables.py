"""Writes the generated parts of docs/data.md: the values with their sources, the assumptions, and the source records.

They come from the three scenarios of the library, through the same loader as a run. Each part stands between a pair of
comments, `<!-- used -->` and `<!-- /used -->`; what stands outside of them is written by hand and stays. Run by
`make docs`; a test says when the page is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.measure.cost import charged
from sim.measure.emissions import emission_frame
from sim.network import Itinerary, Network, build
from sim.scenario.load import Scenario, load_all
from sim.scenario.sources import NOT_STATED, Sourced, distinct, shares, sources
from sim.scenario.sources import grades as grades_of
from sim.show.evidence import marked
from sim.study.evidence import judge

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "data.md"
SCENARIOS = [ROOT / "scenarios" / f"{name}.yaml" for name in ("baseline-2024", "promised-schedule", "congested-2022")]

# The blocks whose values stand in one table.
HEADINGS = {
    "Railway, sea and waterway links": ("links",),
    "Weather and the sea": ("calendars", "seas"),
    "Ports": ("ports",),
    "Borders, gauge changes, terminals": ("borders", "terminals"),
    "Services": ("services",),
    "Fleets and cargo": ("fleets", "cargo"),
    "Promises of the routes": ("routes",),
    "Demand": ("demand",),
    "Emission factors": ("factors",),
    "Run": ("run",),
}


@dataclass(frozen=True)
class Published:
    """A published price or emission, and what of a route is to be compared with it."""

    what: str
    low: float
    high: float
    unit: str  # USD/FEU, g/(t km), or times (the price over that of another route)
    record: str
    url: str
    note: str
    flow: str
    route: str
    orders: tuple[int, int] = (0, 99)  # first and last stage that count, two a leg
    other: tuple[str, str] | None = None  # flow and route of the denominator


STU = "https://stusupplychain.com/rail-freight-from-china-to-europe.html"
GLEC = "https://scribd.com/document/740712234/2023-Glec-Framework-v3-0-September-1"
INTERRAIL = "https://www.interrail.ru/ru/News/TarifDetail?postId=442"
ARGUS = "https://report.az/ru/infrastruktura/stoimost-perevozok-po-tmtm-prodolzhaet-snizhatsya-tretij-mesyac-podryad"
ERAI = (
    "https://1520international.com/en/content/2025/sentyabr-2025/konteynernye-zheleznodorozhnye-perevozki-na-"
    "evraziyskom-prostranstve-v-pervom-polugodii-2025-goda"
)
EY = "https://ey.com/en_kz/strategy-transactions/trans-caspian-international-transport-route"
ASSTRA = "https://menafn.com/1107863382/Asstra-Details-Middle-Corridor-Transportation-Finer-Points-Exclusive"
PUBLISHED = (
    Published("China → Germany by the northern line, 2025", 5250, 7300, "USD/FEU", "N032", ERAI,
              "the rates a km were worked out from it", "xian-duisburg-north", "north"),
    Published("China → Europe by the northern line, 2023", 3121, 3121, "USD/FEU", "cost.wb.feu", EY,
              "westbound; perhaps of the corridor section only", "xian-duisburg-north", "north"),
    Published("China → Europe by the Middle Corridor, 2023", 2500, 3250, "USD/FEU", "cost.wb.feu", EY,
              "perhaps of the corridor section only", "xian-duisburg-poti", "middle-poti"),
    Published("Middle Corridor against the usual routes", 1.5, 1.5, "times", "cost.asstra", ASSTRA,
              "against the northern line", "xian-duisburg-poti", "middle-poti",
              other=("xian-duisburg-north", "north")),
    Published("China → Georgia through Azerbaijan, 2023", 3200, 5000, "USD/FEU", "cost.minister2023",
              "https://en.trend.az/business/transport/3723262.html",
              "5,000 before, 3,200 after the railways cut their tariffs; the size of the box is not told",
              "xian-poti", "middle-poti"),
    Published("China → Aktau, end of 2025", 5350, 5700, "USD/FEU", "T060", ARGUS,
              "the direction is not clear", "xian-poti", "middle-poti", orders=(0, 3)),
    Published("Tashkent → Istanbul by Aktau, 2020", 4284, 4284, "USD/FEU", "cost.uz.aktau", INTERRAIL,
              "through rate", "tashkent-istanbul-btk", "middle-btk"),
    Published("Tashkent → Istanbul by Turkmenbashi, 2020", 2972, 2972, "USD/FEU", "cost.uz.tkm", INTERRAIL,
              "through rate", "tashkent-istanbul-turkmen", "turkmen-btk"),
    Published("Altynkol → Aktau at the price of single loads, 2022", 5500, 5500, "USD/FEU", "bcp.kz.cpmm_cost",
              "https://cpmm.carecprogram.org/2022-report/kazakhstan", "of 20 t, scaled to 3,128 km",
              "xian-poti", "middle-poti", orders=(3, 3)),
    Published("Shanghai → Poti by sea, 2025", 2000, 2500, "USD/FEU", "T062", ARGUS,
              "the rates taken here are those of 2024", "xian-poti-suez", "sea-suez", orders=(2, 99)),
    Published("China → Germany by rail", 27, 30, "g/(t km)", "E006", STU, "a forwarder's",
              "xian-duisburg-north", "north"),
    Published("China → Germany by sea", 10.6, 10.6, "g/(t km)", "E006", STU, "a forwarder's, inland legs included",
              "xian-duisburg-suez", "sea-suez"),
    Published("Rail, mean of the GLEC framework", 17, 28, "g/(t km)", "E005", GLEC,
              "factors were taken from the same framework", "xian-duisburg-north", "north"),
)  # fmt: skip

Cells = Callable[[Sourced, Scenario], list[str]]


def written(page: str, scenarios: list[Scenario]) -> str:
    """The page with its generated parts as the scenarios have them: the first one whole, of the others the changes."""
    for part, text in {
        "grades": grades(scenarios[0]),
        "used": tables(scenarios, ["Record", "Year", "Grade", "Note"], sourced, assumptions=False),
        "assumptions": tables(scenarios, ["Reason"], reason, assumptions=True),
        "costs": published_costs(scenarios[0]),
        "sources": records(scenarios),
    }.items():
        page = replaced(page, part, text)
    return page


def replaced(page: str, part: str, text: str) -> str:
    """The page with `text` between the two comments of a part."""
    begin, end = f"<!-- {part} -->\n", f"<!-- /{part} -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"there is no part between {begin.strip()} and {end}")
    return f"{before}{begin}{text}\n{end}{after}"


def grades(scenario: Scenario) -> str:
    """How many of the values are of which grade, in a sentence."""
    return f"{scenario.name}: {shares(grades_of(scenario.model))}."


def tables(scenarios: list[Scenario], columns: list[str], cells: Cells, *, assumptions: bool) -> str:
    """A table for each group of blocks and for what each further scenario changes; empty ones are left out."""
    base, *others = scenarios
    groups = [(heading, base, list(graded(base, blocks))) for heading, blocks in HEADINGS.items()]
    known = {(part.path, part.alike) for _, _, values in groups for part in values}
    for other in others:
        every = [part for blocks in HEADINGS.values() for part in graded(other, blocks)]
        changed = [part for part in every if (part.path, part.alike) not in known]
        groups.append((f"Changed in {other.name}", other, changed))
    head = lines([["Value of", "Value (range)", *columns], ["---"] * (2 + len(columns))])
    found = []
    for heading, scenario, values in groups:
        rows = [
            [where(part, places), value(part), *cells(part, scenario)]
            for part, places in distinct(part for part in values if (part.grade == "assumption") == assumptions)
        ]
        if rows:
            found.append(f"### {heading}\n\n{head}\n{lines(rows)}")
    return "\n\n".join(found)


def sourced(part: Sourced, scenario: Scenario) -> list[str]:
    """Record, year, grade and note of a value with a source; raises ValueError where source or grade is missing."""
    if part.source is None or part.grade == NOT_STATED:
        raise ValueError(f"{part.path} of {scenario.name} needs a source and a grade, or `grade: assumption`")
    return [record(part.source, scenario), part.year or "", part.grade, part.note or ""]


def reason(part: Sourced, scenario: Scenario) -> list[str]:
    """The note of an assumption, with the record that leads to it in brackets."""
    return [(part.note or "") + (f" [{record(part.source, scenario)}]" if part.source else "")]


def published_costs(scenario: Scenario) -> str:
    """The table of published prices and emissions against those that the scenario's values add up to."""
    network = build(scenario)
    ways = {(way.flow, way.route): way for way in network.itineraries}
    rows = []
    for figure in PUBLISHED:
        found = _reckoned(network, figure, ways)
        verdict = marked(judge(found, figure.low, figure.high))
        ends = dict.fromkeys(f"{end:,.10g}" for end in (figure.low, figure.high))
        form = ",.0f" if figure.unit.startswith("USD") else ".1f" if figure.unit != "times" else ".2f"
        link = f"[{figure.record}]({figure.url})"
        told = f"{'–'.join(ends)} {figure.unit}"
        rows.append([figure.what, told, link, format(found, form), verdict, figure.note])
    head = ["Figure", "Published", "Record", "Reckoned", "Verdict", "Note"]
    return lines([head, ["---"] * len(head), *rows])


def _reckoned(network: Network, figure: Published, ways: dict[tuple[str, str], Itinerary]) -> float:
    way = ways[figure.flow, figure.route]
    if figure.unit == "g/(t km)":
        frame = emission_frame(network)
        own = frame[(frame["flow"] == figure.flow) & (frame["route"] == figure.route)]
        return float(1000 * own["wtw"].sum() / own["tkm"].sum())
    first, last = figure.orders
    usd = sum(usd for order, usd in charged(network, way) if first <= order <= last)
    return usd / sum(usd for _, usd in charged(network, ways[figure.other])) if figure.other else usd


def records(scenarios: list[Scenario]) -> str:
    """The table of all source records."""
    sources = {name: source for scenario in scenarios for name, source in scenario.model.sources.items()}
    rows = [
        [
            source.fact or name,
            f"[{source.title}]({source.url})" if source.url else source.title,
            source.publisher or "",
            str(source.year or ""),
        ]
        for name, source in sources.items()
    ]
    head = [["Record", "What", "Publisher", "Year"], ["---"] * 4]
    return lines([*head, *sorted(rows, key=lambda row: row[0].lower())])


def record(source: str, scenario: Scenario) -> str:
    """The id of a source's record, as it is listed on the page."""
    return scenario.model.sources[source].fact or source


def graded(scenario: Scenario, blocks: Iterable[str]) -> Iterator[Sourced]:
    """The values of some blocks that have a grade or a source."""
    for part in sources(scenario):
        if part.path.partition(".")[0] in blocks and (part.grade != NOT_STATED or part.source):
            yield part


def where(part: Sourced, places: int) -> str:
    """The path of a value, without its block, and in how many more places it stands."""
    path = part.path.partition(".")[2]
    return f"`{path}`" if places == 1 else f"`{path}` and {places - 1} more"


def value(part: Sourced) -> str:
    """A value and its range; the twelve months as a row of numbers with the unit at the end."""
    text = part.text
    if text.startswith("jan "):
        months = re.sub(r"\b[a-z]{3} ", "", text)
        text = "Jan–Dec " + (months.replace(" %", "") + " %" if "%" in months else months)
    return f"{text} ({part.range})" if part.range else text


def lines(rows: Iterable[list[str]]) -> str:
    """Rows of a Markdown table."""
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)


if __name__ == "__main__":
    library = load_all(SCENARIOS)
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), library), encoding="utf-8")
    print(grades(library[0]))
