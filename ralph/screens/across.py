"""Places and figures among the Symbols of a universe, Session by Session, and memberships at each bar.

The same day is compared across Symbols, not the same row: columns have their halts taken out. A Symbol takes part on
the Sessions on which it belonged to the universe and traded, whether or not it trades on the Session asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np

from ralph import kernels
from ralph.market.view import NO_BAR, View
from ralph.screens.evaluation import Evaluation
from ralph.screens.operations import BoolArray, FloatArray, IndexArray
from ralph.screens.places import figures_across, ratings
from ralph.screens.rolls import Rolls
from ralph.screens.selecting import Context
from ralph.screens.tree import Across, Arithmetic, Belongs, Field, History, Number, Numeric

CHUNK_CELLS = 8_000_000  # values planned at once for all Symbols
SESSIONS_AT_ONCE = 256  # whose figures are made between two checks

Universe: TypeAlias = Callable[[View], BoolArray]
"""Whether each Symbol belongs to what was asked for, as of a view: [symbols]."""


def listed(view: View) -> BoolArray:
    """The universe of all listed Symbols."""
    return view.listed


class Scope(NamedTuple):
    """A view with what a screen may know beside its columns."""

    view: View
    universe: Universe
    context: Context


STRENGTH = ((0.4, 63), (0.2, 126), (0.2, 189), (0.2, 252))
"""Weights of the changes over so many bars in the strength of a year, cumulative."""


def rs_raw() -> Numeric:
    """0.4 r63 + 0.2 r126 + 0.2 r189 + 0.2 r252, r the change over so many bars: strength over a year, cumulative."""
    terms: list[Numeric] = [
        Arithmetic(op="*", left=Number(weight), right=History(name="change", operand=Field("close"), bars=bars))
        for weight, bars in STRENGTH
    ]
    total = terms[0]
    for term in terms[1:]:
        total = Arithmetic(op="+", left=total, right=term)
    return total


def strength(close: FloatArray, bars: int) -> FloatArray:
    """The newest `bars` rows of `rs_raw` from closes [rows, symbols], the same to the last bit without its nodes."""
    total = np.empty((bars, close.shape[1]))
    weights, backs = (np.array(one) for one in zip(*STRENGTH, strict=True))
    kernels.places.changes(np.ascontiguousarray(close), weights, backs, total)
    return total


class Neighbours:
    """All Symbols around the columns of a view; figures are made for `columns` only (all where None)."""

    def __init__(self, scope: Scope, columns: IndexArray | None = None, rolls: Rolls | None = None) -> None:
        self._scope = scope
        self._view = view = scope.view
        self._universe = scope.universe
        self._context = scope.context
        self._columns = np.arange(view.first.size) if columns is None else columns
        self._rolls = Rolls(view.panel) if rolls is None else rolls
        self._tails: dict[Across, int] = {}
        self._found: dict[Across, FloatArray] = {}
        self._spans: dict[int, tuple[IndexArray, int]] = {}
        self._inner: Neighbours | None = None
        self.rows_planned = 0

    def want(self, node: Across, tail: int) -> None:
        """Plan the newest rows of a node."""
        if self._tails.get(node, 0) < tail:
            self._tails[node] = tail
            if self._columns.size:
                self.rows_planned += self._planned(node, None).rows_planned + self._around().rows_planned

    def belongs(self, node: Belongs, tail: int) -> tuple[BoolArray, BoolArray]:
        """Whether each Symbol was a member at each of the newest bars, and whether that is known: [tail, symbols]."""
        sessions = self._view.session_of(tail)
        member, known = self._rolls.members(node, self._context, sessions)
        return member, known & (sessions != NO_BAR)

    def across(self, node: Across, tail: int) -> FloatArray:
        """The newest rows of a figure [tail, symbols]; NaN for columns that were not asked for."""
        found = self._found.get(node)
        if found is None:
            found = self._found[node] = self._figures(node)
        return found[found.shape[0] - tail :]

    def _around(self) -> Neighbours:
        """The same with every Symbol's newest rows, for what is nested within."""
        if self._inner is None:
            self._inner = Neighbours(self._scope._replace(view=self._view.latest), rolls=self._rolls)
        return self._inner

    def _oldest(self, sessions: IndexArray) -> int:
        seen = sessions[sessions >= 0]
        return int(seen.min()) if seen.size else self._view.index

    def _span(self, node: Across) -> tuple[IndexArray, int]:
        """The Session of each bar that was asked for [tail, columns], and the oldest of them."""
        tail = self._tails[node]
        if tail not in self._spans:
            sessions = np.take(self._view.session_of(tail), self._columns, axis=1).astype(np.int64)
            self._spans[tail] = sessions, self._oldest(sessions)
        return self._spans[tail]

    def _planned(self, node: Across, columns: IndexArray | None) -> Evaluation:
        """The operand over all Symbols, back to the oldest Session."""
        evaluation = Evaluation(self._view.latest, columns, self._around())
        evaluation.want(self._operand(node), self._view.index - self._span(node)[1] + 1)
        return evaluation

    def _operand(self, node: Across) -> Numeric:
        return rs_raw() if node.operand is None else node.operand

    def _figures(self, node: Across) -> FloatArray:
        tail = self._tails[node]
        result = np.full((tail, self._view.first.size), np.nan)
        if not self._columns.size:
            return result
        sessions, oldest = self._span(node)
        found = self._rated(node, oldest) if node.name == "rs_rating" else self._placed(node, oldest)
        if tail == found.shape[0] == 1:
            result[0, self._columns] = np.where(sessions[0] < 0, np.nan, found[0])
            return result
        at = np.maximum(sessions - oldest, 0)
        result[:, self._columns] = np.where(sessions < 0, np.nan, np.take_along_axis(found, at, axis=0))
        return result

    def _rated(self, node: Across, oldest: int) -> FloatArray:
        """Ratings on each Session [sessions, columns], kept on the view: they are the same whoever asks."""
        sessions = self._view.index - oldest + 1
        kept = self._view.ratings.find(node.name)
        if kept is None or kept[node.name].shape[0] < sessions:
            kept = {node.name: ratings(self._by_session(node, oldest))}
            self._view.ratings.keep(node.name, kept)
        return np.take(kept[node.name][-sessions:], self._columns, axis=1)

    def _placed(self, node: Across, oldest: int) -> FloatArray:
        """Places and medians on each Session from the oldest on: [sessions, columns]."""
        by_session = self._by_session(node, oldest)
        found = np.empty((by_session.shape[0], self._columns.size))
        for start in range(0, by_session.shape[0], SESSIONS_AT_ONCE):
            self._context.check()
            rows = slice(start, start + SESSIONS_AT_ONCE)
            sectors = []
            if node.name.startswith("sector_"):
                sectors = [self._rolls.sectors(oldest + start + row) for row in range(by_session[rows].shape[0])]
            found[rows] = figures_across(node.name, by_session[rows], sectors, self._columns)
        return found

    def _by_session(self, node: Across, oldest: int) -> FloatArray:
        """The operand on each Session from the oldest on [sessions, symbols], NaN for who did not take part."""
        view, panel = self._view.latest, self._view.panel
        bars = min(self._view.index - oldest + 1, view.height)
        values = np.broadcast_to(self._values(node, bars), (bars, view.first.size))
        rows = panel.rows[oldest : self._view.index + 1]
        newest = (panel.bar_count - 1 - view.shift).astype(np.int32)
        found = np.empty(rows.shape)
        kernels.places.by_session(np.ascontiguousarray(values), np.ascontiguousarray(rows), newest, found)
        np.copyto(found, np.nan, where=~self._members(node, oldest))
        return found

    def _values(self, node: Across, bars: int) -> FloatArray:
        """The operand's newest bars for all Symbols, some columns at a time."""
        operand = self._operand(node)
        symbols = self._view.first.size
        if node.operand is None:
            view = self._view.latest
            return strength(view.newest("close", min(bars + STRENGTH[-1][1], view.height)), bars)
        width = max(1, CHUNK_CELLS // max(1, self._planned(node, None).rows_planned))
        if symbols <= width:
            return self._planned(node, None).number(operand, bars)
        values = np.empty((bars, symbols))
        for start in range(0, symbols, width):
            self._context.check()
            columns = np.arange(start, min(start + width, symbols))
            values[:, columns] = self._planned(node, columns).number(operand, bars)
        return values

    def _members(self, node: Across, oldest: int) -> BoolArray:
        """Who takes part on each Session from the oldest on. Ratings are given among all common shares."""
        panel = self._view.panel
        index = np.arange(oldest, self._view.index + 1)
        if node.name != "rs_rating" and self._universe is not listed:
            return np.stack([self._universe(View(panel, session)) for session in index.tolist()])
        known = (panel.listed_from <= index[:, None]) & panel.roster.listed_on(panel.sessions[index])
        return known & panel.is_common if node.name == "rs_rating" else known
