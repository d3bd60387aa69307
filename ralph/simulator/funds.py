"""Exchange-traded funds that follow the indices: plain, twofold and inverse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ralph.market.symbol import Symbol
from ralph.simulator.draws import Draws
from ralph.simulator.indices import IndexBar

_TICK, _CHEAP_BELOW = 5, 2_000  # won; below it the tick is 1
_DEVIATION = 0.0006  # of the price from what the fund holds


@dataclass(frozen=True)
class Fund:
    """A fund: `times` the daily return of an index, at first at `price` won."""

    symbol: Symbol
    name: str
    name_en: str
    index: str
    times: float
    price: int
    shares: int


FUNDS = (
    Fund(Symbol("S30001"), "루벨 코스피", "Rubel KOSPI", "KOSPI", 1.0, 26_000, 90_000_000),
    Fund(Symbol("S30002"), "루벨 코스닥", "Rubel KOSDAQ", "KOSDAQ", 1.0, 8_500, 60_000_000),
    Fund(Symbol("S30003"), "루벨 코스피레버리지", "Rubel KOSPI 2X", "KOSPI", 2.0, 14_000, 120_000_000),
    Fund(Symbol("S30004"), "루벨 코스피인버스", "Rubel KOSPI Inverse", "KOSPI", -1.0, 5_200, 150_000_000),
)


@dataclass(frozen=True)
class FundBar:
    """One Session of a fund: won and shares. `reference`: the close before."""

    open: int
    high: int
    low: int
    close: int
    volume: int
    reference: int

    @property
    def value(self) -> int:
        """Won traded."""
        return (self.open + self.high + self.low + self.close) * self.volume // 4


class Funds:
    """All funds between two Sessions."""

    def __init__(self, seed: int, before: Mapping[str, float]) -> None:
        self._draws = [Draws(seed, f"fund {fund.symbol}", 3) for fund in FUNDS]
        self._worth = [float(fund.price) for fund in FUNDS]
        self._close = [fund.price for fund in FUNDS]
        self._index = dict(before)

    def step(self, indices: Mapping[str, IndexBar]) -> list[FundBar]:
        """The Session of these indices, one bar a fund."""
        bars = []
        for place, fund in enumerate(FUNDS):
            index, before, worth = indices[fund.index], self._index[fund.index], self._worth[place]
            off, busy, size = self._draws[place].uniform().tolist()
            ratio = 1.0 + _DEVIATION * (2.0 * off - 1.0)
            prices = [
                _to_tick(worth * ratio * (1.0 + fund.times * (points / before - 1.0)))
                for points in (index.open, index.high, index.low, index.close)
            ]
            self._worth[place] *= 1.0 + fund.times * (index.close / before - 1.0)
            swing = (index.high - index.low) / before
            volume = 1 + int(fund.shares * (0.004 + 0.01 * busy + 0.8 * swing) * (0.6 + 0.8 * size))
            bars.append(FundBar(prices[0], max(prices), min(prices), prices[3], volume, self._close[place]))
            self._close[place] = prices[3]
        self._index = {name: bar.close for name, bar in indices.items()}
        return bars


def _to_tick(price: float) -> int:
    won = round(price)
    tick = 1 if won < _CHEAP_BELOW else _TICK
    return (won + tick // 2) // tick * tick
