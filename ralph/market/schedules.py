"""When something runs by itself: minutes after the close of each Session, or cron's five fields in Seoul's time."""

from __future__ import annotations

import re

import msgspec

from ralph.errors import BadParameter

MINUTES_AFTER_MAX = 600
TEXT_MAX = 200
ACCEPTED = "'30 minutes after the close', or cron's five fields such as '0 16 * * mon-fri'"

_AFTER = re.compile(r"(?:(\d{1,4}) ?(?:minutes?|min|m) after|after|at) (?:the )?close", re.IGNORECASE)
_PART = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
_NAMES = {
    "month": {name: place for place, name in enumerate(_MONTHS, start=1)},
    "weekday": {**{name: place for place, name in enumerate(_DAYS)}, "7": 0},
}


class AfterClose(msgspec.Struct, frozen=True, tag="after_close"):
    """So many minutes after the regular close of every Session."""

    minutes: int

    def __str__(self) -> str:
        return f"{self.minutes} minutes after the close"


class Cron(msgspec.Struct, frozen=True, tag="cron"):
    """Cron's fields as the values they allow; weekday 0 is Sunday. Where both day and weekday are restricted, either
    of them will do, as cron has it."""

    text: str
    minute: frozenset[int]
    hour: frozenset[int]
    day: frozenset[int]
    month: frozenset[int]
    weekday: frozenset[int]

    def __str__(self) -> str:
        return self.text


Schedule = AfterClose | Cron


def parse_schedule(text: str) -> Schedule:
    """A schedule from text; its own text, in the usual form, is `str` of it. BadParameter names what is wrong."""
    words = text[: TEXT_MAX + 1].lower().split()
    after = _AFTER.fullmatch(" ".join(words))
    if after is not None:
        minutes = int(after[1] or 0)
        if minutes > MINUTES_AFTER_MAX:
            raise _bad(f"at most {MINUTES_AFTER_MAX} minutes after the close, not {minutes}")
        return AfterClose(minutes)
    if len(words) != len(_FIELDS) or len(text) > TEXT_MAX:
        raise _bad(f"{text[:40]!r} is no schedule")
    values = [_values(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
    return Cron(" ".join(words), *values)


def _values(word: str, field: str, least: int, most: int) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        match = _PART.fullmatch(part)
        if match is None or (match["first"] == "*" and match["last"]) or match["step"] in ("0", "00"):
            raise _bad(f"{part[:20]!r} cannot stand for the {field}")
        if match["first"] == "*":
            first, last = least, most
        else:
            first = _number(match["first"], field, least, most)
            last = most if match["step"] and not match["last"] else first
            last = _number(match["last"], field, least, most) if match["last"] else last
        if field == "weekday" and match["last"] in ("7", "sun"):
            last = 7
        if last < first:
            raise _bad(f"{part[:20]!r} of the {field} ends before it begins")
        found |= {
            value % 7 if field == "weekday" else value for value in range(first, last + 1, int(match["step"] or 1))
        }
    return frozenset(found)


def _number(word: str, field: str, least: int, most: int) -> int:
    value = _NAMES.get(field, {}).get(word, int(word) if word.isascii() and word.isdigit() else -1)
    if not least <= value <= most:
        raise _bad(f"{word[:20]!r} is no {field}: {least} to {most}")
    return value


def _bad(reason: str) -> BadParameter:
    return BadParameter(f"{reason}; write {ACCEPTED}", field="schedule", accepted=ACCEPTED)
