"""`ralph screen`: ask the market, from the database or from a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import click
import msgspec

from ralph.cli.options import Day, home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import number, print_json, print_table
from ralph.market.panel import Panel
from ralph.screens import Answer, Request
from ralph.screens import run as run_screen

EXTRAS = ("funnel", "near_misses", "sparkline")


@click.command("screen")
@click.argument("expression")
@click.option("--as-of", type=Day(), help="A Session; default: the newest.")
@click.option("--file", type=click.Path(path_type=Path), help="Screen a CSV or Parquet file, without any server.")
@click.option("--limit", type=click.IntRange(1), help="Print the best N only.")
@click.option("--universe", help="KOSPI, top:200, list:NAME, or symbols separated by commas.")
@click.option("--columns", help="More expressions to show, separated by semicolons.")
@click.option("--with", "extras", multiple=True, type=click.Choice(EXTRAS), help="Add a part to the JSON answer.")
@workspace_option
@home_option
@json_option
def screen_command(  # one parameter an option
    expression: str,
    as_of: date | None,
    file: Path | None,
    limit: int | None,
    universe: str | None,
    columns: str | None,
    extras: tuple[Literal["funnel", "near_misses", "sparkline"], ...],
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Which symbols meet EXPRESSION, like "rsi(14) < 30 and close > sma(200)"."""
    request = Request(
        expression=expression,
        as_of=as_of,
        limit=limit,
        universe=_universe(universe),
        columns=[part.strip() for part in columns.split(";")] if columns else [],
        extras=list(extras),
    )
    if file:
        panel = _panel_of_file(file)
    else:
        panel, request = run(_panel_of_home(home, workspace, request))
    answer = run_screen(panel, request)
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _universe(text: str | None) -> str | list[str] | None:
    if text is None or "," not in text:
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _panel_of_file(path: Path) -> Panel:
    from ralph.brokers.files import read_bars
    from ralph.market.columns import build_panel

    read = read_bars(path)
    if read.rejected:
        first = read.rejects[0]
        where = f"the first at line {first.line}: {first.field} {first.value!r} {first.reason}"
        click.echo(f"{read.rejected} rows of {path.name} left out, {where}", err=True)
    return build_panel(read.columns)


async def _panel_of_home(home: Path | None, workspace: str | None, request: Request) -> tuple[Panel, Request]:
    """The Panel, and the request with the Symbols of a list that it names."""
    from ralph.store.lists import is_list, named_universe
    from ralph.store.markets import Markets
    from ralph.store.panels import PanelStore

    config = settings(home)
    async with open_database(config, "screen") as database:
        markets = Markets(database, PanelStore(config.home / "panel"))
        await markets.refresh()
        panel = markets.panel(workspace)
        if is_list(request.universe):
            async with database.acquire() as connection:
                universe = await named_universe(connection, panel.workspace, request.universe, panel.columns)
            request = msgspec.structs.replace(request, universe=universe)
        return panel, request


def _print(answer: Answer) -> None:
    rows = []
    for match in answer.matches:
        mark = " ⚠" if match.anomaly else ""
        reasons = " · ".join(reason.en for reason in match.reasons)
        rows.append((match.symbol + mark, match.name, number(match.score, 1), reasons))
    if rows:
        print_table(("symbol", "name", "score", "why"), rows, right=(2,))
    excluded = ", ".join(f"{count} {reason}" for reason, count in answer.excluded.items() if count)
    simulated = " (simulated)" if answer.simulated else ""
    place = f"as of {answer.as_of} · workspace {answer.workspace}{simulated}"
    counts = f"{answer.total_matches} of {answer.total_scanned} symbols · excluded: {excluded or 'none'}"
    click.echo(f"{counts} · {place} · {answer.timing_ms:.1f} ms", err=True)
