"""Scenario files as trees in which every value knows its file, line and column, and how two trees merge.

YAML is read from ruamel's event stream, because the round-trip loader takes twice as long. Scalars follow the
core schema of YAML 1.2: `no` and `12:30` are texts, `0o14` is twelve, a key given twice is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from ruamel.yaml import YAML, __with_libyaml__
from ruamel.yaml.error import MarkedYAMLError, StringMark
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)
from ruamel.yaml.reader import Reader, ReaderError

from sim.scenario import provenance
from sim.scenario.faults import Origin, Path, ScenarioError, nearest, render
from sim.units import told

Scalar = str | int | float | bool | None

COMPILED: bool = __with_libyaml__  # ruamel.yaml.clib is installed
DEEPEST = 50  # levels of nesting
MOST = 100_000  # values of one file, aliases written out

TOO_DEEP = f"more than {DEEPEST} levels of nesting"
NOTHING = "nothing is written here; write null to delete what is inherited, or {} for an empty mapping"
NUMBERS = {"value", "dist", "jan"}  # a mapping with one of these is a quantity

LINE_END = re.compile(r"\r\n|[\r\n]")
INT = re.compile(r"[-+]?[0-9]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("null", "Null", "NULL", "~"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(slots=True, eq=False)
class Node:
    """A value, its position and that of its key; `before` is what it replaced when files were merged.

    None in a mapping is the mark of a deleted key.
    """

    value: Scalar | dict[str, Node] | list[Node]
    at: Origin
    key: Origin
    before: Node | None = None
    size: int = 1

    @property
    def entries(self) -> dict[str, Node]:
        """What a mapping or list holds, by key or index; deleted keys left out."""
        if isinstance(self.value, dict):
            return {key: child for key, child in self.value.items() if child.value is not None}
        if isinstance(self.value, list):
            return {str(index): child for index, child in enumerate(self.value)}
        return {}

    @property
    def height(self) -> int:
        """The levels of nesting below."""
        return max((child.height + 1 for child in self.entries.values()), default=0)

    def plain(self) -> Any:
        """The value without positions."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items() if child.value is not None}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def find(self, path: Path) -> Node | None:
        """The node at a path below this one."""
        node: Node | None = self
        for key in path:
            node = node and node.entries.get(key)
        return node

    def leaves(self, path: Path = ()) -> Iterator[tuple[Path, Node]]:
        """Every scalar below, with its path."""
        entries = self.entries
        if not entries:
            yield path, self
        for key, child in entries.items():
            yield from child.leaves((*path, key))


def parse(text: str, file: str, line: int = 1) -> Node:
    """The tree of a YAML text; raises ScenarioError with everything that is wrong with it as YAML, and the tree
    without that if the text can be read to its end.

    Positions start at `line`; 0 stands for a text that is in no file.
    """
    start = Origin(file, line, 1)
    if COMPILED:  # ten times as fast, but stricter than YAML 1.2 here and there: only its consent counts
        try:
            return _Builder(text, start, pure=False).build()
        except ScenarioError:
            pass
    return _Builder(text, start, pure=True).build()


