"""`corridor optimise`: the cheapest set of measures that meets a target."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sim.cli import FailedRuns, print_json, prints_json, stopping, unhurried
from sim.show.shell import in_shell
from sim.sweep_commands import SweepStopped, goes_on, ledger_errors, takes_out


@click.command()
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only show the levers, and how long the search may take.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a processor if not given.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster: the address of its scheduler, tcp://….")
@click.option("--again", is_flag=True, help="Do the runs once more that failed or took too long.")
@takes_out
@prints_json
def optimise(
    file: str, dry_run: bool, workers: int | None, scheduler: str | None, again: bool, out: Path, as_json: bool
) -> None:
    """The cheapest set of measures that meets a target, with its confidence, and what more money would buy.

    FILE names levers with their costs, and the target; see scenarios/optimise/. Each run is in a ledger as soon as it
    has ended: the same command goes on where it was stopped.
    """
    import sim
    from sim.show.optimise import dry_table, optimise_json, optimise_table, save_optimisation
    from sim.show.progress import progress
    from sim.show.terminal import terminal
    from sim.sweeps.levers import read_optimisation
    from sim.sweeps.optimised import estimate, run_optimisation

    plan = read_optimisation(file, sim.library())
    folder, console = out / f"optimise-{plan.sweep.name}", terminal()
    command = in_shell("optimise", file, out)
    with ledger_errors():
        if dry_run:
            found = estimate(plan, folder, workers)
            print_json(found) if as_json else console.print(dry_table(plan, found))
            return
        with goes_on(command, folder), progress(plan.sweep.title) as on_done:
            result = run_optimisation(
                plan, folder, workers=workers, scheduler=scheduler, again=again, on_done=on_done, on_stop=stopping
            )
    with unhurried(folder):
        save_optimisation(result, folder)
    click.echo(f"{result.name}: saved in {folder}{os.sep}", err=True)
    print_json(optimise_json(result)) if as_json else console.print(optimise_table(result))
    if result.interrupted:
        raise SweepStopped(command, folder)
    if len(result.failures):
        first = result.failures.iloc[0]
        raise FailedRuns(f"{len(result.failures)} runs gave no result; the first: {first['error']}")
