"""`ralph calendar`: the Sessions of the exchange and their hours."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click

from ralph.cli.options import Day, home_option, json_option, settings
from ralph.cli.output import print_json, print_table
from ralph.embedded.home import Home
from ralph.market.agenda import agenda
from ralph.market.calendar import SEOUL, Hours
from ralph.market.hours import VENUES, Venue

_WEEKDAYS = "월화수목금토일"
_PLANS = {"usual": "", "first": "opens late 연초 개장", "exam": "exam day 수능일"}
_LABELS = {"pre": "pre ", "regular": "", "after": "after "}


@click.command("calendar")
@click.option("--from", "since", type=Day(), help="First day; default: today.")
@click.option("--to", "until", type=Day(), help="Last day; default: 30 days later.")
@click.option("--venue", type=click.Choice(VENUES, case_sensitive=False), help="Default: both.")
@home_option
@json_option
def calendar_command(
    since: date | None, until: date | None, venue: Venue | None, home: Path | None, as_json: bool
) -> None:
    """Sessions of the exchange with their hours (Seoul), and the closed days between.

    What calendar.toml in Ralph's folder says is taken in. A question mark stands behind hours that are not confirmed.
    """
    calendar = Home(settings(home).home).calendar()
    found = agenda(calendar, datetime.now(UTC), since, until, venue)
    if as_json:
        print_json(found)
    else:
        venues = [venue] if venue else VENUES
        rows = [
            (_shown(session.on), *(_hours(session.hours, each) for each in venues), _PLANS[session.plan])
            for session in found.sessions
        ]
        print_table(("session", *venues, ""), rows)
        if found.closed:
            print_table(("closed", "why", "이유"), [(_shown(each.on), each.en, each.ko) for each in found.closed])
    if found.last.year > found.exam_days_known_to:
        known = f"exam days after {found.exam_days_known_to} are not known"
        click.echo(f"{known}: name them in calendar.toml, exam_days = [YYYY-MM-DD]", err=True)


def _shown(day: date) -> str:
    """2026-11-20(금)."""
    return f"{day}({_WEEKDAYS[day.weekday()]})"


def _hours(hours: list[Hours], venue: Venue) -> str:
    """Continuous trading only: auctions and trading at the close stand in the JSON."""
    spans = [
        f"{_LABELS[each.kind]}{_time(each.opens_at)}-{_time(each.closes_at)}{'' if each.certain else '?'}"
        for each in hours
        if each.venue == venue and each.kind in _LABELS
    ]
    return ", ".join(spans)


def _time(at: datetime) -> str:
    return f"{at.astimezone(SEOUL):%H:%M}"
