"""KOSPI- and KOSDAQ-like indices made from their members, and the funds that follow them.

An index is the members' market cap over a divisor. The divisor changes only where the market cap changes without a
price moving: members that join on their second Session or leave before their liquidation, and splits, whose base price
is rounded to a tick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ralph.simulator.bars import SessionBars
from ralph.simulator.companies import BoolArray, IntArray
from ralph.simulator.draws import Draws

BEGINS_AT = {"KOSPI": 2_600.0, "KOSDAQ": 850.0}
"""Points before the first Session, by index."""


@dataclass(frozen=True)
class IndexBar:
    """One Session of an index: points, to the hundredth; shares and won traded on its market; its members' worth."""

    open: float
    high: float
    low: float
    close: float
    volume: int
    value: int
    market_cap: int


class Index:
    """An index between two Sessions."""

    def __init__(self, seed: int, name: str, on_market: BoolArray) -> None:
        self.name = name
        self._on_market = on_market
        self._draws = Draws(seed, f"index {name}", 2)
        self._cap = 0
        self._divisor = 0.0
        self._close = BEGINS_AT[name]

    def step(self, bars: SessionBars) -> IndexBar:
        """The index of a Session, from its bars."""
        members = self._on_market & bars.member
        shares = bars.shares[members]

        def worth(price: IntArray) -> int:
            return int((price[members] * shares).sum())  # whole won: sums of floats depend on the machine

        before, cap = worth(bars.reference), worth(bars.close)
        if self._cap == 0:  # the first Session with members
            self._divisor = before / self._close
        elif before not in (0, self._cap):
            self._divisor *= before / self._cap
        self._cap = cap
        first, last = (worth(price) / self._divisor if cap else self._close for price in (bars.moved(), bars.close))
        up, down = self._draws.uniform().tolist()
        if cap:
            highest = worth(np.where(bars.traded, bars.high, bars.close)) / self._divisor
            lowest = worth(np.where(bars.traded, bars.low, bars.close)) / self._divisor
        else:
            highest, lowest = max(first, last), min(first, last)
        # Members make their highs and lows at different times: the index reaches a part of them.
        high = max(first, last) + 0.4 * up * up * (highest - max(first, last))
        low = min(first, last) - 0.4 * down * down * (min(first, last) - lowest)
        self._close = last
        traded = self._on_market & bars.traded
        return IndexBar(
            open=_hundredths(first),
            high=_hundredths(high),
            low=_hundredths(low),
            close=_hundredths(last),
            volume=int(bars.volume[traded].sum()),
            value=int(bars.value[traded].sum()),
            market_cap=cap,
        )


def _hundredths(points: float) -> float:
    return round(points * 100.0) / 100.0
