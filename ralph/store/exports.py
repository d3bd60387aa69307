"""Reading what is stored for export: in blocks of some Symbols each, from one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

import numpy as np
from asyncpg import Connection
from numpy.typing import NDArray

from ralph.errors import BadParameter, DataNotFound, NotFound, UnknownSymbol
from ralph.market.symbol import parse_symbol
from ralph.store.wire import fetch_columns

ExportKind: TypeAlias = Literal["bars", "flows", "symbols", "shares", "index", "market-flows"]
Block: TypeAlias = Mapping[str, Sequence[str | date | None] | NDArray[Any]]
"""Columns by name, of equal length: text, datetime64[D], float64 with NaN where there is nothing."""

BLOCK_ROWS = 250_000  # about 20 MB of numbers are held at a time
SYMBOLS_MAX = 5_000
_TIMEOUT_S = 600.0

_WORKSPACE = "SELECT id, name, simulated FROM workspaces WHERE name = $1"

_SYMBOLS = """
    SELECT code AS symbol, name, name_en, market, kind, sector, industry, isin, state,
           listed_on, delisted_on
      FROM symbols
     WHERE workspace_id = $1
       AND ($2::text[] IS NULL OR code = ANY($2))
  ORDER BY code COLLATE "C"
"""


@dataclass(frozen=True)
class _Dated:
    """The SQL of a kind of dated rows: the keys of a workspace with their rows, and the rows of some keys.

    keys  $1 workspace, $2 codes or NULL, $3 and $4 the first and the last day; rows: $1 ids, then the two days
    """

    key: str
    keys: str
    rows: str
    numbers: tuple[str, ...]


_BARS = _Dated(
    "symbol",
    """
    SELECT k.id, k.code, count(*) AS rows
      FROM symbols k
      JOIN bars_daily r ON r.symbol_id = k.id
     WHERE k.workspace_id = $1
       AND ($2::text[] IS NULL OR k.code = ANY($2))
       AND r.session_on BETWEEN $3 AND $4
  GROUP BY k.id, k.code
  ORDER BY k.code COLLATE "C"
    """,
    """
    SELECT symbol_id, session_on, open, high, low, close, volume, value
      FROM bars_daily
     WHERE symbol_id = ANY($1::integer[])
       AND session_on BETWEEN $2 AND $3
    """,
    ("open", "high", "low", "close", "volume", "value"),
)

_FLOWS = _Dated(
    "symbol",
    """
    SELECT k.id, k.code, count(*) AS rows
      FROM symbols k
      JOIN flows_daily r ON r.symbol_id = k.id
     WHERE k.workspace_id = $1
       AND ($2::text[] IS NULL OR k.code = ANY($2))
       AND r.session_on BETWEEN $3 AND $4
  GROUP BY k.id, k.code
  ORDER BY k.code COLLATE "C"
    """,
    """
    SELECT symbol_id, session_on, foreign_value, institution_value, individual_value,
           foreign_shares, institution_shares, individual_shares, foreign_held
      FROM flows_daily
     WHERE symbol_id = ANY($1::integer[])
       AND session_on BETWEEN $2 AND $3
    """,
    (
        "foreign_value", "institution_value", "individual_value",
        "foreign_shares", "institution_shares", "individual_shares", "foreign_held",
    ),
)  # fmt: skip

_SHARES = _Dated(
    "symbol",
    """
    SELECT k.id, k.code, count(*) AS rows
      FROM symbols k
      JOIN symbol_shares r ON r.symbol_id = k.id
     WHERE k.workspace_id = $1
       AND ($2::text[] IS NULL OR k.code = ANY($2))
       AND r.session_on BETWEEN $3 AND $4
  GROUP BY k.id, k.code
  ORDER BY k.code COLLATE "C"
    """,
    """
    SELECT symbol_id, session_on, shares, market_cap
      FROM symbol_shares
     WHERE symbol_id = ANY($1::integer[])
       AND session_on BETWEEN $2 AND $3
    """,
    ("shares", "market_cap"),
)

_INDEX = _Dated(
    "index",
    """
    SELECT k.id, k.code, count(*) AS rows
      FROM indices k
      JOIN index_bars r ON r.index_id = k.id
     WHERE k.workspace_id = $1
       AND ($2::text[] IS NULL OR k.code = ANY($2))
       AND r.session_on BETWEEN $3 AND $4
  GROUP BY k.id, k.code
  ORDER BY k.code COLLATE "C"
    """,
    """
    SELECT index_id, session_on, open, high, low, close, volume, value, market_cap
      FROM index_bars
     WHERE index_id = ANY($1::integer[])
       AND session_on BETWEEN $2 AND $3
    """,
    ("open", "high", "low", "close", "volume", "value", "market_cap"),
)

_MARKET_FLOWS = _Dated(
    "market",
    """
    SELECT k.id, k.code, count(*) AS rows
      FROM markets k
      JOIN market_flows_daily r ON r.market_id = k.id
     WHERE k.workspace_id = $1
       AND ($2::text[] IS NULL OR k.code = ANY($2))
       AND r.session_on BETWEEN $3 AND $4
  GROUP BY k.id, k.code
  ORDER BY k.code COLLATE "C"
    """,
    """
    SELECT market_id, session_on, individual_value, foreign_value, institution_value, other_corp_value,
           fin_invest_value, insurance_value, trust_value, bank_value, other_fin_value, pension_value
      FROM market_flows_daily
     WHERE market_id = ANY($1::integer[])
       AND session_on BETWEEN $2 AND $3
    """,
    (
        "individual_value", "foreign_value", "institution_value", "other_corp_value",
        "fin_invest_value", "insurance_value", "trust_value", "bank_value", "other_fin_value", "pension_value",
    ),
)  # fmt: skip

_KINDS: dict[ExportKind, _Dated] = {
    "bars": _BARS,
    "flows": _FLOWS,
    "shares": _SHARES,
    "index": _INDEX,
    "market-flows": _MARKET_FLOWS,
}


@dataclass(frozen=True)
class ExportOrder:
    """What to export: of these codes (all when empty; indices for index, markets for market-flows), of the days from
    `since` to `until`, both included. Symbols are exported as they are now, without days."""

    what: ExportKind
    workspace: str
    codes: tuple[str, ...] = ()
    since: date = date.min
    until: date = date.max

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise BadParameter(
                f"from {self.since} lies after to {self.until}", field="from", accepted=f"a day up to {self.until}"
            )
        if self.what == "symbols" and (self.since, self.until) != (date.min, date.max):
            raise BadParameter("symbols are exported as they are now: leave out from and to", field="from")
        if len(self.codes) > SYMBOLS_MAX:
            raise BadParameter(f"at most {SYMBOLS_MAX:,} symbols can be named", field="symbols")


def codes_of(text: str | None) -> tuple[str, ...]:
    """The codes of a list separated by commas, none where there is no text; BadParameter for what is no code."""
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    codes = [parse_symbol(part) for part in parts]
    for part, code in zip(parts, codes, strict=True):
        if code is None:
            raise BadParameter(f"{part[:40]!r} is no code", field="symbols", accepted="codes such as 005930,000660")
    return tuple(dict.fromkeys(code for code in codes if code is not None))


@dataclass(frozen=True)
class Exported:
    """What there is to export, and the blocks it comes in."""

    workspace: str
    simulated: bool
    what: ExportKind
    rows: int
    blocks: AsyncIterator[Block]


@asynccontextmanager
async def read_export(connection: Connection, order: ExportOrder) -> AsyncIterator[Exported]:
    """The rows an order asks for, from one snapshot, by code and day.

    Raises NotFound for an unknown workspace, UnknownSymbol for a code that the workspace has nothing of, DataNotFound
    where there is nothing to export.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        place = await connection.fetchrow(_WORKSPACE, order.workspace)
        if place is None:
            raise NotFound(
                f"there is no workspace {order.workspace!r}; the usual ones are main and demo", field="workspace"
            )
        codes = list(order.codes) or None
        if order.what == "symbols":
            found = await connection.fetch(_SYMBOLS, place["id"], codes, timeout=_TIMEOUT_S)
            _check(order, [row["symbol"] for row in found])
            blocks = _listed([dict(row) for row in found])
            yield Exported(place["name"], place["simulated"], order.what, len(found), blocks)
            return
        kind = _KINDS[order.what]
        keys = await connection.fetch(kind.keys, place["id"], codes, order.since, order.until, timeout=_TIMEOUT_S)
        _check(order, [row["code"] for row in keys])
        rows = sum(row["rows"] for row in keys)
        yield Exported(place["name"], place["simulated"], order.what, rows, _dated(connection, order, kind, keys))


