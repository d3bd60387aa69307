"""`ralph rating`: what averages and oscillators say of one Symbol."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import msgspec

from ralph.cli.options import Day, home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import print_json, print_table
from ralph.errors import UnknownSymbol
from ralph.indicators.rating import Rating, rate
from ralph.market.columns import BarColumns
from ralph.market.symbol import parse_symbol
from ralph.store.bars import load_bars
from ralph.store.workspaces import default_workspace


class Rated(msgspec.Struct, frozen=True):
    """A Symbol's rating and the day of its newest bar with trade."""

    workspace: str
    symbol: str
    name: str | None
    on: date
    rating: Rating


@click.command("rating")
@click.argument("code")
@click.option("--as-of", type=Day(), help="Nothing after this day is seen; default: the newest bar.")
@click.option("--rules", type=click.Choice(["2024", "2020"]), default="2024", show_default=True)
@workspace_option
@home_option
@json_option
def rating_command(
    code: str, as_of: date | None, rules: str, workspace: str | None, home: Path | None, as_json: bool
) -> None:
    """Rate the symbol CODE: 15 averages and 11 oscillators, -1 strong sell to 1 strong buy."""
    symbol = parse_symbol(code)
    if symbol is None:
        raise UnknownSymbol(f"there is no symbol {code[:40]!r}", field="code", accepted="a code such as 005930")

    async def load() -> tuple[str, BarColumns]:
        async with open_database(settings(home), "rating") as database, database.acquire() as connection:
            name = workspace or await default_workspace(connection)
            return name, await load_bars(connection, name, symbol)

    where, bars = run(load())
    bars = bars.traded(as_of)
    rating = rate(bars.prices(), rules)
    rated = Rated(where, symbol, bars.listings[0].name, bars.day[-1].astype(object), rating)
    if as_json:
        print_json(rated)
        return
    rows = [
        (name, f"{group.value:.3f}", group.label.en, group.label.ko, *vars(group.counts).values())
        for name, group in (("all", rating.all), ("averages", rating.ma), ("oscillators", rating.oscillators))
    ]
    click.echo(f"{symbol} {rated.name or ''} {rated.on} ({where})", err=True)
    print_table(("rating", "value", "label", "등급", "buy", "neutral", "sell"), rows)
