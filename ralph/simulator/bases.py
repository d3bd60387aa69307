"""Planted bases: advances that end in a volatility contraction pattern (VCP), whose legs are known by construction.

Now and then a company is taken out of the crowd. It advances for months to a high that is set beforehand, falls and
rises in two to four contractions, each shallower and quieter than the one before, and then breaks out of the last
contraction's high (its pivot) on heavy volume, or fails. Highs and lows are exact to the tick and strict: between two
of them no bar touches either, or moves against the leg by as much as 3 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ralph.market.ticks import Ladder
from ralph.simulator.draws import Draws

_FAILS = 0.3  # of the bases
_NEAR = 0.985  # of the pivot: where the last leg ends, before the breakout or the failure
_QUIET, _BUSY = 0.45, 1.25  # volume of the last contraction and of the advance, ratio of a usual day
# By number of contractions: the least and the most of the last depth, and of each depth against the one before.
_DEPTHS = {2: (0.060, 0.085, 0.50, 0.65), 3: (0.050, 0.078, 0.52, 0.66), 4: (0.048, 0.072, 0.63, 0.72)}


class PlantedBar(NamedTuple):
    """A bar in won; `volume` is the ratio of a usual day."""

    open: int
    high: int
    low: int
    close: int
    volume: float


class Chance(NamedTuple):
    """What a bar is drawn from: the return the share would have had, the market's, and three even draws."""

    move: float
    market: float
    noise: float
    wick: float
    volume: float


@dataclass(frozen=True)
class Leg:
    """`bars` Sessions to the price `turn` (won), which the last of them touches."""

    turn: int
    bars: int
    volume: float


@dataclass
class Planted:
    """A base between two Sessions, numbered from the market's first one.

    turns       the extremes made so far: (Session, won), the base high first, then lows and highs in turn
    ended       the Session of the breakout or the failure
    """

    share: int
    begun: int
    legs: tuple[Leg, ...]
    ladder: Ladder
    breaks_out: bool
    turns: list[tuple[int, int]] = field(default_factory=list)
    ended: int | None = None
    _leg: int = 0
    _bar: int = 0

    def step(self, session: int, close: int, chance: Chance) -> PlantedBar:
        """The next Session, after this close."""
        if self._leg == len(self.legs):
            self.ended = session
            return self._outcome(close, chance)
        leg = self.legs[self._leg]
        self._bar += 1
        is_last = self._bar == leg.bars
        target = self._advance(close, chance) if self._leg == 0 else self._along(chance)
        bar = self._drawn(close, target, chance, is_last=is_last)
        if is_last:
            if self._leg < len(self.legs) - 1:  # the last leg ends below the pivot, at no extreme
                self.turns.append((session, leg.turn))
            self._leg += 1
            self._bar = 0
        return bar

    @property
    def contractions(self) -> int:
        """How many contractions are planned."""
        return (len(self.legs) - 1) // 2

    @property
    def pivot(self) -> int:
        """The high of the last contraction, won."""
        return self.legs[-3].turn

    def _advance(self, close: int, chance: Chance) -> float:
        """With the market, but bound for the high: each Session makes up a part of what is missing."""
        leg = self.legs[0]
        missing = leg.turn / close
        toward = 2.0 * (missing - 1.0) / (missing + 1.0) / (leg.bars - self._bar + 1)  # the logarithm, nearly
        return close * (1.0 + toward + 0.7 * min(max(chance.move, -0.08), 0.08))

    def _along(self, chance: Chance) -> float:
        """Along the leg, with little noise of its own and little of the market."""
        start, leg = self.legs[self._leg - 1].turn, self.legs[self._leg]
        noise = 0.004 * (2.0 * chance.noise - 1.0) + min(max(0.25 * chance.market, -0.003), 0.003)
        return (start + (leg.turn - start) * self._bar / leg.bars) * (1.0 + noise)

    def _drawn(self, before: int, target: float, chance: Chance, *, is_last: bool) -> PlantedBar:
        """A bar that closes near the target, inside of the leg; the last one touches its end."""
        leg, is_advance = self.legs[self._leg], self._leg == 0
        start = 0 if is_advance else self.legs[self._leg - 1].turn
        rises = leg.turn > start
        bottom, top = min(start, leg.turn), max(start, leg.turn)
        bottom, top = bottom + self._tick(bottom), top - self._tick(top - 1)
        if is_advance and not is_last:
            top = self._round(_NEAR * top)
        if is_last:
            target = leg.turn * (1.0 + (-0.006 if rises else 0.006) * (0.4 + 0.6 * chance.noise))
        close = min(max(self._round(target), bottom), top)
        opening = min(max(self._round(before + 0.3 * (close - before)), bottom), top)
        wick = (0.025 if is_advance else 0.004) * chance.wick * chance.wick
        high = min(self._round(max(opening, close) * (1.0 + wick)), top)
        low = max(self._round(min(opening, close) * (1.0 - 0.7 * wick)), bottom)
        if is_last:
            high, low = (leg.turn, low) if rises else (high, leg.turn)
        return PlantedBar(opening, high, low, close, leg.volume * (0.7 + 0.6 * chance.volume))

    def _outcome(self, before: int, chance: Chance) -> PlantedBar:
        """A close beyond the pivot on heavy volume, or a fall."""
        if self.breaks_out:
            opening = self._round(before * 1.004)
            close = self._round(self.pivot * (1.015 + 0.035 * chance.noise))
            volume = 3.0 + 2.5 * chance.volume
        else:
            opening, close = self._round(before * 0.99), self._round(before * (0.945 - 0.04 * chance.noise))
            volume = 1.6 + chance.volume
        high = self._round(max(opening, close) * (1.0 + 0.008 * chance.wick))
        low = self._round(min(opening, close) * (1.0 - 0.004 * chance.wick))
        return PlantedBar(opening, high, low, close, volume)

    def _round(self, price: float) -> int:
        return nearest_price(price, self.ladder)

    def _tick(self, price: int) -> int:
        return tick_at(price, self.ladder)


