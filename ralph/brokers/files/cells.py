"""Columns of a file as codes, days and numbers; what cannot be read is missing, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ralph.errors import BadFile
from ralph.market.symbol import parse_symbol

FloatArray = NDArray[np.float64]

DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y/%m/%d", "%Y.%m.%d")
KRX_CODE_DIGITS = 6
TIMES_A_DAY_MAX = 2  # of daily bars stamped with a time: a market's close in winter and in summer
_SPACE = " \t\r\n\u00a0\u3000\ufeff"
_GROUPED = r"^[+-]?[0-9]{1,3}([, \u00a0\u202f'][0-9]{3})+(\.[0-9]*)?$"


@dataclass(frozen=True, eq=False)
class Codes:
    """Codes sorted, and for each row its place among them, -1 where its text is no code."""

    codes: Sequence[str]
    row: NDArray[np.int32]
    padded: bool = False


def read_codes(cells: pl.Series) -> Codes:
    """Symbols; numbers are filled with zeros to the six digits of a KRX code, since a number has lost them."""
    padded = cells.dtype.is_integer()
    if cells.dtype.is_float() or not (padded or _is_text(cells)):
        raise BadFile(
            f"the symbol column holds {cells.dtype}, not text", field="symbol", accepted="text such as 005930"
        )
    text = cells.cast(pl.String)
    known = text.drop_nulls().unique()
    parsed = {raw: parse_symbol(_clean_code(raw, padded)) for raw in known.to_list()}
    codes = sorted({code for code in parsed.values() if code is not None})
    place = {code: index for index, code in enumerate(codes)}
    pairs = [(raw, place[code]) for raw, code in parsed.items() if code is not None]
    if not pairs:
        return Codes([], np.full(len(cells), -1, dtype=np.int32))
    raws, places = zip(*pairs, strict=True)
    row = text.replace_strict(pl.Series(raws), pl.Series(places, dtype=pl.Int32), default=-1, return_dtype=pl.Int32)
    return Codes(codes, row.fill_null(-1).to_numpy(), padded)


def _clean_code(raw: str, padded: bool) -> str:
    if padded:
        return raw.zfill(KRX_CODE_DIGITS)
    text = raw.strip(_SPACE)
    return text.removeprefix("=").strip("\"'").strip(_SPACE)  # ="005930" and '005930: how Excel is told to keep text


def _is_text(cells: pl.Series) -> bool:
    return cells.dtype == pl.String or isinstance(cells.dtype, (pl.Categorical, pl.Enum)) or cells.dtype == pl.Null


def read_days(cells: pl.Series, name: str) -> NDArray[np.datetime64]:
    """Dates, NaT where there is none. Times are cut off; aware ones are taken in Asia/Seoul."""
    kind = cells.dtype
    if isinstance(kind, pl.Datetime):
        stamped = cells if kind.time_zone is None else cells.dt.convert_time_zone("Asia/Seoul")
        if stamped.dt.time().drop_nulls().n_unique() > TIMES_A_DAY_MAX:
            raise BadFile(f"{name} has many times of day: daily bars are wanted, one a date", field=name)
        days = stamped.dt.date()
    elif kind == pl.Date:
        days = cells
    elif kind.is_integer() or _is_text(cells):
        days = _days_of_text(cells.cast(pl.String))
    else:
        raise BadFile(f"{name} holds {kind}, not dates", field=name, accepted="dates, or text such as 2024-01-31")
    # Polars counts days in int32 and marks missing ones apart; numpy's NaT is the lowest int64.
    counted = days.to_physical().cast(pl.Int64).fill_null(np.iinfo(np.int64).min).to_numpy()
    return counted.astype("datetime64[D]")


def _days_of_text(text: pl.Series) -> pl.Series:
    """Each distinct text is parsed once: a market's file has few dates and many rows."""
    distinct = text.drop_nulls().unique()
    clean = distinct.str.strip_chars(_SPACE + "\"'")
    clean = clean.str.replace(r"[T ]00:00(:00(\.0+)?)?(Z|[+-]00:?00)?$", "")
    days = pl.Series([None] * len(clean), dtype=pl.Date)
    for pattern, shape in zip(DATE_FORMATS, (r"-", r"", r"/", r"\."), strict=True):
        fits = clean.str.contains(rf"^[0-9]{{4}}{shape}[0-9]{{1,2}}{shape}[0-9]{{1,2}}$" if shape else r"^[0-9]{8}$")
        parsed = clean.set(~fits, None).str.to_date(pattern, strict=False)
        days = days.fill_null(parsed) if len(days) else parsed
    return (
        text.replace_strict(distinct, days, default=None, return_dtype=pl.Date) if len(distinct) else text.cast(pl.Date)
    )


def read_numbers(cells: pl.Series, name: str) -> FloatArray:
    """Numbers, NaN where there is none. `1,234.5` and ` "1234" ` are numbers; `1,5`, `₩5` and `5k` are not."""
    kind = cells.dtype
    if kind.is_numeric() or kind == pl.Null:
        return _floats(cells.cast(pl.Float64))
    if not _is_text(cells):
        raise BadFile(f"{name} holds {kind}, not numbers", field=name, accepted="numbers")
    text = cells.cast(pl.String)
    numbers = text.cast(pl.Float64, strict=False)
    unread = numbers.is_null() & text.is_not_null()
    if unread.any():
        clean = text.filter(unread).str.strip_chars(_SPACE + "\"'")
        grouped = clean.str.contains(_GROUPED)
        clean = clean.zip_with(~grouped, clean.str.replace_all(r"[, \u00a0\u202f']", ""))
        numbers = numbers.scatter(unread.arg_true(), clean.cast(pl.Float64, strict=False))
    return _floats(numbers)


def read_optional_numbers(cells: pl.Series, name: str) -> FloatArray:
    """As `read_numbers`, but a text that is no number is -1, so that it differs from an empty cell."""
    numbers = read_numbers(cells, name)
    if _is_text(cells):
        written = cells.cast(pl.String).str.strip_chars(_SPACE + "\"'").fill_null("").str.len_bytes().to_numpy() > 0
        numbers[np.isnan(numbers) & written] = -1.0
    return numbers


def _floats(numbers: pl.Series) -> FloatArray:
    return np.array(numbers.fill_null(float("nan")).to_numpy(), dtype=np.float64)


def read_texts(cells: pl.Series) -> pl.Series:
    """Text without surrounding space and control characters; missing where nothing is left."""
    if not _is_text(cells):
        cells = cells.cast(pl.String, strict=False)
    text = cells.cast(pl.String).str.replace_all(r"\p{Cc}", " ").str.strip_chars(_SPACE)
    return text.set(text == "", None)
