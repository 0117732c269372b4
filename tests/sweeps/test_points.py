"""The points of a sweep are what its design says, the same every time."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sim
from sim.sweeps import SweepPlan, read_sweep
from sim.sweeps.file import Factor, count_points
from sim.sweeps.points import Point, fingerprint, points

SMALL = Path(__file__).resolve().parents[1] / "user" / "small.yaml"
DEPTH = "  depth: {path: ports.east-port.depth, range: [5 m, 7 m]}\n"
WAIT = "  wait: {path: services.feeder.stops.east-port.wait, range: [1 d, 60 h]}\n"
SHIPS = "  ships: {path: fleets.feeders.vessels, range: [1, 4]}\n"
WORDS = "  how: {levels: {as-is: {}, slow: {fleets.feeders.speed: 8 kn}, fast: {fleets.feeders.speed: 14 kn}}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small.yaml").write_bytes(SMALL.read_bytes())
    return tmp_path


def plan(folder: Path, factors: str, design: str) -> SweepPlan:
    file = folder / "s.yaml"
    file.write_text(
        f"title: T\nbase: small.yaml\nfactors:\n{factors}design: {design}\noutcomes: [transit.p50]\n", encoding="utf-8"
    )
    return read_sweep(file, sim.library())


def levels(found: list[Point]) -> np.ndarray:
    return np.array([point.levels for point in found], dtype=float)


def test_a_grid_has_each_level_with_each_other(folder: Path) -> None:
    depth, ships = DEPTH.replace("7 m]", "7 m], steps: 3"), SHIPS.replace("4]", "4], steps: 2")
    sweep = plan(folder, depth + ships + WORDS, "{kind: grid}")
    found = points(sweep)
    assert [point.levels for point in found] == list(product((5, 6, 7), (1, 4), ("as-is", "slow", "fast")))
    assert [point.number for point in found] == list(range(18))
    assert len({point.key for point in found}) == 18
    assert found[-1].changes == (
        'ports.east-port.depth="7 m"', "fleets.feeders.vessels=4", 'fleets.feeders.speed="14 kn"',
    )  # fmt: skip


def test_a_list_leaves_what_it_does_not_name(folder: Path) -> None:
    sweep = plan(folder, DEPTH + SHIPS, "{kind: list, points: [{depth: 550 cm}, {}, {ships: 2, depth: 7 m}]}")
    found = points(sweep)
    assert [point.levels for point in found] == [(5.5, None), (None, None), (7, 2)]
    assert found[1].changes == ()


def test_a_latin_hypercube_has_one_point_in_each_layer(folder: Path) -> None:
    found = levels(points(plan(folder, DEPTH + WAIT, "{kind: latin-hypercube, points: 20, seed: 3}")))
    unit = np.column_stack([(found[:, 0] - 5) / 2, (found[:, 1] - 1) / 1.5])  # 60 h are 2.5 d
    assert (np.sort(np.floor(unit * 20), axis=0) == np.arange(20)[:, None]).all()


def test_counts_and_bundles_are_met_equally_often_in_a_latin_hypercube(folder: Path) -> None:
    found = points(plan(folder, SHIPS + WORDS, "{kind: latin-hypercube, points: 12}"))
    ships, words = zip(*(point.levels for point in found), strict=True)
    assert {count: ships.count(count) for count in (1, 2, 3, 4)} == dict.fromkeys((1, 2, 3, 4), 3)
    assert {word: words.count(word) for word in words} == {"as-is": 4, "slow": 4, "fast": 4}
    assert {change for point in found for change in point.changes if "vessels" in change} == {
        f"fleets.feeders.vessels={count}" for count in (1, 2, 3, 4)
    }


def test_morris_moves_one_factor_at_a_time(folder: Path) -> None:
    pytest.importorskip("SALib")
    sweep = plan(folder, DEPTH + WAIT, "{kind: morris, trajectories: 5, realisations: 4}")
    found = points(sweep)
    assert len(found) == 5 * 4 == count_points(sweep.design, sweep.factors)
    rows = [(*point.levels, point.replication) for point in found]
    for start in range(0, len(rows), 4):
        for before, after in pairwise(rows[start : start + 4]):
            assert sum(x != y for x, y in zip(before, after, strict=True)) == 1
    assert {row[2] for row in rows} <= set(range(4))


def test_sobol_has_its_shape_and_its_realisations(folder: Path) -> None:
    pytest.importorskip("SALib")
    sweep = plan(folder, DEPTH + WAIT, "{kind: sobol, samples: 16, realisations: 4}")
    found = points(sweep)
    assert len(found) == 16 * 5 == count_points(sweep.design, sweep.factors)
    assert {point.replication for point in found} == set(range(4))
    table = levels(found)
    assert (table.min(axis=0) >= (5, 1)).all()
    assert (table.max(axis=0) <= (7, 2.5)).all()


@pytest.mark.parametrize("kind", ["latin-hypercube, points: 8", "morris, trajectories: 3", "sobol, samples: 8"])
def test_the_same_seed_gives_the_same_points_and_another_one_others(folder: Path, kind: str) -> None:
    pytest.importorskip("SALib")
    first, again, other = (points(plan(folder, DEPTH + WAIT, f"{{kind: {kind}, seed: {seed}}}")) for seed in (5, 5, 6))
    assert first == again
    assert [point.levels for point in first] != [point.levels for point in other]


FACTORS: dict[str, Factor] = {}  # read once for all examples


@given(us=st.lists(st.floats(0, 1), min_size=2, max_size=20).map(sorted))
@pytest.mark.parametrize("factor", [DEPTH, SHIPS, SHIPS.replace("4]", "4], steps: 2")])
def test_a_larger_u_never_gives_a_smaller_level(
    tmp_path_factory: pytest.TempPathFactory, factor: str, us: list[float]
) -> None:
    if factor not in FACTORS:
        folder = tmp_path_factory.mktemp("level")
        (folder / "small.yaml").write_bytes(SMALL.read_bytes())
        (FACTORS[factor],) = plan(folder, factor, "{kind: latin-hypercube, points: 2}").factors
    varied = FACTORS[factor]
    found = [varied.level(u) for u in us]
    assert found == sorted(found)
    assert varied.level(0.0) == (varied.levels or (varied.low,))[0]
    assert varied.level(1.0) == (varied.levels or (varied.high,))[-1]


def test_points_that_make_the_same_scenario_share_a_key(folder: Path) -> None:
    found = points(plan(folder, DEPTH + SHIPS, "{kind: list, points: [{depth: 6 m}, {ships: 2}, {depth: 600 cm}, {}]}"))
    keys = [point.key for point in found]
    assert keys[0] == keys[2]
    assert len(set(keys)) == 3


def test_a_scenario_is_known_by_its_values_and_not_by_how_they_are_written(folder: Path) -> None:
    other = folder / "other"
    other.mkdir()
    text = SMALL.read_text(encoding="utf-8")
    (other / "small.yaml").write_text("# a comment\n" + text.replace("title: Over a small sea", "title: By the sea"))
    assert fingerprint(sim.load(folder / "small.yaml")) == fingerprint(sim.load(other / "small.yaml"))
    for old, new in (
        ("level: -0.5 m", "level: -0.6 m"),
        ("via: [hub, junction, market]", "via: [hub, market]"),
        ("jan: 20 %", "jan: 21 %"),
        ("seed: 7", "seed: 8"),
    ):
        assert old in text
        (other / "small.yaml").write_text(text.replace(old, new, 1))
        assert fingerprint(sim.load(folder / "small.yaml")) != fingerprint(sim.load(other / "small.yaml")), new
