"""What clients have not read yet: their place in each of their topics, however far behind they are.

Frames are not copied into mailboxes. A place costs a number, so a client that never reads costs no more than one that
does; and what it is given when it reads again is the newest of each key, and each announcement. Clients of the same
topics that have read the same are one crowd, with one place in each: it is found out once what they are to be given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ralph.stream.frames import NOTHING, Chunk, joined
from ralph.stream.topic import Announced, Newest

FLUSHES_PER_S = 15.0  # on the average, so that a browser can keep up and one core can serve thousands
FLUSH_BURST = 8  # at once after a rest, so that what happens now and then is told without waiting
JOINED_MAX, JOINED_BYTES_MAX = 1_024, 16_384  # messages remembered in a round, for crowds with the same frames
TOO_SLOW = 1013, "you read too slowly; connect again with since"
"""Try again later, of the registry of RFC 6455: for readers that take nothing for too long, or miss an announcement."""

GAP_S = 1 / FLUSHES_PER_S
CREDIT_S = (FLUSH_BURST - 1) * GAP_S  # a crowd may be flushed that has its whole allowance no later than this from now


class Writer(Protocol):
    """The way to a socket. Nothing of it waits.

    is_ready  it takes more: false while its reader does not read, and once it is closed
    on_ready  called when it takes more again
    on_used   called before anything is written by whomever, and when it closes: what `straight` said holds no longer
    """

    is_ready: bool
    is_open: bool
    on_ready: Callable[[], None] | None
    on_used: Callable[[], None] | None

    def straight(self) -> int:
        """The descriptor of a socket that may be written to directly until it is used, as nothing waits before that;
        else -1."""
        ...

    def write(self, wire: bytes) -> None:
        """Send a message as `to_wire` makes it, or what is left of one that was begun directly."""
        ...

    def hang_up(self, code: int, reason: str) -> None:
        """Say why, and close; a reader that does not take even that is cut off."""
        ...


class Line(NamedTuple):
    """Mailboxes in an order, and int64 [mailboxes] their slots."""

    mailboxes: list[Mailbox]
    slots: NDArray[np.int64]


class Crowd:
    """Mailboxes that have read the same of the same topics."""

    __slots__ = ("_line", "is_behind", "is_known", "members", "news", "places", "rested_at")

    def __init__(self) -> None:
        self.members: dict[Mailbox, None] = {}
        self._line: Line | None = None
        self.places: dict[Newest | Announced, int] = {}
        self.news: dict[Newest | Announced, None] = {}  # topics with something unread, in the order they got it
        self.rested_at = 0.0  # when the whole allowance is there again
        self.is_behind = False  # an announcement is no longer kept that they should have got
        self.is_known = False  # others may join it

    def take(self, now: float, made: dict[tuple[Chunk, ...], bytes]) -> bytes | None:
        """One message of all that is unread, or None; made: messages of this round. It uses some of the allowance."""
        news, places = self.news, self.places
        chunks = []
        for topic in news:
            place = places[topic]
            chunk = topic.made.get(place) or topic.since(place)
            if chunk is None:
                self.is_behind = True
            elif chunk is not NOTHING:
                chunks.append(chunk)
            places[topic] = topic.version
        news.clear()
        if not chunks:
            return None
        self.rested_at = max(self.rested_at, now) + GAP_S
        return chunks[0].wire or chunks[0].make() if len(chunks) == 1 else _together(chunks, made)

    def without(self, mailbox: Mailbox) -> Crowd:
        """A member goes on alone, from the same places."""
        alone = Crowd()
        alone.places, alone.news, alone.rested_at = dict(self.places), dict(self.news), self.rested_at
        for topic in alone.places:
            topic.readers[alone] = None
        del self.members[mailbox]
        self._line = None
        alone.welcome(mailbox)
        return alone

    def welcome(self, mailbox: Mailbox) -> None:
        """One more that has read the same."""
        self.members[mailbox] = None
        self._line = None
        mailbox.crowd = self

    def line(self) -> Line:
        """The members in order, with their slots; made once for all messages to the same members."""
        if self._line is None:
            slots = np.fromiter((mailbox.slot for mailbox in self.members), np.int64, len(self.members))
            self._line = Line(list(self.members), slots)
        return self._line


class Mailbox:
    """One client: its socket, and the crowd it reads with."""

    __slots__ = ("blocked_at", "crowd", "slot", "writer")

    def __init__(self, writer: Writer, slot: int = 0) -> None:
        self.writer = writer
        self.slot = slot  # its place among the descriptors of all
        self.blocked_at: float | None = None  # since when its socket takes nothing
        self.crowd = Crowd()
        self.crowd.welcome(self)


def _together(chunks: list[Chunk], made: dict[tuple[Chunk, ...], bytes]) -> bytes:
    same = tuple(chunks)
    wire = made.get(same)
    if wire is None:
        wire = joined(same)
        if len(made) < JOINED_MAX and len(wire) <= JOINED_BYTES_MAX:
            made[same] = wire
    return wire
