"""A `/ws` behind the door and uvicorn, in the test's own loop, with a journal in memory; and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from ralph.api.access import Access
from ralph.api.door import Door
from ralph.api.live_socket import LiveSocket
from ralph.config import StreamConfig
from ralph.market.panel import Panel
from ralph.stream.protocol import MESSAGE_BYTES
from ralph.stream.sockets import EXTENSION, StraightWebSocket
from ralph.stream.station import Station
from ralph.telemetry import Metrics, Receive, Scope, Send

KEY = "rk_" + "the-owner-".ljust(43, "x")
BEARER = {"Authorization": f"Bearer {KEY}"}
PATIENCE_S = 60.0  # of tests: however busy the machine is


class Sessions:
    """Browser sessions in a dict."""

    def __init__(self) -> None:
        self.kept: dict[bytes, datetime] = {}

    async def save_session(self, token_sha256: bytes, expires_at: datetime) -> None:
        self.kept[token_sha256] = expires_at

    async def session_expiry(self, token_sha256: bytes) -> datetime | None:
        return self.kept.get(token_sha256)

    async def open_among(self, tokens_sha256: Collection[bytes]) -> set[bytes]:
        return {each for each in tokens_sha256 if each in self.kept and self.kept[each] > datetime.now(UTC)}

    async def end_session(self, token_sha256: bytes) -> None:
        self.kept.pop(token_sha256, None)


class MemoryJournal:
    """Announcements in a list, in the order of their epochs."""

    def __init__(self) -> None:
        self.epochs: list[str] = []
        self.entries: list[tuple[str, str, int, str | None, str]] = []

    async def begin(self, workspace: str) -> str:
        self.epochs.append(f"epoch{len(self.epochs)}")
        return self.epochs[-1]

    async def keys(self, workspace: str) -> list[tuple[str, str]]:
        return [(topic, key) for _, topic, _, key, _ in self.entries if key is not None]

    async def write(self, epoch: str, entries: Sequence[tuple[str, int, str | None, str]]) -> None:
        self.entries += [(epoch, *entry) for entry in entries]

    async def after(
        self, epoch: str, now: str, topic: str, number: int, limit: int
    ) -> list[tuple[str, int, str]] | None:
        if epoch not in self.epochs:
            return None
        begun = self.epochs.index(epoch)
        found = [
            (each, place, text)
            for each, name, place, _, text in self.entries
            if name == topic and (self.epochs.index(each), place) > (begun, number)
        ]
        return found[:limit]

    async def cut(self) -> None:
        return None


class Live:
    """A running server."""

    def __init__(self, station: Station, metrics: Metrics, url: str, sessions: Sessions, access: Access) -> None:
        self.sessions = sessions
        self.access = access
        self.station = station
        self.hub = station.hub
        self.metrics = metrics
        self.url = url

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.url.split("/")[2].partition(":")
        return host, int(port)

    @contextlib.asynccontextmanager
    async def client(self, headers: dict[str, str] = BEARER, **options: Any) -> AsyncIterator[Client]:
        """A connected client that has read its hello."""
        async with connect(self.url, additional_headers=headers, compression=None, **options) as socket:
            client = Client(socket)
            client.hello = await client.read()
            yield client


class Client:
    """A client that speaks the protocol."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.hello: dict[str, Any] = {}

    async def read(self) -> dict[str, Any]:
        """The next message."""
        return cast(dict[str, Any], msgspec.json.decode(await asyncio.wait_for(self.socket.recv(), PATIENCE_S)))

    async def ask(self, **op: Any) -> dict[str, Any]:
        """Ask, and read the answer, which comes before anything else."""
        await self.socket.send(msgspec.json.encode(op).decode())
        return await self.read()

    async def frames(self, count: int = 1) -> list[dict[str, Any]]:
        """Frames as they come, until there are so many."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += (await self.read())["frames"]
        return found

    async def closed(self) -> tuple[int | None, str | None]:
        """Read until the end: why the server hung up."""
        await asyncio.wait_for(self.socket.wait_closed(), PATIENCE_S)
        return self.socket.close_code, self.socket.close_reason


@contextlib.asynccontextmanager
async def live(
    config: StreamConfig | None = None, journal: MemoryJournal | None = None, straight: bool = True
) -> AsyncIterator[Live]:
    """A server; straight=False: frames go through plain ASGI."""
    station = Station(journal or MemoryJournal(), config or StreamConfig())
    await station.begin("demo")
    async with serving_station(station, straight) as server:
        yield server


@contextlib.asynccontextmanager
async def serving_station(station: Station, straight: bool = True) -> AsyncIterator[Live]:
    """The same with a station that has begun."""
    config = station.config
    metrics = Metrics("test")
    panel = cast(Panel, SimpleNamespace(workspace="demo", simulated=True, columns={"005930": 0, "000660": 1}))
    application = LiveSocket(station, lambda: panel, metrics)

    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope["extensions"].pop(EXTENSION)
        await application(scope, receive, send)

    sessions = Sessions()
    access = Access(KEY, sessions)
    door = Door(application if straight else plain, access, frozenset(), 2_000)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            door,
            http="httptools",
            ws=StraightWebSocket,
            ws_max_size=MESSAGE_BYTES,
            ws_ping_interval=config.ping_s,
            ws_ping_timeout=config.ping_s,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
        )
    )
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    tasks = [
        asyncio.ensure_future(work) for work in (server.serve(sockets=[listener]), station.run(), application.count())
    ]
    try:
        while not server.started:  # noqa: ASYNC110  # uvicorn tells nobody
            await asyncio.sleep(0.005)
        yield Live(station, metrics, f"ws://127.0.0.1:{listener.getsockname()[1]}/ws", sessions, access)
    finally:
        server.should_exit = True
        await tasks[0]
        for task in tasks[1:]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        listener.close()
