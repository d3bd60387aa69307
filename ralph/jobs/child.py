"""The process of one heavy job: `python -m ralph.jobs.child`, an Order on standard input, its words on standard output.

It is nice, ends with its parent, and speaks to nobody but the database: the parent keeps the lease and the ledger.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import threading
from typing import BinaryIO

import msgspec

from ralph.embedded.guard import PR_SET_PDEATHSIG
from ralph.errors import DatabaseDown, RalphError
from ralph.jobs.apart import LENGTH, Order, Said, decode_order
from ralph.jobs.attempt import Outcome, Pace, attempt, load_kinds, told
from ralph.jobs.kind import JobContext
from ralph.store.database import Database
from ralph.store.ledger import Progress
from ralph.store.metering import Meter
from ralph.telemetry import Span, Tracer, configure_logs, current_trace, log_rules, request_id

NICENESS = 10
TELL_S = 0.2


class Mouth:
    """Says things to the parent, whole."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def say(self, said: Said) -> None:
        """One message."""
        text = msgspec.json.encode(said)
        with self._lock, contextlib.suppress(BrokenPipeError):  # the parent has gone, and we will, too
            self._pipe.write(LENGTH.pack(len(text)) + text)
            self._pipe.flush()


def main() -> None:
    """Do what standard input orders, say how it ended, and leave."""
    mouth = Mouth(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)  # what a library prints must not be taken for words of ours
    order = decode_order(sys.stdin.buffer.read())
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != order.parent:
        return
    os.nice(NICENESS)
    configure_logs(log_rules(order.config))
    request_id.set(order.lease.trace_id)
    with contextlib.suppress(asyncio.CancelledError), asyncio.Runner() as runner:
        spans: list[Span] = []
        outcome = runner.run(_work(order, mouth, spans))
        mouth.say(Said(outcome=outcome, spans=spans))
        os._exit(0)  # a thread at work must not keep us


async def _work(order: Order, mouth: Mouth, spans: list[Span]) -> Outcome:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    # All of them: the parent decides which traces are kept.
    tracer = Tracer(slow_s=0.0, keep=lambda _, kept: spans.extend(kept))
    trace = tracer.begin(order.traceparent, collect=order.traceparent is not None)
    current_trace.set(trace)
    database, pace = Database(Meter()), Pace()
    teller = asyncio.create_task(_tell(pace, mouth))
    try:
        await database.connect(order.database_url)
        kind = load_kinds(order.catalogue)[order.lease.kind]
        return await attempt(kind, JobContext(order.lease, order.config, database, pace))
    except RalphError as error:
        return Outcome(error=told(error), is_away=isinstance(error, DatabaseDown))
    finally:
        teller.cancel()
        await database.close()
        tracer.end(trace, f"process of {order.lease.kind}", "internal", {"process.pid": os.getpid()})


async def _tell(pace: Pace, mouth: Mouth) -> None:
    last: Progress | None = None
    while True:
        if pace.latest is not None and pace.latest is not last:
            last = pace.latest
            mouth.say(Said(progress=last))
        await asyncio.sleep(TELL_S)


if __name__ == "__main__":
    main()
