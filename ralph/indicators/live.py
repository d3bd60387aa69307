"""Indicators of bars as they come: `commit` when bars close, `peek` while they run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.indicators.plan import Plan
from ralph.indicators.program import Program, program
from ralph.indicators.terms import FIELDS
from ralph.kernels import opcodes as oc

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
RING, ROW_KEPT, RING_KEPT = range(3)  # of `kernels.live`, which is not imported before it is used


class Live:
    """What a plan's terms know of `symbols` columns, none of which has a bar yet.

    Columns are named by their index; a column may be given at most once in a call. Values are those of `Plan.last`
    over all bars committed (and the running one), to the last bit. One thread at a time.
    """

    def __init__(self, plan: Plan, symbols: int) -> None:
        self._plan = plan
        self._program = program(plan.terms, 1, live=True)
        self._moves = _moves(self._program)
        count = np.zeros((symbols, 1))
        self._store = np.ascontiguousarray(np.hstack([np.tile(self._program.initial, (symbols, 1)), count]))

    @classmethod
    def start(cls, plan: Plan, inputs: Mapping[str, FloatArray], first: IntArray) -> Live:
        """After all bars of a Panel, inputs {name: [bars, symbols]}, columns valid from their row `first` on."""
        live = cls(plan, first.size)
        for row in range(len(inputs[plan.inputs[0]]) if plan.inputs else 0):
            lanes = np.flatnonzero(first <= row)
            live.commit(lanes, {name: inputs[name][row, lanes] for name in plan.inputs})
        return live

    def commit(self, lanes: NDArray[np.int64], bars: Mapping[str, FloatArray]) -> FloatArray:
        """Bars {name: [lanes]} have closed: the values at them [terms, lanes]."""
        return self._advance(lanes, bars, closed=True)

    def peek(self, lanes: NDArray[np.int64], bars: Mapping[str, FloatArray]) -> FloatArray:
        """The values [terms, lanes] as if these running bars closed now; nothing is kept."""
        return self._advance(lanes, bars, closed=False)

    def _advance(self, lanes: NDArray[np.int64], bars: Mapping[str, FloatArray], *, closed: bool) -> FloatArray:
        assert lanes.size == 0 or 0 <= lanes.min() <= lanes.max() < len(self._store)
        rows = {name: np.ascontiguousarray(bars[name], dtype=np.float64).reshape(1, -1) for name in self._plan.inputs}
        unread = np.empty((1, lanes.size))
        fields = tuple(rows.get(name, unread) for name in FIELDS)
        out = np.empty((len(self._plan.terms), lanes.size))
        run = self._program
        which = np.ascontiguousarray(lanes, dtype=np.int64)
        kernels.live.advance(
            fields, run.code, run.slots, run.real, self._moves, run.results, which, self._store, out, closed
        )
        return out


def followed(
    plan: Plan, inputs: Mapping[str, FloatArray], begins: NDArray[np.bool_], number: IntArray, tail: int
) -> FloatArray:
    """The terms at the newest `tail` daily bars [terms, tail, symbols], each bar being the running one of its period.

    inputs hold at each daily bar the period so far, {name: [bars, symbols]}; `begins` [bars, symbols] says where one
    begins, `number` which one it is in its column, from 1, and 0 above the column's first. NaN there. The values are
    those of `Plan.last` over the closed periods and the running one, to the last bit.
    """
    run = program(plan.terms, 1, live=True)
    given = {name: np.ascontiguousarray(inputs[name], dtype=np.float64) for name in plan.inputs}
    unread = np.empty((1, 1))
    out = np.full((len(plan.terms), tail, number.shape[1]), np.nan)
    kernels.following.follow(
        tuple(given.get(name, unread) for name in FIELDS),
        np.ascontiguousarray(begins),
        np.ascontiguousarray(number),
        run.code,
        run.slots,
        run.real,
        run.initial,
        _moves(run),
        run.results,
        out,
    )
    return out


def _moves(run: Program) -> NDArray[np.int64]:
    """What a row reads and leaves behind; see `kernels.live`."""
    moves: dict[tuple[int, int, int], None] = {}
    written = {int(slot) for slot in run.code[:, oc.OUT]} | {int(slot) for slot in run.code[:, oc.OUT2]}
    for slot, (base, mask) in enumerate(run.slots.tolist()):
        if mask:
            moves[RING_KEPT, slot, 0] = None
        elif slot not in written:
            moves[ROW_KEPT, base, 0] = None  # a constant
    for line in run.code.tolist():
        name = oc.NAMES[line[oc.OP]]
        if line[oc.STATE] >= 0:
            moves.update({(ROW_KEPT, line[oc.STATE] + row, 0): None for row in range(len(oc.STATES[name]))})
        over = line[oc.PERIOD] + (name == "share_below") if name in oc.WINDOWS else 1
        for slot, back in oc.OPERANDS:
            for row in range(line[back], line[back] + over):
                if row > 0 and run.slots[line[slot], oc.MASK]:
                    moves[RING, line[slot], row] = None
    for slot, back in run.results.tolist():
        if back:
            moves[RING, slot, back] = None
    return np.array(list(moves), dtype=np.int64).reshape(-1, 3)
