"""The order of matches, and the page of them that is asked for."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

from ralph.errors import BadExpression, BadParameter
from ralph.market.view import View
from ralph.screens.answer import LIMIT_MAX, Request
from ralph.screens.cursor import Cursor, fingerprint, write_cursor
from ralph.screens.operations import FloatArray, IndexArray
from ralph.screens.parser import parse_number
from ralph.screens.scoring import Measured
from ralph.screens.tree import Numeric


class Order(NamedTuple):
    """What matches are ordered by; `number` where it is an expression."""

    by: Literal["score", "symbol", "name", "number"]
    number: Numeric | None
    rising: bool

    def __str__(self) -> str:
        return f"{self.by} {self.number} {self.rising}"


class Found(NamedTuple):
    """All matches in order: their columns, keys (rising), traded values and measures."""

    columns: IndexArray
    keys: FloatArray
    traded: FloatArray
    measured: Measured


def read_order(request: Request) -> Order:
    """The order a request asks for; BadExpression and BadParameter name the field."""
    if request.limit is not None and not 1 <= request.limit <= LIMIT_MAX:
        accepted = f"a whole number from 1 to {LIMIT_MAX}"
        raise BadParameter(f"limit must be {accepted}, not {request.limit}", field="limit", accepted=accepted)
    word = request.sort.strip().lower()
    if word in ("symbol", "name"):
        return Order("symbol" if word == "symbol" else "name", None, request.order != "desc")
    if word == "score":
        return Order("score", None, request.order == "asc")
    try:
        return Order("number", parse_number(request.sort), request.order == "asc")
    except BadExpression as error:
        error.field = "sort"
        raise


def ordered(view: View, columns: IndexArray, measured: Measured, order: Order, values: FloatArray) -> Found:
    """Matches by their key, then by traded value falling, then by Symbol. `values` are those of order.number."""
    keys = _keys(view, columns, measured, order, values)
    traded = view.field("value")[-1, columns]
    symbols = np.array([view.panel.symbols[column] for column in columns])
    places = np.lexsort((symbols, -traded, keys))
    return Found(columns[places], keys[places], traded[places], measured.taken(places))


def _keys(view: View, columns: IndexArray, measured: Measured, order: Order, values: FloatArray) -> FloatArray:
    if order.by in ("symbol", "name"):
        listings = [view.panel.listings[column] for column in columns]
        texts = [one.symbol if order.by == "symbol" else one.name or "" for one in listings]
        places = {text: float(place) for place, text in enumerate(sorted(set(texts)))}
        keys = np.array([places[text] for text in texts])
    else:
        keys = measured.points if order.by == "score" else values
    return np.where(np.isnan(keys), np.inf, keys if order.rising else -keys)


def page_of(view: View, found: Found, cursor: Cursor | None, limit: int | None) -> range:
    """The places of the matches to return."""
    start, total = 0, found.columns.size
    if cursor is not None:
        after = (math.inf if cursor.key is None else cursor.key, -cursor.value, cursor.symbol)
        while start < total and _key(view, found, start) <= after:
            start += 1
    return range(start, total if limit is None else min(total, start + limit))


def _key(view: View, found: Found, place: int) -> tuple[float, float, str]:
    return float(found.keys[place]), -float(found.traded[place]), view.panel.symbols[found.columns[place]]


def next_cursor(view: View, found: Found, page: range, screen: int) -> str | None:
    """What leads to the page after this one; None where there is none."""
    if not page or page.stop == found.columns.size:
        return None
    key, value, symbol = _key(view, found, page[-1])
    return write_cursor(Cursor(screen, view.on, None if math.isinf(key) else key, -value, symbol))


def screen_number(expression: str, order: Order) -> int:
    """Marks the cursors of one expression in one order."""
    return fingerprint(expression, str(order))
