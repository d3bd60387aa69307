"""`ralph screen`: ask the market, from the database or from a file; what is kept is in `saved_screens`."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import click
import msgspec

from ralph.cli import saved_screens
from ralph.cli.desk import Desk, opened
from ralph.cli.options import Day, home_option, json_option, run, workspace_option
from ralph.cli.output import number, print_json, print_table
from ralph.errors import BadExpression, BadParameter, NotFound
from ralph.jobs.screening import request_of, screen_named
from ralph.market.panel import Panel
from ralph.screens import Answer, Extra, Match, Request, parse
from ralph.screens import run as run_screen
from ralph.screens.presets import find_preset
from ralph.store.lists import is_list
from ralph.store.screens import SavedScreen, find_screen

EXTRAS = get_args(Extra)
_OVERRIDES = ("as_of", "universe", "limit", "columns", "order", "extras")
WATCH_S = 5.0  # between two looks at the version of the data


class ScreenGroup(click.Group):
    """A group that takes anything but the name of a command for an expression."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("screen", cls=ScreenGroup)
def screen_command() -> None:
    """Which symbols meet a condition: `ralph screen "rsi(14) < 30"`, or the name of a saved screen or preset."""


@click.command("run")
@click.argument("expression", metavar="EXPR|NAME")
@click.option("--as-of", type=Day(), help="A Session; default: the newest.")
@click.option("--file", type=click.Path(path_type=Path), help="Screen a CSV or Parquet file, without any server.")
@click.option("--limit", type=click.IntRange(1), help="Print the best N only.")
@click.option("--universe", help="KOSPI, top:200, sector:NAME, list:NAME, screen:NAME, or symbols with commas between.")
@click.option("--columns", help="More expressions to show, separated by semicolons.")
@click.option("--sort", default="score", help="score, symbol, name, or an expression of a number.")
@click.option(
    "--order", type=click.Choice(["asc", "desc"]), help="The order; default: the largest first, names from A."
)
@click.option("--with", "extras", multiple=True, type=click.Choice(EXTRAS), help="Add a part to the JSON answer.")
@click.option("--watch", is_flag=True, help="Go on, and print what changes when the data does; Ctrl-C ends it.")
@click.option("--every", type=click.FloatRange(0.1, 3600), default=WATCH_S, help="Seconds between looks; with --watch.")
@workspace_option
@home_option
@json_option
def screen_run_command(  # one parameter an option
    expression: str,
    as_of: date | None,
    file: Path | None,
    limit: int | None,
    universe: str | None,
    columns: str | None,
    sort: str,
    order: Literal["asc", "desc"] | None,
    extras: tuple[Extra, ...],
    watch: bool,
    every: float,
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Which symbols meet EXPR, like "rsi(14) < 30 and close > sma(200)", or the saved screen or preset NAME.

    The first run of a saved screen for a Session writes who matched to its log of hits.
    """
    request = Request(
        expression=expression,
        as_of=as_of,
        limit=limit,
        universe=saved_screens.read_universe(universe),
        columns=saved_screens.read_columns(columns),
        sort=sort,
        order=order,
        extras=list(extras),
    )
    if file:
        _show(_ask_file(file, request, watch=watch), as_json=as_json)
    else:
        run(_ask_home(home, workspace, request, every if watch else None, as_json=as_json))


def _ask_file(path: Path, request: Request, *, watch: bool) -> Answer:
    if watch:
        raise BadParameter("a file does not change: --watch is for the database", field="watch")
    if is_list(request.universe) or screen_named(request.universe) is not None:
        raise BadParameter(
            "a file knows no lists and no screens", field="universe", accepted="symbols with commas between them"
        )
    preset = None if _is_expression(request.expression) else find_preset(request.expression)
    if preset is not None:
        request = msgspec.structs.replace(request, expression=preset.expression)
    return run_screen(panel_of_file(path), request)


def panel_of_file(path: Path) -> Panel:
    """A file's bars as a Panel; what is left out is told on standard error."""
    from ralph.brokers.files import read_bars
    from ralph.market.columns import build_panel

    read = read_bars(path)
    if read.rejected:
        first = read.rejects[0]
        where = f"the first at line {first.line}: {first.field} {first.value!r} {first.reason}"
        click.echo(f"{read.rejected} rows of {path.name} left out, {where}", err=True)
    return build_panel(read.columns)


def _is_expression(text: str) -> bool:
    try:
        parse(text)
    except BadExpression:
        return False
    return True


async def _ask_home(
    home: Path | None, workspace: str | None, request: Request, every: float | None, *, as_json: bool
) -> None:
    """Asks, prints, and with `every` goes on for ever."""
    async with opened(home, workspace) as desk:
        request, saved = await _meant(desk, request)
        answer = await _ask(desk, request, saved)
        _show(answer, as_json=as_json, one_line=every is not None)
        while every is not None:
            await asyncio.sleep(every)
            await desk.markets.refresh()
            if desk.panel.data_version != answer.data_version:
                before, answer = answer, await _ask(desk, request, saved)
                _show_changes(before, answer, as_json=as_json)


async def _meant(desk: Desk, request: Request) -> tuple[Request, SavedScreen | None]:
    """The request with the expression of the saved screen or preset that it names, and the saved screen."""
    if _is_expression(request.expression):
        return request, None
    async with desk.database.acquire() as connection:
        try:
            saved = await find_screen(connection, desk.workspace, request.expression)
        except NotFound:
            preset = find_preset(request.expression)
            text = request.expression if preset is None else preset.expression
            return msgspec.structs.replace(request, expression=text), None
    is_own = request.universe is None or request.universe == saved.universe
    given = {name: value for name in _OVERRIDES if (value := getattr(request, name))}
    given |= {} if request.sort == "score" else {"sort": request.sort}
    return request_of(saved, **given), saved if is_own else None


async def _ask(desk: Desk, request: Request, saved: SavedScreen | None) -> Answer:
    if saved is None:
        return (await desk.screening.ask(desk.workspace, request)).read()
    return (await desk.screening.ask_saved(desk.workspace, saved, request, keep=True)).read()


def _show(answer: Answer, *, as_json: bool, one_line: bool = False) -> None:
    if as_json and one_line:
        click.echo(msgspec.json.encode(answer))
    elif as_json:
        print_json(answer)
    else:
        _print(answer)


def _show_changes(before: Answer, answer: Answer, *, as_json: bool) -> None:
    """Who matches now and did not, and who does not any more."""
    old, new = ({match.symbol: match for match in each.matches} for each in (before, answer))
    added = [match for symbol, match in new.items() if symbol not in old]
    removed = [symbol for symbol in old if symbol not in new]
    if as_json:
        place = {"workspace": answer.workspace, "simulated": answer.simulated, "as_of": answer.as_of}
        about = {**place, "data_version": answer.data_version, "total_matches": answer.total_matches}
        click.echo(msgspec.json.encode({**about, "added": added, "removed": removed}))
        return
    for match in added:
        click.echo(f"+ {match.symbol} {match.name or ''} {number(match.score, 1)} {_reasons(match)}")
    for symbol in removed:
        click.echo(f"- {symbol} {old[symbol].name or ''}")
    _print_counts(answer)


def _print(answer: Answer) -> None:
    rows = []
    for match in answer.matches:
        mark = " ⚠" if match.anomaly else ""
        rows.append((match.symbol + mark, match.name, number(match.score, 1), _reasons(match)))
    if rows:
        print_table(("symbol", "name", "score", "why"), rows, right=(2,))
    _print_counts(answer)


def _reasons(match: Match) -> str:
    return " · ".join(reason.en for reason in match.reasons)


def _print_counts(answer: Answer) -> None:
    excluded = ", ".join(f"{count} {reason}" for reason, count in answer.excluded.items() if count)
    simulated = " (simulated)" if answer.simulated else ""
    place = f"as of {answer.as_of} · workspace {answer.workspace}{simulated}"
    counts = f"{answer.total_matches} of {answer.total_scanned} symbols · excluded: {excluded or 'none'}"
    click.echo(f"{counts} · {place} · {answer.timing_ms:.1f} ms", err=True)


for _each in (screen_run_command, *saved_screens.COMMANDS):
    screen_command.add_command(_each)
