"""A worker alone: jobs without serving."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ralph import __version__
from ralph.config import Config
from ralph.embedded.home import Addresses, Home
from ralph.jobs.scheduler import Scheduler
from ralph.jobs.watching import MeteredWatcher
from ralph.jobs.worker import Means, Worker
from ralph.store.database import Database
from ralph.store.ledger import QueueName
from ralph.store.metering import Meter
from ralph.store.migrate import migrate
from ralph.telemetry import Instruments


@dataclass(frozen=True)
class Work:
    """What a worker does: with which servers, jobs of which queues, and at which (host, port) it shows its metrics."""

    addresses: Addresses
    queues: Sequence[QueueName]
    metrics_at: tuple[str, int] | None = None


async def work(config: Config, doing: Work, say: Callable[[str], None]) -> None:
    """Work on jobs, without serving, until told to stop. Misconfigured where metrics cannot be shown."""
    database_url, redis_url = doing.addresses.database_url, doing.addresses.redis_url
    assert database_url is not None
    assert redis_url is not None
    instruments = Instruments(config.telemetry, __version__)
    database = Database(Meter(instruments.metrics))
    await database.connect(database_url)
    instruments.start()
    try:
        if doing.metrics_at is not None:
            instruments.show(*doing.metrics_at)
        async with database.acquire() as connection:
            await migrate(connection)
        watcher = MeteredWatcher(instruments.metrics, lambda detail: None)
        means = Means(
            config,
            database,
            database_url,
            redis_url,
            queues=doing.queues,
            watcher=watcher,
            tracer=instruments.tracer,
            scheduler=Scheduler(database, Home(config.home).calendar(), config),
        )
        worker = Worker(means)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, worker.stop_picking)
        say(f"✓ {worker.name} works on jobs of {' and '.join(doing.queues)} · Ctrl-C stops")
        await worker.run()
    finally:
        await database.close()
        await asyncio.to_thread(instruments.close)
