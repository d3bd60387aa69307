"""The typed tree of a screen: numbers and conditions, frozen, equal when they mean the same, with a JSON form.

JSON: every node is an object whose "node" names its class in lower case, such as
{"node": "comparison", "op": "<", "left": {"node": "field", "name": "close"}, "right": …}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

import msgspec

from ralph.indicators.indicator import Mode

ComparisonOp: TypeAlias = Literal["<", "<=", ">", ">=", "==", "!="]
NEGATED: dict[ComparisonOp, ComparisonOp] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class Span(msgspec.Struct, frozen=True, array_like=True, eq=False):
    """Where a node stands in the text it was read from. All spans are equal: place is no part of the meaning."""

    start: int = 0
    end: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Span)

    def __hash__(self) -> int:
        return 0


class _Node(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="node",
    tag=str.lower,
    forbid_unknown_fields=True,
    cache_hash=True,
):
    span: Span = Span()

    def __str__(self) -> str:
        from ralph.screens.writing import write  # late: writing knows every node

        return write(self)  # type: ignore[arg-type]


class Number(_Node, frozen=True):
    """A finite number; units are already applied: 5% is 0.05, 1억 is 100,000,000."""

    value: float


class Field(_Node, frozen=True):
    """A column of the Panel (open, high, low, close, volume, value), a mean of prices, or a company's figure."""

    name: str


class Reading(_Node, frozen=True):
    """One output of an indicator. All parameters are given; `source` is None where it is the indicator's default."""

    indicator: str
    params: tuple[tuple[str, float | str], ...]
    mode: Mode
    output: str
    source: Numeric | None = None


class Arithmetic(_Node, frozen=True):
    """left op right; what is divided by zero, or not finite, is missing."""

    op: Literal["+", "-", "*", "/"]
    left: Numeric
    right: Numeric


class Negative(_Node, frozen=True):
    operand: Numeric


class Function(_Node, frozen=True):
    """The absolute value of one number, or the least or greatest of several; missing where one is."""

    name: Literal["abs", "min", "max"]
    arguments: tuple[Numeric, ...]


class History(_Node, frozen=True):
    """percentile: where the value stands among its own newest `bars`, 0-100, ties half; change: x / x[bars] - 1."""

    name: Literal["percentile", "change"]
    operand: Numeric
    bars: int


class Count(_Node, frozen=True):
    """On how many of the newest `bars` the part held; missing where it is missing on one of them."""

    part: Condition
    bars: int


class Since(_Node, frozen=True):
    """Bars since the part last held: 0 where it does now; missing where it never did."""

    part: Condition


class Net(_Node, frozen=True):
    """Net buying in won over the newest `bars`; missing where one of them has none stored."""

    investor: Literal["foreign", "inst", "indiv"]
    bars: int


class Across(_Node, frozen=True):
    """A place or figure among the Symbols of the universe on the Session of each bar; rs_rating has no operand."""

    name: Literal["rank", "market_percentile", "market_median", "sector_rank", "sector_median", "rs_rating"]
    operand: Numeric | None = None


class Framed(_Node, frozen=True):
    """A number over bars of weeks or months, the running one ending at the daily bar it is asked for."""

    frame: Literal["weekly", "monthly"]
    operand: Numeric


class Offset(_Node, frozen=True):
    """What the operand was `bars` traded bars before; missing where there are too few. Plain numbers have no bars."""

    operand: Numeric | Condition
    bars: int


class Comparison(_Node, frozen=True):
    op: ComparisonOp
    left: Numeric
    right: Numeric


class Crossing(_Node, frozen=True):
    """above: left > right now and left <= right one bar before; below: the other way round."""

    direction: Literal["above", "below"]
    left: Numeric
    right: Numeric


class Lasting(_Node, frozen=True):
    """any: the part held on one of the newest `bars`; all: on each of them."""

    name: Literal["any", "all"]
    part: Condition
    bars: int


class Belongs(_Node, frozen=True):
    """Membership on the bar's Session: of one of the markets or sectors; of a list; of what a saved screen selects."""

    of: Literal["market", "sector", "list", "screen"]
    names: tuple[str, ...]


