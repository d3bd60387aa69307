"""One message to many sockets: each gets the bytes it can take, whatever the others are like."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ralph.stream.hub import Hub
from ralph.stream.mailbox import Mailbox
from ralph.stream.rounds import Rounds
from ralph.stream.sending import send

ROOM = 400_000  # more than a pair of sockets holds that nobody reads

KINDS = st.lists(st.sampled_from(["open", "none", "full", "closed", "gone"]), max_size=12)


@settings(max_examples=40, deadline=None)
@given(KINDS, st.binary(min_size=1, max_size=3_000))
def test_each_takes_what_it_can(kinds: list[str], wire: bytes) -> None:
    """Open ones all; full and broken ones nothing; where there is none nothing is done."""
    with contextlib.ExitStack() as stack:
        descriptors: list[int] = []
        readers: list[socket.socket] = []
        for kind in kinds:
            ours, theirs = (stack.enter_context(each) for each in socket.socketpair())
            ours.setblocking(False)
            readers.append(theirs)
            if kind == "full":
                with contextlib.suppress(BlockingIOError):
                    while True:
                        ours.send(bytes(ROOM))
            elif kind == "gone":
                theirs.close()
            descriptors.append({"none": -1, "closed": 999_999}.get(kind, ours.fileno()))
        left = send(np.array(descriptors, dtype=np.int32), wire)
        assert left == [(place, 0) for place, kind in enumerate(kinds) if kind != "open"]
        for kind, reader in zip(kinds, readers, strict=True):
            if kind == "open":
                assert reader.recv(len(wire) + 1) == wire


class Wire:
    """A writer over a socket; what goes another way than straight is kept until it is asked to go on."""

    def __init__(self, sock: socket.socket) -> None:
        self.on_ready: Any = None
        self.on_used: Any = None
        self.is_ready = self.is_open = True
        self.held = b""
        self._sock = sock

    def straight(self) -> int:
        return -1 if self.held else self._sock.fileno()

    def write(self, wire: bytes) -> None:
        self.on_used()
        self.held += wire

    def go_on(self) -> None:
        self._sock.send(self.held)
        self.held = b""

    def hang_up(self, code: int, reason: str) -> None:
        raise AssertionError(reason)


STEPS = st.lists(st.tuples(st.sampled_from(["tell", "use", "go on", "swap"]), st.integers(0, 9)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_nothing_overtakes_what_waits_before_it_and_nobody_hears_what_another_was_told(
    steps: list[tuple[str, int]],
) -> None:
    """Ten sockets that hear the same; some are used otherwise, some are left for new ones."""

    async def scenario() -> None:
        now = 0.0
        hub = Hub()
        rounds = Rounds(hub, slow_s=5.0, clock=lambda: now)
        rounds.use(send, many=1)
        pairs: list[tuple[Wire, Mailbox, socket.socket, list[int]]] = []

        def joined() -> tuple[Wire, Mailbox, socket.socket, list[int]]:
            ours, theirs = (stack.enter_context(each) for each in socket.socketpair())
            ours.setblocking(False)
            wire = Wire(ours)
            mailbox = rounds.join(wire)
            hub.subscribe(mailbox, "gate")
            rounds.call(mailbox)
            return wire, mailbox, theirs, []

        def heard(theirs: socket.socket) -> bytes:
            theirs.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                return theirs.recv(1 << 20)
            return b""

        with contextlib.ExitStack() as stack:
            pairs = [joined() for _ in range(10)]
            for number, (what, which) in enumerate(steps, 1):
                wire, mailbox, _, expected = pairs[which]
                if what == "tell":
                    hub.publish("gate", "", b"%d" % number)
                    now += 1.0
                    await rounds.round()
                    for *_, told in pairs:
                        told.append(number)
                elif what == "use":
                    wire.write(b"<%d>" % -number)
                    expected.append(-number)
                elif what == "go on":
                    wire.go_on()
                else:
                    rounds.leave(mailbox)
                    pairs[which] = joined()
            for wire, _, theirs, expected in pairs:
                wire.go_on()
                found = re.findall(rb"<(-\d+)>|\"data\":(\d+)", heard(theirs))
                numbers = [int(one or other) for one, other in found]
                assert numbers[len(numbers) - len(expected) :] == expected

    asyncio.run(scenario())


def test_of_a_message_that_is_too_large_it_is_told_how_much_was_taken() -> None:
    """The rest follows when there is room."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        wire = bytes(range(256)) * 20_000
        [(place, taken)] = send(np.array([ours.fileno()], dtype=np.int32), wire)
        assert (place, 0 < taken < len(wire)) == (0, True)
        theirs.settimeout(5.0)
        found = b""
        while len(found) < taken:
            found += theirs.recv(1 << 20)
        assert found == wire[:taken]
