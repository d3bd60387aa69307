"""The topics that can be subscribed to: how each is written, and how its frames are kept."""

from __future__ import annotations

import re
from typing import NamedTuple

from ralph.catalog import nearest
from ralph.errors import BadParameter

QUOTES = "quote:"
BOARD = "board"
BAR_END = ":1m"
_SYMBOL = r"[A-Za-z0-9][A-Za-z0-9.:/_&-]{0,19}"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


class Kind(NamedTuple):
    """A family of topics.

    form          how it is written, for people
    pattern       what the whole of it matches
    is_announced  its frames are numbered and never dropped; else the newest of each key is what counts
    rows_max      keys kept of a topic that is not announced; those that changed longest ago go first
    is_list       its frames carry lists of rows
    content       what its frames carry
    """

    form: str
    pattern: str
    is_announced: bool
    rows_max: int
    is_list: bool
    content: str


_BOARD_ROWS = 4_096  # about a full Universe; Symbols that have not moved for longest are left out of the snapshot
_BAR_ROWS = 5  # the running bar and those closed last; more are asked for over HTTP

KINDS = (
    Kind("quote:CODE", rf"quote:{_SYMBOL}", False, 1, False, "the newest quote of a symbol"),
    Kind("board", "board", False, _BOARD_ROWS, True, "all quotes, in lists of those that changed"),
    Kind("bar:CODE:1m", rf"bar:{_SYMBOL}:1m", False, _BAR_ROWS, False, "the running minute bar, and each as it closes"),
    Kind("index:NAME", rf"index:{_NAME}", False, 1, False, "an index, such as KOSPI"),
    Kind("gate", "gate", False, 1, False, "the market gate, as GET /api/v1/gate gives it"),
    Kind("signals", "signals", True, 0, False, "every step of a signal's life"),
    Kind("signals:SYSTEM", rf"signals:{_NAME}", True, 0, False, "the same, of one system"),
    Kind("screen:ID", rf"screen:{_NAME}", True, 0, False, "symbols that enter and leave a watched screen"),
    Kind("scans", "scans", True, 0, False, "what day-trading scans find"),
    Kind("system", "system", False, 1, False, "the health of the server and the state of the feed"),
    Kind("jobs:ID", rf"jobs:{_NAME}", False, 1, False, "a job, as GET /api/v1/jobs/ID gives it"),
)
_PATTERNS = tuple((re.compile(kind.pattern), kind) for kind in KINDS)
_SHOWN = 60  # characters of somebody's text in an error


def kind_of(topic: str) -> Kind:
    """The kind of a topic. BadParameter, naming those there are, where it is none."""
    for pattern, kind in _PATTERNS:
        if pattern.fullmatch(topic):
            return kind
    forms = [kind.form for kind in KINDS]
    near = nearest(topic[:_SHOWN], forms)
    hint = f"; did you mean {near}?" if near else ""
    raise BadParameter(f"there is no topic {topic[:_SHOWN]!r}{hint}", field="topics", accepted=", ".join(forms))


def symbol_of(topic: str) -> str | None:
    """The Symbol that a topic is about, if it is about one."""
    if topic.startswith(QUOTES):
        return topic.removeprefix(QUOTES)
    if topic.startswith("bar:"):
        return topic.removeprefix("bar:").removesuffix(BAR_END)
    return None
