"""What a process measures of itself: its last minutes, the lateness of its loop, its limits; and the settings of it."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.config import TelemetryConfig, load
from ralph.errors import Misconfigured
from ralph.telemetry import Instruments, Metrics, Observer
from ralph.telemetry.pressure import cpu_limit, memory_limit, watch_loop
from ralph.telemetry.recent import Recent, quantile_ms


@given(st.lists(st.floats(0.0001, 9.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(seconds: list[float], share: float) -> None:
    bounds = [0.001, 0.01, 0.1, 0.5, 1.0, 10.0, math.inf]
    buckets = [(bound, float(sum(each <= bound for each in seconds))) for bound in bounds]
    true = sorted(seconds)[max(0, math.ceil(share * len(seconds)) - 1)]
    upper = next(bound for bound in bounds if true <= bound)
    lower = max([bound for bound in bounds if bound < true], default=0.0)
    found = quantile_ms(buckets, share)
    assert found is not None
    assert lower * 1e3 - 1e-3 <= found <= upper * 1e3 + 1e-3
    assert quantile_ms([(bound, 0.0) for bound in bounds], share) is None


def test_the_last_minutes_are_rates() -> None:
    metrics = Metrics("test")
    recent = Recent(metrics, 2.0)
    assert recent.points() == []
    for _ in range(3):
        recent.sample()
        metrics.request_seconds.labels("GET", "/", 200).observe(0.02)
        metrics.request_seconds.labels("GET", "/", 503).observe(0.02)
        metrics.log_records.labels("error").inc(2)
    first, second = recent.points()
    assert first.requests_per_s == pytest.approx(2 * first.failed_per_s, rel=0.01)
    assert (second.errors_logged, second.request_p95_ms is not None) == (2, True)


def test_the_lateness_of_the_loop_is_seen() -> None:
    seen: list[float] = []

    async def work() -> None:
        watching = asyncio.create_task(watch_loop(seen.append))
        await asyncio.sleep(0.05)
        time.sleep(0.4)  # noqa: ASYNC251  # this is what is to be seen
        await asyncio.sleep(0.15)
        watching.cancel()

    asyncio.run(work())
    assert max(seen) > 0.2


@pytest.mark.parametrize(
    ("files", "memory", "cpus"),
    [
        ({"memory.max": "1048576", "cpu.max": "50000 100000"}, 1_048_576, 0.5),
        ({"memory/memory.limit_in_bytes": "2097152"}, 2_097_152, None),
        ({"memory.max": "max", "cpu.max": "max 100000"}, None, None),
        ({}, None, None),
    ],
)
def test_a_container_knows_its_limits(
    tmp_path: Any, files: dict[str, str], memory: int | None, cpus: float | None
) -> None:
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert memory_limit(tmp_path) == (memory or memory_limit(tmp_path / "none"))
    assert cpu_limit(tmp_path) == (cpus or cpu_limit(tmp_path / "none"))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RALPH_TELEMETRY__OTLP_ENDPOINT", "collector:4318"),
        ("RALPH_TELEMETRY__TRACE_RATIO", "1.5"),
        ("RALPH_TELEMETRY__OTLP_HEADERS", "no-equals-canary"),
        ("RALPH_TELEMETRY__SLOW_MS", "0"),
        ("RALPH_LOG__REQUESTS_PER_S", "-1"),
    ],
)
def test_a_setting_out_of_its_range_is_named(variable: str, value: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        load({}, {variable: value})
    assert variable in caught.value.message
    assert "canary" not in caught.value.message


def test_the_standard_variable_of_a_collector_is_read_and_ours_wins() -> None:
    standard = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://standard:4318"}
    assert load({}, standard)[0].telemetry.otlp_endpoint == "http://standard:4318"
    both = load({}, {**standard, "RALPH_TELEMETRY__OTLP_ENDPOINT": "http://ours:4318"})[0]
    assert both.telemetry.otlp_endpoint == "http://ours:4318"


def test_telemetry_can_be_turned_off() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    assert Instruments(TelemetryConfig(enabled=False), "test").observed(app, 1) is app
    assert isinstance(Instruments(TelemetryConfig(), "test").observed(app, 1), Observer)
