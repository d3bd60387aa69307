"""The README is true: its commands run, its HTTP examples answer, its expressions parse."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Server, environment, serving

from ralph import screens
from ralph.config import OUTSIDE, load
from ralph.errors import BadExpression
from ralph.market.changes import parse_changes
from ralph.market.sessions import is_session

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [line for block in BLOCKS for line in block.replace("\\\n", " ").splitlines()]
RUN_ELSEWHERE = ("uv run ralph up", "uv run pytest", "pip install uv")
"""Started by the fixture, or this very run."""

COMMANDS = [line for line in LINES if line.startswith("uv run ralph") and not line.startswith(RUN_ELSEWHERE)]
PRICES = "symbol,date,open,high,low,close,volume\n" + "".join(
    f"00593{code},{year}-{month:02}-{day:02},100,110,90,{100 + day},1000\n"
    for code in range(3)
    for year, month in ((2026, 4), (2026, 5))
    for day in range(1, 30)
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("readme") / "home") as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the examples name."""
    import polars as pl

    place = tmp_path_factory.mktemp("files")
    (place / "prices.csv").write_text(PRICES)
    pl.read_csv(place / "prices.csv", try_parse_dates=True).write_parquet(place / "prices.parquet")
    (place / "minutes.csv").write_text("종목코드,일시,시가,고가,저가,종가,거래량\n005930,2026-05-04 09:00,1,1,1,1,1\n")
    (place / "market_flows.csv").write_text("시장,일자,개인,외국인,기관\nKOSPI,2026-05-04,-30,10,20\n")
    (place / "names.csv").write_text("종목코드,종목명,시장구분\n005930,삼성전자,KOSPI\n")
    (place / "actions.csv").write_text("symbol,date,kind,ratio\n005930,2026-05-04,split,5\n")
    return place


def test_the_two_commands_are_there() -> None:
    assert "pip install uv && uv run ralph up" in LINES
    assert "pip install uv && uv run pytest" in LINES
    assert len(COMMANDS) >= 8


def test_the_calendar_file_of_the_readme_is_understood() -> None:
    text = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)[0]
    changes = parse_changes(text)
    assert all((changes.closed, changes.opened, changes.exam_days, changes.late_openings, changes.hours))
    assert all(is_session(day) for day in (*changes.closed, *changes.exam_days, *changes.late_openings))


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_runs(server: Server, folder: Path, line: str) -> None:
    """Every `uv run ralph ...` example, against a running server."""
    arguments = shlex.split(line)[3:]
    run = subprocess.run(
        [sys.executable, "-m", "ralph", *arguments],
        cwd=folder,
        env={**environment(server.home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout or re.search(r"^\d+ of \d+ symbols|rows of", run.stderr, re.MULTILINE), run.stderr


def test_the_http_examples_answer(server: Server, folder: Path) -> None:
    """The curl block, with the port of this server."""
    (block,) = [block for block in BLOCKS if "curl" in block]
    script = block.replace("http://127.0.0.1:8420", server.url).replace("uv run ralph", f"{sys.executable} -m ralph")
    run = subprocess.run(
        ["bash", "-euc", script.replace("curl -s ", "curl -sS --fail-with-body -w '\\n' ")],
        cwd=folder,
        env={**environment(server.home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count('"workspace"') == 2


def test_every_route_of_the_readme_exists(server: Server) -> None:
    with server.client() as client:
        paths = set(client.get("/schema/openapi.json").json()["paths"])
    for route in re.findall(r"`(?:GET|POST) (/api/v1/[^`]*)`", README):
        assert route in paths, route


def test_the_language_table_is_the_language() -> None:
    """Each example of the table is a number, a condition, or a sign of the grammar."""
    table = README.split("## The language of screens")[1].split("A value that does not exist")[0]
    examples = [text for row in table.splitlines() if row.startswith("| ") for text in re.findall(r"`([^`]+)`", row)]
    understood = 0
    for text in examples:
        if text.startswith(("uv run", "<", "+", "and", "만", "조", "open high")):
            continue
        try:
            screens.parse_number(text)
        except BadExpression:
            screens.parse(text)
        understood += 1
    assert understood >= 15


def test_the_settings_named_exist(tmp_path: Path) -> None:
    known = {setting.name for setting in load({"home": str(tmp_path)}, {})[1]}
    for variable in re.findall(r"`(RALPH_[A-Z_]+)`", README):
        if variable not in OUTSIDE:
            assert variable.removeprefix("RALPH_").lower().replace("__", ".") in known, variable
