"""Symbols of a workspace: found, listed, searched, and made when bars of new ones arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg
import numpy as np
from numpy.typing import NDArray

from ralph.errors import UnknownSymbol
from ralph.market.kinds import kind_of
from ralph.market.names import choseong, is_choseong, plain
from ralph.market.symbol import Listing, Symbol, parse_symbol
from ralph.store.imports import STATEMENT_S
from ralph.store.listings import listings_of

LIST_MAX = 5_000

COLUMNS = (
    "name", "name_en", "market", "kind", "sector", "listed_on", "delisted_on", "industry", "isin", "state",
)  # fmt: skip
"""What `symbols` holds of a Listing."""

_ADD = """
    INSERT INTO symbols (workspace_id, code, name, name_en, market, kind, sector, listed_on, delisted_on, industry,
                         isin, state)
         SELECT $1, given.*
           FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::date[], $9::date[],
                       $10::text[], $11::text[], $12::text[]) AS given
    ON CONFLICT (workspace_id, code)
      DO UPDATE SET name        = COALESCE(symbols.name,        EXCLUDED.name),
                    name_en     = COALESCE(symbols.name_en,     EXCLUDED.name_en),
                    market      = COALESCE(symbols.market,      EXCLUDED.market),
                    kind        = COALESCE(symbols.kind,        EXCLUDED.kind),
                    sector      = COALESCE(symbols.sector,      EXCLUDED.sector),
                    listed_on   = COALESCE(symbols.listed_on,   EXCLUDED.listed_on),
                    delisted_on = COALESCE(symbols.delisted_on, EXCLUDED.delisted_on),
                    industry    = COALESCE(symbols.industry,    EXCLUDED.industry),
                    isin        = COALESCE(symbols.isin,        EXCLUDED.isin),
                    state       = COALESCE(symbols.state,       EXCLUDED.state),
                    updated_at  = now()
              WHERE (symbols.name        IS NULL AND EXCLUDED.name        IS NOT NULL)
                 OR (symbols.name_en     IS NULL AND EXCLUDED.name_en     IS NOT NULL)
                 OR (symbols.market      IS NULL AND EXCLUDED.market      IS NOT NULL)
                 OR (symbols.kind        IS NULL AND EXCLUDED.kind        IS NOT NULL)
                 OR (symbols.sector      IS NULL AND EXCLUDED.sector      IS NOT NULL)
                 OR (symbols.listed_on   IS NULL AND EXCLUDED.listed_on   IS NOT NULL)
                 OR (symbols.delisted_on IS NULL AND EXCLUDED.delisted_on IS NOT NULL)
                 OR (symbols.industry    IS NULL AND EXCLUDED.industry    IS NOT NULL)
                 OR (symbols.isin        IS NULL AND EXCLUDED.isin        IS NOT NULL)
                 OR (symbols.state       IS NULL AND EXCLUDED.state       IS NOT NULL)
      RETURNING id, name, name_en, xmax = 0 AS added
"""

_IDS = "SELECT code, id FROM symbols WHERE workspace_id = $1 AND code = ANY($2::text[])"

_NAME = """
    INSERT INTO symbol_names (symbol_id, plain, choseong, is_old)
         SELECT *
           FROM unnest($1::integer[], $2::text[], $3::text[], $4::boolean[])
    ON CONFLICT (symbol_id, plain) DO NOTHING
"""

_LIST = """
    SELECT s.id, s.code, s.name, s.name_en, s.market, s.kind, s.sector, s.listed_on, s.delisted_on, s.industry, s.isin,
           s.state
      FROM symbols s
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1
       AND ($2::text IS NULL OR s.market = $2)
       AND ($3::text IS NULL OR s.code COLLATE "C" > $3)
  ORDER BY s.code COLLATE "C"
     LIMIT $4
