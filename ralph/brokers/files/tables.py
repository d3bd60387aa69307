"""A CSV, Parquet or XLSX file as a table of text or typed columns, read frame by frame; whatever is wrong with it is a
BadFile."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ralph.brokers.files.text import Shape, decode_record, read_shape
from ralph.errors import BadFile, TooLarge

FILE_BYTES_MAX = 2 * 2**30  # held in memory while it is read, so that it cannot change or shrink meanwhile
ROWS_MAX = 20_000_000  # about 3 GB of columns
COLUMNS_MAX = 10_000
_PARQUET = b"PAR1"
_ZIP = b"PK\x03\x04"
_GZIP = b"\x1f\x8b"


class Table(Protocol):
    """Rows are counted from 0 without the header."""

    @property
    def encoding(self) -> str: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def rows(self) -> int: ...
    @property
    def lines(self) -> NDArray[np.int64]:
        """The line of each row, the header being line 1."""

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The rows of some columns, in order, in one or several frames."""

    def cell(self, row: int, column: str) -> str:
        """The text of a cell as the file has it."""


def open_table(path: Path) -> tuple[Table, str]:
    """The table in a file and the file's sha256."""
    content = _load(path)
    digest = hashlib.sha256(content).hexdigest()
    if content[:2] == _GZIP:
        content = _unpack(path, content)
    is_parquet = content[:4] == _PARQUET
    if not is_parquet and path.suffix.lower() in (".parquet", ".pq"):
        raise BadFile(f"{path.name} is not a Parquet file (it does not begin with PAR1)", field="file")
    try:
        table: Table = _open_parquet(content) if is_parquet else _open_text_or_sheet(content)
    except BadFile as error:
        raise _named(path, error) from None
    if table.rows > ROWS_MAX:
        raise TooLarge(f"{path.name} has {table.rows:,} rows, the limit is {ROWS_MAX:,}: split it", field="file")
    if table.rows == 0:
        raise BadFile(f"{path.name}: the file has a header and no rows", field="file")
    return table, digest


