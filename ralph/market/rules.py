"""The row rules: which bars of a file are kept, which are rejected and why, and which are kept with a flag. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import Action
from ralph.market.columns import BarColumns
from ralph.market.flags import EARLY_JUMP_RATIO, JUMP_RATIO, WIDER_SINCE, Flag
from ralph.market.panel import FloatArray
from ralph.market.symbol import Listing, is_korean

REJECTS_KEPT_MAX = 10_000
"""Rejected rows kept with their text, the first of a file; all of them are counted."""

PRICE_LOW, PRICE_HIGH = 1e-12, 1e12  # beyond any market; ratios and products of such numbers stay finite
VOLUME_HIGH = 1e18
FIRST_DAY = np.datetime64("1900-01-01", "D")

_NO_TRADE, _INCONSISTENT, _JUMP = (np.uint8(flag) for flag in (Flag.NO_TRADE, Flag.INCONSISTENT, Flag.JUMP))

PRICES = ("open", "high", "low", "close")


class Reject(msgspec.Struct, frozen=True):
    """A row that was not kept: its line in the file, the field and its text, and why."""

    line: int
    field: str
    value: str
    reason: str


@dataclass(frozen=True, eq=False)
class RawRows:
    """Bars as a file gave them, in its order; what could not be read is -1 (symbol), NaT (day) or NaN.

    codes   the Symbols' codes, sorted; `symbol` int32 [rows] points into them
    day     datetime64[D]; of bars within a day datetime64[m], UTC
    value   traded value, NaN where there is none, negative where its text is no number
    """

    codes: Sequence[str]
    symbol: NDArray[np.int32]
    day: NDArray[np.datetime64]
    prices: Mapping[str, FloatArray]
    volume: FloatArray
    value: FloatArray


@dataclass(frozen=True)
class Rule:
    """Why a row is rejected; `at` is where in `REASONS`."""

    field: str
    reason: str


_NUMBER = "not a number"
_RANGE = "must be above 0 and at most 1,000,000,000,000 (0 only where open, high, low and volume are all 0: no trade)"
REASONS: tuple[Rule, ...] = (
    Rule("symbol", "not a code of 1 to 20 letters, digits and .:/_&-"),
    Rule("date", "not a date; YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD and YYYY.MM.DD are understood"),
    Rule("date", "in the future"),
    Rule("date", "before 1900-01-01"),
    *(Rule(name, _NUMBER) for name in PRICES),
    Rule("volume", _NUMBER),
    *(Rule(name, _RANGE) for name in PRICES),
    Rule("volume", "must be from 0 to 1e18"),
    Rule("value", "must be a number of at least 0, or empty"),
    Rule("date", "a second row of this symbol and date, with other values"),
)
SECOND_ROW = len(REASONS) - 1


def judge(rows: RawRows, latest: date | np.datetime64) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """The rows (in order) that break a rule of their own, and for each the index into `REASONS` of the first."""
    volume = rows.volume
    last_day = np.datetime64(latest)
    halted = (rows.prices["open"] == 0) & (rows.prices["high"] == 0) & (rows.prices["low"] == 0) & (volume == 0)
    good = (rows.symbol >= 0) & (rows.day >= FIRST_DAY) & (rows.day <= last_day)
    good &= (volume >= 0) & (volume <= VOLUME_HIGH) & ~(rows.value < 0) & ~(rows.value == np.inf)
    for name in PRICES:
        inside = (rows.prices[name] >= PRICE_LOW) & (rows.prices[name] <= PRICE_HIGH)
        good &= inside if name == "close" else inside | halted
    bad = np.flatnonzero(~good)
    day, volume, value, halted = rows.day[bad], volume[bad], rows.value[bad], halted[bad]
    prices = [rows.prices[name][bad] for name in PRICES]
    broken = [rows.symbol[bad] < 0, np.isnat(day), day > last_day, day < FIRST_DAY]
    broken += [np.isnan(price) for price in prices]
    broken += [np.isnan(volume)]
    broken += [~((price >= PRICE_LOW) & (price <= PRICE_HIGH)) & ~halted for price in prices[:3]]
    broken += [~((prices[3] >= PRICE_LOW) & (prices[3] <= PRICE_HIGH))]
    broken += [~((volume >= 0) & (volume <= VOLUME_HIGH)), (value < 0) | (value == np.inf)]
    reason = np.zeros(bad.size, dtype=np.int8)
    for index in range(len(broken) - 1, -1, -1):  # the first rule is written last, and stays
        reason[broken[index]] = index
    return bad, reason


def flag_rows(columns: BarColumns, previous_close: FloatArray | None = None) -> NDArray[np.uint8]:
    """The flags of bars sorted by (symbol, day): uint8 [rows].

    previous_close  [symbols]: each Symbol's last traded close before its first bar here, NaN where there is none
    """
    flags = np.zeros(len(columns), dtype=np.uint8)
    traded = columns.volume > 0
    flags[~traded] = _NO_TRADE
    halted = (columns.open == 0) & (columns.high == 0) & (columns.low == 0) & ~traded
    lowest = np.minimum(columns.open, columns.close)
    highest = np.maximum(columns.open, columns.close)
    outside = (columns.high < highest) | (columns.low > lowest) | (columns.high < columns.low)
    flags[outside & ~halted] |= _INCONSISTENT
    at = np.flatnonzero(traded)
    symbol, close = columns.symbol[at], columns.close[at]
    before = np.full(at.size, np.nan)
    before[1:] = np.where(symbol[1:] == symbol[:-1], close[:-1], np.nan)
    if previous_close is not None and at.size:
        first = np.concatenate(([True], symbol[1:] != symbol[:-1]))
        before[first] = previous_close[symbol[first]]
    with np.errstate(invalid="ignore"):
        flags[at[np.abs(close / before - 1.0) > jump_ratios(columns)[at]]] |= _JUMP
    return flags


def jump_ratios(columns: BarColumns) -> FloatArray:
    """How far a close may move from the traded close before it, by the price limit of the day: a ratio [rows]."""
    early = np.array([is_korean(listing) for listing in columns.listings], dtype=np.bool_)
    ratios = np.full(len(columns), JUMP_RATIO)
    old = columns.day < WIDER_SINCE
    if old.any():
        ratios[old & early[columns.symbol]] = EARLY_JUMP_RATIO
    return ratios


@dataclass(frozen=True)
class Kept:
    """Rows by their place in the file: `order` those kept, sorted by (symbol, day); `duplicates` counts those equal to
    an earlier row of their key; `rejected` and `reason` (into `REASONS`) those rejected, in the file's order."""

    order: NDArray[np.int64]
    duplicates: int
    rejected: NDArray[np.int64]
    reason: NDArray[np.int8]


