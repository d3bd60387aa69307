"""Sends kept traces and all metrics to a collector over OTLP/HTTP, from a thread of its own.

Nobody waits for it: what does not fit into its queue, and what could not be delivered after a few tries, is dropped
and counted in `ralph_telemetry_items_total`.
"""

from __future__ import annotations

import http.client
import logging
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from ralph.telemetry.metrics import Metrics
from ralph.telemetry.tracing import Span

_log = logging.getLogger("ralph.telemetry")

QUEUED_SPANS_MAX = 8_192  # about 4 MB; further ones are dropped while the collector is away
BATCH_SPANS = 1_024
BATCH_S = 1.0  # how long spans gather before they are sent
TRIES = 3
ANSWER_S = 5.0
BACKOFF_S = (1.0, 30.0)
CLOSE_S = 2.0  # for what is queued when the process ends
_AWAY = (OSError, http.client.HTTPException)
_LATER = frozenset({429, 502, 503, 504})
"""Statuses after which OTLP asks to send again."""


@dataclass(frozen=True)
class Collector:
    """Where it is: endpoint as `http://host:4318`; headers as asked for by it; how often metrics are sent."""

    endpoint: str
    headers: dict[str, str] = field(default_factory=dict)
    metrics_every_s: float = 30.0
    batch_s: float = BATCH_S


class Exporter:
    """The queue and its thread."""

    def __init__(self, collector: Collector, metrics: Metrics, version: str) -> None:
        self._collector = collector
        self._metrics = metrics
        self._version = version
        self._queue: deque[tuple[str, Sequence[Span]]] = deque()
        self._queued = 0
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._started_at = time.time_ns()
        self._pause_s = BACKOFF_S[0]
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def keep(self, trace_id: str, spans: list[Span]) -> None:
        """Queue a trace; dropped where the queue is full."""
        with self._lock:
            fits = self._queued + len(spans) <= QUEUED_SPANS_MAX
            if fits:
                self._queue.append((trace_id, spans))
                self._queued += len(spans)
        if fits:
            self._wake.set()
        else:
            self._count("span", "dropped", len(spans))

    def close(self) -> None:
        """Send what is queued, for CLOSE_S at most, and stop."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        # Only a process that exports pays for loading protobuf.
        from ralph.telemetry import otlp

        owner = otlp.resource(self._version)
        metrics_due = time.monotonic() + min(self._collector.metrics_every_s, BACKOFF_S[0])
        while not self._closing.is_set():
            self._wake.wait(max(0.0, metrics_due - time.monotonic()))
            self._closing.wait(self._collector.batch_s)
            self._wake.clear()
            while batch := self._take():
                count = sum(len(spans) for _, spans in batch)
                self._deliver("span", "/v1/traces", otlp.trace_request(owner, batch), count)
            if time.monotonic() >= metrics_due or self._closing.is_set():
                body, count = otlp.metrics_request(owner, self._metrics.registry, self._started_at)
                self._deliver("metric_point", "/v1/metrics", body, count)
                metrics_due = time.monotonic() + self._collector.metrics_every_s

    def _take(self) -> list[tuple[str, Sequence[Span]]]:
        batch: list[tuple[str, Sequence[Span]]] = []
        taken = 0
        with self._lock:
            while self._queue and taken < BATCH_SPANS:
                batch.append(self._queue.popleft())
                taken += len(batch[-1][1])
            self._queued -= taken
        return batch

    def _deliver(self, kind: str, path: str, body: bytes, count: int) -> None:
        for attempt in range(1, TRIES + 1):
            try:
                self._post(path, body)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in _LATER:
                    _log.warning("the collector refuses %s: HTTP %s", path, error.code)
                    break
            except _AWAY as error:
                _log.debug("the collector cannot be reached: %s", error)
            else:
                self._pause_s = BACKOFF_S[0]
                self._count(kind, "sent", count)
                return
            if attempt == TRIES or self._closing.wait(self._pause_s):
                break
            self._pause_s = min(self._pause_s * 2, BACKOFF_S[1])
        self._count(kind, "failed", count)

    def _post(self, path: str, body: bytes) -> None:
        headers = {"Content-Type": "application/x-protobuf", **self._collector.headers}
        request = urllib.request.Request(  # noqa: S310  # the operator's own collector
            self._collector.endpoint.rstrip("/") + path, data=body, headers=headers, method="POST"
        )
        timeout_s = CLOSE_S / 2 if self._closing.is_set() else ANSWER_S
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
            answer.read()

    def _count(self, kind: str, outcome: str, count: int) -> None:
        self._metrics.export_items.labels(kind, outcome).inc(count)
