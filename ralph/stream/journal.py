"""Announcements kept beyond the process: written behind what is told, and told again to whoever missed it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from ralph.errors import Unavailable
from ralph.stream.frames import message
from ralph.stream.hub import Announcement, Hub
from ralph.stream.mailbox import TOO_SLOW, Writer
from ralph.stream.topic import FRESH

_log = logging.getLogger("ralph.live")

WRITE_S = 0.1  # between writes; what was announced since is lost to those who come back later, should the process die
RETRY_S = 1.0
CUT_S = 3_600.0
WRITTEN_AT_ONCE = 2_000
UNWRITTEN_MAX = 100_000  # while the database is away; more than a day's. The oldest go, and readers of them start anew
PAGE = 500  # announcements read at once for one client
READY_S = 0.02  # how often a client is looked at that is to take more of what it missed


class Journal(Protocol):
    """Where announcements are kept: topic, number, key and JSON; read as epoch, number and JSON."""

    async def write(self, epoch: str, entries: Sequence[tuple[str, int, str | None, str]]) -> None: ...

    async def after(
        self, epoch: str, now: str, topic: str, number: int, limit: int
    ) -> list[tuple[str, int, str]] | None: ...

    async def cut(self) -> None: ...


class Scribe:
    """Writes what the hub announces to the journal, while this process is the one that publishes."""

    def __init__(self, hub: Hub, journal: Journal) -> None:
        self._hub = hub
        self._journal = journal
        self._unwritten: deque[tuple[str, Announcement]] = deque(maxlen=UNWRITTEN_MAX)  # with their epochs

    def note(self, announcement: Announcement) -> None:
        """One more to write."""
        self._unwritten.append((self._hub.epoch, announcement))

    @property
    def unwritten(self) -> int:
        """How many are not in the journal yet."""
        return len(self._unwritten)

    async def run(self) -> None:
        """Write for ever; what could not be written is kept until it can."""
        cut_at, is_away = 0.0, False
        while True:
            try:
                await self.write()
                if time.monotonic() > cut_at:
                    await self._journal.cut()
                    cut_at = time.monotonic() + CUT_S
                is_away = False
            except Unavailable as error:
                if not is_away:
                    _log.warning("announcements wait for the journal: %s", error)
                is_away = True
            await asyncio.sleep(RETRY_S if is_away else WRITE_S)

    async def write(self) -> None:
        """Write all there is. Unavailable while that is impossible; nothing is forgotten then."""
        while self._unwritten:
            epoch = self._unwritten[0][0]
            first = itertools.islice(self._unwritten, WRITTEN_AT_ONCE)
            some = [entry for entry in first if entry[0] == epoch]  # epochs follow each other
            entries = [(each.topic, each.number, each.key, each.text.decode()) for _, each in some]
            await self._journal.write(epoch, entries)
            for entry in some:
                if self._unwritten and self._unwritten[0] is entry:  # else there were too many, and it went first
                    self._unwritten.popleft()


class Replay:
    """Tells a client what it missed."""

    def __init__(self, hub: Hub, journal: Journal, slow_s: float) -> None:
        self._hub = hub
        self._journal = journal
        self._slow_s = slow_s

    async def bring(self, writer: Writer, topic: str, epoch: str, number: int) -> int:
        """Write to a client what a topic announced after a number of an epoch, until the hub keeps all that follows.

        Returns the place from which the hub goes on; FRESH where something is missing, and the client must begin anew.
        Nothing may be awaited between this and the subscription. Unavailable when the journal cannot be asked.
        """
        while writer.is_open:
            hub_epoch = self._hub.epoch
            if epoch == hub_epoch:
                place = self._hub.place_in(topic, number)
                if place is not None:
                    return place
            entries = await self._journal.after(epoch, hub_epoch, topic, number, PAGE)
            if entries is None or self._hub.epoch != hub_epoch:
                return FRESH
            if entries:
                writer.write(message([_frame(topic, hub_epoch, entry) for entry in entries]))
                epoch, number, _ = entries[-1]
                await self._take_turns(writer)
            elif epoch != hub_epoch:
                epoch, number = hub_epoch, 0
            else:
                return FRESH  # the number is none that was ever given
        return FRESH

    async def _take_turns(self, writer: Writer) -> None:
        """Wait until a client has read enough to be told more; hang up where that takes too long."""
        deadline = time.monotonic() + self._slow_s
        while writer.is_open and not writer.is_ready:
            if time.monotonic() > deadline:
                writer.hang_up(*TOO_SLOW)
            await asyncio.sleep(READY_S)


def _frame(topic: str, hub_epoch: str, entry: tuple[str, int, str]) -> bytes:
    epoch, number, text = entry
    mark = "" if epoch == hub_epoch else f',"epoch":"{epoch}"'
    return f'{{"topic":"{topic}","seq":{number}{mark},"data":{text}}}'.encode()
