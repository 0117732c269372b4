"""The ledger: what it refuses, what it says of it, and that it changes nothing then."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.study.crew import Mishap
from sim.sweeps.ledger import LedgerError, reading, writing
from sim.sweeps.work import Run
from tests.painting import nothing_painted
from tests.sweeps.sweeping import RUNS, SWEEP, Corridor, lay_out, runs

LEDGER = Path("results") / "tiny" / "ledger.sqlite"
COMMANDS = (("run", "tiny.yaml"), ("resume", "tiny"), ("status", "tiny"), ("export", "tiny"), ("plot", "tiny"))

pytestmark = pytest.mark.usefixtures("unpainted")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small sweep that is done, by their names."""
    from click.testing import CliRunner

    from sim.cli import corridor

    folder = lay_out(tmp_path_factory.mktemp("done"), SWEEP.replace("replications: 4", "replications: 1"))
    words = ["sweep", str(folder / "tiny.yaml"), "--out", str(folder / "results"), "--workers", "1"]
    with nothing_painted():
        assert CliRunner().invoke(corridor, words).exit_code == 0
    return {file.name: file.read_bytes() for file in (folder / "results" / "tiny").iterdir() if file.is_file()}


@pytest.fixture
def swept(folder: Path, done: dict[str, bytes]) -> Path:
    """The working folder with the sweep that is done."""
    lay_out(folder, SWEEP.replace("replications: 4", "replications: 1"))
    LEDGER.parent.mkdir(parents=True)
    for name, content in done.items():
        (LEDGER.parent / name).write_bytes(content)
    return folder


def contents() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in LEDGER.parent.iterdir() if file.is_file()}


# Files that are no sound ledger


