"""Writes docs/scenario-reference.md: every block and key of a scenario file, read from the schema's own source.

The words come from the docstrings of `sim/scenario/schema.py` and from the comments behind its keys, so that what a
planner reads is what the program checks. Run by `make docs`; a test says when the page is out of date.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.scenario.variates import BARE, LAWS, RAREST

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "sim" / "scenario" / "schema.py"
PAGE = ROOT / "docs" / "scenario-reference.md"

# How each kind of value is written. The test of this page gives every example to the program.
VALUES: dict[str, tuple[str, str]] = {
    "Duration": ("a duration, zero or more", "36 h"),
    "WarmUp": ("a duration, zero or more, or `auto`", "auto"),
    "PositiveDuration": ("a duration above zero", "365 d"),
    "Distance": ("a distance above zero", "3128 km"),
    "Speed": ("a speed above zero", "45 km/h"),
    "Depth": ("a depth or a level, also below zero", "5.2 m"),
    "Share": ("a share", "25 %"),
    "Ratio": ("a bare number above zero", "0.9"),
    "Freight": ("USD for a TEU, a unit or a t, and for each km if it says so", "0.3 USD/(TEU km)"),
    "Fee": ("USD for a TEU, a unit or a t", "50 USD/unit"),
    "DailyPrice": ("USD a day for a TEU, a unit or a t", "5 USD/(TEU d)"),
    "Charter": ("USD for a vehicle and a time", "9000 USD/d"),
    "Decay": ("a share of a value in a time", "8 %/a"),
    "Intensity": ("CO2e for a t, a TEU or a unit and a km", "22 g/(t km)"),
    "HubIntensity": ("CO2e for a t, a TEU or a unit", "1.2 kg/t"),
    "Space": ("room in TEU, wagons, trucks or t", "350 TEU"),
    "SpaceRate": ("an amount of TEU, wagons, trucks or t in a time", "35000 TEU/a"),
    "TimesPerHour": ("how often in a time", "12 /d"),
    "Count": ("a whole number, 1 or more", "4"),
    "Amount": ("a bare number, 0 or more", "22"),
    "Hours": ("a daily window, which may pass midnight", "08:00-20:00"),
    "Months": ("a share or a ratio for each month", "{jan: 25 %, feb: 20 %, …}"),
    "Variate": (
        "a time or a share that varies: a constant or a distribution",
        "{dist: triangular, low: 2 h, mode: 3 h, high: 8 h}",
    ),
}
WORDS = {
    "Id": "id",
    "bool": "`true` or `false`",
    "str": "text",
    "int": "whole number",
    "float": "number",
}
MUST = "**must be given**"


@dataclass(frozen=True)
class Key:
    """One key of a block: its type as words, its default as written, and what it means."""

    name: str
    type: str
    default: str
    meaning: str


class Schema:
    """The schema's source, read without running it."""

    def __init__(self, source: str) -> None:
        """Index the classes, the named types and the comments of `source`."""
        tree = ast.parse(source)
        self.blocks = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
        self.aliases = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.comments = {
            token.start[0]: token.string.lstrip("# ")
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }

    def keys(self, block: str) -> Iterator[Key]:
        """All keys of a block, those that it has in common with the block it builds on first."""
        node = self.blocks[block]
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id in self.blocks:
                yield from self.keys(base.id)
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                yield Key(
                    name=field.target.id,
                    type=self.words(field.annotation),
                    default=default(field.value),
                    meaning=self.comments.get(field.end_lineno or field.lineno, ""),
                )

    def words(self, node: ast.expr) -> str:
        """A type annotation in words, with links to the blocks and the kinds of value that it names."""
        match node:
            case ast.Name(id=name) if name in WORDS:
                return WORDS[name]
            case ast.Name(id=name) if name in VALUES or name in self.blocks:
                return f"[{title(name)}](#{anchor(name)})"
            case ast.Name(id=name):
                return self.words(self.aliases[name])
            case ast.BinOp(left=left, right=ast.Constant(value=None)):
                return self.words(left)
            case ast.BinOp(left=left, right=right):
                return either([*self.words(left).split(" or "), self.words(right)])
            case ast.Subscript(value=ast.Name(id="Literal"), slice=choice):
                values = choice.elts if isinstance(choice, ast.Tuple) else [choice]
                return either([f"`{ast.literal_eval(value)}`" for value in values])
            case ast.Subscript(value=ast.Name(id="list"), slice=item):
                return f"list of {self.words(item)}s" if isinstance(item, ast.Name) else f"list of ({self.words(item)})"
            case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[_, value])):
                return f"by id: {self.words(value)}"
            case ast.Subscript(
                value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[inner, ast.Call(keywords=limits)])
            ):
                return self.words(inner) + limit_words({str(limit.arg): ast.unparse(limit.value) for limit in limits})
        raise ValueError(f"{ast.unparse(node)}: docs/reference.py has no words for this type")


def either(choices: list[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(choices[:-1]), choices[-1]] if len(choices) > 1 else choices)


