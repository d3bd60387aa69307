"""The machine: runs a program of row operations down many Symbols side by side, the oldest row first.

A block of columns and a stretch of rows are worked on at a time, so that what an operation reads and writes stays in
the first cache and finding out which operation it is costs little. Every operation is active from the row on from which
its results are wanted. Rows above a column's first count as NaN.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ralph.kernels import rows
from ralph.kernels.jit import (
    COUNTS,
    CUBE_OUT,
    PANEL,
    PANEL_OUT,
    ROWS,
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
from ralph.kernels.jit import LANES as WHOLES
from ralph.kernels.opcodes import (
    BASE,
    BEGINS,
    END,
    HEIGHT,
    LANES,
    LEFT,
    MASK,
    NOT_BEGUN,
    PANELS,
    ROW,
    SCRATCH,
    TAIL,
    WAITING,
    WIDE,
    WIDTH,
    YOUNGEST,
)
from ralph.kernels.steps import operate

BLOCK, STRETCH, BANK_ROWS, SCRATCH_AT, REMEMBERED, OPERATE, PHASES = range(7)
"""Of `sizes`: columns and rows worked on together, rows of memory, the first of them that
are scratch, how many operations remember in, where `operate` stands, and how many parts of phases have straight code;
behind it PHASE numbers each."""
FROM, TO, FIRST, UNTIL, ADDRESS, PHASE = range(6)
"""Rows before the last at which a phase begins and ends, which operations a part of it has, and where its code stands;
0 where it has none. Parts of a phase stand together. See `kernels.straight`."""
FIELDS = types.UniTuple(PANEL, 8)
Fields = tuple[FloatArray, ...]


@leaf
def prepare(
    slots: Whole, initial: Pointer, count: int, states: Pointer, remembered: int, bank: Pointer, lanes: int
) -> None:
    """What each slot holds before the first bar, and behind the slots what operations know then."""
    end = 0
    for slot in range(count):
        n = slots[2 * slot + MASK] + 1
        rows.fill(initial[slot], moved(bank, slots[2 * slot + BASE] * lanes), n * lanes)
        end = max(end, slots[2 * slot + BASE] + n)
    for row in range(remembered):
        rows.fill(states[row], moved(bank, (end + row) * lanes), lanes)


@leaf
def publish(slots: Whole, results: Whole, count: int, bank: Pointer, out: Pointer, tail: int, at: Whole) -> None:
    """Copy the rows of the stretch that are wanted; out [results, tail, columns]."""
    lanes, top = at[LANES], at[HEIGHT] - tail
    for line in range(count):
        slot = results[2 * line]
        base, mask = slots[2 * slot + BASE], slots[2 * slot + MASK]
        for row in range(max(at[ROW], top), at[END]):
            x = moved(bank, (base + ((row - results[2 * line + 1]) & mask)) * lanes)
            rows.copy(x, moved(out, (line * tail + row - top) * at[WIDTH] + at[LEFT]), lanes)


@leaf
def wake(begins: Pointer, lanes: int, at: Whole, waiting: Whole, filters: int) -> None:
    """How many columns have not begun at the end of the stretch; every filter waits for the seeds of those that do."""
    later = 0
    for i in range(lanes):
        later += 1 if begins[i] >= at[END] else 0
    if later != at[NOT_BEGUN]:
        for line in range(filters):
            waiting[line] = lanes
    at[NOT_BEGUN] = later


def addressed(sizes: CountArray) -> CountArray:
    """The same, told where `operate` stands in this process."""
    sizes[OPERATE] = operate.address
    return sizes


@leaf
def pointers(fields: Fields, at: CountArray) -> None:
    """Where the fields begin."""
    at[PANELS] = number_of(start_of(fields[0]))
    at[PANELS + 1] = number_of(start_of(fields[1]))
    at[PANELS + 2] = number_of(start_of(fields[2]))
    at[PANELS + 3] = number_of(start_of(fields[3]))
    at[PANELS + 4] = number_of(start_of(fields[4]))
    at[PANELS + 5] = number_of(start_of(fields[5]))
    at[PANELS + 6] = number_of(start_of(fields[6]))
    at[PANELS + 7] = number_of(start_of(fields[7]))


@leaf
def straight(sizes: Whole, at: Whole) -> int:
    """The first part of the phase that the row is in and its rows until its end; else -1 and the rows before one."""
    height, row = at[HEIGHT], at[ROW]
    at[END] = min((row // sizes[STRETCH] + 1) * sizes[STRETCH], height)
    for number in range(sizes[PHASES]):
        phase = moved(sizes, PHASES + 1 + number * PHASE)
        begin, end = max(height - phase[FROM], 0), height - phase[TO]
        if begin <= row < end:
            at[END] = end
            return number
        if row < begin:
            at[END] = min(at[END], begin)
    return -1


@leaf
def work_off(
    number: int,
    sizes: Whole,
    lines: Whole,
    columns: int,
    where: tuple[Pointer, Whole, Pointer, Whole],
    made: tuple[FloatArray, CountArray],
) -> None:
    """All parts of a phase, from its first on: those without straight code are the machine's."""
    bank, rings, numbers, at = where
    part = moved(sizes, PHASES + 1 + number * PHASE)
    while number < sizes[PHASES] and at[HEIGHT] - part[TO] == at[END]:
        if part[ADDRESS] != 0:
            call_at(part[ADDRESS], bank, moved(at, PANELS), at, start_of(made[0]), start_of(made[1]))
        else:
            for k in range(part[FIRST], part[UNTIL]):
                call_at(sizes[OPERATE], moved(lines, k * columns), rings, moved(numbers, 3 * k), bank, at)
        number, part = number + 1, moved(part, PHASE)


