"""The same stream from several processes: one leads, and what it publishes reaches all hubs through Redis, its own too.

What the leader publishes is gathered for a moment and appended to a log in Redis, as one batch. Every process, the
leader included, gives its clients a batch only once it is in the log, so all say the same in the same order, and
nothing was told to anybody that the next leader does not know. Beside the log stand the newest rows and the last
announcements, for processes that begin or were away. Each leader has a term; the log takes nothing of an earlier one.

While Redis is away the leader's own clients are served on, and what was announced is sent after. Followers are silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from ralph.errors import CacheDown
from ralph.stream.hub import Announcement, Hub

_log = logging.getLogger("ralph.live")

BATCH_S = 0.02  # what is published within it travels together
BATCHES_MAX = 3_000  # in the log, about a minute; who is further behind begins with the newest
ANNOUNCED_MAX = 4_096  # announcements that a process which begins finds in Redis; older ones are in the journal
UNSENT_MAX = (
    10_000  # announcements while Redis is away; followers are not sent the oldest, their readers read a journal
)
BLOCK_MS = 1_000
ANSWER_S = 3.0
RETRY_S = 1.0  # a Redis that is away is not asked more often
_PREFIX = "ralph:live:"
LOG, NEWEST, ANNOUNCED, STATE = (_PREFIX + name for name in ("log", "newest", "announced", "state"))
_AWAY = (RedisError, OSError, TimeoutError)

_APPEND = """
    if redis.call('HGET', KEYS[4], 'term') ~= ARGV[1] then
        return 0
    end
    local rows = tonumber(ARGV[4])
    for i = 7, 6 + 2 * rows, 2 do
        redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    end
    for i = 7 + 2 * rows, #ARGV do
        redis.call('RPUSH', KEYS[3], ARGV[i])
    end
    redis.call('LTRIM', KEYS[3], -tonumber(ARGV[6]), -1)
    redis.call('HSET', KEYS[4], 'batch', ARGV[5])
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'batch', ARGV[3])
    return 1
