"""What the tape says has happened. Frames carry these structs as they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from ralph.market.calendar import SEOUL
from ralph.scanners.weather import GateAnswer
from ralph.signals.signal import Sentence, Signal, Transition
from ralph.tape.minutes import ClosedBars

SessionPart = Literal["pre", "regular", "after", "closed"]

_EPOCH = datetime(1970, 1, 1, 9, tzinfo=SEOUL)


def instant_of(at: int) -> datetime:
    """UTC nanoseconds as an instant with Seoul's offset, to the microsecond."""
    return _EPOCH + timedelta(microseconds=at // 1_000)


class Quote(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A Symbol now. Prices in won, volume in shares, value in won traded; change against the base price.

    session  which hours the last price is of; halted, limit and vi (a volatility interruption) stand where they hold
    """

    symbol: str
    price: float
    change: float
    change_ratio: float
    open: float | None
    high: float | None
    low: float | None
    volume: int
    value: float
    at: datetime | None
    session: SessionPart
    venue: str
    halted: bool = False
    limit: Literal["up", "down"] | None = None
    vi: bool = False


class MinuteBar(msgspec.Struct, frozen=True, gc=False):
    """A one-minute bar; partial while it runs."""

    symbol: str
    opened_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    value: float
    partial: bool


class IndexQuote(msgspec.Struct, frozen=True, gc=False):
    """An index now, in points; change against the last close, null where that is not known."""

    name: str
    value: float
    change: float | None
    change_ratio: float | None
    at: datetime


class Quoted(msgspec.Struct, frozen=True):
    """Symbols that have new quotes."""

    quotes: tuple[Quote, ...]


class BarsClosed(msgspec.Struct, frozen=True):
    """A minute is over: the bars of all Symbols that traded in it."""

    bars: ClosedBars


class IndexMoved(msgspec.Struct, frozen=True):
    """New values of indices, the newest of each."""

    quotes: tuple[IndexQuote, ...]


class SignalMoved(msgspec.Struct, frozen=True):
    """A Signal came to another state while the market is open, at an instant; the evening's run writes its history."""

    event: Literal["armed", "triggered", "closed", "expired"]
    signal: Signal
    at: datetime
    steps: tuple[Transition, ...]


class ScreenMoved(msgspec.Struct, frozen=True):
    """A Symbol has entered or left a watched screen."""

    screen: str
    event: Literal["entered", "left"]
    symbol: str
    name: str | None
    price: float
    at: datetime


class Scanned(msgspec.Struct, frozen=True):
    """A day-trading scan has found a Symbol at the close of a minute, with its measures and a score of 0 to 100."""

    scan: str
    symbol: str
    name: str | None
    price: float
    at: datetime
    score: float
    values: dict[str, float | None]
    reasons: tuple[Sentence, ...]


class GateJudged(msgspec.Struct, frozen=True):
    """The market gate at the close of a minute."""

    gate: GateAnswer


Event = Quoted | BarsClosed | IndexMoved | SignalMoved | ScreenMoved | Scanned | GateJudged
