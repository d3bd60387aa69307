"""Asks each part how it does, in the background, for ever: what was last heard is what /health and /metrics show."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path

from ralph.api.health import Vitals
from ralph.embedded.home import DISK_FREE_MIN
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import RalphError, Unavailable
from ralph.market.calendar import Calendar, instant
from ralph.market.panel import Panel
from ralph.store.cache import Cache
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.signals import count_by_state
from ralph.telemetry import Metrics

PROBE_S = 1.0
SLOW_PROBE_S = 15.0
PROBE_TIMEOUT_S = 2.0
CLOSE = clock_time(15, 30)
BEHIND_MAX = 30  # further back it is an archive
WORD_S = 10.0  # a probe that says nothing for longer is stuck, and its part not well


@dataclass(frozen=True)
class Probed:
    """The parts, and where what they say goes. home: the folder whose disk is watched."""

    vitals: Vitals
    metrics: Metrics
    database: Database
    cache: Cache
    servers: EmbeddedServers
    markets: Markets
    calendar: Calendar
    home: Path


class Probes:
    """`run` it once the parts are connected."""

    def __init__(self, probed: Probed) -> None:
        self._at = probed

    async def run(self) -> None:
        """Probe for ever; a part that hangs does not keep the others from being asked."""
        async with asyncio.TaskGroup() as group:
            for probe, every_s in (
                (self._database, PROBE_S),
                (self._redis, PROBE_S),
                (self._disk, PROBE_S),
                (self._panel, PROBE_S),
                (self._hours, PROBE_S),
                (self._freshness, SLOW_PROBE_S),
                (self._signals, SLOW_PROBE_S),
                (self._summary, PROBE_S),
            ):
                group.create_task(_repeat(probe, every_s))

    async def _database(self) -> None:
        await self._ping("database", self._at.database.ping)

    async def _redis(self) -> None:
        await self._ping("redis", self._at.cache.ping)

    async def _ping(self, name: str, ping: Callable[[], Awaitable[None]]) -> None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await ping()
        except (RalphError, TimeoutError) as error:
            self._at.vitals.note(name, ok=False, detail=str(error) or "no answer")
        else:
            seconds = time.perf_counter() - started
            self._at.metrics.part_latency.labels(name).set(seconds)
            self._at.vitals.note(name, ok=True, detail="reachable", latency_ms=seconds * 1e3, good_for_s=WORD_S)

    async def _disk(self) -> None:
        usage = await asyncio.to_thread(shutil.disk_usage, self._at.home)  # a network disk may hang
        self._at.metrics.disk_free.set(usage.free)
        self._at.metrics.disk_size.set(usage.total)
        detail = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f}"
        self._at.vitals.note("disk", ok=usage.free >= DISK_FREE_MIN, detail=detail, good_for_s=WORD_S)

    async def _panel(self) -> None:
        with contextlib.suppress(RalphError):
            panel = self._at.markets.panel()
            newest = _closed_at(panel)
            age_s = None if newest is None else max(0.0, (datetime.now(UTC) - newest).total_seconds())
            self._at.vitals.note("panel", ok=True, detail=describe(panel), age_s=age_s)

    async def _hours(self) -> None:
        running = self._at.calendar.session_at(datetime.now(UTC))
        self._at.metrics.market_open.set(running is not None and running.kind == "regular")

    async def _freshness(self) -> None:
        for name in self._at.markets.workspaces:
            panel = self._at.markets.panel(name)
            if panel.sessions.size and not panel.simulated:
                behind = sessions_behind(panel.sessions[-1].astype(object), self._at.calendar, datetime.now(UTC))
                self._at.metrics.sessions_behind.labels(name).set(behind)

    async def _signals(self) -> None:
        with contextlib.suppress(Unavailable):
            async with self._at.database.acquire() as connection:
                for (workspace, state), count in (await count_by_state(connection)).items():
                    self._at.metrics.signals.labels(workspace, state).set(count)

    async def _summary(self) -> None:
        at = self._at
        for name, state in at.servers.states().items():
            at.metrics.embedded_restarts.labels(name).set(state.restarts)
        for name, part in at.vitals.report().parts.items():
            at.metrics.part_up.labels(name).set(part.ok)
        at.metrics.ready.set(at.vitals.ready)


def describe(panel: Panel) -> str:
    """A Panel in a line."""
    if panel.sessions.size == 0:
        return f"workspace {panel.workspace} is empty: ralph import bars FILE"
    simulated = ", simulated" if panel.simulated else ""
    size = f"{len(panel.listings)} symbols, {panel.sessions.size} sessions to {panel.sessions[-1]}"
    return f"workspace {panel.workspace}{simulated}, {size}"


def sessions_behind(newest: date, calendar: Calendar, now: datetime) -> int:
    """How many Sessions after the newest one with bars are over, at most BEHIND_MAX."""
    return sum(day > newest for day in calendar.sessions_ending(calendar.last_completed_session(now), BEHIND_MAX))


def observe_panel(metrics: Metrics, panel: Panel) -> None:
    """A Panel was loaded: its size and its newest Session."""
    metrics.panel_bars.labels(panel.workspace).set(panel.bar_count)
    metrics.panel_symbols.labels(panel.workspace).set(len(panel.listings))
    newest = _closed_at(panel)
    metrics.panel_newest.labels(panel.workspace).set(newest.timestamp() if newest is not None else 0)


def _closed_at(panel: Panel) -> datetime | None:
    """When the newest Session closed, in the usual hours."""
    return instant(panel.sessions[-1].astype(object), CLOSE) if panel.sessions.size else None


async def _repeat(probe: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        await probe()
        await asyncio.sleep(every_s)
