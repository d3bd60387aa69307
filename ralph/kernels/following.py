"""Running bars of weeks or months, day by day: what closes is kept, every day's running bar is only looked at.

Columns are worked on some at a time, so that what is known of them stays in the caches. They are aligned at their
newest period: each has its own periods in the rows of one program, whatever days they began on. A period's days are
taken in order, all columns ending on its last one, which is the bar that is kept; before each of the others what
operations remember is put back.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ralph.kernels import rows
from ralph.kernels.jit import (
    COUNTS,
    CUBE_OUT,
    LANES,
    PANEL,
    SERIES,
    VOID,
    CountArray,
    FloatArray,
    IntArray,
    Pointer,
    Whole,
    call_at,
    hold,
    kernel,
    leaf,
    moved,
    number_of,
    start_of,
)
from ralph.kernels.machine import BANK_ROWS, BLOCK, FIELDS, OPERATE, REMEMBERED, SCRATCH_AT, Fields
from ralph.kernels.opcodes import (
    BASE,
    BEGINS,
    COLUMNS,
    END,
    HEIGHT,
    MASK,
    NOT_BEGUN,
    PANELS,
    ROW,
    SCRATCH,
    WAITING,
    WIDTH,
    YOUNGEST,
)
from ralph.kernels.opcodes import LANES as WIDE

NUMBERS = types.Array(types.int32, 2, "C", readonly=True)
NUMBER_BYTES = 8


@leaf
def begin(number: IntArray, left: int, size: int, height: int, starts: CountArray) -> None:
    """The first daily row of each column's periods, starts [height + 1, columns]: the number of rows where it has
    none, and behind the newest."""
    days = number.shape[0]
    starts[:] = days
    for row in range(days):
        for i in range(size):
            there = number[row, left + i]
            if there > 0 and (row == 0 or there > number[row - 1, left + i]):
                starts[height - number[days - 1, left + i] + there - 1, i] = row


@leaf
def longest(starts: CountArray, period: int, size: int, since: int) -> tuple[int, int]:
    """How many days the columns' longest period has, and how many of them are asked for, at least the last."""
    most, asked = 1, 1
    for i in range(size):
        end = starts[period + 1, i]
        most = max(most, end - starts[period, i])
        asked = max(asked, end - max(since, starts[period, i]))
    return most, asked


@leaf
def lay(fields: Fields, which: CountArray, left: int, size: int, bar: FloatArray) -> None:
    """Each column's bar of its own day `which` [columns]: bar [fields, columns]."""
    for place in range(len(fields)):
        values = fields[place]
        if values.shape[0] > 1:  # what is not read has no bars
            for i in range(size):
                bar[place, i] = values[which[i], left + i]


@leaf
def wake(begins: Pointer, size: int, at: Whole, filters: int) -> None:
    """How many columns have not begun in this period; every filter waits for the seeds of those that do."""
    later = 0
    for i in range(size):
        later += 1 if begins[i] >= at[END] else 0
    if later != at[NOT_BEGUN]:
        for line in range(filters):
            at[WAITING + line] = size
    at[NOT_BEGUN] = later


@leaf
def tell(
    starts: CountArray,
    period: int,
    back: int,
    size: int,
    since: int,
    left: int,
    results: CountArray,
    slots: CountArray,
    bank: Pointer,
    out: FloatArray,
) -> None:
    """Results of the day so many before the end of each column's period, of those that have it."""
    for line in range(results.shape[0]):
        slot = results[line, 0]
        row = slots[slot, BASE] + ((period - results[line, 1]) & slots[slot, MASK])
        found = moved(bank, row * size)
        for i in range(size):
            on = starts[period + 1, i] - back
            if on >= starts[period, i] and on >= since:
                out[line, on - since, left + i] = found[i]


@kernel(VOID, FIELDS, NUMBERS, LANES, LANES, PANEL, SERIES, LANES, COUNTS, CUBE_OUT)
def follow(
    fields: Fields,
    number: IntArray,
    code: CountArray,
    slots: CountArray,
    real: FloatArray,
    initial: FloatArray,
    results: CountArray,
    sizes: CountArray,
    out: FloatArray,
) -> None:
    """The results of the newest daily bars, out [results, tail, symbols]; left as it is where a column has no bar yet.

    fields [bars, symbols] each hold the period so far at each daily bar; `number` says which period it is in its
    column, from 1, and 0 above the column's first. `initial` [rows of memory], `sizes` as those of `machine.scan`, of a
    program that runs live.
    """
    days, width = number.shape
    since, height = days - out.shape[1], max(number[days - 1].max(), 1)
    block, operations, remembered = min(sizes[BLOCK], width), code.shape[0], sizes[REMEMBERED]
    memory, kept = np.empty(sizes[BANK_ROWS] * block), np.empty(remembered * block)
    at, waited = np.zeros(WAITING + operations + 1, np.int64), np.zeros(operations + 1, np.int64)
    starts, which = np.empty((height + 1, block), np.int64), np.empty(block, np.int64)
    bar = np.empty((len(fields), block))
    bank, place, lines, rings, numbers = (
        start_of(memory),
        start_of(at),
        start_of(code),
        start_of(slots),
        start_of(real),
    )
    at[WIDTH], at[BEGINS], at[SCRATCH] = block, sizes[SCRATCH_AT], sizes[SCRATCH_AT] + 1
    for left in range(0, width, block):
        size = min(block, width - left)
        begin(number, left, size, height, starts)
        begins, states = moved(bank, sizes[SCRATCH_AT] * size), moved(bank, (sizes[SCRATCH_AT] - remembered) * size)
        at[WIDE], at[YOUNGEST], at[NOT_BEGUN] = size, 0, -1
        for i in range(size):
            begins[i] = height - number[days - 1, left + i]
            at[YOUNGEST] = max(at[YOUNGEST], height - number[days - 1, left + i])
        for line in range(initial.size):
            rows.fill(initial[line], moved(bank, line * size), size)
        for period in range(height):
            at[ROW], at[END], at[HEIGHT] = period, period + 1, period + 1
            wake(begins, size, place, operations)
            rows.copy(states, start_of(kept), remembered * size)
            waited[:operations] = at[WAITING : WAITING + operations]
            most, asked = longest(starts, period, size, since)
            for day in range(most - asked, most):
                for i in range(size):
                    which[i] = min(max(starts[period + 1, i] - most + day, starts[period, i]), days - 1)
                lay(fields, which, left, size, bar)
                for field in range(len(fields)):
                    row = number_of(moved(start_of(bar), field * block))
                    at[PANELS + field] = row - period * block * NUMBER_BYTES
                rows.copy(start_of(kept), states, remembered * size)
                at[WAITING : WAITING + operations] = waited[:operations]
                for k in range(operations):
                    call_at(sizes[OPERATE], moved(lines, k * COLUMNS), rings, moved(numbers, 3 * k), bank, place)
                tell(starts, period, most - day, size, since, left, results, slots, bank, out)
    hold(memory, at, kept)
    hold(bar, code, slots)
