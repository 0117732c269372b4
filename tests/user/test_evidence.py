"""`corridor evidence`: the model beside what was observed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result as Done

import sim
from sim.network import Network, build
from sim.show.evidence import evidence_page, plot_evidence, span
from sim.study.evidence import KINDS, Compared, Evidence, Observed, Section, judge, measured, observed
from sim.study.statistics import estimate

Corridor = Callable[..., Done]

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("-n", 1, "--set", "run.warm_up=40 d", "--set", "run.length=60 d", "--set", "run.run_out=70 d")


@pytest.fixture(scope="module")
def file() -> Observed:
    return observed()


def test_all_cases_run_and_every_figure_is_known(
    corridor: Corridor, folder: Path, file: Observed, documented: Callable[[str, Any], None]
) -> None:
    done = corridor("evidence", *SHORT, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    documented("evidence", told)
    assert [one["id"] for one in told["figures"]] == list(file.figures)
    assert [one["id"] for one in told["figures"] if one["verdict"] == "unknown"] == []
    by_kind = {kind: [one for one in told["figures"] if one["kind"] == kind] for kind in KINDS}
    for kind, mine in by_kind.items():
        assert told["inside"][kind] == {"inside": sum(one["verdict"] == "inside" for one in mine), "of": len(mine)}
        assert len(mine) > 5
    page = (folder / "results" / "evidence.md").read_text(encoding="utf-8")
    assert all(one["title"] in page for one in told["figures"])  # what is missed stays
    assert {file.suffix for file in (folder / "results").iterdir()} == {".md", ".png", ".svg"}


def test_python_gives_the_same(file: Observed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.study.evidence.observed", lambda: one_case(file, "schedule-xian-poti"))
    changes = [word for word in SHORT[2:] if word != "--set"]
    (one,) = sim.evidence(1, changes=[str(change) for change in changes]).compared
    scenario = sim.load(ROOT / "scenarios" / "promised-schedule.yaml", set=[str(change) for change in changes])
    routes = sim.simulate(scenario, replications=1, workers=1).summary()
    assert one.simulated.value == routes.loc[routes["flow"] == "xian-poti", "mean"].item()


def fails_once(network: Network, replication: int) -> Any:
    if replication == 1:
        raise ArithmeticError("no ship can be divided by 0")
    return measured(network, replication)


def test_a_replication_that_fails_is_told(
    corridor: Corridor, folder: Path, file: Observed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.study.evidence.observed", lambda: one_case(file, "schedule-xian-poti"))
    monkeypatch.setattr("sim.study.evidence.measured", fails_once)
    done = corridor("evidence", "-n", 3, *SHORT[2:], "--workers", 1)
    assert done.exit_code == 3
    assert "one replication failed and had to be left out; the first: ArithmeticError" in done.stderr


def one_case(file: Observed, key: str) -> Observed:
    figure = file.figures[key]
    return file.model_copy(update={"figures": {key: figure}, "cases": {figure.case: file.cases[figure.case]}})


def test_every_figure_has_a_case_and_a_source_and_no_record_is_idle(file: Observed) -> None:
    assert {one.case for one in file.figures.values()} == set(file.cases)
    assert {one.source for one in file.figures.values()} == set(file.sources)
    for case in file.cases.values():
        assert (ROOT / "scenarios" / f"{case.scenario}.yaml").is_file()


def test_the_published_page_and_picture_are_of_these_figures(file: Observed) -> None:
    page = (ROOT / "results" / "evidence.md").read_text(encoding="utf-8")
    rows = [
        row.split(" | ") for row in page.splitlines() if (row.startswith("| ") and "](http" in row) or "promised" in row
    ]
    assert {row[0].removeprefix("| ") for row in rows} >= {one.title for one in file.figures.values()}, "make evidence"
    assert all(f"{span(one)} {one.unit}" in page for one in file.figures.values()), "run `make evidence`"
    assert (ROOT / "docs" / "img" / "evidence.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("low", "high", "value", "verdict"),
    [
        (8, 12, 8, "inside"),
        (8, 12, 12.01, "above"),
        (8, 12, 7.99, "below"),
        (20, 20, 20.9, "inside"),  # a single figure: within 5 %
        (20, 20, 21.1, "above"),
        (20, None, 90, "inside"),  # more than
        (20, None, 19.9, "below"),
    ],
)
def test_verdicts(low: float, high: float | None, value: float, verdict: str) -> None:
    assert judge(value, low, high) == verdict


def test_a_miss_stays_and_is_told_as_one(file: Observed) -> None:
    one = file.figures["xian-baku"].model_copy(update={"observed": (8, 12)})
    missed = Compared("xian-baku", one, file.sources[one.source], estimate([15.0, 17.0]))
    found = Evidence(
        (missed,), {one.case: file.cases[one.case]}, 2, (1,), "0", {"baseline-2024": {"high": 1, "assumption": 3}}
    )
    assert "| 8–12 days | 16.0 |" in evidence_page(found)
    assert "**outside, above**" in evidence_page(found)
    assert "75 % assumption" in evidence_page(found)
    assert found.inside("validation") == (0, 1)
    drawn = [line.get_xdata() for line in plot_evidence(found).axes[0].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(np.ravel(np.array(drawn)), [16 / 10])  # over the middle of 8 and 12


def test_a_section_is_the_sum_of_its_stages() -> None:
    stages = pd.DataFrame(
        [(n, "f", "r", stage, days * n) for n in (1, 2) for stage, days in (("rail A–B", 1.0), ("B", 2.0), ("C", 4.0))],
        columns=["replication", "flow", "route", "stage", "days"],
    )
    causes = pd.DataFrame(
        {"replication": [1, 2], "flow": "f", "route": "r", "cause": "moving", "place": "c-d", "days": [8.0, 16.0]}
    )

    class Frames:
        frames = {"stages": stages, "causes": causes}  # noqa: RUF012
        replications: tuple[int, ...] = (1, 2)

    section = Section(what="section", flow="f", route="r", first="B", last="C")
    np.testing.assert_array_equal(section.values(Frames()), [6, 12])  # type: ignore[arg-type]
    longer = Section(what="section", flow="f", route="r", last="B", links=["c-d"])
    np.testing.assert_array_equal(longer.values(Frames()), [11, 22])  # type: ignore[arg-type]
    Frames.replications = (1, 2, 3)  # in the third there was no such consignment: unknown, not left out
    np.testing.assert_array_equal(section.values(Frames()), [6, 12, np.nan])  # type: ignore[arg-type]


@pytest.mark.parametrize("reached", [["rail A–B"], ["rail A–B", "B"], ["B", "C"], []])
def test_a_section_whose_end_or_begin_nothing_came_to_is_unknown(reached: list[str]) -> None:
    rows = [(2, "f", "r", stage, 1.0) for stage in reached] + [(1, "f", "r", s, 2.0) for s in ("rail A–B", "B", "C")]

    class Frames:
        frames = {  # noqa: RUF012
            "stages": pd.DataFrame(rows, columns=["replication", "flow", "route", "stage", "days"]),
            "causes": pd.DataFrame({"flow": [], "route": [], "place": []}),
        }
        replications = (1, 2)

    section = Section(what="section", flow="f", route="r", first="rail A–B", last="C")
    np.testing.assert_array_equal(section.values(Frames()), [6, np.nan])  # type: ignore[arg-type]


def test_work_at_a_berth_is_told_without_the_hours_in_which_storms_suspend_it() -> None:
    changes = [str(word) for word in SHORT[2:] if word != "--set"]

    def ships(*more: str) -> pd.DataFrame:
        network = build(sim.load(ROOT / "scenarios" / "baseline-2024.yaml", set=[*changes, *more]))
        frame = measured(network, 0).ships
        return frame[(frame["place"] == "kuryk") & (frame["service"] == "kuryk-alat-rail-ferry")]

    stormy, calm = ships(), ships("ports.kuryk.calendar=null")
    assert (stormy["work"] < stormy["berth"] - 0.5).all()
    assert (calm["work"] == calm["berth"]).all()
    assert stormy["work"].to_numpy() == pytest.approx(calm["work"].to_numpy(), rel=0.1)  # not the same loads
