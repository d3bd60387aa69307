"""/api/v1/imports: past imports, and the upload of a file."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, QueryParameter

from ralph.api.jobs import IdempotencyKey, Prefer, accepted, is_async
from ralph.api.problems import PROBLEMS
from ralph.config import Config
from ralph.errors import BadParameter, TooLarge
from ralph.jobs.adjustment import follow_imports
from ralph.jobs.chores import IMPORT, INBOX, ImportArgs
from ralph.jobs.imports import ENDINGS, FileImport, ImportKind, import_file
from ralph.market.rules import Reject
from ralph.store.database import Database
from ralph.store.imports import ImportReport, find_import, list_imports, load_rejects
from ralph.store.ledger import Job
from ralph.store.markets import Markets
from ralph.telemetry import Metrics

WRITE_BYTES = 1 << 20  # received bytes are written in pieces of this size, in a thread
_COLUMN = re.compile(r"(?P<field>\w+)=(?P<column>.+)")


class ImportPage(msgspec.Struct, frozen=True):
    """Past imports of a workspace, newest first; next is the cursor of the following page."""

    workspace: str
    simulated: bool
    imports: list[ImportReport]
    next: str | None


class ImportDetail(msgspec.Struct, frozen=True):
    """One import and the rows it rejected, in order of line; next is the cursor of the following page of rejects."""

    report: ImportReport
    rejects: list[Reject]
    next: str | None


@get("/", operation_id="listImports", summary="Past imports", tags=["imports"], responses=PROBLEMS)
async def list_page(
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    cursor: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 50,
    workspace: FromQuery[str | None] = None,
) -> ImportPage:
    """Past imports, newest first."""
    panel = markets.panel(workspace)
    async with database.acquire() as connection:
        found = await list_imports(connection, panel.workspace, limit=limit + 1, before=cursor)
    more = found[limit - 1].run_id if len(found) > limit else None
    return ImportPage(panel.workspace, panel.simulated, found[:limit], more)


@get(
    "/{run_id:str}",
    operation_id="getImport",
    summary="One import and its rejected rows",
    tags=["imports"],
    responses=PROBLEMS,
)
async def show(
    run_id: FromPath[str],
    database: NamedDependency[Database],
    markets: NamedDependency[Markets],
    after_line: Annotated[int, QueryParameter(ge=0)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=1_000)] = 100,
    workspace: FromQuery[str | None] = None,
) -> ImportDetail:
    """One import with its rejected rows."""
    async with database.acquire() as connection:
        report = await find_import(connection, markets.panel(workspace).workspace, run_id)
        rejects = await load_rejects(connection, run_id, after_line=after_line, limit=limit + 1)
    more = str(rejects[limit - 1].line) if len(rejects) > limit else None
    return ImportDetail(report, rejects[:limit], more)


@dataclass
class UploadOperation(Operation):
    """Adds the body to the OpenAPI document: the handler reads it as a stream, which Litestar cannot see."""

    def __post_init__(self) -> None:
        schema = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
        content = {"application/octet-stream": OpenAPIMediaType(schema=schema)}
        self.request_body = RequestBody(required=True, description="The file's bytes, as they are.", content=content)


@post(
    "/",
    operation_id="importFile",
    summary="Import a file",
    tags=["imports"],
    status_code=201,
    responses=PROBLEMS,
    request_max_body_size=None,
    operation_class=UploadOperation,
)
async def upload(
    request: Request[Any, Any, Any],
    config: NamedDependency[Config],
    database: NamedDependency[Database],
    metrics: NamedDependency[Metrics],
    uploads: NamedDependency[Path],
    filename: Annotated[
        str,
        QueryParameter(
            max_length=200, description="Its ending says what it is: .csv, .csv.gz, .txt, .parquet or .xlsx."
        ),
    ],
    kind: FromQuery[ImportKind] = "bars",
    workspace: FromQuery[str] = "main",
    adjusted: FromQuery[bool] = True,
    dry_run: FromQuery[bool] = False,
    column: FromQuery[list[str] | None] = None,
    as_of: FromQuery[date | None] = None,
    timezone: FromQuery[str] = "Asia/Seoul",
    unit: FromQuery[str | None] = None,
    prefer: Prefer = None,
    idempotency_key: IdempotencyKey = None,
) -> Response[ImportReport] | Response[Job]:
    """Import the file sent as the body; it is stored whole or not at all. `column=close=adj_close` names a column;
    `as_of` is the day of which a file without dates speaks (symbols: today), `timezone` that of minutes without an
    offset, `unit` that of market-flows (won, thousand, million, eok). With `Prefer: respond-async` the answer is 202
    and a job, once the file is here."""
    overrides = _overrides(column or [])
    async with _saved(request, uploads, filename, config.limits.upload_bytes) as path:
        if is_async(prefer):
            if dry_run:
                raise BadParameter(
                    "a dry run is not a job; leave one of the two out", field="dry_run", accepted="false"
                )
            name = await asyncio.to_thread(_into_inbox, path, config.home / INBOX, idempotency_key)
            args = ImportArgs(name, kind, workspace, overrides, adjusted, as_of, timezone, unit, remove=True)
            async with database.acquire() as connection:
                return await accepted(connection, IMPORT, args, idempotency_key)
        order = FileImport(path, kind, workspace, overrides, adjusted, dry_run, as_of, timezone, unit)
        (report,) = await follow_imports(database, config.adjustment, [await import_file(database, order)])
    for outcome in ("stored", "updated", "unchanged", "rejected"):
        metrics.import_rows.labels(outcome).inc(getattr(report, outcome))
    headers = {"Location": f"/api/v1/imports/{report.run_id}"} if report.run_id else {}
    return Response(report, status_code=201 if report.run_id else 200, headers=headers)


def _into_inbox(path: Path, inbox: Path, key: str | None) -> str:
    """Move an upload to where its job finds it; under a key always to the same place. Its path inside the inbox."""
    place = inbox / (secrets.token_hex(16) if key is None else hashlib.sha256(key.encode()).hexdigest()[:32])
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.move(path, place / path.name)  # the inbox may be a volume of its own, shared with workers
    return f"{place.name}/{path.name}"


def _overrides(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        match = _COLUMN.fullmatch(pair)
        if match is None:
            raise BadParameter(
                f"column {pair[:80]!r} must read FIELD=NAME, like close=adj_close",
                field="column",
                accepted="FIELD=NAME",
            )
        found[match["field"]] = match["column"]
    return found


@asynccontextmanager
async def _saved(request: Request[Any, Any, Any], folder: Path, filename: str, limit: int) -> AsyncIterator[Path]:
    """The body in a file of its own folder, under the name given, removed afterwards."""
    name = Path(filename).name
    if not name.lower().endswith(ENDINGS) or not name.isprintable():
        accepted = ", ".join(ENDINGS)
        raise BadParameter(f"filename {name[:80]!r} must end in one of {accepted}", field="filename", accepted=accepted)
    place = folder / secrets.token_hex(8)
    path = place / name
    try:
        place.mkdir(mode=0o700, parents=True)
        with path.open("xb") as file:
            await _receive(request, file.fileno(), limit)
        yield path
    finally:
        path.unlink(missing_ok=True)
        place.rmdir()


async def _receive(request: Request[Any, Any, Any], descriptor: int, limit: int) -> None:
    received, pending = 0, bytearray()
    async for piece in request.stream():
        received += len(piece)
        if received > limit:
            raise TooLarge(f"the file is larger than {limit} bytes", field="body", accepted=f"{limit} bytes")
        pending += piece
        if len(pending) >= WRITE_BYTES:
            await asyncio.to_thread(os.write, descriptor, bytes(pending))
            pending.clear()
    await asyncio.to_thread(os.write, descriptor, bytes(pending))


router = Router("/imports", route_handlers=[list_page, show, upload])
