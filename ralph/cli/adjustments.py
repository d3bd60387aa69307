"""`ralph adjustments`: splits, bonus issues and the like: find them, look at them, confirm or reject them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from ralph.cli.options import home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import number, print_json, print_table
from ralph.cli.served import is_served, through_server
from ralph.errors import BadParameter, DataNotFound
from ralph.jobs.adjustment import ShownAction, find_proposals, show_action
from ralph.jobs.chores import ADJUSTMENTS, WorkspaceArgs
from ralph.store.actions import Findings, State, StoredAction, Verdict, certain_actions, decide, list_actions
from ralph.store.workspaces import default_workspace


@click.group("adjustments")
def adjustments_command() -> None:
    """Splits, bonus issues and the like, which adjust raw prices once they are confirmed."""


@adjustments_command.command("ls")
@click.option("--state", type=click.Choice(get_args(State)), help="Only these.")
@click.option("--symbol", help="Only of this code.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True)
@click.option("--before", help="Go on after this id, the last of the page before.")
@workspace_option
@home_option
@json_option
def list_command(symbol: str | None, workspace: str | None, home: Path | None, as_json: bool, **page: Any) -> None:
    """List adjustments, the newest first."""

    async def load() -> list[StoredAction]:
        async with open_database(settings(home), "adjustments") as database, database.acquire() as connection:
            name = workspace or await default_workspace(connection)
            wanted = symbol.upper() if symbol else None
            return await list_actions(connection, name, symbol=wanted, **page)

    found = run(load())
    if as_json:
        print_json(found)
        return
    if not found:
        raise DataNotFound(
            "there are no such adjustments; `ralph adjustments propose` looks for some, `ralph import actions FILE` "
            "reads a file",
            field="state",
        )
    _print_actions(found)


@adjustments_command.command("propose")
@workspace_option
@home_option
@json_option
def propose_command(workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Look for unadjusted splits in raw prices, base prices and listed shares. With adjustment.auto set, those on which
    two sources agree are confirmed at once."""

    async def find() -> Findings:
        config = settings(home)
        async with open_database(config, "adjustments") as database:
            async with database.acquire() as connection:
                name = workspace or await default_workspace(connection)
            if is_served(config):
                return await through_server(database, ADJUSTMENTS, WorkspaceArgs(name), Findings)
            return await find_proposals(database, name, auto=config.adjustment.auto)

    found = run(find())
    if as_json:
        print_json(found)
        return
    click.echo(
        f"{found.workspace}: {found.proposed:,} proposed ({found.added:,} new), {found.confirmed:,} confirmed at once, "
        f"{found.withdrawn:,} withdrawn; ralph adjustments ls --state proposed"
    )


@adjustments_command.command("show")
@click.argument("action_id", metavar="ID")
@workspace_option
@home_option
@json_option
def show_command(action_id: str, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Show one adjustment with its evidence and the bars before and after."""

    async def load() -> ShownAction:
        async with open_database(settings(home), "adjustments") as database:
            async with database.acquire() as connection:
                name = workspace or await default_workspace(connection)
            return await show_action(database, name, action_id)

    found = run(load())
    if as_json:
        print_json(found)
        return
    _print_shown(found)


def _decision(command: Any) -> Any:
    for option in (click.argument("ids", metavar="ID...", nargs=-1), workspace_option, home_option, json_option):
        command = option(command)
    return command


@adjustments_command.command("confirm")
@_decision
@click.option("--all-certain", is_flag=True, help="All proposals on which two sources agree.")
def confirm_command(
    ids: tuple[str, ...], all_certain: bool, workspace: str | None, home: Path | None, as_json: bool
) -> None:
    """Confirm adjustments: raw prices before their days are adjusted from now on."""
    if bool(ids) == all_certain:
        raise BadParameter("give ids, or --all-certain", field="ids", accepted="ID..., or --all-certain")
    _decide(None if all_certain else ids, "confirmed", workspace, home, as_json)


@adjustments_command.command("reject")
@_decision
def reject_command(ids: tuple[str, ...], workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Reject adjustments: they are not proposed again."""
    if not ids:
        raise BadParameter("give at least one id", field="ids", accepted="ID...")
    _decide(ids, "rejected", workspace, home, as_json)


def _decide(
    ids: tuple[str, ...] | None, verdict: Verdict, workspace: str | None, home: Path | None, as_json: bool
) -> None:
    async def work() -> list[ShownAction]:
        async with open_database(settings(home), "adjustments") as database:
            async with database.acquire() as connection:
                name = workspace or await default_workspace(connection)
                chosen = await certain_actions(connection, name) if ids is None else list(dict.fromkeys(ids))
                decided = await decide(connection, name, chosen, verdict)
            return [await show_action(database, name, each.id) for each in decided]

    shown = run(work())
    if as_json:
        print_json(shown)
        return
    click.echo(f"{len(shown):,} {verdict}")
    for each in shown:
        _print_shown(each)


def _print_actions(found: list[StoredAction]) -> None:
    rows = [
        (each.id, each.symbol, each.name, each.on, each.kind, number(each.ratio, 6), each.state, each.origin,
         f"{each.confidence:.2f}", ", ".join(each.evidence.get("agree", ())))
        for each in found
    ]  # fmt: skip
    headings = ("id", "symbol", "name", "from", "kind", "ratio", "state", "origin", "confidence", "sources")
    print_table(headings, rows, right=(5, 8))


def _print_shown(shown: ShownAction) -> None:
    _print_actions([shown.adjustment])
    for name, value in shown.adjustment.evidence.items():
        if value is not None:
            click.echo(f"  {name}: {', '.join(value) if isinstance(value, list) else value}")
    rows = [
        (bar.on, number(bar.close), number(bar.volume, 0), number(bar.adjusted_close), number(bar.adjusted_volume, 0),
         "" if bar.is_raw else "adjusted by its source")
        for bar in shown.bars
    ]  # fmt: skip
    headings = ("session", "close as stored", "volume as stored", "close adjusted", "volume adjusted", "")
    print_table(headings, rows, right=(1, 2, 3, 4))
