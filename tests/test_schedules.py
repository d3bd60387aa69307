"""Schedules as text: what is understood, what is refused by name, and that the usual form says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.errors import BadParameter
from ralph.market.schedules import AfterClose, Cron, parse_schedule


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("30 minutes after the close", 30),
        (" 5  MIN after close", 5),
        ("1 minute after the close", 1),
        ("10m after the close", 10),
        ("after the close", 0),
        ("at close", 0),
    ],
)
def test_minutes_after_the_close(text: str, minutes: int) -> None:
    found = parse_schedule(text)
    assert found == AfterClose(minutes)
    assert parse_schedule(str(found)) == found


def test_cron_has_five_fields() -> None:
    found = parse_schedule("*/15 9-15,18 1 jan-mar/2 Mon-Fri")
    assert isinstance(found, Cron)
    assert found.minute == {0, 15, 30, 45}
    assert found.hour == {*range(9, 16), 18}
    assert found.day == {1}
    assert found.month == {1, 3}
    assert found.weekday == {1, 2, 3, 4, 5}
    sunday = parse_schedule("0 0 * * 5-7")
    assert isinstance(sunday, Cron)
    assert sunday.weekday == {5, 6, 0}
    from_ten = parse_schedule("10/20 * * * sun")
    assert isinstance(from_ten, Cron)
    assert from_ten.minute == {10, 30, 50}
    assert from_ten.weekday == {0}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "601 minutes after the close",
        "-1 minutes after the close",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "* * * * someday",
        "*/0 * * * *",
        "5-1 * * * *",
        "*-5 * * * *",
        "1,,2 * * * *",
        "٣ * * * *",
        "0 " * 200,
    ],
)
def test_what_is_no_schedule_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse_schedule(text)
    assert refused.value.field == "schedule"
    assert "after the close" in str(refused.value.accepted)


@given(st.text(alphabet="0123456789*/,- monafterclsi\u0663", max_size=40))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    try:
        found = parse_schedule(text)
    except BadParameter:
        return
    assert parse_schedule(str(found)) == found
