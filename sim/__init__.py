"""An open simulator of freight corridors: how long freight takes by each route, how sure that is, and why.

    import sim

    scenario = sim.load("scenarios/baseline-2024.yaml")
    result = sim.simulate(scenario, replications=5)
    result.summary()

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sim._version import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from sim.network import Network, load
    from sim.scenario.faults import ScenarioError
    from sim.scenario.load import Scenario
    from sim.scenario.sources import ranged, sources
    from sim.show.views import ComparisonView, ResultView, SweepView
    from sim.study import BadStudyError, Comparison, OnDone, Result, StudyError
    from sim.study.binding import Binding
    from sim.study.evidence import Evidence
    from sim.sweeps import LedgerError, SweepResult
    from sim.sweeps.optimised import OptimisationResult

__all__ = [
    "BadStudyError",
    "Comparison",
    "LedgerError",
    "OptimisationResult",
    "Result",
    "Scenario",
    "ScenarioError",
    "StudyError",
    "SweepResult",
    "__version__",
    "binding",
    "compare",
    "evidence",
    "library",
    "load",
    "optimise",
    "ranged",
    "simulate",
    "sources",
    "sweep",
    "why",
]

_HOMES = {
    "BadStudyError": "sim.study",
    "Comparison": "sim.study",
    "LedgerError": "sim.sweeps",
    "OptimisationResult": "sim.sweeps.optimised",
    "Result": "sim.study",
    "Scenario": "sim.scenario.load",
    "ScenarioError": "sim.scenario.faults",
    "StudyError": "sim.study",
    "SweepResult": "sim.sweeps",
    "load": "sim.network",
    "ranged": "sim.scenario.sources",
    "sources": "sim.scenario.sources",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: `sim.load`, and the types that results have."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})


def simulate(
    scenario: Scenario | str | os.PathLike[str],
    *,
    replications: int | Sequence[int] | None = None,
    until: str | Sequence[str] = (),
    most: int = 200,
    workers: int | None = None,
    check: bool = False,
    on_done: OnDone | None = None,
) -> ResultView:
    """Simulate one scenario.

    `scenario` is what `sim.load` gave, or a file. `replications` is how many (or which) random years to run; none: as
    many as the scenario says. They run in `workers` processes (none: one a processor), with the same result to the bit
    for any number of them. `on_done(finished, of, seconds_left)` is called after each. With `check`, every box, vehicle
    and place is accounted for after every event, which takes several times as long; what does not agree is a failure.

    Raises ScenarioError if the scenario cannot be used, StudyError if every replication failed, and KeyboardInterrupt
    if Ctrl-C came before the first had finished; later, the result holds those that had (`complete` is False).
    The result has a plot for each of its frames: `plot_transit`, `plot_stages`, `plot_facilities`, `plot_queues`,
    `plot_map`; and `promises` and `plot_promise` tell how often the published times are kept.
    """
    from sim.show.views import view
    from sim.study import checked, measured, run

    network, task = _network(scenario), checked if check else measured
    return view(run(network, replications, until=until, most=most, workers=workers, on_done=on_done, task=task))


def compare(
    scenarios: Scenario | str | os.PathLike[str] | Sequence[Scenario | str | os.PathLike[str]],
    *,
    replications: int | Sequence[int] | None = None,
    until: str | Sequence[str] = (),
    most: int = 200,
    workers: int | None = None,
    check: bool = False,
    on_done: OnDone | None = None,
) -> ResultView | ComparisonView:
    """Compare the routes of one scenario (a Result), or several scenarios with the first of them (a Comparison).

    Several are paired by replication: each meets the same demand and the same weather in all of them, so that
    differences show with few replications. Of several with one name, the later ones are numbered: "baseline-2024 (2)".
    Parameters and errors are those of `simulate`; a target may also bound a difference, as in "difference.mean ± 0.5
    d". BadStudyError also if their seeds, starts or warm-ups differ.
    """
    from sim.scenario.load import Scenario
    from sim.show.views import view, view_comparison
    from sim.study import StudyError, check_pairing, checked, measured, run_all, settle
    from sim.study import compare as pair

    several = [scenarios] if isinstance(scenarios, str | os.PathLike | Scenario) else scenarios
    if not several:
        raise StudyError("at least one scenario is needed")
    networks = _told_apart([_network(scenario) for scenario in several])  # all are checked before the first runs
    networks = settle(networks, workers=workers, on_done=on_done)
    check_pairing(networks)
    task = checked if check else measured
    results = run_all(networks, replications, until=until, most=most, workers=workers, on_done=on_done, task=task)
    if len(results) < len(networks):
        raise KeyboardInterrupt
    return view(results[0]) if len(results) == 1 else view_comparison(pair(results))


def _told_apart(networks: list[Network]) -> list[Network]:
    """The same with names of their own."""
    from collections import Counter
    from dataclasses import replace

    met: Counter[str] = Counter()
    named = []
    for network in networks:
        met[network.name] += 1
        count = met[network.name]
        named.append(network if count == 1 else replace(network, name=f"{network.name} ({count})"))
    return named


def evidence(
    replications: int | None = None,
    *,
    changes: Sequence[str] = (),
    workers: int | None = None,
    on_done: OnDone | None = None,
) -> Evidence:
    """Run the calibration and validation cases and compare them with what was observed: `corridor evidence`.

    `replications` of each case (none: as many as its scenario says), with `path=value` changes. Raises StudyError if
    every replication of a case failed, and KeyboardInterrupt after Ctrl-C.
    """
    from sim.study.evidence import evidence as compared

    return compared(library(), replications, workers=workers, changes=changes, on_done=on_done)


def why(
    scenario: Scenario | str | os.PathLike[str],
    *,
    replications: int | Sequence[int] | None = None,
    workers: int | None = None,
    on_done: OnDone | None = None,
) -> ResultView:
    """Simulate one scenario as `simulate` does, and keep what is different about late boxes.

    The result also has `waterfall(flow, route)`, the steps from the free-flow time over the mean to the P90 by cause
    and place, and `plot_why(flow, route)`.
    """
    from sim.show.views import view
    from sim.study import run
    from sim.study.why import explained

    return view(run(_network(scenario), replications, workers=workers, on_done=on_done, task=explained))


def binding(
    scenario: Scenario | str | os.PathLike[str],
    *,
    replications: int | None = None,
    flow: str | None = None,
    route: str | None = None,
    top: int = 8,
    workers: int | None = None,
    on_done: OnDone | None = None,
) -> Binding:
    """What one more vessel, train set, berth, crane, path and so on would gain: see `sim.study.binding.Binding`.

    The `top` changes that could take the most waiting away are tried, each paired with the scenario as it is. Gains
    are those of the boxes of `flow` and `route`; none: of all compared ones. Errors are those of `simulate`.
    """
    from sim.network import load
    from sim.scenario.load import Scenario
    from sim.study.binding import find_binding

    read = scenario if isinstance(scenario, Scenario) else load(scenario)
    return find_binding(read, replications, flow=flow, route=route, top=top, workers=workers, on_done=on_done)


def sweep(
    file: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] = "results",
    replications: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
    again: bool = False,
    on_done: OnDone | None = None,
) -> SweepView:
    """Begin a sweep, or go on with it where it stopped, as `corridor sweep FILE` does.

    Its ledger is in the folder `out`/<name of the file>. `scheduler` is the address of a Dask cluster; without one it
    runs in `workers` processes (none: one a processor). With `again`, runs that failed are done once more.

    The result has frames `points`, `runs` and `failures`, `estimates()` with intervals, and plots: `plot_response`,
    `plot_heat_map`, `plot_tornado`, `plot_trade_off`. After Ctrl-C it holds what had finished.

    Raises ScenarioError for faults of the file or its scenarios, BadStudyError if the sweep cannot be made, LedgerError
    if the ledger is damaged, in use or that of another sweep, OSError if it cannot be written.
    """
    from pathlib import Path

    from sim.show.views import view_sweep
    from sim.sweeps import read_results, read_sweep, replicated, run_sweep

    plan = read_sweep(file, library())
    if replications is not None:
        plan = replicated(plan, replications)
    folder = Path(out) / plan.name
    interrupted = run_sweep(plan, folder, workers=workers, scheduler=scheduler, again=again, on_done=on_done)
    return view_sweep(read_results(folder, interrupted=interrupted))


def optimise(
    file: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] = "results",
    workers: int | None = None,
    scheduler: str | None = None,
    again: bool = False,
    on_done: OnDone | None = None,
) -> OptimisationResult:
    """The cheapest set of measures that meets a target, as `corridor optimise FILE` finds it.

    Its ledger is in the folder `out`/optimise-<name of the file>; what it has is not run again. The other parameters
    and the errors are those of `sweep`. The result has `winner` and `nearest`, and frames `candidates`, `runs`
    and `failures`.
    """
    from pathlib import Path

    from sim.sweeps.levers import read_optimisation
    from sim.sweeps.optimised import run_optimisation

    plan = read_optimisation(file, library())
    folder = Path(out) / f"optimise-{plan.sweep.name}"
    return run_optimisation(plan, folder, workers=workers, scheduler=scheduler, again=again, on_done=on_done)


def _network(scenario: Scenario | str | os.PathLike[str]) -> Network:
    """What is to be simulated. Raises BadStudyError if it does not fit into the memory."""
    from sim.network import build, load
    from sim.scenario.load import Scenario
    from sim.study import check_memory

    network = build(scenario if isinstance(scenario, Scenario) else load(scenario))
    check_memory([network])
    return network


def library() -> Path:
    """The folder of the scenarios that come with the program: inside an installed package, or in the checkout."""
    from pathlib import Path

    package = Path(__file__).resolve().parent
    installed = package / "data" / "scenarios"
    return installed if installed.is_dir() else package.parent / "scenarios"
