"""The end of a Session: from its bars to its signals, step by step.

Each step is done once its checkpoint is stored, and doing it twice changes nothing: whoever is stopped goes on with the
next attempt at the step it was at. Below the coverage that a Session needs it stops and says so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from ralph import scanners
from ralph.embedded.home import Home
from ralph.errors import BadParameter, Incomplete, NotFound, NotReady
from ralph.jobs.adjustment import find_proposals
from ralph.jobs.desk import opened
from ralph.jobs.inbox import FOLDERS, deliveries, import_deliveries, newest_run
from ralph.jobs.kind import JobContext, JobKind
from ralph.jobs.quality import run_and_cover
from ralph.jobs.scanning import ScanRequest
from ralph.jobs.scheduled_screens import run_screens
from ralph.jobs.simulated_day import extend_demo
from ralph.jobs.warming import WARM
from ralph.market.calendar import Calendar
from ralph.store.panels import PanelStore
from ralph.store.screens import screens_page

BEST = 10  # Symbols of each scan that the report names
NO_SOURCE = "nothing is delivered to this workspace, and it has no bars"
NO_NEWS = "no file came late"


class EndOfDayArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A workspace and its Session; without one the newest that is over. corrections: only where files came late."""

    workspace: str = "main"
    on: date | None = None
    corrections: bool = False


class StepDone(msgspec.Struct, frozen=True):
    """A step of the chain, what it took in seconds, and what it did."""

    name: str
    took_s: float
    about: Any


class DayReport(msgspec.Struct, frozen=True):
    """How far the end of a Session came. ended: why it ended before the last step, None where it did not."""

    workspace: str
    simulated: bool
    on: date
    steps: list[StepDone]
    ended: str | None = None


class _Reached(msgspec.Struct):
    """The checkpoint. since_run: the import run before the first of this job."""

    on: date
    since_run: int
    simulated: bool
    steps: list[StepDone] = []


class _Nothing(msgspec.Struct):
    """There is nothing to do for the steps that follow, and why."""

    why: str


@dataclass
class _Chain:
    """A chain at work."""

    context: JobContext
    args: EndOfDayArgs
    reached: _Reached
    calendar: Calendar = field(default_factory=Calendar)

    @property
    def workspace(self) -> str:
        return self.args.workspace

    def report(self, ended: str | None = None) -> DayReport:
        return DayReport(self.workspace, self.reached.simulated, self.reached.on, self.reached.steps, ended)


Step = Callable[[_Chain], Awaitable[Any]]

_PLACE = """
    SELECT simulated, now() AS now
      FROM workspaces
     WHERE name = $1
"""

_NEWEST = """
    SELECT max(session_on) AS newest, count(*) FILTER (WHERE session_on = $2) AS bars
      FROM bars_daily b
      JOIN symbols s ON s.id = b.symbol_id
      JOIN workspaces w ON w.id = s.workspace_id
     WHERE w.name = $1 AND session_on <= $2
"""

_WARM = "SELECT pg_notify($1, $2)"


async def _run(context: JobContext, args: EndOfDayArgs) -> DayReport:
    calendar = await asyncio.to_thread(Home(context.config.home).calendar)
    reached = await _begin(context, args, calendar)
    chain = _Chain(context, args, reached, calendar)
    for index in range(len(reached.steps), len(STEPS)):
        name, step = STEPS[index]
        context.progress(name, index, len(STEPS))
        started = time.monotonic()
        about = await step(chain)
        if isinstance(about, _Nothing):
            return chain.report(about.why)
        reached.steps.append(StepDone(name, round(time.monotonic() - started, 3), about))
        async with context.effect(reached):
            pass
    context.progress("done", len(STEPS), len(STEPS))
    return chain.report()


async def _begin(context: JobContext, args: EndOfDayArgs, calendar: Calendar) -> _Reached:
    if context.checkpoint is not None:
        return msgspec.convert(context.checkpoint, _Reached)
    async with context.database.acquire() as connection:
        place = await connection.fetchrow(_PLACE, args.workspace)
        since_run = await newest_run(connection)
    if place is None:
        raise NotFound(f"there is no workspace {args.workspace!r}; the usual ones are main and demo", field="workspace")
    newest = calendar.last_completed_session(place["now"])
    on = args.on or newest
    if on > newest or not calendar.is_session(on):
        accepted = f"a Session up to {newest}"
        raise BadParameter(f"{on} is no Session that is over; give {accepted}", field="on", accepted=accepted)
    reached = _Reached(on, since_run, place["simulated"])
    async with context.effect(reached):
        pass
    return reached


