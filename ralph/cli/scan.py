"""`ralph scan` and `ralph gate`: charts in position, and the market as a whole."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import msgspec

from ralph import scanners, screens
from ralph.cli.desk import Desk, opened
from ralph.cli.options import Day, home_option, json_option, run, settings, workspace_option
from ralph.cli.output import number, print_json, print_table
from ralph.cli.saved_screens import read_universe
from ralph.cli.screen import panel_of_file
from ralph.embedded.home import Home
from ralph.errors import BadParameter
from ralph.jobs import minute_scanning
from ralph.jobs.scanning import Scanning, ScanRequest
from ralph.jobs.screening import screen_named
from ralph.scanners.around import Around
from ralph.scanners.breadth import Breadth
from ralph.scanners.cards import card
from ralph.scanners.running import Asked, ScanAnswer, UniverseFilter
from ralph.scanners.running import run as run_scan
from ralph.scanners.weather import BreadthAnswer, GateAnswer
from ralph.store.lists import is_list

PARAMS_SHOWN = 3  # in the table; --json has all with their ranges


class ScanGroup(click.Group):
    """A group that takes anything but the name of a command for a scanner."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("scan", cls=ScanGroup)
def scan_command() -> None:
    """Find charts in position: `ralph scan vcp`; `ralph scan ls` lists the scanners."""


@click.command("run")
@click.argument("name")
@click.option("--as-of", type=Day(), help="A Session; default: the newest.")
@click.option("--at", metavar="HH:MM", help="A time of the Session: its stored minute bars until then.")
@click.option("--file", type=click.Path(path_type=Path), help="Scan a CSV or Parquet file, without any server.")
@click.option("--universe", help="KOSPI, top:200, sector:NAME, list:NAME, screen:NAME, or symbols with commas between.")
@click.option(
    "--universe-filter",
    type=click.Choice(["default", "none"]),
    default="default",
    show_default=True,
    help="default: common shares that move 1.5 % and trade a billion won a day.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=NUMBER", help="Another number for the scanner.")
