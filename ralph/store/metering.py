"""What the pool and its statements are measured by: times as metrics, and spans of the trace they belong to."""

from __future__ import annotations

import time
from typing import Any

import asyncpg

from ralph.telemetry import Metrics, current_trace

OPERATIONS = frozenset(
    {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "WITH",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT",
        "SET",
        "CREATE",
        "DROP",
    }
)
"""First words that are told apart; others are OTHER."""

SHOWN = 300  # characters of a statement in its span; statements hold parameters by number only
_RESET = "SELECT pg_advisory_unlock_all"  # what asyncpg sends whenever a connection comes back


class Meter:
    """Measures one Database. Without metrics only spans are made."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics

    async def watch(self, connection: asyncpg.Connection) -> None:
        """Be told of every statement of a new connection."""
        connection.add_query_logger(self._ran)

    def sized(self, pool: asyncpg.Pool) -> None:
        """Note how many connections there are, and how many may be."""
        if self._metrics is not None:
            size, idle = pool.get_size(), pool.get_idle_size()
            self._metrics.connections.labels("used").set(size - idle)
            self._metrics.connections.labels("idle").set(idle)
            self._metrics.connections_max.set(pool.get_max_size())

    def waited(self, seconds: float) -> None:
        """A caller got its connection after so long."""
        if self._metrics is not None:
            self._metrics.connection_wait.observe(seconds)

    def timed_out(self) -> None:
        """A caller was sent away."""
        if self._metrics is not None:
            self._metrics.connection_timeouts.inc()

    def _ran(self, statement: Any) -> None:
        """Called by asyncpg once a statement is over, in the context it ran in."""
        text = statement.query.lstrip()
        if text.startswith(_RESET):
            return
        operation = text.partition(" ")[0].partition("\n")[0].rstrip(";").upper()
        if operation not in OPERATIONS:
            operation = "OTHER"
        if self._metrics is not None:
            self._metrics.query_seconds.labels("postgresql", operation).observe(statement.elapsed)
        trace = current_trace.get()
        if trace is None or trace.spans is None:
            return
        ended = time.perf_counter_ns()
        error = type(statement.exception).__name__ if statement.exception is not None else None
        about: dict[str, str | int | float] = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "db.query.text": " ".join(text.split())[:SHOWN],
        }
        trace.add(f"postgresql {operation}", "client", (ended - int(statement.elapsed * 1e9), ended), about, error)
