"""Real Prometheus, Alertmanager and exporters for tests, with the configuration of ops/ made to fit this machine."""

from __future__ import annotations

import contextlib
import copy
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
STACK = ROOT / "ops" / "telemetry"
RULES = STACK / "prometheus" / "rules"
START_S = 60.0
_DURATION = re.compile(r"^(\d+)s$")


def needed(*programs: str) -> None:
    """Skip, naming what is absent."""
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        pytest.skip(f"not on this machine: {', '.join(absent)}")


def read_yaml(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


def alerts() -> dict[str, dict[str, Any]]:
    """The alerting rules by name."""
    groups = read_yaml(RULES / "alerts.yml")["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], timeout_s: float = START_S) -> float:
    """How long it took until it held; what cannot be reached yet does not."""
    started = time.monotonic()
    while time.monotonic() - started < timeout_s:
        with contextlib.suppress(httpx.TransportError):
            if holds():
                return time.monotonic() - started
        time.sleep(0.05)
    raise AssertionError(f"it did not hold within {timeout_s} s")


@contextlib.contextmanager
def started(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[None]:
    """A program, stopped at the end."""
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, env=environment)
        try:
            yield
            assert process.poll() is None, log.read_text()[-2000:]
        finally:
            process.terminate()
            process.wait(20)


class Told:
    """What Alertmanager told its receivers: (receiver, alert, status)."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, str]] = []

    def count(self, receiver: str, alert: str) -> int:
        """How often that was told as firing."""
        return self.all.count((receiver, alert, "firing"))


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, Told]]:
    """A webhook for each receiver, by its path."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            notice = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
            for alert in notice["alerts"]:
                told.all.append((self.path.strip("/"), alert["labels"]["alertname"], alert["status"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, *args: Any) -> None:
            pass

    told = Told()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def alertmanager(folder: Path, webhook: str) -> Iterator[int]:
    """Alertmanager with our routes and inhibitions; its port. Receivers tell the webhook instead of Slack and mail."""
    config = copy.deepcopy(read_yaml(STACK / "alertmanager" / "alertmanager.yml"))
    config["global"] = {"resolve_timeout": "1m"}
    for receiver in config["receivers"]:
        name = receiver["name"]
        receiver.clear()
        receiver |= {"name": name, "webhook_configs": [{"url": f"{webhook}/{name}"}]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with started(command, folder / "alertmanager.log"):
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200)
        yield port


@contextlib.contextmanager
def prometheus(folder: Path, targets: dict[str, str], alerts_to: int, faster: int = 1) -> Iterator[str]:
    """Prometheus with our rules and intervals, all made shorter by `faster`; its address. targets: by job."""
    config = read_yaml(STACK / "prometheus" / "prometheus.yml")
    for name in ("scrape_interval", "scrape_timeout", "evaluation_interval"):
        config["global"][name] = _shorter(config["global"][name], faster)
    config["rule_files"] = [str(folder / "rules" / "*.yml")]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [f"127.0.0.1:{alerts_to}"]}]}]
    config["scrape_configs"] = [
        {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in targets.items()
    ]
    (folder / "rules").mkdir()
    for path in RULES.glob("*.yml"):
        rules = read_yaml(path)
        for rule in (rule for group in rules["groups"] for rule in group["rules"] if "for" in rule):
            rule["for"] = _shorter(rule["for"], faster)
        (folder / "rules" / path.name).write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    with started(command, folder / "prometheus.log"):
        wait_until(lambda: httpx.get(f"http://{address}/-/ready").status_code == 200)
        yield f"http://{address}"


def _shorter(duration: str, faster: int) -> str:
    found = _DURATION.match(duration)
    return f"{max(1, int(found[1]) // faster)}s" if found and faster > 1 else duration
