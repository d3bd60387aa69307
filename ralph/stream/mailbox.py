"""What a client has not read yet: its place in each of its topics, however far behind it is.

Frames are not copied into mailboxes. A place costs a number, so a client that never reads costs no more than one that
does; and what it is given when it reads again is the newest of each key, and each announcement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ralph.stream.frames import NOTHING, Chunk, joined
from ralph.stream.topic import Announced, Newest

FLUSHES_PER_S = 15.0  # on the average, so that a browser can keep up and one core can serve thousands
FLUSH_BURST = 8  # at once after a rest, so that what happens now and then is told without waiting
JOINED_MAX, JOINED_BYTES_MAX = 1_024, 16_384  # messages remembered in a round, for clients with the same topics
TOO_SLOW = 1013, "you read too slowly; connect again with since"
"""Try again later, of the registry of RFC 6455: for readers that take nothing for too long, or miss an announcement."""

_GAP_S = 1 / FLUSHES_PER_S
_CREDIT_S = (FLUSH_BURST - 1) * _GAP_S


class Writer(Protocol):
    """The way to a socket. Nothing of it waits."""

    on_ready: Callable[[], None] | None

    @property
    def is_ready(self) -> bool:
        """Whether the socket takes more: false while its reader does not read."""
        ...

    @property
    def is_open(self) -> bool: ...

    def write(self, wire: bytes) -> None:
        """Send a message as `to_wire` makes it."""
        ...

    def hang_up(self, code: int, reason: str) -> None:
        """Say why, and close; a reader that does not take even that is cut off."""
        ...


class Mailbox:
    """The unread frames of one client."""

    __slots__ = ("_next_at", "blocked_at", "is_behind", "news", "places", "writer")

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.places: dict[Newest | Announced, int] = {}
        self.news: dict[Newest | Announced, None] = {}  # topics with something unread, in the order they got it
        self.blocked_at: float | None = None  # since when its socket takes nothing
        self.is_behind = False
        self._next_at = 0.0

    def due_at(self) -> float:
        """From when it may be flushed."""
        return self._next_at - _CREDIT_S

    def flushed(self, now: float) -> None:
        """It was, and has used some of its allowance."""
        self._next_at = max(self._next_at, now) + _GAP_S

    def take(self, made: dict[tuple[Chunk, ...], bytes]) -> bytes | None:
        """One message of all that is unread, or None; made: messages of this round. It `is_behind` from then on where
        an announcement is no longer kept that it should have got."""
        chunks = []
        for topic in self.news:
            chunk = topic.since(self.places[topic])
            if chunk is None:
                self.is_behind = True
            elif chunk is not NOTHING:
                chunks.append(chunk)
            self.places[topic] = topic.version
        self.news.clear()
        if len(chunks) < 2:
            return chunks[0].wire() if chunks else None
        same = tuple(chunks)
        wire = made.get(same)
        if wire is None:
            wire = joined(same)
            if len(made) < JOINED_MAX and len(wire) <= JOINED_BYTES_MAX:
                made[same] = wire
        return wire
