"""Reads minute bars from a file: instants in whatever way they are written, then the row rules of daily bars."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ralph.brokers.files import cells
from ralph.brokers.files.bars import read_rows, rejects_of
from ralph.brokers.files.columns import MINUTES, map_columns
from ralph.brokers.files.tables import open_table
from ralph.errors import BadFile, BadParameter
from ralph.market.minute_rules import REASONS_IN_TIME, FileMinutes, keep_minutes
from ralph.market.rules import sift

SEOUL = "Asia/Seoul"
_MINUTE = 60_000_000  # in microseconds
_NOT_A_TIME = np.iinfo(np.int64).min  # numpy's NaT
_SPREAD = r"^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)? ?(Z|[+-]\d{2}:?\d{2})?$"
_COMPACT = r"^(\d{4})(\d{2})(\d{2})[T ]?(\d{2}):?(\d{2}):?(\d{2})?()(Z|[+-]\d{2}:?\d{2})?$"
_TIME_OF_DAY = r"^(\d{1,2}:\d{2}(:\d{2}(\.0+)?)?|\d{3,6})$"
_EPOCHS = {10: 1_000_000, 13: 1_000}  # digits of a count since 1970, and its unit in microseconds


def read_minutes(path: Path, overrides: Mapping[str, str] | None, timezone: str, now: np.datetime64) -> FileMinutes:
    """The bars of a file; see `ralph.brokers.files.read_minutes`."""
    zone = _zone(timezone)
    table, digest = open_table(path)
    mapping = map_columns(MINUTES, table.names, overrides)
    if "time" not in mapping and "date" not in mapping:
        raise BadFile(
            f"{path.name}: no column for time (looked for {', '.join(MINUTES.names['time'][:4])}, ...): "
            "--column time=NAME",
            field="time",
            accepted=", ".join(table.names[:30]),
        )
    rows, listings, notes, _ = read_rows(table, mapping, partial(_instants, zone=zone))
    if "time" not in mapping:
        mapping["time"] = mapping.pop("date")
    kept = sift(rows, now)
    return FileMinutes(
        file_name=path.name,
        file_sha256=digest,
        encoding=table.encoding,
        mapping=mapping,
        rows_read=table.rows,
        duplicates=kept.duplicates,
        rejected=int(kept.rejected.size),
        rejects=tuple(rejects_of(table, mapping, kept, REASONS_IN_TIME)),
        notes=(*notes, f"times without an offset are taken in {timezone}"),
        columns=keep_minutes(rows, kept, listings),
    )


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadParameter(
            f"there is no time zone {name[:60]!r}", field="timezone", accepted="a name such as Asia/Seoul or UTC"
        ) from None


def _instants(columns: Mapping[str, pl.Series], zone: str) -> NDArray[np.datetime64]:
    """Where each bar begins, datetime64[m] in UTC; NaT where no minute can be read."""
    time = columns["time"] if "time" in columns else columns["date"]
    if "time" in columns and "date" in columns and _is_time_of_day(time):
        day = cells.read_days(columns["date"], "date")
        counted = _with_day(pl.Series(day.astype("datetime64[ms]")), time, zone)
    elif isinstance(time.dtype, pl.Datetime):
        counted = _counted(time, zone)
    elif time.dtype.is_integer() or time.dtype == pl.String or isinstance(time.dtype, (pl.Categorical, pl.Enum)):
        counted = _of_text(time.cast(pl.String), zone)
    else:
        raise BadFile(
            f"time holds {time.dtype}, not moments", field="time", accepted="timestamps, or text: 2026-01-05 09:00"
        )
    whole = counted.set((counted % _MINUTE != 0).fill_null(True), None) // _MINUTE
    return whole.fill_null(_NOT_A_TIME).to_numpy().astype("datetime64[m]")


def _counted(times: pl.Series, zone: str) -> pl.Series:
    """Microseconds since 1970 of timestamps; naive ones are in the zone."""
    stamped = times.cast(pl.Datetime("us", getattr(times.dtype, "time_zone", None)))
    if getattr(stamped.dtype, "time_zone", None) is None:
        stamped = _in_zone(stamped, zone)
    return stamped.dt.convert_time_zone("UTC").to_physical()


def _in_zone(naive: pl.Series, zone: str) -> pl.Series:
    """A time that a zone skips or has twice is none."""
    return naive.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")


def _is_time_of_day(time: pl.Series) -> bool:
    if time.dtype == pl.Time:
        return True
    if isinstance(time.dtype, pl.Datetime):
        return False
    text = time.cast(pl.String).str.strip_chars().drop_nulls()
    return bool(text.len()) and bool(text.head(1_000).str.contains(_TIME_OF_DAY).any())


def _with_day(day: pl.Series, time: pl.Series, zone: str) -> pl.Series:
    """A day and a time of day (`9:01`, `090100`, 901): microseconds since 1970."""
    text = time.cast(pl.String).str.strip_chars().str.replace(r"\.0+$", "").str.replace_all(":", "")
    length = text.str.len_chars()
    text = text.zip_with((length != 3) & (length != 5), "0" + text)
    moment = day.dt.strftime("%Y%m%d") + text
    return _of_text(moment, zone)


def _of_text(text: pl.Series, zone: str) -> pl.Series:
    """Each distinct text is parsed once: the Symbols of a market share their minutes."""
    distinct = text.drop_nulls().unique()
    if not distinct.len():
        return pl.Series([None] * len(text), dtype=pl.Int64)
    clean = distinct.str.strip_chars(" \t\r\n\u00a0\ufeff\"'")
    counted = pl.Series([None] * len(clean), dtype=pl.Int64)
    for pattern in (_SPREAD, _COMPACT):
        counted = counted.fill_null(_parsed(clean, pattern, zone))
    for digits, unit in _EPOCHS.items():
        count = clean.set(~clean.str.contains(rf"^\d{{{digits}}}$"), None).cast(pl.Int64, strict=False) * unit
        counted = counted.fill_null(count)
    return text.replace_strict(distinct, counted, default=None, return_dtype=pl.Int64)


def _parsed(text: pl.Series, pattern: str, zone: str) -> pl.Series:
    group = [text.str.extract(pattern, number) for number in range(1, 9)]
    year, month, day, hour, minute = (part.str.zfill(2) for part in group[:5])
    written = year + "-" + month + "-" + day + " " + hour + ":" + minute + ":" + group[5].fill_null("00")
    naive = written.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    naive = naive.set(group[6].fill_null("").str.contains("[1-9]"), None)  # a part of a second is no minute
    offset = group[7].str.replace("Z", "+0000").str.replace(":", "")
    minutes = offset.str.slice(1, 2).cast(pl.Int64) * 60 + offset.str.slice(3, 2).cast(pl.Int64)
    minutes = minutes.zip_with((offset.str.slice(0, 1) != "-").fill_null(True), -minutes)
    aware = naive.to_physical() - minutes * _MINUTE
    return aware.fill_null(_in_zone(naive.set(offset.is_not_null(), None), zone).to_physical())
