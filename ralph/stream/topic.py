"""What the hub keeps of a topic: the newest of each key, or the last of all that was announced."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ralph.stream.frames import NOTHING, Chunk, Row
from ralph.stream.topics import Kind

if TYPE_CHECKING:
    from ralph.stream.mailbox import Crowd

KEPT_FRAMES = 1_024  # of an announced topic; who is further behind is served from the journal, or told to start anew
SNAPSHOT_FRAMES = 100  # of an announced topic: the last are what a new reader is shown
KEYS_MAX = 8_192  # announcements known by their key; of older ones it is not noticed that they are said again
FRESH = -1  # the place of a reader that has nothing yet


class Newest:
    """A topic of which only the newest row of each key counts. Readers remember the version they have seen."""

    def __init__(self, name: str, kind: Kind) -> None:
        self.name = name
        self.readers: dict[Crowd, None] = {}
        self.version = 0
        self._rows: dict[str, Row] = {}  # in order of change
        self._rows_max = kind.rows_max
        self._is_list = kind.is_list
        self._head = b'{"topic":"' + name.encode() + b'"'
        self.made: dict[int, Chunk] = {}

    def put(self, key: str, row: Row) -> None:
        """A key's newest row; the one that changed longest ago goes when there are too many."""
        rows = self._rows
        rows.pop(key, None)
        rows[key] = row
        if len(rows) > self._rows_max:
            del rows[next(iter(rows))]
        self.version = row.version
        if self.made:
            self.made = {}

    def rows(self) -> dict[str, Row]:
        """The newest of each key, those that changed last at the end."""
        return self._rows

    def since(self, version: int) -> Chunk:
        """What changed after a version, made once for all who have seen as much."""
        chunk = self.made.get(version)
        if chunk is None:
            chunk = self.made[version] = self._make(version)
        return chunk

    def _make(self, version: int) -> Chunk:
        texts: list[bytes] = []
        for row in reversed(self._rows.values()):
            if row.version <= version:
                break
            texts.append(row.text())
        texts.reverse()
        mark = b',"seq":%d,"snapshot":true,"data":' % self.version if version == FRESH else b',"data":'
        head = self._head + mark
        if self._is_list:
            return Chunk(head + b"[" + b",".join(texts) + b"]}")
        return Chunk(b",".join([head + text + b"}" for text in texts])) if texts else NOTHING


class Announced:
    """A topic whose frames are numbered from 1 in an epoch and never dropped. Readers remember the last number."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.readers: dict[Crowd, None] = {}
        self.version = 0  # the last number
        self._texts: deque[bytes] = deque(maxlen=KEPT_FRAMES)
        self._head = b'{"topic":"' + name.encode() + b'","seq":'
        self._keys: dict[str, int] = {}
        self.made: dict[int, Chunk] = {}

    def number_of(self, key: str | None) -> int | None:
        """The number under which a key was announced, where that is remembered."""
        return None if key is None else self._keys.get(key)

    def put(self, text: bytes, key: str | None) -> int:
        """One more; its number."""
        self.version += 1
        self._texts.append(text)
        if key is not None:
            self.remember(key, self.version)
        self.made = {}
        return self.version

    def remember(self, key: str, number: int) -> None:
        """A key was announced under a number; the first is forgotten when there are too many."""
        self._keys[key] = number
        if len(self._keys) > KEYS_MAX:
            del self._keys[next(iter(self._keys))]

    def skip_to(self, number: int) -> None:
        """What comes up to a number is not to be had here: nobody is told it by this process."""
        self.version = number
        self._texts.clear()
        self.made = {}

    def reaches(self, number: int) -> bool:
        """Whether everything after a number is kept, and the number is none of the future."""
        return self.version - len(self._texts) <= number <= self.version

    def since(self, number: int) -> Chunk | None:
        """What was announced after a number, made once for all who have as much; None where it is no longer kept."""
        chunk = self.made.get(number)
        if chunk is None:
            if number != FRESH and not self.reaches(number):
                return None
            chunk = self.made[number] = self._make(number)
        return chunk

    def kept(self, after: int) -> list[tuple[int, bytes]]:
        """Number and JSON of what is kept after a number."""
        count = min(self.version - after, len(self._texts))
        first = self.version - count + 1
        return list(enumerate(list(self._texts)[len(self._texts) - count :], first))

    def _make(self, number: int) -> Chunk:
        after, mark = number, b""
        if number == FRESH:
            after, mark = max(0, self.version - SNAPSHOT_FRAMES), b',"snapshot":true'
        frames = [self.frame(seq, text, mark) for seq, text in self.kept(after)]
        return Chunk(b",".join(frames)) if frames else NOTHING

    def frame(self, number: int, text: bytes, mark: bytes = b"") -> bytes:
        """One frame; mark: further members of its object."""
        return self._head + b"%d" % number + mark + b',"data":' + text + b"}"