"""

# Ranks: the code itself, the name itself, an old name itself, the beginning of a code, of a name, of an old name, the
# inside of a name, of an old name; of two alike, one that is listed comes first. $2 is the code, $3 the plain text,
# $4 the same as initial consonants, or NULL where it has none.
_SEARCH = """
      WITH named AS (
               SELECT symbol_id,
                      min(CASE WHEN plain = $3 OR choseong = $4                           THEN 1
                               WHEN starts_with(plain, $3) OR starts_with(choseong, $4)   THEN 4
                               WHEN strpos(plain, $3) > 0 OR strpos(choseong, $4) > 0     THEN 6
                          END + is_old::integer) AS rank
                 FROM symbol_names
             GROUP BY symbol_id
           ), ranked AS (
               SELECT s.id, s.code,
                      2 * LEAST(CASE WHEN s.code = $2 THEN 0 WHEN starts_with(s.code, $2) THEN 3 END, n.rank)
                        + (s.delisted_on IS NOT NULL)::integer AS rank
                 FROM symbols s
                 JOIN workspaces w ON w.id = s.workspace_id
            LEFT JOIN named n ON n.symbol_id = s.id
                WHERE w.name = $1
                  AND ($5::text IS NULL OR s.market = $5)
           )
    SELECT s.id, s.code, s.name, s.name_en, s.market, s.kind, s.sector, s.listed_on, s.delisted_on, s.industry, s.isin,
           s.state
      FROM ranked r
      JOIN symbols s ON s.id = r.id
     WHERE r.rank IS NOT NULL
       AND ($6::text IS NULL OR (r.rank, r.code COLLATE "C") > (SELECT rank, code FROM ranked WHERE code = $6))
  ORDER BY r.rank, r.code COLLATE "C"
     LIMIT $7
"""

_FIND = """
    SELECT s.id, s.code, s.name, s.name_en, s.market, s.kind, s.sector, s.listed_on, s.delisted_on, s.industry, s.isin,
           s.state
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
    about = {name: [getattr(listing, name) for listing in listings] for name in COLUMNS}
    about["kind"] = [kind_of(listing.symbol, listing.name, listing.kind) for listing in listings]
    written = await connection.fetch(_ADD, workspace_id, codes, *about.values(), timeout=STATEMENT_S)
    await name_symbols(connection, ((row["id"], (row["name"], row["name_en"]), ()) for row in written))
    ids = dict(await connection.fetch(_IDS, workspace_id, codes, timeout=STATEMENT_S))
    added = sum(row["added"] for row in written)
    return np.array([ids[code] for code in codes], dtype=np.int32), added, len(written) > added


async def name_symbols(
    connection: asyncpg.Connection, named: Iterable[tuple[int, Iterable[str | None], Iterable[str]]]
) -> None:
    """Writes the names that a search finds: of each Symbol (its id) those it has, then those it had."""
    rows: dict[tuple[int, str], tuple[str, bool]] = {}
    for symbol_id, current, old in named:
        for is_old, names in ((False, current), (True, old)):
            for name in names:
                if name is not None and plain(name):
                    rows.setdefault((symbol_id, plain(name)), (choseong(name), is_old))
    columns = [
        [symbol_id for symbol_id, _ in rows],
        [text for _, text in rows],
        [initials for initials, _ in rows.values()],
        [is_old for _, is_old in rows.values()],
    ]
    await connection.execute(_NAME, *columns, timeout=STATEMENT_S)


async def list_symbols(
    connection: asyncpg.Connection,
    workspace: str,
    *,
    search: str | None = None,
    market: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[Listing]:
    """Symbols by code, or those a search finds, best first; a page has at most 5,000.

    search  the beginning of a code, or a part of a Korean, English or old name, or of its initial consonants
    after   the last code of the page before
    """
    count = max(1, min(limit, LIST_MAX))
    text = plain((search or "").replace("\0", ""))
    if text:
        initials = choseong(text) if is_choseong(text) else None
        rows = await connection.fetch(_SEARCH, workspace, text.upper(), text, initials, market, after, count)
    else:
        rows = await connection.fetch(_LIST, workspace, market, after, count)
    return await listings_of(connection, rows)


async def find_symbol(connection: asyncpg.Connection, workspace: str, code: str) -> Listing:
    """One Symbol by its code; UnknownSymbol where the workspace has none of that code."""
    symbol: Symbol | None = parse_symbol(code)
    row = await connection.fetchrow(_FIND, workspace, symbol) if symbol is not None else None
    if row is None:
        raise UnknownSymbol(
            f"there is no symbol {code[:40]!r} in workspace {workspace}: `ralph symbols TEXT` searches codes and names",
            field="symbol",
            accepted="a code such as 005930",
        )
    return (await listings_of(connection, [row]))[0]
