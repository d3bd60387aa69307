"""Options that several commands share, and the Config they lead to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from ralph.config import Config, load
from ralph.embedded.home import Holder, Home
from ralph.embedded.servers import reach_servers
from ralph.errors import BadParameter, RalphError
from ralph.store.database import Database
from ralph.store.migrate import migrate

Result = TypeVar("Result")
Command = TypeVar("Command", bound=Callable[..., Any])


def home_option(command: Command) -> Command:
    """--home DIR."""
    return click.option(
        "--home", type=click.Path(path_type=Path), help="Ralph's folder; default: the user data folder."
    )(command)


def json_option(command: Command) -> Command:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def workspace_option(command: Command) -> Command:
    """--workspace NAME."""
    return click.option("--workspace", help="main or demo; default: main once it has bars, else demo.")(command)


class Day(click.ParamType[date]):
    """A date as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write YYYY-MM-DD, like 2026-05-29", param, ctx)


def settings(home: Path | None = None, **flags: Any) -> Config:
    """The Config of this command."""
    config, _ = load({"home": str(home) if home else None, **flags}, os.environ)
    return config


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work; an error out of a task group leaves as itself."""
    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        first = next((error for error in group.exceptions if isinstance(error, RalphError)), None)
        raise (first or group) from None


def one_of(choices: dict[str, bool], default: str) -> str:
    """The one flag given of several that exclude each other."""
    given = [name for name, is_given in choices.items() if is_given]
    if len(given) > 1:
        raise BadParameter(f"--{given[0]} and --{given[1]} exclude each other; give one", field=given[0])
    return given[0] if given else default


@asynccontextmanager
async def open_database(config: Config, purpose: str) -> AsyncIterator[Database]:
    """The database of the configuration, of the running server, or of servers started for this command; migrated."""
    async with AsyncExitStack() as stack:
        url = config.database_url
        if url is None:
            addresses = await stack.enter_async_context(reach_servers(Home(config.home), purpose, on_wait=_tell_wait))
            url = addresses.database_url
        assert url is not None, "embedded servers have a database"
        database = Database()
        await database.connect(url)
        stack.push_async_callback(database.close)
        async with database.acquire() as connection:
            await migrate(connection)
        yield database


def _tell_wait(holder: Holder | None) -> None:
    click.echo(f"waiting for {holder or 'another command'} to finish...", err=True)
