"""`ralph retention`: what is older than its limit, and its removal."""

from __future__ import annotations

from pathlib import Path

import click

from ralph.cli.options import home_option, json_option, open_database, run, settings
from ralph.cli.output import number, print_json, print_table
from ralph.config import Config
from ralph.store.retention import Removal, plan_removal, remove_bars, remove_expired


@click.command("retention")
@click.option("--apply", "is_applied", is_flag=True, help="Remove it.")
@click.option("--confirm-bars", type=click.IntRange(0), metavar="COUNT", help="Remove that many daily bars too.")
@home_option
@json_option
def retention_command(is_applied: bool, confirm_bars: int | None, home: Path | None, as_json: bool) -> None:
    """Show what is older than its limit and would be removed; `--apply` removes it.

    Daily bars are kept for ever unless RALPH_RETENTION__BARS_YEARS is set, and go only with --apply --confirm-bars and
    their count as shown. All workspaces are meant.
    """
    if confirm_bars is not None and not is_applied:
        raise click.UsageError("--confirm-bars needs --apply")
    found = run(_remove(settings(home), confirm_bars) if is_applied else _plan(settings(home)))
    if as_json:
        print_json({"applied": is_applied, "removals": found})
        return
    print_table(
        ("table", "limit", "stays from", "rows", "oldest", "newest"),
        [
            (each.table, each.setting, each.before or "for ever", number(each.rows, 0), each.oldest, each.newest)
            for each in found
        ],
        right=(3,),
    )
    if not is_applied:
        click.echo("nothing was removed; --apply does it", err=True)


async def _plan(config: Config) -> list[Removal]:
    async with open_database(config, "retention") as database, database.acquire() as connection:
        return await plan_removal(connection, config.retention)


async def _remove(config: Config, confirm_bars: int | None) -> list[Removal]:
    async with open_database(config, "retention") as database, database.acquire() as connection:
        bars = [] if confirm_bars is None else [await remove_bars(connection, config.retention, confirm_bars)]
        return [*bars, *await remove_expired(connection, config.retention)]
