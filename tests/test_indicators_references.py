"""More indicators without golden columns against TA-Lib, polars and plain definitions; sessions against golden bars."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import talib
from test_indicators_one_liners import BARS, C, Column, V, X, mean, polars, windows

from ralph import indicators
from ralph.errors import BadParameter

GOLDEN = Path(os.environ.get("RALPH_SHARED_DIR", Path(__file__).parent.parent.parent / "shared")) / "golden"
GIVEN: dict[str, Any] = dict(BARS)
PRICES = (BARS["high"], BARS["low"], BARS["close"])
TYPICAL = (BARS["high"] + BARS["low"] + BARS["close"]) / 3


def unsigned(values: Column) -> Column:
    return np.asarray(np.abs(values))


PPO = talib.PPO(BARS["close"], fastperiod=12, slowperiod=26, matype=1)
TSI = talib.TSI(BARS["close"], firstperiod=25, secondperiod=13)
PLUS, MINUS = talib.VORTEX(*PRICES, timeperiod=14)
CENTER = (C * V).rolling_sum(20) / V.rolling_sum(20)
BAND = C.rolling_std(20, ddof=0)
QUARTERS = [C.shift(63 * n) / C.shift(63 * n + 63) - 1 for n in range(4)]
WAVE_CENTER = mean("EMA", TYPICAL, 10)
WAVE_SPREAD = mean("EMA", unsigned(TYPICAL - WAVE_CENTER), 10)
WAVE = mean("EMA", (TYPICAL - WAVE_CENTER) / (0.015 * WAVE_SPREAD), 21)
RISES, FALLS = (C.shift(1) < C).cast(pl.Float64), (C.shift(1) > C).cast(pl.Float64)


def streak() -> Column:
    """Counted bar by bar."""
    found, count = [np.nan], 0
    for bar in range(1, BARS["close"].size):
        side = int(np.sign(BARS["close"][bar] - BARS["close"][bar - 1]))
        count = count + side if count * side > 0 else side
        found.append(count)
    return np.array(found, dtype=np.float64)


def busiest(period: int, bins: int) -> Column:
    """Middle of the fullest of equal bins; each bar's volume by how much of its range lies in a bin."""
    found = np.full(BARS["close"].size, np.nan)
    for bar in range(period - 1, found.size):
        window = slice(bar - period + 1, bar + 1)
        low, high, volume = BARS["low"][window], BARS["high"][window], BARS["volume"][window]
        edges = np.linspace(low.min(), high.max(), bins + 1)
        overlap = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
        fullest = np.argmax((volume[:, None] * np.clip(overlap, 0, None) / (high - low)[:, None]).sum(axis=0))
        found[bar] = (edges[fullest] + edges[fullest + 1]) / 2
    return found


REFERENCES: list[tuple[str, dict[str, Any], str, Column]] = [
    ("ppo", {}, "ppo", PPO),
    ("ppo", {}, "signal", mean("EMA", PPO, 9)),
    ("ppo", {}, "hist", PPO - mean("EMA", PPO, 9)),
    ("volume_oscillator", {}, "volume_oscillator", talib.PVO(BARS["volume"], fastperiod=5, slowperiod=10, matype=1)),
    ("percent_rank", {}, "percent_rank", talib.PERCENTRANK(BARS["close"], timeperiod=100)),
    ("tsi", {}, "tsi", TSI),
    ("tsi", {}, "signal", mean("EMA", TSI, 13)),
    ("vortex", {}, "plus", PLUS),
    ("vortex", {}, "minus", MINUS),
    ("zlema", {}, "zlema", talib.ZLEMA(BARS["close"], timeperiod=20)),
    ("streak", {}, "streak", streak()),
    ("relative_strength", {}, "line", polars(C / X)),
    ("relative_strength", {"period": 5}, "change", polars(100 * ((C / X) / (C / X).shift(5) - 1))),
    ("relative_strength", {"high_period": 9}, "new_high", polars((C / X).rolling_max(9).shift(1) < C / X)),
    ("up_down_volume", {}, "up_down_volume", polars((RISES * V).rolling_sum(50) / (FALLS * V).rolling_sum(50))),
    ("zscore", {}, "zscore", polars((C - C.rolling_mean(20)) / BAND)),
    ("volume_zscore", {}, "volume_zscore", polars((V - V.rolling_mean(20)) / V.rolling_std(20, ddof=0))),
    ("vwma_bands", {}, "middle", polars(CENTER)),
    ("vwma_bands", {}, "upper", polars(CENTER + 2 * BAND)),
    ("vwma_bands", {"mult": 0.5}, "lower", polars(CENTER - 0.5 * BAND)),
    ("wavetrend", {}, "wt1", WAVE),
    ("wavetrend", {}, "wt2", windows(lambda window: float(window.mean()), WAVE, 4)),
    ("volume_profile", {"period": 20, "bins": 12}, "poc", busiest(20, 12)),
    ("rvol", {}, "incl_today", polars(V / V.rolling_mean(20))),
    ("vwap", {}, "vwap", (TYPICAL * BARS["volume"]).cumsum() / BARS["volume"].cumsum()),
    (
        "rs_raw",
        {"quarters": 1},
        "rs_raw",
        polars(0.2 * (QUARTERS[0] + pl.sum_horizontal(QUARTERS, ignore_nulls=False))),
    ),
    ("supertrend", {}, "trend", -indicators.series("supertrend", **GIVEN)["direction"]),
    ("natr", {"period": 5}, "natr", 100 * indicators.series("atr", **GIVEN, period=5)["atr"] / BARS["close"]),
    ("true_range", {}, "true_range", talib.TRANGE(*PRICES)),
]


