"""The ledger of a sweep: one record a run in an SQLite file. What it has acknowledged survives a crash.

The parent is the only writer, which a lock makes sure; anybody may read while it writes. A new ledger appears in its
place when it says all about its sweep, so that one without it is none of ours.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim.study import BadStudyError
from sim.study.crew import Mishap
from sim.sweeps.work import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE, LOCK = "ledger.sqlite", "ledger.lock"
APPLICATION = 0x4D43_5331  # marks the file as ours: "MCS1", with the format in the last byte
OK = "ok"
ANEW = "to begin anew, move the folder away or choose another with --out"
RECENT = 40  # runs whose ends tell the pace
IDLE = 60  # s without an end, beyond what the pace makes likely, after which a sweep counts as stopped

TABLES = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE points (number INTEGER PRIMARY KEY, base TEXT NOT NULL, levels TEXT NOT NULL, changes TEXT NOT NULL,
  key TEXT NOT NULL, replication INTEGER);
CREATE TABLE names (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE runs (key TEXT NOT NULL, replication INTEGER NOT NULL, status TEXT NOT NULL, names INTEGER,
  figures BLOB, seconds REAL, error TEXT, traceback TEXT, finished TEXT NOT NULL, crc INTEGER NOT NULL,
  PRIMARY KEY (key, replication)) WITHOUT ROWID;
"""


