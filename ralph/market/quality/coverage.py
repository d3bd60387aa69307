"""The share of the Symbols expected on a Session that have a bar of it, and the gate against half a market."""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.market.panel import Panel
from ralph.market.roster import Roster
from ralph.market.view import NO_BAR

BoolArray = NDArray[np.bool_]

COVERAGE_PCT = 80.0
"""Below this share a Session counts as not delivered."""

EXPECTED_SESSIONS = 20
"""A Symbol is expected for so many Sessions after its newest bar. Halted Symbols have bars, so one that stays away for
a month has left; and a source that fails for two weeks is still measured against the market it had."""


class Coverage(msgspec.Struct, frozen=True):
    """A Session's Symbols: expected and present are counts, ratio is present / expected (1 where none is expected)."""

    session: date
    expected: int
    present: int
    ratio: float
    passes: bool


def coverage(panel: Panel, day: date, minimum_pct: float = COVERAGE_PCT) -> Coverage:
    """The coverage of a day: 0 of those expected where the Panel has no bar of it."""
    place = int(np.searchsorted(panel.sessions, np.datetime64(day, "D")))
    has_day = place < panel.sessions.size and panel.sessions[place] == np.datetime64(day, "D")
    recent = (panel.rows[max(0, place - EXPECTED_SESSIONS) : place] != NO_BAR).any(axis=0)
    present = panel.rows[place] != NO_BAR if has_day else np.zeros_like(recent)
    return _counted(day, (recent & panel.roster.listed(day)) | present, present, minimum_pct)


def coverages(
    sessions: NDArray[np.datetime64], present: BoolArray, roster: Roster, minimum_pct: float = COVERAGE_PCT
) -> list[Coverage]:
    """The coverage of every Session; present is [sessions, symbols]."""
    newest = np.full(present.shape[1], -1 - EXPECTED_SESSIONS, dtype=np.int64)
    found = []
    for place, on in enumerate(sessions.astype(object).tolist()):
        here = present[place]
        expected = ((place - newest <= EXPECTED_SESSIONS) & roster.listed(on)) | here
        found.append(_counted(on, expected, here, minimum_pct))
        newest[here] = place
    return found


def _counted(day: date, expected: BoolArray, present: BoolArray, minimum_pct: float) -> Coverage:
    wanted, there = int(expected.sum()), int(present.sum())
    ratio = there / wanted if wanted else 1.0
    return Coverage(day, wanted, there, ratio, ratio * 100 >= minimum_pct)
