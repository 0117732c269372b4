"""Where the time of one replication goes: the stages from the file to the measures, timed one by one and profiled."""

from __future__ import annotations

import cProfile
import gc
import pstats
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from sim.measure import measure
from sim.model.world import World
from sim.network import build
from sim.scenario.load import load

ROOT = Path(__file__).resolve().parents[1]
STAGES = {
    "load": "from the file to the network",
    "lay-out": "demand, draws, closures, and everything in its place",
    "run": "the events",
    "journal": "the tables of what happened",
    "measures": "transit times, causes, stages, facilities, links, fleets",
}
Around = Callable[[str, Callable[[], Any]], Any]  # calls a stage, and watches it


def replicate(file: Path, around: Around) -> World:
    """One replication, stage by stage, each called by `around`."""
    gc.collect()
    network = around("load", lambda: build(load(file)))
    gc.disable()  # as the program does while it simulates
    world: World = around("lay-out", lambda: World(network, 0))
    around("run", world.run)
    gc.enable()
    journal = around("journal", world.journal)
    around("measures", lambda: measure(network, journal))
    return world


def seconds(file: Path) -> dict[str, float]:
    """CPU seconds of each stage."""
    found: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = process_time()
        result = work()
        found[stage] = process_time() - start
        return result

    replicate(file, timed)
    return found


Row = tuple[str, int, float, float]  # function, calls, own seconds, seconds with what it calls


def profile(file: Path, most: int) -> dict[str, list[Row]]:
    """The functions of each stage that take the most time of their own, as the profiler sees them: by the clock, and
    slower than they are, the small ones most."""
    found: dict[str, list[Row]] = {}

    def profiled(stage: str, work: Callable[[], Any]) -> Any:
        profiler = cProfile.Profile()
        result = profiler.runcall(work)
        found[stage] = _rows(pstats.Stats(profiler), most)
        return result

    replicate(file, profiled)
    return found


def _rows(stats: pstats.Stats, most: int) -> list[Row]:
    entries = stats.stats.items()  # type: ignore[attr-defined]
    rows = [(_name(*where), calls, own, whole) for where, (_, calls, own, whole, _) in entries]
    return sorted(rows, key=lambda row: -row[2])[:most]


def _name(file: str, line: int, function: str) -> str:
    if file == "~":
        return function.strip("<>")
    path = Path(file)
    if path.is_relative_to(ROOT / "sim"):
        return f"{path.relative_to(ROOT).as_posix()}:{line} {function}"
    return f"{path.parent.name}/{path.name} {function}"
