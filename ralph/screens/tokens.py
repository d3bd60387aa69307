"""Cuts a screen's text into tokens with exact positions, and says what is wrong with a character that fits nowhere."""

from __future__ import annotations

import math
import re
from typing import Literal

import msgspec

from ralph.errors import BadExpression
from ralph.screens.catalogue import synonyms

TEXT_MAX = 2_000  # characters of one screen

UNITS = {
    "%": -2,
    "천": 3,
    "만": 4,
    "십만": 5,
    "백만": 6,
    "천만": 7,
    "억": 8,
    "십억": 9,
    "백억": 10,
    "천억": 11,
    "조": 12,
}
"""What may stand directly behind a number, as a power of ten."""

BAR_UNITS = {"일": 1.0, "봉": 1.0, "주": 252 / 52, "개월": 21.0, "년": 252.0}
"""Stretches of time behind a number, in bars: a year of 52 weeks has 252."""

NAME_MAX = 100  # characters of a quoted name

_SPACES = " \t\r\n\u00a0\u3000"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(?:e([+-]?\d+))?", re.ASCII | re.IGNORECASE)
_NAME = re.compile(r"[^\W\d]\w*")
_UNIT = re.compile(r"%|[^\W\d]\w*")
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")
_OPERATOR = re.compile(r"<=|>=|==|!=|[<>=+\-*/()\[\],.]")
_FOREIGN = {
    "&&": "and",
    "||": "or",
    "<>": "!=",
    "=>": ">=",
    "=<": "<=",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "&": "and",
    "|": "or",
    "!": "not",
    "×": "*",
    "÷": "/",
    "−": "-",
    "–": "-",
    "＜": "<",
    "＞": ">",
    "＝": "=",
    "（": "(",
    "）": ")",
    "，": ",",
    "％": "%",
    "“": '"',
    "”": '"',
}
"""Signs of other languages and keyboards, and ours for the same; longer ones first."""

_FOREIGN_SIGN = re.compile("|".join(re.escape(sign) for sign in _FOREIGN))


class Token(msgspec.Struct, frozen=True):
    """A piece of the text, from `start` to before `end`.

    Names are lower case and in English (종가 is close), numbers carry their value, strings are without quotes.
    """

    kind: Literal["number", "name", "string", "operator", "end"]
    text: str
    start: int
    end: int
    value: float = 0.0


def tokenize(text: str) -> list[Token]:
    """All tokens, the last of kind "end". BadExpression for a character, number or unit that means nothing here."""
    if len(text) > TEXT_MAX:
        raise BadExpression(
            f"a screen has at most {TEXT_MAX:,} characters, not {len(text):,}",
            position=TEXT_MAX,
            length=len(text) - TEXT_MAX,
            suggestion="a shorter text",
        )
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in _SPACES:
            at += 1
            continue
        token = _token(text, at)
        tokens.append(token)
        at = token.end
    tokens.append(Token("end", "", len(text), len(text)))
    return tokens


def _token(text: str, at: int) -> Token:
    if number := _NUMBER.match(text, at):
        return _number(text, number)
    if name := _NAME.match(text, at):
        word = name.group().lower()
        return Token("name", synonyms().get(word, word), at, name.end())
    if text[at] in "\"'":
        return _string(text, at)
    if (foreign := _FOREIGN_SIGN.match(text, at)) and text[at : at + 2] != "!=":
        sign, ours = foreign.group(), _FOREIGN[foreign.group()]
        raise BadExpression(f"{sign} is written {ours} here", position=at, length=len(sign), suggestion=ours)
    if operator := _OPERATOR.match(text, at):
        return Token("operator", operator.group(), at, operator.end())
    if text[at] == "%":
        raise BadExpression(
            "% stands directly behind a number, as in 5%", position=at, suggestion="a number in front of it, as in 5%"
        )
    raise BadExpression(
        f"the character {_shown(text[at])} means nothing in a screen",
        position=at,
        suggestion="letters, digits, and . , + - * / < > = ! ( ) [ ] %",
    )


def _string(text: str, at: int) -> Token:
    quoted = _QUOTED.match(text, at)
    if quoted is None:
        raise BadExpression("this quote is never closed", position=at, suggestion=f"{text[at]} behind the name")
    name = quoted.group()[1:-1].strip()
    if not 1 <= len(name) <= NAME_MAX or not name.isprintable() or '"' in name:
        raise BadExpression(
            f"a name in quotes has 1 to {NAME_MAX} characters that can be printed, and no quotes within",
            position=at,
            length=quoted.end() - at,
            suggestion='a name, as in "KOSPI"',
        )
    return Token("string", name, at, quoted.end())


def _number(text: str, number: re.Match[str]) -> Token:
    start, end, exponent = number.start(), number.end(), int((number[2] or "0")[:6])
    times: float | None = None
    if unit := _UNIT.match(text, end):
        word = unit.group()
        if word not in UNITS and word not in BAR_UNITS:
            raise _bad_unit(text, start, end, word)
        exponent += UNITS.get(word, 0)
        end = unit.end()
        times = BAR_UNITS.get(word)
    value = float(f"{number[1]}e{exponent}")
    if times is not None and math.isfinite(value):
        value = float(round(value * times))
    if not math.isfinite(value):
        raise BadExpression(
            "this number is too large", position=start, length=end - start, suggestion="a number below 1e308"
        )
    return Token("number", text[start:end], start, end, value)


def _bad_unit(text: str, start: int, end: int, word: str) -> BadExpression:
    if word.startswith("_"):
        return BadExpression(
            "numbers are written without _ between digits",
            position=start,
            length=end + len(word) - start,
            suggestion=text[start:end] + word.replace("_", ""),
        )
    return BadExpression(
        f"{word!r} is no unit of a number; the units are {', '.join([*UNITS, *BAR_UNITS])}",
        position=end,
        length=len(word),
        suggestion=", ".join([*UNITS, *BAR_UNITS]),
    )


def _shown(character: str) -> str:
    return repr(character) if character.isprintable() else f"U+{ord(character):04X}"
