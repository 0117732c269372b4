"""Writes results/verification.md: the queues against theory, and how often the intervals cover the true value.

Run by `make verify`. The same numbers come out on any machine, with any number of processes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from numpy.typing import NDArray
from scipy.stats import binomtest

from sim import __version__
from sim.measure.facilities import facility_frames
from sim.model import simulate
from sim.network import Network, build
from sim.scenario.load import load
from sim.study import intervals, replicate, run
from tests.faults.test_random_files import assert_survives, faults
from tests.verification import theory
from tests.verification.corridors import Tree, corridors
from tests.verification.files import damaged, files
from tests.verification.queues import CONFIDENCE, FOLDER, QUEUES, RATE
from tests.verification.test_random_networks import assert_sound, network_of

PAGE = FOLDER.parent.parent / "results" / "verification.md"
COVERAGE = (
    "scenario",
    "quantity",
    "true",
    "replications",
    "studies",
    "covered",
    "interval",
    "below / above",
    "verdict",
)
USUAL = 0.95  # confidence of the intervals that planners see

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """A scenario whose intervals are tried out: replications in groups of several sizes, each group a study of its own.

    Where theory does not know the true values, they are means over `reference` replications more.
    """

    title: str
    network: Network
    values: dict[str, float | None]  # name → what is true, if theory knows it
    groups: tuple[int, ...]  # replications a study
    replications: int
    reference: int


def observe_queue(network: Network, replication: int) -> list[float]:
    """Wait, number waiting and use at b."""
    facilities, _ = facility_frames(network, simulate(network, replication))
    row = facilities.set_index(["place", "facility"]).loc[("b", "berth tracks")]
    return [float(row[name]) for name in ("mean_wait_h", "mean_queue", "utilisation")]


def observe_corridor(network: Network, replication: int) -> list[float]:
    """Days from release to arrival: mean, quantiles and the promise westbound, mean eastbound."""
    units = simulate(network, replication).units
    inside = (units["released"] >= 0) & (units["released"] < network.model.run.length)
    days = (units["finished"] - units["released"]) / 24  # NaN if it has not arrived, which makes all of it unknown
    west, east = (days[inside & (units["itinerary"] == flow)] for flow in (0, 1))
    promise = network.model.routes["middle"].promise
    within = (24 * west >= promise.low) & (24 * west <= promise.high)
    return [float(x) for x in (west.mean(), *np.quantile(west, [0.5, 0.9]), within.mean(), east.mean())]


def queue_trial(scale: float) -> Trial:
    short = ["run.warm_up=10 d", "run.length=60 d", "run.run_out=5 d"]
    wait = theory.m_m_c(RATE, 7, 2)
    true = {"wait, h": wait, "number waiting": RATE * wait, "use": RATE * 7 / 2}
    network = build(load(FOLDER / "queue.yaml", set=short))
    return Trial("M/M/2, 60 days", network, dict(true), (5, 10, 20), round(5000 * scale), 0)


def corridor_trial(scale: float) -> Trial:
    short = ["run.length=60 d", "run.run_out=40 d"]
    names = ["mean, d", "median, d", "P90, d", "share within the promise", "mean eastbound, d"]
    network = build(load(FOLDER.parent / "corridor.yaml", set=short))
    return Trial("corridor, 60 days", network, dict.fromkeys(names), (5, 10), round(2500 * scale), round(1000 * scale))


def queue_rows(replications: int) -> tuple[list[list[str]], int]:
    """The table of all comparisons with theory, and how many of them lie in the narrower, usual interval."""
    rows, usual = [], 0
    for queue in QUEUES:
        print(queue.name, file=sys.stderr)
        result = run(queue.network(), replications)
        for quantity in queue.quantities:
            wide, narrow = quantity.of(result), quantity.of(result, USUAL)
            usual += narrow.low <= quantity.expected <= narrow.high
            rows.append(
                [
                    queue.name,
                    queue.source,
                    quantity.name,
                    f"{quantity.expected:.4g}",
                    f"{wide.value:.4g}",
                    f"{wide.low:.4g} – {wide.high:.4g}",
                    "yes" if wide.low <= quantity.expected <= wide.high else "**no**",
                ]
            )
    return rows, usual


def coverage_rows(trial: Trial, task: object) -> list[list[str]]:
    """How often the intervals of many studies cover the true values."""
    print(trial.title, file=sys.stderr)
    outcomes = replicate(task, trial.network, range(trial.replications + trial.reference))
    if outcomes.failures:
        raise RuntimeError(outcomes.failures[0].traceback)
    table = np.array(list(outcomes.values.values()))
    studies, reference = table[: trial.replications], table[trial.replications :]
    rows = []
    for column, (name, true) in enumerate(trial.values.items()):
        value = float(reference[:, column].mean()) if true is None else true
        for size in trial.groups:
            rows.append([trial.title, name, f"{value:.4g}", *covered(studies[:, column], size, value)])
    return rows


def covered(values: Floats, size: int, true: float) -> list[str]:
    """Replications a study, studies, share of their 95 % intervals that cover `true`, its own interval, the verdict."""
    studies = values[: len(values) // size * size].reshape(-1, size)
    _, low, high = intervals(studies, USUAL)
    hits = int(np.count_nonzero((low <= true) & (true <= high)))
    share = binomtest(hits, len(studies)).proportion_ci(USUAL)
    below, above = np.mean(high < true), np.mean(low > true)
    verdict = "**too few**" if share.high < USUAL else "too many" if share.low > USUAL else "as promised"
    return [
        str(size),
        str(len(studies)),
        f"{hits / len(studies):.1%}",
        f"{share.low:.1%} – {share.high:.1%}",
        f"{below:.1%} / {above:.1%}",
        verdict,
    ]


def random_counts(scale: float) -> Counter[str]:
    """Random corridors and files tried, and what was in them; raises at the first that fails."""
    print("random corridors", file=sys.stderr)
    counts: Counter[str] = Counter()
    drawn = settings(
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

    @settings(drawn, max_examples=max(round(500 * scale), 2))
    @given(corridors())
    def corridor(tree: Tree) -> None:
        network = network_of(tree)
        journal = assert_sound(network)
        kinds = {f"with {service.kind}" for service in network.model.services.values()}
        kinds |= {f"with {section}" for section in ("borders", "ports") if getattr(network.model, section)}
        counts.update(["corridors", *kinds])
        counts.update(boxes=len(journal.units["released"]), events=journal.events, trips=journal.trips)
        counts.update(arrived=int(np.isfinite(journal.units["finished"]).sum()))

    @settings(drawn, max_examples=max(round(300 * scale), 2))
    @given(files())
    def sound(texts: dict[str, str]) -> None:
        with TemporaryDirectory() as folder:
            assert_survives(texts, Path(folder))
        counts.update(["sound files"])

    @settings(drawn, max_examples=max(round(1000 * scale), 2))
    @given(damaged())
    def bad(case: tuple[str, bytes]) -> None:
        with TemporaryDirectory() as folder:
            told = faults(case[1], Path(folder))
        counts.update(["damaged files", "refused" if told else "harmless"])

    corridor()
    sound()
    bad()
    return counts


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def page(scale: float) -> str:
    """The whole text; `scale` of the replications that are published."""
    replications = max(round(40 * scale), 2)
    queues, usual = queue_rows(replications)
    queue, corridor = queue_trial(scale), corridor_trial(scale)
    coverage = [*coverage_rows(queue, observe_queue), *coverage_rows(corridor, observe_corridor)]
    tried = random_counts(scale)
    kinds = ", ".join(f"{tried[kind]} {kind}" for kind in sorted(tried) if kind.startswith("with "))
    outside = sum(row[-1] != "yes" for row in queues)
    short = sum(row[-1] == "**too few**" for row in coverage)
    return f"""\
