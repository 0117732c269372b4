"""Writes the generated parts of docs/data.md: the values with their sources, the assumptions, and the source records.

They come from the three scenarios of the library, through the same loader as a run. Each part stands between a pair of
comments, `<!-- used -->` and `<!-- /used -->`; what stands outside of them is written by hand and stays. Run by
`make docs`; a test says when the page is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from sim.scenario.load import Scenario, load_all
from sim.scenario.sources import NOT_STATED, Sourced, distinct, shares, sources
from sim.scenario.sources import grades as grades_of

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
    "Run": ("run",),
}

Cells = Callable[[Sourced, Scenario], list[str]]


def written(page: str, scenarios: list[Scenario]) -> str:
    """The page with its generated parts as the scenarios have them: the first one whole, of the others the changes."""
    for part, text in {
        "grades": grades(scenarios[0]),
        "used": tables(scenarios, ["Record", "Year", "Grade", "Note"], sourced, assumptions=False),
        "assumptions": tables(scenarios, ["Reason"], reason, assumptions=True),
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
