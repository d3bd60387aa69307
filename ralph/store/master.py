"""Imports files of Symbols: what they say is folded into the history of each, and what holds now is kept beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import chain, groupby

import asyncpg

from ralph.market.history import FIELDS, Record, Version, learn, listing_of
from ralph.market.rules import FileSymbols
from ralph.market.sessions import SEOUL
from ralph.market.symbol import Listing, Span, Symbol
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
from ralph.store.symbols import COLUMNS, name_symbols

_KNOWN = """
    SELECT id, code, name, name_en, market, kind, sector, listed_on, delisted_on, industry, isin, state
      FROM symbols
     WHERE workspace_id = $1
       AND code = ANY($2::text[])
"""

_HISTORY = """
    SELECT symbol_id, field, value, valid_from, seen_until
      FROM symbol_history
     WHERE symbol_id = ANY($1::integer[])
  ORDER BY valid_from
"""

_FORMER = """
    SELECT symbol_id, listed_on, delisted_on
      FROM former_listings
     WHERE symbol_id = ANY($1::integer[])
  ORDER BY delisted_on
"""

_WRITE = """
    INSERT INTO symbols (workspace_id, code, name, name_en, market, kind, sector, listed_on, delisted_on, industry,
                         isin, state)
         SELECT $1, given.*
           FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::date[], $9::date[],
                       $10::text[], $11::text[], $12::text[]) AS given
    ON CONFLICT (workspace_id, code)
      DO UPDATE SET name = EXCLUDED.name, name_en = EXCLUDED.name_en, market = EXCLUDED.market, kind = EXCLUDED.kind,
                    sector = EXCLUDED.sector, listed_on = EXCLUDED.listed_on, delisted_on = EXCLUDED.delisted_on,
                    industry = EXCLUDED.industry, isin = EXCLUDED.isin, state = EXCLUDED.state, updated_at = now()
      RETURNING code, id
"""

_FORGET_HISTORY = "DELETE FROM symbol_history WHERE symbol_id = ANY($1::integer[])"
_FORGET_FORMER = "DELETE FROM former_listings WHERE symbol_id = ANY($1::integer[])"
_FORGET_NAMES = "DELETE FROM symbol_names WHERE symbol_id = ANY($1::integer[])"

Progress = Callable[[str, int, int], None]


@dataclass
class _Fold:
    """The records of a file's Symbols as they become, and what became of its rows."""

    records: dict[Symbol, Record]
    stored: int = 0
    updated: int = 0
    touched: set[Symbol] = field(default_factory=set)

    def take(self, rows: Sequence[tuple[Listing, date | None]], today: date, as_of: date | None) -> None:
        """One Symbol's rows that say the same, in order of days."""
        said = rows[0][0]
        for on in dict.fromkeys((rows[0][1], rows[-1][1])):
            older = self.records.get(said.symbol)
            day = on or as_of
            newer = learn(older or Record(), said, day or today, is_dated=day is not None)
            if older is None:
                self.stored += 1
            elif _meaning(newer) != _meaning(older):
                self.updated += 1
            if newer != older:
                self.records[said.symbol] = newer
                self.touched.add(said.symbol)


def _meaning(record: Record) -> tuple[object, ...]:
    """All of a record but on which day its values were last seen."""
    return record.spans, {
        name: [(version.value, version.since) for version in versions] for name, versions in record.facts.items()
    }


async def import_symbols(
    connection: asyncpg.Connection,
    workspace: str,
    file_symbols: FileSymbols,
    *,
    as_of: date | None = None,
    dry_run: bool = False,
    progress: Progress = lambda phase, done, total: None,
) -> ImportReport:
    """Stores Symbols in one transaction; an empty cell leaves what is stored, another value closes the old one.

    as_of  the day of which a file without dates speaks; today in Korea when None

    Raises NotFound for an unknown workspace, DatabaseDown when the database goes away (nothing is stored then).
    """
    started_at = datetime.now(UTC)
    total = len(file_symbols.listings)
    async with whole_or_nothing(connection, file_symbols.file_name, dry_run):
        progress("wait", 0, total)
        place = await lock_workspace(connection, workspace)
        run_id = await begin_run(connection, place, file_symbols, "symbols", adjusted=False, started_at=started_at)
        progress("compare", 0, total)
        known = await _load(connection, place.id, [listing.symbol for listing in file_symbols.listings])
        fold = await asyncio.to_thread(_fold, known, file_symbols, started_at.astimezone(SEOUL).date(), as_of)
        progress("store", 0, total)
        await _write(connection, place.id, {symbol: fold.records[symbol] for symbol in fold.touched})
        is_changed = fold.stored + fold.updated > 0
        version = await touch_workspace(connection, place, since=None) if is_changed else place.data_version
        counts = {
            "stored": fold.stored,
            "updated": fold.updated,
            "unchanged": total - fold.stored - fold.updated + file_symbols.duplicates,
        }
        finished_at = await end_run(connection, run_id, **counts, flagged=0)
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
        stored=counts["stored"],
        updated=counts["updated"],
        unchanged=counts["unchanged"],
        flagged=0,
        rejected=file_symbols.rejected,
        started_at=started_at,
        finished_at=finished_at,
        run_id=None if dry_run else str(run_id),
        dry_run=dry_run,
        data_version=str(place.data_version if dry_run else version),
        symbols_added=fold.stored,
        encoding=file_symbols.encoding,
        rejects=file_symbols.rejects[:REJECTS_SHOWN],
        notes=file_symbols.notes,
    )


