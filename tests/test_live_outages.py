"""A minute without Postgres, or without Redis: the live market goes on, says what is wrong, and nothing is missing."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from serving import Server, serving
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.long

AWAY_S = 60.0
PATIENCE_S = 120.0


class Listener:
    """A client that counts the quotes it is told, and how often it was sent away."""

    def __init__(self, server: Server) -> None:
        self.quotes = self.closed = 0
        self._url = server.url.replace("http", "ws", 1) + "/ws"
        self._key = (server.home / "owner.key").read_text().strip()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with connect(self._url, additional_headers={"Authorization": f"Bearer {self._key}"}, max_size=None) as socket:
            socket.send(b'{"op":"subscribe","topics":["board"]}'.decode())
            try:
                for text in socket:
                    said = msgspec.json.decode(text)
                    self.quotes += sum(len(frame["data"]) for frame in said.get("frames", ()))
            except ConnectionClosed:
                self.closed += 1


def descendants(parent: int, name: str) -> list[int]:
    """Processes of a name that a process has started, and those that these have."""
    found: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text().rpartition(")")
        except OSError:  # it has just ended
            continue
        found[int(path.parent.name)] = int(rest.split()[1]), head.partition("(")[2]
    ours, count = {parent}, 0
    while count != len(ours):
        count = len(ours)
        ours |= {pid for pid, (of, _) in found.items() if of in ours}
    return [pid for pid in ours if found.get(pid, (0, ""))[1].startswith(name)]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.2)


def test_the_market_plays_on_while_a_server_hangs(home_path: Path) -> None:
    """Quotes go on to the same connection, health names what hangs, and afterwards the recording has no gap."""
    home_path.mkdir(mode=0o700)
    (home_path / "ralph.toml").write_text("[live]\nspeed = 10\n")  # no Session ends meanwhile
    with serving(home_path) as server, server.client() as client:
        listener = Listener(server)
        until(lambda: listener.quotes > 5_000)

        def well(name: str) -> bool:
            parts = client.get("/health").json()["parts"]
            return bool(parts[name]["ok"])

        for program, part in (("postgres", "database"), ("redis-server", "redis")):
            until(lambda part=part: well(part) and well("recorder"))  # type: ignore[misc]
            stopped = descendants(server.process.pid, program)
            assert stopped
            played = 0
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                until(lambda part=part: not well(part))  # type: ignore[misc]
                ended = time.monotonic() + AWAY_S
                while time.monotonic() < ended and not well(part):  # one that hangs for long is replaced
                    before = listener.quotes
                    until(lambda before=before: listener.quotes > before + 500)  # type: ignore[misc]
                    played += not well(part)
                    assert client.get("/api/v1/board").status_code == 200
            finally:
                for pid in stopped:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
            assert played > 3  # while it was away, not afterwards
            until(lambda part=part: well(part) and well("recorder"))  # type: ignore[misc]
            until(lambda: client.get("/api/v1/feed").json()["recorder"]["spooled"] == 0)
            assert client.get("/api/v1/feed").json()["recorder"]["lost"] == 0
            assert listener.closed == 0
