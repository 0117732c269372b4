"""make bench: times the program and its rivals on the reference corridor, and writes results/benchmark.md.

Before anything is timed, all must have come to the same hours for every box, to the bit. Everything is then
timed by turns in CPU seconds of the process that does it, so that what else the machine does strikes all alike; ratios
are those of medians, and beside them stands how they differ from turn to turn. README.md beside this file says what is
compared.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import monotonic, process_time

import numpy as np

from benchmarks import compiled, stages, sweeps
from benchmarks.compiled import Compiled
from benchmarks.corridor import Corridor, Floats, differing, draw, milestones
from benchmarks.rivals import with_c, with_ciw, with_heapq, with_salabim, with_simpy
from sim import __version__
from sim.model import simulate
from sim.network import Network, build
from sim.scenario.load import load

HERE = Path(__file__).parent
BASELINE = HERE.parent / "scenarios" / "baseline-2024.yaml"
RESULT = HERE.parent / "results" / "benchmark.md"
PACKAGES = ("numpy", "scipy", "pandas", "simpy", "salabim", "ciw")
PROGRAM = "this program"
COMPILED = "this program, compiled"
OURS = (PROGRAM, COMPILED)  # they draw while they run
DRAWS = "draws"
SIZES = ("", "-ferries", "-200k", "-1m")  # of the reference corridor
TITLES = {
    "": "50,000 boxes",
    "-ferries": "50,000 boxes, 16 ferries",
    "-200k": "200,000 boxes",
    "-1m": "1,000,000 boxes",
}
FUNCTIONS = 7  # shown of each stage
TURN = 0.5  # s that a turn takes at least: what takes milliseconds is done over and over in it
REPETITIONS = 7  # of what a sweep costs

Rival = Callable[[Corridor], Floats]


@dataclass(frozen=True)
class Size:
    """One size of the reference corridor, and those who simulate it."""

    key: str
    network: Network
    corridor: Corridor
    rivals: dict[str, Rival]

    @property
    def title(self) -> str:
        return TITLES[self.key]

    @property
    def boxes(self) -> int:
        return self.corridor.boxes


def rivals(key: str) -> dict[str, Rival]:
    """Who is measured at this size: the slow ones only where they end."""
    everybody: dict[str, Rival] = {"SimPy, a process a box": with_simpy.simulate, "heapq by hand": with_heapq.simulate}
    if key == "":
        everybody["salabim, a component a box"] = with_salabim.simulate
    if key == "-1m":
        del everybody["SimPy, a process a box"]
    if with_c.available():
        everybody["C, compiled"] = with_c.simulate
    return everybody


def read(key: str) -> Size:
    network = build(load(file_of(key)))
    return Size(key, network, draw(network), rivals(key))


def file_of(key: str) -> Path:
    return HERE / f"reference-corridor{key}.yaml"


def check(size: Size, fast: Compiled | None) -> dict[str, int]:
    """How many boxes have other hours in each than in the loop by hand."""
    due = with_heapq.simulate(size.corridor)
    found = {PROGRAM: differing(milestones(simulate(size.network)), due)}
    if fast is not None:
        found[COMPILED] = differing(fast.milestones(file_of(size.key)), due)
    return found | {name: differing(rival(size.corridor), due) for name, rival in size.rivals.items()}


Jobs = dict[tuple[str, str], Callable[[], float]]  # each does something and tells its CPU seconds


def here(job: Callable[..., object], *what: object) -> float:
    """CPU seconds of this process."""
    gc.collect()
    start = process_time()
    job(*what)
    return process_time() - start


def jobs(sizes: Iterable[Size], fast: Compiled | None) -> Jobs:
    """All that is timed, by size and name."""
    found: Jobs = {}
    for size in sizes:
        found[size.key, PROGRAM] = partial(here, simulate, size.network)
        if fast is not None:
            found[size.key, COMPILED] = partial(fast.seconds, file_of(size.key))
        found[size.key, DRAWS] = partial(here, draw, size.network)
        for name, rival in size.rivals.items():
            found[size.key, name] = partial(here, rival, size.corridor)
    return found


def timed(work: Jobs, turns: int) -> dict[tuple[str, str], list[float]]:
    """CPU seconds of each job in each of its turns: the median, where it is done several times in one."""
    found: dict[tuple[str, str], list[float]] = {key: [] for key in work}
    for number in range(turns):
        for key, job in work.items():
            print(f"turn {number + 1} of {turns}: {' '.join(key).strip()}", file=sys.stderr)
            end = monotonic() + TURN
            times = [job()]
            while monotonic() < end:
                times.append(job())
            found[key].append(median(times))
    return found


def ciw_part(corridor: Corridor, turns: int) -> str:
    """What Ciw can express, beside SimPy."""
    both: Jobs = {
        ("", "Ciw"): partial(here, with_ciw.unloaded, corridor),
        ("", "SimPy"): partial(here, with_ciw.unloaded_in_simpy, corridor),
    }
    differ = differing(with_ciw.unloaded(corridor)[None], with_ciw.unloaded_in_simpy(corridor)[None])
    if differ:
        raise SystemExit(f"Ciw and SimPy unload {differ} boxes at different hours")
    ciw, simpy = [median(x) for x in timed(both, turns).values()]
    return (
        "Ciw can express the block trains and one pool of cranes that unloads them, and nothing that waits until it is "
        "full. On that part it and SimPy with a process a box unload every box at the same hour, to the bit, in "
        f"{ciw:.2f} s and {simpy:.2f} s of CPU: {ciw / simpy:.1f} times."
    )


def machine() -> list[str]:
    """What it was measured on."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", info.read_text()) if info.exists() else None
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    compiler = ""
    if with_c.available():
        told = subprocess.run([with_c.COMPILE[0], "--version"], capture_output=True, text=True, check=True).stdout
        compiler = f"; {told.splitlines()[0]}, {' '.join(with_c.COMPILE[1:4])}"
    load_average = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return [
        f"- {date.today():%Y-%m-%d}, version {__version__} of this program",
        f"- {model[1] if model else platform.processor()}, {os.cpu_count()} processors, {platform.system()}",
        f"- load average before the run: {load_average} (anything much above 0 means that the machine was shared)",
        f"- Python {platform.python_version()}; {packages}{compiler}",
    ]


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    """A Markdown table whose first column is text and the others numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return ["", *["| " + " | ".join(line) + " |" for line in lines], ""]


def whole(name: str, found: dict[str, list[float]]) -> list[float]:
    """CPU seconds of all that one does, in each turn: the draws, too."""
    return found[name] if name in OURS else [own + draws for own, draws in zip(found[name], found[DRAWS], strict=True)]


def rivals_table(size: Size, found: dict[str, list[float]], differ: dict[str, int]) -> list[str]:
    program = found[PROGRAM]
    rows = []
    for name in differ:
        seconds = whole(name, found)
        low, high = np.percentile(np.divide(seconds, program), [25, 75])
        ratios = [median(seconds) / median(program), low, high, min(seconds) / min(program)]
        times, low_told, high_told, quietest = [f"{ratio:.3g}" for ratio in ratios]
        cells = ["1", "", ""] if name == PROGRAM else [times, f"{low_told}–{high_told}", quietest]
        rows.append([name, f"{median(found[name]):.3f}", f"{median(seconds):.3f}", *cells, str(differ[name])])
    ratio = ["times the program's", "in the middle half of the turns", "in the quietest turn of each"]
    return table([size.title, "CPU s", "with the draws", *ratio, "boxes that differ"], rows)


def flatness_table(sizes: list[Size], found: dict[str, dict[str, list[float]]]) -> list[str]:
    """CPU microseconds a box, by size."""
    scaled = [size for size in sizes if size.key != "-ferries"]
    rows = []
    for name in (*OURS, *scaled[0].rivals):
        costs = {
            size.key: [1e6 * seconds / size.boxes for seconds in whole(name, found[size.key])]
            for size in scaled
            if name in found[size.key]
        }
        if not costs:
            continue
        cells = [f"{median(costs[size.key]):.3g}" if size.key in costs else "–" for size in scaled]
        ends = costs[""], costs.get(scaled[-1].key)
        rows.append([name, *cells, *[_growth(of, *ends) for of in (median, min)]])
    growth = ["from first to last", "in the quietest turn of each"]
    return table(["µs a box, draws included", *(size.title for size in scaled), *growth], rows)


def _growth(of: Callable[[list[float]], float], first: list[float], last: list[float] | None) -> str:
    return "–" if last is None else f"{100 * (of(last) / of(first) - 1):+.0f} %"


def stage_tables(runs: list[dict[str, float]], rows: dict[str, list[stages.Row]]) -> list[str]:
    times = {stage: median(run[stage] for run in runs) for stage in stages.STAGES}
    total = sum(times.values())
    lines = table(
        ["stage", "CPU s", "share"],
        [
            *(
                [f"{stage}: {what}", f"{times[stage]:.3f}", f"{times[stage] / total:.0%}"]
                for stage, what in stages.STAGES.items()
            ),
            ["together", f"{total:.3f}", "100%"],
        ],
    )
    functions = [
        [f"{stage}: `{name}`", str(calls), f"{own:.3f}", f"{whole:.3f}"]
        for stage in stages.STAGES
        for name, calls, own, whole in rows[stage]
    ]
    return lines + table(["the profiler, by the clock", "calls", "own s", "with what it calls"], functions)


def memory(key: str) -> dict[str, float]:
    """MB that one replication adds; of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", str(file_of(key))]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent).stdout
    found: dict[str, float] = json.loads(answer)
    return found


