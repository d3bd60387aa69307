"""One more row of some columns: a bar that has closed is kept, a running one only looked at.

Each column has its own count of bars, so what is known of it stands together: `store` [columns, rows + 1], the rows of
a program's memory and, last, the count. What the program reads is gathered from there into rows side by side; then the
machine's own operations run, so that live values are those of a scan to the last bit.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels.jit import (
    COUNTS,
    LANES,
    PANEL,
    PANEL_OUT,
    SERIES_OUT,
    VOID,
    WHOLE,
    CountArray,
    FloatArray,
    kernel,
)
from ralph.kernels.machine import step
from ralph.kernels.opcodes import BASE, MASK, SPARE_ROWS, STATE, WARM
from ralph.kernels.reading import FIELDS, LEFT, ROW, SIZE, SPARE, Fields

KIND, SLOT, BACK = range(3)
RING, ROW_KEPT, RING_KEPT = range(3)
"""What `moves` [n, 3] tell to carry: a ring's row so many bars back in; a row in and out; a ring's newest row out."""


@kernel(VOID, LANES, LANES, PANEL_OUT, COUNTS, SERIES_OUT)
def gather(moves: CountArray, slots: CountArray, store: FloatArray, lanes: CountArray, memory: FloatArray) -> None:
    """What the program reads of these columns."""
    size, last = lanes.size, store.shape[1] - 1
    for place in range(moves.shape[0]):
        kind, slot, back = moves[place, KIND], moves[place, SLOT], moves[place, BACK]
        if kind == ROW_KEPT:
            for i in range(size):
                memory[slot * size + i] = store[lanes[i], slot]
        elif kind == RING:
            base, mask = slots[slot, BASE], slots[slot, MASK]
            begin = (base + (-back & mask)) * size
            for i in range(size):
                memory[begin + i] = store[lanes[i], base + ((np.int64(store[lanes[i], last]) - back) & mask)]


@kernel(VOID, LANES, LANES, SERIES_OUT, COUNTS, PANEL_OUT)
def keep(moves: CountArray, slots: CountArray, memory: FloatArray, lanes: CountArray, store: FloatArray) -> None:
    """What is known of these columns after their bar has closed."""
    size, last = lanes.size, store.shape[1] - 1
    for place in range(moves.shape[0]):
        kind, slot = moves[place, KIND], moves[place, SLOT]
        if kind == ROW_KEPT:
            for i in range(size):
                store[lanes[i], slot] = memory[slot * size + i]
        elif kind == RING_KEPT:
            base, mask = slots[slot, BASE], slots[slot, MASK]
            for i in range(size):
                store[lanes[i], base + (np.int64(store[lanes[i], last]) & mask)] = memory[base * size + i]
    for i in range(size):
        store[lanes[i], last] += 1.0


@kernel(VOID, FIELDS, LANES, LANES, PANEL, LANES, LANES, COUNTS, PANEL_OUT, PANEL_OUT, WHOLE)
def advance(
    fields: Fields,
    code: CountArray,
    slots: CountArray,
    real: FloatArray,
    moves: CountArray,
    results: CountArray,
    lanes: CountArray,
    store: FloatArray,
    out: FloatArray,
    closed: int,
) -> None:
    """The next bar of `lanes`, fields [1, lanes]: its results [results, lanes], and kept where the bar is `closed`."""
    size, rows = lanes.size, store.shape[1] - 1
    memory = np.empty((rows + SPARE_ROWS) * size)
    at = np.zeros(5, dtype=np.int64)
    at[ROW], at[LEFT], at[SIZE], at[SPARE] = 0, 0, size, rows * size
    first = np.zeros(size, dtype=np.int32)
    gather(moves, slots, store, lanes, memory)
    warm = np.zeros((code.shape[0] + 1, size + 1), dtype=np.int64)
    for k in range(code.shape[0]):
        if code[k, WARM] >= 0:
            line = code[k, WARM]
            for i in range(size):
                mean = memory[code[k, STATE] * size + i]
                if mean != mean:
                    warm[line, 0] += 1
                    warm[line, warm[line, 0]] = i
        step(fields, first, code, k, slots, real, memory, warm, at)
    for line in range(results.shape[0]):
        slot = results[line, 0]
        begin = (slots[slot, BASE] + (-results[line, 1] & slots[slot, MASK])) * size
        for i in range(size):
            out[line, i] = memory[begin + i]
    if closed:
        keep(moves, slots, memory, lanes, store)
