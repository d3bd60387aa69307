"""Symbols of a workspace: found, listed, made when bars of new ones arrive, and updated from a file of Symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.errors import UnknownSymbol
from ralph.market.rules import FileSymbols
from ralph.market.symbol import Listing, Symbol, parse_symbol
from ralph.store.imports import (
    REJECTS_SHOWN,
    STATEMENT_S,
    ImportReport,
    begin_run,
    end_run,
    lock_workspace,
    touch_workspace,
    whole_or_nothing,
)

LIST_MAX = 5_000

_FIELDS = ("name", "name_en", "market", "kind", "sector", "listed_on", "delisted_on")

_ADD = """
    INSERT INTO symbols (workspace_id, code, name, market, sector)
         SELECT $1, code, name, market, sector
           FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) AS given (code, name, market, sector)
    ON CONFLICT (workspace_id, code)
      DO UPDATE SET name   = COALESCE(symbols.name,   EXCLUDED.name),
                    market = COALESCE(symbols.market, EXCLUDED.market),
                    sector = COALESCE(symbols.sector, EXCLUDED.sector),
                    updated_at = now()
              WHERE (symbols.name   IS NULL AND EXCLUDED.name   IS NOT NULL)
                 OR (symbols.market IS NULL AND EXCLUDED.market IS NOT NULL)
                 OR (symbols.sector IS NULL AND EXCLUDED.sector IS NOT NULL)
      RETURNING xmax = 0 AS added
"""

_IDS = "SELECT code, id FROM symbols WHERE workspace_id = $1 AND code = ANY($2::text[])"

_STAGE = """
    CREATE TEMP TABLE staged_symbols ON COMMIT DROP AS
           SELECT *
             FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::date[], $8::date[])
               AS given (code, name, name_en, market, kind, sector, listed_on, delisted_on)
"""

# A field the file says nothing about stays as it is.
_UPDATE = """
    UPDATE symbols
       SET name        = COALESCE(given.name,        symbols.name),
           name_en     = COALESCE(given.name_en,     symbols.name_en),
           market      = COALESCE(given.market,      symbols.market),
           kind        = COALESCE(given.kind,        symbols.kind),
           sector      = COALESCE(given.sector,      symbols.sector),
           listed_on   = COALESCE(given.listed_on,   symbols.listed_on),
           delisted_on = COALESCE(given.delisted_on, symbols.delisted_on),
           updated_at  = now()
      FROM staged_symbols AS given
     WHERE symbols.workspace_id = $1
       AND symbols.code = given.code
       AND (   given.name        <> COALESCE(symbols.name, '')
            OR given.name_en     <> COALESCE(symbols.name_en, '')
            OR given.market      <> COALESCE(symbols.market, '')
            OR given.kind        <> COALESCE(symbols.kind, '')
            OR given.sector      <> COALESCE(symbols.sector, '')
            OR given.listed_on   <> COALESCE(symbols.listed_on, '-infinity')
            OR given.delisted_on <> COALESCE(symbols.delisted_on, '-infinity'))
"""

_INSERT = """
    INSERT INTO symbols (workspace_id, code, name, name_en, market, kind, sector, listed_on, delisted_on)
         SELECT $1, code, name, name_en, market, kind, sector, listed_on, delisted_on
           FROM staged_symbols
    ON CONFLICT (workspace_id, code) DO NOTHING
"""

_LIST = """
    SELECT s.code AS symbol, s.name, s.name_en, s.market, s.kind, s.sector, s.listed_on, s.delisted_on
      FROM symbols s
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
       AND ($2::text IS NULL OR s.code LIKE upper($2) || '%' OR s.name ILIKE '%' || $2 || '%'
            OR s.name_en ILIKE '%' || $2 || '%')
       AND ($3::text IS NULL OR s.market = $3)
       AND ($4::text IS NULL OR s.code COLLATE "C" > $4)
  ORDER BY s.code COLLATE "C"
     LIMIT $5
"""

_FIND = """
    SELECT s.code AS symbol, s.name, s.name_en, s.market, s.kind, s.sector, s.listed_on, s.delisted_on
      FROM symbols s
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
       AND s.code = $2
