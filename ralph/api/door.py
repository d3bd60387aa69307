"""The ASGI door every request passes: known host, owner's key or session, same origin, and a bounded, shallow body."""

from __future__ import annotations

import re
from collections.abc import Awaitable, MutableMapping
from functools import partial
from typing import Any

import msgspec
import numpy as np

from ralph.api.access import Access, session_of
from ralph.api.problems import MEDIA_TYPE, Problem, from_error, problem
from ralph.api.whole import head_of
from ralph.errors import RalphError
from ralph.telemetry import WHOLE, AsgiApp, Receive, Scope, Send

GUARDED = "/api/"
HOLD = "ralph.hold"
"""Under this name the scope of a WebSocket has a function: told what to do when its key or session ends (`hold`)."""
UPLOADS = frozenset({"/api/v1/imports"})  # files: streamed to disk under a limit of their own, never decoded as JSON
JSON_DEPTH_MAX = 64
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
POLICY = (
    "default-src 'none'; script-src 'self'{inline}; style-src 'self'{inline}; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ASKED = frozenset({b"authorization", b"content-length", b"cookie", b"host", b"origin"})
SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]
OWN_PAGES = [*SECURITY_HEADERS, (b"content-security-policy", POLICY.format(inline="").encode())]
OWN_HEAD = head_of(OWN_PAGES)
DOCS_PAGES = [*SECURITY_HEADERS, (b"content-security-policy", POLICY.format(inline=" 'unsafe-inline'").encode())]
"""Swagger UI starts itself from a script in its page."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Door:
    """Lets a request in, or answers it with a problem."""

    def __init__(self, app: AsgiApp, access: Access, hosts: frozenset[str], body_max: int) -> None:
        self._app = app
        self._access = access
        self._hosts = hosts | LOOPBACK
        self._body_max = body_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = _read(scope)
        policy = DOCS_PAGES if scope["path"].startswith("/schema") else OWN_PAGES

        def send_secured(message: MutableMapping[str, Any]) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *policy]
            elif message["type"] == WHOLE:
                message["head"] += OWN_HEAD
            return send(message)

        try:
            refused = self._foreign_host(scope) or await self._not_allowed(scope, headers)
        except RalphError as error:
            refused = from_error(error)
        if refused is None and scope["path"] not in UPLOADS and scope["method"] not in SAFE_METHODS:
            body, refused = await self._read_body(headers, receive)
            receive = _replay(body, receive)
        if refused is not None:
            await _refuse(refused, send_secured)
            return
        await self._app(scope, receive, send_secured)

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket: no page of another origin may open one, whatever cookie it has."""
        headers = _read(scope)
        try:
            refused = self._foreign_host(scope)
            if refused is None and headers.get(b"origin") and not _same_origin(headers):
                refused = problem(403, "only Ralph's own pages may connect", "FOREIGN_ORIGIN", field="Origin")
            if refused is None:
                credential = await self._credential(headers)
                if credential is None:
                    refused = _no_key()
                else:
                    scope[HOLD] = partial(self._access.hold, credential)
        except RalphError as error:
            refused = from_error(error)
        if refused is None:
            await self._app(scope, receive, send)
        else:
            await refuse_socket(refused, scope, send)

    def _foreign_host(self, scope: Scope) -> Problem | None:
        """A name that is not ours is a DNS rebinding attack or a proxy nobody configured."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and _without_port(hosts[0]).lower() in self._hosts:
            return None
        shown = hosts[0][:80] if hosts else "(none)"
        return problem(
            400, f"host {shown!r} is not served; add it to RALPH_ALLOWED_HOSTS", "HOST_NOT_ALLOWED", field="Host"
        )

    async def _not_allowed(self, scope: Scope, headers: dict[bytes, str]) -> Problem | None:
        if not scope["path"].startswith(GUARDED):
            return None
        if self._has_key(headers):
            return None
        if not await self._has_session(headers):
            return _no_key()
        if scope["method"] not in SAFE_METHODS and not _same_origin(headers):
            return problem(
                403, "a browser session may only write from Ralph's own pages", "FOREIGN_ORIGIN", field="Origin"
            )
        return None

    async def _credential(self, headers: dict[bytes, str]) -> str | None:
        """The key or the session's token that opens the door."""
        if self._has_key(headers):
            return headers[b"authorization"].partition(" ")[2].strip()
        return session_of(headers.get(b"cookie", "")) if await self._has_session(headers) else None

    def _has_key(self, headers: dict[bytes, str]) -> bool:
        scheme, _, key = headers.get(b"authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._access.is_owner_key(key.strip())

    async def _has_session(self, headers: dict[bytes, str]) -> bool:
        token = session_of(headers.get(b"cookie", ""))
        return token is not None and await self._access.is_session(token)

    async def _read_body(self, headers: dict[bytes, str], receive: Receive) -> tuple[bytes, Problem | None]:
        limit = self._body_max
        too_large = problem(413, f"the body is larger than {limit} bytes", field="body", accepted=f"{limit} bytes")
        length = headers.get(b"content-length", "0")
        if length.isdigit() and len(length) < 20 and int(length) > limit:
            return b"", too_large
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return b"", problem(400, "the body ended early", field="body")
            body += message.get("body", b"")
            if len(body) > limit:
                return b"", too_large
            if not message.get("more_body"):
                break
        if json_depth_over(bytes(body), JSON_DEPTH_MAX):
            return b"", problem(400, f"JSON nested deeper than {JSON_DEPTH_MAX} levels", field="body")
        return bytes(body), None


def json_depth_over(body: bytes, limit: int) -> bool:
    """Whether brackets outside strings nest deeper than the limit; a scan, so that nothing can overflow a stack."""
    if body.count(b"[") + body.count(b"{") <= limit:
        return False
    brackets = np.frombuffer(_STRING.sub(b"", body).translate(None, delete=_NOT_BRACKETS), dtype=np.uint8)
    opening = (brackets == ord("[")) | (brackets == ord("{"))
    return int(np.where(opening, 1, -1).cumsum().max(initial=0)) > limit


def _read(scope: Scope) -> dict[bytes, str]:
    """The headers that the door goes by, the last of each name."""
    return {name: value.decode("latin-1") for name, value in scope["headers"] if name in ASKED}


def _same_origin(headers: dict[bytes, str]) -> bool:
    origin = headers.get(b"origin", "")
    return origin.partition("://")[2] == headers.get(b"host", "")


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once, then whatever the client does next."""
    given = False

    async def replay() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def refuse_socket(found: Problem, scope: Scope, send: Send) -> None:
    """Answer the request for a WebSocket with a problem, where the server can; else close it."""
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await _refuse(found, send, "websocket.http.response")
    else:
        await send({"type": "websocket.close", "code": 1008, "reason": found.code})


def _no_key() -> Problem:
    how = "sign in with the link from `ralph login`, or send `Authorization: Bearer KEY` (`ralph login --key`)"
    return problem(401, how, "NOT_ALLOWED", field="Authorization", accepted="Bearer KEY")


async def _refuse(found: Problem, send: Send, kind: str = "http.response") -> None:
    body = msgspec.json.encode(found)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    if found.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if found.status == 413:
        headers.append((b"connection", b"close"))  # what is left of the body is not read
    await send({"type": f"{kind}.start", "status": found.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
