"""From scenario files to one checked scenario: extends, merge, `--set`, check. Every value keeps its position."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as FilePath
from typing import Any, Literal, NoReturn

from sim.scenario import check
from sim.scenario.faults import Fault, Origin, Path, ScenarioError, nearest, render
from sim.scenario.mend import mended
from sim.scenario.schema import Model
from sim.scenario.tree import Node, merge, parse
from sim.units import told

# finds further faults of a model in which these entries, (section, key), are not as they were written
Further = Callable[[Model, frozenset[Path]], Iterable[Fault]]


@dataclass(frozen=True, eq=False)
class Scenario:
    """A scenario that holds no known fault: its model, and where each of its values was set."""

    name: str  # the stem of the file
    file: str
    model: Model = field(repr=False)
    root: Node = field(repr=False)

    @cached_property
    def tree(self) -> dict[str, Any]:
        """The merged files as plain mappings, lists and scalars."""
        tree: dict[str, Any] = self.root.plain()
        return tree

    @cached_property
    def origins(self) -> Mapping[Path, Origin]:
        """Where each leaf of the tree was set."""
        return {path: node.at for path, node in self.root.leaves()}

    def locate(self, path: Path, at: Literal["key", "value"] = "value") -> Origin:
        """Where a value, or its key, was set; for a path that is not there, the nearest mapping around it."""
        return locate(self.root, path, at)

    def refuse(self, faults: Iterable[Fault]) -> NoReturn:
        """Raise ScenarioError with the position of each fault."""
        raise ScenarioError(rendered(self.root, faults))

    def digest(self) -> str:
        """SHA-256 of the tree, in hex: equal for scenarios that say the same in the same order."""
        import hashlib
        import json

        text = json.dumps(self.tree, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def load(file: str | os.PathLike[str], *, set: Sequence[str] = (), further: Further | None = None) -> Scenario:
    """The scenario of a file and of all that it extends, with `path=value` changes applied last.

    Raises ScenarioError with every fault that was found. `further` is asked for more of them only if there are some:
    what it finds in a sound scenario is for its own caller to refuse.
    """
    return load_all([file], set=set, further=further)[0]


def load_all(
    files: Iterable[str | os.PathLike[str]], *, set: Sequence[str] = (), further: Further | None = None
) -> list[Scenario]:
    """Several scenarios; what they extend in common is read once.

    Raises ScenarioError with every fault of all of them; a fault that several inherit is told once.
    """
    changes = [set] if isinstance(set, str) else set
    library: dict[str, Node] = {}
    scenarios: list[Scenario] = []
    lines: list[str] = []
    for file in files:
        try:
            scenarios.append(_load(os.fspath(file), changes, library, further))
        except ScenarioError as error:
            lines += error.lines
    if lines:
        for scenario in scenarios:
            lines += rendered(scenario.root, further(scenario.model, frozenset()) if further else ())
        raise ScenarioError(list(dict.fromkeys(lines)))
    return scenarios


def _load(file: str, changes: Sequence[str], library: dict[str, Node], further: Further | None) -> Scenario:
    root, lines = read(file, library)
    return _checked(FilePath(file).stem, file, root, lines, changes, further)


def altered(scenario: Scenario, changes: Sequence[str], at: Origin | None = None) -> Scenario:
    """The same scenario with `path=value` changes, which are written `at` a place of another file, or by `--set`.

    Raises ScenarioError with every fault that they make.
    """
    return _checked(scenario.name, scenario.file, scenario.root, [], changes, None, at)


def _checked(
    name: str,
    file: str,
    root: Node,
    lines: list[str],
    changes: Sequence[str],
    further: Further | None,
    at: Origin | None = None,
) -> Scenario:
    """The scenario of a tree with changes, if there is no fault in either, nor in `lines`."""
    root, more = change(root, changes, at)
    lines = lines + more
    tree = root.plain()
    model, faults = check.check(tree)
    if model is None or lines:
        if rest := mended(tree, faults):
            faults += check.check_whole(*rest) + list(further(*rest) if further else ())
        raise ScenarioError(list(dict.fromkeys(lines + rendered(root, faults))))
    return Scenario(name, file, model, root)


def read(file: str, library: dict[str, Node]) -> tuple[Node, list[str]]:
    """The merged tree of a file and of all that it extends, each file once, and what is wrong with the merge.

    `library` holds the files that are already read, by their real path, and takes in those that are read now.
    Raises ScenarioError if a file cannot be read, with what is wrong in all others whatever that file says.
    """
    pile = _Pile(library)
    pile.add(file, ())
    root, lines = Node({}, Origin(file, 1, 1), Origin(file, 1, 1)), list[str]()
    for node in pile.nodes:
        root, more = merge(root, node)
        lines += more
    if pile.lines:
        raise ScenarioError([*pile.lines, *_told_at_last(rendered(root, check.check_alone(root.plain())), pile.lines)])
    return root, lines


def _told_at_last(lines: list[str], before: Sequence[str]) -> list[str]:
    """The lines that blame none of the positions that are blamed before."""
    blamed = {line.partition(": error: ")[0] for line in before}
    return [line for line in lines if line.partition(": error: ")[0] not in blamed]


class _Pile:
    """Files in the order in which they are laid over each other: what a file extends lies below it."""

    def __init__(self, library: dict[str, Node]) -> None:
        self.library = library
        self.nodes: list[Node] = []
        self.done: set[str] = set()
        self.lines: list[str] = []

    def add(self, file: str, heirs: tuple[str, ...], asked: Origin | None = None) -> None:
        """Lay down a file after what it extends; `heirs` are the files that led here, `asked` where it is named."""
        where = asked or Origin(file, 1, 1)
        real, above = os.path.realpath(file), [os.path.realpath(heir) for heir in heirs]
        if real in above:
            chain = " → ".join((*heirs[above.index(real) :], file))
            self.lines.append(render(where, f"a cycle of extends: {chain}"))
        elif real not in self.done:
            self.done.add(real)
            root = self.library.get(real) or self.read(file, where)
            if root is None:
                return
            content = dict(root.value) if isinstance(root.value, dict) else {}
            if command := _made_for(content):
                message = f"this is a file for `corridor {command}`, which checks it with --dry-run, and no scenario"
                self.lines.append(render(content["base"].key, message))
                return
            for name, origin in self.parents(content.pop("extends", None)):
                self.add(os.path.normpath(os.path.join(os.path.dirname(file), name)), (*heirs, file), origin)
            self.nodes.append(Node(content, root.at, root.key))

    def read(self, file: str, where: Origin) -> Node | None:
        """The tree of a file, or what can be read of it."""
        try:
            root = self.library[os.path.realpath(file)] = mapping(file, where)
        except ScenarioError as error:
            self.lines += error.lines
            return error.rest
        return root

    def parents(self, extends: Node | None) -> list[tuple[str, Origin]]:
        if extends is None:
            return []
        named = extends.value if isinstance(extends.value, list) else [extends]
        for node in named:
            if not isinstance(node.value, str):
                found = told(node.plain())
                self.lines.append(render(node.at, f"found {found}, where the name of a file to extend is due"))
        return [(node.value, node.at) for node in named if isinstance(node.value, str)]


def _made_for(content: Mapping[str, Node]) -> str | None:
    """The command that takes such a file, if it is a plan of many runs: it names a base, and what is varied."""
    marks = {"levers": "optimise", "then": "sensitivity", "design": "sweep"}
    return next((command for mark, command in marks.items() if {mark, "base"} <= content.keys()), None)


def mapping(file: str, where: Origin | None = None) -> Node:
    """The tree of a file; raises ScenarioError if it cannot be read or is no mapping, blaming the place `where` it is
    named."""
    where = where or Origin(file, 1, 1)
    root = parse(_text(file, where), file)
    if isinstance(root.value, dict):
        return root
    raise ScenarioError([render(root.at, f"found {told(root.plain())}, where a mapping with a title is due")])


def _text(file: str, where: Origin) -> str:
    """The text of a file; `where` is blamed if it cannot be read."""
    try:
        raw = FilePath(file).read_bytes()
    except FileNotFoundError:
        raise ScenarioError([render(where, f'there is no file "{file}"', near_file(file, where.file))]) from None
    except IsADirectoryError:
        raise ScenarioError([render(where, f'"{file}" is a directory, where a file is due')]) from None
    except OSError as error:
        raise ScenarioError([render(where, f'"{file}" cannot be read: {error.strerror}')]) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8 text; save the file as UTF-8"
        raise ScenarioError([render(Origin(file, line, column), message)]) from None


def near_file(file: str, asking: str) -> str | None:
    """A file beside it with nearly that name, other than the one that asks for it."""
    folder, name = os.path.split(file)
    try:
        names = sorted(os.listdir(folder or "."))
    except OSError:
        return None
    near = nearest(name, [other for other in names if other != os.path.basename(asking)], alike=0.75)
    return os.path.join(folder, near) if near else None


def change(root: Node, changes: Sequence[str], at: Origin | None = None) -> tuple[Node, list[str]]:
    """The tree with `path=value` changes laid over it, and what is wrong with them."""
    lines: list[str] = []
    for text in changes:
        try:
            root, more = merge(root, _change(root, text, at or Origin(f"--set {text}", 0, 0)))
            lines += more
        except ScenarioError as error:
            lines += error.lines
    return root, lines


def _change(root: Node, text: str, origin: Origin) -> Node:
    """One change as a tree of its own."""
    dotted, equals, value = text.partition("=")
    path = tuple(dotted.strip().split("."))
    if not equals or not all(path):
        raise ScenarioError([render(origin, "a change is written path=value, like ports.alat.depth=7 m")])
    stranger = unknown_step(root, path[:-1])  # the last step may be new; the check of the whole knows
    if stranger is not None:
        raise ScenarioError([render(origin, *stranger)])
    node = parse(value, origin.file, line=0)
    if origin.line:
        node = _placed(node, origin)
    for key in reversed(path):
        node = Node({key: Node(node.value, node.at, origin)}, origin, origin)
    return node


def _placed(node: Node, origin: Origin) -> Node:
    """The same value, with all of it at one place."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _placed(child, origin) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_placed(child, origin) for child in value]
    return Node(value, origin, origin)


def unknown_step(root: Node, path: Path) -> tuple[str, str | None] | None:
    """What is wrong with a path and the nearest right one, if neither the tree nor the schema knows a step of it."""
    node: Node | None = root
    here = [check.Kind(Model)]
    for index, key in enumerate(path):
        entries = node.entries if node else {}
        known = [*entries, *check.allowed_keys(here)]
        if key not in known:
            near = nearest(key, known)
            return f'there is no "{".".join(path[: index + 1])}"', near and ".".join((*path[:index], near))
        node, here = entries.get(key), check.below(here, key)
    return None


def locate(root: Node, path: Path, at: Literal["key", "value"] = "value") -> Origin:
    """Where in its files the value at a path, or its key, was set or deleted."""
    node = root
    for key in path:
        below = node.value.get(key) if isinstance(node.value, dict) else node.entries.get(key)
        if below is None:
            return node.key
        node = below
    return node.key if at == "key" else node.at


def rendered(root: Node, faults: Iterable[Fault]) -> list[str]:
    """A line for each fault, by position."""
    placed = sorted((locate(root, fault.path, fault.at), fault.message, fault.suggestion or "") for fault in faults)
    return list(dict.fromkeys(render(origin, message, hint or None) for origin, message, hint in placed))
