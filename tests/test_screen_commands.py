"""`ralph screen` and its commands, beside a running server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import httpx
import polars as pl
from click.testing import CliRunner
from saved_market import BARS, DAYS, RISING, client, server
from serving import Server, environment

from ralph.cli.screen import screen_command
from ralph.errors import RalphError
from ralph.screens import parse

__all__ = ["client", "server"]


class Said(NamedTuple):
    code: int
    out: str
    error: str


def screen(home: Path, *arguments: str) -> Said:
    """`ralph screen ...` in this process: what it prints, and the exit code it leads to."""
    env = {"RALPH_HOME": str(home), "RALPH_DEMO": "false"}
    result = CliRunner().invoke(screen_command, arguments, env=env, standalone_mode=False)
    if result.exception is None or isinstance(result.exception, SystemExit):
        return Said(result.exit_code, result.stdout, result.stderr)
    assert isinstance(result.exception, RalphError), result.exception
    return Said(result.exception.exit_code, result.stdout, result.exception.message)


def test_the_command_line_keeps_screens_too(server: Server, client: httpx.Client, tmp_path: Path) -> None:
    home = server.home
    given = ("--tag", "mine", "--schedule", "at close", "--universe", "KOSPI")
    assert screen(home, "save", "오름", RISING, *given).out.strip() == "오름: saved (version 1)"
    changed = screen(home, "save", "오름", "close > close[2]", "--universe", "all", "--watch", "--json")
    card = json.loads(changed.out)
    assert (card["version"], card["universe"], card["watch"], card["tags"]) == (2, None, True, ["mine"])
    answer = json.loads(screen(home, "오름", "--json").out)
    assert (answer["expression"], answer["total_matches"]) == ("close > close[2]", 2)
    preset = json.loads(screen(home, "Golden Cross", "--json").out)
    assert preset["expression"] == str(parse("sma(50) crosses_above sma(200)"))
    filled = screen(home, "history", "오름", "--fill", "--from", DAYS[0], "--to", DAYS[3])
    assert filled.out.strip() == "3 Sessions filled, 1 were there, 2 hits written"
    assert len(json.loads(screen(home, "history", "오름", "--hits", "--json").out)) == 4
    assert len(json.loads(screen(home, "history", "오름", "--json").out)) == 4
    assert screen(home, "history", "오름", "--export", str(tmp_path / "hits.parquet")).code == 0
    assert pl.read_parquet(tmp_path / "hits.parquet").height == 4
    assert screen(home, "history", "오름", "--export", "hits.txt").code == 2
    assert screen(home, "history", "오름", "--fill").code == 2
    assert screen(home, "rename", "오름", "up").code == 0
    assert RISING in screen(home, "show", "up").out
    assert json.loads(screen(home, "ls", "--tag", "mine", "--json").out)[0]["name"] == "up"
    assert "2 of 3 symbols" in screen(home, "up").error
    assert screen(home, "rm", "up").code == 0
    assert screen(home, "restore", card["id"]).out.strip() == "up: restored"
    assert [screen(home, *words).code for words in (["show", "none"], ["save", "none"], ["clsoe > 1"])] == [3, 3, 2]


def test_the_command_line_tells_presets_and_the_language(tmp_path: Path) -> None:
    assert screen(tmp_path, "format", "(close>open)").out.strip() == "close > open"
    assert screen(tmp_path, "format", "close >").code == 2
    assert screen(tmp_path, "language").out.startswith("#")
    assert len(json.loads(screen(tmp_path, "presets", "--json").out)) >= 30
    (tmp_path / "bars.csv").write_text(BARS)
    file = ("--file", str(tmp_path / "bars.csv"))
    for words in (("close > 0", "--universe", "list:x"), ("close > 0", "--universe", "screen:x"), ("x > 1", "--watch")):
        assert screen(tmp_path, *words, *file).code == 2
    assert json.loads(screen(tmp_path, "gap-up", *file, "--json").out)["expression"].startswith("open >= 1.03")


def test_a_watched_screen_tells_what_changes(server: Server) -> None:
    """In the workspace demo, which is empty here."""
    with server.client(params={"workspace": "demo", "filename": "file.csv", "kind": "bars"}) as client:
        assert client.post("/api/v1/imports", content=BARS.encode()).status_code == 201
        command = [sys.executable, "-m", "ralph", "screen", RISING, "--watch", "--every", "0.1", "--json"]
        env = environment(server.home)
        with subprocess.Popen(
            [*command, "--workspace", "demo"], env=env, stdout=subprocess.PIPE, text=True
        ) as watching:
            assert watching.stdout is not None
            first = json.loads(watching.stdout.readline())
            assert {match["symbol"] for match in first["matches"]} == {"005930", "035420"}
            later = "symbol,date,open,high,low,close,volume\n000660,2026-01-09,99,110,90,99,10\n"
            later += "005930,2026-01-09,99,110,90,99,10\n"
            assert client.post("/api/v1/imports", content=later.encode()).status_code == 201
            change = json.loads(watching.stdout.readline())
            watching.send_signal(signal.SIGINT)
            assert watching.wait(20) == 130
        assert (change["workspace"], change["simulated"], change["as_of"]) == ("demo", True, "2026-01-09")
        assert [match["symbol"] for match in change["added"]] == ["000660"]
        assert set(change["removed"]) == {"005930", "035420"}
