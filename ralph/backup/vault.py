"""Where backups lie: a folder, or a bucket of S3-compatible storage. Files by name, whole or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from ralph.backup.sealing import CHUNK_BYTES, Source
from ralph.errors import BadBackup, Misconfigured, Unavailable

DRAFT = ".draft-"


class Vault(Protocol):
    """Files by name; names hold `/`."""

    def put(self, name: str, content: Source) -> None:
        """Write a file, replacing one of that name at once. Unavailable when it cannot be written."""

    def get(self, name: str) -> contextlib.AbstractContextManager[IO[bytes]]:
        """A file to read from; BadBackup when there is none."""

    def names(self, under: str = "") -> list[str]:
        """The names that begin with `under`, in order."""

    def remove(self, name: str) -> None:
        """Remove a file; no error when it is gone."""


def open_vault(to: str) -> Vault:
    """The place an address names: `s3://bucket/prefix`, else a folder. Misconfigured when it names none."""
    if to.startswith("s3://"):
        from ralph.backup.s3 import Bucket

        parts = urlsplit(to)
        if not parts.netloc:
            raise Misconfigured(f"{to} names no bucket", field="backup.to", accepted="s3://bucket/prefix")
        return Bucket(parts.netloc, parts.path.strip("/"))
    if "://" in to:
        raise Misconfigured(
            f"backups cannot go to {to}; name a folder, or s3://bucket/prefix", field="backup.to", accepted="a folder"
        )
    return Folder(Path(to))


def put_bytes(vault: Vault, name: str, content: bytes) -> None:
    """Write a small file."""
    vault.put(name, io.BytesIO(content))


def get_bytes(vault: Vault, name: str) -> bytes:
    """Read a small file."""
    with vault.get(name) as file:
        return file.read()


class Folder:
    """A folder, made (0700) at the first write. A file appears under its name when it is whole and on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path.expanduser().absolute()

    def put(self, name: str, content: Source) -> None:
        """Write beside, sync, rename."""
        target = self._path / name
        draft = target.with_name(f"{DRAFT}{secrets.token_hex(6)}")
        try:
            if not self._path.exists():
                self._path.mkdir(0o700, parents=True)
            target.parent.mkdir(0o700, parents=True, exist_ok=True)
            with draft.open("xb") as file:
                draft.chmod(0o600)
                shutil.copyfileobj(content, file, CHUNK_BYTES)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
            _sync_folder(target.parent)
        except OSError as error:
            raise Unavailable(
                f"the backup's file {target} cannot be written: {error.strerror or error}", field="backup.to"
            ) from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    @contextlib.contextmanager
    def get(self, name: str) -> Iterator[IO[bytes]]:
        """Open it."""
        try:
            file = (self._path / name).open("rb")
        except OSError as error:
            raise BadBackup(
                f"the backup's file {name} cannot be read: {error.strerror or error}", field=name
            ) from error
        with file:
            yield file

    def names(self, under: str = "") -> list[str]:
        """Without drafts of an interrupted write."""
        try:
            files = [path for path in self._path.rglob("*") if path.is_file() and not path.name.startswith(DRAFT)]
        except OSError as error:
            raise Unavailable(f"{self._path} cannot be listed: {error.strerror or error}", field="backup.to") from error
        return sorted(name for path in files if (name := path.relative_to(self._path).as_posix()).startswith(under))

    def remove(self, name: str) -> None:
        """With the folder around it once that is empty."""
        path = self._path / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{path} cannot be removed: {error.strerror or error}", field="backup.to") from error
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
