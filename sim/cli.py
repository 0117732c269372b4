"""`corridor`: the simulator from the command line.

Tables and JSON go to stdout; progress, errors and where things were saved to stderr. Exit codes: 0 all went well,
1 something outside the scenario failed, 2 a scenario or a command line that cannot be used, 3 replications failed,
130 Ctrl-C. Each command imports what it needs when it runs, so that `--help` and mistakes answer at once.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from sim._version import __version__, compiled
from sim.show.shell import RESULTS

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from sim.network import Network
    from sim.network.chains import Chain
    from sim.network.preview import Offered
    from sim.scenario.explain import Explanation
    from sim.scenario.load import Scenario
    from sim.study import BadStudyError, Failure, Result

Command = TypeVar("Command", bound=Callable[..., Any])

LATE = ("optimise", "sensitivity", "sweep")  # commands in modules of their own, imported when they run


class BadScenario(click.ClickException):
    """Scenarios that cannot be used: one line a fault, each with its file, line and column."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


class Stopped(click.ClickException):
    """Ctrl-C; says where the replications are that had finished."""

    exit_code = 130

    def __init__(self, results: Sequence[Result] = (), out: Path = Path(), part: str = "") -> None:
        super().__init__(f"Stopped. {_kept(results, out, part) if results else 'Nothing was saved.'}")

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.message, file=file, err=file is None)


def _kept(results: Sequence[Result], out: Path, part: str) -> str:
    from sim.study.replicate import counted

    folders = [(r, f"{out / r.scenario}{part}{os.sep}") for r in results]
    kept = [f"{counted(len(r.replications))} of {r.scenario} in {folder}" for r, folder in folders]
    return f"Finished and saved: {'; '.join(kept)}"


class FailedRuns(click.ClickException):
    """Some replications failed; the results are those of the others."""

    exit_code = 3


class Corridor(click.Group):
    """Turns what can go wrong into a message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *LATE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in LATE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(f"sim.{cmd_name}_commands"), cmd_name)
        return command

    def make_context(self, *words: Any, **settings: Any) -> click.Context:
        with told():
            return super().make_context(*words, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        with told():
            return super().invoke(ctx)


@contextmanager
def told() -> Iterator[None]:
    """What went wrong, as a message and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped from None
    except BrokenPipeError:  # the reader, like `head`, has seen enough: click ends quietly
        raise
    except OSError as error:
        where = error.filename or "a file"
        if error.filename is None and printing(error):
            where = "standard output"
            # what is still in its buffer would fail once more when Python ends, with a code of its own
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.ClickException(f"{where}: {error.strerror or error}") from error
    except Exception as error:
        if lines := faults_of(error):
            raise BadScenario("\n".join(lines)) from error
        raise


def printing(error: BaseException) -> bool:
    """Whether it was met while something was printed: click and rich print all, and write no file."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return str(frame.f_globals["__name__"]).partition(".")[0] in ("click", "rich")


def faults_of(error: Exception) -> Sequence[str]:
    """The lines of a ScenarioError; none for any other error."""
    from sim.scenario.faults import ScenarioError

    return error.lines if isinstance(error, ScenarioError) else ()


def find_scenario(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Files as given; the bare name of a scenario that comes with the program as its file."""
    if not isinstance(value, str):
        return [find_scenario(ctx, param, one) for one in value]
    if os.path.dirname(value) or os.path.exists(value):
        return value
    import sim

    known = sim.library() / f"{value}.yaml"
    return str(known) if known.is_file() else value


