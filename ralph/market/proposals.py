"""Splits, bonus issues and the like that nobody told of, found in raw prices, base prices and listed shares. Pure.

Three things speak for an action: a base price that is not the last close, listed shares that change by the same ratio
(on the day after a split; weeks later after a bonus issue), and an opening beyond the daily limit. Two that agree make
a proposal certain. Of shares alone nothing is proposed: most issues do not move the base price. Nor is anything of an
opening within the limit alone; where shares change by the same ratio it is, and it is certain where they change on
that very day by a ratio as exchanges have it (6:5).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.adjustment import ActionKind
from ralph.market.capital import Capital
from ralph.market.columns import BarColumns, sessions_of
from ralph.market.flags import JUMP_RATIO, RAW
from ralph.market.symbol import Symbol
from ralph.market.ticks import LADDERS, ladder_on, tick_sizes

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]

GAP_DAYS = 15  # calendar days without any bar of the market: what lies on both sides is not compared
MISSING_DAY_SHARE = 0.1  # of all Symbols, with another base price than their last close: a Session is missing before
MISSING_DAY_COUNT = 5  # so many at least
RESTLESS_COUNT = 2  # base prices off the last close that nothing explains: more, and a Symbol's are made in another way
CHANGED = 0.005  # a base price so far from the last close is not a matter of ticks
AGREE = 0.03  # between the ratio of prices and that of shares
WITHIN_LEAST, WITHIN_MOST = 1.09, 1.45  # ratios, and their inverses, whose openings lie within the daily limit
WITHIN_SURE = 1.15  # an opening so far off is no day's movement
WITHIN_OFF = 0.35  # of what the ratio explains, in logarithms, the opening may miss
EXACT, NEARLY = 0.0005, 0.002  # off a fraction: new shares on the day of an exchange; of a bonus issue, own ones aside
SHARES_BEFORE_DAYS, SHARES_SAME_DAYS, SHARES_LATER_DAYS = 40, 5, 75

# Confidence: 1 is for what a person or a file says.
CERTAIN, BASE_AND_FRACTION, BASE, JUMP = 0.99, 0.8, 0.6, 0.3

_PLAUSIBLE = np.unique(
    [float(whole) for whole in (*range(2, 21), 25, 30, 40, 50, 100)]
    + [1.0 / whole for whole in (*range(2, 21), 25, 30, 40, 50, 100)]
    + [1.0 + part / 20.0 for part in range(1, 40)]
    + [1.0 + 1.0 / 3.0, 1.0 + 2.0 / 3.0, 2.0 / 3.0, 5.0 / 6.0, 3.0 / 4.0]
    + [part / 10.0 for part in (3, 4, 6, 7, 8, 9)]
)


class Evidence(msgspec.Struct, frozen=True):
    """What a proposal was made from: prices in won as traded, listed shares; None where it is not known.

    implied_ratio   last close over base price, or over the opening where there is no base price
    shares_ratio    shares after over shares before; shares_on is the day they changed
    agree           which sources say the same: base_price, shares, jump (an opening beyond the limit), opening
    """

    before_on: date
    close_before: float
    open_after: float
    close_after: float
    base_price: float | None
    shares_before: float | None
    shares_after: float | None
    shares_on: date | None
    implied_ratio: float
    shares_ratio: float | None
    agree: tuple[str, ...]


class Proposal(msgspec.Struct, frozen=True):
    """An action somebody should confirm; `is_certain` where two sources agree."""

    symbol: Symbol
    on: date
    kind: ActionKind
    ratio: float
    confidence: float
    is_certain: bool
    evidence: Evidence


def propose(bars: BarColumns, base: FloatArray, capital: Capital) -> list[Proposal]:
    """The actions that raw bars by (symbol, day) show, by day and Symbol.

    base     [bars]: base prices, NaN where they are not known or not to be trusted (`changed_bases`)
    capital  listed shares; its columns are the bars' Symbols
    """
    at, before = _pairs(bars)
    close, opened, base_price = bars.close[before], bars.open[at], base[at]
    with np.errstate(invalid="ignore"):
        implied = np.where(np.isnan(base_price), close / opened, close / base_price)
        based = ~np.isnan(base_price) & (np.abs(implied - 1.0) > CHANGED)
        jumped = np.isnan(base_price) & (np.abs(opened / close - 1.0) > JUMP_RATIO)
    shares = _Shares(capital)

    def pair(place: int) -> _Pair:
        return _Pair(bars, int(before[place]), int(at[place]), float(base_price[place]), float(implied[place]))

    seen = np.flatnonzero(based | jumped)
    within = shares.openings_explained(bars, before, at, np.where(based | jumped, np.nan, implied))
    judged = [_judge(pair(place), shares) for place in seen.tolist()]
    judged += [_judge_opening(pair(place), change) for place, change in within]
    found = [proposal for proposal in judged if proposal is not None]
    return sorted(_without_restless(found), key=lambda each: (each.on, each.symbol))


def changed_bases(bars: BarColumns, base: FloatArray, previous_close: FloatArray) -> NDArray[np.bool_]:
    """Which base prices of bars by (symbol, day) are not the last traded close, and can be trusted: [bars].

    Where many Symbols' differ on one day, the Session before it is missing, and none of them says anything.

    previous_close  [symbols]: each Symbol's last traded close before its first bar here, NaN where there is none
    """
    traded = np.flatnonzero(bars.volume > 0)
    symbol = bars.symbol[traded]
    close = np.full(traded.size, np.nan)
    close[1:] = np.where(symbol[1:] == symbol[:-1], bars.close[traded[:-1]], np.nan)
    first = np.concatenate(([True], symbol[1:] != symbol[:-1]))[: traded.size]
    close[first] = previous_close[symbol[first]]
    with np.errstate(invalid="ignore", divide="ignore"):
        differs = (np.abs(close / base[traded] - 1.0) > CHANGED) & (base[traded] > 0)
    sessions, session = sessions_of(bars.day[traded])
    known = np.bincount(session[~np.isnan(close / base[traded])], minlength=sessions.size)
    changed = np.bincount(session[differs], minlength=sessions.size)
    missing = (changed > MISSING_DAY_SHARE * known) & (changed >= MISSING_DAY_COUNT)
    found = np.zeros(len(bars), dtype=np.bool_)
    found[traded] = differs & ~missing[session]
    return found


def _without_restless(found: list[Proposal]) -> list[Proposal]:
    """On markets for small companies the base price may be no close at all, day after day."""
    unexplained = Counter(each.symbol for each in found if each.confidence <= BASE)
    return [each for each in found if each.confidence > BASE or unexplained[each.symbol] <= RESTLESS_COUNT]


@dataclass(frozen=True)
class _Pair:
    """Two traded bars of a Symbol, one after the other, by their places; base is NaN where it is not known."""

    bars: BarColumns
    before: int
    at: int
    base: float
    implied: float

    @property
    def days(self) -> tuple[date, date]:
        day = self.bars.day
        return day[self.before].astype(object), day[self.at].astype(object)


def _pairs(bars: BarColumns) -> tuple[IndexArray, IndexArray]:
    """Raw traded bars and the traded one before each, with no gap of the whole market between."""
    sessions, session = sessions_of(bars.day)
    gaps = np.cumsum(np.diff(sessions, prepend=sessions[:1]).astype(np.int64) > GAP_DAYS)
    traded = np.flatnonzero((bars.volume > 0) & (bars.flags & RAW > 0))
    before, at = traded[:-1], traded[1:]
    together = (bars.symbol[at] == bars.symbol[before]) & (gaps[session[at]] == gaps[session[before]])
    return at[together], before[together]


@dataclass(frozen=True)
class _Change:
    """Listed shares before and after they changed, the day on which the new ones were said first, and whether that is
    the day of the opening that the change explains."""

    before: float
    after: float
    on: date
    is_same_day: bool


class _Shares:
    """Listed shares as they were said, by Symbol."""

    def __init__(self, capital: Capital) -> None:
        said = np.flatnonzero(capital.shares > 0)
        order = said[np.lexsort((capital.day[said], capital.column[said]))]
        self._column, self._day = capital.column[order], capital.day[order]
        self._shares = capital.shares[order]

    def around(self, column: int, day: np.datetime64, implied: float) -> tuple[float, float, np.datetime64] | None:
        """Shares before a day and after their change by about a ratio, and its day; the change nearest to the ratio
        where none is the same; None where nothing is known on one side."""
        begin, end = np.searchsorted(self._column, [column, column + 1])
        days, shares = self._day[begin:end], self._shares[begin:end]
        place = int(np.searchsorted(days, day))
        if place == 0 or day - days[place - 1] > np.timedelta64(SHARES_BEFORE_DAYS, "D"):
            return None
        last = int(np.searchsorted(days, day + np.timedelta64(SHARES_LATER_DAYS, "D"), side="right"))
        if place == last:
            return None
        # The day itself is compared with what was before it; later days each with the one before them.
        ratios = shares[place:last] / shares[place - 1 : last - 1]
        nearest = int(np.argmin(np.abs(np.log(ratios / implied))))
        return float(shares[place + nearest - 1]), float(shares[place + nearest]), days[place + nearest]

    def openings_explained(
        self, bars: BarColumns, before: IndexArray, at: IndexArray, implied: FloatArray
    ) -> list[tuple[int, _Change]]:
        """For each change of shares by a plausible fraction that fits into the limit the one opening that it explains,
        if there is one: on the day itself, else within SHARES_LATER_DAYS before.

        before, at, implied  of pairs of traded bars in order; implied is NaN where base price or jump speak already
        """
        grown = np.ones(self._shares.size)
        same = self._column[1:] == self._column[:-1]
        grown[1:][same] = (self._shares[1:] / self._shares[:-1])[same]
        size = np.abs(np.log(grown))
        pair_symbol, pair_day = bars.symbol[at], bars.day[at]
        found: dict[int, _Change] = {}
        for change in np.flatnonzero((size >= np.log(WITHIN_LEAST)) & (size <= np.log(WITHIN_MOST))).tolist():
            off_fraction = np.abs(_PLAUSIBLE / grown[change] - 1.0).min()
            if off_fraction > NEARLY:
                continue
            on, said_before = self._day[change], self._day[change - 1]
            begin, end = np.searchsorted(pair_symbol, [self._column[change], self._column[change] + 1])
            days, off = pair_day[begin:end], np.abs(np.log(implied[begin:end]) - np.log(grown[change]))
            fits = off <= WITHIN_OFF * size[change]
            spans = (bars.day[before[begin:end]] < on) & (on <= days)
            chosen = np.flatnonzero(fits & spans)
            is_prompt = on - said_before <= np.timedelta64(SHARES_SAME_DAYS, "D")
            is_same_day = bool(chosen.size == 1 and is_prompt and off_fraction <= EXACT)
            if not is_same_day and size[change] >= np.log(WITHIN_SURE):
                chosen = np.flatnonzero(fits & (days <= on) & (on - days <= np.timedelta64(SHARES_LATER_DAYS, "D")))
            elif not is_same_day:
                continue
            if chosen.size == 1:
                numbers = float(self._shares[change - 1]), float(self._shares[change])
                found[int(begin + chosen[0])] = _Change(*numbers, on.astype(object), is_same_day)
        return list(found.items())


def _judge_opening(pair: _Pair, change: _Change) -> Proposal:
    """What shares propose that explain an opening within the limit."""
    before_on, on = pair.days
    shares_ratio = change.after / change.before
    ratio, is_fraction = _snap(pair, shares_ratio, on)
    is_certain = change.is_same_day and bool(abs(np.log(ratio)) >= np.log(WITHIN_SURE))
    evidence = Evidence(
        before_on=before_on,
        close_before=float(pair.bars.close[pair.before]),
        open_after=float(pair.bars.open[pair.at]),
        close_after=float(pair.bars.close[pair.at]),
        base_price=None,
        shares_before=change.before,
        shares_after=change.after,
        shares_on=change.on,
        implied_ratio=pair.implied,
        shares_ratio=shares_ratio,
        agree=("shares", "opening") if is_certain else ("shares",),
    )
    confidence = CERTAIN if is_certain else BASE
    symbol = pair.bars.listings[int(pair.bars.symbol[pair.at])].symbol
    kind = _kind(ratio, True, not change.is_same_day, is_fraction)
    return Proposal(symbol, on, kind, ratio, confidence, is_certain, evidence)


def _judge(pair: _Pair, shares: _Shares) -> Proposal | None:
    """What a pair proposes: nothing where an opening beyond the limit is denied by shares that stay the same."""
    bars, (before_on, on) = pair.bars, pair.days
    day, has_base = np.datetime64(on, "D"), not bool(np.isnan(pair.base))
    around = shares.around(int(bars.symbol[pair.at]), day, pair.implied)
    ratio_of_shares = None if around is None else around[1] / around[0]
    shares_agree = ratio_of_shares is not None and _agree(ratio_of_shares, pair, on)
    if not has_base and around is not None and not shares_agree:
        return None
    sources = {"base_price": has_base, "shares": shares_agree, "jump": not has_base}
    ratio, is_fraction = _snap(pair, ratio_of_shares if shares_agree else None, on)
    if shares_agree:
        confidence = CERTAIN
    elif has_base:
        confidence = BASE_AND_FRACTION if is_fraction else BASE
    else:
        confidence = JUMP
    changed_later = around is not None and bool(around[2] - day > np.timedelta64(SHARES_SAME_DAYS, "D"))
    evidence = Evidence(
        before_on=before_on,
        close_before=float(bars.close[pair.before]),
        open_after=float(bars.open[pair.at]),
        close_after=float(bars.close[pair.at]),
        base_price=pair.base if has_base else None,
        shares_before=None if around is None else around[0],
        shares_after=None if around is None else around[1],
        shares_on=None if around is None else around[2].astype(object),
        implied_ratio=pair.implied,
        shares_ratio=ratio_of_shares,
        agree=tuple(name for name, says in sources.items() if says),
    )
    kind = _kind(ratio, shares_agree, changed_later, is_fraction) if has_base or shares_agree else "other"
    symbol = bars.listings[int(bars.symbol[pair.at])].symbol
    return Proposal(symbol, on, kind, ratio, confidence, shares_agree, evidence)


def _agree(ratio: float, pair: _Pair, on: date) -> bool:
    """Whether shares explain the price: a base price nearly wholly, an opening but for a day's limit and most of it."""
    if not np.isnan(pair.base):
        return abs(ratio / pair.implied - 1.0) <= AGREE + _rounding(pair.base, on) and abs(ratio - 1.0) > CHANGED
    explains_most = np.log(ratio) / np.log(pair.implied) > 0.5
    return bool(explains_most and abs(ratio / pair.implied - 1.0) <= JUMP_RATIO)


