"""Returns before limits and ticks: the market, 20 sectors, each company's own, all with volatility in clusters."""

from __future__ import annotations

import numpy as np

from ralph.simulator.companies import SPAC, SPAC_PRICE, BoolArray, Companies, IntArray
from ralph.simulator.draws import Draws, FloatArray
from ralph.simulator.names import SECTOR_COUNT
from ralph.simulator.regimes import Mood

_MARKET_CALM, _SECTOR_CALM = 0.0105, 0.007  # daily deviation in calm times
_THEME, _THEME_DEVIATIONS = 0.012, 3.0  # chance that a sector moves as one, and by how many deviations
_NEWS, _NEWS_DEVIATIONS = 0.010, 3.2  # chance of news about a company, and the least they move it by
_SURGE, _SURGE_UP = 0.0009, 0.75  # chance of a run of limit days, and that it goes up
_SURGE_MOVE = 0.35  # beyond any limit
_DRIFT, _PULL = -0.0002, 0.0012
_CHEAP, _DEAR = 2_000, 400_000  # won; beyond them prices are pulled back
_SPAC_PULL = 0.08
_PREFERRED_FOLLOWS, _PREFERRED_OWN = 0.8, 0.5
_SURPRISE_MAX = 4.0  # deviations that volatility remembers of a single day


class Returns:
    """Volatility and trends between two Sessions. `market` is the last return of the market itself."""

    def __init__(self, seed: int, companies: Companies) -> None:
        count = len(companies)
        self._companies = companies
        self._draws = Draws(seed, "returns", count)
        self._factors = Draws(seed, "factors", 1 + SECTOR_COUNT)
        self._factor_calm = np.full(1 + SECTOR_COUNT, _SECTOR_CALM)
        self._factor_calm[0] = _MARKET_CALM
        self._factor_variance = self._factor_calm * self._factor_calm
        self._sector_trend = np.zeros(1 + SECTOR_COUNT)
        self._variance = companies.calm * companies.calm
        self._trend = np.zeros(count)
        self._surging = np.zeros(count, dtype=np.int64)
        self._surge = np.zeros(count)
        self._preferred = np.flatnonzero(companies.parent >= 0)
        self._spac = companies.of_kind(SPAC)
        self.market = 0.0
        self.deviation = np.sqrt(self._variance)

    def step(self, mood: Mood, close: IntArray, traded: BoolArray) -> FloatArray:
        """The return of each share over the next Session, as if it traded: [shares]."""
        companies = self._companies
        factors, own = self._factor_moves(mood), self._own_moves(traded)
        pull = np.where(close < _CHEAP, _PULL, np.where(close > _DEAR, -_PULL, 0.0))
        move: FloatArray = companies.market_beta * factors[0]
        move += companies.sector_beta * factors[1:][companies.sector]
        move += own + (pull + self._trend + _DRIFT)
        surging = self._surging > 0
        move[surging] = self._surge[surging]
        self._surging = np.maximum(self._surging - 1, 0)
        parents = companies.parent[self._preferred]
        move[self._preferred] = _PREFERRED_FOLLOWS * move[parents] + _PREFERRED_OWN * own[self._preferred]
        spac = SPAC_PRICE * 1.03 / close - 1.0
        move[self._spac] = (own + _SPAC_PULL * spac)[self._spac]
        return move

    def _factor_moves(self, mood: Mood) -> FloatArray:
        """The market's return, then those of the sectors, which drift for months: [1 + sectors]."""
        shock = self._factors.shock()
        theme = self._factors.uniform() < _THEME
        theme[0] = False
        shock *= np.where(theme, _THEME_DEVIATIONS, 1.0)
        factors: FloatArray = np.sqrt(self._factor_variance) * shock
        factors[0] *= mood.noise
        self._factor_variance = _garch(self._factor_variance, factors, self._factor_calm)
        self._sector_trend = 0.985 * self._sector_trend + 0.0002 * self._factors.shock()
        factors += self._sector_trend
        factors[0] += mood.drift - self._sector_trend[0]
        self.market = float(factors[0])
        return factors

    def _own_moves(self, traded: BoolArray) -> FloatArray:
        self.deviation = np.sqrt(self._variance)
        shock, chance, size = self._draws.shock(), self._draws.uniform(), self._draws.uniform()
        shock *= np.where(chance < _NEWS, _NEWS_DEVIATIONS * (1.0 + size), 1.0)
        own: FloatArray = self.deviation * shock
        seen = np.clip(own, -_SURPRISE_MAX * self.deviation, _SURPRISE_MAX * self.deviation)
        self._variance = np.where(traded, _garch(self._variance, seen, self._companies.calm), self._variance)
        self._trend = np.where(self._spac, 0.0, 0.98 * self._trend + 0.00018 * self._draws.shock())
        begins = traded & ~self._companies.steady & (self._surging == 0) & (chance > 1.0 - _SURGE)
        self._surge = np.where(begins, np.where(size < _SURGE_UP, _SURGE_MOVE, -_SURGE_MOVE), self._surge)
        length = self._draws.uniform()
        self._surging += begins * (1 + (length < 0.35).astype(np.int64) + (length < 0.12))
        return own


def _garch(variance: FloatArray, move: FloatArray, calm: FloatArray) -> FloatArray:
    """Tomorrow's variance: a part of today's squared move, most of today's variance, the rest of calm times."""
    return 0.025 * (calm * calm) + 0.085 * (move * move) + 0.89 * variance
