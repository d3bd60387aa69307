"""Reads daily bars from a CSV or Parquet file and applies the row rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ralph.brokers.files import cells
from ralph.brokers.files.columns import BARS, map_columns
from ralph.brokers.files.tables import Table, open_table
from ralph.market.rules import PRICES, REASONS, REJECTS_KEPT_MAX, FileBars, Kept, RawRows, Reject, Rule, keep, sift
from ralph.market.symbol import Listing, Symbol

VALUE_SHOWN_MAX = 80  # characters of a rejected cell
Kind = TypeVar("Kind", bound=np.generic)
_ABOUT_SYMBOL = ("name", "market", "sector")


def read_bars(path: Path, overrides: Mapping[str, str] | None, today: date) -> FileBars:
    """The bars of a file; see `ralph.brokers.files.read_bars`."""
    table, digest = open_table(path)
    mapping = map_columns(BARS, table.names, overrides)
    rows, listings, notes, base = read_rows(table, mapping, lambda column: cells.read_days(column["date"], "date"))
    kept = sift(rows, today)
    columns = keep(rows, kept, listings)
    lines = table.lines
    return FileBars(
        file_name=path.name,
        file_sha256=digest,
        encoding=table.encoding,
        mapping=mapping,
        rows_read=table.rows,
        duplicates=kept.duplicates,
        rejected=int(kept.rejected.size),
        rejects=tuple(rejects_of(table, mapping, kept, REASONS)),
        notes=notes,
        columns=columns,
        lines=lines[kept.order],
        base=base[kept.order],
    )


When: TypeAlias = Callable[[Mapping[str, pl.Series]], NDArray[np.datetime64]]


class Rows(NamedTuple):
    """All rows of a table, what it says about its Symbols, notes on how it was understood, and base prices [rows]."""

    rows: RawRows
    listings: dict[str, Listing]
    notes: tuple[str, ...]
    base: NDArray[np.float64]


def read_rows(table: Table, mapping: Mapping[str, str], when: When) -> Rows:
    """A table of bars. `when` makes days or minutes of the columns of a frame."""
    parts = [_Part(frame, mapping, when) for frame in table.frames(list(mapping.values()))]
    rows = _join(parts)
    return Rows(rows, _listings(rows.codes, parts), _notes(rows.codes, parts, mapping), _base(parts, rows))


def _base(parts: Sequence[_Part], rows: RawRows) -> NDArray[np.float64]:
    """What limits were set from, as the file says it or by the change against it; NaN where it says neither."""
    base = _end_to_end([part.base for part in parts])
    change = _end_to_end([part.change for part in parts])
    return np.where(np.isnan(base), rows.prices["close"] - change, base)


class _Part:
    """One frame of the table, read; its arrays are taken out one after the other when the parts are joined, so that
    a large file is not held twice."""

    def __init__(self, frame: pl.DataFrame, mapping: Mapping[str, str], when: When) -> None:
        column = {name: frame.to_series(at) for at, name in enumerate(mapping)}
        symbols = cells.read_codes(column["symbol"])
        self.codes, self.padded = symbols.codes, symbols.padded
        self.symbol = [symbols.row]
        self.day = [when(column)]
        self.numbers = {name: cells.read_numbers(column[name], name) for name in (*PRICES, "volume")}
        self.numbers["value"] = (
            cells.read_optional_numbers(column["value"], "value")
            if "value" in column
            else np.full(frame.height, np.nan)
        )
        missing = np.full(frame.height, np.nan)
        self.base = cells.read_numbers(column["base"], "base") if "base" in column else missing
        self.change = cells.read_numbers(column["change"], "change") if "change" in column else missing
        self.about = {
            name: _last_texts(column[name], symbols.row, len(symbols.codes)) for name in _ABOUT_SYMBOL if name in column
        }


def _last_texts(column: pl.Series, row: NDArray[np.int32], symbol_count: int) -> list[str | None]:
    """The last text a column holds for each Symbol."""
    text = cells.read_texts(column)
    written = np.flatnonzero(text.is_not_null().to_numpy() & (row >= 0))
    last = np.full(symbol_count, -1, dtype=np.int64)
    last[row[written]] = written  # of several writes to one place numpy keeps the last
    return [None if at < 0 else text[at] for at in last.tolist()]


def _join(parts: Sequence[_Part]) -> RawRows:
    codes = sorted({code for part in parts for code in part.codes})
    place = {code: index for index, code in enumerate(codes)}
    symbol = []
    for part in parts:
        lookup = np.array([place[code] for code in part.codes] + [-1], dtype=np.int32)
        symbol.append(lookup[part.symbol.pop()])  # -1 is the last of the lookup
    return RawRows(
        codes=codes,
        symbol=_end_to_end(symbol),
        day=_end_to_end([part.day.pop() for part in parts]),
        prices={name: _end_to_end([part.numbers.pop(name) for part in parts]) for name in PRICES},
        volume=_end_to_end([part.numbers.pop("volume") for part in parts]),
        value=_end_to_end([part.numbers.pop("value") for part in parts]),
    )


def _end_to_end(arrays: Sequence[NDArray[Kind]]) -> NDArray[Kind]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _listings(codes: Sequence[str], parts: Sequence[_Part]) -> dict[str, Listing]:
    about: dict[str, dict[str, str]] = {name: {} for name in _ABOUT_SYMBOL}
    for part in parts:
        for name, texts in part.about.items():
            found = zip(part.codes, texts, strict=True)
            about[name].update((code, text) for code, text in found if text is not None)
    return {
        code: Listing(
            Symbol(code),
            name=about["name"].get(code),
            market=about["market"].get(code),
            sector=about["sector"].get(code),
        )
        for code in codes
    }


def rejects_of(table: Table, mapping: Mapping[str, str], kept: Kept, reasons: Sequence[Rule]) -> Iterator[Reject]:
    """The first rejected rows with their line, the text of the field and why."""
    lines = table.lines
    for row, reason in zip(kept.rejected[:REJECTS_KEPT_MAX], kept.reason, strict=False):
        rule = reasons[reason]
        column = mapping.get(rule.field)
        text = table.cell(int(row), column) if column else ""
        shown = text.replace("\0", "\ufffd")[:VALUE_SHOWN_MAX]
        yield Reject(int(lines[row]), rule.field, shown, rule.reason if text.strip() else "missing")


def _notes(codes: Sequence[str], parts: Sequence[_Part], mapping: Mapping[str, str]) -> tuple[str, ...]:
    notes = []
    if any(part.padded for part in parts):
        notes.append(f"{mapping['symbol']} holds numbers: filled with zeros to six digits, as in 005930")
    elif any(code.isdigit() and len(code) < cells.KRX_CODE_DIGITS for code in codes):
        notes.append(f"{mapping['symbol']} has codes of fewer than six digits, kept as they are: did a spreadsheet cut "
                     "leading zeros off?")  # fmt: skip
    if "value" not in mapping:
        notes.append("no column of traded value: close x volume is used")
    return tuple(notes)
