"""Where a close stands between the lowest and the highest, in percent."""

from __future__ import annotations

from ralph.kernels.jit import NUMBER, SERIES, SERIES_OUT, VOID, FloatArray, kernel

ZERO_RANGE = 1e-9  # of the highest: a range this small is rounding


@kernel(VOID, SERIES, SERIES, NUMBER, SERIES_OUT)
def _position(close: FloatArray, low: FloatArray, flat: float, high: FloatArray) -> None:
    for place in range(high.size):
        width = high[place] - low[place]
        position = 100.0 * ((close[place] - low[place]) / width)
        high[place] = flat if width <= ZERO_RANGE * abs(high[place]) else position


def position(close: FloatArray, lowest: FloatArray, highest: FloatArray, flat: float) -> FloatArray:
    """100 (close - lowest) / (highest - lowest), all of one shape; `flat` without a range, NaN where one is missing.

    The result takes the place of `highest`: fresh memory for it would cost more than the arithmetic.
    """
    _position(close.ravel(), lowest.ravel(), flat, highest.reshape(-1))
    return highest
