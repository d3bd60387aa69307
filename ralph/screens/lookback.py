"""How many bars an expression looks back on, by the windows and offsets it names."""

from __future__ import annotations

from ralph.screens.across import rs_raw
from ralph.screens.catalogue import bound, indicators
from ralph.screens.frames import FEWEST_BARS
from ralph.screens.tree import (
    Across,
    Count,
    Crossing,
    Framed,
    History,
    Lasting,
    Net,
    Node,
    Offset,
    Reading,
    children,
)


def bars_seen(node: Node) -> int:
    """Bars up to the newest, at least 1. Of a recursive indicator, which remembers all, those up to its first value."""
    below = max((bars_seen(child) for child in children(node)), default=1)
    match node:
        case Reading():
            indicator = indicators()[node.indicator]
            first = indicator.first(node.mode, bound(node.indicator, node.params))
            return below + first[node.output]
        case Offset(bars=bars) | History(name="change", bars=bars):
            return below + bars
        case History(bars=bars) | Count(bars=bars) | Lasting(bars=bars) | Net(bars=bars):
            return below + bars - 1
        case Across(operand=None):
            return max(bars_seen(rs_raw()), below)
        case Framed(frame=frame):
            return below * FEWEST_BARS[frame]
        case Crossing():
            return below + 1
        case _:
            return below
