"""The kernels in C (kernels.pyx) do to the bit what those in numpy (kernels.py) do, on random loads.

It is run by itself, for test_compiled.py, by a Python that finds the compiled program: python both_kernels.py FILE
"""

from __future__ import annotations

import heapq
import sys
from array import array
from collections.abc import Callable
from copy import copy
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from sim.model import kernels as compiled
from sim.model.grid import GRID

CASES = 300
random = np.random.default_rng(20260101)


def same(a: Any, b: Any) -> bool:
    """Whether two outcomes are equal to the bit, the kinds of their numbers too."""
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return bool(type(a) is type(b) and (a == b or (a != a and b != b)))


def hours(count: int, most: float = 48.0) -> np.ndarray:
    """Some on the grid; some of them fall together, and half of the time all are in order."""
    found = np.rint(random.uniform(0, most, count) * GRID) / GRID
    found[random.random(count) < 0.3] = found[0] if count else 0.0
    return np.sort(found) if random.random() < 0.5 else found


def size() -> int:
    return int(random.choice([1, 2, 7, 50, 175, 700]))


def ids(count: int, most: int = 5000) -> np.ndarray:
    return random.permutation(most)[:count]


def in_turn() -> tuple[Any, ...]:
    count, cranes = size(), int(random.choice([1, 2, 3, 4, 9, 80]))
    ready = hours(count) if random.random() < 0.5 else None
    moves = float(hours(1, 0.2)[0]) if random.random() < 0.3 else hours(count, 0.2)
    free = np.sort(hours(cranes)).tolist() if random.random() < 0.4 else None
    return float(hours(1)[0]), ready, moves, count, cranes, free


def insert() -> tuple[Any, ...]:
    head, waiting, count = int(random.integers(0, 9)), size(), size()
    room = head + waiting + count
    ready = np.concatenate([np.sort(hours(head + waiting)), np.zeros(count)])
    new = float(hours(1)[0]) if random.random() < 0.3 else np.sort(hours(count))
    return ids(room), ready, ready.data, head, head + waiting, ids(count), new


def reached() -> tuple[Any, ...]:
    lots = []
    for _ in range(int(random.integers(1, 90))):
        ready = np.sort(hours(size()))
        head = int(random.integers(0, len(ready)))
        lots.append(
            (ready, head, int(random.integers(0, len(ready) - head + 1)), float(random.choice([1.0, 1.1, 2.25])))
        )
    return lots, float(random.choice([1.0, 11.0, 99.9, 1e6])), bool(random.random() < 0.5)


def by_traffic() -> tuple[Any, ...]:
    several = int(random.choice([1, 3, 200, 300, 70_000]))
    orders = random.integers(0, several, 5000).astype(np.min_scalar_type(several))
    count = size()
    return orders, ids(count), float(hours(1)[0]) if random.random() < 0.3 else hours(count)


def pack() -> tuple[Any, ...]:
    carriages = []
    for _ in range(20):
        counts = [size() for _ in range(int(random.integers(1, 4)))]
        count = sum(counts)
        columns: list[Any] = []
        for _ in range(8):
            apart = hours(count, random.choice([48.0, 9000.0]))
            if random.random() < 0.1:
                apart[random.integers(0, count)] = np.nan
            columns.append(float(hours(1)[0]) if random.random() < 0.4 else apart)
        parts = [(SimpleNamespace(key=int(random.integers(0, 1 << 40))), some) for some in counts]
        carriages.append((parts, ids(count), *random.integers(-1, 1 << 20, 2).tolist(), *columns))
    most = 100 + sum(len(of) for _, of, *_ in carriages)
    steps = np.zeros(8 * most + 5, np.int32)
    return carriages, 7, np.zeros(most, np.int32), 100, steps, 5, [np.zeros(1)]


def between() -> tuple[Any, ...]:
    ready = np.sort(hours(size()))
    head = int(random.integers(0, len(ready)))
    return ids(len(ready)), ready, ready.data, head, int(random.integers(head + 1, len(ready) + 1))


def bisected() -> tuple[Any, ...]:
    ready = np.sort(hours(size()))
    low = int(random.integers(0, len(ready) + 1))
    return ready.data, float(random.choice(ready)), low, int(random.integers(low, len(ready) + 1))


def hours_of() -> tuple[Any, ...]:
    steps = random.integers(0, 1 << 32, 5000, dtype=np.uint32)
    return steps if random.random() < 0.5 else steps * 7.0, 100, 100 + ids(size())


CASES_OF: dict[str, Callable[[], tuple[Any, ...]]] = {
    "between": between,
    "bisect_left": bisected,
    "bisect_right": bisected,
    "by_traffic": by_traffic,
    "hours_of": hours_of,
    "in_order": lambda: (ids(n := size()), hours(n)),
    "in_turn": in_turn,
    "insert": insert,
    "pack": pack,
    "put_row": lambda: (array("d", hours(size())), *hours(4).tolist()),
    "reached": reached,
}


def left(given: tuple[Any, ...]) -> list[Any]:
    """What was given, as it is then."""
    return [value for value in given if not isinstance(value, memoryview)]


def copied(value: Any) -> Any:
    """For the other one, as some are written to."""
    if isinstance(value, memoryview):
        return value
    if isinstance(value, tuple | list):
        return type(value)(map(copied, value))
    return copy(value)


def compare(name: str, plain: ModuleType) -> None:
    """Both do the same to the same, and leave the same behind."""
    for case in range(CASES):
        given = CASES_OF[name]()
        other = copied(given)
        if name == "insert":
            other = (*other[:2], other[1].data, *other[3:])
        found, due = getattr(compiled, name)(*given), getattr(plain, name)(*other)
        if name == "in_turn" and given[-1] is not None:  # of the cranes it matters when they are free, not which is
            given[-1].sort()
            other[-1].sort()
        if name == "pack":
            found, given, due, other = known(found, given), (), known(due, other), ()
        assert same(found, due), f"{name}, case {case}: {found} instead of {due}"
        assert same(left(given), left(other)), name


def known(found: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[Any, ...]:
    """What `pack` returns, and what of its room is used; how `apart` is split up does not matter."""
    *_, used = found
    return *found, given[2], given[4][:used], np.concatenate(given[6])


def compare_queues() -> None:
    """Events come out in the order in which they come out of Python's own queue."""
    ours: list[tuple[float, int, int, str]] = []
    theirs: list[tuple[float, int, int, str]] = []
    for number in range(20_000):
        event = (float(hours(1)[0]), int(random.integers(0, 2)), number, "actor")
        match random.integers(0, 3) if theirs else 0:
            case 0:
                compiled.heappush(ours, event)
                heapq.heappush(theirs, event)
            case 1:
                assert compiled.heappop(ours) == heapq.heappop(theirs)
            case _:
                assert compiled.heapreplace(ours, event) == heapq.heapreplace(theirs, event)
    while theirs:
        assert compiled.heappop(ours) == heapq.heappop(theirs)
    assert not ours


def main(file: str) -> None:
    spec = spec_from_file_location("plain_kernels", file)
    assert spec is not None
    assert spec.loader is not None
    plain = module_from_spec(spec)
    spec.loader.exec_module(plain)
    assert not compiled.__file__.endswith(".py")
    assert set(CASES_OF) | {"heappop", "heappush", "heapreplace", "packer"} == set(plain.__all__)
    for name in CASES_OF:
        compare(name, plain)
    compare_queues()
    row = 3, -1, 0.25, float("inf"), float("nan")
    assert compiled.packer(len(row))(*row) == plain.packer(len(row))(*row)
    print("the same")


if __name__ == "__main__":
    main(sys.argv[1])
