"""The life of a Signal, bar by bar: fills, gaps, limits, time; grades, prices, sizes and costs in exact numbers."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ralph.config import ClosingBetRules, CostRules, SignalRules
from ralph.market.symbol import Listing, Symbol
from ralph.signals import life
from ralph.signals.costs import tax_ratio
from ralph.signals.grading import Cut, Measured, grade, score_from
from ralph.signals.limits import Room
from ralph.signals.prices import grid_of, levels
from ralph.signals.signal import Levels, Outcome, Plan, Signal
from ralph.signals.sizes import shares
from ralph.signals.systems import closing_cuts
from ralph.signals.trading import Bar

ARMED = date(2025, 3, 5)
NEXT = date(2025, 3, 6)
COSTS = CostRules()
STOP_PLAN = Plan(entry="stop", stop_ratio=0.08, floor=9_500.0, targets_r=(2.0, 3.0), arm_sessions=10, hold_sessions=20)
OPEN_PLAN = Plan(entry="open", stop_ratio=0.03, target_ratio=0.05, arm_sessions=1, hold_sessions=0)
CLOSE_PLAN = Plan(
    entry="close", stop_ratio=0.03, target_ratio=0.05, gap_up=0.03, gap_down=0.02, arm_sessions=0, hold_sessions=1
)
EOK = 100_000_000.0


def signal(plan: Plan, entry: float = 10_000.0, **changes: Any) -> Signal:
    listing = Listing(symbol=Symbol("005930"), market="KOSPI")
    made = Signal(
        id="0" * 16,
        system="vcp",
        version="1",
        symbol=listing.symbol,
        name=None,
        market="KOSPI",
        kind="common",
        sector=None,
        armed_on=ARMED,
        priced_on=ARMED,
        grade="A",
        score=75.0,
        gate="unknown",
        state="armed",
        plan=plan,
        levels=levels(entry, plan, grid_of(listing, ARMED)),
        shares=100,
        components=(),
        reasons=(),
        values={},
    )
    return replace(made, **changes)


def bar(opened: float, high: float, low: float, close: float, **changes: Any) -> Bar:
    return Bar(opened, high, low, close, 1.0, True, False)._replace(**changes)


def now(armed_age: int = 1, filled_age: int = 0) -> life.Now:
    return life.Now(NEXT, armed_age, filled_age, COSTS)


def held(plan: Plan = STOP_PLAN, **changes: Any) -> Signal:
    """Filled at 10,000: stop 9,500 and target 11,000, or 9,700 and 10,500."""
    own: dict[str, Any] = {
        "state": "triggered",
        "triggered_on": ARMED,
        "fill": 10_000.0,
        "lowest": 10_000.0,
        "highest": 10_000.0,
    }
    own["reason"] = "entry"
    return signal(plan, **{**own, **changes})


def test_stop_and_targets_come_from_the_entry() -> None:
    assert signal(STOP_PLAN).levels == Levels(10_000.0, 9_500.0, (11_000.0, 11_500.0))
    assert signal(changed_plan(floor=9_000.0)).levels.stop == 9_200.0
    assert signal(OPEN_PLAN).levels == Levels(10_000.0, 9_700.0, (10_500.0,))


def changed_plan(**changes: Any) -> Plan:
    return replace(STOP_PLAN, **changes)


def test_prices_lie_on_the_ticks_of_their_date() -> None:
    """The grid of KOSPI changed on 2023-01-25: 3 % under 15,450 is 14,986.5."""
    listing = Listing(symbol=Symbol("005930"), market="KOSPI")
    assert levels(15_450.0, OPEN_PLAN, grid_of(listing, date(2023, 1, 24))).stop == 14_950.0
    assert levels(15_450.0, OPEN_PLAN, grid_of(listing, date(2023, 1, 25))).stop == 14_980.0
    coin = Listing(symbol=Symbol("BTCUSDT"), market="BINANCE")
    assert levels(10.0, OPEN_PLAN, grid_of(coin, ARMED)).stop == 10.0 * 0.97


@pytest.mark.parametrize(
    ("prices", "state", "fill", "reason"),
    [
        ((9_800, 9_990, 9_700, 9_900), "armed", None, "setup"),
        ((9_800, 10_000, 9_700, 9_900), "triggered", 10_000, "entry"),
        ((10_200, 10_300, 10_100, 10_250), "triggered", 10_200, "entry"),
        ((9_500, 10_100, 9_400, 10_050), "expired", None, "failed"),
        ((9_800, 9_900, 9_300, 9_400), "expired", None, "failed"),
        ((9_800, 10_100, 9_500, 9_900), "closed", 10_000, "stop"),
        ((9_800, 11_000, 9_700, 10_900), "closed", 10_000, "target"),
        ((9_800, 11_000, 9_500, 10_900), "closed", 10_000, "stop"),
    ],
)
def test_a_buy_stop(prices: tuple[float, ...], state: str, fill: float | None, reason: str) -> None:
    """It is filled at the pivot or at an open above; inside its own bar the stop is taken first."""
    found, steps = life.advance(signal(STOP_PLAN), bar(*prices), now())
    assert (found.state, found.fill, found.reason) == (state, fill, reason)
    assert [step.price for step in steps][:1] == ([fill] if fill else [step.price for step in steps][:1])


def test_a_fill_above_the_entry_moves_stop_and_targets() -> None:
    """From 10,200 the floor is still the stop; the risk is larger and so is the way to the target."""
    found, _ = life.advance(signal(STOP_PLAN), bar(10_200, 10_300, 10_100, 10_250), now())
    assert found.levels == Levels(10_200.0, 9_500.0, (11_600.0, 12_300.0))


@pytest.mark.parametrize(
    ("prices", "reason", "price"),
    [
        ((9_900, 10_400, 9_800, 10_300), "entry", None),
        ((9_400, 9_600, 9_300, 9_450), "stop", 9_400),
        ((9_900, 10_000, 9_500, 9_900), "stop", 9_500),
        ((11_200, 11_300, 11_100, 11_150), "target", 11_200),
        ((10_500, 11_000, 10_400, 10_800), "target", 11_000),
        ((10_500, 11_500, 9_400, 10_800), "stop", 9_500),
    ],
)
def test_a_held_signal(prices: tuple[float, ...], reason: str, price: float | None) -> None:
    """Levels gapped through are left at the open."""
    found, steps = life.advance(held(), bar(*prices), now(5, 3))
    assert (found.reason, found.exit) == (reason, price)
    assert [step.price for step in steps] == ([] if price is None else [price])


@pytest.mark.parametrize(
    ("prices", "reason", "price"),
    [
        ((10_300, 10_350, 10_250, 10_300), "gap", 10_300),
        ((10_290, 10_350, 10_250, 10_300), "time", 10_300),
        ((9_800, 9_900, 9_790, 9_850), "gap", 9_800),
        ((9_810, 9_900, 9_700, 9_850), "stop", 9_700),
        ((10_000, 10_500, 9_900, 10_400), "target", 10_500),
        ((9_000, 9_100, 8_900, 9_050), "gap", 9_000),
    ],
)
def test_a_closing_bet_ends_in_the_next_session(prices: tuple[float, ...], reason: str, price: float) -> None:
    found, _ = life.advance(held(CLOSE_PLAN), bar(*prices), now(1, 1))
    assert (found.reason, found.exit) == (reason, price)


def test_what_is_bought_at_the_open_is_sold_by_the_close() -> None:
    found, steps = life.advance(signal(OPEN_PLAN), bar(10_050, 10_200, 9_900, 10_100), now())
    assert [(step.state, step.price, step.reason) for step in steps] == [
        ("triggered", 10_050.0, "entry"),
        ("closed", 10_100.0, "time"),
    ]
    assert found.levels == Levels(10_050.0, 9_740.0, (10_560.0,))
    assert found.outcome is not None
    assert (found.outcome.mae, found.outcome.mfe) == (9_900 / 10_050 - 1, 10_200 / 10_050 - 1)


def test_a_bar_locked_at_the_limit_fills_nothing() -> None:
    locked = bar(13_000, 13_000, 13_000, 13_000, is_fillable=False)
    assert life.advance(signal(STOP_PLAN), locked, now())[0].state == "armed"
    assert life.advance(signal(OPEN_PLAN), locked, now())[0].reason == "locked"
    assert life.advance(held(), locked, now(30, 29))[0].state == "triggered"
    assert life.arm(signal(CLOSE_PLAN), locked, COSTS)[0].reason == "locked"


def test_time_ends_everything() -> None:
    quiet = bar(9_900, 9_950, 9_850, 9_900)
    assert life.advance(signal(STOP_PLAN), quiet, now(9))[0].state == "armed"
    assert life.advance(signal(STOP_PLAN), quiet, now(10))[0].reason == "late"
    assert life.advance(held(), quiet, now(30, 19))[0].state == "triggered"
    assert life.advance(held(), quiet, now(30, 20))[0].reason == "time"
    assert life.pass_by(signal(OPEN_PLAN), now(1), None)[0].reason == "late"
    assert life.pass_by(held(), now(60, 59), None)[0].state == "triggered"
    assert life.pass_by(held(), now(60, 59), 9_900.0)[0].reason == "untraded"


def test_an_anomaly_expires_what_waits_and_marks_what_is_held() -> None:
    odd = bar(9_900, 9_950, 9_850, 9_900, is_flagged=True)
    assert life.advance(signal(STOP_PLAN), odd, now())[0].reason == "anomaly"
    assert life.advance(held(), odd, now())[0].is_flagged


def test_a_split_between_two_bars_changes_levels_and_shares() -> None:
    """Five shares of one: 10,000 is 2,000 now, and the stop of 9,500 is 1,900."""
    found, _ = life.advance(held(), bar(2_000, 2_050, 1_950, 2_010, ratio=5.0), now(5, 3))
    assert (found.fill, found.levels.stop, found.shares, found.state) == (2_000.0, 1_900.0, 500, "triggered")


def test_grades_are_given_by_one_function() -> None:
    cuts = closing_cuts(ClosingBetRules())

    def given_for(points: float, value: float, change: float, reachable: float = 12.0) -> str:
        return grade(cuts, Measured(score=points, reachable=reachable, value=value * EOK, change=change))

    assert given_for(10, 10_000, 0.10) == "S"
    assert given_for(10, 9_999, 0.10) == "A"
    assert given_for(10, 10_000, 0.21) == "C"
    assert given_for(9, 10_000, 0.16) == "C"
    assert given_for(8, 5_000, 0.08) == "A"
    assert given_for(8, 4_999, 0.08) == "B"
    assert given_for(6, 1_000, 0.05) == "B"
    assert given_for(5, 1_000, 0.05) == "C"
    assert given_for(6, 5_000, 0.08, reachable=9.0) == "A"
    assert [score_from(cut, 7.0) for cut in cuts] == [6, 5, 4]
    whole = [Cut(grade="S", score_from=80), Cut(grade="A", score_from=70), Cut(grade="B", score_from=60)]
    scores = [(80, "S"), (79.999, "A"), (70, "A"), (60, "B"), (59.9, "C")]
    assert [grade(whole, Measured(score=score)) for score, _ in scores] == [name for _, name in scores]


def test_sizes_put_a_share_of_the_capital_at_risk() -> None:
    """Half a percent of 100 million is 500,000 won: at 500 a share 1,000 shares, 1.5 times as many for S."""
    rules, own = SignalRules(), Levels(10_000.0, 9_500.0, ())
    assert [shares(rules, name, own, 1e8) for name in ("S", "A", "B", "C")] == [1_500, 1_000, 500, 0]
    assert shares(rules, "S", Levels(10_000.0, 9_990.0, ()), 1e8) == 1_500  # 15 % of the capital
    assert shares(rules, "S", Levels(10_000.0, 10_000.0, ()), 1e8) == 0


def lost(units_r: float, closed_on: date, **changes: Any) -> Signal:
    """Closed with a loss of so many R."""
    result = Outcome(gross_ratio=0.0, net_ratio=0.0, r=-units_r, profit=0, mae=0.0, mfe=0.0)
    return signal(CLOSE_PLAN, state="closed", closed_on=closed_on, outcome=result, **changes)


def test_a_system_holds_so_many_positions_and_no_more() -> None:
    rules = ClosingBetRules()
    unsized = signal(CLOSE_PLAN, shares=0)
    room = Room(rules, NEXT, [held(CLOSE_PLAN), unsized], [])
    assert room.sized(unsized) is unsized, "a grade without shares takes no place"
    taken, refused = room.sized(signal(CLOSE_PLAN)), room.sized(signal(CLOSE_PLAN))
    assert (taken.shares, refused.shares) == (100, 0)
    assert "2 positions are held" in refused.reasons[-1].en
    assert "2종목" in refused.reasons[-1].ko
    assert Room(SignalRules(), NEXT, [held()] * 50, [lost(9.0, NEXT)]).sized(signal(STOP_PLAN)).shares == 100


@pytest.mark.parametrize(
    ("ended", "shares_given"),
    [
        ([lost(1.0, NEXT), lost(0.9, NEXT)], 100),
        ([lost(1.0, NEXT), lost(1.0, NEXT)], 0),
        ([lost(1.4, NEXT, grade="S")], 0),  # a grade S takes one and a half times the risk
        ([lost(5.0, NEXT, shares=0)], 100),
        ([lost(3.9, ARMED)], 100),  # the day before, in the same week
        ([lost(4.0, ARMED)], 0),
        ([lost(9.0, date(2025, 2, 28))], 100),  # the week before
    ],
)
def test_losses_of_the_day_and_of_the_week_stop_a_system(ended: list[Signal], shares_given: int) -> None:
    assert Room(ClosingBetRules(), NEXT, [], ended).sized(signal(CLOSE_PLAN)).shares == shares_given


def test_costs_are_taken_to_the_won() -> None:
    """100 shares from 10,000 to 11,000 in March 2025: 0.115 % on both sides, 0.15 % tax on the sale."""
    found, _ = life.advance(held(), bar(10_500, 11_000, 10_400, 10_800), now(5, 3))
    assert found.outcome is not None
    assert found.outcome.profit == round(1_100_000 * (1 - 0.00115 - 0.0015) - 1_000_000 * 1.00115)
    assert found.outcome.net_ratio == pytest.approx(1_100_000 * 0.99735 / 1_001_150 - 1, abs=1e-15)
    assert found.outcome.r == pytest.approx(found.outcome.profit / 100 / 500, abs=1e-3)
    assert tax_ratio(date(2024, 12, 26), "KOSPI", "common") == 0.0018
    assert tax_ratio(date(2024, 12, 27), "KOSPI", "common") == 0.0015  # settled in 2025
    assert tax_ratio(date(2026, 3, 5), "KOSDAQ", "common") == 0.0020
    assert tax_ratio(date(2026, 3, 5), "KOSPI", "etf") == 0.0
    assert tax_ratio(date(2026, 3, 5), "NYSE", "common") == 0.0


@given(
    st.lists(st.integers(7_000, 13_000), min_size=4, max_size=4),
    st.sampled_from([STOP_PLAN, OPEN_PLAN, CLOSE_PLAN]),
    st.integers(0, 25),
)
def test_no_fill_lies_outside_its_bar(prices: list[int], plan: Plan, age: int) -> None:
    """Whatever the bar, a price that is paid was traded; and what is over stays over."""
    opened, close = prices[0], prices[3]
    day = bar(opened, max(prices), min(prices), close)
    for start in (signal(plan), held(plan)):
        found, steps = life.advance(start, day, now(age, age))
        for step in steps:
            assert step.state == "expired" or day.low <= step.price <= day.high
        assert found.is_open or found.closed_on == NEXT
        assert (found.outcome is not None) == (found.state == "closed")
