"""The watched folder: files that somebody delivers there are imported by the schedule, and put aside.

inbox/daily/KIND/          new files of a kind of import; bars-raw holds bars as traded
inbox/daily/KIND/done/     what was imported; inbox/daily/KIND/refused/ what could not be read
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import asyncpg
import msgspec

from ralph.errors import NotReady
from ralph.jobs.adjustment import find_proposals
from ralph.jobs.chores import INBOX
from ralph.jobs.imports import ENDINGS, FileImport, ImportKind, try_file
from ralph.jobs.kind import JobContext, JobKind
from ralph.store.database import Database
from ralph.store.imports import ImportReport

DAILY = "daily"
DONE, REFUSED = "done", "refused"
STILL_S = 2.0  # a file that changed more recently is still being written
STILL_WITHIN_S = 60.0

FolderName = Literal[
    "symbols", "actions", "shares", "bars", "bars-raw", "minutes", "minutes-raw", "index", "flows", "market-flows"
]
FOLDERS: tuple[FolderName, ...] = get_args(FolderName)
"""In the order in which they are imported."""

_RAW = "-raw"
_TELLING = ("bars-raw", "shares")  # of splits nobody told of


class DeliveriesArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which folders are looked into; none named: all."""

    workspace: str = "main"
    folders: tuple[FolderName, ...] = ()


class Delivered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a file: rows, or why it could not be read."""

    file: str
    read: int = 0
    stored: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    refused: str | None = None


@dataclass(frozen=True)
class Deliveries:
    """The folder of a home."""

    folder: Path

    @property
    def is_watched(self) -> bool:
        """Whether somebody made the folder."""
        return self.folder.is_dir()

    def waiting(self, names: Collection[FolderName] = FOLDERS) -> list[tuple[FolderName, Path]]:
        """The files that wait, by folder and name."""
        found: list[tuple[FolderName, Path]] = []
        for name in FOLDERS:
            place = self.folder / name
            if name in names and place.is_dir():
                inside = sorted(each for each in place.iterdir() if each.name.lower().endswith(ENDINGS))
                found += [(name, each) for each in inside if each.is_file() and not each.name.startswith(".")]
        return found

    def put_aside(self, path: Path, where: str) -> None:
        """Move a file to where it is not looked at again; one of the same name there gets the time beside it."""
        place = path.parent / where
        place.mkdir(mode=0o700, exist_ok=True)
        target = place / path.name
        if target.exists():
            target = place / f"{time.time_ns()}-{path.name}"
        path.replace(target)


def deliveries(home: Path) -> Deliveries:
    """The watched folder of a home."""
    return Deliveries(home / INBOX / DAILY)


async def import_deliveries(
    context: JobContext, workspace: str, folders: Collection[FolderName], since_run: int
) -> list[Delivered]:
    """Import what waits in folders, file by file, and put each aside.

    since_run  the import run after which this work began: what it stored before it was stopped is not stored again

    NotReady while a file is still being written.
    """
    box = deliveries(context.config.home)
    files = await _still(lambda: box.waiting(folders))
    found: list[Delivered] = []
    for index, (name, path) in enumerate(files):
        context.progress(f"import {path.name}", index, len(files))
        kind: ImportKind = name.removesuffix(_RAW)  # type: ignore[assignment]
        place = f"{name}/{path.name}"
        before = await _stored(context.database, workspace, kind, since_run, path)
        if before is not None:
            found.append(Delivered(place, *before))
            await asyncio.to_thread(box.put_aside, path, DONE)
            continue
        order = FileImport(path, kind, workspace, adjusted=not name.endswith(_RAW))
        outcome = await try_file(context.database, order, lambda phase, done, total: None)
        if isinstance(outcome, ImportReport):
            counts = (outcome.rows_read, outcome.stored, outcome.updated, outcome.unchanged, outcome.rejected)
            found.append(Delivered(place, *counts))
        else:
            found.append(Delivered(place, refused=outcome.message))
        await asyncio.to_thread(box.put_aside, path, DONE if isinstance(outcome, ImportReport) else REFUSED)
    return found


async def _still(waiting: Callable[[], list[tuple[FolderName, Path]]]) -> list[tuple[FolderName, Path]]:
    """The files, once none of them changes any more."""
    begun = time.monotonic()
    while time.monotonic() - begun < STILL_WITHIN_S:
        files = await asyncio.to_thread(waiting)
        if time.time() - max((_changed_at(path) for _, path in files), default=0.0) >= STILL_S:
            return files
        await asyncio.sleep(STILL_S / 4)
    raise NotReady("a file of the watched folder is still being written")


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return time.time()  # renamed while we looked


_STORED = """
    SELECT r.rows_read, r.stored, r.updated, r.unchanged, r.rejected
      FROM import_runs r
      JOIN workspaces w ON w.id = r.workspace_id
     WHERE w.name = $1 AND r.kind = $2 AND r.file_sha256 = $3 AND r.id > $4
  ORDER BY r.id
     LIMIT 1
"""

_NEWEST_RUN = "SELECT coalesce(max(id), 0) FROM import_runs"


async def _stored(database: Database, workspace: str, kind: str, since_run: int, path: Path) -> asyncpg.Record | None:
    """The counts of the file, where this work has stored it before it was stopped."""

    def digest() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    sha256 = await asyncio.to_thread(digest)
    async with database.acquire() as connection:
        return await connection.fetchrow(_STORED, workspace, kind, sha256, since_run)


async def newest_run(connection: asyncpg.Connection) -> int:
    """The number of the newest import run of all."""
    number: int = await connection.fetchval(_NEWEST_RUN)
    return number


async def _deliveries(context: JobContext, args: DeliveriesArgs) -> list[Delivered]:
    since_run = context.checkpoint
    if since_run is None:
        async with context.database.acquire() as connection:
            since_run = await newest_run(connection)
        async with context.effect(since_run):
            pass
    found = await import_deliveries(context, args.workspace, args.folders or FOLDERS, since_run)
    told = any(each.stored + each.updated and each.file.split("/")[0] in _TELLING for each in found)
    if told and context.config.adjustment.auto:
        await find_proposals(context.database, args.workspace, auto=True)
    return found


DELIVERIES = JobKind(
    "deliveries",
    "Import delivered files",
    "전달된 파일 가져오기",
    DeliveriesArgs,
    _deliveries,
    "long",
    3_600.0,
    is_heavy=True,
    at_once=1,
    retry_s=(300.0, 600.0, 1_200.0),
)
