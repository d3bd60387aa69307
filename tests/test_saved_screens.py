"""Saved screens as a user of the API sees them: kept, changed, run, shared, and never forgotten."""

from __future__ import annotations

import csv
import io
import threading
from typing import Any

import httpx
import polars as pl
import pytest
from saved_market import DAYS, RISING, client, server

__all__ = ["client", "server"]


def saved(client: httpx.Client, name: str = "rising", **fields: Any) -> dict[str, Any]:
    response = client.post("/api/v1/screens", json={"name": name, "expression": RISING, **fields})
    assert response.status_code == 201, response.text
    screen: dict[str, Any] = response.json()["screen"]
    return screen


def symbols(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [match["symbol"] for match in response.json()["matches"]]


def test_a_screen_is_saved_changed_and_removed(client: httpx.Client) -> None:
    made = saved(client, note="daily", tags=["mine"], columns=["rsi(2)"], schedule=" 30 min after close ", watch=True)
    assert (made["version"], made["schedule"], made["watch"]) == (1, "30 minutes after the close", True)
    where = f"/api/v1/screens/{made['id']}"
    assert client.get("/api/v1/screens/RISING").json()["screen"] == made
    reworded = client.patch(where, json={"expression": "(close>close[1])", "schedule": None}).json()["screen"]
    assert (reworded["version"], reworded["expression"], reworded["schedule"]) == (1, "(close>close[1])", None)
    changed = client.patch(where, json={"expression": "close > open", "name": "up"}).json()["screen"]
    assert (changed["version"], changed["name"], changed["note"], changed["tags"]) == (2, "up", "daily", ["mine"])
    narrowed = client.patch(where, json={"universe": "KOSPI"}).json()["screen"]
    assert (narrowed["version"], narrowed["universe"]) == (3, "KOSPI")
    versions = client.get(f"{where}/versions").json()["versions"]
    assert [(each["version"], each["expression"], each["universe"]) for each in versions] == [
        (3, "close > open", "KOSPI"),
        (2, "close > open", None),
        (1, "(close>close[1])", None),
    ]
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404
    assert saved(client, "up")["id"] != made["id"]
    assert client.post(f"{where}/restore").json()["field"] == "name"
    assert client.patch("/api/v1/screens/up", json={"name": "other"}).status_code == 200
    assert client.post(f"{where}/restore").json()["screen"]["version"] == 3
    assert client.post(f"{where}/restore").status_code == 404


def test_screens_are_listed_in_pages_searched_and_found_by_tag(client: httpx.Client) -> None:
    for name, tags in (("나", ["x"]), ("B", ["x", "y"]), ("a", [])):
        saved(client, name, tags=tags, note=f"note of {name}")
    names, cursor = [], None
    while True:
        page = client.get("/api/v1/screens", params={"limit": 1, **({"cursor": cursor} if cursor else {})}).json()
        names += [each["name"] for each in page["screens"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == ["a", "B", "나"]
    for params, expected in (({"tag": "x"}, ["B", "나"]), ({"q": "OF A"}, ["a"]), ({"q": "[1]"}, names)):
        found = client.get("/api/v1/screens", params=params).json()["screens"]
        assert [each["name"] for each in found] == expected


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "", {"name": "", "expression": RISING}, 422, "name"),
        ("POST", "", {"name": "12", "expression": RISING}, 422, "name"),
        ("POST", "", {"name": "a", "expression": "close >"}, 422, "expression"),
        ("POST", "", {"name": "a", "expression": RISING, "columns": ["close >"]}, 422, "columns[0]"),
        ("POST", "", {"name": "a", "expression": RISING, "columns": ["close"] * 21}, 422, "columns"),
        ("POST", "", {"name": "a", "expression": RISING, "universe": "NASDAQ"}, 422, "universe"),
        ("POST", "", {"name": "a", "expression": RISING, "universe": "sector:없음"}, 422, "universe"),
        ("POST", "", {"name": "a", "expression": RISING, "universe": "screen:absent"}, 404, "universe"),
        ("POST", "", {"name": "a", "expression": RISING, "universe": "screen:a"}, 422, "universe"),
        ("POST", "", {"name": "a", "expression": RISING, "universe": "list:absent"}, 404, "list"),
        ("POST", "", {"name": "a", "expression": RISING, "universe": ["005930", "X"]}, 404, "universe"),
        ("POST", "", {"name": "a", "expression": RISING, "sort": "close >"}, 422, "sort"),
        ("POST", "", {"name": "a", "expression": RISING, "order": "up"}, 422, None),
        ("POST", "", {"name": "a", "expression": RISING, "schedule": "tomorrow"}, 422, "schedule"),
        ("POST", "", {"name": "a", "expression": RISING, "schedule": "0 25 * * *"}, 422, "schedule"),
        ("POST", "", {"name": "a", "expression": RISING, "tags": [""]}, 422, "tags"),
        ("POST", "", {"name": "a", "expression": RISING, "note": "x\0"}, 422, "note"),
        ("POST", "", {"name": "a", "expression": RISING, "surprise": 1}, 422, None),
        ("GET", "/nowhere", None, 404, "screen"),
        ("PATCH", "/nowhere", {"name": "b"}, 404, "screen"),
        ("DELETE", "/nowhere", None, 404, "screen"),
        ("POST", "/nowhere/run", {}, 404, "screen"),
        ("POST", "/nowhere/runs", {"from": DAYS[0], "to": DAYS[1]}, 404, "screen"),
        ("GET", "/nowhere/hits", None, 404, "screen"),
        ("GET", "/shared/nothing", None, 404, "token"),
        ("POST", "/validate", {"expression": "close", "position": 9}, 422, "position"),
    ],
)
def test_what_cannot_be_used_is_a_problem_that_names_the_field(
    client: httpx.Client, method: str, path: str, body: dict[str, Any] | None, status: int, field: str | None
) -> None:
    response = client.request(method, f"/api/v1/screens{path}", json=body)
    assert response.status_code == status, response.text
    assert field is None or response.json()["field"] == field
    assert client.get("/api/v1/screens").json()["screens"] == []


