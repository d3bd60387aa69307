"""The kinds of jobs there are: a line each."""

from __future__ import annotations

from ralph.jobs.chores import ADJUSTMENTS, IMPORT, PANEL, QUALITY, WARM_UP
from ralph.jobs.end_of_day import END_OF_DAY
from ralph.jobs.filling import SCREEN_FILL, SIGNALS_BACKFILL
from ralph.jobs.history import SCREEN_HISTORY
from ralph.jobs.inbox import DELIVERIES
from ralph.jobs.kind import CataloguePath, Kinds
from ralph.jobs.retiring import RETENTION
from ralph.jobs.scheduled_screens import SCREENS

CHORES = (IMPORT, QUALITY, ADJUSTMENTS, PANEL, WARM_UP, RETENTION)
DAILY = (END_OF_DAY, DELIVERIES, SCREENS, SCREEN_HISTORY)
LOOKS_BACK = (SCREEN_FILL, SIGNALS_BACKFILL)

KINDS: Kinds = {kind.name: kind for kind in (*CHORES, *DAILY, *LOOKS_BACK)}

CATALOGUE = CataloguePath("ralph.jobs.kinds:KINDS")
