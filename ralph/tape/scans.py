"""Day-trading scans: what happens in a Session, told once a Symbol and kind, at the close of a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.signals.signal import Sentence
from ralph.tape.board import Board
from ralph.tape.events import Scanned, instant_of
from ralph.tape.measures import Measured, SessionMeasures, SlotBars
from ralph.tape.minutes import MINUTE_NS, ClosedBars

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

RANGE_MINUTES = 15  # of the opening range
BARS_BELOW = 3  # minutes at or below the VWAP before a reclaim
GAP_PCT = 3.0
BURST_MINUTES, BURST_RATIO = 5, 0.03
NEAR_LIMIT = 0.97  # of the upper limit
NEW_HIGH_AFTER = 30  # minutes: before that every rise is a new high
VALUE_MIN = 300_000_000.0  # won traded in the Session so far: what trades less is left alone


@dataclass(frozen=True)
class _Seen:
    """The close of a minute: who is lively enough, bars so far, and the measures."""

    slot: int
    close: FloatArray
    board: Board
    measured: Measured
    burst: FloatArray


@dataclass(frozen=True)
class _Scan:
    name: str
    holds: Callable[[_Seen], BoolArray]
    value: str
    measure: Callable[[_Seen], FloatArray]
    en: str
    ko: str


_SCANS = (
    _Scan(
        "gap_up",
        lambda seen: (seen.measured.gap_pct >= GAP_PCT) & (seen.slot <= 1),
        "gap_pct",
        lambda seen: seen.measured.gap_pct,
        "opened {:.1f}% above the last close",
        "전일 종가 대비 {:.1f}% 갭 상승 출발",
    ),
    _Scan(
        "opening_range_breakout",
        lambda seen: seen.measured.breaks_out,
        "range_high",
        lambda seen: seen.measured.range_high,
        f"closes above the high of its first {RANGE_MINUTES} minutes, {{:,.0f}}",
        f"장 초반 {RANGE_MINUTES}분 고가 {{:,.0f}}원 돌파",
    ),
    _Scan(
        "vwap_reclaim",
        lambda seen: seen.measured.reclaims,
        "vwap",
        lambda seen: seen.measured.vwap,
        f"back above its VWAP {{:,.0f}} after {BARS_BELOW} minutes below",
        f"VWAP {{:,.0f}}원 아래 {BARS_BELOW}분 뒤 회복",
    ),
    _Scan(
        "new_high",
        lambda seen: seen.measured.new_high & (seen.slot >= NEW_HIGH_AFTER),
        "high",
        lambda seen: seen.board.day.high,
        "a new high of the day, {:,.0f}",
        "당일 신고가 {:,.0f}원",
    ),
    _Scan(
        "momentum_burst",
        lambda seen: seen.burst >= BURST_RATIO,
        "change",
        lambda seen: seen.burst,
        f"{{:+.1%}} in {BURST_MINUTES} minutes",
        f"{BURST_MINUTES}분 동안 {{:+.1%}}",
    ),
    _Scan(
        "near_limit",
        lambda seen: seen.close >= NEAR_LIMIT * seen.board.frame.highest,
        "limit",
        lambda seen: seen.board.frame.highest,
        "within 3% of its upper limit, {:,.0f}",
        "상한가 {:,.0f}원에 3% 이내 접근",
    ),
)

SCAN_NAMES = tuple(scan.name for scan in _SCANS)


class LiveScans:
    """All scans of a Session. Each tells a Symbol once a day."""

    def __init__(self, board: Board, usual_volume: FloatArray | None = None) -> None:
        count = len(board.frame.universe)
        self._board = board
        self._measures = SessionMeasures(
            board.frame.before, range_slots=RANGE_MINUTES, bars_below=BARS_BELOW, usual_volume=usual_volume
        )
        self._slot = -1
        self._closes = np.full((BURST_MINUTES + 1, count), np.nan)
        self._told = np.zeros((len(_SCANS), count), dtype=np.bool_)

    def close(self, bars: ClosedBars) -> list[Scanned]:
        """A minute is over; minutes in between in which nobody traded are closed first."""
        slot = (bars.opened_at - self._board.frame.opens_at) // MINUTE_NS
        if bars.opened_at >= self._board.frame.closes_at:
            return []  # the closing auction: nothing can be done about it any more
        while self._slot < slot - 1:
            self._step(None)
        return self._found(self._step(bars), bars)

    def _step(self, bars: ClosedBars | None) -> Measured:
        self._slot += 1
        count = self._told.shape[1]
        columns = [np.full(count, np.nan) for _ in range(4)]
        volume = np.zeros(count)
        if bars is not None:
            given = (bars.open, bars.high, bars.low, bars.close)
            for column, values in zip(columns, given, strict=True):
                column[bars.symbol] = values
            volume[bars.symbol] = bars.volume
        traded = volume > 0
        older = self._closes[-1]
        self._closes[:-1] = self._closes[1:]
        self._closes[-1] = np.where(traded, columns[3], older)
        close = self._closes[-1]  # without a trade the price before still stands
        return self._measures.close(SlotBars(columns[0], columns[1], columns[2], close, volume))

    def _found(self, measured: Measured, bars: ClosedBars) -> list[Scanned]:
        board = self._board
        with np.errstate(divide="ignore", invalid="ignore"):
            burst = self._closes[-1] / self._closes[0] - 1.0
        seen = _Seen(self._slot, self._closes[-1], board, measured, burst)
        lively = np.zeros(self._told.shape[1], dtype=np.bool_)
        lively[bars.symbol] = board.day.value[bars.symbol] >= VALUE_MIN
        at = instant_of(bars.opened_at + MINUTE_NS)
        found = []
        for place, scan in enumerate(_SCANS):
            new = np.flatnonzero(lively & ~self._told[place] & scan.holds(seen))
            self._told[place, new] = True
            measures = scan.measure(seen)[new].tolist()
            for symbol, value in zip(new.tolist(), measures, strict=True):
                found.append(
                    Scanned(
                        scan=scan.name,
                        symbol=board.frame.universe[symbol],
                        name=board.frame.names[symbol],
                        price=float(seen.close[symbol]),
                        at=at,
                        values={scan.value: value},
                        reasons=(Sentence(scan.en.format(value), scan.ko.format(value)),),
                    )
                )
        return found
