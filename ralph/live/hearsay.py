"""The live market as a process knows it that does not play it: from what the one that does has published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from ralph.errors import DataNotFound, UnknownSymbol
from ralph.live.clock import SteadyClock
from ralph.live.pages import FeedState, QuotePage, SystemFrame
from ralph.market.symbol import parse_symbol
from ralph.store.markets import Markets
from ralph.tape.events import Quote

SILENT_S = 10.0  # the leader says how it does each second, and clocks of two machines differ

_frame = msgspec.json.Decoder(SystemFrame).decode
_quote = msgspec.json.Decoder(Quote).decode


class Newest(Protocol):
    """Where what was published is kept: the JSON of the newest of each key of a topic, and of a family of topics."""

    def newest(self, topic: str) -> Mapping[str, bytes]: ...

    def newest_of(self, prefix: str) -> list[bytes]: ...


class Hearsay:
    """Answers as the leader would. None from each: nothing was heard yet."""

    def __init__(self, hub: Newest, markets: Markets, clock: SteadyClock) -> None:
        self._hub = hub
        self._markets = markets
        self._clock = clock
        self._heard: tuple[bytes, SystemFrame, float] | None = None  # with the moment at which it was said

    def feed(self) -> FeedState | None:
        """How the feed does; silent where its process has said nothing for SILENT_S."""
        frame, quiet_s = self._newest()
        if frame is None:
            return None
        if quiet_s < SILENT_S:
            return frame.feed
        detail = f"nothing heard of the process that plays for {quiet_s:.0f} s: {frame.feed.detail}"
        return msgspec.structs.replace(frame.feed, state="silent", detail=detail)

    def board(self) -> bytes | None:
        """The BoardPage as JSON."""
        frame, _ = self._newest()
        if frame is None or frame.feed.session is None:
            return None
        feed = frame.feed
        page = {
            "workspace": feed.workspace,
            "simulated": feed.simulated,
            "session": feed.session,
            "at": feed.clock or frame.at,
            "indices": [msgspec.Raw(text) for text in self._hub.newest_of("index:")],
            "quotes": [msgspec.Raw(text) for _, text in sorted(self._hub.newest("board").items())],
        }
        return msgspec.json.encode(page)

    def quote(self, code: str) -> QuotePage | None:
        """The quote of a Symbol. UnknownSymbol where there is none by that code; DataNotFound where it has no quote."""
        frame, _ = self._newest()
        if frame is None or frame.feed.session is None:
            return None
        feed, symbol = frame.feed, parse_symbol(code)
        text = self._hub.newest("board").get(symbol or "")
        if text is not None:
            return QuotePage(feed.workspace, feed.simulated, frame.feed.session, _quote(text))
        if symbol is None or symbol not in self._markets.panel(feed.workspace).columns:
            raise UnknownSymbol(f"there is no symbol {code[:20]!r} here", field="code", accepted="a listed code")
        raise DataNotFound(f"{symbol} has no quote on {feed.session}", field="code")

    def _newest(self) -> tuple[SystemFrame | None, float]:
        """What the leader said last, and the seconds since then."""
        text = self._hub.newest("system").get("system")
        if text is None:
            return None, 0.0
        now = self._clock.seconds()
        if self._heard is None or self._heard[0] != text:
            frame = _frame(text)
            self._heard = text, frame, now - max(0.0, (datetime.now(UTC) - frame.at).total_seconds())
        _, frame, at = self._heard
        return frame, now - at
