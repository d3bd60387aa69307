"""Plans and computes the nodes of a screen over many Symbols at once: each distinct node and indicator one time.

First `want` tells how many of the newest rows of every node are needed; then `number` and `truth` compute them.
A missing value is NaN; a condition that is neither true nor false is missing (Kleene's three-valued logic).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.indicators.indicator import Indicator
from ralph.indicators.sources import MEANS
from ralph.market.panel import View
from ralph.screens.catalogue import indicators
from ralph.screens.tree import (
    All,
    Any,
    Arithmetic,
    Comparison,
    Condition,
    Crossing,
    Field,
    Function,
    Negative,
    Node,
    Not,
    Number,
    Numeric,
    Offset,
    Reading,
    children,
)

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IndexArray: TypeAlias = NDArray[np.int64]

PRICES = ("open", "high", "low", "close")


class Truth(NamedTuple):
    """Where a condition is true and where it is false, [rows, symbols]; where neither, it is missing."""

    true: BoolArray
    false: BoolArray


class Evaluation:
    """The values of nodes for some columns of a view (all where `columns` is None).

    Every array has the newest `min(tail, height)` rows, time-major; plain numbers stay without shape.
    """

    def __init__(self, view: View, columns: IndexArray | None = None) -> None:
        self._view = view
        self._columns = columns
        self._height = view.height
        self._first = view.first if columns is None else view.first[columns]
        self.width = int(self._first.size)
        self._rows: dict[Node, int] = {}
        self._numbers: dict[Node, FloatArray] = {}
        self._outputs: dict[Reading, dict[str, FloatArray]] = {}

    @property
    def rows_planned(self) -> int:
        """Rows of all nodes together: what a column costs in memory and, roughly, in time."""
        return sum(self._rows.values())

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
            case Offset():
                self.want(node.operand, tail + node.bars)
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
        for node in _inputs(whole).values():
            self.want(node, self._input_rows(whole, tail))

    def _input_rows(self, whole: Reading, tail: int) -> int:
        """How many rows of its inputs an indicator needs; all of them where it remembers."""
        indicator = indicators()[whole.indicator]
        reach = indicator.reach(tail, whole.mode, indicator.bind(dict(whole.params)))
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
            case Field(name=name):
                rows = self._view.field(name)[self._height - tail :]
                return rows if self._columns is None else np.take(rows, self._columns, axis=1)
            case Reading(output=output):
                return _finite(self._output(_whole(node))[output][-tail:])
            case Arithmetic():
                return _finite(_arithmetic(node.op, self.number(node.left, tail), self.number(node.right, tail)))
            case Negative(operand=operand):
                return -self.number(operand, tail)
            case Function(name=name, arguments=arguments):
                return _function(name, [self.number(one, tail) for one in arguments])
            case Offset(operand=operand, bars=bars):
                return self._moved(self.number(operand, tail + bars), tail, bars)  # type: ignore[arg-type]

    def _moved(self, values: FloatArray, tail: int, bars: int) -> FloatArray:
        if values.ndim == 0:
            return values
        kept = values[: max(0, values.shape[0] - bars)][-tail:]
        if kept.shape[0] == tail:
            return kept
        moved = np.full((tail, values.shape[1]), np.nan)
        moved[tail - kept.shape[0] :] = kept
        return moved

    def _output(self, whole: Reading) -> dict[str, FloatArray]:
        found = self._outputs.get(whole)
        if found is None:
            tail = self._rows[whole]
            rows = self._input_rows(whole, tail)
            inputs = {name: self.number(node, rows) for name, node in _inputs(whole).items()}
            first = np.clip(self._first - (self._height - rows), 0, rows).astype(np.int32)
            indicator = indicators()[whole.indicator]
            if whole.source is not None and not isinstance(whole.source, Field):
                first = np.maximum(first, _first_value(inputs["source"]))
            computed = indicator.last(inputs, first, tail, whole.mode, indicator.bind(dict(whole.params)))
            found = self._outputs[whole] = dict(computed)
        return found

    def truth(self, node: Condition, tail: int = 1) -> Truth:
        """The newest rows of a settled condition (see `tree.settled`)."""
        match node:
            case Comparison(op=op):
                return _compared(op, self.number(node.left, tail), self.number(node.right, tail))
            case Crossing(direction=direction):
                return self._crossed(node, direction == "above", tail)
            case Not(part=part):
                truth = self.truth(part, tail)
                return Truth(truth.false, truth.true)
            case All(parts=parts):
                truths = [self.truth(part, tail) for part in parts]
                return Truth(_every([one.true for one in truths]), _some([one.false for one in truths]))
            case Any(parts=parts):
                truths = [self.truth(part, tail) for part in parts]
                return Truth(_some([one.true for one in truths]), _every([one.false for one in truths]))
            case Offset():
                raise AssertionError("offsets of conditions are settled before")

    def _crossed(self, node: Crossing, above: bool, tail: int) -> Truth:
        left, right = self.number(node.left, tail + 1), self.number(node.right, tail + 1)
        now = _compared(
            ">" if above else "<", left[-tail:] if left.ndim else left, right[-tail:] if right.ndim else right
        )
        earlier_left, earlier_right = self._moved(left, tail, 1), self._moved(right, tail, 1)
        before = _compared("<=" if above else ">=", earlier_left, earlier_right)
        return Truth(now.true & before.true, now.false | before.false)


def _whole(reading: Reading) -> Reading:
    """What all outputs of one computation have in common."""
    return msgspec.structs.replace(reading, output="")


def _inputs(whole: Reading) -> dict[str, Numeric]:
    indicator: Indicator = indicators()[whole.indicator]
    chosen = whole.source if whole.source is not None else Field(indicator.source or "close")
    return {name: chosen if name == "source" else Field(name) for name in indicator.inputs}


def _finite(values: FloatArray) -> FloatArray:
    """What is not finite is missing."""
    return np.where(np.isfinite(values), values, np.nan)


def _arithmetic(op: str, left: FloatArray, right: FloatArray) -> FloatArray:
    match op:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


def _function(name: str, arguments: Sequence[FloatArray]) -> FloatArray:
    if name == "abs":
        return np.abs(arguments[0])
    chosen = arguments[0]
    for other in arguments[1:]:
        chosen = np.minimum(chosen, other) if name == "min" else np.maximum(chosen, other)
    return chosen


def _compared(op: str, left: FloatArray, right: FloatArray) -> Truth:
    """Exact comparison; a comparison with NaN is neither true nor false."""
    match op:
        case "<":
            true, false = left < right, left >= right
        case "<=":
            true, false = left <= right, left > right
        case ">":
            true, false = left > right, left <= right
        case ">=":
            true, false = left >= right, left < right
        case "==":
            true, false = left == right, (left < right) | (left > right)
        case _:
            true, false = (left < right) | (left > right), left == right
    return Truth(np.asarray(true), np.asarray(false))


def _every(masks: Sequence[BoolArray]) -> BoolArray:
    joined = masks[0]
    for mask in masks[1:]:
        joined = joined & mask
    return joined


def _some(masks: Sequence[BoolArray]) -> BoolArray:
    joined = masks[0]
    for mask in masks[1:]:
        joined = joined | mask
    return joined


def _first_value(source: FloatArray) -> NDArray[np.int32]:
    """The row of each column's first number; the count of rows where it has none."""
    missing = np.isnan(source)
    first: NDArray[np.int32] = np.where(missing.all(axis=0), source.shape[0], missing.argmin(axis=0)).astype(np.int32)
    return first
