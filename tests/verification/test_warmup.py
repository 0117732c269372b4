"""The loading-in phase of real runs: what is said of a warm-up that is given, and how one is found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import sim
from sim.cli import corridor as command
from sim.network import build
from sim.study import loading_in
from sim.study.warmup import settle

CORRIDOR = Path(__file__).parents[1] / "corridor.yaml"
QUEUE = Path(__file__).with_name("queue.yaml")


def releases(
    effect: Any, first: int, days: int, growth: float = 0.0, replications: int = 8, seed: int = 2
) -> pd.DataFrame:
    """Two routes with a season; `effect` is added to the transit of each day since the beginning of the run."""
    rng = np.random.default_rng(seed)
    day = np.arange(first, first + days)
    frames = []
    for replication in range(replications):
        for route, mean in (("rail", 20.0), ("sea", 50.0)):
            season = 1 + 0.4 * np.cos(2 * np.pi * day / 365) + growth * (day - first) / 365
            share = season * (1 + effect(day - first)) * rng.lognormal(0, 0.1, days)
            frame = {"replication": replication, "flow": "f", "route": route, "day": day, "boxes": 3}
            frames.append(pd.DataFrame(frame | {"box_days": 3 * mean * share}))
    return pd.concat(frames, ignore_index=True)


def fading(days: float) -> Any:
    return lambda age: -0.4 * np.exp(-age / days)


def test_the_season_is_no_loading_in_phase() -> None:
    found = loading_in(releases(lambda age: 0.0 * age, -90, 455), 90, 365)
    assert found.covered
    assert found.cut_days is not None
    assert found.cut_days <= 20


def test_the_loading_in_phase_is_found_below_the_season() -> None:
    found = loading_in(releases(fading(12), -90, 455), 90, 365)
    assert found.covered
    assert found.cut_days is not None
    assert 20 <= found.cut_days <= 45
    assert found.says == (
        f"The warm-up of 90 days covers the loading-in phase, which takes {found.cut_days} days by MSER-5."
    )


def test_a_cut_in_the_second_half_is_refused() -> None:
    found = loading_in(releases(fading(80), -90, 455), 90, 365)
    assert (found.covered, found.cut_days) == (False, None)
    assert re.search(r"may be too short: .* of 90 observations, more than half", found.says)


def test_a_warm_up_that_a_longer_series_shows_to_be_short_is_told() -> None:
    found = loading_in(releases(fading(20), -10, 10 + 730), 10, 730)
    assert found.covered is False
    assert found.cut_days is not None
    assert 30 <= found.cut_days <= 100
    assert "The warm-up of 10 days is too short" in found.says


def test_growth_without_end_is_no_steady_state() -> None:
    found = loading_in(releases(lambda age: 0.0 * age, -90, 455, growth=0.3), 90, 365)
    assert found.covered is False
    assert "the load grows without end: a year later transit is longer by" in found.says


def test_growth_that_may_be_chance_is_not_told() -> None:
    """It is told where a 99 % interval leaves out zero: of 40 studies without any growth, by chance one in 200."""
    told = [loading_in(releases(lambda age: 0.0 * age, -90, 455, seed=seed), 90, 365).says for seed in range(40)]
    assert sum("grows without end" in says for says in told) <= 2


@pytest.mark.parametrize(
    ("first", "days", "replications", "said"),
    [
        (-30, 395, 8, "60 days more of warm-up"),
        (-60, 300, 8, "a year that is measured"),
        (-60, 425, 4, "5 replications"),
    ],
)
def test_what_cannot_be_checked_is_said(first: int, days: int, replications: int, said: str) -> None:
    found = loading_in(releases(fading(5), first, days, replications=replications), -first, days + first)
    assert (found.covered, found.cut_days) == (None, None)
    assert said in found.says


def test_days_without_boxes_are_bridged() -> None:
    whole = releases(fading(12), -90, 455)
    gaps = whole[(whole["day"] + whole["replication"]) % 3 > 0]
    found = loading_in(gaps[~gaps["day"].isin([-50, -49, 100])], 90, 365)
    assert found.covered


def test_a_run_tells_whether_its_warm_up_covers_the_loading_in_phase() -> None:
    scenario = sim.load(CORRIDOR, set=["run.warm_up=60 d"])
    found = sim.simulate(scenario, replications=5, workers=1)
    warm_up = found.to_json()["warm_up"]
    assert warm_up["warm_up_days"] == 60
    assert warm_up["covered"] is not None
    days = found.frames["releases"]
    assert (days["day"].min(), days["day"].max()) == (-60, 364)
    inside = days[days["day"] >= 0].groupby(["flow", "route"])[["boxes", "box_days"]].sum()
    routes = found.frames["routes"].groupby(["flow", "route"])[["boxes"]].sum()
    assert inside["boxes"].to_dict() == routes["boxes"].to_dict()
    total = found.frames["routes"].assign(total=lambda row: row["mean"] * row["boxes"])
    assert inside["box_days"].to_dict() == pytest.approx(total.groupby(["flow", "route"])["total"].sum().to_dict())


def test_auto_finds_a_warm_up_that_covers_its_own_loading_in_phase(tmp_path: Path) -> None:
    changes = ["run.warm_up=auto", "demand.boxes.volume=400 TEU/a", "run.length=90 d"]
    scenario = sim.load(QUEUE, set=changes)
    one = sim.simulate(scenario, replications=1, workers=1)
    assert one.warm_up_days in (60, 120, 240)
    again = sim.simulate(
        sim.load(QUEUE, set=[*changes, f"run.warm_up={one.warm_up_days:g} d"]), replications=1, workers=1
    )
    assert again.to_json()["routes"] == one.to_json()["routes"]


def test_auto_gives_all_scenarios_of_a_comparison_the_same_warm_up() -> None:
    changes = ["run.warm_up=auto", "run.length=30 d", "demand.boxes.volume=400 TEU/a"]
    more = sim.load(QUEUE, set=[*changes, "terminals.b.berths.tracks.count=3"])
    comparison = sim.compare([sim.load(QUEUE, set=changes), more], replications=2, workers=1)
    assert len({result.warm_up_days for result in comparison.results}) == 1  # type: ignore[union-attr]


def test_auto_gives_them_the_longest_that_one_of_them_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {"quick": 60.0, "slow": 120.0}
    monkeypatch.setattr("sim.study.warmup._needed", lambda network, *how: needed[network.model.title])
    given = build(sim.load(QUEUE, set=["run.warm_up=30 d"]))
    networks = [build(sim.load(QUEUE, set=["run.warm_up=auto", f"title={title}"])) for title in needed]
    settled = settle([*networks, given], workers=1)
    assert [float(network.model.run.warm_up) / 24 for network in settled] == [120, 120, 30]


def test_auto_refuses_a_load_that_grows_without_end(tmp_path: Path) -> None:
    # 260 boxes a year of 100 h each on two tracks: half as many again as they can take
    changes = ["run.warm_up=auto", "demand.boxes.volume=260 TEU/a", "terminals.b.berths.tracks.discharge.mean=100 h"]
    words = ["run", str(QUEUE), *(word for change in changes for word in ("--set", change))]
    result = CliRunner().invoke(command, [*words, "--workers", "1", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "auto finds no warm-up. The warm-up of 240 days" in result.stderr
    assert not (tmp_path / "out").exists()
