"""Timeframes: how long a bar is, and how that is written (`1d`, `1w`, `1mo`, `5m`, `4h`)."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from ralph.errors import BadParameter

Unit = Literal["minute", "day", "week", "month"]

ACCEPTED = "1d, 1w, 1mo, or minutes such as 1m, 5m, 15m, 60m, 240m (also 1h, 4h)"
MINUTES_MAX = 1_440  # a day; longer frames are made from daily bars

_TEXT = re.compile(r"([1-9][0-9]{0,3})(mo|m|h|d|w)")
_UNITS: dict[str, Unit] = {"d": "day", "w": "week", "mo": "month"}
_ENDS = {"minute": "m", "day": "d", "week": "w", "month": "mo"}


class Timeframe(msgspec.Struct, frozen=True):
    """The length of a bar; count is 1 for all but minutes."""

    unit: Unit
    count: int = 1

    def __str__(self) -> str:
        return f"{self.count}{_ENDS[self.unit]}"

    @property
    def is_minutes(self) -> bool:
        """Whether it is made from minute bars."""
        return self.unit == "minute"


def parse_timeframe(text: str) -> Timeframe:
    """The Timeframe a text names; hours are minutes. BadParameter says what would do."""
    found = _TEXT.fullmatch(text.strip())
    if found is not None:
        count, end = int(found[1]), found[2]
        if end in _UNITS and count == 1:
            return Timeframe(_UNITS[end])
        minutes = count * (60 if end == "h" else 1)
        if end in ("m", "h") and minutes <= MINUTES_MAX:
            return Timeframe("minute", minutes)
    raise BadParameter(f"there is no timeframe {text[:20]!r}; use {ACCEPTED}", field="timeframe", accepted=ACCEPTED)
