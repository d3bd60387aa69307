"""Volatility contraction bases: an advance, then falls that shrink in price and in volume below a pivot."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.kernels import bases
from ralph.market.panel import View
from ralph.scanners.component import Component, missing
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Scanner
from ralph.scanners.setup import Contraction, Setup

FloatArray = NDArray[np.float64]

STATES = ("none", "forming", "near", "breakout", "extended", "failed")
"""By number: below 95 % of the pivot, near it, through it on volume today, above 105 % of it, below the last low."""

SESSIONS_A_WEEK = 5


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a base must keep, in the order of the kernel's rules. Shares are of 1, lengths in bars."""

    length_min: float = 15
    length_max: float = 325
    first_depth_min: float = 0.08
    first_depth_max: float = 0.35
    shrink_max: float = 0.85  # of the depth before
    last_depth_max: float = 0.10
    low_holds: float = 0.98  # of the low before
    high_floor: float = 0.88  # of the first high
    high_ceiling: float = 1.03
    advance_min: float = 0.30
    advance_bars: float = 250
    damage_bars: float = 65
    damage_high: float = 0.90
    dry_up_max: float = 0.75
    breakout_volume: float = 1.40
    near: float = 0.95
    extended: float = 1.05
    rank_min: float = 70


DEFAULT_RULES: FloatArray = np.array(msgspec.structs.astuple(Rules()), dtype=np.float64)

_PARTS = (
    ("tight", bases.TIGHT_PART, "contractions shrink to {:.0f}% of full marks", "수축 강도 {:.0f}%"),
    ("count", bases.COUNT_PART, "number of contractions, {:.0f}% of full marks", "수축 횟수 {:.0f}%"),
    ("dry", bases.DRY_PART, "volume dried up, {:.0f}% of full marks", "거래량 감소 {:.0f}%"),
    ("near", bases.NEAR_PART, "nearness to the pivot, {:.0f}% of full marks", "피벗 근접도 {:.0f}%"),
    ("rank", bases.RANK_PART, "RS rating, {:.0f}% of full marks", "RS 순위 {:.0f}%"),
    ("quality", bases.QUALITY_PART, "quiet last days, {:.0f}% of full marks", "최근 봉의 안정도 {:.0f}%"),
)


def find(day: MarketDay, rules: Rules | None = None) -> list[Setup]:
    """The bases that stand; Symbols with fewer than 252 bars have none."""
    fields = [np.take(day.view.field(name), day.columns, axis=1) for name in ("high", "low", "close", "volume")]
    limits = DEFAULT_RULES if rules is None else np.array(msgspec.structs.astuple(rules), dtype=np.float64)
    first = day.view.first[day.columns].astype(np.int32)
    terms, legs = bases.scan(fields[0], fields[1], fields[2], fields[3], first, day.ranks, limits)
    held = np.flatnonzero(terms[bases.LEG_COUNT] > 0)
    found = [_setup(day.view, int(day.columns[lane]), terms[:, lane], legs[:, :, lane]) for lane in held]
    return sorted(found, key=lambda setup: (-setup.score, setup.symbol))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _setup(view: View, column: int, terms: FloatArray, legs: FloatArray) -> Setup:
    count = int(terms[bases.LEG_COUNT])
    weeks = max(1, round(terms[bases.LENGTH] / SESSIONS_A_WEEK))
    first, last = legs[bases.DEPTH, 0], legs[bases.DEPTH, count - 1]
    listing = view.panel.listings[column]
    return Setup(
        symbol=listing.symbol,
        name=listing.name,
        state=STATES[int(terms[bases.STATE])],
        score=float(terms[bases.SCORE]),
        pivot=float(terms[bases.PIVOT]),
        stop=float(terms[bases.STOP_LOW]),
        footprint=f"{weeks}W {100 * first:.0f}/{100 * last:.0f} {count}T",
        contractions=tuple(_contraction(view, column, legs[:, leg]) for leg in range(count)),
        components=tuple(_components(terms)),
        values={
            "base_high": float(terms[bases.BASE_HIGH]),
            "length": float(terms[bases.LENGTH]),
            "advance": float(terms[bases.ADVANCE]),
            "damage": float(terms[bases.DAMAGE]),
            "dry_up": float(terms[bases.DRY_UP]),
            "dry_up_3": _number(terms[bases.DRY_UP_3]),
        },
    )


def _components(terms: FloatArray) -> list[Component]:
    found = []
    for (name, row, en, ko), maximum in zip(_PARTS, bases.POINTS, strict=True):
        share = float(terms[row])
        if np.isnan(share):
            found.append(missing(name, float(maximum), "no RS rating", "RS 순위 없음"))
            continue
        sentence = en.format(100 * share), ko.format(100 * share)
        found.append(
            Component(
                name=name,
                points=float(maximum) * share,
                maximum=float(maximum),
                value=share,
                en=sentence[0],
                ko=sentence[1],
            )
        )
    return found


def _contraction(view: View, column: int, leg: FloatArray) -> Contraction:
    up = _number(leg[bases.BARS_UP])
    return Contraction(
        high_on=view.day_of(column, int(leg[bases.HIGH_AT])),
        high=float(leg[bases.HIGH]),
        low_on=view.day_of(column, int(leg[bases.LOW_AT])),
        low=float(leg[bases.LOW]),
        depth=float(leg[bases.DEPTH]),
        bars_down=int(leg[bases.BARS_DOWN]),
        bars_up=None if up is None else int(up),
        volume_mean=float(leg[bases.VOLUME_MEAN]),
        volume_share=_number(leg[bases.VOLUME_SHARE]),
        volume_slope=_number(leg[bases.VOLUME_SLOPE]),
        confirmed=bool(leg[bases.CONFIRMED]),
    )


VCP = Scanner(
    name="vcp",
    en="Volatility contraction: falls that shrink below a pivot after an advance, while volume dries up",
    ko="변동성 수축: 상승 뒤 피벗 아래에서 낙폭과 거래량이 줄어드는 베이스",
    version=1,
    find=find,
)
