"""`/ws` from outside: the protocol, who is let in, and what becomes of clients that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from live_server import BEARER, PATIENCE_S, Client, Live, MemoryJournal, live
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from ralph.config import StreamConfig
from ralph.stream.protocol import TOPICS_MAX
from ralph.stream.topic import KEPT_FRAMES

pytestmark = pytest.mark.anyio


async def test_hello_then_snapshot_then_what_changes() -> None:
    """A subscription is acknowledged, then shown what is, then told what comes, without a gap."""
    async with live() as server, server.client() as client:
        assert client.hello["type"] == "hello"
        assert client.hello["workspace"] == "demo"
        assert client.hello["simulated"] is True
        server.hub.publish_many("quote:", ["005930", "000660"], [b'{"price":1}', b'{"price":2}'])
        answer = await client.ask(op="subscribe", id=7, topics=["quote:005930", "board"])
        assert answer == {"type": "subscribed", "id": 7, "topics": ["quote:005930", "board"], "since": {}}
        quote, board = await client.frames(2)
        assert (quote["snapshot"], quote["data"]) == (True, {"price": 1})
        assert (board["snapshot"], board["data"]) == (True, [{"price": 1}, {"price": 2}])
        server.hub.publish_many("quote:", ["000660"], [b'{"price":3}'])
        assert await client.frames() == [{"topic": "board", "data": [{"price": 3}]}]
        assert await client.ask(op="ping", id=8) == {"type": "pong", "id": 8}


async def test_it_works_through_plain_asgi_too() -> None:
    """A server that does not know our way to the transport gets the same messages from us."""
    async with live(straight=False) as server, server.client() as client:
        assert (await client.ask(op="subscribe", id=1, topics=["gate", "signals"]))["since"] == {"signals": 0}
        for number in range(20):
            server.hub.announce("signals", b'{"n":%d}' % number)
            server.hub.publish("gate", "", b'{"gate":%d}' % number)
        frames = await client.frames(21)
        assert [frame["data"]["n"] for frame in frames if frame["topic"] == "signals"] == list(range(20))
        assert [frame["data"] for frame in frames if frame["topic"] == "gate"] == [{"gate": 19}]
        await client.socket.send(b"binary")
        assert (await client.closed())[0] == 1003


async def test_who_was_away_is_told_what_was_announced_meanwhile() -> None:
    """From the hub while it keeps it, from the journal beyond, in order and without a gap to what follows."""
    journal = MemoryJournal()
    async with live(journal=journal) as server:
        total = 3 * KEPT_FRAMES
        for number in range(1, total + 1):
            server.hub.announce("signals", b'{"n":%d}' % number)
        await server.station.scribe.write()
        for since in (0, 41, total - 5, total):
            async with server.client() as client:
                epoch = client.hello["epoch"]
                asked = {"topics": ["signals"], "since": {"signals": since}, "epoch": epoch}
                assert (await client.ask(op="subscribe", **asked))["since"] == {"signals": total}
                last = server.hub.announce("signals", b'{"n":%d}' % (total + 1))
                frames = await client.frames(last - since)
                assert [frame["seq"] for frame in frames] == [*range(since + 1, last + 1)]
                assert [frame["data"]["n"] for frame in frames] == [*range(since + 1, last + 1)]
                assert not any("snapshot" in frame for frame in frames)
                total = last
            await server.station.scribe.write()


async def test_numbers_of_an_epoch_before_are_understood() -> None:
    """What followed in that epoch and in the later ones is told; each frame of an old epoch names it."""
    journal = MemoryJournal()
    async with live(journal=journal) as server:
        first = server.hub.epoch
        for number in range(1, 6):
            server.hub.announce("signals", b'{"n":%d}' % number, key=f"s{number}")
        await server.station.scribe.write()
        await server.station.begin("demo")
        assert server.hub.announce("signals", b'{"n":5}', key="s5") == 0  # announced before, and not again
        server.hub.announce("signals", b'{"n":6}', key="s6")
        async with server.client() as client:
            assert client.hello["epoch"] != first
            await client.ask(op="subscribe", topics=["signals"], since={"signals": 3}, epoch=first)
            frames = await client.frames(3)
            assert [(frame.get("epoch"), frame["seq"], frame["data"]["n"]) for frame in frames] == [
                (first, 4, 4),
                (first, 5, 5),
                (None, 1, 6),
            ]


async def test_what_cannot_be_resumed_begins_anew() -> None:
    """A number never given and an epoch of nobody: told so, then shown the last announcements."""
    async with live() as server:
        server.hub.announce("signals", b'{"n":1}')
        for since, epoch in ((999, server.hub.epoch), (1, "nobody's")):
            async with server.client() as client:
                await client.ask(op="subscribe", topics=["signals"], since={"signals": since}, epoch=epoch)
                assert await client.read() == {"type": "reset", "topic": "signals"}
                (frame,) = await client.frames()
                assert frame == {"topic": "signals", "seq": 1, "snapshot": True, "data": {"n": 1}}


async def test_a_new_epoch_sends_clients_away() -> None:
    """Their numbers mean nothing any more: they are to connect again."""
    async with live() as server, server.client() as client:
        await server.station.begin("demo")
        assert (await client.closed())[0] == 1012


BAD: list[tuple[Any, str | None, str]] = [
    ({"op": "shout"}, "op", "subscribe, unsubscribe, ping"),
    ({"op": "subscribe"}, "topics", "a list"),
    ({"op": "subscribe", "topics": []}, "topics", "a list of 1 to"),
    ({"op": "subscribe", "topics": ["gossip"]}, "topics", "quote:CODE"),
    ({"op": "subscribe", "topics": ["quote:000000"]}, "topics", "/api/v1/symbols"),
    ({"op": "subscribe", "topics": ["bar:005930:7m"]}, "topics", "bar:CODE:1m"),
    ({"op": "subscribe", "topics": ["gate", "x\n"]}, "topics", "gate"),
    ({"op": "subscribe", "topics": [f"screen:{n}" for n in range(TOPICS_MAX + 1)]}, "topics", "1 to 200"),
    ({"op": "subscribe", "topics": ["gate"], "since": {"gate": 1}, "epoch": "e"}, "since", "announced"),
    ({"op": "subscribe", "topics": ["signals"], "since": {"scans": 1}, "epoch": "e"}, "since", "announced"),
    ({"op": "subscribe", "topics": ["signals"], "since": {"signals": -1}, "epoch": "e"}, "since", "announced"),
    ({"op": "subscribe", "topics": ["signals"], "since": {"signals": 1}}, "epoch", "epoch"),
    ({"op": "ping", "id": 2**53}, "id", "number"),
    ({"op": "ping", "loud": True}, "loud", "op, id"),
    ([], None, "op, id"),
]


async def test_a_wrong_request_is_told_what_would_do_and_nothing_is_done() -> None:
    """The field and what it accepts; the connection stays, and has no subscription of the request."""
    async with live() as server, server.client() as client:
        for number, (op, field, accepted) in enumerate(BAD):
            asked = op if isinstance(op, list) else {"id": number, **op}
            await client.socket.send(msgspec.json.encode(asked).decode())
            answer = await client.read()
            assert (answer["type"], answer.get("field")) == ("error", field), answer
            assert accepted in answer["accepted"]
            if isinstance(op, dict) and field != "id":
                assert answer["id"] == number
        assert server.hub.subscribers("gate") == 0
        assert await client.ask(op="unsubscribe", id=1, topics=["gate"]) == {
            "type": "unsubscribed",
            "id": 1,
            "topics": [],
        }


def frame(payload: bytes, head: int = 0x81) -> bytes:
    """A masked frame; the mask is zero."""
    size = len(payload)
    if size < 126:
        return bytes((head, 0x80 | size)) + bytes(4) + payload
    return struct.pack("!BBH", head, 0xFE, size) + bytes(4) + payload


TEXT, PART, PING_FRAME = 0x01, 0x00, 0x89
MISBEHAVIOUR = {
    "not JSON": (frame(b"hello"), 1007),
    "JSON too deep": (frame(b"[" * 60_000), None),
    "not UTF-8": (frame(b'"\xff\xfe"'), 1007),
    "binary": (frame(b"abc", 0x82), 1003),
    "oversized": (struct.pack("!BBQ", 0x81, 0xFF, 1 << 40) + bytes(4), 1009),
    "oversized in fragments": (frame(b"x" * 40_000, TEXT) + frame(b"x" * 40_000, PART), 1009),
    "fragments without end": (frame(b"x", TEXT) + frame(b"", PART) * 1_000, 1009),
    "a continuation of nothing": (frame(b"x", 0x80), 1002),
    "reserved bits": (frame(b"x", 0xF1), 1002),
    "not masked": (b"\x81\x02{}", 1002),
    "flood": (frame(b'{"op":"ping"}') * 1_000, 1008),
    "flood of pings": (frame(b"", PING_FRAME) * 1_000, 1008),
}


@pytest.mark.parametrize("name", MISBEHAVIOUR)
async def test_misbehaviour_is_closed_with_the_right_code(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """And is not worth a line in the log."""
    sent, expected = MISBEHAVIOUR[name]
    async with live() as server, server.client() as client:
        with contextlib.suppress(OSError):
            client.socket.transport.write(sent)
        if expected is None:
            assert (await client.read())["type"] == "error"
            return
        with contextlib.suppress(ConnectionClosed):
            while await asyncio.wait_for(client.socket.recv(), PATIENCE_S):
                pass
        assert client.socket.close_code == expected, client.socket.close_reason
        await until(lambda: connections(server) == 0)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_who_does_not_answer_a_ping_is_closed() -> None:
    """A connection that is no more than an entry in somebody's table."""
    async with live(StreamConfig(ping_s=0.2)) as server:
        reader, writer = await raw(server, b"")
        await asyncio.wait_for(reader.readuntil(struct.pack("!H", 1011)), PATIENCE_S)
        writer.close()


