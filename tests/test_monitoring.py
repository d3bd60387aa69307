"""A running server as its operator sees it: metrics that rules and dashboards ask for, traces, logs, alerts."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from conftest import Running
from monitoring import (
    RULES,
    STACK,
    alertmanager,
    free_port,
    listening,
    needed,
    prometheus,
    read_yaml,
    started,
    wait_until,
)
from otlp_receiver import Receiver, receiving
from serving import Server, ralph, serving

from ralph.store.database import CONNECTIONS_MAX

sys.path.append(str(STACK))
drawing: Any = importlib.import_module("dashboards")
DASHBOARDS = drawing.DASHBOARDS

PARENT = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
BARS = "symbol,date,open,high,low,close,volume\n" + "".join(
    f"005930,2026-05-{day:02},100,110,90,{100 + day},1000\n" for day in (4, 6, 7, 8)
)
WORDS = frozenset(
    {"abs", "absent", "and", "avg", "count", "delta", "histogram_quantile", "increase", "max", "min", "on", "or"}
    | {"predict_linear", "rate", "sum", "time", "vector", "unless"}
)
"""Of PromQL, as far as we use it."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Server]:
    """A server with a few bars that sends every trace to the receiver."""
    home = tmp_path_factory.mktemp("telemetry") / "home"
    home.mkdir(mode=0o700)
    settings = f'otlp_endpoint = "{receiver.url}"\ntrace_ratio = 1.0\nmetrics_s = 1.0\n'
    (home / "ralph.toml").write_text(f"[telemetry]\n{settings}")
    with serving(home, "--no-demo") as running:
        bars = home.parent / "bars.csv"
        bars.write_text(BARS)
        assert ralph(home, "import", "bars", str(bars)).returncode == 0
        wait_until(lambda: "1 symbols" in httpx.get(f"{running.url}/health").text)
        yield running


def test_a_request_and_the_job_it_begins_are_one_trace(server: Server, receiver: Receiver) -> None:
    """HTTP, database, kernel and job spans, below each other, though three processes made them; the log has its id."""
    args = {"expression": "close > 1", "from": "2026-05-04", "to": "2026-05-08"}
    header = {"traceparent": f"00-{PARENT[0]}-{PARENT[1]}-01", "X-Request-ID": "from-the-caller"}
    with server.client() as client:
        answer = client.post("/api/v1/jobs", json={"kind": "screen_history", "args": args}, headers=header)
        assert answer.status_code == 202, answer.text
    receiver.wait(lambda: any(span.name == "job screen_history" for span in receiver.trace(PARENT[0])))
    spans = {span.name: span for span in receiver.trace(PARENT[0])}
    by_id = {span.span_id: span for span in receiver.trace(PARENT[0])}
    request, job = spans["POST /api/v1/jobs"], spans["job screen_history"]
    assert request.parent_span_id.hex() == PARENT[1]
    assert by_id[job.parent_span_id] is request
    assert by_id[by_id[spans["kernel screen"].parent_span_id].parent_span_id] is job
    parents = {by_id[span.parent_span_id].name for span in by_id.values() if span.name.startswith("postgresql")}
    assert parents == {"POST /api/v1/jobs", "process of screen_history"}
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("request_id") == "from-the-caller" and line["message"] == "request"]
    assert (line["trace_id"], line["span_id"]) == (PARENT[0], request.span_id.hex())


def test_a_screen_waits_for_the_kernel_thread_in_its_own_trace(server: Server, receiver: Receiver) -> None:
    with server.client() as client:
        answer = client.post("/api/v1/screens/run", json={"expression": "close > 2"})
    trace_id = answer.headers["x-request-id"]
    receiver.wait(lambda: len(receiver.trace(trace_id)) >= 2)
    names = {span.name for span in receiver.trace(trace_id)}
    assert {"POST /api/v1/screens/run", "kernel evaluate"} <= names


def test_health_says_how_each_part_does(server: Server) -> None:
    report = httpx.get(f"{server.url}/health").json()
    assert {"database", "redis", "schema", "kernels", "panel", "jobs", "disk"} <= set(report["parts"])
    assert report["parts"]["database"]["required"]
    assert report["parts"]["database"]["latency_ms"] < 2_000
    assert report["parts"]["panel"]["age_s"] > 0
    taken = []
    with httpx.Client() as client:
        for _ in range(20):
            begun = time.perf_counter()
            client.get(f"{server.url}/health")
            taken.append(time.perf_counter() - begun)
    assert min(taken) < 0.05


def test_the_dashboard_gets_the_last_minutes(server: Server) -> None:
    with server.client() as client:
        wait_until(lambda: len(client.get("/api/v1/system/metrics").json()["points"]) >= 1)
        found = client.get("/api/v1/system/metrics").json()
        assert httpx.get(f"{server.url}/api/v1/system/metrics").status_code == 401
    assert found["health"]["status"] == "ready"
    assert found["now"]["memory_bytes"] > 10**7
    assert found["now"]["connections_max"] == CONNECTIONS_MAX
    assert found["points"][-1]["loop_lag_p99_ms"] is not None


def test_dashboards_are_those_that_the_code_draws() -> None:
    assert {path.name: path.read_text() for path in drawing.HERE.glob("*.json")} == drawing.written()
    assert len(DASHBOARDS) == 8
    assert len({dashboard.title for dashboard in DASHBOARDS}) == 8


