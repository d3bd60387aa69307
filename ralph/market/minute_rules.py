"""The row rules for bars within a day: those of daily bars, with an instant in place of the day. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ralph.market.minutes import MinuteColumns
from ralph.market.rules import REASONS, FileRead, Kept, RawRows, Rule, keep
from ralph.market.symbol import Listing

_UNREAD = (
    "not a moment on a whole minute that its time zone has once; YYYY-MM-DD HH:MM, ISO 8601 with an offset, "
    "YYYYMMDDHHMM and seconds or milliseconds since 1970 are understood"
)


def _in_time(rule: Rule) -> Rule:
    if rule.field != "date":
        return rule
    if rule.reason.startswith("not a date"):
        return Rule("time", _UNREAD)
    return Rule("time", rule.reason.replace("symbol and date", "symbol and minute"))


REASONS_IN_TIME: Sequence[Rule] = tuple(_in_time(rule) for rule in REASONS)
"""`REASONS` in their order, said of minutes."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FileMinutes(FileRead):
    """Minute bars of a file, flagged, by (symbol, opened_at)."""

    columns: MinuteColumns

    def __post_init__(self) -> None:
        assert self.rows_read == len(self.columns) + self.duplicates + self.rejected, "every row is accounted for"


def keep_minutes(rows: RawRows, kept: Kept, listings: Mapping[str, Listing]) -> MinuteColumns:
    """The kept rows, whose `day` is a minute, as flagged columns; only Symbols with a kept row are listed."""
    bars = keep(rows, kept, listings)
    return MinuteColumns(
        listings=bars.listings,
        symbol=bars.symbol,
        opened_at=bars.day.astype("datetime64[s]"),
        open=bars.open,
        high=bars.high,
        low=bars.low,
        close=bars.close,
        volume=bars.volume,
        value=bars.value,
        flags=bars.flags,
    )
