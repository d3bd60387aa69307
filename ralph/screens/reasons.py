"""Says in English and Korean why a comparison or crossing holds, in figures that never contradict it."""

from __future__ import annotations

import math

from ralph.screens.answer import Reason
from ralph.screens.scoring import sides
from ralph.screens.tree import Atom, Comparison, Crossing, Not, Number, Numeric
from ralph.screens.writing import CANONICAL, KOREAN, Words, write

_DIGITS = 3  # significant figures at first; as many more as two unequal figures need to differ
_DIGITS_MAX = 17
_KOREAN_OPS = {"<": "미만", "<=": "이하", ">": "초과", ">=": "이상", "==": "같음", "!=": "다름"}
_ENGLISH_CROSSINGS = {"above": "crosses above", "below": "crosses below"}
_KOREAN_CROSSINGS = {"above": "상향 돌파", "below": "하향 이탈"}


class Wording:
    """How one comparison or crossing is said: worded once, filled with the figures of each match."""

    def __init__(self, atom: Atom) -> None:
        self._whole: Reason | None = None
        if not sides(atom):
            self._whole = Reason(write(atom, CANONICAL), _whole(atom))
            return
        english, korean = _forms(atom)
        near, far = sides(atom)
        self._english = english.format(_side(near, CANONICAL), _side(far, CANONICAL))
        self._korean = korean.format(_side(near, KOREAN), _side(far, KOREAN))
        self._shown = tuple(place for place, side in enumerate((near, far)) if not isinstance(side, Number))

    def reason(self, left: float, right: float) -> Reason:
        """`rsi(14) 28.3 < 30` and the like: each side with its value, a plain number as it is."""
        if self._whole is not None:
            return self._whole
        texts = figures(left, right)
        shown = texts if len(self._shown) == 2 else tuple(texts[place] for place in self._shown)
        return Reason(self._english % shown, self._korean % shown)


def _forms(atom: Atom) -> tuple[str, str]:
    """English and Korean around both sides."""
    match atom:
        case Comparison(op=op):
            return f"{{}} {op} {{}}", f"{{}}, {{}} {_KOREAN_OPS[op]}"
        case Crossing(direction=direction):
            return f"{{}} {_ENGLISH_CROSSINGS[direction]} {{}}", f"{{}}, {{}} {_KOREAN_CROSSINGS[direction]}"
        case Not():
            assert isinstance(atom.part, Crossing), "of what has sides, settled conditions deny crossings only"
            crosses = _ENGLISH_CROSSINGS[atom.part.direction].replace("crosses", "does not cross")
            return f"{{}} {crosses} {{}}", f"{{}}, {{}} {_KOREAN_CROSSINGS[atom.part.direction]} 아님"
        case _:
            raise AssertionError("what has no sides is said whole")


def _whole(atom: Atom) -> str:
    return f"{write(atom.part, KOREAN)} 아님" if isinstance(atom, Not) else write(atom, KOREAN)


def _side(side: Numeric, words: Words) -> str:
    """A side's text, with the place of its figure where it is not a plain number."""
    text = write(side, words).replace("%", "%%")
    return text if isinstance(side, Number) else f"{text} %s"


def figures(left: float, right: float) -> tuple[str, str]:
    """Two numbers in the fewest figures that keep them apart: 29.96 beside 30 is not written 30."""
    texts = _short(left), _short(right)
    if left == right or texts[0] != texts[1]:
        return texts
    for digits in range(_DIGITS + 1, _DIGITS_MAX + 1):
        texts = _figure(left, digits), _figure(right, digits)
        if texts[0] != texts[1]:
            return texts
    return repr(left), repr(right)


def _short(value: float) -> str:
    """In the figures that come first; most numbers are prices and volumes, without places, or percentages."""
    size = abs(value)
    if 100 <= size < 1e14:
        return f"{value:,.0f}"
    if 1 <= size < 9.99:
        return _trimmed(f"{value:.2f}")
    if 10 <= size < 99.9:
        return _trimmed(f"{value:.1f}")
    return _figure(value, _DIGITS)


def _figure(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "?"
    size = math.floor(math.log10(abs(value))) + 1 if value else 1
    if size > 15 or size < -4:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - max(size, 1) if size > 0 else digits - size)
    return _trimmed(f"{value:,.{places}f}")


def _trimmed(text: str) -> str:
    """Without zeros at the end of its places."""
    return text.rstrip("0").rstrip(".") if "." in text else text
