"""Reads a screen's text into its tree: a Pratt parser with exact positions, type checks and limits."""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from ralph.catalog import nearest
from ralph.errors import BadExpression
from ralph.indicators.indicator import PERIOD_MAX
from ralph.screens import complaints
from ralph.screens.calls import Argument, bind, words_of
from ralph.screens.catalogue import COLUMNS, CROSSINGS, FUNCTIONS, indicators
from ralph.screens.tokens import Token, tokenize
from ralph.screens.tree import (
    All,
    Any,
    Arithmetic,
    Comparison,
    ComparisonOp,
    Condition,
    Crossing,
    Field,
    Function,
    Negative,
    Node,
    Not,
    Number,
    Numeric,
    Offset,
    Reading,
    Span,
    is_condition,
)
from ralph.screens.writing import AND, ARITHMETIC_POWER, COMPARE, NEGATE, NOT, OR

DEPTH_MAX = 32  # brackets, calls, `not` and signs within each other
NODES_MAX = 200  # of one tree
OFFSET_MAX = PERIOD_MAX

_COMPARISONS = ("<", "<=", ">", ">=", "=", "==", "!=")
_LOGIC = {"or": OR, "and": AND}
_CLOSING = {"(": ")", "[": "]"}


def parse(text: str) -> Condition:
    """The condition a text states. BadExpression points at what cannot be understood; nothing else is raised."""
    reader = _Reader(text)
    return reader.condition(reader.whole())


def parse_number(text: str) -> Numeric:
    """The number a text states, as for a column shown beside matches. BadExpression as in `parse`."""
    reader = _Reader(text)
    return reader.number(reader.whole())


