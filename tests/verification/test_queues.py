"""The real program against queueing theory: corridors that are queues."""

from __future__ import annotations

import pytest

from sim.study import run
from tests.verification.queues import QUEUES, Queue

NARROW = 0.08  # half an interval over what theory says, at most: a wider one would excuse anything


@pytest.mark.parametrize("queue", QUEUES, ids=lambda queue: queue.name)
def test_theory_lies_in_a_narrow_interval(queue: Queue) -> None:
    result = run(queue.network(), workers=1)
    for quantity in queue.quantities:
        simulated = quantity.of(result)
        assert simulated.value is not None, quantity.name
        half = simulated.value - simulated.low
        assert half <= NARROW * quantity.expected, quantity.name
        assert abs(simulated.value - quantity.expected) <= half, quantity.name
