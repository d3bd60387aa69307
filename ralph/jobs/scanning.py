"""Answers scans, setups, the gate and breadth: on the kernel thread, and kept while the data is the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date
from typing import Annotated

import msgspec

from ralph import scanners, screens
from ralph.errors import UnknownSymbol
from ralph.jobs import minute_scanning
from ralph.jobs.screening import Answered, Answers, Screening
from ralph.market.calendar import Calendar
from ralph.market.panel import Panel
from ralph.market.symbol import Symbol, parse_symbol
from ralph.market.view import View
from ralph.scanners import weather
from ralph.scanners.around import Around
from ralph.scanners.running import Asked, ScanAnswer, UniverseFilter, look_at, run
from ralph.scanners.setup import Setup
from ralph.store.database import Database
from ralph.store.markets import Markets


class ScanRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scan is asked for. universe: as a screen's; universe_filter: "none" looks at quiet and other shares too;
    params: the scanner's own; limit: the best N only, all where absent.

    at  a time of the Session, such as 10:30: its stored minute bars are looked at until then, and nothing else of it
    """

    as_of: date | None = None
    at: str | None = None
    universe: str | list[str] | None = None
    universe_filter: UniverseFilter = "default"
    params: dict[str, float] = {}
    limit: Annotated[int, msgspec.Meta(ge=1)] | None = None


class FoundSetup(msgspec.Struct, frozen=True):
    """A Setup and the scanner that found it."""

    scanner: str
    setup: Setup


class SetupsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """All Setups of a Symbol, by scanner. excluded: why no scanner looked at it (no_bar, halted, anomaly, filtered)."""

    workspace: str
    simulated: bool
    as_of: date
    data_version: str
    symbol: Symbol
    name: str | None
    excluded: str | None
    setups: list[FoundSetup]


@dataclass(frozen=True)
class _Question:
    """What is asked, by the parts that decide the answer, and how the answer is made of a view."""

    parts: tuple[str, ...]
    as_of: date | None
    answer: Callable[[View], msgspec.Struct]


class Scanning:
    """The one way to scans, for HTTP and the command line."""

    def __init__(
        self, database: Database, markets: Markets, screening: Screening, kernels: Executor, calendar: Calendar
    ) -> None:
        self._database = database
        self._calendar = calendar
        self._markets = markets
        self._screening = screening
        self._kernels = kernels
        self._answers = Answers()

    async def scan(self, workspace: str | None, name: str, request: ScanRequest) -> Answered:
        """The Setups of one scanner, a ScanAnswer as JSON.

        NotFound, BadParameter, UnknownSymbol and DataNotFound name the field that is wrong.
        """
        if request.at is not None or minute_scanning.only_minutes(name):
            return await self._scan_minutes(workspace, name, request)
        scanner = scanners.find(name)
        panel = self._markets.panel(workspace)
        params = scanner.bind(request.params)
        universe = await self._screening.plain_universe(panel, request.universe, request.as_of)
        request = msgspec.structs.replace(request, universe=universe, params=params)

        def answer(view: View) -> ScanAnswer:
            members = screens.members(view, universe)
            return run(Around(view), scanner, Asked(members, request.universe_filter, params, request.limit))

        parts = ("scan", scanner.name, msgspec.json.encode(request).decode())
        return await self._answer(panel, _Question(parts, request.as_of, answer))

    async def _scan_minutes(self, workspace: str | None, name: str, request: ScanRequest) -> Answered:
        """Not kept: minutes may come in without the daily bars having changed."""
        started = time.perf_counter()
        panel = self._markets.panel(workspace)
        params = minute_scanning.bind(name, request.params)
        universe = await self._screening.plain_universe(panel, request.universe, request.as_of)
        stored = await minute_scanning.load(self._database, self._calendar, panel, request.as_of, request.at)
        question = minute_scanning.MinuteQuestion(
            name,
            params,
            lambda view: screens.members(view, universe),
            lambda members: Asked(members, request.universe_filter, params, request.limit),
        )

        def made() -> bytes:
            return msgspec.json.encode(minute_scanning.answer(panel, stored, question))

        body = await asyncio.get_running_loop().run_in_executor(self._kernels, made)
        return Answered(body, False, time.perf_counter() - started)

    async def setups(
        self, workspace: str | None, code: str, as_of: date | None, universe_filter: UniverseFilter
    ) -> Answered:
        """What all scanners find of one Symbol, a SetupsAnswer as JSON. UnknownSymbol, DataNotFound."""
        panel = self._markets.panel(workspace)
        symbol = parse_symbol(code)
        if symbol is None or symbol not in panel.columns:
            raise UnknownSymbol(f"there is no symbol {code[:40]!r}", field="symbol", accepted="a code such as 005930")
        question = _Question(
            ("setups", symbol, universe_filter), as_of, lambda view: setups_of(view, symbol, universe_filter)
        )
        return await self._answer(panel, question)

    async def gate(self, workspace: str | None, as_of: date | None) -> Answered:
        """The market gate, a GateAnswer as JSON; DataNotFound names the newest Session."""
        return await self._answer(self._markets.panel(workspace), _Question(("gate",), as_of, weather.judge_gate))

    async def breadth(self, workspace: str | None, as_of: date | None) -> Answered:
        """Breadth by market, a BreadthAnswer as JSON; DataNotFound names the newest Session."""
        question = _Question(("breadth",), as_of, weather.measure_breadth)
        return await self._answer(self._markets.panel(workspace), question)

    async def _answer(self, panel: Panel, question: _Question) -> Answered:
        started = time.perf_counter()
        key = (panel.workspace, panel.data_version, str(question.as_of), *question.parts)
        body = self._answers.get(key)
        is_cached = body is not None
        if body is None:
            body = await asyncio.get_running_loop().run_in_executor(self._kernels, _made, panel, question)
            self._answers.put(key, body)
        return Answered(body, is_cached, time.perf_counter() - started)


def _made(panel: Panel, question: _Question) -> bytes:
    return msgspec.json.encode(question.answer(panel.as_of(question.as_of)))


def setups_of(view: View, symbol: Symbol, universe_filter: UniverseFilter) -> SetupsAnswer:
    """What all scanners find of one Symbol as of a view."""
    around, asked = Around(view), Asked(screens.members(view, [symbol]), universe_filter)
    _, excluded = look_at(around, asked)
    found = [
        FoundSetup(scanner.name, setup)
        for scanner in scanners.load().values()
        for setup in run(around, scanner, asked).matches
    ]
    panel = view.panel
    return SetupsAnswer(
        workspace=panel.workspace,
        simulated=panel.simulated,
        as_of=view.on,
        data_version=panel.data_version,
        symbol=symbol,
        name=panel.listings[panel.columns[symbol]].name,
        excluded=next((reason for reason, count in excluded.items() if count), None),
        setups=found,
    )
