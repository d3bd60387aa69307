"""`/ws`: what happens, as it happens. The page at `/docs/live` describes the protocol."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any

from ralph.api.door import HOLD, refuse_socket
from ralph.api.problems import from_error
from ralph.errors import BadParameter, NotFound, NotReady, RalphError, UnknownSymbol
from ralph.market.panel import Panel
from ralph.stream import protocol
from ralph.stream.mailbox import Mailbox
from ralph.stream.protocol import MESSAGE_BURST, MESSAGE_BYTES, MESSAGES_PER_S, TOPICS_MAX
from ralph.stream.sockets import (
    EXTENSION,
    FLOOD,
    INVALID,
    NOT_TEXT,
    REVOKED,
    TOO_LARGE,
    PlainWebSocket,
    StraightWebSocket,
)
from ralph.stream.station import Station
from ralph.stream.topic import FRESH
from ralph.stream.topics import kind_of, symbol_of
from ralph.telemetry import Metrics, Receive, Scope, Send

PATH = "/ws"
COUNT_S = 1.0  # how often what was sent is added to the metrics
COUNTED_CODES = frozenset({1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 3000})

Socket = StraightWebSocket | PlainWebSocket


class LiveSocket:
    """The ASGI application behind `/ws`. The door has let the client in."""

    def __init__(self, station: Station, panel: Callable[[], Panel], metrics: Metrics) -> None:
        self._station = station
        self._panel = panel
        self._metrics = metrics
        self._limits = protocol.Limits(ping_s=station.config.ping_s, slow_s=station.config.slow_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # the request to connect
        try:
            hello = protocol.answer(self._hello(scope["path"]))
        except RalphError as error:
            await refuse_socket(from_error(error), scope, send)
            return
        await send({"type": "websocket.accept"})
        straight = scope["extensions"].get(EXTENSION) if scope.get("extensions") else None
        socket: Socket = straight if straight is not None else PlainWebSocket(receive, send)
        socket.write(hello)
        mailbox = self._station.rounds.join(socket)
        self._metrics.ws_connections.inc()
        let_go = scope[HOLD](lambda: socket.hang_up(REVOKED, "your session or key holds no more; sign in again"))
        try:
            code = await Session(self._station, self._panel, socket, mailbox).serve()
        finally:
            let_go()
            self._station.rounds.leave(mailbox)
            self._metrics.ws_connections.dec()
            if isinstance(socket, PlainWebSocket):
                await socket.finish()
        self._metrics.ws_closed.labels(str(code) if code in COUNTED_CODES else "other").inc()

    async def count(self) -> None:
        """Add what was sent to the metrics, for ever."""
        messages = sent = 0
        rounds = self._station.rounds
        while True:
            await asyncio.sleep(COUNT_S)
            self._metrics.ws_messages.inc(rounds.flushes - messages)
            self._metrics.ws_bytes.inc(rounds.bytes - sent)
            messages, sent = rounds.flushes, rounds.bytes

    def _hello(self, path: str) -> protocol.Hello:
        if path != PATH:
            raise NotFound(f"nothing is live at {path[:60]!r}", field="path", accepted=PATH)
        if len(self._station.rounds) >= self._station.config.connections_max:
            raise NotReady("too many live connections are open; try again later")
        panel = self._panel()
        now = datetime.now(UTC)
        return protocol.Hello(self._station.hub.epoch, now, panel.workspace, panel.simulated, self._limits)


class Session:
    """One client, from its hello to its end."""

    __slots__ = ("_allowance", "_hub", "_mailbox", "_paid_at", "_panel", "_socket", "_station")

    def __init__(self, station: Station, panel: Callable[[], Panel], socket: Socket, mailbox: Mailbox) -> None:
        self._station = station
        self._hub = station.hub
        self._panel = panel
        self._socket = socket
        self._mailbox = mailbox
        self._allowance = float(MESSAGE_BURST)
        self._paid_at = time.monotonic()

    async def serve(self) -> int:
        """Do what the client asks until one of us hangs up; the code it ended with."""
        while True:
            message: MutableMapping[str, Any] = await self._socket.receive()  # type: ignore[assignment]
            if message["type"] != "websocket.receive":
                return int(message.get("code") or 1005)
            if self._socket.is_open:
                await self._take(message.get("text"))

    async def _take(self, text: str | None) -> None:
        if text is None:
            self._socket.hang_up(NOT_TEXT, "only text is understood")
        elif len(text) > MESSAGE_BYTES:
            self._socket.hang_up(TOO_LARGE, f"a message of more than {MESSAGE_BYTES} bytes")
        elif not self._may_ask():
            self._socket.hang_up(FLOOD, f"more than {MESSAGES_PER_S:g} messages a second")
        else:
            try:
                asked = protocol.parse(text)
                if asked is None:
                    self._socket.hang_up(INVALID, "text that is not JSON")
                else:
                    await self._do(asked)
            except RalphError as error:
                self._say(protocol.refusal(error, protocol.id_of(text)))

    def _may_ask(self) -> bool:
        now = time.monotonic()
        self._allowance = min(MESSAGE_BURST, self._allowance + (now - self._paid_at) * MESSAGES_PER_S) - 1
        self._paid_at = now
        return self._allowance >= 0

    async def _do(self, asked: protocol.Op) -> None:
        if isinstance(asked, protocol.Subscribe):
            await self._subscribe(asked)
        elif isinstance(asked, protocol.Unsubscribe):
            self._station.rounds.apart(self._mailbox)
            ended = [topic for topic in asked.topics if self._hub.unsubscribe(self._mailbox, topic)]
            self._say(protocol.Unsubscribed(asked.id, ended))
        else:
            self._say(protocol.Pong(asked.id))

    async def _subscribe(self, asked: protocol.Subscribe) -> None:
        self._check(asked)
        topics = list(dict.fromkeys(asked.topics))
        self._say(protocol.Subscribed(asked.id, topics, self._hub.reached(topics)))
        for topic in topics:
            self._station.rounds.apart(self._mailbox)
            self._hub.unsubscribe(self._mailbox, topic)  # asked for anew, it begins anew
            place = FRESH
            if topic in asked.since:
                assert asked.epoch is not None
                place = await self._station.replay.bring(self._socket, topic, asked.epoch, asked.since[topic])
                if place == FRESH:
                    self._say(protocol.Reset(topic))
            self._station.rounds.apart(self._mailbox)  # while it was brought there it may have met others
            self._hub.subscribe(self._mailbox, topic, place)
        self._station.rounds.call(self._mailbox)

    def _check(self, asked: protocol.Subscribe) -> None:
        """BadParameter where anything about it is wrong: all of it is done, or nothing."""
        for topic in asked.topics:
            kind_of(topic)
            self._check_symbol(topic)
        together = {topic.name for topic in self._mailbox.crowd.places} | set(asked.topics)
        if not asked.topics or len(together) > TOPICS_MAX:
            raise BadParameter(
                f"{len(together)} topics on one connection; {TOPICS_MAX} are served, and the board holds every quote",
                field="topics",
                accepted=protocol.ACCEPTED["topics"],
            )
        for topic in asked.since:
            if topic not in asked.topics or not kind_of(topic).is_announced:
                raise BadParameter(
                    f"since {topic[:60]!r}: it is not among the topics asked for, or has no numbers",
                    field="since",
                    accepted=protocol.ACCEPTED["since"],
                )
        if asked.since and asked.epoch is None:
            raise BadParameter("numbers count within an epoch", field="epoch", accepted=protocol.ACCEPTED["epoch"])

    def _check_symbol(self, topic: str) -> None:
        symbol = symbol_of(topic)
        if symbol is not None and symbol not in self._panel().columns and not self._hub.is_quoted(symbol):
            raise UnknownSymbol(f"there is no symbol {symbol!r} here", field="topics", accepted="GET /api/v1/symbols")

    def _say(self, said: protocol.Answer) -> None:
        self._socket.write(protocol.answer(said))