class _Builder:
    """Builds nodes from YAML events, and gathers what the scenario language does not allow."""

    def __init__(self, text: str, start: Origin, pure: bool) -> None:
        self.text = text
        self.start = start
        self.lines: list[str] = []
        self.events: Iterator[Any] = YAML(typ="safe", pure=pure).parse(text)
        self.anchors: dict[str, Node] = {}

    def build(self) -> Node:
        try:
            root = self.document()
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.fail(self.origin(mark), f"wrong YAML: {self.reason(error, mark)}")
        except ReaderError:
            self.fail(*self.unprintable())
        if self.lines:
            raise ScenarioError(self.lines, root)
        return root

    def reason(self, error: MarkedYAMLError, mark: StringMark) -> str:
        """What the parser says, on one line, in a planner's words where it is a common slip."""
        said = " ".join(f"{error.problem or error.context}".split())
        if "cannot start any token" in said:
            found = "".join(LINE_END.split(self.text)[mark.line : mark.line + 1])[mark.column : mark.column + 1]
            return f"a plain text cannot begin with {found}; quote it" if found.strip() else "a tab; indent with blanks"
        if "mapping values are not allowed" in said:
            return 'a second ": " in one line; put a text that holds it in quotes, or check the indentation'
        begun = error.context_mark.line if error.context_mark else mark.line
        return said if begun == mark.line else f"{said} {error.context} begun in line {begun + 1}"

    def unprintable(self) -> tuple[Origin, str]:
        match = Reader.NON_PRINTABLE.search(self.text)
        at = match.start() if match else 0
        line, column = self.text.count("\n", 0, at), at - self.text.rfind("\n", 0, at)
        where = Origin(self.start.file, self.start.line and self.start.line + line, column)
        return where, f"wrong YAML: character #x{ord(self.text[at]):02x} is not allowed"

    def document(self) -> Node:
        root = None
        for event in self.events:
            if isinstance(event, NodeEvent):
                if root is not None:
                    self.fail(self.origin(event.start_mark), "a second document; a file holds one scenario")
                if not _empty(event):
                    root = self.node(event, self.start, 0)
        if root is None:
            self.fail(self.start, "the file is empty" if self.start.line else "no value is given")
        return root

    def node(self, event: NodeEvent, key: Origin, depth: int) -> Node:
        """The value that begins with this event, to its end."""
        at = self.origin(event.start_mark)
        if isinstance(event, AliasEvent):
            return self.alias(event, at, key, depth)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.lines.append(render(at, f"the tag {tag} is not allowed; write the plain value"))
        if depth > DEEPEST:
            self.fail(at, TOO_DEEP)
        if isinstance(event, ScalarEvent):
            node = Node(self.scalar(event, at, key), at, key)
        elif isinstance(event, MappingStartEvent):
            node = self.mapping(Node({}, at, key), depth)
        else:
            node = self.sequence(Node([], at, key), depth)
        if node.size > MOST:
            self.fail(at, f"more than {MOST} values")
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: AliasEvent, at: Origin, key: Origin, depth: int) -> Node:
        meant = self.anchors.get(event.anchor)  # not there before its own end: nothing can hold itself
        if meant is None:
            name = event.anchor
            self.fail(at, f"*{name} has no anchor &{name} before it", nearest(name, self.anchors))
        if depth + meant.height > DEEPEST:
            self.fail(at, TOO_DEEP)
        return Node(meant.value, meant.at, key, size=meant.size)

    def mapping(self, node: Node, depth: int) -> Node:
        entries: dict[str, Node] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            at = self.origin(event.start_mark)
            if not isinstance(event, ScalarEvent):
                self.fail(at, "a key must be a plain text")
            name = event.value
            child = self.node(next(self.events), at, depth + 1)
            if name in entries:
                first = entries[name].key
                where = f", first in line {first.line}" if first.line else ""
                self.lines.append(render(at, f'key "{name}" is given twice{where}'))
            entries.setdefault(name, child)
            node.size += child.size
        node.value = entries
        return node

    def sequence(self, node: Node, depth: int) -> Node:
        items = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            child = self.node(event, self.origin(event.start_mark), depth + 1)
            items.append(child)
            node.size += child.size
        node.value = items
        return node

    def scalar(self, event: ScalarEvent, at: Origin, key: Origin) -> Scalar:
        text = event.value
        if event.style:  # in quotes, or a block of text
            return str(text)
        if _empty(event):
            self.lines.append(render(key, NOTHING))
            return None
        if text in WORDS:
            return WORDS[text]
        if text[0] in "+-.0123456789":
            return self.number(text, at)
        return str(text)

    def number(self, text: str, at: Origin) -> Scalar:
        """The number that this plain text is in the core schema, else the text."""
        found: Scalar = text
        if INT.fullmatch(text):
            found = int(text) if len(text) < 19 else float(text)
        elif FLOAT.fullmatch(text):
            found = float(text)
        elif BASED.fullmatch(text):
            found = int(text, 0)
        if NOT_FINITE.fullmatch(text) or found in (math.inf, -math.inf):
            self.lines.append(render(at, f"found {told(text)}, where a finite number is due"))
        return found

    def origin(self, mark: StringMark) -> Origin:
        file, line, _ = self.start
        return Origin(file, line and line + mark.line, mark.column + 1)

    def fail(self, origin: Origin, message: str, suggestion: str | None = None) -> NoReturn:
        raise ScenarioError([*self.lines, render(origin, message, suggestion)])


def _empty(event: NodeEvent) -> bool:
    return isinstance(event, ScalarEvent) and not event.value and not event.style


def merge(old: Node | None, new: Node) -> tuple[Node, list[str]]:
    """`new` laid over `old` (RFC 7396), and a rendered line for each null that deletes nothing.

    A mapping adds to a mapping, anything else replaces, null deletes. A changed `dist` replaces its whole mapping, and
    a changed number loses the source, grade, range and note of the number that it replaces.
    """
    if not isinstance(new.value, dict):
        return Node(new.value, new.at, new.key, before=old), []
    inherited = old.value if old and isinstance(old.value, dict) else {}
    entries = _kept(inherited, new.value)
    lines = []
    for key, child in new.value.items():
        if child.value is None:
            if key not in inherited:
                lines.append(render(child.key, f'null deletes "{key}", but none is inherited', nearest(key, inherited)))
            entries[key] = Node(None, child.at, child.key, before=inherited.get(key))
        else:
            entries[key], more = merge(entries.get(key), child)
            lines += more
    return Node(entries, new.at, new.key, before=old), lines


def _kept(old: dict[str, Node], new: dict[str, Node]) -> dict[str, Node]:
    """What stays of a mapping when another is laid over it."""
    if not old.keys() & NUMBERS or not new.keys() - set(provenance.KEYS):
        return dict(old)
    if "dist" in new or ("value" in new and "dist" in old):
        return {}
    return {key: child for key, child in old.items() if key not in provenance.KEYS}