def sift(rows: RawRows, latest: date | np.datetime64) -> Kept:
    """Applies every row rule, those between rows included; rows after the latest day or minute lie in the future."""
    bad, reason = judge(rows, latest)
    good = np.ones(rows.symbol.size, dtype=np.bool_)
    good[bad] = False
    order = _sorted(rows, np.flatnonzero(good))
    key = _keys(rows, order)
    again = np.concatenate(([False], key[1:] == key[:-1])) if key.size else np.zeros(0, dtype=np.bool_)
    if not again.any():
        return Kept(order, 0, bad, reason)
    head = np.maximum.accumulate(np.where(again, 0, np.arange(order.size)))
    later, first = order[again], order[head[again]]
    same = np.ones(later.size, dtype=np.bool_)
    for values in (*rows.prices.values(), rows.volume, rows.value):
        same &= (values[later] == values[first]) | (np.isnan(values[later]) & np.isnan(values[first]))
    second = later[~same]
    rejected = np.concatenate((bad, second))
    reason = np.concatenate((reason, np.full(second.size, SECOND_ROW, dtype=np.int8)))
    by_place = np.argsort(rejected, kind="stable")
    return Kept(order[~again], int(same.sum()), rejected[by_place], reason[by_place])


def _keys(rows: RawRows, at: NDArray[np.int64]) -> NDArray[np.int64]:
    day = (rows.day[at] - FIRST_DAY).astype(np.int64)  # minutes since 1900 need fewer than 32 bits, too
    return (rows.symbol[at].astype(np.int64) << 32) + day


