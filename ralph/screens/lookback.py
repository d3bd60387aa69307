"""How many bars an expression looks back on, by the windows and offsets it names."""

from __future__ import annotations

from ralph.screens.catalogue import indicators
from ralph.screens.tree import Crossing, Node, Offset, Reading, children


def bars_seen(node: Node) -> int:
    """Bars up to the newest, at least 1. Of a recursive indicator, which remembers all, those up to its first value."""
    below = max((bars_seen(child) for child in children(node)), default=1)
    match node:
        case Reading():
            indicator = indicators()[node.indicator]
            first = indicator.first(node.mode, indicator.bind(dict(node.params)))
            return below + first[node.output]
        case Offset(bars=bars):
            return below + bars
        case Crossing():
            return below + 1
        case _:
            return below
