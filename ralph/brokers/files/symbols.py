"""Reads Symbols (names, markets, sectors, states, listing dates) from a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ralph.brokers.files import cells
from ralph.brokers.files.columns import SYMBOLS, map_columns
from ralph.brokers.files.tables import open_table
from ralph.market.kinds import state_of
from ralph.market.rules import REJECTS_KEPT_MAX, FileSymbols, Reject
from ralph.market.symbol import Listing, Symbol

Problem: TypeAlias = tuple[str, str]  # the field and why
Key: TypeAlias = tuple[str, date]

TEXT_MAX = 200
_TEXTS = ("name", "name_en", "market", "kind", "sector", "industry", "isin", "state")
_DAYS = ("date", "listed_on", "delisted_on")
_EARLIEST = np.datetime64("1900-01-01", "D")


class _Row(NamedTuple):
    """What a row says of a Symbol, and of which day; without a date that is the day of its delisting, or now."""

    listing: Listing
    on: date | None

    @property
    def key(self) -> Key:
        days = [day for day in (self.on, self.listing.delisted_on) if day is not None]
        return self.listing.symbol, min(days, default=date.max)


def read_symbols(path: Path, overrides: Mapping[str, str] | None, today: date) -> FileSymbols:
    """The Symbols of a file; see `ralph.brokers.files.read_symbols`."""
    table, digest = open_table(path)
    mapping = map_columns(SYMBOLS, table.names, overrides)
    found: dict[Key, _Row] = {}
    rejects: list[Reject] = []
    rejected = duplicates = row = 0
    lines = table.lines
    padded = False
    for frame in table.frames(list(mapping.values())):
        columns = {name: frame.to_series(at) for at, name in enumerate(mapping)}
        padded = columns["symbol"].dtype.is_integer()
        for each in _rows(columns, today):
            problem = _second(found, each) if isinstance(each, _Row) else each
            if isinstance(each, _Row) and problem is None:
                duplicates += each.key in found
                found[each.key] = each
            elif problem is not None:
                rejected += 1
                if len(rejects) < REJECTS_KEPT_MAX:
                    name, reason = problem
                    text = table.cell(row, mapping[name]).replace("\0", "\ufffd")[:80]
                    rejects.append(Reject(int(lines[row]), name, text, reason if text.strip() else "missing"))
            row += 1
    kept = [found[key] for key in sorted(found)]
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
        listings=tuple(each.listing for each in kept),
        seen_on=tuple(each.on for each in kept),
    )


def _rows(columns: Mapping[str, pl.Series], today: date) -> Iterator[_Row | Problem]:
    """Each row as it reads, or the field that is wrong and why."""
    codes = cells.read_codes(columns["symbol"])
    texts = {name: cells.read_texts(columns[name]).to_list() for name in _TEXTS if name in columns}
    days = {name: cells.read_days(columns[name], name) for name in _DAYS if name in columns}
    wrong = {name: _wrong_days(columns[name], values, today, name) for name, values in days.items()}
    dates = {name: values.astype(object) for name, values in days.items()}
    for row, place in enumerate(codes.row.tolist()):
        if place < 0:
            yield "symbol", "not a code of 1 to 20 letters, digits and .:/_&-"
            continue
        about = {name: column[row] for name, column in texts.items()}
        on = {name: column[row] for name, column in dates.items()}
        problem = next(((name, wrong[name][row]) for name in days if wrong[name][row]), None)
        problem = problem or _too_long(about) or _ends_before_it_begins(on)
        if about.get("state"):
            about["state"] = state_of(about["state"])
        seen_on = on.pop("date", None)
        yield problem or _Row(Listing(Symbol(codes.codes[place]), **about, **on), seen_on)


def _wrong_days(column: pl.Series, days: NDArray[np.datetime64], today: date, name: str) -> list[str]:
    """Why the cell of each row cannot be used; empty where it can."""
    why = np.full(days.size, "", dtype=object)
    written = cells.read_texts(column).is_not_null().to_numpy()
    missing = np.isnat(days)
    why[missing & (written | (name == "date"))] = "not a date"
    why[~missing & (days < _EARLIEST)] = "before 1900-01-01"
    if name == "date":
        why[~missing & (days > np.datetime64(today, "D"))] = "in the future"
    else:
        why[~missing & (days > np.datetime64(date.max, "D"))] = "beyond the year 9999"
    reasons: list[str] = why.tolist()
    return reasons


def _too_long(about: Mapping[str, str | None]) -> Problem | None:
    long = (name for name, text in about.items() if len(text or "") > TEXT_MAX)
    return next(((name, f"longer than {TEXT_MAX} characters") for name in long), None)


def _ends_before_it_begins(on: Mapping[str, date | None]) -> Problem | None:
    listed, delisted = on.get("listed_on"), on.get("delisted_on")
    if listed is not None and delisted is not None and delisted < listed:
        return "delisted_on", "before the day of listing"
    return None


def _second(found: Mapping[Key, _Row], each: _Row) -> Problem | None:
    if found.get(each.key, each) != each:
        return "symbol", "a second row of this symbol, with other values"
    return None
