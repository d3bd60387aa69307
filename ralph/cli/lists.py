"""`ralph list`: watchlists and named lists of Symbols."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from ralph.brokers.files.codes import read_codes
from ralph.cli.options import home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import print_json, print_table
from ralph.errors import NotFound
from ralph.store.lists import (
    Addition,
    Kind,
    Member,
    SymbolList,
    add_symbols,
    all_lists,
    change_list,
    find_list,
    make_list,
    members_of,
    remove_list,
    take_off,
)
from ralph.store.workspaces import default_workspace


@click.group("list")
def list_command() -> None:
    """Watchlists and named lists of symbols; `--universe list:NAME` screens one."""


def _options(command: Any) -> Any:
    for option in (workspace_option, home_option, json_option):
        command = option(command)
    return command


def _about(command: Any) -> Any:
    for option in (
        click.option("--note", help="A note."),
        click.option("--tag", "tags", multiple=True, help="A tag; may be given several times."),
    ):
        command = option(command)
    return command


@asynccontextmanager
async def _opened(home: Path | None, workspace: str | None) -> AsyncIterator[tuple[Any, str]]:
    async with open_database(settings(home), "list") as database, database.acquire() as connection:
        yield connection, workspace or await default_workspace(connection)


@list_command.command("ls")
@_options
def list_ls_command(workspace: str | None, home: Path | None, as_json: bool) -> None:
    """All lists."""

    async def load() -> list[SymbolList]:
        async with _opened(home, workspace) as (connection, name):
            return await all_lists(connection, name)

    found = run(load())
    if as_json:
        print_json(found)
        return
    rows = [(each.id, each.name, each.kind, each.size, ", ".join(each.tags), each.note) for each in found]
    print_table(("id", "name", "kind", "symbols", "tags", "note"), rows, right=(3,))


@list_command.command("show")
@click.argument("name")
@_options
def list_show_command(name: str, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """The symbols of the list NAME."""

    async def load() -> tuple[SymbolList, list[Member]]:
        async with _opened(home, workspace) as (connection, place):
            found = await find_list(connection, place, name)
            return found, await members_of(connection, found)

    found, members = run(load())
    if as_json:
        print_json({"list": found, "symbols": members})
        return
    rows = [(each.symbol, each.name, ", ".join(each.tags), each.note) for each in members]
    print_table(("symbol", "name", "tags", "note"), rows)


@list_command.command("add")
@click.argument("name")
@click.argument("symbols", nargs=-1)
@click.option("--watchlist", is_flag=True, help="Make it a watchlist.")
@_about
@_options
def list_add_command(
    name: str, symbols: tuple[str, ...], watchlist: bool, home: Path | None, workspace: str | None, **options: Any
) -> None:
    """Put SYMBOLS (codes or names) on the list NAME, which is made where there is none.

    The note and tags are those of the symbols; without symbols, those of the list.
    """
    kind: Kind | None = "watchlist" if watchlist else None
    _add(home, workspace, name, list(enumerate(symbols, start=1)), kind, **options)


@list_command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="The list; default: the file's name without its ending.")
@_about
@_options
def list_import_command(file: Path, name: str | None, home: Path | None, workspace: str | None, **options: Any) -> None:
    """Put the symbols of a text FILE on a list: codes or names, one a line; # begins a comment."""
    _add(home, workspace, name or file.stem, read_codes(file), None, **options)


@list_command.command("rm")
@click.argument("name")
@click.argument("symbols", nargs=-1)
@_options
def list_rm_command(
    name: str, symbols: tuple[str, ...], workspace: str | None, home: Path | None, as_json: bool
) -> None:
    """Take SYMBOLS (codes) off the list NAME; without symbols, remove the list."""

    async def work() -> SymbolList:
        async with _opened(home, workspace) as (connection, place):
            found = await find_list(connection, place, name)
            if not symbols:
                await remove_list(connection, found)
                return found
            await take_off(connection, found, symbols)
            return await find_list(connection, place, found.id)

    found = run(work())
    if as_json:
        print_json(found)
    else:
        done = f"{len(symbols)} taken off, {found.size} left" if symbols else "removed"
        click.echo(f"{found.name}: {done}", err=True)


def _add(
    home: Path | None,
    workspace: str | None,
    name: str,
    texts: list[tuple[int, str]],
    kind: Kind | None,
    **options: Any,
) -> None:
    about = {"note": options["note"], "tags": options["tags"] or None}

    async def work() -> tuple[SymbolList, Addition]:
        async with _opened(home, workspace) as (connection, place), connection.transaction():
            try:
                found = await find_list(connection, place, name)
            except NotFound:
                found = await make_list(connection, place, name)
            change = {"kind": kind, **({} if texts else about)}
            found = await change_list(connection, place, found, change)
            addition = await add_symbols(connection, place, found, texts, about)
            return await find_list(connection, place, found.id), addition

    found, addition = run(work())
    if options["as_json"]:
        print_json({"list": found, "addition": addition})
    else:
        click.echo(f"{found.name}: {addition.added} added, {addition.unchanged} there already, {found.size} in all")
    for each in addition.unknown:
        click.echo(f"  line {each.line}: {each.text!r}: {each.reason}", err=True)
    if texts and len(addition.unknown) == len(texts):
        raise NotFound("none of them is a symbol here; `ralph symbols TEXT` searches codes and names", field="symbols")
