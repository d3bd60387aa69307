"""H1 to H5 and H7: what the stack around an answer costs, in processor time, beside servers without it."""

from __future__ import annotations

import contextlib
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import httpx
import numpy as np
import psutil

from benchmarks.goal import REPETITIONS, Goal

REQUESTS = 1_500  # of one repetition
PEER_PORT = 18_430
RATE_PER_S, MEASURED_S = 200, 6.0
BARS_PATH = "/api/v1/symbols/{code}/bars?limit=200"
GATE_PATH = "/api/v1/gate"  # kept as bytes
FEED_PATH = "/api/v1/feed"  # small, and made anew for each who asks


class Server(NamedTuple):
    """A process that serves, and the key it asks for."""

    pid: int
    port: int
    key: str = ""


def cost_goals(ours: Server, silent: Server, code: str) -> list[Goal]:
    """H1 to H5 with two servers of ours: one as it is by default, one with telemetry turned off. The rows of H2 and H5
    are a Symbol's bars, asked for again while nothing changed, as a chart does."""
    bars = BARS_PATH.format(code=code)
    with _peer("small", 0) as small, _peer("rows", 1) as rows, _peer("fastapi", 2) as fastapi:
        asked = {
            "small": (small, "/"),
            "rows": (rows, "/"),
            "fastapi": (fastapi, "/"),
            "feed": (ours, FEED_PATH),
            "gate": (ours, GATE_PATH),
            "bars": (ours, bars),
            "silent": (silent, GATE_PATH),
        }
        for server, path in asked.values():
            _cost(server, path, 200)
        taken: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(REPETITIONS):
            for name, (server, path) in asked.items():
                taken[name].append(_cost(server, path, REQUESTS))
    cost = {name: statistics.median(each) for name, each in taken.items()}
    print("  ".join(f"{name} {each * 1e6:.0f} us" for name, each in cost.items()), file=sys.stderr)
    return [
        Goal("H1", cost["small"] / cost["feed"], 0.22, 0.30, "higher", "x"),
        Goal("H2", cost["rows"] / cost["bars"], 0.55, 0.65, "higher", "x"),
        Goal("H3", cost["small"] / cost["gate"], 0.75, 0.9, "higher", "x"),
        Goal("H4", cost["silent"] / cost["gate"], 0.70, 0.85, "higher", "x"),
        Goal("H5", cost["fastapi"] / cost["bars"], 1.5, 2.0, "higher", "x"),
    ]


def latency_goal(ours: Server, screens: list[str]) -> Goal:
    """H7: p99 at RATE_PER_S, while screens are asked without pause, against the same when nobody asks."""
    idle = paced(ours)
    stop = threading.Event()
    thread = threading.Thread(target=_ask_screens, args=(ours, screens, stop))
    thread.start()
    try:
        busy = paced(ours)
    finally:
        stop.set()
        thread.join()
    print(f"p99 {busy * 1e3:.2f} ms while scans run, {idle * 1e3:.2f} ms idle", file=sys.stderr)
    return Goal("H7", busy / idle, 4, 2, "lower", "x")


@contextlib.contextmanager
def _peer(name: str, number: int) -> Iterator[Server]:
    port = PEER_PORT + number
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.peers", name, str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/").status_code == 200:
                    break
            time.sleep(0.05)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.wait()


def _cost(server: Server, path: str, count: int) -> float:
    """Processor seconds of the server for one request, over one kept connection."""
    process = psutil.Process(server.pid)
    key = f"Authorization: Bearer {server.key}\r\n" if server.key else ""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{key}\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        before = process.cpu_times()
        for _ in range(count):
            connection.sendall(request)
            _read_answer(connection)
        after = process.cpu_times()
    spent: float = (after.user + after.system - before.user - before.system) / count
    return spent


def _read_answer(connection: socket.socket) -> None:
    got = connection.recv(65_536)
    while b"\r\n\r\n" not in got:
        got += connection.recv(65_536)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    left = length - len(body)
    while left > 0:
        left -= len(connection.recv(65_536))


def paced(server: Server) -> float:
    """p99 in seconds of small requests at a steady rate, each counted from the moment it was due."""
    taken = []
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=_headers(server)) as client:
        begun = time.perf_counter()
        for number in range(int(RATE_PER_S * MEASURED_S)):
            due = begun + number / RATE_PER_S
            time.sleep(max(0.0, due - time.perf_counter()))
            client.get(GATE_PATH).raise_for_status()
            taken.append(time.perf_counter() - due)
    return float(np.percentile(taken, 99))


def _ask_screens(server: Server, screens: list[str], stop: threading.Event) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", headers=_headers(server), timeout=60) as client:
        number = 0
        while not stop.is_set():
            text = screens[number % len(screens)].format(n=5 + number % 37, m=20 + number % 181)
            client.post("/api/v1/screens/run", json={"expression": text, "limit": 100}).raise_for_status()
            number += 1


def _headers(server: Server) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {server.key}"} if server.key else {}
