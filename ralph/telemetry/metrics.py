"""Everything Ralph counts, in one registry, and Prometheus' text of it.

Names are those of the semantic conventions where there are some (http_server, db_client, messaging), else `ralph_`.
Labels hold what the code names (routes, kinds, outcomes), never what a user sends: no Symbol, path, user or text.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

SERIES_MAX = 2_000
"""Of one metric: a histogram over all routes, methods and statuses of a day stays below."""

HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
SCREEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1, 5)
DATABASE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
KERNEL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
TAPE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
WATCH_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
JOB_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 20, 60, 300, 1_800)


class Metrics:
    """One attribute a metric; each is moved somewhere, which a test checks."""

    def __init__(self, version: str) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more each, which nobody asks for
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._gauge("ralph_build_info", "The running build", "version").labels(version).set(1)
        self._http()
        self._database()
        self._work()
        self._jobs()
        self._market()
        self._live()
        self._itself()

    def _http(self) -> None:
        self.request_seconds = self._histogram(
            "http_server_request_duration_seconds",
            "Time from the first byte of a request to the last of its answer; to the first where it is a stream",
            HTTP_SECONDS,
            *("http_request_method", "http_route", "http_response_status_code"),
        )
        self.active_requests = self._gauge("http_server_active_requests", "Requests being answered")

    def _database(self) -> None:
        self.query_seconds = self._histogram(
            "db_client_operation_duration_seconds",
            "Time of one statement, its answer included",
            DATABASE_SECONDS,
            *("db_system_name", "db_operation_name"),
        )
        self.connections = self._gauge(
            "db_client_connection_count", "Connections of the pool by state", "db_client_connection_state"
        )
        self.connections_max = self._gauge("db_client_connection_max", "Connections the pool may open")
        self.connection_wait = self._histogram(
            "db_client_connection_wait_time_seconds", "Time until a connection of the pool was free", DATABASE_SECONDS
        )
        self.connection_timeouts = self._counter(
            "db_client_connection_timeouts", "Callers sent away because no connection came free"
        )

    def _work(self) -> None:
        self.screen_seconds = self._histogram(
            "ralph_screen_duration_seconds", "Time to evaluate a screen", SCREEN_SECONDS
        )
        self.kernel_seconds = self._histogram(
            "ralph_kernel_duration_seconds", "Time of one piece of work on the kernel thread", KERNEL_SECONDS, "work"
        )
        self.kernel_wait = self._histogram(
            "ralph_kernel_wait_seconds", "Time until the kernel thread was free", KERNEL_SECONDS
        )
        self.loop_lag = self._histogram(
            "ralph_event_loop_lag_seconds", "How much later than asked the event loop wakes", LAG_SECONDS
        )

    def _jobs(self) -> None:
        self.jobs = self._counter("ralph_jobs", "Attempts at jobs by outcome", "name", "outcome")
        self.job_seconds = self._histogram(
            "messaging_process_duration_seconds",
            "Time of one attempt at a job",
            JOB_SECONDS,
            "messaging_operation_name",
        )
        self.jobs_waiting = self._gauge("ralph_jobs_waiting", "Jobs that wait in the ledger")
        self.jobs_running = self._gauge("ralph_jobs_running", "Jobs at work, of all workers")
        self.job_oldest_s = self._gauge(
            "ralph_job_oldest_queued_seconds", "How long the oldest job waits that could run"
        )
        self.worker_heartbeat = self._gauge(
            "ralph_worker_heartbeat_timestamp_seconds", "When the worker last reached the ledger"
        )

    def _market(self) -> None:
        self.import_rows = self._counter("ralph_import_rows", "Rows of imported files by outcome", "outcome")
        self.panel_bars = self._gauge("ralph_panel_bars", "Rows of the panel in memory", "workspace")
        self.panel_symbols = self._gauge("ralph_panel_symbols", "Symbols of the panel in memory", "workspace")
        self.panel_newest = self._gauge(
            "ralph_panel_newest_session_timestamp_seconds", "Close of the newest Session with bars", "workspace"
        )
        self.sessions_behind = self._gauge(
            "ralph_panel_sessions_behind", "Sessions that are over and have no bars yet", "workspace"
        )
        self.market_open = self._gauge("ralph_market_open", "1 in the regular hours of the exchange")
        self.signals = self._gauge("ralph_signals", "Signals by state", "workspace", "state")

    def _live(self) -> None:
        self.feed_ticks = self._counter("ralph_feed_ticks", "Prints that feeds brought")
        self.feed_left_out = self._counter(
            "ralph_feed_left_out", "Prints seen before, or too late for their bar", "reason"
        )
        self.feed_last_tick = self._gauge("ralph_feed_last_tick_timestamp_seconds", "When the last print came")
        self.feed_lag_s = self._gauge("ralph_feed_lag_seconds", "How far the feed is behind its own time")
        self.feed_clock_step_s = self._gauge(
            "ralph_feed_clock_step_seconds", "By how much the machine's clock was set lately"
        )
        self.tape_seconds = self._histogram("ralph_tape_advance_seconds", "From a batch to its frames", TAPE_SECONDS)
        self.tape_watch_seconds = self._histogram(
            "ralph_tape_watch_seconds", "One look at all watched screens as a minute closes", WATCH_SECONDS
        )
        self.recorder_ticks = self._gauge("ralph_recorder_ticks", "Prints by where they are", "where")
        self.recorder_spooled_bytes = self._gauge(
            "ralph_recorder_spooled_bytes", "Pieces of recordings that wait on disk"
        )
        self.ws_connections = self._gauge("ralph_ws_connections", "Live connections that are open")
        self.ws_closed = self._counter("ralph_ws_closed", "Live connections that ended, by close code", "code")
        self.ws_messages = self._counter("ralph_ws_messages", "Messages of frames sent to clients")
        self.ws_bytes = self._counter("ralph_ws_bytes", "Bytes of such messages")

    def _itself(self) -> None:
        self.ready = self._gauge("ralph_ready", "1 when every required part is well")
        self.part_up = self._gauge("ralph_part_up", "1 when a part is well, as /health shows it", "part")
        self.part_latency = self._gauge("ralph_part_latency_seconds", "Time of a part's last probe", "part")
        self.embedded_restarts = self._gauge(
            "ralph_embedded_restarts", "Times an embedded server was restarted", "server"
        )
        self.disk_free = self._gauge("ralph_disk_free_bytes", "Free space on the disk of Ralph's folder")
        self.disk_size = self._gauge("ralph_disk_size_bytes", "Size of the disk of Ralph's folder")
        self.memory_limit = self._gauge("ralph_memory_limit_bytes", "Memory this process may use: its container's")
        self.cpu_limit = self._gauge("ralph_cpu_limit", "Processors this process may use")
        self.backup_taken_at = self._gauge("ralph_backup_timestamp_seconds", "When the newest backup was begun", "to")
        self.backup_log_until = self._gauge(
            "ralph_backup_log_timestamp_seconds", "Until when backups hold the log", "to"
        )
        self.log_records = self._counter("ralph_log_records", "Log records by level, also those not written", "level")
        self.export_items = self._counter(
            "ralph_telemetry_items", "Spans and metric points for the collector by outcome", "kind", "outcome"
        )

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)
