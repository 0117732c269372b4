"""Demand laid out before the run: every unit with its hour of release, and the draws that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.model.calendars import Times
from sim.model.clock import Streams
from sim.model.grid import GRID, Floats, Ids, snap_all
from sim.model.kernels import hours_of
from sim.network import Itinerary, Network
from sim.scenario.schema import Cargo, Flow
from sim.scenario.values import Variate

PIECE = 1 << 14  # draws that are made at one go: it saves memory, and they are the same


class Traffic:
    """The units of one itinerary: numbers `base` .. `base + count`, in blocks that are released together.

    Draws are addressed by the block's or unit's number within its flow, so they stay with it whatever else changes.
    """

    def __init__(
        self,
        index: int,
        itinerary: Itinerary,
        flow: Flow,
        cargo: Cargo,
        base: int,
        blocks: Ids,
        released: Floats,
        streams: Streams,
    ) -> None:
        self.index = index
        self.itinerary = itinerary
        self.flow = flow
        self.cargo = cargo
        self.space = float(cargo.space)
        self.priority = 0 if flow.priority == "priority" else 1
        self.kind = (flow.cargo, self.priority)
        self.rank = (self.priority, itinerary.flow, itinerary.route)
        self.order = 0  # of all traffic, by rank, in which what came together is discharged
        self.base = base
        self.block = flow.block
        self.count = len(blocks) * self.block
        self.blocks_released = released
        self._blocks = blocks
        self._most = int(blocks[-1]) + 1 if len(blocks) else 0  # blocks of the flow, as far as they are drawn for
        self._streams = streams
        self._drawn: dict[str, Floats] = {}  # hours of each block
        self._steps: dict[str, Floats | NDArray[np.uint32]] = {}  # of the grid, of each unit

    @property
    def ids(self) -> Ids:
        """All units."""
        return np.arange(self.base, self.base + self.count)

    @property
    def released(self) -> Floats:
        """When each of them is released."""
        return all_released([self])

    def per_block(self, name: str, variate: Variate, scale: float = 1.0) -> Floats:
        """Hours for each block of this traffic."""
        if name not in self._drawn:
            drawn = self._streams.durations(f"{name}/{self.itinerary.flow}", variate, self._most, scale)
            self._drawn[name] = self._mine(drawn)
        return self._drawn[name]

    def per_unit(self, name: str, variate: Variate, ids: Ids) -> Floats:
        """Hours for some of the units of this traffic."""
        if name not in self._steps:
            self._steps[name] = self._draw_steps(name, variate)
        return hours_of(self._steps[name], self.base, ids)

    def forget(self) -> None:
        """Nothing is drawn any more."""
        self._drawn.clear()
        self._steps.clear()

    def chance(self, name: str) -> Floats:
        """A uniform number for each block."""
        return self._mine(self._streams.uniforms(f"{name}/{self.itinerary.flow}", self._most))

    def block_of(self, ids: Ids) -> Ids:
        """Position of each unit's block, for the arrays of `per_block`."""
        return (ids - self.base) // self.block

    def block_of_first(self, ids: Ids) -> int:
        """The same of the first of them."""
        first: int = ids.item(0)
        return (first - self.base) // self.block

    def _mine(self, of_flow: NDArray[Any]) -> NDArray[Any]:
        """Of all blocks of the flow, those of this traffic."""
        return of_flow if len(self._blocks) == self._most else of_flow[self._blocks]

    def _draw_steps(self, name: str, variate: Variate) -> Floats | NDArray[np.uint32]:
        """What is drawn for each unit, in steps of the grid; they take 32 bits, if none is longer than 4096 h."""
        size = self.block
        drawn = self._streams.uniforms(f"{name}/{self.itinerary.flow}", self._most * size)
        for piece in np.array_split(drawn, len(drawn) // PIECE + 1):
            piece[:] = np.rint(variate.ppf(piece) * GRID)
        steps = drawn.astype(np.uint32) if drawn.max() < 1 << 32 else drawn
        return self._mine(steps.reshape(self._most, size)).ravel()


def lay_out(network: Network, times: Times, streams: Streams) -> list[Traffic]:
    """The traffic of every itinerary over the whole run."""
    traffic: list[Traffic] = []
    base = 0
    released: dict[str, Floats] = {}
    for index, itinerary in enumerate(network.itineraries):
        flow = network.model.demand[itinerary.flow]
        cargo = network.model.cargo[flow.cargo]
        if itinerary.flow not in released:
            released[itinerary.flow] = _releases(itinerary.flow, flow, flow.units_per_hour(cargo), times, streams)
        all_blocks = released[itinerary.flow]
        mine = np.flatnonzero(_chosen(itinerary, flow, all_blocks, times, streams))
        traffic.append(Traffic(index, itinerary, flow, cargo, base, mine, all_blocks[mine], streams))
        base += traffic[-1].count
    for order, some in enumerate(sorted(traffic, key=lambda t: t.rank)):
        some.order = order
    return traffic


def all_released(traffic: list[Traffic]) -> Floats:
    """When each unit of all of these is released."""
    hours = np.concatenate([np.empty(0), *(t.blocks_released for t in traffic)])
    sizes, blocks = np.array([(t.block, len(t.blocks_released)) for t in traffic], int).reshape(-1, 2).T
    return np.repeat(hours, sizes.repeat(blocks))


def _releases(name: str, flow: Flow, units: float, times: Times, streams: Streams) -> Floats:
    """Hours at which the blocks of a flow of `units` an hour are released, in order."""
    edges, mass = _intensity(flow, times)
    mass = mass * units / flow.block
    expected = float(mass[-1])
    count = int(expected + 8 * expected**0.5 + 20)
    uniforms = streams.uniforms(f"demand/{name}", count)
    # regular: one in each interval between two releases, so that they are spread evenly but not in step
    at = np.arange(count) + uniforms if flow.arrivals == "regular" else np.cumsum(-np.log1p(-uniforms))
    return snap_all(np.interp(at[at < expected], mass, edges))


def _intensity(flow: Flow, times: Times) -> tuple[Floats, Floats]:
    """Hours at the edges of the months, and the hours of average demand that have passed by then."""
    months = times.months
    weights = np.ones(12) if flow.seasons is None else np.array(list(flow.seasons), float)
    days = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    weights = weights / (np.dot(weights, days) / days.sum())
    edges = np.array([months[0][0], *(min(b, times.end) for _, b, _ in months)])
    hours = np.diff(edges) * weights[[m for _, _, m in months]]
    return edges, np.concatenate([[0.0], np.cumsum(hours)])


def _chosen(itinerary: Itinerary, flow: Flow, released: Floats, times: Times, streams: Streams) -> NDArray[np.bool_]:
    """Which blocks take this route."""
    if len(flow.routes) == 1 and not flow.diversions:
        return np.ones(len(released), bool)
    u = streams.uniforms(f"route/{itinerary.flow}", len(released))
    chosen = _falls_to(itinerary.route, flow.routes, u)
    for diversion in flow.diversions.values():
        first = np.searchsorted(released, times.hour(diversion.start))
        last = np.searchsorted(released, times.hour(diversion.end) if diversion.end else np.inf)
        chosen[first:last] = _falls_to(itinerary.route, diversion.routes, u[first:last])
    return chosen


def _falls_to(route: str, shares: Mapping[str, float], u: Floats) -> NDArray[np.bool_]:
    """Which numbers lie in this route's part of the unit interval, in order of the routes' names, not of the file."""
    low = 0.0
    names = sorted(shares)
    for name in names:
        high = 1.0 if name == names[-1] else low + shares[name]
        if name == route:
            return (low <= u) & (u < high)
        low = high
    return np.zeros(len(u), bool)
