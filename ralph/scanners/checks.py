"""The seven checks of day-trading, on daily bars after the close: 15 points passed, 8 nearly, 0 failed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ralph.scanners import money
from ralph.scanners.component import Component, missing, points
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Chosen, Param, Scanner
from ralph.scanners.setup import Setup

FloatArray = NDArray[np.float64]

PASSED, NEARLY = 15.0, 8.0
BARS = 21  # of history: twenty before today
BOX_HEIGHT_MAX = 0.15
SHARE_MIN = 0.60  # of the points that can be reached: what earns less is no trade


@dataclass(frozen=True, eq=False)
class Day:
    """A market as of a Session: fields [at least BARS bars, symbols], newest last, NaN where there is no bar.

    smart_money  score 0-100 [symbols], NaN unknown
    sector_rank  where the 5-Session return stands in the sector, 0 best [symbols], NaN unknown
    volume_ratio volume over the usual one at this time of the day [symbols], where the newest bar is not over
    """

    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    smart_money: FloatArray
    sector_rank: FloatArray
    volume_ratio: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Checked:
    """What was measured and earned by check, [symbols] each; points NaN where the input is missing."""

    values: dict[str, FloatArray]
    points: dict[str, FloatArray]


def _graded(value: FloatArray, passed: NDArray[np.bool_], nearly: NDArray[np.bool_]) -> FloatArray:
    points = np.where(passed, PASSED, np.where(nearly, NEARLY, 0.0))
    return np.where(np.isnan(value), np.nan, points)


def measure(day: Day) -> Checked:
    """All seven checks of all Symbols."""
    with np.errstate(divide="ignore", invalid="ignore"):
        before = slice(-BARS, -1)
        close, usual = day.close[-1], day.volume[before].mean(axis=0)
        top, bottom = day.high[before].max(axis=0), day.low[before].min(axis=0)
        volume_ratio = np.where(usual > 0, day.volume[-1] / usual, np.nan)
        if day.volume_ratio is not None:
            volume_ratio = day.volume_ratio
        over_top = close / top - 1.0
        height = top / bottom - 1.0
        over_mean = close / day.close[-5:].mean(axis=0) - 1.0
        change = close / day.close[-2] - 1.0
        earlier = day.close[-2] / day.close[-3] - 1.0
        upper_half = close >= (top + bottom) / 2.0
        flat = height <= BOX_HEIGHT_MAX
        flows, rank = day.smart_money, day.sector_rank
        values = {
            "volume_spike": volume_ratio,
            "momentum_breakout": over_top,
            "box_breakout": np.where(np.isnan(over_top), np.nan, height),
            "above_ma5": over_mean,
            "smart_money": flows,
            "oversold_bounce": np.where(np.isnan(earlier), np.nan, change),
            "sector_momentum": rank,
        }
        graded = {
            "volume_spike": (volume_ratio >= 2.0, volume_ratio >= 1.5),
            "momentum_breakout": (over_top > 0, over_top >= -0.01),
            "box_breakout": (flat & (over_top > 0), flat & upper_half),
            "above_ma5": (over_mean > 0, over_mean >= -0.01),
            "smart_money": (flows >= 65, flows >= 50),
            "oversold_bounce": ((earlier <= -0.03) & (change >= 0.02), (earlier < -0.01) & (change > 0)),
            "sector_momentum": (rank < 0.20, rank < 0.40),
        }
    points = {name: _graded(values[name], *graded[name]) for name in values}
    return Checked(values, points)


_SENTENCES = {
    "volume_spike": ("volume {:.2f} times the mean of 20 days", "거래량 20일 평균의 {:.2f}배", 1.0),
    "momentum_breakout": ("close {:+.1f}% from the 20-day high", "종가가 20일 고가 대비 {:+.1f}%", 100.0),
    "box_breakout": ("box of 20 days {:.1f}% high", "20일 박스 높이 {:.1f}%", 100.0),
    "above_ma5": ("close {:+.1f}% from its 5-day mean", "종가가 5일 평균 대비 {:+.1f}%", 100.0),
    "smart_money": ("smart money {:.0f}", "스마트머니 {:.0f}점", 1.0),
    "oversold_bounce": ("change {:+.1f}% after a fall", "하락 뒤 등락률 {:+.1f}%", 100.0),
    "sector_momentum": ("5-day return in the top {:.0f}% of its sector", "5일 수익률 업종 상위 {:.0f}%", 100.0),
}
_MISSING = {
    "volume_spike": ("no usual volume: too few bars", "평소 거래량 없음: 봉 부족"),
    "smart_money": ("no investor flows", "수급 자료 없음"),
    "sector_momentum": ("no sector, or fewer than 5 members", "업종 없음 또는 구성 종목 5개 미만"),
}


def components(checked: Checked, column: int) -> list[Component]:
    """The checks of one Symbol."""
    return [_component(name, checked, column) for name in _SENTENCES]


def _component(name: str, checked: Checked, column: int) -> Component:
    value, points = float(checked.values[name][column]), float(checked.points[name][column])
    if np.isnan(points):
        return missing(name, PASSED, *_MISSING.get(name, (f"fewer than {BARS} bars", f"봉이 {BARS}개 미만")))
    en, ko, scale = _SENTENCES[name]
    return Component(
        name=name,
        points=points,
        maximum=PASSED,
        value=value,
        en=en.format(scale * value),
        ko=ko.format(scale * value),
    )


def find(day: MarketDay, chosen: Chosen) -> list[Setup]:
    """Symbols that earn at least `share_min` of the points that can be reached."""
    return _found(day, chosen, Day(**_fields(day), smart_money=day.smart_money.score, sector_rank=day.sector_rank))


def find_running(day: MarketDay, chosen: Chosen, volume_ratio: FloatArray) -> list[Setup]:
    """The same while the newest bar is not over: its volume is measured against the usual one at this time of the day,
    NaN unknown [symbols], and flows are known to the Session before."""
    bars = money.COUNT_DAYS + 1
    flows = [day.tail(name, bars)[:-1] for name in ("foreign_value", "institution_value", "value")]
    score = money.measure(*flows).score
    return _found(
        day, chosen, Day(**_fields(day), smart_money=score, sector_rank=day.sector_rank, volume_ratio=volume_ratio)
    )


def _fields(day: MarketDay) -> dict[str, FloatArray]:
    return {name: day.tail(name, BARS) for name in ("high", "low", "close", "volume")}


def _found(day: MarketDay, chosen: Chosen, today: Day) -> list[Setup]:
    checked = measure(today)
    graded = np.stack(list(checked.points.values()))
    reachable = PASSED * (~np.isnan(graded)).sum(axis=0)
    good = (reachable > 0) & (np.nansum(graded, axis=0) >= chosen["share_min"] * reachable)
    found = [_setup(day, checked, float(today.close[-1, lane]), int(lane)) for lane in np.flatnonzero(good)]
    return sorted(found, key=lambda setup: (-setup.score, setup.symbol))


def _setup(day: MarketDay, checked: Checked, close: float, lane: int) -> Setup:
    parts = components(checked, lane)
    reached, reachable = points(parts)
    listing = day.listings[lane]
    return Setup(
        symbol=listing.symbol,
        name=listing.name,
        state="triggered",
        score=100.0 * reached / reachable,
        pivot=close,
        components=tuple(parts),
        values={"points": reached, "reachable": reachable},
    )


DAYTRADING = Scanner(
    name="daytrading",
    en="Seven checks of day-trading: volume, breakouts, mean, money, bounce, sector",
    ko="단타 7가지 점검: 거래량, 돌파, 이평, 수급, 반등, 업종",
    version=1,
    params=(Param("share_min", SHARE_MIN, 0.0, 1.0),),
    find=find,
)