"""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """What goes through the log at once. rows: topic, key and JSON; number: of the batch, one more each."""

    number: int
    epoch: str
    rows: list[tuple[str, str, bytes]]
    announced: list[Announcement]


class State(NamedTuple):
    """What a process begins with: the place in the log it goes on from, and all there is at that place."""

    place: bytes
    number: int
    epoch: str
    workspace: str
    rows: list[tuple[str, str, bytes]]
    announced: list[Announcement]


_decode_batch = msgspec.msgpack.Decoder(Batch).decode
_decode_announcement = msgspec.msgpack.Decoder(Announcement).decode
_encode = msgspec.msgpack.Encoder().encode
_json = msgspec.json.Encoder().encode


class Relay:
    """One process's side of the log.

    begin_epoch  makes an epoch of the workspace, where there is none
    on_epoch     called before announcements are counted anew
    on_lead      called when this process begins to lead, with the last announcements of the leaders before
    """

    def __init__(self, hub: Hub, url: str, begin_epoch: Callable[[], Awaitable[str]], workspace: str) -> None:
        self.on_epoch: Callable[[], None] = lambda: None
        self.on_lead: Callable[[list[Announcement]], None] = lambda announced: None
        self._hub = hub
        self._redis = Redis.from_url(url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
        self._append = self._redis.register_script(_APPEND)
        self._begin_epoch = begin_epoch
        self._workspace = workspace
        self._place = b"0-0"
        self._number = 0
        self._term = 0
        self._may_follow = asyncio.Event()
        self._may_follow.set()
        self._rests = asyncio.Event()
        self._rows: dict[tuple[str, str], msgspec.Struct | bytes] = {}
        self._announced: list[Announcement] = []
        self._numbers: dict[str, int] = {}
        self._keys: dict[tuple[str, str | None], int] = {}  # announced, and not applied yet
        self._unsent: deque[Announcement] = deque(maxlen=UNSENT_MAX)

    # The outlet of a hub that leads.

    def publish(self, topic: str, key: str, data: msgspec.Struct | bytes) -> None:
        """Keep it for the next batch, in place of what the key had there."""
        self._rows[topic, key] = data

    def announce(self, topic: str, text: bytes, key: str | None) -> int:
        """Keep it for the next batch; its number."""
        known = self._hub.number_of(topic, key)
        if known is None and key is not None:
            known = self._keys.get((topic, key))
        if known is not None:
            return known
        number = self._numbers[topic] = self._numbers.get(topic, self._hub.reached([topic])[topic]) + 1
        if key is not None:
            self._keys[topic, key] = number
        self._announced.append(Announcement(topic, number, text, key))
        return number

    # What runs.

    async def begin(self) -> None:
        """Take over what there is. CacheDown while Redis cannot be reached."""
        try:
            await self._join()
        except _AWAY as error:
            raise CacheDown(f"the stream of other processes cannot be read ({error or 'no answer in time'})") from error

    async def follow(self) -> None:
        """Give the hub what the leader publishes, for ever, except while this process leads."""
        is_away = False
        while True:
            _heed_cancellation()
            self._rests.set()
            await self._may_follow.wait()
            self._rests.clear()
            try:
                await self._join()
                is_away = False
                while self._may_follow.is_set() and await self._read():
                    _heed_cancellation()
            except _AWAY as error:
                if not is_away:
                    _log.warning("the stream of the leader cannot be read: %s", error or "no answer in time")
                is_away = True
                await asyncio.sleep(RETRY_S)

    async def lead(self, work: Callable[[], Awaitable[None]]) -> None:
        """Publish for all processes while work runs, until it ends or a later leader has taken over.

        CacheDown while Redis cannot be reached.
        """
        self._may_follow.clear()
        await self._rests.wait()
        try:
            await self._take_over()
            self._hub.divert(self)
            try:
                await _either(asyncio.ensure_future(self._send()), asyncio.ensure_future(work()))
            finally:
                self._hub.divert(None)
                with contextlib.suppress(*_AWAY):
                    await self._send_last()
        finally:
            self._may_follow.set()

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    # Of followers.

    async def _join(self) -> None:
        state = await self._load()
        if not state.epoch:
            await self._redis.hsetnx(STATE, "epoch", await self._begin_epoch())
            await self._redis.hsetnx(STATE, "workspace", self._workspace)
            state = await self._load()
        self._enter(state.epoch)
        self._place, self._number = state.place, state.number
        for topic, key, text in state.rows:
            self._hub.put(topic, key, text)
        for announcement in state.announced:
            self._hub.put_numbered(announcement)

    async def _load(self) -> State:
        pipe = self._redis.pipeline(transaction=True)
        pipe.hgetall(STATE)
        pipe.xrevrange(LOG, count=1)
        pipe.hgetall(NEWEST)
        pipe.lrange(ANNOUNCED, 0, -1)
        state, last, newest, announced = await pipe.execute()
        rows = []
        for field, text in newest.items():
            topic, _, key = field.decode().partition("\0")
            rows.append((topic, key, text))
        return State(
            last[0][0] if last else b"0-0",
            int(state.get(b"batch", 0)),
            state.get(b"epoch", b"").decode(),
            state.get(b"workspace", b"").decode(),
            rows,
            [_decode_announcement(each) for each in announced],
        )

    async def _read(self) -> bool:
        """Apply what is new; False where something was missed, and all must be read anew."""
        found: Any = await self._redis.xread({LOG: self._place}, count=100, block=BLOCK_MS)
        for place, fields in found[0][1] if found else ():
            batch = _decode_batch(fields[b"batch"])
            if batch.epoch != self._hub.epoch or batch.number != self._number + 1:
                return False
            self._place = place
            self._apply(batch)
        return True

    def _apply(self, batch: Batch) -> None:
        self._number = batch.number
        for topic, key, text in batch.rows:
            self._hub.put(topic, key, text)
        for announcement in batch.announced:
            self._hub.put_numbered(announcement)

    def _enter(self, epoch: str) -> None:
        if epoch != self._hub.epoch:
            self.on_epoch()
            self._hub.begin(epoch)

    # Of the leader.

    async def _take_over(self) -> None:
        try:
            self._term = int(await self._redis.hincrby(STATE, "term", 1))
            state = await self._load()
            if state.workspace not in ("", self._workspace):
                await self._begin_anew()
            await self._join()
        except _AWAY as error:
            raise CacheDown(f"other processes cannot be led ({error or 'no answer in time'})") from error
        self._numbers.clear()
        self._keys.clear()
        self._unsent.clear()
        self.on_lead(state.announced)

    async def _begin_anew(self) -> None:
        """Another workspace is live: nothing of the one before is of use."""
        epoch = await self._begin_epoch()
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(NEWEST, ANNOUNCED)
        pipe.hset(STATE, mapping={"epoch": epoch, "workspace": self._workspace})
        await pipe.execute()

    async def _send(self) -> None:
        """Send batches until a later leader has taken over."""
        away_until = 0.0
        while True:
            _heed_cancellation()
            await asyncio.sleep(BATCH_S)
            batch = self._gather()
            if not (batch.rows or batch.announced):
                continue
            if time.monotonic() >= away_until:
                try:
                    if not await self._send_one(batch):
                        _log.warning("another process leads now")
                        return
                    away_until = 0.0
                    self._unsent.clear()
                except _AWAY as error:
                    if not away_until:
                        _log.warning("other processes hear nothing: %s", error or "no answer in time")
                    away_until = time.monotonic() + RETRY_S
            if away_until:
                self._unsent.extend(batch.announced[len(self._unsent) :])
            self._apply(batch)
            for announcement in batch.announced:
                self._keys.pop((announcement.topic, announcement.key), None)  # the hub knows it now

    async def _send_last(self) -> None:
        """What was published in the last moment."""
        batch = self._gather()
        if (batch.rows or batch.announced) and await self._send_one(batch):
            self._apply(batch)

    def _gather(self) -> Batch:
        rows = [(*place, data if isinstance(data, bytes) else _json(data)) for place, data in self._rows.items()]
        announced = [*self._unsent, *self._announced]
        self._rows.clear()
        self._announced = []
        return Batch(self._number + 1, self._hub.epoch, rows, announced)

    async def _send_one(self, batch: Batch) -> bool:
        fields = [part for topic, key, text in batch.rows for part in (f"{topic}\0{key}", text)]
        announced = [_encode(announcement) for announcement in batch.announced]
        head = (self._term, BATCHES_MAX, _encode(batch), len(batch.rows), batch.number, ANNOUNCED_MAX)
        keys = (LOG, NEWEST, ANNOUNCED, STATE)
        return bool(await self._append(keys=keys, args=[*head, *fields, *announced]))


def _heed_cancellation() -> None:
    """A cancellation that meets a timeout inside redis-py can be lost there; the task still knows that it was asked."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _either(*tasks: asyncio.Future[None]) -> None:
    """Until the first of some has ended; the others are ended, too."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for each in ended:
        if isinstance(each, Exception):
            raise each
