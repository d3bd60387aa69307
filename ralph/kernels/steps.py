"""One operation of a program over a stretch of rows of a block of columns.

`line` is the operation's row of the program, `at` says where: see `opcodes`. What it works on stands in `bank`:
each slot's rows, what operations remember, and rows of scratch.
"""

from __future__ import annotations

import math

from ralph.kernels import memory, rows, turning, windows
from ralph.kernels.jit import NUMBERS_AT, WHOLES_AT, Pointer, Whole, by_address, leaf, moved, pointer_to
from ralph.kernels.opcodes import (
    ACTIVE,
    BASE,
    BEGINS,
    BUSIEST_PRICE,
    DECAYING_SUM,
    END,
    EXTRA,
    FIELD,
    FILL,
    HEIGHT,
    HIGHEST,
    LANES,
    LEFT,
    LOAD,
    MASK,
    MEAN,
    NOT_BEGUN,
    OP,
    OTHERWISE,
    OUT,
    OUT2,
    PANELS,
    PARABOLIC,
    PERIOD,
    RATCHET,
    ROW,
    SCRATCH,
    SHARE_BELOW,
    SINCE_LOWEST,
    SMOOTH,
    STATE,
    TOTAL,
    WAITING,
    WARM,
    WHERE,
    WIDTH,
    YOUNGEST,
    A,
    B,
    C,
    D,
)
from ralph.kernels.windows import View, room, row_of

WITHOUT_END = (1 << 40) - 1


@leaf
def kept(slots: Whole, slot: int, bank: Pointer, at: Whole) -> View:
    """The ring of a slot."""
    return moved(bank, slots[2 * slot + BASE] * at[LANES]), at[LANES], slots[2 * slot + MASK]


@leaf
def on_panel(which: int, at: Whole) -> View:
    """The block's columns of a field."""
    return moved(pointer_to(at[PANELS + which]), at[LEFT]), at[WIDTH], WITHOUT_END


@leaf
def hide(z: Pointer, bank: Pointer, at: Whole, n: int, row: int) -> None:
    """NaN at `z`, made of row `row` on, in columns that begin later."""
    if row < at[YOUNGEST]:
        rows.begun(moved(bank, at[BEGINS] * at[LANES]), z, at[LANES], n, row)


@leaf
def load(line: Whole, slots: Whole, bank: Pointer, at: Whole, start: int) -> None:
    x, z = on_panel(line[FIELD], at), kept(slots, line[OUT], bank, at)
    for row in range(start, at[END]):
        rows.copy(row_of(x, row), row_of(z, row), at[LANES])
    hide(row_of(z, start), bank, at, at[END] - start, start)


@leaf
def calculate(line: Whole, slots: Whole, real: Pointer, bank: Pointer, at: Whole, start: int) -> None:
    """Arithmetic, in stretches along which no ring turns."""
    x, y, w = (kept(slots, line[A], bank, at), kept(slots, line[B], bank, at), kept(slots, line[C], bank, at))
    z = kept(slots, line[OUT], bank, at)
    row, lanes = start, at[LANES]
    while row < at[END]:
        a, b, c = row - line[A + 1], row - line[B + 1], row - line[C + 1]
        n = room(x, a, lanes, room(y, b, lanes, room(w, c, lanes, at[END] - row)))
        rows.one_bar(
            line[OP], row_of(x, a), row_of(y, b), row_of(w, c), row_of(z, row), n * lanes, line[PERIOD], real[0]
        )
        row += n
    if line[OP] >= FILL:
        hide(row_of(z, start), bank, at, at[END] - start, start)


@leaf
def follow(line: Whole, slots: Whole, real: Pointer, bank: Pointer, at: Whole) -> None:
    """A line that turns."""
    x, y, w = (kept(slots, line[A], bank, at), kept(slots, line[B], bank, at), kept(slots, line[C], bank, at))
    z, z2, lanes = kept(slots, line[OUT], bank, at), kept(slots, line[OUT2], bank, at), at[LANES]
    state, scratch = moved(bank, line[STATE] * lanes), moved(bank, at[SCRATCH] * lanes)
    for row in range(at[ROW], at[END]):
        high, low, close = row_of(x, row - line[A + 1]), row_of(y, row - line[B + 1]), row_of(w, row - line[C + 1])
        if line[OP] == RATCHET:
            turning.ratchet(high, low, close, row_of(z, row), row_of(z2, row), state, lanes, line[EXTRA])
        else:
            turning.parabolic(
                high, low, close, row_of(z, row), row_of(z2, row), state, lanes, line[EXTRA], real, scratch
            )


