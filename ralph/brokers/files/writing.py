"""Writes blocks of columns to a CSV, Parquet or XLSX file; codes stay text, numbers keep every digit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from ralph.brokers.files.workbook import Workbook, check_rows

_WHOLE_MAX = 2.0**53  # whole numbers up to here are written without a decimal point


class CsvWriter:
    """UTF-8 with a header; an empty cell is no value."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb")
        self._begun = False

    def write(self, frame: pl.DataFrame) -> None:
        """Appends rows."""
        _whole_numbers(frame).write_csv(self._file, include_header=not self._begun)
        self._begun = True

    def close(self, whole: bool) -> None:
        """Ends the file."""
        self._file.close()


class ParquetWriter:
    """Parts on the disk, joined at the end by streaming: memory holds one block."""

    def __init__(self, path: Path, properties: Mapping[str, str]) -> None:
        self._path, self._properties = path, dict(properties)
        self._folder = Path(tempfile.mkdtemp(prefix=".parts-", dir=path.parent))
        self._parts: list[Path] = []

    def write(self, frame: pl.DataFrame) -> None:
        """Appends rows."""
        part = self._folder / f"{len(self._parts):06}.parquet"
        frame.write_parquet(part, compression="lz4")
        self._parts.append(part)

    def close(self, whole: bool) -> None:
        """Joins the parts, unless the export was given up."""
        try:
            if whole:
                joined = pl.scan_parquet(self._parts)
                joined.sink_parquet(self._path, compression="zstd", metadata=self._properties)
        finally:
            shutil.rmtree(self._folder)


class XlsxWriter:
    """One sheet."""

    def __init__(self, path: Path, sheet: str, properties: Mapping[str, str]) -> None:
        self._book = Workbook(path, sheet, properties)

    def write(self, frame: pl.DataFrame) -> None:
        """Appends rows."""
        self._book.write(_whole_numbers(frame))

    def close(self, whole: bool) -> None:
        """Ends the workbook."""
        self._book.close(whole)


class TableWriter:
    """A file in one of the formats csv, parquet and xlsx, written block by block, best in a thread; `close` ends it.

    properties  workspace and simulated; a Parquet file carries them as metadata, a workbook as custom properties
    rows        how many will come: TooLarge at once where they do not fit in the format
    """

    def __init__(self, path: Path, format: str, sheet: str, properties: Mapping[str, str], rows: int) -> None:  # noqa: A002
        self._writer: CsvWriter | ParquetWriter | XlsxWriter
        if format == "csv":
            self._writer = CsvWriter(path)
        elif format == "parquet":
            self._writer = ParquetWriter(path, properties)
        else:
            check_rows(rows)
            self._writer = XlsxWriter(path, sheet, properties)

    def close(self, whole: bool) -> None:
        """Ends the file; what is left of an export that was given up is of no use."""
        self._writer.close(whole)

    def write(self, block: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]) -> None:
        """Appends the rows of a block: text, days and numbers by the name of their column."""
        self._writer.write(pl.DataFrame([_series(name, values) for name, values in block.items()]))


def _series(name: str, values: Sequence[Any] | np.ndarray[Any, Any]) -> pl.Series:
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        return pl.Series(name, values).fill_nan(None)
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return pl.Series(name, values.astype(np.int64), dtype=pl.Int32).cast(pl.Date)
    if name.endswith("_on"):
        return pl.Series(name, values, dtype=pl.Date)
    return pl.Series(name, list(values), dtype=pl.String)


def _whole_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns of whole numbers as such: 1000 reads better than 1000.0, and is the same number."""
    whole = [
        column.name
        for column in frame
        if column.dtype == pl.Float64 and bool(((column == column.floor()) & (column.abs() <= _WHOLE_MAX)).all())
    ]
    return frame.with_columns(pl.col(whole).cast(pl.Int64)) if whole else frame
