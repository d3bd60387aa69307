"""Indicators of bars as they come: `commit` when bars close, `peek` while they run."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.indicators import straight
from ralph.indicators.plan import Plan
from ralph.indicators.program import Layout, Program, program
from ralph.indicators.terms import FIELDS, Term
from ralph.kernels import opcodes as oc

if TYPE_CHECKING:
    from ralph.kernels.straight import Function

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
IndexArray = NDArray[np.int64]
LANES = 64  # columns worked on together: what they know and what is made of it fit into the caches
FOLLOWED_LANES = 256  # the same where rows follow each other: fewer turns, in a second-level cache
SCRATCH_AT = 3
PROGRAMS_KEPT = 64  # of plans that are followed over weeks and months
TURNED = 4  # columns that straight code turns into rows at a time
RING, ROW_KEPT, RING_KEPT = range(3)  # of `kernels.live`, which is not imported before it is used


class Days(NamedTuple):
    """Which period of its column each daily bar lies in, `number` [bars, symbols], from 1, and 0 above the column's
    first; and the columns asked for."""

    number: IntArray
    columns: IndexArray


class _Given:
    """What straight code is given of a call: columns, and their bars' fields; with room for all columns at once."""

    def __init__(self, plan: Plan, symbols: int) -> None:
        room = symbols + oc.WIDE
        self.lanes = np.zeros(room, dtype=np.int64)
        self.rows = np.zeros((len(plan.inputs), room))
        self._fields = np.zeros(len(FIELDS), dtype=np.int64)
        for place, name in enumerate(plan.inputs):
            self._fields[FIELDS.index(name)] = _address(self.rows[place])
        self.at_lanes, self.at_fields = _address(self.lanes), _address(self._fields)


