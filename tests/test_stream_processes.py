"""Several processes serve one stream: the same to everyone, also when the leader dies."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_server import BEARER
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

pytestmark = pytest.mark.anyio

TAKEOVER_S = 10.0
ROOT = Path(__file__).parent


class Member:
    """One of the processes."""

    def __init__(self, out: Path, *arguments: str) -> None:
        self._out = out
        with out.open("w") as sink:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "live_process.py"), *arguments],
                stdout=sink,
                cwd=ROOT.parent,
                env={"PYTHONPATH": f"{ROOT.parent}:{ROOT}", "PATH": ""},
            )

    @property
    def url(self) -> str:
        """Where it serves; empty until it does."""
        return next((line for line in self._out.read_text().splitlines() if line.startswith("ws://")), "")

    @property
    def leads(self) -> bool:
        """Whether it has begun to lead."""
        return "leads" in self._out.read_text().splitlines()

    def end(self, number: int = signal.SIGKILL) -> None:
        """At once."""
        self._process.send_signal(number)
        self._process.wait()


class Reader:
    """A client that comes back with `since` to whichever process is there, and keeps what it is told."""

    def __init__(self, urls: list[str]) -> None:
        self.told: list[tuple[int, int]] = []
        self.quotes: list[int] = []
        self.connections = 0
        self._urls = urls
        self._since: tuple[str, int] | None = None

    async def read(self) -> None:
        """For ever."""
        while True:
            url = self._urls[self.connections % len(self._urls)]
            self.connections += 1
            with contextlib.suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                async with connect(url, additional_headers=BEARER, compression=None) as socket:
                    await self._listen(socket)
            await asyncio.sleep(0.1)

    async def _listen(self, socket: Any) -> None:
        epoch = msgspec.json.decode(await socket.recv())["epoch"]
        asked: dict[str, Any] = {"op": "subscribe", "topics": ["signals", "quote:005930"]}
        if self._since is not None:
            asked |= {"since": {"signals": self._since[1]}, "epoch": self._since[0]}
        await socket.send(msgspec.json.encode(asked).decode())
        async for text in socket:
            said = msgspec.json.decode(text)
            assert said["type"] in ("subscribed", "frames"), said
            for frame in said.get("frames", ()):
                if frame["topic"] == "signals":
                    self.told.append((frame["seq"], frame["data"]["signal"]))
                    self._since = (frame.get("epoch", epoch), frame["seq"])
                else:
                    self.quotes.append(frame["data"]["price"])


@pytest.fixture
def members(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[list[Member]]:
    """Three of them."""
    began = str(time.time())
    started: list[Member] = []
    try:
        started += [Member(tmp_path / str(place), database_url, redis_url, began) for place in range(3)]
        yield started
    finally:
        for member in started:
            member.end()


async def until(what: Any, patience_s: float) -> float:
    """Wait until something holds; how long that took."""
    started = time.monotonic()
    while not what():  # several things, and none of them tells
        assert time.monotonic() - started < patience_s
        await asyncio.sleep(0.05)
    return time.monotonic() - started


@pytest.mark.alone
async def test_every_signal_once_in_order_though_the_leader_is_killed(members: list[Member]) -> None:
    """Its clients come back to another process, and nobody misses anything or hears it twice."""
    await until(lambda: all(member.url for member in members) and any(member.leads for member in members), 60)
    members.sort(key=lambda member: not member.leads)
    leader = members[0]
    urls = [member.url for member in members]
    readers = [Reader(urls[place:] + urls[:place]) for place in range(3)]
    tasks = [asyncio.ensure_future(reader.read()) for reader in readers]
    try:
        await until(lambda: all(len(reader.told) > 50 for reader in readers), 30)
        leader.end()
        last = max(reader.told[-1][1] for reader in readers)
        took_s = await until(lambda: all(reader.told[-1][1] > last + 100 for reader in readers), 30)
        assert took_s < TAKEOVER_S + 100 * 0.02
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended
    for reader in readers:
        first = reader.told[0]
        count = len(reader.told)
        assert [seq for seq, _ in reader.told] == list(range(first[0], first[0] + count))
        assert [told for _, told in reader.told] == list(range(first[1], first[1] + count))
        assert reader.quotes == sorted(reader.quotes)
    assert readers[0].connections > 1
    told = {each for reader in readers for each in reader.told}
    assert len(told) == len({seq for seq, _ in told})  # the same from every process
