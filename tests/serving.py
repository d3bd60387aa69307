"""A real `ralph` in a process of its own, for tests that look at it from outside."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from ralph.cli import group
from ralph.errors import RalphError

READY_S = 120.0
STOP_S = 20.0
_URL = re.compile(r"http://[\w.\[\]:]+:\d+")


def environment(home: Path, **extra: str) -> dict[str, str]:
    """The environment of a command that works on this home and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RALPH_")}
    return {**kept, "RALPH_HOME": str(home), **extra}


def ralph(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ralph", *arguments],
        env=environment(home, **extra),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def told(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, which saves the start of another one; errors are told without what goes around them."""
    env = {name: None for name in os.environ if name.startswith("RALPH_")} | {"RALPH_HOME": str(home)}
    result = CliRunner().invoke(group, arguments, env=env, standalone_mode=False)
    error = result.exception
    if error is None or isinstance(error, SystemExit):
        return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)
    if not isinstance(error, RalphError):
        raise error
    return subprocess.CompletedProcess(arguments, error.exit_code, result.stdout, result.stderr + error.message)


class Server:
    """A started `ralph up`; its standard error goes to a file."""

    def __init__(
        self, home: Path, log: Path, *arguments: str, python: Path | None = None, folder: Path | None = None
    ) -> None:
        self.home = home
        self.log = log
        command = [str(python or sys.executable), "-m", "ralph", "up", "--port", "0", "--no-open", *arguments]
        with log.open("ab") as sink:
            self.process = subprocess.Popen(command, env=environment(home), stdout=sink, stderr=sink, cwd=folder)

    def wait_ready(self, timeout_s: float = READY_S) -> float:
        """Wait until it can serve; how long that took."""
        started = time.monotonic()
        while time.monotonic() - started < timeout_s:
            assert self.process.poll() is None, f"ended early: {self.log.read_text()[-3000:]}"
            with contextlib.suppress(httpx.TransportError, StopIteration):
                if httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200:
                    return time.monotonic() - started
            time.sleep(0.05)
        raise AssertionError(f"not ready after {timeout_s} s: {self.log.read_text()[-3000:]}")

    @property
    def url(self) -> str:
        """Where it serves; StopIteration until it has said so."""
        return str(next(iter(_URL.findall(self.log.read_text())[-1:])))

    @property
    def link(self) -> str:
        """The one-time link it printed."""
        return str(re.findall(r"http://\S+/\?t=\S+", self.log.read_text())[-1])

    def client(self, **options: Any) -> httpx.Client:
        """A client with the owner's key."""
        key = (self.home / "owner.key").read_text().strip()
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=60, **options)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop, and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@contextlib.contextmanager
def serving(home: Path, *arguments: str) -> Iterator[Server]:
    """A ready server, stopped at the end."""
    server = Server(home, home.with_name(f"{home.name}.log"), *arguments)
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()
