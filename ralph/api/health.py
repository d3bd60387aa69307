"""Health: whether the process lives, whether it can serve, and how each part does. Answers never wait for a part."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

LIVE = b'{"status":"live"}'

Status = Literal["ready", "degraded", "not ready"]


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part's last known state. latency_ms of its last probe; checked_at is when; age_s: of what it delivers, its
    newest data or its last sign of life; required: Ralph cannot serve without it."""

    ok: bool
    detail: str
    checked_at: str
    latency_ms: float | None = None
    age_s: float | None = None
    required: bool = False


class Report(msgspec.Struct, frozen=True):
    """All parts; "ready" when every one is well, "degraded" when one is not that Ralph can serve without."""

    status: Status
    version: str
    started_at: str
    uptime_s: float
    parts: dict[str, Part]


class _Word(NamedTuple):
    """What was said of a part, when, and until when it holds (time.monotonic)."""

    part: Part
    at: float
    good_until: float


class Vitals:
    """What the probes last saw. Probes write, handlers read; nothing here does IO."""

    def __init__(self, version: str, required: tuple[str, ...]) -> None:
        self._version = version
        self._required = required
        self._started_at = datetime.now(UTC)
        self._started = time.monotonic()
        self._words: dict[str, _Word] = {}
        for name in required:
            self.note(name, ok=False, detail="starting")

    def note(
        self,
        name: str,
        *,
        ok: bool,
        detail: str,
        latency_ms: float | None = None,
        age_s: float | None = None,
        good_for_s: float = float("inf"),
    ) -> None:
        """Record what a probe saw. good_for_s: when nothing is heard of the part for longer, it is not well."""
        part = Part(
            ok,
            detail,
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            round(latency_ms, 3) if latency_ms is not None else None,
            round(age_s, 1) if age_s is not None else None,
            name in self._required,
        )
        now = time.monotonic()
        self._words[name] = _Word(part, now, now + good_for_s)

    @property
    def ready(self) -> bool:
        """Whether every required part is well."""
        now = time.monotonic()
        return all(self._seen(name, now).ok for name in self._required)

    def report(self) -> Report:
        """Everything known, as /health shows it."""
        now = time.monotonic()
        parts = {name: self._seen(name, now) for name in self._words}
        status: Status = "ready" if all(part.ok for part in parts.values()) else "degraded"
        if not all(parts[name].ok for name in self._required):
            status = "not ready"
        started_at = self._started_at.isoformat(timespec="seconds")
        return Report(status, self._version, started_at, round(now - self._started, 1), parts)

    def _seen(self, name: str, now: float) -> Part:
        word = self._words[name]
        if word.part.ok and now > word.good_until:
            silent = f"not heard of for {now - word.at:.0f} s; before that: {word.part.detail}"
            return msgspec.structs.replace(word.part, ok=False, detail=silent)
        return word.part


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
    """Each part with its latency, how old its newest data is, and when it was last asked."""
    return vitals.report()
