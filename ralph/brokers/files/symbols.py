"""Reads Symbols (names, markets, sectors, listing dates) from a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

from ralph.brokers.files import cells
from ralph.brokers.files.columns import SYMBOLS, map_columns
from ralph.brokers.files.tables import open_table
from ralph.market.rules import REJECTS_KEPT_MAX, FileSymbols, Reject
from ralph.market.symbol import Listing, Symbol

Problem: TypeAlias = tuple[str, str]  # the field and why

TEXT_MAX = 200
_TEXTS = ("name", "name_en", "market", "kind", "sector")
_DAYS = ("listed_on", "delisted_on")


def read_symbols(path: Path, overrides: Mapping[str, str] | None) -> FileSymbols:
    """The Symbols of a file; see `ralph.brokers.files.read_symbols`."""
    table, digest = open_table(path)
    mapping = map_columns(SYMBOLS, table.names, overrides)
    listings: dict[str, Listing] = {}
    rejects: list[Reject] = []
    rejected = duplicates = row = 0
    lines = table.lines
    padded = False
    for frame in table.frames(list(mapping.values())):
        columns = {name: frame.to_series(at) for at, name in enumerate(mapping)}
        padded = columns["symbol"].dtype.is_integer()
        for found in _rows(columns):
            problem = found if isinstance(found, tuple) else _second(listings, found)
            if isinstance(found, Listing) and problem is None:
                duplicates += found.symbol in listings
                listings[found.symbol] = found
            elif problem is not None:
                rejected += 1
                if len(rejects) < REJECTS_KEPT_MAX:
                    name, reason = problem
                    text = table.cell(row, mapping[name]).replace("\0", "\ufffd")[:80]
                    rejects.append(Reject(int(lines[row]), name, text, reason if text.strip() else "missing"))
            row += 1
    return FileSymbols(
        file_name=path.name,
        file_sha256=digest,
        encoding=table.encoding,
        mapping=mapping,
        rows_read=table.rows,
        duplicates=duplicates,
        rejected=rejected,
        rejects=tuple(rejects),
        notes=(f"{mapping['symbol']} holds numbers: filled with zeros to six digits, as in 005930",) if padded else (),
        listings=tuple(listings[code] for code in sorted(listings)),
    )


def _rows(columns: Mapping[str, pl.Series]) -> Iterator[Listing | Problem]:
    """Each row as a Listing, or the field that is wrong and why."""
    codes = cells.read_codes(columns["symbol"])
    texts = {name: cells.read_texts(columns[name]).to_list() for name in _TEXTS if name in columns}
    days = {name: cells.read_days(columns[name], name) for name in _DAYS if name in columns}
    unread = {name: np.isnat(days[name]) & cells.read_texts(columns[name]).is_not_null().to_numpy() for name in days}
    dates = {name: values.astype(object) for name, values in days.items()}
    for row, place in enumerate(codes.row.tolist()):
        if place < 0:
            yield "symbol", "not a code of 1 to 20 letters, digits and .:/_-"
            continue
        problem = next(((name, "not a date") for name in days if unread[name][row]), None)
        about = {name: column[row] for name, column in texts.items()}
        problem = problem or next(
            (
                (name, f"longer than {TEXT_MAX} characters")
                for name, text in about.items()
                if len(text or "") > TEXT_MAX
            ),
            None,
        )
        yield problem or Listing(
            Symbol(codes.codes[place]), **about, **{name: column[row] for name, column in dates.items()}
        )


def _second(listings: Mapping[str, Listing], found: Listing) -> Problem | None:
    if listings.get(found.symbol, found) != found:
        return "symbol", "a second row of this symbol, with other values"
    return None
