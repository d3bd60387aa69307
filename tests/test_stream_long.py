"""The stream under load: readers that never read among many, noise without end, and memory that stays where it is."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
from pathlib import Path

import msgspec
import pytest
from live_server import BEARER, Live, live
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from ralph.config import StreamConfig

pytestmark = [pytest.mark.anyio, pytest.mark.long]

CLIENTS, SILENT = 300, 10
NOISE = 100_000
SOAK_S = 1_800.0
SETTLED_S = 120.0  # until memory is what it will be
GROWTH_BYTES = 8 << 20
CODES = {1002, 1003, 1007, 1008, 1009}


async def test_ten_of_three_hundred_never_read() -> None:
    """They are closed with 1013; the others are told everything, and none of them is closed."""
    async with live(StreamConfig(slow_s=5.0)) as server, contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(server.client()) for _ in range(CLIENTS - SILENT)]
        silent = [await stack.enter_async_context(server.client(max_queue=1)) for _ in range(SILENT)]
        for client in (*readers, *silent):
            await client.ask(op="subscribe", topics=["scans"] if client in readers else ["scans", "gate"])
        frames = 200
        told = asyncio.gather(*(client.frames(frames) for client in readers))
        for number in range(frames):
            server.hub.announce("scans", b'{"n":%d}' % number)
            server.hub.publish("gate", "", b'{"n":%d,"x":"%s"}' % (number, b"x" * 60_000))
            await asyncio.sleep(0.1)
        for frame_list in await told:
            assert [frame["seq"] for frame in frame_list] == list(range(1, frames + 1))
        assert server.metrics.registry.get_sample_value("ralph_ws_closed_total", {"code": "1013"}) == SILENT
        assert all(client.socket.close_code is None for client in readers)


async def test_noise_is_closed_with_the_right_code_and_leaves_nothing() -> None:
    """Messages of every kind, a hundred thousand of them; the server serves on, as large as before."""
    rng = random.Random(7)
    async with live() as server:
        sent = before = 0
        while sent < NOISE:
            sent += await _annoy(server, rng)
            if not before and sent > NOISE // 5:
                before = _memory()
        assert _memory() - before < GROWTH_BYTES
        async with server.client() as client:
            assert await client.ask(op="ping", id=1) == {"type": "pong", "id": 1}


async def test_memory_is_flat_over_half_an_hour() -> None:
    """Clients come and go, some read slowly; quotes of a whole market and signals go on."""
    async with live() as server:
        loop = asyncio.get_running_loop()
        started, before, tick = loop.time(), 0, 0
        crowd = asyncio.ensure_future(_crowd(server))
        while (now := loop.time() - started) < SOAK_S:
            tick += 1
            codes = [f"{(tick * 97 + place) % 2_800:06}" for place in range(100)]
            server.hub.publish_many("quote:", codes, [b'{"symbol":"%s"}' % code.encode() for code in codes])
            if tick % 50 == 0:
                server.hub.announce("signals", b'{"n":%d}' % tick, key=str(tick))
                server.station.scribe._journal.entries.clear()  # type: ignore[attr-defined]
            if not before and now > SETTLED_S:
                before = _memory()
            await asyncio.sleep(0.01)
        assert not crowd.done()
        crowd.cancel()
        await asyncio.gather(crowd, return_exceptions=True)
        assert _memory() - before < GROWTH_BYTES


async def _crowd(server: Live) -> None:
    """Twenty clients at a time, each for some seconds; on a machine that stands still, a ping may go unanswered."""

    async def one(rng: random.Random) -> None:
        while True:
            with contextlib.suppress(ConnectionClosed), contextlib.ExitStack() as stack:
                async with server.client(ping_interval=None) as client:
                    # Who is stopped while it waits for a goodbye behind much that it has not read hangs up.
                    stack.callback(client.socket.transport.abort)
                    await client.ask(op="subscribe", topics=["board", "signals"])
                    for _ in range(rng.randrange(5, 100)):
                        await client.read()
                        await asyncio.sleep(rng.random() / 5)

    async with asyncio.TaskGroup() as tasks:
        for seed in range(20):
            tasks.create_task(one(random.Random(seed)))


async def _annoy(server: Live, rng: random.Random) -> int:
    """One client that says nonsense until it is closed; how much it said."""
    said = 0
    async with connect(server.url, additional_headers=BEARER, compression=None) as socket:
        with contextlib.suppress(ConnectionClosed):
            while True:
                await socket.send(_nonsense(rng))
                said += 1
        assert socket.close_code in CODES
    return said


def _nonsense(rng: random.Random) -> str:
    """Text that is JSON or nearly so: requests with something wrong in them."""
    request = {
        "op": rng.choice(["subscribe", "unsubscribe", "ping", "", 7]),
        "id": rng.choice([1, -1, 2**60, None, "1"]),
        "topics": [rng.choice(["gate", "signals", "quote:005930", "x" * 300, ""]) for _ in range(rng.randrange(4))],
        "since": {"signals": rng.randrange(-5, 5)},
        "epoch": "nobody's",
    }
    kept = {name: value for name, value in request.items() if rng.random() < 0.7}
    return msgspec.json.encode(kept).decode()[: rng.choice([10_000] * 200 + [5])]


def _memory() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
