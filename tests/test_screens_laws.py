"""Laws of screens: three-valued logic, no look-ahead, one computation for one thing, blocks that change nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any as Anything

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from screens_markets import EXACT_READINGS, conditions, invented, until

from ralph import screens
from ralph.errors import TooLarge
from ralph.indicators.plan import Plan
from ralph.market.columns import build_panel
from ralph.market.view import View
from ralph.screens import blocks, evaluation
from ralph.screens.tree import (
    All,
    Any,
    Arithmetic,
    Comparison,
    Condition,
    Count,
    Crossing,
    Field,
    Framed,
    Function,
    History,
    Lasting,
    Negative,
    Not,
    Number,
    Numeric,
    Offset,
    Reading,
    Since,
    settled,
)

BARS = invented()
PANEL = build_panel(BARS)
DAYS = [session.astype(object) for session in PANEL.sessions[[1, 5, 20, 41, 58, 59]]]
OPS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}
FUNCTIONS: dict[str, Callable[[list[float]], float]] = {"abs": lambda values: abs(values[0]), "min": min, "max": max}
PRICES = ("open", "high", "low", "close", "volume")


class Slow:
    """One Symbol's bars, and every node worked out by its definition, bar by bar; None is missing."""

    def __init__(self, fields: dict[str, list[float]], days: list[Anything]) -> None:
        middle = [(high + low) / 2 for high, low in zip(fields["high"], fields["low"], strict=True)]
        self.fields = {**fields, "hl2": middle}
        self.days = days
        self.bars = len(days)

    @staticmethod
    def of(view: View, column: int) -> Slow:
        begin = int(view.first[column])
        fields = {name: view.field(name)[begin:, column].tolist() for name in PRICES}
        sessions = view.session_of(view.height)[begin:, column]
        return Slow(fields, [view.panel.sessions[session].astype(object) for session in sessions])

    def framed(self, frame: str, bar: int) -> Slow:
        """Weeks or months up to a bar, folded one bar after the other."""
        fields: dict[str, list[float]] = {name: [] for name in PRICES}
        periods: list[Anything] = []
        for at, day in enumerate(self.days[: bar + 1]):
            now = {name: self.fields[name][at] for name in PRICES}
            period = day - timedelta(days=day.weekday()) if frame == "weekly" else (day.year, day.month)
            if periods[-1:] != [period]:
                periods.append(period)
                for name, value in now.items():
                    fields[name].append(value)
                continue
            fields["high"][-1] = max(fields["high"][-1], now["high"])
            fields["low"][-1] = min(fields["low"][-1], now["low"])
            fields["close"][-1] = now["close"]
            fields["volume"][-1] += now["volume"]
        return Slow(fields, periods)

    def window(self, node: Numeric, bar: int, bars: int) -> list[float] | None:
        """The newest values, oldest first; None where one is missing."""
        values = [self.number(node, at) for at in range(bar - bars + 1, bar + 1)]
        present = [value for value in values if value is not None]
        return present if len(present) == bars else None

    def history(self, node: History, bar: int) -> float | None:
        if node.name == "change":
            ends = self.number(node.operand, bar), self.number(node.operand, bar - node.bars)
            ratio = self.arithmetic("/", *ends)
            return self.arithmetic("-", ratio, 1.0)
        values = self.window(node.operand, bar, node.bars)
        if values is None:
            return None
        below = sum(0.5 if other == values[-1] else float(other < values[-1]) for other in values[:-1])
        return 100 * below / (node.bars - 1)

    def held(self, part: Condition, bar: int, bars: int) -> list[bool | None]:
        return [self.condition(part, at) if at >= 0 else None for at in range(bar - bars + 1, bar + 1)]

    def number(self, node: Numeric, bar: int) -> float | None:
        match node:
            case Number(value=value):
                return value
            case Field(name=name):
                return self.fields[name][bar] if bar >= 0 else None
            case Offset(operand=operand, bars=bars):
                return self.number(operand, bar - bars)  # type: ignore[arg-type]
            case Negative(operand=operand):
                value_below = self.number(operand, bar)
                return None if value_below is None else -value_below
            case Function(name=name, arguments=arguments):
                values = [self.number(one, bar) for one in arguments]
                present = [value for value in values if value is not None]
                if len(present) < len(values):
                    return None
                return FUNCTIONS[name](present)
            case Arithmetic(op=op):
                return self.arithmetic(op, self.number(node.left, bar), self.number(node.right, bar))
            case Reading():
                return self.reading(node, bar)
            case History():
                return self.history(node, bar)
            case Count(part=part, bars=bars):
                held = self.held(part, bar, bars)
                return None if None in held else float(sum(map(bool, held)))
            case Since(part=part):
                last = max((at for at in range(bar + 1) if self.condition(part, at)), default=None)
                return None if last is None else float(bar - last)
            case Framed(frame=frame, operand=operand):
                if bar < 0:
                    return None
                folded = self.framed(frame, bar)
                return folded.number(operand, folded.bars - 1)
            case _:
                raise AssertionError("what needs other Symbols is tested elsewhere")

    def arithmetic(self, op: str, left: float | None, right: float | None) -> float | None:
        if left is None or right is None or (op == "/" and right == 0):
            return None
        result = {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or 1)}[op]
        return result if math.isfinite(result) else None

    def reading(self, node: Reading, bar: int) -> float | None:
        """Of the bars where the source is there: the most or least of the newest `period`."""
        source = node.source or Field({"highest": "high", "lowest": "low"}[node.indicator])
        here = self.number(source, bar)
        if bar < 0 or here is None:
            return None
        values = [value for at in range(bar + 1) if (value := self.number(source, at)) is not None]
        period = int(node.params[0][1])
        if len(values) < period:
            return None
        return (max if node.indicator == "highest" else min)(values[-period:])

    def condition(self, node: Condition, bar: int) -> bool | None:
        match node:
            case Comparison(op=op):
                left, right = self.number(node.left, bar), self.number(node.right, bar)
                return None if left is None or right is None else OPS[op](left, right)
            case Crossing(direction=direction):
                now, before = (">", "<=") if direction == "above" else ("<", ">=")
                earlier = Comparison(before, Offset(node.left, 1), Offset(node.right, 1))  # type: ignore[arg-type]
                return self.every([Comparison(now, node.left, node.right), earlier], bar)  # type: ignore[arg-type]
            case Lasting(name=name, part=part, bars=bars):
                held = self.held(part, bar, bars)
                wanted = name == "any"
                return wanted if wanted in held else None if None in held else not wanted
            case Not(part=part):
                below = self.condition(part, bar)
                return None if below is None else not below
            case All(parts=parts):
                return self.every(parts, bar)
            case Any(parts=parts):
                below = self.every([Not(part) for part in parts], bar)
                return None if below is None else not below
            case Offset(operand=operand, bars=bars):
                return self.condition(operand, bar - bars)  # type: ignore[arg-type]
            case _:
                raise AssertionError("memberships are tested elsewhere")

    def every(self, parts: Sequence[Condition], bar: int) -> bool | None:
        found = [self.condition(part, bar) for part in parts]
        return False if False in found else None if None in found else True