def _sorted(rows: RawRows, at: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places sorted by (symbol, day); rows of one key stay in the file's order."""
    key = _keys(rows, at)
    if bool(np.all(key[1:] >= key[:-1])):
        return at  # most files are sorted already, and looking costs a fiftieth of sorting
    return at[np.argsort(key, kind="stable")]


def keep(rows: RawRows, kept: Kept, listings: Mapping[str, Listing]) -> BarColumns:
    """The kept rows as flagged columns; only Symbols with a kept row are listed."""
    # A sorted file of good rows is used as it is, without a copy.
    is_whole = kept.order.size == rows.symbol.size and bool(np.all(kept.order[1:] > kept.order[:-1]))
    at = slice(None) if is_whole else kept.order
    symbol = rows.symbol[at]
    present = np.zeros(len(rows.codes), dtype=np.bool_)
    present[symbol] = True
    place = np.cumsum(present, dtype=np.int32) - np.int32(1)
    columns = BarColumns(
        listings=tuple(listings[rows.codes[index]] for index in np.flatnonzero(present).tolist()),
        symbol=place[symbol].astype(np.int32, copy=False),
        day=rows.day[at],
        open=rows.prices["open"][at],
        high=rows.prices["high"][at],
        low=rows.prices["low"][at],
        close=rows.prices["close"][at],
        volume=rows.volume[at],
        value=rows.value[at],
        flags=np.zeros(symbol.size, dtype=np.uint8),
    )
    return replace(columns, flags=flag_rows(columns))


@dataclass(frozen=True, eq=False, kw_only=True)
class FileRead:
    """What was read of a file, and how.

    rows_read = rows kept + duplicates + rejected
    mapping     the column used for each field
    duplicates  rows equal to an earlier one of their key
    rejected    all rejected rows; `rejects` holds the first `REJECTS_KEPT_MAX` of them
    notes       what a person should know about how the file was understood
    """

    file_name: str
    file_sha256: str
    encoding: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    rows_read: int
    duplicates: int = 0
    rejected: int = 0
    rejects: tuple[Reject, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class FileBars(FileRead):
    """Daily bars of a file, ready to be screened or stored. `lines` int64 [rows]: the line each came from; a Parquet
    row is counted as if a header were line 1. `base` float64 [rows]: the base price in won as traded, NaN where
    the file does not say it."""

    columns: BarColumns
    lines: NDArray[np.int64]
    kind: Literal["bars", "simulated"] = "bars"
    base: FloatArray | None = None

    def __post_init__(self) -> None:
        assert self.rows_read == len(self.columns) + self.duplicates + self.rejected, "every row is accounted for"


@dataclass(frozen=True, eq=False, kw_only=True)
class FileSymbols(FileRead):
    """Symbols of a file, by code and day; a field that is None says nothing about that Symbol.

    seen_on  the day of which each row speaks, None where the file has no dates; empty where none has
    """

    listings: tuple[Listing, ...]
    seen_on: tuple[date | None, ...] = ()

    def __post_init__(self) -> None:
        assert len(self.seen_on) in (0, len(self.listings)), "a day for every row, or none"
        assert self.rows_read == len(self.listings) + self.duplicates + self.rejected, "every row is accounted for"


@dataclass(frozen=True, eq=False, kw_only=True)
class FileActions(FileRead):
    """Corporate actions of a file, in order."""

    actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        assert self.rows_read == len(self.actions) + self.duplicates + self.rejected, "every row is accounted for"


def simulated_bars(columns: BarColumns, name: str) -> FileBars:
    """The bars of the simulated market in the form in which bars are stored; their flags are set here."""
    return FileBars(
        file_name=name,
        file_sha256="",
        encoding="",
        rows_read=len(columns),
        columns=replace(columns, flags=flag_rows(columns)),
        lines=np.arange(len(columns), dtype=np.int64) + 1,
        kind="simulated",
    )
