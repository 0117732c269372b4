"""How exact a study is to be, and how many replications that takes.

A target like "transit.p50 ± 0.25 d" bounds half of the 95 % interval. Replications are added in batches, and only
whole batches are judged, so that the result does not depend on the number of workers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim import units
from sim.scenario.faults import hint, listed, nearest
from sim.study.errors import BadStudyError
from sim.study.statistics import bonferroni, intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.network import Itinerary, Network

    Floats = NDArray[np.float64]
    Samples = Mapping[tuple[str, str], Mapping[str, Floats]]  # by flow and route, of each column a value a replication

MOST = 200  # replications, unless another cap is given
BATCH = 10  # replications that are added at least
COLUMNS = {  # what may be bounded -> the column of the routes
    "transit.mean": "mean",
    "transit.p10": "p10",
    "transit.p50": "p50",
    "transit.p90": "p90",
    "promise.within": "share_within",
    "promise.late": "share_late",
}
DIFFERENCE = "difference."  # of several scenarios: "difference.p50", "difference.within"
NAMES = (*COLUMNS, *(DIFFERENCE + name.partition(".")[2] for name in COLUMNS))
FORM = re.compile(
    r"\s*(?P<name>[\w.]+)\s*(?:\[\s*(?P<flow>[\w-]+)\s*(?:/\s*(?P<route>[\w-]+)\s*)?\])?"
    r"\s*(?:±|\+/?-)\s*(?P<amount>[\d.].*?)\s*"
)
EXAMPLE = "transit.p50 ± 0.25 d"


@dataclass(frozen=True)
class Target:
    """Half of the interval of `name` is to be at most `half`: days, a share, or with `relative` a share of the mean.

    It holds for every compared flow and route, or for those of one `flow`, or for one `route` of it.
    """

    text: str
    name: str
    half: float
    relative: bool = False
    flow: str | None = None
    route: str | None = None

    @property
    def paired(self) -> bool:
        """Whether it bounds a difference between scenarios."""
        return self.name.startswith(DIFFERENCE)

    @property
    def column(self) -> str:
        """The column of the routes that it bounds."""
        what = self.name.removeprefix(DIFFERENCE)
        return next(column for name, column in COLUMNS.items() if what in (name, name.partition(".")[2]))

    def bounds(self, flow: str, route: str) -> bool:
        """Whether it holds for this flow and route."""
        return self.flow in (None, flow) and self.route in (None, route)


@dataclass(frozen=True)
class Precision:
    """What became of a target: the widest of its intervals, and how wide it was allowed to be.

    Days or a share; `half_width` is None where it is unknown, for what `unknown` says.
    """

    target: str
    reached: bool
    flow: str
    route: str
    half_width: float | None
    allowed: float | None
    replications: int
    most: int
    unknown: str

    @property
    def excess(self) -> float:
        """Half the interval over what is allowed; infinite where it is unknown."""
        if self.half_width is None or self.allowed is None:
            return math.inf
        if self.allowed == 0:
            return math.inf if self.half_width else 0.0
        return self.half_width / self.allowed


def read_target(text: str) -> Target:
    """The target that a planner wrote: "transit.p50 ± 0.25 d", "transit.mean[xian-poti/middle-poti] +- 2 %".

    A percentage is one of the mean for transit, and percentage points for promise. Raises BadStudyError.
    """
    match = FORM.fullmatch(text)
    if match is None:
        raise BadStudyError(f'found "{text}", where a target like "{EXAMPLE}" is due')
    name, amount = match["name"], match["amount"]
    if name not in NAMES:
        raise BadStudyError(f'found "{name}" in "{text}", allowed: {", ".join(NAMES)}{hint(nearest(name, NAMES))}')
    shares = name.partition(".")[2] in ("within", "late")
    relative = amount.endswith("%")
    if shares and not relative:
        raise BadStudyError(f'found "{amount}" in "{text}", where percentage points like "2 %" are due')
    if relative and name.startswith(DIFFERENCE) and not shares:
        raise BadStudyError(f'found "{amount}" in "{text}": a difference may be zero; give a time like "0.5 d"')
    try:
        value = units.parse(amount, "share" if relative else "time")[0]
    except units.UnitError as error:
        raise BadStudyError(f'{error.message}, in "{text}"{hint(error.suggestion)}') from None
    if not value > 0:
        raise BadStudyError(f'found "{amount}" in "{text}", which is not more than 0')
    half = value if relative else value / 24
    return Target(" ".join(text.split()), name, half, relative and not shares, match["flow"], match["route"])


def check_targets(targets: Sequence[Target], networks: Sequence[Network]) -> None:
    """Raise BadStudyError for a target that holds for nothing in one of the networks."""
    for target in targets:
        if target.paired and len(networks) < 2:
            raise BadStudyError(f'"{target.text}": a difference takes two scenarios')
        for network in networks:
            compared = [way for way in _having(target, network) if network.model.demand[way.flow].compare]
            if target.paired:
                shared = {(way.flow, way.route) for way in _having(target, networks[0])}
                compared = [way for way in compared if (way.flow, way.route) in shared]
            flows = list(dict.fromkeys(way.flow for way in compared))
            routes = [way.route for way in compared if way.flow == target.flow]
            if not flows:
                raise BadStudyError(f'"{target.text}": {network.name} compares no flow that has it')
            for found, allowed in ((target.flow, flows), (target.route, routes)):
                if found is not None and found not in allowed:
                    known = f"{listed(allowed)}{hint(nearest(found, allowed))}"
                    raise BadStudyError(f'"{target.text}": found "{found}", allowed in {network.name}: {known}')


def _having(target: Target, network: Network) -> list[Itinerary]:
    """The ways that have the figure of a target: shares within a promise only those that have one."""
    routes, share = network.model.routes, target.column.startswith("share")
    return [way for way in network.itineraries if not share or routes[way.route].promise is not None]


def precision(target: Target, samples: Samples, base: Samples, scenarios: int, most: int) -> Precision:
    """Judge a target on one scenario: its widest interval against what is allowed.

    `base` is the first of `scenarios` scenarios, with the same replications; a difference is that to it.
    """
    rows = [key for key in samples if target.bounds(*key) and target.column in samples[key]]
    if target.paired:
        rows = [key for key in rows if target.column in base.get(key, ())]
    values, means = (np.array([samples[key][name] for key in rows]) for name in (target.column, "mean"))
    confidence = 0.95
    if target.paired:
        values = values - np.array([base[key][target.column] for key in rows])
        means = means - np.array([base[key]["mean"] for key in rows])
        confidence = bonferroni(scenarios - 1)
    mean, _, high = intervals(values, confidence)
    found = []
    for at, (key, centre, half) in enumerate(zip(rows, mean.tolist(), (high - mean).tolist(), strict=True)):
        allowed = target.half * abs(centre) if target.relative else target.half
        known = math.isfinite(half)
        found.append(
            Precision(
                target.text,
                known and half <= allowed,
                *key,
                half if known else None,
                allowed if math.isfinite(allowed) else None,
                values.shape[1],
                most,
                "" if known else _why_unknown(values[at], means[at]),
            )
        )
    return max(found, key=lambda one: one.excess)


def _why_unknown(values: Floats, means: Floats) -> str:
    """Why figures have no interval, from them and the mean days, both of shape (replications,).

    The mean is unknown only where there was no box; what else is, because boxes had not arrived.
    """
    found = ["no box was released in the measured time of some replication"] if np.isnan(means).any() else []
    found += ["boxes have not arrived"] if (np.isnan(values) & ~np.isnan(means)).any() else []
    return "; ".join(found) or "one replication has no interval"


def more(found: Sequence[Precision]) -> int:
    """How many replications to add: none if all targets are reached, or more cannot reach them, or the cap is.

    As many as the widest interval calls for (it narrows with the root of their number), at least a batch, at most as
    many as there are.
    """
    count, most = found[0].replications, found[0].most
    excess = max(one.excess for one in found)
    if all(one.reached for one in found):
        return 0
    if math.isinf(excess):
        wanted = BATCH if count < 2 else 0  # what one replication does not know stays unknown with more of them
    else:
        wanted = max(BATCH, min(math.ceil(count * excess**2) - count, count))
    return min(wanted, most - count)