def test_two_screens_have_two_names(client: httpx.Client) -> None:
    saved(client, "Rising")
    other = saved(client, "other")
    assert client.post("/api/v1/screens", json={"name": "rising", "expression": RISING}).json()["field"] == "name"
    assert client.patch(f"/api/v1/screens/{other['id']}", json={"name": "RISING"}).json()["field"] == "name"


def test_runs_are_kept_and_who_matched_is_written_once(client: httpx.Client) -> None:
    where = f"/api/v1/screens/{saved(client)['id']}"
    first = client.post(f"{where}/run", json={"limit": 1})
    assert symbols(first) == ["005930"] or symbols(first) == ["035420"]
    assert client.post(f"{where}/run", json={"limit": 1}).headers["Cache-Status"] == "ralph; hit"
    client.post(f"{where}/run", json={"history": False})
    client.post(f"{where}/run", json={"universe": ["000660"]})
    runs = client.get(f"{where}/runs").json()["runs"]
    assert [(each["as_of"], each["total_matches"], each["wrote_hits"]) for each in runs] == [
        (DAYS[3], 2, False),
        (DAYS[3], 2, True),
    ]
    hits = client.get(f"{where}/hits").json()["hits"]
    assert [(each["as_of"], each["symbol"], each["version"]) for each in hits] == [
        (DAYS[3], "005930", 1),
        (DAYS[3], "035420", 1),
    ]
    page = client.get(f"{where}/runs", params={"limit": 1}).json()
    assert client.get(f"{where}/runs", params={"cursor": page["next"]}).json()["runs"] == runs[1:]
    assert client.get(f"{where}/runs", params={"cursor": "x"}).json()["field"] == "cursor"
    for _ in range(10):
        client.post(f"{where}/run", json={"limit": 1})
    numbers = [int(each["id"]) for each in client.get(f"{where}/runs").json()["runs"]]
    assert numbers == sorted(numbers, reverse=True)


