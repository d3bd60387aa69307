"""Reads a text file of codes or names, one a line."""

from __future__ import annotations

from pathlib import Path

from ralph.errors import BadFile, TooLarge

BYTES_MAX = 2**20
LINE_MAX = 200


def read_codes(path: Path) -> list[tuple[int, str]]:
    """(line, text) of every line that is neither empty nor a `#` comment; UTF-8 or CP949. BadFile, TooLarge."""
    try:
        if path.stat().st_size > BYTES_MAX:
            raise TooLarge(f"{path.name} is larger than {BYTES_MAX:,} bytes, too large for a list", field="file")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadFile(f"cannot read {path}: {reason}", field="file", accepted="a text file") from None
    return parse_codes(_decode(content, path.name))


def parse_codes(text: str) -> list[tuple[int, str]]:
    """The lines of such a file, counted from 1."""
    lines = ((number, line.strip()[:LINE_MAX]) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, line) for number, line in lines if line and not line.startswith("#")]


def _decode(content: bytes, name: str) -> str:
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadFile(f"{name} is neither UTF-8 nor CP949 text: save it again as UTF-8", field="file")
