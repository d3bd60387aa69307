"""Spans of requests and jobs. A trace collects its spans and is kept or forgotten as a whole when its root ends: those
sampled by their id, and all that failed or were slow.

Ids and the `traceparent` header are those of W3C Trace Context. Sampling goes by the trace's id, so that everyone who
sees a part of it decides alike.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

import msgspec

SPANS_MAX = 256  # of one trace; what follows is left out and counted in the root's attribute `ralph.spans_left_out`
UNMATCHED = "unmatched"
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1
_IDS = 1 << 32
_random = random.Random()  # noqa: S311  # nothing secret is made with it

SpanKind = Literal["internal", "server", "client", "producer", "consumer"]

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request being answered; every log line and problem carries it."""


def _new_id(size: int) -> str:
    """Random hexadecimal digits of so many bytes; they need to differ, not to be hard to guess."""
    return _random.randbytes(size).hex()


class Span(msgspec.Struct, frozen=True):
    """One thing that took time. Instants are UTC nanoseconds; error is its class or status, None where it went well."""

    name: str
    kind: SpanKind
    span_id: str
    parent_id: str | None
    began_at: int
    ended_at: int
    attributes: dict[str, str | int | float]
    error: str | None = None


class Trace:
    """The spans under one root: a request, or an attempt at a job. Threads may add to it."""

    __slots__ = ("_began_at", "_began_ns", "_root_id", "left_out", "parent_id", "sampled", "spans", "trace_id")

    def __init__(self, trace_id: str, parent_id: str | None, *, sampled: bool, collect: bool) -> None:
        self.trace_id = trace_id
        self.parent_id = parent_id
        self.sampled = sampled
        self.left_out = 0
        self.spans: list[Span] | None = None
        self._root_id: str | None = None
        if collect:
            self.spans = []
            self._root_id = _new_id(8)
            self._began_ns = time.perf_counter_ns()
            self._began_at = time.time_ns()

    @property
    def root_id(self) -> str:
        """The root's id. Where nothing is collected it is made when somebody asks, and few do."""
        if self._root_id is None:
            self._root_id = _new_id(8)
        return self._root_id

    @property
    def traceparent(self) -> str:
        """The header by which work elsewhere becomes a part of this trace."""
        return f"00-{self.trace_id}-{self.root_id}-0{int(self.sampled)}"

    def add(
        self,
        name: str,
        kind: SpanKind,
        span_ns: tuple[int, int],
        attributes: dict[str, str | int | float],
        error: str | None = None,
    ) -> None:
        """Note something that took time below the root; span_ns: its begin and end by time.perf_counter_ns."""
        if self.spans is None:
            return
        if len(self.spans) >= SPANS_MAX:
            self.left_out += 1
            return
        began, ended = (self._began_at + at - self._began_ns for at in span_ns)
        self.spans.append(Span(name, kind, _new_id(8), self.root_id, began, ended, attributes, error))

    def adopt(self, spans: list[Span]) -> None:
        """Take spans that another process collected under this root."""
        if self.spans is not None:
            self.spans.extend(spans[: SPANS_MAX - len(self.spans)])

    def root(self, name: str, kind: SpanKind, attributes: dict[str, str | int | float], error: str | None) -> Span:
        """The root itself, which ends now."""
        if self.left_out:
            attributes["ralph.spans_left_out"] = self.left_out
        ended = self._began_at + time.perf_counter_ns() - self._began_ns
        return Span(name, kind, self.root_id, self.parent_id, self._began_at, ended, attributes, error)


current_trace: ContextVar[Trace | None] = ContextVar("current_trace", default=None)
"""The trace that what happens now belongs to."""


class Tracer:
    """Begins and ends traces. keep is given those to be exported; without it nothing is collected, only ids are made.

    ratio   of the traces that went well and were quick, how many are kept
    slow_s  whatever took longer is kept
    """

    def __init__(
        self,
        ratio: float = 0.0,
        slow_s: float = float("inf"),
        keep: Callable[[str, list[Span]], None] | None = None,
    ) -> None:
        below = int(ratio * _IDS)
        self._below = f"{below:08x}" if below < _IDS else "g"  # after every digit
        self._slow_ns = slow_s * 1e9
        self._keep = keep

    @property
    def collects(self) -> bool:
        """Whether spans are kept at all."""
        return self._keep is not None

    def begin(self, traceparent: str | None, *, collect: bool = True) -> Trace:
        """A trace that goes on with the caller's, or a new one."""
        found = _PARENT.fullmatch(traceparent) if traceparent else None
        if found is not None and found[1].strip("0") and found[2].strip("0"):
            trace_id, parent_id, sampled = found[1], found[2], bool(int(found[3], 16) & _SAMPLED)
        else:
            trace_id, parent_id = _new_id(16), None
            sampled = trace_id < self._below
        return Trace(trace_id, parent_id, sampled=sampled, collect=collect and self._keep is not None)

    def end(
        self,
        trace: Trace,
        name: str,
        kind: SpanKind,
        attributes: dict[str, str | int | float],
        error: str | None = None,
    ) -> None:
        """The root is over; the trace is kept or forgotten."""
        if self._keep is None or trace.spans is None:
            return
        root = trace.root(name, kind, attributes, error)
        if trace.sampled or error is not None or root.ended_at - root.began_at >= self._slow_ns:
            self._keep(trace.trace_id, [root, *trace.spans])


@contextmanager
def spanned(name: str, kind: SpanKind = "internal", **attributes: str | float) -> Iterator[None]:
    """What happens inside, as a span of the current trace."""
    trace = current_trace.get()
    if trace is None or trace.spans is None:
        yield
        return
    began, error = time.perf_counter_ns(), None
    try:
        yield
    except BaseException as raised:
        error = type(raised).__name__
        raise
    finally:
        trace.add(name, kind, (began, time.perf_counter_ns()), attributes, error)
