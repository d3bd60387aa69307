"""The drills of the runbook with real servers: Postgres' primary dies and its standby takes over, Redis' dies and
Sentinel makes another. Nothing that was acknowledged is lost, no process is started again, no job is done twice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Self

import asyncpg
import httpx
import ledger_kinds
import pytest
import redis
from conftest import Running
from ledger_kinds import STEPS, StepArgs
from monitoring import ROOT, free_port, needed, started, wait_until
from serving import environment
from test_jobs_faults import drain, worker_process

from ralph.embedded.binaries import postgres_install, redis_server
from ralph.embedded.child import Child
from ralph.embedded.home import Home
from ralph.embedded.placement import kind_for
from ralph.embedded.postgres import Postgres
from ralph.errors import DatabaseDown
from ralph.jobs.kind import enqueue

pytestmark = [pytest.mark.long, pytest.mark.anyio]

READY_S = 180.0
TAKEN_OVER_S = 30.0
SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'"


class Writer:
    """Makes watchlists one after the other, and remembers those that were acknowledged."""

    def __init__(self, client: httpx.Client, word: str = "list") -> None:
        self._client = client
        self._word = word
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self.acknowledged: list[str] = []
        self.failed = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopping.set()
        self._thread.join()

    def wait_for(self, more: int) -> None:
        """Until so many more were acknowledged."""
        enough = len(self.acknowledged) + more
        wait_until(lambda: len(self.acknowledged) >= enough)

    def _write(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            name = f"{self._word} {number}"
            with contextlib.suppress(httpx.TransportError):
                if self._client.post("/api/v1/lists", json={"name": name}).status_code == 201:
                    self.acknowledged.append(name)
                else:
                    self.failed += 1
            time.sleep(0.02)


async def answering(postgres: Postgres) -> Child:
    """Start it, and wait until it answers."""
    await postgres.prepare()
    child = postgres.launch()
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(DatabaseDown):
                await postgres.ping()
                return child
            await asyncio.sleep(0.05)


async def copied(primary: Postgres, home: Home) -> Postgres:
    """A standby as the runbook makes it."""
    (home.path / "log").mkdir(parents=True)
    source = f"host={primary.place.sockets} port=5432 user=ralph application_name=standby"
    command = [postgres_install() / "bin" / "pg_basebackup", "--pgdata", home.path / "postgres", "--dbname", source]
    options = ["--write-recovery-conf", "--slot", "standby", "--create-slot", "--checkpoint", "fast"]
    made = await asyncio.create_subprocess_exec(*map(str, command), *options)
    assert await made.wait() == 0
    return Postgres(home)


@contextlib.asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[tuple[Postgres, Child, Postgres]]:
    """A primary that waits for its standby at each commit."""
    homes = [Home(folder / name) for name in ("one", "two")]
    if kind_for(homes[0]) == "user":
        pytest.skip("two Postgres as one unprivileged user would need folders of their own")
    with contextlib.ExitStack() as held:
        held.enter_context(homes[0].hold("test"))
        (homes[0].path / "log").mkdir(exist_ok=True)
        primary = Postgres(homes[0])
        children = [await answering(primary)]
        try:
            standby = await copied(primary, homes[1])
            children.append(await answering(standby))
            connection = await asyncpg.connect(primary.url)
            await connection.execute(SYNCHRONOUS)
            await connection.execute("SELECT pg_reload_conf()")
            await connection.close()
            yield primary, children[0], standby
        finally:
            for child in children:
                await child.stop(((signal.SIGINT, 10.0),))


async def test_a_standby_takes_over_and_nothing_is_lost(home_path: Path, redis_url: str) -> None:
    """One address names both. The server waits the change out, and every list that was acknowledged is there."""
    async with pair(home_path.with_name("pg")) as (primary, child, standby):
        hosts = f"host={primary.place.sockets},{standby.place.sockets}&port=5432,5432"
        url = f"postgresql://ralph@/ralph?{hosts}&target_session_attrs=primary"
        port = free_port()
        variables = environment(home_path, RALPH_DATABASE_URL=url, RALPH_REDIS_URL=redis_url)
        command = [sys.executable, "-m", "ralph", "serve", "--no-open", "--no-demo", "--port", str(port)]
        with started(command, home_path.with_name("serve.log"), variables):
            took = await asyncio.to_thread(drilled, port, home_path, child, standby)
        sys.stderr.write(f"the standby's server was ready {took:.1f} s after the primary was killed\n")


def drilled(port: int, home: Path, primary: Child, standby: Postgres) -> float:
    """Write, kill, promote, and compare; seconds from the kill until it is ready again."""
    address = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        return httpx.get(f"{address}/health/ready", timeout=5).status_code == 200

    wait_until(ready, READY_S)
    headers = {"Authorization": f"Bearer {(home / 'owner.key').read_text().strip()}"}
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client, Writer(client) as writer:
        writer.wait_for(50)
        killed = time.monotonic()
        os.kill(primary.pid, signal.SIGKILL)
        wait_until(lambda: not ready(), TAKEN_OVER_S)
        asyncio.run(promote(standby))
        wait_until(ready, TAKEN_OVER_S)
        took = time.monotonic() - killed
        writer.wait_for(20)
    with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        names = {each["name"] for each in client.get("/api/v1/lists").raise_for_status().json()["lists"]}
    assert set(writer.acknowledged) <= names
    return took


async def promote(standby: Postgres) -> None:
    connection = await asyncpg.connect(standby.url)
    assert await connection.fetchval("SELECT pg_is_in_recovery()")
    await connection.execute("SELECT pg_promote()")
    await connection.close()


@contextlib.contextmanager
def processes(*commands: list[str], log: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Started in order; killed at the end."""
    started: list[subprocess.Popen[bytes]] = []
    with log.open("ab") as sink:
        try:
            for command in commands:
                started.append(subprocess.Popen(command, stdout=sink, stderr=sink, cwd=log.parent))
            yield started
        finally:
            for process in started:
                process.kill()
                process.wait()


