"""Kinds of jobs about a workspace's data: imports, quality runs, proposals, the Panel's cache; and the kernels."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from ralph import indicators
from ralph.embedded.home import Home
from ralph.errors import BadFile, BadParameter
from ralph.jobs.adjustment import find_proposals, follow_imports
from ralph.jobs.imports import FileImport, ImportKind, find_files, import_file, told_of, try_file
from ralph.jobs.kind import JobContext, JobKind
from ralph.jobs.quality import run_quality
from ralph.store.actions import Findings
from ralph.store.imports import ImportReport
from ralph.store.panels import PanelStore
from ralph.store.quality_runs import QualityRun

INBOX = "inbox"
"""The folder of Ralph's home from which jobs import files."""

HOUR_S = 3_600.0


class ImportArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the inbox, by its path in there, or a folder with several. remove: it goes once it is imported; the
    others as in FileImport."""

    file: str
    kind: ImportKind = "bars"
    workspace: str = "main"
    overrides: Mapping[str, str] = {}
    adjusted: bool = True
    as_of: date | None = None
    timezone: str = "Asia/Seoul"
    unit: str | None = None
    remove: bool = False


class WorkspaceArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A workspace by its name."""

    workspace: str = "main"


class NoArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing to say."""


class BuiltPanel(msgspec.Struct, frozen=True):
    """What a Panel's cache holds now."""

    workspace: str
    data_version: str
    bars: int
    symbols: int


async def _import(context: JobContext, args: ImportArgs) -> Any:
    path = inbox_file(context.config.home / INBOX, args.file)
    order = FileImport(
        path,
        args.kind,
        args.workspace,
        args.overrides,
        args.adjusted,
        as_of=args.as_of,
        timezone=args.timezone,
        unit=args.unit,
    )
    told: list[Any]
    if isinstance(context.checkpoint, dict):
        told = [context.checkpoint]  # stored and recorded, before the attempt could be settled
    elif context.checkpoint is None and not await asyncio.to_thread(path.is_dir):
        told = [await import_file(context.database, order, context.progress)]
        async with context.effect(told[0]):
            pass
    else:
        return await _ended(context, args, path, await _import_folder(context, order))
    return (await _ended(context, args, path, told))[0]


async def _ended(context: JobContext, args: ImportArgs, path: Path, told: list[Any]) -> list[Any]:
    """What follows the last file. An attempt that is stopped here comes here again."""
    outcomes = [each if isinstance(each, ImportReport) or "error" in each else _report(each) for each in told]
    outcomes = await follow_imports(context.database, context.config.adjustment, outcomes)
    if args.remove:
        await asyncio.to_thread(_remove, path)
    return outcomes


def _report(told: Any) -> ImportReport:
    return msgspec.convert(told, ImportReport)


async def _import_folder(context: JobContext, order: FileImport) -> list[Any]:
    """File by file; an attempt that comes later goes on behind the last one that was recorded."""
    told: list[Any] = context.checkpoint or []
    try:
        files = await asyncio.to_thread(find_files, [order.path])
    except BadFile:
        if told:
            return told  # all were imported, and the folder was removed
        raise
    for path in files[len(told) :]:
        told.append(told_of(path, await try_file(context.database, replace(order, path=path), context.progress)))
        async with context.effect(told):
            pass
    return told


def inbox_file(inbox: Path, name: str) -> Path:
    """The file of that name in the inbox. BadParameter where it leads out of it."""
    path = (inbox / name).resolve()
    if not path.is_relative_to(inbox.resolve()):
        raise BadParameter(f"{name[:200]!r} leads out of {inbox}", field="file", accepted="a path inside the inbox")
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        return
    path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty, or the inbox itself
        if path.parent.name != INBOX:
            path.parent.rmdir()


async def _quality(context: JobContext, args: WorkspaceArgs) -> QualityRun:
    context.progress("examine", 0, 0)
    calendar = await asyncio.to_thread(Home(context.config.home).calendar)
    return await run_quality(context.database, args.workspace, calendar, context.config.quality)


async def _adjustments(context: JobContext, args: WorkspaceArgs) -> Findings:
    context.progress("search", 0, 0)
    return await find_proposals(context.database, args.workspace, auto=context.config.adjustment.auto)


async def _panel(context: JobContext, args: WorkspaceArgs) -> BuiltPanel:
    context.progress("build", 0, 0)
    async with context.database.acquire() as connection:
        panel = await PanelStore(context.config.home / "panel").rebuild(
            connection, args.workspace, context.database.acquire
        )
    return BuiltPanel(panel.workspace, panel.data_version, panel.bar_count, len(panel.listings))


async def _warm_up(context: JobContext, args: NoArgs) -> None:
    context.progress("compile", 0, 0)
    await asyncio.to_thread(indicators.warm_up)


IMPORT = JobKind("import", "Import a file", "파일 가져오기", ImportArgs, _import, "long", HOUR_S, is_heavy=True)
QUALITY = JobKind(
    "quality", "Look at all bars", "전체 봉 점검", WorkspaceArgs, _quality, "long", HOUR_S, is_heavy=True, at_once=1
)
ADJUSTMENTS = JobKind(
    "adjustments",
    "Look for splits",
    "분할·무상증자 찾기",
    WorkspaceArgs,
    _adjustments,
    "long",
    HOUR_S,
    is_heavy=True,
    at_once=1,
)
PANEL = JobKind(
    "panel",
    "Rebuild the panel's cache",
    "패널 캐시 다시 만들기",
    WorkspaceArgs,
    _panel,
    "long",
    HOUR_S,
    is_heavy=True,
    at_once=1,
)
WARM_UP = JobKind(
    "warm_up", "Compile the kernels", "커널 컴파일", NoArgs, _warm_up, "long", HOUR_S, is_heavy=True, at_once=1
)
