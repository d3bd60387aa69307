"""Makes Signals, Session after Session: what was played is stored, so that whoever is stopped goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import date
from typing import NamedTuple, Self

import asyncpg
import msgspec

from ralph import screens
from ralph.config import SignalsConfig
from ralph.errors import BadParameter, NotFound
from ralph.jobs.screening import Screening, sessions_of
from ralph.market.panel import Panel
from ralph.market.symbol import Symbol
from ralph.signals import life
from ralph.signals.chance import DRAWS
from ralph.signals.history import Book, Closing, Played, play, session_index
from ralph.signals.limits import week_of
from ralph.signals.performance import Report, Split, report
from ralph.signals.signal import Signal, Transition
from ralph.signals.systems import SCREEN, System, build, of_screen
from ralph.signals.trading import Trading
from ralph.store import signals as store
from ralph.store.database import Database
from ralph.store.markets import Markets
from ralph.store.screens import SavedScreen, screens_page

BATCH_SESSIONS = 10  # written in one transaction: what a stop in the middle can lose
Progress = Callable[[str, int, int], None]


class Ran(msgspec.Struct, frozen=True):
    """What a run did: Sessions played now, of each system the last one, and the Signals that changed."""

    workspace: str
    simulated: bool
    systems: dict[str, date | None]
    sessions: int
    armed: int
    triggered: int
    closed: int
    expired: int


class _Source(NamedTuple):
    """A system to be, and the Sessions, by index, to be played for it."""

    name: str
    screen: SavedScreen | None
    span: range


class Signalling:
    """The one way by which Signals come to be, for HTTP, the command line and the schedule."""

    def __init__(
        self, database: Database, markets: Markets, screening: Screening, kernels: Executor, config: SignalsConfig
    ) -> None:
        self._database = database
        self._markets = markets
        self._screening = screening
        self._kernels = kernels
        self.config = config

    async def run(
        self,
        workspace: str | None,
        on: date | None = None,
        system: str | None = None,
        progress: Progress = lambda phase, done, total: None,
    ) -> Ran:
        """Plays a Session (the newest), and those since the last one played; nothing where that was done already.

        BadParameter for a Session before a system's first; DataNotFound for one without data; NotFound for a system.
        """
        panel = self._markets.panel(workspace)
        until = panel.as_of(on).on
        return await self._make(panel, system, (None, until), progress, rebuild=False)

    async def backfill(
        self,
        workspace: str | None,
        span: tuple[date, date],
        system: str | None = None,
        progress: Progress = lambda phase, done, total: None,
        *,
        rebuild: bool = False,
    ) -> Ran:
        """Plays a range of Sessions as of each of them. A history has no holes: it goes on from where it ends.

        rebuild  a history that begins later is removed and made anew; without it that is a BadParameter
        """
        panel = self._markets.panel(workspace)
        asked = sessions_of(panel, *span, most=panel.sessions.size)
        return await self._make(panel, system, (asked[0], asked[-1]), progress, rebuild=rebuild)

    async def close(self, workspace: str | None, signal_id: str, price: float | None = None) -> Signal:
        """Closes a Signal by hand at a price, or at the close of the newest Session it was played for."""
        panel = self._markets.panel(workspace)
        async with self._database.acquire() as connection, store.one_at_a_time(connection, panel.workspace):
            signal, _ = await store.find_signal(connection, panel.workspace, signal_id)
            if not signal.is_open:
                raise BadParameter(
                    f"this signal is {signal.state} since {signal.closed_on}; only open ones can be closed",
                    field="signal",
                    accepted="an armed or triggered signal",
                )
            on = (await store.chains(connection, panel.workspace))[signal.system].last
            trading = Trading(panel, session_index(panel, on))
            paid = trading.last_close(panel.columns[signal.symbol]) if price is None else price
            if not 0 < paid < float("inf"):
                raise BadParameter(f"{paid} is no price", field="price", accepted="a number above 0, won")
            ended, steps = life.end_by_hand(signal, on, paid, self.config.costs)
            await store.write_step(connection, panel.workspace, ended, steps, Closing(signal.id, on, paid))
        return ended

    async def performance(
        self,
        workspace: str | None,
        asked: store.Asked,
        split: Split | None = None,
        draws: int = DRAWS,
        *,
        with_equity: bool = False,
    ) -> Report:
        """What the Signals of a filter have earned, beside so many random draws (none: 0)."""
        panel = self._markets.panel(workspace)
        async with self._database.acquire() as connection:
            texts = await store.signal_texts(connection, panel.workspace, asked)

        def work() -> Report:
            signals = [msgspec.json.decode(text, type=Signal) for text in texts]
            return report(panel, signals, split, draws, self.config.costs, with_equity=with_equity)

        return await asyncio.to_thread(work)

    async def _make(
        self,
        panel: Panel,
        system: str | None,
        span: tuple[date | None, date],
        progress: Progress,
        *,
        rebuild: bool,
    ) -> Ran:
        async with self._database.acquire() as connection, store.one_at_a_time(connection, panel.workspace):
            known = await self._known(connection, panel.workspace, system)
            chains = await store.chains(connection, panel.workspace)
            if rebuild and span[0] is not None:
                late = [name for name in known if name in chains and span[0] < chains[name].first]
                await store.forget(connection, panel.workspace, late)
                until = max([span[1], *(chains[name].last for name in late)])
                chains = {name: chain for name, chain in chains.items() if name not in late}
                span = (span[0], until)
            sources = [_Source(name, screen, _span(panel, chains.get(name), span)) for name, screen in known.items()]
            counts = await self._play(connection, panel, sources, progress)
            last = await store.chains(connection, panel.workspace)
        sessions = len({index for source in sources for index in source.span})
        reached = {name: last[name].last if name in last else None for name in known}
        return Ran(panel.workspace, panel.simulated, reached, sessions, *counts)

    async def _play(
        self, connection: asyncpg.Connection, panel: Panel, sources: Sequence[_Source], progress: Progress
    ) -> list[int]:
        names = [source.name for source in sources]
        todo = sorted({index for source in sources for index in source.span})
        since = week_of(panel.sessions[todo[0]].astype(object)) if todo else date.max
        signals = await store.open_signals(connection, panel.workspace, names, since)
        book = Book.of(signals, await store.closings(connection, panel.workspace))
        counts = dict.fromkeys(("armed", "triggered", "closed", "expired"), 0)
        async with _Writer(connection, panel) as writer:
            for at in range(0, len(todo), BATCH_SESSIONS):
                batch = todo[at : at + BATCH_SESSIONS]
                systems = await self._systems(panel, sources, batch)
                days = []
                for index in batch:
                    ready = [systems[source.name] for source in sources if index in source.span]
                    days.append(await self._on_kernels(panel, index, ready, book))
                    progress(str(panel.sessions[index]), at + len(days), len(todo))
                await writer.write(list(systems.values()), days)
                for step in _steps(days):
                    counts[step.state] += 1
        return list(counts.values())

    async def _on_kernels(self, panel: Panel, index: int, systems: Sequence[System], book: Book) -> list[Played]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._kernels, play, panel, index, systems, book, self.config)

    async def _known(
        self, connection: asyncpg.Connection, workspace: str, wanted: str | None
    ) -> dict[str, SavedScreen | None]:
        """The systems asked for, by name: those of scanners, and saved screens that are marked as systems."""
        known: dict[str, SavedScreen | None] = dict.fromkeys(build(self.config))
        saved, _ = await screens_page(connection, workspace)
        known |= {f"{SCREEN}{each.id}": each for each in saved if each.is_system}
        if wanted is None:
            return known
        if wanted not in known:
            names = ", ".join(known)
            raise NotFound(f"there is no system {wanted[:80]!r}; there are: {names}", field="system", accepted=names)
        return {wanted: known[wanted]}

    async def _systems(self, panel: Panel, sources: Sequence[_Source], batch: Sequence[int]) -> dict[str, System]:
        systems = build(self.config)
        for source in sources:
            if source.screen is not None:
                matches = {}
                for index in batch:
                    if index in source.span:
                        day = panel.sessions[index].astype(object)
                        matches[day] = await self._matches(panel, source.screen, day)
                about = f"{source.screen.expression}|{source.screen.universe}"
                made = of_screen(source.screen.id, source.screen.name, about, self.config.screens, matches)
                systems[source.name] = made
        return systems

    async def _matches(self, panel: Panel, saved: SavedScreen, on: date) -> Mapping[Symbol, float]:
        request = screens.Request(expression=saved.expression, universe=saved.universe, as_of=on)
        answered = await self._screening.ask(panel.workspace, request)
        return {match.symbol: match.score for match in answered.read().matches if match.score is not None}


class _Writer:
    """Writes Sessions in their order, one batch while the next is played: nothing is played further ahead."""

    def __init__(self, connection: asyncpg.Connection, panel: Panel) -> None:
        self._connection = connection
        self._panel = panel
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failed: object) -> None:
        """Whatever ended the playing, a batch that was begun is written, as the connection is to be used again."""
        if self._writing is not None:
            await self._writing

    async def write(self, systems: Sequence[System], days: Sequence[Sequence[Played]]) -> None:
        """Begin to write a batch, once the one before it is stored."""
        if self._writing is not None:
            await self._writing
        self._writing = asyncio.create_task(self._write(systems, days))

    async def _write(self, systems: Sequence[System], days: Sequence[Sequence[Played]]) -> None:
        await store.write_rules(self._connection, systems)
        await store.write_sessions(self._connection, self._panel.workspace, days, self._panel.data_version)


def _span(panel: Panel, chain: store.Chain | None, span: tuple[date | None, date]) -> range:
    """The Sessions still to be played, by index; BadParameter where they begin before the history does."""
    since, until = span
    if chain is None:
        return range(session_index(panel, since or until), session_index(panel, until) + 1)
    if (since or until) < chain.first:
        raise BadParameter(
            f"the history begins on {chain.first}; to begin it earlier it is made anew: "
            f"ralph signals backfill --from {since or until} --to {chain.last} --rebuild",
            field="from" if since else "as_of",
            accepted=f"from {chain.first} on, or rebuild",
        )
    return range(session_index(panel, chain.last) + 1, session_index(panel, until) + 1)


def _steps(days: Sequence[Sequence[Played]]) -> list[Transition]:
    return [step for day in days for played in day for step in played.transitions]