@click.option("--limit", type=click.IntRange(1), help="Print the best N only.")
@workspace_option
@home_option
@json_option
def scan_run_command(
    name: str,
    as_of: date | None,
    at: str | None,
    file: Path | None,
    universe: str | None,
    universe_filter: UniverseFilter,
    params: tuple[str, ...],
    limit: int | None,
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Which symbols the scanner NAME finds, best score first."""
    request = ScanRequest(
        as_of=as_of,
        at=at,
        universe=read_universe(universe),
        universe_filter=universe_filter,
        params=dict(_param(text) for text in params),
        limit=limit,
    )
    if at is not None or minute_scanning.only_minutes(name):
        if file is not None:
            raise BadParameter("a file has no minutes", field="at" if at else "name", accepted="scans of daily bars")
        minute_scanning.bind(name, request.params)
    else:
        scanners.find(name).bind(request.params)  # says what is wrong before a server is started
    answer = _scan_file(file, name, request) if file else run(_scan_home(home, workspace, name, request))
    if as_json:
        print_json(answer)
    else:
        _print(answer)


def _param(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name.strip(), float(value)
    except ValueError:
        raise BadParameter(
            f"{text!r} is no parameter; write NAME=NUMBER, like near=0.97", field="param", accepted="NAME=NUMBER"
        ) from None


def _scan_file(path: Path, name: str, request: ScanRequest) -> ScanAnswer:
    if is_list(request.universe) or screen_named(request.universe) is not None:
        raise BadParameter(
            "a file knows no lists and no screens", field="universe", accepted="symbols with commas between them"
        )
    view = panel_of_file(path).as_of(request.as_of)
    asked = Asked(screens.members(view, request.universe), request.universe_filter, request.params, request.limit)
    return run_scan(Around(view, is_ranked=False), scanners.find(name), asked)


async def _scan_home(home: Path | None, workspace: str | None, name: str, request: ScanRequest) -> ScanAnswer:
    async with opened(home, workspace) as desk:
        scanning = _scanning(desk, home)
        body = (await scanning.scan(desk.workspace, name, request)).body
    return msgspec.json.decode(body, type=ScanAnswer)


def _scanning(desk: Desk, home: Path | None) -> Scanning:
    calendar = Home(settings(home).home).calendar()
    return Scanning(desk.database, desk.markets, desk.screening, desk.kernels, calendar)


def _print(answer: ScanAnswer) -> None:
    rows = []
    for setup in answer.matches:
        why = setup.footprint or " · ".join(each.en for each in setup.components if each.points)
        place = (number(setup.score, 1), number(setup.pivot), number(setup.stop))
        rows.append((setup.symbol, setup.name, setup.state, *place, why))
    if rows:
        print_table(("symbol", "name", "state", "score", "pivot", "stop", "why"), rows, right=(3, 4, 5))
    excluded = ", ".join(f"{count} {reason}" for reason, count in answer.excluded.items() if count)
    chance = "" if answer.chance_rate is None else f" · by chance alone {100 * answer.chance_rate:.1f}%"
    counts = f"{answer.total_matches} of {answer.total_scanned} symbols{chance} · excluded: {excluded or 'none'}"
    simulated = " (simulated)" if answer.simulated else ""
    day = f"{answer.as_of}" if answer.at is None else f"{answer.at:%Y-%m-%d %H:%M}"
    place_of = f"as of {day} · workspace {answer.workspace}{simulated}"
    click.echo(f"{counts} · {place_of} · {answer.timing_ms:.1f} ms", err=True)


@click.command("ls")
@json_option
def scan_ls_command(as_json: bool) -> None:
    """The scanners, with the numbers that may be chosen."""
    every = [*(card(each) for each in scanners.load().values()), *minute_scanning.minute_cards()]
    cards = sorted(every, key=lambda each: each.name)
    if as_json:
        print_json(cards)
        return
    rows = []
    for each in cards:
        params = [f"{param.name}={param.default:g}" for param in each.params]
        more = ", …" if len(params) > PARAMS_SHOWN else ""
        rows.append((each.name, each.en, each.ko, ", ".join(params[:PARAMS_SHOWN]) + more))
    print_table(("scanner", "what it finds", "설명", "parameters"), rows)


scan_command.add_command(scan_run_command)
scan_command.add_command(scan_ls_command)


@click.command("gate")
@click.option("--as-of", type=Day(), help="A Session; default: the newest.")
@workspace_option
@home_option
@json_option
def gate_command(as_of: date | None, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Whether the market as a whole invites buying, and its breadth."""
    gate, breadth = run(_gate(home, workspace, as_of))
    if as_json:
        print_json({**msgspec.to_builtins(gate), "breadth": breadth.markets})
        return
    simulated = " (simulated)" if gate.simulated else ""
    click.echo(f"{gate.state.upper()} {number(gate.score, 0)} · as of {gate.as_of} · {gate.workspace}{simulated}")
    print_table(
        ("component", "points", "of", "why", "설명"),
        [(each.name, number(each.points, 1), number(each.maximum, 0), each.en, each.ko) for each in gate.components],
        right=(1, 2),
    )
    columns = ("market", *Breadth.__struct_fields__)
    rows = [(name, *(number(value) for value in msgspec.structs.astuple(one))) for name, one in breadth.markets.items()]
    print_table(columns, rows, right=tuple(range(1, len(columns))))


async def _gate(home: Path | None, workspace: str | None, as_of: date | None) -> tuple[GateAnswer, BreadthAnswer]:
    async with opened(home, workspace) as desk:
        scanning = _scanning(desk, home)
        gate = (await scanning.gate(desk.workspace, as_of)).body
        breadth = (await scanning.breadth(desk.workspace, as_of)).body
    return msgspec.json.decode(gate, type=GateAnswer), msgspec.json.decode(breadth, type=BreadthAnswer)
