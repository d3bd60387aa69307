"""Prices that cannot be right: beyond the limit, not enclosing one another, at another scale; and untold exchanges of
shares."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np

from ralph.market.flags import Flag
from ralph.market.quality.findings import Detail, Finding
from ralph.market.quality.rows import BoolArray, FloatArray, Index, Rows, Traded, spells
from ralph.market.rules import jump_ratios

FRACTIONS = (
    *((1, new) for new in (2, 3, 4, 5, 6, 8, 10, 15, 20, 25, 30, 40, 50, 100)),
    *((old, 1) for old in (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 30, 40, 50, 100)),
    (2, 3),
    (3, 5),
)
"""Old shares for new ones, as splits, bonus issues and reverse splits are announced."""

OPEN_TOLERANCE = np.log(1.12)
"""How far the first open at the new price may be from it: the day's own move up to the open."""

PERSIST_BARS, PERSIST_TOLERANCE = 5, np.log(1.35)
"""A week of closes before and after must lie at the two levels too: what comes back is no exchange of shares."""

ROW_RATIO = 3.0
"""The highest price of a bar over its lowest. Under a limit of 30 % it is 1.86 at most; a liquidation without limits
may go to 2.5."""

LEVEL_RATIO, LEVEL_BARS, LEVEL_TOLERANCE = 3.0, 60, np.log(1.5)
"""Closes that go up or down by 3 in a day and come back by as much within a quarter."""

LEVEL_FOR_GOOD = 200.0
"""A step that no exchange of shares explains, where prices do not come back."""

VOLUME_BARS, VOLUME_RATIO = 10, 20.0
"""All volumes of two weeks are this many times, or this part of, each one of the two weeks before."""

_PRICES = ("open", "high", "low", "close")


def find_prices(rows: Rows) -> Iterator[Finding]:
    """Jumps, splits, inconsistent bars, and columns, levels and volumes at another scale."""
    yield from _inconsistent(rows)
    yield from _uneven_rows(rows)
    yield from _moved_in_halt(rows)
    if not rows.traded.at.size:
        return
    jumps = _Jumps.of(rows)
    levels = list(_levels(rows, jumps))
    covered = np.zeros(rows.traded.at.size + 1, dtype=np.bool_)
    for begin, end, finding in levels:
        covered[begin] = covered[end + 1] = True
        yield finding
    is_split = yield from _steps(rows, jumps, covered)
    yield from _volumes(rows, jumps.place[is_split])


def _inconsistent(rows: Rows) -> Iterator[Finding]:
    mask = rows.flags & Flag.INCONSISTENT > 0
    for first, last in _pairs(spells(mask, rows.bars.symbol)):
        yield rows.find("inconsistent", first, last, Detail(bars=last - first + 1))


def _uneven_rows(rows: Rows) -> Iterator[Finding]:
    prices = [np.where(rows.halted, rows.bars.close, getattr(rows.bars, name)) for name in _PRICES]
    ratio = np.maximum.reduce(prices) / np.minimum.reduce(prices)
    for first, last in _pairs(spells(ratio > ROW_RATIO, rows.bars.symbol)):
        worst = float(ratio[first : last + 1].max())
        yield rows.find("scale_row", first, last, Detail(bars=last - first + 1, ratio=worst))


def _moved_in_halt(rows: Rows) -> Iterator[Finding]:
    """Closes that move beyond the limit while nobody trades: a reference price after exchanged shares, or an error."""
    bars = rows.bars
    at = np.flatnonzero(rows.halted[1:] & (bars.symbol[1:] == bars.symbol[:-1])) + 1
    ratio = bars.close[at] / bars.close[at - 1]
    moved = np.abs(ratio - 1.0) > jump_ratios(bars)[at]
    for row, factor in zip(at[moved].tolist(), ratio[moved].tolist(), strict=True):
        before, after = float(bars.close[row - 1]), float(bars.close[row])
        yield rows.find("moved_in_halt", row, row, Detail(before=before, after=after, ratio=factor))


@dataclass(frozen=True, eq=False)
class _Jumps:
    """Traded bars whose close is beyond the limit: their place among the traded bars, and closes around them."""

    place: Index
    before: FloatArray
    after: FloatArray
    limit_pct: Index

    @classmethod
    def of(cls, rows: Rows) -> _Jumps:
        traded = rows.traded
        is_jump = (rows.flags[traded.at] & Flag.JUMP > 0) & traded.follows
        place = np.flatnonzero(is_jump)
        return cls(place, traded.close[place - 1], traded.close[place], rows.limit_pct(traded.at[place]))


