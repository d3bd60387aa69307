"""Sessions of the published calendar as plain functions, for who must not see an operator's changes.

The simulated market counts its Sessions with them, so that a seed gives the same bytes on every machine.
"""

from __future__ import annotations

from ralph.market.calendar import PUBLISHED, SEOUL

__all__ = [
    "SEOUL",
    "is_session",
    "last_completed_session",
    "next_session",
    "previous_session",
    "sessions_between",
    "sessions_ending",
]

is_session = PUBLISHED.is_session
sessions_between = PUBLISHED.sessions_between
previous_session = PUBLISHED.previous_session
next_session = PUBLISHED.next_session
sessions_ending = PUBLISHED.sessions_ending
last_completed_session = PUBLISHED.last_completed_session
