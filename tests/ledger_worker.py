"""A worker in a process of its own, with the kinds of the tests: home, database URL, Redis URL; `short` leases, or
those that are there by `default`."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import ledger_kinds

from ralph.config import Config, JobsConfig
from ralph.jobs.worker import Means, Worker
from ralph.store.database import Database

SHORT = JobsConfig(lease_s=1.0, heartbeat_s=0.3, sweep_s=0.2, grace_s=0.5)


PACES = {"short": SHORT, "default": JobsConfig()}


async def main(home: str, database_url: str, redis_url: str, pace: str) -> None:
    """Work until SIGTERM."""
    database = Database()
    await database.connect(database_url)
    config = Config(home=Path(home), jobs=PACES[pace])
    worker = Worker(Means(config, database, database_url, redis_url, ledger_kinds.CATALOGUE))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop_picking)
    await worker.run()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
