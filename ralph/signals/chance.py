"""The base rate: random Symbols of the same universe, bought on the same days and sold by the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ralph import kernels
from ralph.config import CostRules
from ralph.market.kinds import kind_of
from ralph.market.panel import FIELDS, Panel
from ralph.scanners.day import ADR_MIN, FILTER_BARS, VALUE_MIN
from ralph.signals.costs import side_ratios
from ralph.signals.history import session_index
from ralph.signals.signal import Signal
from ralph.signals.trading import Trading

FloatArray = NDArray[np.float64]

DRAWS = 1_000
SLICE = 50  # draws at a time: memory, and how long the kernel thread is held
SEED = 20_150_615


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """Mean returns after costs of random draws, each as many positions as there were Signals.

    mean_ratio, low_ratio, high_ratio  the mean of the draws, and the range that holds 90 % of them
    percentile  the share of draws that the Signals beat, 0-100
    """

    draws: int
    mean_ratio: float
    low_ratio: float
    high_ratio: float
    percentile: float


class Field(NamedTuple):
    """The bars of some Sessions: prices [sessions, symbols] each, 1 where a bar can be traded, and who is looked at."""

    since: int
    bars: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    fillable: FloatArray
    universe: dict[int, NDArray[np.int64]]


def field_of(panel: Panel, signals: Sequence[Signal]) -> Field:
    """What random entries beside these Signals need."""
    armed = sorted({session_index(panel, each.armed_on) for each in signals})
    longest = max(each.plan.hold_sessions for each in signals) + 10
    since, until = armed[0], min(armed[-1] + longest, panel.sessions.size)
    rows = panel.rows[since:until]
    columns = np.arange(rows.shape[1])
    bars = [np.where(rows >= 0, panel.fields[name][np.maximum(rows, 0), columns], np.nan) for name in FIELDS[:4]]
    fillable = np.zeros(rows.shape)
    for session in range(since, until):
        trading = Trading(panel, session)
        fillable[session - since] = trading.traded & ~trading.is_locked
    lively = _lively(panel)
    universe = {}
    for index in armed:
        row = panel.rows[index]
        there = (row >= 0) & lively[np.maximum(row, 0), columns]
        universe[index] = np.flatnonzero(there & panel.roster.listed(panel.sessions[index].astype(object)))
    return Field(since, (bars[0], bars[1], bars[2], bars[3]), fillable, universe)


def draw(panel: Panel, field: Field, signals: Sequence[Signal], costs: CostRules, draws: int = DRAWS) -> FloatArray:
    """The mean return after costs of each draw; `signals` were closed. The same Signals get the same draws."""
    row = np.array([session_index(panel, each.armed_on) - field.since for each in signals])
    terms = np.stack([_terms(each) for each in signals], axis=1)
    sides = np.array([side_ratios(costs, each.closed_on or each.armed_on, each.market, each.kind) for each in signals])
    random = np.random.default_rng(SEED)
    means = []
    for begin in range(0, draws, SLICE):
        size = min(SLICE, draws - begin)
        column = np.empty((size, len(signals)), dtype=np.int64)
        for place, at in enumerate(row.tolist()):
            lively = field.universe[at + field.since]
            column[:, place] = lively[random.integers(0, lively.size, size)] if lively.size else -1
        gross = kernels.lives.lives(field.bars, field.fillable, row, column, terms)
        net = (1.0 + gross) * (1.0 - sides[:, 1]) / (1.0 + sides[:, 0]) - 1.0
        filled = ~np.isnan(net)
        count = filled.sum(axis=1)
        means.append(np.where(count > 0, np.where(filled, net, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan))
    found: FloatArray = np.concatenate(means) if means else np.empty(0)
    return found[~np.isnan(found)]


def judge(means: FloatArray, own: float) -> Chance | None:
    """Where a mean return stands among those of random draws; None without any."""
    if not means.size:
        return None
    low, high = np.quantile(means, [0.05, 0.95])
    return Chance(
        draws=int(means.size),
        mean_ratio=float(means.mean()),
        low_ratio=float(low),
        high_ratio=float(high),
        percentile=100.0 * float((means < own).mean()),
    )


def _lively(panel: Panel) -> NDArray[np.bool_]:
    """Whether scanners would look at a common share on each of its bars: [bars, symbols]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = _trailing_mean(panel.fields["high"] / panel.fields["low"]) - 1.0
        value = _trailing_mean(panel.fields["value"])
        lively: NDArray[np.bool_] = (spread >= ADR_MIN) & (value >= VALUE_MIN)
    kinds = [kind_of(each.symbol, each.name, each.kind) for each in panel.listings]
    return lively & np.array([kind in (None, "common") for kind in kinds], dtype=np.bool_)


def _trailing_mean(values: FloatArray) -> FloatArray:
    """Over FILTER_BARS rows, NaN where fewer are known."""
    known = np.isfinite(values)
    total = np.cumsum(np.where(known, values, 0.0), axis=0)
    count = np.cumsum(known, axis=0)
    total[FILTER_BARS:] -= total[:-FILTER_BARS].copy()
    count[FILTER_BARS:] -= count[:-FILTER_BARS].copy()
    return np.where(count == FILTER_BARS, total / FILTER_BARS, np.nan)


def _terms(signal: Signal) -> FloatArray:
    """The rules of a Signal as ratios to its fill."""
    assert signal.fill is not None
    plan, fill = signal.plan, signal.fill
    target = signal.levels.targets[0] / fill - 1.0 if signal.levels.targets else np.nan
    up = np.nan if plan.gap_up is None else plan.gap_up
    down = np.nan if plan.gap_down is None else -plan.gap_down
    at_close = 1.0 if plan.entry == "close" else 0.0
    return np.array([signal.levels.stop / fill - 1.0, target, up, down, float(plan.hold_sessions), at_close])