def answers(port: int, role: str) -> bool:
    """Whether Redis at that port has this role."""
    with contextlib.suppress(redis.RedisError), contextlib.closing(redis.Redis(port=port)) as client:
        told: Any = client.info("replication")
        return bool(told["role"] == role)
    return False


@contextlib.contextmanager
def watched_pair(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes], int]]:
    """A master, its replica, three sentinels and HAProxy, with the files of ops/redis made to fit this machine: the
    address to use, the master, and the replica's port."""
    needed("haproxy")
    one, two, front = (free_port() for _ in range(3))
    watchers = [free_port() for _ in range(3)]
    program = str(redis_server())
    kept = ["--appendonly", "yes", "--save", "", "--dir"]
    for name in ("one", "two"):
        (folder / name).mkdir()
    servers = [
        [program, "--port", str(one), *kept, str(folder / "one")],
        [program, "--port", str(two), *kept, str(folder / "two"), "--replicaof", "127.0.0.1", str(one)],
    ]
    lines = (ROOT / "ops/redis/sentinel.conf").read_text().replace("redis-0 6379", f"127.0.0.1 {one}")
    for port in watchers:
        (folder / f"sentinel-{port}.conf").write_text(lines.replace("port 26379", f"port {port}"))
    proxy = (ROOT / "ops/redis/haproxy.cfg").read_text().replace("bind :6379", f"bind 127.0.0.1:{front}")
    proxy = proxy.replace("redis-0:6379", f"127.0.0.1:{one}").replace("redis-1:6379", f"127.0.0.1:{two}")
    (folder / "haproxy.cfg").write_text(proxy)
    sentinels = [[program, str(folder / f"sentinel-{port}.conf"), "--sentinel"] for port in watchers]
    log = folder / "redis.log"
    with processes(*servers, log=log) as (master, _):
        wait_until(lambda: answers(one, "master") and answers(two, "slave"))
        with processes(*sentinels, ["haproxy", "-f", str(folder / "haproxy.cfg")], log=log):
            wait_until(lambda: all(knows_all(port) for port in watchers) and answers(front, "master"))
            yield f"redis://127.0.0.1:{front}/0", master, front


def knows_all(port: int) -> bool:
    """Whether a sentinel has found the replica and both other sentinels."""
    sentinel: Any = redis.Redis(port=port)
    with contextlib.suppress(redis.RedisError), contextlib.closing(sentinel):
        found = sentinel.sentinel_master("ralph")
        return bool(found["num-slaves"] == 1 and found["num-other-sentinels"] == 2)
    return False


async def test_sentinel_makes_a_new_master_and_jobs_go_on(database_url: str, running: Running, tmp_path: Path) -> None:
    """Jobs are in the ledger, so none waits for the change, none is lost, none is done twice."""
    connection = await asyncpg.connect(database_url)
    await connection.execute(ledger_kinds.EFFECTS)
    with watched_pair(tmp_path) as (url, master, front), worker_process(tmp_path, database_url, url):
        for number in range(60):
            await enqueue(connection, STEPS, StepArgs(4, 0.02))
            if number == 20:
                master.kill()
                killed = time.monotonic()
            await asyncio.sleep(0.05)
        await drain(connection)
        await asyncio.to_thread(wait_until, lambda: answers(front, "master"), TAKEN_OVER_S)
        sys.stderr.write(f"another Redis was master {time.monotonic() - killed:.1f} s after the first was killed\n")
    states = dict(await connection.fetch("SELECT state, count(*) FROM jobs GROUP BY state"))
    assert states == {"succeeded": 60}
    steps = await connection.fetch("SELECT array_agg(step ORDER BY step) AS steps FROM effects GROUP BY job_id")
    assert [row["steps"] for row in steps] == [list(range(4))] * 60
    await connection.close()
