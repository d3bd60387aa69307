"""The market gate while the market is open: from the indices and the sectors as they stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ralph.scanners import gate, sectors
from ralph.scanners.weather import GateAnswer
from ralph.tape.board import Board
from ralph.tape.events import IndexQuote

IntArray = NDArray[np.int64]


class LiveGate:
    """The gate of a Session, judged as of its last prints by the rules that hold for closed Sessions."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._sectors = tuple(board.frame.sectors)
        self._sector: IntArray = np.full(len(board.frame.universe), -1)
        for place, name in enumerate(self._sectors):
            self._sector[board.frame.sectors[name]] = place

    def judge(self, indices: dict[str, IndexQuote]) -> GateAnswer:
        """By the newest quotes of the indices, and the Symbols' changes against their base prices."""
        frame, day = self._board.frame, self._board.day
        with np.errstate(divide="ignore", invalid="ignore"):
            change = np.where(day.count > 0, day.close / frame.before - 1.0, np.nan)
        changes = sectors.changes(self._sectors, self._sector, change, day.value)
        quoted = {name: indices[name].change_ratio for name in gate.INDICES if name in indices}
        judged = gate.judge(quoted, changes)
        return GateAnswer(
            workspace=frame.workspace,
            simulated=frame.simulated,
            as_of=frame.on,
            data_version=frame.data_version,
            state=judged.state,
            score=judged.score,
            components=judged.components,
            sectors=dict(sorted(changes.items(), key=lambda item: -item[1])),
        )
