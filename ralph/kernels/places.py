"""Places of values among those of the bars before them."""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import PANEL, PANEL_OUT, SERIES, SERIES_OUT, VOID, WHOLE, FloatArray, kernel


@kernel(VOID, SERIES, SERIES, SERIES_OUT)
def below_row(x: FloatArray, now: FloatArray, z: FloatArray) -> None:
    """Adds 1 where x is below, 1/2 where it is the same; NaN where x is missing."""
    for i in range(z.size):
        more = 1.0 if x[i] < now[i] else 0.0
        same = 0.5 if x[i] == now[i] else 0.0
        z[i] += more + same if x[i] == x[i] else np.nan


@kernel(VOID, PANEL, WHOLE, PANEL_OUT)
def percentiles(values: FloatArray, bars: int, out: FloatArray) -> None:
    """Share of the `bars` - 1 rows before that are below each value [rows - bars + 1, columns], ties half, 0-100."""
    for row in range(out.shape[0]):
        newest, z = values[row + bars - 1], out[row]
        for i in range(z.size):
            z[i] = 0.0 if newest[i] == newest[i] else np.nan
        for back in range(1, bars):
            below_row(values[row + bars - 1 - back], newest, z)
        for i in range(z.size):
            z[i] = 100.0 * z[i] / (bars - 1)
