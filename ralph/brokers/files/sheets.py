"""The first sheet of an XLSX workbook as a table; its first row names the columns."""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import fastexcel
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ralph.errors import BadFile

UNPACKED_BYTES_MAX = 2**30  # of all parts of a workbook; a full sheet of ten columns has about 400 MB
_WHOLE_MAX = 2.0**53


@dataclass(frozen=True, eq=False)
class SheetTable:
    """Cells have types; rows without any cell are left out, and keep their number."""

    frame: pl.DataFrame
    lines: NDArray[np.int64]
    encoding: str = "xlsx"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    @property
    def rows(self) -> int:
        return self.frame.height

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame([self.frame.get_column(column).alias(str(at)) for at, column in enumerate(columns)])

    def cell(self, row: int, column: str) -> str:
        value = self.frame.get_column(column)[row]
        return "" if value is None else str(value)


def open_sheet(content: bytes) -> SheetTable:
    """The table of a workbook's bytes; BadFile where they are none."""
    _check_parts(content)
    logging.getLogger("fastexcel").setLevel(logging.ERROR)  # it warns of every empty column
    try:
        sheet = fastexcel.read_excel(content).load_sheet(
            0, header_row=0, schema_sample_rows=None, dtype_coercion="coerce"
        )
        frame = sheet.to_polars()
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
        raise BadFile(f"the workbook cannot be read ({str(error).splitlines()[0][:120]})", field="file") from None
    written = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series() if frame.width else pl.Series([])
    kept = np.flatnonzero(written.to_numpy())
    frame = frame.filter(written) if kept.size < frame.height else frame
    whole = [column.name for column in frame if _is_whole(column)]
    return SheetTable(frame.with_columns(pl.col(whole).cast(pl.Int64)) if whole else frame, kept.astype(np.int64) + 2)


def _check_parts(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            names = set(parts.namelist())
            size = sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise BadFile("the zip file or workbook is damaged or cut off", field="file") from None
    if "xl/workbook.xml" not in names:
        raise BadFile("this is a zip file and no XLSX workbook: unpack it first", field="file")
    if size > UNPACKED_BYTES_MAX:
        raise BadFile(
            f"the workbook unpacks to {size:,} bytes, the limit is {UNPACKED_BYTES_MAX:,}: save the sheet as CSV",
            field="file",
        )


def _is_whole(column: pl.Series) -> bool:
    """Workbooks know no whole numbers: a column that holds nothing else is read as such (dates, codes)."""
    return (
        column.dtype == pl.Float64
        and column.null_count() < len(column)
        and bool(((column == column.floor()) & (column.abs() <= _WHOLE_MAX)).all())
    )
