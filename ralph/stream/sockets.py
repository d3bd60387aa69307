"""Ways to a WebSocket: straight to the transport with messages that were made once for all, or through plain ASGI.

The first is a uvicorn protocol class; an application finds it in the scope. It also bounds what a client can make the
server hold: fragments, pings, messages that nobody has asked for yet, and answers that the client does not read.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.transports import BaseTransport, Transport
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import OPEN

from ralph.stream.frames import from_wire

EXTENSION = "ralph.writer"
"""Under this name the scope of a connection holds its own writer."""

UNREAD_HIGH, UNREAD_LOW = 65_536, 16_384  # bytes behind the kernel's buffer at which writing stops, and goes on
KERNEL_BYTES = 131_072  # of the socket's send buffer: the less lies there, the newer is what a slow reader gets
FRAGMENTS_MAX = 64  # pieces of one message
QUEUED_MAX = 256  # messages of a client that the application has not taken; of one read, so usually one
PINGS_PER_S = 20  # a client's own
CLOSE_S = 5.0  # a client has so long to take our farewell

INVALID, NOT_TEXT, FLOOD, TOO_LARGE, SILENT, RESTART, REVOKED = 1007, 1003, 1008, 1009, 1011, 1012, 3000
"""Close codes, RFC 6455 section 7.4.1 and its registry (3000: unauthorized). Those that the WebSocket library sends by
itself are 1002 and 1009."""

_Message = MutableMapping[str, Any]


class _Told:
    """A transport whose protocol is told before anything is written."""

    __slots__ = ("_told", "_transport")

    def __init__(self, transport: BaseTransport, told: Callable[[], None]) -> None:
        self._transport = transport
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        self._told()
        cast(Transport, self._transport).write(data)


class StraightWebSocket(WebSocketsSansIOProtocol):
    """Uvicorn's protocol, to whose transport others may write whole messages. It is a Writer."""

    on_ready: Callable[[], None] | None = None
    on_used: Callable[[], None] | None = None
    is_ready = False
    is_open = False
    _descriptor = -1  # of the socket, where bytes for it are not to be encrypted
    _is_deaf = False
    _pings = 0
    _pings_since = 0.0

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = cast(Transport, _Told(transport, self._used))
        self.transport.set_write_buffer_limits(high=UNREAD_HIGH, low=UNREAD_LOW)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
            if transport.get_extra_info("sslcontext") is None:
                self._descriptor = sock.fileno()

    # What the application uses.

    def straight(self) -> int:
        """The descriptor is ours while the connection is open: transports close it after they have said so."""
        return self._descriptor if self.is_open and not self.transport.get_write_buffer_size() else -1

    def write(self, wire: bytes) -> None:
        if self.is_open:
            self.transport.write(wire)

    def hang_up(self, code: int, reason: str) -> None:
        if not self.is_open:
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.conn.state is OPEN:
            self.conn.send_close(code, reason)
        self._take_leave()

    async def receive(self) -> ASGIReceiveEvent:
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._read_on()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.is_open = self.is_ready = self.handshake_complete and not self.disconnected
        elif message["type"] == "websocket.close":
            self._end()
        elif message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True  # refused, which uvicorn takes for forgotten

    # What the transport and the parser call.

    def pause_writing(self) -> None:
        super().pause_writing()
        self.is_ready = False
        self.transport.pause_reading()  # who does not read our answers is not asked for more

    def resume_writing(self) -> None:
        super().resume_writing()
        self.is_ready = self.is_open
        self._read_on()
        if self.is_ready and self.on_ready is not None:
            self.on_ready()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self.is_open:
            self.hang_up(RESTART, "the server stops; connect again")
        elif self.handshake_complete:
            self.transport.close()  # a farewell is on its way already
        else:
            super().shutdown()

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.handshake_initiated and not self.handshake_complete:
            cast(dict[str, Any], self.scope["extensions"])[EXTENSION] = self

    def handle_text(self, event: Frame) -> None:
        if not self.close_sent:
            super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        self.hang_up(NOT_TEXT, "only text is understood")

    def handle_cont(self, event: Frame) -> None:
        if self.close_sent:
            return
        if len(self.frames) >= FRAGMENTS_MAX:
            self.hang_up(TOO_LARGE, f"a message of more than {FRAGMENTS_MAX} fragments")
        else:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        now = self.loop.time()
        if now - self._pings_since > 1.0:
            self._pings_since, self._pings = now, 0
        self._pings += 1
        if self._pings > PINGS_PER_S:
            self.hang_up(FLOOD, f"more than {PINGS_PER_S} pings in a second")
        elif not self.close_sent:
            super().handle_ping()

    def handle_close(self, event: Frame) -> None:
        self._end()
        super().handle_close(event)

    def send_receive_event_to_app(self) -> None:
        text = b"".join(self.frames)
        if not text.isascii():
            try:
                text.decode()
            except UnicodeDecodeError:
                self.frames = []
                self.hang_up(INVALID, "text that is not UTF-8")
                return
        if self.queue.qsize() >= QUEUED_MAX:
            self.frames = []
            self.hang_up(FLOOD, "too many messages")
            return
        self.frames = [text]
        super().send_receive_event_to_app()

    def send_keepalive_ping(self) -> None:
        if self.is_ready:
            super().send_keepalive_ping()
        else:
            self.schedule_ping()  # it could not be delivered; whoever waits for its reader decides

    def keepalive_timeout(self) -> None:
        self.pong_timer = None
        self.pending_ping_payload = None
        self.hang_up(SILENT, "no answer to our ping")

    def handle_parser_exception(self) -> None:
        """Say what was wrong, once. What else arrives is not looked at, until the client has our farewell and closes:
        closing before would cut it off."""
        if self._is_deaf:
            return
        self._is_deaf = True
        said = self.conn.close_sent
        if said is None or self.close_sent or not self.handshake_complete:
            self.transport.close()
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": said.code, "reason": said.reason})
        self._take_leave()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _used(self) -> None:
        if self.on_used is not None:
            self.on_used()

    def _end(self) -> None:
        self.is_open = self.is_ready = False
        self._used()

    def _take_leave(self) -> None:
        self._end()
        self.close_sent = True
        self.stop_keepalive()
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.resume_reading()
        self.close_timer = self.loop.call_later(CLOSE_S, self.transport.abort)

    def _read_on(self) -> None:
        if not self.read_paused and self.writable.is_set():
            self.transport.resume_reading()


