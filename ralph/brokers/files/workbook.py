"""Writes an XLSX workbook of one sheet, block by block, in constant memory.

A sheet is text in a zip file (ECMA-376, part 1). Written here because polars makes that text from whole columns and
keeps all 17 digits of a number; libraries that write cell by cell take twenty times as long and keep 16.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

import polars as pl

from ralph.errors import TooLarge

SHEET_ROWS_MAX = 1_048_576  # of a sheet, the header among them
_DAY_ZERO = 25_569  # 1970-01-01, in days as workbooks count them
_DATE, _TEXT = 1, 2  # places in cellXfs below

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_DOC = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = (
    f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/>'
    '<Override PartName="/xl/styles.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/>'
    '<Override PartName="/docProps/custom.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.custom-properties+xml"/></Types>'
)
_RELS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_DOC}/relationships/officeDocument" Target="xl/workbook.xml"/>'
    f'<Relationship Id="rId2" Type="{_DOC}/relationships/custom-properties" Target="docProps/custom.xml"/>'
    "</Relationships>"
)
_BOOK_RELS = (
    f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_DOC}/relationships/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_DOC}/relationships/styles" Target="styles.xml"/></Relationships>'
)
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


class Workbook:
    """A sheet that grows by frames of the same columns. TooLarge where it would pass the rows a sheet can have."""

    def __init__(self, path: Path, sheet: str, properties: Mapping[str, str]) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=3)
        self._rows = 0
        for name, text in (
            ("[Content_Types].xml", _TYPES),
            ("_rels/.rels", _RELS),
            ("xl/workbook.xml", _book(sheet)),
            ("xl/_rels/workbook.xml.rels", _BOOK_RELS),
            ("xl/styles.xml", _STYLES),
            ("docProps/custom.xml", _properties(properties)),
        ):
            self._zip.writestr(name, text)
        self._sheet = self._zip.open("xl/worksheets/sheet1.xml", "w", force_zip64=True)
        self._sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())

    def close(self, whole: bool) -> None:
        """Ends the workbook; one that was given up is no workbook."""
        if whole:
            self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._zip.close()

    def write(self, frame: pl.DataFrame) -> None:
        """Appends rows; the first call writes the header, too."""
        if self._rows == 0:
            self._append(pl.DataFrame({name: [name] for name in frame.columns}))
        self._append(frame)

    def _append(self, frame: pl.DataFrame) -> None:
        check_rows(self._rows + frame.height - 1)
        row = pl.int_range(self._rows + 1, self._rows + frame.height + 1).cast(pl.String)
        cells = [_cell(pl.col(name), kind, _letters(at), row) for at, (name, kind) in enumerate(frame.schema.items())]
        lines = frame.select(pl.concat_str(pl.lit('<row r="'), row, pl.lit('">'), *cells, pl.lit("</row>")))
        self._sheet.write("".join(lines.to_series().to_list()).encode())
        self._rows += frame.height


def check_rows(rows: int) -> None:
    """TooLarge where that many rows and a header are more than a sheet holds."""
    if rows + 1 > SHEET_ROWS_MAX:
        raise TooLarge(
            f"{rows:,} rows and a header do not fit in an XLSX sheet, whose limit is {SHEET_ROWS_MAX:,} rows: export "
            "csv or parquet, fewer symbols or fewer days",
            field="format",
            accepted="csv, parquet",
        )


def _cell(column: pl.Expr, kind: pl.DataType, letters: str, row: pl.Expr) -> pl.Expr:
    """The text of a column's cells; nothing where there is no value."""
    if kind == pl.String:
        text = column.str.replace_all(r"[\x00-\x08\x0b\x0c\x0e-\x1f\u{fffe}\u{ffff}]", "")
        for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;")):
            text = text.str.replace_all(sign, entity, literal=True)
        begin, value, end = f'" s="{_TEXT}" t="inlineStr"><is><t xml:space="preserve">', text, "</t></is></c>"
    elif kind == pl.Date:
        days = (column.cast(pl.Int32) + _DAY_ZERO).cast(pl.String)
        begin, value, end = f'" s="{_DATE}"><v>', days, "</v></c>"
    else:
        begin, value, end = '"><v>', column.cast(pl.String), "</v></c>"
    written = pl.concat_str(pl.lit(f'<c r="{letters}'), row, pl.lit(begin), value, pl.lit(end))
    return pl.when(column.is_null()).then(pl.lit("")).otherwise(written)


def _letters(column: int) -> str:
    """A, B, ... Z, AA, AB, ..."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def _book(sheet: str) -> str:
    named = escape(sheet, {'"': "&quot;"})
    return (
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_DOC}/relationships"><sheets>'
        f'<sheet name="{named}" sheetId="1" r:id="rId1"/></sheets></workbook>'
    )


def _properties(properties: Mapping[str, str]) -> str:
    """Custom properties; programs number them from 2."""
    each = "".join(
        f'<property fmtid="{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}" pid="{number}" '
        f'name="{escape(name)}"><vt:lpwstr>{escape(value)}</vt:lpwstr></property>'
        for number, (name, value) in enumerate(properties.items(), 2)
    )
    return f'{_HEAD}<Properties xmlns="{_DOC}/custom-properties" xmlns:vt="{_DOC}/docPropsVTypes">{each}</Properties>'
