"""Lays a screen out: its canonical text, broken at `and` and `or` where a line would be too long."""

from __future__ import annotations

from ralph.screens.parser import parse
from ralph.screens.tree import All, Any, Condition, Not
from ralph.screens.writing import write

LINE_MAX = 88  # characters of a line that is not broken
_INDENT = "    "


def format_text(text: str) -> str:
    """The canonical form of a text, in lines; it reads back as the same tree. BadExpression as in `parse`."""
    return "\n".join(_lines(parse(text), "", LINE_MAX))


def _lines(node: Condition, lead: str, room: int) -> list[str]:
    """Lines of at most `room` characters where they can be broken; `lead` stands before the first."""
    whole = lead + write(node)
    if len(whole) <= room or not isinstance(node, All | Any | Not):
        return [whole]
    if isinstance(node, Not):
        inner = _bracketed(node.part, room)
        return [f"{lead}not {inner[0]}", *inner[1:]]
    word = "and" if isinstance(node, All) else "or"
    lines: list[str] = []
    for place, part in enumerate(node.parts):
        joined = f"{word} " if place else ""
        if isinstance(part, Any) and isinstance(node, All):
            inner = _bracketed(part, room)
            lines += [joined + inner[0], *inner[1:]] if place else [lead + inner[0], *inner[1:]]
        else:
            lines += _lines(part, joined if place else lead, room)
    return lines


def _bracketed(node: Condition, room: int) -> list[str]:
    """A group in brackets, a part a line."""
    short = f"({write(node)})"
    if not isinstance(node, All | Any):
        return [write(node)]
    if len(short) + len(_INDENT) <= room:
        return [short]
    return ["(", *(_INDENT + line for line in _lines(node, "", room - len(_INDENT))), ")"]
