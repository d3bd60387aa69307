"""A worker in a process of its own that begins what is due, every minute: home, database URL, Redis URL."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path

from ledger_worker import SHORT

from ralph.config import Config, ScheduleConfig
from ralph.jobs.scheduler import Scheduler
from ralph.jobs.worker import Means, Worker
from ralph.market.calendar import PUBLISHED
from ralph.store.database import Database

EVERY_MINUTE = ScheduleConfig(symbol_master="off", end_of_day="off", corrections="off", retention="* * * * *")


async def main(home: str, database_url: str, redis_url: str) -> None:
    """Work until SIGTERM; first of all say what time it is here."""
    print(time.time(), flush=True)  # noqa: T201  # the test reads it
    database = Database()
    await database.connect(database_url)
    config = Config(home=Path(home), jobs=SHORT, schedule=EVERY_MINUTE)
    scheduler = Scheduler(database, PUBLISHED, config)
    worker = Worker(Means(config, database, database_url, redis_url, scheduler=scheduler))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop_picking)
    await worker.run()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
