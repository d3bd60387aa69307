"""The market as a whole as of a Session: its gate, its sectors, and its breadth by market."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from ralph.market.view import View
from ralph.scanners import breadth, gate
from ralph.scanners.around import Around
from ralph.scanners.breadth import Breadth
from ralph.scanners.component import Component
from ralph.scanners.gate import GateState

ALL = "all"


class GateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the market invites buying. sectors: changes as ratios, weighted by traded value, the best first."""

    workspace: str
    simulated: bool
    as_of: date
    data_version: str
    state: GateState
    score: float | None
    components: tuple[Component, ...]
    sectors: dict[str, float]


class BreadthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Breadth of the whole market ("all") and of each market by name. before: the Session with data before it, null for
    the first, so that nobody has to guess what to compare with."""

    workspace: str
    simulated: bool
    as_of: date
    before: date | None
    data_version: str
    markets: dict[str, Breadth]


def judge_gate(view: View) -> GateAnswer:
    """The gate as of a view."""
    around = Around(view)
    judged = gate.as_of(around)
    changes = sorted(around.sector_changes().items(), key=lambda item: -item[1])
    return GateAnswer(
        **_place(view), state=judged.state, score=judged.score, components=judged.components, sectors=dict(changes)
    )


def measure_breadth(view: View) -> BreadthAnswer:
    """Breadth as of a view."""
    roster = view.panel.roster
    found = {}
    for name in roster.markets:
        if " " not in name:  # segments count with their market
            found[name] = breadth.measure(view, view.listed & roster.on_market(name, view.on), [name])
    found = {name: one for name, one in found.items() if one.symbols}
    whole = breadth.measure(view, view.listed, list(found))
    before = view.panel.sessions[view.index - 1].astype(object) if view.index else None
    return BreadthAnswer(**_place(view), before=before, markets={ALL: whole, **found} if whole.symbols else found)


def _place(view: View) -> dict[str, Any]:
    panel = view.panel
    about = {"workspace": panel.workspace, "simulated": panel.simulated}
    return {**about, "as_of": view.on, "data_version": panel.data_version}