def limit_words(limits: dict[str, str]) -> str:
    """The limits of a pydantic Field, as words behind its type."""
    match limits:
        case {"ge": low, "le": high}:
            return f", {low} to {high}"
        case {"ge": low}:
            return f", {low} or more"
        case {"min_length": low, "max_length": high} if low == high:
            return f", exactly {low}"
        case {"pattern": pattern}:
            return f" of the form `{pattern.strip(chr(39))[1:-1]}`"
    return ""


def default(node: ast.expr | None) -> str:
    """What a key holds when it is left out: `Share(0.0)` reads as 0.0, an empty map or None as nothing."""
    match node:
        case None:
            return MUST
        case ast.Constant(value=None) | ast.Dict(keys=[]) | ast.List(elts=[]) | ast.Call(args=[]):
            return "–"
        case ast.Call(args=[argument]):
            return f"`{ast.literal_eval(argument):g}`"
        case ast.Constant(value=bool(flag)):
            return f"`{str(flag).lower()}`"
    return f"`{ast.literal_eval(node)}`"


def title(name: str) -> str:
    """`FleetService` as "Fleet service"."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def anchor(name: str) -> str:
    """The link target of a heading."""
    return title(name).lower().replace(" ", "-")


def in_order(schema: Schema, block: str = "Model") -> list[str]:
    """The blocks in the order in which a reader meets them, each once."""
    found = [block]
    for key in schema.keys(block):
        for name in schema.blocks:
            if f"(#{anchor(name)})" in key.type and name not in found:
                found += [below for below in in_order(schema, name) if below not in found]
    return found


def section(schema: Schema, block: str) -> str:
    """A block's heading, what it is, and the table of its keys."""
    about = ast.get_docstring(schema.blocks[block])
    head = f"## {title(block)}\n\n{about}\n\n" if about else f"## {title(block)}\n\n"
    rows = [f"| `{key.name}` | {key.type} | {key.default} | {key.meaning} |" for key in schema.keys(block)]
    if not rows:
        return head + "Nothing to set: write `{}`.\n"
    return head + "\n".join(["| key | value | if left out | meaning |", "|---|---|---|---|", *map(escaped, rows), ""])


def escaped(row: str) -> str:
    """A table row in which a bar within code does not end the cell."""
    return re.sub(r"`[^`]*`", lambda code: code[0].replace("|", r"\|"), row)


# What each distribution is, for the table of its kind; a test of this page says when one is missing.
DISTRIBUTIONS = {
    "constant": "always the same",
    "uniform": "all between two limits are equally likely",
    "triangular": "a least, a likeliest and a largest value, as experts tell them",
    "exponential": "no memory: breakdowns, gaps between arrivals",
    "lognormal": "a long tail: papers, repairs, delays",
    "weibull": "from many early values (cv above 1) to a narrow peak (cv far below 1)",
    "gamma": "between exponential (cv 1) and normal (small cv)",
    "erlang": "the sum of so many equal exponential stages",
    "empirical": "straight lines between measured quantiles, from p0 to p100",
}


def distributions() -> str:
    """The table of the distributions with the parameters that the program takes for each."""
    rows = ["| `dist` | takes | what it is |", "|---|---|---|"]
    for dist, ways in LAWS.items():
        takes = ", or ".join(" and ".join(f"`{name}`" for name in names) for names in ways)
        rows.append(f"| `{dist}` | {takes} | {DISTRIBUTIONS[dist]} |")
    return "\n".join(rows)


FRAME = """\
<!-- Written by docs/reference.py from sim/scenario/schema.py: change the schema, then run `make docs`. -->
# Scenario reference

Every block and key of a scenario file; [how-to-write-a-scenario.md](how-to-write-a-scenario.md) tells how to write one.
A key that is not listed here is an error. “By id” is a map whose keys you choose: lower-case letters, digits and
hyphens.
“–” in the third column means that there is none.

{blocks}
# Kinds of value

Each may also be a map `{{value: …, range: [low, high], source: id, grade: high, note: text}}`.

{values}

# Distributions

{distributions}

`cv` is the standard deviation over the mean, from {cv[0]:g} to {cv[1]:g}; `median` and `p95` set the distribution by
these two quantiles. `shift` is added to what is drawn. `min` and `max` then cut the tails off: what lies between keeps
its proportions, so the mean of the draws is another one. At least one draw in {rarest:,.0f} must be left between them.
All draws are made by the inverse of the cumulative distribution from one uniform number each: a change of the
parameters moves each draw, and swaps none.
"""


def reference() -> str:
    """The whole page, as Markdown."""
    schema = Schema(SCHEMA.read_text(encoding="utf-8"))
    values = [
        f"## {title(name)}\n\n{words[0].upper()}{words[1:]}: `{example}`." for name, (words, example) in VALUES.items()
    ]
    return FRAME.format(
        blocks="\n".join(section(schema, block) for block in in_order(schema)),
        values="\n\n".join(values),
        distributions=distributions(),
        cv=BARE["cv"],
        rarest=1 / RAREST,
    )


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
