"""Begins what is due. It runs in every worker; which of them begins a tick is decided in Postgres, by its clock."""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import asyncpg
import msgspec

from ralph.config import Config
from ralph.errors import BadParameter, NotFound, Unavailable
from ralph.jobs.kind import enqueue
from ralph.jobs.planning import Planned, plan
from ralph.market.calendar import Calendar
from ralph.market.due import last_tick, next_tick, ticks_after
from ralph.store.database import Database
from ralph.store.ledger import JobId
from ralph.store.schedule import (
    Begun,
    ScheduledScreen,
    ScheduleRow,
    Seen,
    begin,
    begin_by_hand,
    know,
    last_begun,
    link,
    look,
    pause,
    resume,
)

_log = logging.getLogger("ralph.schedule")

OWNER = "schedule"
HOURS_MAX = 168
UPCOMING_MAX = 1_000  # of all schedules together; a screen of every minute has 1,440 a day
_AWAY_S = (0.5, 1.0)


class ScheduleState(msgspec.Struct, frozen=True):
    """A schedule: when it runs, the newest tick that was begun, and the next one, None while it is paused.

    workspace  which it is about; None: all. on_sessions: cron's days count only where the exchange trades
    """

    name: str
    en: str
    ko: str
    when: str
    on_sessions: bool
    kind: str
    workspace: str | None
    screen: str | None
    paused: bool
    last: Begun | None
    next_at: datetime | None


class Upcoming(msgspec.Struct, frozen=True):
    """A tick to come."""

    at: datetime
    name: str


class Outlook(msgspec.Struct, frozen=True):
    """All schedules, and what they will run until `until`; truncated: only the first of it. Instants are UTC."""

    now: datetime
    until: datetime
    schedules: list[ScheduleState]
    upcoming: list[Upcoming]
    truncated: bool


