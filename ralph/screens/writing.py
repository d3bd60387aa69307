"""Writes a tree as text: the canonical form, which reads back as the same tree, and a Korean reading of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ralph.indicators.indicator import Indicator
from ralph.screens.catalogue import COLUMN_WORDS, COMPANY_WORDS, FRAMES, FUNCTIONS, MEMBERSHIPS, indicators
from ralph.screens.tree import (
    Across,
    All,
    Any,
    Arithmetic,
    Belongs,
    Comparison,
    Count,
    Crossing,
    Field,
    Framed,
    Function,
    History,
    Lasting,
    Negative,
    Net,
    Node,
    Not,
    Number,
    Numeric,
    Offset,
    Reading,
    Since,
)

OR, AND, NOT, COMPARE, SUM, PRODUCT, NEGATE, POSTFIX = range(1, 9)
"""How tightly each kind of node holds its parts; the grammar reads with the same numbers."""

ARITHMETIC_POWER = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT}


class Words(NamedTuple):
    """How names are said in a language."""

    field: Callable[[str], str]
    indicator: Callable[[Indicator], str]
    function: Callable[[str], str]
    offset: Callable[[str, int], str]
    frame: Callable[[str], str]
    membership: Callable[[str, list[str]], str]


def _membership(of: str, names: list[str]) -> str:
    if of in ("list", "screen"):
        return f"in {of} {names[0]}"
    return f"{of} == {names[0]}" if len(names) == 1 else f"{of} in ({', '.join(names)})"


def _korean_membership(of: str, names: list[str]) -> str:
    return f"{MEMBERSHIPS[of].ko} {', '.join(names)}"


CANONICAL = Words(
    field=str,
    indicator=lambda indicator: indicator.name,
    function=str,
    offset=lambda text, bars: f"{text}[{bars}]",
    frame=lambda name: f"{name}.",
    membership=_membership,
)
KOREAN = Words(
    field=lambda name: (COLUMN_WORDS.get(name) or COMPANY_WORDS[name]).ko,
    indicator=lambda indicator: indicator.name.upper(),
    function=lambda name: FUNCTIONS[name].word.ko,
    offset=lambda text, bars: f"{bars}봉 전 {text}",
    frame=lambda name: f"{FRAMES[name].ko} ",
    membership=_korean_membership,
)


def write(node: Node, words: Words = CANONICAL) -> str:
    """The node as text; with CANONICAL words `parse` reads the same tree back."""
    return _write(node, words)[0]


def write_number(value: float) -> str:
    """A number as the grammar reads it: no unit, no separators, nothing lost."""
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def _at(node: Node, words: Words, power: int) -> str:
    text, own = _write(node, words)
    return text if own >= power else f"({text})"


def _write(node: Node, words: Words) -> tuple[str, int]:
    match node:
        case Number(value=value):
            return write_number(value), NEGATE if value < 0 else POSTFIX
        case Field(name=name):
            return words.field(name), POSTFIX
        case Reading():
            return _reading(node, words), POSTFIX
        case Function(name=name, arguments=arguments):
            return f"{words.function(name)}({_listed(arguments, words)})", POSTFIX
        case Offset(operand=operand, bars=bars):
            # Behind the point of a frame an offset counts its bars: outside, brackets keep the two apart.
            text = _at(operand, words, POSTFIX + isinstance(operand, Framed))
            return words.offset(text, bars), POSTFIX
        case History(name=name, operand=operand, bars=bars):
            return f"{words.function(name)}({write(operand, words)}, {bars})", POSTFIX
        case Count(part=part, bars=bars):
            return f"{words.function('count')}({write(part, words)}, {bars})", POSTFIX
        case Since(part=part):
            return f"{words.function('since')}({write(part, words)})", POSTFIX
        case Net(investor=investor, bars=bars):
            return f"{words.function(f'{investor}_net')}({bars})", POSTFIX
        case Across(name=name, operand=below):
            return f"{words.function(name)}({'' if below is None else write(below, words)})", POSTFIX
        case Framed(frame=frame, operand=operand):
            return f"{words.frame(frame)}{_at(operand, words, POSTFIX)}", POSTFIX
        case Lasting(name=name, part=part, bars=bars):
            return f"{words.function(name)}({write(part, words)}, {bars})", POSTFIX
        case Belongs(of=of, names=names):
            return words.membership(of, [f'"{name}"' for name in names]), COMPARE
        case Negative(operand=operand):
            return f"-{_at(operand, words, NEGATE)}", NEGATE
        case Arithmetic(op=op, left=left, right=right):
            power = ARITHMETIC_POWER[op]
            return f"{_at(left, words, power)} {op} {_at(right, words, power + 1)}", power
        case Comparison(op=op, left=left, right=right):
            return f"{_at(left, words, SUM)} {op} {_at(right, words, SUM)}", COMPARE
        case Crossing(direction=direction, left=left, right=right):
            return f"crosses_{direction}({_listed((left, right), words)})", POSTFIX
        case Not(part=part):
            return f"not {_at(part, words, NOT)}", NOT
        case All(parts=parts):
            return " and ".join(_at(part, words, NOT) for part in parts), AND
        case Any(parts=parts):
            return " or ".join(_at(part, words, AND) for part in parts), OR


def _listed(nodes: tuple[Numeric, ...], words: Words) -> str:
    return ", ".join(write(node, words) for node in nodes)


def _params(reading: Reading) -> Iterator[str]:
    """The parameters in their order; from the first word on with their names."""
    named = False
    for name, value in reading.params:
        named = named or isinstance(value, str)
        text = value if isinstance(value, str) else write_number(value)
        yield f"{name}={text}" if named else text


def _reading(reading: Reading, words: Words) -> str:
    indicator = indicators().get(reading.indicator)
    arguments = [] if reading.source is None else [write(reading.source, words)]
    arguments += _params(reading)
    if reading.mode != "tv":
        arguments.append(f"mode={reading.mode}")
    name = reading.indicator if indicator is None else words.indicator(indicator)
    called = f"{name}({', '.join(arguments)})" if arguments else name
    default = None if indicator is None else indicator.outputs[0]
    return called if reading.output == default else f"{called}.{reading.output}"
