"""A small market in a server of its own, for the tests of screens that are kept: three Symbols on four days."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from serving import Server, serving

CODES = {"005930": "삼성전자", "000660": "SK하이닉스", "035420": "NAVER"}
CLOSES = {"005930": (100, 101, 102, 103), "000660": (100, 99, 98, 97), "035420": (100, 100, 101, 102)}
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08")
BARS = "종목코드,종목명,일자,시가,고가,저가,종가,거래량\n" + "".join(
    f"{code},{name},{day},100,110,90,{CLOSES[code][index]},1000\n"
    for code, name in CODES.items()
    for index, day in enumerate(DAYS)
)
SYMBOLS = """종목코드,종목명,시장구분,업종
005930,삼성전자,KOSPI,전기전자
000660,SK하이닉스,KOSPI,전기전자
035420,NAVER,KOSPI,서비스
"""
RISING = "close > close[1]"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for the module, without the simulated market, its workspace main filled through the API."""
    with serving(tmp_path_factory.mktemp("saved") / "home", "--no-demo") as running:
        with running.client() as client:
            for kind, text in (("bars", BARS), ("symbols", SYMBOLS)):
                params = {"filename": "file.csv", "kind": kind}
                response = client.post("/api/v1/imports", params=params, content=text.encode())
                assert response.status_code == 201, response.text
            wait_for(client, "KOSPI")
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """A client of the workspace main; what it saved is removed afterwards."""
    with server.client(params={"workspace": "main"}) as opened:
        yield opened
        for each in opened.get("/api/v1/screens").json()["screens"]:
            opened.delete(f"/api/v1/screens/{each['id']}")


def wait_for(client: httpx.Client, market: str) -> None:
    """Wait until the Panel in memory knows what was imported."""
    body = {"expression": "close > 0", "universe": market}
    for _ in range(1_000):
        if client.post("/api/v1/screens/run", params={"workspace": "main"}, json=body).status_code == 200:
            return
        time.sleep(0.01)
    raise AssertionError(f"{market} is still unknown")