def memory_table(keys: Iterable[str]) -> list[str]:
    rows = []
    for key in keys:
        found = memory(key)
        rows.append([TITLES[key], *(f"{found[name]:.0f}" for name in ("before", "simulated", "measured"))])
    return table(["MB, peak of the process", "before", "added by simulating", "and by the measures"], rows)


def sweep_tables() -> list[str]:
    """What a sweep adds to simulating, and what a large ledger asks."""
    parts = sweeps.parts(REPETITIONS)
    ours = [parts[name] for name in ("making the network", "sending the outcome", "writing the ledger")]
    parts |= {"network, sending and ledger": sum(ours), "these and measuring": sum(ours) + parts["measuring"]}
    rows = [[name, f"{1e3 * seconds:.2f}", f"{seconds / parts['simulating']:.2%}"] for name, seconds in parts.items()]
    size = f"{sweeps.POINTS * sweeps.REPLICATIONS:,} runs in a ledger"
    one, two = sweeps.by_workers([1, 2]).values()
    large = [[name, f"{seconds:.1f}", f"{most:.0f}"] for name, (seconds, most) in sweeps.large().items()]
    return [
        *table([f"a run of the baseline, {sweeps.REPLICATIONS} a point", "CPU ms", "of simulating"], rows),
        f"Two processes do {2 * sweeps.REPLICATIONS} runs of the baseline {one / two:.2f} times as fast as one.",
        *table([size, "CPU s", "MB, peak of the process"], large),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--turns", type=int, default=11)
    turns: int = parser.parse_args().turns
    told = machine()
    sizes = [read(key) for key in SIZES]
    fast = Compiled() if compiled.available() else None
    differ = {size.key: check(size, fast) for size in sizes}
    found: dict[str, dict[str, list[float]]] = {size.key: {} for size in sizes}
    for (key, name), seconds in timed(jobs(sizes, fast), turns).items():
        found[key][name] = seconds
    if fast is not None:
        fast.end()

    lines = [
        "# Benchmark",
        "",
        "Written by `make bench`; [benchmarks/README.md](../benchmarks/README.md) says what is compared.",
        "",
    ]
    what = f"medians of {turns} turns, in one run; of what was done several times in a turn of {TURN:g} s, its median"
    lines += [*told, f"- {what}", "", "## Against others", ""]
    lines += [
        "CPU seconds of one replication. “Boxes that differ” from the loop by hand, in any of the eight hours that all "
        "tell of each box, must be 0."
    ]
    for size in sizes:
        lines += rivals_table(size, found[size.key], differ[size.key])
    lines += [
        "",
        ciw_part(sizes[0].corridor, turns),
        "",
        "## Cost a box",
        *flatness_table(sizes, found),
    ]
    lines += ["## Memory", *memory_table(("", "-200k", "-1m"))]
    for title, file in (("the reference corridor", file_of("")), ("the baseline", BASELINE)):
        runs = [stages.seconds(file) for _ in range(turns)]
        lines += [f"## Where the time of {title} goes", *stage_tables(runs, stages.profile(file, FUNCTIONS))]
    lines += ["## What a sweep costs", *sweep_tables()]
    text = re.sub("\n{3,}", "\n\n", "\n".join(lines).strip())
    RESULT.write_text(f"{text}\n")
    print(f"written: {RESULT.relative_to(HERE.parent)}")
    if any(n for counts in differ.values() for n in counts.values()):
        raise SystemExit("not all came to the same results: what differs was not the same work")


if __name__ == "__main__":
    main()
