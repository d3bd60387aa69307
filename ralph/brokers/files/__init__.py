"""Files as a source of bars, Symbols, shares, flows, indices and corporate actions: CSV (also gzipped), Parquet, XLSX.

polars costs 0.2 s and 60 MB, so it is loaded by the first call and not with this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from ralph.market.dated import DatedKind, FileDated
from ralph.market.minute_rules import FileMinutes
from ralph.market.rules import FileActions, FileBars, FileSymbols


def read_bars(path: str | Path, overrides: Mapping[str, str] | None = None, *, today: date | None = None) -> FileBars:
    """The daily bars of a CSV or Parquet file, sorted by (symbol, day) and flagged, with the rows that were rejected.

    overrides  {field: column} where the guess is wrong, {"close": "adj_close"}; an empty column leaves a field out
    today      the newest date accepted; the date in Korea when None

    Blocks for as long as it takes: servers call it in a thread. Raises BadFile when the file cannot be read to its
    end, a column is missing or nothing is in it, TooLarge, and BadParameter for an override of an unknown field.
    """
    from ralph.brokers.files import bars

    return bars.read_bars(Path(path), overrides, today or _today())


def read_symbols(
    path: str | Path, overrides: Mapping[str, str] | None = None, *, today: date | None = None
) -> FileSymbols:
    """The Symbols of a CSV or Parquet file, sorted by code and day, with the rows that were rejected; parameters and
    errors as of `read_bars`."""
    from ralph.brokers.files import symbols

    return symbols.read_symbols(Path(path), overrides, today or _today())


def read_actions(
    path: str | Path, overrides: Mapping[str, str] | None = None, *, today: date | None = None
) -> FileActions:
    """The corporate actions of a CSV or Parquet file, sorted by symbol, day and kind, with the rows that were rejected;
    parameters and errors as of `read_bars`. Actions may be announced for a day to come."""
    from ralph.brokers.files import actions

    return actions.read_actions(Path(path), overrides, today or _today())


def read_dated(
    path: str | Path,
    kind: DatedKind,
    overrides: Mapping[str, str] | None = None,
    *,
    as_of: date | None = None,
    today: date | None = None,
    unit: str | None = None,
) -> FileDated:
    """Listed shares, flows, index bars or market-wide flows of a file, sorted by (key, day), with the rows that were
    rejected; parameters and errors as of `read_bars`.

    as_of  the day of all rows of a file that has no dates
    unit   of market-wide flows: won, thousand, million or eok (100 million won); when None won, and amounts too
           small for that are a BadFile
    """
    from ralph.brokers.files import dated

    return dated.read_dated(Path(path), kind, overrides, as_of, today or _today(), unit)


def read_minutes(
    path: str | Path,
    overrides: Mapping[str, str] | None = None,
    *,
    timezone: str = "Asia/Seoul",
    now: datetime | None = None,
) -> FileMinutes:
    """The minute bars of a file, sorted by (symbol, minute) and flagged, with the rows that were rejected; parameters
    and errors as of `read_bars`.

    timezone  of times written without an offset; BadParameter where there is no such zone
    now       (aware) bars that begin later are rejected; the clock when None
    """
    import numpy as np

    from ralph.brokers.files import minutes

    latest = np.datetime64((now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None), "m")
    return minutes.read_minutes(Path(path), overrides, timezone, latest)


def _today() -> date:
    return datetime.now(ZoneInfo("Asia/Seoul")).date()
