"""Laws of the hub and its mailboxes: at any pace a reader gets the newest of each key, and every announcement."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.errors import BadParameter
from ralph.stream.frames import from_wire, to_wire
from ralph.stream.hub import Hub
from ralph.stream.mailbox import CREDIT_S, FLUSH_BURST, FLUSHES_PER_S, GAP_S, Mailbox
from ralph.stream.rounds import YIELD_EACH, Rounds
from ralph.stream.topic import KEPT_FRAMES, KEYS_MAX, SNAPSHOT_FRAMES
from ralph.stream.topics import KINDS, kind_of, symbol_of

pytestmark = pytest.mark.anyio


class Paper:
    """A socket that keeps what is written."""

    def __init__(self) -> None:
        self.on_ready: Any = None
        self.on_used: Any = None
        self.is_ready = True
        self.is_open = True
        self.said: tuple[int, str] | None = None
        self.messages: list[list[dict[str, Any]]] = []

    def straight(self) -> int:
        return -1

    def write(self, wire: bytes) -> None:
        self.messages.append(msgspec.json.decode(from_wire(wire))["frames"])

    def hang_up(self, code: int, reason: str) -> None:
        self.said = (code, reason)
        self.is_open = self.is_ready = False

    @property
    def frames(self) -> list[dict[str, Any]]:
        return [frame for message in self.messages for frame in message]

    def read_on(self) -> None:
        self.is_ready = True
        self.on_ready()


class Desk:
    """A hub with rounds on a clock that the test moves."""

    def __init__(self, is_quick: bool = False) -> None:
        """is_quick: sockets are written to many at once, as far as they take it."""
        self.now = 100.0
        self.hub = Hub()
        self.rounds = Rounds(self.hub, slow_s=5.0, clock=lambda: self.now)
        if is_quick:
            self.rounds.use(lambda descriptors, wire: [(place, 0) for place in range(len(descriptors))], many=1)

    def reader(self, *topics: str) -> tuple[Paper, Mailbox]:
        paper = Paper()
        mailbox = self.rounds.join(paper)
        for topic in topics:
            self.hub.subscribe(mailbox, topic)
        self.rounds.call(mailbox)
        return paper, mailbox

    def look_away(self, mailbox: Mailbox) -> None:
        """It reads an index for a moment, then no more of it."""
        for change in (self.hub.subscribe, self.hub.unsubscribe):
            self.rounds.apart(mailbox)
            change(mailbox, "index:KOSPI")
            self.rounds.call(mailbox)


TOPICS = ("board", "quote:005930", "signals")
READERS = st.integers(0, 2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("quote"), st.sampled_from(["005930", "000660", "035420"])),
        st.tuples(st.just("signal"), st.none()),
        st.tuples(st.just("round"), st.none()),
        st.tuples(st.just("pause"), READERS),
        st.tuples(st.just("read on"), READERS),
        st.tuples(st.just("look away"), READERS),
        st.tuples(st.just("wait"), st.floats(0.001, 0.5)),
    ),
    max_size=60,
)


@settings(max_examples=100)
@given(STEPS, st.booleans())
def test_readers_of_any_pace_end_with_the_newest_and_every_announcement(
    steps: list[tuple[str, Any]], is_quick: bool
) -> None:
    """Rows of a key come in the order they were published, the last of them always; announcements all, once; whether
    they read together, apart, or look at something else for a while."""

    async def scenario() -> None:
        desk = Desk(is_quick)
        readers = [desk.reader(*TOPICS) for _ in range(3)]
        newest: dict[str, int] = {}
        signals = 0
        for place, (what, with_) in enumerate(steps, 1):
            if what == "quote":
                newest[with_] = place
                desk.hub.publish_many("quote:", [with_], [b'{"symbol":"%s","n":%d}' % (with_.encode(), place)])
            elif what == "signal":
                signals += 1
                assert desk.hub.announce("signals", b'{"n":%d}' % signals) == signals
            elif what == "round":
                await desk.rounds.round()
            elif what == "pause":
                readers[with_][0].is_ready = False
            elif what == "read on":
                readers[with_][0].read_on()
            elif what == "look away":
                desk.look_away(readers[with_][1])
            else:
                desk.now += with_
        for paper, _ in readers:
            paper.read_on()
        for _ in range(3):
            desk.now += 1.0
            await desk.rounds.round()
        for paper, _ in readers:
            check(paper, newest, signals)

    asyncio.run(scenario())


def check(paper: Paper, newest: dict[str, int], signals: int) -> None:
    """What a reader of the board, one quote and the signals was told."""
    board = [row for frame in paper.frames if frame["topic"] == "board" for row in frame["data"]]
    quotes = [frame["data"] for frame in paper.frames if frame["topic"] == "quote:005930"]
    for symbol, last in newest.items():
        told = [row["n"] for row in board if row["symbol"] == symbol]
        assert told == sorted(set(told))
        assert told[-1] == last
    assert [row["n"] for row in quotes][-1:] == [newest[each] for each in newest if each == "005930"]
    assert [frame["seq"] for frame in paper.frames if frame["topic"] == "signals"] == list(range(1, signals + 1))


async def test_nobody_is_told_more_often_than_the_allowance() -> None:
    """Eight at once after a rest, then fifteen a second; what came between is in the next message."""
    desk = Desk()
    paper, _ = desk.reader("gate")
    for step in range(2_000):
        desk.hub.publish("gate", "", b"%d" % step)
        await desk.rounds.round()
        desk.now += 0.005
    assert len(paper.messages) == pytest.approx(FLUSH_BURST + 10 * FLUSHES_PER_S, abs=2)
    assert GAP_S * (FLUSH_BURST - 1) == CREDIT_S


class Price(msgspec.Struct):
    """What a row may be made of."""

    price: float


async def test_a_message_is_made_once_for_all_readers() -> None:
    """However many there are; a number that does not exist is null."""
    desk = Desk()
    papers = [Wire() for _ in range(5)]
    for paper in papers:
        desk.hub.subscribe(desk.rounds.join(paper), "board")
    desk.hub.publish_many("quote:", ["005930"], [Price(float("nan"))])
    await desk.rounds.round()
    assert len({id(paper.wires[-1]) for paper in papers}) == 1
    assert b'"data":[{"price":null}]' in papers[0].wires[-1]


class Wire(Paper):
    """A socket that keeps the very bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.wires: list[bytes] = []

    def write(self, wire: bytes) -> None:
        self.wires.append(wire)


