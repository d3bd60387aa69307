"""One message to many sockets by one compiled loop, without the GIL: the kernel's own work is all that it costs."""

from __future__ import annotations

import socket
from typing import Any

import numpy as np
from numba import types
from numba.core import typing
from numpy.typing import NDArray

from ralph.kernels.jit import COUNTS, ROWS, WHOLE, CountArray, IntArray, kernel

_FLAGS = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
_BYTES = types.Array(types.uint8, 1, "C", readonly=True)
# ssize_t send(int, const void *, size_t, int) of the C library, POSIX.
_send: Any = types.ExternalFunction(
    "send", typing.signature(types.intp, types.int32, types.intp, types.uintp, types.int32)
)


@kernel(WHOLE, ROWS, _BYTES, COUNTS)
def _send_all(descriptors: IntArray, wire: NDArray[np.uint8], taken: CountArray) -> int:
    """How many have taken all."""
    done = 0
    for place in range(descriptors.size):
        if descriptors[place] >= 0:
            taken[place] = _send(descriptors[place], wire.ctypes.data, np.uint64(wire.size), np.int32(_FLAGS))
            done += taken[place] == wire.size
    return done


def send(descriptors: IntArray, wire: bytes) -> list[tuple[int, int]]:
    """Send a message to the sockets of these descriptors, int32 [sockets], -1 for none, none of which this waits for.

    Returns, for those that did not take all of it, their place and how many bytes they took, which is 0 also where a
    socket is broken.
    """
    taken = np.zeros(descriptors.size, dtype=np.int64)
    if _send_all(descriptors, np.frombuffer(wire, dtype=np.uint8), taken) == descriptors.size:
        return []
    return [(int(place), max(0, int(taken[place]))) for place in np.flatnonzero(taken != len(wire))]
