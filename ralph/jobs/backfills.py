"""Kinds of jobs that go through Sessions: the Signals of many, and the runs of a saved screen that are missing."""

from __future__ import annotations

from datetime import date

import msgspec

from ralph.errors import BadParameter
from ralph.jobs.desk import opened
from ralph.jobs.kind import JobContext, JobKind
from ralph.jobs.screening import Filled
from ralph.jobs.signalling import Ran
from ralph.store.screens import find_screen

HOURS_S = 6 * 3_600.0


class SignalsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """Up to which Session Signals are made (the newest), for one system or all. from: where their history begins;
    without it they go on from the last Session that was played. rebuild: one that begins later is made anew."""

    workspace: str = "main"
    since: date | None = None
    until: date | None = None
    system: str | None = None
    rebuild: bool = False


class ScreenRunsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"since": "from", "until": "to"}):
    """A saved screen by its id, and the Sessions it is run for where it was not, both ends included."""

    screen: str
    since: date
    until: date
    workspace: str = "main"


async def _signals(context: JobContext, args: SignalsArgs) -> Ran:
    """An attempt that comes later goes on where Sessions are not stored: what is played stays."""
    if args.rebuild and args.since is None:
        raise BadParameter("rebuild needs the Session to begin with", field="from", accepted="YYYY-MM-DD")
    context.progress("load", 0, 0)
    async with opened(context, args.workspace) as desk:
        if args.since is None:
            return await desk.signalling.run(args.workspace, args.until, args.system, context.progress)
        until = args.until or desk.panel.as_of(None).on
        span = (args.since, until)
        return await desk.signalling.backfill(args.workspace, span, args.system, context.progress, rebuild=args.rebuild)


async def _screen_runs(context: JobContext, args: ScreenRunsArgs) -> Filled:
    context.progress("load", 0, 0)
    async with opened(context, args.workspace) as desk:
        async with context.database.acquire() as connection:
            saved = await find_screen(connection, args.workspace, args.screen)
        return await desk.screening.fill(args.workspace, saved, args.since, args.until, context.progress)


SIGNALS = JobKind(
    "signals", "Make signals", "신호 만들기", SignalsArgs, _signals, "long", HOURS_S, is_heavy=True, at_once=1
)
SCREEN_RUNS = JobKind(
    "screen_runs",
    "Fill the history of a saved screen",
    "저장한 조건 검색의 지난 기록 채우기",
    ScreenRunsArgs,
    _screen_runs,
    "long",
    HOURS_S,
    is_heavy=True,
)
