"""Edges that any market has: prices that stand still, no trade, limit runs, ties, windows of one bar, high levels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ralph import indicators
from ralph.indicators.indicator import MODES

Bars = dict[str, Any]
NAN = math.nan
SIZE = 300


def at_one_price(close: NDArray[Any], volume: float) -> Bars:
    """Bars that each have a single price, as at a limit or without trade."""
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    rest = {"volume": np.full(close.size, volume), "index_close": close, "session": np.zeros(close.size)}
    return {**prices, **rest}


STILL = np.full(SIZE, 1_000.0)
MARKETS = {
    "still": at_one_price(STILL, 500.0),
    "untraded": at_one_price(STILL, 0.0),
    "up": at_one_price(np.concatenate([np.full(270, 1_000.0), 1_000.0 * 1.3 ** np.arange(1.0, 31.0)]), 500.0),
    "down": at_one_price(1_000.0 * 0.7 ** np.arange(60.0), 500.0),
}
EDGES: list[tuple[str, str, dict[str, float], tuple[float, float]]] = [
    # market, output, parameters, the last value in tv and talib
    ("still", "rsi", {}, (100, 0)),
    ("still", "stoch.raw", {}, (NAN, 0)),
    ("still", "stoch.k", {}, (NAN, 0)),
    ("still", "stochf.k", {}, (NAN, 0)),
    ("still", "stochrsi.raw", {}, (NAN, 0)),
    ("still", "cci", {}, (0, 0)),
    ("still", "willr", {}, (0, 0)),
    ("still", "mom", {}, (0, 0)),
    ("still", "roc", {}, (0, 0)),
    ("still", "ao", {}, (0, 0)),
    ("still", "uo", {}, (NAN, 0)),
    ("still", "cmo", {}, (0, 0)),
    ("still", "trix", {}, (0, 0)),
    ("still", "macd.hist", {}, (0, 0)),
    ("still", "aroon.up", {}, (100, 100)),
    ("still", "aroon.down", {}, (100, 100)),
    ("still", "atr", {}, (0, 0)),
    ("still", "natr", {}, (0, 0)),
    ("still", "adx", {}, (0, 0)),
    ("still", "adx.plus_di", {}, (0, 0)),
    ("still", "bb.upper", {}, (1_000, 1_000)),
    ("still", "bb.width", {}, (NAN, NAN)),
    ("still", "bb.percent_b", {}, (NAN, NAN)),
    ("still", "kc.lower", {}, (1_000, 1_000)),
    ("still", "kama", {}, (1_000, 1_000)),
    ("still", "ema", {}, (1_000, 1_000)),
    ("still", "hma", {}, (1_000, 1_000)),
    ("still", "sar", {}, (1_000, 1_000)),
    ("still", "supertrend.line", {}, (1_000, 1_000)),
    ("still", "linreg.slope", {}, (0, 0)),
    ("still", "linreg.fit", {}, (NAN, NAN)),
    ("still", "beta", {}, (NAN, NAN)),
    ("still", "dist_52w.high_pct", {}, (0, 0)),
    ("still", "adr.pct", {}, (0, 0)),
    ("still", "gap_pct", {}, (0, 0)),
    ("still", "nr7", {}, (0, 0)),
    ("still", "inside_day", {}, (0, 0)),
    ("still", "pocket_pivot", {}, (0, 0)),
    ("still", "obv", {}, (0, 500)),
    ("still", "ad", {}, (0, 0)),
    ("still", "cmf", {}, (0, 0)),
    ("still", "mfi", {}, (NAN, 0)),
    ("still", "rvol", {}, (1, 1)),
    ("still", "vwma", {}, (1_000, 1_000)),
    ("still", "session_vwap.upper", {}, (1_000, 1_000)),
    ("still", "technical_rating.all", {}, (0, 0)),
    ("untraded", "cmf", {}, (NAN, 0)),
    ("untraded", "mfi", {}, (NAN, 0)),
    ("untraded", "vwma", {}, (NAN, NAN)),
    ("untraded", "rvol", {}, (NAN, NAN)),
    ("untraded", "obv", {}, (0, 0)),
    ("untraded", "adosc", {}, (0, 0)),
    ("untraded", "session_vwap", {}, (NAN, NAN)),
    ("untraded", "sma", {}, (1_000, 1_000)),
    ("up", "rsi", {}, (100, 100)),
    ("up", "stoch.raw", {}, (100, 100)),
    ("up", "stochrsi.raw", {}, (NAN, 0)),
    ("up", "willr", {}, (0, 0)),
    ("up", "uo", {}, (100, 100)),
    ("up", "mfi", {}, (100, 100)),
    ("up", "cmo", {}, (100, 100)),
    ("up", "adx.plus_di", {}, (100, 100)),
    ("up", "adx.minus_di", {}, (0, 0)),
    ("up", "aroon.osc", {}, (100, 100)),
    ("up", "gap_pct", {}, (30, 30)),
    ("up", "supertrend.direction", {}, (-1, -1)),
    ("up", "supertrend.trend", {}, (1, 1)),
    ("up", "sar.direction", {}, (1, 1)),
    ("up", "donchian.position", {}, (1, 1)),
    ("up", "beta", {"period": 20}, (1, 1)),
    ("down", "rsi", {}, (0, 0)),
    ("down", "stoch.raw", {}, (0, 0)),
    ("down", "willr", {}, (-100, -100)),
    ("down", "uo", {}, (0, 0)),
    ("down", "mfi", {}, (0, 0)),
    ("down", "cmo", {}, (-100, -100)),
    ("down", "adx", {}, (100, 100)),
    ("down", "aroon.osc", {}, (-100, -100)),
    ("down", "donchian.position", {}, (0, 0)),
    ("down", "sma", {"period": 1}, (1_000 * 0.7**59,) * 2),
    ("down", "ema", {"period": 1}, (1_000 * 0.7**59,) * 2),
    ("down", "rma", {"period": 1}, (1_000 * 0.7**59,) * 2),
    ("down", "wma", {"period": 1}, (1_000 * 0.7**59,) * 2),
    ("down", "vwma", {"period": 1}, (1_000 * 0.7**59,) * 2),
    ("down", "rsi", {"period": 1}, (0, 0)),
    ("down", "stdev", {"period": 1}, (0, 0)),
    ("down", "bb.lower", {"period": 1}, (1_000 * 0.7**59,) * 2),
    ("down", "bb.width", {"period": 1}, (NAN, NAN)),
    ("down", "bb.percent_b", {"period": 1}, (NAN, NAN)),
    ("down", "cci", {"period": 1}, (0, 0)),
    ("down", "linreg.fit", {"period": 2}, (1, 1)),
]


@pytest.mark.parametrize(("market", "output", "params", "expected"), EDGES, ids=str)
def test_an_edge_has_its_value(
    market: str, output: str, params: dict[str, float], expected: tuple[float, float]
) -> None:
    """At the last of many bars, by Pine and by TA-Lib; what has no answer is missing."""
    name, _, part = output.partition(".")
    given: dict[str, Any] = {**MARKETS[market], **params}
    for mode, value in zip(MODES, expected, strict=True):
        found = indicators.series(name, **given, mode=mode)
        last = found[part or next(iter(found))][-1]
        np.testing.assert_allclose(last, value, rtol=1e-9, atol=1e-9, err_msg=mode)


def ticks() -> Bars:
    """Prices on a grid of tens and volumes of a few sizes: a third of all neighbours are equal."""
    random = np.random.default_rng(6)
    close = 1_000.0 + 10.0 * np.cumsum(random.integers(-1, 2, SIZE))
    high, low = close + 10.0 * random.integers(0, 3, SIZE), close - 10.0 * random.integers(0, 3, SIZE)
    volume = 100.0 * random.integers(0, 4, SIZE)
    return {"open": close, "high": high, "low": low, "close": close, "volume": volume}


def test_a_tie_is_no_move() -> None:
    """Flags are strict, flows take no side, and of equal extremes the newest counts."""
    bars = ticks()
    high, low, close, volume = (bars[name] for name in ("high", "low", "close", "volume"))
    found = {name: indicators.series(name, **bars) for name in ("nr7", "inside_day", "aroon", "obv", "pocket_pivot")}
    for bar in range(20, SIZE):
        ranges = (high - low)[bar - 6 : bar + 1]
        assert found["nr7"]["nr7"][bar] == (ranges[-1] < ranges[:-1].min())
        assert found["inside_day"]["inside_day"][bar] == (high[bar] < high[bar - 1] and low[bar] > low[bar - 1])
        newest_first = high[bar - 14 : bar + 1][::-1]
        assert found["aroon"]["up"][bar] == pytest.approx(100 * (14 - int(newest_first.argmax())) / 14)
        step = found["obv"]["obv"][bar] - found["obv"]["obv"][bar - 1]
        assert step == np.sign(close[bar] - close[bar - 1]) * volume[bar]
        before = range(bar - 10, bar)
        falls = [volume[one] for one in before if close[one] < close[one - 1]]
        pivot = bool(falls) and close[bar] > close[bar - 1] and volume[bar] > max(falls)
        assert found["pocket_pivot"]["pocket_pivot"][bar] == pivot


@pytest.mark.parametrize("name", indicators.load())
def test_prices_of_millions_lose_nothing(name: str) -> None:
    """Times 8,192, which rounds nothing: from about ten million won on, the same to the last bit apart from units,
    logarithms to their rounding."""
    bars, indicator = ticks(), indicators.load()[name]
    high = {field: values * (1.0 if field == "volume" else 8_192.0) for field, values in bars.items()}
    rest = {"index_close": bars["close"][::-1].copy(), "session": np.arange(SIZE) // 40 * 1.0}
    power = {"price": 1, "price_volume": 1, "price_squared_per_volume": 2}
    found = indicators.series(name, **high, **rest)
    for output, values in indicators.series(name, **bars, **rest).items():
        expected = values * 8_192.0 ** power.get(indicator.unit_of(output), 0)
        np.testing.assert_allclose(found[output], expected, rtol=1e-12, atol=1e-9, err_msg=output)
