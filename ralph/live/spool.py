"""Pieces of recordings on disk, for as long as there is no database: each a file that is whole or not there."""

from __future__ import annotations

import os
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ralph.market.recording import Chunk, Mark, MinuteRows, Run, Step
from ralph.market.tick import Ticks

BYTES_MAX = 2 << 30  # of all files; what comes then is lost, counted and told
_SUFFIX = ".chunk"
_TICKS = ("symbol", "price", "size", "at", "number")
_TYPES = {"symbol": "<i4", "price": "<f8"}
_BAR_TYPES = {"symbol": "<i8", "opened_at": "<i8", "volume": "<i8"}


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """A Chunk in a file; arrays as their bytes."""

    run: Run
    number: int
    until: int
    ticks: dict[str, bytes]
    bars: dict[str, bytes]
    marks: tuple[Mark, ...]
    steps: tuple[Step, ...]
    ticks_lost: int
    is_last: bool
    is_whole: bool
    signals: bytes = b""  # of an older version there is none


def pack(chunk: Chunk) -> bytes:
    """A piece as bytes with their checksum in front."""
    ticks = {name: getattr(chunk.ticks, name).astype(_TYPES.get(name, "<i8")).tobytes() for name in _TICKS}
    ticks["batch_at"] = chunk.batch_at.astype("<i8").tobytes()
    bars = {
        each.name: getattr(chunk.bars, each.name).astype(_BAR_TYPES.get(each.name, "<f8")).tobytes()
        for each in fields(MinuteRows)
    }
    packed = _Packed(
        chunk.run,
        chunk.number,
        chunk.until,
        ticks,
        bars,
        chunk.marks,
        chunk.steps,
        chunk.ticks_lost,
        chunk.is_last,
        chunk.is_whole,
        chunk.signals,
    )
    body = msgspec.msgpack.encode(packed)
    return zlib.crc32(body).to_bytes(4, "big") + body


def unpack(text: bytes) -> Chunk | None:
    """The piece, None where its bytes are not those that were written."""
    body = text[4:]
    if len(text) < 4 or zlib.crc32(body).to_bytes(4, "big") != text[:4]:
        return None
    packed = msgspec.msgpack.decode(body, type=_Packed)

    def array(raw: bytes, kind: str) -> Any:
        return np.frombuffer(raw, dtype=kind).astype(np.dtype(kind).newbyteorder("="))

    columns = {name: array(packed.ticks[name], _TYPES.get(name, "<i8")) for name in _TICKS}
    bars = {name: array(raw, _BAR_TYPES.get(name, "<f8")) for name, raw in packed.bars.items()}
    return Chunk(
        packed.run,
        packed.number,
        packed.until,
        Ticks(**columns),
        array(packed.ticks["batch_at"], "<i8"),
        MinuteRows(**bars),
        packed.marks,
        packed.steps,
        packed.ticks_lost,
        packed.is_last,
        packed.is_whole,
        packed.signals,
    )


class Spool:
    """The files of a folder, in the order in which they were put. Everything here waits for the disk."""

    def __init__(self, folder: Path, bytes_max: int = BYTES_MAX) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for torn in folder.glob("*.new"):
            torn.unlink()
        self._files = {path: path.stat().st_size for path in sorted(folder.glob(f"*{_SUFFIX}"))}
        self._place = max((int(path.name.split("-")[0]) for path in self._files), default=0)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(self._files.values())

    def __len__(self) -> int:
        return len(self._files)

    def tokens(self) -> list[str]:
        """The runs that have pieces here."""
        return sorted({path.stem.split("-")[1] for path in self._files})

    def put(self, chunk: Chunk) -> bool:
        """Write a piece; it is on the disk when this returns. False where there is no room."""
        text = pack(chunk)
        if self.size + len(text) > self._bytes_max:
            return False
        self._place += 1
        path = self._folder / f"{self._place:012d}-{chunk.run.token}{_SUFFIX}"
        fresh = path.with_suffix(".new")
        try:
            with fresh.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            return False
        self._files[path] = len(text)
        return True

    def first(self) -> tuple[Path, Chunk | None] | None:
        """The oldest piece, None where its file is damaged; None when there is no more."""
        if not self._files:
            return None
        path = next(iter(self._files))
        return path, unpack(path.read_bytes())

    def drop(self, path: Path) -> None:
        """Remove a piece that has been stored."""
        del self._files[path]
        path.unlink(missing_ok=True)
