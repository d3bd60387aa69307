"""Answers screens: resolves the lists and screens they name, evaluates on the kernel thread, keeps the answers."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import msgspec
import numpy as np

from ralph import screens
from ralph.errors import BadExpression, BadParameter, BadRequest, DataNotFound, Departed, NotFound, TooLarge
from ralph.market.panel import Panel
from ralph.screens.presets import find_preset
from ralph.store.database import Database
from ralph.store.lists import all_lists, is_list, members_of, named_universe
from ralph.store.markets import Markets
from ralph.store.screen_hits import Outcome, record_run, written_sessions
from ralph.store.screens import SavedScreen, Universe, find_screen, screens_page
from ralph.tape.watched import WatchedScreen

ANSWERS_BYTES_MAX = 64 << 20  # answers kept in memory, as JSON; the ones used least lately go first
ANSWER_BYTES_MAX = ANSWERS_BYTES_MAX // 8  # a larger one is not kept
NESTED_MAX = 8  # a universe that is a screen, over a universe that is a screen...
FILL_SESSIONS_MAX = 520  # two years in one request
_SCREEN = "screen:"


@dataclass(frozen=True)
class Answered:
    """An answer as JSON, whether it was known already, and what it took now."""

    body: bytes
    is_cached: bool
    seconds: float

    def read(self) -> screens.Answer:
        """The answer as a value."""
        return msgspec.json.decode(self.body, type=screens.Answer)


class Filled(msgspec.Struct, frozen=True):
    """What a fill of a screen's history did: Sessions of the range, those written now and those written before."""

    workspace: str
    simulated: bool
    version: int
    sessions: int
    filled: int
    unchanged: int
    hits: int


