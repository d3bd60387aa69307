"""The simulated exchange: the whole market moves on by one Session at a time.

Returns follow the market, a sector and a company of their own; prices lie on the tick ladder and within the limits of
the day; events halt, split, list and delist; planted bases lead some shares by the hand. Nothing depends on how long
the market will run: one that runs longer begins with the same Sessions, and a live market can go on from any of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ralph.market.ticks import LADDERS, price_limits, tick_sizes
from ralph.simulator.bars import SessionBars
from ralph.simulator.bases import Chance, Planted, plant
from ralph.simulator.companies import COMMON, SPAC, BoolArray, Companies, IntArray
from ralph.simulator.draws import Draws, FloatArray
from ralph.simulator.events import LIQUIDATING, NEW, NORMAL, Events, Standing
from ralph.simulator.flows import MARKETS, Flows, SessionFlows
from ralph.simulator.funds import FundBar, Funds
from ralph.simulator.indices import BEGINS_AT, Index, IndexBar
from ralph.simulator.regimes import Regimes
from ralph.simulator.returns import Returns

LADDER = LADDERS["KOSPI"][-1]  # the newest one, on every date and in both markets

_PLANTING = 0.0006  # chance in a Session that a base is planted, a company
_PLANT_FROM, _PLANT_TO = 1_500, 150_000  # won
_RISES, _FALLS, _SESSIONS_AFTER = 0.004, -0.0025, 25  # a day, of a share that has broken out or failed
_GOES_ON = 0.7  # of the breakouts


@dataclass(frozen=True, eq=False)
class Session:
    """Everything that one Session brought; `indices` by name, `funds` in the order of FUNDS."""

    bars: SessionBars
    flows: SessionFlows
    indices: dict[str, IndexBar]
    funds: list[FundBar]


class Exchange:
    """A market between two Sessions; `step` moves it on. `regimes`, `events` and `planted` hold the record of it."""

    def __init__(self, seed: int, companies: Companies) -> None:
        count = len(companies)
        self._seed = seed
        self._companies = companies
        self._draws = Draws(seed, "bars", count)
        self._planting = Draws(seed, "planting", 2)
        self.regimes = Regimes(seed)
        self.events = Events(seed, companies)
        self.planted: list[Planted] = []
        self._returns = Returns(seed, companies)
        self._flows = Flows(seed, companies)
        self._indices = [Index(seed, name, companies.on_market(name)) for name in MARKETS]
        self._funds = Funds(seed, BEGINS_AT)
        self._session = -1
        self._close = companies.price - companies.price % tick_sizes(companies.price, LADDER)
        self._shares = companies.shares.copy()
        self._activity = np.ones(count)
        self._may_be_planted = companies.of_kind(COMMON) & ~companies.steady
        self._in_index = ~companies.of_kind(SPAC)
        self._growing: dict[int, Planted] = {}
        self._wanted = np.zeros(count, dtype=np.bool_)  # shares in a base
        self._drift = np.zeros(count)
        self._drifts_for = np.zeros(count, dtype=np.int64)

    def step(self) -> Session:
        """The next Session."""
        self._session += 1
        standing = self.events.step(self._close, self._wanted)
        ratio = standing.numerator, standing.denominator
        self._shares = self._shares * ratio[0] // ratio[1]
        split = _nearest(self._close * ratio[1] / ratio[0])
        reference = np.where(ratio[0] != ratio[1], split, self._close)
        mood = self.regimes.step()
        move = self._returns.step(mood, reference, standing.traded) + self._drift
        self._drifts_for = np.maximum(self._drifts_for - 1, 0)
        self._drift = np.where(self._drifts_for > 0, self._drift, 0.0)
        bars = self._bars(standing, reference, move)
        self._close = bars.close
        indices = {index.name: index.step(bars) for index in self._indices}
        return Session(bars, self._flows.step(bars, self._wanted), indices, self._funds.step(indices))

    def _bars(self, standing: Standing, reference: IntArray, move: FloatArray) -> SessionBars:
        prices = self._prices(standing, reference, move)
        volume = self._volume(standing, prices[3] / reference - 1.0)
        self._plant(standing.traded & (standing.phase == NORMAL), reference)
        self._lead(prices, volume, reference, move)
        opening, high, low, close = prices
        for zeroed in (opening, high, low, volume):
            zeroed[~standing.traded] = 0
        close = np.where(standing.traded, close, self._close)
        return SessionBars(
            listed=standing.listed,
            traded=standing.traded,
            open=opening,
            high=high,
            low=low,
            close=close,
            volume=volume,
            value=(opening + high + low + close) * volume // 4,
            reference=reference,
            shares=self._shares,
            numerator=standing.numerator,
            denominator=standing.denominator,
            phase=standing.phase,
            member=self._in_index & standing.listed & (standing.phase != NEW) & (standing.phase != LIQUIDATING),
        )

    def _prices(self, standing: Standing, reference: IntArray, move: FloatArray) -> list[IntArray]:
        """Open, high, low and close of a day on which everybody trades."""
        lowest, highest = _limits(standing.phase, reference)
        deviation = self._returns.deviation
        gap = 0.35 * move + 0.25 * deviation * self._draws.shock()
        first, second = self._draws.uniform(), self._draws.uniform()
        offering = -0.1 + 1.5 * first * first, -0.25 + 1.9 * first * second
        falling = -0.35 * first, -0.15 - 0.55 * second * second
        is_new = (standing.phase == NEW) & ~self._companies.steady
        is_liquidated = standing.phase == LIQUIDATING
        gap = np.where(is_new, offering[0], np.where(is_liquidated, falling[0], gap))
        move = np.where(is_new, offering[1], np.where(is_liquidated, falling[1], move))
        opening = _to_tick(reference * (1.0 + gap), lowest, highest)
        close = _to_tick(reference * (1.0 + move), lowest, highest)
        up, down = self._draws.uniform(), self._draws.uniform()
        high = _to_tick(np.maximum(opening, close) * (1.0 + 1.5 * up * up * deviation), lowest, highest)
        low = _to_tick(np.minimum(opening, close) * (1.0 - 1.3 * down * down * deviation), lowest, highest)
        return [opening, high, low, close]

    def _volume(self, standing: Standing, move: FloatArray) -> IntArray:
        """Shares traded: more after busy days and on large moves, most of all on a first or a last one."""
        self._activity += 0.08 * (1.0 - self._activity) + 0.2 * self._draws.shock() * self._activity
        self._activity = np.where(standing.phase == NEW, 8.0, np.clip(self._activity, 0.15, 8.0))
        surprise = move / self._returns.deviation
        surprise = np.minimum(surprise * surprise, 16.0)
        usual = self._usual_volume() * np.where(standing.phase == LIQUIDATING, 5.0, 1.0)
        day = self._draws.uniform()
        return 1 + (usual * self._activity * (0.25 + 0.9 * day * day + 0.4 * surprise)).astype(np.int64)

    def _usual_volume(self) -> FloatArray:
        usual: FloatArray = self._companies.turnover * self._shares
        return usual

    def _plant(self, free: BoolArray, reference: IntArray) -> None:
        """Now and then a share that may be planted is."""
        chance, place = self._planting.uniform().tolist()
        share = int(place * reference.size)
        price = int(reference[share])
        is_free = free[share] and self._may_be_planted[share] and not self._wanted[share]
        if chance < _PLANTING * reference.size and is_free and _PLANT_FROM <= price <= _PLANT_TO:
            self._growing[share] = plant(self._seed, self._session, share, price, LADDER)
            self._wanted[share] = True
            self.planted.append(self._growing[share])

    def _lead(self, prices: list[IntArray], volume: IntArray, reference: IntArray, move: FloatArray) -> None:
        """Planted shares get the bars of their plan instead."""
        draws = [self._draws.uniform(), self._draws.uniform(), self._draws.uniform()]
        usual = self._usual_volume()
        for share, base in list(self._growing.items()):
            chance = Chance(float(move[share]), self._returns.market, *(float(draw[share]) for draw in draws))
            bar = base.step(self._session, int(reference[share]), chance)
            for price, of in zip(prices, bar, strict=False):
                price[share] = of
            volume[share] = 1 + int(usual[share] * bar.volume)
            if base.ended is not None:
                goes_up = base.breaks_out and chance.volume < _GOES_ON
                self._drift[share] = _RISES if goes_up else _FALLS
                self._drifts_for[share] = _SESSIONS_AFTER
                self._wanted[share] = False
                del self._growing[share]


def _limits(phase: IntArray, reference: IntArray) -> tuple[IntArray, IntArray]:
    """The lowest and the highest price: 30 % on most days, 60 to 400 % of the offering in the first Session, and as
    good as none in liquidation."""
    lowest, highest = price_limits(reference, LADDER)
    wide = _nearest(reference * np.where(phase == NEW, 0.6, 0.05)), reference * 4
    is_usual = (phase != NEW) & (phase != LIQUIDATING)
    highest = np.where(is_usual, highest, wide[1] - wide[1] % tick_sizes(wide[1], LADDER))
    return np.where(is_usual, lowest, np.maximum(wide[0], 1)), highest


def _nearest(price: FloatArray | IntArray) -> IntArray:
    """The nearest price of the ladder."""
    won = np.rint(price).astype(np.int64)
    tick = tick_sizes(won, LADDER)
    nearest: IntArray = (won + tick // 2) // tick * tick
    return nearest


def _to_tick(price: FloatArray, lowest: IntArray, highest: IntArray) -> IntArray:
    """The nearest price of the ladder within the limits."""
    return np.minimum(np.maximum(_nearest(price), lowest), highest)
