"""Programs that are used again as straight machine code: the same values, without looking operations up.

Compiling one takes about a second of a thread beside, and nobody waits for it: until it is there, the machine runs the
program as it does one that is used once. What is compiled is kept in memory by what the program is, the newest
KEPT_MAX.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from queue import Full, Queue
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.indicators.program import Layout, Program
from ralph.kernels import opcodes as oc

if TYPE_CHECKING:  # LLVM is imported by who compiles
    from ralph.kernels.straight import Function, Listing, Part

KEPT_MAX = 64
WAITING_MAX = 64  # programs to be compiled; further ones are asked for again when they are used again
USES_MIN = 3  # before a program is compiled,
WORTH = 2_000_000  # and on so many bars of columns together, an operation each
OPERATIONS_MAX = 300  # what is longer takes too long to compile,
PART_MAX = 120  # and this is short where it can be parted
ROWS_MIN = 16  # of a phase in which rows are worked on together
MORE = 1.25  # times the operations that are wanted may be done in a phase
ROWS_AT_ONCE = 4
TWICE_MAX = 1.05  # times the columns there are may be worked on
LANES_MAX = 64  # columns worked on together: what a year of their bars takes stays in a second-level cache
Key = tuple[object, ...]
T = TypeVar("T")


class Straight(NamedTuple):
    """A layout whose sizes tell where the machine code of its phases stands, and the functions that live with it."""

    layout: Layout
    functions: tuple[Function, ...]


def straightened(run: Program, layout: Layout) -> Straight:
    """Machine code for every phase of a program that has some."""
    code, slots, sizes = layout
    listing = _listing(run, layout)
    told: list[int] = [0]
    functions = []
    for begin, end, count in _phases(run, code):
        rows = ROWS_AT_ONCE if begin - end >= ROWS_MIN else 1
        for part, is_writable in _parts(listing, count, begin - end):
            address = 0
            if is_writable:
                publishes = begin <= run.tail and part.until == count
                functions.append(kernels.straight.phase_function(listing, part, rows, publishes=publishes))
                address = functions[-1].address
            told += [begin, end, part.first, part.until, address]
            told[0] += 1
    return Straight((code, slots, np.concatenate([sizes[:-1], np.array(told, dtype=np.int64)])), tuple(functions))


def _parts(listing: Listing, count: int, rows: int) -> list[tuple[Part, bool]]:
    """A phase in one part or, where memory holds all its rows, in several that compile faster; none for the machine."""
    is_writable = [kernels.straight.is_writable(listing, k) for k in range(count)]
    if all(is_writable) and count <= PART_MAX:
        return [(kernels.straight.Part(0, count, count), True)]
    if rows > ROWS_AT_ONCE:
        return [(kernels.straight.Part(0, count, count), True)] if all(is_writable) and count <= OPERATIONS_MAX else []
    if not is_writable[-1]:  # results would have to wait for it
        return []
    parts = []
    first = 0
    for k in range(1, count + 1):
        if k == count or is_writable[k] != is_writable[first] or k - first == PART_MAX:
            parts.append((kernels.straight.Part(first, k, count), is_writable[first]))
            first = k
    return parts


def _phases(run: Program, code: NDArray[np.int64]) -> Iterator[tuple[int, int, int]]:
    """Where phases begin and end, in rows before the last, and how many operations, the first ones, are done in them.
    Few that nobody waits for yet do no harm, and spare a function of their own."""
    activity = code[:, oc.ACTIVE]
    bounds = sorted({run.tail, *activity.tolist(), 0}, reverse=True)
    at = 0
    while bounds[at] > 0:
        until = at + 1
        most = MORE * np.count_nonzero(activity >= bounds[at])
        while bounds[until] not in (0, run.tail):
            early = (activity >= bounds[until]) & (activity < bounds[at])
            if np.count_nonzero(activity >= bounds[until]) > most or _any_window(code[early]):
                break
            until += 1
        yield bounds[at], bounds[until], int(np.count_nonzero(activity >= bounds[until - 1]))
        at = until


def _any_window(lines: NDArray[np.int64]) -> bool:
    return any(oc.NAMES[op] in oc.WINDOWS for op in lines[:, oc.OP].tolist())


def straight_bar(run: Program, layout: Layout, moves: NDArray[np.int64]) -> Function | None:
    """Machine code for one more bar of a program that runs live; None where an operation has none."""
    listing = _listing(run, layout)
    if not all(kernels.straight.is_writable(listing, k) for k in range(len(run.code))):
        return None
    return kernels.straight.bar_function(listing, moves)


def _listing(run: Program, layout: Layout) -> Listing:
    code, slots, sizes = layout
    lanes, stretch, _, begins = (int(number) for number in sizes[:4])
    return kernels.straight.Listing(code, slots, run.real, run.initial[0], run.results, begins, lanes, stretch)


class _Compiler(Generic[T]):
    """Compiles what is used again, one after another, in a thread of its own from the first on."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, T | None] = OrderedDict()  # None: asked for, or has no machine code
        self._uses: OrderedDict[Key, tuple[int, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._waiting: Queue[tuple[Key, Callable[[], T | None]]] = Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None

    def find(self, key: Key, work: int, make: Callable[[], T | None]) -> T | None:
        """What is there; what has been used often enough, for enough work, is asked for."""
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            uses, done = self._uses.pop(key, (0, 0))
            self._uses[key] = (uses + 1, done + work)
            if len(self._uses) > KEPT_MAX:
                self._uses.popitem(last=False)
            if uses + 1 >= USES_MIN and done + work >= WORTH:
                self._ask(key, make)
        return None

    def _ask(self, key: Key, make: Callable[[], T | None]) -> None:
        try:
            self._waiting.put_nowait((key, make))
        except Full:
            return
        self._keep(key, None)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="straight", daemon=True)
            self._thread.start()

    def _keep(self, key: Key, made: T | None) -> None:
        self._known[key] = made
        self._known.move_to_end(key)
        if len(self._known) > KEPT_MAX:
            self._known.popitem(last=False)

    def make(self, key: Key, make: Callable[[], T | None]) -> None:
        """Compile it now."""
        made = make()
        with self._lock:
            self._keep(key, made)

    def _work(self) -> None:
        try:
            while True:
                self.make(*self._waiting.get())
        finally:  # what could not be compiled stays with the machine; the next one has a thread of its own
            with self._lock:
                self._thread = None


_PHASES: _Compiler[Straight] = _Compiler()
_BARS: _Compiler[Function] = _Compiler()


def layout_of(run: Program, width: int, height: int) -> Straight:
    """The layout for a Panel of this shape, with machine code where there is some; to be held while it is used."""
    if width < oc.WIDE:
        return Straight(run.fitted(width, height), ())
    fits = _fitting(run, width, height)
    found = _PHASES.find((run.key, fits), width * height, lambda: straightened(run, run.layout(*fits)))
    return found or Straight(run.fitted(width, height), ())


def compile_layout(run: Program, width: int, height: int) -> None:
    """Compile a program for Panels of this shape before it is used."""
    fits = _fitting(run, width, height)
    _PHASES.make((run.key, fits), lambda: straightened(run, run.layout(*fits)))


def _fitting(run: Program, width: int, height: int) -> tuple[int, int]:
    """How many columns, a power of two, and rows to work on together: so that few columns come twice."""
    most = min(run.fitting(width, height)[0], LANES_MAX)
    lanes = max(1 << most.bit_length() - 1, oc.WIDE)
    while lanes > oc.WIDE and -(-width // lanes) * lanes > TWICE_MAX * width:
        lanes //= 2
    return lanes, ROWS_AT_ONCE


def bar_of(run: Program, layout: Layout, moves: NDArray[np.int64], work: int) -> Function | None:
    """Machine code for one more bar, where there is some."""
    if len(run.code) > OPERATIONS_MAX:
        return None
    return _BARS.find((run.key,), work, lambda: straight_bar(run, layout, moves))


def compile_bar(run: Program, layout: Layout, moves: NDArray[np.int64]) -> None:
    """Compile one more bar before it is asked for."""
    _BARS.make((run.key,), lambda: straight_bar(run, layout, moves))
