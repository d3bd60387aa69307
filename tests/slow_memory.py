"""The slow form of the operations that remember: each begins with its first value and holds over a missing one."""

from __future__ import annotations

import math
from collections.abc import Callable

Numbers = list[float]
NAN = math.nan


def _missing(*values: float) -> bool:
    return any(math.isnan(value) for value in values)


def _stepping(step: Callable[..., float], *inputs: Numbers) -> list[Numbers]:
    """`step` at every bar at which no input is missing."""
    return [[NAN if _missing(*values) else step(*values) for values in zip(*inputs, strict=True)]]


def smooth(values: Numbers, period: int, skip: int, alpha: float) -> list[Numbers]:
    seen: Numbers = []
    mean = NAN

    def step(value: float) -> float:
        nonlocal mean
        seen.append(value)
        seed = seen[skip : skip + period]
        if len(seen) < skip + period:
            return NAN
        if len(seen) == skip + period:
            mean = seed[0] if min(seed) == max(seed) else math.fsum(seed) / period
        else:
            mean = value + (1 - alpha) * (mean - value)
        return mean

    return _stepping(step, values)


def decaying_sum(values: Numbers, period: int, terms: int) -> list[Numbers]:
    count, total = 0, 0.0

    def step(value: float) -> float:
        nonlocal count, total
        count += 1
        total = total + value if count <= terms else (1 - 1 / period) * total + value
        return total if count >= period else NAN

    return _stepping(step, values)


def running(values: Numbers) -> list[Numbers]:
    return running_since(values, [0.0] * len(values))


def running_since(values: Numbers, starts: Numbers) -> list[Numbers]:
    """A start at a missing value is a start all the same; where it is not known whether it is one, nothing counts."""
    out, total = [], 0.0
    for value, start in zip(values, starts, strict=True):
        if not math.isnan(start) and start != 0:
            total = 0.0
        if not _missing(value, start):
            total += value
        out.append(NAN if _missing(value, start) else total)
    return [out]


def streak(condition: Numbers) -> list[Numbers]:
    count = 0.0

    def step(flag: float) -> float:
        nonlocal count
        count = count + 1 if flag != 0 else 0.0
        return count

    return _stepping(step, condition)


def adaptive_mean(values: Numbers, weights: Numbers) -> list[Numbers]:
    """Without a value before the first weight it begins with the one of that bar."""
    out, before, begun = [], NAN, False
    for value, weight in zip(values, weights, strict=True):
        if _missing(value, weight):
            before = value if not begun and not math.isnan(value) else before
            out.append(NAN)
            continue
        before = value if math.isnan(before) else before
        before = before + weight * (value - before)
        begun = True
        out.append(before)
    return [out]


def held(values: Numbers, condition: Numbers) -> list[Numbers]:
    out, kept = [], NAN
    for value, flag in zip(values, condition, strict=True):
        missing = math.isnan(flag) or (flag != 0 and math.isnan(value))
        kept = value if flag != 0 and not missing else kept
        out.append(NAN if missing else kept)
    return [out]


def parabolic(high: Numbers, low: Numbers, close: Numbers, talib: int, *steps: float) -> list[Numbers]:
    """Both parts, from start, increment and maximum. Bars at which one of the three is missing do not exist."""
    there = [bar for bar in range(len(high)) if not _missing(high[bar], low[bar], close[bar])]
    stop = _talib_stop if talib else _pine_stop
    lines = stop([high[b] for b in there], [low[b] for b in there], [close[b] for b in there], *steps)
    out = [[NAN] * len(high), [NAN] * len(high)]
    for part in (0, 1):
        for bar, value in zip(there, lines[part], strict=True):
            out[part][bar] = value
    return out


def _pine_stop(
    high: Numbers, low: Numbers, close: Numbers, start: float, increment: float, most: float
) -> tuple[Numbers, Numbers]:
    line, direction = [NAN] * len(high), [NAN] * len(high)
    stop, extreme, pace, up = NAN, NAN, start, False
    for bar in range(1, len(high)):
        fresh = bar == 1
        if fresh:
            up = close[1] > close[0]
            extreme, stop = (high[1], low[0]) if up else (low[1], high[0])
        stop = stop + pace * (extreme - stop)
        if up and stop > low[bar]:
            up, fresh, stop, extreme, pace = False, True, max(high[bar], extreme), low[bar], start
        elif not up and stop < high[bar]:
            up, fresh, stop, extreme, pace = True, True, min(low[bar], extreme), high[bar], start
        if not fresh and (high[bar] > extreme if up else low[bar] < extreme):
            extreme, pace = high[bar] if up else low[bar], min(pace + increment, most)
        stop = min(stop, *low[max(0, bar - 2) : bar]) if up else max(stop, *high[max(0, bar - 2) : bar])
        line[bar], direction[bar] = stop, 1.0 if up else -1.0
    return line, direction


def _talib_stop(
    high: Numbers, low: Numbers, close: Numbers, start: float, increment: float, most: float
) -> tuple[Numbers, Numbers]:
    line, direction = [NAN] * len(high), [NAN] * len(high)
    stop, extreme, pace, up = NAN, NAN, start, False
    for bar in range(1, len(high)):
        before = max(bar - 1, 1)
        if bar == 1:
            fall = low[0] - low[1]
            up = not (fall > 0 and fall > high[1] - high[0])
            extreme, stop = (high[1], low[0]) if up else (low[1], high[0])
        highest, lowest = max(high[before], high[bar]), min(low[before], low[bar])
        if low[bar] <= stop if up else high[bar] >= stop:
            up = not up
            stop = min(extreme, lowest) if up else max(extreme, highest)
            extreme, pace = high[bar] if up else low[bar], start
            line[bar] = stop
        else:
            line[bar] = stop
            if high[bar] > extreme if up else low[bar] < extreme:
                extreme, pace = high[bar] if up else low[bar], min(pace + increment, most)
        stop = stop + pace * (extreme - stop)
        stop = min(stop, lowest) if up else max(stop, highest)
        direction[bar] = 1.0 if up else -1.0
    return line, direction


def ratchet(upper: Numbers, lower: Numbers, close: Numbers, talib: int) -> list[Numbers]:
    """Both parts. "tv" begins on the upper band, and is on it where its line is; "talib" begins on the lower one."""
    line, direction = [NAN] * len(close), [NAN] * len(close)
    before: tuple[float, float, float, bool] | None = None
    for bar, (high, low, now) in enumerate(zip(upper, lower, close, strict=True)):
        if _missing(high, low, now):
            continue
        up = bool(talib)
        if before is not None:
            high_before, low_before, close_before, on_upper = before
            low = low if low > low_before or close_before < low_before else low_before
            high = high if high < high_before or close_before > high_before else high_before
            up = now > high if on_upper else now >= low
        line[bar], direction[bar] = low if up else high, 1.0 if up else -1.0
        before = (high, low, now, not up if talib else line[bar] == high)
    return [line, direction]
