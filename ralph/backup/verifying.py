"""Reading a backup to its end without restoring it: every file opens and is what the manifest says."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from ralph.backup import segments
from ralph.backup.manifest import SealedPart, read_manifest
from ralph.backup.restoring import choose
from ralph.backup.sealing import Opening, Source, drain
from ralph.backup.taking import Place
from ralph.errors import BadBackup


class Verified(msgspec.Struct, frozen=True):
    """A backup that can be read. files: its own and those of the log after it; bytes once opened."""

    id: str
    files: int
    bytes: int
    until: datetime
    note: str


class _Counted:
    """A source that remembers the hash and the count of what was read from it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.sha256 = hashlib.sha256()
        self.bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        part = self._source.read(size)
        self.sha256.update(part)
        self.bytes += len(part)
        return part


def verify(place: Place, backup_id: str) -> Verified:
    """Read it all. BadBackup names the file that is missing, damaged or not what the manifest says."""
    manifest = read_manifest(place.vault, backup_id, place.key)
    opened = sum(_verify_part(place, part) for part in manifest.parts)
    chosen = choose(place, backup_id)
    for file in chosen.log:
        name = segments.sealed_name(file)
        with place.vault.get(name) as sealed:
            opened += drain(Opening(sealed, place.key, name))
    files = len(manifest.parts) + len(chosen.log)
    return Verified(backup_id, files, opened, chosen.until, chosen.note)


def _verify_part(place: Place, part: SealedPart) -> int:
    with place.vault.get(part.name) as sealed:
        counted = _Counted(sealed)
        opened = drain(Opening(counted, place.key, part.name))
        drain(counted)
    if (counted.sha256.hexdigest(), counted.bytes) != (part.sha256, part.bytes):
        raise BadBackup(f"the backup's file {part.name} is not the one the manifest names", field=part.name)
    return opened
