"""Keeps one server running: starts it, asks every second how it is, starts it again when it is dead, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol

from ralph.embedded.child import Child, Steps, last_words
from ralph.errors import Misconfigured, RalphError, Unavailable

_log = logging.getLogger("ralph.embedded")

READY_S = 120.0  # recovery after a crash reads the log written since the last checkpoint
RETRY_S = 10.0  # a start right after kill -9 can fail while the old processes still leave
RETRY_PAUSE_S = 0.3
READY_POLL_S = (0.02, 0.5)  # doubled from the first to the last: each refused question is a line in the server's log
BACKOFF_FIRST_S = 0.1
BACKOFF_MAX_S = 5.0
STEADY_S = 30.0  # after this long the back-off begins again from the first pause

Condition = Literal["stopped", "starting", "running", "silent", "restarting"]


@dataclass(frozen=True)
class ServerState:
    """How a server is, since when (UTC), and how often it was started again. silent: alive, does not answer."""

    condition: Condition
    since: datetime
    restarts: int = 0
    pid: int | None = None
    detail: str = ""


class Server(Protocol):
    """What a supervisor needs to know of a server."""

    @property
    def name(self) -> str:
        """For logs and states."""

    @property
    def stop_steps(self) -> Steps:
        """How it is stopped."""

    @property
    def log(self) -> Path:
        """Where it writes what it has to say."""

    async def prepare(self) -> None:
        """Make folders, clear leftovers."""

    def launch(self) -> Child:
        """Start the process."""

    async def ping(self) -> None:
        """Unavailable unless it answers."""


class Supervisor:
    """One server, kept running.

    check_interval_s  how often it is asked how it is
    hung_after_s      how long it may live without an answer before it is replaced
    """

    def __init__(self, server: Server, check_interval_s: float = 1.0, hung_after_s: float = 60.0) -> None:
        self._server = server
        self._check_interval_s = check_interval_s
        self._hung_after_s = hung_after_s
        self._process: Child | None = None
        self._watching: asyncio.Task[None] | None = None
        self._backoff_s = BACKOFF_FIRST_S
        self.state = ServerState("stopped", datetime.now(UTC))

    async def start(self) -> None:
        """Return when it answers. Misconfigured, with its own last words, when it does not."""
        self._become("starting")
        try:
            await self._server.prepare()
            await self._launch()
        except BaseException:
            await self._end()
            raise
        self._become("running")
        self._watching = asyncio.create_task(self._watch(), name=f"watch {self._server.name}")

    async def stop(self) -> None:
        """Stop watching, then the server; within the time of its steps."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.stop(self._server.stop_steps)
        self._become("stopped")

    async def _launch(self) -> None:
        now = asyncio.get_running_loop().time
        give_up_at = now() + RETRY_S
        while True:
            self._process = self._server.launch()
            if await self._ready(self._process):
                return
            words = last_words(self._server.log)
            if now() > give_up_at:
                raise Misconfigured(
                    f"the embedded {self._server.name} does not start: {words} (see {self._server.log})",
                    field=self._server.name,
                )
            _log.info("%s did not start, trying again: %s", self._server.name, words)
            await asyncio.sleep(RETRY_PAUSE_S)

    async def _ready(self, process: Child) -> bool:
        """True when it answers, False when it ended."""
        deadline = asyncio.get_running_loop().time() + READY_S
        pause_s, pause_max_s = READY_POLL_S
        while process.exit_code is None and asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(Unavailable):
                await self._server.ping()
                return True
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, pause_max_s)
        await process.stop(self._server.stop_steps)
        return False

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._check_interval_s)
            try:
                await self._look()
            except Exception:  # noqa: BLE001  # whatever it was, a server nobody watches would be worse
                _log.exception("%s could not be looked after", self._server.name)

    async def _look(self) -> None:
        assert self._process is not None
        if self._process.exit_code is not None:
            await self._restart(f"ended with {self._process.exit_code}")
        else:
            await self._listen(self._process)

    async def _listen(self, process: Child) -> None:
        try:
            await self._server.ping()
        except Unavailable as error:
            if process.exit_code is not None:
                return  # the next look finds it dead
            if self.state.condition != "silent":
                _log.warning("%s is silent: %s", self._server.name, error)
                self._become("silent", str(error))
            silent_s = (datetime.now(UTC) - self.state.since).total_seconds()
            if silent_s >= self._hung_after_s:
                await process.stop(self._server.stop_steps)
                await self._restart(f"gave no answer for {silent_s:.0f} s")
        else:
            if self.state.condition != "running":
                self._become("running")

    async def _restart(self, reason: str) -> None:
        """Start it again, for as long as it takes."""
        if self.state.condition == "running" and (datetime.now(UTC) - self.state.since).total_seconds() > STEADY_S:
            self._backoff_s = BACKOFF_FIRST_S
        _log.error("%s %s; starting it again", self._server.name, reason)
        self._become("restarting", reason)
        while True:
            await asyncio.sleep(self._backoff_s * random.uniform(0.5, 1.0))  # noqa: S311  # jitter, no secret
            self._backoff_s = min(self._backoff_s * 2, BACKOFF_MAX_S)
            self.state = replace(self.state, restarts=self.state.restarts + 1)
            try:
                await self._server.prepare()
                await self._launch()
            except (RalphError, OSError) as error:
                _log.error("%s: %s", self._server.name, error)
                self.state = replace(self.state, detail=str(error))
            else:
                break
        self._become("running")
        _log.info("%s answers again", self._server.name)

    def _become(self, condition: Condition, detail: str = "") -> None:
        pid = self._process.pid if self._process is not None else None
        self.state = ServerState(condition, datetime.now(UTC), self.state.restarts, pid, detail)
