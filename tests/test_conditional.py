"""Answers with a tag, and those that are kept: what would be answered now, and made no more often than needed."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, MutableMapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.api import conditional
from ralph.api.conditional import Conditional, keep

Message = MutableMapping[str, Any]


class Reads:
    """An application whose answer follows from a version, and a reader of it."""

    def __init__(self, *, keeps: bool = True, status: int = 200, size: int = 0, pieces: int = 1) -> None:
        self.version: Hashable = 0
        self.made = 0
        self._keeps, self._status, self._size, self._pieces = keeps, status, size, pieces
        self._conditional = Conditional(self._application)
        self.headers: list[tuple[bytes, bytes]] = []

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:
        self.made += 1
        scope["path_template"] = "/api/v1/{what}"
        if self._keeps:
            keep(scope, lambda: self.version)
        headers = [(b"content-type", b"application/json"), (b"Server-Timing", b"x;dur=1"), (b"cache-status", b"ralph")]
        await send({"type": "http.response.start", "status": self._status, "headers": headers})
        for left in range(self._pieces - 1, -1, -1):
            await send({"type": "http.response.body", "body": self.now(scope), "more_body": left > 0})

    def now(self, scope: Any) -> bytes:
        """What it answers at this version."""
        return f"{scope['path']} {scope['query_string'].decode()} {self.version} ".encode() + bytes(self._size)

    def ask(self, query: bytes = b"", method: str = "GET", tag: bytes | None = None) -> tuple[int, bytes]:
        """Status and body; the headers stay in `headers`, the route in `route`."""
        asked = [] if tag is None else [(b"if-none-match", tag)]
        scope = {"type": "http", "method": method, "path": "/api/v1/x", "query_string": query, "headers": asked}
        got: list[Message] = []

        async def send(message: Message) -> None:
            got.append(message)

        async def receive() -> Message:
            raise AssertionError("nobody reads a body")

        asyncio.run(self._conditional(scope, receive, send))
        self.headers, self.route = got[0]["headers"], scope["path_template"]
        return got[0]["status"], b"".join(message["body"] for message in got[1:])

    @property
    def tag(self) -> bytes:
        return dict(self.headers)[b"etag"]


def test_an_answer_is_made_once_for_a_version() -> None:
    reads = Reads()
    first = reads.ask()
    headers, route = dict(reads.headers), reads.route
    assert reads.ask() == first
    assert reads.made == 1
    again = dict(reads.headers)
    assert (reads.route, again[b"etag"], again[b"content-type"]) == (route, headers[b"etag"], b"application/json")
    assert again[b"cache-status"] == b"ralph; hit"
    assert b"Server-Timing" not in again
    reads.version = 1
    assert reads.ask()[1] != first[1]
    assert reads.made == 2


@settings(max_examples=20)
@given(st.lists(st.one_of(st.integers(0, 2), st.sampled_from([b"", b"a=1", b"a=2"])), max_size=20))
def test_what_is_answered_is_what_would_be_answered_now(steps: list[int | bytes]) -> None:
    reads = Reads()
    for step in steps:
        if isinstance(step, int):
            reads.version = step
        else:
            expected = reads.now({"path": "/api/v1/x", "query_string": step})
            assert reads.ask(step) == (200, expected)
            assert reads.ask(step, tag=b'"other", W/' + reads.tag) == (304, b"")


def test_a_reader_who_has_a_kept_answer_gets_no_bytes() -> None:
    reads = Reads()
    reads.ask()
    assert reads.ask(tag=reads.tag) == (304, b"")
    assert reads.ask(tag=b"*") == (304, b"")
    assert b"content-type" not in dict(reads.headers)
    assert reads.made == 1


@pytest.mark.parametrize(
    "reads", [Reads(keeps=False), Reads(status=404), Reads(pieces=2), Reads(size=conditional.ANSWER_BYTES_MAX)]
)
def test_others_are_made_each_time(reads: Reads) -> None:
    """Those nobody said stay, those that failed, streams, and large ones."""
    assert reads.ask() == reads.ask()
    assert reads.made == 2


def test_only_reads_are_kept() -> None:
    reads = Reads()
    for _ in range(2):
        reads.ask(method="HEAD")
    assert reads.made == 2


def test_what_is_kept_has_an_end() -> None:
    """The ones asked for least lately go first."""
    reads = Reads(size=conditional.ANSWER_BYTES_MAX - 100)
    fitting = conditional.KEPT_BYTES_MAX // (conditional.ANSWER_BYTES_MAX + conditional.AROUND_BYTES)
    for number in range(fitting):
        reads.ask(b"n=%d" % number)
    reads.ask(b"n=0")
    assert reads.made == fitting
    reads.ask(b"one=more")
    reads.ask(b"and=another")
    made = reads.made
    reads.ask(b"n=0")
    assert reads.made == made
    reads.ask(b"n=1")
    assert reads.made == made + 1


def test_many_small_ones_have_an_end_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "KEPT_BYTES_MAX", 20_000)
    reads = Reads()
    for number in range(50):
        reads.ask(b"n=%d" % number)
    reads.ask(b"n=0")
    assert reads.made == 51
