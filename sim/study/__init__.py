"""Replications of a scenario, what they allow to be said, and the paired comparison of several scenarios."""

from sim.study.atlas import Atlas
from sim.study.errors import BadStudyError, StudyError
from sim.study.memory import check_memory
from sim.study.replicate import Failure, OnDone, OnStop, Outcomes, replicate
from sim.study.result import Comparison, Result, check_pairing, checked, compare, measured, run, run_all
from sim.study.sequential import MOST, Precision, Target, check_targets, read_target
from sim.study.statistics import (
    Difference,
    Estimate,
    WarmUpError,
    bonferroni,
    estimate,
    intervals,
    mser5,
    paired_difference,
)
from sim.study.warmup import LoadingIn, loading_in, settle

__all__ = [
    "MOST",
    "Atlas",
    "BadStudyError",
    "Comparison",
    "Difference",
    "Estimate",
    "Failure",
    "LoadingIn",
    "OnDone",
    "OnStop",
    "Outcomes",
    "Precision",
    "Result",
    "StudyError",
    "Target",
    "WarmUpError",
    "bonferroni",
    "check_memory",
    "check_pairing",
    "check_targets",
    "checked",
    "compare",
    "estimate",
    "intervals",
    "loading_in",
    "measured",
    "mser5",
    "paired_difference",
    "read_target",
    "replicate",
    "run",
    "run_all",
    "settle",
]
