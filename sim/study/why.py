"""Why so many days: from the free-flow time to the mean and on to the P90, by cause and place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.measure import AROUND_P90, FREE_FLOW, Measures, measure, tails
from sim.study.errors import BadStudyError, StudyError
from sim.study.statistics import intervals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from sim.network import Network
    from sim.study.result import Result

    Table = NDArray[np.float64]

NAMED = 8  # causes with their places that each of the two flights of the waterfall names
FREE, MEAN, P90 = "free flow", "mean", "P90"
TO_MEAN, TO_P90 = "to the mean", "to the P90"
ELSEWHERE = "*"  # stands for all other places
REST, UNEVEN = "all others", "from the mean of these boxes to the P90"
COLUMNS = ["flow", "route", "step", "cause", "place", "days", "low", "high"]


@dataclass(frozen=True)
class Explained(Measures):
    """The measures, and what is different about the boxes that are late (see `sim.measure.tails`)."""

    tails: pd.DataFrame


def explained(network: Network, replication: int) -> Explained:
    """Simulate one replication and measure it, with the tails: a task for `run`."""
    from sim.model import simulate

    journal = simulate(network, replication)
    return Explained(**measure(network, journal).frames(), tails=tails(network, journal))


def chosen(network: Network, flow: str | None = None, route: str | None = None) -> list[tuple[str, str]]:
    """The compared flows and routes with these ids, all without. Raises BadStudyError where there are none."""
    ways = [(i.flow, i.route) for i in network.itineraries if network.model.demand[i.flow].compare]
    if not ways:
        raise BadStudyError("no flow is compared, so there is nothing to explain")
    return _chosen(ways, flow, route)


def _chosen(ways: Sequence[tuple[str, str]], flow: str | None, route: str | None) -> list[tuple[str, str]]:
    from sim.scenario.faults import hint, nearest

    for name, wanted, known in (("flow", flow, [w[0] for w in ways]), ("route", route, [w[1] for w in ways])):
        if wanted is not None and wanted not in known:
            allowed = ", ".join(dict.fromkeys(known)) + hint(nearest(wanted, known))
            raise BadStudyError(f'"{wanted}" is not a {name} that is compared, these are: {allowed}')
    found = [way for way in ways if flow in (None, way[0]) and route in (None, way[1])]
    if not found:
        raise BadStudyError(f"{flow} does not take the route {route}, so there is nothing to explain")
    return found


def waterfall(
    result: Result, flow: str | None = None, route: str | None = None, *, named: int | None = NAMED
) -> pd.DataFrame:
    """The steps from the free-flow time over the mean to the P90, in days with 95 % intervals over the replications.

    One row a step, in order, for each flow and route (those with these ids, or all). `step` says which part it is:

    - free flow: the mean hours of moving and handling, with nothing to wait for
    - to the mean: what each cause adds at each place, the `named` largest by name (None: all); of the others those of
      one cause together, with the place `*`, if they are as large as these, and the rest
    - mean: their sum, the mean transit time of all boxes
    - to the P90: what the boxes around the P90, those of the ranks 85 % to 95 %, spend more (or less) than all boxes,
      by cause and place, moving and handling with them; at last what remains from the mean of these boxes to the P90
    - P90: their sum

    NaN: unknown, because there is one replication, because boxes that have not arrived could change the P90, or because
    some replication had no box; then there are no causes.
    Raises StudyError for a result that was not made by the task `explained`, BadStudyError for ids that it does not
    have.
    """
    import pandas as pd

    if "tails" not in result.frames:
        raise StudyError("this result does not tell why: simulate it with sim.why or corridor why")
    routes = result.frames["routes"]
    if named is not None and named < 1:
        raise BadStudyError(f"found {named} causes to name, where 1 or more are due")
    ways = list(routes[["flow", "route"]].drop_duplicates().itertuples(index=False, name=None))
    rows = [(*way, *step) for way in _chosen(ways, flow, route) for step in _steps(result, way, named)]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[-3:], float))


def _steps(result: Result, way: tuple[str, str], named: int | None) -> Iterator[tuple[Any, ...]]:
    """(step, cause, place, days, low, high) of one flow and route."""
    import numpy as np

    days, late, causes = _by_replication(result, way)
    routes = result.frames["routes"]
    own = routes[(routes["flow"] == way[0]) & (routes["route"] == way[1])].set_index("replication")
    mean, p90 = (own[name].reindex(list(result.replications)).to_numpy(float) for name in ("mean", "p90"))
    free, boxes = np.array([cause in FREE_FLOW for cause, _ in causes], bool), not np.isnan(mean).any()
    yield FREE, "", "", *_estimate(np.where(np.isnan(mean), np.nan, days[free].sum(axis=0)))
    if boxes:
        yield from _flight(TO_MEAN, [c for c, f in zip(causes, free, strict=True) if not f], days[~free], named)
    yield MEAN, "", "", *_estimate(mean)
    if boxes:
        yield from _flight(TO_P90, causes, np.where(np.isnan(p90), np.nan, late - days), named)
    yield TO_P90, UNEVEN, "", *_estimate(p90 - late.sum(axis=0))
    yield P90, "", "", *_estimate(p90)


def _by_replication(result: Result, way: tuple[str, str]) -> tuple[Table, Table, list[tuple[str, str]]]:
    """(days of all boxes, days of the boxes around the P90, causes and places), the two of shape (causes,
    replications); a replication without a cause has no hours of it."""
    table = result.frames["tails"]
    own = table[(table["flow"] == way[0]) & (table["route"] == way[1])]
    wide = own.pivot(index=["cause", "place"], columns="replication", values=["days", "late_days"]).fillna(0.0)
    columns = [[(name, n) for n in result.replications] for name in ("days", "late_days")]
    days, late = (wide.reindex(columns=names, fill_value=0.0).to_numpy(float) for names in columns)
    return days, late, list(wide.index)


def _flight(step: str, causes: list[tuple[str, str]], days: Table, named: int | None) -> Iterator[tuple[Any, ...]]:
    """The named steps, the largest first; of the rest, those of one cause together if they are as large, and others."""
    import numpy as np

    sizes = np.abs(days.mean(axis=1))
    order = np.argsort(-sizes, kind="stable")
    first, rest = order[:named], order[len(order) if named is None else named :]
    for at in first:
        yield step, *causes[at], *_estimate(days[at])
    others = np.zeros(days.shape[1])
    for cause in sorted({causes[at][0] for at in rest}):
        together = days[[at for at in rest if causes[at][0] == cause]].sum(axis=0)
        if abs(together.mean()) >= sizes[first[-1]]:
            yield step, cause, ELSEWHERE, *_estimate(together)
        else:
            others += together
    if len(rest):
        yield step, REST, "", *_estimate(others)


def _estimate(values: Table) -> tuple[float, float, float]:
    mean, low, high = intervals(values[None, :])
    return float(mean[0]), float(low[0]), float(high[0])


def definition() -> str:
    """What the steps are, in one sentence for tables and plots."""
    first, last = (f"{100 * part:.0f}" for part in AROUND_P90)
    return (
        f"Free flow: {' and '.join(FREE_FLOW)} without any wait. On to the P90: what the boxes between the {first}th "
        f"and the {last}th percentile of the transit time spend more than all boxes."
    )
