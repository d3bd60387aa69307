"""The life of a Signal: armed, triggered by a fill, closed or expired. Each Session's bar moves it, never a later one.

What a bar says first counts first: its open, then the stop, then the target, at last the close. A bar locked at the
daily limit fills nothing. Where a fill lies inside a bar, nobody knows what came before it: a stop inside the same bar
is taken.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from ralph import kernels
from ralph.config import CostRules
from ralph.signals.costs import outcome
from ralph.signals.prices import grid_of, levels
from ralph.signals.signal import Closing, Expiry, Levels, Reason, Signal, State, Transition
from ralph.signals.trading import Bar

UNTRADED_SESSIONS = 20  # after so many without any word from the exchange a Symbol is taken to be gone

_CLOSINGS: dict[int, Closing] = {1: "stop", 2: "target", 3: "gap", 4: "time"}

Step = tuple[Signal, tuple[Transition, ...]]


class Now(NamedTuple):
    """A Session: how many Sessions after the one that armed a Signal, and after the one that filled it."""

    on: date
    armed_age: int
    filled_age: int
    costs: CostRules


def arm(signal: Signal, bar: Bar, costs: CostRules) -> Step:
    """A new Signal on its first Session; one that is bought at the close is filled at once, if that can be."""
    armed = _moved(signal, signal.armed_on, "armed", signal.levels.entry, "setup")
    if signal.plan.entry != "close":
        return armed
    if not bar.is_fillable:
        return _then(armed, _expired(armed[0], signal.armed_on, bar.close, "locked"))
    return _then(armed, _filled(armed[0], signal.armed_on, bar.close))


def advance(signal: Signal, bar: Bar, now: Now) -> Step:
    """What a traded bar makes of an open Signal."""
    held_flag = signal.is_flagged or (signal.state == "triggered" and bar.is_flagged)
    signal = replace(restated(signal, bar.ratio), priced_on=now.on, is_flagged=held_flag)
    if signal.state == "armed":
        return _wait(signal, bar, now)
    return _hold(signal, bar, now, is_entry=False)


def pass_by(signal: Signal, now: Now, last_close: float | None) -> Step:
    """What a Session without a trade makes of it; `last_close`: given when the Symbol is taken to be gone."""
    if signal.state == "armed" and now.armed_age >= signal.plan.arm_sessions:
        return _expired(signal, now.on, signal.levels.entry, "late")
    if signal.state == "triggered" and last_close is not None and now.filled_age >= signal.plan.hold_sessions:
        return _closed(signal, now, last_close, "untraded")
    return signal, ()


def end_by_hand(signal: Signal, on: date, price: float, costs: CostRules) -> Step:
    """Closed by a person at a price; one that was not filled expires."""
    if signal.state == "armed":
        return _moved(replace(signal, closed_on=on), on, "expired", price, "manual")
    return _closed(signal, Now(on, 0, 0, costs), price, "manual")


def restated(signal: Signal, ratio: float) -> Signal:
    """In prices and shares after an action that made `ratio` shares of one."""
    if ratio == 1.0:
        return signal
    old = signal.levels

    def divided(price: float | None) -> float | None:
        return None if price is None else price / ratio

    return replace(
        signal,
        plan=replace(signal.plan, floor=divided(signal.plan.floor)),
        levels=Levels(old.entry / ratio, old.stop / ratio, tuple(target / ratio for target in old.targets)),
        shares=int(signal.shares * ratio),
        fill=divided(signal.fill),
        lowest=divided(signal.lowest),
        highest=divided(signal.highest),
    )


def _wait(signal: Signal, bar: Bar, now: Now) -> Step:
    if bar.is_flagged:
        return _expired(signal, now.on, bar.close, "anomaly")
    floor = -np.inf if signal.plan.floor is None else signal.plan.floor
    if signal.plan.entry == "open":
        if not bar.is_fillable:
            return _expired(signal, now.on, bar.close, "locked")
        if bar.open <= floor:
            return _expired(signal, now.on, bar.open, "failed")
        filled = _filled(signal, now.on, bar.open)
        return _then(filled, _hold(filled[0], bar, now._replace(filled_age=0), is_entry=True))
    if bar.open <= signal.levels.stop:
        return _expired(signal, now.on, bar.open, "failed")
    if bar.is_fillable and bar.high >= signal.levels.entry:
        filled = _filled(signal, now.on, max(bar.open, signal.levels.entry))
        return _then(filled, _hold(filled[0], bar, now._replace(filled_age=0), is_entry=True))
    if bar.close < floor:
        return _expired(signal, now.on, bar.close, "failed")
    if now.armed_age >= signal.plan.arm_sessions:
        return _expired(signal, now.on, bar.close, "late")
    return signal, ()


def _hold(signal: Signal, bar: Bar, now: Now, *, is_entry: bool) -> Step:
    if not bar.is_fillable:
        return signal, ()
    prices = np.array([bar.open, bar.high, bar.low, bar.close], dtype=np.float64)
    rules = exit_levels(signal, now.on)
    is_last = now.filled_age >= signal.plan.hold_sessions
    reason = kernels.lives.reason_of(prices, rules, int(is_entry), int(is_last))
    if reason == kernels.lives.HELD:
        return _seen(signal, bar, is_whole=not is_entry or signal.plan.entry == "open"), ()
    price = kernels.lives.price_of(prices, rules, int(is_entry), reason)
    if reason == kernels.lives.TIME:
        signal = _seen(signal, bar, is_whole=not is_entry or signal.plan.entry == "open")
    return _closed(signal, now, price, _CLOSINGS[reason])


def exit_levels(signal: Signal, on: date) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Stop, first target, and the opens above and below that close it [4]; NaN where there is none."""
    assert signal.fill is not None
    plan, grid = signal.plan, grid_of(signal, on)
    up = np.nan if plan.gap_up is None else grid.up(signal.fill * (1.0 + plan.gap_up))
    down = np.nan if plan.gap_down is None else grid.down(signal.fill * (1.0 - plan.gap_down))
    target = signal.levels.targets[0] if signal.levels.targets else np.nan
    return np.array([signal.levels.stop, target, up, down], dtype=np.float64)


def _seen(signal: Signal, bar: Bar, *, is_whole: bool) -> Signal:
    """With the extremes of a bar; of one that it was filled inside, only what surely came after: high and close."""
    assert signal.lowest is not None
    assert signal.highest is not None
    low = bar.low if is_whole else bar.close
    return replace(signal, lowest=min(signal.lowest, low), highest=max(signal.highest, bar.high))


def _filled(signal: Signal, on: date, price: float) -> Step:
    """Stop and targets are measured from what was paid."""
    own = levels(price, signal.plan, grid_of(signal, on)) if price != signal.levels.entry else signal.levels
    filled = replace(signal, levels=own, triggered_on=on, fill=price, lowest=price, highest=price)
    return _moved(filled, on, "triggered", price, "entry")


def _closed(signal: Signal, now: Now, price: float, reason: Closing) -> Step:
    result = outcome(signal, price, now.on, now.costs)
    ended = replace(signal, closed_on=now.on, exit=price, outcome=result)
    return _moved(ended, now.on, "closed", price, reason)


def _expired(signal: Signal, on: date, price: float, reason: Expiry) -> Step:
    return _moved(replace(signal, closed_on=on), on, "expired", price, reason)


def _moved(signal: Signal, on: date, state: State, price: float, reason: Reason) -> Step:
    return replace(signal, state=state, reason=reason), (Transition(signal.id, on, state, price, reason),)


def _then(first: Step, second: Step) -> Step:
    return second[0], first[1] + second[1]