# Verification

Written by `make verify` with version {__version__}. Do not edit.

## Queues against theory

Each queue is a scenario file in [tests/verification](../tests/verification), run by the real program: {replications}
replications, and the {CONFIDENCE:.1%} t interval of their mean. Sources and formulas are in
[theory.py](../tests/verification/theory.py). Of {len(queues)} quantities, {outside} have an interval in which theory
does not lie. In the narrower 95 % interval it lies for {usual}, where {USUAL * len(queues):.0f} are due.

{markdown(["queue", "theory by", "quantity", "theory", "simulated", "interval", "inside"], queues)}

## Coverage of the intervals

A study is a few replications and the 95 % t interval of their mean, by the same code that `corridor run` uses. Many
studies are made, each with replications of its own, and it is counted how often the interval covers the true value.
For the queue this is known from theory; for [the small corridor](../tests/corridor.yaml) it is the mean over
{corridor.reference} other replications. The interval of the share itself is that of the binomial distribution (95 %,
exact). Too few means that this interval lies below 95 %: it is so in {short} of {len(coverage)} rows. “Below / above”
tells the shares of studies whose interval lies wholly below and wholly above the true value.

{markdown(COVERAGE, coverage)}

## Random corridors and files

{tried["corridors"]} random corridors ({kinds}) were run in the checked mode:
{tried["boxes"]} boxes, of which {tried["arrived"]} arrived, {tried["trips"]} trips, {tried["events"]} events.
After each event every box, vehicle, berth and yard was accounted for; the causes of the hours add up to the mean of
each route; no time is negative; and the run without the check gives the same journal to the bit.

{tried["sound files"]} random files in many styles of YAML were loaded, written back, loaded again as the same scenario,
and run. Of {tried["damaged files"]} damaged files, {tried["refused"]} were refused with file, line and column, and
{tried["harmless"]} still made a sound scenario. A failure of any of them stops `make verify`.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Write results/verification.md.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the published number of replications")
    parser.add_argument("--out", type=Path, default=PAGE)
    arguments = parser.parse_args()
    text = page(arguments.scale)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
