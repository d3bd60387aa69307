"""The simulated exchange: the whole market moves on by one Session at a time.

Returns follow a market, a sector and a company of their own, each with volatility that comes in clusters (GARCH).
Prices lie on the tick ladder and within the daily limits, volume follows the moves, companies are halted, listed and
delisted. A Session takes a fixed number of draws: a market that runs longer begins with the same Sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.market.ticks import LADDERS, WonArray, price_limits, tick_sizes
from ralph.simulator.companies import SECTOR_COUNT, Companies
from ralph.simulator.draws import Draws, FloatArray

LADDER = LADDERS["KOSPI"][-1]  # the newest one, on every date and in both markets

_LISTED_AT_FIRST = 0.94  # of the companies; the others wait to be listed, one at a time
_LISTING, _HALT, _DELISTING, _NEWS = 0.15, 0.0006, 0.00006, 0.004  # chance in a Session; the first for the market
_HALT_SESSIONS_MAX = 12
_LEAVING_SESSIONS = 10  # halted before it is delisted
_NEWS_DEVIATIONS = 4.0
_FIRST_DAY_DEVIATIONS = 3.0
_MARKET_CALM, _SECTOR_CALM = 0.008, 0.006  # daily deviation in calm times
_DRIFT, _PULL = 0.0003, 0.0012
_CHEAP, _DEAR = 2_000, 400_000  # won; beyond them prices are pulled back
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class SessionBars:
    """The bars of one Session, one element a company: won, shares, won traded. A halted one has O = H = L = 0."""

    listed: NDArray[np.bool_]
    traded: NDArray[np.bool_]
    open: WonArray
    high: WonArray
    low: WonArray
    close: WonArray
    volume: NDArray[np.int64]
    value: WonArray


class Exchange:
    """A market between two Sessions; `step` moves it on."""

    def __init__(self, seed: int, companies: Companies) -> None:
        count = len(companies)
        self._companies = companies
        self._draws = Draws(seed, "bars", count)
        self._factors = Draws(seed, "factors", 1 + SECTOR_COUNT)
        self._factor_calm = np.full(1 + SECTOR_COUNT, _SECTOR_CALM)
        self._factor_calm[0] = _MARKET_CALM
        self._factor_variance = self._factor_calm * self._factor_calm
        self._variance = companies.calm * companies.calm
        self._activity = np.ones(count)
        self._close = companies.price - companies.price % tick_sizes(companies.price, LADDER)
        self._listed = np.arange(count) < int(count * _LISTED_AT_FIRST)
        self._waiting = int(self._listed.sum())
        self._is_new = np.zeros(count, dtype=np.bool_)
        self._halted_for = np.zeros(count, dtype=np.int64)
        self._leaving_in = np.full(count, _NEVER)

    def step(self) -> SessionBars:
        """The next Session."""
        self._list_and_halt()
        traded = self._listed & (self._halted_for == 0)
        deviation = np.sqrt(self._variance)
        move = self._moves(deviation, traded)
        bars = self._prices(move, deviation, traded)
        self._halted_for = np.maximum(self._halted_for - 1, 0)
        self._is_new[:] = False
        return bars

    def _list_and_halt(self) -> None:
        chance, length = self._draws.uniform(), self._draws.below(_HALT_SESSIONS_MAX)
        self._listed &= self._leaving_in > 0
        self._leaving_in[(self._leaving_in > 0) & (self._leaving_in < _NEVER)] -= 1
        begins = self._listed & (self._halted_for == 0) & (chance < _HALT)
        self._halted_for[begins] = 1 + length[begins]
        leaves = self._listed & (self._leaving_in == _NEVER) & (chance > 1.0 - _DELISTING)
        self._leaving_in[leaves] = _LEAVING_SESSIONS - 1
        self._halted_for[leaves] = _LEAVING_SESSIONS
        if self._factors.uniform()[0] < _LISTING and self._waiting < self._listed.size:
            self._listed[self._waiting] = True
            self._is_new[self._waiting] = True
            self._halted_for[self._waiting] = 0
            self._leaving_in[self._waiting] = _NEVER
            self._waiting += 1

    def _moves(self, deviation: FloatArray, traded: NDArray[np.bool_]) -> FloatArray:
        """Close against the close before, as a ratio, before limits and ticks."""
        factors = np.sqrt(self._factor_variance) * self._factors.shock()
        self._factor_variance = _garch(self._factor_variance, factors, self._factor_calm, 0.08, 0.90)
        shock = self._draws.shock()
        shock *= np.where(self._draws.uniform() < _NEWS, _NEWS_DEVIATIONS, 1.0)
        shock *= np.where(self._is_new, _FIRST_DAY_DEVIATIONS, 1.0)
        own = deviation * shock
        self._variance = np.where(traded, _garch(self._variance, own, self._companies.calm, 0.07, 0.90), self._variance)
        pull = np.where(self._close < _CHEAP, _PULL, np.where(self._close > _DEAR, -_PULL, 0.0))
        move: FloatArray = self._companies.market_beta * factors[0]
        move += self._companies.sector_beta * factors[1:][self._companies.sector]
        move += own + (pull + _DRIFT)
        return move

    def _prices(self, move: FloatArray, deviation: FloatArray, traded: NDArray[np.bool_]) -> SessionBars:
        before = self._close.astype(np.float64)
        lowest, highest = price_limits(self._close, LADDER)
        gap = 0.3 * move + 0.2 * deviation * self._draws.shock()
        opening = _to_tick(before * (1.0 + gap), lowest, highest)
        close = _to_tick(before * (1.0 + move), lowest, highest)
        up, down = self._draws.uniform(), self._draws.uniform()
        high = _to_tick(np.maximum(opening, close) * (1.0 + up * up * deviation), lowest, highest)
        low = _to_tick(np.minimum(opening, close) * (1.0 - down * down * deviation), lowest, highest)
        volume = self._volume(move / deviation)
        halted = ~traded
        for zeroed in (opening, high, low, volume):
            zeroed[halted] = 0
        self._close = np.where(traded, close, self._close)
        return SessionBars(
            listed=self._listed.copy(),
            traded=traded,
            open=opening,
            high=high,
            low=low,
            close=self._close,
            volume=volume,
            value=(opening + high + low + close) * volume // 4,
        )

    def _volume(self, deviations: FloatArray) -> NDArray[np.int64]:
        """Shares traded: more after busy days and on large moves."""
        self._activity += 0.1 * (1.0 - self._activity) + 0.12 * self._draws.shock() * self._activity
        np.clip(self._activity, 0.2, 6.0, out=self._activity)
        surprise = np.minimum(deviations * deviations, 16.0)
        usual = self._companies.turnover * self._companies.shares
        shares = usual * self._activity * (0.4 + 0.8 * self._draws.uniform() + 0.35 * surprise)
        return 1 + shares.astype(np.int64)


def _garch(variance: FloatArray, move: FloatArray, calm: FloatArray, news: float, memory: float) -> FloatArray:
    """Tomorrow's variance: `news` of today's squared move, `memory` of today's variance, the rest of calm times."""
    return (1.0 - news - memory) * (calm * calm) + news * (move * move) + memory * variance


def _to_tick(price: FloatArray, lowest: WonArray, highest: WonArray) -> WonArray:
    """The nearest price of the ladder within the limits."""
    won = np.rint(price).astype(np.int64)
    tick = tick_sizes(won, LADDER)
    rounded: WonArray = (won + tick // 2) // tick * tick
    return np.minimum(np.maximum(rounded, lowest), highest)
