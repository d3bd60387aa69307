"""Near misses: Symbols that fail exactly one part of a screen, by how much, and the close at which they would match."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from ralph.market.capital import Statements
from ralph.market.periods import Frame, IntArray, Periods
from ralph.screens.across import Neighbours, Scope
from ralph.screens.answer import NEAR_MISSES_MAX, NearMiss
from ralph.screens.blocks import CELLS_MAX
from ralph.screens.evaluation import Evaluation, Surroundings
from ralph.screens.frames import Bars, FrameBars
from ralph.screens.operations import BoolArray, FloatArray, IndexArray, Truth
from ralph.screens.reasons import Wording
from ralph.screens.scoring import atoms, measure, sides
from ralph.screens.selecting import resolved
from ralph.screens.tree import Across, All, Comparison, Condition, Framed, Reading, settled, walk

MOVE_MAX = 0.3  # of the close, either way: the daily limit of the Korean market
STEPS = 16  # prices tried on the way, and again between the last that fails and the first that passes
ROUNDS = 5


class _Miss(NamedTuple):
    """A near miss and the column it is of."""

    column: int
    told: NearMiss


def near_misses(
    scope: Scope, columns: IndexArray, parts: Sequence[Condition], truths: Sequence[Truth]
) -> list[NearMiss]:
    """The nearest, nearest first, then by Symbol. A part that is missing is not a miss."""
    failing = np.sum([truth.false for truth in truths], axis=0)
    holding = np.sum([truth.true for truth in truths], axis=0)
    candidates = (failing == 1) & (holding == len(parts) - 1)
    found: list[_Miss] = []
    for part, truth in zip(parts, truths, strict=True):
        chosen = columns[candidates & truth.false]
        if chosen.size:
            found += _of_part(scope, chosen, part)
    found.sort(key=lambda miss: (-miss.told.closeness, miss.told.symbol))
    kept = found[:NEAR_MISSES_MAX]
    inner = [resolved(part, scope.context) for part in parts]
    whole = settled(inner[0] if len(inner) == 1 else All(parts=tuple(inner)))
    prices = passing_closes(scope, np.array([miss.column for miss in kept], dtype=np.int64), whole)
    return [
        msgspec.structs.replace(miss.told, passes_at=None if np.isnan(price) else float(price))
        for miss, price in zip(kept, prices, strict=True)
    ]


def _of_part(scope: Scope, columns: IndexArray, part: Condition) -> list[_Miss]:
    """How far a part is from holding is how strongly its opposite holds."""
    view = scope.view
    opposite = settled(resolved(part, scope.context), holds=False)
    each = atoms(opposite)
    measured = measure(scope, columns, opposite)
    touching = np.array([isinstance(atom, Comparison) and atom.op == "==" for atom in each])
    points = np.where(touching[measured.deciding], 0.0, measured.points)
    misses = []
    for place in np.argsort(points, kind="stable")[:NEAR_MISSES_MAX]:
        row = measured.deciding[place]
        left, right = float(measured.left[row, place]), float(measured.right[row, place])
        has_sides = bool(sides(each[row]))
        listing = view.panel.listings[columns[place]]
        told = NearMiss(
            symbol=listing.symbol,
            name=listing.name,
            part=str(part),
            lhs=left if has_sides else None,
            rhs=right if has_sides else None,
            distance=abs(left - right) if has_sides else None,
            closeness=100.0 - float(points[place]),
            reason=Wording(each[row]).reason(left, right),
        )
        misses.append(_Miss(int(columns[place]), told))
    return misses


class _Moved(Evaluation):
    """The same bars with other closes of the newest; its high and low give way."""

    def __init__(self, scope: Scope, columns: IndexArray, closes: FloatArray, around: Surroundings) -> None:
        super().__init__(scope.view, columns, around)
        self._closes = closes

    def _noted(self, whole: Reading, tail: int) -> None:
        """What was noted is of bars as they are."""

    def _daily(self, name: str, rows: int) -> FloatArray:
        bars = np.array(super()._daily(name, rows))
        if name == "close":
            bars[-1] = self._closes
        elif name == "high":
            bars[-1] = np.maximum(bars[-1], self._closes)
        elif name == "low":
            bars[-1] = np.minimum(bars[-1], self._closes)
        return bars

    def _framed(self, node: Framed, tail: int) -> FloatArray:
        inner = Evaluation(FrameBars(_MovedBars(self._view, self._columns, self._daily), None, node.frame, tail))
        inner.want(node.operand)
        return np.broadcast_to(inner.number(node.operand), (1, tail * self.width)).reshape(tail, self.width)


class _MovedBars:
    """Bars with moved closes, as weeks and months are made of them: a column for each (Symbol, close) tried."""

    def __init__(self, view: Bars, columns: IndexArray | None, daily: Callable[[str, int], FloatArray]) -> None:
        assert columns is not None, "closes are moved of some columns"
        self._view, self._columns = view, columns
        self._daily = daily
        self.panel, self.height = view.panel, view.height
        self.first: IntArray = view.first[columns]

    def newest(self, name: str, rows: int) -> FloatArray:
        return self._daily(name, rows)

    def session_of(self, rows: int) -> IntArray:
        return np.take(self._view.session_of(rows), self._columns, axis=1)

    def periods(self, frame: Frame) -> Periods:
        return Periods(self.session_of(self.height), self.panel.sessions, frame)

    @property
    def statements(self) -> Statements:
        return self._view.statements


def passing_closes(scope: Scope, columns: IndexArray, whole: Condition) -> FloatArray:
    """For each column the nearest close found with which a settled condition holds; NaN where there is none.

    What is returned was evaluated and held: whole won where they do, else to a part in a million of the move.
    """
    nothing = np.full(columns.size, np.nan)
    if not columns.size or any(isinstance(node, Across) for node in walk(whole)):
        return nothing
    close = scope.view.field("close")[-1, columns]
    steps = np.concatenate((np.arange(1, STEPS + 1), -np.arange(1, STEPS + 1))) * (MOVE_MAX / STEPS)
    tried = close[:, None] * (1 + steps)
    passes = _passes(scope, columns, tried, whole)
    distance = np.where(passes, np.abs(tried - close[:, None]), np.inf)
    best = distance.argmin(axis=1)
    lane = np.arange(columns.size)
    found = np.isfinite(distance[lane, best])
    price = tried[lane, best]
    fails = np.where(best % STEPS == 0, close, tried[lane, np.maximum(best - 1, 0)])
    for _ in range(ROUNDS - 1):
        inner = fails[:, None] + (price - fails)[:, None] * np.arange(1, STEPS + 1) / STEPS
        inner[:, -1] = price
        holds = _passes(scope, columns, inner, whole)
        holds[:, -1] = True
        first = holds.argmax(axis=1)
        fails = np.where(first == 0, fails, inner[lane, np.maximum(first - 1, 0)])
        price = inner[lane, first]
    won = np.where(price > close, np.ceil(price), np.floor(price))
    rounded = (won > 0) & _passes(scope, columns, won[:, None], whole)[:, 0]
    return np.where(found, np.where(rounded, won, price), nothing)


def _passes(scope: Scope, columns: IndexArray, closes: FloatArray, whole: Condition) -> BoolArray:
    """Whether the condition holds with each close [columns, tries]."""
    tries = closes.shape[1]
    repeated, flat = np.repeat(columns, tries), closes.ravel()
    around = Neighbours(scope, columns)
    planned = Evaluation(scope.view, None, around)
    planned.want(whole)
    width = max(1, CELLS_MAX // max(1, planned.rows_planned))
    holds = np.empty(flat.size, dtype=np.bool_)
    for start in range(0, flat.size, width):
        scope.context.check()
        piece = slice(start, start + width)
        moved = _Moved(scope, repeated[piece], flat[piece], around)
        moved.want(whole)
        with np.errstate(all="ignore"):
            holds[piece] = np.broadcast_to(moved.truth(whole).true, (1, moved.width))[0]
    return holds.reshape(closes.shape)
