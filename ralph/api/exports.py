"""/api/v1/exports: what is stored, as a CSV, Parquet or XLSX file."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Annotated, BinaryIO

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from ralph.api.problems import PROBLEMS
from ralph.jobs.exports import MEDIA_TYPES, ExportFormat, export_file
from ralph.store.database import Database
from ralph.store.exports import ExportKind, ExportOrder, codes_of
from ralph.store.markets import Markets

PIECE_BYTES = 1 << 18  # read in a thread and sent at a time


@get(
    "/{what:str}",
    operation_id="exportFile",
    summary="Export a file",
    tags=["exports"],
    responses=PROBLEMS,
    media_type="application/octet-stream",
)
async def export(
    what: FromPath[ExportKind],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    uploads: NamedDependency[Path],
    format: FromQuery[ExportFormat] = "csv",  # noqa: A002
    symbols: Annotated[str | None, QueryParameter(description="Codes separated by commas; all when left out.")] = None,
    since: Annotated[date | None, QueryParameter(query="from", description="The first day.")] = None,
    until: Annotated[date | None, QueryParameter(query="to", description="The last day.")] = None,
    workspace: FromQuery[str | None] = None,
) -> Stream:
    """All rows of bars, flows, symbols, shares, index or market-flows, by code and day. The file is made first and then
    sent, so that an answer that begins is whole and a slow reader holds no connection to the database."""
    place = markets.panel(workspace).workspace
    order = ExportOrder(what, place, codes_of(symbols), since or date.min, until or date.max)
    folder = Path(await asyncio.to_thread(_make_folder, uploads))
    path = folder / "export"
    try:
        report = await export_file(database, order, format, path)
        file = await asyncio.to_thread(path.open, "rb")
    finally:
        _remove(folder, path)  # whoever has the file open reads on, and nothing is left behind
    headers = {
        "Content-Disposition": f'attachment; filename="{report.file_name}"',
        "Content-Length": str(file.seek(0, 2)),
        "X-Ralph-Workspace": report.workspace,
        "X-Ralph-Simulated": "true" if report.simulated else "false",
        "X-Ralph-Rows": str(report.rows),
    }
    return Stream(_pieces(file), headers=headers, media_type=MEDIA_TYPES[format])


def _make_folder(uploads: Path) -> str:
    uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.mkdtemp(prefix="export-", dir=uploads)


def _remove(folder: Path, path: Path) -> None:
    path.unlink(missing_ok=True)
    folder.rmdir()


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece


router = Router("/exports", route_handlers=[export])
