"""What is done to all units of a load at once, and what is asked of those that wait.

The compiled program has kernels.pyx in the place of this module: the same functions in C, equal to the bit.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from heapq import heappop, heappush, heapreplace
from itertools import chain, compress, repeat
from struct import Struct
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sim.model.grid import GRID, INF, Floats, Hours, Ids, of_each

if TYPE_CHECKING:
    from sim.model.journal import Carriage

__all__ = [
    "between",
    "bisect_left",
    "bisect_right",
    "by_traffic",
    "heappop",
    "heappush",
    "heapreplace",
    "hours_of",
    "in_order",
    "in_turn",
    "insert",
    "pack",
    "packer",
    "put_row",
    "reached",
]

# Of carriages that were put away: size, leg and carriage of each parcel; the calls at both ends of each carriage; and
# first, kind and shift, as of `journal.Column`, a row for each column.
Batch = tuple[Ids, NDArray[np.int32], Floats, NDArray[np.int8], Ids]
BATCH = 500  # carriages that are put away at one go; the compiled ones do it for fewer, while they are at hand
SHARED, NEAR, APART = 0, 1, 2  # hours of a carriage: one for all units, steps after the first of them, or as they are
FAR = 2.0**31  # steps of the grid (2048 h) that do not go into 32 bits


def hours_of(steps: Floats | NDArray[np.uint32], base: int, ids: Ids) -> Floats:
    """Hours of units, of a table in steps of the grid that begins with unit `base`."""
    return steps[ids - base] / GRID


def in_turn(
    start: float, ready: Floats | None, moves: Hours, count: int, cranes: int, free: list[float] | None
) -> tuple[Floats, Floats, float]:
    """When each of `count` units' moves begins and ends, and when all are done: in order, by the crane that is free
    first, no earlier than `start` and than the unit is ready. free: if others use the cranes, too, when each of them
    is free, as a heap; it is put forward."""
    if ready is None and isinstance(moves, float) and free is None:  # all cranes work in step
        both = _rounds(count, cranes, moves) + start
        return both[:count], both[count:], both.item(-1)
    each = of_each(moves, count)
    if cranes == 1 and free is None:
        ends = each.cumsum()  # one move after the other, or as soon as the unit is there
        ends += start if ready is None else np.maximum.accumulate(np.maximum(ready, start) - (ends - each))
        return ends - each, ends, ends.item(-1)
    hours = each.tolist()
    if ready is None and cranes == 2 and free is None:
        ends = _array(_by_two(hours, start))
        return ends - each, ends, ends.item(ends.argmax())
    if free is None:
        free = [start] * cranes
    elif ready is not None:
        ready = np.maximum(ready, start)  # a crane may be free before
    if ready is None:
        begins = _array(_without_waiting(hours, free, start))
        ends = begins + each
    else:
        ends = _array(_by_the_first_free(ready.tolist(), hours, free))
        begins = ends - each
    return begins, ends, ends.item(ends.argmax())


def _array(hours: list[float]) -> Floats:
    """The same to be read only, in half the time of numpy's own way."""
    return np.frombuffer(packer(len(hours))(*hours))


