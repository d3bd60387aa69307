"""Every kernel against a slow, obvious twin, and the promises all compiled functions keep."""

from __future__ import annotations

import importlib
import math
import pkgutil
import statistics
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ralph import indicators, kernels

Numbers = list[float]
Bars = dict[str, NDArray[np.float64]]
NAN = math.nan


def windows(values: Numbers, period: int) -> Iterator[Numbers | None]:
    """The newest `period` values at each bar, None where there are not so many or one is missing."""
    for bar in range(len(values)):
        window = values[max(0, bar + 1 - period) : bar + 1]
        yield None if len(window) < period or any(math.isnan(value) for value in window) else window


def over(values: Numbers, period: int, what: Callable[[Numbers], float]) -> Numbers:
    return [NAN if window is None else what(window) for window in windows(values, period)]


def exponential(values: Numbers, period: int, alpha: float) -> Numbers:
    """Seeded with the mean of the first values there are, as if the missing ones did not exist."""
    out, seen, mean = [], [], NAN
    for value in values:
        if math.isnan(value):
            out.append(NAN)
            continue
        seen.append(value)
        if len(seen) == period:
            mean = math.fsum(seen) / period
        elif len(seen) > period:
            mean = alpha * value + (1 - alpha) * mean
        out.append(mean)
    return out


def wilder(values: Numbers, period: int) -> Numbers:
    return exponential(values, period, 1 / period)


def scattered(values: Numbers, compute: Callable[[Numbers], Numbers]) -> Numbers:
    """Computed on the values there are, put back in their places."""
    found = iter(compute([value for value in values if not math.isnan(value)]))
    return [NAN if math.isnan(value) else next(found) for value in values]


def twin_rsi(close: Numbers, period: int, flat: float) -> Numbers:
    moves = [after - before for before, after in pairwise(close)]
    rises = wilder([max(move, 0.0) for move in moves], period)
    falls = wilder([max(-move, 0.0) for move in moves], period)
    shares = [flat if up == down == 0 else 100 * up / (up + down) for up, down in zip(rises, falls, strict=True)]
    return [NAN, *shares][: len(close)]


def true_ranges(bars: Bars) -> Numbers:
    high, low, close = bars["high"].tolist(), bars["low"].tolist(), bars["close"].tolist()
    gaps = [max(h, c) - min(lo, c) for h, lo, c in zip(high[1:], low[1:], close, strict=False)]
    return [high[0] - low[0], *gaps]


def twin_adx(bars: Bars, period: int, terms: int) -> tuple[Numbers, Numbers, Numbers]:
    """Decaying sums, written as Wilder did; `terms` movements make the first sums."""
    high, low = bars["high"].tolist(), bars["low"].tolist()
    ups = [after - before for before, after in pairwise(high)]
    downs = [before - after for before, after in pairwise(low)]
    plus = [up if up > down and up > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]
    minus = [down if down > up and down > 0 else 0.0 for up, down in zip(ups, downs, strict=True)]

    def sums(values: Numbers) -> Numbers:
        out = []
        for count in range(1, len(values) + 1):
            total = math.fsum(values[:terms]) if count > terms else math.fsum(values[:count])
            for value in values[terms:count]:
                total = total - total / period + value
            out.append(total)
        return out

    lines = []
    ranges = sums(true_ranges(bars)[1:])
    for part in (sums(plus), sums(minus)):
        shares = [100 * p / r if r else 0.0 for p, r in zip(part, ranges, strict=True)]
        lines.append([NAN if count < period else share for count, share in enumerate([NAN, *shares])])
    sides = [
        NAN if math.isnan(p) else (100 * abs(p - m) / (p + m) if p + m else 0.0)
        for p, m in zip(lines[0], lines[1], strict=True)
    ]
    return wilder(sides, period), lines[0], lines[1]


def _random(kind: str) -> Bars:
    random = np.random.default_rng(5)
    size = 160
    step = random.normal(0, 0.03, size)
    if kind == "limits":
        step[40:48], step[48:53] = math.log(1.3), math.log(0.7)
    if kind == "constant":
        step[:] = 0.0
    close: NDArray[np.float64] = 10_000.7 * np.exp(np.cumsum(step))
    high: NDArray[np.float64] = close * (1 + 0.01 * random.random(size))
    low: NDArray[np.float64] = close * (1 - 0.01 * random.random(size))
    if kind in ("limits", "constant"):
        high[35:60], low[35:60] = close[35:60], close[35:60]
    if kind == "constant":
        high, low = close.copy(), close.copy()
    bars: Bars = {"high": high, "low": low, "close": close}
    if kind == "ticks":
        bars = {name: np.asarray(np.round(values / 500) * 500, np.float64) for name, values in bars.items()}
    bars["source"] = np.array(bars["close"], np.float64)
    if kind == "gaps":
        bars["source"][[0, 1, 2, 40, 41, 90, 120]] = np.nan
    bars["volume"] = np.asarray(random.integers(0, 4, size) * 1_000, np.float64)
    return bars


