"""What is said about a token that cannot stand where it does."""

from __future__ import annotations

from ralph.catalog import nearest
from ralph.errors import BadExpression
from ralph.screens.catalogue import CROSSINGS, FRAMES, FUNCTIONS, LOGIC, NAMES, indicators
from ralph.screens.tokens import Token

_NOT_HERE = {
    "nan": "a missing value matches nothing; leave it out",
    "inf": "numbers are finite; leave it out",
    "infinity": "numbers are finite; leave it out",
    "null": "a missing value matches nothing; leave it out",
    "none": "a missing value matches nothing; leave it out",
    "true": "a comparison, such as close > 0",
    "false": "a comparison, such as close < 0",
}
_NAME_SHOWN_MAX = 40  # characters of an unknown name that are repeated


def at(token: Token, message: str, suggestion: str | None) -> BadExpression:
    """An error that points at a token."""
    return BadExpression(message, position=token.start, length=token.end - token.start, suggestion=suggestion)


def left_over(token: Token) -> BadExpression:
    """A whole expression has been read, and this follows."""
    if token.text in (")", "]"):
        return at(token, f"this {token.text} was never opened", f"the text without this {token.text}")
    if token.text == ",":
        return at(token, "a comma separates arguments only; numbers are written without it", "1000, not 1,000")
    if token.text == ".":
        return at(token, "only an indicator has outputs", "macd(12, 26, 9).hist")
    return at(token, f"{_shown(token)} does not continue the expression", "an operator, and, or")


def no_operand(token: Token, open_brackets: bool) -> BadExpression:
    """A number, name or bracket has to come, and this does."""
    if token.kind == "end":
        message = "the expression ends where a number or a name is missing"
    elif token.text in (")", "]") and not open_brackets:
        message = f"this {token.text} was never opened"
    else:
        message = f"a number or a name is missing before {token.text}"
    return at(token, message, "a number or a name, such as close")


def unknown(token: Token, called: bool) -> BadExpression:
    """A name that is not known; `called` where arguments follow."""
    if token.text in _NOT_HERE:
        return at(token, f"there is no {token.text} in a screen", _NOT_HERE[token.text])
    callable_names = [*indicators(), *FUNCTIONS, *CROSSINGS]
    known = (
        callable_names if called else [*NAMES, *callable_names, *FRAMES, *LOGIC, "market", "sector", "between", "in"]
    )
    guess = nearest(token.text[:_NAME_SHOWN_MAX], known)
    ask = f"; did you mean {guess}?" if guess else ""
    return at(token, f"{_shown(token)} is not known{ask}", guess or ", ".join(known))


def _shown(token: Token) -> str:
    short = token.text if len(token.text) <= _NAME_SHOWN_MAX else token.text[:_NAME_SHOWN_MAX] + "…"
    return short if short.isprintable() else ascii(short)
