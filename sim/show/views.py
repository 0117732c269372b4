"""Results that draw themselves: what `sim.simulate`, `sim.compare` and `sim.sweep` return to a notebook."""

from __future__ import annotations

from dataclasses import fields

from sim.show.map import plot_map
from sim.show.plots import (
    plot_costs,
    plot_differences,
    plot_emissions,
    plot_facilities,
    plot_queues,
    plot_stages,
    plot_trade_off,
    plot_transit,
)
from sim.show.promise import plot_promise
from sim.show.sensitivity import plot_indices
from sim.show.sweep_plots import plot_heat_map, plot_response, plot_tornado
from sim.show.sweep_plots import plot_trade_off as plot_sweep_trade_off
from sim.show.why import plot_why
from sim.study import Comparison, Result
from sim.study.promise import promises
from sim.study.why import waterfall
from sim.sweeps import SweepResult


class ResultView(Result):
    """A Result with a plot for each of its frames."""

    plot_transit = plot_transit
    plot_stages = plot_stages
    plot_facilities = plot_facilities
    plot_queues = plot_queues
    plot_map = plot_map
    plot_costs = plot_costs
    plot_emissions = plot_emissions
    plot_trade_off = plot_trade_off
    promises = promises
    plot_promise = plot_promise
    waterfall = waterfall  # of what `sim.why` returns
    plot_why = plot_why


class ComparisonView(Comparison):
    """A Comparison with its plot."""

    plot_differences = plot_differences


class SweepView(SweepResult):
    """A SweepResult with its plots."""

    plot_response = plot_response
    plot_heat_map = plot_heat_map
    plot_tornado = plot_tornado
    plot_trade_off = plot_sweep_trade_off
    plot_indices = plot_indices


def view(result: Result) -> ResultView:
    """The same result, with its plots."""
    return ResultView(**{field.name: getattr(result, field.name) for field in fields(result)})


def view_comparison(comparison: Comparison) -> ComparisonView:
    """The same comparison with its plot, of results with theirs."""
    return ComparisonView(tuple(view(result) for result in comparison.results))


def view_sweep(result: SweepResult) -> SweepView:
    """The same result, with its plots."""
    return SweepView(**{field.name: getattr(result, field.name) for field in fields(result)})
