"""The typed tree of a screen: numbers and conditions, frozen, equal when they mean the same, with a JSON form.

JSON: every node is an object whose "node" names its class in lower case, such as
{"node": "comparison", "op": "<", "left": {"node": "field", "name": "close"}, "right": …}.
"""

from __future__ import annotations

from collections.abc import Iterator
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


class _Node(msgspec.Struct, frozen=True, kw_only=True, tag_field="node", tag=str.lower, forbid_unknown_fields=True):
    span: Span = Span()

    def __str__(self) -> str:
        from ralph.screens.writing import write  # late: writing knows every node

        return write(self)  # type: ignore[arg-type]


class Number(_Node, frozen=True):
    """A finite number; units are already applied: 5% is 0.05, 1억 is 100,000,000."""

    value: float


class Field(_Node, frozen=True):
    """A column of the Panel: open, high, low, close, volume, value."""

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


class Not(_Node, frozen=True):
    part: Condition


class All(_Node, frozen=True):
    """`and`: at least two parts, none of them an All."""

    parts: tuple[Condition, ...]


class Any(_Node, frozen=True):
    """`or`: at least two parts, none of them an Any."""

    parts: tuple[Condition, ...]


Numeric: TypeAlias = Number | Field | Reading | Arithmetic | Negative | Function | Offset
Condition: TypeAlias = Comparison | Crossing | Not | All | Any | Offset
Node: TypeAlias = Numeric | Condition


def is_condition(node: Node) -> bool:
    """Whether a node is true or false; else it is a number."""
    while isinstance(node, Offset):
        node = node.operand
    return isinstance(node, Comparison | Crossing | Not | All | Any)


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below."""
    match node:
        case Reading(source=source) if source is not None:
            return (source,)
        case Arithmetic() | Comparison() | Crossing():
            return (node.left, node.right)
        case Negative() | Offset():
            return (node.operand,)
        case Function():
            return node.arguments
        case Not():
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


def is_constant(node: Node) -> bool:
    """Whether a node is the same for every Symbol and bar."""
    return not any(isinstance(below, Field | Reading) for below in walk(node))


def shifted(node: Numeric, bars: int) -> Numeric:
    """A number `bars` before; offsets of offsets become one."""
    if bars == 0 or isinstance(node, Number):
        return node
    if isinstance(node, Offset):
        return Offset(operand=node.operand, bars=node.bars + bars, span=node.span)
    return Offset(operand=node, bars=bars, span=node.span)


def settled(node: Condition, bars: int = 0, holds: bool = True) -> Condition:
    """The same condition with every `not` and offset moved down to the comparisons.

    What is left: All and Any over Comparison, Crossing and Not(Crossing). `bars` and `holds` are what was met above.
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
        case Crossing():
            moved = Crossing(direction=node.direction, left=shifted(node.left, bars), right=shifted(node.right, bars))
            return moved if holds else Not(part=moved)


def top_parts(node: Condition) -> tuple[Condition, ...]:
    """The parts that must all hold."""
    return node.parts if isinstance(node, All) else (node,)