"""


async def ensure_symbols(
    connection: asyncpg.Connection, workspace_id: int, listings: Sequence[Listing]
) -> tuple[NDArray[np.int32], int, bool]:
    """The ids of Symbols, in their order; how many were new; whether something was learnt of one that was not.

    What is stored about a Symbol wins over what a file of bars says about it in passing.
    """
    codes = [listing.symbol for listing in listings]
    about = [[getattr(listing, name) for listing in listings] for name in ("name", "market", "sector")]
    written = await connection.fetch(_ADD, workspace_id, codes, *about, timeout=STATEMENT_S)
    ids = dict(await connection.fetch(_IDS, workspace_id, codes, timeout=STATEMENT_S))
    added = sum(row["added"] for row in written)
    return np.array([ids[code] for code in codes], dtype=np.int32), added, len(written) > added


async def import_symbols(
    connection: asyncpg.Connection,
    workspace: str,
    file_symbols: FileSymbols,
    *,
    dry_run: bool = False,
    progress: Callable[[str, int, int], None] = lambda phase, done, total: None,
) -> ImportReport:
    """Stores Symbols in one transaction; an empty cell leaves what is stored. Raises NotFound for an unknown workspace,
    DatabaseDown when the database goes away (nothing is stored then)."""
    started_at = datetime.now(UTC)
    total = len(file_symbols.listings)
    async with whole_or_nothing(connection, file_symbols.file_name, dry_run):
        progress("wait", 0, total)
        place = await lock_workspace(connection, workspace)
        run_id = await begin_run(connection, place, file_symbols, "symbols", adjusted=False, started_at=started_at)
        progress("store", 0, total)
        columns = [[getattr(listing, name) for listing in file_symbols.listings] for name in ("symbol", *_FIELDS)]
        await connection.execute(_STAGE, *columns, timeout=STATEMENT_S)
        updated = _count(await connection.execute(_UPDATE, place.id, timeout=STATEMENT_S))
        stored = _count(await connection.execute(_INSERT, place.id, timeout=STATEMENT_S))
        version = await touch_workspace(connection, place, since=None) if stored or updated else place.data_version
        unchanged = total - stored - updated + file_symbols.duplicates
        finished_at = await end_run(connection, run_id, stored=stored, updated=updated, unchanged=unchanged, flagged=0)
        progress("store", total, total)
    return ImportReport(
        workspace=place.name,
        simulated=place.simulated,
        kind="symbols",
        file_name=file_symbols.file_name,
        file_sha256=file_symbols.file_sha256,
        columns=file_symbols.mapping,
        adjusted=False,
        rows_read=file_symbols.rows_read,
        stored=stored,
        updated=updated,
        unchanged=unchanged,
        flagged=0,
        rejected=file_symbols.rejected,
        started_at=started_at,
        finished_at=finished_at,
        run_id=None if dry_run else str(run_id),
        dry_run=dry_run,
        data_version=str(place.data_version if dry_run else version),
        symbols_added=stored,
        encoding=file_symbols.encoding,
        rejects=file_symbols.rejects[:REJECTS_SHOWN],
        notes=file_symbols.notes,
    )


async def list_symbols(
    connection: asyncpg.Connection,
    workspace: str,
    *,
    search: str | None = None,
    market: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Listing]:
    """Symbols by code: those whose code begins with the search text or whose name holds it; `after` is the last code of
    the page before, and a page has at most 5,000."""
    text = None if search is None else _escaped(search)
    rows = await connection.fetch(_LIST, workspace, text, market, after, max(1, min(limit, LIST_MAX)))
    return [Listing(**row) for row in rows]


async def find_symbol(connection: asyncpg.Connection, workspace: str, code: str) -> Listing:
    """The Listing of a code; UnknownSymbol says where to look."""
    symbol: Symbol | None = parse_symbol(code)
    row = await connection.fetchrow(_FIND, workspace, symbol) if symbol is not None else None
    if row is None:
        raise UnknownSymbol(
            f"there is no symbol {code[:40]!r} in workspace {workspace}: `ralph symbols TEXT` searches codes and names",
            field="symbol",
            accepted="a code such as 005930",
        )
    return Listing(**row)


def _escaped(search: str) -> str:
    """The text with LIKE's own signs and zero bytes, which Postgres refuses, made harmless."""
    text = search.replace("\0", "").replace("\\", "\\\\")
    return text.replace("%", r"\%").replace("_", r"\_")


def _count(status: str) -> int:
    """The rows of a command's status, `UPDATE 3` or `INSERT 0 3`."""
    return int(status.rsplit(" ", 1)[1])