@lru_cache(maxsize=1024)
def _rounds(count: int, cranes: int, move: float) -> Floats:
    """Hours from the start until the move of each unit begins, and ends, if all moves take the same time."""
    ends = (np.arange(cranes, cranes + count) // cranes).astype(float) * move
    return np.concatenate((ends - move, ends))


def _without_waiting(moves: list[float], free: list[float], start: float) -> list[float]:
    """When each unit's move begins, if all units are there from `start`; `free` is put forward."""
    coming = iter(moves)
    begins: list[float] = []
    while free[0] < start and (move := next(coming, None)) is not None:  # by a crane that stands idle
        begins.append(start)
        heapreplace(free, start + move)
    return begins + [heapreplace(free, free[0] + move) for move in coming]


def _by_two(moves: list[float], start: float) -> list[float]:
    """When each unit's move ends, if two cranes begin at `start`: quicker without a heap."""
    first = second = start
    return [(first := first + move) if first <= second else (second := second + move) for move in moves]


def _by_the_first_free(at: list[float], moves: list[float], free: list[float]) -> list[float]:
    """When each unit's move ends, that is there from `at`; `free` is put forward."""
    if len(free) == 2:  # the same without a heap, in half the time
        first, second = free
        ends = [
            (first := (first if first > there else there) + move)
            if first <= second
            else (second := (second if second > there else there) + move)
            for there, move in zip(at, moves, strict=True)
        ]
        free[:] = sorted((first, second))
        return ends
    ends = []
    for there, move in zip(at, moves, strict=True):
        crane = free[0]
        end = (crane if crane > there else there) + move
        heapreplace(free, end)
        ends.append(end)
    return ends


def between(ids: Ids, ready: Floats, hours: Sequence[float], head: int, end: int) -> tuple[Ids, Hours]:
    """The units that stand from `head` to `end`, in order of readiness, and when each is ready, or all are. hours:
    `ready`, quicker to read one by one."""
    first = hours[head]
    return ids[head:end], first if first == hours[end - 1] else ready[head:end]


def in_order(ids: Ids, ready: Floats) -> tuple[Ids, Floats]:
    """Units in the order of readiness; of those that are ready in one hour, in the order in which they come."""
    order = ready.argsort(kind="stable")
    return ids[order], ready[order]


def insert(
    ids: Ids, ready: Floats, hours: Sequence[float], head: int, end: int, new_ids: Ids, new_ready: Hours
) -> None:
    """Put units, in the order of readiness, among those that stand in `ids` and `ready` from `head` to `end`, where
    there is room behind them; those who stand there go first. hours: `ready`, quicker to read one by one."""
    count = len(new_ids)
    first, last = (new_ready,) * 2 if isinstance(new_ready, float) else (new_ready.item(0), new_ready.item(-1))
    among = behind = end  # from here on they stand among the others, and from here on all others stand behind them
    if first < hours[end - 1]:
        among = bisect_right(hours, first, head, end)
        behind = bisect_right(hours, last, among, end)
        if behind < end:
            ids[behind + count : end + count] = ids[behind:end]
            ready[behind + count : end + count] = ready[behind:end]
    ids[behind : behind + count] = new_ids
    ready[behind : behind + count] = new_ready
    if among < behind:
        mixed = slice(among, behind + count)
        ids[mixed], ready[mixed] = in_order(ids[mixed], ready[mixed])


def reached(lots: list[tuple[Floats, int, int, float]], room: float, over: bool) -> float:
    """When units fill `room`, or more than that if it must be `over`; inf: they do not. lots: when those of each queue
    are ready, from which on how many count, and the space of one."""
    hours = np.concatenate([ready[head : head + count] for ready, head, count, _ in lots])
    order = hours.argsort(kind="stable")
    spaces = np.array([space for *_, space in lots]).repeat([count for _, _, count, _ in lots])
    filled = spaces[order].cumsum()
    n = int(filled.searchsorted(room, side="right" if over else "left"))
    return hours.item(order.item(n)) if n < len(hours) else INF


def by_traffic(orders: NDArray[np.int32], ids: Ids, ready: Hours) -> tuple[Ids, Hours, list[tuple[int, int]]]:
    """Units in the order of their traffic, and how many of each there are. orders: of all units."""
    of = orders[ids]
    position = of.argsort(kind="stable")
    each, parts, begin = of[position].tolist(), [], 0
    while begin < len(each):
        order = each[begin]
        count = each.count(order)
        parts.append((order, count))
        begin += count
    if len(parts) == 1:
        return ids, ready, parts
    return ids[position], ready if isinstance(ready, float) else ready[position], parts


def pack(
    carriages: Sequence[Carriage],
    carried: int,
    units: NDArray[np.int32],
    row: int,
    steps: NDArray[np.int32],
    used: int,
    apart: list[Floats],
) -> tuple[Batch, int, int]:
    """Put carriages away, after so many that were `carried` before: their units into `units`, from `row` on, and their
    hours into `steps` after those that are used, or into `apart` if they lie too far from each other. Returns what is
    left of them, and the next row and step."""
    lots, ids, call_from, call_to, *columns = zip(*carriages, strict=True)
    sizes = np.fromiter(map(len, ids), np.int64, len(ids))
    rows = row + sizes.cumsum() - sizes
    end = row + int(sizes.sum())
    np.concatenate(ids, out=units[row:end], casting="same_kind")
    numbers = np.arange(carried, carried + len(lots)).repeat(list(map(len, lots)))
    parts = list(chain.from_iterable(lots))
    parcels = np.empty((3, len(parts)), np.int64)
    parcels[0] = [count for _, count in parts]
    parcels[1] = [stage.key for stage, _ in parts]
    parcels[2] = numbers
    hours: list[Hours] = list(chain.from_iterable(columns))
    each = np.fromiter(map(isinstance, hours, repeat(np.ndarray)), bool, len(hours))
    kind = each.astype(np.int8)  # SHARED or NEAR
    shift = np.zeros(len(hours), np.int64)
    first = np.empty(len(hours))
    first[~each] = list(compress(hours, (~each).tolist()))
    if each.any():
        of_each = np.concatenate(list(compress(hours, each.tolist())))
        counts = np.tile(sizes, len(columns))[each]
        heads = counts.cumsum() - counts
        first[each] = of_each[heads]
        after = of_each - first[each].repeat(counts)
        after *= GRID
        at = heads + used
        if not -FAR < after.min() <= after.max() < FAR:
            far = ~(np.maximum.reduceat(np.abs(after), heads) < FAR)
            kind[each] += far  # APART
            at -= (counts * far).cumsum() - counts * far
            at[far] = sum(map(len, apart)) + ((counts * far).cumsum() - counts)[far]
            kept = far.repeat(counts)
            apart.append(of_each[kept])
            after = after[~kept]
        shift[each] = at - np.tile(rows, len(columns))[each]
        steps[used : used + len(after)] = after
        used += len(after)
    shape = len(columns), len(sizes)
    of_hours = first.reshape(shape), kind.reshape(shape), shift.reshape(shape)
    return (parcels, np.array((call_from, call_to), np.int32), *of_hours), end, used


@lru_cache(maxsize=1024)
def packer(count: int) -> Callable[..., bytes]:
    """What packs so many numbers, as bytes."""
    return Struct(f"{count}d").pack


PACK_FOUR = packer(4)


def put_row(rows: array[float], a: float, b: float, c: float, d: float) -> int:
    """Put a row of four numbers behind all others; returns where it begins."""
    begin = len(rows)
    rows.frombytes(PACK_FOUR(a, b, c, d))
    return begin