class Scheduler:
    """Looks again and again whether something is due, and begins it."""

    def __init__(self, database: Database, calendar: Calendar, config: Config) -> None:
        self._database = database
        self._calendar = calendar
        self._config = config
        plan(config)  # a setting that is no schedule is said at once
        self._told: dict[str, str] = {}
        self._next: dict[str, tuple[str, datetime, datetime | None]] = {}
        self._screens: Sequence[ScheduledScreen] = ()
        self._plan: list[Planned] = plan(config)

    async def run(self) -> None:
        """Look every `jobs.sweep_s`, for ever; an unreachable database is waited for."""
        await asyncio.to_thread(self._calendar.last_completed_session, datetime.now(UTC))  # years are read once, slowly
        while True:
            try:
                await self.turn()
            except Unavailable as error:
                _log.debug("what is due cannot be seen: %s", error)
                await asyncio.sleep(random.uniform(*_AWAY_S))  # noqa: S311  # jitter, no secret
            await asyncio.sleep(self._config.jobs.sweep_s)

    async def turn(self) -> list[JobId]:
        """Begin what is due now; the jobs that this turn began."""
        async with self._database.acquire() as connection:
            seen = await look(connection)
            if seen.screens != self._screens:
                self._screens, self._plan = seen.screens, plan(self._config, seen.screens)
            fresh = {each.name: each.text for each in self._plan if self._is_fresh(each, seen.rows.get(each.name))}
            if fresh:
                await know(connection, fresh)
                self._told |= fresh
                seen = await look(connection)
            due = [each for each in self._plan if self._is_due(each, seen)]
            return await self._begin(connection, seen, due) if due else []

    def _is_fresh(self, planned: Planned, row: ScheduleRow | None) -> bool:
        """Told once: two workers with other settings would take turns otherwise, and nothing would ever be due."""
        return row is None or (row.text != planned.text and self._told.get(planned.name) != planned.text)

    def _is_due(self, planned: Planned, seen: Seen) -> bool:
        row = seen.rows[planned.name]
        known = self._next.get(planned.name)
        if known is None or known[:2] != (planned.text, row.since):
            at = next_tick(planned.when, self._calendar, row.since, on_sessions=planned.on_sessions)
            known = self._next[planned.name] = (planned.text, row.since, at)
        return row.paused_at is None and known[2] is not None and known[2] <= seen.now

    async def _begin(self, connection: asyncpg.Connection, seen: Seen, due: Sequence[Planned]) -> list[JobId]:
        """The newest tick of each; those before it were missed, and are not made up for."""
        groups = defaultdict(list)
        for each in due:
            since = seen.rows[each.name].since
            tick = last_tick(each.when, self._calendar, since, seen.now, on_sessions=each.on_sessions)
            assert tick is not None, "the next one is not after now"
            alone = each.name if each.screen is None else ""
            groups[tick, each.kind.name, each.workspace, alone].append(each)
        jobs = []
        for (tick, *_), together in groups.items():
            async with connection.transaction():
                begun = await begin(connection, [each.name for each in together], tick)
                ours = [each for each in together if each.name in begun]
                if ours:
                    jobs.append(await self._ask(connection, ours, tick))
        return jobs

    async def _ask(self, connection: asyncpg.Connection, together: Sequence[Planned], tick: datetime) -> JobId:
        first = together[0]
        args = first.args_at(tick, self._calendar, together)
        job_id = await enqueue(connection, first.kind, args, owner=OWNER)
        await link(connection, [each.name for each in together], tick, job_id)
        _log.info("job %s (%s) is begun for %s", job_id, first.kind.name, ", ".join(each.name for each in together))
        return job_id

    async def run_now(self, name: str) -> JobId:
        """Begin a schedule's job at once, paused or not; its own ticks stay as they are. NotFound."""
        async with self._database.acquire() as connection:
            planned = await self._find(connection, name)
            async with connection.transaction():
                tick = await begin_by_hand(connection, planned.name)
                return await self._ask(connection, [planned], tick)

    async def set_paused(self, name: str, is_paused: bool) -> None:
        """Pause a schedule, or let it go on with the tick that comes next. NotFound."""
        async with self._database.acquire() as connection:
            planned = await self._find(connection, name)
            await (pause if is_paused else resume)(connection, planned.name)

    async def _find(self, connection: asyncpg.Connection, name: str) -> Planned:
        seen = await look(connection)
        known = {each.name: each for each in plan(self._config, seen.screens)}
        if name not in known:
            names = ", ".join(known)
            raise NotFound(f"there is no schedule {name[:80]!r}; there are: {names}", field="name", accepted=names)
        if name not in seen.rows:
            await know(connection, {name: known[name].text})
        return known[name]

    async def outlook(self, hours: int = 24) -> Outlook:
        """All schedules, and what runs within so many hours. BadParameter for less than one or more than a week."""
        if not 1 <= hours <= HOURS_MAX:
            accepted = f"1 to {HOURS_MAX}"
            raise BadParameter(f"{hours} hours are not {accepted}", field="hours", accepted=accepted)
        async with self._database.acquire() as connection:
            seen, last = await look(connection), await last_begun(connection)
        planned = plan(self._config, seen.screens)
        until = seen.now + timedelta(hours=hours)
        ticks = heapq.merge(*(self._upcoming(each, seen, until) for each in planned), key=lambda each: each.at)
        upcoming = list(islice(ticks, UPCOMING_MAX + 1))
        states = [self._state(each, seen, last.get(each.name)) for each in planned]
        return Outlook(seen.now, until, states, upcoming[:UPCOMING_MAX], len(upcoming) > UPCOMING_MAX)

    def _upcoming(self, planned: Planned, seen: Seen, until: datetime) -> Iterator[Upcoming]:
        ticks = ticks_after(planned.when, self._calendar, seen.now, on_sessions=planned.on_sessions)
        for tick in () if _rests(planned, seen) else ticks:
            if tick > until:
                return
            yield Upcoming(tick, planned.name)

    def _state(self, planned: Planned, seen: Seen, last: Begun | None) -> ScheduleState:
        is_paused = _rests(planned, seen)
        at = next_tick(planned.when, self._calendar, seen.now, on_sessions=planned.on_sessions)
        return ScheduleState(
            name=planned.name,
            en=planned.en,
            ko=planned.ko,
            when=planned.text,
            on_sessions=planned.on_sessions,
            kind=planned.kind.name,
            workspace=planned.workspace,
            screen=planned.screen,
            paused=is_paused,
            last=last,
            next_at=None if is_paused else at,
        )


def _rests(planned: Planned, seen: Seen) -> bool:
    row = seen.rows.get(planned.name)
    return row is not None and row.paused_at is not None
