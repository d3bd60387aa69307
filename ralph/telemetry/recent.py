"""The last minutes as rates and percentiles, sampled from the metrics every few seconds, for the dashboard."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import inf

import msgspec
from prometheus_client.samples import Sample

from ralph.telemetry.metrics import Metrics

SAMPLE_S = 5.0
KEPT = 61  # samples: five minutes between the first and the last
_REQUESTS = "http_server_request_duration_seconds"
_LAG = "ralph_event_loop_lag_seconds"
_QUERIES = "db_client_operation_duration_seconds"
_WANTED = (_REQUESTS, _LAG, _QUERIES, "process_cpu_seconds", "ralph_log_records")


class Point(msgspec.Struct, frozen=True):
    """What happened between two samples. Latencies are milliseconds, None where nothing happened; cpu_ratio of all
    processors this process may use."""

    at: str
    requests_per_s: float
    failed_per_s: float
    request_p50_ms: float | None
    request_p95_ms: float | None
    request_p99_ms: float | None
    queries_per_s: float
    query_p95_ms: float | None
    loop_lag_p99_ms: float | None
    cpu_ratio: float
    errors_logged: int


class _Sample(msgspec.Struct, frozen=True):
    at: float
    clock: float
    buckets: dict[str, dict[float, float]]
    failed: float
    cpu_s: float
    errors: float


class Recent:
    """The samples; `follow` takes them."""

    def __init__(self, metrics: Metrics, cpus: float) -> None:
        self._metrics = metrics
        self._cpus = cpus
        self._samples: deque[_Sample] = deque(maxlen=KEPT)

    async def follow(self, every_s: float = SAMPLE_S) -> None:
        """Sample for ever."""
        while True:
            await asyncio.to_thread(self.sample)
            await asyncio.sleep(every_s)

    def sample(self) -> None:
        """Take one now."""
        every = self._metrics.registry.collect()
        families = {family.name: family.samples for family in every if family.name in _WANTED}
        requests = families.get(_REQUESTS, [])
        self._samples.append(
            _Sample(
                at=time.time(),
                clock=time.monotonic(),
                buckets={name: _buckets(families.get(name, [])) for name in (_REQUESTS, _LAG, _QUERIES)},
                failed=sum(
                    sample.value
                    for sample in requests
                    if sample.name.endswith("_count") and sample.labels["http_response_status_code"].startswith("5")
                ),
                cpu_s=sum(sample.value for sample in families.get("process_cpu_seconds", [])),
                errors=sum(
                    sample.value
                    for sample in families.get("ralph_log_records", [])
                    if sample.name.endswith("_total") and sample.labels["level"] in ("error", "critical")
                ),
            )
        )

    def points(self) -> list[Point]:
        """Oldest first; empty until two samples were taken."""
        return [self._point(before, after) for before, after in pairwise(self._samples)]

    def _point(self, before: _Sample, after: _Sample) -> Point:
        seconds = max(after.clock - before.clock, 1e-9)
        requests, lag, queries = (
            _between(before.buckets[name], after.buckets[name]) for name in (_REQUESTS, _LAG, _QUERIES)
        )
        return Point(
            at=datetime.fromtimestamp(after.at, UTC).isoformat(timespec="seconds"),
            requests_per_s=round(requests[-1][1] / seconds, 3) if requests else 0.0,
            failed_per_s=round((after.failed - before.failed) / seconds, 3),
            request_p50_ms=quantile_ms(requests, 0.50),
            request_p95_ms=quantile_ms(requests, 0.95),
            request_p99_ms=quantile_ms(requests, 0.99),
            queries_per_s=round(queries[-1][1] / seconds, 3) if queries else 0.0,
            query_p95_ms=quantile_ms(queries, 0.95),
            loop_lag_p99_ms=quantile_ms(lag, 0.99),
            cpu_ratio=round((after.cpu_s - before.cpu_s) / seconds / self._cpus, 4),
            errors_logged=round(after.errors - before.errors),
        )


def quantile_ms(buckets: Sequence[tuple[float, float]], share: float) -> float | None:
    """The quantile of cumulative (upper bound in seconds, count) as Prometheus estimates it: linear in its bucket, the
    last finite bound where it lies above that. None without observations."""
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return None
    rank, below, lower = share * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= rank:
            if bound == inf:
                return round(lower * 1e3, 3)
            inside = (rank - below) / (count - below) if count > below else 0.0
            return round((lower + (bound - lower) * inside) * 1e3, 3)
        below, lower = count, bound
    return round(lower * 1e3, 3)


def _buckets(samples: Iterable[Sample]) -> dict[float, float]:
    """Cumulative counts by bound, over all series."""
    found: dict[float, float] = {}
    for sample in samples:
        if sample.name.endswith("_bucket"):
            bound = float(sample.labels["le"])
            found[bound] = found.get(bound, 0.0) + sample.value
    return found


def _between(before: dict[float, float], after: dict[float, float]) -> list[tuple[float, float]]:
    return [(bound, after[bound] - before.get(bound, 0.0)) for bound in sorted(after)]
