"""Indicators of bars as they come are those of all bars together, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_bars import CATALOGUE, set_of, walk
from numpy.typing import NDArray

from benchmarks.kernels import wanted
from benchmarks.loop import ticks
from ralph.indicators.indicator import MODES, Mode
from ralph.indicators.live import Live
from ralph.indicators.plan import Plan
from ralph.indicators.terms import Term

Fields = dict[str, NDArray[np.float64]]
TICK_LATE_S = 0.1  # generous: the machine may be busy with other things
USUAL = {
    "sma": ({"period": 20}, {"period": 50}, {"period": 150}, {"period": 200}),
    "ema": ({"period": 12}, {"period": 26}),
    "highest": ({"period": 252},),
    "lowest": ({"period": 252},),
}
SET = ("rsi", "macd", "bb", "atr", "adx", "stoch", "cci", "mfi", "obv", "roc", "stdev", "supertrend")
"""What live screens are mostly made of; those above with several lengths."""


def usual(mode: Mode) -> list[Term]:
    calls = [(name, given) for name, several in USUAL.items() for given in several] + [(name, {}) for name in SET]
    bound = [(CATALOGUE[name], CATALOGUE[name].bind(given)) for name, given in calls]
    return [term for indicator, params in bound for term in indicator.terms(mode, params).values()]


def catalogue(mode: Mode) -> list[Term]:
    return [term for one in CATALOGUE.values() for term in one.terms(mode, one.bind({})).values()]


def short_ones(mode: Mode) -> list[Term]:
    return [term for one in CATALOGUE.values() for term in one.terms(mode, set_of(one, 1)).values()]


def fields_of(bars: int, symbols: int) -> Fields:
    """Ticks with ties, flat stretches and bars without trade, the source of its own with holes in no column."""
    fields = walk(np.random.default_rng(19), "ticks", (bars, symbols))
    still = slice(bars // 3, bars // 3 + 30)
    for name in ("open", "high", "low", "close"):
        fields[name][still] = fields["close"][bars // 3]
    return {**fields, "source": fields["close"]}


def agrees(terms: list[Term], bars: int, peeks: int) -> None:
    """Bars committed one by one, at some of them another bar only looked at before, give what all bars give."""
    plan, fields = Plan(terms), fields_of(bars, 3)
    first = np.array([0, 7, 0], dtype=np.int32)
    expected = plan.last(fields, first, bars)
    live = Live(plan, first.size)
    for row in range(bars):
        lanes = np.flatnonzero(first <= row)
        bar = {name: values[row, lanes] for name, values in fields.items()}
        if row % peeks == 0:
            live.peek(lanes, {name: values * 1.07 for name, values in bar.items()})
            np.testing.assert_array_equal(live.peek(lanes, bar), expected[:, row, lanes], err_msg=f"bar {row}")
        np.testing.assert_array_equal(live.commit(lanes, bar), expected[:, row, lanes], err_msg=f"bar {row}")


@pytest.mark.parametrize("mode", MODES)
def test_five_thousand_bars_one_by_one_are_the_batch(mode: Mode) -> None:
    """For the indicators that live screens are mostly made of."""
    agrees(usual(mode), 5_000, peeks=250)


@pytest.mark.parametrize("mode", MODES)
def test_all_indicators_go_on_bar_by_bar(mode: Mode) -> None:
    """All together, with short parameters."""
    agrees(short_ones(mode), 60, peeks=7)


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
def test_the_whole_catalogue_goes_on_for_a_year(mode: Mode) -> None:
    """With the usual parameters, looked at in every bar."""
    agrees(catalogue(mode), 300, peeks=1)


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.anyio
async def test_the_loop_goes_on_while_a_market_is_scanned() -> None:
    """A tick meant to come after 1 ms comes soon: a scan that held the interpreter would hold back every tick for its
    whole length."""
    _, busy = await ticks(wanted("tv"), 2.0)
    assert busy < TICK_LATE_S
