"""Bars in every timeframe and the calendar, from a running server and from the command line."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from serving import Server, ralph, serving

from ralph.embedded.home import Home
from ralph.market.calendar import PUBLISHED, SEOUL

CODE = "005930"
DAYS = PUBLISHED.sessions_between(date(2025, 12, 15), date(2026, 1, 7))  # to a Wednesday
HALTED = date(2026, 1, 6)
_MINUTE = """
    INSERT INTO bars_minute (symbol_id, opened_at, open, high, low, close, volume, flags, source_id, adjusted)
         SELECT id, $2, $3::float8, $3 + 2, $3 - 2, $3 + 1, $4, 0, 1, true FROM symbols WHERE code = $1
"""


def daily_csv() -> str:
    lines = ["종목코드,종목명,시장구분,일자,시가,고가,저가,종가,거래량"]
    for index, day in enumerate(DAYS):
        volume = 0 if day == HALTED else 1_000 + index
        lines.append(f"{CODE},가나전자,KOSPI,{day},{100 + index},{110 + index},{90 + index},{105 + index},{volume}")
        lines.append(f"000660,다라전자,KOSPI,{day},100,110,90,105,10")
    return "\n".join(lines) + "\n"


async def store_minutes(home: Home) -> None:
    """Every third minute of two Sessions, the first one of the year (10:00) among them; one hour of a third."""
    servers = home.servers()
    assert servers is not None
    connection = await asyncpg.connect(servers.database_url)
    try:
        await connection.execute("SELECT ensure_minute_partition('2025-12-01'), ensure_minute_partition('2026-01-01')")
        rows = []
        for day, count in ((date(2025, 12, 30), 131), (date(2026, 1, 2), 111), (date(2026, 1, 8), 20)):
            opens_at = PUBLISHED.opens_at(day)
            rows += [
                (CODE, opens_at + timedelta(minutes=3 * index), 1_000.0 + index, 10.0 if index else 0.0)
                for index in range(count)
            ]
        await connection.executemany(_MINUTE, rows)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("bars") / "home"
    home.mkdir(mode=0o700)
    (home / "calendar.toml").write_text("closed = [2027-07-20]\nexam_days = [2027-11-18]\n")
    with serving(home, "--no-demo") as running, running.client() as client:
        options: dict[str, Any] = {"params": {"filename": "시세.csv", "workspace": "main"}}
        assert client.post("/api/v1/imports", content=daily_csv().encode(), **options).status_code == 201
        asyncio.run(store_minutes(Home(home)))
        until = time.monotonic() + 30
        while not client.get(f"/api/v1/symbols/{CODE}/bars").json().get("bars") and time.monotonic() < until:
            time.sleep(0.05)
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client(params={"workspace": "main"}) as opened:
        yield opened


def bars(client: httpx.Client, timeframe: str, **options: Any) -> list[dict[str, Any]]:
    response = client.get(f"/api/v1/symbols/{CODE}/bars", params={"timeframe": timeframe, **options})
    assert response.status_code == 200, response.text
    assert response.json()["timeframe"] == timeframe
    found: list[dict[str, Any]] = response.json()["bars"]
    return found


def test_daily_bars_are_as_they_were_stored(client: httpx.Client) -> None:
    daily = bars(client, "1d")
    assert [bar["on"] for bar in daily] == [str(day) for day in DAYS]
    assert daily[-2]["flags"] == ["no_trade"]
    assert {"at", "partial", "last_on"} & set(daily[0]) == set()


def test_weeks_begin_on_monday_and_the_running_one_is_partial(client: httpx.Client) -> None:
    daily, weeks = bars(client, "1d"), bars(client, "1w")
    assert [bar["on"] for bar in weeks] == ["2025-12-15", "2025-12-22", "2025-12-29", "2026-01-05"]
    assert [bar["last_on"] for bar in weeks] == ["2025-12-19", "2025-12-26", "2026-01-02", "2026-01-07"]
    assert [bar.get("partial", False) for bar in weeks] == [False, False, False, True]
    first = daily[:5]
    assert weeks[0]["open"] == first[0]["open"]
    assert weeks[0]["high"] == max(bar["high"] for bar in first)
    assert weeks[0]["low"] == min(bar["low"] for bar in first)
    assert weeks[0]["close"] == first[-1]["close"]
    assert weeks[0]["volume"] == sum(bar["volume"] for bar in first)
    assert weeks[-1]["volume"] == daily[-3]["volume"] + daily[-1]["volume"]


def test_months_are_made_and_cut_and_carry_indicators(client: httpx.Client) -> None:
    assert [bar["on"] for bar in bars(client, "1mo")] == ["2025-12-01", "2026-01-01"]
    assert [bar["on"] for bar in bars(client, "1w", to="2025-12-28")] == ["2025-12-15", "2025-12-22"]
    params: dict[str, Any] = {"timeframe": "1w", "indicators": "sma(2)", "limit": 2}
    answer = client.get(f"/api/v1/symbols/{CODE}/bars", params=params).json()
    assert answer["truncated"] is True
    weeks = bars(client, "1w")
    assert answer["bars"] == weeks[-2:]
    closes = [bar["close"] for bar in weeks]
    assert answer["indicators"]["sma(2)"]["sma"] == [(closes[1] + closes[2]) / 2, (closes[2] + closes[3]) / 2]


def test_a_week_cut_by_its_last_day_shows_nothing_after_it(client: httpx.Client) -> None:
    daily, weeks = bars(client, "1d", to="2025-12-30"), bars(client, "1w", to="2025-12-30")
    assert weeks[-1]["on"] == "2025-12-29"
    assert weeks[-1]["close"] == daily[-1]["close"]
    assert weeks[-1]["partial"] is True
    assert weeks[:-1] == bars(client, "1w")[:2]
    assert bars(client, "1w", **{"from": "2025-12-24"})[0]["on"] == "2025-12-22"
    assert bars(client, "1w", to="2020-01-01") == []
    assert bars(client, "1d", **{"from": "2026-01-05", "to": "2025-12-30"}) == []


def test_minute_frames_are_counted_from_the_opening_of_each_session(client: httpx.Client) -> None:
    hours = bars(client, "60m")
    opened = [datetime.fromisoformat(bar["at"]).astimezone(SEOUL) for bar in hours]
    assert [f"{each:%m-%d %H}" for each in opened] == [
        *(f"12-30 {hour:02}" for hour in range(9, 16)),
        *(f"01-02 {hour:02}" for hour in range(10, 16)),
        "01-08 09",
    ]
    assert {each.minute for each in opened} == {0}
    assert [bar["on"] for bar in hours][-1] == "2026-01-08"
    assert [bar["volume"] for bar in hours[:7]] == [190, *[200] * 5, 110]
    assert [bar.get("partial", False) for bar in hours] == [False] * 13 + [True]
    assert bars(client, "60m", **{"from": "2026-01-02", "to": "2026-01-02"}) == hours[7:13]


def test_minutes_carry_indicators_and_are_limited(client: httpx.Client) -> None:
    params: dict[str, Any] = {"timeframe": "3m", "indicators": "sma(3)", "limit": 5}
    answer = client.get(f"/api/v1/symbols/{CODE}/bars", params=params).json()
    shown = bars(client, "3m")
    assert answer["bars"] == shown[-5:]
    assert answer["indicators"]["sma(3)"]["sma"][-1] == sum(bar["close"] for bar in shown[-3:]) / 3


@pytest.mark.parametrize(
    ("code", "timeframe", "status", "problem", "told"),
    [
        (CODE, "2d", 422, "BAD_PARAMETER", "there is no timeframe '2d'; use 1d, 1w, 1mo"),
        (CODE, "1M", 422, "BAD_PARAMETER", "there is no timeframe"),
        ("000660", "5m", 404, "DATA_NOT_FOUND", "no minute bars of 000660 are stored, so there is no 5m; use 1d"),
        ("999999", "5m", 404, "UNKNOWN_SYMBOL", "999999"),
    ],
)
def test_what_cannot_be_made_is_a_problem(
    client: httpx.Client, code: str, timeframe: str, status: int, problem: str, told: str
) -> None:
    response = client.get(f"/api/v1/symbols/{code}/bars", params={"timeframe": timeframe})
    assert response.status_code == status, response.text
    assert response.json()["code"] == problem
    assert told in response.json()["detail"]


def test_the_calendar_shows_sessions_hours_and_closed_days(client: httpx.Client) -> None:
    answer = client.get("/api/v1/calendar", params={"from": "2026-11-16", "to": "2026-11-22"}).json()
    assert [session["on"] for session in answer["sessions"]] == [f"2026-11-{day}" for day in range(16, 21)]
    exam = answer["sessions"][3]
    assert exam["plan"] == "exam"
    regular = [each for each in exam["hours"] if each["kind"] == "regular"]
    assert [(each["venue"], each["opens_at"], each["closes_at"]) for each in regular] == [
        ("KRX", "2026-11-19T01:00:00Z", "2026-11-19T07:30:00Z"),
        ("NXT", "2026-11-19T01:00:00Z", "2026-11-19T07:20:00Z"),
    ]
    closed = client.get("/api/v1/calendar", params={"from": "2026-12-24", "to": "2026-12-31"}).json()["closed"]
    assert [each["on"] for each in closed] == ["2026-12-25", "2026-12-31"]
    only = client.get("/api/v1/calendar", params={"from": "2026-11-16", "to": "2026-11-22", "venue": "NXT"}).json()
    assert {each["venue"] for session in only["sessions"] for each in session["hours"]} == {"NXT"}
    now = client.get("/api/v1/calendar").json()
    assert (date.fromisoformat(now["last"]) - date.fromisoformat(now["first"])).days == 30
    assert [clock["venue"] for clock in now["clock"]] == ["KRX", "NXT"]
    assert all(
        datetime.fromisoformat(clock["next"]["at"]) > datetime.now(UTC) - timedelta(minutes=1) for clock in now["clock"]
    )


def test_the_calendar_takes_the_operators_file_in(server: Server, client: httpx.Client) -> None:
    params = {"from": "2027-07-19", "to": "2027-07-21"}
    assert [each["on"] for each in client.get("/api/v1/calendar", params=params).json()["sessions"]] == ["2027-07-21"]
    run = ralph(server.home, "calendar", "--from", "2027-11-18", "--to", "2027-11-18", "--json")
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["sessions"][0]["plan"] == "exam"
    assert "exam days after 2026 are not known" in run.stderr


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"from": "2026-01-02", "to": "2026-01-01"}, "the end 2026-01-01 lies before 2026-01-02"),
        ({"from": "2000-01-01", "to": "2020-01-01"}, "too long; ask for at most 1100 days"),
        ({"from": "1999-12-31", "to": "2000-01-10"}, "does not reach the year 1999"),
        ({"from": "9999-12-30"}, "does not reach the year 9999"),
        ({"venue": "NYSE"}, "venue"),
        ({"from": "tomorrow"}, "from"),
    ],
)
def test_a_bad_span_is_a_problem(client: httpx.Client, params: dict[str, str], told: str) -> None:
    response = client.get("/api/v1/calendar", params=params)
    assert response.status_code == 422, response.text
    assert told in response.text


def test_the_command_prints_a_table(server: Server) -> None:
    run = ralph(server.home, "calendar", "--from", "2025-12-29", "--to", "2026-01-05", "--venue", "nxt")
    assert run.returncode == 0, run.stderr
    assert "2026-01-02(금)" in run.stdout
    assert "10:00-15:20, after 15:30-20:00" in run.stdout
    assert "연말휴장일" in run.stdout
    assert "pre 08:00-08:50" in run.stdout
    wrong = ralph(server.home, "calendar", "--from", "2026-01-02", "--to", "2026-01-01")
    assert wrong.returncode == 2
    (server.home / "calendar.toml").write_text("close = [2027-07-20]\n")
    broken = ralph(server.home, "calendar")
    assert broken.returncode == 1
    assert "there is no key close; did you mean closed?" in broken.stderr
    doctor = json.loads(ralph(server.home, "doctor", "--json").stdout)
    assert [check["ok"] for check in doctor if check["name"] == "calendar"] == [False]


def test_a_symbol_is_rated_over_http_and_on_the_command_line(server: Server, client: httpx.Client) -> None:
    """With its newest day with trade; a day that is not listed yet, rules or codes that do not exist are refused."""
    answer = client.get(f"/api/v1/symbols/{CODE}/rating").json()
    assert answer["on"] == str(DAYS[-1])
    rating = answer["rating"]
    assert rating["ma"]["label"]["name"] == "strong_buy"
    assert rating["ma"]["value"] == 1.0
    assert rating["components"]["sma10"] == 1.0
    assert rating["components"]["sma200"] is None
    counts = rating["all"]["counts"]
    assert sum(counts.values()) == sum(score is not None for score in rating["components"].values())
    said = ralph(server.home, "rating", CODE, "--workspace", "main", "--json")
    assert json.loads(said.stdout)["rating"] == rating
    table = ralph(server.home, "rating", CODE, "--workspace", "main", "--as-of", str(HALTED))
    assert "강력 매수" in table.stdout
    before = client.get(f"/api/v1/symbols/{CODE}/rating", params={"as_of": str(HALTED), "rules": "2020"}).json()
    assert before["on"] == str(DAYS[DAYS.index(HALTED) - 1])
    for options, status, field in (({"as_of": "2001-01-01"}, 404, "as_of"), ({"rules": "2022"}, 422, "rules")):
        refused = client.get(f"/api/v1/symbols/{CODE}/rating", params=options)
        assert (refused.status_code, refused.json()["field"]) == (status, field)
    assert client.get("/api/v1/symbols/nothing/rating").status_code == 404
