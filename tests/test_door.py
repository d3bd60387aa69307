"""The door: who is let in, and which bodies are stopped before anything decodes them."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from live_server import Sessions

from ralph.api.access import LINKS_MAX, Access
from ralph.api.door import Door, json_depth_over

KEY = "rk_the-owner"
Headers = list[tuple[bytes, bytes]]
HOST = (b"host", b"127.0.0.1:8420")
BEARER = (b"authorization", b"Bearer " + KEY.encode())


class Visit:
    """One request through the door; `reached` holds the body the application saw."""

    def __init__(self, access: Access) -> None:
        self.door = Door(self.application, access, frozenset({"ralph.local"}), body_max=2_000)
        self.reached: bytes | None = None
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"in"})

    async def make(self, path: str, headers: Headers, method: str = "GET", chunks: tuple[bytes, ...] = (b"",)) -> int:
        left = list(chunks)

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self.status, self.headers = message["status"], dict(message["headers"])
            else:
                self.body += message["body"]

        await self.door({"type": "http", "method": method, "path": path, "headers": headers}, receive, send)
        return self.status


@pytest.fixture
def access() -> Access:
    return Access(KEY, Sessions())


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"127.0.0.1:8420", 200),
        (b"localhost", 200),
        (b"[::1]:8420", 200),
        (b"RALPH.local", 200),
        (b"evil.example", 400),
        (b"", 400),
    ],
)
async def test_only_known_hosts_are_served(access: Access, host: bytes, status: int) -> None:
    """A page of another name that points here (DNS rebinding) gets nothing."""
    assert await Visit(access).make("/health", [(b"host", host)]) == status


@pytest.mark.anyio
async def test_a_request_without_or_with_two_hosts_is_refused(access: Access) -> None:
    assert await Visit(access).make("/health", []) == 400
    assert await Visit(access).make("/health", [HOST, HOST]) == 400


@pytest.mark.anyio
async def test_the_api_needs_the_key_and_health_does_not(access: Access) -> None:
    visit = Visit(access)
    assert await visit.make("/api/v1/symbols", [HOST]) == 401
    assert visit.reached is None
    assert visit.headers[b"www-authenticate"] == b"Bearer"
    assert msgspec.json.decode(visit.body)["code"] == "NOT_ALLOWED"
    assert await Visit(access).make("/api/v1/symbols", [HOST, (b"authorization", b"Bearer rk_wrong")]) == 401
    assert await Visit(access).make("/api/v1/symbols", [HOST, (b"authorization", b"Bearer \xff\xfe")]) == 401
    assert await Visit(access).make("/api/v1/symbols", [HOST, BEARER]) == 200
    assert await Visit(access).make("/health/live", [HOST]) == 200


@pytest.mark.anyio
async def test_a_link_opens_one_session_once(access: Access) -> None:
    token = access.new_link()
    session = await access.open_session(token)
    assert session is not None
    assert await access.open_session(token) is None
    assert await access.open_session("guess") is None
    cookie = (b"cookie", f"a=b; ralph_session={session}".encode())
    assert await Visit(access).make("/api/v1/symbols", [HOST, cookie]) == 200
    assert await Visit(access).make("/api/v1/symbols", [HOST, (b"cookie", b"ralph_session=guess")]) == 401
    post = {"method": "POST", "chunks": (b"{}",)}
    assert await Visit(access).make("/api/v1/screens/run", [HOST, cookie], **post) == 403  # type: ignore[arg-type]
    foreign = [HOST, cookie, (b"origin", b"https://evil.example")]
    assert await Visit(access).make("/api/v1/screens/run", foreign, **post) == 403  # type: ignore[arg-type]
    own = [HOST, cookie, (b"origin", b"http://127.0.0.1:8420")]
    assert await Visit(access).make("/api/v1/screens/run", own, **post) == 200  # type: ignore[arg-type]


@pytest.mark.anyio
async def test_an_expired_session_is_no_session() -> None:
    sessions = Sessions()
    access = Access(KEY, sessions)
    token = await access.open_session(access.new_link())
    assert token is not None
    sessions.kept = {digest: datetime.now(UTC) - timedelta(seconds=1) for digest in sessions.kept}
    assert not await access.is_session(token)


def test_links_that_nobody_uses_are_bounded(access: Access) -> None:
    tokens = [access.new_link() for _ in range(LINKS_MAX + 1)]
    assert len(set(tokens)) == LINKS_MAX + 1
    assert len(access._links) == LINKS_MAX


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("chunks", "status"),
    [
        ((b'{"expression": "close > 1"}',), 200),
        ((b"[" * 65 + b"]" * 65,), 400),
        ((b"[" * 33, b"[" * 33), 400),
        ((b"x" * 1_500, b"x" * 600), 413),
        ((b'{"a": "' + b"[" * 1_000 + b'"}',), 200),
    ],
)
async def test_bodies_are_bounded_in_size_and_depth(access: Access, chunks: tuple[bytes, ...], status: int) -> None:
    visit = Visit(access)
    assert await visit.make("/api/v1/screens/run", [HOST, BEARER], method="POST", chunks=chunks) == status
    assert visit.reached == (b"".join(chunks) if status == 200 else None)


@pytest.mark.anyio
async def test_a_body_that_announces_its_size_is_refused_unread(access: Access) -> None:
    headers = [HOST, BEARER, (b"content-length", b"10485760")]
    assert await Visit(access).make("/api/v1/screens/run", headers, method="POST", chunks=()) == 413


def depth_slowly(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth_slowly(part) for part in value.values()), default=0)
    return 1 + max((depth_slowly(part) for part in value), default=0) if isinstance(value, list) else 0


@given(
    st.recursive(
        st.text(alphabet='[]{}"\\a') | st.integers(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='[]{}"\\a'), inner, max_size=3),
    ),
    st.integers(0, 6),
)
def test_depth_is_counted_outside_strings_only(value: object, limit: int) -> None:
    """The scan of bytes agrees with the depth of what the text decodes to."""
    assert json_depth_over(msgspec.json.encode(value), limit) == (depth_slowly(value) > limit)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_scanned(body: bytes) -> None:
    assert json_depth_over(body, 64) in (True, False)
