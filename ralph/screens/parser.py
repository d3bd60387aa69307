"""Reads a screen's text into its tree: a Pratt parser with exact positions, type checks and limits."""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from ralph.catalog import nearest
from ralph.errors import BadExpression
from ralph.indicators.indicator import PERIOD_MAX
from ralph.screens import complaints, making
from ralph.screens.calls import Argument, bind, words_of
from ralph.screens.catalogue import COMPANY_WORDS, CROSSINGS, FRAMES, FUNCTIONS, LOGIC, NAMES, indicators
from ralph.screens.reader import Reader
from ralph.screens.tokens import Token
from ralph.screens.tree import (
    Across,
    All,
    Any,
    Arithmetic,
    Belongs,
    Comparison,
    ComparisonOp,
    Condition,
    Crossing,
    Field,
    Framed,
    Negative,
    Net,
    Node,
    Not,
    Number,
    Numeric,
    Offset,
    Reading,
    Span,
    walk,
)
from ralph.screens.writing import AND, ARITHMETIC_POWER, COMPARE, NEGATE, NOT, OR

OFFSET_MAX = PERIOD_MAX
NAMES_MAX = 100  # of markets, sectors or numbers in one `in (…)`

COMPARISONS = ("<", "<=", ">", ">=", "=", "==", "!=")
RANGES = ("between", "in")
_POWERS = {"or": OR, "and": AND} | dict.fromkeys((*CROSSINGS, *RANGES), COMPARE)


def parse(text: str) -> Condition:
    """The condition a text states. BadExpression points at what cannot be understood; nothing else is raised."""
    return cast(Condition, _checked(making.as_kind(_Parser(text).whole(), "condition"), text))


def parse_number(text: str) -> Numeric:
    """The number a text states, as for a column shown beside matches. BadExpression as in `parse`."""
    return _number(_checked(_number(_Parser(text).whole()), text))


def _checked(node: Node, text: str) -> Node:
    """The node, if its canonical text, in which nothing is short for anything, keeps to the limits as well."""
    written = str(node)
    if written != text:
        try:
            _Parser(written).whole()
        except BadExpression as error:
            message = f"written out in full this screen is too large: {error.message}"
            raise BadExpression(message, position=0, length=len(text), suggestion="a shorter screen") from None
    return node


