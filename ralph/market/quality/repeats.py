"""Bars that repeat: the same bar again, a close that does not move, a day stored twice, the bars of another Symbol."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np

from ralph.market.quality.findings import Detail, Finding, find
from ralph.market.quality.rows import BoolArray, Rows, Traded, spells

FLAT_REPEATS = 6
"""Bars in a row of one price and the same volume: a share that trades one lot a day does that, but not for a week."""

FROZEN_BARS = 20
"""Traded bars in a row with one close, a month: shell companies near their offer price stay put for two weeks."""

REPEATED_DAY_RATIO, REPEATED_DAY_BARS = 0.5, 10
"""A day is a copy when half of its bars, and ten at least, equal those of the day before."""

TWIN_BARS = 5
"""Sessions on which two Symbols have the same prices and volume; by chance that does not happen twice."""

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, as in Fibonacci hashing


def find_repeats(rows: Rows) -> Iterator[Finding]:
    """Stale and frozen bars, repeated days and twins."""
    traded = rows.traded
    if traded.at.size < 2:
        return
    same = _same_as_before(traded)
    copied = yield from _repeated_days(rows, same)
    yield from _stale(rows, same & ~copied)
    yield from _frozen(rows)
    yield from _twins(rows)


def _same_as_before(traded: Traded) -> BoolArray:
    same = traded.follows.copy()
    for values in (traded.open, traded.high, traded.low, traded.close, traded.volume):
        same[1:] &= values[1:] == values[:-1]
    return same


def _repeated_days(rows: Rows, same: BoolArray) -> Generator[Finding, None, BoolArray]:
    """Returns which traded bars are on a day that is a copy."""
    traded = rows.traded
    day = rows.bars.day[traded.at].astype(np.int64)
    place = day - day.min()
    bars = np.bincount(place, weights=traded.follows).astype(np.int64)
    copies = np.bincount(place, weights=same).astype(np.int64)
    is_copy = (copies >= REPEATED_DAY_BARS) & (copies >= REPEATED_DAY_RATIO * bars)
    for index in np.flatnonzero(is_copy).tolist():
        on = np.datetime64(index + int(day.min()), "D").astype(object)
        yield find("repeated_day", None, on, on, Detail(bars=int(copies[index]), expected=int(bars[index])))
    copied: BoolArray = is_copy[place]
    return copied


def _stale(rows: Rows, same: BoolArray) -> Iterator[Finding]:
    traded = rows.traded
    for first, last in zip(*(each.tolist() for each in spells(same, traded.symbol)), strict=True):
        bars = last - first + 2  # the bar that is repeated counts
        if bars >= FLAT_REPEATS or traded.high[first] > traded.low[first]:
            yield rows.find("stale", int(traded.at[first - 1]), int(traded.at[last]), Detail(bars=bars))


def _frozen(rows: Rows) -> Iterator[Finding]:
    traded = rows.traded
    still = traded.follows.copy()
    still[1:] &= traded.close[1:] == traded.close[:-1]
    first, last = spells(still, traded.symbol)
    long = last - first + 2 >= FROZEN_BARS
    for begin, end in zip(first[long].tolist(), last[long].tolist(), strict=True):
        detail = Detail(bars=end - begin + 2, after=float(traded.close[begin]))
        yield rows.find("frozen", int(traded.at[begin - 1]), int(traded.at[end]), detail)


def _twins(rows: Rows) -> Iterator[Finding]:
    """Bars of one price are left out: cheap shares share them by chance."""
    traded = rows.traded
    moved = np.flatnonzero(traded.high > traded.low)
    key = rows.bars.day[traded.at[moved]].astype(np.int64).astype(np.uint64)
    for values in (traded.open, traded.high, traded.low, traded.close, traded.volume):
        key = (key ^ values[moved].view(np.uint64)) * _MIX
        key ^= key >> np.uint64(32)
    order = np.argsort(key, kind="stable")
    again = np.flatnonzero(key[order[1:]] == key[order[:-1]])
    one, other = moved[order[again]], moved[order[again + 1]]
    pairs = np.stack([traded.symbol[one], traded.symbol[other]], axis=1).astype(np.int64)
    pairs.sort(axis=1)
    code = pairs[:, 0] * len(rows.bars.listings) + pairs[:, 1]
    for pair, count in zip(*(each.tolist() for each in np.unique(code, return_counts=True)), strict=True):
        first, second = divmod(pair, len(rows.bars.listings))
        if count < TWIN_BARS or first == second:
            continue
        days = rows.bars.day[traded.at[one[code == pair]]]
        detail = Detail(bars=count, other=rows.bars.listings[second].symbol)
        begin, end = days.min().astype(object), days.max().astype(object)
        yield find("twin", rows.bars.listings[first].symbol, begin, end, detail)
