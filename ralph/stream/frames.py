"""Frames: what a topic says, encoded once; and messages, which carry the frames of several topics to a socket."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

_TEXT = 0x81  # a whole text message, RFC 6455 section 5.2
_SHORT, _MEDIUM = 126, 1 << 16
_HEAD, _TAIL = b'{"type":"frames","frames":[', b"]}"
_encode = msgspec.json.Encoder().encode


class Row:
    """The newest of a key: its place in the order of all changes, and what it says, encoded when first asked for."""

    __slots__ = ("_data", "_text", "version")

    def __init__(self, version: int, data: msgspec.Struct | bytes) -> None:
        self.version = version
        self._data: msgspec.Struct | None = None if isinstance(data, bytes) else data
        self._text: bytes | None = data if isinstance(data, bytes) else None

    def text(self) -> bytes:
        """JSON; non-finite numbers are null."""
        text = self._text
        if text is None:
            text = self._text = _encode(self._data)
            self._data = None
        return text


class Chunk:
    """Frames of one topic, joined by commas, for all who have the same of it."""

    __slots__ = ("text", "wire")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.wire: bytes | None = None  # a message of these frames alone, as it goes to the socket, once it was made

    def make(self) -> bytes:
        """That message."""
        wire = self.wire = to_wire(_HEAD + self.text + _TAIL)
        return wire


NOTHING = Chunk(b"")


def joined(chunks: Sequence[Chunk]) -> bytes:
    """A message of the frames of several topics, as it goes to the socket."""
    return to_wire(_HEAD + b",".join([chunk.text for chunk in chunks]) + _TAIL)


def message(frames: Sequence[bytes]) -> bytes:
    """A message of single frames."""
    return to_wire(_HEAD + b",".join(frames) + _TAIL)


def to_wire(payload: bytes) -> bytes:
    """A text message of the WebSocket protocol from server to client: never masked, never compressed, in one piece."""
    size = len(payload)
    if size < _SHORT:
        return bytes((_TEXT, size)) + payload
    if size < _MEDIUM:
        return struct.pack("!BBH", _TEXT, _SHORT, size) + payload
    return struct.pack("!BBQ", _TEXT, _SHORT + 1, size) + payload


def from_wire(wire: bytes) -> bytes:
    """The payload of `to_wire`, for sockets that cannot be written to directly."""
    length = wire[1]
    return wire[2 if length < _SHORT else 4 if length == _SHORT else 10 :]
