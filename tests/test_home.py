"""RALPH_HOME: made private, never loosened or tightened, held by one, with a key of its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ralph.embedded.home import Addresses, Home
from ralph.errors import HomeInUse, Misconfigured

HOLD = """
import sys, time
from pathlib import Path
from ralph.embedded.home import Home
home = Home(Path(sys.argv[1]))
with home.hold("import"):
    home.announce("http://127.0.0.1:8420")
    print("held", flush=True)
    time.sleep(60)
"""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_home_is_made_private_whatever_the_umask(home_path: Path) -> None:
    before = os.umask(0o277)
    try:
        Home(home_path).create()
    finally:
        os.umask(before)
    assert (mode(home_path), mode(home_path / "log")) == (0o700, 0o700)


def test_permissions_of_a_home_that_is_there_are_not_changed(home_path: Path) -> None:
    home_path.mkdir()
    home_path.chmod(0o755)
    with Home(home_path).hold("up"):
        assert mode(home_path) == 0o755


@pytest.mark.parametrize("make", ["file", "below a file", "kernel"])
def test_a_home_that_cannot_be_written_is_refused_with_its_path_and_the_option(home_path: Path, make: str) -> None:
    path = {"file": home_path, "below a file": home_path / "home", "kernel": Path("/proc/ralph")}[make]
    if make != "kernel":
        home_path.write_text("")
    with pytest.raises(Misconfigured) as refusal:
        Home(path).create()
    assert str(path) in refusal.value.message
    assert "--home" in refusal.value.message


def test_a_second_holder_is_told_who_holds_it(home_path: Path) -> None:
    home = Home(home_path)
    with home.hold("up"):
        home.announce("http://127.0.0.1:8420")
        with pytest.raises(HomeInUse) as refusal, Home(home_path).hold("import"):
            pass
    for part in ("ralph up", f"process {os.getpid()}", "since 20", "http://127.0.0.1:8420", str(home_path)):
        assert part in refusal.value.message
    with Home(home_path).hold("import"):
        pass


def test_a_home_says_who_holds_it_and_is_free_when_the_holder_was_killed(home_path: Path) -> None:
    home = Home(home_path)
    assert home.holder() is None
    with subprocess.Popen([sys.executable, "-c", HOLD, str(home_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        holder = home.holder()
        other.send_signal(signal.SIGKILL)
    assert holder is not None
    assert (holder.pid, holder.purpose, holder.url) == (other.pid, "import", "http://127.0.0.1:8420")
    assert home.holder() is None
    with home.hold("up"):
        assert home.holder() is not None


def test_asking_for_the_holder_does_not_take_the_home_from_one_who_wants_it(home_path: Path) -> None:
    Home(home_path).create()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lambda: [Home(home_path).holder() for _ in range(2_000)])
        while not asked.done():
            with Home(home_path).hold("up"):
                pass


def test_the_owners_key_stays_the_same_and_only_the_owner_reads_it(home_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: Home(home_path).owner_key(), range(16)))
    assert len(keys) == 1
    key = keys.pop()
    assert key.startswith("rk_")
    assert len(key) == 46
    assert mode(home_path / "owner.key") == 0o600
    assert sorted(path.name for path in home_path.iterdir()) == ["log", "owner.key"]


@pytest.mark.parametrize("content", [b"", b"rk_short\n", b"\xff\xfe"])
def test_a_damaged_key_is_refused_rather_than_replaced(home_path: Path, content: bytes) -> None:
    Home(home_path).create()
    (home_path / "owner.key").write_bytes(content)
    with pytest.raises(Misconfigured, match="owner"):
        Home(home_path).owner_key()
    assert (home_path / "owner.key").read_bytes() == content


def test_addresses_of_servers_are_private_and_forgotten_by_the_next_holder(home_path: Path) -> None:
    home = Home(home_path)
    with home.hold("up"):
        home.publish_servers(Addresses("postgresql://ralph@/ralph", None))
        assert mode(home_path / "servers.json") == 0o600
        assert Home(home_path).servers() == Addresses("postgresql://ralph@/ralph", None)
    with home.hold("import"):
        assert home.servers() is None
