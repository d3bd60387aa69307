"""Long looks back as jobs: the history of a saved screen, and that of Signals."""

from __future__ import annotations

from datetime import date

import msgspec

from ralph.jobs.desk import opened
from ralph.jobs.kind import JobContext, JobKind
from ralph.jobs.screening import Filled
from ralph.jobs.signalling import Ran
from ralph.store.screens import find_screen


class FillArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """A saved screen by id or name, and the Sessions it is run for, both ends included."""

    screen: str
    since: date
    until: date
    workspace: str = "main"


class BackfillArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """The Sessions that Signals are made for, both ends included, of one system or all; rebuild: a history that begins
    later is made anew."""

    since: date
    until: date
    workspace: str = "main"
    system: str | None = None
    rebuild: bool = False


async def _fill(context: JobContext, args: FillArgs) -> Filled:
    """What is written stays: a later attempt goes on."""
    async with opened(context, args.workspace) as desk:
        async with context.database.acquire() as connection:
            saved = await find_screen(connection, desk.panel.workspace, args.screen)
        return await desk.screening.fill(
            desk.panel.workspace,
            saved,
            args.since,
            args.until,
            lambda done, total: context.progress("run", done, total),
        )


async def _backfill(context: JobContext, args: BackfillArgs) -> Ran:
    """What was played stays: a later attempt goes on."""
    async with opened(context, args.workspace) as desk:
        span = (args.since, args.until)
        return await desk.signalling.backfill(
            desk.panel.workspace, span, args.system, context.progress, rebuild=args.rebuild
        )


SCREEN_FILL = JobKind(
    "screen_fill",
    "Fill a saved screen's history",
    "저장된 조건식의 과거 기록 채우기",
    FillArgs,
    _fill,
    "long",
    3_600.0,
    is_heavy=True,
)
SIGNALS_BACKFILL = JobKind(
    "signals_backfill",
    "Make signals of past days",
    "과거 신호 생성",
    BackfillArgs,
    _backfill,
    "long",
    3_600.0,
    is_heavy=True,
)