@pytest.fixture(params=["walk", "ticks", "limits", "constant", "gaps"])
def bars(request: pytest.FixtureRequest) -> Bars:
    """160 bars: a walk, one with many ties, one with limit runs, one where nothing moves, one with missing values."""
    return _random(request.param)


def check(found: NDArray[np.float64], expected: Numbers, size: float) -> None:
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11 * size)


@pytest.mark.parametrize("period", [1, 2, 3, 7, 8, 14, 20, 63, 160, 161])
def test_windows_equal_their_twins(bars: Bars, period: int) -> None:
    """Means, extremes and bands are those of each window written out."""
    source = bars["source"]
    values = source.tolist()
    mean = kernels.windows.mean_series(source, period)
    check(mean, over(values, period, lambda window: math.fsum(window) / period), 1e5)
    np.testing.assert_array_equal(kernels.extremes.highest_series(source, period), over(values, period, max))
    np.testing.assert_array_equal(kernels.extremes.lowest_series(source, period), over(values, period, min))
    middle, upper, lower = kernels.spread.bands_series(source, period, 2.5)
    np.testing.assert_array_equal(middle, mean)
    width = over(values, period, lambda window: 2.5 * statistics.pstdev(window))
    check(upper - middle, width, 1e5)
    check(middle - lower, width, 1e5)


@pytest.mark.parametrize("period", [1, 2, 9, 14, 60, 161])
def test_filters_equal_their_twins(bars: Bars, period: int) -> None:
    """EMA, RMA and RSI are their recursions written out, missing values stepped over."""
    source = bars["source"]
    values = source.tolist()
    for alpha in (2 / (period + 1), 1 / period):
        table = kernels.smoothing.mean_table(period, alpha)
        check(kernels.smoothing.mean_series(source, table, period), exponential(values, period, alpha), 1e5)
    for flat in (100.0, 0.0):
        expected = scattered(values, lambda close, flat=flat: twin_rsi(close, period, flat))  # type: ignore[misc]
        check(kernels.strength.rsi_series(source, period, flat), expected, 100.0)


@pytest.mark.parametrize("period", [2, 5, 14])
def test_ranges_and_directions_equal_their_twins(bars: Bars, period: int) -> None:
    """ATR with and without the opening range; ADX and its lines from sums of as many terms, and of one less."""
    high, low, close = bars["high"], bars["low"], bars["close"]
    ranges = true_ranges(bars)
    check(kernels.ranges.atr_series(high, low, close, period, opening=True), wilder(ranges, period), 1e5)
    late = [NAN, *wilder(ranges[1:], period)]
    check(kernels.ranges.atr_series(high, low, close, period, opening=False), late, 1e5)
    for terms in (period, period - 1):
        found = kernels.direction.adx_series(high, low, close, period, terms)
        for line, expected in zip(found, twin_adx(bars, period, terms), strict=True):
            check(line, expected, 100.0)


@pytest.mark.parametrize("periods", [(12, 26, 9), (5, 3, 4), (1, 1, 1)])
def test_convergence_equals_its_twin(bars: Bars, periods: tuple[int, int, int]) -> None:
    """MACD is two exponential means apart and a third over that; together, the shorter one is seeded late."""
    fast, slow, signal = periods
    longest = max(fast, slow)
    source = bars["source"]

    def twin(values: Numbers, together: bool) -> tuple[Numbers, Numbers]:
        means = []
        for period in (fast, slow):
            skip = longest - period if together else 0
            late = exponential(values[skip:], period, 2 / (period + 1))
            means.append(([NAN] * skip + late)[: len(values)])
        apart = [one - other for one, other in zip(*means, strict=True)]
        line = exponential(apart, signal, 2 / (signal + 1))
        return [NAN if together and math.isnan(s) else a for a, s in zip(apart, line, strict=True)], line

    for together in (False, True):
        found = kernels.convergence.macd_series(source, fast, slow, signal, together=together)
        for which in (0, 1):
            expected = scattered(source.tolist(), lambda v, w=which, t=together: twin(v, t)[w])  # type: ignore[misc]
            check(found[which], expected, 1e5)
        np.testing.assert_array_equal(found[2], found[0] - found[1])


