"""The doorbell: a worker that is full wakes another one through Redis. The only module that knows arq.

A ring carries nothing but the queue's name: the job itself is in the ledger. A ring that is lost, because Redis was
away or emptied, costs a moment until the ledger is looked at anyway; one too many costs a look.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import msgspec
from arq.connections import ArqRedis
from arq.worker import Worker, func
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

from ralph.errors import CacheDown
from ralph.store.ledger import QUEUES, QueueName

_log = logging.getLogger("ralph.jobs")

POLL_S: dict[QueueName, float] = {"fast": 0.2, "long": 0.5}  # how often arq asks Redis for rings; each costs CPU
ANSWER_S = 2.0
BACKOFF_S = (0.1, 2.0)
RING_S = 5  # nobody rings for longer; a ring that was not heard by then is not needed
RINGS_AT_ONCE = 50
_AWAY = (RedisError, OSError, TimeoutError)
_UNHEARD_MS = 60_000  # rings are forgotten after this: without workers they would pile up


class Bell:
    """Rings and hears rings. It works again by itself after Redis was away. on_ring is called with the queue's name."""

    def __init__(self, redis_url: str, on_ring: Callable[[QueueName], None]) -> None:
        self._on_ring = on_ring
        pool: ConnectionPool = ConnectionPool.from_url(
            redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S
        )
        self._redis = ArqRedis(
            pool,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
            expires_extra_ms=_UNHEARD_MS,
        )
        self._heard: dict[QueueName, bool] = dict.fromkeys(QUEUES, False)
        logging.getLogger("arq").setLevel(logging.WARNING)  # it tells of every ring

    async def ring(self, queue: QueueName) -> None:
        """Wake one worker of the queue. CacheDown when Redis cannot be reached."""
        try:
            await self._redis.enqueue_job("ring", queue, _queue_name=_name(queue))
        except _AWAY as error:
            raise CacheDown(f"nobody could be told of a new job ({error or 'no answer in time'})") from error

    async def listen(self, queue: QueueName) -> None:
        """Hear the rings of a queue, for ever: arq ends at the first failure of Redis, and is begun again."""
        pause_s = BACKOFF_S[0]
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        while True:
            begun = loop.time()
            try:
                await self._hear(queue)
            except _AWAY as error:
                if task.cancelling():  # a client in the midst of connecting takes it for a failure of Redis
                    raise asyncio.CancelledError from error
                if loop.time() - begun > BACKOFF_S[1]:
                    pause_s = BACKOFF_S[0]
                _log.log(
                    logging.WARNING if self._heard[queue] else logging.DEBUG,
                    "the bell of %s is silent: %s",
                    queue,
                    error,
                )
            self._heard[queue] = False
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, no secret
            pause_s = min(pause_s * 2, BACKOFF_S[1])

    async def _hear(self, queue: QueueName) -> None:
        await self._redis.ping()
        self._heard[queue] = True
        self._on_ring(queue)  # whatever was rung while nobody listened
        worker = Worker(
            [func(self._rung, name="ring", max_tries=1, timeout=RING_S, keep_result=0)],
            queue_name=_name(queue),
            redis_pool=self._redis,
            poll_delay=POLL_S[queue],
            max_jobs=RINGS_AT_ONCE,
            handle_signals=False,
            log_results=False,
            job_serializer=msgspec.msgpack.encode,
            job_deserializer=msgspec.msgpack.decode,
        )
        try:
            await worker.main()
        finally:
            for task in worker.tasks.values():
                task.cancel()
            await asyncio.gather(*worker.tasks.values(), return_exceptions=True)

    async def _rung(self, ctx: dict[Any, Any], queue: QueueName) -> None:
        self._on_ring(queue)

    async def close(self) -> None:
        """Close every connection; nobody listens any more."""
        await self._redis.aclose(close_connection_pool=True)


def _name(queue: QueueName) -> str:
    return f"ralph:bell:{queue}"
