"""Terms as the machine runs them: formulas it has in one piece are found, and windows that are wanted at many bars are
made of doubled blocks, so that a sum or an extreme costs a few operations a bar however long its window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from ralph.indicators.reach import REMEMBERS, WINDOWS, length, parts_of
from ralph.indicators.terms import Term, constant, greatest, least

ALL = 1 << 40
"""As many rows as there are."""
ONE_BAR = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "greater", "not_less", "same", "magnitude", "least", "greatest"),
        *("root", "log", "choose"),
    )
)
ABOUT_MEANS = frozenset(("deviation", "absolute_deviation", "trend_slope", "trend_fit"))
ZERO, HUNDRED = constant(0.0), constant(100.0)


def rows_wanted(terms: Iterable[Term], tail: int) -> dict[Term, int]:
    """How many of the newest rows of each term, and of all it is made of, are needed for `tail` rows of these."""
    wanted = list(terms)
    rows = dict.fromkeys(wanted, tail)
    for term in reversed(parts_of(wanted)):
        for place, one in enumerate(term.inputs):
            rows[one] = max(rows.get(one, 0), min(ALL, _rows(term, place, rows[term])))
    return rows


def _rows(term: Term, place: int, rows: int) -> int:
    if term.op in REMEMBERS:
        return ALL
    if term.op == "shift":
        return rows + term.whole[0]
    if term.op in WINDOWS:
        return rows if _is_mean(term, place) else rows + length(term) - 1
    # A count of equal bars must have been able to reach the window's length.
    return rows + term.whole[0] if term.op == "mean_of" and place == 1 else rows


def _is_mean(term: Term, place: int) -> bool:
    """Whether this input of a window is a mean that lowering has added: it is read at this bar only."""
    return place >= (2 if term.op == "covariance" else 1) and (term.op in ABOUT_MEANS or term.op == "covariance")


def lowered(terms: Iterable[Term], tail: int, *, always: bool = False) -> list[Term]:
    """The same terms, to be run for the newest `tail` rows; `always`: windows slide, whatever is wanted of them."""
    wanted = list(terms)
    rows = rows_wanted(wanted, tail)
    made: dict[Term, Term] = {}
    for term in parts_of(wanted):
        made[term] = _lower(term, made, ALL if always else rows[term])
    return [_row(made[term]) for term in wanted]


def _lower(term: Term, made: dict[Term, Term], rows: int) -> Term:
    fused = _fused(term)
    if fused is not None:
        return Term(fused.op, tuple(made.get(one, one) for one in fused.inputs))
    inputs = tuple(made[one] for one in term.inputs)
    if term.op in ONE_BAR:
        if all(one.op == "constant" for one in inputs):
            return constant(_computed(term.op, [one.real[0] for one in inputs]))
        return Term(term.op, inputs, term.whole, term.real)
    if term.op == "otherwise":
        return Term(term.op, inputs)
    inputs = tuple(_row(one) for one in inputs)
    if term.op in WINDOWS:
        return _window(Term(term.op, inputs, term.whole), rows)
    return Term(term.op, inputs, term.whole, term.real)


def _row(term: Term) -> Term:
    """Where rows are kept, a constant is one that is missing before a column begins."""
    return Term("fill", real=term.real) if term.op == "constant" else term


def _window(term: Term, rows: int) -> Term:
    value, period = term.inputs[0], term.whole[0]
    if period == 1 and term.op in ("total", "mean", "highest", "lowest", "weighted_mean"):
        return value
    slides = rows * period > 2 * (rows + period) * period.bit_length()
    if term.op in ABOUT_MEANS:
        return Term(term.op, (value, _window(Term("mean", (value,), (period,)), rows)), (period,))
    if term.op == "covariance":
        means = tuple(_window(Term("mean", (one,), (period,)), rows) for one in term.inputs)
        return Term(term.op, (*term.inputs, *means), (period,))
    if slides and term.op == "total":
        return _blocks(value, period)
    if slides and term.op == "mean":
        return Term("mean_of", (value, Term("repeats", (value, value[1])), _blocks(value, period)), (period,))
    if slides and term.op in ("highest", "lowest"):
        return _covered(value, period, greatest if term.op == "highest" else least)
    return term


def _blocks(value: Term, period: int) -> Term:
    """The sum by one block for each binary digit of the period, the smallest newest."""
    block, width, summed = value, 1, 0
    result: Term | None = None
    while width <= period:
        if period & width:
            result = block[summed] if result is None else result + block[summed]
            summed += width
        if 2 * width <= period:
            block = block + block[width]
        width *= 2
    assert result is not None
    return result


def _covered(value: Term, period: int, larger: Callable[[Term, Term], Term]) -> Term:
    """An extreme by two blocks that may overlap."""
    block, width = value, 1
    while 2 * width <= period:
        block = larger(block, block[width])
        width *= 2
    return larger(block, block[period - width]) if period > width else block


def _computed(op: str, values: list[float]) -> float:
    """Constants only: what every bar would give."""
    if op == "choose":
        return math.nan if math.isnan(values[0]) else values[1] if values[0] != 0 else values[2]
    if any(math.isnan(value) for value in values):
        return math.nan
    return float(_CONSTANT[op](*values))


_CONSTANT: dict[str, Callable[..., float]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y if y else math.nan,
    "greater": lambda x, y: x > y,
    "not_less": lambda x, y: x >= y,
    "same": lambda x, y: x == y,
    "magnitude": abs,
    "least": min,
    "greatest": max,
    "root": lambda x: math.sqrt(max(x, 0.0)),
    "log": lambda x: math.log(x) if x > 0 else math.nan,
}


def _fused(term: Term) -> Term | None:
    """The machine's own operation for a formula that it has in one piece."""
    if term.op == "greatest":
        return _true_range(term)
    if term.op != "choose":
        return None
    condition, yes, no = term.inputs
    if condition == Term("least", (Term("greater", (yes, _other(condition))), Term("greater", (yes, ZERO)))):
        return Term("movement", (yes, _other(condition))) if no == ZERO else None
    if condition.op == "same" and condition.inputs[1] == ZERO and yes.op == "constant":
        quotient = no.inputs[1] if no.op == "multiply" and no.inputs[0] == HUNDRED else None
        if quotient is not None and quotient.op == "divide" and quotient.inputs[1] == condition.inputs[0]:
            return Term("share", (*quotient.inputs, yes))
    return None


def _other(condition: Term) -> Term:
    """What a movement is compared with, in a condition of two comparisons."""
    inner = condition.inputs[0] if condition.op == "least" else None
    return inner.inputs[1] if inner is not None and inner.op == "greater" else ZERO


def _true_range(term: Term) -> Term | None:
    wide, gaps = term.inputs
    if wide.op != "subtract" or gaps.op != "greatest" or any(one.op != "magnitude" for one in gaps.inputs):
        return None
    high, low = wide.inputs
    above, below = (one.inputs[0] for one in gaps.inputs)
    if above.op != "subtract" or above.inputs[0] != high:
        return None
    before = above.inputs[1]
    return Term("true_range", (high, low, before)) if below == Term("subtract", (low, before)) else None
