"""The ASGI middleware around all requests: an id, a trace, a count, a time and a line in the log. About 15 us each."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import Histogram

from ralph.telemetry.metrics import Metrics
from ralph.telemetry.tracing import UNMATCHED, Trace, Tracer, current_trace, request_id

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

WHOLE = "ralph.whole"
"""The type of a message that is a whole answer, its head as bytes; ralph/api/whole.py."""

UNTOLD = ("/health", "/metrics")  # asked every few seconds: counted, but neither logged nor traced
FAILED = 500
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_log = logging.getLogger("ralph.http")


class AccessLog:
    """Lines for requests: all that failed or were slow, and of the others at most so many a second; what was left out
    is counted in the next line."""

    def __init__(self, lines_per_s: int, slow_s: float) -> None:
        self._lines_per_s = lines_per_s
        self._slow_s = slow_s
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def tell(self, scope: Scope, status: int, seconds: float) -> None:
        """Write a line, or not."""
        now = int(time.monotonic())
        if now != self._second:
            self._second, self._lines = now, 0
        if self._lines >= self._lines_per_s and status < FAILED and seconds < self._slow_s:
            self._left_out += 1
            return
        self._lines += 1
        extra = {"method": scope["method"], "path": scope["path"], "status": status, "ms": round(seconds * 1e3, 2)}
        if self._left_out:
            extra["left_out"], self._left_out = self._left_out, 0
        _log.info("request", extra=extra)


class _Seen:
    """What is known of a request while it is answered."""

    __slots__ = ("first_byte", "started", "status")

    def __init__(self, started: int) -> None:
        self.started = started
        self.status = FAILED
        self.first_byte: int | None = None  # of an answer that is a stream


class Observer:
    """Observes every HTTP request; others pass."""

    def __init__(self, app: AsgiApp, metrics: Metrics, tracer: Tracer, access_log: AccessLog) -> None:
        self._app = app
        self._metrics = metrics
        self._tracer = tracer
        self._access_log = access_log
        self._active = 0
        self._timed: dict[tuple[str, str, int], Histogram] = {}
        metrics.active_requests.set_function(lambda: self._active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = _Seen(time.perf_counter_ns())
        given_id, traceparent = _given(scope)
        trace = self._tracer.begin(traceparent, collect=not scope["path"].startswith(UNTOLD))
        own_id = given_id or trace.trace_id
        tokens = request_id.set(own_id), current_trace.set(trace)
        header = (b"x-request-id", own_id.encode())

        def send_observed(message: MutableMapping[str, Any]) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                headers = message["headers"] = [*message.get("headers", ()), header]
                for name, value in headers:
                    if name == b"content-type":
                        if value.startswith(b"text/event-stream"):
                            seen.first_byte = time.perf_counter_ns()
                        break
            elif message["type"] == WHOLE:
                seen.status = message["status"]
                message["head"] += b"x-request-id: %b\r\n" % header[1]
            return send(message)

        self._active += 1
        try:
            await self._app(scope, receive, send_observed)
        finally:
            self._active -= 1
            self._finish(scope, seen, trace)
            current_trace.reset(tokens[1])
            request_id.reset(tokens[0])

    def _finish(self, scope: Scope, seen: _Seen, trace: Trace) -> None:
        status = seen.status
        seconds = ((seen.first_byte or time.perf_counter_ns()) - seen.started) / 1e9
        route = scope.get("path_template") or UNMATCHED
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        timed = self._timed.get((method, route, status))
        if timed is None:
            timed = self._timed[method, route, status] = self._metrics.request_seconds.labels(method, route, status)
        timed.observe(seconds)
        if scope["path"].startswith(UNTOLD):
            return
        self._access_log.tell(scope, status, seconds)
        if self._tracer.collects:
            attributes: dict[str, str | int | float] = {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "url.scheme": scope.get("scheme", "http"),
            }
            error = str(status) if status >= FAILED else None
            self._tracer.end(trace, f"{method} {route}", "server", attributes, error)


def _given(scope: Scope) -> tuple[str | None, str | None]:
    """The request's id and its traceparent, where the caller gave any that can be used."""
    own_id = parent = None
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            own_id = str(value, "ascii")
        elif name == b"traceparent":
            parent = str(value, "latin-1")
    return own_id, parent
