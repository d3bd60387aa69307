"""What Ralph tells of itself: traces and their sampling, redaction, metrics and their labels, what collectors get."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from otlp_receiver import Receiver, receiving

from ralph.config import Config, load
from ralph.telemetry import KernelThread, Metrics, Span, Tracer, configure_logs, current_trace, spanned
from ralph.telemetry.export import QUEUED_SPANS_MAX, Collector, Exporter
from ralph.telemetry.logs import LogRules, log_rules
from ralph.telemetry.observer import AccessLog, Observer
from ralph.telemetry.redaction import HIDDEN, Redactor
from ralph.telemetry.tracing import SPANS_MAX

LABELS = {
    *("http_request_method", "http_route", "http_response_status_code"),
    *("db_system_name", "db_operation_name", "db_client_connection_state", "messaging_operation_name"),
    *("name", "outcome", "workspace", "state", "part", "server", "level", "kind", "work", "version"),
    *("reason", "where", "code", "to"),
}
"""All labels there may be; what they hold is named by the code, and by an operator (workspaces)."""

SECRETS = {
    "Authorization: Bearer abcDEF123456": "abcDEF123456",
    "postgresql://ralph:hunter2secret@db/ralph is not reachable": "hunter2secret",
    "redis://:s3cr3tpassw0rd@cache:6379/0": "s3cr3tpassw0rd",
    "GET /?t=Zk3-onetimelinktoken HTTP/1.1": "Zk3-onetimelinktoken",
    "the key rk_0123456789abcdefghij was used": "0123456789abcdefghij",
    '{"app_secret": "PSxyz0987654321"}': "PSxyz0987654321",
    "password=correct-horse-battery": "correct-horse-battery",
    "cookie: ralph_session=deadbeefcafe": "deadbeefcafe",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxIn0.c2lnbmF0dXJl": "eyJzdWIiOiIxIn0",
    "X-Api-Key=0a1b2c3d4e5f": "0a1b2c3d4e5f",
}


def kept_by(tracer_of: Callable[[Any], Tracer], traceparent: str | None = None, error: str | None = None) -> list[Span]:
    kept: list[Span] = []
    tracer = tracer_of(lambda trace_id, spans: kept.extend(spans))
    trace = tracer.begin(traceparent)
    trace.add("SELECT", "client", (time.perf_counter_ns(), time.perf_counter_ns()), {})
    tracer.end(trace, "GET /", "server", {}, error)
    return kept


@pytest.mark.parametrize(
    ("ratio", "slow_s", "flag", "error", "is_kept"),
    [
        (0.0, 9.0, None, None, False),
        (1.0, 9.0, None, None, True),
        (0.0, 9.0, "01", None, True),
        (1.0, 9.0, "00", None, False),
        (0.0, 9.0, "00", "500", True),
        (0.0, 0.0, None, None, True),
    ],
    ids=["not sampled", "sampled", "the caller samples", "the caller does not", "failed", "slow"],
)
def test_a_trace_is_kept_when_it_is_sampled_failed_or_slow(
    ratio: float, slow_s: float, flag: str | None, error: str | None, is_kept: bool
) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-{flag}" if flag else None
    kept = kept_by(lambda keep: Tracer(ratio, slow_s, keep), traceparent, error)
    assert bool(kept) == is_kept
    if kept and flag:
        assert kept[0].parent_id == "b" * 16
        assert kept[1].parent_id == kept[0].span_id


@given(st.floats(0, 1))
def test_everybody_who_sees_a_trace_decides_alike(ratio: float) -> None:
    """By its id alone, and about as often as asked."""
    one, other = Tracer(ratio), Tracer(ratio)
    traces = [one.begin(None) for _ in range(300)]
    for trace in traces:
        assert other.begin(trace.traceparent).sampled == trace.sampled
        assert other.begin(trace.traceparent).trace_id == trace.trace_id
    assert abs(sum(trace.sampled for trace in traces) / 300 - ratio) < 0.2


@given(st.text(max_size=60))
def test_a_traceparent_that_is_none_begins_a_new_trace(text: str) -> None:
    trace = Tracer().begin(text)
    assert trace.parent_id is None
    assert len(trace.trace_id) == 32


def test_a_trace_has_an_end() -> None:
    """More spans than SPANS_MAX are left out, and the root says how many."""
    kept: list[Span] = []
    tracer = Tracer(1.0, keep=lambda trace_id, spans: kept.extend(spans))
    trace = tracer.begin(None)
    for _ in range(SPANS_MAX + 7):
        trace.add("SELECT", "client", (0, 1), {})
    tracer.end(trace, "GET /", "server", {})
    assert len(kept) == SPANS_MAX + 1
    assert kept[0].attributes["ralph.spans_left_out"] == 7


def test_without_a_collector_nothing_is_gathered() -> None:
    tracer = Tracer(1.0)
    trace = tracer.begin(None)
    trace.add("SELECT", "client", (0, 1), {})
    assert trace.spans is None
    assert not tracer.collects


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_hidden_by_their_shape(text: str) -> None:
    hidden = Redactor()(text)
    assert SECRETS[text] not in hidden
    assert HIDDEN in hidden


@given(st.text(st.characters(blacklist_categories=["Cs"]), min_size=6, max_size=40), st.text(max_size=40))
def test_a_secret_known_by_heart_is_hidden_wherever_it_stands(secret: str, around: str) -> None:
    hidden = Redactor([secret])(f"{around}{secret}{around}")
    assert secret not in hidden.replace(HIDDEN, "\0") or secret in HIDDEN


@pytest.mark.parametrize("style", ["json", "pretty"])
def test_no_canary_reaches_the_log(style: str) -> None:
    """In messages, arguments, extra fields and tracebacks; a line stays a line."""
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        config = Config(home=load({}, {})[0].home, database_url="postgresql://me:hunter2canary@db/x")
        rules = log_rules(config)
        configure_logs(LogRules("info", style, rules.secrets), stream)
        log = logging.getLogger("ralph.test")
        for text in SECRETS:
            log.info("%s\r\nsecond", text, extra={"told": text})
        try:
            raise ValueError("cannot open postgresql://me:hunter2canary@db/x")
        except ValueError:
            log.exception("hunter2canary")
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
    told = stream.getvalue()
    assert not [secret for secret in [*SECRETS.values(), "hunter2canary"] if secret in told]
    if style == "json":
        assert [json.loads(line)["level"] for line in told.splitlines()] == ["info"] * len(SECRETS) + ["error"]


def test_labels_hold_only_what_the_code_names() -> None:
    metrics = Metrics("test")
    families = {
        collector: getattr(collector, "_labelnames", ())
        for collector in vars(metrics).values()
        if hasattr(collector, "_labelnames")
    }
    assert len(families) > 25
    assert {label for labels in families.values() for label in labels} <= LABELS


async def _ask(app: Observer, path: str, method: str = "GET", headers: list[tuple[bytes, bytes]] | None = None) -> int:
    scope = {"type": "http", "method": method, "path": path, "headers": headers or [], "scheme": "http"}
    status = 0

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


def observed(metrics: Metrics, tracer: Tracer | None = None, lines: int = 5) -> Observer:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        status = 500 if "fail" in scope["path"] else 404
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return Observer(answer, metrics, tracer or Tracer(), AccessLog(lines, 1.0))


def test_no_path_method_or_id_of_a_caller_becomes_a_series() -> None:
    metrics = Metrics("test")
    app = observed(metrics)
    for number in range(200):
        asyncio.run(_ask(app, f"/api/v1/symbols/{number:06}", f"M{number}", [(b"x-request-id", b"%08d" % number)]))
    lines = [line for line in metrics.exposition().decode().splitlines() if line.startswith("http_server")]
    assert len(lines) < 30
    labels = {"http_request_method": "_OTHER", "http_route": "unmatched", "http_response_status_code": "404"}
    assert metrics.registry.get_sample_value("http_server_request_duration_seconds_count", labels) == 200


def test_the_log_of_requests_has_an_end_and_failures_are_always_in_it(caplog: pytest.LogCaptureFixture) -> None:
    app = observed(Metrics("test"), lines=3)

    async def ask() -> None:
        for _ in range(50):
            await _ask(app, "/api/v1/symbols")
            await _ask(app, "/health/live")
        for _ in range(10):
            await _ask(app, "/fail")

    with caplog.at_level("INFO", "ralph.http"):
        asyncio.run(ask())
    told = [vars(record) for record in caplog.records]
    assert sum(each["status"] == 500 for each in told) == 10
    assert sum(each["status"] == 404 for each in told) <= 6  # of two seconds, should one begin meanwhile
    assert sum(each.get("left_out", 0) for each in told) + sum(each["status"] == 404 for each in told) == 50


def test_kernel_work_is_timed_and_stands_in_the_trace_of_who_asked() -> None:
    kept: list[Span] = []
    metrics = Metrics("test")
    tracer = Tracer(1.0, keep=lambda trace_id, spans: kept.extend(spans))

    def rate() -> str:
        trace = current_trace.get()
        assert trace is not None
        return trace.trace_id

    trace = tracer.begin(None)
    token = current_trace.set(trace)
    with KernelThread(metrics) as kernels:
        assert kernels.submit(rate).result() == trace.trace_id
        with spanned("load", rows=3):
            pass
    current_trace.reset(token)
    tracer.end(trace, "GET /", "server", {})
    assert [span.name for span in kept] == ["GET /", "kernel rate", "load"]
    assert all(kept[0].began_at <= span.began_at <= span.ended_at <= kept[0].ended_at for span in kept)
    assert metrics.registry.get_sample_value("ralph_kernel_duration_seconds_count", {"work": "rate"}) == 1


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


def exporter(url: str, metrics: Metrics) -> Exporter:
    made = Exporter(Collector(url, {"X-Scope": "mine"}, metrics_every_s=0.05, batch_s=0.01), metrics, "test")
    made.start()
    return made


SPAN = Span("GET /", "server", "c" * 16, None, 10**18, 10**18 + 5, {"http.route": "/", "n": 3, "x": 0.5}, "500")


def test_a_collector_gets_spans_and_every_metric_under_the_names_of_the_conventions(receiver: Receiver) -> None:
    metrics = Metrics("test")
    metrics.request_seconds.labels("GET", "/", 200).observe(0.02)
    metrics.request_seconds.labels("GET", "/", 200).observe(99)
    metrics.import_rows.labels("stored").inc(5)
    sending = exporter(receiver.url, metrics)
    sending.keep("d" * 32, [SPAN])
    receiver.wait(lambda: bool(receiver.spans and receiver.metrics))
    sending.close()
    (span,) = receiver.trace("d" * 32)
    assert (span.name, span.status.message, span.end_time_unix_nano - span.start_time_unix_nano) == ("GET /", "500", 5)
    assert {each.key for each in span.attributes} == {"http.route", "n", "x", "error.type"}
    duration = receiver.metrics["http.server.request.duration"]
    (point,) = duration.histogram.data_points
    assert (duration.unit, point.count, sum(point.bucket_counts), point.sum) == ("s", 2, 2, pytest.approx(99.02))
    assert (point.bucket_counts[-1], len(point.bucket_counts)) == (1, len(point.explicit_bounds) + 1)
    keys = {each.key for each in point.attributes}
    assert keys == {"http.request.method", "http.route", "http.response.status_code"}
    assert receiver.metrics["ralph_import_rows"].sum.data_points[0].as_double == 5
    assert {"db.client.connection.max", "process_resident_memory_bytes"} <= set(receiver.metrics)
    assert all(headers["X-Scope"] == "mine" for headers in receiver.headers)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("is_there", [False, True], ids=["nobody listens", "it refuses"])
def test_with_a_collector_that_takes_nothing_what_is_kept_has_an_end(receiver: Receiver, is_there: bool) -> None:
    """Nobody waits, the queue ends, and every span is counted as dropped or failed."""
    receiver.status = 503
    metrics = Metrics("test")
    sending = exporter(receiver.url if is_there else f"http://127.0.0.1:{free_port()}", metrics)
    offered = 3 * QUEUED_SPANS_MAX // 4
    started = time.process_time()
    for _ in range(offered):
        sending.keep("d" * 32, [SPAN] * 4)
    assert (time.process_time() - started) / offered < 1e-3
    assert sending._queued <= QUEUED_SPANS_MAX
    sending.close()
    dropped = metrics.registry.get_sample_value("ralph_telemetry_items_total", {"kind": "span", "outcome": "dropped"})
    assert dropped is not None
    assert 4 * offered - QUEUED_SPANS_MAX - 2_048 <= dropped <= 4 * offered
    assert "telemetry" not in {thread.name for thread in threading.enumerate() if thread.is_alive()} or is_there
