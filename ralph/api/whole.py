"""Answers that are written whole: where one is kept as bytes, its head is too, and goes to the transport with the body.

An ASGI message of the type WHOLE holds `status`, `head` (header lines, each ended) and `body`. Only who finds WHOLE in
the scope may send it; on its way out others add lines to its head, as they add headers to an ordinary one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ralph.telemetry import WHOLE, AsgiApp, Receive, Scope, Send

Message = MutableMapping[str, Any]


class StraightHttp(HttpToolsProtocol):
    """Uvicorn's protocol, to which an answer may be given whole: then nobody looks at its headers one by one."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        scope: Any = cycle.scope
        scope[WHOLE] = self.write_whole
        super()._start_asgi_task(cycle, app)

    def write_whole(self, scope: Scope, message: Message) -> bool:
        """Write it, and end the request. False where it has to go the ordinary way: the client sent requests ahead,
        wants the connection closed, or has gone; or it reads too slowly."""
        cycle = self.cycle
        is_ours = cycle is not None and cycle.scope is scope
        if not is_ours or not cycle.keep_alive or cycle.disconnected or self.flow.write_paused:
            return False
        lines = head_of(self.server_state.default_headers)
        self.transport.write(
            b"".join((STATUS_LINE[message["status"]], lines, message["head"], b"\r\n", message["body"]))
        )
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        cycle.on_response()
        return True


def wholly(app: AsgiApp) -> AsgiApp:
    """The outermost of an application that answers whole: it hands such messages to the protocol, where there is one
    that takes them."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        write = scope.get(WHOLE)
        if write is None:
            await app(scope, receive, send)
            return

        def send_whole(message: Message) -> Awaitable[None]:
            if message["type"] != WHOLE:
                return send(message)
            return _nothing() if write(scope, message) else _apart(message, send)

        await app(scope, receive, send_whole)

    return answer


def head_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Their lines, each ended. They are ours: what comes from a caller has no line ends in it."""
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


async def _nothing() -> None:
    """All is done."""


async def _apart(message: Message, send: Send) -> None:
    """The same answer as ordinary messages."""
    lines = message["head"].split(b"\r\n")[:-1]
    headers = [tuple(line.split(b": ", 1)) for line in lines]
    await send({"type": "http.response.start", "status": message["status"], "headers": headers})
    await send({"type": "http.response.body", "body": message["body"]})
