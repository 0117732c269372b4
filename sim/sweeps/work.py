"""One run of a sweep, where it is done: in a process of this machine or of a cluster."""

from __future__ import annotations

import hashlib
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sim._version import __version__
from sim.network import Network, build
from sim.scenario.load import Scenario, altered
from sim.study.memory import check_memory
from sim.sweeps.outcomes import figures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL = (
    "units.py",
    "scenario",
    "network",
    "model",
    "measure",
    "study/costs.py",
    "sweeps/outcomes.py",
    "sweeps/work.py",
)
RUNTIME = ("numpy", "simpy")  # packages of others
NEEDS = ("sim.measure", "sim.model")  # what takes a second to import; not in who only gives out jobs
KEPT = 4  # networks that a process keeps, for further replications of their points


class Job(NamedTuple):
    """One replication of one point, named by the key of the point."""

    key: str
    base: str
    changes: tuple[str, ...]
    replication: int


@dataclass(frozen=True)
class Run:
    """What came of it: figures by name (NaN: unknown), and the seconds that it took."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    seconds: float


_networks: OrderedDict[str, Network] = OrderedDict()


def work(bases: Mapping[str, Scenario], job: Job) -> Run:
    """Simulate and measure. Raises ScenarioError if the point makes no sound scenario, BadStudyError if its
    replications would not fit into the memory."""
    from sim.measure import essentials
    from sim.model import simulate

    started = time.perf_counter()
    network = _network(bases, job)
    journal = simulate(network, job.replication)
    names, values = figures(essentials(network, journal))
    return Run(names, values, time.perf_counter() - started)


@cache
def model_id() -> str:
    """Version of the program and a hash of all code that bears on an outcome: another hash is another model."""
    package = Path(__file__).parents[1]
    code = hashlib.sha256()
    for part in MODEL:
        for file in [package / part] if part.endswith(".py") else sorted((package / part).glob("*.py")):
            code.update(f"{part}/{file.name}".encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n"))
    return f"{__version__}+{code.hexdigest()[:12]}"


@cache
def runtime() -> dict[str, str]:
    """What else an outcome may depend on, to the bit: Python, without its patches, and packages of others."""
    return {"python": "{}.{}".format(*sys.version_info[:2]), **{name: version(name) for name in RUNTIME}}


def _network(bases: Mapping[str, Scenario], job: Job) -> Network:
    """The network of a point, kept for its next replication."""
    network = _networks.pop(job.key, None)
    if network is None:
        network = build(altered(bases[job.base], job.changes))
        check_memory([network])
    _networks[job.key] = network
    while len(_networks) > KEPT:
        _networks.popitem(last=False)
    return network
