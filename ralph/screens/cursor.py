"""The opaque mark between two pages of matches: the last match of the page, and the date all pages share."""

from __future__ import annotations

import base64
import binascii
import zlib
from datetime import date

import msgspec

from ralph.errors import BadParameter


class Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Where a page ended in the order of matches: their key rising, traded value falling, then Symbol rising."""

    screen: int
    as_of: date
    key: float | None
    value: float
    symbol: str


def fingerprint(expression: str, order: str) -> int:
    """Tells one canonical expression and order from another."""
    return zlib.crc32(f"{expression}\n{order}".encode())


def write_cursor(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read_cursor(text: str, screen: int, as_of: date | None) -> Cursor:
    """The cursor of an earlier page of the same screen and date; BadParameter for any other text."""
    try:
        padded = text + "=" * (-len(text) % 4)
        cursor = msgspec.json.decode(base64.b64decode(padded.encode("ascii"), b"-_", validate=True), type=Cursor)
    except (ValueError, binascii.Error, msgspec.MsgspecError, RecursionError):
        raise _refused("this is no cursor of a screen's answer") from None
    if cursor.screen != screen:
        raise _refused("this cursor belongs to another expression or order")
    if as_of is not None and as_of != cursor.as_of:
        raise _refused(f"this cursor belongs to {cursor.as_of}")
    return cursor


def _refused(message: str) -> BadParameter:
    return BadParameter(
        message,
        field="cursor",
        accepted="next_cursor of an earlier answer to the same request, or none for the first page",
    )