@kernel(VOID, FIELDS, ROWS, WHOLES, WHOLES, PANEL, PANEL, WHOLES, CUBE_OUT, PANEL_OUT, COUNTS)
def scan(
    fields: Fields,
    first: IntArray,
    code: CountArray,
    slots: CountArray,
    real: FloatArray,
    initial: FloatArray,
    results: CountArray,
    out: FloatArray,
    store: FloatArray,
    sizes: CountArray,
) -> None:
    """The newest rows of every result, out [results, tail, symbols]. `results` [n, 2]: their slot and its bars back;
    `initial` [2, …]: what slots hold at first, and what operations remember at first. Where `store` has rows, all that
    is known after the last bar is left there, [rows of memory, symbols]."""
    height, width = fields[0].shape
    tail = out.shape[1]
    operations, columns = code.shape[0], code.shape[1]
    block = min(sizes[BLOCK], width)
    memory = np.empty(sizes[BANK_ROWS] * block)
    at, ready = np.zeros(WAITING + operations + 1, np.int64), np.zeros(block // WIDE + 1, np.int64)
    if tail > height:
        out[:, : tail - height] = np.nan
    pointers(fields, at)
    bank, lines, rings, numbers, place = start_of(memory), start_of(code), start_of(slots), start_of(real), start_of(at)
    values, states, filters = start_of(initial[0]), start_of(initial[1]), moved(place, WAITING)
    at[HEIGHT], at[WIDTH], at[TAIL] = height, width, tail
    at[BEGINS], at[SCRATCH] = sizes[SCRATCH_AT], sizes[SCRATCH_AT] + 1
    left = 0
    while left < width:
        if sizes[PHASES] > 0:
            left = min(left, width - block)  # straight code knows one width: some columns come twice
        lanes = min(block, width - left)
        at[LEFT], at[LANES], at[YOUNGEST], at[NOT_BEGUN] = left, lanes, 0, -1
        ready[:] = 0
        begins = moved(bank, at[BEGINS] * lanes)
        for i in range(lanes):
            begins[i] = first[left + i]
            at[YOUNGEST] = max(at[YOUNGEST], first[left + i])
        prepare(rings, values, slots.shape[0], states, sizes[REMEMBERED], bank, lanes)
        at[END] = 0
        while at[END] < height:
            at[ROW] = at[END]
            number = straight(start_of(sizes), place)
            if number >= 0:
                work_off(number, start_of(sizes), lines, columns, (bank, rings, numbers, place), (out, ready))
                continue
            if at[NOT_BEGUN] != 0:
                wake(begins, lanes, place, filters, operations)
            for k in range(operations):
                call_at(sizes[OPERATE], moved(lines, k * columns), rings, moved(numbers, 3 * k), bank, place)
            if at[END] > height - tail:
                publish(rings, start_of(results), results.shape[0], bank, start_of(out), tail, place)
        for row in range(store.shape[0]):
            rows.copy(moved(bank, row * lanes), moved(start_of(store), row * width + left), lanes)
        left += lanes
    hold(memory, ready, at)
