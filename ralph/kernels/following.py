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
def begin(number: IntArray, columns: Whole, size: int, height: int, starts: CountArray) -> None:
    """The first daily row of each column's periods, starts [height + 1, columns]: the number of rows where it has
    none, and behind the newest."""
    days = number.shape[0]
    starts[:] = days
    for i in range(size):
        column = columns[i]
        away, before = height - number[days - 1, column] - 1, 0
        for row in range(days):
            there = number[row, column]
            if there > before:
                starts[away + there, i] = row
            before = there


@leaf
def youngest(number: IntArray, columns: Whole, size: int, height: int, begins: Pointer) -> int:
    """The row of each column's first period, and that of the last to begin."""
    latest = 0
    for i in range(size):
        row = height - number[number.shape[0] - 1, columns[i]]
        begins[i] = row
        latest = max(latest, row)
    return latest


@leaf
def asked_of(starts: CountArray, period: int, size: int, since: int) -> int:
    """How many days of a period are asked for in any of the columns, at least the last: it is kept."""
    asked = 1
    for i in range(size):
        asked = max(asked, starts[period + 1, i] - max(since, starts[period, i]))
    return asked


@leaf
def copy(x: Whole, z: Whole, n: int) -> None:
    for i in range(n):
        z[i] = x[i]


@leaf
def choose(starts: CountArray, period: int, back: int, size: int, days: int, which: Whole) -> None:
    """The row of each column's day so many before the end of its period, its first day where it has fewer."""
    begins, ends = starts[period], starts[period + 1]
    for i in range(size):
        row = max(ends[i] - back, begins[i])
        which[i] = row if row < days else days - 1


@leaf
def lay(values: Pointer, width: int, which: Whole, columns: Whole, size: int, bar: Pointer) -> None:
    """A field of each column's bar of its own day `which` [columns]."""
    for i in range(size):
        bar[i] = values[which[i] * width + columns[i]]


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
    found: Pointer, starts: CountArray, period: int, back: int, size: int, since: int, out: Pointer, width: int
) -> None:
    """A result of the day so many before the end of each column's period, of those that have it and are asked for."""
    begins, ends = starts[period], starts[period + 1]
    for i in range(size):
        row = ends[i] - back
        if row >= begins[i] and row >= since:
            out[(row - since) * width + i] = found[i]


@leaf
def step(code: Whole, operations: int, slots: Whole, numbers: Pointer, operate: int, bank: Pointer, at: Whole) -> None:
    """All operations over one row."""
    for k in range(operations):
        call_at(operate, moved(code, k * COLUMNS), slots, moved(numbers, 3 * k), bank, at)


@kernel(VOID, FIELDS, NUMBERS, COUNTS, LANES, LANES, PANEL, SERIES, LANES, COUNTS, CUBE_OUT)
def follow(
    fields: Fields,
    number: IntArray,
    columns: CountArray,
    code: CountArray,
    slots: CountArray,
    real: FloatArray,
    initial: FloatArray,
    results: CountArray,
    sizes: CountArray,
    out: FloatArray,
) -> None:
    """The results of the newest daily bars of some columns, out [results, tail, columns]; left as it is where one has
    no bar yet.

    fields [bars, symbols] each hold the period so far at each daily bar; `number` says which period it is in its
    column, from 1, and 0 above the column's first. `initial` [rows of memory], `sizes` as those of `machine.scan`, of a
    program that runs live.
    """
    days, width = number.shape
    tail, since, operations, remembered = out.shape[1], days - out.shape[1], code.shape[0], sizes[REMEMBERED]
    block, height = min(sizes[BLOCK], columns.size), 1
    for column in columns:
        height = max(height, number[days - 1, column])
    memory, kept = np.empty(sizes[BANK_ROWS] * block), np.empty(remembered * block)
    at, waited = np.zeros(WAITING + operations + 1, np.int64), np.zeros(operations + 1, np.int64)
    starts, which, bar = np.empty((height + 1, block), np.int64), np.empty(block, np.int64), np.empty((8, block))
    bank, place, rings, waiting = start_of(memory), start_of(at), start_of(slots), moved(start_of(at), WAITING)
    at[WIDTH], at[BEGINS], at[SCRATCH] = block, sizes[SCRATCH_AT], sizes[SCRATCH_AT] + 1
    for left in range(0, columns.size, block):
        size, mine = min(block, columns.size - left), moved(start_of(columns), left)
        begin(number, mine, size, height, starts)
        begins, states = moved(bank, sizes[SCRATCH_AT] * size), moved(bank, (sizes[SCRATCH_AT] - remembered) * size)
        at[WIDE], at[YOUNGEST], at[NOT_BEGUN] = size, youngest(number, mine, size, height, begins), -1
        for line in range(initial.size):
            rows.fill(initial[line], moved(bank, line * size), size)
        for period in range(height):
            at[ROW], at[END], at[HEIGHT] = period, period + 1, period + 1
            wake(begins, size, place, operations)
            rows.copy(states, start_of(kept), remembered * size)
            copy(waiting, start_of(waited), operations)
            for back in range(asked_of(starts, period, size, since), 0, -1):
                choose(starts, period, back, size, days, start_of(which))
                for field in range(len(fields)):
                    values, row = fields[field], moved(start_of(bar), field * block)
                    at[PANELS + field] = number_of(row) - period * block * NUMBER_BYTES
                    if values.shape[0] > 1:  # what is not read has no bars
                        lay(start_of(values), width, start_of(which), mine, size, row)
                rows.copy(start_of(kept), states, remembered * size)
                copy(start_of(waited), waiting, operations)
                step(start_of(code), operations, rings, start_of(real), sizes[OPERATE], bank, place)
                for line in range(results.shape[0]):
                    slot = results[line, 0]
                    row = slots[slot, BASE] + ((period - results[line, 1]) & slots[slot, MASK])
                    found, told = moved(bank, row * size), moved(start_of(out), line * tail * columns.size + left)
                    tell(found, starts, period, back, size, since, told, columns.size)
    hold(memory, at, kept)
    hold(starts, which, bar)
    hold(waited, columns, out)
