"""Says in English and Korean why a comparison or crossing holds, in figures that never contradict it."""

from __future__ import annotations

import math

from ralph.screens.answer import Reason
from ralph.screens.scoring import Atom, sides
from ralph.screens.tree import Comparison, Crossing, Not, Number, Numeric
from ralph.screens.writing import CANONICAL, KOREAN, write

_DIGITS = 3  # significant figures at first; as many more as two unequal figures need to differ
_DIGITS_MAX = 17
_KOREAN_OPS = {"<": "미만", "<=": "이하", ">": "초과", ">=": "이상", "==": "같음", "!=": "다름"}
_ENGLISH_CROSSINGS = {"above": "crosses above", "below": "crosses below"}
_KOREAN_CROSSINGS = {"above": "상향 돌파", "below": "하향 이탈"}


def reason(atom: Atom, left: float, right: float) -> Reason:
    """`rsi(14) 28.3 < 30` and the like: each side with its value, a plain number as it is."""
    near, far = sides(atom)
    near_figure, far_figure = figures(left, right)
    english = [_side(near, near_figure), _side(far, far_figure)]
    korean = [_side(near, near_figure, korean=True), _side(far, far_figure, korean=True)]
    match atom:
        case Comparison(op=op):
            return Reason(f"{english[0]} {op} {english[1]}", f"{korean[0]}, {korean[1]} {_KOREAN_OPS[op]}")
        case Crossing(direction=direction):
            crosses = _ENGLISH_CROSSINGS[direction]
            return Reason(
                f"{english[0]} {crosses} {english[1]}", f"{korean[0]}, {korean[1]} {_KOREAN_CROSSINGS[direction]}"
            )
        case Not():
            assert isinstance(atom.part, Crossing), "settled conditions deny crossings only"
            crosses = _ENGLISH_CROSSINGS[atom.part.direction].replace("crosses", "does not cross")
            denied = f"{_KOREAN_CROSSINGS[atom.part.direction]} 아님"
            return Reason(f"{english[0]} {crosses} {english[1]}", f"{korean[0]}, {korean[1]} {denied}")


def figures(left: float, right: float) -> tuple[str, str]:
    """Two numbers in the fewest figures that keep them apart: 29.96 beside 30 is not written 30."""
    for digits in range(_DIGITS, _DIGITS_MAX + 1):
        texts = _figure(left, digits), _figure(right, digits)
        if left == right or texts[0] != texts[1]:
            return texts
    return repr(left), repr(right)


def _figure(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "?"
    size = math.floor(math.log10(abs(value))) + 1 if value else 1
    if size > 15 or size < -4:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - max(size, 1) if size > 0 else digits - size)
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _side(side: Numeric, figure: str, korean: bool = False) -> str:
    words = KOREAN if korean else CANONICAL
    return write(side, words) if isinstance(side, Number) else f"{write(side, words)} {figure}"
