"""Indicators without golden columns against TA-Lib's parts and one-liners of polars and numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest
import talib
from numpy.typing import NDArray

from ralph import indicators

Column = NDArray[np.float64]
Bars = dict[str, Any]


def _bars() -> Bars:
    random = np.random.default_rng(8)
    close = 20_000 * np.exp(np.cumsum(random.normal(0, 0.03, 400)))
    opened = close * np.exp(random.normal(0, 0.01, 400))
    high, low = np.maximum(opened, close) * (1 + 0.01 * random.random(400)), np.minimum(opened, close) * 0.99
    volume = random.integers(1, 10**7, 400).astype(np.float64)
    index = 2_500 * np.exp(np.cumsum(random.normal(0, 0.01, 400)))
    return {"open": opened, "high": high, "low": low, "close": close, "volume": volume, "index_close": index}


BARS = _bars()
O, H, L, C, V, X = (pl.col(name) for name in BARS)  # noqa: E741
# Of the first bar, which has none before it, polars takes the bar alone.
TRUE_RANGE = pl.max_horizontal(H, C.shift(1)) - pl.min_horizontal(L, C.shift(1))
RETURN = C / C.shift(1) - 1


def polars(formula: pl.Expr) -> Column:
    return pl.DataFrame(BARS).select(formula.cast(pl.Float64)).to_series().fill_null(np.nan).to_numpy()


def mean(name: str, values: Column, period: int) -> Column:
    """TA-Lib's mean of that name, which skips leading NaN."""
    found: Column = getattr(talib, name)(values, timeperiod=period)
    return found


def before(values: Column, bars: int) -> Column:
    return np.concatenate([np.full(bars, np.nan), values[:-bars]])


def windows(formula: Callable[[Column], float], values: Column, period: int) -> Column:
    rest = np.lib.stride_tricks.sliding_window_view(values, period)
    return np.concatenate([np.full(period - 1, np.nan), [formula(window) for window in rest]])


def explained(window: Column) -> float:
    return float(np.corrcoef(np.arange(window.size), window)[0, 1] ** 2)


def slope(window: Column) -> float:
    return float(np.polyfit(np.arange(window.size), window, 1)[0])


def since_extreme(prices: Column, period: int, pick: Callable[[Column], float]) -> Column:
    """Mean traded price since the newest bar that was the extreme of its window, bar by bar."""
    out, traded = np.full(prices.size, np.nan), (BARS["high"] + BARS["low"] + BARS["close"]) / 3 * BARS["volume"]
    anchor = 0
    for bar in range(period - 1, prices.size):
        anchor = bar if prices[bar] == pick(prices[bar - period + 1 : bar + 1]) else anchor
        out[bar] = traded[anchor : bar + 1].sum() / BARS["volume"][anchor : bar + 1].sum()
    return out


SPAN = mean("EMA", BARS["high"] - BARS["low"], 9)
FORCE = np.concatenate([[np.nan], np.diff(BARS["close"]) * BARS["volume"][1:]])
CHANGES = talib.ROC(BARS["close"], timeperiod=14) + talib.ROC(BARS["close"], timeperiod=11)
FLOW = talib.AD(BARS["high"], BARS["low"], BARS["close"], BARS["volume"])
BASIS = mean("EMA", BARS["close"], 20)
TURN = mean("EMA", talib.TRANGE(BARS["high"], BARS["low"], BARS["close"]), 20)
UPPER, LOWER = H.rolling_max(20), L.rolling_min(20)
MIDDLES = [(H.rolling_max(bars) + L.rolling_min(bars)) / 2 for bars in (9, 26, 52)]

