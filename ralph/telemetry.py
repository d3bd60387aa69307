"""Logs and metrics: JSON lines with request ids, and Prometheus metrics measured by Ralph itself."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TextIO

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request being answered; every log line and problem carries it."""

HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
SCREEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1, 5)
UNLOGGED = ("/health", "/metrics")
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class Metrics:
    """Everything Ralph counts, in one registry."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        build = Gauge("ralph_build_info", "The running build", ["version"], registry=self.registry)
        build.labels(version).set(1)
        self.request_seconds = Histogram(
            "http_server_request_duration_seconds",
            "Time from the first byte of a request to the last of its answer",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=HTTP_SECONDS,
            registry=self.registry,
        )
        self.active_requests = Gauge("http_server_active_requests", "Requests being answered", registry=self.registry)
        self.screen_seconds = Histogram(
            "ralph_screen_duration_seconds", "Time to evaluate a screen", buckets=SCREEN_SECONDS, registry=self.registry
        )
        self.import_rows = Counter(
            "ralph_import_rows", "Rows of imported files by outcome", ["outcome"], registry=self.registry
        )
        self.panel_bars = Gauge(
            "ralph_panel_bars", "Rows of the panel in memory", ["workspace"], registry=self.registry
        )
        self.panel_symbols = Gauge(
            "ralph_panel_symbols", "Symbols of the panel in memory", ["workspace"], registry=self.registry
        )
        self._measure_live()
        self.ws_connections = Gauge("ralph_ws_connections", "Live connections that are open", registry=self.registry)
        self.ws_closed = Counter(
            "ralph_ws_closed", "Live connections that ended, by close code", ["code"], registry=self.registry
        )
        self.ws_messages = Counter("ralph_ws_messages", "Messages of frames sent to clients", registry=self.registry)
        self.ws_bytes = Counter("ralph_ws_bytes", "Bytes of such messages", registry=self.registry)
        self.embedded_restarts = Gauge(
            "ralph_embedded_restarts", "Times an embedded server was restarted", ["server"], registry=self.registry
        )

        self.jobs = Counter("ralph_jobs", "Attempts at jobs by outcome", ["name", "outcome"], registry=self.registry)
        self.jobs_waiting = Gauge("ralph_jobs_waiting", "Jobs that wait in the ledger", registry=self.registry)
        self.jobs_running = Gauge("ralph_jobs_running", "Jobs at work, of all workers", registry=self.registry)
        self.job_oldest_s = Gauge(
            "ralph_job_oldest_queued_seconds", "How long the oldest job waits that could run", registry=self.registry
        )
        self.worker_heartbeat = Gauge(
            "ralph_worker_heartbeat_timestamp_seconds",
            "When the worker last reached the ledger",
            registry=self.registry,
        )

    def _measure_live(self) -> None:
        """Of feeds, the tape and the recorder."""
        self.feed_ticks = Counter("ralph_feed_ticks", "Prints that feeds brought", registry=self.registry)
        self.feed_left_out = Counter(
            "ralph_feed_left_out", "Prints seen before, or too late for their bar", ["reason"], registry=self.registry
        )
        self.feed_last_tick = Gauge(
            "ralph_feed_last_tick_timestamp_seconds", "When the last print came", registry=self.registry
        )
        self.feed_lag_s = Gauge(
            "ralph_feed_lag_seconds", "How far the feed is behind its own time", registry=self.registry
        )
        self.feed_clock_step_s = Gauge(
            "ralph_feed_clock_step_seconds", "By how much the machine's clock was set lately", registry=self.registry
        )
        self.tape_seconds = Histogram(
            "ralph_tape_advance_seconds",
            "From a batch to its frames",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
            registry=self.registry,
        )
        self.tape_watch_seconds = Histogram(
            "ralph_tape_watch_seconds",
            "One look at all watched screens as a minute closes",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
            registry=self.registry,
        )
        self.recorder_ticks = Gauge(
            "ralph_recorder_ticks", "Prints by where they are", ["where"], registry=self.registry
        )
        self.recorder_spooled_bytes = Gauge(
            "ralph_recorder_spooled_bytes", "Pieces of recordings that wait on disk", registry=self.registry
        )

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class JsonFormatter(logging.Formatter):
    """One line of JSON for each record; extra fields stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class PrettyFormatter(logging.Formatter):
    """A short line for people: time, level, message, extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{key}={value}" for key, value in vars(record).items() if key not in _STANDARD)
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{at} {record.levelname.lower():7} {record.getMessage()} {extra}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure_logs(level: str, style: str, stream: TextIO | None = None) -> None:
    """Send all logs to one stream (standard error). style: "json", "pretty", or "auto" (pretty on a terminal)."""
    stream = stream or sys.stderr
    pretty = style == "pretty" or (style == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrettyFormatter() if pretty else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.error").setLevel("WARNING")


class Observer:
    """ASGI middleware: gives each request an id, times it, counts it and logs it. About 10 us a request."""

    def __init__(self, app: AsgiApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = logging.getLogger("ralph.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own_id = _given_id(scope) or os.urandom(8).hex()
        token = request_id.set(own_id)
        header = (b"x-request-id", own_id.encode())
        status = 500
        started = time.perf_counter_ns()

        async def send_observed(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        self._metrics.active_requests.inc()
        try:
            await self._app(scope, receive, send_observed)
        finally:
            seconds = (time.perf_counter_ns() - started) / 1e9
            self._metrics.active_requests.dec()
            self._finish(scope, status, seconds)
            request_id.reset(token)

    def _finish(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("path_template") or "unmatched"
        self._metrics.request_seconds.labels(_method(scope), route, status).observe(seconds)
        if not route.startswith(UNLOGGED):
            extra = {"method": scope["method"], "path": scope["path"], "status": status, "ms": round(seconds * 1e3, 2)}
            self._log.info("request", extra=extra)


def _method(scope: Scope) -> str:
    """The method, or _OTHER, so that invented methods do not become series without end."""
    method: str = scope["method"]
    return method if method in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"} else "_OTHER"


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return str(value, "ascii")
    return None
