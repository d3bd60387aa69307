"""How a long position ends, bar by bar, and what thousands of them would have earned."""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import (
    COUNTS,
    LANES,
    NUMBER,
    PANEL,
    PANEL_OUT,
    SERIES,
    VOID,
    WHOLE,
    CountArray,
    FloatArray,
    kernel,
)

# Why it ends; HELD while it does not.
HELD, STOP, TARGET, GAP, TIME = range(5)

# Rows of the terms of a position: ratios to its fill; NaN where it has no such rule. HOLD counts bars after the entry.
STOP_RATIO, TARGET_RATIO, GAP_UP, GAP_DOWN, HOLD, AT_CLOSE = range(6)
TERM_ROWS = 6


@kernel(WHOLE, SERIES, SERIES, WHOLE, WHOLE)
def reason_of(bar: FloatArray, levels: FloatArray, is_entry: int, is_last: int) -> int:
    """Why a position ends on a bar [open, high, low, close] of its levels [stop, target, gap up, gap down], NaN where
    there is none. What is known first counts first: the open; then the stop before the target; the close at last.

    is_entry  it was filled on this bar, so that the open says nothing
    """
    if not is_entry:
        if bar[0] <= levels[3] or bar[0] >= levels[2]:
            return GAP
        if bar[0] <= levels[0]:
            return STOP
        if bar[0] >= levels[1]:
            return TARGET
    if bar[2] <= levels[0]:
        return STOP
    if bar[1] >= levels[1]:
        return TARGET
    return TIME if is_last else HELD


@kernel(NUMBER, SERIES, SERIES, WHOLE, WHOLE)
def price_of(bar: FloatArray, levels: FloatArray, is_entry: int, reason: int) -> float:
    """What it is sold for: the open where that is through the level already, else the level; the close at last."""
    price: float = bar[3]
    if reason == GAP:
        price = bar[0]
    elif reason == STOP:
        price = bar[0] if not is_entry and bar[0] <= levels[0] else levels[0]
    elif reason == TARGET:
        price = bar[0] if not is_entry and bar[0] >= levels[1] else levels[1]
    return price


@kernel(VOID, PANEL, PANEL, PANEL, PANEL, PANEL, COUNTS, LANES, PANEL, PANEL_OUT)
def _lives(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    fillable: FloatArray,
    row: CountArray,
    column: CountArray,
    terms: FloatArray,
    result: FloatArray,
) -> None:
    height = close.shape[0]
    bar = np.empty(4)
    levels = np.empty(4)
    for entry in range(row.size):
        at_close = terms[AT_CLOSE, entry] > 0.0
        begin = row[entry] if at_close else row[entry] + 1
        for draw in range(column.shape[0]):
            lane = column[draw, entry]
            result[draw, entry] = np.nan
            if lane < 0 or begin >= height or not fillable[begin, lane] > 0.0:
                continue
            fill = close[begin, lane] if at_close else open_[begin, lane]
            for level in range(4):
                levels[level] = fill * (1.0 + terms[level, entry])
            reason = HELD
            for now in range(begin + (1 if at_close else 0), height):
                if not fillable[now, lane] > 0.0:
                    continue
                bar[0], bar[1], bar[2], bar[3] = open_[now, lane], high[now, lane], low[now, lane], close[now, lane]
                is_entry = 1 if now == begin else 0
                reason = reason_of(bar, levels, is_entry, 1 if now - begin >= terms[HOLD, entry] else 0)
                if reason != HELD:
                    result[draw, entry] = price_of(bar, levels, is_entry, reason) / fill - 1.0
                    break


def lives(
    bars: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    fillable: FloatArray,
    row: CountArray,
    column: CountArray,
    terms: FloatArray,
) -> FloatArray:
    """Gross returns [draws, entries] of positions that are taken by the Session `row` [entries] in the Symbols `column`
    [draws, entries] (negative: none); NaN where no fill or no end is on the bars.

    bars       open, high, low, close [sessions, symbols]
    fillable   1 where a bar is there and can be traded [sessions, symbols]
    terms      [TERM_ROWS, entries]; it is filled at the close of its Session or at the next open
    """
    result = np.empty(column.shape)
    _lives(*bars, fillable, row, column, terms, result)
    return result
