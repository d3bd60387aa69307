"""The scans of day-trading that daily bars can tell after the close, each by one measured number over a threshold."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ralph.market.ticks import limit_pct_on
from ralph.scanners.component import Component
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Chosen, Param, Scanner
from ralph.scanners.setup import Setup

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

TIE = 1e-9  # percent: a quotient nearer than this to its limit is on it
_VOLUME_BARS = Param("bars", 20, 1, 252, whole=True)


class Measured(NamedTuple):
    """What was measured of each Symbol, where the scan holds, and the value at which the score is 50; [symbols]."""

    value: FloatArray
    holds: BoolArray
    usual: float


def gap_up(day: MarketDay, chosen: Chosen) -> Measured:
    """The open above the close before, in percent, and never back to it during the day ("gap and hold")."""
    close, opened, low = day.tail("close", 2), day.tail("open", 1)[0], day.tail("low", 1)[0]
    gap = 100.0 * (opened / close[0] - 1.0)
    return Measured(gap, (gap >= chosen["gap_pct"] - TIE) & (low >= close[0]), chosen["gap_pct"])


def momentum_burst(day: MarketDay, chosen: Chosen) -> Measured:
    """A rise of 4 % on more volume than the day before, at least 100,000 shares."""
    volume = day.tail("volume", 2)
    rise = 100.0 * day.change
    holds = (rise >= chosen["rise_pct"] - TIE) & (volume[1] > volume[0]) & (volume[1] >= chosen["volume_min"])
    return Measured(rise, holds, chosen["rise_pct"])


def range_expansion(day: MarketDay, chosen: Chosen) -> Measured:
    """A rising day whose true range is larger than those of the days before; as a multiple of the largest."""
    bars = int(chosen["bars"]) + 2
    high, low, close = day.tail("high", bars), day.tail("low", bars), day.tail("close", bars)
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    ratio = _ratio(ranges[-1], ranges[:-1].max(axis=0))
    return Measured(ratio, (ratio > 1.0) & (day.change > 0), 1.0)


def relative_volume(day: MarketDay, chosen: Chosen) -> Measured:
    """Volume over its mean of the days before."""
    ratio = _volume_ratio(day, chosen)
    return Measured(ratio, ratio >= chosen["ratio"], chosen["ratio"])


def volume_spike(day: MarketDay, chosen: Chosen) -> Measured:
    """A multiple of the usual volume, on a rising day."""
    ratio = _volume_ratio(day, chosen)
    return Measured(ratio, (ratio >= chosen["ratio"]) & (day.change > 0), chosen["ratio"])


def new_high(day: MarketDay, chosen: Chosen) -> Measured:
    """A close above the highest high of the days before; percent above it."""
    top = day.tail("high", int(chosen["bars"]) + 1)[:-1].max(axis=0)
    over = 100.0 * (day.tail("close", 1)[0] / top - 1.0)
    return Measured(over, over > 0, 1.0)


def near_limit(day: MarketDay, chosen: Chosen) -> Measured:
    """A close within 3 % of the day's upper price limit; percent of the limit."""
    limit = 1.0 + limit_pct_on(day.view.on) / 100.0
    share = 100.0 * (1.0 + day.change) / limit
    return Measured(share, share >= chosen["limit_pct"] - TIE, chosen["limit_pct"])


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.where(below > 0, above / below, np.nan)


def _volume_ratio(day: MarketDay, chosen: Chosen) -> FloatArray:
    volume = day.tail("volume", int(chosen["bars"]) + 1)
    return _ratio(volume[-1], volume[:-1].mean(axis=0))


def find(
    measure: Callable[[MarketDay, Chosen], Measured], words: tuple[str, str], day: MarketDay, chosen: Chosen
) -> list[Setup]:
    """The Symbols for which a scan holds, the score 100 v / (v + usual) of its value over what is usual."""
    with np.errstate(divide="ignore", invalid="ignore"):
        measured = measure(day, chosen)
    close, stop = day.tail("close", 1)[0], day.tail("low", 1)[0]
    found = []
    for lane in np.flatnonzero(measured.holds):
        listing, value = day.listings[lane], float(measured.value[lane])
        score = 100.0 * max(value, 0.0) / (max(value, 0.0) + measured.usual)
        sentence = words[0].format(value), words[1].format(value)
        part = Component(name="value", points=score, maximum=100.0, value=value, en=sentence[0], ko=sentence[1])
        found.append(
            Setup(
                symbol=listing.symbol,
                name=listing.name,
                state="triggered",
                score=score,
                pivot=float(close[lane]),
                stop=float(stop[lane]),
                components=(part,),
                values={"value": value},
            )
        )
    return sorted(found, key=lambda setup: (-setup.score, setup.symbol))


GAP_UP = Scanner(
    name="gap_up",
    en="Opened 3% or more above the close before and never came back to it",
    ko="전일 종가보다 3% 이상 높게 시작해 갭을 지킨 종목",
    version=1,
    params=(Param("gap_pct", 3, 0.1, 30),),
    find=partial(find, gap_up, ("gap {:+.1f}%", "갭 {:+.1f}%")),
)
MOMENTUM_BURST = Scanner(
    name="momentum_burst",
    en="Rose 4% or more on rising volume",
    ko="거래량 증가와 함께 4% 이상 상승",
    version=1,
    params=(
        Param("rise_pct", 4, 0.1, 30),
        Param("volume_min", 100_000, 0, 1e12),
    ),
    find=partial(find, momentum_burst, ("change {:+.1f}%", "등락률 {:+.1f}%")),
)
RANGE_EXPANSION = Scanner(
    name="range_expansion",
    en="A rising day with the largest true range of seven",
    ko="최근 7일 중 변동폭이 가장 큰 상승일",
    version=1,
    params=(Param("bars", 6, 1, 252, whole=True),),
    find=partial(
        find, range_expansion, ("range {:.2f} times the largest of the days before", "변동폭이 직전 최대의 {:.2f}배")
    ),
)
RELATIVE_VOLUME_SCAN = Scanner(
    name="relative_volume",
    en="Twice the usual volume or more",
    ko="거래량이 평소의 2배 이상",
    version=1,
    params=(
        Param("ratio", 2, 0.1, 1_000),
        _VOLUME_BARS,
    ),
    find=partial(find, relative_volume, ("volume {:.1f} times the usual", "거래량 평소의 {:.1f}배")),
)
VOLUME_SPIKE = Scanner(
    name="volume_spike",
    en="Three times the usual volume or more on a rising day",
    ko="상승일에 거래량이 평소의 3배 이상",
    version=1,
    params=(
        Param("ratio", 3, 0.1, 1_000),
        _VOLUME_BARS,
    ),
    find=partial(find, volume_spike, ("volume {:.1f} times the usual", "거래량 평소의 {:.1f}배")),
)
NEW_HIGH = Scanner(
    name="new_high",
    en="Closed above the highest price of the 20 days before",
    ko="직전 20일 고가를 종가로 돌파",
    version=1,
    params=(Param("bars", 20, 1, 2_520, whole=True),),
    find=partial(find, new_high, ("{:+.1f}% above the high of the days before", "직전 고가 대비 {:+.1f}%")),
)
NEAR_LIMIT_SCAN = Scanner(
    name="near_limit",
    en="Closed within 3% of the upper price limit",
    ko="상한가 3% 이내 마감",
    version=1,
    params=(Param("limit_pct", 97, 1, 100),),
    find=partial(find, near_limit, ("{:.1f}% of the upper limit", "상한가의 {:.1f}%")),
)
