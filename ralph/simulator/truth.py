"""What is true of a simulated market because it was made so: for tests, for lessons, never for a screen.

Everything is cut at the market's last Session: what began but has not ended says None where its end would stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ralph.market.symbol import Symbol


@dataclass(frozen=True)
class Regime:
    """The mood of the whole market: bull, sideways, bear or crash."""

    kind: str
    first_on: date
    last_on: date | None


@dataclass(frozen=True)
class Listed:
    """A Symbol listed after the market's first Session."""

    symbol: Symbol
    on: date


@dataclass(frozen=True)
class Delisting:
    """`last_on` is the last Session on the list. A liquidation trades without limits from `liquidation_on` on; after a
    merger the Symbol does not trade again."""

    symbol: Symbol
    kind: str
    last_on: date
    liquidation_on: date | None


@dataclass(frozen=True)
class Halt:
    """No trade from `first_on` to `last_on`, both included: disclosure, review, split, reverse, liquidation, merger."""

    symbol: Symbol
    kind: str
    first_on: date
    last_on: date | None


@dataclass(frozen=True)
class Action:
    """`numerator` new shares for `denominator` old ones: split, reverse or bonus. `on` is the first Session at the new
    price; earlier prices are adjusted by denominator / numerator."""

    symbol: Symbol
    kind: str
    on: date
    numerator: int
    denominator: int

    @property
    def ratio(self) -> float:
        """New shares for an old one."""
        return self.numerator / self.denominator


@dataclass(frozen=True)
class LimitDay:
    """A Session that closed at the price limit: up or down."""

    symbol: Symbol
    on: date
    side: str


@dataclass(frozen=True)
class Contraction:
    """From a high to the low after it, won as traded; `depth` is a ratio of the high."""

    high_on: date
    high: int
    low_on: date
    low: int

    @property
    def depth(self) -> float:
        """How far it fell."""
        return 1.0 - self.low / self.high


@dataclass(frozen=True)
class PlantedBase:
    """A planted VCP: an advance from `begun_on`, then contractions.

    contractions  those whose low has been made; `planned` says how many there will be
    pivot         the high of the last contraction, won as traded; None until it is made
    breakout_on, failed_on  how it ended, one of the two; None while it goes on
    """

    symbol: Symbol
    begun_on: date
    planned: int
    contractions: tuple[Contraction, ...]
    pivot: int | None
    breakout_on: date | None
    failed_on: date | None


@dataclass(frozen=True)
class Truth:
    """The truth table of a market; each list by date, then as it happened."""

    regimes: tuple[Regime, ...]
    listings: tuple[Listed, ...]
    delistings: tuple[Delisting, ...]
    halts: tuple[Halt, ...]
    actions: tuple[Action, ...]
    limit_days: tuple[LimitDay, ...]
    bases: tuple[PlantedBase, ...]