def plant(seed: int, session: int, share: int, price: int, ladder: Ladder) -> Planted:
    """A base for a share at this price; drawn from the seed, the Session and the share, and nothing else."""
    draws = Draws(seed, f"base {session} {share}", 24)
    luck = iter(draws.uniform().tolist())
    contractions = 2 + int(next(luck) * 3)
    breaks_out = next(luck) >= _FAILS
    high = nearest_price(price * (1.45 + 0.65 * next(luck)), ladder)
    legs = [Leg(high, 100 + int(70 * next(luck)), _BUSY)]
    for index, depth in enumerate(_depths(contractions, next(luck), [next(luck) for _ in range(contractions)])):
        quiet = 1.0 - (1.0 - _QUIET) * index / (contractions - 1)
        low = nearest_price(high * (1.0 - depth), ladder)
        legs.append(Leg(low, 4 + int(depth * (35 + 25 * next(luck))), quiet))
        last = index == contractions - 1
        high = nearest_price(high * (_NEAR if last else 0.983 + 0.02 * next(luck)), ladder)
        legs.append(Leg(high, 5 + int(depth * (45 + 35 * next(luck))), quiet * 0.95))
    return Planted(share, session, tuple(legs), ladder, breaks_out)


def _depths(contractions: int, last: float, shrinking: list[float]) -> list[float]:
    """From the deepest to the last, ratios of the highs."""
    least, most, tightest, loosest = _DEPTHS[contractions]
    depths = [least + (most - least) * last]
    for draw in shrinking[1:]:
        depths.append(depths[-1] / (tightest + (loosest - tightest) * draw))
    return depths[::-1]


def tick_at(price: int, ladder: Ladder) -> int:
    """The tick of the ladder at a price, won."""
    for below, size in zip(ladder.below, ladder.sizes, strict=False):
        if price < below:
            return size
    return ladder.sizes[-1]


def nearest_price(price: float, ladder: Ladder) -> int:
    """The nearest price of the ladder."""
    won = round(price)
    tick = tick_at(won, ladder)
    return (won + tick // 2) // tick * tick
