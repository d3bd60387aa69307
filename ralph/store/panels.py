"""The Panel cache: a workspace's Panel as memory-mapped files, keyed by the version of its data.

folder/<workspace>/<data version>/    one .npy a field, the mark of `settling`, and manifest.json, written last
folder/<workspace>/beside/            flows and index closes (ralph/store/beside.py)
folder/<workspace>/.lock              held while a Panel is written, so that several processes build it once
folder/<workspace>/.new-*             being written; left behind only by a process that died

A folder counts only if its manifest is of this format, of this database, every file has the size it names, and no
power cut can have torn them.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
from asyncpg import Connection

from ralph.errors import Misconfigured, NotFound, NotReady
from ralph.market.adjustment import ADJUSTED, Action, Raw
from ralph.market.append import Growth, append, each_session
from ralph.market.capital import Capital
from ralph.market.columns import BarColumns, Layout
from ralph.market.panel import FIELDS, Panel
from ralph.market.symbol import Listing
from ralph.store.actions import confirmed_actions
from ralph.store.bars import Readers, load_newest, load_unsorted
from ralph.store.beside import FOLDER as BESIDE
from ralph.store.beside import BesideVersion, load_beside, open_beside
from ralph.store.capital import load_capital
from ralph.store.panel_files import ARRAYS_CAPITAL, ARRAYS_RAW, CAPITAL, Source, pieces_of, write_arrays
from ralph.store.settling import is_believable, mark_written, settle

_FORMAT = 4  # raised when the meaning of a file changes; older caches are then rebuilt
_MANIFEST = "manifest.json"
_NEW = ".new-"
_LOCK = ".lock"
_LOCK_POLL_S = 0.05
_LOCK_WAIT_S = 300.0  # a rebuild takes seconds; whoever takes longer hangs
APPENDED_DAYS_MAX = 31  # calendar days between the older Panel's last Session and the first new one
_ARRAYS = (
    *("sessions", "rows", "first", "flags", *FIELDS),
    *(f"{ARRAYS_CAPITAL}{name}" for name in CAPITAL),
    *(f"{ARRAYS_RAW}{name}" for name in ("columns", *ADJUSTED)),
)

# Versions count up from 0 in every database: what tells two of them apart is the cluster, its timeline (which a
# restore to an earlier point changes), the database in it and the moment the workspace was made.
_VERSION = """
SELECT name AS workspace,
       data_version::text AS version,
       simulated,
       concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
                      (SELECT timeline_id FROM pg_control_checkpoint()),
                      (SELECT oid FROM pg_database WHERE datname = current_database()),
                      extract(epoch FROM created_at)) AS origin,
       beside_version::text AS beside
  FROM workspaces
 WHERE name = $1
"""


_CHANGES = """
SELECT min(since) AS since,
       count(since) = (SELECT data_version - $2 FROM workspaces WHERE name = $1) AS is_known
  FROM workspace_changes
  JOIN workspaces ON workspaces.id = workspace_id
 WHERE name = $1
   AND workspace_changes.data_version > $2
