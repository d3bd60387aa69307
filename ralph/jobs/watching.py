"""What a worker tells of jobs, as metrics."""

from __future__ import annotations

import time
from collections.abc import Callable

from ralph.store.ledger import Backlog, JobState
from ralph.telemetry import Metrics


class Watcher:
    """Who is told what happens to jobs. This one does nothing."""

    def settled(self, kind: str, state: JobState) -> None:
        """An attempt ended; state `queued` is another try."""

    def attempted(self, kind: str, seconds: float) -> None:
        """An attempt took so long, however it ended."""

    def looked(self, found: Backlog) -> None:
        """The ledger was reached, and this is what waits in it."""


class MeteredWatcher(Watcher):
    """Counts in the metrics; on_look is told in words, for the health page."""

    def __init__(self, metrics: Metrics, on_look: Callable[[str], None]) -> None:
        self._metrics = metrics
        self._on_look = on_look

    def settled(self, kind: str, state: JobState) -> None:
        """Count it."""
        self._metrics.jobs.labels(kind, "again" if state == "queued" else state).inc()

    def attempted(self, kind: str, seconds: float) -> None:
        """Time it."""
        self._metrics.job_seconds.labels(kind).observe(seconds)

    def looked(self, found: Backlog) -> None:
        """Show it."""
        self._metrics.jobs_waiting.set(found.queued)
        self._metrics.jobs_running.set(found.running)
        self._metrics.job_oldest_s.set(found.oldest_s)
        self._metrics.worker_heartbeat.set(time.time())
        self._on_look(f"{found.running} running, {found.queued} waiting, the oldest for {found.oldest_s:.0f} s")
