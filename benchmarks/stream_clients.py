"""Clients in C in a process of their own, lest they be what is measured: `python -m benchmarks.stream_clients`.

They do what they are told on standard input, a line of JSON each: connect so many, wait for so many messages, report.
"""

from __future__ import annotations

import array
import asyncio
import json
import os
import re
import socket
import sys
import time
from typing import Any

import numpy as np
import picows

from benchmarks.stream_servers import KEY

CONNECT_AT_ONCE = 50
TIMED_EACH = 8  # all clients count frames, one in so many times them: what clients do must not be what is measured
SMALL_BUFFER = 4_096  # of clients that never read, so that they are noticed soon
_AT = re.compile(rb'"at":(\d{9,20})')
_MARK = b'"at":'


class Counted:
    """What all clients of this process received."""

    frames = 0
    latencies = array.array("d")  # milliseconds


class Listener(picows.WSListener):
    """Subscribes, then counts every frame, and times it."""

    def __init__(self, hello: str | None, is_timed: bool) -> None:
        super().__init__()
        self._hello = hello
        self._is_timed = is_timed

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        if self._hello is not None:
            transport.send(picows.WSMsgType.TEXT, self._hello.encode())

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        if frame.msg_type == picows.WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
            return
        payload = frame.get_payload_as_bytes()
        Counted.frames += payload.count(_MARK)
        if self._is_timed:
            now = time.monotonic_ns()
            for at in _AT.findall(payload):
                Counted.latencies.append((now - int(at)) / 1e6)


class Clients:
    """Those that are connected."""

    def __init__(self) -> None:
        self._open: list[picows.WSTransport] = []
        self._silent: list[socket.socket] = []

    async def connect(self, url: str, topics: list[list[str]], count: int) -> None:
        """So many; the topics of each in turn. Without topics nothing is asked for."""
        gate = asyncio.Semaphore(CONNECT_AT_ONCE)

        async def one(place: int) -> None:
            hello = None
            if topics:
                hello = json.dumps({"op": "subscribe", "topics": topics[place % len(topics)]})
            async with gate:
                transport, _ = await picows.ws_connect(
                    lambda: Listener(hello, place % TIMED_EACH == 0),
                    url,
                    extra_headers={"Authorization": f"Bearer {KEY}"},
                )
            self._open.append(transport)

        await asyncio.gather(*(one(place) for place in range(count)))

    async def connect_silent(self, port: int, topic: str, count: int) -> None:
        """So many that ask and then never read."""
        for _ in range(count):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            sock.connect(("127.0.0.1", port))
            head = f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            sock.sendall(f"{head}{key}Authorization: Bearer {KEY}\r\n\r\n".encode())
            await asyncio.sleep(0.02)
            text = json.dumps({"op": "subscribe", "topics": [topic]}).encode()
            sock.sendall(bytes((0x81, 0x80 | len(text), 0, 0, 0, 0)) + text)  # masked with zeros
            self._silent.append(sock)

    def close(self) -> None:
        """All of them."""
        for transport in self._open:
            transport.disconnect(False)
        for sock in self._silent:
            sock.close()
        self._open.clear()
        self._silent.clear()


async def _do(clients: Clients, order: dict[str, Any]) -> dict[str, Any]:
    if order["do"] == "connect":
        await clients.connect(order["url"], order["topics"], order["count"])
    elif order["do"] == "silent":
        await clients.connect_silent(order["port"], order["topic"], order["count"])
    elif order["do"] == "close":
        clients.close()
    elif order["do"] == "forget":
        Counted.frames, Counted.latencies = 0, array.array("d")
    elif order["do"] == "wait":
        deadline = time.monotonic() + order["patience_s"]
        while Counted.frames < order["frames"] and time.monotonic() < deadline:  # noqa: ASYNC110  # counted in C's calls
            await asyncio.sleep(0.02)
    times = np.array(Counted.latencies) if Counted.latencies else np.zeros(1)
    return {"frames": Counted.frames, "p50": float(np.percentile(times, 50)), "p99": float(np.percentile(times, 99))}


async def main() -> None:
    """Obey until standard input ends."""
    clients = Clients()
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await _do(clients, json.loads(line))), flush=True)
    os._exit(0)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
