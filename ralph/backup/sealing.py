"""Sealed files: deflated, then encrypted and authenticated in chunks, so that any size streams through little memory.

A file is MAGIC, a random salt, then chunks of AES-256-GCM. Each file has a key of its own, derived from the backup key,
the salt and the file's name, so a file under another name does not open. A chunk's nonce is its number and whether it
is the last: chunks moved, repeated or cut off at the end are noticed.
"""

from __future__ import annotations

import hashlib
import io
import os
import zlib
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ralph.errors import BadBackup, Misconfigured

MAGIC = b"RALPHSB1"
SALT_BYTES = 32
KEY_BYTES = 32
CHUNK_BYTES = 1 << 20
TAG_BYTES = 16
LEVEL = 1  # of deflate: the database's pages halve, at the speed of a disk


class Source(Protocol):
    """Something bytes can be read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class BackupKey:
    """The key of all files of a place for backups: 32 bytes. Who loses it has lost the backups."""

    def __init__(self, secret: bytes) -> None:
        assert len(secret) == KEY_BYTES
        self._secret = secret

    @classmethod
    def load(cls, path: Path) -> BackupKey:
        """The key in a file, 64 hexadecimal digits; Misconfigured where there is none."""
        try:
            return cls(_parsed(path.read_text()))
        except (OSError, ValueError) as error:
            raise Misconfigured(
                f"{path} holds no backup key ({getattr(error, 'strerror', None) or error}); name the key file of these "
                "backups with --key-file or RALPH_BACKUP__KEY_FILE",
                field="backup.key_file",
                accepted="a file with 64 hexadecimal digits",
            ) from error

    @classmethod
    def load_or_make(cls, path: Path) -> BackupKey:
        """The key in a file, made at the first call (0600)."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return cls.load(path)
        except OSError as error:
            raise Misconfigured(
                f"the backup key cannot be made at {path}: {error.strerror}", field="backup.key_file"
            ) from error
        with os.fdopen(descriptor, "w") as file:
            file.write(os.urandom(KEY_BYTES).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        return cls.load(path)

    @property
    def id(self) -> str:
        """Tells keys apart without giving anything of them away."""
        return self.derive(b"", b"id")[:8].hex()

    def derive(self, salt: bytes, purpose: bytes) -> bytes:
        """Another key of 32 bytes (HKDF-SHA256, RFC 5869)."""
        return HKDF(SHA256(), KEY_BYTES, salt, b"ralph backup 1 " + purpose).derive(self._secret)


def _parsed(text: str) -> bytes:
    secret = bytes.fromhex(text.strip())
    if len(secret) != KEY_BYTES:
        raise ValueError(f"{len(secret)} bytes where {KEY_BYTES} are needed")
    return secret


class Sealing(io.RawIOBase):
    """Reads as the sealed form of a source. `sealed_bytes` and `sha256` are those of what was read so far."""

    def __init__(self, source: Source, key: BackupKey, name: str) -> None:
        salt = os.urandom(SALT_BYTES)
        self._source = source
        self._cipher = AESGCM(key.derive(salt, name.encode()))
        self._deflate = zlib.compressobj(LEVEL)
        self._plain = bytearray()
        self._ready = bytearray(MAGIC + salt)
        self._number = 0
        self._ended = self._finished = False
        self._hash = hashlib.sha256()
        self.sealed_bytes = 0

    @property
    def sha256(self) -> str:
        """Of what was read, hexadecimal."""
        return self._hash.hexdigest()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to size bytes, fewer only at the end; without a size, everything."""
        while not self._finished and (size < 0 or len(self._ready) < size):
            self._advance()
        taken = bytes(self._ready[:size] if size >= 0 else self._ready)
        del self._ready[: len(taken)]
        self._hash.update(taken)
        self.sealed_bytes += len(taken)
        return taken

    def _advance(self) -> None:
        """One chunk more."""
        while len(self._plain) <= CHUNK_BYTES and not self._ended:  # one byte more: what is sealed is not the last
            if part := self._source.read(CHUNK_BYTES):
                self._plain += self._deflate.compress(part)
            else:
                self._plain += self._deflate.flush()
                self._ended = True
        chunk = bytes(self._plain[:CHUNK_BYTES])
        del self._plain[:CHUNK_BYTES]
        self._finished = self._ended and not self._plain
        self._ready += self._cipher.encrypt(_nonce(self._number, last=self._finished), chunk, MAGIC)
        self._number += 1


class Opening(io.RawIOBase):
    """Reads as what was sealed; BadBackup names the file when it is damaged, cut off, or not of this key."""

    def __init__(self, sealed: Source, key: BackupKey, name: str) -> None:
        self._sealed = sealed
        self._name = name
        header = _exactly(sealed, len(MAGIC) + SALT_BYTES)
        if not header.startswith(MAGIC) or len(header) != len(MAGIC) + SALT_BYTES:
            raise _damaged(name, "its beginning is not that of a sealed file")
        self._cipher = AESGCM(key.derive(header[len(MAGIC) :], name.encode()))
        self._inflate = zlib.decompressobj()
        self._ahead = _exactly(sealed, CHUNK_BYTES + TAG_BYTES)
        self._ready = bytearray()
        self._number = 0
        self._finished = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to size bytes, fewer only at the end; without a size, everything."""
        while not self._finished and (size < 0 or len(self._ready) < size):
            self._advance()
        taken = bytes(self._ready[:size] if size >= 0 else self._ready)
        del self._ready[: len(taken)]
        return taken

    def _advance(self) -> None:
        chunk, self._ahead = self._ahead, _exactly(self._sealed, CHUNK_BYTES + TAG_BYTES)
        self._finished = not self._ahead
        try:
            plain = self._cipher.decrypt(_nonce(self._number, last=self._finished), chunk, MAGIC)
        except (InvalidTag, ValueError) as error:
            raise _damaged(self._name, f"chunk {self._number + 1} was changed, or the file ends too early") from error
        self._number += 1
        self._ready += self._inflate.decompress(plain)
        if self._finished and not self._inflate.eof:
            raise _damaged(self._name, "it ends too early")


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _exactly(source: Source, size: int) -> bytes:
    """size bytes, fewer only at the end, from a source that may give them in pieces."""
    parts = bytearray()
    while len(parts) < size and (part := source.read(size - len(parts))):
        parts += part
    return bytes(parts)


def _damaged(name: str, what: str) -> BadBackup:
    return BadBackup(f"the backup's file {name} is damaged: {what}; nothing of it is used", field=name)


def drain(source: Source) -> int:
    """Read to the end and keep nothing; how many bytes there were."""
    count = 0
    while part := source.read(CHUNK_BYTES):
        count += len(part)
    return count


def hashed(source: Source) -> str:
    """sha256 of the bytes of a source, hexadecimal."""
    digest = hashlib.sha256()
    while part := source.read(CHUNK_BYTES):
        digest.update(part)
    return digest.hexdigest()
