"""`/ws` from outside: the protocol, who is let in, and what becomes of clients that misbehave."""

from __future__ import annotations

import pytest
from live_server import live

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
