"""The main job on the real market: imported by the command, screened through file, database and HTTP alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from serving import Server, ralph, serving
from test_screens_reference import DAYS, EXPRESSIONS

from ralph import screens
from ralph.brokers.files import read_bars
from ralph.market.columns import build_panel
from ralph.market.panel import Panel

ROWS = 1_232_014
IDLE_KB_MAX = 350_000
TEXTS = [text for text, _ in EXPRESSIONS]


@pytest.fixture(scope="module")
def prices(shared_dir: Path) -> Path:
    return shared_dir / "data" / "krx_daily.parquet"


@pytest.fixture(scope="module")
def panel(prices: Path) -> Panel:
    """The file itself, without any server: what tests/test_screens_reference.py proves right."""
    return build_panel(read_bars(prices).columns)


@pytest.fixture(scope="module")
def home(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home into which the file was imported twice."""
    path = tmp_path_factory.mktemp("main") / "home"
    first, second = (ralph(path, "import", "bars", str(prices), "--json") for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    (report,), (again,) = json.loads(first.stdout), json.loads(second.stdout)
    assert (report["rows_read"], report["stored"], report["rejected"]) == (ROWS, ROWS, 0)
    assert (again["rows_read"], again["unchanged"], again["stored"], again["updated"]) == (ROWS, ROWS, 0, 0)
    assert report["data_version"] == again["data_version"]
    return path


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    with serving(home) as running:
        assert resident_kb(running) <= IDLE_KB_MAX, "an idle server with its kernels loaded is small"
        yield running


def resident_kb(server: Server) -> int:
    """Memory of the process, pages of mapped files included."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def matches(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What an answer says of each match, apart from names, which a file of bars does not have."""
    return [(match["symbol"], match["score"], match["anomaly"], match["values"]) for match in answer["matches"]]


def expected(panel: Panel, text: str, day: Any) -> dict[str, Any]:
    answer = screens.run(panel, screens.Request(expression=text, as_of=day))
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return decoded


@pytest.mark.parametrize("text", TEXTS)
def test_http_answers_as_the_file_does(server: Server, panel: Panel, text: str) -> None:
    """On ten dates, value for value."""
    with server.client() as client:
        for day in DAYS:
            response = client.post("/api/v1/screens/run", json={"expression": text, "as_of": day.isoformat()})
            assert response.status_code == 200, response.text
            answer, wanted = response.json(), expected(panel, text, day)
            assert matches(answer) == matches(wanted)
            for name in ("as_of", "total_scanned", "total_matches", "excluded", "expression"):
                assert answer[name] == wanted[name], name
            assert (answer["workspace"], answer["simulated"]) == ("main", False)


@pytest.mark.parametrize("text", TEXTS[:2])
def test_the_command_answers_alike_from_database_and_file(
    server: Server, prices: Path, panel: Panel, text: str
) -> None:
    day = DAYS[-1]
    wanted = matches(expected(panel, text, day))
    for source in ((), ("--file", str(prices))):
        run = ralph(server.home, "screen", text, "--as-of", day.isoformat(), "--json", *source)
        assert run.returncode == 0, run.stderr
        assert matches(json.loads(run.stdout)) == wanted


def test_bars_of_a_symbol_are_those_of_the_file(server: Server, panel: Panel) -> None:
    with server.client() as client:
        answer = client.get("/api/v1/symbols/005930/bars").json()
    view, column = panel.as_of(), panel.columns[panel.symbols[panel.symbols.index("005930")]]
    closes = [bar["close"] for bar in answer["bars"] if bar["volume"]]
    assert closes == view.field("close")[view.first[column] :, column].tolist()


def test_a_date_without_data_names_the_latest_with_some(server: Server) -> None:
    with server.client() as client:
        problem = client.post("/api/v1/screens/run", json={"expression": "close > 1", "as_of": "2026-05-30"}).json()
    assert problem["code"] == "DATA_NOT_FOUND"
    assert "2026-05-29" in problem["detail"]