RECORD = "key, replication, status, names, figures, seconds, error, traceback, crc"


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
    """An open ledger. Its methods raise OSError if the disk fails, LedgerError if the file proves to be damaged."""

    def __init__(self, file: Path, connection: sqlite3.Connection) -> None:
        self.file = file
        self._sql = connection
        self._names: dict[tuple[str, ...], tuple[int, str]] = {}  # with their number and text

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
        """All runs, in no particular order. Raises LedgerError if one is not as it was written."""
        rows = self._read(f"SELECT {RECORD} FROM runs")
        texts: dict[int | None, str] = dict(self._read("SELECT id, names FROM names"))  # later, since runs may be added
        names = {number: tuple(json.loads(text)) for number, text in texts.items()}
        for key, n, status, at, blob, seconds, error, traceback, crc in rows:
            if crc != _crc(key, n, status, texts.get(at, ""), blob):
                raise _damaged(self.file, f"replication {n} of point {key[:8]}… is not as it was written")
            figures = None if blob is None else np.frombuffer(blob, dtype="<f8")
            yield Record(key, n, status, names.get(at, ()), figures, seconds, error, traceback)

    def begin(self, about: Mapping[str, Any], points: Iterable[Sequence[Any]]) -> None:
        """Write what the sweep is, and its points, into a new ledger, and put it in its place."""
        fresh = _fresh(self.file)
        for key, value in about.items():
            self.tell(key, value)
        self.add_points(points)
        self.close()
        os.replace(fresh, self.file)
        _sync(self.file.parent)
        self._sql = _connected(self.file)
        _log_ahead(self._sql, self.file)

    def add_points(self, points: Iterable[Sequence[Any]]) -> None:
        """Add points: number, base, levels, changes, key, replication."""
        rows = ((n, base, _json(levels), _json(changes), key, r) for n, base, levels, changes, key, r in points)
        with _told(self.file), self._sql:
            self._sql.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?, ?)", rows)

    def tell(self, key: str, value: Any) -> None:
        """Add or replace one entry of `about`."""
        with _told(self.file), self._sql:
            self._sql.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, _json(value)))

    def keep(self, key: str, replication: int, outcome: Run | Mishap) -> None:
        """Write down what came of a run; when this returns, it is on the disk."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        row: tuple[Any, ...]
        try:
            with _told(self.file, "; the runs before are kept"), self._sql:
                if isinstance(outcome, Mishap):
                    crc = _crc(key, replication, outcome.status, "", None)
                    row = (outcome.status, None, None, None, _text(outcome.error), _text(outcome.traceback), moment)
                else:
                    number, text = self._named(outcome.names)
                    blob = outcome.values.astype("<f8").tobytes()
                    crc = _crc(key, replication, OK, text, blob)
                    row = (OK, number, blob, outcome.seconds, None, None, moment)
                self._sql.execute(
                    "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (key, replication, *row, crc)
                )
        except BaseException:
            self._names.clear()  # what was written of them is taken back
            raise

    def _named(self, names: tuple[str, ...]) -> tuple[int, str]:
        """The number and text of a list of names, written down once."""
        if names not in self._names:
            text = _json(names)
            self._sql.execute("INSERT OR IGNORE INTO names (names) VALUES (?)", (text,))
            [(number,)] = self._sql.execute("SELECT id FROM names WHERE names = ?", (text,))
            self._names[names] = number, text
        return self._names[names]

    def close(self) -> None:
        """What is written stays; nothing more can be."""
        self._sql.close()

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with _told(self.file):
            return self._sql.execute(query).fetchall()


@contextmanager
def reading(folder: Path) -> Iterator[Ledger]:
    """The ledger of a folder, to look into, even while a sweep writes it. Raises LedgerError, OSError."""
    file = folder / FILE
    if not file.is_file():
        raise LedgerError(f"{file}: there is no ledger")
    with closing(_examined(file)) as connection:  # not a read-only one, which would leave its side files behind
        connection.execute("PRAGMA query_only = ON")
        yield Ledger(file, connection)


@contextmanager
def writing(folder: Path) -> Iterator[tuple[Ledger, bool]]:
    """The ledger of a folder, to write, and whether it is new, and must `begin`; nobody else can write it meanwhile.

    Raises LedgerError if somebody does, or the file there is damaged or not ours; BadStudyError if the results of a
    scenario are there; OSError if nothing can be written.
    """
    for kept in (folder, folder.parent):
        if (kept / "run.json").exists():  # the next run of that scenario would replace it with the ledger
            raise BadStudyError(f"{kept}{os.sep} holds the results of a scenario; give another --out")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    with _locked(folder / LOCK):
        new = not file.exists()
        if new:
            connection = _created(file)
        else:
            connection = _examined(file)
            _log_ahead(connection, file)
        ledger = Ledger(file, connection)
        try:
            yield ledger, new
        finally:
            ledger.close()
            _fresh(file).unlink(missing_ok=True)


def rescue(folder: Path, to: Path) -> int:
    """Copy what can still be read of a damaged ledger into a new one in another folder; how many runs that is.

    Records that are not as they were written are left out. Raises LedgerError if it cannot even be told which sweep it
    is, or if there is a ledger in the other folder.
    """
    file = folder / FILE
    if not file.is_file():
        raise LedgerError(f"{file}: there is no ledger")
    with closing(_connected(file)) as connection:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA writable_schema = ON")  # or a file that is shorter than it was is not read at all
        old = Ledger(file, connection)
        about, points = old.about(), old.points()
        texts = {row[0]: row[1] for row in _readable(connection, "SELECT id, names FROM names", "id")}
        rows = {row[:2]: row for row in _readable(connection, f"SELECT {RECORD} FROM runs", "key")}
    with writing(to) as (ledger, new):
        if not new:
            raise LedgerError(f"{to / FILE}: there is a ledger already")
        ledger.begin(about, points)
        saved = 0
        for key, n, status, at, blob, seconds, *_, crc in rows.values():
            if status == OK and at in texts and crc == _crc(key, n, status, texts[at], blob):
                ledger.keep(key, n, Run(tuple(json.loads(texts[at])), np.frombuffer(blob, dtype="<f8"), seconds))
                saved += 1
        return saved


def _readable(connection: sqlite3.Connection, query: str, column: str) -> Iterator[tuple[Any, ...]]:
    """The rows before the first one from either end that cannot be read."""
    for direction in ("ASC", "DESC"):
        with suppress(sqlite3.DatabaseError):
            yield from connection.execute(f"{query} ORDER BY {column} {direction}")


def _fresh(file: Path) -> Path:
    """Where a new ledger is until it is begun."""
    return file.with_name(f"{file.name}.new")


def _created(file: Path) -> sqlite3.Connection:
    """A new ledger, not yet in its place."""
    log = file.with_name(f"{file.name}-wal")
    if log.exists():  # it would be taken for that of the new one
        raise LedgerError(f"{log}: the ledger that it belongs to was moved away; move it there, too")
    fresh = _fresh(file)
    fresh.unlink(missing_ok=True)
    connection = _connected(fresh, new=True)
    with _told(file):
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(TABLES)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    return connection


def _examined(file: Path) -> sqlite3.Connection:
    """A ledger that is there, after a look whether it is one, and whole."""
    connection = _connected(file)
    try:
        with _told(file):
            [(application,)] = connection.execute("PRAGMA application_id")
            if application != APPLICATION:
                raise LedgerError(f"{file}: this is no ledger of a sweep; {ANEW}")
            [(verdict,), *_] = connection.execute("PRAGMA quick_check")
            if verdict != "ok":
                raise _damaged(file, " ".join(verdict.split()))
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(file: Path, *, new: bool = False) -> sqlite3.Connection:
    with _told(file):
        return sqlite3.connect(f"{file.absolute().as_uri()}?mode={'rwc' if new else 'rw'}", uri=True, timeout=10)


def _log_ahead(connection: sqlite3.Connection, file: Path) -> None:
    """A record is on the disk when it is acknowledged, at the cost of one sync; readers do not wait for the writer."""
    with _told(file):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")


@contextmanager
def _told(file: Path, but: str = "") -> Iterator[None]:
    """What SQLite says of a disk as an OSError, and of a damaged file as a LedgerError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = error.sqlite_errorcode & 0xFF  # without its details
        if code == sqlite3.SQLITE_NOTADB:
            raise LedgerError(f"{file}: this is no ledger of a sweep; {ANEW}") from None
        if code == sqlite3.SQLITE_CORRUPT:
            raise _damaged(file, error) from None
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(None, f"{error}{but}", str(file)) from error
        raise


def _damaged(file: Path, what: object) -> LedgerError:
    saving = f"corridor sweep rescue {file.parent} copies what can still be read"
    return LedgerError(f"{file}: the ledger is damaged ({what}); {saving}; {ANEW}")


def _crc(key: str, replication: int, status: str, names: str, figures: bytes | None) -> int:
    """By which a record is known to be as it was written."""
    return zlib.crc32(figures or b"", zlib.crc32(f"{key} {replication} {status} {names}".encode()))


def _sync(folder: Path) -> None:
    """Have it on the disk that a file was renamed; where folders cannot be opened, the system sees to it."""
    if os.name == "posix":
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


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


def _text(text: str) -> str:
    """A text that can be written: an error may quote what is no Unicode."""
    return text.encode("utf-8", "backslashreplace").decode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
