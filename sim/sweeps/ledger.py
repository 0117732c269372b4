"""The ledger of a sweep: one record a run in an SQLite file. What it has acknowledged survives a crash.

The parent is the only writer, which a lock makes sure; anybody may read while it writes.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.study.crew import Mishap
from sim.sweeps.work import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE, LOCK = "ledger.sqlite", "ledger.lock"
APPLICATION = 0x4D43_5331  # marks the file as ours: "MCS1", with the format in the last byte
OK = "ok"
RECENT = 40  # runs whose ends tell the pace
IDLE = 60  # s without an end, beyond what the pace makes likely, after which a sweep counts as stopped

TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE points (number INTEGER PRIMARY KEY, base TEXT NOT NULL, levels TEXT NOT NULL, changes TEXT NOT NULL,
  key TEXT NOT NULL, replication INTEGER);
CREATE TABLE names (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE runs (key TEXT NOT NULL, replication INTEGER NOT NULL, status TEXT NOT NULL, names INTEGER, figures BLOB,
  seconds REAL, error TEXT, traceback TEXT, finished TEXT NOT NULL, PRIMARY KEY (key, replication)) WITHOUT ROWID;
"""


class LedgerError(Exception):
    """A ledger that cannot be used: damaged, foreign, in use, or of another sweep."""


@dataclass(frozen=True)
class Record:
    """One run as it stands in the ledger; `figures` only where it is ok."""

    key: str
    replication: int
    status: str
    names: tuple[str, ...] = ()
    figures: NDArray[np.float64] | None = None
    seconds: float | None = None
    error: str | None = None
    traceback: str | None = None


class Ledger:
    """An open ledger."""

    def __init__(self, connection: sqlite3.Connection, file: Path) -> None:
        self.file = file
        self._sql = connection
        self._names: dict[tuple[str, ...], int] = {}

    def about(self) -> dict[str, Any]:
        """What the sweep is, as it was begun."""
        return {key: json.loads(value) for key, value in self._read("SELECT key, value FROM about")}

    def points(self) -> list[tuple[Any, ...]]:
        """number, base, levels, changes, key, replication of each point."""
        rows = self._read("SELECT number, base, levels, changes, key, replication FROM points ORDER BY number")
        return [
            (number, base, tuple(json.loads(levels)), tuple(json.loads(changes)), key, replication)
            for number, base, levels, changes, key, replication in rows
        ]

    def statuses(self) -> dict[tuple[str, int], str]:
        """The status of each run, by key of the point and replication."""
        return {(key, n): status for key, n, status in self._read("SELECT key, replication, status FROM runs")}

    def mean_seconds(self) -> float | None:
        """The mean time of a run; None before the first."""
        [(seconds,)] = self._read(f"SELECT avg(seconds) FROM runs WHERE status = '{OK}'")
        return seconds if seconds is None else float(seconds)

    def pace(self) -> tuple[float | None, str | None]:
        """Runs a second of late, None if none is ending now; and when the last one ended, UTC."""
        rows = self._read(f"SELECT finished, seconds FROM runs ORDER BY finished DESC LIMIT {RECENT}")
        if not rows:
            return None, None
        last, first = (datetime.fromisoformat(rows[at][0]) for at in (0, -1))
        span = (last - first).total_seconds() + (rows[-1][1] or 1.0)  # from when the first of them began
        idle = (datetime.now(UTC) - last).total_seconds()
        running = idle < IDLE + 3 * span / len(rows)
        return len(rows) / span if running else None, last.isoformat(sep=" ")

    def records(self) -> Iterator[Record]:
        """All runs, in no particular order."""
        names = {number: tuple(json.loads(text)) for number, text in self._read("SELECT id, names FROM names")}
        rows = self._read("SELECT key, replication, status, names, figures, seconds, error, traceback FROM runs")
        for key, n, status, at, blob, seconds, error, traceback in rows:
            figures = None if blob is None else np.frombuffer(blob, dtype="<f8")
            yield Record(key, n, status, names.get(at, ()), figures, seconds, error, traceback)

    def begin(self, about: Mapping[str, Any], points: Iterable[Sequence[Any]]) -> None:
        """Write what the sweep is, and its points, into a new ledger."""
        with self._sql:
            self._sql.executemany("INSERT INTO about VALUES (?, ?)", ((k, _json(v)) for k, v in about.items()))
        self.add_points(points)

    def add_points(self, points: Iterable[Sequence[Any]]) -> None:
        """Add points: number, base, levels, changes, key, replication."""
        rows = ((n, base, _json(levels), _json(changes), key, r) for n, base, levels, changes, key, r in points)
        with self._sql:
            self._sql.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?)", rows)

    def tell(self, key: str, value: Any) -> None:
        """Replace one entry of `about`."""
        with self._sql:
            self._sql.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, _json(value)))

    def keep(self, key: str, replication: int, outcome: Run | Mishap) -> None:
        """Write down what came of a run; when this returns, it is on the disk."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with self._sql:
            row: tuple[Any, ...]
            if isinstance(outcome, Mishap):
                row = (outcome.status, None, None, None, outcome.error, outcome.traceback, moment)
            else:
                blob = outcome.values.astype("<f8").tobytes()
                row = (OK, self._named(outcome.names), blob, outcome.seconds, None, None, moment)
            self._sql.execute(
                "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", (key, replication, *row)
            )

    def _named(self, names: tuple[str, ...]) -> int:
        """The number of a list of names, written down once."""
        if names not in self._names:
            text = _json(names)
            self._sql.execute("INSERT OR IGNORE INTO names (names) VALUES (?)", (text,))
            [(number,)] = self._sql.execute("SELECT id FROM names WHERE names = ?", (text,))
            self._names[names] = number
        return self._names[names]

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._sql.execute(query).fetchall()
        except sqlite3.DatabaseError as error:
            raise _damaged(self.file, error) from None


@contextmanager
def reading(folder: Path) -> Iterator[Ledger]:
    """The ledger of a folder, to look into, even while a sweep writes it. Raises LedgerError."""
    with _open(folder / FILE, "rw") as connection:  # a read-only one would leave its side files behind
        connection.execute("PRAGMA query_only = ON")
        yield Ledger(connection, folder / FILE)


@contextmanager
def writing(folder: Path) -> Iterator[tuple[Ledger, bool]]:
    """The ledger of a folder, to write, and whether it is new; nobody else can write it meanwhile.

    Raises LedgerError if somebody does, or the file there is damaged or not ours; OSError if nothing can be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    with _locked(folder / LOCK):
        new = not file.exists()
        with _open(file, "rwc" if new else "rw") as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            if new:
                connection.executescript(TABLES)
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
            yield Ledger(connection, file), new


