"""What the live market tells of itself: as metrics, on the health page, and on the topic `system`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

from ralph.live.pages import FeedState, SystemFrame
from ralph.live.pump import Hub
from ralph.live.recorder import RecorderState
from ralph.market.tick import Batch
from ralph.telemetry import Metrics


class Note(Protocol):
    """Where the health page hears of a part."""

    def __call__(self, name: str, *, ok: bool, detail: str) -> None: ...


class LiveMeter:
    """Moves the metrics, and tells health and `system` once a second."""

    def __init__(self, metrics: Metrics, note: Note, hub: Hub) -> None:
        self._metrics = metrics
        self._note = note
        self._hub = hub
        self._left_out = (0, 0)
        self._is_recording_well = True

    def advanced(self, batch: Batch, seconds: float) -> None:
        """A batch has become frames."""
        self._metrics.tape_seconds.observe(seconds)
        if len(batch.ticks):
            self._metrics.feed_ticks.inc(len(batch.ticks))
            self._metrics.feed_last_tick.set(time.time())

    def watched(self, seconds: float) -> None:
        """The watched screens were looked at."""
        self._metrics.tape_watch_seconds.observe(seconds)

    def recorded(self, state: RecorderState) -> None:
        """The recorder has stored a piece, or could not."""
        for where in ("buffered", "written", "lost"):
            self._metrics.recorder_ticks.labels(where).set(getattr(state, where))
        self._metrics.recorder_spooled_bytes.set(state.spooled_bytes)
        self._is_recording_well = state.ok
        self._note("recorder", ok=state.ok, detail=state.detail)

    def looked(self, state: FeedState, left_out: tuple[int, int], stepped_s: float) -> None:
        """A second has passed. left_out: prints of this Session seen before, and too late."""
        for reason, before, now in zip(("duplicate", "late"), self._left_out, left_out, strict=True):
            self._metrics.feed_left_out.labels(reason).inc(
                now - before if now >= before else now
            )  # each Session counts from 0
        self._left_out = left_out
        self._metrics.feed_lag_s.set(state.lag_ms / 1e3)
        self._metrics.feed_clock_step_s.set(stepped_s)
        detail = state.detail
        if stepped_s:
            detail += f"; the machine's clock was set by {stepped_s:+.1f} s"
        ok = state.state != "silent" and not stepped_s
        self._note("feed", ok=ok, detail=detail)
        health = "ok" if ok and self._is_recording_well else "degraded"
        self._hub.publish("system", "system", SystemFrame(health, state, datetime.now(UTC)))
