"""Names of the log's segments: files of WAL, counted through, each with the timeline it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

FOLDER = "wal"
SUFFIX = ".sealed"
PARTIAL = ".partial"
_SEGMENT = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})")
_LSN = re.compile(r"([0-9A-F]+)/([0-9A-F]+)")


@dataclass(frozen=True)
class Segment:
    """One file of the log: `number` counts from 0 since the cluster was made; a partial one is still written to."""

    timeline: int
    number: int
    partial: bool
    file: str

    @property
    def name(self) -> str:
        """As Postgres calls it once it is complete."""
        return self.file.removesuffix(PARTIAL)


def parse_segment(file: str, segment_bytes: int) -> Segment | None:
    """From a file's name; None for timeline histories and others."""
    match = _SEGMENT.fullmatch(file.removesuffix(PARTIAL))
    if match is None:
        return None
    timeline, high, low = (int(part, 16) for part in match.groups())
    return Segment(timeline, high * _per_high(segment_bytes) + low, file.endswith(PARTIAL), file)


def position(lsn: str) -> int:
    """Bytes of log before an LSN such as 0/2000028."""
    match = _LSN.fullmatch(lsn)
    assert match is not None, lsn
    return (int(match[1], 16) << 32) + int(match[2], 16)


def segment_name(timeline: int, number: int, segment_bytes: int) -> str:
    """The file's name."""
    high, low = divmod(number, _per_high(segment_bytes))
    return f"{timeline:08X}{high:08X}{low:08X}"


def sealed_name(file: str) -> str:
    """Where a file of the log lies in a vault."""
    return f"{FOLDER}/{file}{SUFFIX}"


def usable(segments: Iterable[Segment]) -> list[Segment]:
    """In order, without partial ones of which there is a whole one."""
    ordered = sorted(segments, key=lambda segment: (segment.timeline, segment.number, segment.partial))
    found: dict[str, Segment] = {}
    for segment in ordered:
        found.setdefault(segment.name, segment)
    return list(found.values())


def unbroken(segments: Iterable[Segment], held: int) -> tuple[list[Segment], int | None]:
    """The segments that follow without a hole on number `held`, which is there, and the first number that is missing
    though later ones are there."""
    by_number: dict[int, list[Segment]] = {}
    for segment in segments:
        by_number.setdefault(segment.number, []).append(segment)
    last = max(by_number, default=held)
    following: list[Segment] = [each for number in sorted(by_number) if number <= held for each in by_number[number]]
    for number in range(held + 1, last + 1):
        if number not in by_number:
            return following, number
        following += by_number[number]
    return following, None


def _per_high(segment_bytes: int) -> int:
    return (1 << 32) // segment_bytes
