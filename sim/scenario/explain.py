"""Where a value of a scenario was set, what it replaced, and how two scenarios differ."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sim.scenario import check, provenance
from sim.scenario.faults import Origin, Path, ScenarioError, render
from sim.scenario.load import Scenario, unknown_step
from sim.scenario.tree import NUMBERS, Node
from sim.scenario.values import Quantity


@dataclass(frozen=True)
class Replaced:
    """What stood at a path before, and where that was set."""

    text: str
    origin: Origin


@dataclass(frozen=True)
class Explanation:
    """A value as written, where it was set and where it comes from; a block has `parts` instead of a text."""

    path: str
    text: str
    origin: Origin | None  # none: a default of the scenario language
    source: str | None = None
    source_title: str | None = None
    grade: str | None = None
    range: str | None = None
    note: str | None = None
    replaced: tuple[Replaced, ...] = ()  # the last one first
    parts: tuple[Explanation, ...] = ()


@dataclass(frozen=True)
class Change:
    """A value that differs between two scenarios; None where it is not there. `where` set it, or deleted it."""

    path: str
    before: str | None
    after: str | None
    where: Origin


def explain(scenario: Scenario, path: str) -> Explanation:
    """The value at a dotted path, or all values of a block; raises ScenarioError if there is no such path."""
    steps = tuple(path.split("."))
    node = scenario.root.find(steps)
    if node is None:
        return Explanation(path, _default(scenario, steps), None)
    if _is_value(node):
        return _explained(scenario, steps, node)
    parts = tuple(_explained(scenario, below, value) for below, value in _values(node, steps))
    return Explanation(path, "", node.at, parts=parts)


def diff(before: Scenario, after: Scenario) -> list[Change]:
    """The values that differ, in the order of the files; a block that is gone is one change."""
    old, new = ({path: node for path, node in _values(s.root) if text_of(node)} for s in (before, after))
    changes = {}
    for path, node in new.items():
        text = text_of(old[path]) if path in old else None
        if text != text_of(node):
            changes[path] = Change(".".join(path), text, text_of(node), _set_at(node))
    for path, node in old.items():
        if after.root.find(path) is None and not any(path[:end] in new for end in range(1, len(path))):
            gone = next(path[:end] for end in range(1, len(path) + 1) if after.root.find(path[:end]) is None)
            text = text_of(node) if gone == path else "a block"
            changes[gone] = Change(".".join(gone), text, None, after.locate(gone, "key"))
    return list(changes.values())


def values_of(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    """Each value with its path, as a planner would write it."""
    return ((path, text_of(node)) for path, node in _values(scenario.root))


def unsourced(scenario: Scenario) -> list[str]:
    """The dotted paths of the written quantities that have neither a source nor a grade."""
    values = check.values_of(scenario.model)
    return sorted(".".join(path) for path, value in values if value.source is None and value.grade is None)


def text_of(node: Node) -> str:
    """A value on one line, as a planner would write it, without its provenance."""
    if node.value is None:
        return "deleted"
    entries = {key: child for key, child in node.entries.items() if key not in provenance.KEYS}
    if isinstance(node.value, dict):
        if set(entries) == {"value"}:
            return text_of(entries["value"])
        words = [f"{key} {text_of(child)}" for key, child in entries.items()]
        return ", ".join(words).removeprefix("dist ")
    if isinstance(node.value, list):
        return f"[{', '.join(text_of(child) for child in entries.values())}]"
    return node.value if isinstance(node.value, str) else json.dumps(node.value)


def _explained(scenario: Scenario, path: Path, node: Node) -> Explanation:
    about = _provenance(scenario, path, node)
    source = about.get("source")
    known = scenario.model.sources.get(source) if source else None
    return Explanation(
        ".".join(path),
        text_of(node),
        _set_at(node),
        source,
        known.title if known else None,
        about.get("grade"),
        " to ".join(map(str, about["range"])) if "range" in about else None,
        about.get("note"),
        tuple(_replaced(node)),
    )


def _provenance(scenario: Scenario, path: Path, node: Node) -> dict[str, Any]:
    """The provenance beside a value, or beside the quantity that it is a part of."""
    for end in (len(path), len(path) - 1, len(path) - 2):
        holder = scenario.root.find(path[:end])
        if holder is not None and _is_quantity(holder):
            return {key: child.plain() for key, child in holder.entries.items() if key in provenance.KEYS}
    return {}


def _replaced(node: Node) -> Iterator[Replaced]:
    """What a value replaced, the last one first; a merge that left the value as it was is no change."""
    last = _set_at(node)
    while node.before is not None:
        node = node.before
        if _set_at(node) != last:
            last = _set_at(node)
            yield Replaced(text_of(node), last)


def _set_at(node: Node) -> Origin:
    """Where the number of a quantity was set, or changed, not what stands beside it."""
    if not _is_quantity(node):
        return node.at
    numbers = [child for key, child in node.entries.items() if key not in provenance.KEYS]
    changed = [child for child in numbers if child.before is not None]
    return (changed or numbers)[0].at


def _is_quantity(node: Node) -> bool:
    return isinstance(node.value, dict) and not NUMBERS.isdisjoint(node.entries)


def _is_value(node: Node) -> bool:
    """Whether a node is told as one value: a scalar, a list, a quantity or an empty mapping."""
    return not isinstance(node.value, dict) or not node.entries or _is_quantity(node)


def _values(node: Node, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    if _is_value(node):
        yield path, node
    else:
        for key, child in node.entries.items():
            yield from _values(child, (*path, key))


def _default(scenario: Scenario, path: Path) -> str:
    """What holds where nothing is written; raises ScenarioError for a path that the schema does not know."""
    stranger = unknown_step(scenario.root, path)
    if stranger is not None:
        raise ScenarioError([render(Origin(scenario.file, 0, 0), *stranger)])
    blocks = [kind.type for kind in check.allowed_at(path[:-1]) if check.allowed_keys([kind])]
    fields = [block.model_fields[path[-1]] for block in blocks if path[-1] in block.model_fields]
    default = fields[0].get_default() if fields else None
    if isinstance(default, Quantity):
        return default.text
    return "not set" if default is None or fields[0].is_required() else str(default)
