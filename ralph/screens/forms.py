"""The JSON form of a screen, equal to its text: every tree has one, and it reads back as the same tree."""

from __future__ import annotations

import msgspec

from ralph.errors import BadExpression
from ralph.screens.parser import parse
from ralph.screens.tokens import TEXT_MAX
from ralph.screens.tree import Condition

JSON_MAX = 200 * TEXT_MAX  # bytes; a tree within the limits of the language needs far less


def to_json(node: Condition) -> bytes:
    """The tree as JSON. Places in the text are kept."""
    return msgspec.json.encode(node)


def from_json(form: bytes) -> Condition:
    """The condition of a JSON form, checked by the same rules as text, whose places then are those of its text."""
    if len(form) > JSON_MAX:
        raise _refused(f"the JSON form of a screen has at most {JSON_MAX:,} bytes, not {len(form):,}")
    try:
        decoded = msgspec.json.decode(form, type=Condition)
        text = str(decoded)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _refused(f"this is not the JSON form of a screen: {reason}") from None
    node = parse(text)
    if node != decoded:
        raise _refused(f"this JSON form is not in canonical shape; its text reads: {node}")
    return node


def _refused(message: str) -> BadExpression:
    return BadExpression(message, position=0, suggestion="the text, such as rsi(14) < 30")
