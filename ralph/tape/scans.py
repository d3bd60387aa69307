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
RELATIVE_VOLUME = 2.0  # times the usual at this time of the day
SPIKE_VOLUME = 3.0  # times the usual of this minute
SPIKE_VALUE_MIN = 100_000_000.0  # won traded in that minute
VALUE_MIN = 300_000_000.0  # won traded in the Session so far: what trades less is left alone


@dataclass(frozen=True)
class _Seen:
    """The close of a minute: the closes, won traded in it, and the measures [symbols]."""

    slot: int
    close: FloatArray
    value: FloatArray
    board: Board
    measured: Measured
    burst: FloatArray


@dataclass(frozen=True)
class MinuteScan:
    """A scan of the minutes of a Session.

    find, told    what it finds, for lists; what it says of a Symbol, with its value
    holds, value  where it holds, and what was measured [symbols]
    strength      what is scored, 50 points where it is `usual`: in percent or as a multiple [symbols]
    """

    name: str
    find: Sentence
    holds: Callable[[_Seen], BoolArray]
    value: str
    measure: Callable[[_Seen], FloatArray]
    told: Sentence
    strength: Callable[[_Seen], FloatArray]
    usual: float


def _rise_pct(seen: _Seen) -> FloatArray:
    return 100.0 * (seen.close / seen.board.frame.before - 1.0)


SCANS = (
    MinuteScan(
        "gap_up",
        Sentence("Opened 3% or more above the last close", "전일 종가보다 3% 이상 높게 시작"),
        lambda seen: (seen.measured.gap_pct >= GAP_PCT) & (seen.slot <= 1),
        "gap_pct",
        lambda seen: seen.measured.gap_pct,
        Sentence("opened {:.1f}% above the last close", "전일 종가 대비 {:.1f}% 갭 상승 출발"),
        lambda seen: seen.measured.gap_pct,
        GAP_PCT,
    ),
    MinuteScan(
        "opening_range_breakout",
        Sentence(f"Closes above the high of its first {RANGE_MINUTES} minutes", f"장 초반 {RANGE_MINUTES}분 고가 돌파"),
        lambda seen: seen.measured.breaks_out,
        "range_high",
        lambda seen: seen.measured.range_high,
        Sentence(
            f"closes above the high of its first {RANGE_MINUTES} minutes, {{:,.0f}}",
            f"장 초반 {RANGE_MINUTES}분 고가 {{:,.0f}}원 돌파",
        ),
        lambda seen: 100.0 * (seen.close / seen.measured.range_high - 1.0),
        1.0,
    ),
    MinuteScan(
        "vwap_reclaim",
        Sentence(f"Back above its VWAP after {BARS_BELOW} minutes below", f"VWAP 아래 {BARS_BELOW}분 뒤 회복"),
        lambda seen: seen.measured.reclaims,
        "vwap",
        lambda seen: seen.measured.vwap,
        Sentence(
            f"back above its VWAP {{:,.0f}} after {BARS_BELOW} minutes below",
            f"VWAP {{:,.0f}}원 아래 {BARS_BELOW}분 뒤 회복",
        ),
        lambda seen: 100.0 * (seen.close / seen.measured.vwap - 1.0),
        1.0,
    ),
    MinuteScan(
        "relative_volume",
        Sentence("Twice the usual volume of this time of the day", "같은 시각 평소 거래량의 2배 이상"),
        lambda seen: seen.measured.relative_volume >= RELATIVE_VOLUME,
        "relative_volume",
        lambda seen: seen.measured.relative_volume,
        Sentence("volume {:.1f} times the usual at this time", "같은 시각 거래량 평소의 {:.1f}배"),
        lambda seen: seen.measured.relative_volume,
        RELATIVE_VOLUME,
    ),
    MinuteScan(
        "volume_spike",
        Sentence("Three times the usual volume of this minute", "같은 분 평소 거래량의 3배 이상"),
        lambda seen: (seen.measured.slot_volume >= SPIKE_VOLUME) & (seen.value >= SPIKE_VALUE_MIN),
        "slot_volume",
        lambda seen: seen.measured.slot_volume,
        Sentence("{:.1f} times the usual volume of this minute", "이 분의 거래량 평소의 {:.1f}배"),
        lambda seen: seen.measured.slot_volume,
        SPIKE_VOLUME,
    ),
    MinuteScan(
        "new_high",
        Sentence("A new high of the day", "당일 신고가"),
        lambda seen: seen.measured.new_high & (seen.slot >= NEW_HIGH_AFTER),
        "high",
        lambda seen: seen.board.day.high,
        Sentence("a new high of the day, {:,.0f}", "당일 신고가 {:,.0f}원"),
        _rise_pct,
        5.0,
    ),
    MinuteScan(
        "momentum_burst",
        Sentence(f"Rose 3% within {BURST_MINUTES} minutes", f"{BURST_MINUTES}분 동안 3% 이상 상승"),
        lambda seen: seen.burst >= BURST_RATIO,
        "change",
        lambda seen: seen.burst,
        Sentence(f"{{:+.1%}} in {BURST_MINUTES} minutes", f"{BURST_MINUTES}분 동안 {{:+.1%}}"),
        lambda seen: 100.0 * seen.burst,
        100.0 * BURST_RATIO,
    ),
    MinuteScan(
        "near_limit",
        Sentence("Within 3% of its upper limit", "상한가에 3% 이내 접근"),
        lambda seen: seen.close >= NEAR_LIMIT * seen.board.frame.highest,
        "limit",
        lambda seen: seen.board.frame.highest,
        Sentence("within 3% of its upper limit, {:,.0f}", "상한가 {:,.0f}원에 3% 이내 접근"),
        lambda seen: 100.0 * seen.close / seen.board.frame.highest,
        100.0 * NEAR_LIMIT,
    ),
)

