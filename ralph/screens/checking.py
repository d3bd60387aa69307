"""Checks a text as it is typed: every problem that can be told apart, with what would mend it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ralph.catalog import nearest
from ralph.errors import BadExpression
from ralph.screens.completion import Names
from ralph.screens.parser import parse
from ralph.screens.presets import find_preset
from ralph.screens.tokens import Token, tokenize
from ralph.screens.tree import Belongs, Node, walk

PROBLEMS_MAX = 20


class Fix(msgspec.Struct, frozen=True):
    """Put `text` in the place of the characters from `start` to before `end`."""

    start: int
    end: int
    text: str


class Problem(msgspec.Struct, frozen=True):
    """What is wrong from `position` on for `length` characters (0 at the end of the text).

    fix  a change after which the text is read further, or whole; absent where none is known
    """

    position: int
    length: int
    message: str
    suggestion: str | None
    fix: Fix | None = None


def validate(text: str, names: Names | None = None) -> list[Problem]:
    """The problems of a text, in its order; none where it is a screen. Each `and` and `or` starts afresh.

    names  the lists and saved screens that there are; None: any will do
    """
    first = _refused(text, names)
    if first is None:
        return []
    found: dict[int, Problem] = {}
    for start, end in _clauses(text):
        error = _refused(text[start:end], names)
        if error is not None:
            problem = _problem(text[start:end], start, error, names)
            found.setdefault(problem.position, problem)
        if len(found) == PROBLEMS_MAX:
            break
    if not found:
        found[first.position] = _problem(text, 0, first, names)
    return [found[position] for position in sorted(found)]


def _refused(text: str, names: Names | None) -> BadExpression | None:
    try:
        condition = parse(text)
    except BadExpression as error:
        return error
    return None if names is None else _unknown_name(condition, names)


def _unknown_name(condition: Node, names: Names) -> BadExpression | None:
    for node in walk(condition):
        if not isinstance(node, Belongs) or node.of not in ("list", "screen"):
            continue
        name, known = node.names[0], names.lists if node.of == "list" else names.screens
        is_preset = node.of == "screen" and find_preset(name) is not None
        if not is_preset and name.casefold() not in {one.casefold() for one in known}:
            there = ", ".join(known) or "none"
            return BadExpression(
                f"there is no {node.of} {name!r}; there are: {there}",
                position=node.span.start,
                length=node.span.end - node.span.start,
                suggestion=_near(node.of, name, known),
            )
    return None


def _near(of: str, name: str, known: Sequence[str]) -> str | None:
    """The whole of `in list "name"` with the name nearest to what was written."""
    by_case = {one.casefold(): one for one in known}
    near = nearest(name.casefold(), list(by_case))
    return None if near is None else f'in {of} "{by_case[near]}"'


def _problem(clause: str, start: int, error: BadExpression, names: Names | None) -> Problem:
    """The problem of a clause that begins at `start`."""
    position = min(error.position, len(clause))
    length = min(error.length, len(clause) - position)
    fix = _fix(clause, position, length, error, names)
    moved = None if fix is None else Fix(fix.start + start, fix.end + start, fix.text)
    return Problem(position + start, length, error.message, error.suggestion, moved)


def _fix(text: str, position: int, length: int, error: BadExpression, names: Names | None) -> Fix | None:
    """The first change that helps: tried, not guessed. A text that is still refused has to be so further on."""
    end = position + length
    tried = [Fix(position, end, "")]
    if error.suggestion is not None:
        tried.insert(0, Fix(position, end, error.suggestion))
    if "never closed" in error.message:
        tried.insert(0, Fix(len(text), len(text), "]" if text[position] == "[" else ")"))
    partial: Fix | None = None
    for fix in tried:
        changed = text[: fix.start] + fix.text + text[fix.end :]
        after = _refused(changed, names)
        if after is None:
            return fix
        if partial is None and fix.text and after.position >= fix.start + len(fix.text):
            partial = fix
    return partial


def _clauses(text: str) -> list[tuple[int, int]]:
    """The stretches between `and` and `or` outside all brackets; the whole where it cannot be cut into tokens."""
    try:
        tokens = tokenize(text)
    except BadExpression:
        return [(0, len(text))]
    return _cut(tokens)


def _cut(tokens: list[Token]) -> list[tuple[int, int]]:
    depth = 0
    start = tokens[0].start
    previous = ""
    clauses = []
    for token in tokens:
        if token.kind == "operator":
            depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        is_joint = token.kind == "name" and token.text in ("and", "or") and depth <= 0
        if token.kind == "name" and token.text == "between":
            previous = "between"
        elif is_joint and previous == "between" and token.text == "and":
            previous = ""
        elif is_joint:
            clauses.append((start, token.start))
            start = token.end
    clauses.append((start, tokens[-1].end))
    return clauses