@contextmanager
def _open(file: Path, mode: str) -> Iterator[sqlite3.Connection]:
    if mode != "rwc" and not file.is_file():
        raise LedgerError(f"{file}: there is no ledger")
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, timeout=10)
    try:
        if mode != "rwc":
            _examine(connection, file)
        yield connection
    finally:
        connection.close()


def _examine(connection: sqlite3.Connection, file: Path) -> None:
    try:
        [(application,)] = connection.execute("PRAGMA application_id")
        [(verdict,), *_] = connection.execute("PRAGMA quick_check")
    except sqlite3.DatabaseError as error:
        raise _damaged(file, error) from None
    if application != APPLICATION:
        raise LedgerError(f"{file}: this is no ledger of a sweep; move it away, or choose another folder with --out")
    if verdict != "ok":
        raise _damaged(file, verdict)


def _damaged(file: Path, what: object) -> LedgerError:
    return LedgerError(
        f"{file}: the ledger is damaged ({what}); move it away to begin anew, or bring back a copy of it"
    )


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """A lock that ends with the process that holds it, however that ends."""
    holder = sqlite3.connect(file, timeout=0, isolation_level=None)
    try:
        holder.execute("PRAGMA journal_mode = MEMORY")
        holder.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        holder.close()
        if "locked" in str(error):
            raise LedgerError(f"{file.parent}{os.sep}: another process is running this sweep") from None
        raise OSError(None, str(error), str(file)) from None
    except sqlite3.DatabaseError:
        holder.close()
        raise LedgerError(f"{file}: this is not the lock of a sweep; move it away") from None
    try:
        yield
    finally:
        holder.close()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
