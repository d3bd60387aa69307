"""`ralph symbols`: what is listed."""

from __future__ import annotations

from pathlib import Path

import click

from ralph.cli.options import home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import print_json, print_table
from ralph.errors import DataNotFound
from ralph.market.symbol import Listing
from ralph.store.symbols import list_symbols
from ralph.store.workspaces import default_workspace


@click.command("symbols")
@click.argument("text", required=False)
@click.option("--market", help="KOSPI, KOSDAQ, ...")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--after", help="Go on after this code, the last of the page before.")
@workspace_option
@home_option
@json_option
def symbols_command(
    text: str | None,
    market: str | None,
    limit: int,
    after: str | None,
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Symbols whose code begins with TEXT or whose name, English name or old name holds it, best first; initial
    consonants will do (ㅅㅅㅈㅈ). All of them by code without TEXT."""

    async def load() -> list[Listing]:
        async with open_database(settings(home), "symbols") as database, database.acquire() as connection:
            name = workspace or await default_workspace(connection)
            return await list_symbols(connection, name, search=text, market=market, after=after, limit=limit)

    found = run(load())
    if as_json:
        print_json(found)
        return
    if not found:
        raise DataNotFound(
            f"no symbol matches {text!r}" if text else "there are no symbols; import some: ralph import bars FILE",
            field="text",
        )
    rows = [
        (each.symbol, each.name, each.name_en, each.market, each.sector, each.listed_on, each.delisted_on)
        for each in found
    ]
    print_table(("symbol", "name", "English", "market", "sector", "listed", "delisted"), rows)
