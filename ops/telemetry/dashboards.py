"""Writes Grafana's dashboards into ops/telemetry/grafana/dashboards.

Run `uv run python ops/telemetry/dashboards.py` after a change and commit what it wrote; a test compares. Queries name
metrics of Ralph and its exporters, which a test finds in what these really emit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent / "grafana" / "dashboards"
COLUMNS, WIDTH, HEIGHT = 24, 12, 8
PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}
LOKI = {"type": "loki", "uid": "loki"}
WINDOW = "$__rate_interval"
OWN = 'job=~"ralph.*"'
ASKED = f'{OWN}, http_route!~"/health.*|/metrics"'


class Panel(NamedTuple):
    """One graph: its title, unit, and queries by legend. kind `stat` is a number, `logs` shows a query of Loki."""

    title: str
    unit: str
    queries: dict[str, str]
    kind: str = "timeseries"


class Dashboard(NamedTuple):
    """A page of graphs."""

    name: str
    title: str
    panels: Sequence[Panel]


def quantile(share: float, metric: str, by: str = "", labels: str = OWN) -> str:
    """A query for a quantile of a histogram."""
    groups = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({groups}) (rate({metric}_bucket{{{labels}}}[{WINDOW}])))"


def rate(metric: str, by: str, labels: str = OWN) -> str:
    """A query for a rate by label."""
    return f"sum by ({by}) (rate({metric}{{{labels}}}[{WINDOW}]))"


REQUESTS = "http_server_request_duration_seconds"
STATEMENTS = "db_client_operation_duration_seconds"

DASHBOARDS = (
    Dashboard(
        "system",
        "Ralph · System",
        (
            Panel("Processors of Ralph in use", "percentunit", {"{{instance}}": "instance:cpu:ratio5m"}),
            Panel("Memory of Ralph in use", "percentunit", {"{{instance}}": "instance:memory:ratio"}),
            Panel("Disk of Ralph's folder, free", "bytes", {"{{instance}}": "ralph_disk_free_bytes"}),
            Panel("Open files", "short", {"{{instance}}": f"process_open_fds{{{OWN}}}"}),
            Panel(
                "Processors of the machine",
                "percentunit",
                {"{{instance}}": f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}[{WINDOW}]))'},
            ),
            Panel("Memory of the machine, available", "bytes", {"{{instance}}": "node_memory_MemAvailable_bytes"}),
            Panel(
                "Disks, free",
                "percentunit",
                {
                    "{{instance}} {{mountpoint}}": (
                        'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay|ramfs"} / node_filesystem_size_bytes'
                    )
                },
            ),
            Panel(
                "Network",
                "Bps",
                {
                    "in {{device}}": f'rate(node_network_receive_bytes_total{{device!="lo"}}[{WINDOW}])',
                    "out {{device}}": f'rate(node_network_transmit_bytes_total{{device!="lo"}}[{WINDOW}])',
                },
            ),
        ),
    ),
    Dashboard(
        "service",
        "Ralph · Service health",
        (
            Panel("Up", "short", {"{{instance}}": f"up{{{OWN}}}"}, "stat"),
            Panel("Ready", "short", {"{{instance}}": "ralph_ready"}, "stat"),
            Panel("Parts", "short", {"{{instance}} {{part}}": "ralph_part_up"}),
            Panel("Probes", "s", {"{{instance}} {{part}}": "ralph_part_latency_seconds"}),
            Panel("Event loop, p99 late", "s", {"{{instance}}": "instance:event_loop_lag_seconds:p99_5m"}),
            Panel(
                "Errors in the log",
                "cps",
                {"{{level}}": rate("ralph_log_records_total", "level", f'{OWN}, level!="info"')},
            ),
            Panel("Builds", "short", {"{{instance}} {{version}}": "ralph_build_info"}, "stat"),
            Panel("Alerts", "short", {"{{alertname}}": 'ALERTS{alertstate="firing", alertname!="Watchdog"}'}),
            Panel(
                "What the log says",
                "short",
                {"": '{service_name=~".*ralph.*"} | json | level =~ "warning|error|critical"'},
                "logs",
            ),
        ),
    ),
    Dashboard(
        "api",
        "Ralph · API",
        (
            Panel("Requests", "reqps", {"{{job}}": "job:http_requests:rate5m"}),
            Panel("Failed", "percentunit", {"{{job}}": "job:http_errors:ratio5m"}),
            Panel("p95, without what takes long", "s", {"{{job}}": "job:http_request_duration_seconds:p95_5m"}),
            Panel(
                "Latency",
                "s",
                {f"p{share * 100:g}": quantile(share, REQUESTS, labels=ASKED) for share in (0.5, 0.95, 0.99)},
            ),
            Panel(
                "Requests by route",
                "reqps",
                {
                    "{{http_request_method}} {{http_route}}": rate(
                        f"{REQUESTS}_count", "http_request_method, http_route", ASKED
                    )
                },
            ),
            Panel("p95 by route", "s", {"{{http_route}}": quantile(0.95, REQUESTS, "http_route", ASKED)}),
            Panel(
                "Answers by status",
                "reqps",
                {"{{http_response_status_code}}": rate(f"{REQUESTS}_count", "http_response_status_code", ASKED)},
            ),
            Panel("Being answered", "short", {"{{instance}}": "http_server_active_requests"}),
        ),
    ),
    Dashboard(
        "database",
        "Ralph · Database",
        (
            Panel("Statements", "ops", {"{{db_operation_name}}": rate(f"{STATEMENTS}_count", "db_operation_name")}),
            Panel("p95 of statements", "s", {"{{db_operation_name}}": quantile(0.95, STATEMENTS, "db_operation_name")}),
            Panel(
                "Connections of the pool",
                "short",
                {
                    "{{instance}} {{db_client_connection_state}}": "db_client_connection_count",
                    "{{instance}} most": "db_client_connection_max",
                },
            ),
            Panel(
                "Waiting for a connection",
                "s",
                {"p95": quantile(0.95, "db_client_connection_wait_time_seconds")},
            ),
            Panel("Sent away", "cps", {"{{instance}}": rate("db_client_connection_timeouts_total", "instance")}),
            Panel("Backends of Postgres", "short", {"{{state}}": "sum by (state) (pg_stat_activity_count)"}),
            Panel(
                "Transactions",
                "ops",
                {
                    "committed": f"sum(rate(pg_stat_database_xact_commit[{WINDOW}]))",
                    "rolled back": f"sum(rate(pg_stat_database_xact_rollback[{WINDOW}]))",
                },
            ),
            Panel("Size", "bytes", {"{{datname}}": "pg_database_size_bytes"}),
            Panel("Redis, memory", "bytes", {"{{instance}}": "redis_memory_used_bytes"}),
            Panel("Redis, commands", "ops", {"{{instance}}": f"rate(redis_commands_processed_total[{WINDOW}])"}),
        ),
    ),
    Dashboard(
        "jobs",
        "Ralph · Jobs",
        (
            Panel("Waiting", "short", {"jobs": "max(ralph_jobs_waiting)"}),
            Panel("At work", "short", {"jobs": "max(ralph_jobs_running)"}),
            Panel("The oldest waits for", "s", {"oldest": "max(ralph_job_oldest_queued_seconds)"}),
            Panel(
                "Last sign of life",
                "s",
                {"{{instance}}": "time() - (ralph_worker_heartbeat_timestamp_seconds > 0)"},
            ),
            Panel("Attempts by outcome", "ops", {"{{outcome}}": rate("ralph_jobs_total", "outcome")}),
            Panel("Attempts by kind", "ops", {"{{name}}": rate("ralph_jobs_total", "name")}),
            Panel(
                "p95 of attempts",
                "s",
                {
                    "{{messaging_operation_name}}": quantile(
                        0.95, "messaging_process_duration_seconds", "messaging_operation_name"
                    )
                },
            ),
            Panel("Dead", "short", {"{{name}}": 'sum by (name) (increase(ralph_jobs_total{outcome="dead"}[1h]))'}),
        ),
    ),
    Dashboard(
        "live",
        "Ralph · WebSocket and live feed",
        (
            Panel("Event loop, p99 late", "s", {"{{instance}}": "instance:event_loop_lag_seconds:p99_5m"}),
            Panel(
                "Event loop, lateness",
                "s",
                {f"p{share * 100:g}": quantile(share, "ralph_event_loop_lag_seconds") for share in (0.5, 0.95, 0.99)},
            ),
        ),
    ),
    Dashboard(
        "brokers",
        "Ralph · Brokers and data",
        (
            Panel("Sessions behind", "short", {"{{workspace}}": "ralph_panel_sessions_behind"}),
            Panel(
                "Age of the newest bars",
                "s",
                {"{{workspace}}": "time() - ralph_panel_newest_session_timestamp_seconds"},
            ),
            Panel("Bars in memory", "short", {"{{workspace}}": "ralph_panel_bars"}),
            Panel("Symbols in memory", "short", {"{{workspace}}": "ralph_panel_symbols"}),
            Panel("Imported rows", "cps", {"{{outcome}}": rate("ralph_import_rows_total", "outcome")}),
            Panel("Restarts of embedded servers", "short", {"{{server}}": "ralph_embedded_restarts"}),
        ),
    ),
    Dashboard(
        "signals",
        "Ralph · Signals and business",
        (
            Panel("Signals", "short", {"{{workspace}} {{state}}": "ralph_signals"}),
            Panel("Screens", "ops", {"screens": "sum(rate(ralph_screen_duration_seconds_count[5m]))"}),
            Panel(
                "Time of a screen",
                "s",
                {f"p{share * 100:g}": quantile(share, "ralph_screen_duration_seconds") for share in (0.5, 0.95, 0.99)},
            ),
            Panel("Kernel thread, work", "ops", {"{{work}}": rate("ralph_kernel_duration_seconds_count", "work")}),
            Panel("Kernel thread, p95", "s", {"{{work}}": quantile(0.95, "ralph_kernel_duration_seconds", "work")}),
            Panel("Kernel thread, p95 of waiting", "s", {"{{instance}}": "instance:kernel_wait_seconds:p95_5m"}),
        ),
    ),
)


def drawn(dashboard: Dashboard) -> dict[str, Any]:
    """A dashboard as Grafana reads it."""
    return {
        "uid": f"ralph-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["ralph"],
        "schemaVersion": 39,
        "editable": False,
        "refresh": "10s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": [{"type": "dashboards", "tags": ["ralph"], "asDropdown": True, "title": "Ralph", "keepTime": True}],
        "panels": [_panel(index, panel) for index, panel in enumerate(dashboard.panels)],
    }


def _panel(index: int, panel: Panel) -> dict[str, Any]:
    source = LOKI if panel.kind == "logs" else PROMETHEUS
    per_row = COLUMNS // WIDTH
    place = {"x": index % per_row * WIDTH, "y": index // per_row * HEIGHT, "w": WIDTH, "h": HEIGHT}
    targets = [
        {"refId": chr(ord("A") + number), "datasource": source, "expr": query, "legendFormat": legend}
        for number, (legend, query) in enumerate(panel.queries.items())
    ]
    return {
        "id": index + 1,
        "type": panel.kind,
        "title": panel.title,
        "datasource": source,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {},
        "targets": targets,
    }


def written() -> dict[str, str]:
    """The files by name."""
    return {f"{dashboard.name}.json": _text(drawn(dashboard)) for dashboard in DASHBOARDS}


def _text(page: dict[str, Any]) -> str:
    """JSON with a line for each panel, so that a change shows as one."""
    panels = ",\n".join(json.dumps(panel, ensure_ascii=False) for panel in page.pop("panels"))
    return json.dumps(page, ensure_ascii=False)[:-1] + f', "panels": [\n{panels}\n]}}\n'


def main(folder: Path = HERE) -> None:
    """Write them; what is there and not drawn any more goes."""
    folder.mkdir(exist_ok=True)
    files = written()
    for path in folder.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text)
    print(f"{len(files)} dashboards in {folder}", file=sys.stderr)


if __name__ == "__main__":
    main()