def _check(order: ExportOrder, found: Sequence[str]) -> None:
    missing = sorted(set(order.codes) - set(found))
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise UnknownSymbol(f"workspace {order.workspace} has no {order.what} of {shown}", field="symbols")
    if not found:
        raise DataNotFound(
            f"workspace {order.workspace} has no {order.what} to export", field="what", accepted="import some first"
        )


async def _listed(rows: Sequence[Mapping[str, Any]]) -> AsyncIterator[Block]:
    yield {name: [row[name] for row in rows] for name in rows[0]}


async def _dated(
    connection: Connection, order: ExportOrder, kind: _Dated, keys: Sequence[Mapping[str, Any]]
) -> AsyncIterator[Block]:
    """Blocks of whole keys, of about BLOCK_ROWS rows each."""
    kinds = [("key", "int4"), ("date", "date"), *((name, "float8") for name in kind.numbers)]
    begin = 0
    while begin < len(keys):
        end, rows = begin + 1, keys[begin]["rows"]
        while end < len(keys) and rows + keys[end]["rows"] <= BLOCK_ROWS:
            rows += keys[end]["rows"]
            end += 1
        part = keys[begin:end]
        ids = [row["id"] for row in part]
        found = await fetch_columns(connection, kind.rows, ids, order.since, order.until, kinds=kinds)
        by_id = np.argsort(ids)
        key = by_id[np.searchsorted(np.array(ids)[by_id], found.pop("key"))]
        by_key = np.lexsort((found["date"], key))
        codes = np.array([row["code"] for row in part], dtype=object)
        yield {kind.key: codes[key[by_key]], **{name: values[by_key] for name, values in found.items()}}
        begin = end
