"""Listings as stored: what holds now from `symbols`, what was from the history beside it."""

from __future__ import annotations

from collections.abc import Sequence

from asyncpg import Connection, Record

from ralph.market.history import FIELDS
from ralph.market.symbol import Listing, Past, Span, Symbol

_PAST = """
    SELECT symbol_id, field, value, valid_from, next_from - 1 AS until
      FROM (SELECT symbol_id, field, value, valid_from,
                   lead(valid_from) OVER (PARTITION BY symbol_id, field ORDER BY valid_from) AS next_from
              FROM symbol_history
             WHERE symbol_id = ANY($1::integer[])) AS versions
     WHERE next_from IS NOT NULL
  ORDER BY valid_from
"""

_EARLIER = """
    SELECT symbol_id, listed_on, delisted_on
      FROM former_listings
     WHERE symbol_id = ANY($1::integer[])
  ORDER BY delisted_on
"""


async def listings_of(connection: Connection, records: Sequence[Record]) -> list[Listing]:
    """The Listings of rows of `symbols`, in their order; rows have id, code and the columns of a Listing."""
    ids = [record["id"] for record in records]
    past: dict[int, list[Past]] = {}
    for row in await connection.fetch(_PAST, ids):
        past.setdefault(row["symbol_id"], []).append(Past(row["field"], row["value"], row["valid_from"], row["until"]))
    earlier: dict[int, list[Span]] = {}
    for row in await connection.fetch(_EARLIER, ids):
        earlier.setdefault(row["symbol_id"], []).append(Span(row["listed_on"], row["delisted_on"]))
    return [_listing(record, earlier.get(record["id"], []), past.get(record["id"], [])) for record in records]


def _listing(record: Record, earlier: list[Span], past: list[Past]) -> Listing:
    known = {name: value for name, value in record.items() if name not in ("id", "code")}
    ordered = sorted(past, key=lambda each: FIELDS.index(each.field))  # by field, then by date
    return Listing(Symbol(record["code"]), **known, earlier=tuple(earlier), past=tuple(ordered))
