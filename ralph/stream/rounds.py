"""The rounds in which mailboxes are emptied into their sockets, however many there are."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable

from ralph.stream.frames import Chunk
from ralph.stream.hub import Hub
from ralph.stream.mailbox import CREDIT_S, TOO_SLOW, Mailbox, Writer

YIELD_EACH = 200  # writes, about two milliseconds; then the loop does other things
GAP_S = 0.005  # between rounds: what happens meanwhile goes into one message
LOOK_S = 0.5  # how often those are looked for that do not read


class Rounds:
    """Empties mailboxes. A socket that takes nothing is passed over until it does, and hung up after slow_s.

    flushes, bytes: messages written since the start, and their size.
    """

    def __init__(self, hub: Hub, slow_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._slow_s = slow_s
        self._clock = clock
        self._mailboxes: dict[Mailbox, None] = {}
        self._due: dict[Mailbox, None] = {}
        self._blocked: dict[Mailbox, None] = {}
        self._wake = asyncio.Event()
        self.flushes = 0
        self.bytes = 0
        hub.on_news = self._wake.set

    def join(self, writer: Writer) -> Mailbox:
        """A mailbox for a socket."""
        mailbox = Mailbox(writer)
        self._mailboxes[mailbox] = None
        writer.on_ready = functools.partial(self._unblock, mailbox)
        return mailbox

    def leave(self, mailbox: Mailbox) -> None:
        """Its socket is gone."""
        self._hub.leave(mailbox)
        self._mailboxes.pop(mailbox, None)
        mailbox.writer.on_ready = None
        self._due.pop(mailbox, None)
        self._blocked.pop(mailbox, None)

    def hang_up_all(self, code: int, reason: str) -> None:
        """Close every socket."""
        for mailbox in list(self._mailboxes):
            mailbox.writer.hang_up(code, reason)

    def __len__(self) -> int:
        return len(self._mailboxes)

    @property
    def blocked(self) -> int:
        """How many sockets take nothing."""
        return len(self._blocked)

    def call(self, mailbox: Mailbox) -> None:
        """It has news that no topic will tell of: a snapshot."""
        self._due[mailbox] = None
        self._wake.set()

    async def run(self) -> None:
        """Rounds for ever, as long as there is anything to write."""
        looked_at = self._clock()
        while True:
            soonest_s = await self.round()
            if self._clock() - looked_at > LOOK_S:
                looked_at = self._clock()
                self._look()
            await asyncio.sleep(GAP_S)
            if not self._wake.is_set():
                await self._until_woken(min(soonest_s, LOOK_S))
            self._wake.clear()

    async def round(self) -> float:
        """Write to every socket what it may be given now. Seconds until the next may be given more."""
        for topic in self._hub.changed():
            for mailbox in topic.readers:
                mailbox.news[topic] = None
            self._due.update(topic.readers)
        due, self._due = self._due, {}
        made: dict[tuple[Chunk, ...], bytes] = {}
        now, latest, written = self._clock(), 0.0, 0
        for mailbox in due:
            writer = mailbox.writer
            if not writer.is_ready:
                self._block(mailbox, now)
            elif mailbox.rested_at > now + CREDIT_S:
                self._due[mailbox] = None
                latest = max(latest, mailbox.rested_at)
            elif wire := mailbox.take(now, made):
                writer.write(wire)
                written += 1
                self.bytes += len(wire)
                if written % YIELD_EACH == 0:
                    await asyncio.sleep(0)
                    now = self._clock()
            elif mailbox.is_behind:
                writer.hang_up(*TOO_SLOW)
        self.flushes += written
        return min(LOOK_S, max(0.0, latest - CREDIT_S - self._clock())) if self._due else LOOK_S

    def _block(self, mailbox: Mailbox, now: float) -> None:
        if mailbox.blocked_at is None and mailbox.writer.is_open:
            mailbox.blocked_at = now
            self._blocked[mailbox] = None

    def _unblock(self, mailbox: Mailbox) -> None:
        if mailbox.blocked_at is not None:
            mailbox.blocked_at = None
            self._blocked.pop(mailbox, None)
            self.call(mailbox)

    def _look(self) -> None:
        """Hang up those that have read nothing for too long."""
        now = self._clock()
        slow = [each for each in self._blocked if now - (each.blocked_at or now) > self._slow_s]
        for mailbox in slow:
            self._blocked.pop(mailbox)
            mailbox.writer.hang_up(*TOO_SLOW)

    async def _until_woken(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
