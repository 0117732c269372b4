"""What tests of sweeps share: the small sweep, its files, and how to watch processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pandas as pd
from click.testing import Result

from tests.processes import group

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests" / "user" / "small.yaml"
SWEEP = """\
title: Depths and demand at a small sea
base: small.yaml
set: {run.length: 20 d, run.warm_up: 5 d}
factors:
  depth: {path: "ports.*.depth", values: [5 m, 6 m]}
  demand: {path: "demand.*.volume", how: times, values: [0.8, 1.1, 1.4]}
design: {kind: grid}
replications: 4
outcomes: [transit.p50, promise.within, cost, "use[east-port]"]
"""
RUNS = 24
PATIENCE = 120  # s, for what takes seconds on a machine with nothing else to do

Corridor = Callable[..., Result]
Start = Callable[..., subprocess.Popen[str]]


def lay_out(folder: Path, sweep: str = SWEEP) -> Path:
    """A folder with the base scenario and `tiny.yaml`, the sweep file."""
    (folder / "small.yaml").write_bytes(SMALL.read_bytes())
    (folder / "tiny.yaml").write_text(sweep, encoding="utf-8")
    return folder


def runs(folder: Path) -> pd.DataFrame:
    """The exported table of runs."""
    return pd.read_parquet(folder / "results" / "tiny" / "runs.parquet")


def documented(text: str, kind: str) -> Any:
    """What a command printed with --json, if it has the form that is documented under this name."""
    schema = json.loads((ROOT / "docs" / "sweep-results.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    found = json.loads(text)
    jsonschema.validate(found, {**schema, "oneOf": [{"$ref": f"#/$defs/{kind}"}]})
    jsonschema.validate(found, schema)  # it has no other of the forms
    return found


def outcome(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code of a process and what it said on stderr, when it has ended."""
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def stopped_at_once(process: subprocess.Popen[str]) -> str:
    """What a process says at which Ctrl-C was pressed twice while its workers were at runs of a minute."""
    eventually(lambda: len(group(process.pid)) >= 3)
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    code, err = outcome(process)
    assert time.monotonic() - begun < 30  # the runs are not waited for
    assert code == 130
    assert "Traceback" not in err
    eventually(lambda: not group(process.pid))
    return err


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, "it never was so"
        time.sleep(0.02)
