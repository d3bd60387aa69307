"""How much of a system may be at stake: positions held at once, and what may be lost in a day and in a week.

A Signal beyond a limit is graded and followed like any other, but is given no shares, and says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from msgspec.structs import replace

from ralph.config import SignalRules
from ralph.signals.signal import Sentence, Signal
from ralph.signals.sizes import units


def week_of(on: date) -> date:
    """The Monday of a Session's week."""
    return on - timedelta(days=on.weekday())


class Room:
    """What a system may still take on a Session, after what it holds and what it has lost."""

    def __init__(self, rules: SignalRules, on: date, held: Iterable[Signal], ended: Sequence[Signal]) -> None:
        self._rules = rules
        self._held = sum(1 for signal in held if signal.shares > 0)
        self._day_r = _result(rules, (each for each in ended if each.closed_on == on))
        monday = week_of(on)
        self._week_r = _result(rules, (each for each in ended if each.closed_on and each.closed_on >= monday))

    def sized(self, signal: Signal) -> Signal:
        """The Signal, without shares where there is no room for them; otherwise it takes its place."""
        if signal.shares == 0:
            return signal
        reason = self._refusal()
        if reason is None:
            self._held += 1
            return signal
        return replace(signal, shares=0, reasons=(*signal.reasons, reason))

    def _refusal(self) -> Sentence | None:
        rules = self._rules
        if rules.day_stop_r and self._day_r <= -rules.day_stop_r:
            en, ko = f"no shares: {self._day_r:+.1f} R today", f"수량 없음: 오늘 손익 {self._day_r:+.1f}R"
            return Sentence(f"{en}, the stop is at -{rules.day_stop_r:g} R", f"{ko}, 한도 -{rules.day_stop_r:g}R")
        if rules.week_stop_r and self._week_r <= -rules.week_stop_r:
            en, ko = f"no shares: {self._week_r:+.1f} R this week", f"수량 없음: 이번 주 손익 {self._week_r:+.1f}R"
            return Sentence(f"{en}, the stop is at -{rules.week_stop_r:g} R", f"{ko}, 한도 -{rules.week_stop_r:g}R")
        if rules.positions_max and self._held >= rules.positions_max:
            en = f"no shares: {self._held} positions are held, {rules.positions_max} at most"
            ko = f"수량 없음: 보유 {self._held}종목, 최대 {rules.positions_max}종목"
            return Sentence(en, ko)
        return None


def _result(rules: SignalRules, ended: Iterable[Signal]) -> float:
    """What closed positions have made, in units of the risk that a grade A takes."""
    return sum(each.outcome.r * units(rules, each.grade) for each in ended if each.outcome and each.shares > 0)