@leaf
def remember(line: Whole, slots: Whole, real: Pointer, bank: Pointer, at: Whole) -> None:
    """An operation with a memory."""
    waiting = moved(at, WAITING)
    op, lanes, period, extra, keep = line[OP], at[LANES], line[PERIOD], line[EXTRA], real[0]
    x, y, z = kept(slots, line[A], bank, at), kept(slots, line[B], bank, at), kept(slots, line[OUT], bank, at)
    state = moved(bank, line[STATE] * lanes)
    if op > DECAYING_SUM:
        for row in range(at[ROW], at[END]):
            memory.remember(
                op, row_of(x, row - line[A + 1]), row_of(y, row - line[B + 1]), row_of(z, row), state, lanes
            )
        return
    for row in range(at[ROW], at[END]):
        value, out = row_of(x, row - line[A + 1]), row_of(z, row)
        if waiting[line[WARM]] > at[NOT_BEGUN]:
            if op == SMOOTH:
                waiting[line[WARM]] = memory.seed_smooth(value, out, state, lanes, period, extra, keep)
            else:
                waiting[line[WARM]] = memory.seed_decaying_sum(value, out, state, lanes, period, extra, keep)
        elif op == SMOOTH:
            memory.smooth(value, out, state, lanes, keep)
        else:
            memory.decaying_sum(value, out, state, lanes, keep)


@leaf
def over_window(line: Whole, slots: Whole, bank: Pointer, at: Whole, source: View, start: int, z: Pointer) -> None:
    """The operation's own, at rows of which all bars are there."""
    op, period, lanes, n = line[OP], line[PERIOD], at[LANES], at[END] - start
    scratch, where = moved(bank, at[SCRATCH] * lanes), moved(at, WHERE)
    y, w, v = (kept(slots, line[B], bank, at), kept(slots, line[C], bank, at), kept(slots, line[D], bank, at))
    where[0], where[1] = start - line[A + 1], start - line[B + 1]
    where[2], where[3] = start - line[C + 1], start - line[D + 1]
    if op in (TOTAL, MEAN):
        windows.sums(op, source, where[0], n, period, z, scratch, lanes)
    elif op == BUSIEST_PRICE:
        windows.profile(source, y, w, where, n, period, line[EXTRA], z, lanes, scratch)
    elif op == SHARE_BELOW:
        windows.shares(source, where[0], n, period, z, lanes)
    elif op >= HIGHEST and op <= SINCE_LOWEST:
        windows.extremes(op, source, where[0], n, period, z, scratch, lanes)
    else:
        windows.spreads(op, (source, y, w, v), where, n, period, z, scratch, lanes)


@leaf
def look_back(line: Whole, slots: Whole, bank: Pointer, at: Whole, start: int) -> None:
    """A window; NaN where the Panel, or a column of it, does not reach back so far."""
    out, lanes = kept(slots, line[OUT], bank, at), at[LANES]
    if line[FIELD] < 0:
        source = kept(slots, line[A], bank, at)
        over_window(line, slots, bank, at, source, start, row_of(out, start))
        return
    oldest = line[A + 1] + line[EXTRA]
    there = min(max(start, oldest), at[END])
    rows.fill(math.nan, row_of(out, start), (there - start) * lanes)
    if there < at[END]:
        z = row_of(out, there)
        over_window(line, slots, bank, at, on_panel(line[FIELD], at), there, z)
        hide(z, bank, at, at[END] - there, there - oldest)


@by_address(WHOLES_AT, WHOLES_AT, NUMBERS_AT, NUMBERS_AT, WHOLES_AT)
def operate(line: Whole, slots: Whole, real: Pointer, bank: Pointer, at: Whole) -> None:
    """One operation over the rows of the stretch at which its results are wanted."""
    op = line[OP]
    start = max(at[ROW], at[HEIGHT] - line[ACTIVE])
    if start >= at[END]:
        return
    if op == LOAD:
        load(line, slots, bank, at, start)
    elif op <= OTHERWISE:
        calculate(line, slots, real, bank, at, start)
    elif op < PARABOLIC:
        remember(line, slots, real, bank, at)
    elif op <= RATCHET:
        follow(line, slots, real, bank, at)
    else:
        look_back(line, slots, bank, at, start)