async def _bars(chain: _Chain) -> Any:
    """From the watched folder, or what the simulated market did."""
    context, reached = chain.context, chain.reached
    if reached.simulated:
        done = await extend_demo(context.database, reached.on, reached.since_run, context.progress)
        if done is None:
            return _Nothing(NO_SOURCE)
        return done
    box = deliveries(context.config.home)
    files = await import_deliveries(context, chain.workspace, FOLDERS, reached.since_run)
    if chain.args.corrections and not files:
        return _Nothing(NO_NEWS)
    async with context.database.acquire() as connection:
        found = await connection.fetchrow(_NEWEST, chain.workspace, reached.on)
    if not found["bars"]:
        if box.is_watched:
            raise NotReady(
                f"{chain.workspace} has no bars of {reached.on} (the newest are of {found['newest']}); "
                f"deliver them to {box.folder}/bars",
                field="on",
            )
        if found["newest"] is None:
            return _Nothing(NO_SOURCE)
        reached.on = found["newest"]  # a history without a source: its newest Session is what there is
    return {"files": files, "on": reached.on}


async def _adjustment(chain: _Chain) -> Any:
    return await find_proposals(chain.context.database, chain.workspace, auto=chain.context.config.adjustment.auto)


async def _quality(chain: _Chain) -> Any:
    """The gate: too few bars of the Session end the job, and the next attempt begins with the bars."""
    context, reached = chain.context, chain.reached
    run, covered = await run_and_cover(context.database, chain.workspace, chain.calendar, context.config.quality)
    on = next((each for each in covered if each.session == reached.on), None)
    if on is None or not on.passes:
        present, expected = (on.present, on.expected) if on else (0, 0)
        report = chain.report(f"{present} of {expected} Symbols have a bar")
        async with context.effect(None):
            pass
        raise Incomplete(
            f"{present} of {expected} Symbols of {chain.workspace} have a bar of {reached.on}, less than "
            f"{context.config.quality.coverage_pct:g} %: deliver the rest, and try the job again",
            report=report,
            field="on",
            accepted="quality.coverage_pct",
        )
    return {"run_id": run.run_id, "findings": run.findings, "counts": run.counts, "coverage": on}


async def _panel(chain: _Chain) -> Any:
    store = PanelStore(chain.context.config.home / "panel")
    async with chain.context.database.acquire() as connection:
        panel = await store.load(connection, chain.workspace, chain.context.database.acquire)
    return {"data_version": panel.data_version, "sessions": int(panel.sessions.size), "symbols": len(panel.listings)}


async def _scans(chain: _Chain) -> Any:
    found = {}
    async with opened(chain.context, chain.workspace) as desk:
        for name in scanners.load():
            answered = await desk.scanning.scan(chain.workspace, name, ScanRequest(as_of=chain.reached.on))
            answer = msgspec.json.decode(answered.body)
            best = [match["symbol"] for match in answer["matches"][:BEST]]
            found[name] = {"matches": answer["total_matches"], "scanned": answer["total_scanned"], "best": best}
    return found


async def _signals(chain: _Chain) -> Any:
    async with opened(chain.context, chain.workspace) as desk:
        return await desk.signalling.run(chain.workspace, chain.reached.on)


async def _gate(chain: _Chain) -> Any:
    async with opened(chain.context, chain.workspace) as desk:
        answered = await desk.scanning.gate(chain.workspace, chain.reached.on)
    answer = msgspec.json.decode(answered.body)
    return {"state": answer["state"], "score": answer["score"]}


async def _screens(chain: _Chain) -> Any:
    async with chain.context.database.acquire() as connection:
        saved, _ = await screens_page(connection, chain.workspace)
    wanted = [each for each in saved if each.schedule is not None]
    async with opened(chain.context, chain.workspace) as desk:
        return await run_screens(chain.context, desk, wanted, chain.reached.on)


async def _warm(chain: _Chain) -> Any:
    """The servers answer what is asked first of a new Session, before somebody does."""
    async with chain.context.database.acquire() as connection:
        await connection.execute(_WARM, WARM, chain.workspace)
    return {"asked": chain.workspace}


STEPS: tuple[tuple[str, Step], ...] = (
    ("bars", _bars),
    ("adjustment", _adjustment),
    ("quality", _quality),
    ("panel", _panel),
    ("scans", _scans),
    ("signals", _signals),
    ("gate", _gate),
    ("screens", _screens),
    ("warm", _warm),
)

END_OF_DAY = JobKind(
    "end_of_day",
    "Do what follows a Session",
    "장 마감 후 처리",
    EndOfDayArgs,
    _run,
    "long",
    3_600.0,
    is_heavy=True,
    at_once=1,
    retry_s=(300.0, 600.0, 1_200.0),
)
