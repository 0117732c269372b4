"""Whether a replication fits into the memory of this machine: what does not would end in the middle of the work."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.network.preview import memory_mb
from sim.study.errors import BadStudyError

if TYPE_CHECKING:
    from sim.network import Network


def check_memory(networks: Sequence[Network]) -> None:
    """Raise BadStudyError for a network of which one replication, by the estimate of `corridor preview`, would take
    more memory than this machine has. It blames the flow with the most units."""
    there = machine_memory()
    for network in networks:
        needed = memory_mb(network)
        if needed > there:
            model = network.model
            days = (model.run.warm_up + model.run.length + model.run.run_out) / 24
            a_day = {name: 24 * flow.units_per_hour(model.cargo[flow.cargo]) for name, flow in model.demand.items()}
            most = max(a_day, key=lambda name: a_day[name])
            raise BadStudyError(
                f"one replication would take about {megabytes(needed)} of memory, and this machine has "
                f"{megabytes(there)}; most of its units are of {most}: {a_day[most]:,.3g} a day, for {days:,.0f} days",
                network.name,
                ("demand", most, "volume"),
            )


def machine_memory() -> float:
    """MB of this machine; infinite where the system does not tell."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", {}):
        return math.inf
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e6


def megabytes(mb: float) -> str:
    """So many MB, GB or TB, in words."""
    for unit, in_mb in (("TB", 1e6), ("GB", 1e3)):
        if mb >= in_mb:
            return f"{mb / in_mb:,.3g} {unit}"
    return f"{mb:,.0f} MB"
