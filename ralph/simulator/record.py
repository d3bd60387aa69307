"""The truth table, written from what an exchange has recorded."""

from __future__ import annotations

from datetime import date

import numpy as np

from ralph.market.ticks import price_limits
from ralph.simulator.bases import Planted
from ralph.simulator.companies import BoolArray, Companies, IntArray
from ralph.simulator.events import NEW, NORMAL, Begun
from ralph.simulator.exchange import LADDER, Exchange
from ralph.simulator.truth import Action, Contraction, Delisting, Halt, LimitDay, Listed, PlantedBase, Regime, Truth


class Record:
    """Turns the numbers of shares and Sessions into Symbols and days."""

    def __init__(self, exchange: Exchange, companies: Companies, days: list[date]) -> None:
        self._exchange = exchange
        self._symbols = companies.symbols
        self._days = days

    def truth(self, phase: IntArray, limits: BoolArray) -> Truth:
        """The truth table; `phase` and `limits` (closed at the upper, at the lower limit) are [sessions, shares]."""
        events = self._exchange.events
        liquidated = {begun.share: begun.session for begun in events.liquidations}
        return Truth(
            regimes=self._regimes(),
            listings=tuple(Listed(self._symbols[share], self._days[at]) for at, share in np.argwhere(phase == NEW)),
            delistings=tuple(
                Delisting(
                    self._symbols[leaves.share],
                    leaves.kind,
                    self._days[leaves.session + leaves.length - 1],
                    self._days[liquidated[leaves.share]] if leaves.share in liquidated else None,
                )
                for leaves in sorted(events.leaving, key=lambda begun: begun.session + begun.length)
                if leaves.session + leaves.length < len(self._days)
            ),
            halts=tuple(self._halt(begun) for begun in events.halts),
            actions=tuple(
                Action(self._symbols[done.share], done.kind, self._days[done.session], done.numerator, done.denominator)
                for done in events.exchanges
            ),
            limit_days=tuple(
                LimitDay(self._symbols[share], self._days[at], "down" if side else "up")
                for at, share, side in np.argwhere(limits.transpose(1, 2, 0))
            ),
            bases=tuple(self._base(planted) for planted in self._exchange.planted),
        )

    def _regimes(self) -> tuple[Regime, ...]:
        begun = self._exchange.regimes.begun
        ends = [self._days[session - 1] for _, session in begun[1:]]
        return tuple(
            Regime(kind, self._days[session], end) for (kind, session), end in zip(begun, [*ends, None], strict=True)
        )

    def _halt(self, begun: Begun) -> Halt:
        last = begun.session + begun.length - 1
        return Halt(self._symbols[begun.share], begun.kind, self._days[begun.session], self._day(last))

    def _base(self, planted: Planted) -> PlantedBase:
        turns = planted.turns
        ended = None if planted.ended is None else self._days[planted.ended]
        return PlantedBase(
            symbol=self._symbols[planted.share],
            begun_on=self._days[planted.begun],
            planned=planted.contractions,
            contractions=tuple(
                Contraction(self._days[high_at], high, self._days[low_at], low)
                for (high_at, high), (low_at, low) in zip(turns[::2], turns[1::2], strict=False)
            ),
            pivot=planted.pivot if len(turns) >= 2 * planted.contractions - 1 else None,
            breakout_on=ended if planted.breaks_out else None,
            failed_on=None if planted.breaks_out else ended,
        )

    def _day(self, session: int) -> date | None:
        return self._days[session] if session < len(self._days) - 1 else None


def at_limits(phase: IntArray, traded: BoolArray, reference: IntArray, close: IntArray) -> BoolArray:
    """Which bars closed at the upper limit, and which at the lower one: [2, sessions, shares]."""
    lowest, highest = price_limits(reference, LADDER)
    limited = traded & (phase == NORMAL)
    limited[0] = False  # the close before the first Session is in no bar
    return np.array(
        [limited & (close == highest) & (highest > reference), limited & (close == lowest) & (lowest < reference)]
    )