def complete_path(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The paths that begin so in the scenarios named before; none while a file cannot be read."""
    from click.shell_completion import CompletionItem

    from sim.scenario.faults import ScenarioError
    from sim.scenario.load import load

    given = [ctx.params.get(name) for name in ("files", "file", "before")]
    files: Any = next(
        filter(None, [*given, ctx.args]), []
    )  # with an option still open, click leaves the words in `args`
    found = dict[str, None]()
    for file in [files] if isinstance(files, str) else files:
        try:
            paths = map(".".join, load(file).origins)
        except ScenarioError:
            continue
        found |= dict.fromkeys(path for path in paths if path.startswith(incomplete))
    return [CompletionItem(path) for path in found]


def takes_scenario(name: str, metavar: str = "FILE", nargs: int = 1) -> Callable[[Command], Command]:
    """An argument that names one scenario, or with `nargs` -1 several."""
    return click.argument(name, metavar=metavar, nargs=nargs, required=True, type=click.Path(), callback=find_scenario)


takes_file = takes_scenario("file")
takes_files = takes_scenario("files", "FILE...", -1)
takes_changes = click.option(
    "--set",
    "changes",
    metavar="PATH=VALUE",
    multiple=True,
    shell_complete=complete_path,
    help='Change one value, as in --set ports.aktau.depth="5 m". May be repeated.',
)
prints_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def of_flow(command: Command) -> Command:
    """The options that choose flows and routes."""
    flow = click.option("--flow", metavar="ID", help="Only this flow of the demand.")
    return flow(click.option("--route", metavar="ID", help="Only this route.")(command))


def takes_replications(help: str) -> Callable[[Command], Command]:
    """How many there are to be."""
    return click.option("-n", "--replications", type=click.IntRange(1), help=help)


takes_workers = click.option("--workers", type=click.IntRange(1), help="Processes; one a processor if not given.")


def takes_folder(help: str) -> Callable[[Command], Command]:
    """Where results are saved."""
    folder = click.Path(file_okay=False, path_type=Path)
    return click.option("--out", type=folder, default=RESULTS, show_default=True, help=help)


def simulates(command: Command) -> Command:
    """The options of commands that simulate."""
    replications = takes_replications("How many random years; as the scenario says if not given.")
    seed = click.option("--seed", type=click.IntRange(0), help="Seed of all random numbers.")
    out = takes_folder("Folder for the results; each scenario has its own in it.")
    return replications(seed(takes_workers(out(command))))


def studies(command: Command) -> Command:
    """The same, and those that add replications until intervals are narrow enough."""
    until = click.option(
        "--until",
        metavar="TARGET",
        multiple=True,
        help='Add replications until half of a 95 % interval is as small as in "transit.p50 ± 0.25 d", '
        '"transit.mean[flow/route] +- 2 %" or "promise.within ± 3 %"; between scenarios also "difference.mean ± 1 d". '
        "May be repeated.",
    )
    most = click.option(
        "--max", "most", type=click.IntRange(1), help="With --until: replications at most  [default: 200]"
    )
    return until(most(simulates(command)))


can_check = click.option(
    "--check",
    is_flag=True,
    help="Account for every box, vehicle and berth after every event; takes several times as long.",
)


@click.group(cls=Corridor, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s" + (" (compiled model)" if compiled() else ""))
def corridor() -> None:
    """Simulate freight corridors: how long freight takes by each route, how sure that is, and why.

    FILE is a scenario file, or the bare name of a scenario that comes with the program, like baseline-2024.
    """


@corridor.command()
@takes_files
@takes_changes
@prints_json
def validate(files: Sequence[str], changes: Sequence[str], as_json: bool) -> None:
    """Check scenarios, and name all faults of all of them.

    What a scenario holds and nothing uses, and distances that look like a slip, are notes: no faults.
    """
    from sim.network import build, load, notes
    from sim.scenario.faults import ScenarioError

    reports: list[dict[str, Any]] = []
    for file in files:
        try:
            scenario = load(file, set=changes)
            network = build(scenario)
        except ScenarioError as error:
            reports.append({"file": file, "ok": False, "errors": list(error.lines), "notes": []})
        else:
            said = notes(network, scenario)
            reports.append({"file": file, "ok": True, "errors": [], "notes": said})
            if not as_json:
                click.echo("\n".join([f"{file}: ok: {extent(network)}", *said]))
    if as_json:
        print_json(reports)
    if faults := dict.fromkeys(line for report in reports for line in report["errors"]):  # shared ones once
        raise BadScenario("\n".join(faults))


@corridor.command()
@takes_file
@of_flow
@takes_changes
@prints_json
def preview(file: str, flow: str | None, route: str | None, changes: Sequence[str], as_json: bool) -> None:
    """Offered load against capacity, and by which services each flow goes, without simulating.

    At a utilisation of 100 % or more a queue grows without end. With --flow or --route, how those go leg by leg.
    """
    from sim.network.preview import preview as offered

    network = load_network(file, changes)
    found = offered(network)
    chains = of_these(found.chains, flow, route)
    if as_json:
        print_json(
            {
                "scenario": network.name,
                "loads": [offered_load(load) for load in found.loads],
                "chains": [chain_told(chain) for chain in chains],
                "estimate": asdict(found.estimate),
            }
        )
        return
    from sim.show.chains import legs_table
    from sim.show.tables import preview_table
    from sim.show.terminal import terminal

    terminal().print(legs_table(network, chains) if flow or route else preview_table(network, found))


def of_these(chains: Sequence[Chain], flow: str | None, route: str | None) -> list[Chain]:
    """The chains of this flow, on this route; of all without. Refuses what would be none."""
    from sim.scenario.faults import hint, listed, nearest

    wrong = []
    for name, wanted, known in (("flow", flow, [c.flow for c in chains]), ("route", route, [c.route for c in chains])):
        if wanted is not None and wanted not in known:
            allowed = f"{listed(dict.fromkeys(known))}{hint(nearest(wanted, known))}"
            wrong.append(f'"{wanted}" is not a {name} of the demand, these are: {allowed}')
    found = [chain for chain in chains if flow in (None, chain.flow) and route in (None, chain.route)]
    if not found and not wrong:
        taken = listed(chain.route for chain in chains if chain.flow == flow)
        wrong = [f"{flow} does not take the route {route}, but: {taken}"]
    if wrong:
        raise click.UsageError("\n".join(wrong))
    return found


@corridor.command()
@takes_file
@takes_changes
@studies
@can_check
@prints_json
def run(file: str, changes: Sequence[str], as_json: bool, check: bool, **how: Any) -> None:
    """Simulate one scenario and save the results."""
    with asked([file], changes, **how) as study:
        show(study.run_and_save(check=check), study.out, as_json)


@corridor.command()
@takes_files
@takes_changes
@studies
@can_check
@prints_json
def compare(files: Sequence[str], changes: Sequence[str], as_json: bool, check: bool, **how: Any) -> None:
    """Compare the routes of one scenario, or several scenarios.

    Several are compared with the first, paired by replication: each meets the same demand and the same weather in all
    of them.
    """
    with asked(files, changes, **how) as study:
        show(study.run_and_save(check=check), study.out, as_json)


@corridor.command()
@takes_file
@click.option(
    "--flow", "flows", metavar="FLOW", multiple=True, help="Only this flow, with its stages. May be repeated."
)
@takes_changes
@studies
@can_check
@prints_json
def cost(file: str, flows: Sequence[str], changes: Sequence[str], as_json: bool, check: bool, **how: Any) -> None:
    """What each route costs and emits, and where two routes break even.

    USD a TEU and a t, days, generalised cost, kg CO2e well-to-wheel and tank-to-wheel. Simulates as `run` does, and
    saves the results.
    """

    from sim.show.tables import costs_table
    from sim.show.terminal import terminal

    with asked([file], changes, **how) as study:
        check_priced(study.networks[0], flows)
        (result,) = study.run_and_save(check=check)
        console = terminal()
        print_json(result.costs_json(flows)) if as_json else console.print(costs_table(result, flows, console.width))


def check_priced(network: Network, flows: Sequence[str]) -> None:
    """Refuse what would be an empty table: flows that are not compared, a scenario without prices."""
    from sim.study.why import chosen

    chosen(network)
    for flow in flows:
        chosen(network, flow)
    carriers = [*network.model.links.values(), *network.model.services.values()]
    if all(carrier.freight is None and not carrier.freight_of for carrier in carriers):
        raise click.UsageError(f"{network.name} has no freight on any link or service, so there is nothing to add up.")


@corridor.command()
@takes_file
@of_flow
@takes_changes
@studies
@prints_json
def why(file: str, changes: Sequence[str], as_json: bool, flow: str | None, route: str | None, **how: Any) -> None:
    """Why so many days: from the free-flow time to the mean and to the P90.

    Each step is a cause at a place, with its interval.
    """
    from sim.show.save import save_part
    from sim.show.why import plot_why, why_table
    from sim.study.plain import records
    from sim.study.why import chosen, explained, waterfall

    with asked([file], changes, "-why", **how) as study:
        ways = chosen(study.networks[0], flow, route)
        (result,) = study.run(explained)
        steps = waterfall(result, flow, route, named=None)
        summary = about(result) | {"steps": records(steps)}
        with unhurried():
            folder = save_part(
                result, "why", study.out, title="Why so many days", summary=summary,
                frames={"steps": (steps, "days of each step from the free-flow time to the mean and to the P90")},
                figures={f"why-{f}-{r}": (plot_why(result, f, r), f"the steps of {f} by {r}") for f, r in ways},
            )  # fmt: skip
            study.saved.append(result)
        answer(result, folder, summary if as_json else why_table(result, flow, route))


@corridor.command()
@takes_file
@takes_changes
@studies
@prints_json
def promise(file: str, changes: Sequence[str], as_json: bool, **how: Any) -> None:
    """How often the published time of each route is kept, and when it fails most."""
    from sim.show.promise import plot_promise, promise_table
    from sim.show.save import save_part
    from sim.study import BadStudyError
    from sim.study.plain import records
    from sim.study.promise import promises
    from sim.study.result import measured
    from sim.study.why import chosen

    with asked([file], changes, "-promise", **how) as study:
        routes = study.networks[0].model.routes
        if all(routes[route].promise is None for _, route in chosen(study.networks[0])):
            raise BadStudyError("no route that is compared has a published time: none says routes.….promise")
        (result,) = study.run(measured)
        table = promises(result)
        summary = about(result) | {"promises": records(table)}
        with unhurried():
            folder = save_part(
                result, "promise", study.out, title="How many boxes keep the published time", summary=summary,
                frames={"promises": (table, "the share that is kept by flow and route, and the month when least is")},
                figures={"promise": (plot_promise(result), "the share that is kept by week of release")},
            )  # fmt: skip
            study.saved.append(result)
        answer(result, folder, summary if as_json else promise_table(result))


@corridor.command()
@takes_file
@of_flow
@click.option("--top", type=click.IntRange(1), default=8, show_default=True, help="How many changes to try.")
@takes_changes
@simulates
@prints_json
def binding(
    file: str,
    changes: Sequence[str],
    as_json: bool,
    flow: str | None,
    route: str | None,
    top: int,
    **how: Any,
) -> None:
    """What holds the corridor up: use and queues, and what one more of each would gain.

    The changes that could take the most waiting away are tried one by one, with the same demand and weather.
    """
    from sim.show.binding import binding_table, plot_binding
    from sim.show.progress import progress
    from sim.show.save import save_part
    from sim.study.binding import find_binding, fleets

    with asked([file], changes, "-binding", **how) as study:
        (scenario,) = study.scenarios
        count, workers = how["replications"], how["workers"]
        with progress(scenario.model.title) as on_done:
            found = find_binding(
                scenario, count, flow=flow, route=route, top=top, workers=workers, on_done=on_done, on_stop=stopping
            )
        summary = found.to_json()
        with unhurried():
            folder = save_part(
                found.result, "binding", study.out, title="What one more would gain", summary=summary,
                frames={
                    "gains": (found.gains.assign(changes=found.gains["changes"].map(" ".join)), "gain of each change"),
                    "facilities": (found.result.facilities(), "use, queue and waiting of each facility"),
                    "fleets": (fleets(found.result), "voyages, loads and waiting of each fleet"),
                },
                figures={"binding": (plot_binding(found), "gain of each change, with intervals")},
            )  # fmt: skip
            study.saved.append(found.result)
        answer(found.result, folder, summary if as_json else binding_table(found), interrupted=found.interrupted)
        failed(found.failures)


@corridor.command()
@takes_file
@click.argument("path", shell_complete=complete_path)
@takes_changes
@prints_json
def explain(file: str, path: str, changes: Sequence[str], as_json: bool) -> None:
    """Where a value comes from: file, line, source and grade.

    PATH is like ports.aktau.depth; of a block, like ports.aktau, all values are explained.
    """
    from sim.scenario.explain import explain as explanation
    from sim.scenario.load import load

    found = explanation(load(file, set=changes), path)
    values = [explained(value) for value in found.parts or [found]]
    if as_json:
        print_json(values)
        return
    for value in values:
        click.echo(f"{value['path']}: {value['value']}")
        value["set at"] = value["set_at"] or "nowhere; this is the default"
        value["source"] = " – ".join(filter(None, (value["source"], value["source_title"])))
        for name in ("set at", "source", "grade", "range", "note"):
            if value[name]:
                click.echo(f"  {name:<9} {value[name]}")
        for earlier in value["replaced"]:
            click.echo(f"  {'replaced':<9} {earlier['value']}, set at {earlier['set_at']}")


@corridor.command()
@takes_file
@takes_changes
@click.option(
    "--grade",
    type=click.Choice(["high", "medium", "low", "assumption", "not stated"]),
    help="Only values of this grade, as in --grade assumption.",
)
@prints_json
def sources(file: str, changes: Sequence[str], grade: str | None, as_json: bool) -> None:
    """Every number that a scenario uses: its source, year, grade and range, and the line that set it.

    The summary counts all of them, whatever --grade chooses.
    """
    from sim.scenario.load import load
    from sim.scenario.sources import grades
    from sim.scenario.sources import sources as found

    scenario = load(file, set=changes)
    count = grades(scenario.model)
    values = [value for value in found(scenario) if grade is None or value.grade == grade]
    if as_json:
        rows = [asdict(value) | {"origin": value.origin and str(value.origin)} for value in values]
        for row in rows:
            del row["alike"]
        print_json({"scenario": scenario.name, "grades": count, "values": rows})
        return
    from sim.show.tables import sources_table
    from sim.show.terminal import terminal

    console = terminal()
    console.print(sources_table(scenario.name, values, count, console.width))


@corridor.command()
@takes_scenario("before")
@takes_scenario("after")
@takes_changes
@prints_json
def diff(before: str, after: str, changes: Sequence[str], as_json: bool) -> None:
    """The values that differ between two scenarios.

    Resolved values are compared, however the two are spread over files.
    """
    from sim.scenario.explain import diff as differing
    from sim.scenario.load import load_all

    found = differing(*load_all([before, after], set=changes))
    if as_json:
        print_json([{"path": c.path, "before": c.before, "after": c.after, "set_at": str(c.where)} for c in found])
        return
    for change in found:
        was, now = ("nothing" if text is None else text for text in (change.before, change.after))
        click.echo(f"{change.path}: {was} → {now}  ({change.where})")


@corridor.command()
@takes_replications("Of each case; as its scenario says if not given.")
@takes_workers
@takes_folder("Folder for evidence.md and the plot.")
@takes_changes
@prints_json
def evidence(replications: int | None, workers: int | None, out: Path, changes: Sequence[str], as_json: bool) -> None:
    """The model beside what was observed: would it have been right before?

    Runs the calibration and the validation cases with the scenarios that come with the program. What the model misses
    stays in the table.
    """
    import sim
    from sim.show.evidence import check_evidence, evidence_json, evidence_table, save_evidence
    from sim.show.progress import progress
    from sim.show.terminal import terminal
    from sim.study import BadStudyError, StudyError
    from sim.study.evidence import evidence as compared

    check_evidence(out)
    try:
        with progress("Evidence") as on_done:
            found = compared(
                sim.library(), replications, workers=workers, changes=changes, on_done=on_done, on_stop=stopping
            )
    except BadStudyError as error:
        raise click.UsageError(str(error)) from error
    except StudyError as error:
        raise FailedRuns(str(error)) from error
    with unhurried(out):
        files = save_evidence(found, out)
    click.echo(f"evidence: saved as {', '.join(map(str, files))}", err=True)
    console = terminal()
    print_json(evidence_json(found)) if as_json else console.print(evidence_table(found, console.width))
    failed(found.failures)


@corridor.command()
@click.option("--sweep", "of", flag_value="sweep", help="That of sweep files.")
@click.option("--optimise", "of", flag_value="optimise", help="That of the files of `corridor optimise`.")
def schema(of: str | None) -> None:
    """Print the JSON Schema of scenario files, for editors."""
    if of is None:
        from sim.scenario.jsonschema import scenario_schema

        print_json(scenario_schema())
        return
    from sim.sweeps.jsonschema import optimise_schema, sweep_schema

    print_json(optimise_schema() if of == "optimise" else sweep_schema())


def load_network(file: str, changes: Sequence[str]) -> Network:
    """The scenario of a file with its ways found: what is wrong with either shows before anything runs."""
    from sim.network import build, load

    return build(load(file, set=changes))


def build_all(scenarios: Sequence[Scenario]) -> list[Network]:
    """The networks of several scenarios; raises ScenarioError with the faults of all of them, each told once."""
    from sim.network import build
    from sim.scenario.faults import ScenarioError

    networks, faults = [], dict[str, None]()
    for scenario in scenarios:
        try:
            networks.append(build(scenario))
        except ScenarioError as error:
            faults |= dict.fromkeys(error.lines)
    if faults:
        raise ScenarioError(list(faults))
    return networks


def extent(network: Network) -> str:
    """How much a scenario holds, in words."""
    blocks = {"place": "places", "link": "links", "service": "services", "route": "routes", "flow": "demand"}
    counts = {word: len(getattr(network.model, block)) for word, block in blocks.items()}
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts.items())


def offered_load(load: Offered) -> dict[str, Any]:
    """The load on one facility, for JSON; null: there is no limit, or nothing can be taken."""
    figures = {"capacity": load.capacity, "utilisation": load.utilisation}
    return asdict(load) | {name: value if math.isfinite(value) else None for name, value in figures.items()}


def chain_told(chain: Chain) -> dict[str, Any]:
    """The way of a flow on a route, for JSON; km are null where a leg runs on no link."""
    return asdict(chain) | {"km": chain.km, "hours": chain.hours, "papers_hours": chain.papers_hours}


def explained(value: Explanation) -> dict[str, Any]:
    """One value with all that is known of where it comes from, for JSON."""
    return {
        "path": value.path,
        "value": value.text,
        "set_at": value.origin and str(value.origin),
        "source": value.source,
        "source_title": value.source_title,
        "grade": value.grade,
        "range": value.range,
        "note": value.note,
        "replaced": [{"value": earlier.text, "set_at": str(earlier.origin)} for earlier in value.replaced],
    }


def print_json(data: Any) -> None:
    import json

    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))


@dataclass
class Study:
    """What a command was asked to simulate, once all has been looked at that can be wrong before it begins."""

    scenarios: Sequence[Scenario]
    networks: Sequence[Network]
    out: Path
    how: dict[str, Any]  # replications, until, most and workers of `run_all`
    saved: list[Result] = field(default_factory=list)

    def run(self, task: Any, networks: Sequence[Network] = ()) -> list[Result]:
        """Replications of a task on these networks; none: on all."""
        from sim.show.progress import progress
        from sim.study import run_all

        group = networks or self.networks
        with progress(" · ".join(network.model.title for network in group)) as on_done:
            return run_all(group, **self.how, on_done=on_done, on_stop=stopping, task=task)

    def run_and_save(self, *, check: bool) -> list[Result]:
        """The measures of all scenarios, each saved as soon as it is there."""
        from sim.model import simulate as journal
        from sim.show.progress import progress
        from sim.show.save import save
        from sim.study import check_pairing, check_targets, checked, measured, read_target, settle

        check_targets([read_target(text) for text in self.how["until"]], self.networks)
        with progress("Warm-up") as on_done:
            self.networks = settle(self.networks, workers=self.how["workers"], on_done=on_done, on_stop=stopping)
        check_pairing(self.networks)
        known = {
            network.name: (scenario, network) for scenario, network in zip(self.scenarios, self.networks, strict=True)
        }
        # with targets all scenarios get the same replications; without, each is done and saved before the next
        for group in [self.networks] if self.how["until"] else [[network] for network in self.networks]:
            done = self.run(checked if check else measured, group)
            for result in done:
                scenario, network = known[result.scenario]
                with unhurried():
                    click.echo(f"{scenario.name}: writing results and plots …", err=True)
                    first = journal(network, result.replications[0])
                    folder = save(result, self.out, scenario=scenario, journal=first)
                    self.saved.append(result)
                click.echo(f"{scenario.name}: saved in {folder}{os.sep}", err=True)
            if len(done) < len(group) or any(result.interrupted for result in done):
                raise KeyboardInterrupt  # it came while replications ran; those that had finished are saved
        return self.saved


@contextmanager
def asked(
    files: Sequence[str],
    changes: Sequence[str],
    part: str = "",
    *,
    replications: int | None,
    seed: int | None,
    workers: int | None,
    out: Path,
    until: Sequence[str] = (),
    most: int | None = None,
) -> Iterator[Study]:
    """What the options of `simulates` or `studies` ask for, to be saved in `out`/<scenario><part>. What can be wrong
    with the command line, the scenarios, the folders and the study becomes a message and an exit code."""
    from sim.network import load_all
    from sim.show.save import check_folder, differences_folder
    from sim.study import MOST, BadStudyError, StudyError, check_memory

    if most is not None and not until:
        raise click.UsageError("--max is the cap of --until, which is not given.")
    scenarios = load_all(files, set=changes if seed is None else [*changes, f"run.seed={seed}"])
    networks = build_all(scenarios)
    if len({scenario.name for scenario in scenarios}) < len(scenarios):
        raise click.UsageError("Two of the scenarios have the same name, and their results would share a folder.")
    for scenario in scenarios:
        check_folder(out / f"{scenario.name}{part}")
    if len(scenarios) > 1:
        check_folder(differences_folder([scenario.name for scenario in scenarios], out))
    how = {"replications": replications, "until": until, "most": most or MOST, "workers": workers}
    study = Study(scenarios, networks, out, how)
    try:
        check_memory(networks)
        yield study
    except KeyboardInterrupt:
        raise Stopped(study.saved, out, part) from None
    except BadStudyError as error:
        raise unusable(error, scenarios) from error
    except StudyError as error:
        raise FailedRuns(str(error)) from error
    failed([failure for result in study.saved for failure in result.failures])


def failed(failures: Sequence[Failure]) -> None:
    """Say that replications failed, if some did."""
    from sim.study.replicate import counted

    if failures:
        raise FailedRuns(f"{counted(len(failures))} failed and had to be left out; the first: {failures[0].error}")


def about(result: Result) -> dict[str, Any]:
    """Which runs an answer stands on, for JSON."""
    return result.about()


def answer(result: Result, folder: Path, said: Any, *, interrupted: bool = False) -> None:
    """Print a table, or a dict as JSON, and where it was saved; then say if runs are missing."""
    click.echo(f"{result.scenario}: saved in {folder}{os.sep}", err=True)
    from sim.show.terminal import terminal

    print_json(said) if isinstance(said, dict) else terminal().print(said)
    if result.interrupted or interrupted:
        raise Stopped([result], folder.parent, folder.name.removeprefix(result.scenario))
    failed(result.failures)


def unusable(error: BadStudyError, scenarios: Sequence[Scenario]) -> click.ClickException:
    """A study that cannot be made: where the value of the scenario stands that must change, or what is wrong with the
    command line."""
    from sim.scenario.faults import render

    for scenario in scenarios:
        if scenario.name == error.scenario:
            return BadScenario(render(scenario.locate(error.path), error.message))
    return click.UsageError(str(error))


def stopping() -> None:
    """Tell that Ctrl-C was heard."""
    click.echo("Stopping when the runs in work have ended; press Ctrl-C again to give them up.", err=True)


class Written(Stopped):
    """Ctrl-C while files were written; they are whole."""

    def __init__(self, folder: Path) -> None:
        click.ClickException.__init__(self, f"Stopped. What had finished is saved in {folder}{os.sep}")


@contextmanager
def unhurried(folder: Path | None = None) -> Iterator[None]:
    """Ctrl-C waits until what is being written is whole, unless it is pressed again; if it is all, it says where."""
    pressed = False

    def press(signum: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        click.echo("Stopping when the files are written; press Ctrl-C again to give them up.", err=True)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt if folder is None else Written(folder)


def show(results: Sequence[Result], out: Path, as_json: bool) -> None:
    """Print what came out: the routes of one scenario, or the differences between several."""
    from sim.show.save import save_comparison
    from sim.show.tables import differences_table, facilities_table, routes_table
    from sim.show.terminal import terminal
    from sim.study import compare as pair

    console = terminal()
    if len(results) > 1:
        comparison = pair(results)
        folder = save_comparison(comparison, out)
        click.echo(f"differences: saved in {folder}{os.sep}", err=True)
        print_json(comparison.to_json()) if as_json else console.print(differences_table(comparison, console.width))
    elif as_json:
        print_json(results[0].to_json())
    else:
        console.print(routes_table(results[0], console.width))
        console.print(facilities_table(results[0]))


def main() -> None:
    """The entry point of `corridor`."""
    corridor(prog_name="corridor")
