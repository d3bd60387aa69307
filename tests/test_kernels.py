"""Every operation against its slow form, the same however it is run, and the promises all compiled functions keep."""

from __future__ import annotations

import importlib
import pkgutil
import statistics
from typing import Any

import numpy as np
import pytest
import slow_terms
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ralph import indicators, kernels
from ralph.indicators import formulas
from ralph.indicators.live import Live
from ralph.indicators.plan import Plan
from ralph.indicators.terms import (
    CLOSE,
    HIGH,
    LOW,
    VOLUME,
    Term,
    absolute_deviation,
    adaptive_mean,
    bands_that_ratchet,
    busiest_price,
    constant,
    covariance,
    decaying_sum,
    deviation,
    ema,
    held,
    highest,
    known,
    log,
    lowest,
    mean,
    otherwise,
    parabolic,
    part,
    rma,
    root,
    running,
    share_below,
    since_highest,
    since_lowest,
    smooth,
    streak,
    total,
    trend_fit,
    trend_slope,
    weighted_mean,
)

FloatArray = NDArray[np.float64]
Market = tuple[dict[str, FloatArray], NDArray[np.int32]]
RISES = CLOSE[1] < CLOSE
HOLES = CLOSE / (VOLUME > 0.0)  # missing where nothing was traded
STEPS = (0.02, 0.02, 0.2)


def operations(period: int) -> dict[str, Term]:
    """Every operation, over fields, over computed series and over ones with holes."""
    adx, plus, _ = formulas.directional_movement(period + 1, "tv")
    late, _, minus = formulas.directional_movement(period + 1, "talib")
    wide = rma(HIGH - LOW, 3)
    windows = (total, mean, weighted_mean, highest, lowest, since_highest, since_lowest, deviation, absolute_deviation)
    trends = (trend_slope, trend_fit, share_below)
    terms = {f"{one.__name__} {name}": one(value, period) for one in windows for name, value in _values().items()}
    terms |= {f"{one.__name__} {name}": one(value, period + 1) for one in trends for name, value in _values().items()}
    for mode in ("tv", "talib"):
        stops, bands = (
            parabolic(HIGH, LOW, CLOSE, STEPS, mode),
            bands_that_ratchet(HIGH + wide, LOW - wide, CLOSE, mode),
        )
        terms |= {f"parabolic {mode} {which}": part(stops, which) for which in (0, 1)}
        terms |= {f"ratchet {mode} {which}": part(bands, which) for which in (0, 1)}
    return terms | {
        "covariance": covariance(CLOSE, VOLUME, period),
        "busiest_price": busiest_price(LOW, HIGH, VOLUME, period, 5),
        "smooth": smooth(HOLES, period, 0.3, 2),
        "decaying_sum": decaying_sum(HOLES, period + 1, period),
        "running": running(HOLES),
        "running since": running(HOLES, RISES),
        "streak": streak(RISES),
        "adaptive_mean": adaptive_mean(HOLES, 0.1 + 0.3 * RISES),
        "held": held(HOLES, RISES),
        "rsi": formulas.relative_strength_index(CLOSE, period, "tv"),
        "smoothed mean": ema(mean(HOLES, 2), period),
        "adx": adx,
        "plus": plus,
        "late": late,
        "minus": minus,
        "known": known(CLOSE[2])[1],
        "constant": total(constant(2.0), period) + otherwise(CLOSE[3], 7.0),
        "one bar": log(CLOSE) - root(CLOSE - CLOSE[1]),
        "before": HIGH[period],
    }