def _fold(known: dict[Symbol, Record], file_symbols: FileSymbols, today: date, as_of: date | None) -> _Fold:
    """Rows that say the same on consecutive days are taken as one: the first and the last of them."""
    fold = _Fold(dict(known))
    days = file_symbols.seen_on or (None,) * len(file_symbols.listings)
    for _, rows in groupby(zip(file_symbols.listings, days, strict=True), key=lambda row: row[0]):
        fold.take(list(rows), today, as_of)
    return fold


async def _load(connection: asyncpg.Connection, workspace_id: int, codes: list[Symbol]) -> dict[Symbol, Record]:
    """The records stored. A value without a history was named in passing."""
    rows = await connection.fetch(_KNOWN, workspace_id, list(set(codes)), timeout=STATEMENT_S)
    ids = [row["id"] for row in rows]
    facts: dict[int, dict[str, tuple[Version, ...]]] = {symbol_id: {} for symbol_id in ids}
    for row in await connection.fetch(_HISTORY, ids, timeout=STATEMENT_S):
        held = facts[row["symbol_id"]]
        version = Version(row["value"], row["valid_from"], row["seen_until"])
        held[row["field"]] = (*held.get(row["field"], ()), version)
    spans: dict[int, list[Span]] = {symbol_id: [] for symbol_id in ids}
    for row in await connection.fetch(_FORMER, ids, timeout=STATEMENT_S):
        spans[row["symbol_id"]].append(Span(row["listed_on"], row["delisted_on"]))
    records = {}
    for row in rows:
        passing = {name: row[name] for name in FIELDS if row[name] is not None}
        if row["listed_on"] or row["delisted_on"]:
            spans[row["id"]].append(Span(row["listed_on"], row["delisted_on"]))
        records[Symbol(row["code"])] = Record(tuple(spans[row["id"]]), facts[row["id"]], passing)
    return records


async def _write(connection: asyncpg.Connection, workspace_id: int, records: dict[Symbol, Record]) -> None:
    """What holds now, and the whole history of each of these Symbols in place of the one stored."""
    listings = {symbol: listing_of(symbol, record) for symbol, record in records.items()}
    columns = [[getattr(listing, name) for listing in listings.values()] for name in COLUMNS]
    written = await connection.fetch(_WRITE, workspace_id, list(listings), *columns, timeout=STATEMENT_S)
    ids = {Symbol(row["code"]): row["id"] for row in written}
    for forget in (_FORGET_HISTORY, _FORGET_FORMER, _FORGET_NAMES):
        await connection.execute(forget, list(ids.values()), timeout=STATEMENT_S)
    history = [
        (ids[symbol], name, version.since, version.seen, version.value)
        for symbol, record in records.items()
        for name, version in chain.from_iterable(
            ((name, version) for version in versions) for name, versions in record.facts.items()
        )
    ]
    await connection.copy_records_to_table(
        "symbol_history", records=history, columns=["symbol_id", "field", "valid_from", "seen_until", "value"]
    )
    former = [
        (ids[symbol], span.listed_on, span.delisted_on)
        for symbol, listing in listings.items()
        for span in listing.earlier
    ]
    await connection.copy_records_to_table(
        "former_listings", records=former, columns=["symbol_id", "listed_on", "delisted_on"]
    )
    await name_symbols(connection, ((ids[symbol], *_names(listing)) for symbol, listing in listings.items()))


def _names(listing: Listing) -> tuple[list[str | None], list[str]]:
    """The names a Symbol has, and those it had."""
    old = [past.value for past in listing.past if past.field in ("name", "name_en")]
    return [listing.name, listing.name_en], old
