"""The place in one text that is being read: its tokens, brackets, depth and size, with an error for each limit."""

from __future__ import annotations

import msgspec

from ralph.errors import BadExpression
from ralph.screens import complaints
from ralph.screens.tokens import Token, tokenize
from ralph.screens.tree import Node, Span

DEPTH_MAX = 32  # brackets, calls, `not` and signs within each other
NODES_MAX = 200  # of one tree

_CLOSING = {"(": ")", "[": "]"}


class Reader:
    """Takes tokens in order."""

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

    @property
    def _after_next(self) -> Token:
        """The one behind it."""
        return self._tokens[min(self._index + 1, len(self._tokens) - 1)]

    def _take(self) -> Token:
        token = self._next
        self._index += token.kind != "end"
        return token

    def _stands(self, *words: str) -> bool:
        """Whether the next token is one of these; a quoted name never is."""
        return self._next.kind != "string" and self._next.text in words

    def _made(self, node: Node, start: int) -> Node:
        """The node with its place, counted."""
        self._nodes += 1
        end = self._tokens[max(self._index - 1, 0)].end
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

    def _close(self, opening: Token) -> None:
        closing = _CLOSING[opening.text]
        token = self._next
        if self._stands(closing):
            self._take()
            return
        if self._stands(")", "]"):
            message = f"{opening.text} is closed by {closing}, not by {token.text}"
            raise BadExpression(message, position=token.start, suggestion=closing)
        if token.kind == "end":
            message = f"this {opening.text} is never closed"
            raise BadExpression(message, position=opening.start, suggestion=f"{closing} at the end")
        raise complaints.left_over(token)
