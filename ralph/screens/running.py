"""Runs a screen: which Symbols meet it as of a Session, in which order, why, and which nearly did."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from ralph.errors import BadExpression, BadParameter
from ralph.market.flags import ANOMALY
from ralph.market.panel import Panel, View
from ralph.screens.answer import (
    COLUMNS_MAX,
    LIMIT_MAX,
    SPARKLINE_BARS,
    Answer,
    FunnelStep,
    Match,
    Reason,
    Request,
)
from ralph.screens.blocks import blocks
from ralph.screens.cursor import Cursor, fingerprint, read_cursor, write_cursor
from ralph.screens.evaluation import BoolArray, FloatArray, IndexArray, Truth
from ralph.screens.lookback import bars_seen
from ralph.screens.nearness import near_misses
from ralph.screens.parser import parse, parse_number
from ralph.screens.reasons import Wording
from ralph.screens.scoring import Measured, atoms, measure, sides
from ralph.screens.tree import Condition, Field, Number, Numeric, Offset, Reading, children, settled, shifted, top_parts
from ralph.screens.universe import members


class _Found(NamedTuple):
    """All matches in order: their columns, traded values and measures."""

    columns: IndexArray
    traded: FloatArray
    measured: Measured


def run(panel: Panel, request: Request) -> Answer:
    """The Symbols of a Panel that meet a screen.

    BadExpression points into the text; BadParameter, UnknownSymbol and DataNotFound name the field; TooLarge where
    the screen would cost too much.
    """
    started = time.perf_counter()
    condition = parse(request.expression)
    shown = _columns(request.columns)
    _check_limit(request.limit)
    expression = str(condition)
    cursor = None if request.cursor is None else read_cursor(request.cursor, expression, request.as_of)
    view = panel.as_of(request.as_of if cursor is None else cursor.as_of)
    universe = members(view, request.universe)
    columns = np.flatnonzero(universe & view.traded)
    parts = top_parts(condition)
    truths = _truths(view, columns, parts)
    every = np.logical_and.reduce([truth.true for truth in truths])
    false = np.logical_or.reduce([truth.false for truth in truths])
    whole = settled(condition)
    named = _named(whole, shown)
    found = _ordered(view, columns[every], whole, list(named.values()))
    page = _page(view, found, cursor, request.limit)
    return Answer(
        workspace=panel.workspace,
        simulated=panel.simulated,
        as_of=view.on,
        data_version=panel.data_version,
        expression=expression,
        total_scanned=int(universe.sum()),
        total_matches=int(every.sum()),
        matches=_matches(view, whole, found, page, list(named), request),
        excluded={
            "no_bar": int((universe & ~view.traded & ~view.halted).sum()),
            "halted": int((universe & view.halted).sum()),
            "missing_value": int((~every & ~false).sum()),
        },
        funnel=_funnel(parts, truths) if "funnel" in request.extras else None,
        near_misses=near_misses(view, columns, parts, truths) if "near_misses" in request.extras else None,
        next_cursor=_next_cursor(view, found, page, fingerprint(expression)),
        timing_ms=(time.perf_counter() - started) * 1000,
    )


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


def _check_limit(limit: int | None) -> None:
    if limit is not None and not 1 <= limit <= LIMIT_MAX:
        raise BadParameter(
            f"limit must be a whole number from 1 to {LIMIT_MAX}, not {limit}",
            field="limit",
            accepted=f"a whole number from 1 to {LIMIT_MAX}",
        )


def _truths(view: View, columns: IndexArray, parts: tuple[Condition, ...]) -> list[Truth]:
    """Of each part, for each of the columns. Most of the columns are not worth picking out of all."""
    total = view.first.size
    dense = columns.size * 2 > total
    asked = np.arange(total) if dense else columns
    settled_parts = [settled(part) for part in parts]
    wants = [(part, 1) for part in settled_parts]
    true = np.empty((len(parts), asked.size), dtype=np.bool_)
    false = np.empty_like(true)
    start = 0
    with np.errstate(all="ignore"):
        for block in blocks(view, asked, wants):
            stop = start + block.width
            for row, part in enumerate(settled_parts):
                true[row, start:stop], false[row, start:stop] = block.truth(part)
            start = stop
    if dense:
        true, false = true[:, columns], false[:, columns]
    return [Truth(true[row], false[row]) for row in range(len(parts))]


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
    if isinstance(node, Field | Reading):
        return [shifted(node, bars)]
    if isinstance(node, Offset):
        bars += node.bars
    return [leaf for child in children(node) for leaf in _leaves(child, bars)]  # type: ignore[arg-type]


def _ordered(view: View, columns: IndexArray, whole: Condition, shown: list[Numeric]) -> _Found:
    if not columns.size:
        nothing = np.empty(0)
        empty = np.empty((0, 0))
        return _Found(columns, nothing, Measured(nothing, columns, empty, empty, empty, empty))
    measured = measure(view, columns, whole, shown)
    traded = view.field("value")[-1, columns]
    symbols = np.array([view.panel.symbols[column] for column in columns])
    order = np.lexsort((symbols, -traded, -measured.points))
    return _Found(columns[order], traded[order], measured.taken(order))


def _page(view: View, found: _Found, cursor: Cursor | None, limit: int | None) -> range:
    """The places of the matches to return."""
    start, total = 0, found.columns.size
    if cursor is not None:
        after = (-cursor.score, -cursor.value, cursor.symbol)
        while start < total and _key(view, found, start) <= after:
            start += 1
    return range(start, total if limit is None else min(total, start + limit))


def _key(view: View, found: _Found, place: int) -> tuple[float, float, str]:
    return -float(found.measured.points[place]), -float(found.traded[place]), view.panel.symbols[found.columns[place]]


def _next_cursor(view: View, found: _Found, page: range, screen: int) -> str | None:
    if not page or page.stop == found.columns.size:
        return None
    score, value, symbol = _key(view, found, page[-1])
    return write_cursor(Cursor(screen, view.on, -score, -value, symbol))


def _matches(
    view: View, whole: Condition, found: _Found, page: range, names: list[str], request: Request
) -> list[Match]:
    if not page:
        return []
    worded = [Wording(atom) for atom in atoms(whole)]
    columns = found.columns[page.start : page.stop]
    seen = bars_seen(whole)
    flagged = np.bitwise_or.reduce(view.flags()[-seen:, columns], axis=0).tolist()
    closes = view.field("close")[-SPARKLINE_BARS:, columns] if "sparkline" in request.extras else None
    matches = []
    for index, place in enumerate(page):
        listing = view.panel.listings[columns[index]]
        row = found.measured.values[:, place].tolist()
        line = None if closes is None else closes[:, index].tolist()
        matches.append(
            Match(
                symbol=listing.symbol,
                name=listing.name,
                score=float(found.measured.points[place]),
                anomaly=bool(flagged[index] & ANOMALY),
                values={name: None if math.isnan(value) else value for name, value in zip(names, row, strict=True)},
                reasons=_reasons(worded, found.measured, place),
                sparkline=None if line is None else [close for close in line if not math.isnan(close)],
            )
        )
    return matches


def _reasons(worded: list[Wording], measured: Measured, place: int) -> list[Reason]:
    """One for each comparison that holds."""
    return [
        wording.reason(float(measured.left[row, place]), float(measured.right[row, place]))
        for row, wording in enumerate(worded)
        if not math.isnan(measured.points_each[row, place])
    ]


def _funnel(parts: tuple[Condition, ...], truths: list[Truth]) -> list[FunnelStep]:
    steps = []
    remaining: BoolArray = np.ones_like(truths[0].true)
    for part, truth in zip(parts, truths, strict=True):
        remaining = remaining & truth.true
        steps.append(FunnelStep(str(part), int(remaining.sum())))
    return steps
