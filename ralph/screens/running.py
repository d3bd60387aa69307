"""Runs a screen: which Symbols meet it as of a Session, in which order, why, and which nearly did."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import NamedTuple

import numpy as np

from ralph.errors import BadExpression, BadParameter
from ralph.market.flags import ANOMALY
from ralph.market.panel import Panel
from ralph.market.view import View
from ralph.screens.across import Scope, listed
from ralph.screens.answer import COLUMNS_MAX, SPARKLINE_BARS, Answer, FunnelStep, Match, Reason, Request
from ralph.screens.cursor import read_cursor
from ralph.screens.excluding import Exclusion
from ralph.screens.lookback import bars_seen
from ralph.screens.matching import truths
from ralph.screens.nearness import near_misses
from ralph.screens.operations import BoolArray, FloatArray, IndexArray, Truth
from ralph.screens.ordering import Found, Order, next_cursor, ordered, page_of, read_order, screen_number
from ralph.screens.parser import parse, parse_number
from ralph.screens.reasons import Wording
from ralph.screens.scoring import Measured, atoms, measure, sides
from ralph.screens.selecting import Context, resolved
from ralph.screens.tree import (
    Across,
    Condition,
    Field,
    Framed,
    Net,
    Number,
    Numeric,
    Offset,
    Reading,
    children,
    is_condition,
    settled,
    shifted,
    top_parts,
)
from ralph.screens.universe import members


class _Asked(NamedTuple):
    """A request that has been read."""

    condition: Condition
    shown: list[Numeric]
    order: Order
    parts: tuple[Condition, ...]


def run(panel: Panel, request: Request, context: Context | None = None) -> Answer:
    """The Symbols of a Panel that meet a screen.

    BadExpression points into the text; BadParameter, UnknownSymbol and DataNotFound name the field; TooLarge where
    the screen would cost too much.
    """
    started = time.perf_counter()
    context = context or Context()
    asked = _read(request)
    expression = str(asked.condition)
    screen = screen_number(expression, asked.order)
    cursor = None if request.cursor is None else read_cursor(request.cursor, screen, request.as_of)
    view = panel.as_of(request.as_of if cursor is None else cursor.as_of)
    scope = Scope(view, listed if request.universe is None else partial(members, universe=request.universe), context)
    universe = scope.universe(view)
    columns = np.flatnonzero(universe & view.traded)
    parts = tuple(resolved(part, context) for part in asked.parts)
    found_truths = truths(scope, columns, parts)
    every = np.logical_and.reduce([truth.true for truth in found_truths])
    whole = settled(resolved(asked.condition, context))
    named = _named(whole, asked.shown)
    found = _found(scope, columns[every], whole, list(named.values()), asked.order)
    page = page_of(view, found, cursor, request.limit)
    left_out = Exclusion(view, universe, columns, found_truths, whole)
    near = near_misses(scope, columns, asked.parts, found_truths) if "near_misses" in request.extras else None
    return Answer(
        workspace=panel.workspace,
        simulated=panel.simulated,
        as_of=view.on,
        data_version=panel.data_version,
        expression=expression,
        total_scanned=int(universe.sum()),
        total_matches=int(every.sum()),
        matches=_matches(view, whole, found, page, list(named), request),
        excluded=left_out.counts(),
        funnel=_funnel(asked.parts, found_truths) if "funnel" in request.extras else None,
        near_misses=near,
        excluded_symbols=left_out.symbols(asked.parts) if "excluded" in request.extras else None,
        next_cursor=next_cursor(view, found, page, screen),
        timing_ms=(time.perf_counter() - started) * 1000,
    )


def _read(request: Request) -> _Asked:
    condition = parse(request.expression)
    return _Asked(condition, _columns(request.columns), read_order(request), top_parts(condition))


def _columns(texts: list[str]) -> list[Numeric]:
    if len(texts) > COLUMNS_MAX:
        raise BadParameter(
            f"at most {COLUMNS_MAX} columns can be shown, not {len(texts)}",
            field="columns",
            accepted=f"at most {COLUMNS_MAX} columns",
        )
    shown = []
    for index, text in enumerate(texts):
        try:
            shown.append(parse_number(text))
        except BadExpression as error:
            error.field = f"columns[{index}]"
            raise
    return shown


def _named(whole: Condition, columns: list[Numeric]) -> dict[str, Numeric]:
    """What `values` shows, by canonical text: both sides of each comparison, the names within them, the columns."""
    found: dict[str, Numeric] = {}
    for atom in atoms(whole):
        for side in sides(atom):
            if not isinstance(side, Number):
                found[str(side)] = side
                found |= {str(leaf): leaf for leaf in _leaves(side, 0)}
    return found | {str(column): column for column in columns}


def _leaves(node: Numeric, bars: int) -> list[Numeric]:
    if isinstance(node, Field | Reading | Net | Across | Framed):
        return [shifted(node, bars)]
    if isinstance(node, Offset):
        bars += node.bars
    return [leaf for child in children(node) if not is_condition(child) for leaf in _leaves(child, bars)]  # type: ignore[arg-type]


def _found(scope: Scope, columns: IndexArray, whole: Condition, shown: list[Numeric], order: Order) -> Found:
    if not columns.size:
        nothing = np.empty(0)
        empty = np.empty((0, 0))
        return Found(columns, nothing, nothing, Measured(nothing, columns, empty, empty, empty, empty))
    keys = [] if order.number is None else [order.number]
    measured = measure(scope, columns, whole, [*shown, *keys])
    return ordered(scope.view, columns, measured, order, measured.values[-1] if keys else measured.points)


def _matches(
    view: View, whole: Condition, found: Found, page: range, names: list[str], request: Request
) -> list[Match]:
    if not page:
        return []
    columns = found.columns[page.start : page.stop]
    measured = found.measured
    shown = [slice(None), slice(page.start, page.stop)]
    values = [dict(zip(names, row, strict=True)) for row in _known(measured.values[: len(names)][*shown])]
    reasons = _reasons(whole, measured.left[*shown], measured.right[*shown], measured.points_each[*shown])
    seen = min(bars_seen(whole), view.height)
    flagged = np.bitwise_or.reduce(view.newest_flags(seen)[:, columns], axis=0) & int(ANOMALY)
    closes = view.field("close")[-SPARKLINE_BARS:, columns].T.tolist() if "sparkline" in request.extras else None
    matches = []
    for index, column in enumerate(columns.tolist()):
        listing = view.panel.listings[column]
        matches.append(
            Match(
                symbol=listing.symbol,
                name=listing.name,
                score=float(measured.points[page.start + index]),
                anomaly=bool(flagged[index]),
                values=values[index],
                reasons=reasons[index],
                sparkline=None if closes is None else [close for close in closes[index] if not math.isnan(close)],
            )
        )
    return matches


def _known(values: FloatArray) -> list[list[float | None]]:
    """The columns of values [names, matches] as lists, None where one is missing."""
    rows: list[list[float | None]] = values.T.tolist()
    if not np.isnan(values).any():
        return rows
    return [[None if value != value else value for value in row] for row in rows]


def _reasons(whole: Condition, *told: FloatArray) -> list[list[Reason]]:
    """Of each match, one for each comparison that holds; told [atoms, matches]: both sides, and points."""
    worded = [Wording(atom) for atom in atoms(whole)]
    return [
        [
            wording.reason(left, right)
            for wording, left, right, points in zip(worded, *match, strict=True)
            if not math.isnan(points)
        ]
        for match in zip(*(one.T.tolist() for one in told), strict=True)
    ]


def _funnel(parts: tuple[Condition, ...], found: list[Truth]) -> list[FunnelStep]:
    steps = []
    remaining: BoolArray = np.ones_like(found[0].true)
    for part, truth in zip(parts, found, strict=True):
        remaining = remaining & truth.true
        steps.append(FunnelStep(str(part), int(remaining.sum()), int(truth.true.sum())))
    return steps
