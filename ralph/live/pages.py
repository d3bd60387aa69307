"""What is shown of the live market: over HTTP, and on the topic `system`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from ralph.live.recorder import RecorderState
from ralph.tape.events import IndexQuote, Quote

State = Literal["off", "starting", "playing", "silent", "waiting"]


class FeedState(msgspec.Struct, frozen=True):
    """How the feed does. session, clock: which Session it plays and where in it; lag_ms behind its own time."""

    workspace: str
    simulated: bool
    state: State
    detail: str
    source: str | None
    session: date | None
    speed: float | None
    clock: datetime | None
    lag_ms: float
    ticks: int
    ticks_per_s: float
    duplicates: int
    late: int
    recorder: RecorderState


class BoardPage(msgspec.Struct, frozen=True):
    """All quotes of a Session now."""

    workspace: str
    simulated: bool
    session: date
    at: datetime
    indices: list[IndexQuote]
    quotes: Sequence[Quote]


class QuotePage(msgspec.Struct, frozen=True):
    """One quote."""

    workspace: str
    simulated: bool
    session: date
    quote: Quote


class SystemFrame(msgspec.Struct, frozen=True):
    """health: whether the live market is well; at: by our clock."""

    health: str
    feed: FeedState
    at: datetime
