"""Heavy jobs run in a process of their own, which yields to the server; its death is noticed at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from ralph.config import Config
from ralph.jobs.attempt import RESULT_BYTES_MAX, Outcome
from ralph.jobs.kind import CataloguePath
from ralph.store.leases import Lease
from ralph.store.ledger import JobError, Progress
from ralph.telemetry import Span, current_trace

FRAME_BYTES_MAX = RESULT_BYTES_MAX + 524_288  # a result, and the spans of its trace
LENGTH = struct.Struct("<I")
STOP_S = 2.0  # for rolling back what is open, before it is killed
LATE_S = 10.0  # a child ends by itself when its time is over; one that hangs is ended after this


class Order(msgspec.Struct, frozen=True):
    """What a child is to do: one attempt of a kind in a catalogue. It goes through a pipe, as the URL is a secret.
    traceparent: where what it does is collected, the trace it belongs to."""

    lease: Lease
    catalogue: CataloguePath
    config: Config
    database_url: str
    parent: int
    traceparent: str | None = None


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of a child: how far it is, or how it ended, with the spans of what it did."""

    progress: Progress | None = None
    outcome: Outcome | None = None
    spans: list[Span] = []


async def attempt_apart(order: Order, timeout_s: float, tell: Callable[[Progress], None]) -> Outcome:
    """One attempt in a child. When the caller is cancelled, the child has ended before this returns."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ralph.jobs.child",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if not name.startswith("RALPH_")},
        start_new_session=True,  # Ctrl-C reaches the worker alone
    )
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        child.stdin.write(msgspec.json.encode(order, enc_hook=str))
        with contextlib.suppress(ConnectionError):  # it died before it could read; what follows finds out
            await child.stdin.drain()
        child.stdin.close()
        async with asyncio.timeout(timeout_s + LATE_S):
            return await _hear(child.stdout, tell) or await _died(child)
    except TimeoutError:
        return Outcome(error=JobError("TIMEOUT", f"it took longer than {timeout_s:g} s, and did not stop"))
    finally:
        await asyncio.shield(asyncio.ensure_future(_end(child)))


async def _hear(pipe: asyncio.StreamReader, tell: Callable[[Progress], None]) -> Outcome | None:
    """What the child says, to its outcome; None when it falls silent before."""
    try:
        while True:
            (length,) = LENGTH.unpack(await pipe.readexactly(LENGTH.size))
            assert length <= FRAME_BYTES_MAX, "a child keeps to its limit"
            said = msgspec.json.decode(await pipe.readexactly(length), type=Said)
            if said.progress is not None:
                tell(said.progress)
            if said.outcome is not None:
                if (trace := current_trace.get()) is not None:
                    trace.adopt(said.spans)
                return said.outcome
    except asyncio.IncompleteReadError:
        return None


async def _died(child: asyncio.subprocess.Process) -> Outcome:
    code = await child.wait()
    why = f"signal {-code}" if code < 0 else f"exit code {code}"
    return Outcome(error=JobError("CHILD_ENDED", f"its process ended in the midst of it ({why})"))


async def _end(child: asyncio.subprocess.Process) -> None:
    for number, patience_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, None)):
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), patience_s)
            return


def decode_order(text: bytes) -> Order:
    """An Order from the pipe."""
    return msgspec.json.decode(text, type=Order, dec_hook=_path)


def _path(kind: type[Any], value: Any) -> Any:
    return kind(value)
