"""A Session as its exchange would send it: prints of all Symbols, auctions, interruptions, halts and index values.

It keeps to bars that are given: those of the simulated exchange's next Session, or those of a stored day. Minute by
minute, each from draws of its own: the same seed gives the same bytes, wherever one begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from ralph.market.calendar import Calendar
from ralph.market.tick import INDEX_NAMES, Batch, IndexTicks, Notices, Ticks, Trading
from ralph.simulator.draws import Draws
from ralph.simulator.live_minutes import INTERRUPTED_MINUTES, Ladders, MinutePaths
from ralph.simulator.live_ticks import MINUTE_NS, MinuteBars, Span, draw_ticks, prints_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

AUCTION = timedelta(minutes=10)  # before the close, where the hours name none
INDEX_EVERY_NS = 10_000_000_000
PRINTS_A_DAY = 400  # of a Symbol, more of busy ones


@dataclass(frozen=True)
class DayHours:
    """When continuous trading begins and ends, and when the closing auction prints: UTC nanoseconds."""

    opens_at: int
    continuous_until: int
    closes_at: int

    @property
    def minutes(self) -> int:
        """Of continuous trading."""
        return (self.continuous_until - self.opens_at) // MINUTE_NS

    @classmethod
    def of(cls, calendar: Calendar, day: date) -> DayHours:
        """Of a Session; BadParameter where the day is none."""
        opens, closes = calendar.opens_at(day), calendar.closes_at(day)
        auctions = [each.opens_at for each in calendar.hours(day, "KRX") if each.kind == "auction"]
        until = max([at for at in auctions if opens < at < closes], default=closes - AUCTION)
        return cls(*(int(at.timestamp()) * 1_000_000_000 for at in (opens, until, closes)))


@dataclass(frozen=True)
class IndexDay:
    """The bar of an index, in points."""

    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, eq=False)
class LiveDay:
    """A Session that can be played.

    universe  codes in the order that ticks point into; before [symbols]: the base prices, won
    paths     minute bars, the last row the closing auction
    indices   by name; weights [symbols, names]: how much a Symbol counts for each
    halted    who does not trade: [symbols]
    """

    on: date
    seed: int
    universe: tuple[str, ...]
    hours: DayHours
    before: FloatArray
    paths: MinutePaths
    ladders: Ladders
    halted: NDArray[np.bool_]
    indices: Mapping[str, IndexDay]
    weights: FloatArray
    prints_a_day: int = PRINTS_A_DAY

    @property
    def minutes(self) -> int:
        """How many `Player.minute` can be asked for: those of continuous trading, and the closing auction."""
        return int(self.paths.volume.shape[0])

    def begins_at(self, minute: int) -> int:
        """UTC nanoseconds."""
        return self.hours.closes_at if minute == self.minutes - 1 else self.hours.opens_at + minute * MINUTE_NS

    def player(self) -> Player:
        """The day from its first minute."""
        return Player(self)


class Player:
    """A day on its way: `minute` gives what the exchange sends in the next one."""

    def __init__(self, day: LiveDay) -> None:
        self._day = day
        self._next = 0
        self._counted = np.zeros(len(day.universe), dtype=np.int64)
        self._points = index_paths(day)
        busy = np.sqrt(day.paths.volume.sum(axis=0).astype(np.float64))
        self._pace = busy * (day.prints_a_day / day.minutes) / max(float(np.cumsum(busy)[-1]) / busy.size, 1e-9)

    @property
    def is_over(self) -> bool:
        """Whether the closing auction has been played."""
        return self._next >= self._day.minutes

    def minute(self) -> Batch:
        """The next minute, its ticks by time; now: when the next one begins (the close itself is over at once)."""
        day, at = self._day, self._next
        self._next += 1
        begins_at = day.begins_at(at)
        is_closing = at == day.minutes - 1
        paths = day.paths
        trading = np.flatnonzero(paths.volume[at] > 0)
        resumes = paths.interrupted[trading] + INTERRUPTED_MINUTES == at
        bars = MinuteBars(
            symbol=trading,
            open=paths.open[at, trading],
            high=paths.high[at, trading],
            low=paths.low[at, trading],
            close=paths.close[at, trading],
            volume=paths.volume[at, trading],
            single=resumes & (paths.interrupted[trading] >= 0) | (at == 0),
        )
        until = begins_at if is_closing else day.hours.opens_at + (at + 1) * MINUTE_NS
        span = Span(begins_at, until - begins_at)
        ticks = self._closing(bars, begins_at) if is_closing else self._ticks(bars, span, at)
        return Batch(until, ticks, self._indices(at, span), self._notices(at, begins_at))

    def _ticks(self, bars: MinuteBars, span: Span, at: int) -> Ticks:
        day = self._day
        share = Draws(day.seed, f"pace {day.on} {at}", bars.symbol.size).uniform()
        wanted = (self._pace[bars.symbol] * (0.4 + 1.2 * share)).astype(np.int64)
        prints = prints_of(bars, wanted)
        draws = Draws(day.seed, f"ticks {day.on} {at}", int(prints.sum()))
        return draw_ticks(draws, bars, span, prints, self._counted, day.ladders)

    def _closing(self, bars: MinuteBars, at: int) -> Ticks:
        """One print a Symbol, all at the close."""
        self._counted[bars.symbol] += 1
        number = self._counted[bars.symbol]
        return Ticks(bars.symbol.astype(np.int32), bars.close, bars.volume, np.full(number.size, at), number)

    def _indices(self, at: int, span: Span) -> IndexTicks:
        """A value every ten seconds between those of two minutes."""
        steps = max(span.length_ns // INDEX_EVERY_NS, 1)
        before, after = self._points[at], self._points[at + 1]
        part = (np.arange(steps) + 1.0) / steps
        value = np.rint((before + (after - before) * part[:, None]) * 100.0) / 100.0
        known = np.flatnonzero(~np.isnan(after))
        when = span.begins_at + (part * span.length_ns).astype(np.int64)
        return IndexTicks(np.tile(known, steps).astype(np.int32), value[:, known].ravel(), np.repeat(when, known.size))

    def _notices(self, at: int, begins_at: int) -> Notices:
        day = self._day
        halted = np.flatnonzero(day.halted) if at == 0 else np.zeros(0, dtype=np.int64)
        first = day.paths.interrupted
        begins = np.flatnonzero(first == at)
        ends = np.flatnonzero((first >= 0) & (first + INTERRUPTED_MINUTES == at))
        who: Sequence[IntArray] = (halted, begins, ends)
        kinds = (Trading.HALTED, Trading.INTERRUPTED, Trading.OPEN)
        what = np.repeat(np.array(kinds, dtype=np.int64), [each.size for each in who])
        return Notices(np.concatenate(who).astype(np.int32), what, np.full(what.size, begins_at))


def index_paths(day: LiveDay) -> FloatArray:
    """Points [minutes + 1, names] at the beginning of each minute and at last, NaN for an index that is not known.

    They follow the members' prices, and reach exactly the open, high, low and close of the index's bar.
    """
    paths = day.paths
    moved = np.where(paths.volume > 0, paths.close, np.nan)
    moved = np.concatenate((day.before[None], moved))
    row = np.where(np.isnan(moved), 0, np.arange(moved.shape[0])[:, None])
    prices = np.take_along_axis(moved, np.maximum.accumulate(row, axis=0), axis=0)
    points = np.full((moved.shape[0], len(INDEX_NAMES)), np.nan)
    for place, name in enumerate(INDEX_NAMES):
        bar = day.indices.get(name)
        if bar is None:
            continue
        weighed = np.cumsum(prices * day.weights[:, place], axis=1)[:, -1]  # in order, on every machine
        level = bar.close * (weighed / weighed[-1]) if weighed[-1] > 0 else np.full(weighed.size, bar.close)
        level = np.minimum(np.maximum(level, bar.low), bar.high)
        inner = level[1:-1]
        highest, lowest = int(inner.argmax()), int(inner.argmin())
        lowest = (highest + 1) % inner.size if highest == lowest else lowest  # nothing moves
        inner[highest], inner[lowest] = bar.high, bar.low
        level[0], level[-1] = bar.open, bar.close
        points[:, place] = level
    return points
