"""What is wrong with a scenario, and where: `file:line:column: error: ...; did you mean ...?`"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from sim.scenario.tree import Node

Path = tuple[str, ...]


class Origin(NamedTuple):
    """A position in a file; lines and columns count from 1. A value of `--set` has line 0."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Fault:
    """Something wrong at a path of the scenario tree; `at` says whether its key or its value is meant."""

    path: Path
    message: str
    at: Literal["key", "value"] = "value"
    suggestion: str | None = None


class MisreadError(ValueError):
    """Raised while one value is read: its faults, with paths relative to that value."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(fault.message for fault in faults))
        self.faults = faults


class ScenarioError(Exception):
    """A scenario that cannot be used; `lines` holds one rendered fault each, `rest` what could be read of a file."""

    def __init__(self, lines: Sequence[str], rest: Node | None = None) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)
        self.rest = rest

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[str, ...]]]:
        return (ScenarioError, (self.lines,))


def render(origin: Origin, message: str, suggestion: str | None = None) -> str:
    """One line of an error report."""
    return f"{origin}: error: {message}{hint(suggestion)}"


def hint(suggestion: str | None) -> str:
    """The end of a message: what may have been meant, if anything comes near."""
    return f'; did you mean "{suggestion}"?' if suggestion else ""


def nearest(name: str, allowed: Iterable[str], alike: float = 0.6) -> str | None:
    """The allowed name that looks most like `name`, or None if none is so much alike (0 to 1)."""
    names = {candidate.lower(): candidate for candidate in allowed}
    swapped = [candidate for candidate in names if sorted(candidate) == sorted(name.lower())]  # "vc" for "cv"
    close = swapped or difflib.get_close_matches(name.lower(), names, n=1, cutoff=alike)
    return names[close[0]] if close else None


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a message, cut if there are many."""
    every = list(names)
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "") or "none"
