"""One more row of some columns: a bar that has closed is kept, a running one only looked at.

What the next row reads of a column stands together, `ahead` [columns, moves + 1], the last of it how many bars there
are; so a batch of columns from anywhere costs a short copy each. When a bar closes, its rows go into `rings` [rows of
memory, columns], and what the row after it reads is taken from there. The machine's own operations run, so that live
values are those of a scan to the last bit.
"""

from __future__ import annotations

import numpy as np
from numba import types

from ralph.kernels import rows
from ralph.kernels.jit import (
    COUNTS,
    PANEL,
    PANEL_OUT,
    VOID,
    CountArray,
    FloatArray,
    Pointer,
    Whole,
    call_at,
    hold,
    kernel,
    leaf,
    moved,
    start_of,
)
from ralph.kernels.jit import LANES as WHOLES
from ralph.kernels.machine import BANK_ROWS, BLOCK, FIELDS, OPERATE, SCRATCH_AT, Fields, pointers
from ralph.kernels.opcodes import (
    BASE,
    BEGINS,
    COLUMNS,
    END,
    HEIGHT,
    LANES,
    LEFT,
    MASK,
    SCRATCH,
    STATE,
    WAITING,
    WARM,
    WIDTH,
)

KIND, SLOT, BACK = range(3)
RING, ROW_KEPT, RING_KEPT = range(3)
"""What `moves` [n, 3] tell to carry: a ring's row so many bars back in; a row in and out; a ring's newest row out."""
CLOSED = 7
"""Of `sizes`, behind those of the machine: whether the bars have closed."""
STORE = types.UniTuple(PANEL_OUT, 2)
Store = tuple[FloatArray, FloatArray]


@leaf
def place_of(moves: Whole, m: int, slots: Whole) -> int:
    """The row of memory that a move is of."""
    row: int = moves[3 * m + SLOT]
    if moves[3 * m + KIND] != ROW_KEPT:
        row = slots[2 * row + BASE] + (-moves[3 * m + BACK] & slots[2 * row + MASK])
    return row


@leaf
def gather(moves: Whole, count: int, slots: Whole, ahead: Pointer, lanes: Whole, size: int, bank: Pointer) -> None:
    """What the program reads of these columns, by eight of them: a cache line of memory each time."""
    for left in range(0, size, 8):
        right = min(left + 8, size)
        for m in range(count):
            if moves[3 * m + KIND] != RING_KEPT:
                row = moved(bank, place_of(moves, m, slots) * size)
                for i in range(left, right):
                    row[i] = ahead[lanes[i] * (count + 1) + m]


@leaf
def keep(
    moves: Whole,
    count: int,
    slots: Whole,
    bank: Pointer,
    lanes: Whole,
    size: int,
    ahead: Pointer,
    rings: Pointer,
    width: int,
) -> None:
    """What is known of these columns after their bar has closed."""
    for m in range(count):
        slot, kind = moves[3 * m + SLOT], moves[3 * m + KIND]
        row = moved(bank, place_of(moves, m, slots) * size)
        if kind == ROW_KEPT:
            for i in range(size):
                ahead[lanes[i] * (count + 1) + m] = row[i]
        elif kind == RING_KEPT:
            for i in range(size):
                bar = int(ahead[lanes[i] * (count + 1) + count]) & slots[2 * slot + MASK]
                rings[(slots[2 * slot + BASE] + bar) * width + lanes[i]] = row[i]
    for i in range(size):
        ahead[lanes[i] * (count + 1) + count] += 1.0
    look(moves, count, slots, lanes, size, ahead, rings, width)


@leaf
def look(
    moves: Whole, count: int, slots: Whole, lanes: Whole, size: int, ahead: Pointer, rings: Pointer, width: int
) -> None:
    """Take what the next row of these columns reads from the rings."""
    for left in range(0, size, 8):
        right = min(left + 8, size)
        for m in range(count):
            if moves[3 * m + KIND] == RING:
                slot, back = moves[3 * m + SLOT], moves[3 * m + BACK]
                base, mask = slots[2 * slot + BASE], slots[2 * slot + MASK]
                for i in range(left, right):
                    bar = int(ahead[lanes[i] * (count + 1) + count]) - back
                    ahead[lanes[i] * (count + 1) + m] = rings[(base + (bar & mask)) * width + lanes[i]]


@kernel(VOID, WHOLES, WHOLES, COUNTS, STORE)
def take_up(moves: CountArray, slots: CountArray, lanes: CountArray, store: Store) -> None:
    """After a Panel: `rings` are as the machine has left them, `ahead` knows how many bars that were."""
    ahead, rings = store
    for m in range(moves.shape[0]):
        if moves[m, KIND] == ROW_KEPT:
            for lane in lanes:
                ahead[lane, m] = rings[moves[m, SLOT], lane]
    look(
        start_of(moves),
        moves.shape[0],
        start_of(slots),
        start_of(lanes),
        lanes.size,
        start_of(ahead),
        start_of(rings),
        rings.shape[1],
    )


@kernel(VOID, FIELDS, WHOLES, WHOLES, PANEL, WHOLES, WHOLES, COUNTS, STORE, PANEL_OUT, COUNTS)
def advance(
    fields: Fields,
    code: CountArray,
    slots: CountArray,
    real: FloatArray,
    moves: CountArray,
    results: CountArray,
    lanes: CountArray,
    store: Store,
    out: FloatArray,
    sizes: CountArray,
) -> None:
    """The next bar of `lanes`, fields [1, lanes]: its results [results, lanes], and kept where the bar is closed."""
    ahead, rings = store
    block, operations, count = sizes[BLOCK], code.shape[0], moves.shape[0]
    memory = np.empty(sizes[BANK_ROWS] * block)
    at = np.zeros(WAITING + operations + 1, np.int64)
    pointers(fields, at)
    bank, carried, known, place = start_of(memory), start_of(moves), start_of(ahead), start_of(at)
    lines, places, numbers = start_of(code), start_of(slots), start_of(real)
    at[END], at[HEIGHT], at[WIDTH] = 1, 1, lanes.size
    at[BEGINS], at[SCRATCH] = sizes[SCRATCH_AT], sizes[SCRATCH_AT] + 1
    for left in range(0, lanes.size, block):
        size = min(block, lanes.size - left)
        which = moved(start_of(lanes), left)
        at[LEFT], at[LANES] = left, size
        gather(carried, count, places, known, which, size, bank)
        for k in range(operations):
            if code[k, WARM] >= 0:
                means = moved(bank, code[k, STATE] * size)
                waits = 0
                for i in range(size):
                    waits += 0 if means[i] == means[i] else 1
                at[WAITING + code[k, WARM]] = waits
            call_at(sizes[OPERATE], moved(lines, k * COLUMNS), places, moved(numbers, 3 * k), bank, place)
        for line in range(results.shape[0]):
            slot = results[line, 0]
            row = slots[slot, BASE] + (-results[line, 1] & slots[slot, MASK])
            rows.copy(moved(bank, row * size), moved(start_of(out), line * lanes.size + left), size)
        if sizes[CLOSED] == 1:
            keep(carried, count, places, bank, which, size, known, start_of(rings), rings.shape[1])
    hold(memory, at, ahead)
