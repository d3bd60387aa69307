"""An answer that is written whole is the one that would be sent in parts, whatever the client does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import uvicorn

from ralph.api.access import Access
from ralph.api.conditional import Conditional, keep
from ralph.api.door import Door
from ralph.api.listening import HttpServer, bind
from ralph.api.whole import StraightHttp, wholly
from ralph.telemetry import Metrics, Observer, Tracer
from ralph.telemetry.observer import AccessLog

pytestmark = pytest.mark.anyio

KEY = "rk_the-owner"
ASK = f"GET /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {KEY}\r\n"
BODY = b'{"what": "it is"}' * 100


async def application(scope: Any, receive: Any, send: Any) -> None:
    scope["path_template"] = "/api/v1/x"
    keep(scope, lambda: 1)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


@contextlib.asynccontextmanager
async def served(http: Any) -> AsyncIterator[tuple[int, Metrics]]:
    """The stack as it is, with an application that is never asked twice."""
    metrics = Metrics("0")
    door = Door(Conditional(application), Access(KEY, None), frozenset(), 1_000)  # type: ignore[arg-type]
    app = wholly(Observer(door, metrics, Tracer(), AccessLog(20, 1.0)))
    options: Any = {"lifespan": "off", "log_config": None, "access_log": False, "server_header": False}
    server = HttpServer(uvicorn.Config(app, http=http, ws="none", **options), lambda: None)
    listener = bind("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.listening.wait()
        yield listener.getsockname()[1], metrics
    finally:
        server.should_exit = True
        await serving


async def said(port: int, request: str, answers: int) -> bytes:
    """All that is answered to these bytes, until so many answers came or the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode())
    got = b""
    async with asyncio.timeout(10):
        while got.count(BODY) < answers and (more := await reader.read(65_536)):
            got += more
    writer.close()
    return got


@pytest.mark.parametrize("http", [StraightHttp, "httptools"])
async def test_kept_answers_are_like_those_that_were_made(http: Any) -> None:
    """Header by header, over one connection, and counted as any; without the protocol too."""
    async with served(http) as (port, metrics):
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
            made, kept, again = [await client.get("/api/v1/x") for _ in range(3)]
            known = await client.get("/api/v1/x", headers={"If-None-Match": made.headers["etag"]})
        assert (made.status_code, kept.status_code, known.status_code) == (200, 200, 304)
        assert made.content == kept.content == again.content == BODY
        own = {"x-request-id", "cache-status", "date"}
        assert {name: kept.headers[name] for name in made.headers if name not in own} == {
            name: value for name, value in made.headers.items() if name not in own
        }
        assert set(kept.headers) - set(made.headers) == {"cache-status"}
        assert len({each.headers["x-request-id"] for each in (made, kept, again)}) == 3
        labels = {
            "http_request_method": "GET",
            "http_route": "/api/v1/x",
            "http_response_status_code": "200",
        }
        assert metrics.registry.get_sample_value("http_server_request_duration_seconds_count", labels) == 3


async def test_whoever_sends_ahead_gets_each_answer_in_order() -> None:
    async with served(StraightHttp) as (port, _):
        for count in (1, 5):
            requests = "".join(f"{ASK}X-Request-ID: request-{number}\r\n\r\n" for number in range(count))
            got = await said(port, requests, count)
            assert got.count(b"HTTP/1.1 200 OK") == got.count(BODY) == count
            places = [got.index(b"x-request-id: request-%d\r\n" % number) for number in range(count)]
            assert places == sorted(places)


@pytest.mark.parametrize("wish", ["Connection: close\r\n", ""])
async def test_a_connection_is_closed_for_whoever_asks_for_it(wish: str) -> None:
    async with served(StraightHttp) as (port, _):
        await said(port, f"{ASK}\r\n", 1)
        request = ASK if wish else ASK.replace("HTTP/1.1", "HTTP/1.0")
        got = await said(port, f"{request}{wish}\r\n", 2)
        assert got.count(BODY) == 1
        assert b"connection: close" in got


async def test_one_who_does_not_read_is_waited_for_alone() -> None:
    """What cannot be written waits in bounds, and everybody else is answered."""
    async with served(StraightHttp) as (port, _):
        deaf = socket.create_connection(("127.0.0.1", port))
        with deaf:
            deaf.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                for _ in range(3_000):
                    deaf.send(f"{ASK}\r\n".encode())
            await asyncio.sleep(0.1)
            assert (await said(port, f"{ASK}\r\n", 1)).count(BODY) == 1
