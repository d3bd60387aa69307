"""`ralph replay`: a stored Session once more, as if it were live."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from ralph.cli.desk import opened
from ralph.cli.options import Day, home_option, json_option, run, settings, workspace_option
from ralph.cli.output import print_json
from ralph.embedded.home import Home
from ralph.live.feed import SPEED_MAX
from ralph.live.replay import Archive, Replayed, replay
from ralph.tape.events import Event, Scanned, ScreenMoved, SignalMoved


@click.command("replay")
@click.argument("on", type=Day(), metavar="DAY")
@click.option(
    "--speed",
    type=click.FloatRange(0.1, SPEED_MAX),
    default=60.0,
    show_default=True,
    help="How many times as fast as the clock.",
)
@workspace_option
@home_option
@json_option
def replay_command(on: date, speed: float, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Play the Session of DAY once more and print what happens in it.

    A recording is played as it came; without one its minute bars are followed, and without those a path through its
    daily bars, the same each time. --json prints the summary alone.
    """

    async def play() -> Replayed:
        async with opened(home, workspace) as desk:
            config = settings(home)
            calendar, costs = Home(config.home).calendar(), config.signals.costs
            archive = Archive(desk.database, desk.panel, calendar, desk.screening.watched, desk.kernels, costs)
            return await replay(archive, on, speed, _nothing if as_json else _print)

    found = run(play())
    if as_json:
        print_json(found)
        return
    sources = {"recording": "its recording", "minutes": "its minute bars", "daily": "a path through its daily bars"}
    marked = " (simulated)" if found.simulated else ""
    click.echo(
        f"{found.session} of workspace {found.workspace}{marked}, from {sources[found.source]}: "
        f"{found.symbols:,} symbols, {found.ticks:,} ticks, {found.bars:,} minute bars"
    )


def _nothing(event: Event) -> None:
    """Only the summary is asked for."""


def _print(event: Event) -> None:
    match event:
        case Scanned():
            _line(event.at.strftime("%H:%M:%S"), event.symbol, event.name, event.price, event.reasons[0].en)
        case ScreenMoved():
            what = f"{event.event} the screen {event.screen}"
            _line(event.at.strftime("%H:%M:%S"), event.symbol, event.name, event.price, what)
        case SignalMoved():
            signal, step = event.signal, event.steps[-1]
            what = f"{signal.system} {signal.grade}: {event.event} ({step.reason})"
            _line(event.at.strftime("%H:%M:%S"), signal.symbol, signal.name, step.price, what)


def _line(*parts: object) -> None:
    at, symbol, name, price, what = parts
    click.echo(f"{at}  {symbol}  {name or ''}  {price:,.0f}  {what}")