class PlainWebSocket:
    """The same over ASGI's own `send`, for servers that know nothing of us. It is a Writer.

    Messages go out in a task, one after another; it is ready when none is on its way, so frames do not pile up.
    """

    def __init__(self, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]) -> None:
        self.on_ready: Callable[[], None] | None = None
        self.on_used: Callable[[], None] | None = None  # it is never written to directly
        self.is_open = True
        self.is_ready = True
        self._receive = receive
        self._send = send
        self._unsent: deque[_Message] = deque()  # frames, one at most; answers to a client: as many as it may ask for
        self._sending: asyncio.Task[None] | None = None
        self._over: asyncio.Future[_Message] = asyncio.get_running_loop().create_future()

    def straight(self) -> int:
        return -1

    def write(self, wire: bytes) -> None:
        if self.is_open:
            self._post({"type": "websocket.send", "text": from_wire(wire).decode()})

    def hang_up(self, code: int, reason: str) -> None:
        if self.is_open:
            self.is_open = False
            self._over.set_result({"type": "websocket.disconnect", "code": code, "reason": reason})
            self._post({"type": "websocket.close", "code": code, "reason": reason})

    async def receive(self) -> _Message:
        """The next message of the client, or that it is over."""
        asked = asyncio.ensure_future(self._receive())
        await asyncio.wait((asked, self._over), return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        asked.cancel()
        return self._over.result()

    async def finish(self) -> None:
        """Wait a little for what is on its way, then give it up."""
        self.is_open = self.is_ready = False
        if self._sending is not None:
            await asyncio.wait((self._sending,), timeout=CLOSE_S)
            self._sending.cancel()

    def _post(self, message: _Message) -> None:
        self._unsent.append(message)
        if self._sending is None:
            self.is_ready = False
            self._sending = asyncio.ensure_future(self._deliver())

    async def _deliver(self) -> None:
        try:
            while self._unsent:
                await self._send(self._unsent.popleft())
        except OSError:  # the client is gone; the reader hears of it
            self.is_open = False
        finally:
            self._sending = None
            self.is_ready = self.is_open
        if self.is_ready and self.on_ready is not None:
            self.on_ready()
