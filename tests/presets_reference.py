"""What each preset means, once more and independently: polars and TA-Lib over one table of traded bars."""

from __future__ import annotations

import numpy as np
import polars as pl
import talib
from ratings_reference import Bars, rating

TIE_RATIO = 1e-10
"""Where two sides are this close, the order of additions decides, and either answer is right."""

Pair = tuple[pl.Expr, pl.Expr]
c = pl.col
O, H, L, C, V = (pl.col(name) for name in ("open", "high", "low", "close", "volume"))  # noqa: E741


def prev(x: pl.Expr, bars: int = 1) -> pl.Expr:
    return x.shift(bars).over("symbol")


def over(left: pl.Expr, right: pl.Expr | float) -> Pair:
    """left > right for certain, and perhaps."""
    other = right if isinstance(right, pl.Expr) else pl.lit(right)
    room = TIE_RATIO * pl.max_horizontal(left.abs(), other.abs())
    return left > other + room, left > other - room


def under(left: pl.Expr, right: pl.Expr | float) -> Pair:
    other = right if isinstance(right, pl.Expr) else pl.lit(right)
    return over(other, left)


def every(*parts: Pair) -> Pair:
    return pl.all_horizontal([sure for sure, _ in parts]), pl.all_horizontal([perhaps for _, perhaps in parts])


def exactly(condition: pl.Expr) -> Pair:
    return condition, condition


def crossed_up(left: pl.Expr, right: pl.Expr | float) -> Pair:
    """Above now, and at or below on the bar before."""
    other = right if isinstance(right, pl.Expr) else pl.lit(right)
    was = prev(other) if isinstance(right, pl.Expr) else other
    now, before = over(left, other), over(prev(left), was)
    return now[0] & ~before[1], now[1] & ~before[0]


def _seeded(x: np.ndarray, period: int, alpha: float) -> np.ndarray:
    """The plain mean of the first `period` values, then each value with weight alpha: polars' recursion."""
    present = np.flatnonzero(~np.isnan(x))
    if present.size < period:
        return np.full(x.size, np.nan)
    start = present[0]
    fed = x.copy()
    fed[start : start + period - 1] = np.nan
    fed[start + period - 1] = x[start : start + period].mean()
    smoothed = pl.Series(fed).fill_nan(None).ewm_mean(alpha=alpha, adjust=False, ignore_nulls=True)
    return smoothed.fill_null(np.nan).to_numpy()


def _ema(x: np.ndarray, period: int) -> np.ndarray:
    return _seeded(x, period, 2 / (period + 1))


def _wilder(x: np.ndarray, period: int) -> np.ndarray:
    return _seeded(x, period, 1 / period)


def _directional(h: np.ndarray, low: np.ndarray, true_range: np.ndarray) -> dict[str, np.ndarray]:
    up, down = np.diff(h, prepend=np.nan), -np.diff(low, prepend=np.nan)
    nothing = np.where(np.isnan(up), np.nan, 0.0)
    moved = (np.where((up > down) & (up > 0), up, nothing), np.where((down > up) & (down > 0), down, nothing))
    later = true_range.copy()
    later[0] = np.nan
    with np.errstate(all="ignore"):
        plus, minus = (100 * _wilder(move, 14) / _wilder(later, 14) for move in moved)
        total = plus + minus
        spread = 100 * np.abs(plus - minus) / np.where(total == 0, 1, total)
    return {"plus_di": plus, "minus_di": minus, "adx": _wilder(spread, 14)}


STRENGTH = ((0.4, 63), (0.2, 126), (0.2, 189), (0.2, 252))


def _back(x: np.ndarray, bars: int) -> np.ndarray:
    return np.concatenate([np.full(min(bars, x.size), np.nan), x[: max(0, x.size - bars)]])


