"""`ralph doctor`, `ralph config` and `ralph migrate`: the state of this machine, the settings, the schema."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from ralph import __version__
from ralph.cli.options import home_option, json_option, open_database, run, settings
from ralph.cli.output import print_json, print_table
from ralph.config import Config, load
from ralph.embedded.home import DISK_FREE_MIN, Home
from ralph.embedded.servers import describe
from ralph.errors import RalphError
from ralph.market.calendar import PUBLISHED
from ralph.store.migrate import MigrationStatus, status
from ralph.store.storage import bar_storage

ANSWER_S = 3.0
SMALL_STACK = 1 << 20  # decoding deep JSON on a thread with a small stack can end the process


class Check(msgspec.Struct, frozen=True):
    """One thing looked at: whether it is well, what was seen, and what to do when it is not."""

    name: str
    ok: bool
    seen: str
    mend: str | None = None


@click.command("doctor")
@home_option
@json_option
def doctor_command(home: Path | None, as_json: bool) -> None:
    """Check this machine and this home, and say what to mend. Shows no secrets."""
    checks = list(_checks(settings(home)))
    if as_json:
        print_json(checks)
    else:
        rows = [("✓" if check.ok else "✗", check.name, check.seen, "" if check.ok else check.mend) for check in checks]
        print_table(("", "what", "seen", "to mend"), rows)
    if not all(check.ok for check in checks):
        raise click.exceptions.Exit(1)


def _checks(config: Config) -> Iterator[Check]:
    home = Home(config.home)
    yield Check(
        "ralph",
        True,
        f"{__version__}, Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores",
    )
    yield _check_home(home)
    yield _check_disk(config.home)
    yield _check_server(config, home)
    yield from _check_parts(home)
    yield from _check_collector(config)
    yield _check_embedded(config, home)
    yield _check_database(config, home)
    yield _check_calendar(home)
    yield Check(
        "clock", datetime.now(UTC).year >= 2026, f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %z}", "set the clock"
    )


def _check_home(home: Home) -> Check:
    try:
        home.create()
    except RalphError as error:
        return Check("home", False, str(home.path), error.message)
    mode = home.path.stat().st_mode & 0o777
    seen = f"{home.path}, mode {mode:o}"
    return Check(
        "home", not mode & 0o077, seen, None if not mode & 0o077 else f"others may look into it: chmod 700 {home.path}"
    )


def _check_calendar(home: Home) -> Check:
    try:
        changed = home.calendar() != PUBLISHED
    except RalphError as error:
        return Check("calendar", False, "calendar.toml cannot be used", error.message)
    return Check("calendar", True, "published, with the changes of calendar.toml" if changed else "published")


def _check_disk(path: Path) -> Check:
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    return Check(
        "disk",
        free >= DISK_FREE_MIN,
        f"{free / 1e9:.1f} GB free",
        "free some space, or set RALPH_HOME to a larger disk",
    )


def _check_server(config: Config, home: Home) -> Check:
    holder = home.holder()
    if holder is not None:
        return Check("server", True, f"held by {holder}")
    with socket.socket() as probe:
        taken = probe.connect_ex((config.host, config.port)) == 0
    seen = f"not running; port {config.port} is {'taken by another program' if taken else 'free'}"
    return Check(
        "server", not taken, seen, f"choose another port with --port; {config.port} is taken" if taken else None
    )


def _check_parts(home: Home) -> Iterator[Check]:
    """What the running server says of its parts: one line when all are well, else one for each that is not."""
    holder = home.holder()
    if holder is None or holder.url is None:
        return
    try:
        with urllib.request.urlopen(f"{holder.url}/health", timeout=ANSWER_S) as answer:  # noqa: S310  # our own server
            report = json.load(answer)
    except (OSError, ValueError) as error:
        mend = "see its log; stop it (Ctrl-C, or kill) and start it again"
        yield Check("health", False, f"{holder.url} does not answer: {error}", mend)
        return
    unwell = {name: part for name, part in report["parts"].items() if not part["ok"]}
    for name, part in unwell.items():
        page = "ops/runbook/alerts.md says what to do"
        yield Check(f"health: {name}", False, part["detail"], page)
    if not unwell:
        yield Check("health", True, f"{report['status']}, {len(report['parts'])} parts are well")


def _check_collector(config: Config) -> Iterator[Check]:
    """Whether the collector of traces and metrics listens, where there is one."""
    endpoint = config.telemetry.otlp_endpoint
    if endpoint is None or not config.telemetry.enabled:
        return
    where = urlsplit(endpoint)
    port = where.port or (443 if where.scheme == "https" else 80)
    try:
        with socket.create_connection((where.hostname or "", port), ANSWER_S):
            yield Check("collector", True, f"{where.hostname}:{port} listens")
    except OSError as error:
        mend = "start it, or change RALPH_TELEMETRY__OTLP_ENDPOINT; Ralph itself does not suffer"
        yield Check("collector", False, f"{where.hostname}:{port}: {error}", mend)


def _check_embedded(config: Config, home: Home) -> Check:
    if config.database_url is not None and config.redis_url is not None:
        return Check("embedded servers", True, "not used: both URLs are set")
    try:
        return Check("embedded servers", True, describe(home))
    except RalphError as error:
        return Check("embedded servers", False, "cannot run here", error.message)


def _check_database(config: Config, home: Home) -> Check:
    if config.database_url is None and home.servers() is None:
        return Check("database", True, "embedded, started by `ralph up`")
    try:
        return Check("database", True, run(_database_version(config)))
    except RalphError as error:
        return Check("database", False, "not usable", error.message)


async def _database_version(config: Config) -> str:
    async with open_database(config, "doctor") as database, database.acquire() as connection:
        version = await connection.fetchval("SHOW server_version")
        size = await connection.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
        storage = await bar_storage(connection)
        return f"PostgreSQL {version}, {size}; bars in {storage.kind}: {storage.detail}"


@click.group("config")
def config_command() -> None:
    """Show the settings."""


@config_command.command("show")
@click.option("--origin", is_flag=True, help="Say where each value comes from.")
@home_option
@json_option
def config_show(origin: bool, home: Path | None, as_json: bool) -> None:
    """Every setting with its value; secrets are hidden."""
    _, found = load({"home": str(home) if home else None}, os.environ)
    if as_json:
        print_json([{"name": each.name, "value": each.shown, "origin": each.origin} for each in found])
        return
    headings = ("setting", "value", "origin") if origin else ("setting", "value")
    print_table(headings, [(each.name, each.shown, each.origin)[: len(headings)] for each in found])


@click.command("migrate")
@click.option("--status", "only_status", is_flag=True, help="Show which migrations are applied.")
@home_option
@json_option
def migrate_command(only_status: bool, home: Path | None, as_json: bool) -> None:
    """Bring the database's schema up to date. Migrations only go forward."""
    states = run(_migration_states(settings(home)))
    if as_json:
        print_json(states)
    elif only_status:
        print_table(("version", "name", "applied"), [(state.version, state.name, state.applied_at) for state in states])
    else:
        click.echo(f"the schema is at version {states[-1].version}", err=True)


async def _migration_states(config: Config) -> list[MigrationStatus]:
    async with open_database(config, "migrate") as database, database.acquire() as connection:
        return await status(connection)
