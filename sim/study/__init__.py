"""Replications of a scenario, what they allow to be said, and the paired comparison of several scenarios."""

from sim.study.atlas import Atlas
from sim.study.replicate import Failure, OnDone, Outcomes, replicate
from sim.study.result import Comparison, Result, StudyError, compare, run
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

__all__ = [
    "Atlas",
    "Comparison",
    "Difference",
    "Estimate",
    "Failure",
    "OnDone",
    "Outcomes",
    "Result",
    "StudyError",
    "WarmUpError",
    "bonferroni",
    "compare",
    "estimate",
    "intervals",
    "mser5",
    "paired_difference",
    "replicate",
    "run",
]