"""


class _Version(msgspec.Struct, frozen=True):
    """Which data: two that are equal mean the same bars and listings; beside counts changes of flows and indices."""

    workspace: str
    version: str
    simulated: bool
    origin: str
    beside: str = "0"

    @property
    def of_beside(self) -> BesideVersion:
        return BesideVersion(self.origin, self.beside)


class _Manifest(msgspec.Struct, frozen=True):
    format: int
    about: _Version
    sizes: dict[str, int]
    listings: tuple[Listing, ...]
    actions: tuple[Action, ...]


class PanelStore:
    """Panels under a folder. Safe to use from several processes and tasks at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def version(self, connection: Connection, workspace: str) -> str:
        """The version of the workspace's data now, as Panels carry it; NotFound where there is no such workspace."""
        return (await _version(connection, workspace)).version

    async def load(self, connection: Connection, workspace: str, more: Readers | None = None) -> Panel:
        """The Panel of the workspace's newest data: mapped when it is cached, else rebuilt from Postgres and cached.

        Its arrays are closed to writing and stay whole for as long as somebody holds them, also when a newer Panel
        has replaced the files: Linux keeps the contents of a removed file that is mapped.
        The connection must not be inside a transaction. NotFound where there is no such workspace.

        more  further connections to the same database, so that a rebuild reads on several at once
        """
        version = await _version(connection, workspace)
        found = await asyncio.to_thread(self._open, workspace, version)
        beside = await asyncio.to_thread(open_beside, self._folder / workspace, version.of_beside)
        if found is not None and beside is not None:
            return replace(found, beside=beside)
        # Bars and version are read from one snapshot; and another process may have built it in the meantime.
        async with self._lock(workspace), connection.transaction(isolation="repeatable_read", readonly=True):
            version = await _version(connection, workspace)
            beside = await load_beside(connection, workspace, self._folder / workspace, version.of_beside)
            found = await asyncio.to_thread(self._open, workspace, version)
            if found is None:
                found = await self._rebuild(connection, version, more)
        return replace(found, beside=beside)

    async def rebuild(self, connection: Connection, workspace: str, more: Readers | None = None) -> Panel:
        """As `load`, from Postgres whatever is cached; whoever holds an older Panel keeps it."""
        await _version(connection, workspace)
        async with self._lock(workspace):
            home = self._folder / workspace
            await asyncio.to_thread(_clear, home, home / _LOCK)
        return await self.load(connection, workspace, more)

    async def _rebuild(self, connection: Connection, version: _Version, more: Readers | None) -> Panel:
        """The Panel of this version, from an older one where that will do; the snapshot is held and the lock, too."""
        workspace = version.workspace
        older = await asyncio.to_thread(self._older, workspace, version)
        since = None if older is None else await _changed_since(connection, older)
        if older is not None and since == date.max:
            return await asyncio.to_thread(self._rename, version, older)
        if older is None or since is None or not _is_newer(since, older):
            bars = await load_unsorted(connection, workspace, more=more)
            capital = await load_capital(connection, workspace, bars.listings)
            actions = await confirmed_actions(connection, workspace)
            layout = await asyncio.to_thread(Layout, bars, actions)
            return await asyncio.to_thread(self._build, version, layout, capital)
        bars = await load_newest(connection, workspace, since)
        source = await asyncio.to_thread(_grown, version, older, bars)
        newer = await load_capital(connection, workspace, source.listings, known=older.symbols, since=since)
        capital = await asyncio.to_thread(_renewed, source, older, since, newer)
        return await asyncio.to_thread(self._build, version, source, capital, older)

    def _open(self, workspace: str, version: _Version) -> Panel | None:
        """The cached Panel of this version, or None where it is absent, torn or another database's."""
        folder = self._folder / workspace / version.version
        try:
            manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=_Manifest)
            about = msgspec.structs.replace(manifest.about, beside=version.beside)
            if about != version or manifest.format != _FORMAT or not _is_whole(folder, manifest):
                return None
            if not is_believable(folder):
                return None
            arrays = {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in _ARRAYS}
        except (OSError, ValueError):  # ValueError: not a manifest, not an array
            return None
        return Panel(
            listings=manifest.listings,
            sessions=arrays["sessions"],
            rows=arrays["rows"],
            first=arrays["first"],
            fields={name: arrays[name] for name in FIELDS},
            flags=arrays["flags"],
            capital=Capital(**{name: arrays[f"{ARRAYS_CAPITAL}{name}"] for name in CAPITAL}),
            actions=manifest.actions,
            raw=Raw(arrays[f"{ARRAYS_RAW}columns"], {name: arrays[f"{ARRAYS_RAW}{name}"] for name in ADJUSTED}),
            workspace=workspace,
            simulated=version.simulated,
            data_version=version.version,
        )

    def _older(self, workspace: str, version: _Version) -> Panel | None:
        """The newest cached Panel of an older version of the same data."""
        known = sorted(int(path.name) for path in (self._folder / workspace).iterdir() if path.name.isdigit())
        for number in reversed(known):
            if number < int(version.version):
                found = self._open(workspace, msgspec.structs.replace(version, version=str(number)))
                if found is not None and found.sessions.size:
                    return found
        return None

    def _build(self, version: _Version, source: Source, capital: Capital, older: Panel | None = None) -> Panel:
        home = self._folder / version.workspace
        target = home / version.version
        try:
            for leftover in home.glob(f"{_NEW}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            draft = Path(tempfile.mkdtemp(prefix=_NEW, dir=home))
            sizes = write_arrays(draft, _ARRAYS, partial(pieces_of, source, capital))
            mark_written(draft)
            manifest = _Manifest(_FORMAT, version, sizes, source.listings, source.actions)
            (draft / _MANIFEST).write_bytes(msgspec.json.encode(manifest))
            shutil.rmtree(target, ignore_errors=True)
            draft.rename(target)
            settle(target, older)
            _clear(home, target)
        except OSError as error:
            raise _unwritable(home, error) from error
        found = self._open(version.workspace, version)
        assert found is not None, "what was written can be read"
        return found

    def _rename(self, version: _Version, older: Panel) -> Panel:
        """The older Panel under a newer version that changed nothing in it: the same files by another name."""
        home = self._folder / version.workspace
        target = home / version.version
        try:
            draft = Path(tempfile.mkdtemp(prefix=_NEW, dir=home))
            was = home / older.data_version
            manifest = msgspec.json.decode((was / _MANIFEST).read_bytes(), type=_Manifest)
            for name in manifest.sizes:
                os.link(was / name, draft / name)
            mark_written(draft)
            (draft / _MANIFEST).write_bytes(msgspec.json.encode(msgspec.structs.replace(manifest, about=version)))
            shutil.rmtree(target, ignore_errors=True)
            draft.rename(target)
            settle(target)
            _clear(home, target)
        except OSError as error:
            raise _unwritable(home, error) from error
        found = self._open(version.workspace, version)
        assert found is not None, "what was linked can be read"
        return found

    @asynccontextmanager
    async def _lock(self, workspace: str) -> AsyncIterator[None]:
        """One builder at a time, among all processes; the kernel frees it when its holder dies."""
        lock = self._open_lock(self._folder / workspace)
        try:
            begun = time.monotonic()
            while not _try_lock(lock):
                if time.monotonic() - begun > _LOCK_WAIT_S:
                    raise NotReady(f"another process has been writing the Panel of {workspace} for {_LOCK_WAIT_S:g} s")
                await asyncio.sleep(_LOCK_POLL_S)
            yield
        finally:
            os.close(lock)

    def _open_lock(self, home: Path) -> int:
        try:
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            return os.open(home / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unwritable(home, error) from error


async def _version(connection: Connection, workspace: str) -> _Version:
    record = await connection.fetchrow(_VERSION, workspace)
    if record is None:
        raise NotFound(f"there is no workspace {workspace!r}; the usual ones are main and demo", field="workspace")
    return _Version(**dict(record))


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _clear(home: Path, target: Path) -> None:
    """We hold the lock: whatever else lies here is an older version, torn, or of a process that died."""
    for leftover in home.iterdir():
        if leftover.name not in (_LOCK, BESIDE) and leftover != target:
            shutil.rmtree(leftover, ignore_errors=True)


def _is_whole(folder: Path, manifest: _Manifest) -> bool:
    names = {f"{name}.npy" for name in _ARRAYS}
    return names == set(manifest.sizes) and all(
        (folder / name).stat().st_size == size for name, size in manifest.sizes.items()
    )


async def _changed_since(connection: Connection, older: Panel) -> date | None:
    """The first Session that changed since an older version; None where more than bars did, or nobody wrote it down."""
    row = await connection.fetchrow(_CHANGES, older.workspace, int(older.data_version))
    since: date | None = row["since"] if row["is_known"] else None
    return since


def _is_newer(since: date, older: Panel) -> bool:
    """Whether appending will do: only Sessions after the Panel's last, and few enough to be quicker than anew."""
    last = older.sessions[-1]
    return (
        bool(np.datetime64(since, "D") > last) and (np.datetime64(since, "D") - last).astype(int) <= APPENDED_DAYS_MAX
    )


def _grown(version: _Version, older: Panel, bars: BarColumns) -> Panel | Growth:
    """The older Panel with the Sessions of these bars, all newer than its own; the last one is added as it is
    written."""
    sessions = list(each_session(bars))
    panel = older
    for session in sessions[:-1]:
        panel = append(panel, session, data_version=version.version)
    return Growth(panel, sessions[-1]) if sessions else panel


def _renewed(source: Panel | Growth, older: Panel, since: date, newer: Capital) -> Capital:
    known = set(older.symbols)
    added = [column for column, listing in enumerate(source.listings) if listing.symbol not in known]
    return source.capital.renewed(np.datetime64(since, "D"), newer, np.array(added, dtype=np.int64))


def _unwritable(folder: Path, error: OSError) -> Misconfigured:
    return Misconfigured(
        f"the Panel cache {folder} cannot be written ({error.strerror}); make room or give it to this user",
        field="home",
    )
