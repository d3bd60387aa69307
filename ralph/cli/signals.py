"""`ralph signals ls|show|run|backfill|close|performance`: Signals, their lives, their history and what they earned."""

from __future__ import annotations

from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import click
import msgspec

from ralph.cli.desk import Desk, opened
from ralph.cli.options import Day, home_option, json_option, run, settings, workspace_option
from ralph.cli.output import ProgressBar, number, print_json, print_table
from ralph.cli.served import is_served, through_server
from ralph.jobs.backfills import SIGNALS, SignalsArgs
from ralph.jobs.signalling import Ran, Signalling
from ralph.signals.performance import Performance, Report, Split
from ralph.signals.resizing import check_capital, resized
from ralph.signals.signal import Signal, Transition
from ralph.store.signals import Asked, find_signal, signals_page

SHOWN = 50


def _options(command: Any) -> Any:
    for option in (workspace_option, home_option, json_option):
        command = option(command)
    return command


def _filters(command: Any) -> Any:
    options = (
        click.option("--system", help="Only of this system: vcp, closing_bet, screen:ID..."),
        click.option("--from", "since", type=Day(), help="Armed on this Session or later."),
        click.option("--to", "until", type=Day(), help="Armed on this Session or earlier."),
    )
    for option in reversed(options):
        command = option(command)
    return command


_capital = click.option("--capital", type=float, help="Size them for so many won, not the capital of the settings.")


@click.group("signals")
def signals_command() -> None:
    """Graded signals: who is armed, what was triggered, how it ended."""


