"""W1-W8: what it takes to tell thousands of browsers something, beside picows and Litestar's channels."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.goal import REPETITIONS, Goal
from benchmarks.stream_servers import MESSAGE_BYTES_SENT, SYMBOLS, TOPIC
from benchmarks.watching import speed_of_watching

PEER_CLIENTS = 1_000
GAP_S = 0.1  # ten messages a second, as everywhere here
BURST = 8  # so many at once are given to each client of Ralph after a rest
WATCHED = 3  # Symbols of each client of W8, which trade about eleven times a second together
PATIENCE_S = 30.0
TURNS, TURN_MESSAGES = 25, 5
BIG_BYTES, BIG_COUNT = 60_000, 16  # what fills the buffers of those that never read


class Child:
    """A server or the clients, in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    async def line(self) -> str:
        """What it says next."""
        assert self._process.stdout is not None
        said = await asyncio.to_thread(self._process.stdout.readline)
        if not said:
            raise RuntimeError("a benchmark's process has ended")
        return said

    async def do(self, do: str, **order: Any) -> dict[str, Any]:
        """Tell it to do something, and what it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **order}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(await self.line())
        return answer

    def end(self) -> None:
        """It ends when there is nothing more to read."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Pair:
    """A server with its clients."""

    def __init__(self, server: Child, clients: Child, port: int) -> None:
        self.server = server
        self.clients = clients
        self.port = port

    async def connect(self, path: str, topics: list[list[str]], count: int) -> None:
        """So many clients more."""
        await self.clients.do("connect", url=f"ws://127.0.0.1:{self.port}{path}", topics=topics, count=count)
        await asyncio.sleep(0.5)

    async def heard(self, frames: int) -> dict[str, Any]:
        """What the clients received, once it is so much or nothing more comes."""
        return await self.clients.do("wait", frames=frames, patience_s=PATIENCE_S)


@contextlib.asynccontextmanager
async def _pair(kind: str) -> AsyncIterator[Pair]:
    server, clients = Child("benchmarks.stream_servers", kind), Child("benchmarks.stream_clients")
    try:
        yield Pair(server, clients, int(await server.line()))
    finally:
        clients.end()
        server.end()


async def measure() -> list[Goal]:
    """All of them; the peers only where they are compared."""
    per_delivery = await _cost_of_a_delivery()
    ours, picows, channels = (per_delivery[kind] for kind in ("ralph", "picows", "channels"))
    await asyncio.to_thread(speed_of_watching)
    told = ", ".join(f"{kind} {cost:.1f}" for kind, cost in per_delivery.items())
    print(f"stream: us of CPU a delivery to {PEER_CLIENTS:,} clients: {told}", file=sys.stderr)
    throughput, *at_five_thousand = await _five_thousand()
    return [
        Goal("W1", ours / picows, 1.5, 1.2, "lower", "x"),
        Goal("W2", ours / channels, 0.3, 0.2, "lower", "x"),
        throughput,
        await _thousand(),
        *at_five_thousand,
        await _never_read(),
        await _memory(),
        await _ticks(),
    ]


async def _cost_of_a_delivery() -> dict[str, float]:
    """Microseconds of the server's CPU for each message to each client."""
    costs: dict[str, list[float]] = {"ralph": [], "picows": [], "channels": [], "bare": []}
    ways = {"ralph": ("/ws", [[TOPIC]]), "picows": ("/", []), "channels": ("/all", []), "bare": ("/", [])}
    async with contextlib.AsyncExitStack() as stack:
        pairs = {kind: await stack.enter_async_context(_pair(kind)) for kind in costs}
        for kind, pair in pairs.items():
            await pair.connect(*ways[kind], PEER_CLIENTS)
        for repetition in range(REPETITIONS + 1):
            for kind, pair in pairs.items():
                await pair.clients.do("forget")
                spent = await pair.server.do("burst", count=BURST, gap_s=GAP_S)
                heard = await pair.heard(BURST * PEER_CLIENTS)
                if repetition:  # the first warms up
                    costs[kind].append(spent["cpu_s"] / heard["frames"] * 1e6)
    return {kind: statistics.median(taken) for kind, taken in costs.items()}


async def _thousand() -> Goal:
    """Beside it, in turn, what bare sends take to as many clients."""
    ours: list[float] = []
    bare: list[float] = []
    async with _pair("ralph") as pair, _pair("bare") as other:
        await pair.connect("/ws", [[TOPIC]], 1_000)
        await other.connect("/", [], 1_000)
        for _ in range(REPETITIONS):
            for each, found in ((pair, ours), (other, bare)):
                heard, _ = await _steady(each, 1_000, 20)
                found.append(heard["p99"])
    print(f"stream: W4 {statistics.median(bare):.1f} ms with bare sends", file=sys.stderr)
    return Goal("W4", statistics.median(ours), 25, 15, "lower", "ms")


