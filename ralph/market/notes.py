"""What was computed of a view and may be asked for again: kept as long as the view, up to so many bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping

import numpy as np
from numpy.typing import NDArray

BYTES_MAX = 64 << 20
Arrays = Mapping[str, NDArray[np.float64]]


class Notes:
    """Named arrays by what they are of. What was asked for least lately goes first; threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Arrays] = OrderedDict()
        self._lock = threading.Lock()
        self.held_bytes = 0

    def find(self, key: Hashable) -> Arrays | None:
        """What was kept, not to be written to."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: Hashable, arrays: Arrays) -> None:
        """Closes the arrays to writing; what alone would take more than a quarter of the room is not kept."""
        size = _bytes_of(arrays)
        if size > BYTES_MAX // 4:
            return
        for array in arrays.values():
            array.flags.writeable = False
        with self._lock:
            before = self._kept.pop(key, None)
            self._kept[key] = arrays
            self.held_bytes += size - (0 if before is None else _bytes_of(before))
            while self.held_bytes > BYTES_MAX:
                self.held_bytes -= _bytes_of(self._kept.popitem(last=False)[1])

    def forget(self) -> None:
        """Everything."""
        with self._lock:
            self._kept.clear()
            self.held_bytes = 0


def _bytes_of(arrays: Arrays) -> int:
    return sum(array.nbytes for array in arrays.values())