@pytest.mark.parametrize(("name", "given", "output", "expected"), REFERENCES, ids=lambda value: str(value)[:24])
def test_an_indicator_is_its_formula(name: str, given: dict[str, Any], output: str, expected: Column) -> None:
    """Written with other people's means and windows; missing values where theirs are."""
    found = indicators.series(name, **GIVEN, **given)[output]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * np.nanmax(np.abs(expected)))


def test_a_stop_stands_on_the_other_side_of_the_price() -> None:
    """Below it in an advance, above it in a decline, for both indicators that reverse."""
    stops = indicators.series("sar", **GIVEN)
    side = np.where(stops["direction"] > 0, BARS["low"] - stops["sar"], stops["sar"] - BARS["high"])
    assert (side[1:] >= -1e-9 * BARS["close"][1:]).all()
    trend = indicators.series("supertrend", **GIVEN)
    assert (np.sign(BARS["close"] - trend["line"])[9:] == trend["trend"][9:]).all()
    assert set(trend["trend"][9:]) == {1.0, -1.0}


def test_a_pocket_pivot_needs_a_down_day() -> None:
    """In an advance without one there is nothing to exceed; after one, its volume is the measure."""
    close = np.arange(100.0, 130.0)
    volume = np.full(30, 10.0)
    bars: dict[str, Any] = {"open": close, "high": close, "low": close, "close": close, "volume": volume}
    assert indicators.series("pocket_pivot", **bars)["pocket_pivot"][11:].sum() == 0
    close[20], volume[20], volume[25], volume[26] = 100.0, 50.0, 50.0, 51.0
    found = indicators.series("pocket_pivot", **bars)["pocket_pivot"]
    assert np.flatnonzero(found == 1.0).tolist() == [26]


def test_what_cannot_be_told_is_missing() -> None:
    """Without movement or volume there is no ratio, no deviation and no busiest price; what is centred is 0."""
    flat, zeros = np.full(300, 1_000.0), np.zeros(300)
    bars: dict[str, Any] = {
        "open": flat,
        "high": flat,
        "low": flat,
        "close": flat,
        "volume": zeros,
        "index_close": flat,
    }
    for name in ("vwma", "vwap", "rvol", "up_down_volume", "vortex", "zscore", "volume_zscore", "volume_oscillator"):
        for values in indicators.series(name, **bars).values():
            assert np.isnan(values).all(), name
    assert np.isnan(indicators.series("volume_profile", **bars)["poc"]).all()
    for name in ("tsi", "wavetrend", "streak", "ppo", "trix"):
        for values in indicators.series(name, **bars).values():
            assert not np.nan_to_num(values).any(), name
            assert not np.isnan(values[-1]), name


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="no shared golden vectors (RALPH_SHARED_DIR)")
def test_the_price_of_a_session_begins_anew_each_day() -> None:
    """As in the golden bars; a day's first bar deviates by exactly 0, where squares of prices leave rounding."""
    golden = pl.read_parquet(GOLDEN / "intraday_5m.parquet")
    bars: dict[str, Any] = {
        name: golden[name].cast(pl.Float64).to_numpy() for name in ("open", "high", "low", "close", "volume")
    }
    session = golden["session"].cast(pl.Float64).to_numpy()
    found = indicators.series("session_vwap", **bars, session=session, mult=1.5)
    vwap, deviation = golden["lib_vwap_session"].to_numpy(), golden["def_vwap_sd"].to_numpy()
    np.testing.assert_allclose(found["vwap"], vwap, rtol=1e-9)
    unit = bars["high"].max()
    np.testing.assert_allclose(found["deviation"], deviation, rtol=1e-8, atol=1e-6 * unit)
    one_price = golden.select(pl.int_range(pl.len()).over("session") == 0).to_series().to_numpy()
    assert (found["deviation"][one_price] == 0).all()
    np.testing.assert_allclose(found["deviation"][~one_price], deviation[~one_price], rtol=1e-8, atol=1e-9 * unit)
    np.testing.assert_allclose(found["upper"] - found["lower"], 3 * found["deviation"], atol=1e-9 * unit)


def test_a_session_has_no_price_before_its_first_trade() -> None:
    """Nothing of the day before is carried over; a halted bar is no first bar."""
    price = np.array([10.0, 11.0, 12.0, 20.0, 21.0, 22.0])
    volume = np.array([1.0, 1.0, 1.0, 0.0, 2.0, 2.0])
    bars: dict[str, Any] = {"open": price, "high": price, "low": price, "close": price, "volume": volume}
    session = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    found = indicators.series("session_vwap", **bars, session=session)
    np.testing.assert_allclose(found["vwap"], [10.0, 10.5, 11.0, np.nan, 21.0, 21.5])
    np.testing.assert_allclose(found["deviation"], [0.0, 0.5, (2 / 3) ** 0.5, np.nan, 0.0, 0.5])


@pytest.mark.parametrize(("name", "field"), [("session_vwap", "session"), ("relative_strength", "index_close")])
def test_what_is_not_in_the_bars_is_asked_for(name: str, field: str) -> None:
    """By name."""
    bars: dict[str, Any] = {field: BARS[field] for field in ("open", "high", "low", "close", "volume")}
    with pytest.raises(BadParameter, match=f"{name} needs {field}") as refused:
        indicators.series(name, **bars)
    assert refused.value.field == field
