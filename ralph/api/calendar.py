"""/api/v1/calendar: Sessions with the hours of each venue, closed days, and what runs now."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from ralph.api.problems import PROBLEMS
from ralph.market.agenda import Agenda, agenda
from ralph.market.calendar import Calendar
from ralph.market.hours import Venue


@get("/", operation_id="getCalendar", tags=["calendar"], responses=PROBLEMS, sync_to_thread=False)
def show(
    calendar: NamedDependency[Calendar],
    since: Annotated[date | None, QueryParameter(query="from", description="First day; today by default.")] = None,
    until: Annotated[date | None, QueryParameter(query="to", description="Last day; 30 days later by default.")] = None,
    venue: FromQuery[Venue | None] = None,
) -> Agenda:
    """The Sessions from `from` to `to` with their hours, the closed weekdays between, and the clock of each venue."""
    return agenda(calendar, datetime.now(UTC), since, until, venue)


router = Router("/calendar", route_handlers=[show])