def test_history_is_filled_once_and_told_by_screen_and_by_symbol(client: httpx.Client) -> None:
    where = f"/api/v1/screens/{saved(client)['id']}"
    client.post(f"{where}/run", json={"as_of": DAYS[2]})
    span = {"from": "2026-01-01", "to": DAYS[3]}
    filled = client.post(f"{where}/runs", json=span).json()
    assert [filled[name] for name in ("sessions", "filled", "unchanged", "hits")] == [4, 3, 1, 3]
    again = client.post(f"{where}/runs", json=span).json()
    assert [again[name] for name in ("sessions", "filled", "unchanged", "hits")] == [4, 0, 4, 0]
    expected = [
        (DAYS[3], "005930"),
        (DAYS[3], "035420"),
        (DAYS[2], "005930"),
        (DAYS[2], "035420"),
        (DAYS[1], "005930"),
    ]
    found: list[tuple[str, str]] = []
    cursor = None
    while cursor is not None or not found:
        page = client.get(f"{where}/hits", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [(each["as_of"], each["symbol"]) for each in page["hits"]]
        cursor = page["next"]
    assert found == expected
    passed = client.get("/api/v1/symbols/035420/screens", params={"to": DAYS[2]}).json()
    assert [(each["name"], [day["on"] for day in each["days"]]) for each in passed["screens"]] == [
        ("rising", [DAYS[2]])
    ]
    assert client.get("/api/v1/symbols/000660/screens").json()["screens"] == []
    assert client.get("/api/v1/symbols/999999/screens").json()["field"] == "code"
    rows = list(csv.DictReader(io.StringIO(client.get(f"{where}/hits", params={"format": "csv"}).text)))
    assert [(row["as_of"], row["symbol"]) for row in rows] == expected
    assert {(row["workspace"], row["simulated"], row["screen"]) for row in rows} == {("main", "false", "rising")}
    parquet = pl.read_parquet(client.get(f"{where}/hits", params={"format": "parquet", "from": DAYS[3]}).content)
    assert parquet["symbol"].to_list() == ["005930", "035420"]
    changed = client.patch(where, json={"expression": "close < close[1]"}).json()["screen"]
    assert changed["version"] == 2
    assert client.post(f"{where}/runs", json=span).json()["filled"] == 4
    assert len(client.get(f"{where}/hits").json()["hits"]) == 8


def test_a_history_is_filled_as_a_job_where_that_is_preferred(client: httpx.Client) -> None:
    """What is wrong with the range is said at once."""
    where = f"/api/v1/screens/{saved(client)['id']}/runs"
    headers = {"Prefer": "respond-async", "Idempotency-Key": "fill-once"}
    span = {"from": DAYS[0], "to": DAYS[3]}
    asked = client.post(where, json=span, headers=headers)
    assert (asked.status_code, asked.json()["kind"]) == (202, "screen_runs")
    assert asked.headers["Location"] == f"/api/v1/jobs/{asked.json()['id']}"
    assert client.post(where, json=span, headers=headers).json()["id"] == asked.json()["id"]
    refused = client.post(where, json={"from": "2020-01-01", "to": "2020-02-01"}, headers={"Prefer": "respond-async"})
    assert (refused.status_code, refused.json()["field"]) == (404, "from")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"from": DAYS[1], "to": DAYS[0]}, 422, "from"),
        ({"from": "2020-01-01", "to": "2020-02-01"}, 404, "from"),
        ({"from": "2020-01-01"}, 422, None),
    ],
)
def test_a_range_without_sessions_is_refused(
    client: httpx.Client, body: dict[str, str], status: int, field: str | None
) -> None:
    response = client.post(f"/api/v1/screens/{saved(client)['id']}/runs", json=body)
    assert (response.status_code, response.json().get("field")) == (status, field or response.json().get("field"))


def test_a_link_opens_until_it_is_closed_or_its_screen_removed(client: httpx.Client) -> None:
    where = f"/api/v1/screens/{saved(client, universe='KOSPI')['id']}"
    made = client.post(f"{where}/shares", json={"as_of": DAYS[1]})
    assert made.status_code == 201, made.text
    fixed, newest = made.json(), client.post(f"{where}/shares", json={"as_of": None}).json()
    assert client.post(f"{where}/shares", json={}).json()["as_of"] == DAYS[3]
    assert client.post(f"{where}/shares", json={"as_of": "2020-01-01"}).json()["field"] == "as_of"
    client.patch(where, json={"expression": "close > 1"})
    shared = client.get(f"/api/v1/screens/shared/{fixed['token']}").json()
    assert (shared["expression"], shared["universe"], shared["as_of"]) == (RISING, "KOSPI", DAYS[1])
    assert newest["as_of"] is None
    assert len(client.get(f"{where}/shares").json()["shares"]) == 3
    assert client.delete(f"/api/v1/screens/shared/{newest['token']}").status_code == 204
    assert client.get(f"/api/v1/screens/shared/{newest['token']}").status_code == 404
    assert client.delete(where).status_code == 204
    refused = client.get(f"/api/v1/screens/shared/{fixed['token']}")
    assert (refused.status_code, refused.json()["field"]) == (404, "token")
    assert httpx.get(f"{client.base_url}/api/v1/screens/shared/{fixed['token']}").status_code == 401


