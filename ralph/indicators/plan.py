"""Many indicators at once: what they have in common is computed one time, in one pass over the Panel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.indicators import straight
from ralph.indicators.lowering import ALL
from ralph.indicators.program import Layout, Program, program
from ralph.indicators.reach import bars_seen, parts_of
from ralph.indicators.terms import FIELDS, Term

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
NOWHERE = np.empty((0, 0))
PROGRAMS_MAX = 8  # of one plan, for different tails


class Plan:
    """How to compute some terms together."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self.terms = tuple(terms)
        names = [term.op.removeprefix("read_") for term in parts_of(self.terms) if term.op.startswith("read_")]
        self.inputs = tuple(sorted(names, key=FIELDS.index))
        self._programs: dict[int, Program] = {}

    def reach(self, tail: int) -> int | None:
        """How many of the newest input rows `tail` rows of results need; None when all."""
        return None if self._seen is None else tail + self._seen - 1

    @cached_property
    def _seen(self) -> int | None:
        return bars_seen(self.terms)

    def last(self, inputs: Mapping[str, FloatArray], first: IntArray, tail: int) -> FloatArray:
        """The newest `tail` rows of every term [terms, tail, symbols], from inputs {name: [bars, symbols]}.

        A column begins at its row `first`; what stands above is never looked at.
        """
        given = [np.ascontiguousarray(inputs[name], dtype=np.float64) for name in self.inputs]
        shape = given[0].shape if given else (tail, first.size)
        out = np.empty((len(self.terms), tail, shape[1]))
        self.into(given, np.ascontiguousarray(first, dtype=np.int32), out)
        return out

    def into(self, given: Sequence[FloatArray], first: IntArray, out: FloatArray) -> None:
        """`last` of arrays in the order of `inputs` into memory that is there already, [terms, tail, symbols]."""
        height = given[0].shape[0] if given else out.shape[1]
        if height == 0 or first.size == 0:
            out[:] = np.nan
            return
        run = self._program(out.shape[1] if out.shape[1] < height else ALL)
        held = straight.layout_of(run, first.size, height)
        self._scan(run, held.layout, given, first, out)

    def straighten(self, width: int, height: int, tail: int) -> None:
        """Compile what computes the newest `tail` rows of Panels of this shape now, and not when it is used again."""
        straight.compile_layout(self._program(tail if tail < height else ALL), width, height)

    def run(
        self, program: Program, layout: Layout, given: Sequence[FloatArray], known: tuple[IntArray, FloatArray]
    ) -> None:
        """A program of these terms over all bars; what is known after them is left in memory, `known` [1]."""
        first, store = known
        out = np.empty((len(self.terms), 1, first.size))
        self._scan(program, layout, given, np.ascontiguousarray(first, dtype=np.int32), out, store)

    def _scan(
        self,
        program: Program,
        layout: Layout,
        given: Sequence[FloatArray],
        first: IntArray,
        out: FloatArray,
        store: FloatArray = NOWHERE,
    ) -> None:
        unread = given[0] if given else np.empty((out.shape[1], first.size))
        fields = tuple(given[self.inputs.index(name)] if name in self.inputs else unread for name in FIELDS)
        code, slots, sizes = layout
        asked = kernels.machine.addressed(sizes)
        kernels.machine.scan(
            fields, first, code, slots, program.real, program.initial, program.results, out, store, asked
        )

    def series(self, inputs: Mapping[str, FloatArray]) -> FloatArray:
        """Every term over one Symbol's fields {name: [bars]}: [terms, bars]."""
        columns = {name: np.ascontiguousarray(inputs[name], dtype=np.float64)[:, None] for name in self.inputs}
        bars = len(next(iter(inputs.values())))
        return self.last(columns, np.zeros(1, dtype=np.int32), bars)[:, :, 0]

    def _program(self, tail: int) -> Program:
        if tail not in self._programs:
            if len(self._programs) == PROGRAMS_MAX:
                self._programs.pop(next(iter(self._programs)))
            self._programs[tail] = program(self.terms, tail)
        return self._programs[tail]


@lru_cache(256)
def plan_of(terms: tuple[Term, ...]) -> Plan:
    """The plan of these terms; one for equal ones."""
    return Plan(terms)
