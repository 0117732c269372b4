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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.corridor import Floats

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

    def run(self, file: Path) -> tuple[float, Floats]:
        """CPU seconds of one replication of a scenario file, and the hour of delivery of every box."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        asked.write(f"{file}\n".encode())
        asked.flush()
        seconds, finished = pickle.load(answers)
        return seconds, finished

    def seconds(self, file: Path) -> float:
        """The first of these."""
        return self.run(file)[0]

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
    networks: dict[str, Network] = {}
    for line in sys.stdin:
        file = line.removesuffix("\n")
        if file not in networks:
            networks[file] = build(load(file))
        gc.collect()
        start = process_time()
        finished = simulate(networks[file]).units["finished"]
        pickle.dump((process_time() - start, finished), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    answer()
