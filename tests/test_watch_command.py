"""`ralph watch`: what a server tells, as lines or as a table, through connections that end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from live_server import KEY, PATIENCE_S, Live, MemoryJournal, live
from serving import Server
from websockets.sync.client import connect as listen

from ralph.cli import watch
from ralph.cli.watch import watch_command
from ralph.embedded.home import Home
from ralph.errors import RalphError
from ralph.stream.sockets import RESTART

pytestmark = pytest.mark.anyio


class Terminal:
    """Runs `ralph watch` in a thread, on the home of a server."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def watch(self, *arguments: str) -> asyncio.Task[tuple[str, str]]:
        """What it prints, on standard output and beside it; the error it ends with is raised."""
        return asyncio.create_task(asyncio.to_thread(self.run, *arguments))

    def run(self, *arguments: str) -> tuple[str, str]:
        """The same, here."""
        env = {"RALPH_HOME": str(self._home)}
        result = CliRunner().invoke(watch_command, arguments, env=env, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.stdout, result.stderr


@contextlib.asynccontextmanager
async def served(folder: Path, journal: MemoryJournal | None = None) -> AsyncIterator[tuple[Live, Terminal]]:
    """A server that holds a home."""
    home = Home(folder / "home")
    home.create()
    (home.path / "owner.key").write_text(KEY + "\n")
    async with live(journal=journal) as server:
        with home.hold("up", url=server.url.replace("ws", "http", 1).removesuffix("/ws")):
            yield server, Terminal(home.path)


def quote(symbol: str, price: float) -> bytes:
    """A quote as it is published."""
    ratio = price / 70_000 - 1
    return json.dumps(
        {
            "symbol": symbol,
            "price": price,
            "change": price - 70_000,
            "change_ratio": ratio,
            "volume": 1_234_567,
            "session": "regular",
            "at": "2026-11-23T10:00:01+09:00",
        }
    ).encode()


def signal(number: int) -> bytes:
    """A step of a Signal."""
    about = {"system": "vcp", "symbol": "005930", "name": "삼성전자", "grade": "A", "armed_on": "2026-11-20"}
    levels = {"entry": 71_000.0 + number, "stop": 66_000.0}
    return json.dumps({"event": "triggered", "signal": {**about, "levels": levels}, "at": "…"}).encode()


async def heard(server: Live, topic: str) -> None:
    """Wait until somebody reads a topic."""
    async with asyncio.timeout(PATIENCE_S):
        while not server.hub.subscribers(topic):  # noqa: ASYNC110  # it is the client that has to come
            await asyncio.sleep(0.01)


async def test_quotes_are_watched(tmp_path: Path) -> None:
    """Of the symbols that were named, or of all; as a line each, or as a table of the newest when it is over."""
    async with served(tmp_path) as (server, terminal):
        server.hub.publish_many("quote:", ["005930", "000660"], [quote("005930", 71_000), quote("000660", 70_000)])
        out, _ = await terminal.watch("005930", "000660", "--frames", "2", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        assert [(line["topic"], line["data"]["price"]) for line in lines] == [
            ("quote:005930", 71_000),
            ("quote:000660", 70_000),
        ]
        before = server.station.rounds.flushes
        board = terminal.watch("--frames", "2")
        await written(server, before)  # the snapshot
        server.hub.publish_many("quote:", ["005930"], [quote("005930", 71_400)])
        out, _ = await board
        assert "71,400" in out
        assert "+2.00" in out
        assert "10:00:01" in out
        assert "71,000" not in out
        assert out.index("005930") < out.index("000660")  # what moved last stands first


async def test_signals_are_told_once_through_connections_that_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever watches is back in a moment and misses nothing."""
    monkeypatch.setattr(watch, "PAUSES_S", (0.01,))
    async with served(tmp_path) as (server, terminal):
        told = terminal.watch("--signals", "--frames", "3", "--json")
        await heard(server, "signals")
        before = server.station.rounds.flushes
        server.hub.announce("signals", signal(1))
        await written(server, before)
        server.station.rounds.hang_up_all(RESTART, "again")
        server.hub.announce("signals", signal(2))
        async with asyncio.timeout(PATIENCE_S):
            while len(server.station.rounds) != 1 or not server.hub.subscribers("signals"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        server.hub.announce("signals", signal(3))
        out, beside = await told
        assert [json.loads(line)["seq"] for line in out.splitlines()] == [1, 2, 3]
        assert "the connection ended; again in 0.01 s" in beside
        out, _ = await terminal.watch("--signals", "--frames", "3")
        assert "71,003" in out
        assert "삼성전자" in out


async def written(server: Live, before: int) -> None:
    """Wait until there were more messages than before."""
    async with asyncio.timeout(PATIENCE_S):
        while server.station.rounds.flushes == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_screen_is_watched(tmp_path: Path) -> None:
    """Who enters and who leaves."""
    async with served(tmp_path) as (server, terminal):
        event: dict[str, Any] = {"screen": "7", "symbol": "005930", "name": None, "at": "2026-11-23T10:01:00+09:00"}
        for step, price in (("entered", 71_000.0), ("left", 70_500.0)):
            server.hub.announce("screen:7", json.dumps({**event, "event": step, "price": price}).encode())
        out, _ = await terminal.watch("--screen", "7", "--frames", "2")
        assert out.index("left") < out.index("entered")
        assert "70,500" in out


@pytest.mark.parametrize(
    ("arguments", "field", "code"),
    [(("ZZZZ",), "topics", 2), (("005930", "--signals"), "symbols", 2), (("--screen", "../x"), "topics", 2)],
)
async def test_what_cannot_be_watched_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], field: str, code: int
) -> None:
    """With the server's words, and the field."""
    async with served(tmp_path) as (_, terminal):
        with pytest.raises(RalphError) as refused:
            await terminal.watch(*arguments, "--seconds", "5")
        assert (refused.value.field, refused.value.exit_code) == (field, code)


async def test_a_key_that_does_not_open_and_no_server(tmp_path: Path) -> None:
    """Each says what is the matter."""
    async with served(tmp_path) as (_, terminal):
        (tmp_path / "home" / "owner.key").write_text("rk_" + "y" * 43)
        with pytest.raises(RalphError, match="does not know this home's key") as refused:
            await terminal.watch("--seconds", "5")
        assert refused.value.exit_code == 5
    with pytest.raises(RalphError, match="start one with `ralph up`"):
        await terminal.watch("--seconds", "5")


@pytest.mark.long
def test_the_simulated_market_is_watched(simulated: Server) -> None:
    """A whole server: its board moves, one of its symbols, and its gate is judged as minutes close."""
    terminal = Terminal(simulated.home)
    out, _ = terminal.run("--frames", "5", "--json")
    quotes = [quote for line in out.splitlines() for quote in json.loads(line)["data"]]
    assert len(quotes) > 100
    assert all(quote["price"] > 0 for quote in quotes)
    symbol = quotes[-1]["symbol"]
    out, _ = terminal.run(symbol, "--frames", "2")
    assert symbol in out
    with simulated.client() as client:
        board = client.get("/api/v1/board").json()
    url = simulated.url.replace("http", "ws", 1) + "/ws"
    key = (simulated.home / "owner.key").read_text().strip()
    with listen(url, additional_headers={"Authorization": f"Bearer {key}"}) as socket:
        assert json.loads(socket.recv())["type"] == "hello"
        socket.send('{"op":"subscribe","topics":["gate"]}')
        assert json.loads(socket.recv(PATIENCE_S))["type"] == "subscribed"
        gate = json.loads(socket.recv(PATIENCE_S))["frames"][-1]["data"]
    assert (gate["workspace"], gate["simulated"], gate["as_of"]) == ("demo", True, board["session"])
    assert {part["name"] for part in gate["components"]} == {"KOSPI", "KOSDAQ", "sectors"}
    assert len(gate["sectors"]) > 10
