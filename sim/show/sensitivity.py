"""What decides an outcome: tables, plots and words of the indices of Morris and Sobol, and the page of a study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Column
from rich.text import Text

from sim.show.files import put_frame, put_text
from sim.show.style import FOOT, GREY, HEAD, INK, PALE, PALETTE, Sheet, write
from sim.show.sweeps import dry_table, extent_of, how_sure, unsound
from sim.show.tables import number, plain_table
from sim.study.plain import records
from sim.sweeps.outcomes import describe
from sim.sweeps.points import REALISATION
from sim.sweeps.sensitivity import CHANCE, CLEAR, LIKELY, WITHIN, indices, left_out, too_few

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from sim.sweeps import SweepPlan, SweepResult
    from sim.sweeps.sensitivity import Study

UNKNOWN_OUTCOME = "unknown in too many runs"
COLOURS = {CLEAR: PALETTE[0], LIKELY: PALETTE[5], WITHIN: PALE, CHANCE: GREY}
ACROSS, LABEL, GAP, LINE = 3, 2.75, 0.3, 0.2  # panels side by side; inches: labels, between panels, a row
SHOWN = 14  # factors in a plot of effects
STEADY = 0.8  # of the mean absolute effect, from which the mean effect has one sign
EFFECTS_READING = """\
Bar: mean effect on the outcome of moving the factor over its range, with its 95 % interval; +, −: more of it makes
the outcome larger, smaller; ±: now this, now that. Diamond: spread of the effect. Line and band: what another
realisation of chance does, with its interval."""
SHARES_READING = """\
Share of the variance of the outcome that the factor explains alone (dark), and with all its interactions with others
(pale); lines: 95 % intervals. Realisation: chance. A share below 0 is one that so few samples cannot tell from 0."""


def forecast_table(plan: SweepPlan, found: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    """The factors of a study, and what its two stages will do, from `sim.sweeps.sensitivity.forecast`."""
    weighed = min(plan.then.most, len(plan.factors))
    then = f"Then the weighing of at most {weighed} of them: {extent_of(found['weighing'])}"
    return Group(dry_table(plan, found["screening"]), Text(then))


def indices_table(result: SweepResult, width: int = 120, table: pd.DataFrame | None = None) -> RenderableType:
    """The indices of each outcome, the largest first; of those within chance only their number.

    `table` is what `indices` gives; none: it is made.
    """
    table = indices(result) if table is None else table
    parts: list[RenderableType] = [Text(result.title, style="bold")]
    for scenario, outcome, rows in _outcomes(table):
        of = f" · {scenario}" if len(set(table["scenario"])) > 1 else ""
        parts.append(Text(f"\n{describe(outcome)} ({rows['unit'].iloc[0]}){of}"))
        parts.append(_effects_table(rows, width) if result.design == "morris" else _shares_table(rows, width))
    parts += [Text(line, style="dim") for line in (*_missing(result, table), *how_sure(result))]
    return Group(*parts)


def _effects_table(rows: pd.DataFrame, width: int) -> RenderableType:
    shown = rows[rows["standing"].isin((CLEAR, LIKELY, CHANCE))].sort_values("mu_star", ascending=False, kind="stable")
    table = plain_table(
        Column("factor", width=max(24, width - 58)), Column("effect", justify="right"),
        Column("95 % interval", justify="right"), Column("sigma", justify="right"), Column(""),
    )  # fmt: skip
    for row in shown.to_dict("records"):
        interval = f"{number(row['mu_star_low'], '.3g')}–{number(row['mu_star_high'], '.3g')}"
        effect = f"{_sign(row)}{number(row['mu_star'], '.3g')}"
        table.add_row(row["title"], effect, interval, number(row["sigma"], ".3g"), row["standing"])
    rest = len(rows) - len(shown)
    return Group(table, Text(f"{rest} more within chance", style="dim")) if rest else table


def _shares_table(rows: pd.DataFrame, width: int) -> RenderableType:
    table = plain_table(
        Column("factor", width=max(24, width - 52)), Column("alone %", justify="right"),
        Column("95 %", justify="right"), Column("with others %", justify="right"), Column("95 %", justify="right"),
    )  # fmt: skip
    for row in rows.sort_values("st", ascending=False, kind="stable").to_dict("records"):
        table.add_row(row["title"], *(cell for name in ("s1", "st") for cell in _share(row, name)))
    return table


def _share(row: Mapping[Any, Any], name: str) -> tuple[str, str]:
    """A share and its interval in %."""
    value, low, high = (100 * row[f"{name}{end}"] for end in ("", "_low", "_high"))
    return number(value, ".0f"), f"{number(low, '.0f')} to {number(high, '.0f')}"


def plot_indices(result: SweepResult, table: pd.DataFrame | None = None) -> Sheet:
    """One panel an outcome, one row a factor: mean effects against chance (Morris), or shares of variance (Sobol)."""
    table = indices(result) if table is None else table
    effects = result.design == "morris"
    factors = _order(table, "over_chance", SHOWN) if effects else _order(table, "st", len(result.factors))
    panels = list(_outcomes(table))
    bands = math.ceil(len(panels) / ACROSS)
    deep = LINE * (len(factors) + 1)
    step = deep + 1.05
    sheet = Sheet(
        f"{result.title} ({result.name}) · {len(result.runs)} runs · model {result.about['model']}",
        "What moves the outcomes more than chance does" if effects else "What the spread of the outcomes comes from",
        EFFECTS_READING if effects else SHARES_READING,
        HEAD + 0.35 + bands * step + FOOT,
    )
    sheet.legend(
        handles=list(_effects_key() if effects else _shares_key()), ncols=4, loc="upper left", borderaxespad=0,
        frameon=False, fontsize=8, handlelength=1.2,
        bbox_to_anchor=(LABEL / sheet.get_figwidth(), 1 - 0.97 / sheet.get_figheight()),
    )  # fmt: skip
    wide = (sheet.get_figwidth() - LABEL - 0.2 - (ACROSS - 1) * GAP) / ACROSS
    titles = dict(zip(table["factor"], table["title"], strict=True))
    several = len(set(table["scenario"])) > 1
    for place, (scenario, outcome, rows) in enumerate(panels):
        band, column = divmod(place, ACROSS)
        bottom = sheet.get_figheight() - HEAD - 0.35 - band * step - deep - 0.55
        axes = sheet.panel(LABEL + column * (wide + GAP), bottom, wide, deep)
        named = rows.set_index("factor", drop=False).loc[[*factors, REALISATION]]
        (_draw_effects if effects else _draw_shares)(axes, named)
        axes.set_ylim(len(named) - 0.4, -0.6)
        labels = [fill(titles[name], 48) for name in named.index] if column == 0 else []
        axes.set_yticks(range(len(named)), labels or [""] * len(named), size=7.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=PALE, linewidth=0.5)
        title = describe(outcome) + (f", {scenario}" if several else "")
        axes.set_title(fill(title, 32), size=7.5, weight="bold", color=INK, loc="left", pad=4)
        if said := _silent(named, "mu_star" if effects else "st"):
            axes.text(0.5, 0.5, said, transform=axes.transAxes, ha="center", size=8, color=GREY)
        axes.set_xlabel(rows["unit"].iloc[0] if effects else "% of the variance", size=7.5, color=INK)
    return sheet


def _silent(rows: pd.DataFrame, column: str) -> str:
    """Why there is nothing to show of an outcome, if there is nothing."""
    if not rows[column].fillna(0).any():
        return UNKNOWN_OUTCOME if too_few(rows["used"].iloc[0], rows["drawn"].iloc[0]) else "the same in all runs"
    return ""


def _draw_effects(axes: Axes, rows: pd.DataFrame) -> None:
    chance = rows.iloc[-1]
    axes.axvspan(chance["mu_star_low"], chance["mu_star_high"], color=PALE, alpha=0.5, linewidth=0)
    axes.axvline(chance["mu_star"], color=GREY, linewidth=0.8, linestyle="--")
    for at, row in enumerate(rows.to_dict("records")):
        if not math.isfinite(row["mu_star"]):
            continue
        axes.barh(at, row["mu_star"], height=0.62, color=COLOURS[row["standing"]])
        axes.plot([row["mu_star_low"], row["mu_star_high"]], [at, at], color=INK, linewidth=0.9)
        axes.plot(row["sigma"], at, marker="D", markersize=3, markerfacecolor="white", markeredgecolor=INK, mew=0.6)
        if row["standing"] in (CLEAR, LIKELY):
            end = max(row["mu_star_high"], row["sigma"])
            axes.annotate(_sign(row), (end, at), (4, 0), textcoords="offset points", va="center", size=8, color=INK)
    largest = rows[["mu_star_high", "sigma"]].to_numpy(float).max()
    axes.set_xlim(0, 1.12 * largest if largest > 0 else 1.0)


def _draw_shares(axes: Axes, rows: pd.DataFrame) -> None:
    for at, row in enumerate(rows.to_dict("records")):
        if not math.isfinite(row["st"]):
            continue
        dark, pale = (INK, "#BDBDBD") if row["factor"] == REALISATION else (PALETTE[0], "#A9D3EE")
        for name, shift, colour in (("s1", -0.18, dark), ("st", 0.18, pale)):
            value, low, high = (100 * row[f"{name}{end}"] for end in ("", "_low", "_high"))
            axes.barh(at + shift, value, height=0.34, color=colour)
            axes.plot([low, high], [at + shift] * 2, color=GREY, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=0.6)


def _effects_key() -> Sequence[Artist]:
    from matplotlib.patches import Patch

    return [Patch(color=COLOURS[name], label=name) for name in (CLEAR, LIKELY, WITHIN)] + [
        Patch(color=GREY, label="realisation")
    ]


def _shares_key() -> Sequence[Artist]:
    from matplotlib.patches import Patch

    return [
        Patch(color=PALETTE[0], label="alone"), Patch(color="#A9D3EE", label="with interactions"),
        Patch(color=INK, label="chance alone"), Patch(color="#BDBDBD", label="chance with interactions"),
    ]  # fmt: skip


def save_study(study: Study, folder: Path) -> Path:
    """Write indices, plots and the page of a study into its folder."""
    put_frame(study.effects, folder / "screening")
    write(plot_indices(study.screening, study.effects), folder / "screening")
    if study.weighing is not None and study.shares is not None:
        put_frame(study.shares, folder / "shares")
        write(plot_indices(study.weighing, study.shares), folder / "shares")
    return put_text(folder / "README.md", ["\n".join(_page(study)), "\n"])


def study_table(study: Study, width: int = 120) -> RenderableType:
    """The last stage that a study came to, and how it came there."""
    parts: list[RenderableType] = []
    if study.weighing is None or study.shares is None:
        parts.append(indices_table(study.screening, width, study.effects))
    else:
        parts.append(indices_table(study.weighing, width, study.shares))
    kept = ", ".join(study.survivors) or "none"
    said = f"\nOf {len(study.screening.factors)} factors these went on from the screening: {kept}"
    return Group(*parts, Text(said))


def study_json(study: Study) -> dict[str, Any]:
    """The object of `corridor sensitivity --json`."""
    return {
        "study": study.plan.name,
        "model_version": study.screening.about["model"],
        "screening": records(study.effects),
        "survivors": list(study.survivors),
        "shares": None if study.shares is None else records(study.shares),
        "failures": [row for result in study.stages for row in records(result.failures)],
        "interrupted": study.interrupted,
    }


def _page(study: Study) -> Iterator[str]:
    plan, screening, weighing = study.plan, study.screening, study.weighing
    bases = ", ".join(study.screening.about["titles"])
    yield f"# {plan.title}\n"
    yield f"Made by `corridor sensitivity {plan.file}` on {bases}, model {screening.about['model']}:"
    runs = f"{len(screening.runs)} runs to screen {len(screening.factors)} factors"
    went = ", ".join(_titles(study))
    if weighing is not None:
        yield f"{runs}, {len(weighing.runs)} runs to weigh the {len(study.survivors)} that went on."
    elif went:
        yield f"{runs}. The second stage has not been run yet; it weighs {went}."
    else:
        yield f"{runs}. None has more effect than chance."
    for line in how_sure(screening):
        yield f"\n{line}"
    if weighing is not None and study.shares is not None:
        yield "\n## Which numbers decide\n"
        yield from shares_in_words(weighing, study.shares)
        yield "\n![Shares of variance](shares.png)\n"
        yield SHARES_READING.replace("\n", " ")
    yield "\n## The screening\n"
    yield from effects_in_words(screening, study.effects)
    yield "\n![Effects against chance](screening.png)\n"
    yield EFFECTS_READING.replace("\n", " ")
    several = study.effects.groupby("scenario", sort=False)
    for scenario, effects in several:
        if several.ngroups > 1:
            yield f"\n{scenario}:"
        yield "\n| factor | range | " + " | ".join(describe(o) for o in screening.outcomes) + " |"
        yield "|---|---|" + "---:|" * len(screening.outcomes)
        yield from _effects_rows(screening, effects)
    yield "\nIn bold: above chance; plain: likely above; in brackets: within chance."
    yield "\n## What was left out\n"
    yield from _left_out_words(study)
    yield "\n## Files\n"
    tables = "`screening.csv`, `shares.csv`" if weighing is not None else "`screening.csv`"
    yield f"- {tables} (and `.parquet`): all indices with their intervals"
    yield "- `morris/`, `sobol/`: the ledgers of the two stages; `corridor sweep export` and `plot` take these folders"


def _titles(study: Study) -> list[str]:
    titles = {factor.name: factor.title for factor in study.screening.factors}
    return [titles[name] for name in study.survivors]


def shares_in_words(result: SweepResult, table: pd.DataFrame) -> Iterator[str]:
    """One item an outcome: where it lies, and what its variance comes from."""
    several = len(set(table["scenario"])) > 1
    for scenario, outcome, rows in _outcomes(table):
        runs = result.runs.loc[result.runs["scenario"] == scenario, outcome].dropna()
        head = f"- **{describe(outcome)}**" + (f", {scenario}" if several else "")
        known = rows.dropna(subset=["st"])
        if known.empty:
            why = _silent(rows, "st")
            yield f"{head}: {why if why == UNKNOWN_OUTCOME else 'the same in nearly all runs; no number decides it'}."
            continue
        low, high = np.quantile(runs, (0.05, 0.95))
        found = known[known["factor"] != REALISATION].sort_values("st", ascending=False, kind="stable")
        strong = found[found["st_low"] > 0]
        said = "; ".join(
            f"{row['title']} {_told(row, 's1')} alone, {_told(row, 'st')} with interactions"
            for row in strong.to_dict("records")
        )
        chance = known[known["factor"] == REALISATION].to_dict("records")[0]
        yield (
            f"{head}: {low:.3g} to {high:.3g} {rows['unit'].iloc[0]} in nine of ten runs. "
            f"Of the variance: {said or 'nothing that can be told from 0'}. "
            f"Chance: {_told(chance, 's1')} alone, {_told(chance, 'st')} with interactions."
        )
        beyond = [row["title"] for row in known.to_dict("records") if row["s1"] < 0 or row["s1"] > 1]
        if beyond:
            yield f"  Too few samples to tell the share alone (it is below 0 or above 100 %): {', '.join(beyond)}."


def _told(row: Mapping[Any, Any], name: str) -> str:
    value, interval = _share(row, name)
    return f"{value} % ({interval})"


def effects_in_words(result: SweepResult, table: pd.DataFrame) -> Iterator[str]:
    """How many factors have more effect than chance, outcome by outcome."""
    several = len(set(table["scenario"])) > 1
    for scenario, outcome, rows in _outcomes(table):
        head = f"- {describe(outcome)}" + (f", {scenario}" if several else "")
        if said := _silent(rows, "mu_star"):
            yield f"{head}: {said}."
            continue
        count = rows["standing"].value_counts()
        chance = rows.iloc[-1]
        interval = f"{number(chance['mu_star_low'], '.3g')}–{number(chance['mu_star_high'], '.3g')}"
        yield (
            f"{head}: {count.get(CLEAR, 0)} factors above "
            f"chance, {count.get(LIKELY, 0)} likely above, {count.get(WITHIN, 0)} within it. Chance: "
            f"{number(chance['mu_star'], '.3g')} {chance['unit']} ({interval})."
        )


def _effects_rows(screening: SweepResult, effects: pd.DataFrame) -> Iterator[str]:
    """The rows of the table of factors that have more effect than chance on any outcome of one scenario."""
    known = {factor.name: factor for factor in screening.factors}
    alive = effects[effects["standing"].isin((CLEAR, LIKELY))]["factor"].unique()
    for name in [*_order(effects, "over_chance", len(known)), REALISATION]:
        if name not in alive and name != REALISATION:
            continue
        factor = known.get(name)
        span = f"{factor.low:g} to {factor.high:g} {factor.unit}" if factor and factor.low is not None else ""
        cells = []
        for row in effects[effects["factor"] == name].to_dict("records"):
            text = f"{_sign(row)}{number(row['mu_star'], '.2g')}"
            form = {CLEAR: "**{}**", WITHIN: "({})"}.get(row["standing"], "{}")
            cells.append(form.format(text))
        yield f"| {factor.title if factor else name} | {span.strip()} | " + " | ".join(cells) + " |"


def _left_out_words(study: Study) -> Iterator[str]:
    lost = [
        line
        for result, table in ((study.screening, study.effects), (study.weighing, study.shares))
        if result is not None and table is not None
        for line in _missing(result, table)
    ]
    yield from (f"- {line}" for line in lost)
    if not lost:
        yield "- No run: all gave all figures."
    for part in unsound(study.screening):
        yield f"\n{part}\n"
    effects = study.effects
    alive = effects[effects["standing"].isin((CLEAR, LIKELY))]["factor"].unique()
    beyond = [name for name in map(str, alive) if name not in study.survivors]
    if beyond and study.weighing is not None:
        yield (
            f"- Of the factors with more effect than chance the {len(study.survivors)} with the most of it went on; "
            f"these did not, and stay as they are in the second stage: {', '.join(beyond)}."
        )


def _missing(result: SweepResult, table: pd.DataFrame) -> list[str]:
    """What was not used, in words."""
    block = "trajectories" if result.design == "morris" else "blocks of samples"
    lines = [
        f"{used} of {drawn} {block} used for {describe(outcome)} ({scenario}): in the others a run failed, is not done "
        "yet, or its figure is unknown"
        for scenario, outcome, used, drawn in left_out(table)
    ]
    if len(result.failures):
        lines.append(f"{len(result.failures)} runs of {result.name} gave no result")
    return lines


def _outcomes(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for (scenario, outcome), rows in table.groupby(["scenario", "outcome"], sort=False):
        yield str(scenario), str(outcome), rows


def _order(table: pd.DataFrame, column: str, most: int) -> Sequence[str]:
    """The factors by their largest value of a column over all outcomes."""
    own = table[table["factor"] != REALISATION]
    largest = own.groupby("factor", sort=False)[column].max().sort_values(ascending=False, kind="stable")
    return [str(name) for name in largest.index[:most]]


def _sign(row: Mapping[Any, Any]) -> str:
    """The direction of an effect; none for chance."""
    if row["factor"] == REALISATION or not row["mu_star"] > 0:
        return ""
    steady = abs(row["mu"]) >= STEADY * row["mu_star"]
    return ("+" if row["mu"] > 0 else "−") if steady else "±"
