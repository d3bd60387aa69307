"""Which backups stay: the newest of each of the last days and weeks that have one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

ID_FORMAT = "%Y%m%dT%H%M%SZ"


def id_of(instant: datetime) -> str:
    """A backup's id: when it began, UTC, so that names in order are times in order."""
    return instant.astimezone(UTC).strftime(ID_FORMAT)


def instant_of(backup_id: str) -> datetime:
    """When a backup began; ValueError when this is no id."""
    return datetime.strptime(backup_id, ID_FORMAT).replace(tzinfo=UTC)


def kept_daily(ids: Iterable[str], days: int) -> set[str]:
    """The newest of each of the last `days` days that have one."""
    newest = {instant_of(each).date(): each for each in sorted(ids)}
    return {newest[day] for day in sorted(newest)[-days:]} if days else set()


def kept_weekly(ids: Iterable[str], weeks: int) -> set[str]:
    """The newest of each of the last `weeks` ISO weeks that have one."""
    newest = {instant_of(each).isocalendar()[:2]: each for each in sorted(ids)}
    return {newest[week] for week in sorted(newest)[-weeks:]} if weeks else set()


def kept(ids: Iterable[str], days: int, weeks: int) -> set[str]:
    """All that stay. Of the newest day that has any all do: only days that are over are thinned out."""
    known = sorted(ids)
    newest_day = {each for each in known if instant_of(each).date() == instant_of(known[-1]).date()}
    return kept_daily(known, days) | kept_weekly(known, weeks) | newest_day
