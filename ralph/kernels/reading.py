"""Windows as the machine reads them: row after row, from a field of the Panel or from a ring in memory.

`at` says where: the row now, the block's first column, how many columns, and where scratch rows begin.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ralph.kernels import spans
from ralph.kernels.jit import (
    COUNTS,
    LANES,
    PANEL,
    SERIES,
    SERIES_OUT,
    VOID,
    WHOLE,
    CountArray,
    FloatArray,
    kernel,
)
from ralph.kernels.opcodes import (
    ABSOLUTE_DEVIATION,
    BASE,
    BUSIEST_PRICE,
    COVARIANCE,
    DEVIATION,
    EXTRA,
    FIELD,
    HIGHEST,
    MASK,
    MEAN,
    PERIOD,
    SHARE_BELOW,
    SINCE_HIGHEST,
    TOTAL,
    TREND_FIT,
    TREND_SLOPE,
    WEIGHTED_MEAN,
    A,
    B,
    C,
    D,
)

FIELDS = types.UniTuple(PANEL, 8)
ROW, LEFT, SIZE, SPARE = range(4)
SOURCE = (FIELDS, LANES, WHOLE, LANES, SERIES_OUT, COUNTS)
"""fields, code, operation, slots, memory, at"""

Fields = tuple[FloatArray, ...]


@kernel(SERIES, *SOURCE, WHOLE, WHOLE)
def operand(
    fields: Fields,
    code: CountArray,
    k: int,
    slots: CountArray,
    memory: FloatArray,
    at: CountArray,
    column: int,
    back: int,
) -> FloatArray:
    """The row of an operand `back` bars before the one it names."""
    row = at[ROW] - code[k, column + 1] - back
    if column == A and code[k, FIELD] >= 0:
        return fields[code[k, FIELD]][row, at[LEFT] : at[LEFT] + at[SIZE]]
    slot = code[k, column]
    begin = (slots[slot, BASE] + (row & slots[slot, MASK])) * at[SIZE]
    return memory[begin : begin + at[SIZE]]


@kernel(VOID, SERIES, SERIES_OUT, WHOLE, WHOLE, WHOLE)
def pile(x: FloatArray, memory: FloatArray, spare: int, size: int, place: int) -> None:
    """Put row number `place` of a block on the pile of pairs: scratch row n waits with 2 ** n rows added up."""
    if place & 1 == 0:
        spans.copy_row(x, memory[spare : spare + size])
        return
    level = 1
    begin = spare
    if (place >> 1) & 1 == 0:
        spans.add_rows(memory[begin : begin + size], x, memory[begin + size : begin + 2 * size])
        return
    spans.add_row(x, memory[begin : begin + size])
    while (place >> (level + 1)) & 1:
        spans.add_row(memory[begin : begin + size], memory[begin + size : begin + 2 * size])
        begin += size
        level += 1
    waiting = memory[begin + size : begin + 2 * size]
    spans.add_rows(waiting, memory[begin : begin + size], memory[begin + 2 * size : begin + 3 * size])


@kernel(VOID, *SOURCE, SERIES_OUT)
def sum_window(
    fields: Fields, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray, out: FloatArray
) -> None:
    """A block for each binary digit of the period, the smallest newest."""
    period, size = code[k, PERIOD], at[SIZE]
    summed, width, level = 0, 1, 0
    while width <= period:
        if period & width:
            for place in range(width):
                pile(operand(fields, code, k, slots, memory, at, A, summed + place), memory, at[SPARE], size, place)
            begin = at[SPARE] + level * size
            if summed == 0:
                spans.copy_row(memory[begin : begin + size], out)
            else:
                spans.add_row(memory[begin : begin + size], out)
            summed += width
        width *= 2
        level += 1


@kernel(VOID, *SOURCE, SERIES_OUT)
def mean_window(
    fields: Fields, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray, out: FloatArray
) -> None:
    """Of equal values that value: columns whose newest and oldest are the same are looked at one by one."""
    period = code[k, PERIOD]
    sum_window(fields, code, k, slots, memory, at, out)
    spans.divide_row(period, out)
    newest = operand(fields, code, k, slots, memory, at, A, 0)
    before = operand(fields, code, k, slots, memory, at, A, min(1, period - 1))
    oldest = operand(fields, code, k, slots, memory, at, A, period - 1)
    for i in range(out.size):
        if newest[i] == oldest[i] and newest[i] == before[i]:
            equal = True
            for back in range(2, period - 1):
                equal = equal and operand(fields, code, k, slots, memory, at, A, back)[i] == newest[i]
                if not equal:
                    break
            if equal:
                out[i] = newest[i]


@kernel(VOID, *SOURCE, SERIES_OUT)
def busiest_window(
    fields: Fields, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray, out: FloatArray
) -> None:
    period = code[k, PERIOD]
    bars = np.empty((3, period))
    falls = np.empty(code[k, EXTRA])
    for i in range(out.size):
        for back in range(period):
            bars[0, period - 1 - back] = operand(fields, code, k, slots, memory, at, A, back)[i]
            bars[1, period - 1 - back] = operand(fields, code, k, slots, memory, at, B, back)[i]
            bars[2, period - 1 - back] = operand(fields, code, k, slots, memory, at, C, back)[i]
        out[i] = spans.busiest(bars[0], bars[1], bars[2], code[k, EXTRA], falls)


@kernel(VOID, *SOURCE, SERIES_OUT)
def extreme_window(
    fields: Fields, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray, out: FloatArray
) -> None:
    """Highest, lowest, and how long ago they were."""
    op = code[k, 0]
    newest = operand(fields, code, k, slots, memory, at, A, 0)
    if op < SINCE_HIGHEST:
        spans.copy_row(newest, out)
        for back in range(1, code[k, PERIOD]):
            x = operand(fields, code, k, slots, memory, at, A, back)
            if op == HIGHEST:
                spans.higher_row(x, out)
            else:
                spans.lower_row(x, out)
        return
    best = memory[at[SPARE] : at[SPARE] + at[SIZE]]
    spans.copy_row(newest, best)
    spans.fill_row(0.0, out)
    for back in range(1, code[k, PERIOD]):
        x = operand(fields, code, k, slots, memory, at, A, back)
        if op == SINCE_HIGHEST:
            spans.newer_high_row(x, back, best, out)
        else:
            spans.newer_low_row(x, back, best, out)
    for i in range(out.size):
        out[i] = out[i] if best[i] == best[i] else np.nan


@kernel(VOID, *SOURCE, SERIES_OUT)
def spread_window(
    fields: Fields, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray, out: FloatArray
) -> None:
    """What is added up about means that are there already, the oldest bar first."""
    op, period, size = code[k, 0], code[k, PERIOD], at[SIZE]
    squares = memory[at[SPARE] : at[SPARE] + size]
    middle = (period - 1) / 2.0
    spans.fill_row(0.0, out)
    spans.fill_row(0.0, squares)
    for back in range(period - 1, -1, -1):
        x = operand(fields, code, k, slots, memory, at, A, back)
        if op == WEIGHTED_MEAN:
            spans.weigh_row(x, period - back, out)
            continue
        mean = operand(fields, code, k, slots, memory, at, B, 0)
        if op == DEVIATION:
            spans.square_row(x, mean, out)
        elif op == ABSOLUTE_DEVIATION:
            spans.distance_row(x, mean, out)
        elif op == COVARIANCE:
            y = operand(fields, code, k, slots, memory, at, C, back)
            spans.product_row(x, y, mean, operand(fields, code, k, slots, memory, at, D, 0), out)
        else:
            spans.tilt_row(x, mean, middle - back, out)
            if op == TREND_FIT:
                spans.square_row(x, mean, squares)
    of_bars = period * (period * period - 1) / 12.0
    if op == WEIGHTED_MEAN:
        spans.divide_row(period * (period + 1) / 2.0, out)
    elif op == DEVIATION:
        spans.root_row(period, out)
    elif op == TREND_SLOPE:
        spans.divide_row(of_bars, out)
    elif op == TREND_FIT:
        spans.fit_row(squares, of_bars, out)
    else:
        spans.divide_row(period, out)


@kernel(VOID, *SOURCE, SERIES_OUT)
def share_window(
    fields: Fields, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray, out: FloatArray
) -> None:
    """Of the values before this one."""
    now = operand(fields, code, k, slots, memory, at, A, 0)
    spans.fill_row(0.0, out)
    for back in range(1, code[k, PERIOD] + 1):
        spans.below_row(operand(fields, code, k, slots, memory, at, A, back), now, out)
    spans.divide_row(code[k, PERIOD], out)


@kernel(VOID, *SOURCE, SERIES_OUT)
def window(
    fields: Fields, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray, out: FloatArray
) -> None:
    """The operation's own; NaN where the Panel is not so high."""
    op = code[k, 0]
    length = code[k, PERIOD] + (1 if op == SHARE_BELOW else 0)
    if code[k, FIELD] >= 0 and at[ROW] - code[k, A + 1] - length + 1 < 0:
        spans.fill_row(np.nan, out)
    elif op == TOTAL:
        sum_window(fields, code, k, slots, memory, at, out)
    elif op == MEAN:
        mean_window(fields, code, k, slots, memory, at, out)
    elif op == BUSIEST_PRICE:
        busiest_window(fields, code, k, slots, memory, at, out)
    elif op == SHARE_BELOW:
        share_window(fields, code, k, slots, memory, at, out)
    elif op >= HIGHEST and op < DEVIATION:
        extreme_window(fields, code, k, slots, memory, at, out)
    else:
        spread_window(fields, code, k, slots, memory, at, out)
