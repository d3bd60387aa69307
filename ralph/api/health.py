"""Health: whether the process lives, whether it can serve, and how each part does. Answers never wait for a part."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

LIVE = b'{"status":"live"}'


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part's last known state. latency_ms of its last probe; checked_at is when."""

    ok: bool
    detail: str
    checked_at: str
    latency_ms: float | None = None


class Report(msgspec.Struct, frozen=True):
    """All parts; "ready" when every required one is well."""

    status: Literal["ready", "not ready"]
    version: str
    started_at: str
    uptime_s: float
    parts: dict[str, Part]


class Vitals:
    """What the probes last saw. Probes write, handlers read; nothing here does IO."""

    def __init__(self, version: str, required: tuple[str, ...]) -> None:
        self._version = version
        self._required = required
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._parts: dict[str, Part] = {}
        for name in required:
            self.note(name, ok=False, detail="starting")

    def note(self, name: str, *, ok: bool, detail: str, latency_ms: float | None = None) -> None:
        """Record what a probe saw."""
        latency_ms = round(latency_ms, 3) if latency_ms is not None else None
        self._parts[name] = Part(ok, detail, datetime.now(UTC).isoformat(timespec="milliseconds"), latency_ms)

    @property
    def ready(self) -> bool:
        """Whether every required part is well."""
        return all(self._parts[name].ok for name in self._required)

    def report(self) -> Report:
        """Everything known, as /health shows it."""
        status: Literal["ready", "not ready"] = "ready" if self.ready else "not ready"
        uptime_s = round(time.monotonic() - self._started, 1)
        return Report(
            status, self._version, self._started_at.isoformat(timespec="seconds"), uptime_s, dict(self._parts)
        )


@get("/health/live", operation_id="healthLive", tags=["health"], sync_to_thread=False, media_type="application/json")
def live() -> bytes:
    """The process runs and its event loop turns."""
    return LIVE


@get("/health/ready", operation_id="healthReady", tags=["health"], sync_to_thread=False)
def ready(vitals: NamedDependency[Vitals]) -> Response[Report]:
    """200 when Ralph can serve, 503 with the parts that cannot."""
    return Response(vitals.report(), status_code=200 if vitals.ready else 503)


@get("/health", operation_id="health", tags=["health"], sync_to_thread=False)
def health(vitals: NamedDependency[Vitals]) -> Report:
    """Each part with its latency and when it was last asked."""
    return vitals.report()
