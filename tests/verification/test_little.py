"""Little's law, L = λW, on every facility of every scenario file here and of the small corridor.

L is counted: how many are there from one event to the next. λW is what each one spent there, added up over those who
came within the measured period. The two differ only by the edges of the period: who came before it and was still there
has spent in it hours that belong to no arrival within it, and who came late in it goes on after it. With these hours
reckoned, the law holds to the last digits, because all times of the model are exact sums.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sim.measure import Measures, measure
from sim.model import Journal, simulate
from sim.network import Network, build
from sim.scenario.load import load

FOLDER = Path(__file__).parent
FILES = [*sorted(FOLDER.glob("*.yaml")), FOLDER.parent / "corridor.yaml"]
EXACT = 1e-10  # of rounding in the last step: dividing by the length and the number

Floats = NDArray[np.float64]
Case = tuple[Network, Journal, Measures]


@pytest.fixture(scope="module", params=FILES, ids=lambda file: file.stem)
def case(request: pytest.FixtureRequest) -> Case:
    network = build(load(request.param, set=["run.length=180 d"]))
    journal = simulate(network, 0)
    return network, journal, measure(network, journal)


def counted(starts: Floats, ends: Floats, length: float, weights: Floats | None = None) -> float:
    """∫ N dt over [0, length], N being stepped up at each start and down at each end."""
    weights = np.ones(len(starts)) if weights is None else weights
    times = np.concatenate([starts, ends, [0.0, length]])
    steps = np.concatenate([weights, -weights, [0.0, 0.0]])
    order = np.argsort(times, kind="stable")
    times, there = times[order], np.cumsum(steps[order])
    inside = (times[:-1] >= 0) & (times[:-1] < length)
    return float(np.sum(there[:-1][inside] * np.diff(times)[inside]))


def edges(starts: Floats, ends: Floats, length: float) -> float:
    """Hours within [0, length] of those who came before it, less the hours after it of those who came within it."""
    before = starts < 0
    within = (starts >= 0) & (starts < length)
    brought = np.clip(ends, 0, length)[before].sum()
    taken = (np.maximum(ends, length) - length)[within].sum()
    return float(brought - taken)


def uses(network: Network, journal: Journal, row: pd.Series) -> tuple[Floats, Floats, Floats]:
    """(asked, granted, free again) of all uses of one facility."""
    if row["kind"] == "path":
        s = journal.segments
        mine = s["link"] == journal.names["links"].index(row["place"])
        paths = network.model.links[row["place"]].paths
        return s["begin"][mine], s["entered"][mine], s["entered"][mine] + (1 / paths if paths else 0.0)
    u = journal.uses
    mine = u["facility"] == journal.names["facilities"].index(f"{row['place']}/{row['facility']}")
    return u["requested"][mine], u["granted"][mine], u["released"][mine]


def test_queues(case: Case) -> None:
    network, journal, measures = case
    length = float(network.model.run.length)
    for _, row in measures.facilities.iterrows():
        asked, granted, _ = uses(network, journal, row)
        queue = counted(asked, granted, length)
        came = np.count_nonzero((asked >= 0) & (asked < length))
        assert row["mean_queue"] * length == pytest.approx(queue, rel=EXACT, abs=1e-6), row["facility"]
        assert queue == pytest.approx(came * row["mean_wait_h"] + edges(asked, granted, length), rel=EXACT, abs=1e-6)


def test_places_in_use(case: Case) -> None:
    """L is the mean number of places that are taken; W how long one takes a place."""
    network, journal, measures = case
    length = float(network.model.run.length)
    for _, row in measures.facilities[measures.facilities["kind"] != "yard"].iterrows():
        _, granted, free = uses(network, journal, row)
        taken = counted(granted, free, length)
        came = (granted >= 0) & (granted < length)
        assert row["utilisation"] * row["capacity"] * length == pytest.approx(taken, rel=EXACT, abs=1e-6), row[
            "facility"
        ]
        assert taken == pytest.approx((free - granted)[came].sum() + edges(granted, free, length), rel=EXACT, abs=1e-6)


def test_yards(case: Case) -> None:
    """The room taken, by the yard's own book, is what each box takes for as long as it stands there, by its vehicles:
    from when there is room for it until the next vehicle has left."""
    network, journal, measures = case
    length, end = float(network.model.run.length), float(network.model.run.length + network.model.run.run_out)
    rows, calls = journal.carriages, journal.calls
    for _, yard in measures.facilities[measures.facilities["kind"] == "yard"].iterrows():
        limit = network.model.ports | network.model.terminals
        direction = limit[yard["place"]].yards[yard["facility"].split(" ")[1]].direction
        came, left, space = [], [], []
        for number, way in enumerate(network.itineraries):
            flow = network.model.demand[way.flow]
            stops = [leg.destination for leg in way.legs[:-1]]
            if yard["place"] not in stops or direction not in (None, flow.direction):
                continue
            leg = stops.index(yard["place"])
            of_flow = rows["itinerary"] == number
            brought, taken = of_flow & (rows["leg"] == leg), of_flow & (rows["leg"] == leg + 1)
            room = pd.Series(calls["room"][rows["call_to"][brought]], rows["unit"][brought])
            gone = pd.Series(calls["weather_out"][rows["call_from"][taken]], rows["unit"][taken])
            came += room.to_list()
            left += gone.reindex(room.index).fillna(end).to_list()
            space += [float(network.model.cargo[flow.cargo].space)] * len(room)
        stood = counted(np.array(came), np.array(left), length, np.array(space))
        assert stood > 0
        # boxes that a vehicle is loading when the run ends are not in the journal as taken: they stand until the end
        assert yard["utilisation"] * yard["capacity"] * length == pytest.approx(stood, rel=EXACT)


def test_boxes_on_the_way(case: Case) -> None:
    """Of each compared flow: the mean number on the way is what is released an hour times the mean transit time."""
    network, journal, measures = case
    length = float(network.model.run.length)
    end = length + float(network.model.run.run_out)
    for _, row in measures.routes.iterrows():
        mine = journal.units["itinerary"] == journal.names["itineraries"].index(f"{row['flow']}/{row['route']}")
        released, finished = journal.units["released"][mine], journal.units["finished"][mine]
        finished = np.where(np.isnan(finished), end, finished)
        on_the_way = counted(released, finished, length)
        assert on_the_way > 0
        assert on_the_way == pytest.approx(
            row["boxes"] * row["mean"] * 24 + edges(released, finished, length), rel=EXACT
        )
