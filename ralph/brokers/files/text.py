"""The shape of a CSV file, from its bytes alone: encoding, separator, and where each record begins."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadFile

IntArray = NDArray[np.int64]

SCAN_BYTES = 16 * 2**20  # looked at in one go; the scan of a block takes about four times its size
BLOCK_BYTES = 16 * 2**20  # parsed in one go, cut between records, so that memory does not grow with the file
RECORD_BYTES_MAX = 2**20
HEADER_BYTES_MAX = 2**16
SEPARATORS = (",", "\t", ";", "|")
_NEWLINE, _QUOTE, _RETURN = 10, 34, 13
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class Shape:
    """Where the records of a CSV file are: the first is the header; record i is the bytes [bounds[i], bounds[i + 1]).

    lines  the physical line each record begins on, the first being 1; blank  which of them are empty lines
    """

    encoding: str
    separator: str
    names: tuple[str, ...]
    bounds: IntArray
    lines: IntArray
    blank: NDArray[np.bool_]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Ranges of records after the header, of about BLOCK_BYTES each."""
        first, count = 1, self.lines.size
        while first < count:
            after = int(np.searchsorted(self.bounds, self.bounds[first] + BLOCK_BYTES, side="right")) - 1
            last = min(max(after, first + 1), count)
            yield first, last
            first = last


def read_shape(content: memoryview) -> Shape:
    """Finds all this out, or raises BadFile when the bytes are no CSV with a header and the same columns throughout."""
    begin = 3 if content[:3] == _BOM else 0
    _refuse_other_formats(bytes(content[:8]), content)
    header_end = _header_end(content, begin)
    header = bytes(content[begin:header_end])
    separator = _separator(header)
    bounds, lines, separators = _records(np.frombuffer(content, dtype=np.uint8), begin, ord(separator))
    blank = np.diff(bounds) <= 2
    blank[blank] = [content[a:b].tobytes().strip(b"\r\n") == b"" for a, b in _pairs(bounds, np.flatnonzero(blank))]
    if int((~blank[1:]).sum()) == 0:
        raise BadFile("the file has a header and no rows")
    _check_widths(content, bounds, lines, np.where(blank, separators[0], separators))
    encoding = "utf-8-sig" if begin else _encoding(content, bounds)
    if begin and _encoding(content, bounds) != "utf-8":
        raise BadFile("the file is marked as UTF-8 but holds other bytes: save it again as CSV UTF-8")
    return Shape(encoding, separator, _names(header, encoding, separator), bounds, lines, blank)


def decode_record(content: memoryview, shape: Shape, record: int) -> list[str]:
    """The cells of one record; its whole text as one cell where it is no proper CSV."""
    text = content[shape.bounds[record] : shape.bounds[record + 1]].tobytes().decode(shape.encoding).rstrip("\r\n")
    return _cells(text, shape.separator)


