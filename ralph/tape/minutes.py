"""Builds one-minute bars on the slots of a Session; a bar is closed when nothing that is not late can change it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.market.tick import Ticks
from ralph.tape.fold import Fold

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MINUTE_NS = 60_000_000_000
LATENESS_NS = 2_000_000_000  # a print that comes later than this after its minute is left out of the bar, and counted


@dataclass(frozen=True, eq=False)
class ClosedBars:
    """The bars of one minute: won, shares, won traded; one element a Symbol that traded, by `symbol` [bars]."""

    opened_at: int
    symbol: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: IntArray
    value: FloatArray

    def __len__(self) -> int:
        return int(self.symbol.size)


class MinuteBuilder:
    """The bars of a Session's minutes from `opens_at` to `closes_at` (UTC nanoseconds), for so many Symbols.

    A print at the close, the closing auction's, makes a bar of its own that begins there; what lies outside the hours
    makes none. `late` and `outside` count the prints that no bar has.
    """

    def __init__(self, symbols: int, opens_at: int, closes_at: int) -> None:
        self._symbols = symbols
        self._opens_at, self._closes_at = opens_at, closes_at
        self._running: dict[int, Fold] = {}
        self._closed_until = opens_at
        self.late = 0
        self.outside = 0

    def close(self, now: int) -> list[ClosedBars]:
        """The minutes that are over at this instant, in order; those without any trade are passed by."""
        due = sorted(at for at in self._running if at + MINUTE_NS + LATENESS_NS <= now)
        closed = [_closed(at, self._running.pop(at)) for at in due]
        over = (now - LATENESS_NS - self._opens_at) // MINUTE_NS * MINUTE_NS + self._opens_at
        self._closed_until = max(self._closed_until, over)
        return closed

    def add(self, ticks: Ticks) -> None:
        """Fold prints, none of which was seen before, into their minutes."""
        inside = (ticks.at >= self._opens_at) & (ticks.at <= self._closes_at)
        self.outside += int(inside.size - np.count_nonzero(inside))
        minute = (ticks.at - self._opens_at) // MINUTE_NS * MINUTE_NS + self._opens_at
        in_time = inside & (minute >= self._closed_until)
        self.late += int(np.count_nonzero(inside & ~in_time))
        for at in np.unique(minute[in_time]).tolist():
            mine = in_time & (minute == at)
            fold = self._running.get(at)
            if fold is None:
                fold = self._running[at] = Fold(self._symbols)
            fold.add(ticks if mine.all() else ticks.take(np.flatnonzero(mine)))

    def running(self, symbol: int) -> tuple[int, Fold] | None:
        """The newest minute in which a Symbol has traded and that is not closed: when it opened, and all its bars."""
        found = [at for at, fold in self._running.items() if fold.count[symbol]]
        return (max(found), self._running[max(found)]) if found else None


def _closed(at: int, fold: Fold) -> ClosedBars:
    who = np.flatnonzero(fold.count)
    return ClosedBars(
        at,
        who,
        fold.open[who],
        fold.high[who],
        fold.low[who],
        fold.close[who],
        fold.volume[who],
        fold.value[who],
    )