def _levels(rows: Rows, jumps: _Jumps) -> Iterator[tuple[int, int, Finding]]:
    """The first and the last traded bar of each stretch of prices at another scale, and the finding."""
    traded = rows.traded
    step = np.log(jumps.after / jumps.before)
    large = np.flatnonzero(np.abs(step) >= np.log(LEVEL_RATIO)).tolist()
    _, ends = traded.bounds()
    taken = -1
    for order, index in enumerate(large):
        begin = int(jumps.place[index])
        if begin <= taken:
            continue
        last_of_symbol = int(ends[begin])
        back = _way_back(jumps, step, index, large[order + 1 :], min(begin + LEVEL_BARS, last_of_symbol))
        if back is None and abs(step[index]) < np.log(LEVEL_FOR_GOOD):
            continue
        end = last_of_symbol if back is None else back - 1
        taken = end + 1  # the step back is no step of its own
        detail = Detail(bars=end - begin + 1, ratio=float(np.exp(step[index])), ends=back is not None)
        yield begin, end, rows.find("scale_level", int(traded.at[begin]), int(traded.at[end]), detail)


def _way_back(jumps: _Jumps, step: FloatArray, index: int, later: list[int], until: int) -> int | None:
    """The place of the step that undoes a step, up to a traded bar."""
    for other in later:
        place = int(jumps.place[other])
        if place > until:
            return None
        if abs(step[other] + step[index]) <= LEVEL_TOLERANCE:
            return place
    return None


def _steps(rows: Rows, jumps: _Jumps, covered: BoolArray) -> Generator[Finding, None, BoolArray]:
    """Every jump, but those in and out of another level; returns which look like exchanged shares."""
    traded = rows.traded
    fraction, is_split = _nearest_fraction(traded, jumps)
    is_split &= ~covered[jumps.place]
    for index, place in enumerate(jumps.place.tolist()):
        if covered[place]:
            continue
        before, after = float(jumps.before[index]), float(jumps.after[index])
        detail = Detail(before=before, after=after, ratio=after / before, limit_pct=int(jumps.limit_pct[index]))
        row = int(traded.at[place])
        if is_split[index]:
            old, new = FRACTIONS[fraction[index]]
            detail = Detail(before=before, after=after, ratio=after / before, fraction=f"{old}:{new}")
        yield rows.find("split" if is_split[index] else "jump", row, row, detail)
    return is_split


def _nearest_fraction(traded: Traded, jumps: _Jumps) -> tuple[Index, BoolArray]:
    """The fraction nearest to the step at the open of each jump, and whether the step fits it and lasts."""
    ratios = np.log(np.array([old / new for old, new in FRACTIONS]))
    opened = np.log(np.maximum(traded.open[jumps.place], np.finfo(float).tiny) / jumps.before)
    distance = np.abs(opened[:, None] - ratios[None, :])
    nearest = distance.argmin(axis=1) if jumps.place.size else np.empty(0, dtype=np.int64)
    fits = distance.min(axis=1, initial=np.inf) <= OPEN_TOLERANCE
    starts, ends = traded.bounds()
    offsets = np.arange(PERSIST_BARS)
    before = np.maximum(jumps.place[:, None] - 1 - offsets, starts[jumps.place][:, None])
    after = np.minimum(jumps.place[:, None] + offsets, ends[jumps.place][:, None])
    change = np.log(np.median(traded.close[after], axis=1) / np.median(traded.close[before], axis=1))
    lasts = np.abs(change - ratios[nearest]) <= PERSIST_TOLERANCE
    return nearest, fits & lasts


def _volumes(rows: Rows, splits: Index) -> Iterator[Finding]:
    """Volumes that change their scale for good; the new shares of a split do that, so the weeks around one are not
    looked at."""
    traded = rows.traded
    if traded.at.size < 2 * VOLUME_BARS:
        return
    lowest, highest = traded.volume.copy(), traded.volume.copy()
    for offset in range(1, VOLUME_BARS):  # of each bar and the nine after it; the tail is cut off below
        lowest[:-offset] = np.minimum(lowest[:-offset], traded.volume[offset:])
        highest[:-offset] = np.maximum(highest[:-offset], traded.volume[offset:])
    starts, ends = traded.bounds()
    place = np.arange(VOLUME_BARS, traded.at.size - VOLUME_BARS + 1)
    place = place[(place - VOLUME_BARS >= starts[place]) & (place + VOLUME_BARS - 1 <= ends[place])]
    before = place - VOLUME_BARS
    changed = (lowest[place] >= VOLUME_RATIO * highest[before]) | (VOLUME_RATIO * highest[place] <= lowest[before])
    for at in _apart(place[changed], splits).tolist():
        old = float(np.median(traded.volume[at - VOLUME_BARS : at]))
        new = float(np.median(traded.volume[at : at + VOLUME_BARS]))
        row = int(traded.at[at])
        yield rows.find("scale_volume", row, row, Detail(before=old, after=new, ratio=new / old))


def _apart(places: Index, splits: Index) -> Index:
    """Those that are not within two weeks of a split."""
    if not places.size or not splits.size:
        return places
    near = np.searchsorted(splits, places)
    below = np.abs(places - splits[np.maximum(near - 1, 0)])
    above = np.abs(places - splits[np.minimum(near, splits.size - 1)])
    apart: Index = places[np.minimum(below, above) > VOLUME_BARS]
    return apart


def _pairs(found: tuple[Index, Index]) -> Iterator[tuple[int, int]]:
    return zip(found[0].tolist(), found[1].tolist(), strict=True)