async def test_who_has_read_the_same_reads_together() -> None:
    """So long as all read on and ask for the same; who comes later is one of them when it has caught up."""
    desk = Desk()
    readers = [desk.reader("gate", "signals") for _ in range(4)]
    other = desk.reader("gate")[1]
    await desk.rounds.round()
    assert len({mailbox.crowd for _, mailbox in readers}) == 1
    assert desk.hub.subscribers("gate") == 2
    readers[0][0].is_ready = False
    desk.hub.publish("gate", "", b"1")
    await desk.rounds.round()
    assert readers[0][1].crowd is not readers[1][1].crowd is not other.crowd
    readers[0][0].read_on()
    readers.append(desk.reader("signals", "gate"))
    await desk.rounds.round()
    assert len({mailbox.crowd for _, mailbox in readers}) == 1
    assert [frame["data"] for paper, _ in readers for frame in paper.frames] == [1] * 5
    for _, mailbox in readers:
        desk.rounds.leave(mailbox)
    assert desk.hub.subscribers("gate") == 1


async def test_who_asks_for_something_else_amid_a_round_is_told_what_it_had_coming_first() -> None:
    """And once."""
    desk = Desk()
    readers = [desk.reader("gate") for _ in range(YIELD_EACH + 2)]
    await desk.rounds.round()
    desk.hub.publish("gate", "", b"1")
    desk.hub.publish("index:KOSPI", "", b"2")
    round_ = asyncio.ensure_future(desk.rounds.round())
    await asyncio.sleep(0)
    (paper, mailbox), (left, leaving) = readers[-2:]
    assert paper.frames == []
    desk.rounds.apart(mailbox)
    desk.hub.unsubscribe(mailbox, "gate")
    desk.hub.subscribe(mailbox, "index:KOSPI")
    left.hang_up(1000, "")
    desk.rounds.leave(leaving)
    assert [frame["data"] for frame in paper.frames] == [1]
    desk.rounds.call(mailbox)
    await round_
    await desk.rounds.round()
    assert [frame["data"] for frame in paper.frames] == [1, 2]
    assert {len(each.frames) for each, _ in readers[:-2]} == {1}


