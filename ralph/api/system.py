"""/api/v1/system: how this server does, for the dashboard."""

from __future__ import annotations

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency

from ralph.api.health import Report, Vitals
from ralph.api.problems import PROBLEMS
from ralph.telemetry import Instruments
from ralph.telemetry.recent import SAMPLE_S, Point


class Now(msgspec.Struct, frozen=True):
    """As it stands: bytes, counts, seconds. *_limit: what this process may use."""

    memory_bytes: int
    memory_limit_bytes: int
    cpu_limit: float
    open_files: int
    disk_free_bytes: int
    disk_size_bytes: int
    active_requests: int
    connections_used: int
    connections_max: int
    jobs_waiting: int
    jobs_running: int
    job_oldest_s: float


class SystemMetrics(msgspec.Struct, frozen=True):
    """How it does now and did in the last five minutes, one point every every_s seconds, the oldest first."""

    health: Report
    now: Now
    every_s: float
    points: list[Point]


@get("/metrics", operation_id="systemMetrics", summary="How this server does", responses=PROBLEMS, sync_to_thread=False)
def system_metrics(vitals: NamedDependency[Vitals], instruments: NamedDependency[Instruments]) -> SystemMetrics:
    """Health, present values and the last minutes' rates, from memory. /metrics has everything for Prometheus."""
    families = instruments.metrics.registry.collect()
    values = {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}

    def value(*name: str) -> float:
        return values.get(name, 0.0)

    now = Now(
        memory_bytes=int(value("process_resident_memory_bytes")),
        memory_limit_bytes=int(value("ralph_memory_limit_bytes")),
        cpu_limit=value("ralph_cpu_limit"),
        open_files=int(value("process_open_fds")),
        disk_free_bytes=int(value("ralph_disk_free_bytes")),
        disk_size_bytes=int(value("ralph_disk_size_bytes")),
        active_requests=int(value("http_server_active_requests")),
        connections_used=int(value("db_client_connection_count", "used")),
        connections_max=int(value("db_client_connection_max")),
        jobs_waiting=int(value("ralph_jobs_waiting")),
        jobs_running=int(value("ralph_jobs_running")),
        job_oldest_s=round(value("ralph_job_oldest_queued_seconds"), 1),
    )
    return SystemMetrics(vitals.report(), now, SAMPLE_S, instruments.recent.points())


router = Router("/system", route_handlers=[system_metrics], tags=["health"])
