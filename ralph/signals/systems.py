"""Which Setups become Signals, and how: the graded systems, each with its rules from the configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import msgspec
import numpy as np

from ralph import scanners
from ralph.config import ClosingBetRules, DaytradingRules, ScreenRules, SignalRules, SignalsConfig, VcpRules
from ralph.market.symbol import Symbol
from ralph.scanners import money
from ralph.scanners.component import Component
from ralph.scanners.day import MarketDay
from ralph.scanners.scanner import Scanner
from ralph.scanners.setup import Setup
from ralph.signals.grading import Cut, Measured, grade
from ralph.signals.signal import Grade, Plan, Sentence

VERSION_DIGITS = 8
CLOSING_POINTS = 12.0
SCREEN = "screen:"


class Proposal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a system makes of a Setup; entry in won, a reference where it is bought at the open."""

    score: float
    grade: Grade
    entry: float
    plan: Plan
    sentence: Sentence
    components: tuple[Component, ...]
    values: dict[str, float | None]


@dataclass(frozen=True)
class System:
    """A source of Signals.

    version  of its rules and its scanner: what a Signal was made with
    find     the Setups of a Session; propose: what becomes, if anything, of one in a lane of the market's day
    is_filtered  whether only lively common shares are looked at
    """

    name: str
    en: str
    ko: str
    version: str
    rules: SignalRules
    find: Callable[[MarketDay], list[Setup]]
    propose: Callable[[Setup, MarketDay, int], Proposal | None]
    is_filtered: bool = True


def build(config: SignalsConfig) -> dict[str, System]:
    """All systems of scanners by name."""
    found = {}
    special: dict[str, Callable[..., Proposal | None]] = {"vcp": vcp, "closing_bet": closing_bet}
    for name, scanner in scanners.load().items():
        rules = rules_of(config, name)
        propose = _with(rules, special.get(name, daily))
        version = version_of(rules, f"{name}:{scanner.version}")
        found[name] = System(name, scanner.en, scanner.ko, version, rules, _by_default(scanner), propose)
    return found


def rules_of(config: SignalsConfig, system: str) -> SignalRules:
    """The rules of a system by its name."""
    if system.startswith(SCREEN):
        return config.screens
    named = {"vcp": config.vcp, "closing_bet": config.closing_bet, "daytrading": config.daytrading}
    return named.get(system, config.scans)


def _by_default(scanner: Scanner) -> Callable[[MarketDay], list[Setup]]:
    return lambda day: scanner.find(day, scanner.bind({}))


def of_screen(
    screen_id: str, name: str, about: str, rules: ScreenRules, matches: Mapping[date, Mapping[Symbol, float]]
) -> System:
    """A saved screen as a system, from its matches and their scores by Session; `about`: what a version of it asks."""

    def find(day: MarketDay) -> list[Setup]:
        scores = matches.get(day.view.on, {})
        symbols = day.view.panel.symbols
        there = [symbols[column] for column in day.columns if symbols[column] in scores]
        return [Setup(symbol=symbol, state="triggered", score=scores[symbol]) for symbol in there]

    version = version_of(rules, about)
    return System(f"{SCREEN}{screen_id}", name, name, version, rules, find, _with(rules, screen), is_filtered=False)


def version_of(rules: SignalRules, source: str) -> str:
    """A short digest of all that decides about a system's Signals."""
    text = msgspec.json.encode((source, type(rules).__name__, rules))
    return hashlib.sha256(text).hexdigest()[:VERSION_DIGITS]


def _with(rules: SignalRules, propose: Callable[..., Proposal | None]) -> Callable[..., Proposal | None]:
    return lambda setup, day, lane: propose(rules, setup, day, lane)


def vcp(rules: VcpRules, setup: Setup, day: MarketDay, lane: int) -> Proposal | None:
    """A base below its pivot waits for it; one that broke out today is bought at the next open."""
    close = float(day.tail("close", 1)[0, lane])
    is_out = setup.state == "breakout"
    assert setup.pivot is not None
    if not is_out and (setup.state not in ("forming", "near") or close >= setup.pivot):
        return None
    flows = float(day.smart_money.score[lane])
    share = 1.0 if np.isnan(flows) else rules.vcp_share
    score = share * setup.score + (0.0 if share == 1.0 else (1.0 - share) * flows)
    parts = (*setup.components, *money.components(day.smart_money, lane))
    plan = Plan(
        entry="open" if is_out else "stop",
        stop_ratio=rules.stop_ratio,
        floor=setup.stop,
        targets_r=(rules.first_target_r, rules.second_target_r),
        arm_sessions=1 if is_out else rules.arm_sessions,
        hold_sessions=rules.hold_sessions,
    )
    en = f"VCP {setup.footprint}, {setup.state}, pivot {setup.pivot:,.0f}, score {score:.1f}"
    ko = f"VCP {setup.footprint}, 상태 {setup.state}, 피벗 {setup.pivot:,.0f}원, 점수 {score:.1f}"
    return Proposal(
        score=score,
        grade=grade(_cuts(rules), Measured(score=score)),
        entry=close if is_out else setup.pivot,
        plan=plan,
        sentence=Sentence(en, ko),
        components=parts,
        values={
            **setup.values,
            "vcp": setup.score,
            "smart_money": None if np.isnan(flows) else flows,
            "pivot": setup.pivot,
        },
    )


