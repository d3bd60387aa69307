"""`ralph screen ls|show|save|…`: screens that are kept, their history, the presets and the language."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import click

from ralph import screens
from ralph.cli.desk import opened
from ralph.cli.options import Day, home_option, json_option, run, settings, workspace_option
from ralph.cli.output import ProgressBar, number, print_json, print_table
from ralph.cli.served import is_served, through_server
from ralph.errors import BadParameter, NotFound
from ralph.jobs.backfills import SCREEN_RUNS, ScreenRunsArgs
from ralph.jobs.hit_export import export_hits, load_hits
from ralph.jobs.saving import alter_screen, save_screen
from ralph.jobs.screening import Filled
from ralph.screens.presets import presets
from ralph.store.screen_hits import Hit, Range, ScreenRun, hits_of, runs_of
from ralph.store.screens import (
    SavedScreen,
    ScreenVersion,
    find_screen,
    remove_screen,
    restore_screen,
    screens_page,
    versions_of,
)

RUNS_SHOWN = 50
HITS_SHOWN = 1_000


def _options(command: Any) -> Any:
    for option in (workspace_option, home_option, json_option):
        command = option(command)
    return command


def read_universe(text: str | None) -> str | list[str] | None:
    """A universe from an option: a name, or codes with commas between them."""
    if text is None or "," not in text:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def read_columns(text: str | None) -> list[str]:
    """Expressions with semicolons between them."""
    return [part.strip() for part in text.split(";")] if text else []


@click.command("ls")
@click.option("--search", help="Only those whose name, note or expression holds this.")
@click.option("--tag", help="Only those with this tag.")
@_options
def ls_command(search: str | None, tag: str | None, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """The saved screens."""

    async def load() -> list[SavedScreen]:
        async with opened(home, workspace) as desk, desk.database.acquire() as connection:
            found, _ = await screens_page(connection, desk.workspace, search=search, tag=tag)
            return found

    found = run(load())
    if as_json:
        print_json(found)
        return
    rows = [(each.id, each.name, each.version, each.expression, ", ".join(each.tags), each.note) for each in found]
    print_table(("id", "name", "version", "expression", "tags", "note"), rows, right=(2,))


@click.command("show")
@click.argument("name")
@_options
def show_command(name: str, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """The screen NAME with all its versions."""

    async def load() -> tuple[SavedScreen, list[ScreenVersion]]:
        async with opened(home, workspace) as desk, desk.database.acquire() as connection:
            found = await find_screen(connection, desk.workspace, name)
            return found, await versions_of(connection, found)

    found, versions = run(load())
    if as_json:
        print_json({"screen": found, "versions": versions})
        return
    about = {"note": found.note, "tags": ", ".join(found.tags), "columns": "; ".join(found.columns)}
    about |= {"schedule": found.schedule or "", "watch": "yes" if found.watch else ""}
    about |= {"signals": "yes" if found.is_system else ""}
    click.echo(found.name)
    for heading, text in about.items():
        if text:
            click.echo(f"  {heading}: {text}")
    rows = [(each.version, each.created_at.date(), _shown(each.universe), each.expression) for each in versions]
    print_table(("version", "since", "universe", "expression"), rows, right=(0,))


@click.command("save")
@click.argument("name")
@click.argument("expression", required=False)
@click.option("--universe", help="What to look at; `all` for everything.")
@click.option("--columns", help="More expressions to show, separated by semicolons.")
@click.option("--sort", help="What orders the matches: score, symbol, name, or an expression of a number.")
@click.option("--order", type=click.Choice(["asc", "desc"]), help="The order.")
@click.option("--schedule", help="'30 minutes after the close', or cron's five fields; `none` for never.")
@click.option("--watch/--no-watch", default=None, help="Watch it while the market is open.")
@click.option("--signals/--no-signals", "is_system", default=None, help="Make its matches signals.")
@click.option("--note", help="A note.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@_options
def save_command(
    name: str, expression: str | None, home: Path | None, workspace: str | None, as_json: bool, **given: Any
) -> None:
    """Keep EXPRESSION as the screen NAME, or change what is given of the screen NAME.

    Another expression or universe is a new version; the older ones are kept.
    """
    change = {key: value for key, value in given.items() if value is not None and key not in ("columns", "tags")}
    change |= {"expression": expression} if expression is not None else {}
    change |= {"columns": read_columns(given["columns"])} if given["columns"] is not None else {}
    change |= {"tags": list(given["tags"])} if given["tags"] else {}
    if "universe" in change:
        change["universe"] = None if change["universe"] == "all" else read_universe(change["universe"])
    if change.get("schedule") == "none":
        change["schedule"] = None

    async def work() -> SavedScreen:
        async with opened(home, workspace) as desk:
            try:
                async with desk.database.acquire() as connection:
                    await find_screen(connection, desk.workspace, name)
            except NotFound:
                if expression is None:
                    raise
                return await save_screen(desk.database, desk.screening, desk.workspace, {**change, "name": name})
            return await alter_screen(desk.database, desk.screening, desk.workspace, name, change)

    _tell(run(work()), "saved", as_json=as_json)


@click.command("rename")
@click.argument("name")
@click.argument("new_name")
@_options
def rename_command(name: str, new_name: str, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Call the screen NAME NEW_NAME."""

    async def work() -> SavedScreen:
        async with opened(home, workspace) as desk:
            return await alter_screen(desk.database, desk.screening, desk.workspace, name, {"name": new_name})

    _tell(run(work()), "renamed", as_json=as_json)