def foreign(content: bytes) -> bytes:
    LEDGER.unlink()
    connection = sqlite3.connect(LEDGER)
    connection.executescript("CREATE TABLE holidays (day TEXT); INSERT INTO holidays VALUES ('2024-03-21')")
    connection.close()
    return LEDGER.read_bytes()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: content[: len(content) // 2], "the ledger is damaged"),
        (lambda content: content[: len(content) * 9 // 10], "the ledger is damaged"),
        (lambda content: content[:4096], "the ledger is damaged"),
        (lambda content: content[:50], "this is no ledger of a sweep"),
        (lambda content: content[:9000] + bytes(4096) + content[13096:], "the ledger is damaged"),
        (lambda content: np.random.default_rng(3).bytes(len(content)), "this is no ledger of a sweep"),
        (foreign, "this is no ledger of a sweep"),
        (lambda content: b"", "this is no ledger of a sweep"),
    ],
    ids=["half", "most", "one page", "a few bytes", "a hole", "noise", "somebody else's", "empty"],
)
def test_what_is_no_sound_ledger_is_refused_and_left_alone(
    spoil: Callable[[bytes], bytes], said: str, swept: Path, corridor: Corridor
) -> None:
    LEDGER.write_bytes(spoil(LEDGER.read_bytes()))
    before = contents()
    for words in COMMANDS:
        found = corridor("sweep", *words)
        assert found.exit_code == 1, found.output
        assert found.stderr.startswith(f"Error: {LEDGER}: {said}")
        assert "to begin anew, move the folder away or choose another with --out" in found.stderr
    assert contents() == before


@pytest.mark.parametrize("spoil", [lambda content: content[: len(content) * 9 // 10], lambda content: content[:-10]])
def test_what_can_still_be_read_is_rescued(
    spoil: Callable[[bytes], bytes], folder: Path, corridor: Corridor, undisturbed: pd.DataFrame
) -> None:
    assert corridor("sweep", "tiny.yaml", "--workers", 1).exit_code == 0
    LEDGER.write_bytes(spoil(LEDGER.read_bytes()))
    before = contents()
    found = corridor("sweep", "rescue", "tiny")
    assert found.exit_code == 0, found.output
    saved = int(found.stderr.split()[0])
    assert 1 <= saved < RUNS
    assert (
        f"{saved} runs are in results/rescued/tiny/; go on with: corridor sweep resume results/rescued/tiny"
        in found.stderr
    )
    assert contents() == before
    assert corridor("sweep", "rescue", "tiny").exit_code == 1  # it does not write over the copy
    with reading(Path("results/rescued/tiny")) as ledger:
        assert len(ledger.statuses()) == saved
    assert corridor("sweep", "resume", "results/rescued/tiny", "--workers", 1).exit_code == 0
    rescued = pd.read_parquet("results/rescued/tiny/runs.parquet")
    pd.testing.assert_frame_equal(rescued, undisturbed, check_exact=True)


def test_a_figure_that_is_not_as_it_was_written_is_found(swept: Path, corridor: Corridor) -> None:
    with reading(LEDGER.parent) as ledger:
        record = next(ledger.records())
    assert record.figures is not None
    whole, part = LEDGER.read_bytes(), record.figures.tobytes()
    assert part in whole
    LEDGER.write_bytes(whole.replace(part, part[:5] + bytes([part[5] ^ 1]) + part[6:]))
    for words in (("run", "tiny.yaml"), ("export", "tiny")):
        found = corridor("sweep", *words)
        assert found.exit_code == 1
        assert f"replication 0 of point {record.key[:8]}… is not as it was written" in found.stderr
    assert corridor("sweep", "rescue", "tiny", "--to", "copy").exit_code == 0
    with reading(Path("copy/tiny")) as ledger:
        assert len(ledger.statuses()) == RUNS // 4 - whole.count(part)  # two points may have the same figures


def test_a_log_without_its_ledger_is_refused(swept: Path, corridor: Corridor) -> None:
    LEDGER.rename("elsewhere")
    log = LEDGER.with_name("ledger.sqlite-wal")
    log.write_bytes(b"runs")
    found = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert found.exit_code == 1
    assert f"{log}: the ledger that it belongs to was moved away; move it there, too" in found.stderr
    assert log.read_bytes() == b"runs"
    assert not LEDGER.exists()


def test_without_a_ledger_there_is_nothing_to_resume_or_show(folder: Path, corridor: Corridor) -> None:
    for words in COMMANDS[1:]:
        assert corridor("sweep", *words).exit_code in (1, 2)
    assert not Path("results").exists()
    with pytest.raises(LedgerError, match=f"{LEDGER}: there is no ledger"), reading(LEDGER.parent):
        pass


def test_a_folder_that_cannot_be_made_is_told(folder: Path, corridor: Corridor) -> None:
    Path("results").mkdir()
    LEDGER.parent.write_text("a file")
    found = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert (found.exit_code, found.stderr) == (1, "Error: results/tiny: File exists\n")


# What was changed between start and resume


SMALL = "small.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "difference"),
    [
        (SMALL, "level: -0.5 m", "level: -1 m", "small: seas.small-sea.level: -0.5 m → -1 m"),
        (SMALL, "vessels: 2", "vessels: 3", "small: fleets.feeders.vessels: 2 → 3"),
        ("tiny.yaml", "run.length: 20 d", "run.length: 25 d", "small: run.length: 20 d → 25 d"),
        ("tiny.yaml", "[5 m, 6 m]", "[5 m, 7 m]", "factors.depth.levels: [5.0, 6.0] → [5.0, 7.0]"),
        ("tiny.yaml", "[5 m, 6 m]", "[5 m]", "factors.depth.levels: [5.0, 6.0] → [5.0]"),
        ("tiny.yaml", "how: times", "how: set", None),
        ("tiny.yaml", '"ports.*.depth"', '"ports.east-port.depth"', "point 0: "),
        ("tiny.yaml", "kind: grid", "kind: list, points: [{depth: 5 m}]", "design.kind: grid → list"),
    ],
)
def test_another_sweep_is_refused_with_the_difference(
    file: str, old: str, new: str, difference: str | None, swept: Path, corridor: Corridor
) -> None:
    before = contents()
    text = Path(file).read_text(encoding="utf-8")
    assert old in text
    Path(file).write_text(text.replace(old, new), encoding="utf-8")
    found = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert found.exit_code == 2, found.output
    if difference is not None:
        first, *lines = found.stderr.splitlines()
        assert first.startswith("results/tiny: the sweep there was begun with something else; give another --out")
        assert any(line.strip().startswith(difference) for line in lines), found.stderr
    assert contents() == before


def test_another_model_is_refused(swept: Path, corridor: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    import sim.sweeps.points
    import sim.sweeps.run

    before = contents()
    was = sim.sweeps.run.model_id()
    for module in (sim.sweeps.points, sim.sweeps.run):
        monkeypatch.setattr(module, "model_id", lambda: "9.9.9+somethingelse")
    found = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert found.exit_code == 2
    assert f"  model: {was} → 9.9.9+somethingelse" in found.stderr.splitlines()
    assert contents() == before


def test_another_numpy_is_refused(swept: Path, corridor: Corridor, monkeypatch: pytest.MonkeyPatch) -> None:
    import sim.sweeps.run

    now = sim.sweeps.run.runtime()
    monkeypatch.setattr(sim.sweeps.run, "runtime", lambda: now | {"numpy": "0.1"})
    found = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert found.exit_code == 2
    assert f"  numpy: {now['numpy']} → 0.1" in found.stderr.splitlines()


def test_factors_in_another_order_are_refused(folder: Path, corridor: Corridor) -> None:
    """The columns of the points stand in their order; a list of points comes to the same runs in any."""
    depth, ships = (
        "  depth: {path: ports.*.depth, values: [5 m, 6 m]}\n",
        "  ships: {path: fleets.*.vessels, values: [2, 3]}\n",
    )
    points = "[{depth: 5 m, ships: 3}, {depth: 6 m, ships: 2}]"
    head, tail = (
        "title: T\nbase: small.yaml\nset: {run.length: 20 d}\nfactors:\n",
        f"design: {{kind: list, points: {points}}}\n",
    )
    tail += "replications: 1\noutcomes: [transit.p50]\n"
    (folder / "order.yaml").write_text(head + depth + ships + tail, encoding="utf-8")
    assert corridor("sweep", "order.yaml", "--workers", 1).exit_code == 0
    (folder / "order.yaml").write_text(head + ships + depth + tail, encoding="utf-8")
    found = corridor("sweep", "order.yaml", "--workers", 1)
    assert found.exit_code == 2
    assert "  factors: depth, ships → ships, depth" in found.stderr.splitlines()


def test_what_changes_no_run_may_change(swept: Path, corridor: Corridor) -> None:
    small = Path(SMALL).read_text(encoding="utf-8")
    seas = "seas:\n  small-sea: {level: -0.5 m}\n"
    assert seas in small
    Path(SMALL).write_text(
        "# Seen again in May.\n"
        + small.replace(seas, "")
        + seas.replace("-0.5 m", "{value: -0.5 m, grade: assumption, note: as it was told}"),
        encoding="utf-8",
    )
    lay = SWEEP.replace("Depths and demand", "Demand and depths").replace("transit.p50, ", "")
    Path("tiny.yaml").write_text(lay.replace("  depth: {", "  depth: {title: water at the quay, "), encoding="utf-8")
    found = corridor("sweep", "tiny.yaml", "--workers", 1)  # with four replications now
    assert found.exit_code == 0, found.output
    assert "Demand and depths" in found.stdout
    assert "water at the quay" in found.stdout
    frame = runs(swept)
    assert len(frame) == RUNS
    assert not [column for column in frame if column.startswith("transit")]
    now = json.loads(corridor("sweep", "status", "tiny", "--json").stdout)
    assert (now["title"], now["runs"], now["ok"], now["missing"]) == ("Demand and depths at a small sea", RUNS, RUNS, 0)


# Records


ABOUT = {"sweep": "made up"}
POINTS = [(0, "small", (1.0, "deep"), ("a=1",), "key", None)]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    with writing(tmp_path) as (ledger, new):
        assert new
        ledger.begin(ABOUT, POINTS)
    return tmp_path


def test_what_is_kept_is_read_again_to_the_bit(begun: Path) -> None:
    values = np.array([0.1, np.nan, -0.0, 5e-324, 1e300])
    with writing(begun) as (ledger, new):
        assert not new
        ledger.keep("key", 0, Run(tuple("abcde"), values, 0.25))
        ledger.keep("key", 1, Mishap("Error: \udc80", "Traceback", "timed out"))
    with reading(begun) as ledger:
        assert ledger.about() == ABOUT
        assert ledger.points() == POINTS
        first, second = sorted(ledger.records(), key=lambda record: record.replication)
        assert ledger.mean_seconds() == 0.25
    assert first.names == tuple("abcde")
    assert first.figures is not None
    assert first.figures.tobytes() == values.tobytes()
    assert (second.status, second.figures, second.error) == ("timed out", None, "Error: \\udc80")


def test_a_ledger_that_was_not_begun_is_none(tmp_path: Path) -> None:
    with writing(tmp_path) as (_, new):
        assert new
        with pytest.raises(LedgerError, match="there is no ledger"), reading(tmp_path):
            pass
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.lock"]


def test_a_reader_sees_each_record_at_once_and_cannot_write(begun: Path) -> None:
    with writing(begun) as (ledger, _), reading(begun) as other:
        for n in range(3):
            ledger.keep("key", n, Run(("a",), np.array([float(n)]), 1.0))
            assert len(other.statuses()) == n + 1
        with pytest.raises(OSError, match="readonly"):
            other.tell("sweep", "another")


def test_nobody_else_can_write_meanwhile(begun: Path) -> None:
    with writing(begun), pytest.raises(LedgerError, match="another process is running this sweep"), writing(begun):
        pass
    with writing(begun):
        pass


def test_a_lock_that_is_none_is_refused(begun: Path) -> None:
    (begun / "ledger.lock").write_bytes(b"shopping list " * 100)
    with pytest.raises(LedgerError, match="this is not the lock of a sweep"), writing(begun):
        pass


def test_what_is_not_written_whole_is_not_there(begun: Path) -> None:
    class Figures:
        def astype(self, kind: str) -> Any:
            return self

        def tobytes(self) -> bytes:
            return b"12345678"

    with writing(begun) as (ledger, _):
        with pytest.raises(Exception, match=r"."):
            ledger.keep("key", 0, Run(("a",), Figures(), [1.0]))  # type: ignore[arg-type]
        ledger.keep("key", 1, Run(("a",), np.array([2.0]), 1.0))  # its names were not lost with those of the first
    with reading(begun) as ledger:
        [record] = ledger.records()
    assert (record.replication, record.names) == (1, ("a",))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_that_cannot_be_written_is_told(begun: Path) -> None:
    begun.chmod(0o500)
    with pytest.raises(OSError, match=r"ledger\.lock"), writing(begun):
        pass


# What a sweep would do


def test_dry_run_and_status_know_the_runs_that_are_done(swept: Path, corridor: Corridor) -> None:
    found = json.loads(corridor("sweep", "tiny.yaml", "--dry-run", "--json", "-n", 4).stdout)
    assert (found["runs"], found["done"]) == (RUNS, RUNS // 4)
    before = json.loads(corridor("sweep", "status", "tiny", "--json").stdout)
    assert (before["runs"], before["ok"], before["missing"]) == (RUNS // 4, RUNS // 4, 0)


def test_a_warm_up_that_was_found_is_not_sought_again(
    folder: Path, corridor: Corridor, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sim.sweeps.run

    text = SWEEP.replace("run.length: 20 d, run.warm_up: 5 d", "run.length: 60 d, run.warm_up: auto")
    lay_out(folder, text.replace("[0.8, 1.1, 1.4]", "[0.8]").replace("replications: 4", "replications: 1"))
    first = corridor("sweep", "tiny.yaml", "--workers", 1)
    assert first.exit_code == 0, first.output
    with reading(LEDGER.parent) as ledger:
        [days] = ledger.about()["warm_up"].values()
        [shown] = {record["run.warm_up"] for record in ledger.about()["values"].values()}
    assert days > 0
    assert shown == f"{days:g} d"
    monkeypatch.setattr(sim.sweeps.run, "settle", None)
    assert corridor("sweep", "tiny.yaml", "--workers", 1, "-n", 2).exit_code == 0
    found = json.loads(corridor("sweep", "tiny.yaml", "--dry-run", "--json").stdout)
    assert (found["runs"], found["done"]) == (2, 2)