def test_a_universe_is_a_sector_a_list_another_screen_or_a_preset(client: httpx.Client) -> None:
    saved(client, "low", expression="close < 103")
    saved(client, "rising low", universe="screen:low")
    client.post("/api/v1/lists", json={"name": "mine", "symbols": ["005930"]})
    for universe, expected in (
        ("sector:전기전자", {"005930", "000660"}),
        ("screen:low", {"000660", "035420"}),
        ("screen:rising low", {"035420"}),
        ("list:mine", {"005930"}),
        ("screen:golden-cross", set()),
        (["035420"], {"035420"}),
    ):
        body = {"expression": "close > 0", "universe": universe}
        assert set(symbols(client.post("/api/v1/screens/run", json=body))) == expected
    as_then = {"expression": "close > 0", "universe": "screen:rising low", "as_of": DAYS[2]}
    assert set(symbols(client.post("/api/v1/screens/run", json=as_then))) == {"005930", "035420"}
    circle = client.patch("/api/v1/screens/low", json={"universe": "screen:rising low"})
    assert (circle.status_code, circle.json()["field"]) == (422, "universe")
    client.delete("/api/v1/lists/mine")


def test_a_condition_names_lists_and_other_screens(client: httpx.Client) -> None:
    saved(client, "low", expression='close < 103 and in list "mine"')
    client.post("/api/v1/lists", json={"name": "mine", "symbols": ["035420", "005930"]})
    for expression, expected in (
        ('in list "MINE"', {"035420", "005930"}),
        ('in screen "low"', {"035420"}),
        ('close > close[1] and not in screen "low"', {"005930"}),
        ('in screen "golden-cross"', set()),
    ):
        assert set(symbols(client.post("/api/v1/screens/run", json={"expression": expression}))) == expected
    client.post("/api/v1/lists/mine/symbols", json={"symbols": ["000660"]})
    grown = client.post("/api/v1/screens/run", json={"expression": 'in list "mine"'})
    assert len(symbols(grown)) == 3
    client.delete("/api/v1/lists/mine/symbols/000660")
    for expression in ('in list "absent"', 'in screen "absent"', 'in screen "self"'):
        client.post("/api/v1/screens", json={"name": "self", "expression": 'in screen "self"'})
        refused = client.post("/api/v1/screens/run", json={"expression": expression})
        assert (refused.status_code, refused.json()["field"]) == (422, "expression"), refused.text
    assert "mine" in client.post("/api/v1/screens/run", json={"expression": 'in list "absent"'}).json()["detail"]
    client.delete("/api/v1/lists/mine")


def test_matches_come_in_the_order_saved(client: httpx.Client) -> None:
    made = saved(client, expression="close > 0", sort="close", order="asc")
    where = f"/api/v1/screens/{made['id']}"
    assert symbols(client.get(f"{where}/run")) == ["000660", "035420", "005930"]
    assert symbols(client.post(f"{where}/run", json={"order": "desc"})) == ["005930", "035420", "000660"]
    assert symbols(client.post(f"{where}/run", json={"sort": "symbol"})) == ["000660", "005930", "035420"]


