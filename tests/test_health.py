"""Health: what parts say, how long their word holds, and that answers come from memory."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ralph.api.health import Vitals
from ralph.api.probes import BEHIND_MAX, sessions_behind
from ralph.market.calendar import PUBLISHED


def test_a_server_is_ready_degraded_or_not_ready() -> None:
    vitals = Vitals("test", ("database", "panel"))
    assert (vitals.report().status, vitals.ready) == ("not ready", False)
    vitals.note("database", ok=True, detail="reachable", latency_ms=0.12345)
    vitals.note("panel", ok=True, detail="loaded", age_s=3.14159)
    assert (vitals.report().status, vitals.ready) == ("ready", True)
    vitals.note("redis", ok=False, detail="no answer")
    report = vitals.report()
    assert (report.status, vitals.ready) == ("degraded", True)
    assert [(name, part.required) for name, part in report.parts.items()][-1] == ("redis", False)
    assert (report.parts["database"].latency_ms, report.parts["panel"].age_s) == (0.123, 3.1)
    vitals.note("database", ok=False, detail="no answer")
    assert (vitals.report().status, vitals.ready) == ("not ready", False)


def test_a_word_holds_for_so_long() -> None:
    """A probe that hangs says nothing: its part is not well, and when it was last heard of is told."""
    vitals = Vitals("test", ("database",))
    vitals.note("database", ok=True, detail="reachable", good_for_s=0.0)
    time.sleep(0.001)
    part = vitals.report().parts["database"]
    assert not part.ok
    assert not vitals.ready
    assert "not heard of" in part.detail
    assert "reachable" in part.detail


def test_a_report_takes_far_less_than_5_ms() -> None:
    """Of processor time, with fifty parts, encoded."""
    vitals = Vitals("test", tuple(f"part {number}" for number in range(50)))
    started = time.process_time()
    for _ in range(100):
        msgspec.json.encode(vitals.report())
    assert (time.process_time() - started) / 100 < 0.005


@pytest.mark.parametrize(
    ("newest", "now", "behind"),
    [
        (date(2026, 5, 29), datetime(2026, 5, 30, 3, 0, tzinfo=UTC), 0),
        (date(2026, 5, 28), datetime(2026, 5, 30, 3, 0, tzinfo=UTC), 1),
        (date(2026, 5, 28), datetime(2026, 5, 29, 3, 0, tzinfo=UTC), 0),  # noon in Seoul: the Session is not over
        (date(2026, 6, 10), datetime(2026, 5, 29, 3, 0, tzinfo=UTC), 0),
        (date(1999, 1, 4), datetime(2026, 5, 30, 3, 0, tzinfo=UTC), BEHIND_MAX),
    ],
)
def test_sessions_without_bars_are_counted(newest: date, now: datetime, behind: int) -> None:
    assert sessions_behind(newest, PUBLISHED, now) == behind


@given(st.integers(0, 25))
def test_every_session_that_passes_adds_one(count: int) -> None:
    now = datetime(2026, 5, 29, 12, 0, tzinfo=UTC)
    newest = PUBLISHED.sessions_ending(now.date(), count + 1)[0]
    assert sessions_behind(newest, PUBLISHED, now) == count
    assert sessions_behind(newest, PUBLISHED, now + timedelta(hours=1)) == count
