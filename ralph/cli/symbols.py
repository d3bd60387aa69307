"""`ralph symbols`: what is listed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from ralph.cli.options import Day, home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import print_json, print_table
from ralph.errors import DataNotFound
from ralph.market.roster import Roster, listing_on
from ralph.market.symbol import Listing
from ralph.store.symbols import list_symbols
from ralph.store.workspaces import default_workspace


@click.command("symbols")
@click.argument("text", required=False)
@click.option("--market", help="KOSPI, KOSDAQ, ...")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--after", help="Go on after this code, the last of the page before.")
@click.option(
    "--as-of",
    type=Day(),
    help="Names, markets and states of that day; symbols that were not listed then are left out.",
)
@workspace_option
@home_option
@json_option
def symbols_command(
    text: str | None,
    market: str | None,
    limit: int,
    after: str | None,
    as_of: date | None,
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Symbols whose code begins with TEXT or whose name, English name or old name holds it, best first; initial
    consonants will do (ㅅㅅㅈㅈ). All of them by code without TEXT."""

    async def load() -> list[Listing]:
        async with open_database(settings(home), "symbols") as database, database.acquire() as connection:
            name = workspace or await default_workspace(connection)
            found = await list_symbols(connection, name, search=text, market=market, after=after, limit=limit)
        if as_of is None:
            return found
        listed = Roster(found).listed(as_of)
        return [listing_on(each, as_of) for each, is_listed in zip(found, listed, strict=True) if is_listed]

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
        (
            *(each.symbol, each.name, each.name_en, each.market, each.kind, each.sector or each.industry),
            *(each.state, each.listed_on, each.delisted_on),
        )
        for each in found
    ]
    print_table(("symbol", "name", "English", "market", "kind", "sector", "state", "listed", "delisted"), rows)
