"""The machine: runs a program of row operations down many Symbols side by side, the oldest row first.

A block of columns is worked on at a time, so that the rows and what the operations remember stay in the first caches.
Every operation is active from the row on from which its results are wanted. Rows above a column's first count as NaN.
"""

from __future__ import annotations

import numpy as np

from ralph.kernels import memory as recall
from ralph.kernels import reading, rows, spans, turning
from ralph.kernels.jit import (
    COUNTS,
    CUBE_OUT,
    LANES,
    PANEL,
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
from ralph.kernels.opcodes import (
    ACTIVE,
    BASE,
    DECAYING_SUM,
    EXTRA,
    FIELD,
    FILL,
    KNOWN,
    LOAD,
    MASK,
    MEAN_OF,
    OP,
    OTHERWISE,
    OUT,
    OUT2,
    PARABOLIC,
    PERIOD,
    RATCHET,
    SMOOTH,
    SPARE_ROWS,
    STATE,
    WARM,
    A,
    B,
    C,
)
from ralph.kernels.reading import FIELDS, LEFT, ROW, SIZE, SPARE, Fields

NEVER = np.int64(1) << 40


@kernel(WHOLE, LANES, LANES, WHOLE, WHOLE, COUNTS)
def address(code: CountArray, slots: CountArray, k: int, column: int, at: CountArray) -> int:
    """Where the row of an operand begins in memory."""
    slot = code[k, column]
    back = code[k, column + 1] if column >= A else 0
    begin: int = (slots[slot, BASE] + ((at[ROW] - back) & slots[slot, MASK])) * at[SIZE]
    return begin


@kernel(VOID, LANES, WHOLE, SERIES_OUT, WHOLE, WHOLE, WHOLE, SERIES, ROWS, COUNTS)
def masked(
    code: CountArray,
    k: int,
    memory: FloatArray,
    a: int,
    b: int,
    out: int,
    real: FloatArray,
    first: IntArray,
    at: CountArray,
) -> None:
    """Operations that must say themselves that a column has not begun."""
    op = code[k, OP]
    for i in range(at[SIZE]):
        begun = first[at[LEFT] + i] <= at[ROW]
        if op == FILL:
            memory[out + i] = real[0] if begun else np.nan
        elif op == KNOWN:
            memory[out + i] = (1.0 if memory[a + i] == memory[a + i] else 0.0) if begun else np.nan
        else:
            value = memory[a + i] if memory[a + i] == memory[a + i] else memory[b + i]
            memory[out + i] = value if begun else np.nan


@kernel(VOID, SERIES, ROWS, SERIES_OUT, WHOLE, COUNTS)
def load(row: FloatArray, first: IntArray, memory: FloatArray, out: int, at: CountArray) -> None:
    """A field's row; NaN in columns that have not begun."""
    z = memory[out : out + at[SIZE]]
    if at[ROW] >= at[4]:  # all have
        spans.copy_row(row, z)
    else:
        for i in range(z.size):
            z[i] = row[i] if first[at[LEFT] + i] <= at[ROW] else np.nan


@kernel(VOID, LANES, LANES, WHOLE, SERIES_OUT, SERIES, LANES, COUNTS)
def remember(
    code: CountArray,
    slots: CountArray,
    k: int,
    memory: FloatArray,
    real: FloatArray,
    warm: CountArray,
    at: CountArray,
) -> None:
    """An operation with a memory."""
    op, size = code[k, OP], at[SIZE]
    a, b = address(code, slots, k, A, at), address(code, slots, k, B, at)
    out, state = address(code, slots, k, OUT, at), code[k, STATE] * size
    if op == SMOOTH:
        recall.smooth(memory, a, out, state, size, real[0])
        waiting = warm[code[k, WARM]]
        if waiting[0] > 0:
            recall.seed_smooth(memory, a, out, state, size, waiting, code[k, PERIOD], code[k, EXTRA], real[0])
    elif op == DECAYING_SUM:
        recall.decaying_sum(memory, a, out, state, size, real[0])
        waiting = warm[code[k, WARM]]
        if waiting[0] > 0:
            recall.seed_decaying_sum(memory, a, out, state, size, waiting, code[k, PERIOD], code[k, EXTRA], real[0])
    elif op < PARABOLIC:
        recall.remember(op, memory, a, b, out, state, size)
    else:
        c, out2 = address(code, slots, k, C, at), address(code, slots, k, OUT2, at)
        x, y, z = memory[a : a + size], memory[b : b + size], memory[c : c + size]
        if op == RATCHET:
            turning.ratchet(memory, x, y, z, code[k, EXTRA], out, out2, state)
        else:
            turning.parabolic(memory, x, y, z, code[k, EXTRA], out, out2, state, real)


@kernel(VOID, LANES, WHOLE, LANES, SERIES_OUT, COUNTS)
def calculate(code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray) -> None:
    """One operation of one bar over one row. Few arrays are handed on: counting who holds them would cost more."""
    size = at[SIZE]
    out = address(code, slots, k, OUT, at)
    a, b, c = address(code, slots, k, A, at), address(code, slots, k, B, at), address(code, slots, k, C, at)
    rows.one_bar(code[k, OP], memory, a, b, c, out, size, code[k, PERIOD])


@kernel(VOID, FIELDS, ROWS, LANES, WHOLE, LANES, SERIES_OUT, COUNTS)
def view(
    fields: Fields, first: IntArray, code: CountArray, k: int, slots: CountArray, memory: FloatArray, at: CountArray
) -> None:
    """An operation that may read the Panel: a field's row, or a window."""
    size, left = at[SIZE], at[LEFT]
    out = address(code, slots, k, OUT, at)
    if code[k, OP] == LOAD:
        load(fields[code[k, FIELD]][at[ROW], left : left + size], first, memory, out, at)
        return
    result = memory[out : out + size]
    reading.window(fields, code, k, slots, memory, at, result)
    oldest = at[ROW] - code[k, A + 1] - code[k, EXTRA]
    if code[k, FIELD] >= 0 and oldest < at[4]:
        for i in range(size):
            result[i] = result[i] if first[left + i] <= oldest else np.nan


@kernel(VOID, FIELDS, ROWS, LANES, WHOLE, LANES, PANEL, SERIES_OUT, LANES, COUNTS)
def step(
    fields: Fields,
    first: IntArray,
    code: CountArray,
    k: int,
    slots: CountArray,
    real: FloatArray,
    memory: FloatArray,
    warm: CountArray,
    at: CountArray,
) -> None:
    """One operation over one row."""
    op = code[k, OP]
    if op <= MEAN_OF:
        calculate(code, k, slots, memory, at)
    elif op == LOAD or op > RATCHET:
        view(fields, first, code, k, slots, memory, at)
    elif op <= OTHERWISE:
        out = address(code, slots, k, OUT, at)
        a, b = address(code, slots, k, A, at), address(code, slots, k, B, at)
        masked(code, k, memory, a, b, out, real[k], first, at)
    else:
        remember(code, slots, k, memory, real[k], warm, at)


@kernel(VOID, SERIES, SERIES_OUT, WHOLE)
def prepare(initial: FloatArray, memory: FloatArray, size: int) -> None:
    """What every row of memory holds before the first bar."""
    for row in range(initial.size):
        spans.fill_row(initial[row], memory[row * size : (row + 1) * size])


@kernel(VOID, FIELDS, ROWS, COUNTS, LANES, LANES, PANEL, SERIES, LANES, CUBE_OUT, WHOLE)
def scan(
    fields: Fields,
    first: IntArray,
    order: CountArray,
    code: CountArray,
    slots: CountArray,
    real: FloatArray,
    initial: FloatArray,
    results: CountArray,
    out: FloatArray,
    block: int,
) -> None:
    """The newest rows of every result, out [results, tail, symbols]. `results` [n, 2]: their slot and its bars back."""
    height, width = fields[0].shape
    tail = out.shape[1]
    top = height - tail
    warms = 0
    for k in range(code.shape[0]):
        warms = max(warms, code[k, WARM] + 1)
    memory = np.empty((initial.size + SPARE_ROWS) * min(block, width))
    at = np.zeros(5, dtype=np.int64)
    active = np.empty(code.shape[0], dtype=np.int64)
    for row in range(min(tail, max(0, -top))):
        for line in range(out.shape[0]):
            spans.fill_row(np.nan, out[line, row])
    for left in range(0, width, block):
        size = min(block, width - left)
        at[LEFT], at[SIZE], at[SPARE] = left, size, initial.size * size
        at[4] = first[order[left + size - 1]]
        warm = np.zeros((warms + 1, size + 1), dtype=np.int64)
        prepare(initial, memory, size)
        woken, count, change = 0, 0, np.int64(0)
        for row in range(height):
            at[ROW] = row
            if row >= change:
                count, change = 0, NEVER
                for k in range(code.shape[0]):
                    if height - code[k, ACTIVE] <= row:
                        active[count] = k
                        count += 1
                    else:
                        change = min(change, height - code[k, ACTIVE])
            while woken < size and first[order[left + woken]] <= row:
                for line in range(warms):
                    warm[line, 0] += 1
                    warm[line, warm[line, 0]] = order[left + woken] - left
                woken += 1
            for place in range(count):
                k = active[place]
                if code[k, OP] <= MEAN_OF:
                    calculate(code, k, slots, memory, at)
                else:
                    step(fields, first, code, k, slots, real, memory, warm, at)
            if row >= top:
                for line in range(results.shape[0]):
                    slot = results[line, 0]
                    begin = (slots[slot, BASE] + ((row - results[line, 1]) & slots[slot, MASK])) * size
                    spans.copy_row(memory[begin : begin + size], out[line, row - top, left : left + size])
