"""What runs by itself: the plan of the settings, and the saved screens that have a schedule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from ralph.config import Config
from ralph.errors import BadParameter, Misconfigured
from ralph.jobs.demo import DEMO
from ralph.jobs.end_of_day import END_OF_DAY, EndOfDayArgs
from ralph.jobs.inbox import DELIVERIES, DeliveriesArgs
from ralph.jobs.kind import JobKind
from ralph.jobs.retiring import RETENTION, RetentionArgs
from ralph.jobs.scheduled_screens import SCREENS, ScreensArgs
from ralph.market.calendar import Calendar
from ralph.market.due import session_of
from ralph.market.schedules import ACCEPTED, Schedule, parse_schedule
from ralph.store.schedule import ScheduledScreen

OFF = "off"
MAIN = "main"

Arguments = Callable[[date, Sequence["Planned"]], msgspec.Struct]
"""The arguments of a job, from the Session that a tick is about and those it is begun for."""


@dataclass(frozen=True)
class Planned:
    """One schedule. Those of a kind and a workspace that are due at the same tick are begun as one job.

    text         when it runs, in the usual form
    on_sessions  cron's days count only where the exchange trades
    screen       the id of the saved screen that it runs
    """

    name: str
    en: str
    ko: str
    text: str
    when: Schedule
    kind: JobKind[Any]
    arguments: Arguments
    workspace: str | None = None
    on_sessions: bool = False
    screen: str | None = None

    def args_at(self, tick: datetime, calendar: Calendar, together: Sequence[Planned]) -> msgspec.Struct:
        """The arguments of the job for a tick."""
        return self.arguments(session_of(tick, calendar), together)


def plan(config: Config, screens: Iterable[ScheduledScreen] = ()) -> list[Planned]:
    """Everything that runs by itself, without what is off. Misconfigured names a setting that is no schedule."""
    return [*_built_in(config), *filter(None, map(_of_screen, screens))]


def _built_in(config: Config) -> list[Planned]:
    times = config.schedule
    planned = [
        _planned(
            "symbol-master",
            ("Import delivered lists of symbols", "전달된 종목 목록 가져오기"),
            times.symbol_master,
            DELIVERIES,
            lambda on, _: DeliveriesArgs(MAIN, ("symbols",)),
            MAIN,
        ),
        _planned(
            "end-of-day",
            ("End of the day, from delivered files", "장 마감 처리 (전달된 파일)"),
            times.end_of_day,
            END_OF_DAY,
            lambda on, _: EndOfDayArgs(MAIN, on),
            MAIN,
        ),
        _planned(
            "end-of-day-demo",
            ("End of the day of the simulated market", "모의 시장 마감 처리"),
            times.end_of_day if config.demo else OFF,
            END_OF_DAY,
            lambda on, _: EndOfDayArgs(DEMO, on),
            DEMO,
        ),
        _planned(
            "corrections",
            ("Files that came late", "늦게 온 파일 반영"),
            times.corrections,
            END_OF_DAY,
            lambda on, _: EndOfDayArgs(MAIN, on, corrections=True),
            MAIN,
        ),
        _planned(
            "retention",
            ("Remove or count what is older than its limit", "보관 기간이 지난 자료 정리"),
            times.retention,
            RETENTION,
            lambda on, _: RetentionArgs(apply=config.retention.scheduled),
            None,
        ),
    ]
    return [each for each in planned if each is not None]


def _planned(
    name: str, titles: tuple[str, str], text: str, kind: JobKind[Any], arguments: Arguments, workspace: str | None
) -> Planned | None:
    if text.strip().lower() == OFF:
        return None
    setting = f"schedule.{name.removesuffix('-demo').replace('-', '_')}"
    try:
        when = parse_schedule(text)
    except BadParameter as error:
        accepted = f"{ACCEPTED}, or {OFF}"
        raise Misconfigured(f"{setting}: {error.message}", field=setting, accepted=accepted) from error
    return Planned(name, *titles, str(when), when, kind, arguments, workspace, on_sessions=workspace is not None)


def _of_screen(screen: ScheduledScreen) -> Planned | None:
    try:
        when = parse_schedule(screen.schedule)
    except BadParameter:
        return None  # of an older language; saving it again says so

    def arguments(on: date, together: Sequence[Planned]) -> msgspec.Struct:
        return ScreensArgs(screen.workspace, tuple(each.screen for each in together if each.screen is not None), on)

    return Planned(
        f"screen-{screen.id}",
        f"Screen {screen.name}",
        f"조건 검색 {screen.name}",
        str(when),
        when,
        SCREENS,
        arguments,
        screen.workspace,
        screen=screen.id,
    )
