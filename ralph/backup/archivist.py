"""Backups while Ralph runs: one when the last is old enough, the log all the time, and how old both are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec

from ralph.backup.keeping import instant_of
from ralph.backup.manifest import backup_ids
from ralph.backup.sealing import BackupKey
from ralph.backup.shipping import Shipping, read_reach, reserve_log
from ralph.backup.taking import Place, may_copy, take
from ralph.backup.vault import open_vault
from ralph.config import BackupConfig
from ralph.errors import Misconfigured, RalphError
from ralph.store.database import LOST

_log = logging.getLogger("ralph.backup")

LOOK_S = 30.0  # how often the vault is asked how old its backups are
RETRY_S = 60.0
LATE_H = 2.0  # a backup may be this much older than its interval before health says so
LOG_LATE_S = 300.0  # the goal: no more than five minutes are ever lost


class Standing(msgspec.Struct, frozen=True):
    """How a vault stands. taken_at: of the newest backup; log_until: until when it holds the log, where it does."""

    taken_at: datetime | None
    log_until: datetime | None
    ok: bool
    detail: str


def place_of(config: BackupConfig, home: Path, to: str | None = None, *, making: bool = True) -> Place:
    """Where the settings put backups; Misconfigured when neither they nor `to` name a place.

    making: the key is made where there is none yet
    """
    if (where := to or config.to) is None:
        raise Misconfigured(
            "there is no place for backups; give --to or set RALPH_BACKUP__TO",
            field="backup.to",
            accepted="a folder, or s3://bucket/prefix",
        )
    path = config.key_file or home / "backup.key"
    vault = open_vault(where)
    if making and not path.exists() and backup_ids(vault):
        raise Misconfigured(
            f"{where} holds backups already, and their key is not at {path}; bring it there, or name another place",
            field="backup.key_file",
        )
    key = BackupKey.load_or_make(path) if making else BackupKey.load(path)
    return Place(vault, key, config.daily, config.weekly, config.programs)


def standing(place: Place, config: BackupConfig, now: datetime, failure: str | None = None) -> Standing:
    """How the vault stands at `now`. failure: what went wrong last."""
    ids = backup_ids(place.vault)
    reach = read_reach(place)
    taken_at = instant_of(ids[-1]) if ids else None
    log_until = reach.until if reach is not None else None
    is_old = taken_at is None or now - taken_at > timedelta(hours=config.every_h + LATE_H)
    is_behind = log_until is not None and now - log_until > timedelta(seconds=max(LOG_LATE_S, 2 * config.log_s))
    newest = f"the newest of {len(ids)} backups is of {taken_at:%Y-%m-%d %H:%M} UTC" if taken_at else "no backup yet"
    until = f", the log reaches to {log_until:%H:%M:%S}" if log_until else ""
    told = f"; {failure}" if failure else ""
    return Standing(taken_at, log_until, not (is_old or is_behind or failure), newest + until + told)


class Archivist:
    """Takes backups of one database and ships its log, for ever.

    home  whose settings go along, and where the log waits to be sealed
    tell  called with each Standing
    """

    def __init__(self, database_url: str, config: BackupConfig, home: Path, tell: Callable[[Standing], None]) -> None:
        self._url = database_url
        self._config = config
        self._home = home
        self._tell = tell
        self._failure: str | None = None
        self._reserved = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Whatever fails is logged, told and tried again: a Ralph without backups still serves."""
        place = await self._find_place()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look(place))
            if self._config.take:
                spool, log = self._home / "wal", self._home / "log" / "wal.log"
                group.create_task(self._ship(Shipping(self._url, place, spool, log)))
                group.create_task(self._take(place))

    async def _find_place(self) -> Place:
        while True:
            try:
                return await asyncio.to_thread(place_of, self._config, self._home)
            except RalphError as error:
                self._note("backups have no place", error)
                self._tell(Standing(None, None, ok=False, detail=error.message))
                await asyncio.sleep(RETRY_S)

    async def _ships_log(self) -> bool:
        """Whether this server's log can be shipped; from then on it is kept for that."""
        connection = await asyncpg.connect(self._url, timeout=10)
        try:
            if is_able := await may_copy(connection):
                await reserve_log(connection)
            return is_able
        finally:
            await connection.close(timeout=10)

    async def _ship(self, shipping: Shipping) -> None:
        while True:
            try:
                is_able = await self._ships_log()
                self._reserved.set()
                if not is_able:
                    return
                await shipping.start()
                while True:
                    await shipping.ship()
                    await asyncio.sleep(self._config.log_s)
            except (RalphError, *LOST) as error:
                self._note("the log is not shipped", error)
            finally:
                await shipping.stop()
            await asyncio.sleep(min(RETRY_S, self._config.log_s))

    async def _take(self, place: Place) -> None:
        await self._reserved.wait()  # a backup taken before its log is kept would have a hole behind it
        while True:
            try:
                ids = await asyncio.to_thread(backup_ids, place.vault)
                age_s = (datetime.now(UTC) - instant_of(ids[-1])).total_seconds() if ids else float("inf")
                if (wait_s := self._config.every_h * 3_600 - age_s) <= 0:
                    manifest = await take(self._url, place, self._home)
                    self._failure = None
                    _log.info("backup %s taken, %d bytes", manifest.id, manifest.sealed_bytes)
                    continue
            except (RalphError, *LOST) as error:
                self._note("no backup was taken", error)
                wait_s = RETRY_S
            await asyncio.sleep(wait_s)

    async def _look(self, place: Place) -> None:
        while True:
            try:
                found = await asyncio.to_thread(standing, place, self._config, datetime.now(UTC), self._failure)
            except RalphError as error:
                found = Standing(None, None, ok=False, detail=error.message)
            self._tell(found)
            await asyncio.sleep(min(LOOK_S, self._config.log_s))

    def _note(self, what: str, error: Exception) -> None:
        self._failure = f"{what}: {error}"
        _log.warning("%s, trying again: %s", what, error)
