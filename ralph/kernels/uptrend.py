"""The Trend Template's seven rules of price at the last bar (Minervini 2013), for one Symbol."""

from __future__ import annotations

from ralph.kernels.jit import NUMBER, SERIES, WHOLE, FloatArray, kernel

TIE = 1e-9  # of the close: no nearer than this is above
BARS = 252
RISING_BARS = 22
ABOVE_LOW, BELOW_HIGH = 1.30, 0.75


@kernel(NUMBER, SERIES, WHOLE, WHOLE)
def _mean(close: FloatArray, period: int, back: int) -> float:
    total = 0.0
    for bar in range(close.size - back - period, close.size - back):
        total += close[bar]
    return total / period


@kernel(WHOLE, SERIES, SERIES, SERIES)
def keeps_template(high: FloatArray, low: FloatArray, close: FloatArray) -> int:
    """1 where all seven rules hold at the last bar, 0 where not or where there are fewer than BARS bars."""
    if close.size < BARS:
        return 0
    now = close[close.size - 1]
    tie = TIE * abs(now)
    short, middle, long = _mean(close, 50, 0), _mean(close, 150, 0), _mean(close, 200, 0)
    stacked = now - short > tie and short - middle > tie and short - long > tie and middle - long > tie
    if not stacked or not (now - middle > tie and now - long > tie) or not long - _mean(close, 200, RISING_BARS) > tie:
        return 0
    top, bottom = high[close.size - 1], low[close.size - 1]
    for bar in range(close.size - BARS, close.size):
        top = max(top, high[bar])
        bottom = min(bottom, low[bar])
    return int(now - ABOVE_LOW * bottom >= -tie and now - BELOW_HIGH * top >= -tie)
