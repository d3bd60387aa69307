"""Reads listed shares, flows, index bars and the flows of whole markets from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ralph.brokers.files import cells
from ralph.brokers.files.columns import FLOWS, INDEX, MARKET_FLOWS, SHARES, Layout, map_columns
from ralph.brokers.files.tables import open_table
from ralph.errors import BadFile, BadParameter
from ralph.market.dated import RULES, DatedKind, DatedRows, FileDated, sift_dated
from ralph.market.rules import REJECTS_KEPT_MAX, Reject

_LAYOUTS: Mapping[DatedKind, Layout] = {"shares": SHARES, "flows": FLOWS, "index": INDEX, "market-flows": MARKET_FLOWS}
_KOREAN_INDICES = {"코스피": "KOSPI", "코스닥": "KOSDAQ", "코스피200": "KOSPI200", "코스닥150": "KOSDAQ150"}
UNITS: Mapping[str, float] = {"won": 1.0, "thousand": 1e3, "million": 1e6, "eok": 1e8}
"""Units in which market-wide flows are published, in won."""
_WON_LEAST = 1e8  # a whole market in which nobody bought 100 million won net in any Session has not been seen
_SHOWN_MAX = 80  # characters of a rejected cell


def read_dated(
    path: Path,
    kind: DatedKind,
    overrides: Mapping[str, str] | None,
    as_of: date | None,
    today: date,
    unit: str | None,
) -> FileDated:
    """The rows of a file; see `ralph.brokers.files.read_dated`."""
    table, digest = open_table(path)
    layout, rule = _LAYOUTS[kind], RULES[kind]
    if as_of is not None:
        layout = replace(layout, required=tuple(name for name in layout.required if name != "date"))
    mapping = map_columns(layout, table.names, overrides)
    if not any(name in mapping for name in rule.one_of):
        wanted = ", ".join(rule.one_of)
        raise BadFile(f"{path.name}: no column for any of {wanted}: --column {rule.one_of[0]}=NAME", field="file")
    frame = pl.concat(list(table.frames(list(mapping.values()))))
    columns = {name: frame.to_series(at) for at, name in enumerate(mapping)}
    key_field = layout.required[0]
    if key_field in ("index", "market"):
        named = cells.read_texts(columns[key_field])
        columns[key_field] = named.str.replace_all(" ", "").replace(_KOREAN_INDICES)
    codes = cells.read_codes(columns[key_field])
    names = [name for name in rule.numbers if name in mapping]
    numbers = {name: cells.read_numbers(columns[name], name) for name in names}
    unread = {
        name: np.isnan(numbers[name]) & cells.read_texts(columns[name]).is_not_null().to_numpy() for name in names
    }
    if kind == "market-flows":
        _to_won(numbers, mapping, unit, path)
    days = cells.read_days(columns["date"], "date") if "date" in columns else _all_on(as_of, frame.height)
    rows = DatedRows(codes.codes, codes.row, days, numbers)
    sifted = sift_dated(rows, unread, rule, today, key_field)
    lines = table.lines

    def reject(at: int, name: str, reason: str) -> Reject:
        text = table.cell(at, mapping[name]).replace("\0", "\ufffd")[:_SHOWN_MAX]
        return Reject(int(lines[at]), name, text, reason if text.strip() else "missing")

    return FileDated(
        kind=kind,
        file_name=path.name,
        file_sha256=digest,
        encoding=table.encoding,
        mapping=mapping,
        rows_read=table.rows,
        duplicates=sifted.duplicates,
        rejected=len(sifted.rejected),
        rejects=tuple(reject(*each) for each in sifted.rejected[:REJECTS_KEPT_MAX]),
        notes=_notes(mapping, codes, kind),
        rows=DatedRows(
            rows.keys,
            rows.key[sifted.order],
            rows.day[sifted.order],
            {name: values[sifted.order] for name, values in numbers.items()},
        ),
    )


def _to_won(numbers: dict[str, NDArray[np.float64]], mapping: Mapping[str, str], unit: str | None, path: Path) -> None:
    """Amounts in won. Where nobody says the unit, amounts far too small for won are refused and not guessed at."""
    if unit is not None and unit not in UNITS:
        accepted = ", ".join(UNITS)
        raise BadParameter(f"there is no unit {unit!r}; known: {accepted}", field="unit", accepted=accepted)
    is_said = unit is not None or any("value" in mapping[name].lower() for name in numbers)
    largest = max(float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) for values in numbers.values())
    if not is_said and largest < _WON_LEAST:
        raise BadFile(
            f"{path.name}: net buying of at most {largest:,.0f} is too little for a whole market in won; say the unit: "
            "--unit eok for 억 (100 million won), --unit million for 백만, --unit won if it is won after all",
            field="unit",
            accepted=", ".join(UNITS),
        )
    for name in numbers:
        numbers[name] = numbers[name] * UNITS[unit or "won"]


def _all_on(day: date | None, count: int) -> NDArray[np.datetime64]:
    assert day is not None, "a file without dates is read as of a day"
    return np.full(count, np.datetime64(day, "D"))


def _notes(mapping: Mapping[str, str], codes: cells.Codes, kind: DatedKind) -> tuple[str, ...]:
    notes = []
    if codes.padded:
        notes.append("the codes are numbers: filled with zeros to six digits, as in 005930")
    if kind == "flows":
        units = [
            unit for unit, end in (("won", "_value"), ("shares", "_shares")) if any(end in name for name in mapping)
        ]
        notes.append(f"net buying in {' and '.join(units) or 'no column: foreign holdings only'}; positive is buying")
    if kind == "market-flows":
        notes.append("net buying stored in won; positive is buying")
    return tuple(notes)
