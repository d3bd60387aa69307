"""Plans and computes the nodes of a screen over many Symbols at once: each distinct node and indicator one time.

First `want` tells how many of the newest rows of every node are needed; then `number` and `truth` compute them.
A missing value is NaN; a condition that is neither true nor false is missing (Kleene's three-valued logic).
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.indicators.indicator import Indicator
from ralph.indicators.sources import MEANS
from ralph.market.view import View
from ralph.screens.catalogue import COMPANY_WORDS, bound, indicators
from ralph.screens.frames import FEWEST_BARS, FOLLOWED_CELLS, Bars, FrameBars, Planned, follows, has_no_holes
from ralph.screens.operations import (
    BoolArray,
    FloatArray,
    IndexArray,
    Moved,
    Truth,
    arithmetic,
    compared,
    every,
    finite,
    function,
    padded,
    some,
)
from ralph.screens.running_day import RunningDay
from ralph.screens.stretches import bars_since, percentiles, window_counts, window_sums
from ralph.screens.tree import (
    Across,
    All,
    Any,
    Arithmetic,
    Belongs,
    Comparison,
    Condition,
    Count,
    Crossing,
    Field,
    Framed,
    Function,
    History,
    Lasting,
    Negative,
    Net,
    Node,
    Not,
    Number,
    Numeric,
    Offset,
    Reading,
    Since,
    children,
)

PRICES = ("open", "high", "low", "close")
NET_FIELDS = {"foreign": "foreign_value", "inst": "institution_value", "indiv": "individual_value"}


Kept = TypeVar("Kept", bound=np.generic)


class Surroundings(Protocol):
    """What is known beside the columns evaluated: all other Symbols, and memberships."""

    def want(self, node: Across, tail: int) -> None: ...

    def across(self, node: Across, tail: int) -> FloatArray: ...

    def belongs(self, node: Belongs, tail: int) -> tuple[BoolArray, BoolArray]: ...


class Evaluation:
    """The values of nodes for some columns of a view (all where `columns` is None).

    Every array has the newest `min(tail, height)` rows, time-major; plain numbers stay without shape.
    """

    def __init__(self, view: Bars, columns: IndexArray | None = None, around: Surroundings | None = None) -> None:
        self._view = view
        self._columns = columns
        self._around = around
        self._height = view.height
        self._first = view.first if columns is None else view.first[columns]
        self.width = int(self._first.size)
        self._framed_rows = 0
        self._rows: dict[Node, int] = {}
        self._numbers: dict[Node, FloatArray] = {}
        self._outputs: dict[Reading, dict[str, FloatArray]] = {}

    @property
    def rows_planned(self) -> int:
        """Rows of all nodes together: what a column costs in memory and, roughly, in time."""
        return sum(self._rows.values()) + self._framed_rows

    def want(self, node: Node, tail: int = 1) -> None:
        """Plan the newest `tail` rows of a node. All wants come before the first value."""
        tail = min(tail, self._height)
        if self._rows.get(node, 0) >= tail:
            return
        self._rows[node] = tail
        match node:
            case Reading():
                self._want_inputs(_whole(node), tail)
            case Field(name=name) if name in MEANS:
                for column in PRICES:
                    self.want(Field(column), tail)
            case Field(name="market_cap"):
                self.want(Field("close"), tail)
            case Offset():
                self.want(node.operand, tail + node.bars)
            case History(name="change"):
                self.want(node.operand, tail + node.bars)
            case History():
                self.want(node.operand, tail + node.bars - 1)
            case Count() | Lasting():
                self.want(node.part, tail + node.bars - 1)
            case Since():
                self.want(node.part, self._height)
            case Net():
                self.want(Field(NET_FIELDS[node.investor]), tail + node.bars - 1)
            case Across():
                self._surroundings.want(node, tail)
            case Framed():
                self._framed_rows += tail * self._framed_cost(node, tail)
            case Crossing():
                self.want(node.left, tail + 1)
                self.want(node.right, tail + 1)
            case _:
                for child in children(node):
                    self.want(child, tail)

    def _want_inputs(self, whole: Reading, tail: int) -> None:
        if self._rows.get(whole, 0) >= tail:
            return
        self._rows[whole] = tail
        if follows(self._view, whole):
            self._framed_rows += FOLLOWED_CELLS
            return
        if isinstance(self._view, RunningDay) and self._view.knows(whole, tail):
            return
        if (noted := self._noted(whole, tail)) is not None:
            self._outputs[whole] = noted
            return
        self._outputs.pop(whole, None)
        for node in _inputs(whole).values():
            self.want(node, self._input_rows(whole, tail))

    def _noted(self, whole: Reading, tail: int) -> dict[str, FloatArray] | None:
        """An indicator's newest rows, where another screen has asked for them as of the same Session."""
        found = self._view.readings.find(whole) if isinstance(self._view, View) else None
        if found is None or next(iter(found.values())).shape[0] < tail:
            return None
        return {name: self._taken(rows[rows.shape[0] - tail :]) for name, rows in found.items()}

    def _input_rows(self, whole: Reading, tail: int) -> int:
        """How many rows of its inputs an indicator needs; all of them where it remembers."""
        indicator = indicators()[whole.indicator]
        reach = indicator.reach(tail, whole.mode, bound(whole.indicator, whole.params))
        return self._height if reach is None else min(max(reach, tail), self._height)

    def number(self, node: Numeric, tail: int = 1) -> FloatArray:
        """The newest rows of a number, NaN where missing; no more than were wanted."""
        found = self._numbers.get(node)
        if found is None:
            with np.errstate(all="ignore"):
                found = self._number(node, self._rows[node])
            self._numbers[node] = found
        return found if found.ndim == 0 else found[found.shape[0] - min(tail, self._height) :]

    def _number(self, node: Numeric, tail: int) -> FloatArray:
        match node:
            case Number(value=value):
                return np.asarray(value)
            case Field(name=name) if name in MEANS:
                return MEANS[name]({column: self.number(Field(column), tail) for column in PRICES})
            case Field(name=name) if name in COMPANY_WORDS:
                return self._company(name, tail)
            case Field(name=name):
                return self._daily(name, tail)
            case Reading(output=output):
                return self._output(_whole(node))[output][-tail:]
            case Arithmetic():
                return finite(arithmetic(node.op, self.number(node.left, tail), self.number(node.right, tail)))
            case Negative(operand=operand):
                return -self.number(operand, tail)
            case Function(name=name, arguments=arguments):
                return function(name, [self.number(one, tail) for one in arguments])
            case Offset(operand=operand, bars=bars):
                return self._moved(self.number(operand, tail + bars), tail, bars)  # type: ignore[arg-type]
            case Across():
                return self._taken(self._surroundings.across(node, tail))
            case Framed():
                return self._framed(node, tail)
            case _:
                return self._stretch(node, tail)

    def _daily(self, name: str, rows: int) -> FloatArray:
        """The newest rows of a field as it is stored."""
        return self._taken(self._view.newest(name, rows))

    def _stretch(self, node: History | Count | Since | Net, tail: int) -> FloatArray:
        """Figures of the newest bars of each column."""
        match node:
            case History(name="change", operand=operand, bars=bars):
                values = self.number(operand, tail + bars)
                return finite(values[-tail:] / self._moved(values, tail, bars) - 1)
            case History(operand=operand, bars=bars):
                return percentiles(padded(self.number(operand, tail + bars - 1), tail + bars - 1), bars)
            case Net(investor=investor, bars=bars):
                values = self.number(Field(NET_FIELDS[investor]), tail + bars - 1)
                return finite(window_sums(padded(values, tail + bars - 1), bars))
            case Since(part=part):
                return bars_since(self._rows_of(part, self._height).true, tail)
            case Count(part=part, bars=bars):
                true, false = self._rows_of(part, tail + bars - 1)
                return np.where(
                    window_counts(true | false, bars) == bars, window_counts(true, bars).astype(np.float64), np.nan
                )

    def _rows_of(self, part: Condition, rows: int) -> Truth:
        """A condition on exactly so many rows; missing where there are fewer bars."""
        with np.errstate(all="ignore"):
            truth = self.truth(part, rows)
        shape = (min(rows, self._height), self.width)
        true, false = (np.broadcast_to(mask, shape) for mask in truth)
        if shape[0] == rows:
            return Truth(true, false)
        above = np.zeros((rows - shape[0], self.width), dtype=np.bool_)
        return Truth(np.concatenate((above, true)), np.concatenate((above, false)))

    def _framed(self, node: Framed, tail: int) -> FloatArray:
        """Each (bar, Symbol) is a column of its own, as its running period is its own."""
        inner = Evaluation(FrameBars(self._view, self._columns, node.frame, tail))
        inner.want(node.operand)
        return np.broadcast_to(inner.number(node.operand), (1, tail * self.width)).reshape(tail, self.width)

    def _framed_cost(self, node: Framed, tail: int) -> int:
        """Rows planned over the bars of a frame, for each daily one; the daily ones it is made of are few beside."""
        shape = Planned(max(1, self._height // FEWEST_BARS[node.frame] + 2), tail)
        inner = Evaluation(shape)
        inner.want(node.operand)
        return inner.rows_planned

    def _company(self, name: str, tail: int) -> FloatArray:
        """Figures of the company at each bar, as known at the close of its Session."""
        panel = self._view.panel
        sessions = self._taken(self._view.session_of(tail))
        columns = np.arange(self._view.first.size) if self._columns is None else self._columns
        if name == "listing_age":
            age = sessions - panel.listed_from[columns] + 1.0
            return np.where(sessions < 0, np.nan, age)
        told = self._view.statements
        last = told.last(columns, panel.sessions[np.maximum(sessions, 0)])
        is_count = name == "shares"
        known = told.shares_at(last) if is_count else told.market_cap_at(last, self.number(Field("close"), tail))
        return np.where(sessions < 0, np.nan, known)

    @property
    def _surroundings(self) -> Surroundings:
        assert self._around is not None, "the grammar keeps what looks across Symbols out of frames"
        return self._around

    def _taken(self, rows: NDArray[Kept]) -> NDArray[Kept]:
        return rows if self._columns is None else np.take(rows, self._columns, axis=1)

    def _moved(self, values: Moved, tail: int, bars: int) -> Moved:
        if values.ndim == 0:
            return values
        kept = values[: max(0, values.shape[0] - bars)][-tail:]
        return padded(kept, tail)

    def _output(self, whole: Reading) -> dict[str, FloatArray]:
        found = self._outputs.get(whole)
        if found is None:
            found = self._outputs[whole] = self._computed(whole, self._rows[whole])
            for rows in found.values():
                kernels.gaps.keep_finite(rows)
            if self._columns is None and isinstance(self._view, View) and not isinstance(self._view, RunningDay):
                self._view.readings.keep(whole, found)
        return found

    def _computed(self, whole: Reading, tail: int) -> dict[str, FloatArray]:
        """Arrays of its own."""
        if isinstance(self._view, FrameBars) and follows(self._view, whole):
            return self._view.reading(whole, tail)
        if isinstance(self._view, RunningDay) and self._view.knows(whole, tail):
            kept = self._view.reading(whole, tail)  # the day goes on writing into what it keeps
            return {name: np.array(self._taken(rows), order="C") for name, rows in kept.items()}
        rows = self._input_rows(whole, tail)
        inputs = {name: self.number(node, rows) for name, node in _inputs(whole).items()}
        first = np.clip(self._first - (self._height - rows), 0, rows).astype(np.int32)
        indicator = indicators()[whole.indicator]
        params = bound(whole.indicator, whole.params)
        if "source" not in inputs or has_no_holes(indicator, whole):
            values = indicator.plan(whole.mode, params).last(inputs, first, tail)
            return dict(zip(indicator.outputs, values, strict=True))
        if not isinstance(whole.source, Field):
            first = np.maximum(first, _first_value(inputs["source"]))
        return indicator.last(inputs, first, tail, whole.mode, params)

    def truth(self, node: Condition, tail: int = 1) -> Truth:
        """The newest rows of a condition."""
        match node:
            case Comparison(op=op):
                return compared(op, self.number(node.left, tail), self.number(node.right, tail))
            case Crossing(direction=direction):
                return self._crossed(node, direction == "above", tail)
            case Not(part=part):
                truth = self.truth(part, tail)
                return Truth(truth.false, truth.true)
            case All(parts=parts):
                truths = [self.truth(part, tail) for part in parts]
                return Truth(every([one.true for one in truths]), some([one.false for one in truths]))
            case Any(parts=parts):
                truths = [self.truth(part, tail) for part in parts]
                return Truth(some([one.true for one in truths]), every([one.false for one in truths]))
            case Lasting(name=name, bars=bars):
                true, false = self._rows_of(node.part, tail + bars - 1)
                trues, falses = window_counts(true, bars), window_counts(false, bars)
                if name == "any":
                    return Truth(trues > 0, falses == bars)
                return Truth(trues == bars, falses > 0)
            case Belongs():
                member, known = self._surroundings.belongs(node, tail)
                return Truth(self._taken(member & known), self._taken(~member & known))
            case Offset(operand=operand, bars=bars):
                earlier = self.truth(operand, tail + bars)  # type: ignore[arg-type]
                return Truth(self._moved(earlier.true, tail, bars), self._moved(earlier.false, tail, bars))

    def _crossed(self, node: Crossing, above: bool, tail: int) -> Truth:
        left, right = self.number(node.left, tail + 1), self.number(node.right, tail + 1)
        now = compared(
            ">" if above else "<", left[-tail:] if left.ndim else left, right[-tail:] if right.ndim else right
        )
        earlier_left, earlier_right = self._moved(left, tail, 1), self._moved(right, tail, 1)
        before = compared("<=" if above else ">=", earlier_left, earlier_right)
        return Truth(now.true & before.true, now.false | before.false)


def _whole(reading: Reading) -> Reading:
    """What all outputs of one computation have in common."""
    return msgspec.structs.replace(reading, output="")


def _inputs(whole: Reading) -> dict[str, Numeric]:
    indicator: Indicator = indicators()[whole.indicator]
    chosen = whole.source if whole.source is not None else Field(indicator.source or "close")
    return {name: chosen if name == "source" else Field(name) for name in indicator.inputs}


def _first_value(source: FloatArray) -> NDArray[np.int32]:
    """The row of each column's first number; the count of rows where it has none."""
    missing = np.isnan(source)
    first: NDArray[np.int32] = np.where(missing.all(axis=0), source.shape[0], missing.argmin(axis=0)).astype(np.int32)
    return first
