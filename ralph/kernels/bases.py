"""Volatility contraction bases: falls from swing highs that shrink, in price and in volume, after an advance.

For each Symbol the swings of its bars give a list of contractions (a swing high and the low after it); a base is a
suffix of that list that keeps all the rules. Everything is a ratio, so nothing depends on the unit of price or volume.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.base_rows import (
    ADVANCE,
    ADVANCE_BARS,
    ADVANCE_MIN,
    BARS_MIN,
    BASE_HIGH,
    BREAKOUT,
    BREAKOUT_VOLUME,
    COUNT_PART,
    DAMAGE,
    DAMAGE_BARS,
    DAMAGE_HIGH,
    DEPTH,
    DRY_PART,
    DRY_UP,
    DRY_UP_3,
    DRY_UP_MAX,
    EVALUABLE,
    EXTENDED,
    EXTENDED_STATE,
    FAILED,
    FIRST_DEPTH_MAX,
    FIRST_DEPTH_MIN,
    FORMING,
    HIGH,
    HIGH_AT,
    HIGH_CEILING,
    HIGH_FLOOR,
    LAST_DEPTH_MAX,
    LEG_COUNT,
    LEG_POINTS,
    LEG_ROWS,
    LEGS_MAX,
    LENGTH,
    LENGTH_MAX,
    LENGTH_MIN,
    LOW,
    LOW_AT,
    LOW_HOLDS,
    NEAR,
    NEAR_PART,
    NEAR_PIVOT,
    PIVOT,
    POINTS,
    QUALITY_BARS,
    QUALITY_PART,
    RANK_MIN,
    RANK_PART,
    SCORE,
    SHRINK_MAX,
    STATE,
    STOP_LOW,
    TERMS,
    TIGHT_PART,
    TURNED,
    VOLUME_BARS,
)
from ralph.kernels.jit import (
    CUBE_OUT,
    NUMBER,
    PANEL,
    PANEL_OUT,
    ROWS,
    SERIES,
    SERIES_OUT,
    VOID,
    WHOLE,
    FloatArray,
    IntArray,
    kernel,
)
from ralph.kernels.legs import copy_legs, describe_legs, mean_of, newest_legs
from ralph.kernels.swings import (
    STATE_SIZE,
    SWING_ROWS,
    average_range,
    find_swings,
)
from ralph.kernels.uptrend import keeps_template


@kernel(NUMBER, NUMBER)
def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)


@kernel(NUMBER, SERIES, SERIES, WHOLE, SERIES)
def _deepest_fall(high: FloatArray, low: FloatArray, at: int, rules: FloatArray) -> float:
    """The deepest fall, a share, in the bars before a base from a high nearly as high as its first."""
    top = 0.0
    deepest = 0.0
    for bar in range(max(0, at - int(rules[DAMAGE_BARS])), at + 1):
        if top >= rules[DAMAGE_HIGH] * high[at]:
            deepest = max(deepest, 1.0 - low[bar] / top)
        top = max(top, high[bar])
    return deepest


@kernel(NUMBER, SERIES, SERIES, WHOLE, SERIES)
def _advance(high: FloatArray, low: FloatArray, at: int, rules: FloatArray) -> float:
    """How far the base's first high stands above the lowest low before it, a share."""
    bottom = low[at]
    for bar in range(max(0, at - int(rules[ADVANCE_BARS])), at):
        bottom = min(bottom, low[bar])
    share: float = high[at] / bottom - 1.0
    return share


@kernel(WHOLE, PANEL, WHOLE, WHOLE, WHOLE, SERIES)
def _is_contracting(legs: FloatArray, begin: int, end: int, newest: int, rules: FloatArray) -> int:
    """Whether legs[begin:end] keep the rules of shape: length, depths, lows and highs."""
    length = newest - legs[HIGH_AT, begin]
    if length < rules[LENGTH_MIN] or length > rules[LENGTH_MAX]:
        return 0
    if not rules[FIRST_DEPTH_MIN] <= legs[DEPTH, begin] <= rules[FIRST_DEPTH_MAX]:
        return 0
    if legs[DEPTH, end - 1] > rules[LAST_DEPTH_MAX]:
        return 0
    base_high = legs[HIGH, begin]
    for leg in range(begin + 1, end):
        if legs[DEPTH, leg] > rules[SHRINK_MAX] * legs[DEPTH, leg - 1]:
            return 0
        if legs[LOW, leg] < rules[LOW_HOLDS] * legs[LOW, leg - 1]:
            return 0
        if not rules[HIGH_FLOOR] * base_high <= legs[HIGH, leg] <= rules[HIGH_CEILING] * base_high:
            return 0
    return 1


