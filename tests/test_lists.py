"""Lists of symbols, searches and the other imports, as a user sees them: by HTTP and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Server, ralph, serving

from ralph.brokers.files.codes import parse_codes, read_codes
from ralph.errors import BadFile, TooLarge

BARS = "종목코드,종목명,일자,시가,고가,저가,종가,거래량\n" + "".join(
    f"{code},{name},2026-01-{day:02d},100,110,90,{close},1000\n"
    for code, name, close in (("005930", "삼성전자", 105), ("000660", "SK하이닉스", 100), ("035420", "NAVER", 95))
    for day in (5, 6)
)
SYMBOLS = """종목코드,종목명,시장구분
005930,삼성전자,KOSPI
000660,SK하이닉스,KOSPI
035420,NAVER,KOSPI
900010,없는봉,KOSDAQ
"""
SHARES = "종목코드,일자,상장주식수\n005930,2026-01-05,500\n000660,2026-01-05,100\n035420,2026-01-05,9\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module, without the simulated market, its workspace main filled through the API."""
    with serving(tmp_path_factory.mktemp("lists") / "home", "--no-demo") as running:
        with running.client() as client:
            for kind, text in (("bars", BARS), ("symbols", SYMBOLS), ("shares", SHARES)):
                params = {"filename": "file.csv", "kind": kind}
                response = client.post("/api/v1/imports", params=params, content=text.encode())
                assert response.status_code == 201, response.text
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client(params={"workspace": "main"}) as opened:
        yield opened


def screened(client: httpx.Client, universe: Any) -> httpx.Response:
    return client.post("/api/v1/screens/run", json={"expression": "close > 0", "universe": universe})


def test_a_list_is_made_filled_screened_changed_and_removed(client: httpx.Client) -> None:
    body = {
        "name": "반도체",
        "note": "메모리",
        "tags": ["chip"],
        "symbols": ["005930", "sk 하이닉스", "없는 이름", "900010"],
    }
    made = client.post("/api/v1/lists", json=body)
    assert made.status_code == 201, made.text
    card = made.json()
    assert [member["symbol"] for member in card["symbols"]] == ["005930", "000660", "900010"]
    assert card["addition"]["unknown"] == [
        {"line": 3, "text": "없는 이름", "reason": "no symbol has this code or name"}
    ]
    where = f"/api/v1/lists/{card['list']['id']}"
    assert sorted(match["symbol"] for match in screened(client, "list:반도체").json()["matches"]) == [
        "000660",
        "005930",
    ]
    noted = client.patch(f"{where}/symbols/005930", json={"note": "실적", "tags": ["a", "b"]}).json()
    assert (noted["symbols"][0]["note"], noted["symbols"][0]["tags"]) == ("실적", ["a", "b"])
    changed = client.patch(where, json={"name": "칩", "kind": "watchlist"}).json()["list"]
    assert (changed["name"], changed["kind"], changed["note"], changed["size"]) == ("칩", "watchlist", "메모리", 3)
    assert client.delete(f"{where}/symbols/000660").status_code == 204
    again = client.post(f"{where}/symbols", json={"symbols": ["005930", "naver"]}).json()
    assert (again["addition"]["added"], again["addition"]["unchanged"]) == (1, 1)
    assert [member["symbol"] for member in client.get(f"{where}/symbols").json()] == ["005930", "900010", "035420"]
    assert [each["name"] for each in client.get("/api/v1/lists").json()["lists"]] == ["칩"]
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "", {"name": ""}, 422, "name"),
        ("POST", "", {"name": "123"}, 422, "name"),
        ("POST", "", {"name": "a,b"}, 422, "name"),
        ("POST", "", {"name": "x" * 81}, 422, "name"),
        ("POST", "", {"name": "a", "tags": [""]}, 422, "tags"),
        ("POST", "", {"name": "a", "note": "\0"}, 422, "note"),
        ("POST", "", {"name": "a", "surprise": 1}, 422, None),
        ("GET", "/nowhere", None, 404, "list"),
        ("DELETE", "/nowhere", None, 404, "list"),
        ("POST", "/nowhere/symbols", {"symbols": []}, 404, "list"),
    ],
)
def test_what_is_no_list_is_a_problem_that_names_the_field(
    client: httpx.Client, method: str, path: str, body: dict[str, Any] | None, status: int, field: str | None
) -> None:
    response = client.request(method, f"/api/v1/lists{path}", json=body)
    assert response.status_code == status, response.text
    assert field is None or response.json()["field"] == field
    assert client.get("/api/v1/lists").json()["lists"] == []