def _rounding(base: float, on: date) -> float:
    """By how much a base price may be off because it stands on a tick."""
    ladder = ladder_on(max(on, LADDERS["KOSPI"][0].since))  # the coarsest of its time is near enough
    return float(tick_sizes(np.array([max(1, int(base))]), ladder)[0]) / base


def _snap(pair: _Pair, shares_ratio: float | None, on: date) -> tuple[float, bool]:
    """The plausible fraction that base price or shares confirm, else the ratio as it was found; and whether it is one.

    With a base price the fraction must explain it within a tick; from shares alone the fraction next to them counts.
    """
    has_base = not np.isnan(pair.base)
    if not has_base and shares_ratio is None:
        return pair.implied, False
    wanted = pair.implied if has_base else float(shares_ratio or pair.implied)
    room = _rounding(pair.base, on) if has_base else CHANGED
    if has_base and shares_ratio is not None and abs(shares_ratio / pair.implied - 1.0) <= room:
        wanted, room = shares_ratio, max(CHANGED / 5, min(room, CHANGED))
    off = np.abs(_PLAUSIBLE / wanted - 1.0)
    nearest = int(off.argmin())
    return (float(_PLAUSIBLE[nearest]), True) if off[nearest] <= room else (wanted, False)


def _kind(ratio: float, shares_agree: bool, changed_later: bool, is_fraction: bool) -> ActionKind:
    """A split changes shares at once, a bonus issue weeks later; a right is a discount that shares do not explain."""
    if ratio < 1.0:
        return "reverse_split" if shares_agree or is_fraction else "other"
    if shares_agree:
        return "bonus" if changed_later or ratio < 1.5 else "split"
    return "bonus" if is_fraction and ratio >= 1.5 else "rights" if ratio < 1.5 else "other"
