"""This program with its model compiled: it lives in an environment of its own, `.venv-fast`, which `make fast` makes.

A process there reads scenario files and runs replications as they are asked for; it is asked line by line on its
standard input, and answers by pickles.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.corridor import Floats

SECONDS, MILESTONES = "seconds", "milestones"  # what may be asked for
PYTHON = Path(__file__).parents[1] / ".venv-fast" / "bin" / "python"


def available() -> bool:
    """Whether `make fast` has been here."""
    return PYTHON.exists()


class Compiled:
    """The process, for as long as it is needed."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(PYTHON), "-P", __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def _ask(self, what: str, file: Path) -> Any:
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(f"{what} {file}\n".encode())
        asked.flush()
        return pickle.load(answers)

    def seconds(self, file: Path) -> float:
        """CPU seconds of one replication of a scenario file."""
        seconds: float = self._ask(SECONDS, file)
        return seconds

    def milestones(self, file: Path) -> Floats:
        """The hours of each box in it."""
        hours: Floats = self._ask(MILESTONES, file)
        return hours

    def end(self) -> None:
        self._process.communicate()


def answer() -> None:
    """What the process does until nothing more is asked."""
    from sim._version import compiled
    from sim.model import simulate
    from sim.network import Network, build
    from sim.scenario.load import load

    if not compiled():
        raise SystemExit("the model is not compiled in .venv-fast: make fast")
    sys.path.append(str(Path(__file__).parents[1]))  # behind all others, so that `sim` is not that of the sources
    from benchmarks.corridor import milestones

    networks: dict[str, Network] = {}
    for line in sys.stdin:
        what, _, file = line.removesuffix("\n").partition(" ")
        if file not in networks:
            networks[file] = build(load(file))
        gc.collect()
        start = process_time()
        journal = simulate(networks[file])
        seconds = process_time() - start
        pickle.dump(milestones(journal) if what == MILESTONES else seconds, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    answer()