REFERENCES: list[tuple[str, dict[str, Any], str, Column]] = [
    ("dema", {"period": 9}, "dema", talib.DEMA(BARS["close"], timeperiod=9)),
    ("tema", {"period": 9}, "tema", talib.TEMA(BARS["close"], timeperiod=9)),
    ("distance", {"period": 20}, "distance", polars(100 * (C / C.rolling_mean(20) - 1))),
    ("distance", {"period": 20}, "disparity", polars(100 * C / C.rolling_mean(20))),
    ("distance", {"average": "ema"}, "disparity", 100 * BARS["close"] / mean("EMA", BARS["close"], 20)),
    ("distance", {"average": "wma"}, "disparity", 100 * BARS["close"] / mean("WMA", BARS["close"], 20)),
    ("log_return", {"period": 3}, "log_return", polars((C / C.shift(3)).log())),
    (
        "historical_volatility",
        {},
        "historical_volatility",
        polars((C / C.shift(1)).log().rolling_std(20) * 252**0.5 * 100),
    ),
    (
        "choppiness",
        {},
        "choppiness",
        polars(100 * (TRUE_RANGE.rolling_sum(14) / (H.rolling_max(14) - L.rolling_min(14))).log(14)),
    ),
    ("chaikin_volatility", {"period": 9, "change": 5}, "chaikin_volatility", 100 * (SPAN / before(SPAN, 5) - 1)),
    ("dpo", {"period": 21}, "dpo", polars(C - C.rolling_mean(21).shift(11))),
    ("dpo", {"period": 10}, "dpo", polars(C - C.rolling_mean(10).shift(6))),
    ("eom", {}, "eom", polars((1e4 * ((H + L) / 2).diff() * (H - L) / V).rolling_mean(14))),
    ("force_index", {"period": 13}, "force_index", mean("EMA", FORCE, 13)),
    ("mass_index", {}, "mass_index", mean("SMA", SPAN / mean("EMA", SPAN, 9), 25) * 25),
    ("coppock", {}, "coppock", mean("WMA", CHANGES, 10)),
    ("anchored_vwap", {"period": 40}, "anchored_vwap", since_extreme(BARS["high"], 40, np.max)),
    ("anchored_vwap", {"period": 25, "anchor": "lowest"}, "anchored_vwap", since_extreme(BARS["low"], 25, np.min)),
    (
        "anchored_vwap",
        {"period": 10, "anchor": "bars"},
        "anchored_vwap",
        polars(((H + L + C) / 3 * V).rolling_sum(10) / V.rolling_sum(10)),
    ),
    ("correl", {"period": 30}, "returns", polars(pl.rolling_corr(RETURN, X / X.shift(1) - 1, window_size=30))),
    ("linreg", {"period": 20}, "fit", windows(explained, BARS["close"], 20)),
    ("linreg", {"period": 20}, "year_pct", 25_200 * windows(slope, np.log(BARS["close"]), 20)),
    ("ichimoku", {}, "cloud_a", polars((MIDDLES[0] + MIDDLES[1]).shift(25) / 2)),
    ("ichimoku", {"displacement": 1}, "cloud_b", polars(MIDDLES[2])),
    ("bb", {}, "width", polars(4 * C.rolling_std(20, ddof=0) / C.rolling_mean(20))),
    ("bb", {}, "percent_b", polars(0.5 + (C - C.rolling_mean(20)) / (4 * C.rolling_std(20, ddof=0)))),
    ("donchian", {}, "width", polars(2 * (UPPER - LOWER) / (UPPER + LOWER))),
    ("donchian", {}, "position", polars((C - LOWER) / (UPPER - LOWER))),
    ("kc", {"mult": 1.5}, "width", 3 * TURN / BASIS),
    ("kc", {"mult": 1.5}, "position", 0.5 + (BARS["close"] - BASIS) / (3 * TURN)),
    ("bull_bear", {}, "power", BARS["high"] + BARS["low"] - 2 * mean("EMA", BARS["close"], 13)),
    ("adosc", {}, "adosc", mean("EMA", FLOW, 3) - mean("EMA", FLOW, 10)),
    ("inside_day", {"strict": 0}, "inside_day", polars((H.shift(1) >= H) & (L.shift(1) <= L))),
]


@pytest.mark.parametrize(("name", "given", "output", "expected"), REFERENCES, ids=lambda value: str(value)[:24])
def test_an_indicator_is_its_formula(name: str, given: dict[str, Any], output: str, expected: Column) -> None:
    """Written with other people's means, windows and regressions; missing values where theirs are."""
    found = indicators.series(name, **BARS, **given)[output]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * np.nanmax(np.abs(expected)))


def test_an_anchor_holds_until_a_new_extreme() -> None:
    """After the highest bar of its window the mean is over the bars since; the bar itself is its own mean."""
    high = np.array([5.0, 6.0, 9.0, 8.0, 7.0, 6.5, 10.0])
    volume = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    bars: Bars = {"open": high, "high": high, "low": high, "close": high, "volume": volume}
    found = indicators.series("anchored_vwap", **bars, period=3)["anchored_vwap"]
    expected = [np.nan, np.nan, 9.0, 59 / 7, 94 / 12, 133 / 18, 10.0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_cannot_be_told_is_missing() -> None:
    """Without volume, without a range, or beside an index that stands still, there is no ratio."""
    flat = np.full(80, 1_000.0)
    bars: Bars = {"open": flat, "high": flat, "low": flat, "close": flat, "volume": np.zeros(80), "index_close": flat}
    for name in ("beta", "correl", "choppiness", "eom", "cmf", "anchored_vwap"):
        assert np.isnan(indicators.series(name, **bars)[name]).all(), name
    for name in ("donchian", "kc"):
        found = indicators.series(name, **bars)
        assert np.isnan(found["position"]).all()
        assert (found["width"][20:] == 0).all()
    assert (indicators.series("cmo", **bars)["cmo"][14:] == 0).all()
    assert (indicators.series("cci", **bars)["cci"][19:] == 0).all()
