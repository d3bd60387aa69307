"""The journal of what live topics announced: a client that was away is told from it what it missed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from ralph.store.database import Database

KEPT = timedelta(days=7)  # who was away for longer begins anew
KEYS = 4_096  # of a topic, that a process which begins an epoch knows were announced already

_BEGIN = "INSERT INTO stream_epochs (epoch, workspace) VALUES ($1, $2)"

_WRITE = """
    INSERT INTO announcements (topic, epoch_no, number, key, content)
         SELECT a.topic, e.no, a.number, a.key, a.content
           FROM unnest($2::text[], $3::bigint[], $4::text[], $5::text[]) AS a (topic, number, key, content)
           JOIN stream_epochs e ON e.epoch = $1
    ON CONFLICT DO NOTHING
"""

_ASKED = """
    SELECT asked.is_cut
      FROM stream_epochs asked
      JOIN stream_epochs now ON now.workspace = asked.workspace
     WHERE asked.epoch = $1 AND now.epoch = $2
"""

_AFTER = """
    SELECT e.epoch, a.number, a.content
      FROM stream_epochs asked
      JOIN stream_epochs e ON e.workspace = asked.workspace AND e.no >= asked.no
      JOIN announcements a ON a.epoch_no = e.no
     WHERE asked.epoch = $1 AND a.topic = $2 AND (e.no > asked.no OR a.number > $3)
  ORDER BY e.no, a.number
     LIMIT $4
"""

_KEYS = """
    SELECT topic, key
      FROM (SELECT a.topic, a.key, e.no, a.number,
                   row_number() OVER (PARTITION BY a.topic ORDER BY e.no DESC, a.number DESC) AS place
              FROM announcements a
              JOIN stream_epochs e ON e.no = a.epoch_no
             WHERE e.workspace = $1 AND a.key IS NOT NULL) AS known
     WHERE place <= $2
  ORDER BY topic, no, number
"""

_CUT = """
    WITH gone AS (
        DELETE FROM announcements WHERE announced_at < now() - $1::interval RETURNING epoch_no
    )
    UPDATE stream_epochs SET is_cut = true WHERE no IN (SELECT epoch_no FROM gone)
"""


class Announcements:
    """Writes and reads the journal. All raise DatabaseDown while there is no database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, workspace: str) -> str:
        """A new epoch of a workspace."""
        epoch = secrets.token_hex(6)
        async with self._database.acquire() as connection:
            await connection.execute(_BEGIN, epoch, workspace)
        return epoch

    async def write(self, epoch: str, entries: Sequence[tuple[str, int, str | None, str]]) -> None:
        """Add entries: topic, number, key and JSON. Those that are there already stay as they are."""
        topics, numbers, keys, texts = (list(column) for column in zip(*entries, strict=True))
        async with self._database.acquire() as connection:
            await connection.execute(_WRITE, epoch, topics, numbers, keys, texts)

    async def after(
        self, epoch: str, now: str, topic: str, number: int, limit: int
    ) -> list[tuple[str, int, str]] | None:
        """What a topic announced after a number of an epoch: epoch, number and JSON, also of later epochs.

        None where that is not known: the epoch is none of this workspace, of which `now` is one, or some was removed.
        """
        async with self._database.acquire() as connection:
            is_cut = await connection.fetchval(_ASKED, epoch, now)
            if is_cut is None:
                return None
            rows = await connection.fetch(_AFTER, epoch, topic, number, limit)
        entries = [(row["epoch"], row["number"], row["content"]) for row in rows]
        if is_cut and (not entries or entries[0][:2] != (epoch, number + 1)):
            return None
        return entries if _is_whole(entries, epoch, number) else None

    async def keys(self, workspace: str) -> list[tuple[str, str]]:
        """Topic and key of the last announcements of a workspace, each topic's in order."""
        async with self._database.acquire() as connection:
            return [(row["topic"], row["key"]) for row in await connection.fetch(_KEYS, workspace, KEYS)]

    async def cut(self) -> None:
        """Remove what is older than KEPT."""
        async with self._database.acquire() as connection:
            await connection.execute(_CUT, KEPT)


def _is_whole(entries: Sequence[tuple[str, int, str]], epoch: str, number: int) -> bool:
    """Whether nothing is missing between entries: numbers follow each other, from 1 in each later epoch."""
    for each_epoch, each, _ in entries:
        number = number + 1 if each_epoch == epoch else 1
        epoch = each_epoch
        if each != number:
            return False
    return True
