"""What remains of a scenario when its faults are taken out, so that the rest can still be checked in the same pass."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from sim import units
from sim.scenario import check
from sim.scenario.faults import Fault, Path
from sim.scenario.schema import Model
from sim.scenario.values import Count, Quantity, Variate


def mended(tree: check.Tree, faults: Iterable[Fault]) -> tuple[Model, frozenset[Path]] | None:
    """The model of a tree without its faults, and the entries, (section, key), that are not as they were written.

    A quantity, number or text at fault is replaced by an example of its kind. Anything else is taken out, and so is
    what cannot be without it. None if that is a whole section.
    """
    tree = deepcopy(tree)
    doubtful = {fault.path for fault in faults}
    while True:
        model, paths = _unsound(tree)
        doubtful |= paths
        if any(len(path) < 2 and path not in PLAIN for path in doubtful):
            return None
        if model is not None and not paths:
            return model, frozenset(path[:2] for path in doubtful - PLAIN)
        for path in sorted(paths, reverse=True):  # later items of a list first, so that the earlier keep their place
            _mend(tree, path)


PLAIN = {("title",), ("description",)}  # what nothing else depends on


def _unsound(tree: check.Tree) -> tuple[Model | None, set[Path]]:
    """The model of a tree, or None, and the paths of its faults of shape and reference."""
    model, faults = None, check.check_references(tree)
    try:
        model = Model.model_validate(tree)
    except ValidationError as error:
        faults += check.check_shape(tree, error)
    return model, {fault.path for fault in faults}


def _mend(tree: Any, path: Path) -> None:
    """Put an example in the place of a value, or take it out if there is none, or if the example stands there.

    Where there is no such value, that is done to the nearest one above.
    """
    around: Any = tree
    key: str | int = path[0]
    for depth, step in enumerate(path):
        if isinstance(tree, list) and int(step) < len(tree):
            around, key, tree = tree, int(step), tree[int(step)]
        elif isinstance(tree, dict) and step in tree:
            around, key, tree = tree, step, tree[step]
        else:
            path = path[:depth]
            break
    example = _example(check.allowed_at(path))
    if example is None or tree == example:
        del around[key]
    else:
        around[key] = example


def _example(kinds: list[check.Kind]) -> str | int | None:
    """Any value of one of these kinds that takes no choice; None if there is none."""
    for kind in kinds:
        if kind.type is Variate:
            return "1 h"
        if isinstance(kind.type, type) and issubclass(kind.type, Quantity) and kind.type.dimension:
            return units.EXAMPLES[kind.type.dimension]
        if kind.type in (int, float, Count):
            return 1
        if kind.type is str and not kind.bounds:
            return "x"
    return None
