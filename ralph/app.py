"""Puts the parts together and runs them: one process, one event loop, one kernel thread."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Protocol

import uvicorn

from ralph import __version__, indicators, scanners
from ralph.api.access import Access
from ralph.api.health import Vitals
from ralph.api.probes import Probed, Probes, describe, observe_panel
from ralph.api.server import Parts, create
from ralph.api.streams import Streams
from ralph.config import Config
from ralph.embedded.home import Addresses, Home
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import Misconfigured, RalphError
from ralph.jobs.demo import fill_demo
from ralph.jobs.scanning import Scanning
from ralph.jobs.screening import Screening
from ralph.jobs.signalling import Signalling
from ralph.jobs.watching import MeteredWatcher
from ralph.jobs.worker import Means, Worker
from ralph.store.cache import Cache
from ralph.store.database import Database
from ralph.store.ledger import QueueName
from ralph.store.markets import Markets
from ralph.store.metering import Meter
from ralph.store.migrate import migrate
from ralph.store.panels import PanelStore
from ralph.store.storage import bar_storage
from ralph.store.web_sessions import WebSessions
from ralph.telemetry import Instruments, KernelThread
from ralph.telemetry.pressure import watch_loop

_log = logging.getLogger("ralph.app")

REQUIRED = ("database", "schema", "kernels", "panel")
"""Parts without which Ralph cannot answer."""

WORKER_SILENT_S = 15.0  # a worker that does not reach the ledger for longer is not well
GRACE_S = 10  # requests in flight have this long when the process is told to stop
ARRAY_BYTES_MAX = 32 << 20  # arrays up to this size come from kept memory; glibc allows no more
KEPT_BYTES = 128 << 20
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
BACKLOG = 2_048  # connections the kernel holds while the loop is busy


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; Misconfigured when the port is taken or the address is not ours or not loopback."""
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise Misconfigured(
            f"host {host} is not loopback, and there is no owner with a password yet; use --host 127.0.0.1",
            field="host",
            accepted="127.0.0.1",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Misconfigured(
            f"port {port} on {host} cannot be used ({error.strerror}); choose another with --port, 0 picks a free one",
            field="port",
            accepted="a free port",
        ) from error
    listener.setblocking(False)
    return listener


class _HttpServer(uvicorn.Server):
    """Uvicorn that says when it listens, without its signal handling: the application stops in its own order."""

    def __init__(self, config: uvicorn.Config, on_exit: Callable[[], None]) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._on_exit = on_exit

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True
        self._on_exit()


def keep_freed_memory() -> None:
    """Tell glibc to keep what scans free, up to KEPT_BYTES, instead of giving it back to the kernel.

    A scan makes and frees arrays of megabytes for every answer; touching fresh pages took a third of its time.
    Other C libraries have no such switch and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, ARRAY_BYTES_MAX)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


class Announcer(Protocol):
    """Who is told, in a line each, what has started, how far long work is, and at last the link to the page."""

    def __call__(self, line: str) -> None: ...

    def progress(self, phase: str, done: int, total: int) -> None: ...

    def link(self, url: str) -> None: ...


class Application:
    """A running Ralph."""

    def __init__(self, config: Config, home: Home, say: Announcer) -> None:
        self._config = config
        self._home = home
        self._say = say
        self._instruments = Instruments(config.telemetry, __version__)
        self._metrics = self._instruments.metrics
        self._vitals = Vitals(__version__, REQUIRED)
        self._kernels = KernelThread(self._metrics)
        self._servers = EmbeddedServers(home, check_interval_s=config.embedded.check_interval_s)
        self._database = Database(Meter(self._metrics) if config.telemetry.enabled else None)
        self._cache = Cache()
        self._markets = Markets(self._database, PanelStore(home.path / "panel"), partial(observe_panel, self._metrics))
        self._screening = Screening(self._database, self._markets, self._kernels, self._metrics.screen_seconds.observe)
        self._scanning = Scanning(self._markets, self._screening, self._kernels)
        self._signalling = Signalling(self._database, self._markets, self._screening, self._kernels, config.signals)
        self._access = Access(home.owner_key(), WebSessions(self._database))
        self._calendar = home.calendar()
        self._streams = Streams()
        self._worker: Worker | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: RalphError | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Serve until told to stop; raises what kept Ralph from starting."""
        keep_freed_memory()
        parts = Parts(
            config=self._config,
            version=__version__,
            access=self._access,
            database=self._database,
            markets=self._markets,
            screening=self._screening,
            scanning=self._scanning,
            signalling=self._signalling,
            kernels=self._kernels,
            instruments=self._instruments,
            calendar=self._calendar,
            vitals=self._vitals,
            uploads=self._home.path / "uploads",
            streams=self._streams,
        )
        http = _HttpServer(
            uvicorn.Config(
                create(parts),
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
            ),
            self._leave,
        )
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, http.handle_exit, name, None)
        self._instruments.start()
        for work in (watch_loop(self._metrics.loop_lag.observe), self._instruments.recent.follow()):
            self._spawn(work, http)
        self._spawn(self._start(http, f"http://{address(listener)}"), http)
        try:
            await http.serve(sockets=[listener])
        finally:
            await self._stop()
        if self._failure is not None:
            raise self._failure

    async def _start(self, http: _HttpServer, url: str) -> None:
        await http.listening.wait()  # whoever asks whether we live is answered before all else
        # The kernels compile or load in their thread while the servers start.
        warming = asyncio.get_running_loop().run_in_executor(self._kernels, indicators.warm_up)
        database_url, redis_url = self._config.database_url, self._config.redis_url
        if database_url is None or redis_url is None:
            with _timed() as took:
                await self._servers.start(postgres=database_url is None, redis=redis_url is None)
            self._say(f"✓ database and cache started (embedded, {took():.1f} s)")
        database_url, redis_url = database_url or self._servers.database_url, redis_url or self._servers.redis_url
        await self._database.connect(database_url)
        await self._cache.connect(redis_url)
        self._note("database", "reachable")
        async with self._database.acquire() as connection:
            applied = await migrate(connection)
            storage = await bar_storage(connection)
        self._note("schema", f"{len(applied)} migrations applied" if applied else "current")
        self._note("storage", f"bars in {storage.kind}: {storage.detail}")
        if self._config.demo:
            await fill_demo(self._database, self._say, self._say.progress)
        await self._markets.refresh()
        market = describe(self._markets.panel())
        self._note("panel", market)
        self._say(f"✓ market in memory: {market}")
        self._spawn(self._markets.follow(), http)
        self._spawn(Probes(self._probed()).run(), http)
        if self._config.jobs.embedded:
            watcher = MeteredWatcher(self._metrics, self._note_jobs)
            means = Means(
                self._config, self._database, database_url, redis_url, watcher=watcher, tracer=self._instruments.tracer
            )
            self._worker = Worker(means)
            self._spawn(self._worker.run(), http)
        with _timed() as took:
            await warming
        self._note("kernels", "warm")
        self._spawn(self._warm_scanners(), http)  # nobody need wait for them to be served
        # What was made until now stays for good: a full collection need not walk it, in the middle of an answer.
        gc.collect()
        gc.freeze()
        self._say.link(f"{url}/?t={self._access.new_link()}")

    async def _warm_scanners(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._kernels, scanners.warm_up)

    def _spawn(self, work: Coroutine[None, None, None], http: _HttpServer) -> None:
        """Run work beside the server; should it fail, the server stops rather than go on without it."""

        def ended(task: asyncio.Task[None]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is None:
                return
            if not isinstance(error, RalphError):
                _log.critical("a background task failed", exc_info=error)
                error = RalphError(f"a background task failed: {error!r}; the log has the rest")
            self._failure = error
            http.should_exit = True

        task = asyncio.create_task(work)
        task.add_done_callback(ended)
        self._tasks.append(task)

    def _leave(self) -> None:
        """Told to stop: streams end, and jobs while requests in flight are answered."""
        self._streams.close()
        if self._worker is not None:
            self._worker.stop_picking()

    async def _stop(self) -> None:
        self._leave()
        if self._worker is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._worker.stop(), self._config.jobs.grace_s + GRACE_S)
        for task in self._tasks:
            task.cancel()
        # Bounded: a task that does not end when told must not keep the servers from being stopped.
        await asyncio.wait(self._tasks, timeout=GRACE_S)
        await self._database.close()
        await self._cache.close()
        await self._servers.stop()
        self._kernels.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._instruments.close)

    def _note(self, name: str, detail: str) -> None:
        self._vitals.note(name, ok=True, detail=detail)

    def _note_jobs(self, detail: str) -> None:
        silent_s = max(WORKER_SILENT_S, 3 * self._config.jobs.sweep_s)
        self._vitals.note("jobs", ok=True, detail=detail, good_for_s=silent_s)

    def _probed(self) -> Probed:
        return Probed(
            vitals=self._vitals,
            metrics=self._metrics,
            database=self._database,
            cache=self._cache,
            servers=self._servers,
            markets=self._markets,
            calendar=self._calendar,
            home=self._home.path,
        )


