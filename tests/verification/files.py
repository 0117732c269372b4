"""Random corridors as scenario files: the same thing said in many styles of YAML, and files that are damaged."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.verification.corridors import Draw, Tree, corridors, sometimes

COMMENTS = ("# a note", "# key: value", "#", "# – ä {[")


@st.composite
def files(draw: Draw) -> dict[str, str]:
    """The files of one scenario by name; main.yaml is the one to load."""
    tree = draw(corridors())
    if not sometimes(draw, 2):
        return {"main.yaml": draw(written(tree))}
    base, child = draw(split(tree))
    return {"base.yaml": draw(written(base)), "main.yaml": draw(written({"extends": "base.yaml"} | child))}


@st.composite
def split(draw: Draw, tree: Tree) -> tuple[Tree, Tree]:
    """A tree as a base and what lies over it: entries that are new there, changed there, or deleted."""
    base, child = deepcopy(tree), Tree()
    for section in draw(st.lists(st.sampled_from(sorted(tree)), unique=True)):
        entries = tree[section]
        if not isinstance(entries, dict):
            base[section], child[section] = "to be replaced", entries
        elif section in ("run", "routes", "places"):
            moved = draw(st.lists(st.sampled_from(sorted(entries)), unique=True))
            child[section] = {key: base[section].pop(key) for key in moved}
        else:
            base[section]["ghost"], child[section] = {"title": "Not meant"}, {"ghost": None}
    return base, child


@st.composite
def written(draw: Draw, tree: Tree) -> str:
    """A mapping as YAML: in blocks or in flow style, with comments, blank lines and quotes as it comes."""
    lines = [draw(st.sampled_from(("", "%YAML 1.2\n---\n", "---\n", "# A scenario\n\n")))]
    _block(draw, tree, 0, lines)
    return "".join(lines)


def _block(draw: Draw, tree: Tree, depth: int, lines: list[str]) -> None:
    for key, value in tree.items():
        name = _scalar(draw, key)
        end = f"  {draw(st.sampled_from(COMMENTS))}\n" if sometimes(draw, 8) else "\n"
        lines.append("  " * depth + name + ":")
        if isinstance(value, dict) and value and not sometimes(draw, 1 + 4 * (depth < 2)):
            lines.append(end)
            _block(draw, value, depth + 1, lines)
        else:
            lines.append(f" {_flow(draw, value)}{end}")


def _flow(draw: Draw, value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(draw, key)}: {_flow(draw, child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(draw, child) for child in value) + "]"
    return _scalar(draw, value)


def _scalar(draw: Draw, value: Any) -> str:
    """Plain where that is the same text, else in quotes."""
    if value is None:
        return draw(st.sampled_from(("null", "~")))
    if not isinstance(value, str):
        return json.dumps(value)
    plain = value.replace(" ", "").replace("-", "").isalnum() and not value[0].isdigit()
    measure = value[0].isdigit() and " " in value and ":" not in value
    if ((plain and value != "yes") or measure) and not sometimes(draw, 6):
        return value
    return json.dumps(value, ensure_ascii=False) if sometimes(draw, 2) else "'" + value.replace("'", "''") + "'"


DAMAGE = ("remove", "retype", "misspell", "dangle", "unit", "double", "letter")
WRONG: tuple[Any, ...] = (None, True, -1, 7, "x", "12 parsecs", "nan h", [], ["x"], {}, {"x": 1}, {"value": {}}, 1e400)


@st.composite
def damaged(draw: Draw) -> tuple[str, bytes]:
    """A file with something wrong in it, and what was done to it. Some damage does no harm."""
    tree = draw(corridors())
    how = draw(st.sampled_from(DAMAGE))
    path = draw(st.sampled_from(_paths(tree)))
    above = tree
    for key in path[:-1]:
        above = above[key]
    value = above[path[-1]]
    if how == "remove":
        del above[path[-1]]
    elif how == "retype":
        above[path[-1]] = draw(st.sampled_from(WRONG))
    elif how == "misspell":
        above[f"{path[-1]}{draw(st.sampled_from(['x', '_', ' ', '-', 'é']))}"] = above.pop(path[-1])
    elif how == "dangle":
        above[path[-1]] = "nowhere" if isinstance(value, str) else ["nowhere"] if isinstance(value, list) else "p0"
    elif how == "unit":
        above[path[-1]] = draw(st.sampled_from(("7", "7 kg", "h", "1e999 h", "-3 h", "٣ h", "7 h h", "7,5 h", "0x7 h")))
    text = draw(written(tree))
    if how == "double":
        text += f"\n{path[0]}: {_flow(draw, tree[path[0]])}\n"
    elif how == "letter":
        at = draw(st.integers(0, len(text) - 1))
        text = (
            text[:at]
            + draw(st.sampled_from(("", "\t", "{", "]", "&a ", "*a ", "!!int ", "\x00", "%", "|", "'")))
            + text[at:]
        )
    return f"{how} {'.'.join(path)}", text.encode()


def _paths(tree: Tree, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for key, value in tree.items():
        found.append((*path, key))
        if isinstance(value, dict):
            found += _paths(value, (*path, key))
    return found


def lay_down(texts: dict[str, str], folder: Path) -> Path:
    """Write the files, and return the one to load."""
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "main.yaml"