class Not(_Node, frozen=True):
    part: Condition


class All(_Node, frozen=True):
    """`and`: at least two parts, none of them an All."""

    parts: tuple[Condition, ...]


class Any(_Node, frozen=True):
    """`or`: at least two parts, none of them an Any."""

    parts: tuple[Condition, ...]


Numeric: TypeAlias = (
    Number
    | Field
    | Reading
    | Arithmetic
    | Negative
    | Function
    | History
    | Count
    | Since
    | Net
    | Across
    | Framed
    | Offset
)
Condition: TypeAlias = Comparison | Crossing | Lasting | Belongs | Not | All | Any | Offset
Node: TypeAlias = Numeric | Condition
Atom: TypeAlias = Comparison | Crossing | Lasting | Belongs | Not | Offset
"""What a settled condition is made of: the part of a Not is no comparison, the operand of an Offset is a Belongs."""


def is_condition(node: Node) -> bool:
    """Whether a node is true or false; else it is a number."""
    while isinstance(node, Offset):
        node = node.operand
    return isinstance(node, Comparison | Crossing | Lasting | Belongs | Not | All | Any)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Reading(source=below) | Across(operand=below):
            return () if below is None else (below,)
        case Arithmetic() | Comparison() | Crossing():
            return (node.left, node.right)
        case Negative() | Offset() | History() | Framed():
            return (node.operand,)
        case Function():
            return node.arguments
        case Not() | Count() | Since() | Lasting():
            return (node.part,)
        case All() | Any():
            return node.parts
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    """The tree with every node changed, those below first."""
    below = children(node)
    if below:
        new = iter([mapped(child, change) for child in below])
        fields: dict[str, object] = {}
        for name in node.__struct_fields__:
            value = getattr(node, name)
            if isinstance(value, _Node):
                fields[name] = next(new)
            elif isinstance(value, tuple) and value and isinstance(value[0], _Node):
                fields[name] = tuple(next(new) for _ in value)
        node = msgspec.structs.replace(node, **fields)
    return change(node)


def is_constant(node: Node) -> bool:
    """Whether a node is the same for every Symbol and bar."""
    return not any(isinstance(below, Field | Reading | Net | Across | Belongs) for below in walk(node))


def shifted(node: Numeric, bars: int) -> Numeric:
    """A number `bars` before; offsets of offsets become one."""
    if bars == 0 or isinstance(node, Number):
        return node
    if isinstance(node, Offset):
        return Offset(operand=node.operand, bars=node.bars + bars, span=node.span)
    return Offset(operand=node, bars=bars, span=node.span)


def settled(node: Condition, bars: int = 0, holds: bool = True) -> Condition:
    """The same condition with every `not` and offset moved down to the comparisons.

    What is left: All and Any over atoms. `bars` and `holds` are what was met above.
    """
    match node:
        case Offset(operand=operand):
            return settled(operand, bars + node.bars, holds)  # type: ignore[arg-type]
        case Not(part=part):
            return settled(part, bars, not holds)
        case All(parts=parts) | Any(parts=parts):
            kind = All if isinstance(node, All) is holds else Any
            below = [settled(part, bars, holds) for part in parts]
            flat = [one for part in below for one in (part.parts if isinstance(part, kind) else (part,))]
            return kind(parts=tuple(flat))
        case Comparison(op=op):
            kept = op if holds else NEGATED[op]
            return Comparison(op=kept, left=shifted(node.left, bars), right=shifted(node.right, bars))
        case Lasting(name=name, part=part):
            kept_name = name if holds else ("all" if name == "any" else "any")
            return Lasting(name=kept_name, part=settled(part, bars, holds), bars=node.bars)
        case Belongs():
            there = Offset(operand=node, bars=bars) if bars else node
            return there if holds else Not(part=there)
        case Crossing():
            moved = Crossing(direction=node.direction, left=shifted(node.left, bars), right=shifted(node.right, bars))
            return moved if holds else Not(part=moved)


def top_parts(node: Condition) -> tuple[Condition, ...]:
    """The parts that must all hold."""
    return node.parts if isinstance(node, All) else (node,)
