"""Drawn markets and calls for laws: ticks, flat stretches, limit runs, young columns with rubbish above them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ralph import indicators
from ralph.indicators import sources
from ralph.indicators.indicator import MODES, Arrays, FloatArray, Indicator, IntArray, Mode, Param, Params

CATALOGUE = indicators.load()
KINDS = ("walk", "ticks", "flat", "limits")
HEIGHT_MAX, TALL_MAX = 70, 300
PERIOD_DRAWN_MAX = 9  # so that every filter is warm well within the bars drawn
PERIODS = ((1, 1, 1, 1), (3, 7, 5, 2), (9, 4, 2, 6))  # of a call's parameters in turn; one set for a call
FEW, MANY = 5, 25
PHASES = (Phase.generate, Phase.shrink)


@dataclass(frozen=True)
class Market:
    """Drawn bars [bars, symbols] by field, and from which row on each column holds any; rubbish stands above."""

    fields: dict[str, FloatArray]
    first: IntArray

    @property
    def height(self) -> int:
        return int(self.fields["close"].shape[0])

    def inputs(self, indicator: Indicator) -> dict[str, FloatArray]:
        source = sources.pick(indicator.source or "close", self.fields)
        return {name: source if name == "source" else self.fields[name] for name in indicator.inputs}


@dataclass(frozen=True)
class Scene:
    """A market, a call over it, and what laws want to know besides: rows of output, a bar, a unit, an order, holes."""

    market: Market
    mode: Mode
    params: Params
    tail: int
    cut: int
    factor: float
    order: NDArray[np.intp]
    holes: NDArray[np.intp]


def walk(random: np.random.Generator, kind: str, shape: tuple[int, int]) -> dict[str, FloatArray]:
    """All fields [bars, symbols]."""
    step: FloatArray = random.normal(0.0, 0.03, shape)
    if kind == "limits":
        step = np.log(random.choice([1.3, 0.7], shape))
    if kind == "flat":
        step[random.random(shape) < 0.9] = 0.0
    close = 1_000.37 * np.exp(np.cumsum(step, axis=0))
    spread = 0.0 if kind in ("flat", "limits") else 0.02
    opened = close * (1 + spread * (random.random(shape) - 0.5))
    high = np.maximum(opened, close) * (1 + spread * random.random(shape))
    low = np.minimum(opened, close) * (1 - spread * random.random(shape))
    prices = {"open": opened, "high": high, "low": low, "close": close}
    if kind == "ticks":
        prices = {name: np.round(values / 50) * 50 for name, values in prices.items()}
    least = 1.0 if kind == "walk" else 0.0  # so that something is traded in every bar
    volume = random.integers(0, 3, shape) * random.integers(1, 10**6, shape).astype(np.float64) + least
    index = np.exp(np.cumsum(random.normal(0.0, 0.01, shape), axis=0))
    session = np.broadcast_to(np.arange(shape[0])[:, None] // 13, shape).astype(np.float64)
    return {**prices, "volume": volume, "index_close": index, "session": session}


def set_of(indicator: Indicator, which: int) -> dict[str, Any]:
    """One of few calls, so that laws ask for few programs: all parameters least, short ones, longer ones."""
    return indicator.bind({param.name: _one_of(param, which, at) for at, param in enumerate(indicator.params)})


def _one_of(param: Param, which: int, at: int) -> float | str:
    if param.choices:
        return param.choices[which % len(param.choices)]
    if not param.whole:
        return (param.low, param.default, min(param.high, 2.5))[which]
    return min(max(param.low, PERIODS[which][at % 4]), param.high)


@st.composite
def calls(draw: st.DrawFn, indicator: Indicator, free: bool) -> tuple[Mode, Params]:
    """A mode and checked parameters: one of the sets, or any that fit into the bars drawn."""
    mode = draw(st.sampled_from(MODES))
    if not free:
        return mode, set_of(indicator, draw(st.integers(0, len(PERIODS) - 1)))
    drawn: dict[str, float | str] = {}
    for param in indicator.params:
        most = min(param.high, PERIOD_DRAWN_MAX)
        if param.choices:
            drawn[param.name] = draw(st.sampled_from(param.choices))
        else:
            drawn[param.name] = draw(
                st.integers(int(param.low), int(most)) if param.whole else st.floats(param.low, most)
            )
    return mode, indicator.bind(drawn)


@st.composite
def scenes(draw: st.DrawFn, indicator: Indicator, kinds: tuple[str, ...], free: bool) -> Scene:
    """What a law looks at. An indicator whose lengths are fixed gets the bars it needs for values, too."""
    mode, params = draw(calls(indicator, free))
    height, width = draw(st.integers(1, HEIGHT_MAX)), draw(st.integers(1, 5))
    needed = max(indicator.first(mode, params).values())
    if needed > HEIGHT_MAX // 2 and draw(st.booleans()):
        height = min(TALL_MAX, height + needed)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    fields = walk(random, draw(st.sampled_from(kinds)), (height, width))
    first = np.array([draw(st.integers(0, height) | st.just(0)) for _ in range(width)], dtype=np.int32)
    rubbish = draw(st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -7.0, 0.0]))
    above = np.arange(height)[:, None] < first
    for values in fields.values():
        values[above] = rubbish
    return Scene(
        Market(fields, first),
        mode,
        params,
        tail=min(height, draw(st.integers(1, height) if free else st.sampled_from([1, 2, 13, height]))),
        cut=draw(st.integers(0, height)),
        factor=draw(st.sampled_from([1e-6, 0.02, 137.5, 1e6])),
        order=random.permutation(width),
        holes=random.integers(0, height, draw(st.integers(0, 6))),
    )


Check = Callable[[Indicator, Scene], None]


def law(*kinds: str) -> Callable[[Check], Callable[[Indicator, int], None]]:
    """Run for every indicator: few examples of few calls, and in the long tier many of any. Tests of one indicator are
    run one after another, so that its programs are still known."""

    def of(check: Check) -> Callable[[Indicator, int], None]:
        @pytest.mark.parametrize("examples", [FEW, pytest.param(MANY, marks=pytest.mark.long)])
        @pytest.mark.parametrize("indicator", CATALOGUE.values(), ids=lambda one: one.name, scope="module")
        def test(indicator: Indicator, examples: int) -> None:
            @seed(crc32(f"{check.__name__} {indicator.name}".encode()))
            @settings(max_examples=examples, phases=PHASES)
            @given(scene=scenes(indicator, kinds or KINDS, examples == MANY))
            def of_one(scene: Scene) -> None:
                check(indicator, scene)

            of_one()

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return of


def column(inputs: Arrays, lane: int, begin: int = 0, end: int | None = None) -> dict[str, FloatArray]:
    """One Symbol's bars from one row to another."""
    return {name: np.ascontiguousarray(values[begin:end, lane]) for name, values in inputs.items()}