def test_a_link_of_a_run_is_read_conditionally(client: httpx.Client) -> None:
    params = {"expression": RISING, "universe": "005930,000660", "as_of": DAYS[3]}
    first = client.get("/api/v1/screens/run", params=params)
    assert symbols(first) == ["005930"]
    assert first.headers["Cache-Status"] == "ralph; fwd=miss; stored"
    again = client.get("/api/v1/screens/run", params=params, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    spelled = {**params, "expression": "(close   > close[1])"}
    known = client.get("/api/v1/screens/run", params=spelled)
    assert (known.headers["Cache-Status"], known.content) == ("ralph; hit", first.content)
    assert float(known.headers["Server-Timing"].removeprefix("screen;dur=")) >= 0
    other = client.post("/api/v1/screens/run", json={**params, "universe": ["005930"]})
    assert other.headers["Cache-Status"] == "ralph; fwd=miss; stored"
    where = f"/api/v1/screens/{saved(client)['id']}"
    assert symbols(client.get(f"{where}/run", params={"limit": 1, "as_of": DAYS[1]})) == ["005930"]
    assert client.get(f"{where}/runs").json()["runs"] == []


def test_an_editor_is_told_what_is_wrong_and_what_could_follow(client: httpx.Client) -> None:
    good = client.post("/api/v1/screens/validate", json={"expression": "close>open"}).json()
    assert (good["valid"], good["canonical"], good["problems"]) == (True, "close > open", [])
    bad = client.post("/api/v1/screens/validate", json={"expression": "clsoe > open and rsi(14", "position": 3}).json()
    assert not bad["valid"]
    assert bad["problems"][0]["position"] == 0
    assert bad["problems"][0]["suggestion"] == "close"
    client.post("/api/v1/lists", json={"name": "core"}).raise_for_status()
    named = 'close > open and in list "cora"'
    unknown = client.post("/api/v1/screens/validate", json={"expression": named}).json()
    (problem,) = unknown["problems"]
    assert named[problem["position"] :][: problem["length"]] == 'in list "cora"'
    assert problem["fix"]["text"] == problem["suggestion"] == 'in list "core"'
    run = client.post("/api/v1/screens/run", json={"expression": named}).json()
    assert (run["field"], run["position"]) == ("expression", problem["position"])
    for right in ('in list "Core" and close > 0', "in screen golden-cross"):
        text = right.replace("golden-cross", '"golden-cross"')
        assert client.post("/api/v1/screens/validate", json={"expression": text}).json()["valid"]
    typed = client.post("/api/v1/screens/validate", json={"expression": "clo", "position": 3}).json()
    assert "close" in [each["text"] for each in typed["completions"]]


def test_a_draft_is_checked_and_run_in_one(client: httpx.Client) -> None:
    """As the two routes say it one after the other; what is no screen is answered, what else is wrong is refused."""

    def attempt(position: int | None = None, **request: Any) -> httpx.Response:
        return client.post("/api/v1/screens/draft", json={"request": request, "position": position})

    request = {"expression": "close>0", "limit": 1}
    said = attempt(5, **request).raise_for_status().json()
    draft = {"expression": "close>0", "position": 5}
    assert said["checked"] == client.post("/api/v1/screens/validate", json=draft).json()
    assert said["answer"] == client.post("/api/v1/screens/run", json=request).json()
    wrong = attempt(expression="clsoe > 0").raise_for_status().json()
    assert (wrong["checked"]["valid"], wrong["answer"]) == (False, None)
    assert wrong["checked"]["problems"][0]["suggestion"] == "close"
    assert attempt(expression="close > 0", as_of="1990-01-05").status_code == 404
    assert attempt(9, expression="close").json()["field"] == "position"


def test_the_language_and_the_presets_are_told(client: httpx.Client) -> None:
    reference = client.get("/api/v1/screens/language")
    assert {section["kind"] for section in reference.json()["sections"]} >= {"function", "indicator"}
    markdown = client.get("/api/v1/screens/language", headers={"Accept": "text/markdown"})
    assert markdown.headers["Content-Type"].startswith("text/markdown")
    assert markdown.text.startswith("#")
    presets = client.get("/api/v1/screens/presets").json()["presets"]
    assert len(presets) >= 30
    assert presets[0].keys() == {"id", "name", "about", "tags", "expression"}


def test_many_ask_the_same_at_once_and_get_the_same(client: httpx.Client) -> None:
    """The first of a version and Session writes, all others only run."""
    where = f"/api/v1/screens/{saved(client)['id']}"
    threads = [threading.Thread(target=client.post, args=(f"{where}/run",), kwargs={"json": {}}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = client.get(f"{where}/runs").json()["runs"]
    assert [run["wrote_hits"] for run in runs].count(True) == 1
    assert len(runs) == 8
    assert len(client.get(f"{where}/hits").json()["hits"]) == 2
