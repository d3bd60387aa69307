"""What clients of `/ws` may say, and what they are answered. Frames are made elsewhere."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

import msgspec

from ralph.errors import BadParameter, RalphError
from ralph.stream.frames import to_wire
from ralph.stream.mailbox import FLUSHES_PER_S

PROTOCOL = 1
TOPICS_MAX = 200  # of one connection; the board is one of them and holds every quote
MESSAGE_BYTES = 65_536
MESSAGES_PER_S, MESSAGE_BURST = 20.0, 60  # a dashboard that opens many charts at once stays below
Number = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what every JSON reader can hold

ACCEPTED = {
    "op": "subscribe, unsubscribe, ping",
    "id": "a number of your choice, which the answer carries",
    "topics": f"a list of 1 to {TOPICS_MAX} topics",
    "since": '{"signals": 41}: announced topics, and the number you have each up to',
    "epoch": "the epoch that the numbers in since belong to",
}
"""What each field of a request may be."""


class Subscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="subscribe"):
    """Frames of these topics from now on; of announced ones all after a number, which counts in an epoch."""

    topics: list[str]
    id: Number | None = None
    since: dict[str, Number] = {}
    epoch: str | None = None


class Unsubscribe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="unsubscribe"):
    """No more frames of these."""

    topics: list[str]
    id: Number | None = None


class Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="ping"):
    """Answered by a pong."""

    id: Number | None = None


class _Asked(msgspec.Struct, frozen=True):
    """Of a request that cannot be understood, as much as is needed to answer it."""

    id: Number | None = None


Op = Subscribe | Unsubscribe | Ping


class Limits(msgspec.Struct, frozen=True):
    """What a connection may do, and what is done to it. Of messages a second the average counts, after a burst."""

    ping_s: float
    slow_s: float
    topics: int = TOPICS_MAX
    message_bytes: int = MESSAGE_BYTES
    messages_per_s: float = MESSAGES_PER_S
    message_burst: int = MESSAGE_BURST
    flushes_per_s: float = FLUSHES_PER_S


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """The first message."""

    epoch: str
    server_time: datetime
    workspace: str
    simulated: bool
    limits: Limits
    protocol: int = PROTOCOL


class Subscribed(msgspec.Struct, frozen=True, tag_field="type", tag="subscribed"):
    """A subscription holds. since: the numbers that announced topics had reached."""

    id: int | None
    topics: list[str]
    since: dict[str, int]


class Unsubscribed(msgspec.Struct, frozen=True, tag_field="type", tag="unsubscribed"):
    """A subscription has ended."""

    id: int | None
    topics: list[str]


class Reset(msgspec.Struct, frozen=True, tag_field="type", tag="reset"):
    """What came after the number asked for is not known any more; a snapshot follows."""

    topic: str


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    """The answer to a ping."""

    id: int | None


class Refused(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="error"):
    """A request that nothing was done about: the same fields as of an HTTP problem."""

    id: int | None
    code: str
    detail: str
    field: str | None = None
    accepted: str | None = None


Answer = Hello | Subscribed | Unsubscribed | Reset | Pong | Refused

_decode = msgspec.json.Decoder(Op).decode
_decode_id = msgspec.json.Decoder(_Asked).decode
_encode = msgspec.json.Encoder().encode
_FIELD = re.compile(r"`\$\.?([a-z_]*)|unknown field `(\w{1,40})|required field `(\w+)")


def parse(text: str) -> Op | None:
    """A request; None where the text is no JSON. BadParameter, naming the field, where it is another JSON."""
    try:
        op: Op = _decode(text)
    except msgspec.ValidationError as error:
        field = _field(str(error))
        raise BadParameter(
            str(error), field=field, accepted=ACCEPTED.get(field or "", f"an object with some of {', '.join(ACCEPTED)}")
        ) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None
    return op


def id_of(text: str) -> int | None:
    """The id of a request, however wrong the rest of it is."""
    try:
        return _decode_id(text).id
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def refusal(error: RalphError, asked: int | None) -> Refused:
    """The answer to a request that cannot be done."""
    return Refused(asked, error.code, error.message, error.field, error.accepted)


def answer(said: Answer) -> bytes:
    """An answer as it goes to the socket."""
    return to_wire(_encode(said))


def _field(complaint: str) -> str | None:
    """The field that msgspec complains of."""
    found = _FIELD.search(complaint)
    return next(filter(None, found.groups()), None) if found else None
