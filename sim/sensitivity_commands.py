"""`corridor sensitivity`: which of many uncertain numbers decide."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sim.cli import FailedRuns, print_json, prints_json, stopping, unhurried
from sim.show.shell import in_shell
from sim.sweep_commands import SweepStopped, goes_on, ledger_errors, takes_out


@click.command()
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only show the factors, and how long both stages may take.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a processor if not given.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster: the address of its scheduler, tcp://….")
@click.option("--again", is_flag=True, help="Do the runs once more that failed or took too long.")
@takes_out
@prints_json
def sensitivity(
    file: str, dry_run: bool, workers: int | None, scheduler: str | None, again: bool, out: Path, as_json: bool
) -> None:
    """Find out which factors decide: screen all of FILE (a sweep file with a Morris design), weigh those that matter.

    What stopped goes on where it was. The page with plots and words is README.md in the folder of the study.
    """
    import sim
    from sim.show.progress import progress
    from sim.show.sensitivity import forecast_table, save_study, study_json, study_table
    from sim.show.terminal import terminal
    from sim.sweeps import read_sweep
    from sim.sweeps.sensitivity import KINDS, forecast, study

    plan = read_sweep(file, sim.library())
    folder, console = out / plan.name, terminal()
    command, ledgers = in_shell("sensitivity", file, out), [folder / stage for stage in KINDS]
    if dry_run:
        with ledger_errors():
            expected = forecast(plan, folder, workers)
        print_json(expected) if as_json else console.print(forecast_table(plan, expected))
        return
    with ledger_errors(), goes_on(command, *ledgers):
        found = study(
            plan, folder, workers=workers, scheduler=scheduler, again=again, progress=progress, on_stop=stopping
        )
    failures = [failure for result in found.stages for failure in result.failures["error"]]
    if failures and not len(found.screening.runs):
        raise FailedRuns(f"none of {len(failures)} runs gave a result; the first: {failures[0]}")
    with unhurried(folder):
        save_study(found, folder)
    click.echo(f"{plan.name}: saved in {folder}{os.sep}", err=True)
    print_json(study_json(found)) if as_json else console.print(study_table(found, console.width))
    if found.interrupted:
        raise SweepStopped(command, *ledgers)
    if failures:
        raise FailedRuns(f"{len(failures)} runs gave no result; the first: {failures[0]}")
