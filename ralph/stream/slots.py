"""Which sockets may be written to directly: a descriptor for each mailbox, beside each other in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph.stream.mailbox import Mailbox, Writer

NOBODY = 0  # the slot of who is gone: never written to
_NONE = -1


class Slots:
    """`descriptors` int32: of the socket of each slot, -1 while it may not be written to directly."""

    def __init__(self) -> None:
        self.descriptors: NDArray[np.int32] = np.full(64, _NONE, dtype=np.int32)
        self._free: list[int] = []
        self._count = 1

    def mailbox(self, writer: Writer) -> Mailbox:
        """One with a slot of its own, which is shut whenever its writer is used."""
        slot = self._free.pop() if self._free else self._next()
        writer.on_used = lambda: self.shut(slot)
        return Mailbox(writer, slot)

    def leave(self, mailbox: Mailbox) -> None:
        """Its slot is another's. Nothing may be on its way to it."""
        if mailbox.slot != NOBODY:
            mailbox.writer.on_used = None
            self.shut(mailbox.slot)
            self._free.append(mailbox.slot)
            mailbox.slot = NOBODY

    def shut(self, slot: int) -> None:
        """It may not be written to directly."""
        self.descriptors[slot] = _NONE

    def open(self, mailbox: Mailbox) -> bool:
        """Write to it directly from now on, where that may be and was not."""
        slot = mailbox.slot
        if slot == NOBODY or self.descriptors[slot] != _NONE:
            return False
        self.descriptors[slot] = found = mailbox.writer.straight()
        return found != _NONE

    def _next(self) -> int:
        slot = self._count
        self._count += 1
        if slot == self.descriptors.size:
            self.descriptors = np.concatenate((self.descriptors, np.full(slot, _NONE, dtype=np.int32)))
        return slot
