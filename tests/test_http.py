"""The HTTP API of a running Ralph, seen from outside: the simulated market, real Postgres, real Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving import Server, serving

from ralph.brokers.files import read_bars

MARKET_CSV = """종목코드,종목명,일자,시가,고가,저가,종가,거래량
005930,삼성전자,2026-01-05,100,110,90,105,1000
005930,삼성전자,2026-01-06,105,112,101,111,1200
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module, its home filled with the simulated market, which plays before anything is stored."""
    with serving(tmp_path_factory.mktemp("http") / "home") as running:
        with running.client() as client:
            for _ in range(1_200):
                if client.get("/api/v1/feed").json()["ticks"] > 0:
                    break
                time.sleep(0.05)
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with server.client(params={"workspace": "demo"}) as opened:
        yield opened


def run(client: httpx.Client, expression: str, **options: Any) -> httpx.Response:
    return client.post("/api/v1/screens/run", json={"expression": expression, **options})


def test_the_first_start_serves_a_simulated_market_that_says_so(server: Server) -> None:
    with server.client() as client:
        answer = run(client, "close > 0").json()
    assert answer["workspace"] == "demo"
    assert answer["simulated"] is True
    assert 0 < answer["total_matches"] <= answer["total_scanned"] <= 1_036
    assert answer["total_matches"] + sum(answer["excluded"].values()) == answer["total_scanned"]


def test_an_answer_has_the_promised_shape(client: httpx.Client) -> None:
    answer = run(client, "rsi(14) < 45 and close > sma(50)", limit=3, **{"with": ["funnel", "sparkline"]}).json()
    for name in ("as_of", "data_version", "expression", "timing_ms", "funnel"):
        assert name in answer
    assert len(answer["matches"]) <= 3
    for match in answer["matches"]:
        assert match["values"]["rsi(14)"] < 45
        assert match["reasons"][0]["en"]
        assert match["reasons"][0]["ko"]


def test_an_answer_as_of_an_earlier_session_differs_from_the_newest(client: httpx.Client) -> None:
    newest = run(client, "close > sma(20)").json()
    symbol = newest["matches"][0]["symbol"]
    days = [bar["on"] for bar in client.get(f"/api/v1/symbols/{symbol}/bars").json()["bars"]]
    earlier = run(client, "close > sma(20)", as_of=days[-60]).json()
    assert earlier["as_of"] == days[-60]
    assert earlier["matches"] != newest["matches"]


BAD_BODIES: list[tuple[bytes, int, str]] = [
    (b'{"expression": "rsii(14) < 30"}', 422, "rsi"),
    (b'{"expression": "rsi(99999999) < 30"}', 422, "5000"),
    (b'{"expression": "clse > 1"}', 422, "close"),
    (b'{"expression": "(close > 1"}', 422, ""),
    (b'{"expression": "close > 1", "as_of": "1990-01-01"}', 404, "20"),
    (b'{"expression": "close > 1", "as_of": "2999-01-01"}', 404, "20"),
    (b'{"expression": "close > 1", "as_of": "yesterday"}', 422, "as_of"),
    (b'{"expression": "close > 1", "universe": ["NOSUCH"]}', 404, "NOSUCH"),
    (b'{"expression": "close > 1", "limit": 0}', 422, "limit"),
    (b'{"expression": "close > 1", "surprise": 1}', 422, "surprise"),
    (b'{"expression": NaN}', 400, ""),
    (b"{}", 422, "expression"),
    (b"", 422, ""),
    (b"[]", 422, ""),
    (b'{"expression": "\xff\xfe"}', 400, ""),
    (b'{"expression": "\\ud800"}', 400, ""),
    (b"[" * 100_000, 400, "nested"),
    (b'{"a":' * 100_000, 400, "nested"),
    (b'{"expression": "' + b"x" * 10_485_760 + b'"}', 413, "larger"),
]


@pytest.mark.parametrize(("body", "status", "said"), BAD_BODIES, ids=lambda part: repr(part)[:40])
def test_a_bad_body_is_a_problem_that_names_what_is_wrong(
    client: httpx.Client, body: bytes, status: int, said: str
) -> None:
    response = client.post("/api/v1/screens/run", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    problem = response.json()
    assert response.headers["content-type"].startswith("application/problem+json")
    assert problem["status"] == status
    assert problem["code"]
    assert problem["request_id"] == response.headers["x-request-id"]
    assert said in problem["detail"] + str(problem.get("accepted")) + str(problem.get("field"))
    assert "\n" not in problem["detail"]


def test_an_error_in_an_expression_points_at_the_character(client: httpx.Client) -> None:
    text = "close > 1 and rsii(14) < 30"
    problem = run(client, text).json()
    assert problem["code"] == "BAD_EXPRESSION"
    assert text[problem["position"] : problem["position"] + problem["length"]] == "rsii"
    assert problem["suggestion"] == "rsi"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/symbols/NOSUCH", 404, "UNKNOWN_SYMBOL"),
        ("/api/v1/symbols/%00", 422, "BAD_PARAMETER"),
        ("/api/v1/symbols?limit=0", 422, "BAD_PARAMETER"),
        ("/api/v1/symbols?limit=nan", 422, "BAD_PARAMETER"),
        ("/api/v1/symbols?q=%00", 422, "BAD_PARAMETER"),
        ("/api/v1/symbols?workspace=nowhere", 422, "BAD_PARAMETER"),
        ("/api/v1/symbols/NOSUCH/bars", 404, "UNKNOWN_SYMBOL"),
        ("/api/v1/imports/x", 404, "NOT_FOUND"),
        ("/api/v1/imports/999999", 404, "NOT_FOUND"),
        ("/api/v1/nothing", 404, "NOT_FOUND"),
        ("/static/../app.py", 404, "NOT_FOUND"),
    ],
)
def test_a_bad_path_or_parameter_is_a_problem(server: Server, path: str, status: int, code: str) -> None:
    with server.client() as client:
        response = client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    assert response.json()["code"] == code


def test_a_reader_who_has_an_answer_is_told_so(client: httpx.Client) -> None:
    """By the hash of its bytes: 304 and nothing more while they are the same, the answer when they are not."""
    first = client.get("/api/v1/symbols", params={"limit": 5})
    tag = first.headers["etag"]
    same = client.get("/api/v1/symbols", params={"limit": 5}, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    other = client.get("/api/v1/symbols", params={"limit": 6}, headers={"If-None-Match": tag})
    assert other.status_code == 200
    assert other.headers["etag"] != tag
    assert "etag" not in client.get("/api/v1/symbols/NOSUCH").headers


def test_symbols_are_listed_in_pages_without_a_gap(client: httpx.Client) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = client.get("/api/v1/symbols", params={"limit": 400, **({"cursor": cursor} if cursor else {})}).json()
        seen += [symbol["symbol"] for symbol in page["symbols"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 1_036
    assert seen == sorted(seen)
    one = client.get(f"/api/v1/symbols/{seen[0]}").json()
    assert one["symbol"]["symbol"] == seen[0]
    assert one["simulated"] is True


def test_bars_come_with_the_indicators_that_screens_use(client: httpx.Client) -> None:
    """The last value of an indicator beside the bars is the value a screen names."""
    match = run(client, "rsi(14) > 0 and macd(12, 26, 9).hist > -1000000000", limit=1).json()["matches"][0]
    answer = client.get(
        f"/api/v1/symbols/{match['symbol']}/bars", params={"indicators": "macd(12,26,9),rsi(14)"}
    ).json()
    assert set(answer["indicators"]["macd(12, 26, 9)"]) == {"macd", "signal", "hist"}
    rsi = answer["indicators"]["rsi(14)"]["rsi"]
    assert len(rsi) == len(answer["bars"])
    assert rsi[0] is None
    assert rsi[-1] == match["values"]["rsi(14)"]
    days = [bar["on"] for bar in answer["bars"]]
    cut = client.get(
        f"/api/v1/symbols/{match['symbol']}/bars", params={"indicators": "rsi(14)", "from": days[-5], "to": days[-2]}
    ).json()
    assert [bar["on"] for bar in cut["bars"]] == days[-5:-1]
    assert cut["indicators"]["rsi(14)"]["rsi"] == rsi[-5:-1]


def test_bars_come_with_indicators_of_every_kind(client: httpx.Client) -> None:
    """Of several outputs, in words, beside the index, by Session: each as long as the bars."""
    symbol = client.get("/api/v1/symbols", params={"limit": 1}).json()["symbols"][0]["symbol"]
    asked = "macd(12,26,9),supertrend(10,3),technical_rating(rules=2020),beta(60),session_vwap()"
    answer = client.get(f"/api/v1/symbols/{symbol}/bars", params={"indicators": asked, "limit": 30})
    assert answer.status_code == 200, answer.text
    bars, found = answer.json()["bars"], answer.json()["indicators"]
    assert [text.split("(")[0] for text in found] == [
        *("macd", "supertrend", "technical_rating", "beta", "session_vwap"),
    ]
    by_name = {text.split("(")[0]: outputs for text, outputs in found.items()}
    cards = {card["name"]: card for card in client.get("/api/v1/indicators").json()}
    for name, outputs in by_name.items():
        assert list(outputs) == cards[name]["outputs"]
        assert {len(values) for values in outputs.values()} == {len(bars)}
    newest = {name: {output: values[-1] for output, values in outputs.items()} for name, outputs in by_name.items()}
    assert newest["supertrend"]["trend"] == -newest["supertrend"]["direction"]
    assert newest["macd"]["hist"] == newest["macd"]["macd"] - newest["macd"]["signal"]
    assert -1 <= newest["technical_rating"]["all"] <= 1
    assert newest["beta"]["beta"] is not None
    last = bars[-1]  # one bar is a whole Session
    assert newest["session_vwap"]["vwap"] == pytest.approx((last["high"] + last["low"] + last["close"]) / 3)


@pytest.mark.parametrize("text", ["rsi(0)", "close", "rsi(14", "rsi(14) < 30", "nosuch(3)", ","])
def test_a_bad_list_of_indicators_is_refused(client: httpx.Client, text: str) -> None:
    symbol = client.get("/api/v1/symbols", params={"limit": 1}).json()["symbols"][0]["symbol"]
    response = client.get(f"/api/v1/symbols/{symbol}/bars", params={"indicators": text})
    assert response.status_code == 422, response.text
    assert response.json()["code"] in {"BAD_EXPRESSION", "BAD_PARAMETER"}


def test_the_catalogue_lists_parameters_with_their_ranges(client: httpx.Client) -> None:
    cards = {card["name"]: card for card in client.get("/api/v1/indicators").json()}
    assert {"sma", "ema", "rma", "rsi", "macd", "bb", "atr", "stoch", "adx", "obv", "highest", "lowest"} <= set(cards)
    assert cards["macd"]["outputs"] == ["macd", "signal", "hist"]
    assert [param["default"] for param in cards["macd"]["params"]] == [12, 26, 9]


def test_an_uploaded_file_is_imported_once_and_reported(client: httpx.Client) -> None:
    """Imported into a workspace of real data, which then answers by default; a second upload changes nothing."""
    options: dict[str, Any] = {
        "params": {"filename": "시세.csv", "workspace": "main"},
        "content": MARKET_CSV.encode("cp949"),
    }
    response = client.post("/api/v1/imports", **options)
    assert response.status_code == 201, response.text
    report = response.json()
    assert (report["rows_read"], report["stored"], report["rejected"]) == (2, 2, 0)
    shown = client.get(response.headers["location"], params={"workspace": "main"}).json()
    assert shown["report"]["file_name"] == "시세.csv"
    again = client.post("/api/v1/imports", **options).json()
    assert (again["stored"], again["updated"], again["unchanged"]) == (0, 0, 2)
    listed = client.get("/api/v1/imports", params={"workspace": "main"}).json()["imports"]
    assert [entry["run_id"] for entry in listed] == [again["run_id"], report["run_id"]]
    demo = run(client, "close > 0", limit=1)
    assert demo.status_code == 200


@pytest.mark.parametrize(
    ("name", "content", "status"),
    [
        ("a.csv", b"", 422),
        ("a.csv", b"symbol,date\n", 422),
        ("a.parquet", b"PAR1 no parquet at all", 422),
        ("a.txt", b"x", 422),
        ("../../a.csv", b"\xff\xfe\xff", 422),
    ],
)
def test_a_bad_upload_stores_nothing(
    server: Server, client: httpx.Client, name: str, content: bytes, status: int
) -> None:
    before = client.get("/api/v1/imports", params={"workspace": "main"}).json()
    response = client.post("/api/v1/imports", params={"filename": name, "workspace": "main"}, content=content)
    assert response.status_code == status, response.text
    assert client.get("/api/v1/imports", params={"workspace": "main"}).json() == before
    assert not list((server.home / "uploads").iterdir())


def test_the_link_opens_the_page_once(server: Server, client: httpx.Client) -> None:
    link = client.post("/api/v1/login-links").json()["path"]
    with httpx.Client(base_url=server.url, follow_redirects=True) as browser:
        assert browser.get("/api/v1/indicators").status_code == 401
        assert browser.get(link).status_code == 200
        cookie = next(iter(browser.cookies.jar))
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert browser.get("/api/v1/indicators").status_code == 200
    assert httpx.get(server.url + link).status_code == 401


def test_the_documents_work_without_a_network(server: Server) -> None:
    document = httpx.get(f"{server.url}/schema/openapi.json").json()
    assert "/api/v1/screens/run" in document["paths"]
    page = httpx.get(f"{server.url}/schema/swagger").text
    assert "https://" not in page
    for name in ("swagger/swagger-ui-bundle.js", "swagger/swagger-ui.css"):
        assert httpx.get(f"{server.url}/static/{name}").status_code == 200
    start = httpx.get(server.url)
    assert "https://" not in start.text
    assert "default-src 'none'" in start.headers["content-security-policy"]
    assert "unsafe-inline" not in start.headers["content-security-policy"]
    assert "server" not in start.headers


def test_health_and_metrics_tell_how_it_does(server: Server, client: httpx.Client) -> None:
    assert httpx.get(f"{server.url}/health/live").json() == {"status": "live"}
    report = httpx.get(f"{server.url}/health").json()
    assert report["status"] == "ready"
    assert {"database", "schema", "kernels", "panel", "redis"} <= set(report["parts"])
    run(client, "close > 0", limit=1)
    text = httpx.get(f"{server.url}/metrics").text
    assert 'http_route="/api/v1/screens/run",http_response_status_code="200"' in text or "/api/v1/screens/run" in text
    assert "ralph_panel_symbols" in text
    assert httpx.get(f"{server.url}/api/v1/nothing/{'x' * 40}").status_code == 401


def logged(server: Server) -> list[dict[str, Any]]:
    return [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]


def test_logs_are_json_lines_with_request_ids(server: Server, client: httpx.Client) -> None:
    request_id = client.get("/api/v1/indicators", headers={"X-Request-ID": "test-0123456789"}).headers["x-request-id"]
    assert request_id == "test-0123456789"
    deadline = time.monotonic() + 10  # the line is written once the answer is out
    while not any(line.get("request_id") == request_id for line in logged(server)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert "rk_" not in server.log.read_text()


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_an_export_is_a_file_that_says_where_it_comes_from(
    server: Server, client: httpx.Client, tmp_path: Path, form: str
) -> None:
    symbols = [each["symbol"] for each in client.get("/api/v1/symbols?limit=3").json()["symbols"]]
    answer = client.get("/api/v1/exports/bars", params={"format": form, "symbols": ",".join(symbols)})
    assert answer.status_code == 200, answer.text
    assert (answer.headers["X-Ralph-Workspace"], answer.headers["X-Ralph-Simulated"]) == ("demo", "true")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="ralph-demo-simulated-bars.{form}"'
    path = tmp_path / f"export.{form}"
    path.write_bytes(answer.content)
    columns = read_bars(path).columns
    assert [listing.symbol for listing in columns.listings] == symbols
    assert len(columns) == int(answer.headers["X-Ralph-Rows"])
    assert not list((server.home / "uploads").glob("*"))


@pytest.mark.parametrize(
    ("what", "params", "status", "field"),
    [
        ("bars", {"symbols": "NONE"}, 404, "symbols"),
        ("bars", {"from": "2026-02-01", "to": "2026-01-01"}, 422, "from"),
        ("bars", {"format": "pdf"}, 422, "format"),
        ("stars", {}, 404, "what"),
    ],
)
def test_an_export_that_cannot_be_made_names_the_field(
    client: httpx.Client, what: str, params: dict[str, str], status: int, field: str
) -> None:
    answer = client.get(f"/api/v1/exports/{what}", params=params)
    assert answer.status_code in (status, 422, 400), answer.text
    assert answer.json()["field"] == field


def test_the_live_market_plays_and_says_that_it_is_simulated(client: httpx.Client) -> None:
    """The board of the demo's next Session, one quote, the feed, and what health and metrics say of them."""
    for _ in range(1_200):
        feed = client.get("/api/v1/feed").json()
        if feed["ticks"] > 0:
            break
        time.sleep(0.05)
    assert (feed["state"], feed["workspace"], feed["simulated"]) == ("playing", "demo", True)
    response = client.get("/api/v1/board")
    board = response.json()
    assert response.headers["etag"]
    assert (board["simulated"], board["session"]) == (True, feed["session"])
    assert len(board["quotes"]) > 900
    newest = client.get("/api/v1/symbols/S00001/bars", params={"limit": 1}).json()["bars"][-1]
    assert board["session"] > newest["on"]
    code = board["quotes"][0]["symbol"]
    assert client.get(f"/api/v1/quotes/{code}").json()["quote"]["symbol"] == code
    problem = client.get("/api/v1/quotes/ZZZ")
    assert (problem.status_code, problem.json()["code"]) == (404, "UNKNOWN_SYMBOL")
    parts = client.get("/health").json()["parts"]
    assert parts["feed"]["ok"]
    assert "simulated Session" in parts["feed"]["detail"]
    assert "ralph_feed_ticks_total" in client.get("/metrics").text
