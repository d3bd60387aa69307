"""What happens to a listing: it begins, is halted, its shares are split or merged, it is liquidated and gone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ralph.simulator.companies import BoolArray, Companies, IntArray
from ralph.simulator.draws import Draws, pick

_LISTING = 0.00012  # chance in a Session that the next one is listed, a company
_NOTICE, _REVIEW = 0.0009, 0.00022  # chances of a halt of days, and of weeks
_DELISTING, _MERGED = 0.00007, 0.35  # chance of leaving, and that it leaves by a merger
_SPLIT, _REVERSE, _BONUS = 0.0003, 0.0011, 0.00008
_SPLIT_FROM, _REVERSE_BELOW = 60_000, 1_500  # won
_LIQUIDATION = 7  # Sessions without price limits before a company is gone
_REST = 5  # Sessions between two events of a company, so that halts never touch

NORMAL, NEW, LIQUIDATING = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Standing:
    """Where each share stands in a Session: [shares].

    phase        NORMAL, NEW in its first Session, LIQUIDATING in its last ones
    numerator, denominator  new shares for old ones from this Session on; 1 and 1 on usual days
    """

    listed: BoolArray
    traded: BoolArray
    phase: IntArray
    numerator: IntArray
    denominator: IntArray


@dataclass(frozen=True)
class Begun:
    """An event: of which share, in which Session it began, how many Sessions it takes, and what it is."""

    share: int
    session: int
    length: int
    kind: str


@dataclass(frozen=True)
class Exchanged:
    """`numerator` new shares for `denominator` old ones, from this Session on."""

    share: int
    session: int
    kind: str
    numerator: int
    denominator: int


class Events:
    """All listings between two Sessions. `halts`, `liquidations` and `exchanges` are the record of what happened."""

    def __init__(self, seed: int, companies: Companies) -> None:
        count = len(companies)
        self._companies = companies
        self._draws = Draws(seed, "events", count)
        self._calendar = Draws(seed, "listings", 1)
        self._listing_chance = _LISTING * companies.of_kind("common").sum()
        self._waiting = list(companies.late.tolist())
        self._session = -1
        self._listed = np.ones(count, dtype=np.bool_)
        self._listed[companies.late] = False
        self._halted_for = np.zeros(count, dtype=np.int64)
        self._rests_for = np.zeros(count, dtype=np.int64)
        self._gone_in = np.zeros(count, dtype=np.int64)  # Sessions left of a company that leaves; 0: it stays
        self._exchange_after: dict[int, tuple[str, int, int]] = {}
        self.halts: list[Begun] = []
        self.liquidations: list[Begun] = []
        self.leaving: list[Begun] = []
        self.exchanges: list[Exchanged] = []

    def step(self, close: IntArray, busy: BoolArray) -> Standing:
        """The next Session; shares that are `busy` are left alone."""
        self._session += 1
        count = self._listed.size
        phase = np.full(count, NORMAL, dtype=np.int64)
        numerator, denominator = np.ones((2, count), dtype=np.int64)
        self._go_on()
        self._list(phase)
        chance, size = self._draws.uniform(), self._draws.uniform()
        calm = self._listed & (self._halted_for + self._rests_for + self._gone_in == 0)
        calm &= ~self._companies.steady & ~busy & (self._session > 0)  # a first Session has nothing to change from
        for share in np.flatnonzero(calm & (chance < _RARE)).tolist():
            self._begin(share, float(chance[share]), float(size[share]), int(close[share]))
        for share in [share for share in self._exchange_after if self._halted_for[share] == 0]:
            kind, new, old = self._exchange_after.pop(share)
            numerator[share], denominator[share] = new, old
            self.exchanges.append(Exchanged(share, self._session, kind, new, old))
        phase[(self._gone_in > 0) & (self._halted_for == 0)] = LIQUIDATING
        traded = self._listed & (self._halted_for == 0)
        return Standing(self._listed.copy(), traded, phase, numerator, denominator)

    def _go_on(self) -> None:
        """A Session passes for what has begun."""
        self._listed &= self._gone_in != 1
        self._rests_for = np.where(self._halted_for > 0, _REST, np.maximum(self._rests_for - 1, 0))
        self._halted_for = np.maximum(self._halted_for - 1, 0)
        self._gone_in = np.maximum(self._gone_in - 1, 0)

    def _list(self, phase: IntArray) -> None:
        begins = self._calendar.uniform()[0] < self._listing_chance and self._session > 0
        if begins and self._waiting:
            share = self._waiting.pop(0)
            self._listed[share] = True
            self._rests_for[share] = 4 * _REST
            phase[share] = NEW

    def _begin(self, share: int, chance: float, size: float, price: int) -> None:
        """What a draw below _RARE means; price rules out splits of cheap shares and reverse splits of dear ones."""
        kind = pick(_ODDS, chance)
        if kind == "notice":
            self._halt(share, 1 + int(size * size * 3), "disclosure")
        elif kind == "review":
            self._halt(share, 10 + int(size * 30), "review")
        elif kind == "leaves":
            self._leave(share, size)
        elif kind == "bonus":
            self._exchange(share, 0, ("bonus", *_BONUS_RATIOS[int(size * len(_BONUS_RATIOS))]))
        elif kind == "split" and price >= _SPLIT_FROM:
            self._exchange(share, 3, ("split", *_SPLIT_RATIOS[int(size * len(_SPLIT_RATIOS))]))
        elif kind == "reverse" and price < _REVERSE_BELOW:
            self._exchange(share, 3 + int(size * 12), ("reverse", *_REVERSE_RATIOS[int(size * len(_REVERSE_RATIOS))]))

    def _halt(self, share: int, length: int, reason: str) -> None:
        self._halted_for[share] = length
        self.halts.append(Begun(share, self._session, length, reason))

    def _leave(self, share: int, size: float) -> None:
        if size < _MERGED:
            length, liquidation, kind = 8 + int(size * 20), 0, "merger"
        else:
            length, liquidation, kind = 10 + int(size * 30), _LIQUIDATION, "liquidation"
            self.liquidations.append(Begun(share, self._session + length, liquidation, kind))
        self._halt(share, length, kind)
        self._gone_in[share] = length + liquidation
        self.leaving.append(Begun(share, self._session, length + liquidation, kind))

    def _exchange(self, share: int, halted: int, exchange: tuple[str, int, int]) -> None:
        if halted:
            self._halt(share, halted, exchange[0])
        self._rests_for[share] = _REST
        self._exchange_after[share] = exchange


_ODDS = (
    ("notice", _NOTICE),
    ("review", _REVIEW),
    ("leaves", _DELISTING),
    ("bonus", _BONUS),
    ("split", _SPLIT),
    ("reverse", _REVERSE),
)
_RARE = sum(odds for _, odds in _ODDS)
_BONUS_RATIOS = ((2, 1), (2, 1), (2, 1), (3, 1), (3, 2), (6, 5))
_SPLIT_RATIOS = ((2, 1), (5, 1), (5, 1), (10, 1))
_REVERSE_RATIOS = ((1, 2), (1, 5), (1, 5), (1, 10))