def closing_bet(rules: ClosingBetRules, setup: Setup, day: MarketDay, lane: int) -> Proposal:
    """Bought at the close, sold in the next Session."""
    close = float(day.tail("close", 1)[0, lane])
    points, reachable = setup.values["points"] or 0.0, setup.values["reachable"] or 0.0
    change, value = setup.values["change"] or 0.0, setup.values["value"] or 0.0
    cuts = closing_cuts(rules)
    given = grade(cuts, Measured(score=points, reachable=reachable, value=value, change=change))
    plan = Plan(
        entry="close",
        stop_ratio=rules.stop_ratio,
        target_ratio=rules.target_ratio,
        gap_up=rules.gap_up_ratio,
        gap_down=rules.gap_down_ratio,
        arm_sessions=0,
        hold_sessions=rules.hold_sessions,
    )
    scaled_en = "" if reachable == CLOSING_POINTS else f" (cut-offs scaled to {reachable:.0f} of {CLOSING_POINTS:.0f})"
    scaled_ko = "" if reachable == CLOSING_POINTS else f" ({CLOSING_POINTS:.0f}점 중 {reachable:.0f}점 기준으로 환산)"
    en = f"{points:.0f} of {reachable:.0f} points, change {100 * change:+.1f}%{scaled_en}"
    ko = f"{reachable:.0f}점 중 {points:.0f}점, 등락률 {100 * change:+.1f}%{scaled_ko}"
    return Proposal(
        score=points,
        grade=given,
        entry=close,
        plan=plan,
        sentence=Sentence(en, ko),
        components=setup.components,
        values=setup.values,
    )


def daily(rules: DaytradingRules, setup: Setup, day: MarketDay, lane: int) -> Proposal:
    """Known after the close, so bought at the next open; sold by that Session's close."""
    plan = Plan(
        entry="open",
        stop_ratio=rules.stop_ratio,
        target_ratio=rules.target_ratio,
        arm_sessions=1,
        hold_sessions=rules.hold_sessions,
    )
    return _at_open(rules, setup, float(day.tail("close", 1)[0, lane]), plan)


def screen(rules: ScreenRules, setup: Setup, day: MarketDay, lane: int) -> Proposal:
    """A match of a saved screen, bought at the next open."""
    plan = Plan(
        entry="open",
        stop_ratio=rules.stop_ratio,
        targets_r=(rules.target_r,),
        arm_sessions=1,
        hold_sessions=rules.hold_sessions,
    )
    return _at_open(rules, setup, float(day.tail("close", 1)[0, lane]), plan)


def _at_open(rules: SignalRules, setup: Setup, close: float, plan: Plan) -> Proposal:
    return Proposal(
        score=setup.score,
        grade=grade(_cuts(rules), Measured(score=setup.score)),
        entry=close,
        plan=plan,
        sentence=Sentence(f"score {setup.score:.1f}", f"점수 {setup.score:.1f}"),
        components=setup.components,
        values=setup.values,
    )


def _cuts(rules: SignalRules) -> tuple[Cut, ...]:
    scores: tuple[tuple[Grade, float], ...] = (("S", rules.s_from), ("A", rules.a_from), ("B", rules.b_from))
    return tuple(Cut(grade=name, score_from=score) for name, score in scores)


def closing_cuts(rules: ClosingBetRules) -> tuple[Cut, ...]:
    """Points, traded value and change together."""
    rows: tuple[tuple[Grade, float, float, float, float], ...] = (
        ("S", rules.s_from, rules.s_value, rules.s_change_from, rules.s_change_to),
        ("A", rules.a_from, rules.a_value, rules.a_change_from, rules.a_change_to),
        ("B", rules.b_from, rules.b_value, rules.b_change_from, rules.b_change_to),
    )
    return tuple(
        Cut(grade=name, score_from=score, of=CLOSING_POINTS, value_from=value, change_from=low, change_to=high)
        for name, score, value, low, high in rows
    )
