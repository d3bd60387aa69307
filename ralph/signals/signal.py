"""What a Signal is: a Setup with a grade, prices and a size, from the Session it was armed to the one it was closed."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Literal, get_args

import msgspec

from ralph.market.symbol import Symbol
from ralph.scanners.component import Component

Grade = Literal["S", "A", "B", "C"]
GRADES: tuple[Grade, ...] = get_args(Grade)  # the best first
State = Literal["armed", "triggered", "closed", "expired"]
Entry = Literal["stop", "open", "close"]
Opening = Literal["setup", "entry"]
Closing = Literal["target", "stop", "time", "gap", "manual", "untraded"]
Expiry = Literal["late", "failed", "anomaly", "locked"]
Reason = Literal[Opening, Closing, Expiry]
"""Of transitions: setup to armed, entry to triggered, closings to closed, expiries (and manual) to expired."""

ID_DIGITS = 16


class Sentence(msgspec.Struct, frozen=True, gc=False):
    """One sentence in two languages."""

    en: str
    ko: str


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a Signal is filled and closed; ratios are of the price it is filled at.

    entry        a buy stop at the entry, the next open, or the close of the Session it is armed on
    floor        a price under which the Setup has failed; the stop is not below it
    stop_ratio   the stop is at most this far below the entry
    targets_r    targets in units of the risk, entry - stop; or, where there are none:
    target_ratio the target's distance
    gap_up, gap_down  an open that far from the entry closes it
    arm_sessions     it expires when not triggered by then
    hold_sessions    it is closed at the close of that Session after its fill, 0 the same one
    """

    entry: Entry
    stop_ratio: float
    arm_sessions: int
    hold_sessions: int
    floor: float | None = None
    targets_r: tuple[float, ...] = ()
    target_ratio: float | None = None
    gap_up: float | None = None
    gap_down: float | None = None


class Levels(msgspec.Struct, frozen=True, gc=False):
    """Prices in won; the first target closes the Signal, the others are for whoever stays longer."""

    entry: float
    stop: float
    targets: tuple[float, ...]

    @property
    def risk(self) -> float:
        """Won a share between entry and stop."""
        return self.entry - self.stop


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of a closed Signal.

    gross_ratio, net_ratio  exit over fill, before and after costs
    r            the net result in units of the risk that was taken
    profit       of all shares after costs, won
    mae, mfe     the worst and the best price it saw, ratios to the fill
    """

    gross_ratio: float
    net_ratio: float
    r: float
    profit: int
    mae: float
    mfe: float


class Signal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A Setup from the Session that armed it on.

    version    of the system's rules; score: what the grade was given for; gate: the market gate of that Session
    levels     as of `priced_on`, the last Session whose bar it saw: a split between changes them, and `shares`
    fill, exit in the same unit; lowest, highest: seen since the fill
    is_flagged a bar it was held on is an anomaly: performance leaves it out
    """

    id: str
    system: str
    version: str
    symbol: Symbol
    name: str | None
    market: str | None
    kind: str | None
    sector: str | None
    armed_on: date
    priced_on: date
    grade: Grade
    score: float
    gate: str
    state: State
    plan: Plan
    levels: Levels
    shares: int
    components: tuple[Component, ...]
    reasons: tuple[Sentence, ...]
    values: dict[str, float | None]
    triggered_on: date | None = None
    fill: float | None = None
    lowest: float | None = None
    highest: float | None = None
    closed_on: date | None = None
    exit: float | None = None
    reason: Reason = "setup"
    outcome: Outcome | None = None
    is_flagged: bool = False

    @property
    def is_open(self) -> bool:
        """Whether bars can still change it."""
        return self.state in ("armed", "triggered")

    @property
    def key(self) -> tuple[str, Symbol]:
        """Of its system and Symbol there is one open Signal."""
        return (self.system, self.symbol)


class Transition(msgspec.Struct, frozen=True, gc=False):
    """A Signal came to a state on a Session, at a price as it was traded then."""

    signal_id: str
    on: date
    state: State
    price: float
    reason: Reason


def signal_id(system: str, symbol: Symbol, armed_on: date) -> str:
    """The same for the same Setup, however often its history is made."""
    return hashlib.sha256(f"{system}|{symbol}|{armed_on}".encode()).hexdigest()[:ID_DIGITS]
