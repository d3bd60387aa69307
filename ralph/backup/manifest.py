"""What a backup holds: its manifest, signed with the backup key, and the list of those in a vault."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Literal

import msgspec

from ralph.backup.sealing import BackupKey
from ralph.backup.vault import Vault, get_bytes, put_bytes
from ralph.errors import BadBackup, DataNotFound, Misconfigured

FORMAT = 1
FOLDER = "backups"
NAME = "manifest.json"

Kind = Literal["base", "dump"]


class SealedPart(msgspec.Struct, frozen=True):
    """One sealed file: its name in the vault, and the size and hash it has there."""

    name: str
    bytes: int
    sha256: str


class LogSpan(msgspec.Struct, frozen=True):
    """The log that a base backup needs and holds, by numbers of segments; `timeline` is that of its end."""

    timeline: int
    first_segment: int
    last_segment: int
    segment_bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """One backup. rows: of each table, counted in one snapshot at counted_at; of a dump they are exactly its own."""

    id: str
    kind: Kind
    started_at: datetime
    finished_at: datetime
    ralph: str
    schema: str
    postgres: int
    key_id: str
    counted_at: datetime
    rows: dict[str, int]
    parts: list[SealedPart]
    log: LogSpan | None = None
    format: int = FORMAT

    @property
    def sealed_bytes(self) -> int:
        """Of all parts."""
        return sum(part.bytes for part in self.parts)


class Signed(msgspec.Struct, frozen=True):
    """A text with the mark that only the key's holder can make (HMAC-SHA256)."""

    content: msgspec.Raw
    mac: str
    key_id: str


def sign(vault: Vault, name: str, content: msgspec.Struct, key: BackupKey) -> None:
    """Write a small signed file."""
    text = msgspec.json.encode(content)
    put_bytes(vault, name, msgspec.json.encode(Signed(msgspec.Raw(text), _mac(text, name, key), key.id)))


def read_signed(vault: Vault, name: str, key: BackupKey) -> bytes:
    """What was signed. BadBackup names the file that was changed, Misconfigured the key that is another's."""
    try:
        signed = msgspec.json.decode(get_bytes(vault, name), type=Signed)
    except msgspec.DecodeError as error:
        raise BadBackup(f"the backup's file {name} is damaged: {error}; nothing of it is used", field=name) from error
    if signed.key_id != key.id:
        raise Misconfigured(
            f"{name} was sealed with the key {signed.key_id}, and the key given is {key.id}; name the right key file",
            field="backup.key_file",
        )
    text = bytes(signed.content)
    if not hmac.compare_digest(signed.mac, _mac(text, name, key)):
        raise BadBackup(f"the backup's file {name} was changed; nothing of it is used", field=name)
    return text


def _mac(text: bytes, name: str, key: BackupKey) -> str:
    return hmac.digest(key.derive(b"", b"signature"), name.encode() + b"\0" + text, hashlib.sha256).hex()


def manifest_name(backup_id: str) -> str:
    """Where its manifest is; written last, it makes the files beside it a backup."""
    return f"{FOLDER}/{backup_id}/{NAME}"


def backup_ids(vault: Vault) -> list[str]:
    """Of all whole backups, oldest first: an id is the instant it began."""
    return [name.split("/")[1] for name in vault.names(f"{FOLDER}/") if name.endswith(f"/{NAME}")]


def read_manifest(vault: Vault, backup_id: str, key: BackupKey) -> Manifest:
    """DataNotFound when there is no such backup; BadBackup or Misconfigured as for read_signed."""
    known = backup_ids(vault)
    if backup_id not in known:
        newest = f"the newest is {known[-1]}" if known else "there is none"
        raise DataNotFound(f"there is no backup {backup_id}; {newest}", field="id", accepted=", ".join(known[-3:]))
    name = manifest_name(backup_id)
    try:
        manifest = msgspec.json.decode(read_signed(vault, name, key), type=Manifest)
    except msgspec.ValidationError as error:
        raise BadBackup(f"{name} is of a Ralph this one does not know: {error}", field=name) from error
    if manifest.format != FORMAT or manifest.id != backup_id:
        raise BadBackup(f"{name} is of another backup or a newer Ralph", field=name)
    return manifest
