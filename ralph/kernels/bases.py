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
    BARS_DOWN,
    BARS_MIN,
    BARS_UP,
    BASE_HIGH,
    BREAKOUT,
    BREAKOUT_VOLUME,
    CONFIRMED,
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
    VOLUME_MEAN,
    VOLUME_SHARE,
    VOLUME_SLOPE,
)
from ralph.kernels.jit import (
    COUNTS,
    CUBE_OUT,
    NUMBER,
    PANEL,
    PANEL_OUT,
    ROWS,
    SERIES,
    SERIES_OUT,
    VOID,
    WHOLE,
    CountArray,
    FloatArray,
    IntArray,
    kernel,
)
from ralph.kernels.swings import (
    AT,
    COUNT,
    EXTREME_AT,
    IS_HIGH,
    PRICE,
    STATE_SIZE,
    SWING_ROWS,
    average_range,
    find_swings,
)
from ralph.kernels.uptrend import keeps_template


@kernel(NUMBER, NUMBER)
def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)


@kernel(NUMBER, SERIES, WHOLE, WHOLE)
def mean_of(values: FloatArray, begin: int, end: int) -> float:
    """The mean of values[begin:end]; NaN where that begins before the first or is empty."""
    if begin < 0 or end <= begin:
        return np.nan
    total = 0.0
    for bar in range(begin, end):
        total += values[bar]
    return total / (end - begin)


@kernel(NUMBER, SERIES, WHOLE, WHOLE)
def _volume_slope(volume: FloatArray, begin: int, end: int) -> float:
    """Theil-Sen slope of ln volume a bar over volume[begin:end]: the median of all pairs; NaN with fewer than two."""
    slopes = np.empty((end - begin) * (end - begin) // 2)
    count = 0
    for later in range(begin + 1, end):
        for earlier in range(begin, later):
            if volume[later] > 0.0 and volume[earlier] > 0.0:
                slopes[count] = (np.log(volume[later]) - np.log(volume[earlier])) / (later - earlier)
                count += 1
    middle: float = np.median(slopes[:count]) if count else np.nan
    return middle


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


@kernel(WHOLE, PANEL, SERIES, SERIES, COUNTS, PANEL_OUT)
def _newest_legs(found: FloatArray, high: FloatArray, low: FloatArray, state: CountArray, legs: FloatArray) -> int:
    """The newest contractions, oldest first, HIGH_AT to DEPTH and CONFIRMED into `legs` [LEG_ROWS, LEGS_MAX]."""
    count = int(state[COUNT])
    pairs = 0
    for place in range(count):
        pairs += found[IS_HIGH, place] == 1.0
    skipped = max(0, pairs - LEGS_MAX)
    leg = -skipped
    for place in range(count):
        if found[IS_HIGH, place] != 1.0:
            continue
        if leg >= 0:
            closed = place + 1 < count
            low_at = int(found[AT, place + 1]) if closed else int(state[EXTREME_AT])
            legs[HIGH_AT, leg] = found[AT, place]
            legs[HIGH, leg] = found[PRICE, place]
            legs[LOW_AT, leg] = low_at
            legs[LOW, leg] = low[low_at]
            legs[DEPTH, leg] = 1.0 - low[low_at] / found[PRICE, place]
            legs[CONFIRMED, leg] = 1.0 if closed else 0.0
        leg += 1
    return pairs - skipped


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


@kernel(VOID, SERIES, PANEL, WHOLE, PANEL_OUT)
def _describe_legs(volume: FloatArray, found: FloatArray, count: int, legs: FloatArray) -> None:
    """Durations and volumes of a base's legs [LEG_ROWS, LEGS_MAX], the first `count` of them."""
    for leg in range(count):
        high_at, low_at = int(found[HIGH_AT, leg]), int(found[LOW_AT, leg])
        legs[:, leg] = found[:, leg]
        legs[BARS_DOWN, leg] = low_at - high_at
        later = found[HIGH_AT, leg + 1] if leg + 1 < count else np.nan
        legs[BARS_UP, leg] = later - low_at
        legs[VOLUME_MEAN, leg] = mean_of(volume, high_at + 1, low_at + 1)
        legs[VOLUME_SHARE, leg] = legs[VOLUME_MEAN, leg] / mean_of(volume, high_at - VOLUME_BARS + 1, high_at + 1)
        legs[VOLUME_SLOPE, leg] = _volume_slope(volume, high_at + 1, low_at + 1)


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
    newest[:] = np.nan
    count = _newest_legs(found, high, low, state, newest)
    begin = _find_base(high, low, volume, newest, count, rules, terms)
    if begin < 0:
        terms[ADVANCE : DRY_UP_3 + 1] = np.nan
        return
    base = newest[:, begin:count].copy()
    held = count - begin
    _describe_legs(volume, base, held, legs)
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
        own[:] = np.nan
        own_legs[:] = np.nan
        own[LEG_COUNT] = own[STATE] = own[EVALUABLE] = 0.0
        begin = first[lane]
        if height - begin >= BARS_MIN:
            one = bars[lane % TURNED]
            series = one[0, begin:], one[1, begin:], one[2, begin:], one[3, begin:]
            _scan_one(series[0], series[1], series[2], series[3], ranks[lane], rules, own, own_legs)
            own_legs[HIGH_AT] += begin
            own_legs[LOW_AT] += begin
        terms[:, lane] = own
        legs[:, :, lane] = own_legs


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
