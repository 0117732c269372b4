"""The closures that a replication met, laid out once more from its random streams."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.model.calendars import ALWAYS_OPEN, Closures, Times, lay_out
from sim.model.clock import Streams
from sim.model.grid import snap
from sim.network import Network

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

    def hours(self, place: str, berth: str, phase: Phase, begin: Floats, end: Floats) -> Floats:
        """The hours of each [begin, end] in which a closure stopped this work, or kept it from beginning."""
        terminal = self.network.terminal(place)
        weather = terminal.berths[berth].weather or terminal.weather
        closures = self._closures(terminal.calendar)
        if getattr(weather, phase) == "finish" or not closures.starts:
            return np.zeros(len(begin))
        return np.asarray((end - begin) - (closures.working(end) - closures.working(begin)))

    def _closures(self, calendar: str | None) -> Closures:
        if calendar is None:
            return ALWAYS_OPEN
        if calendar not in self._known:
            self._known[calendar] = lay_out(self.network.model.calendars, calendar, self._times, self._streams)
        return self._known[calendar]
