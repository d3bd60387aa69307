"""The life of `ralph up` and of the commands beside it: started, found, refused, stopped, killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from serving import Server, ralph, serving

CSV = "symbol,date,open,high,low,close,volume\n" + "".join(
    f"{code},2026-01-{day:02},{100 + day},{110 + day},{90 + day},{100 + day},{1000 * day}\n"
    for code in ("005930", "00104K")
    for day in range(5, 30)
)


def children(pid: int) -> list[int]:
    """The processes started by a process, and theirs."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found += [int(entry.name), *children(int(entry.name))]
    return found


def gone(pids: list[int], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "prices.csv"
    path.write_text(CSV)
    return path


def test_a_home_is_filled_found_refused_and_left_clean(tmp_path: Path, csv: Path) -> None:
    """Commands find the running server, a second one is refused, and nothing is left running or lost at the end."""
    home = tmp_path / "home with space 집"
    with serving(home, "--no-demo") as server:
        servers = children(server.process.pid)
        assert len(servers) >= 2
        imported = ralph(home, "import", "bars", str(csv), "--json")
        assert imported.returncode == 0, imported.stderr
        assert json.loads(imported.stdout)[0]["stored"] == 50
        second = ralph(home, "up", "--port", "0", "--no-open")
        assert second.returncode == 1
        assert str(server.process.pid) in second.stderr
        assert second.stderr.count("\n") == 1
        assert ralph(home, "login").stdout.startswith(f"{server.url}/?t=")
        key = ralph(home, "login", "--key").stdout.strip()
        assert key.startswith("rk_")
        wait_for_matches(server, 2)
        assert server.stop() == 0
    assert gone(servers, 5)
    answer = ralph(home, "screen", "close > 1", "--json")
    assert json.loads(answer.stdout)["total_matches"] == 2
    assert not home.joinpath("servers.json").exists()
    with serving(home) as again:
        assert wait_for_matches(again, 2)["workspace"] == "main"


def wait_for_matches(server: Server, count: int) -> dict[str, object]:
    """A running server notices bars that another process stored."""
    deadline = time.monotonic() + 20
    while True:
        with server.client() as client:
            response = client.post("/api/v1/screens/run", json={"expression": "close > 1"})
        if response.status_code == 200 and response.json()["total_matches"] == count:
            answer: dict[str, object] = response.json()
            return answer
        assert time.monotonic() < deadline, response.text
        time.sleep(0.1)


def test_a_killed_ralph_leaves_no_server_behind_and_starts_again(tmp_path: Path, csv: Path) -> None:
    home = tmp_path / "home"
    assert ralph(home, "import", "bars", str(csv)).returncode == 0
    server = Server(home, tmp_path / "log")
    server.wait_ready()
    servers = children(server.process.pid)
    server.process.kill()
    server.process.wait()
    assert gone(servers, 10)
    with serving(home) as again:
        assert wait_for_matches(again, 2)


@pytest.mark.alone
@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_killed_embedded_server_is_back_within_ten_seconds(tmp_path: Path, csv: Path, name: str) -> None:
    home = tmp_path / "home"
    assert ralph(home, "import", "bars", str(csv)).returncode == 0
    with serving(home) as server:
        victim = (
            int((home / "postgres" / "postmaster.pid").read_text().split()[0])
            if name == "postgres"
            else redis_pid(server)
        )
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 10
        part = "database" if name == "postgres" else "redis"
        with server.client() as client:
            while True:
                listed = client.get("/api/v1/symbols")
                seen = client.get("/health").json()["parts"][part]
                if not alive(victim) and listed.status_code == 200 and seen["ok"]:
                    break
                if listed.status_code != 200:
                    assert (listed.status_code, listed.json()["code"]) == (503, "DATABASE_DOWN")
                    assert listed.headers["retry-after"]
                assert time.monotonic() < deadline, seen
                time.sleep(0.1)
            assert len(listed.json()["symbols"]) == 2
            assert client.post("/api/v1/screens/run", json={"expression": "close > 1"}).json()["total_matches"] == 2


def redis_pid(server: Server) -> int:
    for pid in children(server.process.pid):
        if "redis-server" in Path(f"/proc/{pid}/cmdline").read_text():
            return pid
    raise AssertionError("no redis-server among the children")


def test_a_port_in_use_is_said_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = ralph(tmp_path / "home", "up", "--port", str(port), "--no-open")
    assert refused.returncode == 1
    assert f"port {port}" in refused.stderr
    assert "--port" in refused.stderr
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "variables", "exit_code", "said"),
    [
        (("up", "--host", "0.0.0.0"), {}, 1, "loopback"),
        (("serve",), {}, 1, "RALPH_DATABASE_URL"),
        (("login",), {}, 4, "ralph up"),
        (("upp",), {}, 2, "did you mean up"),
        (("up", "--port", "x"), {}, 2, "--port"),
        (("config", "show"), {"RALPH_PROT": "1"}, 1, "did you mean port"),
        (("import", "bars", "no-such-file.csv"), {}, 1, "no-such-file.csv"),
        (("import", "bars", "a.csv", "--adjusted", "--raw"), {}, 2, "--raw"),
        (("screen", "rsii < 30", "--file", "no-such-file.csv"), {}, 1, "no-such-file.csv"),
        (("indicators", "nosuch"), {}, 3, "nosuch"),
        (("migrate",), {"RALPH_DATABASE_URL": "postgresql://u@127.0.0.1:1/d"}, 4, "database"),
    ],
)
def test_a_bad_command_is_one_line_and_an_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], variables: dict[str, str], exit_code: int, said: str
) -> None:
    refused = ralph(tmp_path / "home", *arguments, **variables)
    assert refused.returncode == exit_code, refused.stderr
    assert said in refused.stderr
    assert refused.stderr.strip().count("\n") == 0, refused.stderr
    assert refused.stdout == ""


def test_a_home_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = ralph(tmp_path / "file" / "home", "up", "--port", "0", "--no-open")
    assert refused.returncode == 1
    assert "--home" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_help_and_settings_need_no_server(tmp_path: Path) -> None:
    assert "indicators" in ralph(tmp_path, "--help").stdout
    shown = json.loads(ralph(tmp_path, "config", "show", "--json", RALPH_PORT="9000").stdout)
    assert {"name": "port", "value": "9000", "origin": "environment RALPH_PORT"} in shown
    cards = json.loads(ralph(tmp_path, "indicators", "--json").stdout)
    assert len(cards) >= 12
    checks = {check["name"]: check for check in json.loads(ralph(tmp_path / "home", "doctor", "--json").stdout)}
    assert checks["home"]["ok"]
    assert "embedded servers" in checks


def test_a_file_is_screened_without_a_home(tmp_path: Path, csv: Path) -> None:
    home = tmp_path / "never made"
    answer = ralph(home, "screen", "close > sma(close, 20) and volume > 1억", "--file", str(csv), "--json")
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["total_matches"] == 0
    answer = ralph(home, "screen", "close > sma(close, 20)", "--file", str(csv), "--as-of", "2026-01-29", "--json")
    assert {match["symbol"] for match in json.loads(answer.stdout)["matches"]} == {"005930", "00104K"}
    missing = ralph(home, "screen", "close > 1", "--file", str(csv), "--as-of", "2026-02-01", "--json")
    assert missing.returncode == 3
    assert "2026-01-29" in missing.stderr
    assert not home.exists()