class _Reader:
    """The place in one text that is being read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._index = 0
        self._depth = 0
        self._nodes = 0

    @property
    def _next(self) -> Token:
        """The token about to be read."""
        return self._tokens[self._index]

    def _take(self) -> Token:
        token = self._next
        self._index += token.kind != "end"
        return token

    def whole(self) -> Node:
        if len(self._tokens) == 1:
            raise BadExpression("the screen is empty", position=0, suggestion="a condition, such as rsi(14) < 30")
        node = self._expression(0)
        after = self._next
        if after.kind != "end":
            raise complaints.left_over(after)
        return node

    def number(self, node: Node) -> Numeric:
        """The node, which has to be a number."""
        if is_condition(node):
            raise _at(node, f"a number is needed here, and {node} is true or false", "a number, such as close")
        return cast(Numeric, node)

    def condition(self, node: Node) -> Condition:
        """The node, which has to be a condition."""
        if not is_condition(node):
            raise _at(node, f"a condition is needed here, and {node} is a number", f"a comparison, such as {node} > 0")
        return cast(Condition, node)

    def _made(self, node: Node, start: int) -> Node:
        self._nodes += 1
        end = self._tokens[self._index - 1].end
        if self._nodes > NODES_MAX:
            raise BadExpression(
                f"a screen has at most {NODES_MAX} numbers, names and operators",
                position=start,
                length=end - start,
                suggestion="a shorter screen",
            )
        return msgspec.structs.replace(node, span=Span(start, end))

    def _deeper(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise complaints.at(token, f"brackets, calls, signs and not go at most {DEPTH_MAX} deep", "fewer brackets")

    def _expression(self, power: int) -> Node:
        left = self._operand()
        while True:
            token = self._next
            own = self._infix_power(token)
            if own <= power:
                return left
            self._take()
            if own == COMPARE:
                left = self._compared(left, token)
            elif own in (OR, AND):
                left = self._joined(left, token, own)
            else:
                right = self.number(self._expression(own))
                made = Arithmetic(op=token.text, left=self.number(left), right=right)  # type: ignore[arg-type]
                left = self._made(made, left.span.start)

    def _infix_power(self, token: Token) -> int:
        if token.kind == "name":
            return COMPARE if token.text in CROSSINGS else _LOGIC.get(token.text, 0)
        if token.kind == "operator":
            return COMPARE if token.text in _COMPARISONS else ARITHMETIC_POWER.get(token.text, 0)
        return 0

    def _joined(self, left: Node, token: Token, power: int) -> Node:
        right = self.condition(self._expression(power))
        kind = All if token.text == "and" else Any
        parts: list[Condition] = []
        for side in (self.condition(left), right):
            parts += side.parts if isinstance(side, kind) else (side,)
        return self._made(kind(parts=tuple(parts)), left.span.start)

    def _compared(self, left: Node, token: Token) -> Node:
        right = self.number(self._expression(COMPARE))
        self._check_percent(left, right)
        self._check_percent(right, left)
        made: Node
        if token.text in CROSSINGS:
            made = Crossing(direction=_direction(token), left=self.number(left), right=right)
        else:
            op = cast(ComparisonOp, "==" if token.text == "=" else token.text)
            made = Comparison(op=op, left=self.number(left), right=right)
        made = self._made(made, left.span.start)
        after = self._next
        if self._infix_power(after) == COMPARE:
            self._take()
            far = self.number(self._expression(COMPARE))
            raise complaints.at(
                after,
                "comparisons cannot be chained; join two with and",
                f"{left} {token.text} {right} and {right} {after.text} {far}",
            )
        return made

    def _check_percent(self, side: Node, other: Node) -> None:
        """RSI and its like run from 0 to 100: `rsi < 30%` would compare with 0.3."""
        written = self._text[other.span.start : other.span.end]
        if not (isinstance(side, Reading) and isinstance(other, Number) and written.endswith("%")):
            return
        if indicators()[side.indicator].unit_of(side.output) == "percent":
            raise _at(other, f"{side.indicator} counts from 0 to 100: leave the % out", written.removesuffix("%"))

    def _operand(self) -> Node:
        token = self._take()
        if token.kind == "number":
            node = self._made(Number(token.value), token.start)
        elif token.kind == "name":
            if token.text == "not":
                return self._not(token)
            node = self._named(token)
        elif token.text == "(":
            self._deeper(token)
            node = self._expression(0)
            self._close(token)
            self._depth -= 1
            node = msgspec.structs.replace(node, span=Span(token.start, self._tokens[self._index - 1].end))
        elif token.text in ("-", "+"):
            return self._signed(token)
        else:
            raise complaints.no_operand(token, open_brackets=self._depth > 0)
        return self._offsets(node)

    def _not(self, token: Token) -> Node:
        self._deeper(token)
        part = self.condition(self._expression(NOT))
        self._depth -= 1
        return self._made(Not(part=part), token.start)

    def _signed(self, token: Token) -> Node:
        self._deeper(token)
        operand = self.number(self._expression(NEGATE))
        self._depth -= 1
        if token.text == "+":
            return operand
        if isinstance(operand, Number):
            return Number(0.0 - operand.value, span=Span(token.start, operand.span.end))
        return self._made(Negative(operand=operand), token.start)

    def _offsets(self, node: Node) -> Node:
        while self._next.text == "[":
            opening = self._take()
            bars = self._take()
            if bars.kind != "number" or bars.value != int(bars.value) or bars.value > OFFSET_MAX:
                raise complaints.at(
                    bars,
                    f"an offset counts bars back: a whole number from 0 to {OFFSET_MAX}",
                    "1 for the bar before, as in close[1]",
                )
            self._close(opening)
            node = self._made(self._moved(node, int(bars.value), bars), node.span.start)
        if self._next.text == "." and isinstance(node, Offset) and isinstance(node.operand, Reading):
            raise complaints.at(
                self._next, "an output is named before the offset", f"{node.operand}.output[{node.bars}]"
            )
        return node

    def _moved(self, node: Node, bars: int, token: Token) -> Node:
        inner, before = (node.operand, node.bars) if isinstance(node, Offset) else (node, 0)
        if before + bars > OFFSET_MAX:
            raise complaints.at(
                token, f"offsets reach back at most {OFFSET_MAX} bars together", f"at most {OFFSET_MAX - before}"
            )
        if before + bars == 0 or isinstance(inner, Number):
            return inner
        return Offset(operand=inner, bars=before + bars)

    def _named(self, token: Token) -> Node:
        name = token.text
        if name in COLUMNS:
            if self._next.text == "(":
                raise complaints.at(
                    self._next, f"{name} is a column, not a function", f"{name}[5] for five bars before"
                )
            node = self._made(Field(name), token.start)
            if self._next.text == ".":
                raise complaints.at(self._next, f"{name} has no outputs", name)
            return node
        arguments = self._arguments(words_of(name)) if self._next.text == "(" else None
        if name in FUNCTIONS:
            return self._function(token, arguments)
        if name in CROSSINGS:
            left, right = self._numbers(token, arguments, (2, 2))
            return self._made(Crossing(direction=_direction(token), left=left, right=right), token.start)
        if name in indicators():
            reading = bind(indicators()[name], arguments or [], token)
            return self._made(self._output(reading), token.start)
        if name in _LOGIC:
            raise complaints.no_operand(token, open_brackets=self._depth > 0)
        raise complaints.unknown(token, called=arguments is not None)

    def _function(self, token: Token, arguments: list[Argument] | None) -> Node:
        numbers = self._numbers(token, arguments, FUNCTIONS[token.text])
        return self._made(Function(name=token.text, arguments=tuple(numbers)), token.start)  # type: ignore[arg-type]

    def _numbers(self, token: Token, arguments: list[Argument] | None, wanted: tuple[int, int]) -> list[Numeric]:
        least, most = wanted
        given = arguments or []
        wrong = next((one.token for one in given if one.name), given[most].token if len(given) > most else None)
        if len(given) < least or wrong is not None:
            count = f"{least}" if least == most else f"{least} or more"
            at = wrong or token
            raise complaints.at(
                at,
                f"{token.text} takes {count} numbers without names",
                f"{token.text}({', '.join(['close', 'open'][:least])})",
            )
        return [self.number(one.node) for one in given if one.node is not None]

    def _output(self, reading: Reading) -> Reading:
        if self._next.text != ".":
            return reading
        self._take()
        token = self._take()
        outputs = indicators()[reading.indicator].outputs
        if token.text not in outputs:
            listed = ", ".join(outputs)
            raise complaints.at(
                token, f"{reading.indicator} has the outputs {listed}", nearest(token.text, list(outputs)) or listed
            )
        return msgspec.structs.replace(reading, output=token.text)

    def _arguments(self, words: tuple[str, ...]) -> list[Argument]:
        opening = self._take()
        self._deeper(opening)
        found: list[Argument] = []
        while self._next.text != ")":
            found.append(self._argument(words))
            if self._next.text != ",":
                break
            self._take()
        self._close(opening)
        self._depth -= 1
        return found

    def _argument(self, words: tuple[str, ...]) -> Argument:
        token = self._next
        if token.kind == "name" and self._tokens[self._index + 1].text == "=":
            self._take()
            self._take()
            if token.text in words and self._next.kind in ("name", "number"):
                word = self._take()
                return Argument(token.text, None, word)
            return Argument(token.text, self.number(self._expression(0)), token)
        return Argument(None, self.number(self._expression(0)), token)

    def _close(self, opening: Token) -> None:
        closing = _CLOSING[opening.text]
        token = self._next
        if token.text == closing:
            self._take()
            return
        if token.text in (")", "]"):
            message = f"{opening.text} is closed by {closing}, not by {token.text}"
            raise BadExpression(message, position=token.start, suggestion=closing)
        if token.kind == "end":
            message = f"this {opening.text} is never closed"
            raise BadExpression(message, position=opening.start, suggestion=f"{closing} at the end")
        raise complaints.left_over(self._next)


def _direction(token: Token) -> Literal["above", "below"]:
    return "above" if token.text == "crosses_above" else "below"


def _at(node: Node, message: str, suggestion: str) -> BadExpression:
    length = node.span.end - node.span.start
    return BadExpression(message, position=node.span.start, length=length, suggestion=suggestion)
