"""Who buys from whom: foreigners and institutions by share, and all classes of investors by market."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.simulator.bars import SessionBars
from ralph.simulator.companies import BoolArray, Companies, IntArray
from ralph.simulator.draws import Draws, FloatArray

MARKETS = ("KOSPI", "KOSDAQ")
CLASSES = ("individual", "foreign", "institution", "other_corp")
"""Classes of investors; their net buying sums to 0 in every Session."""
INSTITUTIONS = ("fin_invest", "insurance", "trust", "bank", "other_fin", "pension")
"""The parts of `institution`."""

_FOREIGN_MEMORY, _INSTITUTION_MEMORY = 0.88, 0.75  # of yesterday's leaning
_LEANING_MAX = 0.35  # of a day's volume, net
_FOREIGN_MOST = 0.85  # of the shares listed
_MIX = (0.30, 0.08, 0.30, 0.02, 0.02)  # of what institutions do; the pension funds do the rest


@dataclass(frozen=True, eq=False)
class SessionFlows:
    """Net buying of one Session, positive where more was bought.

    foreign, institution              shares: [shares]; foreign_value, institution_value: won
    foreign_hold                      shares held by foreigners after the Session
    market_classes, market_institutions  won: [markets, classes] and [markets, institutions]
    """

    foreign: IntArray
    institution: IntArray
    foreign_value: IntArray
    institution_value: IntArray
    foreign_hold: IntArray
    market_classes: IntArray
    market_institutions: IntArray


class Flows:
    """The leanings of investors between two Sessions."""

    def __init__(self, seed: int, companies: Companies) -> None:
        count = len(companies)
        self._draws = Draws(seed, "flows", count)
        self._market_draws = Draws(seed, "market flows", 2 * len(INSTITUTIONS))
        self._on_market = np.array([companies.on_market(market) for market in MARKETS])
        self._foreign, self._institution = np.zeros(count), np.zeros(count)
        self._hold = (companies.foreign * companies.shares).astype(np.int64)

    def step(self, bars: SessionBars, wanted: BoolArray) -> SessionFlows:
        """The flows behind these bars; institutions gather the shares that are `wanted`."""
        move = np.where(bars.traded, bars.close / bars.reference - 1.0, 0.0)
        self._foreign = _FOREIGN_MEMORY * self._foreign + 0.05 * self._draws.shock() + 1.2 * move
        self._institution = _INSTITUTION_MEMORY * self._institution + 0.06 * self._draws.shock() + 0.8 * move
        hold = self._hold * bars.numerator // bars.denominator
        most = (bars.shares * _FOREIGN_MOST).astype(np.int64)
        # Nobody sells what he does not have, and the limit on foreigners is not passed.
        foreign = np.clip(_part(self._foreign, bars.volume), -hold, np.maximum(most - hold, 0))
        institution = _part(self._institution + 0.08 * wanted, bars.volume)
        price_4 = bars.open + bars.high + bars.low + bars.close
        values = foreign * price_4 // 4, institution * price_4 // 4
        self._hold = np.where(bars.listed, hold + foreign, self._hold)
        return SessionFlows(foreign, institution, *values, self._hold, *self._by_market(bars, *values))

    def _by_market(self, bars: SessionBars, foreign: IntArray, institution: IntArray) -> tuple[IntArray, IntArray]:
        draws = self._market_draws.shock().reshape(2, len(INSTITUTIONS))
        classes = np.zeros((2, len(CLASSES)), dtype=np.int64)
        parts = np.zeros((2, len(INSTITUTIONS)), dtype=np.int64)
        for market, members in enumerate(self._on_market):
            value = int(bars.value[members].sum())
            outside, inside = int(foreign[members].sum()), int(institution[members].sum())
            other = int(0.004 * draws[market, -1] * value)
            classes[market] = -(outside + inside + other), outside, inside, other
            mixed = [int(mix * inside + 0.003 * draw * value) for mix, draw in zip(_MIX, draws[market], strict=False)]
            parts[market] = *mixed, inside - sum(mixed)
        return classes, parts


def _part(leaning: FloatArray, volume: NDArray[np.int64]) -> IntArray:
    part: IntArray = (np.clip(leaning, -_LEANING_MAX, _LEANING_MAX) * volume).astype(np.int64)
    return part
