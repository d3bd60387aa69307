"""Volatility contraction bases the slow and obvious way: the definition, for one Symbol as of its last bar."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Swing:
    at: int
    price: float
    is_high: bool
    confirmed_at: int


@dataclass(frozen=True)
class Leg:
    high_at: int
    high: float
    low_at: int
    low: float

    @property
    def depth(self) -> float:
        return 1 - self.low / self.high


@dataclass(frozen=True)
class Base:
    legs: tuple[Leg, ...]
    state: str
    score: float

    @property
    def pivot(self) -> float:
        return self.legs[-1].high


def mean_ranges(high: FloatArray, low: FloatArray, close: FloatArray) -> list[float]:
    """ATR(14) as Pine has it: the first mean is that of fourteen ranges, the first of which is high - low."""
    ranges = [high[0] - low[0]]
    for t in range(1, len(close)):
        ranges.append(max(high[t] - low[t], abs(high[t] - close[t - 1]), abs(low[t] - close[t - 1])))
    means = [math.nan] * len(close)
    for t in range(13, len(close)):
        means[t] = sum(ranges[:14]) / 14 if t == 13 else means[t - 1] + (ranges[t] - means[t - 1]) / 14
    return means


def swings(high: FloatArray, low: FloatArray, close: FloatArray) -> tuple[list[Swing], str, int]:
    """The confirmed swings, the way the price goes, and where its newest extreme stands."""
    means = mean_ranges(high, low, close)
    found: list[Swing] = []
    way, extreme = "", 0
    for i in range(len(close)):
        theta = 0.10 if math.isnan(means[i]) else min(max(1.5 * means[i] / close[i], 0.02), 0.10)
        if way == "":
            top, bottom = int(np.argmax(high[: i + 1])), int(np.argmin(low[: i + 1]))
            if top > bottom and high[top] >= low[bottom] * (1 + theta):
                found.append(Swing(bottom, low[bottom], False, i))
                way, extreme = "up", top
            elif bottom > top and low[bottom] <= high[top] * (1 - theta):
                found.append(Swing(top, high[top], True, i))
                way, extreme = "down", bottom
        elif way == "up":
            if high[i] > high[extreme]:
                extreme = i
            elif low[i] <= high[extreme] * (1 - theta):
                found.append(Swing(extreme, high[extreme], True, i))
                way, extreme = "down", extreme + 1 + int(np.argmin(low[extreme + 1 : i + 1]))
        elif low[i] < low[extreme]:
            extreme = i
        elif high[i] >= low[extreme] * (1 + theta):
            found.append(Swing(extreme, low[extreme], False, i))
            way, extreme = "up", extreme + 1 + int(np.argmax(high[extreme + 1 : i + 1]))
    return found, way, extreme


def contractions(high: FloatArray, low: FloatArray, close: FloatArray) -> list[Leg]:
    """Each confirmed high with the low after it; the newest low may be one that is not confirmed yet."""
    found, _, extreme = swings(high, low, close)
    legs = []
    for swing, after in zip(found, [*found[1:], None], strict=True):
        if swing.is_high:
            at = after.at if after else extreme
            legs.append(Leg(swing.at, swing.price, at, float(low[at])))
    return legs


def trend_template(high: FloatArray, low: FloatArray, close: FloatArray) -> bool:
    """The seven rules of price; nearer than 1e-9 of the close is equal."""
    now, tie = close[-1], 1e-9 * abs(close[-1])
    mean50, mean150, mean200 = (close[-n:].mean() for n in (50, 150, 200))
    before = close[-222:-22].mean()
    return bool(
        now - mean150 > tie
        and now - mean200 > tie
        and mean150 - mean200 > tie
        and mean200 - before > tie
        and mean50 - mean150 > tie
        and mean50 - mean200 > tie
        and now - mean50 > tie
        and now >= 1.30 * low[-252:].min() - tie
        and now >= 0.75 * high[-252:].max() - tie
    )


def is_base(legs: list[Leg], high: FloatArray, low: FloatArray, volume: FloatArray) -> bool:
    """The rules of a base, but for the Trend Template."""
    t, first, last = len(high) - 1, legs[0], legs[-1]
    if not 15 <= t - first.high_at <= 325 or not 0.08 <= first.depth <= 0.35 or last.depth > 0.10:
        return False
    for before, after in itertools.pairwise(legs):
        if after.depth > 0.85 * before.depth or after.low < 0.98 * before.low:
            return False
        if not 0.88 * first.high <= after.high <= 1.03 * first.high:
            return False
    bottom = low[max(0, first.high_at - 250) : first.high_at + 1].min()
    if first.high / bottom - 1 < 0.30:
        return False
    begin = max(0, first.high_at - 65)
    for falls_at in range(begin + 1, first.high_at + 1):
        top = high[begin:falls_at].max()
        if top >= 0.9 * first.high and 1 - low[falls_at] / top > 0.35:
            return False
    usual = volume[first.high_at - 49 : first.high_at + 1].mean()
    return bool(first.high_at >= 49 and usual > 0 and volume[last.high_at + 1 :].mean() / usual <= 0.75)


def find_base(high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> Base | None:
    """The base with the most contractions that stands at the last bar, without an RS rating."""
    if len(close) < 252 or not trend_template(high, low, close):
        return None
    legs = contractions(high, low, close)
    for count in range(min(6, len(legs)), 1, -1):
        base = legs[-count:]
        if is_base(base, high, low, volume):
            return Base(tuple(base), state(base, close, volume), score(base, high, low, close, volume))
    return None


def state(base: list[Leg], close: FloatArray, volume: FloatArray) -> str:
    pivot, now = base[-1].high, close[-1]
    if now < base[-1].low:
        return "failed"
    if now > 1.05 * pivot:
        return "extended"
    if now > pivot and close[-2] <= pivot and volume[-1] >= 1.4 * volume[-51:-1].mean():
        return "breakout"
    return "forming" if now < 0.95 * pivot else "near"


def score(base: list[Leg], high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray) -> float:
    """0 to 100 of what can be reached without the 15 points for an RS rating."""

    def clip(value: float) -> float:
        return min(max(value, 0.0), 1.0)

    ratios = [after.depth / before.depth for before, after in itertools.pairwise(base)]
    tight = clip((0.85 - math.prod(ratios) ** (1 / len(ratios))) / 0.45)
    count = {2: 0.6, 3: 1.0, 4: 1.0, 5: 0.8, 6: 0.6}[len(base)]
    usual = volume[base[0].high_at - 49 : base[0].high_at + 1].mean()
    dry = clip((0.9 - volume[base[-1].high_at + 1 :].mean() / usual) / 0.5)
    near = clip(1 - abs(base[-1].high / close[-1] - 1) / 0.08)
    mean_range = mean_ranges(high, low, close)[-1]
    inside = np.mean(np.abs(close[-10:] - close[-1]) <= 1.5 * mean_range)
    falls = close[-10:] < close[-11:-1]
    quiet = falls & (volume[-10:] < volume[-50:].mean())
    quality = clip(float(inside) + (0.25 * quiet.sum() / falls.sum() if falls.any() else 0.0))
    points = 25 * tight + 15 * count + 20 * dry + 15 * near + 10 * quality
    return 100 * points / 85