SCAN_NAMES = tuple(scan.name for scan in SCANS)


class LiveScans:
    """All scans of a Session. Each tells a Symbol once a day.

    usual_volume  mean volume so far by minute [slots, symbols] in the Sessions before, NaN where it cannot be told;
                  None: not known, so that the scans of volume find nothing
    """

    def __init__(self, board: Board, usual_volume: FloatArray | None = None) -> None:
        count = len(board.frame.universe)
        self._board = board
        self._measures = SessionMeasures(
            board.frame.before, range_slots=RANGE_MINUTES, bars_below=BARS_BELOW, usual_volume=usual_volume
        )
        self._slot = -1
        self._closes = np.full((BURST_MINUTES + 1, count), np.nan)
        self._told = np.zeros((len(SCANS), count), dtype=np.bool_)
        self.relative_volume = np.full(count, np.nan)  # as the newest minute left it

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
        measured = self._measures.close(SlotBars(columns[0], columns[1], columns[2], close, volume))
        self.relative_volume = measured.relative_volume
        return measured

    def _found(self, measured: Measured, bars: ClosedBars) -> list[Scanned]:
        board, count = self._board, self._told.shape[1]
        value = np.zeros(count)
        value[bars.symbol] = bars.value
        lively = np.zeros(count, dtype=np.bool_)
        lively[bars.symbol] = board.day.value[bars.symbol] >= VALUE_MIN
        found: list[Scanned] = []
        with np.errstate(divide="ignore", invalid="ignore"):
            burst = self._closes[-1] / self._closes[0] - 1.0
            seen = _Seen(self._slot, self._closes[-1], value, board, measured, burst)
            for place, scan in enumerate(SCANS):
                new = np.flatnonzero(lively & ~self._told[place] & scan.holds(seen))
                self._told[place, new] = True
                found += self._tell(scan, seen, new, bars.opened_at + MINUTE_NS)
        return found

    def _tell(self, scan: MinuteScan, seen: _Seen, new: IntArray, at: int) -> list[Scanned]:
        if not new.size:
            return []
        frame = self._board.frame
        strength = np.nan_to_num(np.maximum(scan.strength(seen)[new], 0.0))
        columns = (new, scan.measure(seen)[new], 100.0 * strength / (strength + scan.usual))
        return [
            Scanned(
                scan=scan.name,
                symbol=frame.universe[symbol],
                name=frame.names[symbol],
                price=float(seen.close[symbol]),
                at=instant_of(at),
                score=score,
                values={scan.value: value},
                reasons=(Sentence(scan.told.en.format(value), scan.told.ko.format(value)),),
            )
            for symbol, value, score in zip(*(column.tolist() for column in columns), strict=True)
        ]