async def _five_thousand() -> list[Goal]:
    """The most that is asked of one core; what a delivery costs of it says how many it can make."""
    bare, bare_core = await _at_five_thousand("bare", "/", [])
    print(f"stream: W5 p99 {bare['p99']:.0f} ms, {bare_core:.2f} of a core with bare sends", file=sys.stderr)
    heard, core = await _at_five_thousand("ralph", "/ws", [[TOPIC]])
    return [
        Goal("W3", 5_000 / GAP_S / core / 1e3, 80, 95, "higher", "k/s"),
        Goal("W5.p99", heard["p99"], 120, 80, "lower", "ms"),
        Goal("W5.core", core, 0.65, 0.5, "lower", "cores"),
        Goal("W5.delivered", heard["frames"] / (5_000 * 50), 1, 1, "higher", "share"),
    ]


async def _at_five_thousand(kind: str, path: str, topics: list[list[str]]) -> tuple[dict[str, Any], float]:
    """What was heard, and the share of a core."""
    async with _pair(kind) as pair:
        await pair.connect(path, topics, 5_000)
        before = await pair.server.do("look")
        heard, spent = await _steady(pair, 5_000, 50)
        after = await pair.server.do("look")
    return heard, (after["total_cpu_s"] - before["total_cpu_s"]) / (spent["wall_s"] * 55 / 50)


async def _steady(pair: Pair, clients: int, count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Ten messages a second: what was heard, and what it cost."""
    await pair.server.do("steady", count=5, gap_s=0.1)
    await pair.heard(5 * clients)
    await pair.clients.do("forget")
    spent = await pair.server.do("steady", count=count, gap_s=0.1)
    return await pair.heard(count * clients), spent


async def _never_read() -> Goal:
    """Of 300 clients ten never read: the others' p99 beside that of 290 alone. In turn, and so often that what else
    the machine does falls on few of the turns."""
    alone: list[float] = []
    beside: list[float] = []
    async with _pair("ralph") as quiet, _pair("ralph") as pair:
        for each in (quiet, pair):
            await each.connect("/ws", [[TOPIC]], 290)
        await pair.clients.do("silent", port=pair.port, topic=TOPIC, count=10)
        spent = await pair.server.do("burst", count=BIG_COUNT, size=BIG_BYTES, gap_s=0.1)
        if spent["blocked"] != 10:
            raise RuntimeError(f"{spent['blocked']} of 10 clients are found not to read")
        for _ in range(TURNS):
            for each, found in ((quiet, alone), (pair, beside)):
                await each.clients.do("forget")
                await each.server.do("steady", count=TURN_MESSAGES, gap_s=GAP_S)
                found.append((await each.heard(TURN_MESSAGES * 290))["p99"])
    return Goal("W6", statistics.median(beside) / statistics.median(alone), 1.2, 1.05, "lower", "x")


async def _memory() -> Goal:
    count = 2_000
    async with _pair("ralph") as pair:
        await pair.connect("/ws", [[TOPIC]], 100)
        before = (await pair.server.do("burst", count=2))["memory"]
        await pair.connect("/ws", [[TOPIC]], count)
        after = (await pair.server.do("burst", count=2))["memory"]
    return Goal("W7", (after - before) / count / 1e3, 30, 23, "lower", "KB")


async def _ticks() -> Goal:
    """Ten thousand ticks a second over all Symbols; a thousand clients watch some each."""
    topics = [[f"quote:{(place + step * 700) % SYMBOLS:06}" for step in range(WATCHED)] for place in range(1_000)]
    async with _pair("ralph") as pair:
        await pair.connect("/ws", topics, 1_000)
        await pair.server.do("ticks", seconds=2, per_second=10_000)
        await pair.clients.do("forget")
        spent = await pair.server.do("ticks", seconds=8, per_second=10_000)
        heard = await pair.clients.do("report")
    print(
        f"stream: W8 p50 {heard['p50']:.1f} ms, {heard['frames']} frames, "
        f"{spent['cpu_s'] / spent['wall_s']:.2f} of a core, messages of {MESSAGE_BYTES_SENT} bytes elsewhere",
        file=sys.stderr,
    )
    return Goal("W8", heard["p99"], 50, 15, "lower", "ms")
