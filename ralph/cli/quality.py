"""`ralph quality`: what is wrong with the bars of a workspace or of a file, past runs, and the holes of a Symbol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ralph.cli.options import home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import number, print_json, print_table
from ralph.cli.served import is_served, through_server
from ralph.config import Config
from ralph.embedded.home import Home
from ralph.errors import UnknownSymbol
from ralph.jobs.chores import QUALITY, WorkspaceArgs
from ralph.jobs.quality import examine_file, load_holes, run_quality
from ralph.market.quality import KINDS, SEVERITIES, Finding
from ralph.market.symbol import Symbol, parse_symbol
from ralph.store.markets import Markets
from ralph.store.panels import PanelStore
from ralph.store.quality_runs import FINDINGS_KEPT_MAX, QualityRun, Wanted, list_findings, list_runs
from ralph.store.symbols import find_symbol
from ralph.store.workspaces import default_workspace

FINDINGS_SHOWN = 50


def _run_options(command: Any) -> Any:
    for option in (
        click.option("--symbol", metavar="CODE", help="Only the findings of this symbol."),
        click.option("--kind", type=click.Choice(KINDS), help="Only findings of this kind."),
        click.option("--severity", type=click.Choice(SEVERITIES), help="Only findings of this severity."),
        click.option("--limit", type=click.IntRange(1), help=f"Print this many; default: {FINDINGS_SHOWN}, JSON all."),
        click.option("--file", type=click.Path(path_type=Path), help="A CSV or Parquet file, without any server."),
        workspace_option,
        home_option,
        json_option,
    ):
        command = option(command)
    return command


@click.group("quality", invoke_without_command=True)
@_run_options
@click.pass_context
def quality_command(context: click.Context, /, **options: Any) -> None:
    """Look at all bars and say what is wrong with them: holes, copies, jumps, splits, wrong scales, missing coverage.

    Alone it does what `ralph quality run` does. What is found is stored as a report; --file stores nothing.
    """
    if context.invoked_subcommand is None:
        _run(**options)
    elif any(value for value in options.values()):
        raise click.UsageError(f"put the options after {context.invoked_subcommand}")


@quality_command.command("run")
@_run_options
def quality_run_command(**options: Any) -> None:
    """Look at all bars and store a report."""
    _run(**options)


def _run(*, file: Path | None, workspace: str | None, home: Path | None, as_json: bool, **asked: Any) -> None:
    wanted = Wanted(_symbol(asked["symbol"]), asked["kind"], asked["severity"])
    limit = asked["limit"] or (FINDINGS_KEPT_MAX if as_json else FINDINGS_SHOWN)
    if file is not None:
        _run_file(file, settings(home), wanted, limit, as_json)
        return
    report, findings, more = run(_run_home(settings(home), workspace, wanted, limit))
    if as_json:
        about = {"workspace": report.workspace, "simulated": report.simulated}
        print_json({**about, "run": report, "findings": findings, "truncated": more})
        return
    _print_findings(findings)
    where = f"workspace {report.workspace}{' (simulated)' if report.simulated else ''}, run {report.run_id}"
    _print_counts(report.counts, report.bars, report.symbols, report.took_ms, where)
    if more:
        click.echo(f"the worst {len(findings)} are shown; --limit, --kind and --symbol show others", err=True)


async def _run_home(
    config: Config, workspace: str | None, wanted: Wanted, limit: int
) -> tuple[QualityRun, list[Finding], bool]:
    async with open_database(config, "quality") as database:
        async with database.acquire() as connection:
            name = workspace or await default_workspace(connection)
            if wanted.symbol is not None:
                await find_symbol(connection, name, wanted.symbol)
        if is_served(config):
            report = await through_server(database, QUALITY, WorkspaceArgs(name), QualityRun)
        else:
            report = await run_quality(database, name, Home(config.home).calendar(), config.quality)
        async with database.acquire() as connection:
            found, following = await list_findings(connection, report, wanted, limit=limit)
        return report, found, following is not None


def _run_file(path: Path, config: Config, wanted: Wanted, limit: int, as_json: bool) -> None:
    read, examined = examine_file(path, {}, Home(config.home).calendar(), config.quality)
    if wanted.symbol is not None and wanted.symbol not in {each.symbol for each in read.columns.listings}:
        raise UnknownSymbol(f"no bars of {wanted.symbol} in {path.name}", field="symbol")
    chosen = [each for each in examined.findings if wanted.admits(each)]
    counts = {name: count for name, count in examined.counts.items() if count}
    if as_json:
        print_json(
            {
                "workspace": "file",
                "simulated": False,
                "file": path.name,
                "rows_read": read.rows_read,
                "duplicates": read.duplicates,
                "rejected": read.rejected,
                "rejects": read.rejects,
                "run": {
                    "bars": examined.bars,
                    "symbols": examined.symbols,
                    "sessions": len(examined.coverages),
                    "is_exchange": examined.is_exchange,
                    "counts": counts,
                    "worst": examined.symbols_by_worst,
                    "findings": len(examined.findings),
                    "took_ms": examined.took_ms,
                },
                "findings": chosen[:limit],
                "truncated": len(chosen) > limit,
            }
        )
        return
    _print_findings(chosen[:limit])
    left_out = f", {read.rejected} rows rejected, {read.duplicates} repeated" if read.rejected + read.duplicates else ""
    _print_counts(counts, examined.bars, examined.symbols, examined.took_ms, f"{path.name}{left_out}")
    if len(chosen) > limit:
        click.echo(f"the worst {limit} of {len(chosen)} are shown; --limit shows more", err=True)


def _print_findings(findings: list[Finding]) -> None:
    rows = [
        (each.severity, each.kind, each.symbol or "(market)", each.first_on, each.last_on, each.en) for each in findings
    ]
    print_table(("severity", "kind", "symbol", "from", "to", "what"), rows)


def _print_counts(counts: Any, bars: int, symbols: int, took_ms: float, where: str) -> None:
    shown = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "nothing found"
    click.echo(f"{shown} · {bars} bars of {symbols} symbols · {where} · {took_ms:.0f} ms", err=True)


@quality_command.command("ls")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@workspace_option
@home_option
@json_option
def quality_ls_command(limit: int, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """Past runs, the newest first."""

    async def load() -> list[QualityRun]:
        async with open_database(settings(home), "quality") as database, database.acquire() as connection:
            return await list_runs(connection, workspace or await default_workspace(connection), limit=limit)

    found = run(load())
    if as_json:
        print_json(found)
        return
    rows = [
        (each.run_id, each.workspace, f"{each.started_at:%Y-%m-%d %H:%M}", each.data_version, each.bars, each.findings)
        for each in found
    ]
    print_table(("run", "workspace", "at (UTC)", "version", "bars", "findings"), rows, right=(4, 5))


@quality_command.command("holes")
@click.option("--symbol", required=True, metavar="CODE", help="The symbol.")
@workspace_option
@home_option
@json_option
def quality_holes_command(symbol: str, workspace: str | None, home: Path | None, as_json: bool) -> None:
    """The Sessions on which a symbol has no bar (X) or no trade (h), by month; · is a bar."""
    code = _symbol(symbol)
    assert code is not None

    async def load() -> Any:
        config = settings(home)
        async with open_database(config, "quality") as database:
            markets = Markets(database, PanelStore(config.home / "panel"))
            await markets.refresh()
            async with database.acquire() as connection:
                return await load_holes(connection, markets.panel(workspace), code, Home(config.home).calendar())

    found = run(load())
    if as_json:
        print_json(found)
        return
    print_table(("month", "Sessions"), [(each.month, each.signs) for each in found.months])
    span = f"{found.first_on} to {found.last_on}" if found.first_on else "no bars"
    counts = f"{number(found.bars, 0)} bars, {found.halted} without trade, {found.missing} Sessions missing"
    click.echo(f"{found.symbol}: {counts} · {span}", err=True)


def _symbol(text: str | None) -> Symbol | None:
    if text is None:
        return None
    symbol = parse_symbol(text)
    if symbol is None:
        raise UnknownSymbol(f"there is no symbol {text[:40]!r}", field="symbol", accepted="a code such as 005930")
    return symbol