@kernel(WHOLE, SERIES, SERIES, SERIES, PANEL, WHOLE, SERIES, SERIES_OUT)
def _find_base(
    high: FloatArray,
    low: FloatArray,
    volume: FloatArray,
    legs: FloatArray,
    count: int,
    rules: FloatArray,
    terms: FloatArray,
) -> int:
    """Where the base with the most contractions begins in `legs`, -1 where none keeps the rules; its terms noted."""
    newest = high.size - 1
    for begin in range(max(0, count - LEGS_MAX), count - 1):
        if not _is_contracting(legs, begin, count, newest, rules):
            continue
        at = int(legs[HIGH_AT, begin])
        last_high_at = int(legs[HIGH_AT, count - 1])
        usual = mean_of(volume, at - VOLUME_BARS + 1, at + 1)
        terms[ADVANCE] = _advance(high, low, at, rules)
        terms[DAMAGE] = _deepest_fall(high, low, at, rules)
        terms[DRY_UP] = mean_of(volume, last_high_at + 1, newest + 1) / usual
        kept = terms[ADVANCE] >= rules[ADVANCE_MIN] and terms[DAMAGE] <= rules[FIRST_DEPTH_MAX]
        if kept and terms[DRY_UP] <= rules[DRY_UP_MAX]:
            terms[DRY_UP_3] = np.inf
            for bar in range(last_high_at + 3, newest + 1):
                terms[DRY_UP_3] = min(terms[DRY_UP_3], mean_of(volume, bar - 2, bar + 1) / usual)
            if terms[DRY_UP_3] == np.inf:
                terms[DRY_UP_3] = np.nan
            return begin
    return -1


@kernel(WHOLE, SERIES, SERIES, NUMBER, NUMBER, SERIES)
def _state(close: FloatArray, volume: FloatArray, pivot: float, stop: float, rules: FloatArray) -> int:
    newest = close.size - 1
    usual = mean_of(volume, newest - VOLUME_BARS, newest)
    if close[newest] < stop:
        return FAILED
    if close[newest] > rules[EXTENDED] * pivot:
        return EXTENDED_STATE
    through = close[newest] > pivot and close[newest - 1] <= pivot
    if through and volume[newest] >= rules[BREAKOUT_VOLUME] * usual:
        return BREAKOUT
    return FORMING if close[newest] < rules[NEAR] * pivot else NEAR_PIVOT


@kernel(NUMBER, SERIES, SERIES, NUMBER)
def _quality(close: FloatArray, volume: FloatArray, mean_range: float) -> float:
    """Share of the newest closes near the last one, and a quarter of the share of falling days on little volume."""
    newest = close.size - 1
    usual = mean_of(volume, newest - VOLUME_BARS + 1, newest + 1)
    inside = falls = quiet = 0
    for bar in range(newest - QUALITY_BARS + 1, newest + 1):
        inside += abs(close[bar] - close[newest]) <= 1.5 * mean_range
        falls += close[bar] < close[bar - 1]
        quiet += close[bar] < close[bar - 1] and volume[bar] < usual
    return _unit(inside / QUALITY_BARS + (0.25 * quiet / falls if falls else 0.0))


@kernel(VOID, PANEL, WHOLE, NUMBER, NUMBER, SERIES_OUT)
def _score(legs: FloatArray, count: int, close: float, rank: float, terms: FloatArray) -> None:
    """The parts, 0 to 1 each (NaN without a rank), and their weighted sum, 0 to 100, of what can be reached."""
    ratio = 1.0
    for leg in range(1, count):
        ratio *= legs[DEPTH, leg] / legs[DEPTH, leg - 1]
    terms[TIGHT_PART] = _unit((0.85 - ratio ** (1.0 / (count - 1))) / 0.45)
    terms[COUNT_PART] = LEG_POINTS[count]
    terms[DRY_PART] = _unit((0.9 - terms[DRY_UP]) / 0.5)
    terms[NEAR_PART] = _unit(1.0 - abs(terms[PIVOT] / close - 1.0) / 0.08)
    terms[RANK_PART] = _unit((rank - 70.0) / 29.0) if rank == rank else np.nan
    points = reachable = 0.0
    for part in range(POINTS.size):
        value = terms[TIGHT_PART + part]
        if value == value:
            points += POINTS[part] * value
            reachable += POINTS[part]
    terms[SCORE] = 100.0 * points / reachable