def _of_weeks(monday: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    """RSI 14 and the mean of 30 over weekly closes, the running week's being the day's own."""
    starts = np.flatnonzero(np.concatenate([[True], monday[1:] != monday[:-1]]))
    week = np.cumsum(np.isin(np.arange(x.size), starts)) - 1
    closes = x[np.append(starts[1:], x.size) - 1]
    before = np.where(week > 0, closes[week - 1], np.nan)
    means = []
    for sign in (1, -1):
        moves = np.clip(sign * np.diff(closes, prepend=np.nan), 0, None)
        now = np.clip(sign * (x - before), 0, None)
        known = _wilder(moves, 14)
        seed = np.concatenate([[0.0], np.nancumsum(moves)])
        first = (seed[week] + now) / 14
        running = (13 * known[week - 1] + now) / 14
        means.append(np.where(week > 14, running, np.where(week == 14, first, np.nan)))
    up, down = means
    with np.errstate(all="ignore"):
        rsi = np.where(down == 0, 100.0, 100 - 100 / (1 + up / down))
    total = np.concatenate([[0.0], np.cumsum(closes)])
    mean = np.where(week >= 29, (total[week] - total[np.maximum(week - 29, 0)] + x) / 30, np.nan)
    return {"week_rsi": np.where(np.isnan(up), np.nan, rsi), "week_sma30": mean}


def _places(x: np.ndarray, bars: int) -> dict[str, np.ndarray]:
    """The lowest and the highest place 0-100 that a value may have among those before it, ties counted half."""
    least, most = np.full(x.size, np.nan), np.full(x.size, np.nan)
    if x.size >= bars:
        windows = np.lib.stride_tricks.sliding_window_view(x, bars)
        older, now = windows[:, :-1], windows[:, -1:]
        room = TIE_RATIO * np.abs(now)
        whole = ~np.isnan(windows).any(axis=1)
        below, up_to = (older < now - room).mean(axis=1), (older <= now + room).mean(axis=1)
        least[bars - 1 :] = np.where(whole, 100 * below, np.nan)
        most[bars - 1 :] = np.where(whole, 100 * (below + up_to) / 2, np.nan)
    return {"place_least": least, "place_most": most}


def _supertrend(h: np.ndarray, low: np.ndarray, x: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """1 up, -1 down, as Pine's script walks: it begins down."""
    trend = np.full(x.size, np.nan)
    upper = lower = 0.0
    up = False
    for bar in np.flatnonzero(~np.isnan(distance)):
        middle = (h[bar] + low[bar]) / 2
        above, below = middle + distance[bar], middle - distance[bar]
        if below <= lower and x[bar - 1] >= lower:
            below = lower
        if above >= upper and x[bar - 1] <= upper:
            above = upper
        first = bar == 0 or np.isnan(distance[bar - 1])
        up = not first and (x[bar] >= below if up else x[bar] > above)
        upper, lower = above, below
        trend[bar] = 1.0 if up else -1.0
    return trend


def _lines(h: np.ndarray, low: np.ndarray, x: np.ndarray, true_range: np.ndarray) -> dict[str, np.ndarray]:
    """Keltner's upper line, the cloud and its two lines, and the trend of Supertrend."""
    later = true_range.copy()
    later[0] = np.nan
    middles = {n: (talib.MAX(h, n) + talib.MIN(low, n)) / 2 for n in (9, 26, 52)}
    return {
        "keltner": _ema(x, 20) + 2 * _ema(later, 20),
        "conversion": middles[9],
        "base": middles[26],
        "cloud": np.maximum(_back((middles[9] + middles[26]) / 2, 25), _back(middles[52], 25)),
        "supertrend": _supertrend(h, low, x, 3 * _wilder(true_range, 10)),
    }


def series_of(part: pl.DataFrame) -> dict[str, np.ndarray]:
    """The series of one Symbol that the presets name."""
    h, low, x, v = (part[name].to_numpy() for name in ("high", "low", "close", "volume"))
    before = np.concatenate([[np.nan], x[:-1]])
    true_range = np.fmax(h - low, np.fmax(np.abs(h - before), np.abs(low - before)))
    macd = _ema(x, 12) - _ema(x, 26)
    upper, middle, lower = talib.BBANDS(x, 20, 2, 2)
    with np.errstate(all="ignore"):
        width = (upper - lower) / middle
        lows, highs = pl.Series(low).rolling_min(14).to_numpy(), pl.Series(h).rolling_max(14).to_numpy()
        raw = np.where(highs > lows, 100 * (x - lows) / (highs - lows), np.nan)
    k = pl.Series(raw).fill_nan(None).rolling_mean(3)
    d = k.rolling_mean(3)
    obv = talib.OBV(x, v)
    true_share = _wilder(true_range, 14) / x
    directional = _directional(h, low, true_range)
    return {
        **_lines(h, low, x, true_range),
        "rating": rating(Bars(h, low, x, v), directional),
        "sma150": talib.SMA(x, 150),
        **_of_weeks(part["date"].dt.truncate("1w").to_numpy(), x),
        **_places(true_share, 252),
        "strength": sum(weight * (x / _back(x, bars) - 1) for weight, bars in STRENGTH),
        "change60": x / _back(x, 60) - 1,
        "mfi14": talib.MFI(h, low, x, v, 14),
        **{f"sma{n}": talib.SMA(x, n) for n in (5, 20, 50, 60, 120, 200)},
        "volume20": talib.SMA(v, 20),
        "volume50": talib.SMA(v, 50),
        "rsi14": talib.RSI(x, 14),
        "high20": talib.MAX(h, 20),
        "high40": talib.MAX(h, 40),
        "high252": talib.MAX(h, 252),
        "low40": talib.MIN(low, 40),
        "low252": talib.MIN(low, 252),
        "close60": talib.MAX(x, 60),
        "upper": upper,
        "lower": lower,
        "width": width,
        "width125": pl.Series(width).fill_nan(None).rolling_min(125).fill_null(np.nan).to_numpy(),
        "macd": macd,
        "signal": _ema(macd, 9),
        "atr14": _wilder(true_range, 14),
        **directional,
        "k": k.fill_null(np.nan).to_numpy(),
        "d": d.fill_null(np.nan).to_numpy(),
        "obv": obv,
        "obv60": talib.MAX(obv, 60),
        "range": h - low,
        "range6": pl.Series(h - low).rolling_min(6).fill_null(np.nan).to_numpy(),
        "falling_volume": pl.Series(np.where(x < before, v, 0.0)).rolling_max(10).fill_null(np.nan).to_numpy(),
        "falls": pl.Series(np.where(x < before, 1.0, 0.0)).rolling_sum(5).fill_null(np.nan).to_numpy(),
    }


IS_COMMON = ~c("symbol").str.slice(5).is_in(list("579KLM"))
RATED = pl.when(IS_COMMON).then(c("strength"))
RATING = (1 + 98 * (RATED.rank().over("date") - 1) / (RATED.count().over("date") - 1) + 0.5).floor()
SECTOR = c("symbol").str.slice(2, 2)
"""Invented: two figures of the code."""

SHARES = 1e7
"""Of every Symbol, invented."""


def clearly(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    """Above by more than the Trend Template's own tolerance, a billionth of the close."""
    return left - right > 1e-9 * C


TEMPLATE = pl.all_horizontal(
    clearly(C, c("sma150")),
    clearly(C, c("sma200")),
    clearly(c("sma150"), c("sma200")),
    clearly(c("sma200"), prev(c("sma200"), 22)),
    clearly(c("sma50"), c("sma150")),
    clearly(c("sma50"), c("sma200")),
    clearly(C, c("sma50")),
    ~clearly(1.3 * c("low252"), C),
    ~clearly(0.75 * c("high252"), C),
)

REFERENCES: dict[str, Pair] = {
    "oversold-bounce": every(crossed_up(c("rsi14"), 30.0), over(C, c("sma200"))),
    "oversold-dip": every(under(c("rsi14"), 35.0), over(C, c("sma120"))),
    "golden-cross": crossed_up(c("sma50"), c("sma200")),
    "death-cross": crossed_up(-c("sma50"), -c("sma200")),
    "short-golden-cross": every(crossed_up(c("sma5"), c("sma20")), over(V, c("volume20"))),
    "aligned-averages": every(
        over(C, c("sma5")),
        over(c("sma5"), c("sma20")),
        over(c("sma20"), c("sma60")),
        over(c("sma60"), c("sma120")),
    ),
    "high-52w-breakout": every(exactly(prev(c("high252")) < C), over(V, 1.5 * c("volume50"))),
    "near-52w-high": every((~under(C, 0.95 * c("high252"))[1], ~under(C, 0.95 * c("high252"))[0]), over(C, c("sma50"))),
    "donchian-breakout": exactly((prev(c("high20")) < C) & (prev(C) <= prev(c("high20"), 2))),
    "bollinger-squeeze": under(c("width"), prev(c("width125"))),
    "bollinger-breakout": every(crossed_up(C, c("upper")), over(V, 1.5 * c("volume20"))),
    "bollinger-rebound": crossed_up(C, c("lower")),
    "volume-dry-up": every(under(V, 0.5 * c("volume50")), under((C / prev(C) - 1).abs(), 0.02), over(C, c("sma50"))),
    "volume-surge": every(over(V, 3 * prev(c("volume20"))), over(C, 1.05 * prev(C)), over(C * V, 1e10)),
    "gap-up": every((~under(O, 1.03 * prev(H))[1], ~under(O, 1.03 * prev(H))[0]), exactly(C >= O)),
    "gap-down-reversal": every((~over(O, 0.97 * prev(L))[1], ~over(O, 0.97 * prev(L))[0]), exactly(C > O)),
    "pullback-20": every(
        over(c("sma20"), c("sma60")),
        over(C, c("sma60")),
        (~over(L, c("sma20"))[1], ~over(L, c("sma20"))[0]),
        over(C, c("sma20")),
    ),
    "macd-turn": every(crossed_up(c("macd"), c("signal")), under(c("macd"), 0.0)),
    "macd-zero": crossed_up(c("macd"), 0.0),
    "adx-trend": every(over(c("adx"), 25.0), over(c("adx"), prev(c("adx"), 5)), over(c("plus_di"), c("minus_di"))),
    "stochastic-turn": every(crossed_up(c("k"), c("d")), under(c("d"), 30.0)),
    "low-volatility": every(under(c("atr14") / C, 0.02), over(C, c("sma200"))),
    "obv-new-high": every(exactly(c("obv") >= c("obv60")), exactly(c("close60") > C)),
    "three-rises": exactly(
        (C > O) & (prev(C) > prev(O)) & (prev(C, 2) > prev(O, 2)) & (prev(C) < C) & (prev(C) > prev(C, 2))
    ),
    "bullish-engulfing": every(
        exactly((prev(C) < prev(O)) & (prev(O) < C) & (prev(C) > O)),
        under(C, c("sma20")),
    ),
    "near-limit-up": (~under(C, 1.29 * prev(C))[1], ~under(C, 1.29 * prev(C))[0]),
    "base-breakout": every(
        (
            ~over(prev(c("high40")), 1.15 * prev(c("low40")))[1],
            ~over(prev(c("high40")), 1.15 * prev(c("low40")))[0],
        ),
        exactly(prev(c("high40")) < C),
        over(V, 2 * c("volume50")),
    ),
    "bottom-turn": every(
        (~over(C, 1.2 * c("low252"))[1], ~over(C, 1.2 * c("low252"))[0]),
        crossed_up(C, c("sma20")),
    ),
    "nr7": every(exactly(c("range") < prev(c("range6"))), over(C, c("sma50"))),
    "inside-day": every(exactly((prev(H) > H) & (prev(L) < L)), over(C, c("sma20"))),
    "pocket-pivot": every(
        exactly((prev(C) < C) & (prev(c("falling_volume")) < V) & (prev(c("falling_volume")) > 0)),
        over(C, c("sma50")),
    ),
    "pullback-count": every(exactly(c("falls") >= 4), over(C, c("sma60"))),
    "rs-leaders": every(exactly(RATING >= 90), (~under(C, 0.85 * c("high252"))[1], ~under(C, 0.85 * c("high252"))[0])),
    "sector-leaders": every(
        exactly(c("change60").rank("min", descending=True).over("date", SECTOR) <= 3), over(c("change60"), 0.1)
    ),
    "foreign-buying": every(
        exactly((c("foreign").rolling_sum(5).over("symbol") > 0) & (c("inst").rolling_sum(5).over("symbol") > 0)),
        over(C, c("sma20")),
    ),
    "mfi-turn": crossed_up(c("mfi14"), 20.0),
    "weekly-momentum": every(over(c("week_rsi"), 50.0), over(C, c("week_sma30"))),
    "trend-template": every(exactly(TEMPLATE), exactly(RATING >= 70)),
    "heavy-foreign-buying": over(c("foreign").rolling_sum(20).over("symbol"), 0.005 * SHARES * C),
    "keltner-breakout": crossed_up(C, c("keltner")),
    "above-cloud": every(crossed_up(C, c("cloud")), over(c("conversion"), c("base"))),
    "supertrend-flip": crossed_up(c("supertrend"), 0.0),
    "rating-buy": exactly((c("rating") > 0.1) & (prev(c("rating")) <= 0.1)),
    "volatility-low": every((c("place_most") <= 10, c("place_least") <= 10), over(C, c("sma50"))),
}
