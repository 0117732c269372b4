"""Random values of the scenario language: "36 h", or `{dist: lognormal, mean: 20 h, cv: 0.5, max: 4 d}`.

A law describes the value before `shift` is added; `min` and `max` then truncate the sum, so that nothing lies outside
and the rest keeps its proportions. Values are drawn as `ppf(u)` from uniforms: the same u gives the same draw.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic_core import core_schema

from sim import units
from sim.scenario import provenance
from sim.scenario.faults import Fault, MisreadError, nearest
from sim.units import UnitError, told

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

    Floats = NDArray[np.float64]

Z95 = 1.6448536269514722  # the standard normal quantile at 0.95


class Law(Protocol):
    """A distribution on the numbers from 0 up."""

    @property
    def support(self) -> tuple[float, float]: ...

    @property
    def mean(self) -> float: ...

    def ppf(self, u: Floats) -> Floats:
        """The inverse of the cumulative distribution, at each u in [0, 1]."""
        ...

    def cdf(self, x: float) -> float:
        """The probability of at most x."""
        ...

    def partial(self, x: float) -> float:
        """The mean of the value where it is at most x, and of 0 elsewhere."""
        ...


@dataclass(frozen=True)
class Constant:
    value: float

    @property
    def support(self) -> tuple[float, float]:
        return self.value, self.value

    @property
    def mean(self) -> float:
        return self.value

    def ppf(self, u: Floats) -> Floats:
        import numpy as np

        return np.full_like(u, self.value)

    def cdf(self, x: float) -> float:
        return float(x >= self.value)

    def partial(self, x: float) -> float:
        return self.value * self.cdf(x)


@dataclass(frozen=True)
class Uniform:
    low: float
    high: float

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    def ppf(self, u: Floats) -> Floats:
        return self.low + u * (self.high - self.low)

    def cdf(self, x: float) -> float:
        return min(max((x - self.low) / (self.high - self.low), 0.0), 1.0)

    def partial(self, x: float) -> float:
        x = min(max(x, self.low), self.high)
        return (x**2 - self.low**2) / (2 * (self.high - self.low))


@dataclass(frozen=True)
class Triangular:
    low: float
    mode: float
    high: float

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def mean(self) -> float:
        return (self.low + self.mode + self.high) / 3

    def ppf(self, u: Floats) -> Floats:
        import numpy as np

        span = self.high - self.low
        rising = self.low + np.sqrt(u * span * (self.mode - self.low))
        falling = self.high - np.sqrt((1 - u) * span * (self.high - self.mode))
        return np.where(u * span < self.mode - self.low, rising, falling)

    def cdf(self, x: float) -> float:
        span = self.high - self.low
        if x <= self.low:
            return 0.0
        if x < self.mode:
            return (x - self.low) ** 2 / (span * (self.mode - self.low))
        if x < self.high:
            return 1 - (self.high - x) ** 2 / (span * (self.high - self.mode))
        return 1.0

    def partial(self, x: float) -> float:
        span = self.high - self.low
        if x <= self.low:
            return 0.0
        if x < self.mode:
            rising = x**3 / 3 - self.low * x**2 / 2 + self.low**3 / 6
            return 2 * rising / (span * (self.mode - self.low))
        if x < self.high:
            falling = self.high**3 / 6 - self.high * x**2 / 2 + x**3 / 3
            return self.mean - 2 * falling / (span * (self.high - self.mode))
        return self.mean


@dataclass(frozen=True)
class Lognormal:
    mu: float
    sigma: float

    @classmethod
    def of_mean(cls, mean: float, cv: float) -> Lognormal:
        variance = math.log1p(cv**2)
        return cls(math.log(mean) - variance / 2, math.sqrt(variance))

    @classmethod
    def of_median(cls, median: float, p95: float) -> Lognormal:
        return cls(math.log(median), math.log(p95 / median) / Z95)

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    @property
    def mean(self) -> float:
        return math.exp(self.mu + self.sigma**2 / 2)

    def ppf(self, u: Floats) -> Floats:
        import numpy as np
        from scipy.special import ndtri

        drawn: Floats = np.exp(self.mu + self.sigma * ndtri(u))
        return drawn

    def cdf(self, x: float) -> float:
        return _normal_cdf((math.log(x) - self.mu) / self.sigma) if x > 0 else 0.0

    def partial(self, x: float) -> float:
        return self.mean * _normal_cdf((math.log(x) - self.mu) / self.sigma - self.sigma) if x > 0 else 0.0


@dataclass(frozen=True)
class Weibull:
    scale: float
    shape: float

    @classmethod
    def of_mean(cls, mean: float, cv: float) -> Weibull:
        """By bisection: the coefficient of variation falls as the shape grows."""
        low, high = math.log(0.1), math.log(1e5)
        for _ in range(100):
            middle = (low + high) / 2
            shape = math.exp(middle)
            spread = math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape))
            low, high = (middle, high) if spread > cv**2 else (low, middle)
        shape = math.exp((low + high) / 2)
        return cls(mean / math.gamma(1 + 1 / shape), shape)

    @classmethod
    def of_median(cls, median: float, p95: float) -> Weibull:
        shape = math.log(math.log(20) / math.log(2)) / math.log(p95 / median)
        return cls(median / math.log(2) ** (1 / shape), shape)

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    @property
    def mean(self) -> float:
        return self.scale * math.gamma(1 + 1 / self.shape)

    def ppf(self, u: Floats) -> Floats:
        import numpy as np

        with np.errstate(divide="ignore"):  # u = 1 is infinity
            return self.scale * (-np.log1p(-u)) ** (1 / self.shape)

    def cdf(self, x: float) -> float:
        return -math.expm1(-((x / self.scale) ** self.shape)) if x > 0 else 0.0

    def partial(self, x: float) -> float:
        from scipy.special import gammainc

        return self.mean * float(gammainc(1 + 1 / self.shape, (max(x, 0.0) / self.scale) ** self.shape))


@dataclass(frozen=True)
class Gamma:
    scale: float
    shape: float

    @property
    def support(self) -> tuple[float, float]:
        return 0.0, math.inf

    @property
    def mean(self) -> float:
        return self.scale * self.shape

    def ppf(self, u: Floats) -> Floats:
        from scipy.special import gammaincinv

        drawn: Floats = self.scale * gammaincinv(self.shape, u)
        return drawn

    def cdf(self, x: float) -> float:
        from scipy.special import gammainc

        return float(gammainc(self.shape, max(x, 0.0) / self.scale))

    def partial(self, x: float) -> float:
        from scipy.special import gammainc

        return self.mean * float(gammainc(self.shape + 1, max(x, 0.0) / self.scale))


@dataclass(frozen=True)
class Empirical:
    """Straight lines between known quantiles: `shares` from 0 to 1, `values` rising."""

    shares: tuple[float, ...]
    values: tuple[float, ...]

    @property
    def support(self) -> tuple[float, float]:
        return self.values[0], self.values[-1]

    @property
    def mean(self) -> float:
        return self.partial(self.values[-1])

    def ppf(self, u: Floats) -> Floats:
        import numpy as np

        return np.interp(u, self.shares, self.values)

    def cdf(self, x: float) -> float:
        import numpy as np

        return float(np.interp(x, self.values, self.shares))

    def partial(self, x: float) -> float:
        total = 0.0
        ends = list(zip(self.shares, self.values, strict=True))
        for (share, low), (next_share, high) in pairwise(ends):
            top = min(max(x, low), high)
            total += (next_share - share) * (top**2 - low**2) / (2 * (high - low))
        return total


def _normal_cdf(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


# dist -> the sets of parameters it may be given by, each with what makes the law of them
LAWS: dict[str, dict[tuple[str, ...], Callable[..., Law]]] = {
    "constant": {("value",): Constant},
    "uniform": {("low", "high"): Uniform},
    "triangular": {("low", "mode", "high"): Triangular},
    "exponential": {("mean",): lambda mean: Weibull(mean, 1.0)},
    "lognormal": {("mean", "cv"): Lognormal.of_mean, ("median", "p95"): Lognormal.of_median},
    "weibull": {("mean", "cv"): Weibull.of_mean, ("median", "p95"): Weibull.of_median},
    "gamma": {("mean", "cv"): lambda mean, cv: Gamma(mean * cv**2, 1 / cv**2)},
    "erlang": {("mean", "stages"): lambda mean, stages: Gamma(mean / stages, stages)},
    "empirical": {("quantiles",): lambda quantiles: Empirical(*zip(*quantiles, strict=True))},
}
PARAMETERS = tuple(dict.fromkeys(name for sets in LAWS.values() for names in sets for name in names))
LIMITS = ("shift", "min", "max")
POSITIVE = ("mean", "median", "p95")
BARE: dict[str, tuple[float, float]] = {"cv": (0.01, 10.0), "stages": (1, 1000)}  # without a unit, and their bounds
WIDEST = 1000.0  # p95 over median
RAREST = 1e-6  # of a law that truncation must leave: with less, the uniforms are too coarse for what remains
ALMOST_ONE = math.nextafter(1.0, 0.0)
RISING = (("low", "mode"), ("mode", "high"), ("low", "high"), ("median", "p95"), ("min", "max"))


@dataclass(frozen=True)
class Variate:
    """A random time (hours) or share (1 = 100 %), or a constant one.

    `dist` and `parameters` are as written (base units), `law` is the distribution they describe, before `shift`
    is added and the sum is truncated to `low`..`high`. `unit` is the first unit that was written.
    """

    dist: str
    parameters: Mapping[str, Any]
    law: Law = field(repr=False)
    dimension: Literal["time", "share"] = "time"
    unit: str = "h"
    shift: float = 0.0
    low: float | None = None
    high: float | None = None
    source: str | None = None
    grade: str | None = None
    range: tuple[float, float] | None = None
    note: str | None = None

    @classmethod
    def fixed(cls, value: float, dimension: Literal["time", "share"] = "time") -> Variate:
        """A constant, in hours or as a share."""
        return cls("constant", {"value": value}, Constant(value), dimension, "h" if dimension == "time" else "%")

    @property
    def constant(self) -> bool:
        """Whether every draw is the same."""
        return self.dist == "constant"

    @property
    def minimum(self) -> float:
        """The least value that may be drawn."""
        least = self.law.support[0] + self.shift
        return least if self.low is None else max(least, self.low)

    @property
    def mean(self) -> float:
        """The mean of the draws, shift and truncation included."""
        below, above = self._ends
        lower, upper = self.kept
        if (lower, upper) == (0.0, 1.0):
            return self.law.mean + self.shift
        return (self.law.partial(above) - self.law.partial(below)) / (upper - lower) + self.shift

    def ppf(self, u: Floats) -> Floats:
        """The draws that belong to the uniforms `u` (any shape, each in [0, 1)); the same shape, hours or shares."""
        if self.low is None and self.high is None:
            return self.law.ppf(u) + self.shift
        lower, upper = self.kept
        within = (lower + u * (upper - lower)).clip(None, ALMOST_ONE)  # rounded up to 1 it would be infinity
        drawn = self.law.ppf(within) + self.shift
        return drawn.clip(self.minimum, math.inf if self.high is None else self.high)  # rounding only

    @property
    def _ends(self) -> tuple[float, float]:
        """The limits as the law sees them, before the shift."""
        below = self.law.support[0] if self.low is None else self.low - self.shift
        above = self.law.support[1] if self.high is None else self.high - self.shift
        return below, above

    @property
    def kept(self) -> tuple[float, float]:
        """The part of the law that truncation leaves, as probabilities: (0, 1) without limits."""
        below, above = self._ends
        lower = 0.0 if self.low is None else self.law.cdf(below)
        upper = 1.0 if self.high is None else self.law.cdf(above)
        return lower, upper

    @classmethod
    def read(cls, raw: object) -> Variate:
        """A variate from what a planner wrote; raises MisreadError."""
        if isinstance(raw, Variate):
            return raw
        mapping = raw if isinstance(raw, dict) else {"value": raw}
        reader = _Reader(mapping)
        try:
            return reader.variate()
        except MisreadError as error:
            if raw is mapping:
                raise
            raise MisreadError(
                *(Fault((), fault.message, suggestion=fault.suggestion) for fault in error.faults)
            ) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.read, ref=cls.__name__)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        amount = {"type": "string", "pattern": r"^\s*[0-9.]"}
        keys: dict[str, Any] = dict.fromkeys(("value", *PARAMETERS, *LIMITS), amount)
        keys |= {"dist": {"enum": list(LAWS)}, "cv": {"type": "number"}, "stages": {"type": "integer"}}
        keys |= {"quantiles": {"type": "object", "additionalProperties": amount}}
        keys |= provenance.json_schema(amount)
        mapping = {"type": "object", "properties": keys, "additionalProperties": False}
        return {"anyOf": [amount, mapping], "description": 'a time like "36 h" or a share like "40 %", or a dist of it'}


class _Reader:
    """Reads one mapping and gathers all that is wrong with it."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.faults: list[Fault] = []
        self.written: list[tuple[tuple[str, ...], units.Dimension, str]] = []  # path, dimension, unit of each amount

    def variate(self) -> Variate:
        allowed = ("dist", *PARAMETERS, *LIMITS, *provenance.KEYS)
        self.faults += provenance.unknown_keys(self.raw, allowed)
        dist = self.dist()
        make, values = self.parameters(dist)
        limits = {name: self.amount(self.raw[name], (name,)) for name in LIMITS if name in self.raw}
        told_of, faults = provenance.read(self.raw, lambda end: self.number(end, ("range",)))
        self.faults += faults
        self.one_dimension()
        self.sense(values | limits)
        self.refuse()
        assert make is not None  # else there is a fault
        dimension: Literal["time", "share"] = "share" if self.written[0][1] == "share" else "time"
        found = Variate(
            dist,
            values,
            make(**values),
            dimension,
            self.written[0][2],
            limits.get("shift", 0.0),
            limits.get("min"),
            limits.get("max"),
            told_of.source,
            told_of.grade,
            told_of.range,
            told_of.note,
        )
        self.overlap(found)
        return found

    def dist(self) -> str:
        dist = self.raw.get("dist", "constant")
        if isinstance(dist, str) and dist in LAWS:
            return dist
        self.faults.append(
            Fault(
                ("dist",),
                f"found {told(dist)}, allowed: {', '.join(LAWS)}",
                suggestion=nearest(dist, LAWS) if isinstance(dist, str) else None,
            )
        )
        raise MisreadError(*self.faults)

    def parameters(self, dist: str) -> tuple[Callable[..., Law] | None, dict[str, Any]]:
        given = {name for name in PARAMETERS if name in self.raw}
        for names, make in LAWS[dist].items():
            if set(names) == given:
                return make, {name: self.parameter(name) for name in names}
        if not self.faults:  # an unknown key is the likelier cause
            wanted = ", or ".join(" and ".join(names) for names in LAWS[dist])
            found = " and ".join(name for name in PARAMETERS if name in given) or "none of them"
            if "dist" in self.raw:
                self.faults.append(Fault((), f"dist {dist} takes {wanted}; found {found}", at="key"))
            else:
                self.faults.append(Fault((), f"neither value nor dist is given; found {found}", at="key"))
        return None, {}

    def parameter(self, name: str) -> Any:
        raw = self.raw[name]
        if name == "quantiles":
            return self.quantiles(raw)
        if name in BARE:
            return self.bare(name, raw)
        return self.amount(raw, (name,))

    def bare(self, name: str, raw: object) -> float:
        low, high = BARE[name]
        whole = isinstance(low, int)
        fits = isinstance(raw, int if whole else int | float) and not isinstance(raw, bool)
        if isinstance(raw, int | float) and fits and low <= raw <= high:
            return raw if whole else float(raw)
        kind = "a whole number" if whole else "a number"
        self.faults.append(Fault((name,), f"found {told(raw)}, where {kind} from {low} to {high} is due"))
        return math.nan

    def quantiles(self, raw: object) -> tuple[tuple[float, float], ...]:
        """Pairs of share and value, rising, from {p0: 12 h, p50: 30 h, p100: 5 d}."""
        path = ("quantiles",)
        if not isinstance(raw, dict) or not {"p0", "p100"} <= set(raw):
            self.faults.append(
                Fault(path, f"found {told(raw)}, where quantiles from p0 to p100 are due, like {{p0: 1 h, p100: 9 h}}")
            )
            return ()
        pairs = []
        for key, value in raw.items():
            match = re.fullmatch(r"p(\d+(?:\.\d+)?)", key)
            if match and float(match[1]) <= 100:
                pairs.append((float(match[1]) / 100, self.amount(value, (*path, key))))
            else:
                self.faults.append(Fault((*path, key), f'found "{key}", allowed: p0 to p100', at="key"))
        pairs.sort()
        if not self.faults and any(high[1] <= low[1] for low, high in pairwise(pairs)):
            self.faults.append(Fault(path, "the quantiles do not rise"))
        return tuple(pairs)

    def amount(self, raw: object, path: tuple[str, ...]) -> float:
        """A time or a share, not negative; NaN after a fault."""
        try:
            value = self.number(raw, path)
        except UnitError as error:
            self.faults.append(Fault(path, error.message, suggestion=error.suggestion))
            return math.nan
        if value < 0:
            self.faults.append(Fault(path, f"found {told(raw)}, which is negative"))
        return value

    def number(self, raw: object, path: tuple[str, ...]) -> float:
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            due = f'where a time like "{units.EXAMPLES["time"]}" or a share like "{units.EXAMPLES["share"]}" is due'
            raise UnitError(f"found {raw} without a unit, {due}")
        dimension: units.Dimension = "share" if isinstance(raw, str) and "%" in raw else "time"
        value, unit = units.parse(raw, dimension)
        self.written.append((path, dimension, unit))
        return value

    def one_dimension(self) -> None:
        first = self.written[0][1] if self.written else None
        for path, dimension, _ in self.written:
            if dimension != first:
                self.faults.append(Fault(path, f"a {dimension} here, but a {first} before: all must be of one kind"))

    def sense(self, values: dict[str, Any]) -> None:
        if self.faults:
            return
        for name in POSITIVE:
            if name in values and values[name] <= 0:
                self.faults.append(Fault((name,), f"found {told(self.raw[name])}, which is not more than 0"))
        for low, high in RISING:
            # a mode may lie at an end; the ends of everything else must differ
            if (
                low in values
                and high in values
                and not (values[low] < values[high] or ("mode" in (low, high) and values[low] == values[high]))
            ):
                found = f"{low} {told(self.raw[low])} is not below {high} {told(self.raw[high])}"
                self.faults.append(Fault((high,), found))
        if "p95" in values and not self.faults and values["p95"] > WIDEST * values["median"]:
            self.faults.append(Fault(("p95",), f"found {told(self.raw['p95'])}, more than {WIDEST:g} times the median"))

    def overlap(self, variate: Variate) -> None:
        """Truncation must leave something."""
        least, most = variate.law.support
        if variate.low is not None and variate.low - variate.shift >= most:
            self.faults.append(Fault(("min",), f"nothing is drawn above {told(self.raw['min'])}"))
        if variate.high is not None and variate.high - variate.shift <= least:
            self.faults.append(Fault(("max",), f"nothing is drawn below {told(self.raw['max'])}"))
        self.refuse()
        lower, upper = variate.kept
        if upper - lower < RAREST:
            limits = {"min": "from", "max": "up to"}
            where = " ".join(f"{side} {self.raw[name]}" for name, side in limits.items() if name in self.raw)
            last = next(name for name in ("max", "min") if name in self.raw)
            self.faults.append(Fault((last,), f"less than one draw in {1 / RAREST:,.0f} lies {where}"))
        self.refuse()

    def refuse(self) -> None:
        if self.faults:
            raise MisreadError(*self.faults)
