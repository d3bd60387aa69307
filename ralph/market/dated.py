"""Rows of numbers by key and date (listed shares, flows of Symbols and of markets, index bars): which are kept and
which are rejected. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ralph.market.rules import FIRST_DAY, FileRead

FloatArray = NDArray[np.float64]
DatedKind = Literal["shares", "flows", "index", "market-flows"]

LARGEST = 1e18
"""No count of shares and no amount of won is larger; all of them stay exact enough in float64."""


@dataclass(frozen=True)
class DatedRule:
    """What a kind of file holds: its number fields, those that may be negative, and those of which a row needs one."""

    numbers: tuple[str, ...]
    signed: bool
    one_of: tuple[str, ...]


MARKET_FLOWS = (
    "individual_value", "foreign_value", "institution_value", "other_corp_value",
    "fin_invest_value", "insurance_value", "trust_value", "bank_value", "other_fin_value", "pension_value",
)  # fmt: skip
"""Net buying on a market in won: the classes of investors, then the parts of institution."""

RULES: Mapping[DatedKind, DatedRule] = {
    "shares": DatedRule(("shares", "market_cap"), signed=False, one_of=("shares", "market_cap")),
    "flows": DatedRule(
        (
            "foreign_value", "institution_value", "individual_value",
            "foreign_shares", "institution_shares", "individual_shares", "foreign_held",
        ),
        signed=True,
        one_of=(
            "foreign_value", "institution_value", "individual_value",
            "foreign_shares", "institution_shares", "individual_shares", "foreign_held",
        ),
    ),
    "index": DatedRule(
        ("open", "high", "low", "close", "volume", "value", "market_cap"), signed=False, one_of=("close",)
    ),
    "market-flows": DatedRule(MARKET_FLOWS, signed=True, one_of=MARKET_FLOWS),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class DatedRows:
    """Rows by (key, day), no key twice; every array has one element a row, NaN where there is no number.

    keys  the codes, sorted; `key` int32 points into them
    """

    keys: Sequence[str]
    key: NDArray[np.int32]
    day: NDArray[np.datetime64]
    numbers: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return int(self.key.size)


@dataclass(frozen=True, eq=False, kw_only=True)
class FileDated(FileRead):
    """The dated numbers of a file, or of the simulated market."""

    kind: DatedKind
    rows: DatedRows
    source: Literal["file", "simulator"] = "file"

    def __post_init__(self) -> None:
        assert self.rows_read == len(self.rows) + self.duplicates + self.rejected, "every row is accounted for"


def simulated_rows(kind: DatedKind, rows: DatedRows, name: str) -> FileDated:
    """Rows of the simulated market in the form in which rows of files are stored."""
    return FileDated(
        kind=kind, file_name=name, file_sha256="", encoding="", rows_read=len(rows), rows=rows, source="simulator"
    )


@dataclass(frozen=True, eq=False)
class Sifted:
    """`order` the rows kept, by (key, day); `duplicates` counts equal rows of a key; the rejected by their place in
    the file, each with its field and why."""

    order: NDArray[np.int64]
    duplicates: int
    rejected: Sequence[tuple[int, str, str]]


def sift_dated(
    rows: DatedRows, unread: Mapping[str, NDArray[np.bool_]], rule: DatedRule, today: date, key_field: str
) -> Sifted:
    """Applies the row rules. key is -1 and day NaT where they could not be read; unread marks such numbers."""
    why: dict[int, tuple[str, str]] = {}
    checks = [
        (rows.key < 0, key_field, "not a code of 1 to 20 letters, digits and .:/_&-"),
        (np.isnat(rows.day), "date", "not a date; YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD and YYYY.MM.DD are understood"),
        (rows.day > np.datetime64(today, "D"), "date", "in the future"),
        (rows.day < FIRST_DAY, "date", "before 1900-01-01"),
    ]
    lowest = -LARGEST if rule.signed else 0.0
    for name, values in rows.numbers.items():
        checks.append((unread[name], name, "not a number"))
        with np.errstate(invalid="ignore"):
            beyond = (values < (lowest if name != "foreign_held" else 0.0)) | (values > LARGEST)
        checks.append((beyond, name, f"must be from {'-1e18' if lowest else '0'} to 1e18"))
    given = [~np.isnan(rows.numbers[name]) for name in rule.one_of if name in rows.numbers]
    needed = next(name for name in rule.one_of if name in rows.numbers)
    checks.append((~np.logical_or.reduce(given), needed, "missing"))
    for broken, name, reason in checks:
        for at in np.flatnonzero(broken).tolist():
            why.setdefault(at, (name, reason))
    good = np.ones(rows.key.size, dtype=np.bool_)
    good[list(why)] = False
    return _without_twins(rows, np.flatnonzero(good), why)


def _without_twins(rows: DatedRows, good: NDArray[np.int64], why: dict[int, tuple[str, str]]) -> Sifted:
    order = good[np.lexsort((good, rows.day[good], rows.key[good]))]
    key, day = rows.key[order], rows.day[order]
    again = np.zeros(order.size, dtype=np.bool_)
    again[1:] = (key[1:] == key[:-1]) & (day[1:] == day[:-1])
    head = order[np.maximum.accumulate(np.where(again, 0, np.arange(order.size)))] if order.size else order
    same = np.ones(order.size, dtype=np.bool_)
    for values in rows.numbers.values():
        same &= (values[order] == values[head]) | (np.isnan(values[order]) & np.isnan(values[head]))
    for at in order[again & ~same].tolist():
        why[at] = ("date", "a second row of this key and date, with other values")
    rejected = [(at, *why[at]) for at in sorted(why)]
    return Sifted(order[~again], int((again & same).sum()), rejected)
