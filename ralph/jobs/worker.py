"""Works on the jobs of the ledger: takes them when the bell rings, keeps their leases, settles them, sweeps lost ones.

Nothing is lost with Redis: a ring only saves waiting for the next look. Nothing counts twice with Postgres: what is not
settled there is taken again under another attempt, and the older one can no longer write.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import secrets
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import asyncpg

from ralph.config import Config
from ralph.errors import CacheDown, Unavailable
from ralph.jobs.apart import Order, attempt_apart
from ralph.jobs.attempt import Outcome, Pace, attempt, judge, load_kinds
from ralph.jobs.bell import Bell
from ralph.jobs.kind import CATALOGUE, CataloguePath, JobContext
from ralph.jobs.settling import Settler
from ralph.jobs.watching import Watcher
from ralph.store.database import Database
from ralph.store.leases import Claim, Lease, Settlement, claim, keep, sweep, to_cancel
from ralph.store.ledger import CHANNEL, QUEUES, JobId, Progress, QueueName, backlog
from ralph.telemetry import Tracer, current_trace, request_id

_log = logging.getLogger("ralph.jobs")

PROGRESS_S = 0.5  # how often progress is written
AWAY_S = (0.5, 1.0)  # pause while the database is away
END_S = 5.0  # after the grace, for jobs that were told to end to do so

CANCEL_S = 0.5
GATHER_S = 0.004  # while more waits than there is room for: jobs that end together make room for one claim, not several

Why = Literal["cancelled", "handed over", "lost"]


class Beginner(Protocol):
    """Begins what is due."""

    async def run(self) -> None:
        """For ever."""


@dataclass(frozen=True)
class Means:
    """What a worker works with. queues: those it serves; catalogue: the kinds it knows; scheduler: begins what is due,
    in every worker that has one."""

    config: Config
    database: Database
    database_url: str
    redis_url: str
    catalogue: CataloguePath = CATALOGUE
    queues: Sequence[QueueName] = QUEUES
    watcher: Watcher = field(default_factory=Watcher)
    scheduler: Beginner | None = None
    tracer: Tracer = field(default_factory=Tracer)


@dataclass
class _Held:
    """A job at work here. why: the reason for which its task was cancelled."""

    lease: Lease
    queue: QueueName
    kept_at: float
    pace: Pace = field(default_factory=Pace)
    written: Progress | None = None
    task: asyncio.Task[None] | None = None
    why: Why | None = None


class Worker:
    """Serves queues of the ledger until it is stopped. `run` it beside whatever else the process does."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._jobs = means.config.jobs
        self._kinds = load_kinds(means.catalogue)
        self.name = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(3)}"
        self._room = {"fast": self._jobs.fast_at_once, "long": self._jobs.long_at_once}
        self._suspects = asyncio.Semaphore(self._jobs.long_at_once)  # each is a process for a while
        self._wake = {queue: asyncio.Event() for queue in QUEUES}
        self._unrung: set[QueueName] = set()
        self._rung = asyncio.Event()
        self._cancels = asyncio.Event()
        self._held: dict[JobId, _Held] = {}
        self._claims = 0  # under way: what they bring is ours already
        self._stopping = False
        self._ended = asyncio.Event()
        self._settler = Settler(means.database, means.watcher.settled)
        self._bell = Bell(means.redis_url, lambda queue: self._wake[queue].set())

    async def run(self) -> None:
        """Work until `stop` is called. Errors of Postgres and Redis are waited out; other errors leave."""
        try:
            async with asyncio.TaskGroup() as group:
                serving = [group.create_task(self._serve(queue)) for queue in self._means.queues]
                beside = [group.create_task(self._bell.listen(queue)) for queue in self._means.queues]
                rounds = (self._notice, self._ring, self._keep, self._sweep, self._cancel, self._settler.run)
                beside += [group.create_task(work()) for work in rounds]
                if self._means.scheduler is not None:
                    beside.append(group.create_task(self._means.scheduler.run()))
                await asyncio.wait(serving, return_when=asyncio.ALL_COMPLETED)
                await self._finish()
                await _end_all(beside)
        finally:
            for held in self._held.values():
                if held.task is not None:
                    held.task.cancel()
            await self._bell.close()
            self._ended.set()

    def stop_picking(self) -> None:
        """Take no more jobs; `run` then ends within the grace and END_S: what is not done by then is handed over."""
        self._stopping = True
        for wake in self._wake.values():
            wake.set()

    async def stop(self) -> None:
        """`stop_picking`, and wait for the end of `run`."""
        self.stop_picking()
        await self._ended.wait()

    async def _finish(self) -> None:
        tasks = self._tasks()
        if tasks:
            await asyncio.wait(tasks, timeout=self._jobs.grace_s)
        for held in list(self._held.values()):
            self._end(held, "handed over")
        if tasks := self._tasks():
            await asyncio.wait(tasks, timeout=END_S)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [held.task for held in self._held.values() if held.task is not None]

    async def _serve(self, queue: QueueName) -> None:
        """Take jobs whenever there is room and a reason to look."""
        while not self._stopping:
            try:
                # Kept as long as it lives: a new job waits for no connection, and its statement is known there.
                async with self._means.database.acquire() as connection:
                    await self._take_with(connection, queue)
            except Unavailable as error:
                _log.warning("jobs cannot be taken: %s", error)
                await _pause()

    async def _take_with(self, connection: asyncpg.Connection, queue: QueueName) -> None:
        wake = self._wake[queue]
        while not self._stopping:
            wake.clear()
            is_behind = await self._take(connection, queue)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), self._jobs.sweep_s)
            if is_behind:
                await asyncio.sleep(GATHER_S)

    async def _take(self, connection: asyncpg.Connection, queue: QueueName) -> bool:
        """Take while there is room; True where more may wait than there was room for."""
        while not self._stopping:
            running = Counter(held.lease.kind for held in self._held.values() if held.queue == queue)
            room = self._room[queue] - running.total()
            full = {name for name, kind in self._kinds.items() if kind.at_once and running[name] >= kind.at_once}
            kinds = [name for name in self._kinds if name not in full]
            if room <= 0 or not kinds:
                return True
            # One by one where kinds have limits of their own: a claim does not count them.
            limit = 1 if any(self._kinds[name].at_once and self._kinds[name].queue == queue for name in kinds) else room
            self._claims += 1
            try:
                leases = await claim(connection, Claim(queue, kinds, self.name, self._jobs.lease_s, limit))
            finally:
                self._claims -= 1
            for lease in leases:
                if (older := self._held.get(lease.id)) is not None:
                    self._end(older, "lost")  # by us, while the database was away
                held = _Held(lease, queue, asyncio.get_running_loop().time())
                self._held[lease.id] = held
                held.task = asyncio.create_task(self._work(held), name=f"job {lease.id}")
            if len(leases) < limit:
                return False
        return False

    async def _work(self, held: _Held) -> None:
        request_id.set(held.lease.trace_id)
        settlement: Settlement | None = None
        try:
            outcome = await self._traced(held)
            settlement = judge(held.lease, self._kinds[held.lease.kind], outcome, self._jobs)
        except asyncio.CancelledError:
            if held.why is None:
                raise
            if held.why == "cancelled":
                settlement = Settlement(held.lease.id, held.lease.attempt, "cancelled")
            else:  # also where it was lost: only so it is known that its worker lives
                settlement = Settlement(held.lease.id, held.lease.attempt, "queued", is_handover=True)
        finally:
            if settlement is None:
                self._forget(held)
        if settlement is not None:
            try:
                await self._settler.settle(held.lease.kind, settlement)
            finally:
                self._forget(held)

    def _forget(self, held: _Held) -> None:
        if self._held.get(held.lease.id) is held:
            del self._held[held.lease.id]
        self._wake[held.queue].set()

    async def _traced(self, held: _Held) -> Outcome:
        """The attempt, as a part of the trace of whoever asked for the job."""
        lease, began = held.lease, time.perf_counter()
        trace = self._means.tracer.begin(lease.traceparent)
        current_trace.set(trace)
        error = None
        try:
            outcome = await self._attempt(held)
            error = outcome.error.code if outcome.error is not None else None
            return outcome
        finally:
            self._means.watcher.attempted(lease.kind, time.perf_counter() - began)
            about: dict[str, str | int | float] = {
                "messaging.destination.name": held.queue,
                "messaging.operation.name": lease.kind,
                "messaging.message.id": lease.id,
                "ralph.job.attempt": lease.attempts,
            }
            self._means.tracer.end(trace, f"job {lease.kind}", "consumer", about, error)

    async def _attempt(self, held: _Held) -> Outcome:
        means, kind = self._means, self._kinds[held.lease.kind]
        # Whatever a suspect does to its process, it does not do to ours and the jobs beside it.
        if not (kind.is_heavy or held.lease.is_suspect):
            return await attempt(kind, JobContext(held.lease, means.config, means.database, held.pace))
        trace = current_trace.get()
        under = trace.traceparent if trace is not None and trace.spans is not None else None
        order = Order(held.lease, means.catalogue, means.config, means.database_url, os.getpid(), under)

        def tell(progress: Progress) -> None:
            held.pace.latest = progress

        if kind.is_heavy:
            return await attempt_apart(order, kind.timeout_s, tell)
        async with self._suspects:
            return await attempt_apart(order, kind.timeout_s, tell)

    def _end(self, held: _Held, why: Why) -> None:
        if held.why is None and held.task is not None and not self._settler.holds(held.lease):
            held.why = why
            held.task.cancel()

    async def _notice(self) -> None:
        """Hear what committed transactions say, and pass it on."""

        def hear(notice: str) -> None:
            for queue in self._means.queues:
                if notice in (queue, ""):
                    self._hear_of(queue)
            if notice in ("cancel", ""):
                self._cancels.set()

        while True:
            try:
                async with self._means.database.listen(CHANNEL, hear):
                    await asyncio.Event().wait()
            except Unavailable:
                await _pause()

    def _hear_of(self, queue: QueueName) -> None:
        if sum(held.queue == queue for held in self._held.values()) < self._room[queue]:
            self._wake[queue].set()
        else:
            self._unrung.add(queue)
            self._rung.set()

    async def _ring(self) -> None:
        """We are full: ring for another worker, once for all new jobs of a moment. Where that is not possible, whoever
        looks next finds them."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            queues, self._unrung = self._unrung, set()
            for queue in queues:
                with contextlib.suppress(CacheDown):
                    await self._bell.ring(queue)

    async def _keep(self) -> None:
        """Say that we live, and how far jobs are."""
        while True:
            await asyncio.sleep(min(PROGRESS_S, self._jobs.heartbeat_s / 2))
            await self._reaching(self._keep_held)

    async def _keep_held(self) -> None:
        now = asyncio.get_running_loop().time()
        late = now - self._jobs.heartbeat_s / 2
        due = [held for held in self._held.values() if held.pace.latest is not held.written or held.kept_at <= late]
        if not due:
            return
        told = [(held, held.pace.latest if held.pace.latest is not held.written else None) for held in due]
        async with self._means.database.acquire() as connection:
            kept = await keep(connection, [(held.lease, progress) for held, progress in told], self._jobs.lease_s)
        for held, progress in told:
            held.kept_at, held.written = now, progress or held.written
            if held.lease.id not in kept:
                self._end(held, "lost")
            elif kept[held.lease.id]:
                self._end(held, "cancelled")

    async def _cancel(self) -> None:
        """End jobs whose end was asked for; the next keeping of leases would notice it, too."""
        while True:
            await self._cancels.wait()
            self._cancels.clear()
            await self._reaching(self._cancel_held)

    async def _cancel_held(self) -> None:
        async with self._means.database.acquire() as connection:
            for job_id in await to_cancel(connection, list(self._held)):
                if job_id in self._held:
                    self._end(self._held[job_id], "cancelled")

    async def _sweep(self) -> None:
        """Take back what lost workers held."""
        while True:
            await self._reaching(self._sweep_once)
            await asyncio.sleep(self._jobs.sweep_s)

    async def _sweep_once(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._keep_held()  # the database was away, or we were slow: what is ours is not lost
        async with self._means.database.acquire() as connection:
            has_stood_still = loop.time() - began > self._jobs.heartbeat_s  # since then: the next round keeps first
            held = None if self._claims else self._held
            lost = [] if has_stood_still else await sweep(connection, self._jobs.attempts_max, self.name, held)
            found = await backlog(connection)
        for job_id, kind, state in lost:
            _log.warning("job %s (%s) was lost by its worker and is %s", job_id, kind, state)
            self._means.watcher.settled(kind, state)
        if lost:
            for wake in self._wake.values():
                wake.set()
        self._means.watcher.looked(found)

    async def _reaching(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Unavailable as error:
            _log.debug("the ledger is not reachable: %s", error)
            await _pause()


async def _end_all(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: a client in the midst of connecting takes the first for a failed connection."""
    while waiting := [task for task in tasks if not task.done()]:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting, timeout=CANCEL_S)


async def _pause() -> None:
    await asyncio.sleep(random.uniform(*AWAY_S))  # noqa: S311  # jitter, no secret
