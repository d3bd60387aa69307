"""Puts the parts together and runs them: one process, one event loop, one kernel thread."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import resource
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Protocol

import uvicorn

from ralph import __version__, indicators, scanners
from ralph.api.access import Access
from ralph.api.health import Vitals
from ralph.api.live_socket import LiveSocket
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
from ralph.jobs.telling import Telling
from ralph.jobs.watching import MeteredWatcher
from ralph.jobs.worker import Means, Worker
from ralph.market.panel import Panel
from ralph.store.announcements import Announcements
from ralph.store.cache import Cache
from ralph.store.database import Database
from ralph.store.ledger import QueueName
from ralph.store.markets import Markets
from ralph.store.migrate import migrate
from ralph.store.panels import PanelStore
from ralph.store.storage import bar_storage
from ralph.store.web_sessions import WebSessions
from ralph.stream.protocol import MESSAGE_BYTES
from ralph.stream.sockets import StraightWebSocket
from ralph.stream.station import Station
from ralph.telemetry import Metrics

_log = logging.getLogger("ralph.app")

REQUIRED = ("database", "schema", "kernels", "panel")
"""Parts without which Ralph cannot answer."""

GRACE_S = 10  # requests in flight have this long when the process is told to stop
PROBE_S = 1.0
PROBE_TIMEOUT_S = 2.0
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


def open_all_files() -> None:
    """Let this process have as many sockets as the system allows: the usual 1,024 are few for live connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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
        self._metrics = Metrics(__version__)
        self._vitals = Vitals(__version__, REQUIRED)
        self._kernels = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kernels")
        self._servers = EmbeddedServers(home, check_interval_s=config.embedded.check_interval_s)
        self._database = Database()
        self._cache = Cache()
        self._markets = Markets(self._database, PanelStore(home.path / "panel"), self._on_panel)
        self._screening = Screening(self._database, self._markets, self._kernels, self._metrics.screen_seconds.observe)
        self._scanning = Scanning(self._markets, self._screening, self._kernels)
        self._signalling = Signalling(self._database, self._markets, self._screening, self._kernels, config.signals)
        self._access = Access(home.owner_key(), WebSessions(self._database))
        self._calendar = home.calendar()
        self._streams = Streams()
        self._station = Station(Announcements(self._database), config.stream)
        self._live = LiveSocket(self._station, self._markets.panel, self._metrics)
        self._worker: Worker | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: RalphError | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Serve until told to stop; raises what kept Ralph from starting."""
        keep_freed_memory()
        open_all_files()
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
            metrics=self._metrics,
            calendar=self._calendar,
            vitals=self._vitals,
            uploads=self._home.path / "uploads",
            streams=self._streams,
            live=self._live,
        )
        http = _HttpServer(
            uvicorn.Config(
                create(parts),
                http="httptools",
                ws=StraightWebSocket,
                ws_max_size=MESSAGE_BYTES,
                ws_ping_interval=self._config.stream.ping_s,
                ws_ping_timeout=self._config.stream.ping_s,
                ws_per_message_deflate=False,
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
        self._note("panel", self._describe_panel())
        self._say(f"✓ market in memory: {self._describe_panel()}")
        self._spawn(self._markets.follow(), http)
        # Processes that share a Redis of their own choice serve one stream; an embedded one serves this process alone.
        await self._station.begin(self._markets.panel().workspace, self._config.redis_url)
        self._spawn(self._station.run(), http)
        self._spawn(self._live.count(), http)
        self._spawn(Telling(self._database, self._station.hub).run(), http)
        self._spawn(self._probe(), http)
        if self._config.jobs.embedded:
            watcher = MeteredWatcher(self._metrics, lambda detail: self._note("jobs", detail))
            means = Means(self._config, self._database, database_url, redis_url, watcher=watcher)
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
        await self._station.close()
        await self._database.close()
        await self._cache.close()
        await self._servers.stop()
        self._kernels.shutdown(wait=False, cancel_futures=True)

    def _note(self, name: str, detail: str) -> None:
        self._vitals.note(name, ok=True, detail=detail)

    def _on_panel(self, panel: Panel) -> None:
        self._metrics.panel_bars.labels(panel.workspace).set(panel.bar_count)
        self._metrics.panel_symbols.labels(panel.workspace).set(len(panel.listings))

    def _describe_panel(self) -> str:
        panel = self._markets.panel()
        if panel.sessions.size == 0:
            return f"workspace {panel.workspace} is empty: ralph import bars FILE"
        simulated = ", simulated" if panel.simulated else ""
        size = f"{len(panel.listings)} symbols, {panel.sessions.size} sessions to {panel.sessions[-1]}"
        return f"workspace {panel.workspace}{simulated}, {size}"

    async def _probe(self) -> None:
        """Ask each part how it does, for ever; health answers from what was last heard."""
        while True:
            await self._probe_one("database", self._database.ping)
            await self._probe_one("redis", self._cache.ping)
            for name, state in self._servers.states().items():
                self._metrics.embedded_restarts.labels(name).set(state.restarts)
            with contextlib.suppress(RalphError):
                self._vitals.note("panel", ok=True, detail=self._describe_panel())
            await asyncio.sleep(PROBE_S)

    async def _probe_one(self, name: str, ping: Callable[[], Awaitable[None]]) -> None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await ping()
        except (RalphError, TimeoutError) as error:
            self._vitals.note(name, ok=False, detail=str(error) or "no answer")
        else:
            self._vitals.note(name, ok=True, detail="reachable", latency_ms=(time.perf_counter() - started) * 1e3)


async def work(config: Config, addresses: Addresses, queues: Sequence[QueueName], say: Callable[[str], None]) -> None:
    """Work on jobs of these queues, without serving, until told to stop."""
    assert addresses.database_url is not None
    assert addresses.redis_url is not None
    database = Database()
    await database.connect(addresses.database_url)
    try:
        async with database.acquire() as connection:
            await migrate(connection)
        worker = Worker(Means(config, database, addresses.database_url, addresses.redis_url, queues=queues))
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, worker.stop_picking)
        say(f"✓ {worker.name} works on jobs of {' and '.join(queues)} · Ctrl-C stops")
        await worker.run()
    finally:
        await database.close()


def address(listener: socket.socket) -> str:
    """host:port of a bound socket, as it stands in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextlib.contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    started = time.perf_counter()
    yield lambda: time.perf_counter() - started
