"""One message to many sockets: each gets the bytes it can take, whatever the others are like."""

from __future__ import annotations

import contextlib
import socket

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

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