class Answers:
    """JSON by question, bounded in bytes."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, question: tuple[str, ...]) -> bytes | None:
        """The answer, if it is still known."""
        found = self._held.get(question)
        if found is not None:
            self._held.move_to_end(question)
        return found

    def put(self, question: tuple[str, ...], body: bytes) -> None:
        """Keep an answer; others may have to go."""
        if len(body) > ANSWER_BYTES_MAX:
            return
        self._bytes += len(body) - len(self._held.pop(question, b""))
        self._held[question] = body
        while self._bytes > ANSWERS_BYTES_MAX:
            _, gone = self._held.popitem(last=False)
            self._bytes -= len(gone)


class Screening:
    """The one way from a question to its answer, for HTTP and the command line. `observe` is told the seconds of each
    evaluation. A task that is cancelled takes its evaluation with it."""

    def __init__(
        self, database: Database, markets: Markets, kernels: Executor, observe: Callable[[float], None]
    ) -> None:
        self._database = database
        self._markets = markets
        self._kernels = kernels
        self._observe = observe
        self._answers = Answers()

    async def ask(self, workspace: str | None, request: screens.Request) -> Answered:
        """The answer to a request, from memory where the same was asked of the same data.

        Raises what `screens.run` does, and NotFound where a list or screen that it names is not there.
        """
        return await self._ask(self._markets.panel(workspace), request, ())

    async def ask_saved(
        self, workspace: str | None, saved: SavedScreen, request: screens.Request, *, keep: bool
    ) -> Answered:
        """The answer to a request for a saved screen; `keep`: the run, and once a Session its matches, are recorded."""
        panel = self._markets.panel(workspace)
        path = (saved.name.casefold(),)
        answered = await self._ask(panel, request, path)
        if keep:
            await self._record(panel, saved, answered.read().as_of, path)
        return answered

    async def fill(
        self,
        workspace: str | None,
        saved: SavedScreen,
        since: date,
        until: date,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Filled:
        """Runs the newest version as of each Session of a range that it was not yet run for, and writes who matched.

        Each Session is written by itself: what is done stays, and the same request goes on from there.
        BadParameter, TooLarge and DataNotFound name what is wrong with the range.
        """
        panel = self._markets.panel(workspace)
        asked = sessions_of(panel, since, until)
        async with self._database.acquire() as connection:
            written = await written_sessions(connection, saved)
        missing = [day for day in asked if day not in written]
        hits = 0
        for index, day in enumerate(missing):
            hits += await self._record(panel, saved, day, (saved.name.casefold(),))
            progress(index + 1, len(missing))
        done = len(missing)
        return Filled(panel.workspace, panel.simulated, saved.version, len(asked), done, len(asked) - done, hits)

    async def watched(self, panel: Panel) -> list[WatchedScreen]:
        """The saved screens of the Panel's workspace that are watched, with all that they name. One that cannot be
        asked, as what it names is gone, is left out."""
        async with self._database.acquire() as connection:
            saved, _ = await screens_page(connection, panel.workspace)
        found = []
        for each in saved:
            if each.watch:
                with contextlib.suppress(BadRequest):
                    condition = screens.parse(each.expression)
                    universe = await self._universe(panel, each.universe, None, (each.name.casefold(),))
                    context = await self._named(panel, condition)
                    found.append(WatchedScreen(each.id, condition, universe, context))
        return found

    async def check_universe(self, workspace: str | None, universe: Universe, name: str) -> None:
        """Raises what a run of the screen `name` over this universe would; without bars nothing can be said."""
        panel = self._markets.panel(workspace)
        if panel.sessions.size:
            found = await self._universe(panel, universe, _newest(panel), (name.casefold(),))
            screens.members(panel.as_of(), found)

    async def plain_universe(self, panel: Panel, universe: Universe, as_of: date | None) -> Universe:
        """A universe without the names of lists and screens; raises what a screen over it would."""
        return await self._universe(panel, universe, as_of or _newest(panel), ())

    async def _record(self, panel: Panel, saved: SavedScreen, day: date, path: tuple[str, ...]) -> int:
        """Keeps a run of all matches; how many of them were written now."""
        whole = screens.Request(expression=saved.expression, universe=saved.universe, as_of=day)
        found = (await self._ask(panel, whole, path)).read()
        symbols, scores = [each.symbol for each in found.matches], [each.score for each in found.matches]
        outcome = Outcome(
            version=saved.version,
            as_of=day,
            data_version=panel.data_version,
            total_scanned=found.total_scanned,
            timing_ms=found.timing_ms,
            symbols=symbols,
            scores=scores,
        )
        async with self._database.acquire() as connection:
            return len(symbols) if await record_run(connection, saved.id, outcome) else 0

    async def _ask(self, panel: Panel, request: screens.Request, path: tuple[str, ...]) -> Answered:
        started = time.perf_counter()
        condition = screens.parse(request.expression)
        request = msgspec.structs.replace(
            request,
            expression=str(condition),
            as_of=request.as_of or (None if request.cursor else _newest(panel)),
            universe=await self._universe(panel, request.universe, request.as_of, path),
        )
        named = await self._named(panel, condition)
        asked = msgspec.json.encode((request, named.lists, named.screens)).decode()
        question = (panel.workspace, panel.data_version, asked)
        body = self._answers.get(question)
        is_cached = body is not None
        if body is None:
            body = await self._evaluated(panel, request, named)
            self._answers.put(question, body)
        return Answered(body, is_cached, time.perf_counter() - started)

    async def _evaluated(self, panel: Panel, request: screens.Request, named: screens.Context) -> bytes:
        """On the kernel thread; when this task is cancelled, it ends after the slice it is at."""
        stopped = threading.Event()

        def check() -> None:
            if stopped.is_set():
                raise Departed("nobody waits for this answer any more")

        def evaluate() -> bytes:
            check()
            started = time.perf_counter()
            answer = screens.run(panel, request, replace(named, check=check))
            self._observe(time.perf_counter() - started)
            return msgspec.json.encode(answer)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._kernels, evaluate)
        finally:
            stopped.set()

    async def _named(self, panel: Panel, condition: screens.Node) -> screens.Context:
        """The lists and screens that a condition names, and those that these name. With one that is not there come
        the names of all, for the error that the evaluation raises at its place."""
        lists, texts = screens.names_in(condition)
        if not lists and not texts:
            return screens.Context()
        async with self._database.acquire() as connection:
            every = {each.name.casefold(): each for each in await all_lists(connection, panel.workspace)}
            saved, _ = await screens_page(connection, panel.workspace)
            expressions = {each.name.casefold(): each.expression for each in saved}
            wanted, known = list(texts), dict[str, str]()
            needed = set(lists)
            while wanted:
                name = wanted.pop()
                text = _expression_of(name, expressions)
                if text is None:
                    return screens.Context(lists=dict.fromkeys(every, ()), screens=expressions)
                known[name] = text
                more_lists, more_screens = _names_of(text)
                needed |= set(more_lists)
                wanted += [each for each in more_screens if each not in known]
            members = {}
            for name in sorted(needed):
                if name.casefold() not in every:
                    return screens.Context(lists=dict.fromkeys(every, ()), screens=known)
                found = await members_of(connection, every[name.casefold()])
                members[name] = tuple(member.symbol for member in found)
        return screens.Context(lists=members, screens=known)

    async def _universe(self, panel: Panel, universe: Universe, as_of: date | None, path: Sequence[str]) -> Universe:
        """A universe without the names of lists and screens, which a pure screen knows nothing of."""
        if is_list(universe):
            async with self._database.acquire() as connection:
                return await named_universe(connection, panel.workspace, universe, panel.columns)
        name = screen_named(universe)
        if name is None:
            return universe
        if name.casefold() in path or len(path) >= NESTED_MAX:
            chain = " > ".join([*path, name.casefold()])
            raise BadParameter(
                f"the universe leads back to a screen that asks for it, or through more than {NESTED_MAX}: {chain}",
                field="universe",
                accepted="a screen whose universe is not this one",
            )
        expression, inner = await self._screen(panel.workspace, name)
        request = screens.Request(expression=expression, universe=inner, as_of=as_of)
        found = (await self._ask(panel, request, (*path, name.casefold()))).read()
        return [match.symbol for match in found.matches]

    async def _screen(self, workspace: str, name: str) -> tuple[str, Universe]:
        async with self._database.acquire() as connection:
            try:
                saved = await find_screen(connection, workspace, name)
            except NotFound as error:
                preset = find_preset(name)
                if preset is None:
                    error.field = "universe"
                    raise
                return preset.expression, None
        return saved.expression, saved.universe


def request_of(saved: SavedScreen, **changes: Any) -> screens.Request:
    """The request that a saved screen stands for, with what is other for once."""
    own = screens.Request(
        expression=saved.expression,
        universe=saved.universe,
        columns=list(saved.columns),
        sort=saved.sort or "score",
        order=saved.order,
    )
    return msgspec.structs.replace(own, **changes)


def screen_named(universe: Universe) -> str | None:
    """NAME, where a universe is `screen:NAME`."""
    if isinstance(universe, str) and universe.strip().lower().startswith(_SCREEN):
        return " ".join(universe.strip()[len(_SCREEN) :].split())
    return None


def _expression_of(name: str, saved: Mapping[str, str]) -> str | None:
    preset = find_preset(name)
    return saved.get(name.casefold()) or (None if preset is None else preset.expression)


def _names_of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a saved screen names; nothing where it cannot be read, which the evaluation says better."""
    try:
        return screens.names_in(screens.parse(text))
    except BadExpression:
        return (), ()


def _newest(panel: Panel) -> date | None:
    return panel.sessions[-1].astype(object) if panel.sessions.size else None


def sessions_of(panel: Panel, since: date, until: date, most: int = FILL_SESSIONS_MAX) -> list[date]:
    """The Sessions of a range, both ends included; TooLarge where there are more than `most`."""
    if since > until:
        raise BadParameter(f"the range begins on {since}, after its end {until}", field="from", accepted=f"to {until}")
    first, last = np.searchsorted(panel.sessions, [np.datetime64(since), np.datetime64(until, "D") + 1])
    if first == last:
        if not panel.sessions.size:
            panel.as_of()  # says that there are no bars
        known = f"{panel.sessions[0]} to {panel.sessions[-1]}"
        raise DataNotFound(
            f"no Session from {since} to {until} has data; there is {known}", field="from", accepted=known
        )
    if last - first > most:
        raise TooLarge(
            f"{last - first} Sessions are too many at once: ask for at most {most}",
            field="from",
            accepted=f"at most {most} Sessions",
        )
    sessions: list[date] = panel.sessions[first:last].astype(object).tolist()
    return sessions