@click.command("ls")
@click.option("--state", type=click.Choice(["armed", "triggered", "closed", "expired"]), help="Only in this state.")
@click.option("--grade", type=click.Choice(["S", "A", "B", "C"]), help="Only of this grade.")
@click.option("--symbol", help="Only of this symbol.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=SHOWN, show_default=True, help="At most this many.")
@_capital
@_filters
@_options
def ls_command(
    limit: int, capital: float | None, workspace: str | None, home: Path | None, as_json: bool, **filters: Any
) -> None:
    """Signals, those armed last first."""

    async def load() -> tuple[list[Signal], str | None]:
        async with opened(home, workspace) as desk, desk.database.acquire() as connection:
            return await signals_page(connection, desk.workspace, Asked(**filters), limit)

    found = [_resized(each, capital, home) for each in run(load())[0]]
    if as_json:
        print_json(found)
        return
    rows = [_row(each) for each in found]
    headings = ("id", "armed", "system", "symbol", "name", "grade", "score", "state", "entry", "stop", "target", "net")
    print_table(headings, rows, right=(6, 8, 9, 10, 11))


@click.command("show")
@click.argument("signal_id", metavar="ID")
@_capital
@_options
def show_command(
    signal_id: str, capital: float | None, workspace: str | None, home: Path | None, as_json: bool
) -> None:
    """The signal ID with its reasons and transitions."""

    async def load() -> tuple[Signal, list[Transition]]:
        async with opened(home, workspace) as desk, desk.database.acquire() as connection:
            return await find_signal(connection, desk.workspace, signal_id)

    signal, steps = run(load())
    signal = _resized(signal, capital, home)
    if as_json:
        print_json({"signal": signal, "transitions": steps})
        return
    _print_signal(signal)
    rows = [(step.on, step.state, number(step.price, 0), step.reason) for step in steps]
    print_table(("session", "state", "price", "reason"), rows, right=(2,))


@click.command("run")
@click.option("--as-of", "on", type=Day(), help="The Session; the newest by default.")
@click.option("--system", help="Only this system.")
@_options
def run_command(on: date | None, system: str | None, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Make the signals of a Session, and of those since the last one that was run."""

    _print_ran(run(_made(home, workspace, SignalsArgs(until=on, system=system))), as_json=as_json)


@click.command("backfill")
@click.option("--from", "since", type=Day(), required=True, help="The first Session.")
@click.option("--to", "until", type=Day(), required=True, help="The last Session.")
@click.option("--system", help="Only this system.")
@click.option("--rebuild", is_flag=True, help="Make a history that begins later anew, from the first Session on.")
@_options
def backfill_command(
    since: date,
    until: date,
    system: str | None,
    rebuild: bool,
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Make the signals of a range of Sessions, as of each of them. What is done stays; run it again to go on."""

    asked = SignalsArgs(since=since, until=until, system=system, rebuild=rebuild)
    _print_ran(run(_made(home, workspace, asked)), as_json=as_json)


async def _made(home: Path | None, workspace: str | None, asked: SignalsArgs) -> Ran:
    """By the running server, else here."""
    async with opened(home, workspace) as desk:
        if is_served(settings(home)):
            args = msgspec.structs.replace(asked, workspace=desk.workspace)
            return await through_server(desk.database, SIGNALS, args, Ran)
        signalling = _signalling(desk, home)
        with closing(ProgressBar("signals")) as bar:
            if asked.since is None or asked.until is None:
                return await signalling.run(desk.workspace, asked.until, asked.system, bar)
            span = (asked.since, asked.until)
            return await signalling.backfill(desk.workspace, span, asked.system, bar, rebuild=asked.rebuild)


@click.command("close")
@click.argument("signal_id", metavar="ID")
@click.option("--price", type=float, help="Won; the close of the last Session by default.")
@_options
def close_command(signal_id: str, price: float | None, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Close the signal ID by hand."""

    async def work() -> Signal:
        async with opened(home, workspace) as desk:
            return await _signalling(desk, home).close(desk.workspace, signal_id, price)

    ended = run(work())
    if as_json:
        print_json(ended)
    else:
        _print_signal(ended)


@click.command("performance")
@click.option("--by", type=click.Choice(["grade", "year", "sector", "gate"]), help="Split by this too.")
@click.option("--draws", type=click.IntRange(0, 10_000), default=1_000, show_default=True, help="Random draws.")
@_filters
@_options
def performance_command(
    by: Split | None, draws: int, workspace: str | None, home: Path | None, as_json: bool, **filters: Any
) -> None:
    """What signals earned after costs, beside random entries on the same days."""

    async def work() -> Report:
        async with opened(home, workspace) as desk:
            return await _signalling(desk, home).performance(desk.workspace, Asked(**filters), by, draws)

    report = run(work())
    if as_json:
        print_json(report)
        return
    rows = [(name, *_figures(each)) for name, each in report.groups.items()]
    headings = ("system", "closed", "win %", "mean %", "median %", "R", "profit factor", "random %", "percentile")
    print_table(headings, rows, right=tuple(range(1, len(headings))))


def _resized(signal: Signal, capital: float | None, home: Path | None) -> Signal:
    if capital is None:
        return signal
    check_capital(capital)
    return resized(signal, capital, settings(home).signals)


def _signalling(desk: Desk, home: Path | None) -> Signalling:
    return Signalling(desk.database, desk.markets, desk.screening, desk.kernels, settings(home).signals)


def _print_ran(ran: Ran, *, as_json: bool) -> None:
    if as_json:
        print_json(ran)
        return
    steps = f"{ran.armed} armed, {ran.triggered} triggered, {ran.closed} closed, {ran.expired} expired"
    click.echo(f"{ran.sessions} Sessions played: {steps}")


def _print_signal(signal: Signal) -> None:
    click.echo(f"{signal.symbol} {signal.name or ''} {signal.system} {signal.grade} {signal.state} ({signal.reason})")
    own = signal.levels
    targets = ", ".join(number(target, 0) for target in own.targets)
    click.echo(f"  entry {number(own.entry, 0)}, stop {number(own.stop, 0)}, targets {targets}, {signal.shares} shares")
    for sentence in signal.reasons:
        click.echo(f"  {sentence.en} / {sentence.ko}")
    for part in signal.components:
        given = "-" if part.points is None else number(part.points, 1)
        click.echo(f"  {part.name} {given}/{number(part.maximum, 1)}: {part.en} / {part.ko}")
    if signal.outcome is not None:
        click.echo(f"  {_net(signal)}% after costs, {signal.outcome.r:+.2f} R, {number(signal.outcome.profit, 0)} won")


def _row(each: Signal) -> tuple[Any, ...]:
    about = (each.id, each.armed_on, each.system, each.symbol, each.name, each.grade, number(each.score, 1), each.state)
    return (*about, number(each.levels.entry, 0), number(each.levels.stop, 0), _target(each), _net(each))


def _target(signal: Signal) -> str:
    return number(signal.levels.targets[0], 0) if signal.levels.targets else ""


def _net(signal: Signal) -> str:
    return "" if signal.outcome is None else f"{100 * signal.outcome.net_ratio:+.2f}"


def _figures(each: Performance) -> tuple[str, ...]:
    ratios = (each.win_ratio, each.mean_ratio, each.median_ratio)
    shown = [number(None if ratio is None else 100 * ratio) for ratio in ratios]
    chance = each.chance
    random = ("", "") if chance is None else (number(100 * chance.mean_ratio), number(chance.percentile, 1))
    return (str(each.count), *shown, number(each.expectancy_r), number(each.profit_factor), *random)


for _command in (
    ls_command,
    show_command,
    run_command,
    backfill_command,
    close_command,
    performance_command,
):
    signals_command.add_command(_command)
