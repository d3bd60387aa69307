"""How far terms look back: where a term's first value is, and how many bars it sees."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ralph.indicators.terms import Term

WINDOWS = frozenset(
    (
        *("total", "mean", "weighted_mean", "highest", "lowest", "since_highest", "since_lowest", "deviation"),
        *("absolute_deviation", "trend_slope", "trend_fit", "covariance", "share_below", "busiest_price"),
    )
)
REMEMBERS = frozenset(
    (
        *("smooth", "decaying_sum", "running", "running_since", "streak", "adaptive_mean", "held"),
        *("parabolic", "ratchet"),
    )
)
NEVER = 1 << 40


def length(term: Term) -> int:
    """How many bars of its inputs a window sees: its period, and one more where this bar is compared with those."""
    return term.whole[0] + (term.op == "share_below")


def parts_of(terms: Iterable[Term]) -> list[Term]:
    """The terms and all they are made of, each once, inputs before what is made of them."""
    ordered: dict[Term, None] = {}
    waiting = [(term, False) for term in reversed(list(terms))]
    while waiting:
        term, ready = waiting.pop()
        if ready:
            ordered[term] = None
        elif term not in ordered:
            waiting.append((term, True))
            waiting += [(one, False) for one in reversed(term.inputs) if one not in ordered]
    return list(ordered)


def first_values(terms: Iterable[Term]) -> dict[Term, int]:
    """The bar of each term's first value where its fields begin at bar 0; NEVER where it has none."""
    first: dict[Term, int] = {}
    for term in parts_of(terms):
        first[term] = min(_first(term, first), NEVER)
    return first


def _first(term: Term, first: dict[Term, int]) -> int:
    latest = max((first[one] for one in term.inputs), default=0)
    match term.op:
        case "constant":
            return NEVER if math.isnan(term.real[0]) else 0
        case "shift":
            return latest + term.whole[0]
        case "known":
            return 0
        case "otherwise":
            return min(first[one] for one in term.inputs)
        case "choose":
            return _chosen(term, first)
        case "smooth":
            return latest + term.whole[0] + term.whole[1] - 1
        case "decaying_sum":
            return latest + term.whole[0] - 1
        case "parabolic":
            return latest + 1
        case op if op in WINDOWS:
            return latest + length(term) - 1
    return latest


def _chosen(term: Term, first: dict[Term, int]) -> int:
    """Which side is taken is not known from here, unless it is a constant that is never there or `known` decides."""
    condition, yes, no = term.inputs
    if condition.op == "known":
        turns = first[condition.inputs[0]]
        return first[no] if first[no] < turns else max(first[yes], turns)
    sides = [first[one] for one in (yes, no) if first[one] < NEVER]
    return max(first[condition], *sides) if sides else NEVER


def bars_seen(terms: Iterable[Term]) -> int | None:
    """How many of the newest bars a value depends on; None where all of them."""
    seen: dict[Term, int] = {}
    wanted = list(terms)
    for term in parts_of(wanted):
        if term.op in REMEMBERS:
            return None
        more = term.whole[0] if term.op == "shift" else length(term) - 1 if term.op in WINDOWS else 0
        seen[term] = max((seen[one] for one in term.inputs), default=1) + more
    return max(seen[term] for term in wanted)
