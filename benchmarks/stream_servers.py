"""The servers that the stream's goals compare, each in a process: `python -m benchmarks.stream_servers KIND`.

It says its port, then does what it is told on standard input, a line of JSON each, and answers with what that cost.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol, cast

import numpy as np
import picows
import uvicorn
from litestar import Litestar
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend

from ralph.api.access import Access
from ralph.api.door import Door
from ralph.api.listening import bind
from ralph.api.live_socket import LiveSocket
from ralph.config import StreamConfig
from ralph.stream.frames import to_wire
from ralph.stream.protocol import MESSAGE_BYTES
from ralph.stream.sending import send
from ralph.stream.sockets import StraightWebSocket
from ralph.stream.station import Station
from ralph.telemetry import Metrics

KEY = "rk_benchmark"
MESSAGE_BYTES_SENT = 200
TOPIC = "scans"
SYMBOLS = 2_800
BATCH_S = 0.01
_HEAD = b'{"type":"frames","frames":[{"topic":"scans","seq":1234,"data":{"at":%d,"x":"'
_TAIL = b'"}}]}'


def stamped(size: int = MESSAGE_BYTES_SENT) -> bytes:
    """A whole message as Ralph makes it, of this many bytes, with the time in it."""
    head = _HEAD % time.monotonic_ns()
    return head + b"x" * (size - len(head) - len(_TAIL)) + _TAIL


def stamped_data(size: int) -> bytes:
    """The `data` of such a message."""
    return stamped(size).partition(b'"data":')[2][:-3]


class Broadcaster(Protocol):
    """A server: told to everyone who is connected."""

    async def start(self) -> int: ...

    def tell(self, size: int) -> None: ...

    async def told(self) -> None: ...


class Forgetful:
    """A journal that keeps nothing: its cost is the database's."""

    async def begin(self, workspace: str) -> str:
        return "benchmark"

    async def keys(self, workspace: str) -> Sequence[tuple[str, str]]:
        return ()

    async def write(self, epoch: str, entries: Sequence[tuple[str, int, str | None, str]]) -> None:
        return None

    async def after(self, epoch: str, now: str, topic: str, number: int, limit: int) -> None:
        return None

    async def cut(self) -> None:
        return None


class NoSessions:
    """Nobody has a browser session."""

    async def save_session(self, token_sha256: bytes, expires_at: datetime) -> None:
        return None

    async def session_expiry(self, token_sha256: bytes) -> datetime | None:
        return None

    async def open_among(self, tokens_sha256: Collection[bytes]) -> set[bytes]:
        return set()

    async def end_session(self, token_sha256: bytes) -> None:
        return None


class Ralph:
    """Ralph's `/ws` behind its door."""

    def __init__(self) -> None:
        self.station = Station(Forgetful(), StreamConfig(slow_s=600.0))
        columns = {f"{index:06}": index for index in range(SYMBOLS)}
        panel = cast(Any, SimpleNamespace(workspace="demo", simulated=True, columns=columns))
        live = LiveSocket(self.station, lambda: panel, Metrics("benchmark"))
        self._door = Door(live, Access(KEY, NoSessions()), frozenset(), 2_000)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> int:
        await self.station.begin("demo")
        self._tasks.append(asyncio.create_task(self.station.run()))
        await self.station.rounds.quicken()  # not while anything is measured
        return await _serve(self._door, StraightWebSocket)

    def tell(self, size: int) -> None:
        self.station.hub.announce(TOPIC, stamped_data(size))

    async def told(self) -> None:
        """Each is given eight at once after a rest: this is the rest."""
        await asyncio.sleep(0.55)

    async def ticks(self, seconds: float, per_second: int) -> None:
        """Quotes of all Symbols in turn, as rows that the hub encodes."""
        batch = int(per_second * BATCH_S)
        codes = [f"{index:06}" for index in range(SYMBOLS)]
        started, place, done = time.perf_counter(), 0, 0
        while done < seconds * per_second:
            keys = [codes[(place + step * 37) % SYMBOLS] for step in range(batch)]
            place += batch * 37
            now = time.monotonic_ns()
            rows = [
                b'{"symbol":"%s","at":%d,"price":71000.0,"change":100.0,"change_ratio":0.0014,"open":70900.0,'
                b'"high":71500.0,"low":70500.0,"volume":1234567,"value":87654321000.0,"session":"regular"}'
                % (key.encode(), now)
                for key in keys
            ]
            self.station.hub.publish_many("quote:", keys, rows)
            done += batch
            await asyncio.sleep(max(0.0, started + done / per_second - time.perf_counter()))