@kernel(VOID, SERIES, SERIES, SERIES, SERIES, NUMBER, SERIES, SERIES_OUT, PANEL_OUT)
def _scan_one(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    rank: float,
    rules: FloatArray,
    terms: FloatArray,
    legs: FloatArray,
) -> None:
    """One Symbol with enough bars."""
    terms[EVALUABLE] = 1.0
    if (rank == rank and rank < rules[RANK_MIN]) or not keeps_template(high, low, close):
        return  # most Symbols, and the cheapest rule
    mean_range = np.empty(close.size)
    average_range(high, low, close, mean_range)
    found = np.empty((SWING_ROWS, close.size + 1))
    state = np.zeros(STATE_SIZE, dtype=np.int64)
    find_swings(high, low, close, mean_range, found, state)
    newest = np.empty((LEG_ROWS, LEGS_MAX))
    newest.fill(np.nan)
    count = newest_legs(found, high, low, state, newest)
    begin = _find_base(high, low, volume, newest, count, rules, terms)
    if begin < 0:
        for row in range(ADVANCE, DRY_UP_3 + 1):
            terms[row] = np.nan
        return
    base = np.empty((LEG_ROWS, LEGS_MAX))
    copy_legs(newest, begin, count, base)
    held = count - begin
    describe_legs(volume, base, held, legs)
    terms[LEG_COUNT] = held
    terms[PIVOT] = base[HIGH, held - 1]
    terms[BASE_HIGH] = base[HIGH, 0]
    terms[STOP_LOW] = base[LOW, held - 1]
    terms[LENGTH] = close.size - 1 - base[HIGH_AT, 0]
    terms[STATE] = _state(close, volume, terms[PIVOT], terms[STOP_LOW], rules)
    terms[QUALITY_PART] = _quality(close, volume, mean_range[close.size - 1])
    _score(base, held, close[close.size - 1], rank, terms)


@kernel(VOID, PANEL, PANEL, PANEL, PANEL, WHOLE, CUBE_OUT)
def _turn(
    high: FloatArray, low: FloatArray, close: FloatArray, volume: FloatArray, left: int, bars: FloatArray
) -> None:
    """The columns from `left` on, each field of each as one run: [TURNED, 4, bars]."""
    for lane in range(min(TURNED, close.shape[1] - left)):
        for row in range(close.shape[0]):
            bars[lane, 0, row] = high[row, left + lane]
            bars[lane, 1, row] = low[row, left + lane]
            bars[lane, 2, row] = close[row, left + lane]
            bars[lane, 3, row] = volume[row, left + lane]


@kernel(VOID, PANEL, PANEL, PANEL, PANEL, ROWS, SERIES, SERIES, PANEL_OUT, CUBE_OUT)
def _scan(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    first: IntArray,
    ranks: FloatArray,
    rules: FloatArray,
    terms: FloatArray,
    legs: FloatArray,
) -> None:
    height, width = close.shape
    own = np.empty(TERMS)
    own_legs = np.empty((LEG_ROWS, LEGS_MAX))
    bars = np.empty((TURNED, 4, height))
    for lane in range(width):
        if lane % TURNED == 0:
            _turn(high, low, close, volume, lane, bars)
        own.fill(np.nan)
        own_legs.fill(np.nan)
        own[LEG_COUNT] = own[STATE] = own[EVALUABLE] = 0.0
        begin = first[lane]
        if height - begin >= BARS_MIN:
            one = bars[lane % TURNED]
            series = one[0, begin:], one[1, begin:], one[2, begin:], one[3, begin:]
            _scan_one(series[0], series[1], series[2], series[3], ranks[lane], rules, own, own_legs)
        for row in range(TERMS):
            terms[row, lane] = own[row]
        for row in range(LEG_ROWS):
            for leg in range(LEGS_MAX):
                above = begin if row in (HIGH_AT, LOW_AT) else 0  # bars are counted from the Panel's first row
                legs[row, leg, lane] = own_legs[row, leg] + above


def scan(
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    first: IntArray,
    ranks: FloatArray,
    rules: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Bases that stand at the last row of [bars, symbols], of columns valid from their `first` row on.

    `ranks` are RS ratings [symbols], NaN where there is none: then the rule about them is left out. `rules` [RULES].
    Returns terms [TERMS, symbols] and legs [LEG_ROWS, LEGS_MAX, symbols], NaN where there is no base.
    """
    terms = np.empty((TERMS, close.shape[1]))
    legs = np.empty((LEG_ROWS, LEGS_MAX, close.shape[1]))
    _scan(high, low, close, volume, first, ranks, rules, terms, legs)
    return terms, legs
