"""The fan-out: what the live path publishes, kept by topic, and who wants to hear of it.

Nothing here waits, writes to a socket or runs by itself, so whatever publishes may do so ten thousand times a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ralph.stream.frames import Row
from ralph.stream.mailbox import Crowd, Mailbox
from ralph.stream.topic import FRESH, Announced, Newest
from ralph.stream.topics import BOARD, QUOTES, kind_of

_encode = msgspec.json.Encoder().encode
_KEY = "newest"  # of a topic that has one key only


class Announcement(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A frame that is never dropped: its topic, its number there, what it says as JSON, and the key it is known by."""

    topic: str
    number: int
    text: bytes
    key: str | None


class Outlet(Protocol):
    """Where what is published goes instead, when several processes are to serve the same."""

    def publish(self, topic: str, key: str, data: msgspec.Struct | bytes) -> None: ...

    def announce(self, topic: str, text: bytes, key: str | None) -> int: ...


class Hub:
    """Topics, what is kept of each, and the crowds that read them.

    epoch   numbers of announcements count within it; it changes when they begin anew
    """

    def __init__(self) -> None:
        self.epoch = ""
        self.on_news: Callable[[], None] = lambda: None
        self.on_announced: Callable[[Announcement], None] = lambda announcement: None
        self._newest: dict[str, Newest] = {}
        self._announced: dict[str, Announced] = {}
        self._changed: dict[Newest | Announced, None] = {}
        self._version = 0
        self._outlet: Outlet | None = None

    # What the live path calls.

    def publish(self, topic: str, key: str, data: msgspec.Struct | bytes) -> None:
        """The newest of a key in a topic: it takes the place of the one before, also for readers who have not read
        that. data: what becomes the frame's `data`, or its JSON."""
        if self._outlet is None:
            self.put(topic, key, data)
        else:
            self._outlet.publish(topic, key, data)

    def publish_many(self, prefix: str, keys: Sequence[str], rows: Sequence[msgspec.Struct | bytes]) -> None:
        """A batch: each row under the topic of prefix and key. Rows of `quote:` are those of the board, too."""
        for key, data in zip(keys, rows, strict=True):
            self.publish(prefix + key, key, data)

    def announce(self, topic: str, data: msgspec.Struct | bytes, key: str | None = None) -> int:
        """Something that every reader is told, in order; its number. What was announced under the same key before, by
        whichever process, is not announced again: its number is returned."""
        text = data if isinstance(data, bytes) else _encode(data)
        if self._outlet is not None:
            return self._outlet.announce(topic, text, key)
        return self.put_announcement(topic, text, key)

    def subscribers(self, topic: str) -> int:
        """How many crowds read a topic."""
        found = self._newest.get(topic) or self._announced.get(topic)
        return len(found.readers) if found is not None else 0

    def newest(self, topic: str) -> dict[str, bytes]:
        """What is kept of a published topic: the JSON of the newest of each key."""
        found = self._newest.get(topic)
        return {} if found is None else {key: row.text() for key, row in found.rows().items()}

    def newest_of(self, prefix: str) -> list[bytes]:
        """The same of all published topics of a family, in order of name."""
        names = sorted(name for name in self._newest if name.startswith(prefix))
        return [text for name in names for text in self.newest(name).values()]

    def followed(self, prefix: str) -> list[str]:
        """The published topics of a family that anybody reads."""
        return [name for name, topic in self._newest.items() if topic.readers and name.startswith(prefix)]

    # What is behind it.

    def divert(self, outlet: Outlet | None) -> None:
        """From now on give what is published to an outlet; None: keep it here."""
        self._outlet = outlet

    def put(self, topic: str, key: str, data: msgspec.Struct | bytes) -> None:
        """Keep a row, and note who is to hear of it."""
        self._version += 1
        row = Row(self._version, data)
        if topic.startswith(QUOTES):
            self._put(self._newest_of(BOARD), key, row)
            # Quotes are kept once, on the board: one that nobody reads costs no more than that.
            found = self._newest.get(topic)
            if found is not None and found.readers:
                self._put(found, _KEY, row)
        else:
            self._put(self._newest.get(topic) or self._newest_of(topic), key, row)

    def put_announcement(self, topic: str, text: bytes, key: str | None) -> int:
        """Keep an announcement under the next number; that of the one before where the key is known."""
        found = self._announced.get(topic) or self._announced_of(topic)
        known = found.number_of(key)
        if known is not None:
            return known
        number = found.put(text, key)
        self.on_announced(Announcement(topic, number, text, key))
        self._note(found)
        return number

    def put_numbered(self, announcement: Announcement) -> None:
        """Keep an announcement that got its number elsewhere; one that is kept already is not kept twice."""
        found = self._announced.get(announcement.topic) or self._announced_of(announcement.topic)
        if announcement.number <= found.version:
            return
        if announcement.number > found.version + 1:
            found.skip_to(announcement.number - 1)
        found.put(announcement.text, announcement.key)
        self.on_announced(announcement)
        self._note(found)

    def number_of(self, topic: str, key: str | None) -> int | None:
        """The number under which a key was announced, where that is known."""
        return self._announced_of(topic).number_of(key)

    def begin(self, epoch: str) -> None:
        """Count announcements anew, in another epoch. Whoever reads announced topics must be told before."""
        self.epoch = epoch
        self._announced.clear()

    def remember(self, topic: str, key: str) -> None:
        """This was announced in an epoch before, and is not to be again; its number is 0."""
        found = self._announced_of(topic)
        if found.number_of(key) is None:
            found.remember(key, 0)

    # What sockets call.

    def reached(self, topics: Sequence[str]) -> dict[str, int]:
        """The last number of each that is announced."""
        return {topic: self._announced_of(topic).version for topic in topics if kind_of(topic).is_announced}

    def is_quoted(self, symbol: str) -> bool:
        """Whether a Symbol has a quote on the board."""
        return symbol in self._newest_of(BOARD).rows()

    def place_in(self, topic: str, since: int | None) -> int | None:
        """Where a reader begins who has read up to a number; None: that is no longer kept, or was never."""
        if since is None or not kind_of(topic).is_announced:
            return FRESH
        return since if self._announced_of(topic).reaches(since) else None

    def subscribe(self, mailbox: Mailbox, topic: str, place: int = FRESH) -> int:
        """Let a mailbox read a topic from a place that `place_in` gave; the number or version the topic has reached.
        It reads by itself now (`Rounds.apart`). BadParameter where there is no such topic."""
        found = self._announced_of(topic) if kind_of(topic).is_announced else self._quote_or_newest(topic)
        crowd = _alone(mailbox)
        found.readers[crowd] = None
        crowd.places[found] = place
        if place != found.version:
            crowd.news[found] = None
        return found.version

    def unsubscribe(self, mailbox: Mailbox, topic: str) -> bool:
        """Let it, by itself as above, read no more of a topic; whether it did."""
        found = self._newest.get(topic) or self._announced.get(topic)
        crowd = _alone(mailbox)
        if found is None or crowd not in found.readers:
            return False
        self._forget(found, crowd)
        return True

    def leave(self, crowd: Crowd) -> None:
        """Let it read nothing any more."""
        for topic in list(crowd.places):
            self._forget(topic, crowd)

    def changed(self) -> dict[Newest | Announced, None]:
        """The topics with readers that changed since this was last asked."""
        changed, self._changed = self._changed, {}
        return changed

    def _put(self, topic: Newest, key: str, row: Row) -> None:
        topic.put(key, row)
        self._note(topic)

    def _note(self, topic: Newest | Announced) -> None:
        if topic.readers:
            if not self._changed:
                self.on_news()
            self._changed[topic] = None

    def _newest_of(self, topic: str) -> Newest:
        found = self._newest.get(topic)
        if found is None:
            kind = kind_of(topic)
            assert not kind.is_announced, f"{topic} is announced, not published"
            found = self._newest[topic] = Newest(topic, kind)
        return found

    def _quote_or_newest(self, topic: str) -> Newest:
        found = self._newest_of(topic)
        if topic.startswith(QUOTES) and not found.readers:
            row = self._newest_of(BOARD).rows().get(topic.removeprefix(QUOTES))
            if row is not None:
                found.put(_KEY, row)
        return found

    def _announced_of(self, topic: str) -> Announced:
        found = self._announced.get(topic)
        if found is None:
            assert kind_of(topic).is_announced, f"{topic} is published, not announced"
            found = self._announced[topic] = Announced(topic)
        return found

    def _forget(self, topic: Newest | Announced, crowd: Crowd) -> None:
        del topic.readers[crowd]
        del crowd.places[topic]
        crowd.news.pop(topic, None)
        if not topic.readers and isinstance(topic, Newest) and (topic.name.startswith(QUOTES) or not topic.rows()):
            del self._newest[topic.name]  # kept elsewhere, or asked for in vain


def _alone(mailbox: Mailbox) -> Crowd:
    assert len(mailbox.crowd.members) == 1, "others would hear what this one asks for"
    return mailbox.crowd