class Picows:
    """picows, written in C."""

    def __init__(self) -> None:
        self._transports: set[picows.WSTransport] = set()

    async def start(self) -> int:
        transports = self._transports

        class Listener(picows.WSListener):
            def on_ws_connected(self, transport: picows.WSTransport) -> None:
                transports.add(transport)

            def on_ws_disconnected(self, transport: picows.WSTransport) -> None:
                transports.discard(transport)

        server = await picows.ws_create_server(lambda request: Listener(), "127.0.0.1", 0)
        return int(server.sockets[0].getsockname()[1])

    def tell(self, size: int) -> None:
        message = stamped(size)
        for transport in self._transports:
            transport.send(picows.WSMsgType.TEXT, message)

    async def told(self) -> None:
        await asyncio.sleep(0.55)


class Bare(Picows):
    """One compiled loop of the system's own `send`, and nothing else: what no server of any language is below."""

    def tell(self, size: int) -> None:
        sockets = (transport.underlying_transport.get_extra_info("socket") for transport in self._transports)
        descriptors = np.array([each.fileno() for each in sockets], dtype=np.int32)
        if send(descriptors, to_wire(stamped(size))):
            raise RuntimeError("a client does not read")


class Channels:
    """Litestar's ChannelsPlugin."""

    def __init__(self) -> None:
        self._channels = ChannelsPlugin(MemoryChannelsBackend(), channels=["all"], create_ws_route_handlers=True)

    async def start(self) -> int:
        app = Litestar(plugins=[self._channels], logging_config=None)
        return await _serve(app, "websockets-sansio", lifespan="on")

    def tell(self, size: int) -> None:
        self._channels.publish(stamped(size).decode(), "all")

    async def told(self) -> None:
        await asyncio.sleep(0.55)


async def _serve(app: Any, protocol: Any, lifespan: Any = "off") -> int:
    listener = bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        http="httptools",
        ws=protocol,
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,
        lifespan=lifespan,
        log_level="warning",
    )
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    _KEPT.append(asyncio.create_task(server.serve(sockets=[listener])))
    return int(listener.getsockname()[1])


_KEPT: list[asyncio.Task[None]] = []


def _memory() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


async def _do(server: Any, order: dict[str, Any]) -> dict[str, Any]:
    """One order: a burst, a steady rate, ticks, or nothing but the state."""
    cpu, wall = time.process_time(), time.perf_counter()
    if order["do"] == "burst":
        for _ in range(order["count"]):
            server.tell(order.get("size", MESSAGE_BYTES_SENT))
            await asyncio.sleep(order.get("gap_s", 0.02))
        await server.told()
    elif order["do"] == "steady":
        for place in range(order["count"]):
            server.tell(MESSAGE_BYTES_SENT)
            await asyncio.sleep(max(0.0, wall + (place + 1) * order["gap_s"] - time.perf_counter()))
    elif order["do"] == "ticks":
        await server.ticks(order["seconds"], order["per_second"])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    station = getattr(server, "station", None)
    blocked = station.rounds.blocked if station is not None else 0
    return {"cpu_s": cpu, "wall_s": wall, "total_cpu_s": time.process_time(), "memory": _memory(), "blocked": blocked}


async def main(kind: str) -> None:
    """Serve, and obey until standard input ends."""
    kinds: dict[str, type[Broadcaster]] = {"ralph": Ralph, "picows": Picows, "channels": Channels, "bare": Bare}
    server = kinds[kind]()
    port = await server.start()
    print(port, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await _do(server, json.loads(line))), flush=True)
    os._exit(0)  # thousands of sockets need not be closed one by one


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(sys.argv[1]))
