"""The slow, obvious form of every operation of `ralph.indicators.terms`, one bar after another."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import slow_memory
from numpy.typing import NDArray

from ralph.indicators.terms import Term

FloatArray = NDArray[np.float64]
Numbers = list[float]
Window = list[float]
NAN = math.nan


def evaluate(terms: Mapping[str, Term], fields: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Each term over one Symbol's fields [bars], oldest first, without bars that do not exist: {name: [bars]}."""
    bars = len(next(iter(fields.values())))
    known: dict[Term, list[Numbers]] = {}
    return {name: np.array(_parts(term, fields, bars, known)[0], dtype=np.float64) for name, term in terms.items()}


def _parts(term: Term, fields: Mapping[str, FloatArray], bars: int, known: dict[Term, list[Numbers]]) -> list[Numbers]:
    """The results of an operation: one, for most."""
    if term not in known:
        inputs = [_parts(one, fields, bars, known) for one in term.inputs]
        known[term] = _operation(term, [parts[0] for parts in inputs], inputs, fields, bars)
    return known[term]


def _operation(
    term: Term, inputs: list[Numbers], parts: list[list[Numbers]], fields: Mapping[str, FloatArray], bars: int
) -> list[Numbers]:
    op, whole = term.op, term.whole
    if op.startswith("read_"):
        return [np.asarray(fields[op.removeprefix("read_")], dtype=np.float64).tolist()]
    if op == "constant":
        return [[term.real[0]] * bars]
    if op == "part":
        return [parts[0][whole[0]]]
    if op == "shift":
        return [([NAN] * whole[0] + inputs[0])[:bars]]
    if op in ONE_BAR:
        return [[ONE_BAR[op](*values) for values in zip(*inputs, strict=True)]]
    if op in WINDOWS:
        return [over(inputs[0], whole[0], WINDOWS[op])]
    if op == "covariance":
        return [_covariance(inputs[0], inputs[1], whole[0])]
    if op == "busiest_price":
        return [_busiest_price(inputs, *whole)]
    return getattr(slow_memory, op)(*inputs, *whole, *term.real)  # type: ignore[no-any-return]


# One bar


def _missing(*values: float) -> bool:
    return any(math.isnan(value) for value in values)


def _arithmetic(compute: Callable[..., float]) -> Callable[..., float]:
    def computed(*values: float) -> float:
        with np.errstate(all="ignore"):
            return NAN if _missing(*values) else float(compute(*map(np.float64, values)))

    return computed


def _choose(condition: float, yes: float, no: float) -> float:
    return NAN if math.isnan(condition) else yes if condition != 0 else no


ONE_BAR: dict[str, Callable[..., float]] = {
    "add": _arithmetic(lambda left, right: left + right),
    "subtract": _arithmetic(lambda left, right: left - right),
    "multiply": _arithmetic(lambda left, right: left * right),
    "divide": _arithmetic(lambda left, right: NAN if right == 0 else left / right),
    "greater": _arithmetic(lambda left, right: left > right),
    "not_less": _arithmetic(lambda left, right: left >= right),
    "same": _arithmetic(lambda left, right: left == right),
    "magnitude": abs,
    "least": _arithmetic(min),
    "greatest": _arithmetic(max),
    "root": _arithmetic(lambda value: np.sqrt(value) if value > 0 else 0.0),
    "log": _arithmetic(lambda value: np.log(value) if value > 0 else NAN),
    "choose": _choose,
    "known": lambda value: float(not math.isnan(value)),
    "otherwise": lambda value, instead: instead if math.isnan(value) else value,
}


# Windows


def windows(values: Numbers, period: int) -> Iterator[Window | None]:
    """The newest `period` values at each bar; None where there are not so many, or one is missing."""
    for bar in range(len(values)):
        window = values[max(0, bar + 1 - period) : bar + 1]
        yield None if len(window) < period or _missing(*window) else window


def over(values: Numbers, period: int, compute: Callable[[Window], float]) -> Numbers:
    """What `compute` makes of each window. Of what lies before this bar it gets one value more, this one."""
    length = period + 1 if compute is _share_below else period
    return [NAN if window is None else compute(window) for window in windows(values, length)]


def _mean(window: Window) -> float:
    return window[0] if min(window) == max(window) else math.fsum(window) / len(window)


def _weighted_mean(window: Window) -> float:
    weights = range(1, len(window) + 1)
    return math.fsum(weight * value for weight, value in zip(weights, window, strict=True)) / sum(weights)


def _newest(window: Window, what: float) -> float:
    return float(window[::-1].index(what))


def _products(left: Window, right: Window) -> float:
    """Sum of the products of both about their means."""
    middle, other = _mean(left), _mean(right)
    return math.fsum((one - middle) * (two - other) for one, two in zip(left, right, strict=True))


def _trend_slope(window: Window) -> float:
    bars = [float(bar) for bar in range(len(window))]
    return _products(bars, window) / _products(bars, bars) if len(window) > 1 else NAN


def _trend_fit(window: Window) -> float:
    bars = [float(bar) for bar in range(len(window))]
    both = _products(bars, bars) * _products(window, window)
    return _products(bars, window) ** 2 / both if both > 0 else NAN


def _share_below(window: Window) -> float:
    return sum(value <= window[-1] for value in window[:-1]) / (len(window) - 1)


WINDOWS: dict[str, Callable[[Window], float]] = {
    "total": math.fsum,
    "mean": _mean,
    "weighted_mean": _weighted_mean,
    "highest": max,
    "lowest": min,
    "since_highest": lambda window: _newest(window, max(window)),
    "since_lowest": lambda window: _newest(window, min(window)),
    "deviation": lambda window: math.sqrt(_products(window, window) / len(window)),
    "absolute_deviation": lambda window: math.fsum(abs(value - _mean(window)) for value in window) / len(window),
    "trend_slope": _trend_slope,
    "trend_fit": _trend_fit,
    "share_below": _share_below,
}


def _covariance(left: Numbers, right: Numbers, period: int) -> Numbers:
    pairs = zip(windows(left, period), windows(right, period), strict=True)
    return [NAN if one is None or two is None else _products(one, two) / period for one, two in pairs]


def _busiest_price(inputs: list[Numbers], period: int, bins: int) -> Numbers:
    out = []
    for low, high, weight in zip(*(windows(values, period) for values in inputs), strict=True):
        missing = low is None or high is None or weight is None
        out.append(NAN if missing else _busiest(low, high, weight, bins))
    return out


def _busiest(low: Window, high: Window, weight: Window, bins: int) -> float:
    bottom, top = min(low), max(high)
    step = (top - bottom) / bins
    if step == 0:
        return bottom
    falls = [0.0] * bins
    for one, other, heavy in zip(low, high, weight, strict=True):
        begin = min(int((one - bottom) / step), bins - 1)
        end = min(int((other - bottom) / step), bins - 1)
        for bin_ in range(begin, end + 1):
            if other == one:
                share = 1.0
            else:
                left, right = bottom + bin_ * step, bottom + (bin_ + 1) * step
                share = (min(other, right) - max(one, left)) / (other - one)
            falls[bin_] += heavy * share
    most = 0
    for bin_, heavy in enumerate(falls):
        most = bin_ if heavy > falls[most] * (1 + 1e-9) else most
    return bottom + (most + 0.5) * step