async def test_a_round_lets_others_work_after_some_writes() -> None:
    """Five thousand sockets take a while; the loop is not theirs alone."""
    desk = Desk()
    papers = [desk.reader("gate")[0] for _ in range(3 * YIELD_EACH)]
    desk.hub.publish("gate", "", b"1")
    seen: list[int] = []

    async def other() -> None:
        while len(seen) < 2:
            seen.append(sum(len(paper.messages) for paper in papers))
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await desk.rounds.round()
    await task
    assert seen == [YIELD_EACH, 2 * YIELD_EACH]


async def test_a_reader_too_far_behind_is_told_to_come_back() -> None:
    """An announcement that is no longer kept is never passed over in silence."""
    desk = Desk()
    paper, _ = desk.reader("signals")
    desk.hub.announce("signals", b"0")
    await desk.rounds.round()
    paper.is_ready = False
    for number in range(KEPT_FRAMES + 1):
        desk.hub.announce("signals", b"%d" % number)
    paper.read_on()
    await desk.rounds.round()
    assert paper.said is not None
    assert paper.said[0] == 1013


async def test_an_announcement_of_a_known_key_is_not_made_again() -> None:
    """Whoever restarts may find the same again: the first keys are forgotten when there are very many."""
    hub = Hub()
    assert [hub.announce("signals", b"1", key) for key in ("a", "b", "a", "c")] == [1, 2, 1, 3]
    for number in range(KEYS_MAX):
        hub.announce("signals", b"1", str(number))
    assert hub.announce("signals", b"1", "a") == KEYS_MAX + 4


async def test_a_snapshot_shows_the_last_announcements() -> None:
    """A hundred at most, each as what it is."""
    desk = Desk()
    for number in range(300):
        desk.hub.announce("scans", b"%d" % number)
    paper, _ = desk.reader("scans")
    await desk.rounds.round()
    assert [frame["data"] for frame in paper.frames] == list(range(300 - SNAPSHOT_FRAMES, 300))
    assert all(frame["snapshot"] for frame in paper.frames)


async def test_who_leaves_leaves_nothing_behind() -> None:
    """Neither in the topics nor in the rounds."""
    desk = Desk()
    _, mailbox = desk.reader("gate", "quote:005930", "signals")
    assert [desk.hub.subscribers(topic) for topic in ("gate", "quote:005930", "signals", "board")] == [1, 1, 1, 0]
    desk.rounds.leave(mailbox)
    assert [desk.hub.subscribers(topic) for topic in ("gate", "quote:005930", "signals")] == [0, 0, 0]
    assert len(desk.rounds) == 0
    desk.hub.publish("gate", "", b"1")
    assert not desk.hub.changed()


def test_every_kind_of_topic_is_recognised() -> None:
    """By the form it is shown in; anything else is refused with the forms there are."""
    for kind in KINDS:
        topic = (
            kind.form.replace("CODE", "005930").replace("NAME", "KOSPI").replace("ID", "12").replace("SYSTEM", "vcp")
        )
        assert kind_of(topic) is kind
    assert symbol_of("quote:00104K") == symbol_of("bar:00104K:1m") == "00104K"
    for topic in ("", "quote:", "Board", "board ", "bar:005930", "jobs:../x", "screen:1\n", "x" * 10_000):
        with pytest.raises(BadParameter) as refused:
            kind_of(topic)
        assert refused.value.field == "topics"
        assert "signals:SYSTEM" in str(refused.value.accepted)


@settings(max_examples=50)
@given(st.binary(max_size=70_000))
def test_a_message_on_the_wire_is_what_it_was(payload: bytes) -> None:
    """Short, medium and long ones, as the WebSocket library reads them."""
    from websockets.frames import OP_TEXT, Frame
    from websockets.streams import StreamReader

    reader = StreamReader()
    reader.feed_data(to_wire(payload))
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    frame: Frame = done.value.value
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (OP_TEXT, True, payload)
    assert from_wire(to_wire(payload)) == payload
