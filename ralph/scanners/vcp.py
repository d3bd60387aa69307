"""Volatility contraction bases: an advance, then falls that shrink in price and in volume below a pivot."""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph.kernels import bases
from ralph.market.panel import View
from ralph.market.symbol import Symbol

FloatArray = NDArray[np.float64]

STATES = ("none", "forming", "near", "breakout", "extended", "failed")
"""By number: below 95 % of the pivot, near it, through it on volume today, above 105 % of it, below the last low."""

SESSIONS_A_WEEK = 5


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What a base must keep; the order is that of the kernel's rules. Shares are of 1, lengths in bars."""

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


class Contraction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A swing high and the low after it.

    depth a share of the high; bars_down from high to low, bars_up to the next high; volume_share: the fall's mean
    volume over the 50-bar mean at the high; volume_slope: Theil-Sen slope of its logarithm, a bar; `confirmed` says
    whether the low is one, or only the lowest so far
    """

    high_on: date
    high: float
    low_on: date
    low: float
    depth: float
    bars_down: int
    bars_up: int | None
    volume_mean: float
    volume_share: float | None
    volume_slope: float | None
    confirmed: bool


class Base(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A base that stands as of a Session. Prices in won; ratios of 1; score and its parts 0-100 and 0-1.

    footprint "nW d1/dT nT": weeks, depths in percent, contractions; dry_up: mean volume since the last high over the
    50-bar mean at the first, dry_up_3 the least over three days
    """

    symbol: Symbol
    state: str
    score: float
    pivot: float
    base_high: float
    stop_low: float
    footprint: str
    length: int
    advance: float
    damage: float
    dry_up: float
    dry_up_3: float | None
    parts: dict[str, float | None]
    contractions: tuple[Contraction, ...]


PARTS = {
    "tight": bases.TIGHT_PART,
    "count": bases.COUNT_PART,
    "dry": bases.DRY_PART,
    "near": bases.NEAR_PART,
    "rank": bases.RANK_PART,
    "quality": bases.QUALITY_PART,
}


def find(
    view: View, columns: NDArray[np.int64], ranks: FloatArray | None = None, rules: Rules | None = None
) -> list[Base]:
    """The bases of some columns of a view, best score first, then by Symbol.

    `ranks` are RS ratings of these columns [columns], NaN where there is none. Symbols with fewer than 252 bars, or
    that did not trade on the Session, have no base.
    """
    fields = [np.take(view.field(name), columns, axis=1) for name in ("high", "low", "close", "volume")]
    known = np.full(columns.size, np.nan) if ranks is None else ranks
    limits = DEFAULT_RULES if rules is None else np.array(msgspec.structs.astuple(rules), dtype=np.float64)
    first = view.first[columns].astype(np.int32)
    terms, legs = bases.scan(fields[0], fields[1], fields[2], fields[3], first, known, limits)
    held = np.flatnonzero(terms[bases.LEG_COUNT] > 0)
    found = [_base(view, int(columns[lane]), terms[:, lane], legs[:, :, lane]) for lane in held]
    return sorted(found, key=lambda base: (-base.score, base.symbol))


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _base(view: View, column: int, terms: FloatArray, legs: FloatArray) -> Base:
    count = int(terms[bases.LEG_COUNT])
    weeks = max(1, round(terms[bases.LENGTH] / SESSIONS_A_WEEK))
    first, last = legs[bases.DEPTH, 0], legs[bases.DEPTH, count - 1]
    return Base(
        symbol=view.panel.symbols[column],
        state=STATES[int(terms[bases.STATE])],
        score=float(terms[bases.SCORE]),
        pivot=float(terms[bases.PIVOT]),
        base_high=float(terms[bases.BASE_HIGH]),
        stop_low=float(terms[bases.STOP_LOW]),
        footprint=f"{weeks}W {100 * first:.0f}/{100 * last:.0f} {count}T",
        length=int(terms[bases.LENGTH]),
        advance=float(terms[bases.ADVANCE]),
        damage=float(terms[bases.DAMAGE]),
        dry_up=float(terms[bases.DRY_UP]),
        dry_up_3=_number(terms[bases.DRY_UP_3]),
        parts={name: _number(terms[row]) for name, row in PARTS.items()},
        contractions=tuple(_contraction(view, column, legs[:, leg]) for leg in range(count)),
    )


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
