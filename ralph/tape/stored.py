"""A Session from its stored minute bars: what the scans of the live market would have told until a moment of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.market.minutes import MinuteColumns
from ralph.tape.board import Board
from ralph.tape.events import Scanned
from ralph.tape.fold import Fold
from ralph.tape.frame import SessionFrame
from ralph.tape.minutes import MINUTE_NS, ClosedBars
from ralph.tape.scans import LiveScans

FloatArray = NDArray[np.float64]


class Told(NamedTuple):
    """scanned: in the order of the minutes; relative_volume: volume so far over the usual at the newest minute
    [symbols]."""

    scanned: list[Scanned]
    relative_volume: FloatArray


def tell(frame: SessionFrame, minutes: Sequence[ClosedBars], usual_volume: FloatArray | None = None) -> Told:
    """What the minutes of a Session tell; usual_volume as `LiveScans` has it."""
    board = Board(frame)
    scans = LiveScans(board, usual_volume)
    scanned: list[Scanned] = []
    for bars in minutes:
        _fold(board.day, bars)
        scanned += scans.close(bars)
    return Told(scanned, scans.relative_volume)


def day_of(minutes: Sequence[ClosedBars], symbols: int) -> Fold:
    """The bars of the Session so far."""
    day = Fold(symbols)
    for bars in minutes:
        _fold(day, bars)
    return day


def closed_bars(
    universe: Sequence[str], minutes: MinuteColumns, hours: tuple[int, int], until: int
) -> list[ClosedBars]:
    """The traded bars of the universe by minute, in order: those within the hours, the closing auction's too, that were
    over by then. hours, until: UTC nanoseconds."""
    opens_at, closes_at = hours
    place = {code: at for at, code in enumerate(universe)}
    column = np.array([place.get(each.symbol, -1) for each in minutes.listings], dtype=np.int64)[minutes.symbol]
    opened_at = minutes.opened_at.astype("datetime64[ns]").astype(np.int64)
    inside = (opened_at >= opens_at) & (opened_at <= closes_at) & (opened_at + MINUTE_NS <= until)
    used = np.flatnonzero((column >= 0) & (minutes.volume > 0) & inside)
    used = used[np.lexsort((column[used], opened_at[used]))]
    if not used.size:
        return []
    value = minutes.value_traded()
    begins = np.flatnonzero(np.diff(opened_at[used], prepend=-1))
    return [
        ClosedBars(
            int(opened_at[rows[0]]),
            column[rows],
            minutes.open[rows],
            minutes.high[rows],
            minutes.low[rows],
            minutes.close[rows],
            np.maximum(np.rint(minutes.volume[rows]), 1).astype(np.int64),
            value[rows],
        )
        for rows in np.split(used, begins[1:])
    ]


def _fold(day: Fold, bars: ClosedBars) -> None:
    who = bars.symbol
    is_first = day.count[who] == 0
    day.open[who[is_first]] = bars.open[is_first]
    day.high[who] = np.maximum(day.high[who], bars.high)
    day.low[who] = np.minimum(day.low[who], bars.low)
    day.close[who], day.closed_at[who] = bars.close, bars.opened_at
    day.volume[who] += bars.volume
    day.value[who] += bars.value
    day.count[who] += 1
