"""Lines that follow a price on one side and turn to the other when it crosses them: parabolic stops, Supertrend.

They branch at every bar, so columns are worked on one by one. NaN in the first row of state says that nothing is known.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import Pointer, leaf, moved

STOP, EXTREME, PACE, UP, HIGH, LOW, HIGH2, LOW2, CLOSE = range(9)  # rows of state; HIGH2: two bars ago


@leaf
def _pine_stop(s: Pointer, bar: Pointer) -> None:
    """`bar`: high, low, close, start, increment, maximum, first (1 at the second bar, which begins)."""
    high, low, fresh = bar[0], bar[1], bar[6] == 1.0
    if fresh:
        s[UP] = 1.0 if bar[2] > s[CLOSE] else 0.0
        s[EXTREME] = high if s[UP] == 1.0 else low
        s[STOP] = s[LOW] if s[UP] == 1.0 else s[HIGH]
        s[PACE] = bar[3]
    s[STOP] = s[STOP] + s[PACE] * (s[EXTREME] - s[STOP])
    if s[UP] == 1.0 and s[STOP] > low:
        s[UP], s[STOP], s[EXTREME], s[PACE] = 0.0, max(high, s[EXTREME]), low, bar[3]
        fresh = True
    elif s[UP] == 0.0 and s[STOP] < high:
        s[UP], s[STOP], s[EXTREME], s[PACE] = 1.0, min(low, s[EXTREME]), high, bar[3]
        fresh = True
    if not fresh:
        farther = high > s[EXTREME] if s[UP] == 1.0 else low < s[EXTREME]
        if farther:
            s[EXTREME] = high if s[UP] == 1.0 else low
            s[PACE] = min(s[PACE] + bar[4], bar[5])
    if s[UP] == 1.0:
        s[STOP] = min(s[STOP], min(s[LOW], s[LOW2]))
    else:
        s[STOP] = max(s[STOP], max(s[HIGH], s[HIGH2]))


@leaf
def _talib_stop(s: Pointer, bar: Pointer, out: Pointer) -> None:
    """As `_pine_stop`; what is published is the stop before it moves on for the next bar."""
    high, low, fresh = bar[0], bar[1], bar[6] == 1.0
    highest, lowest = max(high, s[HIGH]), min(low, s[LOW])
    if fresh:
        fall = s[LOW] - low
        s[UP] = 0.0 if fall > 0.0 and fall > high - s[HIGH] else 1.0
        s[EXTREME] = high if s[UP] == 1.0 else low
        s[STOP] = s[LOW] if s[UP] == 1.0 else s[HIGH]
        s[PACE] = bar[3]
        highest, lowest = high, low
    touched = low <= s[STOP] if s[UP] == 1.0 else high >= s[STOP]
    if touched:
        s[UP] = 1.0 - s[UP]
        s[STOP] = min(s[EXTREME], lowest) if s[UP] == 1.0 else max(s[EXTREME], highest)
        s[EXTREME] = high if s[UP] == 1.0 else low
        s[PACE] = bar[3]
        out[0] = s[STOP]
    else:
        out[0] = s[STOP]
        farther = high > s[EXTREME] if s[UP] == 1.0 else low < s[EXTREME]
        if farther:
            s[EXTREME] = high if s[UP] == 1.0 else low
            s[PACE] = min(s[PACE] + bar[4], bar[5])
    s[STOP] = s[STOP] + s[PACE] * (s[EXTREME] - s[STOP])
    s[STOP] = min(s[STOP], lowest) if s[UP] == 1.0 else max(s[STOP], highest)


@leaf
def _stop(s: Pointer, bar: Pointer, talib: int, out: Pointer) -> None:
    """One bar of one column: line and direction into `out`."""
    if talib == 1:
        _talib_stop(s, bar, out)
    else:
        _pine_stop(s, bar)
        out[0] = s[STOP]
    out[1] = 1.0 if s[UP] == 1.0 else -1.0


@leaf
def parabolic(
    x: Pointer,
    y: Pointer,
    w: Pointer,
    z: Pointer,
    z2: Pointer,
    state: Pointer,
    lanes: int,
    talib: int,
    steps: Pointer,
    scratch: Pointer,
) -> None:
    """Line and direction of one row of high, low and close; the first bar only becomes known. 18 numbers of scratch."""
    s, bar, lines = scratch, moved(scratch, 9), moved(scratch, 16)
    for k in range(3):
        bar[3 + k] = steps[k]
    for i in range(lanes):
        high, low, close = x[i], y[i], w[i]
        z[i] = np.nan
        z2[i] = np.nan
        if high != high or low != low or close != close:
            continue
        for k in range(9):
            s[k] = state[k * lanes + i]
        bar[0], bar[1], bar[2] = high, low, close
        if s[STOP] != s[STOP]:  # the first bar
            s[STOP], s[EXTREME] = 0.0, np.nan
            s[HIGH], s[LOW] = high, low
        else:
            bar[6] = 1.0 if s[EXTREME] != s[EXTREME] else 0.0
            _stop(s, bar, talib, lines)
            z[i] = lines[0]
            z2[i] = lines[1]
        s[HIGH2], s[LOW2] = s[HIGH], s[LOW]
        s[HIGH], s[LOW], s[CLOSE] = high, low, close
        for k in range(9):
            state[k * lanes + i] = s[k]


@leaf
def ratchet(
    x: Pointer, y: Pointer, w: Pointer, z: Pointer, z2: Pointer, state: Pointer, lanes: int, talib: int
) -> None:
    """Line and direction of one row of bands that only close in on the price while it stays within them."""
    for i in range(lanes):
        z[i] = np.nan
        z2[i] = np.nan
        high, low, now = x[i], y[i], w[i]
        if high != high or low != low or now != now:
            continue
        up = talib == 1
        high_before, low_before = state[i], state[lanes + i]
        if high_before == high_before:
            before = state[2 * lanes + i]
            low = low if low > low_before or before < low_before else low_before
            high = high if high < high_before or before > high_before else high_before
            up = now > high if state[3 * lanes + i] == 1.0 else now >= low
        line = low if up else high
        on_upper = (not up) if talib == 1 else line == high
        z[i] = line
        z2[i] = 1.0 if up else -1.0
        state[i], state[lanes + i] = high, low
        state[2 * lanes + i] = now
        state[3 * lanes + i] = 1.0 if on_upper else 0.0
