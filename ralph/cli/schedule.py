"""`ralph schedule`: what runs by itself, and what it will run; begun now, paused, resumed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from ralph.cli.jobs import follow, show_end
from ralph.cli.options import home_option, json_option, open_database, run, settings
from ralph.cli.output import print_json, print_table
from ralph.embedded.home import Home
from ralph.jobs.scheduler import HOURS_MAX, Outlook, Scheduler
from ralph.market.calendar import SEOUL
from ralph.store.database import Database
from ralph.store.ledger import Job, find_job

UPCOMING_SHOWN = 40


@click.group("schedule")
def schedule_command() -> None:
    """The end of the day, deliveries, saved screens: what runs by itself while a server or a worker runs."""


@schedule_command.command("ls")
@click.option("--hours", type=click.IntRange(1, HOURS_MAX), default=24, show_default=True, help="How far ahead.")
@home_option
@json_option
def ls_command(hours: int, home: Path | None, as_json: bool) -> None:
    """List the schedules, and what they will run."""
    _print(run(_with_scheduler(home, lambda scheduler, _: scheduler.outlook(hours))), as_json)


@schedule_command.command("run")
@click.argument("name")
@click.option("--detach", is_flag=True, help="Do not wait for its end.")
@home_option
@json_option
def run_command(name: str, detach: bool, home: Path | None, as_json: bool) -> None:
    """Run a schedule now, and watch it; Ctrl-C stops watching only."""

    async def begin(scheduler: Scheduler, database: Database) -> Job:
        job_id = await scheduler.run_now(name)
        if not detach:
            return await follow(database, job_id)
        async with database.acquire() as connection:
            return await find_job(connection, job_id)

    show_end(run(_with_scheduler(home, begin)), as_json)


@schedule_command.command("pause")
@click.argument("name")
@home_option
@json_option
def pause_command(name: str, home: Path | None, as_json: bool) -> None:
    """Begin nothing of a schedule until it is resumed."""
    _set_paused(name, True, home, as_json)


@schedule_command.command("resume")
@click.argument("name")
@home_option
@json_option
def resume_command(name: str, home: Path | None, as_json: bool) -> None:
    """Let a schedule go on with the time that comes next."""
    _set_paused(name, False, home, as_json)


def _set_paused(name: str, is_paused: bool, home: Path | None, as_json: bool) -> None:
    async def change(scheduler: Scheduler, database: Database) -> Outlook:
        await scheduler.set_paused(name, is_paused)
        return await scheduler.outlook()

    _print(run(_with_scheduler(home, change)), as_json)


async def _with_scheduler(home: Path | None, ask: Callable[[Scheduler, Database], Awaitable[Any]]) -> Any:
    config = settings(home)
    async with open_database(config, "schedule") as database:
        return await ask(Scheduler(database, Home(config.home).calendar(), config), database)


def _print(outlook: Outlook, as_json: bool) -> None:
    if as_json:
        print_json(outlook)
        return
    rows = []
    for each in outlook.schedules:
        last = f"{_seoul(each.last.tick)} {each.last.state or ''}".rstrip() if each.last else ""
        next_at = "paused" if each.paused else _seoul(each.next_at)
        when = f"{each.when} (Sessions)" if each.on_sessions and "close" not in each.when else each.when
        rows.append((each.name, when, each.workspace or "all", last, next_at, each.en))
    print_table(("schedule", "when", "workspace", "last (Seoul)", "next (Seoul)", "what"), rows)
    shown = outlook.upcoming[:UPCOMING_SHOWN]
    print_table(("will run (Seoul)", "schedule"), [(_seoul(each.at), each.name) for each in shown])
    if len(outlook.upcoming) > len(shown):
        click.echo(f"… and {len(outlook.upcoming) - len(shown)} more; --json has them", err=True)


def _seoul(at: datetime | None) -> str:
    return f"{at.astimezone(SEOUL):%Y-%m-%d %H:%M}" if at is not None else ""
