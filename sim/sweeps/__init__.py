"""Sweeps: many runs of a scenario with values varied, in a ledger that survives crashes, and what they show."""

from sim.sweeps.file import SweepPlan, read_sweep, replicated
from sim.sweeps.ledger import LedgerError
from sim.sweeps.run import DifferentSweepError, run_sweep
from sim.sweeps.table import SweepResult, Varied, read_results

__all__ = [
    "DifferentSweepError",
    "LedgerError",
    "SweepPlan",
    "SweepResult",
    "Varied",
    "read_results",
    "read_sweep",
    "replicated",
    "run_sweep",
]
