"""Programs that are used again as straight machine code: the same values, without looking operations up.

Compiling one takes about a second of a thread beside, and nobody waits for it: until it is there, the machine runs the
program as it does one that is used once. What is compiled is kept in memory by what the program is, the newest
KEPT_MAX.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from itertools import pairwise
from queue import Full, Queue
from typing import NamedTuple

import numpy as np

from ralph.indicators.program import Layout, Program
from ralph.kernels import opcodes as oc
from ralph.kernels.straight.body import Listing, is_writable
from ralph.kernels.straight.phase import NAME, lowest_row, written

KEPT_MAX = 64
WAITING_MAX = 16  # programs to be compiled; further ones are asked for again when they are used again
USES = 3  # after so many a program is compiled
WORTH = 200_000  # numbers of a Panel's field; smaller ones are done before it would pay
OPERATIONS_MAX = 300  # what is longer takes too long to compile
ROWS_MIN = 16  # of a phase worth compiling
ROWS_AT_ONCE = 4
STRETCH, SCRATCH_AT = 1, 3  # of a layout's sizes
Key = tuple[object, ...]


class Straight(NamedTuple):
    """A layout whose sizes tell where the machine code of its phases stands, and the functions that must live."""

    layout: Layout
    functions: tuple[object, ...]


def straightened(run: Program, layout: Layout) -> Straight:
    """Machine code for every phase of a program that has some."""
    from ralph.kernels.straight.native import Function  # LLVM is imported by who compiles

    code, slots, sizes = layout
    listing = Listing(code, slots, run.real, run.initial[0], run.results, int(sizes[SCRATCH_AT]), int(sizes[STRETCH]))
    rows = min(ROWS_AT_ONCE, listing.stretch)
    phases: list[tuple[int, ...]] = []
    functions = []
    bounds = sorted({run.tail, *code[:, oc.ACTIVE].tolist(), 0}, reverse=True)
    for begin, end in pairwise(bounds):
        active = np.flatnonzero(code[:, oc.ACTIVE] >= begin).tolist()
        if begin - end < ROWS_MIN or not active or not is_writable(listing, active):
            continue
        function = Function(written(listing, active, rows, begin <= run.tail), NAME)
        functions.append(function)
        phases.append((begin, end, lowest_row(listing, active), rows, function.address))
    told = np.array([len(phases), *(number for phase in phases for number in phase)], dtype=np.int64)
    return Straight((code, slots, np.concatenate([sizes[:-1], told])), tuple(functions))


class _Compiler:
    """Compiles what is asked for, one after another, in a thread of its own from the first on."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Straight | None] = OrderedDict()  # None: asked for
        self._uses: OrderedDict[Key, int] = OrderedDict()
        self._lock = threading.Lock()
        self._waiting: Queue[tuple[Key, Program, tuple[int, int]]] = Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None

    def find(self, run: Program, fits: tuple[int, int]) -> Straight | None:
        """What is there; a program that has been used often enough is asked for."""
        key = (*run.key, fits)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
            uses = self._uses[key] = self._uses.pop(key, 0) + 1
            while len(self._uses) > KEPT_MAX:
                self._uses.popitem(last=False)
            if uses < USES or len(run.code) > OPERATIONS_MAX:
                return None
            try:
                self._waiting.put_nowait((key, run, fits))
            except Full:
                return None
            self._known[key] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="straight", daemon=True)
                self._thread.start()
        return None

    def compile(self, key: Key, run: Program, fits: tuple[int, int]) -> Straight:
        made = straightened(run, run.layout(*fits))
        with self._lock:
            self._known[key] = made
            self._known.move_to_end(key)
            while len(self._known) > KEPT_MAX:
                self._known.popitem(last=False)
        return made

    def _work(self) -> None:
        while True:
            self.compile(*self._waiting.get())


_COMPILER = _Compiler()


def layout_of(run: Program, width: int, height: int) -> Layout:
    """The layout for a Panel of this shape, with machine code where there is some."""
    fits = run.fitting(width, height)
    if width * height >= WORTH and (found := _COMPILER.find(run, fits)) is not None:
        return found.layout
    return run.fitted(width, height)


def compile_now(run: Program, width: int, height: int) -> None:
    """Compile a program for Panels of this shape before it is used."""
    fits = run.fitting(width, height)
    _COMPILER.compile((*run.key, fits), run, fits)
