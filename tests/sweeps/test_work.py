"""One run of a sweep: the same figures to the bit as all measures of the replication would give."""

from __future__ import annotations

import pytest

from sim.measure import Essentials, carried, measure
from sim.model import simulate
from sim.network import build
from sim.scenario.load import Scenario, altered, load
from sim.sweeps.outcomes import figures
from sim.sweeps.work import Job, work
from tests.sweeps.sweeping import SMALL


@pytest.fixture(scope="module")
def base() -> Scenario:
    return load(SMALL, set=["run.length=20 d", "run.warm_up=5 d"])


@pytest.mark.parametrize("changes", [(), ('ports.east-port.depth="5 m"', "fleets.feeders.vessels=1")])
def test_a_run_has_the_figures_of_all_measures(base: Scenario, changes: tuple[str, ...]) -> None:
    network = build(altered(base, changes))
    journal = simulate(network, 3)
    frames = measure(network, journal)
    names, values = figures(
        Essentials(
            *(frame.to_dict("records") for frame in (frames.routes, frames.facilities)),
            *(list(frame.itertuples(index=False)) for frame in (frames.costs, frames.emissions)),
            carried(network, journal)["teu_a_year"].tolist(),
        )
    )
    run = work({"small": base}, Job(f"key of {changes}", "small", changes, 3))
    assert run.names == names
    assert run.values.tobytes() == values.tobytes()
    assert run.seconds > 0


def test_a_run_does_not_depend_on_the_runs_before_it_in_its_process(base: Scenario) -> None:
    jobs = [Job(f"vessels {n}", "small", (f"fleets.feeders.vessels={n}",), r) for n in (1, 2, 3) for r in (0, 1)]
    there = {job: work({"small": base}, job).values.tobytes() for job in jobs}
    back = {job: work({"small": base}, job).values.tobytes() for job in reversed(jobs)}
    assert there == back
    assert len(set(there.values())) > 1
