"""Tables for the terminal: routes side by side, facilities, scenarios against the first one, offered load.

Each function returns something that a rich Console prints. All read well at 80 columns, and take what room
there is up to about 110.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from sim.scenario.sources import shares, shares_of_each
from sim.study.atlas import atlas_of
from sim.study.costs import NONE, REASONS, UNKNOWN
from sim.study.memory import machine_memory, megabytes

if TYPE_CHECKING:
    import pandas as pd

    from sim.network import Network
    from sim.network.preview import Preview
    from sim.scenario.sources import Sourced
    from sim.study import Comparison, Precision, Result

ROOMY = 104  # columns from which the tables are set with more air
BUSY = 0.85  # utilisation from which a facility is marked: queues grow fast beyond it
MARK = f"▲ {100 * BUSY:.0f} % of the capacity or more"
CAUSES_SHOWN = 2
NO_BOX = "? unknown: there was no box in some replication"
UNPAIRED = f"{NO_BOX}, or one of the scenarios has no such route or published time"


def routes_table(result: Result, width: int = 120) -> RenderableType:
    """For each pair of origin and destination the routes; below each its largest causes of time beside moving."""
    summary, causes, behind = result.summary(), result.causes(), result.route_differences()
    count = len(result.replications)
    parts: list[RenderableType] = [*heading_of(result), _days_table(width, show_header=True)]
    for pair, rows in pairs(result, summary):
        parts.append(Text(f"\n{pair}", style="bold"))
        for row in rows:
            table = _days_table(width, show_header=False)
            table.add_row(*_days(row))
            own = of_route(causes, row)
            waits = own[(own["cause"] != "moving") & own["days"].notna()].head(CAUSES_SHOWN)
            why = [_cause(result, cause) for cause in waits.to_dict("records")]
            parts += [table, Padding(Text(" · ".join(why), style="italic"), (0, 0, 0, 2))]
        if len(rows) > 1 and count > 1:
            own = behind[(behind["origin"] == rows[0]["origin"]) & (behind["destination"] == rows[0]["destination"])]
            parts.append(Padding(_order(rows, own), (0, 0, 0, 2)))
    return Group(*parts, *_notes(result, summary))


def pairs(result: Result, summary: pd.DataFrame) -> Iterator[tuple[str, list[dict[Any, Any]]]]:
    """The rows of a summary by pair; each with a `label`: its route, and its flow where several take the same route, by
    title or, if these are the same too, by id."""
    for (origin, destination), group in summary.groupby(["origin", "destination"], sort=False):
        rows = group.to_dict("records")
        shared, alike = (group.duplicated(names, keep=False) for names in ("route", ["route", "title"]))
        for row, several, same in zip(rows, shared, alike, strict=True):
            route = result.atlas.route(row["route"])
            row["label"] = f"{route} ({row['flow' if same else 'title']})" if several else route
        yield f"{result.atlas.name(str(origin))} → {result.atlas.name(str(destination))}", rows


def at_least(row: Mapping[Any, Any]) -> str:
    """What stands before days that are a lower bound: with the days so far of boxes that have not arrived."""
    return "≥" if row["unfinished"] > 0 else ""


def of_route(frame: pd.DataFrame, row: Mapping[Any, Any]) -> pd.DataFrame:
    """The rows of `frame` for the flow and route of `row`."""
    found: pd.DataFrame = frame[(frame["flow"] == row["flow"]) & (frame["route"] == row["route"])]
    return found


def facilities_table(result: Result, limit: int | None = 15) -> RenderableType:
    """Facilities by falling utilisation; `limit` rows, or all with None."""
    facilities = result.facilities().sort_values("utilisation", ascending=False, kind="stable")
    table = plain_table(
        Column("\nPlace"),
        Column("\nFacility"),
        Column("Utilisation\n%", justify="right"),
        Column("Mean queue\nunits", justify="right"),
        Column("Mean wait\nh", justify="right"),
    )
    for row in facilities.head(len(facilities) if limit is None else limit).to_dict("records"):
        table.add_row(
            Text(result.atlas.name(row["place"])),
            Text(row["facility"]),
            _utilisation(row["utilisation"]),
            Text(number(row["mean_queue"], ".1f")),
            Text(number(row["mean_wait_h"], ".1f")),
        )
    left_out = len(facilities) - table.row_count
    more = f"; {left_out} less busy ones are left out here" if left_out else ""
    unasked = "\n? unknown: in some replication nothing asked for it" if facilities["mean_wait_h"].isna().any() else ""
    return Group(Text("Facilities\n", style="bold"), table, Text(f"{MARK}{more}{unasked}", style="dim"))


def differences_table(comparison: Comparison, width: int = 120) -> RenderableType:
    """Each other scenario minus the first one, per pair and route, with the interval of the paired difference."""
    base, differences = comparison.base, comparison.differences()
    others = len(comparison.results) - 1
    together = f", corrected for {others} comparisons" if others > 1 else ""
    parts: list[RenderableType] = [
        *heading(f"Difference to {base.title}", f"paired by replication; ± is half the 95 % interval{together}"),
        _differences_table(width, show_header=True),
    ]
    for scenario, group in differences.groupby("scenario", sort=False):
        parts += [Text(f"\n{scenario}", style="bold"), Text(_won(group), style="dim")]
        for pair, rows in pairs(base, group.drop_duplicates(["flow", "route"])):
            table = _differences_table(width, show_header=False)
            for row in rows:
                own = of_route(group, row).to_dict("records")
                correlation = [Text(number(own[0]["correlation"], ".2f"))] if width >= ROOMY else []
                table.add_row(_with_censoring(row), *(_difference(measure) for measure in own), *correlation)
            parts += [Text(pair), table]
    silent = ~(differences[["base_unfinished", "unfinished"]] > 0).any(axis=1)
    notes = [Text(UNPAIRED, style="dim")] if differences.loc[silent, "difference"].isna().any() else []
    notes += [
        Text(f"{other.scenario}: {note}", style=note.style)
        for other in comparison.results
        for note in (_warm_up(other), *(_target(found) for found in other.until))
    ]
    sure = shares_of_each({result.scenario: result.grades for result in comparison.results})
    notes += [Text(line, style="dim") for line in sure]
    return Group(*parts, Text(), *notes)


def costs_table(result: Result, flows: Sequence[str] = (), width: int = 120) -> RenderableType:
    """For each pair of places what its routes cost and emit, and the values of time at which two of them break even.

    With `flows` only these, and below each route its stages.
    """
    costs, even = result.route_costs(), result.break_even()
    if flows:
        costs = costs[costs["flow"].isin(flows)]
        even = even[even["flow"].isin(flows) & even["other_flow"].isin(flows)]
    parts: list[RenderableType] = [*heading_of(result), _costs_columns(width, show_header=True)]
    for pair, rows in pairs(result, costs):
        parts.append(Text(f"\n{pair}", style="bold"))
        for row in rows:
            table = _costs_columns(width, show_header=False)
            table.add_row(*_costs(row))
            parts.append(table)
            if flows:
                parts.append(Padding(_stages_of_costs(result, row), (0, 0, 1, 2)))
        parts += [Padding(line, (0, 0, 0, 2)) for line in _why_unknown(rows)]
        labels = {(row["flow"], row["route"]): row["label"] for row in rows}
        own = even[(even["origin"] == rows[0]["origin"]) & (even["destination"] == rows[0]["destination"])]
        parts += [Padding(line, (0, 0, 0, 2)) for line in _even(own, labels)]
    return Group(*parts, Text(), *_cost_notes(costs, flows), *foot_of(result))


def _costs_columns(width: int, *, show_header: bool) -> Table:
    return plain_table(
        Column("\nRoute", width=max(20, min(width - 60, 40))),
        Column("Paid USD\na TEU", justify="right", width=8),
        Column("\na t", justify="right", width=5),
        Column("Mean\ndays", justify="right", width=6),
        Column("General. cost\nUSD a TEU", justify="right", width=13),
        Column("kg CO2e a\nTEU, WTW", justify="right", width=9),
        Column("\nTTW", justify="right", width=6),
        Column("WTW g\n/(t km)", justify="right", width=6),
        show_header=show_header,
        gap=1,
    )


def _costs(row: Mapping[Any, Any]) -> list[Text]:
    bound = at_least(row)
    return [
        Text(row["label"]),
        Text(number(row["cost"], ",.0f")),
        Text(number(row["cost_per_t"], ",.0f")),
        Text.assemble(bound, _with_interval(row, "days", 1, ".1f")),
        Text.assemble(bound, _with_interval(row, "generalised", 1, ",.0f")),
        *(Text(number(row[name], form)) for name, form in (("wtw", ",.0f"), ("ttw", ",.0f"), ("wtw_g_tkm", ".1f"))),
    ]


def _stages_of_costs(result: Result, row: Mapping[Any, Any]) -> Table:
    """USD and kg CO2e a TEU by stage, operator and kind; nothing that rounds to nothing."""
    table = plain_table(
        Column("\nStage", width=18, overflow="fold"),
        Column("\nKind", width=10),
        Column("Operator; factor:\nload, empty; source", min_width=19),
        Column("USD\na TEU", justify="right", width=6),
        Column("WTW\nkg", justify="right", width=6),
        Column("TTW\nkg", justify="right", width=6),
        Column("g a\nt km", justify="right", width=5),
        gap=1,
    )
    costs, gases = of_route(result.costs(), row), of_route(result.emissions(), row)
    rows = [(part["order"], 0, part) for part in costs.to_dict("records") if not (part["usd"] < 0.5 and part["known"])]
    rows += [(part["order"], 1, part) for part in gases.to_dict("records")]
    before = ""
    for _, emitted, part in sorted(rows, key=lambda found: found[:2]):
        stage, before = Text(part["stage"] if part["stage"] != before else ""), part["stage"]
        if emitted:
            kg = (number(part[name] if part["known"] else None, ",.0f") for name in ("wtw", "ttw"))
            g = number(part["wtw_g_tkm"] if part["known"] else None, ".1f") if part["kind"] == "leg" else ""
            table.add_row(stage, "emissions", Text(_basis(part)), "", *kg, g)
        else:
            usd = number(part["usd"], ",.0f") if part["known"] else "no price"
            table.add_row(stage, part["kind"], Text(part["operator"]), usd, "", "", "")
    return table


def _basis(part: Mapping[Any, Any]) -> str:
    """What the emissions of a stage rest on."""
    if not part["known"]:
        return f"{part['factor'] or part['kind']}: does not count the cargo" if part["grade"] else "no factor"
    said = ", ".join(filter(None, (part["source"], part["grade"])))
    if not part["factor"]:
        return said
    return f"{part['factor']}: {100 * part['load_factor']:.0f} %, {100 * part['empty_running']:.0f} %; {said}"


def _why_unknown(rows: Sequence[Mapping[Any, Any]]) -> Iterator[Text]:
    """The routes with a figure that is unknown, by reason."""
    told: dict[str, list[str]] = {}
    for row in rows:
        if found := "; ".join(dict.fromkeys(row[name] for name in REASONS if row[name])):
            told.setdefault(found, []).append(row["label"])
    for reason, labels in told.items():
        yield Text(f"? unknown, {reason}: {' · '.join(labels)}", style="dim")


def _even(pairs_of_routes: pd.DataFrame, labels: Mapping[tuple[str, str], str]) -> Iterator[Text]:
    """For each pair of routes the value of time from which on the faster one is the better; the others in short."""
    rest: dict[str, list[str]] = {}
    for found in pairs_of_routes.to_dict("records"):
        slow, fast = (labels[found[f"{other}flow"], found[f"{other}route"]] for other in ("", "other_"))
        if not math.isfinite(found["value"]):
            rest.setdefault(found["verdict"], []).append(f"{fast} and {slow}")
            continue
        text = Text(f"{fast} or {slow}: even at ").append(f"{found['value']:,.0f} USD a TEU and day", style="bold")
        if math.isfinite(found["low"]):
            text.append(f" ({found['low']:,.0f} to {found['high']:,.0f})", style="dim")
        yield text
    words = {NONE: "No break-even, the first is faster and no dearer", UNKNOWN: "Break-even unknown"}
    for verdict, told in rest.items():
        yield Text(f"{words.get(verdict, verdict.capitalize())}: {' · '.join(told)}", style="dim")


def _cost_notes(costs: pd.DataFrame, flows: Sequence[str]) -> list[Text]:
    notes = [
        "Generalised cost: what is paid, and the value of time of the goods. Break-even: who loses more by a day of a "
        "TEU does better by the faster route; its interval holds for all pairs of "
        "these places. WTW: well-to-wheel, TTW: tank-to-wheel"
    ]
    if (costs["unfinished"] > 0).any():
        notes.append("≥ at least: some boxes had not arrived at the end; days, value of time and break-even so far")
    if not flows:
        notes.append("The stages of a flow: --flow FLOW")
    return [Text(note, style="dim") for note in notes]


def preview_table(network: Network, preview: Preview) -> RenderableType:
    """Offered load against capacity, the fullest first; the chains of services; and what a replication will take."""
    from sim.show.chains import chains_table

    atlas = atlas_of(network.model)
    table = plain_table(
        Column("\nPlace"),
        Column("\nFacility"),
        Column("\nOffered", justify="right"),
        Column("\nCapacity", justify="right"),
        Column("\nUnit", no_wrap=True),
        Column("Utilisation\n%", justify="right"),
    )
    for load in sorted(preview.loads, key=lambda load: -load.utilisation):
        table.add_row(
            Text("–".join(atlas.name(place) for place in load.place.split("–"))),
            Text(atlas.name(load.facility)),
            Text(number(load.offered, ",.1f")),
            Text("no limit" if math.isinf(load.capacity) else number(load.capacity, ",.1f")),
            Text(load.unit),
            _utilisation(load.utilisation),
        )
    size = preview.estimate
    return Group(
        *heading(network.model.title, f"{network.name} · means only, without a simulation"),
        table,
        Text(f"{MARK}; from 100 % on a queue grows without end", style="dim"),
        Text(
            "Means of random arrivals: queues, seasons, dated closures and waiting for weather come on top", style="dim"
        ),
        Text("Yards at least: where ships are short, several times as much stands there\n", style="dim"),
        chains_table(network, preview.chains),
        Text(
            f"\nOne replication: about {size.trips:,.0f} vehicle trips, {size.units:,.0f} units, "
            f"{size.cpu_s:.1f} s of CPU, {size.memory_mb:,.0f} MB"
        ),
        *_too_large(size.memory_mb),
    )


def _too_large(memory_mb: float) -> list[Text]:
    """That a replication does not fit into the memory of this machine, if so."""
    there = machine_memory()
    if memory_mb <= there:
        return []
    return [Text(f"It cannot be simulated here: this machine has {megabytes(there)} of memory", style="bold red")]


def sources_table(name: str, values: Sequence[Sourced], grades: Mapping[str, int], width: int = 120) -> RenderableType:
    """Each value with its range, grade and line; below it, who says so, or why it is assumed. Then the grades."""
    from pathlib import Path

    parts: list[RenderableType] = [*heading(f"Where the numbers of {name} come from", f"{len(values)} values")]
    for value in values:
        range_ = f" ({value.range})" if value.range else ""
        said = " · ".join(filter(None, (value.citation, value.note)))
        where = f"{Path(value.origin.file).name}:{value.origin.line}" if value.origin else ""
        line = Text.assemble((value.path, "bold"), ": ", value.text, range_, (f"  {value.grade}  {where}", "dim"))
        parts.append(line)
        if said:
            parts.append(Padding(Text(said, style="dim"), (0, 0, 0, 2)))
    return Group(*parts, Text(), Text(f"{shares(grades)}."))


def number(value: float | None, form: str) -> str:
    """A number in format `form`, or "?" where it is unknown."""
    return "?" if value is None or not math.isfinite(value) else format(value, form)


def span(low: float, high: float) -> str:
    """The promised days, as "10–15"; empty without a promise."""
    return f"{low:g}–{high:g}" if math.isfinite(low) and math.isfinite(high) else ""


def plain_table(*columns: Column, show_header: bool = True, gap: int = 2) -> Table:
    """Compact: a rule below the headings, `gap` spaces between the columns, nothing else."""
    return Table(
        *columns, box=SIMPLE_HEAD, show_edge=False, show_header=show_header, pad_edge=False, padding=(0, gap - 1, 0, 0)
    )


def _days_table(width: int, *, show_header: bool) -> Table:
    roomy = width >= ROOMY
    rest = 71 if roomy else 62
    return plain_table(
        Column("\nRoute", width=min(width - rest, 40)),
        *(Column(f"{name}\ndays", justify="right", width=5) for name in ("Mean", "P10", "P50", "P90")),
        Column("Promise\ndays", justify="right", width=7),
        Column("Within\n%", justify="right", width=6),
        Column("Late\n%", justify="right", width=4),
        Column("Not ar-\nrived %", justify="right", width=7),
        Column("\nTEU", justify="right", width=9),
        show_header=show_header,
        gap=2 if roomy else 1,
    )


def _differences_table(width: int, *, show_header: bool) -> Table:
    roomy = width >= ROOMY
    columns = [
        Column("\nRoute", width=min(width - 57, 27)),
        *(Column(f"{name}\ndays", justify="right", width=13) for name in ("Mean", "P50", "P90")),
        Column("Within promise\n% points", justify="right", width=14),
    ]
    if roomy:
        columns.append(Column("Correlation\nof the means", justify="right", width=12))
    return plain_table(*columns, show_header=show_header, gap=2 if roomy else 1)


def heading_of(result: Result, reading: str = "± is half the 95 % interval") -> list[RenderableType]:
    """The title of a result and the runs it stands on, with how to read its intervals; then an empty line."""
    count = len(result.replications)
    over = "one replication: no intervals" if count == 1 else f"{count} replications; {reading}"
    return heading(result.title, f"{result.scenario} · model {result.model_version} · seed {result.seed} · {over}")


def heading(title: str, line: str) -> list[RenderableType]:
    """A title, and below it what it is of; then an empty line."""
    return [Text(title, style="bold underline"), Text(f"{line}\n", style="dim")]


def _notes(result: Result, summary: pd.DataFrame) -> list[RenderableType]:
    notes = [
        Text(f"replication {failure.replication} failed and is left out: {failure.error}", style="red")
        for failure in result.failures
    ]
    if (summary["unfinished"] > 0).any():
        notes.append(
            Text(
                "≥ at least: some boxes had not arrived at the end. They count as late, and with the days so far in "
                "the mean and in a quantile that they could still change",
                style="dim",
            )
        )
    if summary["mean"].isna().any():
        notes.append(Text(NO_BOX, style="dim"))
    return [Text(), *notes, *foot_of(result)]


def foot_of(result: Result) -> list[RenderableType]:
    """What stands below every report: whether the warm-up was enough, and boxes followed for long enough, how sure the
    values of the scenario are, what became of the targets."""
    notes = [
        _warm_up(result),
        *_late(result),
        Text(f"{shares(result.grades)}; corridor sources lists them", style="dim"),
    ]
    notes += [_target(found) for found in result.until]
    if not result.complete and not result.failures:
        notes.append(Text("stopped early: these are the replications that had finished", style="yellow"))
    return [*notes]


def _late(result: Result) -> list[Text]:
    """That some boxes that count as late may yet come in time."""
    routes = result.frames["routes"]
    if not ((routes["unfinished"] > 0) & (routes["promise_high"] > result.followed_days)).any():
        return []
    return [
        Text(
            "late may be fewer: boxes that had not arrived count as late, and the last ones were followed for "
            f"{result.followed_days:g} d, less than a published time; a longer run.run_out follows them longer",
            style="yellow",
        )
    ]


def _days(row: Mapping[Any, Any]) -> list[Text]:
    promise = span(row["promise_low"], row["promise_high"])
    kept = [_with_interval(row, name, 100, ".0f") if promise else Text() for name in ("share_within", "share_late")]
    return [
        Text(row["label"]),
        *(_transit(row, name) for name in ("mean", "p10", "p50", "p90")),
        Text(promise),
        *kept,
        Text(_small_share(row["share_unfinished"])),
        Text("–" if row["boxes"] and not row["teu"] else number(row["teu"], ",.0f")),  # trucks and wagons count none
    ]


def _transit(row: Mapping[Any, Any], name: str) -> Text:
    """Days with their interval; a lower bound where boxes that have not arrived bear on them."""
    if math.isfinite(row[name]):
        text = _with_interval(row, name, 1, ".1f")
        return Text.assemble("≥", text) if math.isfinite(row[f"{name}_at_least"]) else text
    return Text(f"≥{_short(row[f'{name}_at_least'], '.1f')}" if math.isfinite(row[f"{name}_at_least"]) else "?")


def _small_share(share: float) -> str:
    """In %, so that little is not nothing."""
    return "<0.1" if 0 < share < 0.0005 else number(100 * share, ".1f") if share else "0"


def _order(rows: Sequence[Mapping[Any, Any]], behind: pd.DataFrame) -> Text:
    """Which route is the fastest in the mean, and by how much; nothing is ranked that is not separated. Boxes that have
    not arrived count with their days so far."""
    labels = {(row["flow"], row["route"]): row["label"] for row in rows}
    if behind.empty or behind["difference"].isna().all():
        return Text("No order: the means are not known", style="dim")
    first = behind.iloc[0]
    fastest = labels[first["base_flow"], first["base_route"]]
    text = Text("")
    level = [labels[row["flow"], row["route"]] for row in behind.to_dict("records") if not row["separated"]]
    if level:
        text.append(f"Not separated: {' · '.join([fastest, *level])}", style="italic")
    else:
        text.append(f"Fastest in the mean{' so far' if first['base_unfinished'] > 0 else ''}: {fastest}")
    for row in behind[behind["separated"]].to_dict("records"):
        days = "days so far" if row["base_unfinished"] > 0 or row["unfinished"] > 0 else "days"
        text.append(f"\n{row['difference']:+.1f} ±{row['high'] - row['difference']:.1f} {days}: ")
        text.append(labels[row["flow"], row["route"]])
    return text


def _warm_up(result: Result) -> Text:
    """Whether the warm-up covers the loading-in phase; a warning where it does not."""
    found = result.loading_in()
    return Text(found.says, style="yellow" if found.covered is False else "dim")


def _won(differences: pd.DataFrame) -> str:
    """What the common random numbers won for the means, in the middle of the routes."""
    means = differences[differences["measure"] == "mean"]
    correlation, ratio = means["correlation"].median(), means["variance_ratio"].median()
    if not math.isfinite(correlation * ratio):
        return "What pairing wins is not known"
    return (
        f"Pairing: correlation {correlation:.2f}, worth {ratio:.1f} × the replications (of the means; median of the "
        "routes)"
    )


def _with_censoring(row: Mapping[Any, Any]) -> Text:
    """A route, and below it the shares of boxes that have not arrived, if there are any."""
    text = Text(row["label"])
    if row["base_unfinished"] > 0 or row["unfinished"] > 0:
        shares = " → ".join(_small_share(row[name]) for name in ("base_unfinished", "unfinished"))
        text.append(f"\nnot arrived {shares} %", style="dim")
    return text


def _target(found: Precision) -> Text:
    """What became of a target of the study."""
    figure = found.target.partition("±")[0].partition("[")[0]
    percent = "late" in figure or "within" in figure
    scale, unit = (100, "% points") if percent else (1, "days")
    where = f"{found.flow}/{found.route}"
    if found.half_width is None:
        return Text(f"{found.target}: NOT REACHED, not known for {where}: {found.unknown}", style="yellow")
    widest = f"the widest is ±{scale * found.half_width:.2g} {unit}, of {where}"
    if found.reached:
        return Text(f"{found.target}: reached with {found.replications} replications; {widest}", style="dim")
    return Text(f"{found.target}: NOT REACHED with {found.replications} replications; {widest}", style="yellow")


def _with_interval(row: Mapping[Any, Any], name: str, scale: float, form: str) -> Text:
    """The value, and below it half its interval."""
    text = Text(_short(scale * row[name], form))
    half = scale * (row[f"{name}_high"] - row[name])
    if math.isfinite(half):
        text.append(f"\n±{_short(half, form)}", style="dim")
    return text


def _short(value: float, form: str) -> str:
    """A number that fits into a narrow column: from a hundred on without decimals."""
    return number(value, ".0f" if form == ".1f" and abs(value) >= 99.95 else form)


def _cause(result: Result, cause: Mapping[Any, Any]) -> str:
    where = f", {result.atlas.name(cause['place'])}" if cause["place"] else ""
    return f"{cause['days']:.1f} days {cause['cause']}{where}"


def _difference(row: Mapping[Any, Any]) -> Text:
    scale, form = (100, ".0f") if row["measure"] == "share_within" else (1, ".1f")
    if not math.isfinite(row["difference"]):
        return Text("not reached" if row["base_unfinished"] > 0 or row["unfinished"] > 0 else "?")
    rounded = float(format(scale * row["difference"], form))
    text = Text(f"{rounded:+{form}}" if rounded else f"{0:{form}}", style="bold" if row["separated"] else "")
    half = scale * (row["high"] - row["difference"])
    text.append(f" ±{half:{form}}" if math.isfinite(half) else "", style="dim")
    if not row["separated"]:
        text.append("\nnot separated", style="dim italic")
    return text


def _utilisation(share: float) -> Text:
    style = "bold red" if share >= 1 else "red" if share >= BUSY else ""
    return Text(f"{'▲ ' if share >= BUSY else ''}{number(100 * share, '.0f')}", style=style)