async def test_who_never_reads_is_closed_and_others_do_not_notice() -> None:
    """Nothing piles up for it; when it reads after all, it finds what it was sent and the reason."""
    async with live(StreamConfig(slow_s=1.0)) as server, server.client() as client:
        await client.ask(op="subscribe", topics=["gate"])
        reader, writer = await raw(server, frame(b'{"op":"subscribe","topics":["gate"]}'))
        transport = cast(asyncio.Transport, writer.transport)
        transport.pause_reading()
        blocked, number = 0, 0
        while not blocked and number < 100:
            number += 1
            server.hub.publish("gate", "", b'{"n":%d,"x":"%s"}' % (number, b"x" * 60_000))
            assert (await client.frames())[-1]["data"]["n"] == number
            blocked = server.station.rounds.blocked
        assert blocked == 1
        await until(lambda: server.station.rounds.blocked == 0)
        transport.resume_reading()
        await asyncio.wait_for(reader.readuntil(struct.pack("!H", 1013)), PATIENCE_S)
        assert await client.ask(op="ping") == {"type": "pong", "id": None}
        writer.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Cookie": "ralph_session=wrong"}, 401),
        ({**BEARER, "Origin": "https://evil.example"}, 403),
        ({**BEARER, "Host": "evil.example"}, 400),
    ],
)
async def test_strangers_stay_outside(headers: dict[str, str], status: int, caplog: pytest.LogCaptureFixture) -> None:
    """Without a key, from another page, by another name: refused before the handshake, as a problem."""
    async with live() as server:
        request = {"Host": server.url.split("/")[2], **headers}
        reader, writer = await asyncio.open_connection(*server.address)
        lines = [f"{name}: {value}" for name, value in {**UPGRADE, **request}.items()]
        writer.write("\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode())
        answer = await asyncio.wait_for(reader.read(), PATIENCE_S)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert msgspec.json.decode(body)["status"] == status
        writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_what_a_key_or_a_session_has_opened_ends_with_it() -> None:
    """Signed out here or in another process, or another key: its connections are closed with 3000, no others."""
    async with live() as server, contextlib.AsyncExitStack() as stack:

        async def browser() -> tuple[str, Client]:
            token = await server.access.open_session(server.access.new_link())
            assert token is not None
            return token, await stack.enter_async_context(server.client({"Cookie": f"ralph_session={token}"}))

        owner = await stack.enter_async_context(server.client())
        (token, first), (_, second), (_, third) = [await browser() for _ in range(3)]
        await server.access.end_session(token)
        assert await first.closed() == (3000, "your session or key holds no more; sign in again")
        assert not await server.access.is_session(token)
        await third.socket.close()
        server.sessions.kept.clear()
        await server.access.review()
        assert (await second.closed())[0] == 3000
        assert await owner.ask(op="ping", id=1) == {"type": "pong", "id": 1}
        server.access.use_key("rk_another")
        assert (await owner.closed())[0] == 3000
        with pytest.raises(InvalidStatus, match="401"):
            await stack.enter_async_context(server.client())
        assert server.metrics.registry.get_sample_value("ralph_ws_closed_total", {"code": "3000"}) == 3


async def test_many_are_told_the_same_though_some_do_not_read() -> None:
    """Each gets every byte in order, however much its socket takes at once."""
    async with live(StreamConfig(slow_s=60.0)) as server, contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(server.client()) for _ in range(20)]
        idle = [await stack.enter_async_context(server.client(max_queue=1)) for _ in range(4)]
        for client in (*readers, *idle):
            await client.ask(op="subscribe", topics=["scans"])
        server.hub.announce("scans", b"0")
        assert [(await client.frames())[0]["data"] for client in (*readers, *idle)] == [0] * 24
        big = b'"%s"' % (b"x" * 300_000)  # more than the kernel takes of one at once
        for _ in range(8):
            server.hub.announce("scans", big)
            for client in readers:
                assert [len(frame["data"]) for frame in await client.frames()] == [300_000]
        for client in idle:
            assert [frame["seq"] for frame in await client.frames(8)] == list(range(2, 10))


async def test_own_pages_connect() -> None:
    """An Origin that is the Host is Ralph's own page."""
    async with live() as server:
        origin = f"http://{server.url.split('/')[2]}"
        async with server.client(origin=origin) as client:
            assert client.hello["protocol"] == 1


async def test_there_is_an_end_to_connections() -> None:
    """One more than are served is refused."""
    async with live(StreamConfig(connections_max=1)) as server, server.client():
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url, additional_headers=BEARER)
        assert refused.value.response.status_code == 503
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.url + "/elsewhere", additional_headers=BEARER)
        assert refused.value.response.status_code == 404


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
}


async def raw(server: Live, sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has been let in, whose bytes are the test's."""
    reader, writer = await asyncio.open_connection(*server.address, limit=1 << 23)
    lines = [f"{name}: {value}" for name, value in {"Host": server.url.split("/")[2], **UPGRADE, **BEARER}.items()]
    writer.write("\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(sent)
    return reader, writer


def connections(server: Live) -> float | None:
    """As the metrics have it."""
    return server.metrics.registry.get_sample_value("ralph_ws_connections")


async def until(what: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(int(PATIENCE_S * 100)):
        if what():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never did")