@click.command("rm")
@click.argument("name")
@_options
def rm_command(name: str, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Remove the screen NAME and close its links; `restore` brings it back by its id."""

    async def work() -> SavedScreen:
        async with opened(home, workspace) as desk, desk.database.acquire() as connection:
            found = await find_screen(connection, desk.workspace, name)
            await remove_screen(connection, found)
            return found

    found = run(work())
    _tell(found, f"removed; `ralph screen restore {found.id}` brings it back", as_json=as_json)


@click.command("restore")
@click.argument("screen_id", metavar="ID")
@_options
def restore_command(screen_id: str, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Bring a removed screen back, with its versions and hits."""

    async def work() -> SavedScreen:
        async with opened(home, workspace) as desk, desk.database.acquire() as connection:
            return await restore_screen(connection, desk.workspace, screen_id)

    _tell(run(work()), "restored", as_json=as_json)


@click.command("history")
@click.argument("name")
@click.option("--hits", is_flag=True, help="Who matched, instead of the runs.")
@click.option("--fill", is_flag=True, help="Run it for the Sessions from --from to --to that it was not run for.")
@click.option("--from", "since", type=Day(), help="The first Session.")
@click.option("--to", "until", type=Day(), help="The last Session.")
@click.option("--export", type=click.Path(path_type=Path), help="Write all hits to this CSV or Parquet file.")
@_options
def history_command(
    name: str,
    hits: bool,
    fill: bool,
    since: date | None,
    until: date | None,
    export: Path | None,
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """The runs of the screen NAME, or its hits; the newest first."""
    within = Range(since, until)
    if fill:
        filled = run(_fill(home, workspace, name, within))
        if as_json:
            print_json(filled)
        else:
            click.echo(f"{filled.filled} Sessions filled, {filled.unchanged} were there, {filled.hits} hits written")
    elif export is not None:
        _write(export, run(_exported(home, workspace, name, within, export.suffix.lower())))
    elif hits:
        _print_hits(run(_hits(home, workspace, name, within)), as_json=as_json)
    else:
        _print_runs(run(_runs(home, workspace, name)), as_json=as_json)


@click.command("presets")
@json_option
def presets_command(as_json: bool) -> None:
    """The screens that come with Ralph; each runs by its id."""
    if as_json:
        print_json(presets())
        return
    rows = [(each.id, each.name.en, each.name.ko, each.expression) for each in presets()]
    print_table(("id", "name", "이름", "expression"), rows)


@click.command("format")
@click.argument("expression")
def format_command(expression: str) -> None:
    """EXPRESSION in its usual form, over lines where it is long."""
    click.echo(screens.format_text(expression))


@click.command("language")
@json_option
def language_command(as_json: bool) -> None:
    """The whole language of screens, as Markdown or JSON."""
    reference = screens.language_reference()
    if as_json:
        print_json(reference)
    else:
        click.echo(reference.markdown)


async def _fill(home: Path | None, workspace: str | None, name: str, within: Range) -> Filled:
    if within.since is None or within.until is None:
        raise BadParameter("say which Sessions to fill: --from DATE --to DATE", field="from", accepted="YYYY-MM-DD")
    async with opened(home, workspace) as desk:
        async with desk.database.acquire() as connection:
            found = await find_screen(connection, desk.workspace, name)
        if is_served(settings(home)):
            args = ScreenRunsArgs(found.id, within.since, within.until, desk.workspace)
            return await through_server(desk.database, SCREEN_RUNS, args, Filled)
        with closing(ProgressBar("screen")) as bar:
            return await desk.screening.fill(desk.workspace, found, within.since, within.until, bar)


async def _exported(home: Path | None, workspace: str | None, name: str, within: Range, suffix: str) -> bytes:
    if suffix not in (".csv", ".parquet"):
        raise BadParameter(f"a file of hits does not end in {suffix!r}", field="export", accepted=".csv or .parquet")
    async with opened(home, workspace) as desk:
        async with desk.database.acquire() as connection:
            found = await find_screen(connection, desk.workspace, name)
            hits = await load_hits(connection, found, within)
        place = (desk.workspace, desk.panel.simulated)
    return export_hits(hits, found, place, "csv" if suffix == ".csv" else "parquet")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise BadParameter(f"{file} cannot be written: {error.strerror}", field="export") from error
    click.echo(f"{file.name}: {len(content):,} bytes", err=True)


async def _hits(home: Path | None, workspace: str | None, name: str, within: Range) -> list[Hit]:
    async with opened(home, workspace) as desk, desk.database.acquire() as connection:
        return await hits_of(connection, await find_screen(connection, desk.workspace, name), within, HITS_SHOWN)


async def _runs(home: Path | None, workspace: str | None, name: str) -> list[ScreenRun]:
    async with opened(home, workspace) as desk, desk.database.acquire() as connection:
        return await runs_of(connection, await find_screen(connection, desk.workspace, name), RUNS_SHOWN)


def _print_hits(found: list[Hit], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [(each.as_of, each.symbol, each.name, number(each.score, 1), each.version) for each in found]
    print_table(("session", "symbol", "name", "score", "version"), rows, right=(3, 4))


def _print_runs(found: list[ScreenRun], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    rows = [
        (each.as_of, each.version, each.total_matches, each.total_scanned, number(each.timing_ms, 1), each.ran_at)
        for each in found
    ]
    print_table(("session", "version", "matches", "of", "ms", "ran at"), rows, right=(1, 2, 3, 4))


def _tell(found: SavedScreen, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found.name}: {done} (version {found.version})" if done == "saved" else f"{found.name}: {done}")


def _shown(universe: list[str] | str | None) -> str:
    if universe is None:
        return "all"
    return universe if isinstance(universe, str) else f"{len(universe)} symbols"


COMMANDS = (
    ls_command,
    show_command,
    save_command,
    rename_command,
    rm_command,
    restore_command,
    history_command,
    presets_command,
    format_command,
    language_command,
)
