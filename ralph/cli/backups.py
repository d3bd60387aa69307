"""`ralph backup` and `ralph restore`: sealed copies of the database, and the way back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ralph.backup.archivist import Archivist, Standing, place_of
from ralph.backup.manifest import Manifest, backup_ids, read_manifest
from ralph.backup.restoring import Chosen, Restored, choose, restore_database, restore_home
from ralph.backup.sealing import BackupKey
from ralph.backup.taking import Place, take
from ralph.backup.vault import open_vault
from ralph.backup.verifying import verify
from ralph.cli.options import home_option, json_option, open_database, run, settings
from ralph.cli.output import print_json, print_table
from ralph.config import Config
from ralph.embedded.home import Home
from ralph.errors import BadParameter, Misconfigured

to_option = click.option("--to", metavar="PLACE", help="A folder, or s3://bucket/prefix; default RALPH_BACKUP__TO.")
key_option = click.option(
    "--key-file", type=click.Path(path_type=Path), help="The backup key; default backup.key of the home."
)


@click.group("backup", invoke_without_command=True)
@click.option("--kind", type=click.Choice(["base", "dump"]), help="Default: base where the server allows it.")
@to_option
@key_option
@home_option
@json_option
def backup_command(home: Path | None, as_json: bool, **options: Any) -> None:
    """Take a sealed backup of the database. Keep the key file elsewhere too: without it no backup can be read."""
    if click.get_current_context().invoked_subcommand is not None:
        return
    config, place = _opened(home, options)
    manifest = run(_take(config, place, options["kind"]))
    if as_json:
        print_json(_summary(manifest))
        return
    click.echo(
        f"backup {manifest.id}: {manifest.kind}, {sum(manifest.rows.values()):,} rows of {len(manifest.rows)} tables, "
        f"{manifest.sealed_bytes / 1e6:,.1f} MB sealed with the key {manifest.key_id} ({_key_path(config)})"
    )


@backup_command.command("ls")
@to_option
@key_option
@home_option
@json_option
def ls_command(home: Path | None, as_json: bool, **options: Any) -> None:
    """List backups, the newest first."""
    _, place = _opened(home, options, making=False)
    found = [read_manifest(place.vault, each, place.key) for each in reversed(backup_ids(place.vault))]
    if as_json:
        print_json([_summary(each) for each in found])
        return
    rows = [
        (each.id, each.kind, sum(each.rows.values()), f"{each.sealed_bytes / 1e6:,.1f}", each.schema, each.ralph)
        for each in found
    ]
    print_table(("id", "kind", "rows", "MB", "schema", "ralph"), rows, right=(2, 3))


@backup_command.command("verify")
@click.argument("backup_id", required=False)
@to_option
@key_option
@home_option
@json_option
def verify_command(backup_id: str | None, home: Path | None, as_json: bool, **options: Any) -> None:
    """Read a backup, by itself the newest, and its log to the end; say which file is damaged."""
    _, place = _opened(home, options, making=False)
    seen = verify(place, backup_id or choose(place).manifest.id)
    if as_json:
        print_json(seen)
        return
    click.echo(f"backup {seen.id}: {seen.files} files, {seen.bytes / 1e6:,.1f} MB, good until {seen.until}")
    if seen.note:
        click.echo(seen.note, err=True)


@backup_command.command("follow")
@to_option
@key_option
@home_option
def follow_command(home: Path | None, **options: Any) -> None:
    """Take backups and ship the log until Ctrl-C, for a server of your own; `ralph up` does this by itself."""
    config, _ = _opened(home, options)
    if config.database_url is None:
        raise Misconfigured("set RALPH_DATABASE_URL; the embedded database is backed up by `ralph up`", field="to")
    run(_follow(config, config.database_url))


@click.command("restore")
@click.argument("backup_id", required=False)
@click.option("--from", "source", required=True, metavar="PLACE", help="A folder, or s3://bucket/prefix.")
@click.option("--at", metavar="TIME", help="An instant with its offset, like 2026-11-20T15:30:00+09:00.")
@click.option("--to-database", metavar="URL", help="Restore a dump into this empty database instead of a home.")
@key_option
@home_option
@json_option
def restore_command(home: Path | None, source: str, as_json: bool, **options: Any) -> None:
    """Restore a backup, by itself the newest with all of the log, into a --home without a database."""
    config = settings(home)
    key = BackupKey.load(options["key_file"] or _key_path(config))
    place = Place(open_vault(source), key, programs=config.backup.programs)
    at = parse_instant(options["at"]) if options["at"] else None
    started = time.monotonic()
    chosen = choose(place, options["backup_id"], at)
    restored = run(_restore(place, chosen, config, options["to_database"]))
    took_s = time.monotonic() - started
    if as_json:
        print_json({**_named(restored), "took_s": round(took_s, 2)})
        return
    click.echo(
        f"restored {restored.id} as of {restored.until}: {sum(restored.rows.values()):,} rows of "
        f"{len(restored.rows)} tables in {took_s:.1f} s"
    )
    if restored.note:
        click.echo(restored.note, err=True)
    click.echo("keys are no part of a backup: owner.key is made anew, backup.key has to be brought along", err=True)


def _opened(home: Path | None, options: dict[str, Any], *, making: bool = True) -> tuple[Config, Place]:
    """The Config with what the options say, and the place it leads to."""
    parent = click.get_current_context().parent
    given = {**(parent.params if parent is not None and "to" in parent.params else {})}
    given |= {name: value for name, value in {**options, "home": home}.items() if value is not None}
    config = settings(given.get("home"), **{"backup.to": given.get("to"), "backup.key_file": given.get("key_file")})
    Home(config.home).create()
    return config, place_of(config.backup, config.home, making=making)


def _key_path(config: Config) -> Path:
    return config.backup.key_file or config.home / "backup.key"


async def _take(config: Config, place: Place, kind: Any) -> Manifest:
    async with open_database(config, "backup") as database:
        return await take(database.url, place, config.home, kind)


async def _follow(config: Config, database_url: str) -> None:
    def tell(standing: Standing) -> None:
        click.echo(f"{datetime.now(UTC):%H:%M:%S} {standing.detail}", err=True)

    work = asyncio.create_task(Archivist(database_url, config.backup, config.home, tell).run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _restore(place: Place, chosen: Chosen, config: Config, database_url: str | None) -> Restored:
    def say(line: str) -> None:
        click.echo(line, err=True)

    if database_url is not None:
        return await restore_database(place, chosen, database_url, say)
    return await restore_home(place, chosen, Home(config.home), say)


def parse_instant(text: str) -> datetime:
    """An instant from ISO 8601 text; BadParameter where it says no offset, or is none."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise BadParameter(
            f"{text!r} is no instant with its offset", field="at", accepted="like 2026-11-20T15:30:00+09:00"
        )
    return instant.astimezone(UTC)


def _summary(manifest: Manifest) -> dict[str, Any]:
    return {**_named(manifest), "sealed_bytes": manifest.sealed_bytes}


def _named(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__struct_fields__}