@given(conditions(EXACT_READINGS))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_every_condition_means_what_its_definition_says(node: Condition) -> None:
    """True, false and missing as an interpreter finds them that looks at one Symbol and one bar at a time."""
    for day in (DAYS[1], DAYS[-1]):
        view = PANEL.as_of(day)
        answer = screens.run(PANEL, screens.Request(expression=str(node), as_of=day))
        slow = {
            PANEL.symbols[column]: Slow.of(view, int(column)).condition(node, int(view.height - view.first[column]) - 1)
            for column in np.flatnonzero(view.traded)
        }
        assert {match.symbol for match in answer.matches} == {symbol for symbol, truth in slow.items() if truth}
        missing = answer.excluded["missing_value"] + answer.excluded["young_listing"]
        assert missing == sum(truth is None for truth in slow.values())


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("not (close / (close - close) > 1)", None),
        ("close / (close - close) > 1 and close < 0", False),
        ("close / (close - close) > 1 and close > 0", None),
        ("close / (close - close) > 1 or close > 0", True),
        ("close / (close - close) > 1 or close < 0", None),
        ("close / (close - close) != close / (close - close)", None),
        ("close * 1e308 * 10 > 0", None),
        ("-close * 1e308 * 10 < 0", None),
        ("close[5000] > 0 or close > 0", True),
        ("1 / 0 > 1", None),
        ("1 < 2", True),
        ("crosses_above(2, 1)", False),
        ("(1 < 2)[9]", True),
        ("(5 + 1)[40] > 5", True),
    ],
)
def test_missing_is_neither_true_nor_false(text: str, truth: bool | None) -> None:
    """Kleene's tables, division by zero, results that are not finite, and numbers without bars."""
    answer = screens.run(PANEL, screens.Request(expression=text))
    traded = int(PANEL.as_of().traded.sum())
    assert answer.total_matches == (traded if truth else 0)
    missing = answer.excluded["missing_value"] + answer.excluded["young_listing"]
    assert missing == (traded if truth is None else 0)