def _values() -> dict[str, Term]:
    return {"field": CLOSE, "moved": HIGH[2], "computed": rma(CLOSE, 2), "holes": HOLES}


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """Columns of ticks, flat stretches, limit runs and falls from ten million, with rubbish above their first bars."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 60)), draw(st.integers(1, 5)))
    step = random.normal(0.0, 0.03, shape) * (random.random(shape) < draw(st.sampled_from([1.0, 0.2])))
    close = np.round(draw(st.sampled_from([1e3, 1e7])) * np.exp(np.cumsum(step, axis=0)) / 5) * 5
    spread = 5.0 * random.integers(0, 5, (2, *shape))
    volume = random.integers(0, 3, shape) * random.integers(1, 10**6, shape).astype(np.float64)
    fields = {"high": close + spread[0], "low": close - spread[1], "close": close, "volume": volume}
    first = random.integers(0, shape[0] + 1, shape[1]).astype(np.int32) * (random.random(shape[1]) < 0.6)
    rubbish = draw(st.sampled_from([np.nan, np.inf, 1e300, -7.0]))
    for values in fields.values():
        values[np.arange(shape[0])[:, None] < first] = rubbish
    return fields, first.astype(np.int32)


@settings(max_examples=30)
@given(market=markets(), period=st.integers(1, 9))
def test_every_operation_equals_its_slow_form(market: Market, period: int) -> None:
    """In a batch of columns, missing values exactly, values to 1e-9 of what they are made of."""
    fields, first = market
    terms = operations(period)
    height = fields["close"].shape[0]
    found = Plan(terms.values()).last(fields, first, height)
    for column, begin in enumerate(first):
        alone = {name: values[begin:, column] for name, values in fields.items()}
        for line, (name, expected) in enumerate(slow_terms.evaluate(terms, alone).items()):
            assert np.isnan(found[line, :begin, column]).all()
            size = np.nanmax(np.abs(expected), initial=1.0)
            if name.startswith(("deviation", "absolute", "covariance", "trend")):
                size = 1e8  # of the level, not of what is left of it
            np.testing.assert_allclose(
                found[line, begin:, column], expected, rtol=1e-9, atol=1e-12 * size + 1e-9, err_msg=name
            )


@settings(max_examples=15)
@given(market=markets(), period=st.integers(1, 9), tail=st.integers(1, 8))
def test_rows_are_the_same_however_they_are_run(market: Market, period: int, tail: int) -> None:
    """All rows, the newest few, one column, bar by bar as they close, and while the last one runs: to the last bit."""
    fields, first = market
    plan = Plan(operations(period).values())
    height = fields["close"].shape[0]
    whole = plan.last(fields, first, height)
    few = plan.last(fields, first, tail)[:, -min(tail, height) :]
    np.testing.assert_array_equal(few, whole[:, -min(tail, height) :])
    begin = int(first[0])
    alone = plan.series({name: values[begin:, 0] for name, values in fields.items()})
    np.testing.assert_array_equal(alone, whole[:, begin:, 0])
    cut = height - 1
    live = Live.start(plan, {name: values[:cut] for name, values in fields.items()}, first)
    lanes = np.flatnonzero(first <= cut)[::-1].copy()
    running_bars = {name: values[cut, lanes] for name, values in fields.items()}
    live.peek(lanes, {name: values * 1.5 for name, values in running_bars.items()})
    np.testing.assert_array_equal(live.peek(lanes, running_bars), whole[:, cut, lanes])
    np.testing.assert_array_equal(live.commit(lanes, running_bars), whole[:, cut, lanes])


def test_columns_may_be_at_different_bars() -> None:
    """Bars that close one Symbol after another leave what closing them together leaves."""
    random = np.random.default_rng(4)
    close = 100.0 + random.random((40, 3))
    fields = {"high": close + 1, "low": close - 1, "close": close, "volume": np.ones_like(close)}
    plan, first = Plan(operations(5).values()), np.zeros(3, dtype=np.int32)
    together, apart = Live.start(plan, fields, first), Live(plan, 3)
    for column in (2, 0, 1):
        for row in range(40):
            apart.commit(np.array([column]), {name: values[row, [column]] for name, values in fields.items()})
    bars = {name: values[3] for name, values in fields.items()}
    lanes = np.arange(3)
    np.testing.assert_array_equal(apart.peek(lanes, bars), together.peek(lanes, bars))


@pytest.mark.parametrize("value", [0.1, 101.361635, 1e7 / 3, 10_028.0])
@pytest.mark.parametrize("period", [3, 14, 50, 200])
def test_means_of_a_flat_stretch_are_its_value(value: float, period: int) -> None:
    """Exactly, whatever came before, for one row and for all; and the deviation is exactly 0."""
    values = np.concatenate([[9e9, 1e-9, value * 3], np.full(period, value)])
    plan = Plan([mean(CLOSE, period), deviation(CLOSE, period)])
    assert plan.series({"close": values})[:, -1].tolist() == [value, 0.0]
    panel = {"close": np.column_stack([values, values])}
    assert (plan.last(panel, np.zeros(2, dtype=np.int32), 1)[:, 0] == [[value] * 2, [0.0] * 2]).all()
    assert Plan([smooth(CLOSE, period, 0.1)]).series({"close": np.full(3 * period, value)})[0, -1] == value


def test_sums_of_whole_numbers_are_exact() -> None:
    """A mean is the exact sum, divided once: ties between a price and its mean are ties."""
    values = np.random.default_rng(3).integers(1, 10**12, 700).astype(np.float64)
    for period in (5, 20, 200, 255):
        found = Plan([mean(CLOSE, period)]).series({"close": values})[0]
        for bar in range(period - 1, 700):
            assert found[bar] == sum(int(value) for value in values[bar + 1 - period : bar + 1]) / period


def test_a_deviation_survives_the_fall_of_a_price() -> None:
    """From ten million to one: the deviation of what is in the window, not a residue of what left it."""
    random = np.random.default_rng(8)
    values = np.concatenate([1e7 + random.normal(0, 1e5, 60), 1 + 0.01 * random.random(60)])
    found = Plan([deviation(CLOSE, 20)]).series({"close": values})[0, -1]
    assert found == pytest.approx(statistics.pstdev(values[-20:].tolist()), rel=1e-12)


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
    assert {"ralph.kernels.machine.scan", "ralph.kernels.live.advance"} <= found.keys()
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
