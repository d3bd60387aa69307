"""Exporting what is stored to a file: read in blocks from one snapshot, written in a thread, whole or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from ralph.store.database import Database
from ralph.store.exports import ExportOrder, read_export

ExportFormat: TypeAlias = Literal["csv", "parquet", "xlsx"]

MEDIA_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True)
class ExportReport:
    """What a file holds; file_name is what it should be called: a simulated market says so there."""

    workspace: str
    simulated: bool
    what: str
    format: ExportFormat
    rows: int
    file_name: str


async def export_file(database: Database, order: ExportOrder, format: ExportFormat, path: Path) -> ExportReport:  # noqa: A002
    """Writes what the order asks for to `path`, whose folder exists; a file there is replaced at the end, in one step.

    Raises what `read_export` raises, TooLarge where the rows do not fit in the format, and OSError where the file
    cannot be written.
    """
    from ralph.brokers.files.writing import TableWriter

    draft = path.with_name(f".{path.name}.part")
    try:
        async with database.acquire() as connection, read_export(connection, order) as found:
            properties = {
                "ralph:workspace": found.workspace,
                "ralph:simulated": "true" if found.simulated else "false",
                "ralph:what": found.what,
            }
            writer = await asyncio.to_thread(TableWriter, draft, format, found.what, properties, found.rows)
            try:
                async for block in found.blocks:
                    await asyncio.to_thread(writer.write, block)
            except BaseException:
                writer.close(False)
                raise
            await asyncio.to_thread(writer.close, True)
        await asyncio.to_thread(draft.replace, path)
    finally:
        draft.unlink(missing_ok=True)
    marked = f"{found.workspace}-simulated" if found.simulated else found.workspace
    return ExportReport(
        found.workspace, found.simulated, found.what, format, found.rows, f"ralph-{marked}-{found.what}.{format}"
    )
