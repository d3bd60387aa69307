"""Technical Ratings by the rules of 2024 once more, written from the published table with TA-Lib and plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import talib
from numpy.typing import NDArray

Series = NDArray[np.float64]
TIE = 1e-9
"""Nearer than this to each other, on the scale of the close or of 100, two values are equal."""
AVERAGE_BARS = (10, 20, 30, 50, 100, 200)


class Bars(NamedTuple):
    high: Series
    low: Series
    close: Series
    volume: Series


def back(x: Series, bars: int = 1) -> Series:
    return np.concatenate([np.full(min(bars, x.size), np.nan), x[: max(0, x.size - bars)]])


def more(left: Series | float, right: Series | float, scale: Series | float) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        found: NDArray[np.bool_] = np.subtract(left, right) > TIE * scale
    return found


def voted(buy: list[NDArray[np.bool_]], sell: list[NDArray[np.bool_]], gate: Series) -> Series:
    score = np.logical_and.reduce(buy).astype(float) - np.logical_and.reduce(sell)
    return np.where(np.isnan(gate), np.nan, score)


def place_in_range(x: Series, low: Series, high: Series, flat: float) -> Series:
    with np.errstate(all="ignore"):
        found: Series = np.where(high - low <= TIE * np.abs(high), flat, 100 * (x - low) / (high - low))
    return found


def mean_of(x: Series, bars: int) -> Series:
    """A plain moving mean that heals after a missing value."""
    out = np.full(x.size, np.nan)
    if x.size >= bars:
        out[bars - 1 :] = np.lib.stride_tricks.sliding_window_view(x, bars).mean(axis=1)
    return out


def extreme(x: Series, bars: int, of: Callable[..., Series]) -> Series:
    out = np.full(x.size, np.nan)
    if x.size >= bars:
        out[bars - 1 :] = of(np.lib.stride_tricks.sliding_window_view(x, bars), axis=1)
    return out


def middle(bars: Bars, length: int) -> Series:
    found: Series = (talib.MAX(bars.high, length) + talib.MIN(bars.low, length)) / 2
    return found


def averages(bars: Bars) -> list[Series]:
    close = bars.close
    lines = [make(close, length) for make in (talib.SMA, talib.EMA) for length in AVERAGE_BARS]
    lines.append(talib.WMA(2 * talib.WMA(close, 4) - talib.WMA(close, 9), 3))
    with np.errstate(all="ignore"):
        lines.append(mean_of(close * bars.volume, 20) / mean_of(bars.volume, 20))
    votes = [voted([more(close, line, close)], [more(line, close, close)], line) for line in lines]
    fast, base, slow = (middle(bars, length) for length in (9, 26, 52))
    span_a, span_b = back((fast + base) / 2, 26), back(slow, 26)
    rising = [more(span_a, span_b, close), more(base, span_a, close), more(fast, base, close), more(close, fast, close)]
    falling = [
        more(span_b, span_a, close),
        more(span_a, base, close),
        more(base, fast, close),
        more(fast, close, close),
    ]
    return [*votes, voted(rising, falling, slow)]


def turning(x: Series, low: float, high: float) -> Series:
    before = back(x)
    buy = [more(low, x, 100.0), more(x, before, 100.0)]
    return voted(buy, [more(x, high, 100.0), more(before, x, 100.0)], before)


def at_an_end(k: Series, d: Series) -> tuple[list[NDArray[np.bool_]], list[NDArray[np.bool_]]]:
    buy = [more(20.0, k, 100.0), more(20.0, d, 100.0), more(k, d, 100.0)]
    return buy, [more(k, 80.0, 100.0), more(d, 80.0, 100.0), more(d, k, 100.0)]


def strength(close: Series) -> Series:
    """RSI 14; without any movement 100."""
    still = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(close)))]) == 0
    found = talib.RSI(close, 14)
    return np.where(still & ~np.isnan(found), 100.0, found)


def awesome(bars: Bars) -> Series:
    mid = (bars.high + bars.low) / 2
    value = talib.SMA(mid, 5) - talib.SMA(mid, 34)

    def side(x: Series) -> NDArray[np.bool_]:
        up, was_up = more(x, 0.0, bars.close), more(back(x), 0.0, bars.close)
        crossed = up & ~was_up & ~np.isnan(back(x))
        dipped = more(x, back(x), bars.close) & more(back(x, 2), back(x), bars.close)
        found: NDArray[np.bool_] = crossed | (up & was_up & dipped)
        return found

    return np.where(np.isnan(back(value)), np.nan, side(value).astype(float) - side(-value))


def ultimate(bars: Bars) -> Series:
    before = back(bars.close)
    floor, ceiling = np.fmin(bars.low, before), np.fmax(bars.high, before)
    floor[0] = ceiling[0] = np.nan
    with np.errstate(all="ignore"):
        shares = [mean_of(bars.close - floor, n) / mean_of(ceiling - floor, n) for n in (7, 14, 28)]
    return (4 * shares[0] + 2 * shares[1] + shares[2]) * 100 / 7


def oscillators(bars: Bars, directional: dict[str, Series]) -> list[Series]:
    high, low, close, _ = bars
    trend = talib.EMA(close, 50)
    rsi = strength(close)
    k = mean_of(place_in_range(close, talib.MIN(low, 14), talib.MAX(high, 14), np.nan), 3)
    d = mean_of(k, 3)
    middle_of_20 = talib.SMA(close, 20)
    windows = np.lib.stride_tricks.sliding_window_view(close, 20) if close.size >= 20 else np.empty((0, 20))
    spread = np.full(close.size, np.nan)
    spread[19:] = np.abs(windows - windows.mean(axis=1, keepdims=True)).mean(axis=1)
    with np.errstate(all="ignore"):
        flat = spread <= 1e-10 * np.abs(middle_of_20)
        cci = np.where(flat, 0.0, (close - middle_of_20) / (0.015 * spread))
    adx, plus, minus = (directional[name] for name in ("adx", "plus_di", "minus_di"))
    strong = [more(adx, 20.0, 100.0), more(adx, back(adx), 100.0)]
    momentum = close - back(close, 10)
    line = talib.EMA(close, 12) - talib.EMA(close, 26)
    signal = np.full(close.size, np.nan)
    signal[25:] = talib.EMA(line[25:], 9) if close.size > 25 else []
    of_rsi = place_in_range(rsi, extreme(rsi, 14, np.min), extreme(rsi, 14, np.max), np.nan)
    fast_k = mean_of(of_rsi, 3)
    buy, sell = at_an_end(fast_k, mean_of(fast_k, 3))
    williams = place_in_range(close, talib.MIN(low, 14), talib.MAX(high, 14), 100.0) - 100
    center = talib.EMA(close, 13)
    bull, bear = high - center, low - center
    final = ultimate(bars)
    return [
        turning(rsi, 30.0, 70.0),
        voted(*at_an_end(k, d), back(d)),
        turning(cci, -100.0, 100.0),
        voted([*strong, more(plus, minus, 100.0)], [*strong, more(minus, plus, 100.0)], adx),
        awesome(bars),
        voted([more(momentum, back(momentum), close)], [more(back(momentum), momentum, close)], back(momentum)),
        voted([more(line, signal, close)], [more(signal, line, close)], signal),
        voted([more(trend, close, close), *buy], [more(close, trend, close), *sell], trend),
        turning(williams, -80.0, -20.0),
        voted(
            [more(close, trend, close), more(0.0, bear, close), more(bear, back(bear), close)],
            [more(trend, close, close), more(bull, 0.0, close), more(back(bull), bull, close)],
            trend,
        ),
        voted([more(final, 70.0, 100.0)], [more(30.0, final, 100.0)], final),
    ]


def mean_vote(votes: list[Series]) -> Series:
    stacked = np.stack(votes)
    count = (~np.isnan(stacked)).sum(axis=0)
    with np.errstate(all="ignore"):
        found: Series = np.where(count > 0, np.nansum(stacked, axis=0) / count, np.nan)
    return found


def rating(bars: Bars, directional: dict[str, Series]) -> Series:
    """The mean of the two groups' means; the averages stand for both until there are oscillators."""
    ours = averages(bars)
    group = np.where(np.isnan(ours[0]), np.nan, mean_vote(ours))
    others = oscillators(bars, directional)
    swings = np.where(np.isnan(others[5]), group, mean_vote(others))
    found: Series = (group + swings) / 2
    return found
