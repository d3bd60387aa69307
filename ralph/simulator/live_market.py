"""The simulated market goes on: its next Session as a day that can be played."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ralph.market.calendar import PUBLISHED
from ralph.market.tick import INDEX_NAMES
from ralph.market.ticks import FUND_LADDERS
from ralph.simulator.companies import invent
from ralph.simulator.exchange import LADDER, Exchange, Session
from ralph.simulator.funds import FUNDS
from ralph.simulator.live import PRINTS_A_DAY, DayHours, IndexDay, LiveDay
from ralph.simulator.live_minutes import DayBars, Ladders, draw_paths
from ralph.simulator.market import COMPANIES

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LADDERS = (LADDER, FUND_LADDERS["etf"][-1])
_PRICES = ("open", "high", "low", "close", "volume", "reference")


class LiveMarket:
    """The exchange of a seed after some Sessions; `step` plays the next one."""

    def __init__(self, seed: int, sessions: int, companies: int = COMPANIES) -> None:
        self._seed = seed
        self._companies = invent(seed, companies)
        self._exchange = Exchange(seed, self._companies)
        self._newest: Session | None = None
        for _ in range(sessions):
            self._newest = self._exchange.step()

    def closes(self) -> dict[str, float]:
        """The newest close of everybody listed, won: by it a stored market is known to be this one."""
        session = self._newest
        assert session is not None, "no Session has been played"
        listed = session.bars.listed
        codes = [code for code, there in zip(self._companies.symbols, listed.tolist(), strict=True) if there]
        funds = {fund.symbol: float(bar.close) for fund, bar in zip(FUNDS, session.funds, strict=True)}
        return dict(zip(codes, session.bars.close[listed].astype(float).tolist(), strict=True)) | funds

    def step(self, on: date, prints_a_day: int = PRINTS_A_DAY) -> LiveDay:
        """The next Session, on this day; BadParameter where the day is none."""
        session = self._newest = self._exchange.step()
        hours = DayHours.of(PUBLISHED, on)
        listed = session.bars.listed
        columns = {name: _with_funds(session, name) for name in _PRICES}
        opened, high, low, close = (columns[name].astype(np.float64) for name in _PRICES[:4])
        bars = DayBars(opened, high, low, close, columns["volume"])
        is_fund = np.arange(bars.open.size) >= int(listed.sum())
        ladders = Ladders(_LADDERS, is_fund.astype(np.int64))
        shares = np.where(session.bars.member, session.bars.shares, 0)
        weights = np.zeros((bars.open.size, len(INDEX_NAMES)))
        for place, name in enumerate(INDEX_NAMES):
            weights[: int(listed.sum()), place] = np.where(self._companies.on_market(name), shares, 0)[listed]
        codes = [code for code, there in zip(self._companies.symbols, listed.tolist(), strict=True) if there]
        return LiveDay(
            on=on,
            seed=self._seed,
            universe=(*codes, *(fund.symbol for fund in FUNDS)),
            hours=hours,
            before=columns["reference"].astype(np.float64),
            paths=draw_paths(self._seed, str(on), bars, hours.minutes, ladders),
            ladders=ladders,
            halted=columns["volume"] == 0,
            indices={name: IndexDay(bar.open, bar.high, bar.low, bar.close) for name, bar in session.indices.items()},
            weights=weights,
            prints_a_day=prints_a_day,
        )


def _with_funds(session: Session, name: str) -> IntArray:
    """A field of everybody listed, then of the funds."""
    funds: Sequence[int] = [getattr(bar, name) for bar in session.funds]
    own: IntArray = getattr(session.bars, name)
    return np.concatenate((own[session.bars.listed], np.array(funds, dtype=np.int64)))