SCREENS = [
    "rsi(14) < 45 or close > sma(20)",
    "close / (close - open) > 0 and close >= lowest(10)",
    "ema(close / (close - open), 5) > ema(rsi(5), 3)[2]",
    "macd(3, 6, 3).hist crosses_above 0 or stoch(5, 2, 2) > stoch(5, 2, 2).d",
    "volume > 1.2 * sma(volume, 5) and close < bb(10, 1).upper",
    "adx(5).plus_di > adx(5).minus_di and atr(5) > 1 and obv > sma(obv, 5)",
    "rank(change(close, 3)) <= 6 and market_percentile(volume)[2] > 30 or sector_rank(close) == 1",
    "weekly.rsi(3) > 40 and monthly.close > (weekly.open)[1] and market == KOSPI",
    "count(close > market_median(close), 5) >= 2 and since(close > open) < 3 and listing_age > 3",
]


def without_time(answer: screens.Answer) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(answer, timing_ms=0.0))


def ask(text: str, day: date | None) -> screens.Request:
    extras: list[Anything] = ["funnel", "near_misses", "sparkline"]
    return screens.Request(expression=text, as_of=day, columns=["close - open", "rma(7)"], extras=extras)


@pytest.mark.parametrize("text", SCREENS)
def test_a_screen_never_looks_ahead(text: str) -> None:
    """The whole answer as of a date is the same, to the last bit, when later bars do not exist."""
    for day in DAYS:
        truncated = build_panel(until(BARS, day))
        assert without_time(screens.run(PANEL, ask(text, day))) == without_time(screens.run(truncated, ask(text, day)))


@pytest.mark.parametrize("text", SCREENS)
def test_blocks_change_nothing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where memory holds few Symbols at a time, the answer is the same."""
    whole = without_time(screens.run(PANEL, ask(text, DAYS[3])))
    monkeypatch.setattr(blocks, "CELLS_MAX", 1_000)
    assert without_time(screens.run(PANEL, ask(text, DAYS[3]))) == whole


def test_a_screen_that_costs_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is computed."""
    monkeypatch.setattr(blocks, "COST_CELLS_MAX", 100)
    with pytest.raises(TooLarge, match="100 are allowed"):
        screens.run(PANEL, screens.Request(expression="rsi(14) < 30"))


def test_the_same_indicator_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all its outputs, offsets and places in the text."""
    calls: list[int] = []
    last = Plan.last

    def counted(self: Plan, *arguments: Anything) -> Anything:
        calls.append(arguments[2])
        return last(self, *arguments)

    monkeypatch.setattr(Plan, "last", counted)
    text = "macd > macd.signal and macd.hist[3] < 0 and (macd.hist[1] < 1 or macd(12, 26, 9) > 5)"
    node = settled(screens.parse(text))
    work = evaluation.Evaluation(PANEL.as_of())
    work.want(node)
    work.truth(node)
    assert calls == [4]
