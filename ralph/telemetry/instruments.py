"""One process's metrics and traces, as the configuration asks for them, with the way to the collector."""

from __future__ import annotations

from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server

from ralph.config import TelemetryConfig
from ralph.errors import Misconfigured
from ralph.telemetry.export import Collector, Exporter
from ralph.telemetry.logs import count_logs
from ralph.telemetry.metrics import Metrics
from ralph.telemetry.observer import AccessLog, AsgiApp, Observer
from ralph.telemetry.pressure import cpu_limit, memory_limit
from ralph.telemetry.recent import Recent
from ralph.telemetry.tracing import Tracer


class Instruments:
    """What a process measures with. `start` begins to send, where there is somebody to send to."""

    def __init__(self, config: TelemetryConfig, version: str) -> None:
        self._config = config
        self.metrics = Metrics(version)
        self.metrics.memory_limit.set(memory_limit())
        cpus = cpu_limit()
        self.metrics.cpu_limit.set(cpus)
        self.recent = Recent(self.metrics, cpus)
        self._shown: WSGIServer | None = None
        self._exporter: Exporter | None = None
        if config.enabled and config.otlp_endpoint is not None:
            collector = Collector(config.otlp_endpoint, _headers(config.otlp_headers), config.metrics_s)
            self._exporter = Exporter(collector, self.metrics, version)
        keep = self._exporter.keep if self._exporter is not None else None
        self.tracer = Tracer(config.trace_ratio, config.slow_ms / 1e3, keep)

    def start(self) -> None:
        """Count log records from now on, and export."""
        count_logs(lambda level: self.metrics.log_records.labels(level).inc())
        if self._exporter is not None:
            self._exporter.start()

    def show(self, host: str, port: int) -> None:
        """Serve /metrics from a thread, for a process that serves nothing else. Misconfigured where it cannot."""
        try:
            self._shown, _ = start_http_server(port, host, self.metrics.registry)
        except OSError as error:
            raise Misconfigured(
                f"metrics cannot be shown at {host}:{port} ({error.strerror}); choose another address",
                field="metrics",
                accepted="a free address of this machine",
            ) from error

    def close(self) -> None:
        """Send what is left, for a moment."""
        if self._shown is not None:
            self._shown.shutdown()
            self._shown.server_close()
        if self._exporter is not None:
            self._exporter.close()

    def observed(self, app: AsgiApp, lines_per_s: int) -> AsgiApp:
        """The application, observed; as it is where telemetry is off. lines_per_s: of ordinary requests in the log."""
        if not self._config.enabled:
            return app
        return Observer(app, self.metrics, self.tracer, AccessLog(lines_per_s, self._config.slow_ms / 1e3))


def _headers(text: str | None) -> dict[str, str]:
    pairs = (part.partition("=") for part in (text or "").split(",") if part)
    return {name.strip(): value.strip() for name, _, value in pairs}