def _cells(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return [text]


def _pairs(bounds: IntArray, at: IntArray) -> Iterator[tuple[int, int]]:
    return zip(bounds[at].tolist(), bounds[at + 1].tolist(), strict=True)


def _refuse_other_formats(magic: bytes, content: memoryview) -> None:
    if magic[:4] == b"\x28\xb5\x2f\xfd":
        raise BadFile("the file is compressed: unpack it first")
    if b"\0" in bytes(content[:4096]):
        raise BadFile("the file is neither CSV text nor Parquet (it holds zero bytes); CSV must be UTF-8 or CP949")


def _header_end(content: memoryview, begin: int) -> int:
    head = bytes(content[begin : begin + HEADER_BYTES_MAX])
    end, quoted = -1, False
    for index, byte in enumerate(head):
        if byte == _QUOTE:
            quoted = not quoted
        elif byte == _NEWLINE and not quoted:
            end = index
            break
    if end < 0 and len(head) == HEADER_BYTES_MAX:
        raise BadFile("the first line is longer than 65,536 bytes: this is not a CSV file with a header")
    if not head[: end if end >= 0 else None].strip():
        raise BadFile("the first line is empty: it must name the columns" if head.strip() else "the file is blank")
    if end < 0:
        raise BadFile("the file has a header and no rows")
    return begin + end


def _separator(header: bytes) -> str:
    outside = b"".join(header.split(b'"')[::2])
    return max(SEPARATORS, key=lambda candidate: outside.count(candidate.encode()))


def _records(content: NDArray[np.uint8], begin: int, separator: int) -> tuple[IntArray, IntArray, IntArray]:
    """Bounds [records + 1], first lines [records] and separators within [records]; quoted newlines end no record."""
    ends, separators_at_end, lines_at_end = [], [], []
    quotes = separators = lines = 0
    for low in range(begin, content.size, SCAN_BYTES):
        block = content[low : low + SCAN_BYTES]
        newline, split = np.flatnonzero(block == _NEWLINE), np.flatnonzero(block == separator)
        line_index = np.arange(1, newline.size + 1) + lines
        lines += newline.size
        quote = np.flatnonzero(block == _QUOTE)
        if quote.size or quotes % 2:
            outside = (np.searchsorted(quote, newline) + quotes) % 2 == 0
            newline, line_index = newline[outside], line_index[outside]
            split = split[(np.searchsorted(quote, split) + quotes) % 2 == 0]
            quotes += quote.size
        ends.append(newline + low + 1)
        lines_at_end.append(line_index)
        separators_at_end.append(np.searchsorted(split, newline) + separators)
        separators += split.size
    if quotes % 2:
        raise BadFile("a quotation mark is opened and never closed: the file is cut off, or a mark is missing")
    bounds = np.concatenate([[begin], *ends])
    first_line = np.concatenate([[1], *(line + 1 for line in lines_at_end)])
    total = np.concatenate([[0], *separators_at_end])
    if bounds[-1] < content.size:
        bounds, total = np.append(bounds, content.size), np.append(total, separators)
    else:
        first_line = first_line[:-1]
    return bounds, first_line, np.diff(total)


def _check_widths(content: memoryview, bounds: IntArray, lines: IntArray, separators: IntArray) -> None:
    """Every record has the columns of the header; a last one with fewer and no end of line was cut off."""
    size = np.diff(bounds)
    if int(size.max()) > RECORD_BYTES_MAX:
        raise BadFile(f"line {lines[size.argmax()]} is longer than 1,048,576 bytes: this is not a CSV file")
    odd = np.flatnonzero(separators != separators[0])
    if not odd.size:
        return
    record = int(odd[0])
    found, wanted = int(separators[record]) + 1, int(separators[0]) + 1
    if record == lines.size - 1 and found < wanted and content[-1] != _NEWLINE:
        raise BadFile(f"the file is cut off: its last line, {lines[record]}, has {found} of {wanted} columns")
    raise BadFile(f"line {lines[record]} has {found} columns where the header has {wanted}; nothing was read")


def _encoding(content: memoryview, bounds: IntArray) -> str:
    """UTF-8, else CP949, whichever all of the file is; looked at in blocks cut between records."""
    cuts = [int(bounds[0])]
    while cuts[-1] < bounds[-1]:
        after = int(np.searchsorted(bounds, cuts[-1] + SCAN_BYTES, side="right")) - 1
        cuts.append(max(int(bounds[after]), int(bounds[np.searchsorted(bounds, cuts[-1], side="right")])))
    candidates = ["utf-8", "cp949"]
    for low, high in itertools.pairwise(cuts):
        block = content[low:high].tobytes()
        if block.isascii():
            continue
        candidates = [encoding for encoding in candidates if _decodes(block, encoding)]
        if not candidates:
            raise BadFile("the text is neither UTF-8 nor CP949: save it again as CSV UTF-8")
    return candidates[0]


def _decodes(block: bytes, encoding: str) -> bool:
    try:
        block.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _names(header: bytes, encoding: str, separator: str) -> tuple[str, ...]:
    text = header.decode(encoding).rstrip("\r\n")
    return tuple(name.strip() for name in _cells(text, separator))
