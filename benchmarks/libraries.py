"""Other libraries that compute the set of 24 outputs: arrays of one Symbol, a frame of all, and bar by bar.

tulipy and kand are compiled for few Pythons, so that they are measured where `uv sync --group peers` has put them.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from talipp.indicators import (
    ADX,
    ATR,
    BB,
    CCI,
    EMA,
    MACD,
    OBV,
    ROC,
    RSI,
    SMA,
    DonchianChannels,
    StdDev,
    Stoch,
)
from talipp.ohlcv import OHLCV

FloatArray = NDArray[np.float64]
OneSymbol = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], Iterator[object]]


def installed() -> dict[str, OneSymbol]:
    """The compiled libraries that are here, each as a function of high, low, close and volume of one Symbol."""
    known: dict[str, OneSymbol] = {"tulipy": _tulipy, "kand": _kand}
    return {name: work for name, work in known.items() if importlib.util.find_spec(name) is not None}


def _tulipy(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> Iterator[object]:
    ti: Any = importlib.import_module("tulipy")
    for period in (20, 50, 150, 200):
        yield ti.sma(close, period)
    yield ti.ema(close, 12)
    yield ti.ema(close, 26)
    yield ti.rsi(close, 14)
    yield ti.macd(close, 12, 26, 9)
    yield ti.bbands(close, 20, 2.0)
    yield ti.atr(high, low, close, 14)
    yield ti.adx(high, low, close, 14)
    yield ti.stoch(high, low, close, 14, 3, 3)
    yield ti.cci(high, low, close, 20)
    yield ti.mfi(high, low, close, volume, 14)
    yield ti.obv(close, volume)
    yield ti.roc(close, 10)
    yield ti.max(high, 252)
    yield ti.min(low, 252)
    yield ti.stddev(close, 20)


def _kand(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> Iterator[object]:
    kand: Any = importlib.import_module("kand")
    for period in (20, 50, 150, 200):
        yield kand.sma(close, period)
    yield kand.ema(close, 12)
    yield kand.ema(close, 26)
    yield kand.rsi(close, 14)
    yield kand.macd(close, 12, 26, 9)
    yield kand.bbands(close, 20, 2.0, 2.0)
    yield kand.atr(high, low, close, 14)
    yield kand.adx(high, low, close, 14)
    yield kand.stoch(high, low, close, 14, 3, 3)
    yield kand.cci(high, low, close, 20)
    yield kand.mfi(high, low, close, volume, 14)
    yield kand.obv(close, volume)
    yield kand.roc(close, 10)
    yield kand.max(high, 252)
    yield kand.min(low, 252)
    yield kand.stddev(close, 20)


def long_frame(fields: dict[str, FloatArray]) -> pl.DataFrame:
    """Fields [bars, symbols] as one row a bar, each Symbol's bars in order."""
    bars, symbols = fields["close"].shape
    columns = {name: np.ascontiguousarray(values.T).ravel() for name, values in fields.items()}
    return pl.DataFrame({"symbol": np.repeat(np.arange(symbols, dtype=np.int32), bars), **columns})


def polars_native(frame: pl.DataFrame) -> pl.DataFrame:
    """The outputs as expressions by Symbol; without CCI, whose mean deviation polars has no expression for."""
    high, low, close, volume = (pl.col(name) for name in ("high", "low", "close", "volume"))
    change, before = close.diff(), close.shift(1)
    true_range = pl.max_horizontal(high - low, (high - before).abs(), (low - before).abs())
    up, down = high.diff(), -low.diff()
    plus, minus = pl.when((up > down) & (up > 0)).then(up).otherwise(0), pl.when((down > up) & (down > 0)).then(down)
    spread = _wilder(true_range)
    plus_di, minus_di = _wilder(plus) / spread, _wilder(minus.otherwise(0)) / spread
    typical = (high + low + close) / 3
    flow = typical * volume
    risen, fallen = (
        pl.when(typical.diff() > 0).then(flow).otherwise(0),
        pl.when(typical.diff() < 0).then(flow).otherwise(0),
    )
    lowest, highest = low.rolling_min(14), high.rolling_max(14)
    slow_k = (100 * (close - lowest) / (highest - lowest)).rolling_mean(3)
    macd = close.ewm_mean(span=12, adjust=False) - close.ewm_mean(span=26, adjust=False)
    signal = macd.ewm_mean(span=9, adjust=False)
    mean, deviation = close.rolling_mean(20), close.rolling_std(20, ddof=0)
    outputs = {
        **{f"sma{period}": close.rolling_mean(period) for period in (20, 50, 150, 200)},
        "ema12": close.ewm_mean(span=12, adjust=False),
        "ema26": close.ewm_mean(span=26, adjust=False),
        "rsi": _wilder(change.clip(0, None)) / _wilder(change.abs()),
        "macd": macd,
        "signal": signal,
        "hist": macd - signal,
        "upper": mean + 2 * deviation,
        "middle": mean,
        "lower": mean - 2 * deviation,
        "atr": spread,
        "adx": _wilder((plus_di - minus_di).abs() / (plus_di + minus_di)),
        "k": slow_k,
        "d": slow_k.rolling_mean(3),
        "mfi": risen.rolling_sum(14) / (risen.rolling_sum(14) + fallen.rolling_sum(14)),
        "obv": (change.sign() * volume).cum_sum(),
        "roc": close / close.shift(10) - 1,
        "highest": high.rolling_max(252),
        "lowest": low.rolling_min(252),
        "stdev": deviation,
    }
    return frame.select(**{name: made.over("symbol") for name, made in outputs.items()})


def _wilder(values: pl.Expr) -> pl.Expr:
    return values.ewm_mean(alpha=1 / 14, adjust=False)


class Incremental:
    """The outputs of one Symbol by talipp, bar by bar; without MFI, which it does not have."""

    def __init__(self) -> None:
        closes = [*(SMA(period) for period in (20, 50, 150, 200)), EMA(12), EMA(26), RSI(14), MACD(12, 26, 9)]
        self._of_closes = [*closes, BB(20, 2.0), ROC(10), StdDev(20)]
        self._of_bars = [ATR(14), ADX(14, 14), Stoch(14, 3), CCI(20), OBV(), DonchianChannels(252)]

    def commit(self, bar: OHLCV) -> None:
        """A bar has closed."""
        for one in self._of_closes:
            one.add(bar.close)
        for one in self._of_bars:
            one.add(bar)

    def tick(self, bar: OHLCV) -> None:
        """The newest bar now looks like this."""
        for one in self._of_closes:
            one.update(bar.close)
        for one in self._of_bars:
            one.update(bar)


def incremental(fields: dict[str, FloatArray], symbols: int) -> list[tuple[Incremental, OHLCV]]:
    """So many Symbols that have seen all their bars, each with its newest one."""
    made = []
    for symbol in range(symbols):
        one = Incremental()
        rows = zip(*(fields[name][:, symbol].tolist() for name in ("high", "low", "close", "volume")), strict=True)
        for high, low, close, volume in rows:
            bar = OHLCV(close, high, low, close, volume)
            one.commit(bar)
        made.append((one, bar))
    return made
