"""Saved screens that run by themselves: as of a Session, each once, and who met them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import msgspec
import numpy as np

from ralph import screens
from ralph.errors import BadRequest, DataNotFound
from ralph.jobs.desk import Desk, opened
from ralph.jobs.kind import JobContext, JobKind
from ralph.store.screens import SavedScreen, screens_page


class ScreensArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ids of saved screens of a workspace, and the Session they are asked of: the newest with bars up to it."""

    workspace: str
    screens: tuple[str, ...]
    on: date | None = None


class ScreenDone(msgspec.Struct, frozen=True, omit_defaults=True):
    """A screen that was run: its matches, and whether they were written to its log now; or why it could not be."""

    id: str
    name: str
    matches: int = 0
    written: bool = False
    error: str | None = None


class ScreensDone(msgspec.Struct, frozen=True):
    """What a run of screens found."""

    workspace: str
    simulated: bool
    as_of: date
    screens: list[ScreenDone]


async def run_screens(context: JobContext, desk: Desk, wanted: Sequence[SavedScreen], on: date) -> list[ScreenDone]:
    """Run screens as of a Session; one that is wrong is told of, and the others go on."""
    found = []
    for index, saved in enumerate(wanted):
        context.progress(f"screen {saved.name}", index, len(wanted))
        try:
            filled = await desk.screening.fill(desk.panel.workspace, saved, on, on)
            request = screens.Request(expression=saved.expression, universe=saved.universe, as_of=on)
            answer = (await desk.screening.ask(desk.panel.workspace, request)).read()
        except BadRequest as error:
            found.append(ScreenDone(saved.id, saved.name, error=error.message))
        else:
            found.append(ScreenDone(saved.id, saved.name, answer.total_matches, filled.filled > 0))
    return found


async def _run(context: JobContext, args: ScreensArgs) -> ScreensDone:
    async with opened(context, args.workspace) as desk:
        panel = desk.panel
        if not panel.sessions.size:
            raise DataNotFound(f"workspace {panel.workspace} has no bars yet", field="workspace")
        before = panel.sessions if args.on is None else panel.sessions[panel.sessions <= np.datetime64(args.on)]
        on: date = (before if before.size else panel.sessions)[-1].astype(object)
        async with context.database.acquire() as connection:
            saved, _ = await screens_page(connection, panel.workspace)
        wanted = [each for each in saved if each.id in args.screens]
        return ScreensDone(panel.workspace, panel.simulated, on, await run_screens(context, desk, wanted, on))


SCREENS = JobKind(
    "screens",
    "Run saved screens",
    "저장한 조건 검색 실행",
    ScreensArgs,
    _run,
    "long",
    3_600.0,
    is_heavy=True,
)
