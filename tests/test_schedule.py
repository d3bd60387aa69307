"""What runs by itself: each tick once, the last missed one made up for, paused, resumed, run now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ralph.config import Config, ScheduleConfig
from ralph.errors import BadParameter, Misconfigured, NotFound
from ralph.jobs.planning import plan
from ralph.jobs.scheduler import Scheduler
from ralph.market.calendar import PUBLISHED
from ralph.store.database import Database
from ralph.store.ledger import Job, list_jobs
from ralph.store.screens import make_screen

pytestmark = pytest.mark.anyio

QUIET = ScheduleConfig(symbol_master="off", end_of_day="off", corrections="off", retention="*/5 * * * *")
_AGO = "UPDATE schedules SET since = now() - $2 * interval '1 minute' WHERE name = $1"
_TICKS = "SELECT schedule, tick, job_id FROM schedule_ticks WHERE NOT by_hand ORDER BY schedule, tick"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database()
    await opened.connect(database_url)
    yield opened
    await opened.close()


def scheduler(database: Database, tmp_path: Path, **times: str) -> Scheduler:
    config = Config(home=tmp_path, schedule=msgspec.structs.replace(QUIET, **times))
    return Scheduler(database, PUBLISHED, config)


async def do(database: Database, *command: Any) -> list[Any]:
    async with database.acquire() as connection:
        return list(await connection.fetch(*command))


async def jobs(database: Database) -> list[Job]:
    async with database.acquire() as connection:
        return await list_jobs(connection)


async def test_a_new_schedule_makes_up_for_nothing(database: Database, tmp_path: Path) -> None:
    """It begins when it is first seen; so does one whose text changes."""
    assert await scheduler(database, tmp_path).turn() == []
    await do(database, _AGO, "retention", 60)
    assert await scheduler(database, tmp_path, retention="*/7 * * * *").turn() == []
    assert await jobs(database) == []


async def test_the_last_missed_tick_is_made_up_for_once(database: Database, tmp_path: Path) -> None:
    """Down for two hours, and then looked at by five at once, again and again: one job, for the newest tick."""
    workers = [scheduler(database, tmp_path) for _ in range(5)]
    await workers[0].turn()
    await do(database, _AGO, "retention", 120)
    for _ in range(3):
        await asyncio.gather(*(worker.turn() for worker in workers))
    (job,) = await jobs(database)
    assert (job.kind, job.owner, job.args) == ("retention", "schedule", {"apply": False, "dry_run": None})
    ((name, tick, job_id),) = await do(database, _TICKS)
    assert (name, str(job_id)) == ("retention", job.id)
    assert timedelta(0) <= job.created_at - tick < timedelta(minutes=5)
    assert tick.minute % 5 == 0


async def test_a_paused_schedule_begins_nothing_and_goes_on_with_what_comes(database: Database, tmp_path: Path) -> None:
    worker = scheduler(database, tmp_path)
    await worker.turn()
    await worker.set_paused("retention", True)
    await do(database, _AGO, "retention", 120)
    assert await worker.turn() == []
    (state,) = (await worker.outlook()).schedules
    assert (state.paused, state.next_at) == (True, None)
    assert (await worker.outlook()).upcoming == []
    await worker.set_paused("retention", False)
    assert await worker.turn() == []
    await do(database, _AGO, "retention", 6)
    assert len(await worker.turn()) == 1


async def test_run_now_is_apart_from_the_clock(database: Database, tmp_path: Path) -> None:
    """Also of a schedule that nobody looked at yet; its own tick still comes."""
    worker = scheduler(database, tmp_path)
    by_hand = await worker.run_now("retention")
    (state,) = (await worker.outlook()).schedules
    assert state.last is not None
    assert (state.last.job, state.last.by_hand, state.last.state) == (by_hand, True, "queued")
    await do(database, _AGO, "retention", 6)
    (job_id,) = await worker.turn()
    assert job_id != by_hand
    with pytest.raises(NotFound, match="retention"):
        await worker.run_now("retirement")


async def test_screens_of_a_workspace_share_a_job(database: Database, tmp_path: Path) -> None:
    """Two screens due at one tick are one job of both; one without a schedule is none."""
    async with database.acquire() as connection:
        for name, when in (
            ("a", "*/5 * * * *"),
            ("b", "0/5 * * * *"),
            ("c", "30 minutes after the close"),
            ("d", None),
        ):
            await make_screen(connection, "main", {"name": name, "expression": "close > 1", "schedule": when})
    worker = scheduler(database, tmp_path, retention="off")
    await worker.turn()
    names = [each.name for each in (await worker.outlook()).schedules]
    assert names == ["screen-1", "screen-2", "screen-3"]
    for name in names[:2]:
        await do(database, _AGO, name, 6)
    (job_id,) = await worker.turn()
    (job,) = await jobs(database)
    assert (job.id, job.kind, job.args["workspace"], job.args["screens"]) == (job_id, "screens", "main", ["1", "2"])
    assert [row["job_id"] for row in await do(database, _TICKS)] == [int(job_id)] * 2


async def test_the_outlook_says_what_runs_in_the_next_day(database: Database, tmp_path: Path) -> None:
    worker = scheduler(database, tmp_path, retention="30 4 * * *", end_of_day="30 minutes after the close")
    outlook = await worker.outlook(168)
    assert (outlook.until - outlook.now, outlook.truncated) == (timedelta(hours=168), False)
    assert [each.at for each in outlook.upcoming] == sorted(each.at for each in outlook.upcoming)
    retention = [each.at for each in outlook.upcoming if each.name == "retention"]
    assert len(retention) == 7
    assert {(at.astimezone(UTC).hour, at.minute) for at in retention} == {(19, 30)}  # 04:30 in Seoul
    closes = [each.at for each in outlook.upcoming if each.name == "end-of-day"]
    assert closes == [
        PUBLISHED.minutes_after_close(day, 30)
        for day in PUBLISHED.sessions_between(outlook.now.date() - timedelta(days=1), outlook.until.date())
        if outlook.now < PUBLISHED.minutes_after_close(day, 30) <= outlook.until
    ]
    with pytest.raises(BadParameter, match="hours"):
        await worker.outlook(0)


def test_a_setting_that_is_no_schedule_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as refused:
        plan(Config(home=tmp_path, schedule=ScheduleConfig(end_of_day="at tea time")))
    assert refused.value.field == "schedule.end_of_day"
    assert "off" in str(refused.value.accepted)


def test_built_in_schedules_are_about_the_session_that_is_over(tmp_path: Path) -> None:
    planned = {each.name: each for each in plan(Config(home=tmp_path))}
    assert list(planned) == ["symbol-master", "end-of-day", "end-of-day-demo", "corrections", "retention"]
    friday = datetime(2026, 11, 20, 7, tzinfo=UTC)
    args = msgspec.to_builtins(planned["end-of-day"].args_at(friday, PUBLISHED, []))
    assert args == {"workspace": "main", "on": "2026-11-20", "corrections": False}
    assert plan(Config(home=tmp_path, demo=False))[2].name == "corrections"
