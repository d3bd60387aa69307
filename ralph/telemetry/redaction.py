"""Secrets out of text that leaves the process in logs: by their shape, by the name before them, and by value."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
SECRET_LENGTH_MIN = 6  # a shorter value would hide ordinary words
_NAMES = r"pass(?:word|wd)?|secret|token|api[_-]?key|app[_-]?key|app[_-]?secret|authorization|cookie|session|signature"
_SHAPES = re.compile(
    rf"""
      (?P<named>["']?\b[\w-]*(?:{_NAMES})[\w-]*["']?\s*[=:]\s*["']?(?:(?:bearer|basic)\s+)?)(?P<value>[^\s"',;&}}]+)
    | (?P<scheme>\b(?:bearer|basic)\s+)(?P<credentials>[\w.~+/=-]{{8,}})
    | (?P<user>\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)(?P<password>[^\s@/]+)(?=@)
    | (?P<link>[?&]t=)(?P<once>[\w-]+)
    | (?P<key>\brk_)(?P<rest>\w{{8,}})
    | (?P<jwt>\beyJ)(?P<claims>[\w-]{{8,}}\.[\w-]+\.[\w-]*)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_HINT = re.compile(rf"{_NAMES}|bearer|basic|://|[?&]t=|rk_|eyJ", re.IGNORECASE)


class Redactor:
    """Hides secrets in text; `values` are those known by heart, as the owner's key."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        known = sorted({value for value in values if len(value) >= SECRET_LENGTH_MIN}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return _SHAPES.sub(_hide, text) if _HINT.search(text) else text


def _hide(found: re.Match[str]) -> str:
    for name in ("named", "scheme", "user", "link", "key", "jwt"):
        if found[name] is not None:
            return found[name] + HIDDEN
    raise AssertionError("every shape has a part that stays")
