"""Scenario files, refused with the faults of their networks as well as their own, all in one pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from sim.network.build import network_faults
from sim.scenario import load as scenario
from sim.scenario.load import Scenario


def load(file: str | os.PathLike[str], *, set: Sequence[str] = ()) -> Scenario:
    """The scenario of a file and of all that it extends, with `path=value` changes applied last.

    Raises ScenarioError with every fault that was found; if the file itself is sound, `build` tells what is wrong with
    its network.
    """
    return scenario.load(file, set=set, further=network_faults)


def load_all(files: Iterable[str | os.PathLike[str]], *, set: Sequence[str] = ()) -> list[Scenario]:
    """Several scenarios, read as `load` does. Raises ScenarioError with every fault of all of them."""
    return scenario.load_all(files, set=set, further=network_faults)
