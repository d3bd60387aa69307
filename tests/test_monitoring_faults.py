"""What an operator must hear of within a minute, with the intervals as delivered: real programs, real faults."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import httpx
import pytest
from monitoring import Told, alertmanager, free_port, listening, needed, prometheus, wait_until
from otlp_receiver import receiving
from serving import Server, environment, ralph, serving

from ralph.market.calendar import SEOUL
from ralph.market.hours import Kind

WITHIN_S = 60.0
ALL_DAY = "opens = 00:00:00\ncloses = 23:59:00"
DISK_MB = 1_000
GROWTH_MAX = 20 << 20  # bytes, while the collector is away


@contextlib.contextmanager
def watched(folder: Path, targets: dict[str, str]) -> Iterator[Told]:
    """Prometheus and Alertmanager with our configuration, once they see all targets and no alert of ours is firing."""
    needed("prometheus", "prometheus-alertmanager")
    with (
        listening() as (webhook, told),
        alertmanager(folder, webhook) as port,
        prometheus(folder, targets, port) as address,
    ):
        quiet = {"query": f'count(up == 1) == {len(targets)} unless on () ALERTS{{severity="critical"}}'}
        wait_until(lambda: bool(httpx.get(f"{address}/api/v1/query", params=quiet).json()["data"]["result"]), 180)
        yield told


def heard_within(told: Told, alert: str) -> None:
    before = told.count("critical", alert)
    took = wait_until(lambda: told.count("critical", alert) > before, 2 * WITHIN_S)
    sys.stderr.write(f"{alert} was told of after {took:.1f} s\n")
    assert took <= WITHIN_S


def address_of(server: Server) -> str:
    return urlsplit(server.url).netloc


@pytest.mark.long
def test_a_dead_worker_is_told_of(tmp_path: Path, home_path: Path) -> None:
    home_path.mkdir(mode=0o700)
    (home_path / "ralph.toml").write_text("[jobs]\nembedded = false\n")
    at = f"127.0.0.1:{free_port()}"
    with serving(home_path, "--no-demo") as server:
        command = [sys.executable, "-m", "ralph", "worker", "--metrics", at]
        worker = subprocess.Popen(command, env=environment(home_path), stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: "ralph_worker_heartbeat" in httpx.get(f"http://{at}/metrics").text)
            with watched(tmp_path, {"ralph": address_of(server), "ralph-worker": at}) as told:
                worker.kill()
                heard_within(told, "WorkerDown")
        finally:
            worker.kill()
            worker.wait()


@pytest.mark.long
def test_a_feed_that_falls_silent_is_told_of(tmp_path: Path, home_path: Path) -> None:
    """The exchange is open, by an override of its hours; the simulated market ends as there are bars of one's own."""
    home_path.mkdir(mode=0o700)
    today = datetime.now(SEOUL).date()
    days = [today, today + timedelta(days=1)]
    kinds = {kind: ALL_DAY if kind == "regular" else "" for kind in get_args(Kind)}
    hours = [
        f'[[hours]]\nday = {day}\nvenue = "KRX"\nkind = "{kind}"\n{when}\n'
        for day in days
        for kind, when in kinds.items()
    ]
    (home_path / "calendar.toml").write_text(f"opened = [{days[0]}, {days[1]}]\n" + "".join(hours))
    bars = tmp_path / "bars.csv"
    bars.write_text("symbol,date,open,high,low,close,volume\n005930,2026-05-29,100,110,90,105,1000\n")
    with serving(home_path) as server, watched(tmp_path, {"ralph": address_of(server)}) as told:
        wait_until(lambda: value_of(server, "ralph_market_open") == 1)
        wait_until(lambda: time.time() - value_of(server, "ralph_feed_last_tick_timestamp_seconds") < 5, 120)
        assert ralph(home_path, "import", "bars", str(bars)).returncode == 0
        heard_within(told, "FeedSilent")


def value_of(server: Server, name: str) -> float:
    """What a metric without labels shows."""
    text = httpx.get(f"{server.url}/metrics").text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))


@pytest.mark.long
def test_a_full_disk_is_told_of(tmp_path: Path, home_path: Path) -> None:
    home_path.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "tmpfs", str(home_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no file system of its own size can be mounted here")
    try:
        with serving(home_path, "--no-demo") as server, watched(tmp_path, {"ralph": address_of(server)}) as told:
            report = httpx.get(f"{server.url}/health").json()["parts"]["disk"]
            assert not report["ok"], "2 GB should be free, and there is less from the beginning"
            with contextlib.suppress(OSError), (home_path / "full").open("wb") as file:
                while True:
                    file.write(bytes(1 << 20))
                    file.flush()
            heard_within(told, "DiskFull")
            (home_path / "full").unlink()
    finally:
        subprocess.run(["umount", "-l", str(home_path)], check=False)


@pytest.mark.long
def test_a_collector_that_goes_away_slows_nothing_and_fills_nothing(home_path: Path) -> None:
    """20,000 requests, each with its trace: about as much processor time a request, and memory that stays."""
    psutil = pytest.importorskip("psutil")
    home_path.mkdir(mode=0o700)
    with receiving() as receiver:
        settings = f'otlp_endpoint = "{receiver.url}"\ntrace_ratio = 1.0\n'
        (home_path / "ralph.toml").write_text(f"[telemetry]\n{settings}")
        with serving(home_path, "--no-demo") as server, server.client() as client:
            process = psutil.Process(server.process.pid)

            def ask(count: int) -> tuple[float, int]:
                before = process.cpu_times()
                for _ in range(count):
                    client.get("/api/v1/lists").raise_for_status()
                after = process.cpu_times()
                return (after.user + after.system - before.user - before.system) / count, process.memory_info().rss

            ask(2_000)
            there, _ = ask(4_000)
            receiver.status = 503
            ask(4_000)  # the queue fills up to its end
            away, memory = ask(6_000)
            later, grown = ask(6_000)
            sys.stderr.write(f"us a request: {there * 1e6:.0f} with, {away * 1e6:.0f} and {later * 1e6:.0f} without\n")
            assert min(away, later) < 1.1 * there
            assert grown - memory < GROWTH_MAX
            assert 'kind="span",outcome="dropped"' in client.get("/metrics").text
