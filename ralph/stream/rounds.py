"""The rounds in which mailboxes are emptied into their sockets, however many there are."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from ralph.stream.frames import Chunk
from ralph.stream.hub import Hub
from ralph.stream.mailbox import CREDIT_S, TOO_SLOW, Crowd, Line, Mailbox, Writer
from ralph.stream.slots import NOBODY, Slots
from ralph.stream.topic import Announced, Newest

YIELD_EACH = 200  # writes, about two milliseconds; then the loop does other things
MANY = 8  # sockets that are sent the same are written to by compiled code from so many on
GAP_S = 0.005  # between rounds: what happens meanwhile goes into one message
LOOK_S = 0.5  # how often those are looked for that do not read

Send = Callable[[NDArray[np.int32], bytes], list[tuple[int, int]]]


class Taken:
    """A message, who is to get it, from `begin` on, and their places in its topics before it. Who is gone meanwhile is
    None."""

    __slots__ = ("before", "begin", "mailboxes", "slots", "wire")

    def __init__(self, line: Line, wire: bytes, before: dict[Newest | Announced, int]) -> None:
        self.mailboxes: list[Mailbox | None] = [*line.mailboxes]
        self.slots = line.slots
        self.wire = wire
        self.before = before
        self.begin = 0

    def without(self, mailbox: Mailbox) -> bool:
        """Let one out that it is not written to yet; whether there was."""
        try:
            place = self.mailboxes.index(mailbox, self.begin)
        except ValueError:
            return False
        self.mailboxes[place] = None
        self.slots = self.slots.copy()  # others go on with theirs
        self.slots[place] = NOBODY
        return True


class Rounds:
    """Empties mailboxes. A socket that takes nothing is passed over until it does, and hung up after slow_s.

    flushes, bytes: messages written since the start, and their size.
    """

    def __init__(self, hub: Hub, slow_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._hub = hub
        self._slow_s = slow_s
        self._clock = clock
        self._mailboxes: dict[Mailbox, None] = {}
        self._due: dict[Crowd, None] = {}
        self._known: dict[frozenset[Newest | Announced], Crowd] = {}  # crowds that others may join
        self._strangers: list[Crowd] = []  # that have taken all there is, and are not known
        self._unwritten: deque[Taken] = deque()
        self._slots = Slots()
        self._blocked: dict[Mailbox, None] = {}
        self._wake = asyncio.Event()
        self._send: Send | None = None
        self._many = MANY
        self.flushes = 0
        self.bytes = 0
        hub.on_news = self._wake.set

    def join(self, writer: Writer) -> Mailbox:
        """A mailbox for a socket."""
        mailbox = self._slots.mailbox(writer)
        self._mailboxes[mailbox] = None
        writer.on_ready = functools.partial(self._unblock, mailbox)
        return mailbox

    def leave(self, mailbox: Mailbox) -> None:
        """Its socket is gone."""
        self._hub.leave(self.apart(mailbox))
        self._mailboxes.pop(mailbox, None)
        mailbox.writer.on_ready = None
        self._slots.leave(mailbox)
        self._due.pop(mailbox.crowd, None)
        self._blocked.pop(mailbox, None)

    def apart(self, mailbox: Mailbox) -> Crowd:
        """Let a mailbox read by itself, as it is to hear something else than others from now on; its crowd then."""
        for taken in self._unwritten:
            if taken.without(mailbox):
                mailbox.writer.write(taken.wire)
                break
        crowd = mailbox.crowd
        if len(crowd.members) > 1:
            alone = crowd.without(mailbox)
            if alone.news:
                self._due[alone] = None
            return alone
        if crowd.is_known:
            crowd.is_known = False
            del self._known[frozenset(crowd.places)]
        return crowd

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
        self._due[mailbox.crowd] = None
        self._wake.set()

    async def quicken(self, threads: Executor | None = None) -> None:
        """Load, or compile, what writes to many sockets at once. Until then they are written to one after another."""
        self.use(await asyncio.get_running_loop().run_in_executor(threads, _loaded))

    def use(self, send: Send, many: int = MANY) -> None:
        """Write a message to so many sockets and more through this."""
        self._send, self._many = send, many

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
            for crowd in topic.readers:
                crowd.news[topic] = None
            self._due.update(topic.readers)
        due, self._due = self._due, {}
        made: dict[tuple[Chunk, ...], bytes] = {}
        now, latest, taken = self._clock(), 0.0, 0
        for crowd in due:
            if crowd.rested_at > now + CREDIT_S:
                self._due[crowd] = None
                latest = max(latest, crowd.rested_at)
                continue
            taken += self._take(crowd, now, made)
            if taken >= YIELD_EACH:
                await self._write_all()
                await asyncio.sleep(0)
                now, taken = self._clock(), 0
        await self._write_all()
        return min(LOOK_S, max(0.0, latest - CREDIT_S - self._clock())) if self._due else LOOK_S

    def _take(self, crowd: Crowd, now: float, made: dict[tuple[Chunk, ...], bytes]) -> int:
        """Take what a crowd is to be given; for how many that is. It is not made for one that cannot be written to, and
        written at once where it is for one only."""
        alone = next(iter(crowd.members)) if len(crowd.members) == 1 else None
        if alone is not None and not alone.writer.is_ready:
            self._block(alone)
            return 0
        before = {topic: crowd.places[topic] for topic in crowd.news} if alone is None else {}
        wire = crowd.take(now, made)
        if crowd.is_behind:
            for mailbox in list(crowd.members):
                mailbox.writer.hang_up(*TOO_SLOW)
            return 0
        if not crowd.is_known:
            self._strangers.append(crowd)
        if wire is None:
            return 0
        if alone is not None:
            alone.writer.write(wire)
            self.flushes += 1
            self.bytes += len(wire)
            return 1
        line = crowd.line()
        self._unwritten.append(Taken(line, wire, before))
        return len(line.mailboxes)

    def _introduce(self, crowd: Crowd) -> None:
        """Find others that have read the same for one that has just read all there is."""
        if not crowd.places:
            return
        topics = frozenset(crowd.places)
        others = self._known.get(topics)
        if others is None:
            crowd.is_known = True
            self._known[topics] = crowd
        elif others.places == crowd.places and not others.news:
            for mailbox in crowd.members:
                others.welcome(mailbox)
            crowd.members = {}
            self._hub.leave(crowd)
        else:
            crowd.rested_at = max(crowd.rested_at, others.rested_at)  # they are given the next message together

    async def _write_all(self) -> None:
        """Write what was taken, after those who took it have been brought together."""
        for crowd in self._strangers:
            self._introduce(crowd)
        self._strangers.clear()
        written = 0
        while self._unwritten:
            taken = self._unwritten[0]
            some = slice(taken.begin, taken.begin + YIELD_EACH - written)
            taken.begin = min(some.stop, len(taken.mailboxes))
            written += taken.begin - some.start
            if taken.begin == len(taken.mailboxes):
                self._unwritten.popleft()
            self._write(taken, some)
            if written == YIELD_EACH:
                written = 0
                await asyncio.sleep(0)

    def _write(self, taken: Taken, some: slice) -> None:
        """Write it to some of those who are to get it."""
        mailboxes, wire = taken.mailboxes[some], taken.wire
        written = len(mailboxes)
        for place, sent in self._unsent(mailboxes, taken.slots[some], wire):
            mailbox = mailboxes[place]
            if mailbox is not None and (sent or mailbox.writer.is_ready):
                mailbox.writer.write(wire[sent:])
                continue
            written -= 1
            if mailbox is not None:
                self._fall_behind(mailbox, taken.before)
        self.flushes += written
        self.bytes += written * len(wire)

    def _unsent(self, mailboxes: list[Mailbox | None], slots: NDArray[np.int64], wire: bytes) -> list[tuple[int, int]]:
        """Send to all that may be written to directly; the places of all others, and how much those took."""
        if self._send is None or len(mailboxes) < self._many:
            return [(place, 0) for place in range(len(mailboxes))]
        unsent = self._send(self._slots.descriptors[slots], wire)
        opened = [place for place, sent in unsent if not sent and self._opens(mailboxes[place])]
        if not opened:
            return unsent
        left = dict(unsent)
        for place in opened:
            del left[place]
        again = self._send(self._slots.descriptors[slots[opened]], wire)
        return [*left.items(), *((opened[at], sent) for at, sent in again)]

    def _opens(self, mailbox: Mailbox | None) -> bool:
        return mailbox is not None and self._slots.open(mailbox)

    def _fall_behind(self, mailbox: Mailbox, before: dict[Newest | Announced, int]) -> None:
        """It takes nothing: it goes on alone from where it was before its crowd took what it does not get."""
        crowd = self.apart(mailbox)
        crowd.places |= before
        crowd.news |= dict.fromkeys(before)
        self._block(mailbox)

    def _block(self, mailbox: Mailbox) -> None:
        if mailbox.blocked_at is None and mailbox.writer.is_open:
            mailbox.blocked_at = self._clock()
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


def _loaded() -> Send:
    """What sends to many, called once: numba imports more of itself at a first call."""
    send: Send = importlib.import_module("ralph.stream.sending").send
    send(np.array([-1], dtype=np.int32), b"-")
    return send