def queries() -> list[str]:
    """All of the dashboards that go to Prometheus."""
    panels = [panel for dashboard in DASHBOARDS for panel in dashboard.panels if panel.kind != "logs"]
    return [query.replace("$__rate_interval", "1m") for panel in panels for query in panel.queries.values()]


def asked_for() -> set[str]:
    """The names of all metrics in rules and dashboards, those of recording rules left out."""
    rules = [rule for path in RULES.glob("*.yml") for group in read_yaml(path)["groups"] for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    names = set()
    for text in [*(rule["expr"] for rule in rules), *queries()]:
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|ignoring|without|group_left)\s*\([^)]*\)", " ", text)
        names |= set(re.findall(r"(?<![\w:.])[a-zA-Z_][\w:]*", bare))
    return names - WORDS - recorded - {"ALERTS"}


def emitted(text: str) -> set[str]:
    """The names in a scrape, also of families that have no series yet."""
    found = set(re.findall(r"^([a-zA-Z_:][\w:]*)[ {]", text, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (\w+)", text, re.MULTILINE):
        found |= {f"{name}_bucket", f"{name}_count", f"{name}_sum"} if kind == "histogram" else {name}
    return found


def is_answered(url: str) -> bool:
    return httpx.get(url, timeout=30).status_code == 200


@contextlib.contextmanager
def exporters(running: Running, folder: Path) -> Iterator[list[str]]:
    """The exporters' scrape addresses, those of our Postgres and Redis among them."""
    url = urlsplit(running.servers.database_url)
    socket = parse_qs(url.query)["host"][0]
    source = f"host={socket} user={unquote(url.username or 'postgres')} dbname=ralph sslmode=disable"
    ports = [free_port() for _ in range(3)]
    listen = [f"--web.listen-address=127.0.0.1:{port}" for port in ports]
    redis = running.servers.redis_url.replace("?db=0", "")
    commands = [
        (["prometheus-node-exporter", listen[0], "--no-collector.ipvs"], None),
        (["prometheus-postgres-exporter", listen[1]], {**os.environ, "DATA_SOURCE_NAME": source}),
        (["prometheus-redis-exporter", listen[2], f"--redis.addr={redis}"], None),
    ]
    with contextlib.ExitStack() as stack:
        for number, (command, environment) in enumerate(commands):
            stack.enter_context(started(command, folder / f"exporter{number}.log", environment))
        yield [f"http://127.0.0.1:{port}/metrics" for port in ports]


def test_rules_and_dashboards_ask_for_nothing_that_is_not_there(
    server: Server, running: Running, tmp_path: Path
) -> None:
    """Every metric they name is emitted by the server, by Prometheus and Alertmanager, or by an exporter, all real; and
    every query is one that Prometheus answers."""
    needed("prometheus", "prometheus-alertmanager")
    names = ("node", "postgres", "redis")
    absent = [name for name in names if shutil.which(f"prometheus-{name}-exporter") is None]
    there = emitted(httpx.get(f"{server.url}/metrics").text)
    target = {"ralph": urlsplit(server.url).netloc}
    with (
        listening() as (webhook, _),
        alertmanager(tmp_path, webhook) as port,
        prometheus(tmp_path, target, port, faster=10) as address,
    ):
        for scraped in (f"{address}/metrics", f"http://127.0.0.1:{port}/metrics"):
            there |= emitted(httpx.get(scraped).text)
        for query in queries():
            answer = httpx.get(f"{address}/api/v1/query", params={"query": query})
            assert answer.json()["status"] == "success", f"{query}: {answer.text}"
        wait_until(lambda: "ralph_ready" in httpx.get(f"{address}/api/v1/label/__name__/values").text)
    if not absent:
        with exporters(running, tmp_path) as addresses:
            for scraped in addresses:
                wait_until(partial(is_answered, scraped))
                there |= emitted(httpx.get(scraped).text)
    missing = asked_for() - there - {"up"}
    outside = {name for name in missing if name.startswith(("node_", "pg_", "redis_"))}
    assert not missing - (outside if absent else set())
    if absent:
        pytest.skip(f"no exporters of {', '.join(absent)} on this machine: {len(outside)} names were not compared")


@pytest.mark.parametrize("faster", [5, pytest.param(1, marks=pytest.mark.long)])
def test_a_killed_server_is_told_of(tmp_path: Path, home_path: Path, faster: int) -> None:
    """By real Prometheus and Alertmanager, at the receiver of critical alerts, within a minute."""
    needed("prometheus", "prometheus-alertmanager")
    with serving(home_path, "--no-demo") as running:
        target = {"ralph": urlsplit(running.url).netloc}
        with (
            listening() as (webhook, told),
            alertmanager(tmp_path, webhook) as alerts_to,
            prometheus(tmp_path, target, alerts_to, faster) as address,
        ):
            up = {"query": 'up{job="ralph"} == 1 unless on () ALERTS{alertname="ServiceDown"}'}
            wait_until(lambda: bool(httpx.get(f"{address}/api/v1/query", params=up).json()["data"]["result"]))
            before = told.count("critical", "ServiceDown")  # a busy machine may have been too slow at first
            running.stop(signal.SIGKILL)
            took = wait_until(lambda: told.count("critical", "ServiceDown") > before, 90)
            assert took <= 60
            sys.stderr.write(f"a killed server was told of after {took:.1f} s, intervals divided by {faster}\n")
