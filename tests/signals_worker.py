"""A process of its own that fills the history of Signals, to be killed: `signals_worker.py URL FOLDER FROM TO`."""

from __future__ import annotations

import asyncio
import sys
from datetime import date
from pathlib import Path

from test_signals_store import opened

from ralph.errors import NotReady


def told(phase: str, done: int, total: int) -> None:
    sys.stdout.write(f"{done} {total}\n")
    sys.stdout.flush()


async def main(url: str, folder: str, since: str, until: str) -> None:
    async with opened(url, Path(folder)) as bench:
        span = date.fromisoformat(since), date.fromisoformat(until)
        while True:
            try:
                await bench.signalling.backfill("main", span, None, told)
            except NotReady:  # Postgres has not yet seen that the process before is gone
                await asyncio.sleep(0.2)
            else:
                return


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
