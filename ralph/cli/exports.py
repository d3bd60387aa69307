"""`ralph export`: what is stored, as a CSV, Parquet or XLSX file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import get_args

import click

from ralph.cli.options import Day, home_option, json_option, open_database, run, settings, workspace_option
from ralph.cli.output import print_json
from ralph.errors import BadFile, BadParameter
from ralph.jobs.exports import ExportFormat, ExportReport, export_file
from ralph.store.exports import ExportKind, ExportOrder, codes_of
from ralph.store.workspaces import default_workspace

FORMATS = get_args(ExportFormat)


@click.command("export")
@click.argument("what", type=click.Choice(get_args(ExportKind)))
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Default: by the ending of --output, else csv.")
@click.option("--symbols", help="Codes separated by commas; default: all.")
@click.option("--from", "since", type=Day(), help="The first day.")
@click.option("--to", "until", type=Day(), help="The last day.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="The file; csv goes to stdout without.")
@workspace_option
@home_option
@json_option
def export_command(  # one parameter an option
    what: ExportKind,
    format_: ExportFormat | None,
    symbols: str | None,
    since: date | None,
    until: date | None,
    output: Path | None,
    workspace: str | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Export bars, flows, symbols, shares, index or market-flows; `ralph import` reads the file again.

    --json prints a report of the file instead of a sentence, and needs --output.
    """
    chosen = format_ or _format_of(output)
    if output is None and (chosen != "csv" or as_json):
        needs = f"--format {chosen}" if chosen != "csv" else "--json"
        raise BadParameter(f"{needs} needs --output FILE: only csv goes to a terminal or pipe", field="output")
    if output is not None and not output.parent.is_dir():
        raise BadFile(f"there is no folder {output.parent}: make it first", field="output")

    async def work(path: Path) -> ExportReport:
        async with open_database(settings(home), "export") as database:
            async with database.acquire() as connection:
                place = workspace or await default_workspace(connection)
            order = ExportOrder(what, place, codes_of(symbols), since or date.min, until or date.max)
            return await export_file(database, order, chosen, path)

    if output is None:
        with tempfile.TemporaryDirectory(prefix="ralph-export-") as folder:
            path = Path(folder) / "export.csv"
            report = run(work(path))
            with path.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    else:
        try:
            report = run(work(output))
        except OSError as error:
            raise BadFile(f"cannot write {output}: {error.strerror or error}", field="output") from None
    if as_json:
        print_json(report)
        return
    marked = " (simulated: invented companies, not real prices)" if report.simulated else ""
    click.echo(f"{report.rows:,} rows of {what} from workspace {report.workspace}{marked}", err=True)


def _format_of(output: Path | None) -> ExportFormat:
    """What the ending of the file says."""
    if output is None:
        return "csv"
    for known in FORMATS:
        if output.suffix.lower() == f".{known}":
            found: ExportFormat = known
            return found
    accepted = ", ".join(f".{known}" for known in FORMATS)
    raise BadParameter(
        f"{output.name!r} does not say its format: end it in one of {accepted}, or give --format",
        field="output",
        accepted=accepted,
    )