def test_two_lists_have_two_names_and_members_are_on_them(client: httpx.Client) -> None:
    for name, status in (("Mine", 201), ("mine", 422)):
        assert client.post("/api/v1/lists", json={"name": name}).status_code == status
    assert client.delete("/api/v1/lists/mine/symbols/005930").status_code == 404
    assert client.patch("/api/v1/lists/mine/symbols/005930", json={"note": "x"}).status_code == 404
    assert screened(client, "list:mine").json()["total_scanned"] == 0
    assert screened(client, "list:other").json()["field"] == "list"
    assert client.delete("/api/v1/lists/MINE").status_code == 204


def test_symbols_are_searched_and_the_largest_screened(client: httpx.Client) -> None:
    for text, code in (("ㅅㅅㅈㅈ", "005930"), ("skㅎㅇ", "000660"), ("naver", "035420")):
        found = client.get("/api/v1/symbols", params={"q": text}).json()["symbols"]
        assert [each["symbol"] for each in found] == [code]
    largest = screened(client, "top:2").json()["matches"]
    assert {match["symbol"] for match in largest} == {"005930", "000660"}
    assert screened(client, "top:9:KOSPI").json()["total_scanned"] == 3


def test_a_file_cannot_speak_of_the_future(client: httpx.Client) -> None:
    params = {"filename": "file.csv", "kind": "symbols", "as_of": "2999-01-01"}
    response = client.post("/api/v1/imports", params=params, content=SYMBOLS.encode())
    assert (response.status_code, response.json()["field"]) == (422, "as_of")


def test_the_command_line_keeps_lists_too(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "관심.txt").write_text("# mine\n005930 삼성전자\n\nNAVER\n모르는 이름\n", encoding="cp949")
    run = ralph(server.home, "list", "import", str(tmp_path / "관심.txt"), "--tag", "core")
    assert (run.returncode, run.stdout.strip()) == (0, "관심: 2 added, 0 there already, 2 in all"), run.stderr
    assert "line 5: '모르는 이름': no symbol has this code or name" in run.stderr
    shown = json.loads(ralph(server.home, "list", "show", "관심", "--json").stdout)
    assert [(each["symbol"], each["tags"]) for each in shown["symbols"]] == [("005930", ["core"]), ("035420", ["core"])]
    added = ralph(server.home, "list", "add", "관심", "SK하이닉스", "--watchlist", "--json")
    assert json.loads(added.stdout)["list"]["kind"] == "watchlist"
    screen = ralph(server.home, "screen", "close > 0", "--universe", "list:관심", "--json")
    assert json.loads(screen.stdout)["total_matches"] == 3
    assert ralph(server.home, "list", "rm", "관심", "005930").returncode == 0
    assert "SK하이닉스" in ralph(server.home, "list", "show", "관심").stdout
    assert ralph(server.home, "list", "add", "관심", "모르는").returncode == 3
    assert "watchlist" in ralph(server.home, "list", "ls").stdout
    assert ralph(server.home, "list", "rm", "관심").returncode == 0
    assert ralph(server.home, "list", "show", "관심").returncode == 3
    found = json.loads(ralph(server.home, "symbols", "ㅅㅅㅈㅈ", "--json").stdout)
    assert [each["symbol"] for each in found] == ["005930"]


def test_a_list_file_has_one_code_or_name_a_line(tmp_path: Path) -> None:
    assert parse_codes("005930\n\n# no\n  삼성전자 \r\n") == [(1, "005930"), (4, "삼성전자")]
    for name, content, error in (("a.txt", b"\xff\xfe\xff", BadFile), ("b.txt", b"1\n" * 2**20, TooLarge)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(error):
            read_codes(tmp_path / name)
    with pytest.raises(BadFile, match="cannot read"):
        read_codes(tmp_path / "absent.txt")
