"""The closures that a replication met, laid out once more from its random streams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.model.calendars import ALWAYS_OPEN, Closures, Times, lay_out
from sim.model.clock import Streams
from sim.model.grid import snap
from sim.network import Network
from sim.scenario.schema import Effect

Floats = NDArray[np.float64]
Phase = Literal["discharge", "load"]


class Storms:
    """How long work at berths was kept from going on."""

    def __init__(self, network: Network, replication: int) -> None:
        run = network.model.run
        self.network = network
        self._times = Times(run.start, snap(-run.warm_up), snap(run.length + run.run_out))
        self._streams = Streams(run.seed, replication)
        self._known: dict[str, Closures] = {}

    def hours(
        self, place: str, berth: str, phase: Phase, begin: Floats, end: Floats, first: Callable[[], Floats]
    ) -> Floats:
        """The hours of each [begin, end] in which a closure stopped this work, or kept it from beginning.

        first: tells when the first move of this work of the same vehicle began; infinite if none did.
        """
        terminal = self.network.terminal(place)
        weather = terminal.berths[berth].weather or terminal.weather
        effect: Effect = getattr(weather, phase)
        closures = self._closures(terminal.calendar)
        if effect == "finish" or not closures.starts:
            return np.zeros(len(begin))
        if effect == "do-not-start":  # what has begun goes on
            end = np.clip(end, begin, np.maximum(begin, first()))
        return np.asarray((end - begin) - (closures.working(end) - closures.working(begin)))

    def _closures(self, calendar: str | None) -> Closures:
        if calendar is None:
            return ALWAYS_OPEN
        if calendar not in self._known:
            self._known[calendar] = lay_out(self.network.model.calendars, calendar, self._times, self._streams)
        return self._known[calendar]
