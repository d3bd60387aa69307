"""Conditional reads: an answer carries the hash of its bytes, and a reader who has them already gets 304."""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from typing import Any

from ralph.telemetry import AsgiApp, Receive, Scope, Send

READS = "/api/"
KEPT_HEADERS = frozenset({b"vary", b"content-location", b"set-cookie"})
CACHE_CONTROL = (b"cache-control", b"private, max-age=0, must-revalidate")


class Conditional:
    """ASGI middleware over whole answers to GET; one that is sent in pieces passes as it is."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(READS):
            await self._app(scope, receive, send)
            return
        asked = b",".join(value for name, value in scope["headers"] if name == b"if-none-match")
        held: MutableMapping[str, Any] | None = None

        async def send_tagged(message: MutableMapping[str, Any]) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and message["status"] == 200:
                held = message
                return
            if held is not None:
                start, held = held, None
                if message.get("more_body"):
                    await send(start)
                else:
                    start, message = _tagged(start, message, asked)
                    await send(start)
            await send(message)

        await self._app(scope, receive, send_tagged)


def _tagged(
    start: MutableMapping[str, Any], body: MutableMapping[str, Any], asked: bytes
) -> tuple[MutableMapping[str, Any], MutableMapping[str, Any]]:
    """The answer with its tag, or 304 where the reader named the tag."""
    tag = b'"' + hashlib.blake2b(body.get("body", b""), digest_size=16).hexdigest().encode() + b'"'
    own = [(b"etag", tag), CACHE_CONTROL]
    known = {part.strip().removeprefix(b"W/") for part in asked.split(b",")}
    if tag not in known and b"*" not in known:
        return {**start, "headers": [*start["headers"], *own]}, body
    kept = [pair for pair in start["headers"] if pair[0].lower() in KEPT_HEADERS]
    return {**start, "status": 304, "headers": [*kept, *own]}, {"type": "http.response.body", "body": b""}
