"""A program for the machine: lowered terms in order, with a place for every row they need."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ralph.indicators.lowering import ABOUT_MEANS, ALL, lowered, rows_wanted
from ralph.indicators.reach import REMEMBERS, WINDOWS, length, parts_of
from ralph.indicators.terms import FIELDS, Term
from ralph.kernels import opcodes as oc

LANES_MAX = 128  # columns worked on together where few rows are wanted
TOGETHER = 512  # numbers of a stretch of rows: a few such fit into a first-level cache, and hide what a dispatch costs
CACHED = 40_960  # float64 that stay in a second-level cache of 512 KB
FROM_PANEL = frozenset(("total", "mean", "highest", "lowest", "weighted_mean", "since_highest", "since_lowest"))
FROM_PANEL |= ABOUT_MEANS | {"share_below"}


Layout = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Where a program's rows stand: its code, its slots, and `sizes` as `kernels.machine` names them."""


@dataclass(frozen=True)
class Program:
    """What the machine runs; see `kernels.opcodes`. `bars` is how many each slot keeps, `initial` what it holds at
    first, `states` what the operations remember at first, `results` int64 [results, 2] the slot of each result and its
    bars back. States stand behind the slots, and are told from there."""

    code: NDArray[np.int64]
    real: NDArray[np.float64]
    bars: tuple[int, ...]
    initial: NDArray[np.float64]
    results: NDArray[np.int64]
    remembered: int
    scratch: int
    tail: int
    layouts: dict[tuple[int, int], Layout] = field(default_factory=dict)

    @cached_property
    def key(self) -> bytes:
        """What two programs have in common if, and only if, they are the same."""
        told = hashlib.blake2b(repr((self.bars, self.tail)).encode(), digest_size=32)
        for one in (self.code, self.real, self.initial, self.results):
            told.update(repr(one.shape).encode() + one.tobytes())
        return told.digest()

    def fitted(self, width: int, height: int) -> Layout:
        """The layout for a Panel of this shape."""
        fits = self.fitting(width, height)
        if fits not in self.layouts:
            self.layouts[fits] = self.layout(*fits)
        return self.layouts[fits]

    def layout(self, lanes: int, stretch: int) -> Layout:
        """For blocks of so many columns and stretches of a power of two rows: code, slots and sizes."""
        slots, end = [], 0
        for bars in self.bars:
            size = stretch if bars == 1 else 1 << (bars + stretch - 2).bit_length()
            slots.append((end, size - 1))
            end += size
        code = self.code.copy()
        code[code[:, oc.STATE] >= 0, oc.STATE] += end
        end += self.remembered
        scratch = max(oc.SCRATCH_ROWS, stretch, self.scratch)  # the last block may be one column wide
        sizes = (lanes, stretch, end + scratch + 1, end, self.remembered, 0, 0)
        return code, np.array(slots, dtype=np.int64), np.array(sizes, dtype=np.int64)

    @cached_property
    def _rows(self) -> int:
        """About how many rows of memory the slots take."""
        return sum(bars - 1 for bars in self.bars) * 3 // 2 + len(self.bars)

    def fitting(self, width: int, height: int) -> tuple[int, int]:
        """How many columns and rows to work on together."""
        lanes = min(width, LANES_MAX)
        while True:
            stretch = 1 << max(0, min(TOGETHER // lanes, height).bit_length() - 1)
            if lanes <= 16 or self._rows * lanes <= CACHED:
                return lanes, stretch
            lanes = lanes // 2


def program(terms: Iterable[Term], tail: int, *, live: bool = False) -> Program:
    """The program for the newest `tail` rows of terms. `live`: for one row at a time, nothing is read from a Panel."""
    wanted = lowered(terms, tail, always=live)
    return _Writer(wanted, rows_wanted(wanted, tail), live, tail).written()


@dataclass
class _Place:
    """Where a result of an operation stands: its slot, how many bars it keeps, and who reads it last."""

    bars: int = 1
    slot: int = -1
    last_use: int = -1


@dataclass
class _Writer:
    wanted: list[Term]
    rows: dict[Term, int]
    live: bool
    tail: int
    places: dict[tuple[Term, int], _Place] = field(default_factory=dict)
    operations: list[Term] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)
    initial: list[float] = field(default_factory=list)
    states: list[float] = field(default_factory=list)
    warm: int = 0
    scratch: int = 18  # numbers, for a line that turns

    def written(self) -> Program:
        self._slot(1, math.nan)  # the one that operands that are not there name
        self._order()
        code = np.full((len(self.operations), oc.COLUMNS), -1, dtype=np.int64)
        real = np.zeros((len(self.operations), 3))
        free: list[int] = []
        for number, term in enumerate(self.operations):
            self._write(code[number], term, number, free)
            numbers = _numbers(term)
            real[number, : len(numbers)] = numbers
        results = [self._operand(term) for term in self.wanted]
        lines = [[self.places[term, part].slot, back] for term, part, back in results]
        initial = np.zeros((2, max(len(self.initial), len(self.states))))
        initial[0, : len(self.initial)] = self.initial
        initial[1, : len(self.states)] = self.states
        wanted = np.array(lines, dtype=np.int64).reshape(-1, 2)
        return Program(code, real, tuple(self.bars), initial, wanted, len(self.states), self.scratch, self.tail)

    def _operand(self, term: Term) -> tuple[Term, int, int]:
        """The operation that makes a term, which of its results, and how many bars back."""
        back = part = 0
        while term.op in ("shift", "part"):
            if term.op == "shift":
                back += term.whole[0]
            else:
                part = term.whole[0]
            term = term.inputs[0]
        return term, part, back

    def _from_panel(self, term: Term) -> bool:
        read = self._operand(term.inputs[0])[0].op if term.op in FROM_PANEL else ""
        return not self.live and read.startswith("read_")

    def _order(self) -> None:
        """Which operations there are, and for how long each result is kept."""
        terms = [term for term in parts_of(self.wanted) if term.op not in ("shift", "part")]
        self.places = {(term, part): _Place() for term in terms for part in (0, 1)}
        read = {self._operand(one)[0] for one in self.wanted}
        for term in terms:
            windows = enumerate(term.inputs)
            read |= {self._operand(one)[0] for at, one in windows if at > 0 or not self._from_panel(term)}
        made = [term for term in terms if term in read and term.op != "constant"]
        # What is wanted at the most rows comes first: straight code ends where the next operation begins.
        self.operations = sorted(made, key=lambda term: -self._active(term))
        for number, term in enumerate(self.operations):
            for place, one in enumerate(term.inputs):
                if place > 0 or not self._from_panel(term):
                    over = length(term) - 1 if term.op in WINDOWS and _many(term, place) else 0
                    self._keep(one, over, number)
        for one in self.wanted:
            self._keep(one, 0, len(self.operations))
        for term in terms:
            if term.op == "constant":
                self.places[term, 0].slot = self._slot(1, term.real[0])

    def _keep(self, term: Term, over: int, number: int) -> None:
        made, part, back = self._operand(term)
        kept = self.places[made, part]
        kept.bars, kept.last_use = max(kept.bars, back + over + 1), max(kept.last_use, number)

    def _slot(self, bars: int, initial: float) -> int:
        self.bars.append(bars)
        self.initial.append(initial)
        return len(self.bars) - 1

    def _write(self, line: NDArray[np.int64], term: Term, number: int, free: list[int]) -> None:
        line[oc.OP] = oc.NUMBERS["load" if term.op.startswith("read_") else term.op]
        line[oc.ACTIVE] = self._active(term)
        line[oc.OUT : oc.PERIOD] = 0
        for (slot, back), (place, one) in zip(oc.OPERANDS, enumerate(self._inputs(term)), strict=False):
            made, part, away = self._operand(one)
            line[slot], line[back] = self.places[made, part].slot, away
            if place == 0 and self._from_panel(term):
                line[slot], line[oc.FIELD] = 0, FIELDS.index(made.op.removeprefix("read_"))
        self._fixed(line, term)
        for part, column in enumerate((oc.OUT, oc.OUT2)):
            line[column] = self._result(self.places[term, part], number, free)
        # Slots of one row that no later operation reads serve again.
        for one in term.inputs:
            made, which, _ = self._operand(one)
            kept = self.places[made, which]
            if kept.last_use == number and kept.bars == 1 and made.op != "constant" and kept.slot not in free:
                free.append(kept.slot)

    def _active(self, term: Term) -> int:
        return ALL if term.op in REMEMBERS else self.rows[term]

    def _inputs(self, term: Term) -> tuple[Term, ...]:
        """In the columns' order: a window's means come second."""
        if term.op == "covariance":
            left, right, mean, other = term.inputs
            return left, mean, right, other
        return term.inputs

    def _fixed(self, line: NDArray[np.int64], term: Term) -> None:
        """The operation's whole numbers, its field, and where what it remembers stands."""
        if term.whole:
            line[oc.PERIOD] = term.whole[0]
            line[oc.EXTRA] = term.whole[-1]
        if term.op in FROM_PANEL:
            line[oc.EXTRA] = length(term) - 1
        if term.op.startswith("read_"):
            line[oc.FIELD] = FIELDS.index(term.op.removeprefix("read_"))
        if term.op in oc.STATES:
            line[oc.STATE] = len(self.states)
            self.states += oc.STATES[term.op]
        if term.op == "busiest_price":
            self.scratch = max(self.scratch, 3 * term.whole[0] + term.whole[1])
        if term.op in ("smooth", "decaying_sum"):
            line[oc.WARM] = self.warm
            self.warm += 1

    def _result(self, kept: _Place, number: int, free: list[int]) -> int:
        if kept.last_use < number:
            return 0
        if kept.bars == 1 and free:
            kept.slot = free.pop()
        else:
            kept.slot = self._slot(kept.bars, math.nan)
        return kept.slot


def _many(term: Term, place: int) -> bool:
    """Whether a window reads many rows of this input, not only the newest."""
    return place == 0 or (term.op == "covariance" and place == 1) or term.op == "busiest_price"


def _numbers(term: Term) -> tuple[float, ...]:
    """The operation's real numbers: filters are told what they keep."""
    if term.op == "smooth":
        return (1.0 - term.real[0],)
    if term.op == "decaying_sum":
        return (1.0 - 1.0 / term.whole[0],)
    return term.real
