"""Random values: scipy.stats is the oracle for each distribution, with shift and truncation."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats as stats
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario.faults import MisreadError
from sim.scenario.variates import Variate

U = np.concatenate([[1e-12, 1e-6], np.linspace(0.001, 0.999, 97), [1 - 1e-6, 1 - 1e-12]])


def lognormal(mean, cv):
    sigma = math.sqrt(math.log(1 + cv**2))
    return stats.lognorm(s=sigma, scale=mean * math.exp(-(sigma**2) / 2))


def weibull(mean, cv):
    def gap(shape):
        return stats.weibull_min(shape).std() / stats.weibull_min(shape).mean() - cv

    shape = scipy.optimize.brentq(gap, 0.3, 50)
    return stats.weibull_min(shape, scale=mean / stats.weibull_min(shape).mean())


LAWS = {
    "uniform": ({"dist": "uniform", "low": "2 h", "high": "10 h"}, stats.uniform(2, 8)),
    "triangular": ({"dist": "triangular", "low": "2 h", "mode": "4 h", "high": "10 h"}, stats.triang(0.25, 2, 8)),
    "triangular, falling": ({"dist": "triangular", "low": "2 h", "mode": "2 h", "high": "10 h"}, stats.triang(0, 2, 8)),
    "triangular, rising": ({"dist": "triangular", "low": "2 h", "mode": "10 h", "high": "10 h"}, stats.triang(1, 2, 8)),
    "exponential": ({"dist": "exponential", "mean": "6 h"}, stats.expon(scale=6)),
    "lognormal": ({"dist": "lognormal", "mean": "6 h", "cv": 0.7}, lognormal(6, 0.7)),
    "weibull": ({"dist": "weibull", "mean": "6 h", "cv": 0.7}, weibull(6, 0.7)),
    "weibull, wide": ({"dist": "weibull", "mean": "6 h", "cv": 2}, weibull(6, 2)),
    "gamma": ({"dist": "gamma", "mean": "6 h", "cv": 0.7}, stats.gamma(1 / 0.49, scale=6 * 0.49)),
    "erlang": ({"dist": "erlang", "mean": "6 h", "stages": 3}, stats.gamma(3, scale=2)),
    "empirical": (
        {"dist": "empirical", "quantiles": {"p0": "2 h", "p50": "5 h", "p90": "8 h", "p100": "20 h"}},
        stats.rv_histogram((np.array([0.5, 0.4, 0.1]), np.array([2.0, 5, 8, 20])), density=False),
    ),
}
BOTH = pytest.mark.parametrize(("raw", "oracle"), LAWS.values(), ids=LAWS.keys())


@BOTH
def test_draws_and_mean_are_those_of_scipy(raw, oracle):
    variate = Variate.read(raw)
    np.testing.assert_allclose(variate.ppf(U), oracle.ppf(U), rtol=1e-9)
    assert variate.mean == pytest.approx(oracle.mean(), rel=1e-9)
    assert variate.minimum == pytest.approx(oracle.support()[0])
    assert not variate.constant


@BOTH
def test_shift_moves_every_draw(raw, oracle):
    variate = Variate.read(raw | {"shift": "3 h"})
    np.testing.assert_allclose(variate.ppf(U), oracle.ppf(U) + 3, rtol=1e-9)
    assert variate.mean == pytest.approx(oracle.mean() + 3, rel=1e-9)
    assert variate.minimum == pytest.approx(oracle.support()[0] + 3)


@BOTH
@pytest.mark.parametrize(("low", "high"), [(4, 9), (None, 6), (7, None), (0, 1000)])
def test_truncation_keeps_the_proportions_of_what_remains(raw, oracle, low, high):
    shift = 1.0
    limits = {"min": low, "max": high, "shift": shift}
    variate = Variate.read(raw | {key: f"{limit} h" for key, limit in limits.items() if limit is not None})
    below = 0.0 if low is None else oracle.cdf(low - shift)
    above = 1.0 if high is None else oracle.cdf(high - shift)
    drawn = variate.ppf(U)
    assert drawn.min() >= (low or 0)
    assert drawn.max() <= (high or math.inf)
    conditional = (oracle.cdf(drawn - shift) - below) / (above - below)
    np.testing.assert_allclose(conditional, U, rtol=1e-7, atol=1e-10)
    mean, _ = scipy.integrate.quad(lambda u: float(variate.ppf(np.array(u))), 0, 1, limit=400, points=[0.001, 0.999])
    assert variate.mean == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize("dist", ["lognormal", "weibull"])
def test_median_and_p95_are_met(dist):
    variate = Variate.read({"dist": dist, "median": "12 h", "p95": "3 d"})
    np.testing.assert_allclose(variate.ppf(np.array([0.5, 0.95])), [12, 72], rtol=1e-12)


@pytest.mark.parametrize("dist", ["lognormal", "weibull", "gamma"])
@given(cv=st.floats(min_value=0.05, max_value=3), mean=st.floats(min_value=0.01, max_value=1000))
def test_mean_and_cv_are_met(dist, cv, mean):
    variate = Variate.read({"dist": dist, "mean": f"{mean!r} h", "cv": cv})
    oracle = {
        "lognormal": lambda law: stats.lognorm(law.sigma, scale=math.exp(law.mu)),
        "weibull": lambda law: stats.weibull_min(law.shape, scale=law.scale),
        "gamma": lambda law: stats.gamma(law.shape, scale=law.scale),
    }[dist](variate.law)
    assert variate.mean == pytest.approx(mean, rel=1e-9)
    assert oracle.mean() == pytest.approx(mean, rel=1e-9)
    assert oracle.std() == pytest.approx(mean * cv, rel=1e-6)


def test_a_constant_is_a_text_or_a_mapping():
    for raw in ("36 h", {"value": "36 h"}, {"dist": "constant", "value": "36 h"}):
        variate = Variate.read(raw)
        assert variate.constant
        assert (variate.mean, variate.minimum, variate.dimension) == (36.0, 36.0, "time")
        np.testing.assert_array_equal(variate.ppf(np.zeros((2, 3))), np.full((2, 3), 36.0))
    assert Variate.fixed(36.0) == Variate.read("36 h")


def test_a_share_is_dimensionless():
    variate = Variate.read({"dist": "uniform", "low": "10 %", "high": "50 %"})
    assert (variate.dimension, variate.mean) == ("share", pytest.approx(0.3))
    assert Variate.read("140 %").mean == pytest.approx(1.4)


def test_provenance_is_kept():
    raw = {"dist": "exponential", "mean": "2 d", "source": "x", "grade": "low", "range": ["1 d", "3 d"], "note": "n"}
    variate = Variate.read(raw)
    assert (variate.source, variate.grade, variate.range, variate.note) == ("x", "low", (24.0, 72.0), "n")
    assert (variate.unit, variate.parameters) == ("d", {"mean": 48.0})


@BOTH
def test_variates_survive_pickling(raw, oracle):
    variate = Variate.read(raw)
    again = pickle.loads(pickle.dumps(variate))
    assert again == variate
    np.testing.assert_array_equal(again.ppf(U), variate.ppf(U))


def test_the_shape_of_the_uniforms_is_kept():
    assert Variate.read({"dist": "exponential", "mean": "2 d", "max": "9 d"}).ppf(np.full((2, 3), 0.5)).shape == (2, 3)


@BOTH
@pytest.mark.parametrize("limits", [{}, {"min": "3 h"}, {"max": "9 h"}, {"min": "3 h", "max": "9 h"}, {"shift": "2 h"}])
def test_every_uniform_has_a_finite_draw(raw, oracle, limits):
    ends = np.array([0.0, 2.0**-1074, 2.0**-53, 1 - 2.0**-53])  # of what a generator of uniforms can give
    drawn = Variate.read(raw | limits).ppf(ends)
    assert np.isfinite(drawn).all()
    assert (np.diff(drawn) >= 0).all()


def test_a_rare_tail_is_drawn_as_it_should():
    variate = Variate.read({"dist": "exponential", "mean": "1 h", "min": "13 h"})  # one draw in 440,000
    np.testing.assert_allclose(variate.ppf(U[:-1]), 13 + stats.expon.ppf(U[:-1]), rtol=1e-6)  # it has no memory
    assert variate.mean == pytest.approx(14, rel=1e-6)


@given(
    st.sampled_from([raw for raw, _ in LAWS.values()]),
    st.lists(st.floats(min_value=0, max_value=1, exclude_max=True), min_size=2, max_size=20),
)
def test_more_luck_never_draws_less(raw, uniforms):
    drawn = Variate.read(raw | {"min": "3 h", "max": "9 h"}).ppf(np.sort(np.array(uniforms)))
    assert (np.diff(drawn) >= 0).all()
    assert ((drawn >= 3) & (drawn <= 9)).all()


@pytest.mark.parametrize(
    ("raw", "path", "message", "suggestion"),
    [
        (36, (), "found 36 without a unit", None),
        ("-3 h", (), "negative", None),
        ("3 km", (), 'unit "km"', None),
        ({"dist": "normal", "mean": "3 h"}, ("dist",), "allowed: constant, uniform", "lognormal"),
        ({"dist": 3}, ("dist",), "found 3", None),
        ({"dist": "lognormal", "mean": "3 h"}, (), "takes mean and cv, or median and p95; found mean", None),
        ({"dist": "lognormal", "mean": "3 h", "vc": 0.4}, ("vc",), 'unknown key "vc"', "cv"),
        ({"dist": "lognormal", "mean": "3 h", "cv": "4 h"}, ("cv",), "a number from 0.01 to 10.0 is due", None),
        ({"dist": "lognormal", "mean": "3 h", "cv": 0}, ("cv",), "found 0, where a number", None),
        ({"dist": "lognormal", "mean": "0 h", "cv": 1}, ("mean",), "not more than 0", None),
        ({"dist": "lognormal", "median": "1 h", "p95": "1 a"}, ("p95",), "more than 1000 times the median", None),
        ({"dist": "lognormal", "median": "3 h", "p95": "2 h"}, ("p95",), "is not below", None),
        ({"dist": "uniform", "low": "3 h", "high": "3 h"}, ("high",), "is not below", None),
        ({"dist": "uniform", "low": "3 h", "high": "30 %"}, ("high",), "must be of one kind", None),
        ({"dist": "triangular", "low": "3 h", "mode": "2 h", "high": "5 h"}, ("mode",), "is not below", None),
        ({"dist": "erlang", "mean": "3 h", "stages": 1.5}, ("stages",), "a whole number", None),
        ({"dist": "erlang", "mean": "3 h", "stages": 0}, ("stages",), "a whole number from 1 to 1000", None),
        ({"dist": "exponential", "mean": "3 h", "min": "4 h", "max": "4 h"}, ("max",), "is not below", None),
        ({"dist": "uniform", "low": "3 h", "high": "5 h", "min": "5 h"}, ("min",), "nothing is drawn above", None),
        ({"dist": "uniform", "low": "3 h", "high": "5 h", "max": "3 h"}, ("max",), "nothing is drawn below", None),
        ({"dist": "exponential", "mean": "1 h", "min": "40 h"}, ("min",), "one draw in 1,000,000 lies from 40 h", None),
        (
            {"dist": "lognormal", "mean": "1 h", "cv": 0.1, "min": "1 min", "max": "6 min"},
            ("max",),
            "less than one draw in 1,000,000 lies from 1 min up to 6 min",
            None,
        ),
        ({"dist": "exponential", "mean": "3 h", "shift": "-1 h"}, ("shift",), "negative", None),
        ({"dist": "exponential", "mean": 3}, ("mean",), "found 3 without a unit", None),
        ({"dist": "empirical", "quantiles": {"p0": "1 h"}}, ("quantiles",), "from p0 to p100", None),
        ({"dist": "empirical", "quantiles": {"p0": "2 h", "p100": "1 h"}}, ("quantiles",), "do not rise", None),
        (
            {"dist": "empirical", "quantiles": {"p0": "2 h", "p100": "3 h", "x": "1 h"}},
            ("quantiles", "x"),
            "p0 to p100",
            None,
        ),
        ({"grade": "high"}, (), "neither value nor dist", None),
        ({"value": "3 h", "grade": "hgih"}, ("grade",), "allowed: high", "high"),
    ],
)
def test_what_is_no_variate_is_refused(raw, path, message, suggestion):
    with pytest.raises(MisreadError) as caught:
        Variate.read(raw)
    [fault] = caught.value.faults
    assert (fault.path, fault.suggestion) == (path, suggestion)
    assert message in fault.message
