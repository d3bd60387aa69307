"""A program's operations, one after another, on WIDE columns: the same for rows of a Panel and for one more bar."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.kernels import opcodes as oc
from ralph.kernels.straight.bar import one_bar, remembered, seeded
from ralph.kernels.straight.lines import Hopes, Lines, splat
from ralph.kernels.straight.windows import Row, Window, can_write, window

FILTERS = ("smooth", "decaying_sum")
FOR_GOOD = (*FILTERS, "running")  # once missing, missing in every later row


class Listing(NamedTuple):
    """A program as it is laid out: see `opcodes`; `initial` is what slots hold at first, `begins` the row of memory in
    which columns' first rows stand, `lanes` (a power of two) and `stretch` how many columns and rows are worked on
    together."""

    code: NDArray[np.int64]
    slots: NDArray[np.int64]
    real: NDArray[np.float64]
    initial: NDArray[np.float64]
    results: NDArray[np.int64]
    begins: int
    lanes: int
    stretch: int


class Part(NamedTuple):
    """Operations that are worked on together, of a phase that has so many: from the first until before the last."""

    first: int
    until: int
    phase: int


def is_writable(listing: Listing, k: int) -> bool:
    """Whether an operation has straight code."""
    name = oc.NAMES[listing.code[k, oc.OP]]
    return name not in oc.WINDOWS or can_write(name)


class Body(ABC):
    """Writes some operations. Who knows where the numbers stand fills in what is left open.

    careful: filters may wait for their seeds
    """

    def __init__(self, lines: Lines, listing: Listing, part: Part, *, careful: bool) -> None:
        self.lines, self.listing, self.careful = lines, listing, careful
        self.active = list(range(part.first, part.until))
        self.made_in = set(listing.code[: part.phase, [oc.OUT, oc.OUT2]].ravel().tolist()) - {0}
        self.is_whole = part.until - part.first == part.phase
        extremes = np.isin(listing.code[:, oc.OP], (oc.LEAST, oc.GREATEST))
        self.late = set(listing.code[extremes][:, oc.OUT].tolist())  # blocks of long windows are missing for long
        self.values: dict[tuple[int, int], str] = {}  # by slot, and the row's number
        self.states: dict[int, str] = {}

    # Where numbers stand

    @abstractmethod
    def kept(self, slot: int, by: str | int) -> str:
        """The address of a slot's row, so many rows on."""

    @abstractmethod
    def memory(self, row: str | int) -> str:
        """The address of what operations remember in a row."""

    @abstractmethod
    def field(self, field: int, on: int) -> str:
        """A field's columns at a row."""

    @abstractmethod
    def shown(self, value: str, on: int, oldest: int) -> str:
        """NaN where a column begins after the oldest bar that a value is made of."""

    @abstractmethod
    def source(self, line: list[int], operand: tuple[int, int], on: int) -> Row:
        """Where a window's rows stand."""

    @abstractmethod
    def write(self) -> None:
        """All operations, at all rows."""

    # What is done

    def write_in_hope(self) -> str:
        """All of it as if no number were missing; whether so it was in all columns."""
        self.lines.hopes = hopes = Hopes(self.lines)
        self.write()
        for line in self.listing.code[self.active].tolist():
            if oc.NAMES[line[oc.OP]] in FOR_GOOD:
                hopes.is_there(self.states[line[oc.STATE]])
        good = self.lines.all_true(hopes.came_true())
        self.lines.hopes = None
        return good

    def read(self, pointer: str) -> str:
        """What stands there; more may be hoped of it."""
        value = self.lines.load(pointer)
        if self.lines.hopes is not None:
            self.lines.hopes.may_be_hoped(value)
        return value

    def value(self, slot: int, back: int, on: int) -> str:
        """A slot's value, so many bars back of a row."""
        if slot not in self.made_in:
            return splat(float(self.listing.initial[slot]))
        if (slot, on - back) not in self.values:
            kept = self.kept(slot, on - back)
            self.values[slot, on - back] = self.lines.load(kept) if slot in self.late else self.read(kept)
        return self.values[slot, on - back]

    def state(self, row: int) -> str:
        """What an operation remembers."""
        if row not in self.states:
            self.states[row] = self.read(self.memory(row))
        return self.states[row]

    def keep(self) -> None:
        """What operations remember after the last row."""
        for row, value in self.states.items():
            self.lines.store(value, self.memory(row))

    def operate(self, k: int, on: int) -> None:
        """One operation at a row."""
        line, real = self.listing.code[k].tolist(), self.listing.real[k].tolist()
        name = oc.NAMES[line[oc.OP]]
        if name == "load":
            made = [self.shown(self.field(line[oc.FIELD], on), on, 0)]
        elif name in oc.WINDOWS:
            made = [self._window(name, line, on)]
        else:
            x = [self.value(line[slot], line[back], on) for slot, back in oc.OPERANDS[:3]]
            if name in oc.MEMORY:
                made = self._remember(name, line, real, x)
            else:
                result = one_bar(self.lines, name, x, line[oc.PERIOD], real[0])
                made = [self.shown(result, on, 0) if name in oc.MASKED else result]
        for column, value in zip((oc.OUT, oc.OUT2), made, strict=False):
            self._leave(line[column], value, on)

    def _leave(self, slot: int, value: str, on: int) -> None:
        """A result goes into memory where later rows, or other parts, read it."""
        if slot == 0:
            return
        self.values[slot, on] = value
        if not self.is_whole or self.listing.slots[slot, oc.MASK] >= self.listing.stretch:
            self.lines.store(value, self.kept(slot, on))

    def _remember(self, name: str, line: list[int], real: list[float], x: list[str]) -> list[str]:
        waits = self.careful and name in FILTERS
        count = 1 if name in FILTERS and not waits else len(oc.STATES[name])
        rows = range(line[oc.STATE], line[oc.STATE] + count)
        state = [self.state(row) for row in rows]
        if waits:
            result, after = seeded(self.lines, name, x[0], state, (line[oc.PERIOD], line[oc.EXTRA]), real[0])
            made = [result]
        else:
            made, after = remembered(self.lines, name, x, state, line[oc.EXTRA], real)
        self.states.update(zip(rows, after, strict=True))
        return made

    def _window(self, name: str, line: list[int], on: int) -> str:
        lines = self.lines
        rows = self.source(line, (oc.A, oc.A_BACK), on)
        other = self.source(line, (oc.C, oc.C_BACK), on)
        mean, other_mean = self.value(line[oc.B], line[oc.B_BACK], on), self.value(line[oc.D], line[oc.D_BACK], on)
        hopes, lines.hopes = lines.hopes, None  # what is read in a loop is not hoped about
        result = window(lines, Window(name, line[oc.PERIOD], rows, other, mean, other_mean), hopes)
        lines.hopes = hopes
        return self.shown(result, on, line[oc.A_BACK] + line[oc.EXTRA]) if line[oc.FIELD] >= 0 else result
