"""The kinds of jobs there are: a line each."""

from __future__ import annotations

from ralph.jobs.chores import ADJUSTMENTS, IMPORT, PANEL, QUALITY, WARM_UP
from ralph.jobs.history import SCREEN_HISTORY
from ralph.jobs.kind import CataloguePath, Kinds

KINDS: Kinds = {kind.name: kind for kind in (IMPORT, QUALITY, ADJUSTMENTS, PANEL, WARM_UP, SCREEN_HISTORY)}

CATALOGUE = CataloguePath("ralph.jobs.kinds:KINDS")
