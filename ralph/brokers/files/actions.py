"""Reads corporate actions (symbol, date, kind, ratio) from a CSV or Parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl

from ralph.brokers.files import cells
from ralph.brokers.files.columns import ACTIONS, map_columns
from ralph.brokers.files.tables import open_table
from ralph.market.adjustment import Action, ActionKind
from ralph.market.rules import FIRST_DAY, REJECTS_KEPT_MAX, FileActions, Reject
from ralph.market.symbol import Symbol

RATIO_MAX = 100_000.0  # and its inverse: beyond any split
ANNOUNCED = timedelta(days=366)  # so far ahead an action may be announced
_SHOWN_MAX = 80  # characters of a rejected cell

_KOREAN: Mapping[str, ActionKind] = {
    "액면분할": "split",
    "주식분할": "split",
    "액면병합": "reverse_split",
    "주식병합": "reverse_split",
    "감자": "reverse_split",
    "무상증자": "bonus",
    "주식배당": "bonus",
    "액면변경": "par_change",
    "유상증자": "rights",
    "기타": "other",
}
_KINDS: dict[str, ActionKind] = {kind: kind for kind in get_args(ActionKind)} | dict(_KOREAN)


def read_actions(path: Path, overrides: Mapping[str, str] | None, today: date) -> FileActions:
    """The actions of a file; see `ralph.brokers.files.read_actions`."""
    table, digest = open_table(path)
    mapping = map_columns(ACTIONS, table.names, overrides)
    frame = pl.concat(list(table.frames(list(mapping.values()))))
    columns = {name: frame.to_series(at) for at, name in enumerate(mapping)}
    codes = cells.read_codes(columns["symbol"])
    days = cells.read_days(columns["date"], "date")
    kinds = cells.read_texts(columns["kind"]).str.to_lowercase().str.replace_all(r"[\s-]+", "_").to_list()
    ratios = cells.read_numbers(columns["ratio"], "ratio").tolist()
    latest = np.datetime64(today + ANNOUNCED, "D")
    found: dict[tuple[str, date, ActionKind], Action] = {}
    rejected: list[tuple[int, str, str]] = []
    for row, (code, day, kind, ratio) in enumerate(zip(codes.row.tolist(), days, kinds, ratios, strict=True)):
        problem = _problem(code, day, latest, kind, ratio)
        if problem is None:
            key = (codes.codes[code], day.astype(object), _KINDS[kind])
            action = Action(Symbol(key[0]), key[1], key[2], ratio)
            if found.setdefault(key, action) != action:
                problem = "ratio", "a second row of this symbol, date and kind, with another ratio"
        if problem is not None:
            rejected.append((row, *problem))
    lines = table.lines

    def reject(row: int, name: str, reason: str) -> Reject:
        text = table.cell(row, mapping[name]).replace("\0", "\ufffd")[:_SHOWN_MAX]
        return Reject(int(lines[row]), name, text, reason if text.strip() else "missing")

    return FileActions(
        file_name=path.name,
        file_sha256=digest,
        encoding=table.encoding,
        mapping=mapping,
        rows_read=table.rows,
        duplicates=table.rows - len(found) - len(rejected),
        rejected=len(rejected),
        rejects=tuple(reject(*each) for each in rejected[:REJECTS_KEPT_MAX]),
        notes=("the codes are numbers: filled with zeros to six digits, as in 005930",) if codes.padded else (),
        actions=tuple(sorted(found.values())),
    )


def _problem(
    code: int, day: np.datetime64, latest: np.datetime64, kind: str | None, ratio: float
) -> tuple[str, str] | None:
    """The first rule a row breaks: its field and why."""
    if code < 0:
        return "symbol", "not a code of 1 to 20 letters, digits and .:/_-"
    if np.isnat(day):
        return "date", "not a date; YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD and YYYY.MM.DD are understood"
    if day < FIRST_DAY:
        return "date", "before 1900-01-01"
    if day > latest:
        return "date", "more than a year in the future"
    if kind not in _KINDS:
        return "kind", f"not one of {', '.join(get_args(ActionKind))}"
    if not 1.0 / RATIO_MAX <= ratio <= RATIO_MAX:
        return (
            "ratio",
            "must be a number from 0.00001 to 100,000: what one old share becomes",
        )
    return None
