"""`ralph import`: bars, minutes, symbols, shares, flows, indices and corporate actions; reports of past imports."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from ralph.cli.import_jobs import ask_import, goes_as_job, outcomes
from ralph.cli.jobs import show_job
from ralph.cli.options import Day, home_option, json_option, one_of, open_database, run, settings
from ralph.cli.output import ProgressBar, print_json, print_table
from ralph.errors import BadParameter, BadRequest, RalphError
from ralph.jobs.adjustment import follow_imports
from ralph.jobs.imports import FileImport, ImportKind, find_files, told_of, try_file
from ralph.store.imports import ImportReport, find_import, list_imports, load_rejects
from ralph.store.ledger import Job

REJECTS_SHOWN = 10
Told = list[tuple[Path, ImportReport | BadRequest]]
_COUNTS = ("rows_read", "stored", "updated", "unchanged", "flagged", "rejected")


@click.group("import")
def import_command() -> None:
    """Import files; list past imports."""


def _file_options(command: Any) -> Any:
    for option in (
        click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path)),
        click.option("--column", "columns", multiple=True, metavar="FIELD=NAME", help="Use the column NAME for FIELD."),
        click.option("--dry-run", is_flag=True, help="Report what would happen, store nothing."),
        click.option("--detach", is_flag=True, help="Leave it to the running server, and do not wait."),
        click.option("--workspace", default="main", show_default=True, help="Where to store."),
        home_option,
        json_option,
    ):
        command = option(command)
    return command


@import_command.command("bars")
@_file_options
@click.option("--adjusted", is_flag=True, help="Prices are adjusted for splits (the default for files).")
@click.option("--raw", is_flag=True, help="Prices are as traded.")
def import_bars_command(files: tuple[Path, ...], adjusted: bool, raw: bool, **options: Any) -> None:
    """Import daily bars from FILES or folders."""
    _import("bars", files, adjusted=_adjusted(adjusted, raw), **options)


@import_command.command("minutes")
@_file_options
@click.option("--adjusted", is_flag=True, help="Prices are adjusted for splits (the default for files).")
@click.option("--raw", is_flag=True, help="Prices are as traded.")
@click.option(
    "--timezone", default="Asia/Seoul", show_default=True, help="Of times that are written without an offset."
)
def import_minutes_command(files: tuple[Path, ...], adjusted: bool, raw: bool, **options: Any) -> None:
    """Import 1-minute bars, each with the moment it begins, from FILES or folders."""
    _import("minutes", files, adjusted=_adjusted(adjusted, raw), **options)


@import_command.command("symbols")
@_file_options
@click.option("--as-of", type=Day(), help="The day the list speaks of, where it has no dates; default: today.")
def import_symbols_command(files: tuple[Path, ...], **options: Any) -> None:
    """Import names, markets, states and listing dates from FILES or folders. Changes keep the history."""
    _import("symbols", files, adjusted=True, **options)


@import_command.command("shares")
@_file_options
@click.option("--as-of", type=Day(), help="The day of all rows, for files without dates.")
def import_shares_command(files: tuple[Path, ...], **options: Any) -> None:
    """Import listed shares and market caps by date from FILES or folders."""
    _import("shares", files, adjusted=True, **options)


@import_command.command("flows")
@_file_options
def import_flows_command(files: tuple[Path, ...], **options: Any) -> None:
    """Import net buying of foreigners, institutions and individuals, in won or shares, from FILES or folders."""
    _import("flows", files, adjusted=True, **options)


@import_command.command("market-flows")
@_file_options
@click.option("--unit", type=click.Choice(["won", "thousand", "million", "eok"]), help="Of the amounts; default: won.")
def import_market_flows_command(files: tuple[Path, ...], **options: Any) -> None:
    """Import the net buying of each class of investors on whole markets from FILES or folders."""
    _import("market-flows", files, adjusted=True, **options)


@import_command.command("index")
@_file_options
def import_index_command(files: tuple[Path, ...], **options: Any) -> None:
    """Import daily bars of indices (KOSPI, KOSDAQ, ...) from FILES or folders."""
    _import("index", files, adjusted=True, **options)


@import_command.command("actions")
@_file_options
def import_actions_command(files: tuple[Path, ...], **options: Any) -> None:
    """Import splits, bonus issues and the like (symbol, date, kind, ratio) from CSV or Parquet FILES."""
    _import("actions", files, adjusted=False, **options)


@import_command.command("list")
@click.option("--workspace", default="main", show_default=True)
@home_option
@json_option
def import_list_command(workspace: str, home: Path | None, as_json: bool) -> None:
    """Past imports, newest first."""

    async def load() -> list[ImportReport]:
        async with open_database(settings(home), "import") as database, database.acquire() as connection:
            return await list_imports(connection, workspace)

    reports = run(load())
    if as_json:
        print_json(reports)
        return
    rows = [
        (
            each.run_id,
            f"{each.finished_at:%Y-%m-%d %H:%M}",
            each.kind,
            each.file_name,
            *(getattr(each, name) for name in _COUNTS),
        )
        for each in reports
    ]
    print_table(("id", "finished (UTC)", "kind", "file", *_COUNTS), rows, right=tuple(range(4, 10)))


@import_command.command("show")
@click.argument("run_id")
@click.option("--workspace", default="main", show_default=True)
@home_option
@json_option
def import_show_command(run_id: str, workspace: str, home: Path | None, as_json: bool) -> None:
    """One import and the rows it rejected."""

    async def load() -> dict[str, Any]:
        async with open_database(settings(home), "import") as database, database.acquire() as connection:
            report = await find_import(connection, workspace, run_id)
            return {"report": report, "rejects": await load_rejects(connection, run_id, limit=10_000)}

    found = run(load())
    if as_json:
        print_json(found)
        return
    _print_report(found["report"])
    print_table(
        ("line", "field", "value", "reason"),
        [(each.line, each.field, each.value, each.reason) for each in found["rejects"]],
    )


def _adjusted(adjusted: bool, raw: bool) -> bool:
    given = one_of({"adjusted": adjusted, "raw": raw}, "")
    return given != "raw" if given else _ask_adjusted()


def _ask_adjusted() -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    return click.confirm("Are the prices adjusted for splits and bonus issues?", default=True, err=True)


def _import(kind: ImportKind, paths: tuple[Path, ...], *, adjusted: bool, **options: Any) -> None:
    files = find_files(paths)
    order = FileImport(
        files[0],
        kind,
        options["workspace"],
        dict(_pair(text) for text in options["columns"]),
        adjusted,
        options["dry_run"],
        options.get("as_of"),
        options.get("timezone") or "Asia/Seoul",
        options.get("unit"),
    )
    told: Told = []
    try:
        job = run(_import_all(options, files, order, told))
    finally:
        if options["as_json"] and told:
            print_json([told_of(path, outcome) for path, outcome in told])
    if job is not None:
        show_job(job, options["as_json"])
        return
    if len(told) > 1 and not options["as_json"]:
        _print_summary(told)
    reports = [outcome for _, outcome in told if isinstance(outcome, ImportReport)]
    if len(told) == 1 and not reports:
        raise next(outcome for _, outcome in told if isinstance(outcome, BadRequest))
    if all(report.rows_read == report.rejected and report.rows_read for report in reports):
        raise RalphError("no row could be stored; the report says why")


def _print_summary(told: Told) -> None:
    reports = [outcome for _, outcome in told if isinstance(outcome, ImportReport)]
    counts = ", ".join(f"{sum(getattr(report, name) for report in reports):,} {name}" for name in _COUNTS[1:])
    click.echo(f"{len(told):,} files, {len(told) - len(reports):,} of them could not be read: {counts}")


def _pair(text: str) -> tuple[str, str]:
    field, sign, column = text.partition("=")
    if not (field and sign and column):
        raise BadParameter(
            f"--column {text!r} must read FIELD=NAME, like close=adj_close", field="column", accepted="FIELD=NAME"
        )
    return field, column


async def _import_all(options: dict[str, Any], files: Sequence[Path], order: FileImport, told: Told) -> Job | None:
    """One transaction a file: what is reported is stored, whatever happens to the next. A job that nobody waits for."""
    config = settings(options["home"])
    async with open_database(config, "import") as database:
        if goes_as_job(config, files, order, detach=options["detach"]):
            job = await ask_import(database, config, files, order)
            if options["detach"]:
                return job
            for path, outcome in zip(files, await outcomes(database, config, job.id, files), strict=True):
                _tell(told, path, outcome, options, len(files))
            return None
        for path in files:
            with closing(ProgressBar(path.name)) as bar:
                outcome = await try_file(database, replace(order, path=path), bar)
            _tell(told, path, outcome, options, len(files))
        followed = await follow_imports(database, config.adjustment, [outcome for _, outcome in told])
        for at, outcome in enumerate(followed):
            _tell_more(told, at, outcome, options)
    return None


def _tell_more(told: Told, at: int, outcome: ImportReport | BadRequest, options: dict[str, Any]) -> None:
    """The notes that were added once all files were stored."""
    path, before = told[at]
    told[at] = path, outcome
    if isinstance(outcome, ImportReport) and isinstance(before, ImportReport) and not options["as_json"]:
        for note in outcome.notes[len(before.notes) :]:
            click.echo(f"  note: {note}")


def _tell(told: Told, path: Path, outcome: ImportReport | BadRequest, options: dict[str, Any], count: int) -> None:
    told.append((path, outcome))
    if isinstance(outcome, ImportReport):
        if not options["as_json"]:
            _print_report(outcome)
    elif count > 1:
        click.echo(f"ralph: {outcome.message}", err=True)


def _print_report(report: ImportReport) -> None:
    columns = ", ".join(f"{field} ← {column}" for field, column in report.columns.items())
    click.echo(f"{report.file_name} → {report.workspace}{' (dry run, nothing stored)' if report.dry_run else ''}")
    click.echo(f"  columns: {columns}{f' ({report.encoding})' if report.encoding else ''}")
    click.echo("  " + ", ".join(f"{getattr(report, name):,} {name.removeprefix('rows_')}" for name in _COUNTS))
    for note in report.notes:
        click.echo(f"  note: {note}")
    for reject in report.rejects[:REJECTS_SHOWN]:
        click.echo(f"  line {reject.line}: {reject.field} {reject.value!r}: {reject.reason}")
    if report.rejected > REJECTS_SHOWN:
        rest = f"ralph import show {report.run_id}" if report.run_id else "import it to keep the list"
        click.echo(f"  … and {report.rejected - REJECTS_SHOWN:,} more: {rest}")