def _unpack(path: Path, content: bytes) -> bytes:
    """What a gzip file holds, never more than the limit of a file."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(FILE_BYTES_MAX + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise BadFile(f"{path.name}: the gzip file is damaged or cut off ({error})", field="file") from None
    if len(unpacked) > FILE_BYTES_MAX:
        raise TooLarge(f"{path.name} unpacks to more than {FILE_BYTES_MAX:,} bytes: split it", field="file")
    if not unpacked:
        raise BadFile(f"{path.name}: the file is empty", field="file")
    return unpacked


def _named(path: Path, error: BadFile) -> BadFile:
    return BadFile(f"{path.name}: {error.message}", field=error.field or "file", accepted=error.accepted)


def _load(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise BadFile(f"{path} is a folder: name a CSV or Parquet file in it", field="file")
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise TooLarge(f"{path.name} has {size:,} bytes, the limit is {FILE_BYTES_MAX:,}: split it", field="file")
        content = path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:
        raise BadFile(f"there is no file {path}: check the path", field="file") from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        raise BadFile(f"cannot read {path}: {getattr(error, 'strerror', None) or error}", field="file") from None
    if not content:
        raise BadFile(f"{path.name}: the file is empty", field="file")
    return content


@dataclass(frozen=True, eq=False)
class CsvTable:
    """Every cell is text."""

    content: memoryview
    shape: Shape
    records: NDArray[np.int64]

    @property
    def encoding(self) -> str:
        return self.shape.encoding

    @property
    def names(self) -> tuple[str, ...]:
        return self.shape.names

    @property
    def rows(self) -> int:
        return int(self.records.size)

    @property
    def lines(self) -> NDArray[np.int64]:
        return self.shape.lines[self.records]

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        wanted = [self.names.index(column) for column in columns]
        for first, last in self.shape.blocks():
            frame = self._parse(first, last)
            blank = self.shape.blank[first:last]
            if blank.any():
                frame = frame.filter(~blank)
            yield pl.DataFrame([frame.to_series(index).alias(str(at)) for at, index in enumerate(wanted)])

    def _parse(self, first: int, last: int) -> pl.DataFrame:
        bounds = self.shape.bounds
        # The header goes first: polars takes the number of columns from the first line, and that may be a blank one.
        block = b"".join(
            self.content[low:high] for low, high in ((bounds[0], bounds[1]), (bounds[first], bounds[last]))
        )
        if self.encoding == "cp949":
            block = block.decode("cp949").encode()
        where = f"between lines {self.shape.lines[first]} and {self.shape.lines[last - 1]}"
        try:
            frame = pl.read_csv(block, has_header=False, separator=self.shape.separator, infer_schema=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            raise BadFile(f"a quotation mark stands in the wrong place {where}", field="file") from None
        if frame.height != last - first + 1 or frame.width != len(self.names):
            raise BadFile(f"the columns cannot be told apart {where}: look for stray quotation marks", field="file")
        return frame.slice(1)

    def cell(self, row: int, column: str) -> str:
        cells = decode_record(self.content, self.shape, int(self.records[row]))
        index = self.names.index(column)
        return cells[index] if index < len(cells) else ""


def _open_text_or_sheet(content: bytes) -> Table:
    if content[:4] != _ZIP:
        return _open_csv(content)
    from ralph.brokers.files.sheets import open_sheet

    return open_sheet(content)


def _open_csv(content: bytes) -> CsvTable:
    view = memoryview(content)
    shape = read_shape(view)
    if len(shape.names) > COLUMNS_MAX:
        raise BadFile(f"{len(shape.names):,} columns are more than {COLUMNS_MAX:,}")
    return CsvTable(view, shape, np.flatnonzero(~shape.blank[1:]) + 1)


@dataclass(frozen=True, eq=False)
class ParquetTable:
    """Columns have types. Rows have no lines of their own: row n stands on line n + 1, as in a CSV with a header."""

    content: bytes
    names: tuple[str, ...]
    rows: int
    encoding: str = "parquet"
    _columns: dict[str, pl.Series] = field(default_factory=dict)

    @property
    def lines(self) -> NDArray[np.int64]:
        return np.arange(self.rows, dtype=np.int64) + 2

    def frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        frame = self._read(columns)
        yield pl.DataFrame([frame.get_column(column).alias(str(at)) for at, column in enumerate(columns)])

    def _read(self, columns: Sequence[str]) -> pl.DataFrame:
        try:
            frame = pl.read_parquet(io.BytesIO(self.content), columns=list(dict.fromkeys(columns)))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
            raise _broken_parquet(error) from None
        if frame.height != self.rows:
            raise BadFile("the Parquet file is damaged: it has fewer rows than it says", field="file")
        return frame

    def cell(self, row: int, column: str) -> str:
        try:
            value = self._column(column)[row]
        except (OverflowError, ValueError):
            return "beyond the year 9999"  # Parquet has such dates, Python has not
        return "" if value is None else str(value)

    def _column(self, column: str) -> pl.Series:
        if column not in self._columns:
            self._columns[column] = self._read([column]).get_column(column)
        return self._columns[column]


def _open_parquet(content: bytes) -> ParquetTable:
    if len(content) < 12 or content[-4:] != _PARQUET:
        raise BadFile("the Parquet file is cut off: its end is missing")
    try:
        frame = pl.scan_parquet(io.BytesIO(content))
        names = tuple(frame.collect_schema().names())
        rows = int(frame.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, MemoryError) as error:
        raise _broken_parquet(error) from None
    return ParquetTable(content, names, rows)


def _broken_parquet(error: BaseException) -> BadFile:
    first_line = (str(error).splitlines() or [""])[0][:120]
    return BadFile(f"the Parquet file is damaged or cut off ({first_line})", field="file")
