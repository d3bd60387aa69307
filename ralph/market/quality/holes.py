"""The Sessions of one Symbol as a compact calendar: which have a bar, which are halts, which are holes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec
import numpy as np

from ralph.market.calendar import Calendar
from ralph.market.columns import BarColumns
from ralph.market.quality.presence import Days, Presence, missing
from ralph.market.quality.rows import Rows, spells

BAR, HALT, HOLE, OUTSIDE = "·", "h", "X", " "


class Hole(msgspec.Struct, frozen=True, rename={"first_on": "from", "last_on": "to"}):
    """Sessions in a row without trade (halt) or without a bar (missing), both ends included."""

    kind: Literal["missing", "halt"]
    first_on: date
    last_on: date
    sessions: int


class Month(msgspec.Struct, frozen=True):
    """A month of Sessions, one sign each: `·` a traded bar, `h` a bar without trade, `X` none, a space outside of the
    listing."""

    month: str
    signs: str


class HoleCalendar(msgspec.Struct, frozen=True):
    """The holes of a Symbol and the months that they are in, oldest first."""

    symbol: str
    first_on: date | None
    last_on: date | None
    sessions: int
    bars: int
    halted: int
    missing: int
    holes: list[Hole]
    months: list[Month]


def hole_calendar(bars: BarColumns, calendar: Calendar | None, market_days: Days | None = None) -> HoleCalendar:
    """The calendar of the one Symbol of these bars.

    calendar     the exchange's, None where the days of the market itself are its Sessions
    market_days  those days, up to the newest of them
    """
    assert len(bars.listings) == 1, "one Symbol"
    rows = Rows(bars)
    days = bars.day if market_days is None else market_days[market_days >= bars.day.min()] if len(bars) else bars.day
    padded = np.union1d(bars.day, days)
    presence = Presence.of(rows, calendar, 0.0, padded)
    lacking = missing(presence)[:, 0]
    halted = np.zeros(lacking.size, dtype=np.bool_)
    on = presence.place >= 0
    halted[presence.place[on]] = rows.halted[on]
    place = np.arange(lacking.size)
    inside = (place >= presence.begins[0]) & (place <= presence.ends[0])
    signs = np.where(lacking, HOLE, np.where(halted, HALT, np.where(inside, BAR, OUTSIDE)))
    holes = [*_runs("missing", lacking, presence.sessions), *_runs("halt", halted, presence.sessions)]
    return HoleCalendar(
        symbol=bars.listings[0].symbol,
        first_on=bars.day.min().astype(object) if len(bars) else None,
        last_on=bars.day.max().astype(object) if len(bars) else None,
        sessions=int(inside.sum()),
        bars=len(bars),
        halted=int(halted.sum()),
        missing=int(lacking.sum()),
        holes=sorted(holes, key=lambda hole: hole.first_on),
        months=list(_months(presence.sessions, signs)),
    )


def _runs(kind: Literal["missing", "halt"], mask: np.ndarray, sessions: Days) -> Iterator[Hole]:
    first, last = spells(mask, np.zeros(mask.size, dtype=np.int32))
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        yield Hole(kind, sessions[begin].astype(object), sessions[end].astype(object), end - begin + 1)


def _months(sessions: Days, signs: np.ndarray) -> Iterator[Month]:
    months, starts = np.unique(sessions.astype("datetime64[M]"), return_index=True)
    for month, part in zip(months.tolist(), np.split(signs, starts)[1:], strict=True):
        if (part == HOLE).any() or (part == HALT).any():
            yield Month(f"{month:%Y-%m}", "".join(part.tolist()))
