"""Makes the node of a called function from its arguments, each checked for its kind."""

from __future__ import annotations

from typing import Any as Anything
from typing import cast

from ralph.errors import BadExpression
from ralph.indicators.indicator import PERIOD_MAX
from ralph.screens import complaints
from ralph.screens.calls import Argument
from ralph.screens.catalogue import FUNCTIONS, Kind, indicators
from ralph.screens.tokens import Token
from ralph.screens.tree import (
    Across,
    All,
    Comparison,
    Count,
    Field,
    Function,
    History,
    Lasting,
    Net,
    Node,
    Number,
    Offset,
    Reading,
    Since,
    is_condition,
    is_constant,
)

_BARS_LEAST = {"percentile": 2}


def as_kind(node: Node, kind: Kind) -> Node:
    """The node, which has to be of a kind; BadExpression points at it."""
    if kind == "condition" and not is_condition(node):
        raise at(node, f"a condition is needed here, and {node} is a number", f"a comparison, such as {node} > 0")
    if kind == "number" and is_condition(node):
        raise at(node, f"a number is needed here, and {node} is true or false", "a number, such as close")
    return node


def at(node: Node, message: str, suggestion: str) -> BadExpression:
    """An error that points at a node."""
    length = node.span.end - node.span.start
    return BadExpression(message, position=node.span.start, length=length, suggestion=suggestion)


def call(token: Token, arguments: list[Argument]) -> Node:
    """The node a function makes of its arguments."""
    nodes = _checked(token, arguments)
    name = cast(Anything, token.text)
    match token.text:
        case "abs" | "min" | "max":
            return Function(name=name, arguments=tuple(nodes))  # type: ignore[arg-type]
        case "between":
            return between(*nodes)
        case "new_high" | "new_low":
            return _extreme(token.text, _bars(token.text, nodes[0]))
        case "foreign_net" | "inst_net" | "indiv_net":
            return Net(investor=name.removesuffix("_net"), bars=_bars(token.text, nodes[0]))
        case "rs_rating":
            return Across(name="rs_rating")
    _varying(nodes[0])
    below = cast(Anything, nodes[0])
    match token.text:
        case "change" | "percentile":
            return History(name=name, operand=below, bars=_bars(token.text, nodes[1]))
        case "count":
            return Count(part=below, bars=_bars(token.text, nodes[1]))
        case "since":
            return Since(part=below)
        case "any" | "all":
            return Lasting(name=name, part=below, bars=_bars(token.text, nodes[1]))
        case _:
            return Across(name=name, operand=below)


def between(value: Node, low: Node, high: Node) -> Node:
    """From low to high, both included."""
    least = Comparison(op=">=", left=value, right=low, span=value.span)  # type: ignore[arg-type]
    most = Comparison(op="<=", left=value, right=high, span=value.span)  # type: ignore[arg-type]
    return All(parts=(least, most))


def _extreme(name: str, bars: int) -> Comparison:
    """A high above, or a low below, those of the bars before."""
    indicator, field, op = ("highest", "high", ">") if name == "new_high" else ("lowest", "low", "<")
    found = indicators()[indicator]
    reading = Reading(
        indicator=indicator, params=(("period", float(bars)),), mode="tv", output=found.outputs[0], source=None
    )
    return Comparison(op=cast(Anything, op), left=Field(name=field), right=Offset(operand=reading, bars=1))


def _checked(token: Token, arguments: list[Argument]) -> list[Node]:
    signature = FUNCTIONS[token.text]
    least, most = len(signature.takes), signature.most
    wrong = next((one.token for one in arguments if one.name or one.node is None), None)
    if wrong is None and len(arguments) > most:
        wrong = arguments[most].token
    if len(arguments) < least or wrong is not None:
        count = f"{least}" if least == most else f"{least} or more"
        plural = "argument" if count == "1" else "arguments"
        raise complaints.at(wrong or token, f"{token.text} takes {count} {plural} without names", signature.example)
    kinds = (*signature.takes, *signature.takes[-1:] * (len(arguments) - least))
    return [as_kind(cast(Node, one.node), kind) for one, kind in zip(arguments, kinds, strict=True)]


def _bars(name: str, node: Node) -> int:
    least = _BARS_LEAST.get(name, 1)
    if isinstance(node, Number) and node.value == int(node.value) and least <= node.value <= PERIOD_MAX:
        return int(node.value)
    accepted = f"a whole number from {least} to {PERIOD_MAX}"
    raise at(node, f"{name} counts bars: {accepted}", accepted)


def _varying(node: Node) -> None:
    if is_constant(node):
        raise at(node, "this is the same on every bar: use a column or an indicator", FUNCTIONS["change"].example)
