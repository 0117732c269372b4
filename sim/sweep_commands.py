"""`corridor sweep`: many runs of a scenario with values varied."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from sim.cli import BadScenario, FailedRuns, Stopped, print_json, prints_json, stopping, unhurried
from sim.show.shell import RESULTS, goes_on_with

takes_out = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=RESULTS,
    show_default=True,
    help="Folder for the results; each sweep has its own in it.",
)


class SweepGroup(click.Group):
    """`corridor sweep FILE` is short for `corridor sweep run FILE`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=SweepGroup, subcommand_metavar="FILE | COMMAND [OPTIONS]")
def sweep() -> None:
    """Vary a scenario in many runs: `corridor sweep FILE` begins or goes on with a sweep file.

    Each run is in the ledger of the sweep as soon as it has ended, so that nothing is lost or done twice.
    """


takes_sweep = click.argument("target", metavar="SWEEP", type=click.Path(path_type=Path))


@sweep.command("run")
@click.argument("file", metavar="FILE", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Only show which runs there are and how long they may take.")
@click.option("-n", "--replications", type=click.IntRange(1), help="Of each point; as the file says if not given.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a processor if not given.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster: the address of its scheduler, tcp://….")
@click.option("--again", is_flag=True, help="Do the runs once more that failed or took too long.")
@takes_out
@prints_json
def run(
    file: str,
    dry_run: bool,
    replications: int | None,
    workers: int | None,
    scheduler: str | None,
    again: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Begin a sweep, or go on with it where it stopped. FILE is a sweep file, as in scenarios/sweeps/."""
    start(file, out / Path(file).stem, dry_run, replications, workers, scheduler, again, as_json)


@sweep.command()
@takes_sweep
@click.option("--workers", type=click.IntRange(1), help="Processes; one a processor if not given.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster: the address of its scheduler, tcp://….")
@click.option("--again", is_flag=True, help="Do the runs once more that failed or took too long.")
@takes_out
@prints_json
def resume(target: Path, workers: int | None, scheduler: str | None, again: bool, out: Path, as_json: bool) -> None:
    """Go on with a sweep that was stopped: SWEEP is its folder in the results, its name, or its file."""
    folder = folder_of(target, out)
    about = about_of(folder, "sweep")
    file = Path(about["file"])
    if not file.is_file() and not file.is_absolute():  # it was begun elsewhere, with its results beside it
        file = folder.parent.parent / file
    start(str(file), folder, False, about["given"], workers, scheduler, again, as_json)


@sweep.command()
@takes_sweep
@takes_out
@prints_json
def status(target: Path, out: Path, as_json: bool) -> None:
    """How far a sweep has come, even while it runs."""
    from sim.show.sweeps import status_lines
    from sim.sweeps.run import progress_of

    folder = folder_of(target, out)
    with ledger_errors():
        found = progress_of(folder)
    if as_json:
        print_json(found)
        return
    click.echo("\n".join(status_lines(found, folder)))


@sweep.command()
@takes_sweep
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the copy; each sweep has its own in it. `rescued` beside the damaged one if not given.",
)
@takes_out
def rescue(target: Path, to: Path | None, out: Path) -> None:
    """Copy what can still be read of a damaged ledger, to go on with the copy."""
    from sim.sweeps.ledger import reading
    from sim.sweeps.ledger import rescue as copy
    from sim.sweeps.run import maker

    folder = folder_of(target, out)
    copied = (to or folder.parent / "rescued") / folder.name
    with ledger_errors():
        runs = copy(folder, copied)
        with reading(copied) as ledger:
            about = ledger.about()
    made_by, move, there = maker(about), "", copied
    if made_by == "sensitivity":  # its other stages are beside the damaged one
        move, there = f"move them to {folder}{os.sep} and ", folder
    again = goes_on_with(made_by, about["file"], there)
    click.echo(f"{runs} runs are in {copied}{os.sep}; {move}go on with: {again}", err=True)


@sweep.command()
@takes_sweep
@click.option("--outcome", "outcomes", metavar="FIGURE", multiple=True, help="Other figures than the file names.")
@takes_out
def export(target: Path, outcomes: tuple[str, ...], out: Path) -> None:
    """Write runs, estimates and failures as CSV and Parquet files into the folder of the sweep."""
    from sim.show.sweeps import save_tables
    from sim.sweeps import read_results

    folder = folder_of(target, out)
    about_of(folder, "sweep", "sensitivity")
    with ledger_errors():
        result = read_results(folder, outcomes or None)
    with unhurried(folder):
        files = save_tables(result, folder)
    click.echo(f"{result.name}: {len(result.runs)} runs in {', '.join(map(str, files))}", err=True)


@sweep.command()
@takes_sweep
@click.option("--outcome", "outcomes", metavar="FIGURE", multiple=True, help="Other figures than the file names.")
@takes_out
def plot(target: Path, outcomes: tuple[str, ...], out: Path) -> None:
    """Draw all plots that the sweep allows, and write its summary page."""
    from sim.show.sweeps import save_page
    from sim.sweeps import read_results

    folder = folder_of(target, out)
    about_of(folder, "sweep", "sensitivity")
    with ledger_errors():
        result = read_results(folder, outcomes or None)
        with unhurried(folder):
            page = save_page(result, folder)
    click.echo(f"{result.name}: {page}", err=True)


@sweep.command()
@takes_sweep
@click.option("--fails", metavar="CONDITION", required=True, help='As "promise.within[FLOW/ROUTE] < 50 %".')
@click.option("--boxes", type=click.IntRange(1), default=2, show_default=True, help="How many to look for.")
@takes_out
@prints_json
def discover(target: Path, fails: str, boxes: int, out: Path, as_json: bool) -> None:
    """Where in the ranges of the factors a corridor fails: boxes of few limits, told in words."""
    from sim.show.discovery import discovery_json, discovery_table, save_discovery
    from sim.show.terminal import terminal
    from sim.sweeps.discovery import discover, read_cases

    folder, console = folder_of(target, out), terminal()
    about_of(folder, "sweep", "sensitivity")
    with ledger_errors():
        found = discover(read_cases(folder, fails), boxes)
    with unhurried(folder):
        files = save_discovery(found, folder)
    click.echo(f"{found.cases.result.name}: {', '.join(map(str, files))}", err=True)
    print_json(discovery_json(found)) if as_json else console.print(discovery_table(found, console.width))


def start(
    file: str,
    folder: Path,
    dry_run: bool,
    replications: int | None,
    workers: int | None,
    scheduler: str | None,
    again: bool,
    as_json: bool,
) -> None:
    """Read a sweep file, do the runs that its folder does not have, and show what came out."""
    import sim
    from sim.show.files import put_frame
    from sim.show.progress import progress
    from sim.show.sensitivity import indices_table
    from sim.show.sweeps import dry_table, save_page, save_tables, sweep_json, sweep_table
    from sim.show.terminal import terminal
    from sim.sweeps import read_results, read_sweep, replicated, run_sweep
    from sim.sweeps.run import estimate
    from sim.sweeps.sensitivity import KINDS, indices

    plan, console = read_sweep(file, sim.library()), terminal()
    command = goes_on_with("sweep", file, folder)
    with ledger_errors():
        if replications is not None:
            plan = replicated(plan, replications)
        if dry_run:
            found = estimate(plan, folder, workers)
            print_json(found) if as_json else console.print(dry_table(plan, found))
            return
        with goes_on(command, folder), progress(plan.title, rate=True) as on_done:
            interrupted = run_sweep(
                plan, folder, workers=workers, scheduler=scheduler, again=again, on_done=on_done, on_stop=stopping
            )
        result = read_results(folder, interrupted=interrupted)
    with unhurried(folder):
        save_tables(result, folder)
        save_page(result, folder)
        if result.design in KINDS:
            put_frame(indices(result), folder / "indices")
    click.echo(f"{plan.name}: saved in {folder}{os.sep}", err=True)
    table = indices_table if result.design in KINDS else sweep_table
    if as_json:
        for piece in sweep_json(result):
            click.echo(piece, nl=False)
    else:
        console.print(table(result, console.width))
    if interrupted:
        raise SweepStopped(command, folder)
    if len(result.failures):
        first = result.failures.iloc[0]
        raise FailedRuns(f"{len(result.failures)} runs gave no result; the first: {first['error']}")


class SweepStopped(Stopped):
    """Ctrl-C; all runs that had finished are in ledgers, and a command goes on with them."""

    def __init__(self, command: str, *folders: Path) -> None:
        from sim.sweeps.ledger import FILE, OK, reading

        kept = 0
        for folder in folders:
            if (folder / FILE).is_file():
                with reading(folder) as ledger:
                    kept += list(ledger.statuses().values()).count(OK)
        click.ClickException.__init__(self, f"Stopped. {kept} runs are kept; go on with: {command}")


@contextmanager
def goes_on(command: str, *folders: Path) -> Iterator[None]:
    """Ctrl-C pressed twice leaves no time for tables; what had finished is in the ledgers of these folders."""
    from sim.sweeps.ledger import FILE

    try:
        yield
    except KeyboardInterrupt:
        if not any((folder / FILE).is_file() for folder in folders):
            raise
        raise SweepStopped(command, *folders) from None


def folder_of(target: Path, out: Path) -> Path:
    """The folder of a sweep that is named by it, by its name, or by its file."""
    from sim.scenario.faults import nearest
    from sim.sweeps.ledger import FILE

    if target.is_dir():
        return target
    name = target.stem if target.suffix in (".yaml", ".yml") else target.name
    if not (out / name / FILE).is_file():
        known = sorted(file.parent.name for file in out.glob(f"*/{FILE}"))
        near = nearest(name, known)
        there = f"there are: {', '.join(known)}" if known else "there is none"
        raise click.UsageError(
            f'no sweep "{name}" in {out}{os.sep}; {there}' + (f'; did you mean "{near}"?' if near else "")
        )
    return out / name


def about_of(folder: Path, *commands: str) -> dict[str, Any]:
    """What the ledger of a folder says of its sweep, which must be one of these commands: others have files of their
    own there."""
    from sim.sweeps.ledger import reading
    from sim.sweeps.run import maker

    with ledger_errors(), reading(folder) as ledger:
        about = ledger.about()
    if (made_by := maker(about)) not in commands:
        what = {"optimise": "an optimisation", "sensitivity": "a stage of a study of sensitivity", "sweep": "a sweep"}
        other = f"{goes_on_with(made_by, about['file'], folder)} goes on with it, and writes its tables and its page"
        raise click.UsageError(f"{folder}{os.sep} holds {what[made_by]}: {other}")
    return about


@contextmanager
def ledger_errors() -> Iterator[None]:
    """What can be wrong with a sweep and its ledger, as a message and an exit code."""
    from sim.study import BadStudyError
    from sim.sweeps import DifferentSweepError, LedgerError
    from sim.sweeps.outcomes import OutcomeError

    try:
        yield
    except DifferentSweepError as error:
        raise BadScenario(str(error)) from error
    except LedgerError as error:
        raise click.ClickException(str(error)) from error
    except (BadStudyError, OutcomeError) as error:
        raise click.UsageError(str(error)) from error
