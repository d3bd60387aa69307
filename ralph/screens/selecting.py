"""What the evaluation of a screen knows beside bars: lists and saved screens by name, and who asked it to stop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ralph.errors import BadExpression, TooLarge
from ralph.screens.parser import parse
from ralph.screens.tree import Belongs, Condition, Node, mapped, walk

FloatArray: TypeAlias = NDArray[np.float64]
BoolArray: TypeAlias = NDArray[np.bool_]
IndexArray: TypeAlias = NDArray[np.int64]

SCREENS_DEPTH_MAX = 8  # saved screens that name each other
RESOLVED_NODES_MAX = 2_000  # of a screen with all it names


def _go_on() -> None:
    """Nobody wants to stop."""


@dataclass(frozen=True)
class Context:
    """What names in a screen stand for; names are compared without case.

    lists    the Symbols of each list
    screens  the text of each saved screen; it is read as if it stood in brackets in place of its name
    check    called between slices of work; what it raises ends the run
    """

    lists: Mapping[str, Collection[str]] = field(default_factory=dict)
    screens: Mapping[str, str] = field(default_factory=dict)
    check: Callable[[], None] = _go_on

    def symbols_of(self, node: Belongs) -> Collection[str]:
        """The Symbols of the list a node names; BadExpression lists those there are."""
        return self.lists[_known(node, self.lists)]


def names_in(node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lists and the saved screens that a tree names: what a Context has to hold before it can run."""
    found = [below for below in walk(node) if isinstance(below, Belongs)]
    lists, screens = (tuple(dict.fromkeys(one.names[0] for one in found if one.of == of)) for of in ("list", "screen"))
    return lists, screens


def resolved(node: Condition, context: Context, above: tuple[str, ...] = ()) -> Condition:
    """The condition with saved screens in the place of their names; BadExpression for one unknown or within itself, and
    for an unknown list."""

    def change(below: Node) -> Node:
        if isinstance(below, Belongs) and below.of == "list":
            _known(below, context.lists)
        if not isinstance(below, Belongs) or below.of != "screen":
            return below
        name = _known(below, context.screens)
        if name in above or len(above) == SCREENS_DEPTH_MAX:
            raise _refused(below, f"the screen {name!r} names itself, by way of {', '.join((*above, name))}", "another")
        try:
            inner = parse(context.screens[name])
        except BadExpression as error:
            raise _refused(below, f"the screen {name!r} cannot be read: {error.message}", error.suggestion) from None
        return resolved(inner, context, (*above, name))

    changed: Condition = mapped(node, change)  # type: ignore[assignment]
    if sum(1 for _ in walk(changed)) > RESOLVED_NODES_MAX:
        raise TooLarge(
            f"with the saved screens it names, this screen has more than {RESOLVED_NODES_MAX:,} numbers and names",
            field="expression",
            accepted="fewer or shorter saved screens",
        )
    return changed


def _known(node: Belongs, names: Mapping[str, object]) -> str:
    wanted = node.names[0].casefold()
    for name in names:
        if name.casefold() == wanted:
            return name
    listed = ", ".join(names) or "none"
    raise _refused(node, f"there is no {node.of} {node.names[0]!r}; there are: {listed}", listed)


def _refused(node: Belongs, message: str, suggestion: str | None) -> BadExpression:
    length = node.span.end - node.span.start
    return BadExpression(message, position=node.span.start, length=length, suggestion=suggestion)
