"""Conditional reads, and answers that are kept: an answer carries the hash of its bytes, and a reader who has them
already gets 304; one that follows from what is in memory alone is given again as it was made, until that changes.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, MutableMapping
from typing import Any, NamedTuple, TypeAlias

from ralph.api.whole import head_of
from ralph.telemetry import WHOLE, AsgiApp, Receive, Scope, Send

READS = "/api/"
KEPT_HEADERS = frozenset({b"vary", b"content-location", b"set-cookie"})
CACHE_CONTROL = (b"cache-control", b"private, max-age=0, must-revalidate")
KEPT_BYTES_MAX = 32 << 20  # answers in memory; the ones asked for least lately go first
ANSWER_BYTES_MAX = 1 << 20  # a larger one is made again
AROUND_BYTES = 1_000  # of each, for its headers and its place
OF_ONE_TIME = frozenset({b"cache-status", b"server-timing"})  # they tell of how an answer was made
HIT = (b"cache-status", b"ralph; hit")

Headers: TypeAlias = list[tuple[bytes, bytes]]
Version: TypeAlias = Callable[[], Hashable]
_KEEP = "ralph.keep"


def keep(scope: Any, version: Version) -> None:
    """Say of the answer to this request, before it is made, that it stays the same while `version()` does."""
    scope[_KEEP] = version, version()


class _Kept(NamedTuple):
    """An answer, the version it was made of, and how to ask for the version now."""

    version: Version
    made_of: Hashable
    route: str | None
    tag: bytes
    headers: Headers
    head: bytes
    body: bytes


class Conditional:
    """ASGI middleware over whole answers to GET; one that is sent in pieces passes as it is."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._kept: OrderedDict[tuple[str, bytes], _Kept] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(READS):
            await self._app(scope, receive, send)
            return
        kept = self._find((scope["path"], scope["query_string"]))
        if kept is not None:
            scope["path_template"] = kept.route
            asked = _asked(scope)
            if WHOLE in scope and not asked:
                await send({"type": WHOLE, "status": 200, "head": kept.head, "body": kept.body})
                return
            start, body = _answer(kept.tag, kept.headers, kept.body, asked)
            await send(start)
            await send(body)
        else:
            await self._make(scope, receive, send)

    async def _make(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: MutableMapping[str, Any] | None = None

        async def send_tagged(message: MutableMapping[str, Any]) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] == 200:
                held = message
                return
            if held is not None:
                start, held = held, None
                if not message.get("more_body"):
                    start, message = self._tagged(scope, start, message)
                await send(start)
            await send(message)

        await self._app(scope, receive, send_tagged)

    def _tagged(
        self, scope: Scope, start: MutableMapping[str, Any], message: MutableMapping[str, Any]
    ) -> tuple[MutableMapping[str, Any], MutableMapping[str, Any]]:
        """The answer with its tag, or 304 where the reader named the tag; kept where it may be."""
        body, headers = message.get("body", b""), start["headers"]
        tag = b'"' + hashlib.blake2b(body, digest_size=16).hexdigest().encode() + b'"'
        if _KEEP in scope:
            version, made_of = scope[_KEEP]
            lasting = [*(pair for pair in headers if pair[0].lower() not in OF_ONE_TIME), HIT]
            head = head_of([*lasting, (b"etag", tag), CACHE_CONTROL])
            kept = _Kept(version, made_of, scope.get("path_template"), tag, lasting, head, body)
            self._keep((scope["path"], scope["query_string"]), kept)
        return _answer(tag, headers, body, _asked(scope))

    def _find(self, question: tuple[str, bytes]) -> _Kept | None:
        kept = self._kept.get(question)
        if kept is None:
            return None
        if kept.version() != kept.made_of:
            self._forget(question)
            return None
        self._kept.move_to_end(question)
        return kept

    def _keep(self, question: tuple[str, bytes], kept: _Kept) -> None:
        if len(kept.body) > ANSWER_BYTES_MAX:
            return
        if question in self._kept:
            self._forget(question)
        self._kept[question] = kept
        self._bytes += _size(question, kept)
        while self._bytes > KEPT_BYTES_MAX:
            self._forget(next(iter(self._kept)))

    def _forget(self, question: tuple[str, bytes]) -> None:
        self._bytes -= _size(question, self._kept.pop(question))


def _size(question: tuple[str, bytes], kept: _Kept) -> int:
    return len(kept.body) + len(question[0]) + len(question[1]) + AROUND_BYTES


def _asked(scope: Scope) -> bytes:
    """The tags that the reader has, as sent."""
    asked = b""
    for name, value in scope["headers"]:
        if name == b"if-none-match":
            asked += b"," + value
    return asked


def _answer(
    tag: bytes, headers: Headers, body: bytes, asked: bytes
) -> tuple[MutableMapping[str, Any], MutableMapping[str, Any]]:
    own = ((b"etag", tag), CACHE_CONTROL)
    if asked:
        known = {part.strip().removeprefix(b"W/") for part in asked.split(b",")}
        if tag in known or b"*" in known:
            kept = [pair for pair in headers if pair[0].lower() in KEPT_HEADERS]
            start = {"type": "http.response.start", "status": 304, "headers": [*kept, *own]}
            return start, {"type": "http.response.body", "body": b""}
    start = {"type": "http.response.start", "status": 200, "headers": [*headers, *own]}
    return start, {"type": "http.response.body", "body": body}