class _Parser(Reader):
    """Expressions by how tightly they hold, operands by their first token."""

    def whole(self) -> Node:
        if len(self._tokens) == 1:
            raise BadExpression("the screen is empty", position=0, suggestion="a condition, such as rsi(14) < 30")
        node = self._expression(0)
        after = self._next
        if after.kind != "end":
            raise complaints.left_over(after)
        return node

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
                right = _number(self._expression(own))
                made = Arithmetic(op=token.text, left=_number(left), right=right)  # type: ignore[arg-type]
                left = self._made(made, left.span.start)

    def _infix_power(self, token: Token) -> int:
        if token.kind == "name":
            if token.text == "not":
                return COMPARE if self._after_next.text in RANGES else 0
            return _POWERS.get(token.text, 0)
        if token.kind == "operator":
            return COMPARE if token.text in COMPARISONS else ARITHMETIC_POWER.get(token.text, 0)
        return 0

    def _joined(self, left: Node, token: Token, power: int) -> Node:
        right = _condition(self._expression(power))
        kind = All if token.text == "and" else Any
        parts: list[Condition] = []
        for side in (_condition(left), right):
            parts += side.parts if isinstance(side, kind) else (side,)
        return self._made(kind(parts=tuple(parts)), left.span.start)

    def _compared(self, left: Node, token: Token) -> Node:
        is_range = token.text == "not" or token.text in RANGES
        made = self._ranged(left, token) if is_range else self._sided(left, token)
        after = self._next
        if self._infix_power(after) == COMPARE:
            raise complaints.at(
                after, "comparisons cannot be chained; join two with and", self._unchained(left, token, made)
            )
        return made

    def _unchained(self, left: Node, token: Token, made: Node) -> str:
        """What a chain of two comparisons was to say."""
        after = self._take()
        if not isinstance(made, Comparison | Crossing) or after.text == "not" or after.text in RANGES:
            return f"{made} and ..."
        return f"{left} {token.text} {made.right} and {made.right} {after.text} {_number(self._expression(COMPARE))}"

    def _sided(self, left: Node, token: Token) -> Node:
        right = _number(self._expression(COMPARE))
        self._check_percent(left, right)
        self._check_percent(right, left)
        made: Node
        if token.text in CROSSINGS:
            made = Crossing(direction=_direction(token), left=_number(left), right=right)
        else:
            op = cast(ComparisonOp, "==" if token.text == "=" else token.text)
            made = Comparison(op=op, left=_number(left), right=right)
        return self._made(made, left.span.start)

    def _ranged(self, left: Node, token: Token) -> Node:
        """`x between a and b`, `x in (a, b)`, either with `not` before."""
        value = _number(left)
        word = self._take() if token.text == "not" else token
        if word.text == "between":
            low = _number(self._expression(COMPARE))
            if not self._stands("and"):
                raise complaints.at(self._next, "between needs two ends", f"{value} between {low} and {low}")
            self._take()
            parts = making.between(value, low, _number(self._expression(COMPARE)))
        else:
            choices = [Comparison(op="==", left=value, right=one, span=value.span) for one in self._choices()]
            parts = choices[0] if len(choices) == 1 else Any(parts=tuple(choices))
        node = self._made(parts, left.span.start)
        return self._made(Not(part=_condition(node)), left.span.start) if token.text == "not" else node

    def _choices(self) -> list[Numeric]:
        opening = self._open("in lists numbers in brackets", "in (1000, 2000)")
        found = [_number(self._expression(0))]
        while self._stands(",") and len(found) < NAMES_MAX:
            self._take()
            found.append(_number(self._expression(0)))
        self._close(opening)
        self._depth -= 1
        return found

    def _open(self, message: str, suggestion: str) -> Token:
        if not self._stands("("):
            raise complaints.at(self._next, message, suggestion)
        opening = self._take()
        self._deeper(opening)
        return opening

    def _check_percent(self, side: Node, other: Node) -> None:
        """RSI and its like run from 0 to 100: `rsi < 30%` would compare with 0.3."""
        written = self._text[other.span.start : other.span.end]
        if not (isinstance(side, Reading) and isinstance(other, Number) and written.endswith("%")):
            return
        if indicators()[side.indicator].unit_of(side.output) == "percent":
            message = f"{side.indicator} counts from 0 to 100: leave the % out"
            raise making.at(other, message, written.removesuffix("%"))

    def _operand(self) -> Node:
        token = self._take()
        if token.kind == "number":
            node = self._made(Number(value=token.value), token.start)
        elif token.kind == "name":
            if token.text == "not":
                return self._not(token)
            node = self._named(token)
        elif token.kind == "operator" and token.text == "(":
            self._deeper(token)
            node = self._expression(0)
            self._close(token)
            self._depth -= 1
            node = msgspec.structs.replace(node, span=Span(token.start, self._tokens[self._index - 1].end))
        elif token.kind == "operator" and token.text in ("-", "+"):
            return self._signed(token)
        else:
            raise complaints.no_operand(token, open_brackets=self._depth > 0)
        return self._offsets(node)

    def _not(self, token: Token) -> Node:
        self._deeper(token)
        part = _condition(self._expression(NOT))
        self._depth -= 1
        return self._made(Not(part=part), token.start)

    def _signed(self, token: Token) -> Node:
        self._deeper(token)
        operand = _number(self._expression(NEGATE))
        self._depth -= 1
        if token.text == "+":
            return operand
        if isinstance(operand, Number):
            return Number(value=0.0 - operand.value, span=Span(token.start, operand.span.end))
        return self._made(Negative(operand=operand), token.start)

    def _offsets(self, node: Node) -> Node:
        while self._stands("["):
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
        if self._stands(".") and isinstance(node, Offset) and isinstance(node.operand, Reading):
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
        if name in FRAMES:
            return self._framed(token)
        if name in ("market", "sector", "in"):
            return self._made(self._belongs(token), token.start)
        if name in NAMES:
            return self._column(token)
        arguments = self._arguments(words_of(name)) if self._stands("(") else None
        if name in FUNCTIONS:
            return self._made(making.call(token, arguments or []), token.start)
        if name in CROSSINGS:
            left, right = self._sides(token, arguments or [])
            return self._made(Crossing(direction=_direction(token), left=left, right=right), token.start)
        if name in indicators():
            reading = bind(indicators()[name], arguments or [], token)
            return self._made(self._output(reading), token.start)
        if name in LOGIC or name in RANGES:
            raise complaints.no_operand(token, open_brackets=self._depth > 0)
        raise complaints.unknown(token, called=arguments is not None)

    def _column(self, token: Token) -> Node:
        name = token.text
        if self._stands("("):
            raise complaints.at(self._next, f"{name} is a column, not a function", f"{name}[5] for five bars before")
        node = self._made(Field(name=name), token.start)
        if self._stands("."):
            raise complaints.at(self._next, f"{name} has no outputs", name)
        return node

    def _framed(self, token: Token) -> Node:
        """What stands directly behind the point, offsets included, is of weeks or months."""
        if not self._stands("."):
            raise complaints.at(token, f"{token.text} stands before a number of its bars", f"{token.text}.close")
        self._deeper(self._take())
        operand = _number(self._operand())
        self._depth -= 1
        outside = next((below for below in walk(operand) if _is_outside(below)), None)
        if outside is not None or not any(isinstance(below, Field | Reading) for below in walk(operand)):
            message = f"{token.text} is for prices, volume and indicators"
            raise making.at(outside or operand, message, f"{token.text}.close, {token.text}.rsi(14)")
        return self._made(Framed(frame=cast(Literal["weekly"], token.text), operand=operand), token.start)

    def _belongs(self, token: Token) -> Node:
        """`market == NAME`, `sector in (NAME, …)`, and from `in` on `in list NAME` or `in screen NAME`."""
        if token.text == "in":
            of = self._take()
            if of.kind == "string" or of.text not in ("list", "screen"):
                raise complaints.at(of, "in stands before list or screen here", 'in list "core"')
            return Belongs(of=cast(Literal["list"], of.text), names=(self._name(),))
        kind = cast(Literal["market"], token.text)
        denied = self._stands("not") and self._after_next.text == "in"
        if denied:
            self._take()
        if not self._stands("in", "==", "=", "!="):
            raise complaints.at(self._next, f"{kind} is compared with a name", f'{kind} == "{_EXAMPLES[kind]}"')
        op = self._take().text
        denied = denied or op == "!="
        node = Belongs(of=kind, names=self._names() if op == "in" else (self._name(),))
        return self._made(Not(part=node), token.start) if denied else node

    def _names(self) -> tuple[str, ...]:
        opening = self._open("in lists names in brackets", 'in ("KOSPI", "KOSDAQ")')
        found = [self._name()]
        while self._stands(",") and len(found) < NAMES_MAX:
            self._take()
            found.append(self._name())
        self._close(opening)
        self._depth -= 1
        return tuple(dict.fromkeys(found))

    def _name(self) -> str:
        token = self._take()
        if token.kind == "string":
            return token.text
        if token.kind == "name":
            return self._text[token.start : token.end]
        raise complaints.at(token, "a name is missing here", '"KOSPI"')

    def _sides(self, token: Token, arguments: list[Argument]) -> tuple[Numeric, Numeric]:
        wrong = next((one.token for one in arguments if one.name), arguments[2].token if len(arguments) > 2 else None)
        if len(arguments) < 2 or wrong is not None:
            raise complaints.at(
                wrong or token, f"{token.text} takes 2 numbers without names", f"{token.text}(close, open)"
            )
        left, right = (_number(cast(Node, one.node)) for one in arguments)
        return left, right

    def _output(self, reading: Reading) -> Reading:
        if not self._stands("."):
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
        while not self._stands(")"):
            found.append(self._argument(words))
            if not self._stands(","):
                break
            self._take()
        self._close(opening)
        self._depth -= 1
        return found

    def _argument(self, words: tuple[str, ...]) -> Argument:
        token = self._next
        if token.kind == "name" and self._after_next.text == "=" and token.text not in ("market", "sector"):
            self._take()
            self._take()
            if token.text in words and self._next.kind in ("name", "number"):
                word = self._take()
                return Argument(token.text, None, word)
            return Argument(token.text, self._expression(0), token)
        return Argument(None, self._expression(0), token)


_EXAMPLES = {"market": "KOSPI", "sector": "반도체"}


def _number(node: Node) -> Numeric:
    return cast(Numeric, making.as_kind(node, "number"))


def _condition(node: Node) -> Condition:
    return cast(Condition, making.as_kind(node, "condition"))


def _is_outside(node: Node) -> bool:
    """Whether a node knows days only."""
    return isinstance(node, Net | Framed | Belongs | Across) or (isinstance(node, Field) and node.name in COMPANY_WORDS)


def _direction(token: Token) -> Literal["above", "below"]:
    return "above" if token.text == "crosses_above" else "below"