def test_volume_by_direction_equals_its_twin(bars: Bars) -> None:
    """OBV adds what was traded on rises, takes away what was traded on falls, and leaves the rest out."""
    close, volume = bars["close"].tolist(), bars["volume"].tolist()
    signs = [(after > before) - (after < before) for before, after in pairwise(close)]
    steps = [sign * traded for sign, traded in zip(signs, volume[1:], strict=True)]
    totals = [math.fsum(steps[:count]) for count in range(len(close))]
    np.testing.assert_array_equal(kernels.flow.obv_series(bars["close"], bars["volume"], opening=False), totals)
    opened = [total + volume[0] for total in totals]
    np.testing.assert_array_equal(kernels.flow.obv_series(bars["close"], bars["volume"], opening=True), opened)


def test_a_close_has_a_place_only_in_a_range() -> None:
    """0 at the lowest, 100 at the highest; a range that is only rounding is none."""
    close, low = np.array([1.0, 2.0, 1.5, 7.0, 7.0, NAN]), np.array([1.0, 1.0, 1.0, 7.0, 7.0, 1.0])
    high = np.array([2.0, 2.0, 2.0, 7.0, 7.0 + 1e-12, 2.0])
    found = kernels.stochastic.position(close, low, high, -1.0)
    np.testing.assert_array_equal(found, [0.0, 100.0, 50.0, -1.0, -1.0, NAN])


@pytest.mark.parametrize("value", [0.1, 101.361635, 1e7 / 3, 10_028.0])
@pytest.mark.parametrize("period", [3, 14, 50, 200])
def test_means_of_a_flat_stretch_are_its_value(value: float, period: int) -> None:
    """Exactly, whatever came before; a band without width has none, so no flat stock crosses its own mean."""
    values = np.concatenate([[9e9, 1e-9, value * 3], np.full(period, value)])
    panel, first = np.column_stack([values, values]), np.zeros(2, dtype=np.int32)
    assert kernels.windows.mean_series(values, period)[-1] == value
    assert (kernels.windows.mean_last(panel, first, period, 1) == value).all()
    assert all(band[-1] == value for band in kernels.spread.bands_series(values, period, 2.0))
    flat = np.full(3 * period, value)
    assert kernels.smoothing.mean_series(flat, kernels.smoothing.mean_table(period, 0.1), period)[-1] == value


def test_sums_of_whole_numbers_are_exact() -> None:
    """A mean is the exact sum, divided once: ties between a price and its mean are ties."""
    random = np.random.default_rng(3)
    values = random.integers(1, 10**12, 700).astype(np.float64)
    for period in (5, 20, 200, 255):
        exact = over(values.tolist(), period, lambda window: sum(int(value) for value in window) / len(window))
        np.testing.assert_array_equal(kernels.windows.mean_series(values, period), exact)


def test_a_deviation_survives_the_fall_of_a_price() -> None:
    """From ten million to one: the deviation of what is in the window, not a residue of what left it."""
    random = np.random.default_rng(8)
    values = np.concatenate([1e7 + random.normal(0, 1e5, 60), 1 + 0.01 * random.random(60)])
    middle, upper, _ = kernels.spread.bands_series(values, 20, 1.0)
    expected = statistics.pstdev(values[-20:].tolist())
    assert (upper - middle)[-1] == pytest.approx(expected, rel=1e-9)


def compiled() -> dict[str, Any]:
    """Every compiled function of every kernel module."""
    found = {}
    for module in pkgutil.iter_modules(kernels.__path__):
        for name, value in vars(importlib.import_module(f"ralph.kernels.{module.name}")).items():
            if hasattr(value, "targetoptions"):
                found[f"{value.py_func.__module__}.{name}"] = value
    return found


def test_every_kernel_lets_other_threads_run_and_keeps_ieee() -> None:
    """Without the GIL, cached, compiled before the first call, and with no arithmetic that may drop a NaN test."""
    found = compiled()
    assert len(found) > 30
    for name, dispatcher in found.items():
        options = dispatcher.targetoptions
        assert options["nogil"], name
        assert not options.get("fastmath"), name
        assert not options.get("parallel"), name
        assert options["error_model"] == "numpy", name
        assert len(dispatcher.signatures) == 1, name
        assert not dispatcher._can_compile, name


def test_all_indicators_can_be_warmed_up() -> None:
    """Compiling and running everything once raises nothing."""
    indicators.warm_up()
