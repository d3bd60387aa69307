"""The Board: the last price of every Symbol of a Session, and what stands beside it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ralph.market.tick import Notices, Ticks, Trading
from ralph.tape.events import Quote, SessionPart, instant_of
from ralph.tape.fold import Fold
from ralph.tape.frame import SessionFrame

IntArray = NDArray[np.int64]


class Board:
    """All Symbols of a Session; arrays are [symbols]. `day` holds the Session's bars so far."""

    def __init__(self, frame: SessionFrame) -> None:
        self.frame = frame
        self.day = Fold(len(frame.universe))
        self.trading = np.zeros(len(frame.universe), dtype=np.int64)
        self.now = 0

    def add(self, ticks: Ticks) -> IntArray:
        """Fold prints in, none of which was seen before; the Symbols that had any."""
        return self.day.add(ticks)

    def mark(self, notices: Notices) -> IntArray:
        """Take what the exchange says of Symbols, the newest last; those that are in another state now."""
        before = self.trading[notices.symbol]
        self.trading[notices.symbol] = notices.trading
        return np.unique(notices.symbol[self.trading[notices.symbol] != before]).astype(np.int64)

    @property
    def part(self) -> SessionPart:
        """Which hours it is."""
        if self.now < self.frame.opens_at:
            return "pre"
        return "regular" if self.now <= self.frame.closes_at else "closed"

    @property
    def is_locked(self) -> NDArray[np.bool_]:
        """Who has had one price all day, at a limit: nobody gets in or out."""
        day = self.day
        at_limit = (day.close == self.frame.highest) | (day.close == self.frame.lowest)
        locked: NDArray[np.bool_] = at_limit & (day.high == day.low) & (day.count > 0)
        return locked

    def quotes(self, symbols: IntArray) -> tuple[Quote, ...]:
        """Of these Symbols; one that has not traded stands at its base price, one without any has no quote."""
        day, frame = self.day, self.frame
        known = symbols[(day.count[symbols] > 0) | ~np.isnan(frame.before[symbols])]
        traded = day.count[known] > 0
        before = frame.before[known]
        price = np.where(traded, day.close[known], before)
        base = np.where(np.isnan(before), price, before)
        change = price - base
        limit = np.where(price >= frame.highest[known], 1, np.where(price <= frame.lowest[known], -1, 0))
        columns = (
            known,
            traded,
            price,
            change,
            change / base,
            day.open[known],
            day.high[known],
            day.low[known],
            day.volume[known],
            day.value[known],
            day.closed_at[known],
            limit,
            self.trading[known],
        )
        part, venue, universe = self.part, frame.venue, frame.universe
        return tuple(
            Quote(
                symbol=universe[row[0]],
                price=row[2],
                change=row[3],
                change_ratio=row[4],
                open=row[5] if row[1] else None,
                high=row[6] if row[1] else None,
                low=row[7] if row[1] else None,
                volume=row[8],
                value=row[9],
                at=instant_of(row[10]) if row[1] else None,
                session=part,
                venue=venue,
                halted=row[12] == Trading.HALTED,
                limit=_LIMITS[row[11]],
                vi=row[12] == Trading.INTERRUPTED,
            )
            for row in zip(*(column.tolist() for column in columns), strict=True)
        )


_LIMITS: dict[int, Literal["up", "down"] | None] = {1: "up", -1: "down", 0: None}
