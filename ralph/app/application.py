"""Puts the parts together and runs them: one process, one event loop, one kernel thread."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Protocol

import uvicorn

from ralph import __version__, indicators, scanners
from ralph.api.access import Access
from ralph.api.health import Vitals
from ralph.api.listening import HttpServer, address
from ralph.api.live_socket import LiveSocket
from ralph.api.probes import Probed, Probes, describe, observe_panel
from ralph.api.server import Parts, create
from ralph.api.streams import Streams
from ralph.api.whole import StraightHttp
from ralph.app.memory import give_back_memory, keep_freed_memory, open_all_files
from ralph.config import Config
from ralph.embedded.home import Home
from ralph.embedded.servers import EmbeddedServers
from ralph.errors import RalphError
from ralph.jobs.demo import fill_demo
from ralph.jobs.news import JobNews
from ralph.jobs.scanning import Scanning
from ralph.jobs.scheduler import Scheduler
from ralph.jobs.screening import Screening
from ralph.jobs.signalling import Signalling
from ralph.jobs.telling import Telling
from ralph.jobs.warming import Warming
from ralph.jobs.watching import MeteredWatcher
from ralph.jobs.worker import Means, Worker
from ralph.live.clock import SteadyClock
from ralph.live.metering import LiveMeter
from ralph.live.running import LiveMarket, Surroundings
from ralph.store.announcements import Announcements
from ralph.store.cache import Cache
from ralph.store.database import Database
from ralph.store.leadership import Leadership
from ralph.store.markets import Markets
from ralph.store.metering import Meter
from ralph.store.migrate import migrate
from ralph.store.panels import PanelStore
from ralph.store.storage import bar_storage
from ralph.store.web_sessions import WebSessions
from ralph.stream.protocol import MESSAGE_BYTES
from ralph.stream.sockets import StraightWebSocket
from ralph.stream.station import Station
from ralph.telemetry import KERNELS, Instruments, KernelThread
from ralph.telemetry.pressure import watch_loop

if TYPE_CHECKING:
    from ralph.backup.archivist import Standing

_log = logging.getLogger("ralph.app")

REQUIRED = ("database", "schema", "kernels", "panel")
"""Parts without which Ralph cannot answer."""

WORKER_SILENT_S = 15.0  # a worker that does not reach the ledger for longer is not well
GRACE_S = 10  # requests in flight have this long when the process is told to stop


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
        self._beside = ThreadPoolExecutor(
            1, thread_name_prefix=f"{KERNELS}-beside"
        )  # a stop does not wait for it either
        self._servers = EmbeddedServers(home, check_interval_s=config.embedded.check_interval_s)
        self._database = Database(Meter(self._metrics) if config.telemetry.enabled else None)
        self._cache = Cache()
        self._markets = Markets(self._database, PanelStore(home.path / "panel"), partial(observe_panel, self._metrics))
        self._screening = Screening(self._database, self._markets, self._kernels, self._metrics.screen_seconds.observe)
        self._calendar = home.calendar()
        scans = (self._database, self._markets, self._screening, self._kernels, self._calendar)
        self._scanning = Scanning(*scans)
        self._signalling = Signalling(self._database, self._markets, self._screening, self._kernels, config.signals)
        self._access = Access(home.owner_key(), WebSessions(self._database))
        self._scheduler = Scheduler(self._database, self._calendar, config)
        self._job_news = JobNews(self._database)
        self._streams = Streams()
        self._station = Station(Announcements(self._database), config.stream)
        self._live = LiveSocket(self._station, self._markets.panel, self._metrics)
        self._market = LiveMarket(
            Surroundings(
                config=config,
                database=self._database,
                markets=self._markets,
                kernels=self._kernels,
                calendar=self._calendar,
                hub=self._station.hub,
                wanted=self._screening.watched,
                meter=LiveMeter(self._metrics, self._vitals.note, self._station.hub),
                spool=home.path / "spool",
                clock=SteadyClock(),
            )
        )
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
            scheduler=self._scheduler,
            job_news=self._job_news,
            kernels=self._kernels,
            instruments=self._instruments,
            calendar=self._calendar,
            vitals=self._vitals,
            uploads=self._home.path / "uploads",
            streams=self._streams,
            live=self._live,
            live_market=self._market,
        )
        http = HttpServer(
            uvicorn.Config(
                create(parts),
                http=StraightHttp,
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

    async def _start(self, http: HttpServer, url: str) -> None:
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
        self._spawn(self._access.keep_reviewing(self._home.owner_key), http)
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
        # Processes that share a Redis of their own choice serve one stream; an embedded one serves this process alone.
        await self._station.begin(self._markets.panel().workspace, self._config.redis_url)
        self._spawn(self._station.run(), http)
        self._spawn(self._live.count(), http)
        self._spawn(Probes(self._probed()).run(), http)
        self._spawn(self._job_news.run(), http)
        self._spawn(Telling(self._job_news, self._station.hub).run(), http)
        self._spawn(Warming(self._database, self._markets, self._scanning).follow(), http)
        if self._config.jobs.embedded:
            means = Means(
                self._config,
                self._database,
                database_url,
                redis_url,
                watcher=MeteredWatcher(self._metrics, self._note_jobs),
                tracer=self._instruments.tracer,
                scheduler=self._scheduler,
            )
            self._worker = Worker(means)
            self._spawn(self._worker.run(), http)
        self._keep_backups(database_url, http)
        with _timed() as took:
            await warming
        # What was made until now stays for good: a full collection need not walk it, in the middle of an answer.
        gc.collect()
        gc.freeze()
        await asyncio.to_thread(give_back_memory)
        self._note("kernels", "warm")
        self._spawn(self._warm_the_rest(), http)  # nobody need wait for them to be served
        leader = None if self._config.redis_url is None else Leadership(database_url, "live market")
        self._spawn(self._station.lead(leader, self._market.run), http)
        self._say.link(f"{url}/?t={self._access.new_link()}")

    def _keep_backups(self, database_url: str, http: HttpServer) -> None:
        if self._config.backup.to is None:
            self._note("backup", "off: RALPH_BACKUP__TO names no place")
            return
        from ralph.backup.archivist import Archivist  # its ciphers are 6 MB that only who keeps backups needs

        self._vitals.note("backup", ok=False, detail="looking for backups")
        self._spawn(Archivist(database_url, self._config.backup, self._home.path, self._on_backup).run(), http)

    def _on_backup(self, found: Standing) -> None:
        self._vitals.note("backup", ok=found.ok, detail=found.detail)
        kind = "s3" if (self._config.backup.to or "").startswith("s3://") else "folder"
        if found.taken_at is not None:
            self._metrics.backup_taken_at.labels(kind).set(found.taken_at.timestamp())
        if found.log_until is not None:
            self._metrics.backup_log_until.labels(kind).set(found.log_until.timestamp())

    async def _warm_the_rest(self) -> None:
        """What screens need not wait for, one after another: numba in two threads at first imports locks for ever."""
        await asyncio.get_running_loop().run_in_executor(self._beside, scanners.warm_up)
        await self._station.rounds.quicken(self._beside)
        await asyncio.to_thread(give_back_memory)

    def _spawn(self, work: Coroutine[None, None, None], http: HttpServer) -> None:
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
        for threads in (self._kernels, self._beside):
            threads.shutdown(wait=False, cancel_futures=True)
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


@contextlib.contextmanager
def _timed() -> Iterator[Callable[[], float]]:
    started = time.perf_counter()
    yield lambda: time.perf_counter() - started
