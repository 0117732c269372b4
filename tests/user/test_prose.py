"""The numbers in what is written by hand are those of the program and of the scenarios."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import sim
from sim.measure import AROUND_P90
from sim.model import simulate
from sim.model.check import CENSUS
from sim.model.grid import GRID
from sim.network import build
from sim.network.preview import preview
from sim.scenario.check import MAX_SHARE
from sim.scenario.explain import explain
from sim.study.binding import DEEPER_M, FASTER, ROOMIER
from sim.study.evidence import TOLERANCE
from sim.study.sequential import BATCH
from sim.study.warmup import PILOTS, TRIED

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE, HOW_TO, DATA = (f"docs/{name}.md" for name in ("architecture", "how-to-write-a-scenario", "data"))
WORDS = {1: "one", 8: "eight", 10: "ten"}
FIRST, LAST = (round(100 * part) for part in AROUND_P90)
SHORT, MIDDLE, LONG = (round(days) for days in TRIED)


def said(page: str, words: str) -> bool:
    """Whether these words stand on a page, wherever its lines break."""
    return words in " ".join((ROOT / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (ARCHITECTURE, f"of 2⁻{'²⁰' if GRID == 2**20 else '?'} h ({3.6e6 / GRID:.1f} ms)"),
        (ARCHITECTURE, f"at most {100 * MAX_SHARE:.0f} %"),
        (ARCHITECTURE, f"boxes of the ranks {FIRST} % to {LAST} %"),
        (ARCHITECTURE, f"`auto` tries {SHORT}, {MIDDLE} and {LONG} days"),
        (ARCHITECTURE, f"from {WORDS[BATCH]} to a doubling"),
        (ARCHITECTURE, f"a run of up to {CENSUS:,} boxes"),
        (HOW_TO, f"between the {FIRST}th and the {LAST}th percentile"),
        (
            HOW_TO,
            f"# {SHORT}, {MIDDLE} or {LONG} days, the first that covers",
        ),
        (HOW_TO, f"the loading-in phase in {WORDS[len(PILOTS)]} pilot replications"),
        (HOW_TO, f"documents {100 * (1 - FASTER):.0f} % faster, a {'tenth' if ROOMIER == 1.1 else '?'} more room"),
        (HOW_TO, f"{'half' if DEEPER_M == 0.5 else '?'} a metre more water"),
        (DATA, f"within {100 * TOLERANCE:.0f} % of a single figure"),
    ],
)
def test_numbers_of_the_program(page: str, words: str) -> None:
    assert said(page, words)


def test_numbers_of_the_baseline_as_a_whole(baseline: str) -> None:
    estimate = preview(build(sim.load(baseline))).estimate
    assert said(ARCHITECTURE, f"the stories of {round(estimate.trips, -4):,.0f} trips")
    assert said(ARCHITECTURE, f"that of the baseline after every {estimate.units // CENSUS:.0f}th event")
    journal = simulate(build(sim.load(baseline, set=["run.length=60 d"])), 0)
    told = (ROOT / ARCHITECTURE).read_text(encoding="utf-8").partition("makes about ")[2].split()[0]
    assert journal.events / journal.trips == pytest.approx(float(told), rel=0.1)


@pytest.fixture(scope="module")
def worlds() -> dict[str, Any]:
    names = ("baseline-2024", "promised-schedule", "congested-2022")
    return {name: sim.load(ROOT / "scenarios" / f"{name}.yaml") for name in names}


@pytest.mark.parametrize(
    ("world", "path", "value", "words"),
    [
        *(
            ("baseline-2024", f"{place}.documents.time", "mean 24 h", "Poti and Akhalkalaki (24 h each)")
            for place in ("ports.aktau", "ports.alat", "ports.poti", "terminals.akhalkalaki")
        ),
        ("baseline-2024", "terminals.altynkol.documents.time", "mean 31.9 h", "| 31.9 h (72.6 h) |"),
        ("baseline-2024", "links.altynkol-almaty.delay", "mean 25 %", "25 % delay on the northern line"),
        ("baseline-2024", "fleets.altynkol-aktau-sets.train_sets", "20", "train sets Altynkol–Aktau | 24 | 20 |"),
        ("baseline-2024", "terminals.malaszewicze.documents.time", "mean 48 h", "(eastbound 24 h) | 48 h |"),
        ("baseline-2024", "borders.brest.time", "mean 16 h", "| papers in Brest | 24 h | 16 h |"),
        ("baseline-2024", "links.malaszewicze-duisburg.speed", "20 km/h", "| 35 km/h, then 30 km/h | 20 km/h |"),
        ("baseline-2024", "run.warm_up", "60 d", "the warm-up (60 d, was 90 d)"),
        ("baseline-2024", "ports.aktau.berths.container.load", "9.2 min", "cranes of 6–7 lifts an hour"),
        ("promised-schedule", "links.xian-urumqi.speed", "1200 km/d", "Chinese trains 1,200 km a day"),
        ("promised-schedule", "links.kars-divrigi.paths", "1.3 /d", "1.3 paths a day on Divriği–Kars"),
        ("promised-schedule", "fleets.kmtf-large.vessels", "1", "six feeders"),
        ("promised-schedule", "fleets.kmtf-small.vessels", "3", "six feeders"),
        ("promised-schedule", "fleets.asco-feeders.vessels", "2", "six feeders"),
        ("congested-2022", "terminals.altynkol.documents.time", "mean 72.6 h", "| 31.9 h (72.6 h) |"),
    ],
)
def test_numbers_of_the_calibration(worlds: dict[str, Any], world: str, path: str, value: str, words: str) -> None:
    assert value in explain(worlds[world], path).text
    assert said(DATA, words)


MATTERS, OPTIMISE = (f"docs/how-to-{name}.md" for name in ("find-what-matters", "optimise"))
RESULTS = ROOT / "results"


def test_numbers_of_the_published_discovery() -> None:
    folder, outcome = RESULTS / "discovery-feeders-sea-level", "transit.p90[xian-poti/middle-poti]"
    sentence = re.search(r"^\*\*(.+)\*\*$", (folder / "discovery.md").read_text(encoding="utf-8"), re.M)
    assert sentence is not None
    assert said(MATTERS, sentence[1])
    points = pd.read_csv(folder / "runs.csv").groupby(["point", "feeders"])[outcome].mean().reset_index()
    several = points[points["feeders"] >= 3]
    assert said(MATTERS, f"at {WORDS[(several[outcome] > 30).sum()]} of {len(several)} points only")


def test_numbers_of_the_published_study() -> None:
    page = (RESULTS / "sensitivity-15-days" / "README.md").read_text(encoding="utf-8")
    count = re.search(r"(\d+) runs to screen (\d+) factors, (\d+) runs to weigh the (\d+)", page)
    assert count is not None
    weighed = f"the {WORDS[int(count[4])]} with most effect weighed in {count[3]} more"
    assert said(MATTERS, f"{count[2]} factors are screened in {count[1]} runs, and {weighed}")
    means = re.findall(r"^- \*\*mean transit time, .*$", page, re.M)
    largest = r"links\.(?:almaty-moyynty\.delay|altynkol-almaty\.speed) \([^)]*\) (\d+) %"
    shares = [int(share) for line in means for share in re.findall(largest, line)]
    assert len(shares) == 2 * len(means)
    assert all(share == pytest.approx(40, abs=6) for share in shares)  # "about two fifths"
    in_time = re.findall(r"^- \*\*boxes within [^:]*xian-(?:baku|poti) .*?moyynty\.delay \(%\) (\d+) %", page, re.M)
    assert len(in_time) == 2
    assert min(map(int, in_time)) > 50
    assert said(MATTERS, "and the same delay decides how many: it alone has more than half of the variance")


def test_numbers_of_the_published_optimisation() -> None:
    found = pd.read_csv(RESULTS / "optimise-fifteen-days" / "candidates.csv")
    best = found["transit.p90[xian-istanbul-btk/middle-btk]"].min()
    assert said(OPTIMISE, f"With all measures together the P90 is above {math.floor(best)} days")
    assert set(found["status"]) <= {"search", "misses", "unknown"}  # no set meets it


def test_what_is_said_of_misses_stands_in_the_evidence() -> None:
    page = (RESULTS / "evidence.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| Alat → (?:Poti|Kars)[^|]* \|[^|]*\| ([\d–]+) h \| ([\d.]+) \|", page, re.M)
    assert len(rows) == 2
    for observed, simulated in rows:
        ends = [float(end) for end in observed.split("–")]
        assert float(simulated) == pytest.approx(1.9 * sum(ends) / len(ends), rel=0.06)  # "nearly twice"
    assert said(DATA, "Alat–Poti and Alat–Kars take nearly twice the hours of the single trains on record")
    cargo = r"^\| Cargo (?:of the port of Kuryk|between Kazakh)[^|]* \|[^|]*\| ([\d.]+) Mt a year \| ([\d.]+) \|"
    rows = re.findall(cargo, page, re.M)
    assert len(rows) == 2
    for observed, simulated in rows:
        assert 1 - float(simulated) / float(observed) == pytest.approx(0.4, abs=0.05)
    assert said(DATA, "handle about 40 % fewer tonnes than on record")