@dataclass(frozen=True)
class Work:
    """What a worker does: with which servers, jobs of which queues, and at which (host, port) it shows its metrics."""

    addresses: Addresses
    queues: Sequence[QueueName]
    metrics_at: tuple[str, int] | None = None


async def work(config: Config, doing: Work, say: Callable[[str], None]) -> None:
    """Work on jobs, without serving, until told to stop. Misconfigured where metrics cannot be shown."""
    database_url, redis_url = doing.addresses.database_url, doing.addresses.redis_url
    assert database_url is not None
    assert redis_url is not None
    instruments = Instruments(config.telemetry, __version__)
    database = Database(Meter(instruments.metrics))
    await database.connect(database_url)
    instruments.start()
    try:
        if doing.metrics_at is not None:
            instruments.show(*doing.metrics_at)
        async with database.acquire() as connection:
            await migrate(connection)
        watcher = MeteredWatcher(instruments.metrics, lambda detail: None)
        tracer = instruments.tracer
        means = Means(config, database, database_url, redis_url, queues=doing.queues, watcher=watcher, tracer=tracer)
        worker = Worker(means)
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, worker.stop_picking)
        say(f"✓ {worker.name} works on jobs of {' and '.join(doing.queues)} · Ctrl-C stops")
        await worker.run()
    finally:
        await database.close()
        await asyncio.to_thread(instruments.close)


def address(listener: socket.socket) -> str:
    """host:port of a bound socket, as it stands in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    started = time.perf_counter()
    yield lambda: time.perf_counter() - started
