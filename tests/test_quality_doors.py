"""Quality and retention by command and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from serving import Server, ralph, serving
from test_quality import PRICES, halted, holed, market, split

from ralph.cli import group
from ralph.market.columns import BarColumns


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market with a hole, a halt and a split."""
    bars: BarColumns = holed(split(halted(market(), 7, 50), 20, 60), 3, 40)
    path = tmp_path_factory.mktemp("prices") / "prices.parquet"
    codes = [bars.listings[index].symbol for index in bars.symbol.tolist()]
    numbers = {name: getattr(bars, name) for name in (*PRICES, "volume")}
    pl.DataFrame({"symbol": codes, "date": bars.day, **numbers}).write_parquet(path)
    return path


@pytest.fixture(scope="module")
def server(prices: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("quality") / "home", "--no-demo") as running:
        assert ralph(running.home, "import", "bars", str(prices), "--adjusted").returncode == 0
        yield running


def test_a_file_is_looked_at_without_a_server(prices: Path, tmp_path: Path) -> None:
    done = ralph(tmp_path / "home", "quality", "--file", str(prices), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["run"]["counts"] == {"split": 1, "missing": 1, "halt": 1}
    assert [each["kind"] for each in answer["findings"]] == ["split", "missing", "halt"]
    assert not (tmp_path / "home" / "postgres").exists()
    arguments = ["quality", "run", "--file", str(prices), "--symbol", "107000"]
    one = CliRunner().invoke(group, arguments, env={"RALPH_HOME": str(tmp_path)})
    assert "107000" in one.stdout
    assert "120000" not in one.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--file", "prices.parquet", "--symbol", "999999"), "no bars of 999999"),
        (("--file", "prices.parquet", "--symbol", "?"), "no symbol"),
        (("--file", "prices.parquet", "--kind", "nothing"), "is not one of"),
        (("--file", "none.csv"), "none.csv"),
        (("--kind", "halt", "ls"), "put the options after ls"),
    ],
)
def test_what_a_command_cannot_do_is_said(
    prices: Path, tmp_path: Path, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(prices.parent)
    result = CliRunner().invoke(group, ["quality", *arguments], env={"RALPH_HOME": str(tmp_path)})
    assert result.exit_code != 0
    assert said in f"{result.output} {result.exception}"


def test_runs_findings_and_holes_by_command(server: Server) -> None:
    answer = json.loads(ralph(server.home, "quality", "--kind", "split", "--json").stdout)
    assert (answer["workspace"], answer["simulated"], answer["truncated"]) == ("main", False, False)
    assert [each["symbol"] for each in answer["findings"]] == ["120000"]
    listed = json.loads(ralph(server.home, "quality", "ls", "--json").stdout)
    assert listed[0]["run_id"] == answer["run"]["run_id"]
    holes = json.loads(ralph(server.home, "quality", "holes", "--symbol", "103000", "--json").stdout)
    assert (holes["missing"], holes["holes"][0]["kind"]) == (4, "missing")
    assert any("XXXX" in month["signs"] for month in holes["months"])
    assert ralph(server.home, "quality", "--symbol", "999999").returncode == 3


def test_quality_over_http(server: Server) -> None:
    with server.client() as client:
        made = client.post("/api/v1/quality/runs")
        assert made.status_code == 201
        run = client.get(made.headers["Location"]).json()
        assert run == made.json()
        report = client.get("/api/v1/quality").json()
        assert (report["workspace"], report["is_current"], report["run"]) == ("main", True, run)
        assert report["coverage"] == {
            "session": "2026-11-20",
            "expected": 25,
            "present": 25,
            "ratio": 1.0,
            "passes": True,
        }
        assert client.get("/api/v1/quality/runs", params={"limit": 1}).json()["runs"] == [run]
        first = client.get("/api/v1/quality/findings", params={"limit": 2}).json()
        rest = client.get("/api/v1/quality/findings", params={"cursor": first["next"]}).json()
        assert [each["kind"] for each in first["findings"] + rest["findings"]] == ["split", "missing", "halt"]
        assert rest["next"] is None
        assert set(first["findings"][0]) == {"kind", "severity", "symbol", "from", "to", "detail", "en", "ko"}
        only = client.get("/api/v1/quality/findings", params={"symbol": "107000", "severity": "info"}).json()
        assert [each["kind"] for each in only["findings"]] == ["halt"]
        one = client.get("/api/v1/symbols/103000/quality").json()
        assert [each["kind"] for each in one["findings"]] == ["missing"]
        assert one["holes"]["missing"] == 4
        empty = client.get("/api/v1/quality", params={"workspace": "demo"})
        assert (empty.status_code, empty.json()["code"]) == (404, "DATA_NOT_FOUND")


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/api/v1/quality/findings?kind=odd", 422, "kind"),
        ("/api/v1/quality/findings?cursor=odd", 422, "cursor"),
        ("/api/v1/quality/findings?symbol=999999", 404, "symbol"),
        ("/api/v1/quality/findings?symbol=%00", 404, "symbol"),
        ("/api/v1/quality/findings?run_id=999", 404, "run_id"),
        ("/api/v1/quality/runs/odd", 404, "run_id"),
        ("/api/v1/quality/runs?cursor=odd", 404, "run_id"),
        ("/api/v1/quality?workspace=odd", 422, "workspace"),
        ("/api/v1/symbols/999999/quality", 404, "symbol"),
    ],
)
def test_what_cannot_be_is_named(server: Server, path: str, status: int, field: str) -> None:
    with server.client() as client:
        client.post("/api/v1/quality/runs")
        answer = client.get(path)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_retention_by_command(server: Server) -> None:
    shown = json.loads(ralph(server.home, "retention", "--json").stdout)
    assert not shown["applied"]
    assert {each["table"]: each["before"] for each in shown["removals"]}["bars_daily"] is None
    assert ralph(server.home, "retention", "--apply").returncode == 0
    refused = ralph(server.home, "retention", "--apply", "--confirm-bars", "3")
    assert refused.returncode == 2
    assert "for ever" in refused.stderr


def test_how_bars_are_stored_is_told(server: Server) -> None:
    with server.client() as client:
        assert "partitions" in client.get("/health").json()["parts"]["storage"]["detail"]
    assert "bars in partitions" in ralph(server.home, "doctor").stdout