class Live:
    """What a plan's terms know of `symbols` columns, none of which has a bar yet.

    Columns are named by their index; a column may be given at most once in a call. Values are those of `Plan.last`
    over all bars committed (and the running one), to the last bit. One thread at a time.
    """

    def __init__(self, plan: Plan, symbols: int) -> None:
        self._plan = plan
        self._program = program(plan.terms, 1, live=True)
        self._layout = self._program.layout(LANES, 1)
        self._moves = _moves(self._program, *self._layout[:2])
        first = _initial_rows(self._program, *self._layout[1:])
        self._rings = np.ascontiguousarray(np.repeat(first[:, None], symbols, axis=1))
        self._ahead = np.zeros((symbols, len(self._moves) + 1))
        self._memory = (_address(self._ahead), _address(self._rings), symbols)
        self._given = _Given(plan, symbols)
        self._bar: Function | None = None
        self._take_up()

    @classmethod
    def start(cls, plan: Plan, inputs: Mapping[str, FloatArray], first: IntArray) -> Live:
        """After all bars of a Panel, inputs {name: [bars, symbols]}, columns valid from their row `first` on."""
        live = cls(plan, first.size)
        if plan.inputs and first.size and len(inputs[plan.inputs[0]]):
            given = [np.ascontiguousarray(inputs[name], dtype=np.float64) for name in plan.inputs]
            plan.run(live._program, live._layout, given, (first, live._rings))
            live._ahead[:, -1] = given[0].shape[0]
            live._take_up()
        return live

    def _take_up(self) -> None:
        lanes = np.arange(len(self._ahead))
        kernels.live.take_up(self._moves, self._layout[1], lanes, (self._ahead, self._rings))

    def commit(self, lanes: NDArray[np.int64], bars: Mapping[str, FloatArray]) -> FloatArray:
        """Bars {name: [lanes]} have closed: the values at them [terms, lanes]."""
        return self._advance(lanes, bars, closed=True)

    def peek(self, lanes: NDArray[np.int64], bars: Mapping[str, FloatArray]) -> FloatArray:
        """The values [terms, lanes] as if these running bars closed now; nothing is kept."""
        return self._advance(lanes, bars, closed=False)

    def straighten(self) -> None:
        """Compile what a bar does now, and not when it has been used some time."""
        straight.compile_bar(self._program, self._layout, self._moves)

    def _advance(self, lanes: NDArray[np.int64], bars: Mapping[str, FloatArray], *, closed: bool) -> FloatArray:
        which = np.ascontiguousarray(lanes, dtype=np.int64)
        unsigned = which.view(np.uint64)
        assert which.size == 0 or unsigned[unsigned.argmax()] < len(self._ahead)
        if self._bar is None and which.size:
            self._bar = straight.bar_of(self._program, self._layout, self._moves, which.size)
        if self._bar is None or which.size == 0:
            return self._look_up(which, bars, closed)
        return self._go_straight(self._bar, which, bars, closed)

    def _go_straight(
        self, bar: Function, lanes: IndexArray, bars: Mapping[str, FloatArray], closed: bool
    ) -> FloatArray:
        """Columns are worked on some at a time: the last stands in for those that are not there."""
        count = lanes.size
        there = -(-count // oc.WIDE) * oc.WIDE
        given = self._given
        for place, name in enumerate(self._plan.inputs):
            given.rows[place, :count] = bars[name]
        given.lanes[:count] = lanes
        if there > count:
            given.rows[:, count:there] = given.rows[:, count - 1 : count]
            given.lanes[count:there] = lanes[-1]
        out = np.empty((len(self._plan.terms), there))
        bar.call(given.at_lanes, there, *self._memory, given.at_fields, _address(out), closed)
        return out[:, :count]

    def _look_up(self, which: IndexArray, bars: Mapping[str, FloatArray], closed: bool) -> FloatArray:
        rows = {name: np.ascontiguousarray(bars[name], dtype=np.float64).reshape(1, -1) for name in self._plan.inputs}
        unread = np.empty((1, which.size))
        fields = tuple(rows.get(name, unread) for name in FIELDS)
        out = np.empty((len(self._plan.terms), which.size))
        code, slots, sizes = self._layout
        known, asked = (self._ahead, self._rings), np.append(kernels.machine.addressed(sizes), int(closed))
        run = self._program
        kernels.live.advance(fields, code, slots, run.real, self._moves, run.results, which, known, out, asked)
        return out


def _address(array: FloatArray | IndexArray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(array.data)) if array.size else 0


def followed(plan: Plan, inputs: Mapping[str, FloatArray], days: Days, tail: int) -> FloatArray:
    """The terms at the newest `tail` daily bars [terms, tail, columns], each bar being the running one of its period.

    inputs hold at each daily bar the period so far, {name: [bars, symbols]}. NaN where there is no bar. The values are
    those of `Plan.last` over the closed periods and the running one, to the last bit.
    """
    run, (code, slots, sizes), initial = _one_by_one(plan.terms)
    given = {name: np.ascontiguousarray(inputs[name], dtype=np.float64) for name in plan.inputs}
    unread = np.empty((1, 1))
    out = np.full((len(plan.terms), tail, days.columns.size), np.nan)
    kernels.following.follow(
        tuple(given.get(name, unread) for name in FIELDS),
        np.ascontiguousarray(days.number),
        np.ascontiguousarray(days.columns, dtype=np.int64),
        code,
        slots,
        run.real,
        initial,
        run.results,
        kernels.machine.addressed(sizes.copy()),
        out,
    )
    return out


@lru_cache(PROGRAMS_KEPT)
def _one_by_one(terms: tuple[Term, ...]) -> tuple[Program, Layout, FloatArray]:
    """The program that runs one row at a time, and what its memory holds at first."""
    run = program(terms, 1, live=True)
    layout = run.layout(FOLLOWED_LANES, 1)
    return run, layout, _initial_rows(run, *layout[1:])


def _initial_rows(run: Program, slots: NDArray[np.int64], sizes: NDArray[np.int64]) -> FloatArray:
    """What each row of memory holds at first."""
    first = np.zeros(int(sizes[SCRATCH_AT]))
    for (base, mask), value in zip(slots.tolist(), run.initial[0], strict=False):
        first[base : base + mask + 1] = value
    first[first.size - run.remembered :] = run.initial[1, : run.remembered]
    return first


def _moves(run: Program, code: NDArray[np.int64], slots: NDArray[np.int64]) -> NDArray[np.int64]:
    """What a row reads and leaves behind; see `kernels.live`."""
    moves: dict[tuple[int, int, int], None] = {}
    written = {int(slot) for slot in code[:, oc.OUT]} | {int(slot) for slot in code[:, oc.OUT2]}
    for slot, (base, mask) in enumerate(slots.tolist()):
        if mask:
            moves[RING_KEPT, slot, 0] = None
        elif slot not in written:
            moves[ROW_KEPT, base, 0] = None  # a constant
    for line in code.tolist():
        name = oc.NAMES[line[oc.OP]]
        if line[oc.STATE] >= 0:
            moves.update({(ROW_KEPT, line[oc.STATE] + row, 0): None for row in range(len(oc.STATES[name]))})
        over = line[oc.PERIOD] + (name == "share_below") if name in oc.WINDOWS else 1
        for slot, back in oc.OPERANDS:
            for row in range(line[back], line[back] + over):
                if row > 0 and slots[line[slot], oc.MASK]:
                    moves[RING, line[slot], row] = None
    for slot, back in run.results.tolist():
        if back:
            moves[RING, slot, back] = None
    # A ring's rows stand in their order; the number of all, and one for how many bars there are, is a multiple of four.
    ordered = sorted(moves, key=lambda move: (move[0] != ROW_KEPT, move[1], move[2]))
    ordered += [(ROW_KEPT, 0, 0)] * (-(len(ordered) + 1) % TURNED)
    return np.array(ordered, dtype=np.int64).reshape(-1, 3)
