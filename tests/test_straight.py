"""Programs as machine code of their own give what the machine gives, to the last bit, however they are run."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from drawn_bars import CATALOGUE, walk
from numpy.typing import NDArray
from test_kernels import operations

from ralph import indicators, kernels
from ralph.errors import BadParameter, NotFound
from ralph.indicators import straight
from ralph.indicators.indicator import MODES, Mode
from ralph.indicators.live import Live
from ralph.indicators.lowering import ALL
from ralph.indicators.plan import Plan
from ralph.indicators.program import Program, program
from ralph.indicators.reach import parts_of
from ralph.indicators.terms import CLOSE, HIGH, LOW, Term, ema, mean, rma, running

Fields = dict[str, NDArray[np.float64]]
WIDTH, HEIGHT = 19, 120  # some columns are left to the machine
COMPILED_S = 60.0  # on a busy machine
NOT_ONE = ("busiest_price",)


def market(seed: int, height: int = HEIGHT, width: int = WIDTH) -> tuple[Fields, NDArray[np.int32]]:
    """Ticks with ties and bars without trade; columns that begin late, one that never does."""
    random = np.random.default_rng(seed)
    fields = walk(random, "ticks", (height, width))
    fields["volume"] *= random.random((height, width)) < 0.9
    first = (random.integers(0, height // 2, width) * (random.random(width) < 0.4)).astype(np.int32)
    first[3] = height
    return {**fields, "source": fields["close"]}, first


def each_operation() -> list[Term]:
    """Every operation at least once, over a field or a computed series."""
    terms = [term for name, term in operations(5).items() if name.split()[-1] not in ("moved", "holes", "computed")]
    terms += [operations(5)["mean computed"], operations(5)["highest holes"]]
    return [term for term in terms if has_straight_code([term])]


def has_straight_code(terms: list[Term]) -> bool:
    return not any(part.op in NOT_ONE for part in parts_of(terms))


def phases_of(run: Program, width: int, height: int) -> int:
    return int(straight.layout_of(run, width, height).layout[2][kernels.machine.PHASES])


def agrees(terms: list[Term], tail: int, seed: int, fields_of: Fields | None = None) -> None:
    """The machine first, then machine code of its own."""
    fields, first = market(seed)
    fields |= fields_of or {}
    plan = Plan(terms)
    expected = plan.last(fields, first, tail)
    plan.straighten(WIDTH, HEIGHT, tail)
    run = program(plan.terms, tail if tail < HEIGHT else ALL)
    assert phases_of(run, WIDTH, HEIGHT) > 0
    np.testing.assert_array_equal(plan.last(fields, first, tail), expected)


def agrees_live(terms: list[Term], bars: int, *, peeks: int, everyone: bool) -> None:
    """Bars one by one, some of them looked at before; in any order of columns, or all in order."""
    fields, first = market(5, bars)
    first[:] = 0 if everyone else first
    plan, random = Plan(terms), np.random.default_rng(1)
    expected = plan.last(fields, first, bars)
    live = Live(plan, WIDTH)
    live.straighten()
    for row in range(bars):
        lanes = np.flatnonzero(first <= row)
        if not everyone:
            lanes = random.permutation(lanes)
        bar = {name: values[row, lanes] for name, values in fields.items()}
        if row % peeks == 0:
            live.peek(lanes, {name: values * 1.07 for name, values in bar.items()})
            np.testing.assert_array_equal(live.peek(lanes, bar), expected[:, row, lanes], err_msg=f"bar {row}")
        np.testing.assert_array_equal(live.commit(lanes, bar), expected[:, row, lanes], err_msg=f"bar {row}")


def test_every_operation_is_what_the_machine_does() -> None:
    """Along all rows, with columns that begin late and numbers that are missing."""
    agrees(each_operation(), HEIGHT, seed=3)


def test_every_operation_of_a_live_bar_is_what_the_machine_does() -> None:
    """Columns at different bars, from anywhere, not as many as are worked on together."""
    agrees_live(each_operation(), 40, peeks=5, everyone=False)


USUAL = (ema(CLOSE, 5), rma(HIGH - LOW, 4), running(CLOSE), mean(CLOSE, 12), CLOSE[3] > CLOSE)


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 1e200, 5e-324])
def test_strange_numbers_are_worked_on_with_care(strange: float) -> None:
    """Whatever is hoped of numbers, ones that are missing, infinite or huge give what the machine gives."""
    fields, _ = market(4)
    holes = np.random.default_rng(2).random((HEIGHT, WIDTH)) < 0.02
    agrees(list(USUAL), 30, 4, {"close": np.where(holes, strange, fields["close"])})


def test_columns_in_order_go_on_together() -> None:
    """All of a market closing a bar at once."""
    agrees_live(list(USUAL), 60, peeks=7, everyone=True)


def test_what_is_used_again_is_compiled_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine runs a program until its own code is there, which is made in a thread beside."""
    monkeypatch.setattr(straight, "WORTH", 1)
    fields, first = market(9)
    plan = Plan([ema(CLOSE, 7), ema(HIGH, 9)])
    run = program(plan.terms, 2)
    expected = plan.last(fields, first, 2)
    assert phases_of(run, WIDTH, HEIGHT) == 0
    ends = time.monotonic() + COMPILED_S
    while phases_of(run, WIDTH, HEIGHT) == 0:
        np.testing.assert_array_equal(plan.last(fields, first, 2), expected)
        assert time.monotonic() < ends
        time.sleep(0.01)
    np.testing.assert_array_equal(plan.last(fields, first, 2), expected)


def test_indicators_planned_together_share_what_they_have_in_common() -> None:
    """Each request has its own outputs; values are those of each alone."""
    fields, _ = market(6)
    first = np.zeros(WIDTH, dtype=np.int32)
    requests = [
        indicators.Request("macd"),
        indicators.Request("ema", {"period": 12, "source": "hlc3"}),
        indicators.Request("ema", {"period": 12}),
        indicators.Request("adx", mode="talib"),
    ]
    together = indicators.plan(requests)
    found = together.last(fields, first, 5)
    assert [sorted(one) for one in found] == [["hist", "macd", "signal"], ["ema"], ["ema"], sorted(found[3])]
    bars: dict[str, Any] = {name: fields[name][:, 2] for name in ("open", "high", "low", "close", "volume")}
    alone = indicators.series("macd", **bars)
    np.testing.assert_array_equal(found[0]["hist"][:, 2], alone["hist"][-5:])
    joined = len(program(together.plan.terms, 1).code)
    assert joined < sum(len(program(indicators.plan([one]).plan.terms, 1).code) for one in requests)


def test_a_request_that_cannot_be_planned_says_what_could_be() -> None:
    with pytest.raises(NotFound, match="macd"):
        indicators.plan([indicators.Request("mcad")])
    with pytest.raises(BadParameter, match="hlc3"):
        indicators.plan([indicators.Request("ema", {"source": "hcl3"})])
    with pytest.raises(BadParameter, match="tv or talib"):
        indicators.plan([indicators.Request("ema", mode="pine")])  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", CATALOGUE)
def test_the_whole_catalogue_is_what_the_machine_does(name: str, mode: Mode) -> None:
    """Along all rows and the newest, and bar by bar."""
    terms = list(CATALOGUE[name].terms(mode, CATALOGUE[name].bind({})).values())
    if not has_straight_code(terms):
        pytest.skip("the machine alone has one of its operations")
    agrees(terms, HEIGHT, seed=3)
    agrees_live(terms, 60, peeks=3, everyone=False)
