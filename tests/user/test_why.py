"""why, promise and binding: what they say, what they save, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

import sim
from sim.study import StudyError
from sim.study.binding import find_binding
from sim.study.promise import kept_by, promises

Corridor = Callable[..., Result]
SMALL = Path(__file__).with_name("small.yaml")
ONE = ("--workers", 1)


@pytest.fixture(scope="module")
def result() -> Any:
    return sim.why(SMALL, replications=3, workers=1)


@pytest.mark.parametrize("named", [None, 3])
def test_the_steps_of_the_waterfall_lead_to_the_mean_and_the_p90(result: Any, named: int | None) -> None:
    steps = result.waterfall(named=named)
    summary = result.summary().set_index(["flow", "route"])
    for way, own in steps.groupby(["flow", "route"]):
        days = own.set_index("step")["days"]
        assert days["mean"] == pytest.approx(summary.loc[way, "mean"], rel=1e-12)
        assert days["P90"] == pytest.approx(summary.loc[way, "p90"], rel=1e-12)
        assert days["free flow"] + days["to the mean"].sum() == pytest.approx(days["mean"], rel=1e-9)
        assert days["mean"] + days["to the P90"].sum() == pytest.approx(days["P90"], rel=1e-9)
        causes = set(own.loc[own["step"] == "to the mean", "cause"])
        assert not causes & {"moving", "handling"}
        assert ("all others" in causes) == (named is not None)


def test_free_flow_is_what_a_box_takes_that_waits_for_nothing() -> None:
    """By hand: 900 km at 40 km/h, 250 nm at 11 kn, 500 km at 35 km/h; six moves of 3 or 4 minutes."""
    calm = sim.why(sim.load(SMALL, set=CALM), replications=1, workers=1)  # no storm stops a crane with a box on it
    own = calm.waterfall("trade", "over").set_index("step")["days"]
    moving = (900 / 40 + 250 / 11 + 500 / 35) / 24
    handling = (3 + 4 + 4 + 4 + 4 + 3) / 60 / 24
    assert own["free flow"] == pytest.approx(moving + handling, abs=1e-6)


def test_intervals_are_those_of_the_replications(result: Any) -> None:
    steps = result.waterfall("trade", "over").set_index("step")
    summary = result.summary().set_index(["flow", "route"]).loc["trade", "over"]
    assert steps.loc["mean", ["low", "high"]].tolist() == pytest.approx([summary["mean_low"], summary["mean_high"]])
    assert (steps["low"] <= steps["days"]).all()


def test_a_p90_among_boxes_that_have_not_arrived_is_unknown() -> None:
    late = sim.load(SMALL, set=["fleets.feeders.capacity=20 TEU", "fleets.feeders.vessels=1"])
    steps = sim.why(late, replications=2, workers=1).waterfall("trade", "over").set_index("step")
    assert np.isnan(steps.loc["P90", "days"])
    assert steps.loc["to the P90", "days"].isna().all()
    waits = steps[steps["cause"] == "not arrived"]["days"]
    assert waits.max() > 5
    assert steps.loc["mean", "days"] == pytest.approx(
        steps.loc["free flow", "days"] + steps.loc["to the mean", "days"].sum(), rel=1e-9
    )


def test_a_result_that_was_not_asked_why_says_so() -> None:
    with pytest.raises(StudyError, match=r"sim\.why"):
        sim.simulate(SMALL, replications=1, workers=1).waterfall("trade", "over")


def test_corridor_why_prints_and_saves_the_waterfall(folder: Path, corridor: Corridor) -> None:
    done = corridor("why", "small.yaml", "-n", 2, "--flow", "trade", "--route", "over", *ONE)
    assert done.exit_code == 0, done.output
    for words in ("Free flow", "customs and documents, East Port", "Mean", "P90", "all others"):
        assert words in done.stdout
    saved = folder / "results" / "small-why"
    assert {file.name for file in saved.glob("*.png")} == {"why-trade-over.png"}
    steps = pd.read_csv(saved / "steps.csv")
    assert {"flow", "route", "step", "cause", "place", "days", "low", "high"} == set(steps.columns)
    again = corridor("why", "small.yaml", "-n", 1, "--flow", "returns", *ONE)  # the folder is replaced as a whole
    assert again.exit_code == 0, again.output
    assert {file.stem for file in saved.glob("*.png")} == {"why-returns-over", "why-returns-around"}


def test_corridor_why_as_json_has_all_causes(corridor_json: Callable[..., Any]) -> None:
    found = corridor_json("why", "small.yaml", "-n", 1, "--flow", "trade", *ONE)
    assert found["replications"] == 1
    assert {step["flow"] for step in found["steps"]} == {"trade"}
    assert all(step["low"] is None for step in found["steps"])  # one replication has no interval
    assert "all others" not in {step["cause"] for step in found["steps"]}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["why", "--flow", "trad"], 'did you mean "trade"?'),
        (["why", "--route", "arund"], 'did you mean "around"?'),
        (["binding", "--flow", "trad"], 'did you mean "trade"?'),
        (["binding", "--until", "transit.p50 ± 1 d"], "No such option '--until'"),
        (["promise", "--max", "4"], "--max is the cap of --until"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_written(
    corridor: Corridor, written: Callable[[], list[str]], words: list[str], said: str
) -> None:
    done = corridor(words[0], "small.yaml", *words[1:])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())
    assert written() == []


def test_what_is_kept_is_what_is_not_late(result: Any) -> None:
    found = promises(result).set_index(["flow", "route"])
    summary = result.summary().set_index(["flow", "route"])
    assert found["kept"].to_numpy() == pytest.approx(1 - summary.loc[found.index, "share_late"].to_numpy(), abs=1e-12)
    assert found[["kept_low", "worst_low"]].min().min() >= 0
    assert found[["kept_high", "worst_high"]].max().max() <= 1
    for (flow, route), row in found.iterrows():
        months, shares = kept_by(result, flow, route, "M")
        if row["worst"]:
            assert row["worst_kept"] == pytest.approx(np.nanmin(shares.mean(axis=1)))
            assert row["worst"] == str(months[np.nanargmin(shares.mean(axis=1))])
        weeks, shares = kept_by(result, flow, route, "W")
        if row["week"]:
            assert row["week_kept"] == pytest.approx(np.nanmin(shares.mean(axis=1)))
            assert row["week"] == str(weeks[np.nanargmin(shares.mean(axis=1))].start_time.date())


def test_a_closed_month_is_the_one_in_which_the_promise_fails_most(tmp_path: Path) -> None:
    changes = [
        "calendars.storms={closures: {strike: {start: 2024-02-02, end: 2024-02-24}}}",
        *("run.length=120 d", "run.run_out=30 d"),
    ]
    found = promises(sim.simulate(sim.load(SMALL, set=changes), replications=4, workers=1))
    row = found.set_index(["flow", "route"]).loc["trade", "over"]
    assert row["worst"] == "2024-02"
    assert row["worst_separated"]
    assert row["worst_high"] < row["kept"]
    assert "2024-01-22" <= row["week"] < "2024-02-24"  # who comes a few days before the strike is late, too
    assert row["week_separated"]


def test_a_promise_without_any_box_is_unknown(corridor: Corridor) -> None:
    done = corridor("promise", "small.yaml", "-n", 2, "--set", "run.length=1 h")
    assert done.exit_code == 0, done.output
    (line,) = {" ".join(line.split()) for line in done.stdout.splitlines() if line.startswith("Over the sea")}
    assert line == "Over the sea 4–8 ? ? ?"
    assert "there was no box in some replication" in done.stdout


def test_corridor_promise_prints_saves_and_tells(folder: Path, corridor: Corridor) -> None:
    done = corridor("promise", "small.yaml", "-n", 2, *ONE)
    assert done.exit_code == 0, done.output
    assert "Kept" in done.stdout
    assert "Over the sea" in done.stdout
    saved = folder / "results" / "small-promise"
    assert (saved / "promise.png").stat().st_size > 10_000
    told = json.loads((saved / "summary.json").read_text(encoding="utf-8"))["promises"]
    assert [row["promise_high"] for row in told] == [8, 9, 8, 9]


CALM = ["ports.east-port.calendar=null", "ports.west-port.calendar=null"]
FEW_SHIPS = ["fleets.feeders.vessels=1", "fleets.feeders.capacity=50 TEU", "demand.trade.arrivals=regular", *CALM]


@pytest.fixture(scope="module")
def few_ships() -> Any:
    """With one small ship, which is the bottleneck."""
    return sim.binding(sim.load(SMALL, set=FEW_SHIPS), replications=6, route="over", top=3, workers=1)


def test_the_ship_of_which_there_are_too_few_gains_most(few_ships: Any) -> None:
    first = few_ships.gains.iloc[0]
    assert (first["kind"], first["place"]) == ("vessel", "feeder")
    assert first["changes"] == ("fleets.feeders.vessels=2",)
    assert first["days_separated"]
    assert first["teu_separated"]
    assert first["days"] > first["days_low"] > 0
    assert len(few_ships.gains) == 3
    assert few_ships.gains["days"].is_monotonic_decreasing
    assert few_ships.left_out > 0


def test_gains_are_those_of_two_runs_by_hand(few_ships: Any) -> None:
    more = [*FEW_SHIPS, "fleets.feeders.vessels=2"]
    means = []
    for changes in (FEW_SHIPS, more):
        routes = sim.simulate(sim.load(SMALL, set=changes), replications=6, workers=1).frames["routes"]
        own = routes[routes["route"] == "over"]
        days = (own["mean"] * own["boxes"]).groupby(own["replication"]).sum()
        means.append(days / own.groupby("replication")["boxes"].sum())
    assert few_ships.gains["days"].iloc[0] == pytest.approx((means[0] - means[1]).mean(), rel=1e-9)


def test_candidates_come_from_the_scenario() -> None:
    shallow = [
        "fleets.feeders.draught={full: 6.5 m, empty: 3 m}",
        "fleets.trains-west.train_sets=1",
        "links.hub-east-port.paths=0.5 /d",
        "terminals.junction.berths.broad={count: 1, discharge: 40 min}",
    ]
    found = find_binding(sim.load(SMALL, set=[*FEW_SHIPS, *shallow]), 1, flow="trade", top=100, workers=1)
    changes = {row["changes"] for row in found.gains.to_dict("records")}
    assert ("ports.east-port.depth=6.5 m",) in changes  # 5.5 m of water carry a part of the load only
    assert not [change for change in changes if change[0].startswith("ports.west-port.depth")]  # the deeper one
    assert ("links.hub-east-port.paths=1.5 /d",) in changes
    assert ("fleets.feeders.vessels=2",) in changes
    assert ('ports.east-port.documents.time={"mean": "9.6 h"}',) in changes
    assert ("ports.east-port.berths.quay.cranes=3",) in changes
    assert ("ports.east-port.berths.quay.count=2",) not in changes  # nobody waits for the berth of the only ship
    assert ("terminals.junction.berths.broad.count=2",) in changes
    assert (
        "terminals.junction.berths.standard.count=3",
    ) not in changes  # work on a train there is no wait for a track
    assert {row["kind"] for row in found.gains.to_dict("records")} >= {
        *("vessel", "train set", "berth", "crane", "path", "documents", "depth")
    }
    assert (found.gains["waiting_days"] > 0).all()
    assert found.left_out == 0


def test_faster_documents_gain_no_more_than_their_part_of_the_wait() -> None:
    calm = ["services.feeder.stops.east-port.wait=0 h", "fleets.feeders.vessels=40", *CALM]
    found = sim.binding(sim.load(SMALL, set=calm), replications=4, flow="trade", route="over", top=30, workers=1)
    row = found.gains[found.gains["kind"] == "documents"].iloc[0]
    assert row["days_separated"]
    assert 0.3 * 0.2 * row["waiting_days"] < row["days"] < 1.1 * 0.2 * row["waiting_days"]


def test_one_more_desk_where_papers_queue() -> None:
    slow = ["ports.east-port.documents={time: 16 h, servers: 1}", *CALM]
    found = sim.binding(sim.load(SMALL, set=slow), replications=4, flow="trade", route="over", top=3, workers=1)
    desk = found.gains[found.gains["kind"] == "desk"].iloc[0]
    assert desk["changes"] == ("ports.east-port.documents.servers=2",)
    assert desk["days_separated"]
    assert desk["days"] > 0


def test_corridor_binding_prints_and_saves(folder: Path, corridor: Corridor) -> None:
    words = [word for change in FEW_SHIPS for word in ("--set", change)]
    done = corridor("binding", "small.yaml", "-n", 2, "--top", 2, *words, *ONE)
    assert done.exit_code == 0, done.output
    for said in (
        "Facilities",
        "Fleets: means of a vehicle over 60 days",
        "one more vessel",
        "Gains in transit",
        "corrected for 2 changes",
        "not tried",
    ):
        assert said in " ".join(done.stdout.split())
    saved = folder / "results" / "small-binding"
    assert len(pd.read_csv(saved / "gains.csv")) == 2
    assert (saved / "binding.png").is_file()


def test_ctrl_c_keeps_the_changes_that_were_tried(monkeypatch: pytest.MonkeyPatch, corridor: Corridor) -> None:
    """It comes while the second change runs."""
    from sim.study import binding as study

    calls = []
    honest = study.trial

    def interrupted(trials: Any, number: int) -> Any:
        calls.append(number)
        if number == 3:
            raise KeyboardInterrupt
        return honest(trials, number)

    monkeypatch.setattr(study, "trial", interrupted)
    done = corridor("binding", "small.yaml", "-n", 2, "--top", 3, "--json", *ONE)
    assert done.exit_code == 130
    assert calls == [0, 1, 2, 3]
    told = json.loads(done.stdout)
    assert told["interrupted"]
    assert len(told["gains"]) == 2
    assert "small-binding" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("why", "-n", 2),
        ("why", "-n", 1, "--flow", "trade", "--set", "fleets.feeders.capacity=20 TEU"),  # the P90 is unknown
        ("promise", "-n", 2, "--until", "transit.mean ± 1 min", "--max", 2),
        ("promise", "-n", 1),
        ("binding", "-n", 2, "--top", 2),
        ("binding", "-n", 1, "--flow", "trade", "--top", 1),
    ],
    ids=lambda words: " ".join(map(str, words)),
)
def test_json_has_the_documented_form(
    corridor: Corridor, documented: Callable[[str, Any], None], words: tuple[Any, ...]
) -> None:
    found = json.loads(corridor(words[0], "small.yaml", *words[1:], *ONE, "--json").stdout)
    documented(words[0], found)
    assert found[{"why": "steps", "promise": "promises", "binding": "gains"}[words[0]]]
