"""Several files and folders on the command line, and exports into files and pipes."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from serving import ralph

from ralph.errors import BadFile
from ralph.jobs.imports import find_files

HEADER = "symbol,date,open,high,low,close,volume\n"
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(home_path: Path, database_url: str) -> Command:
    """The CLI on a database of the test's own."""
    return lambda *arguments: ralph(home_path, *arguments, RALPH_DATABASE_URL=database_url)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files in every form, one of them bad, and one that is not looked at."""
    place = tmp_path / "in"
    place.mkdir()
    (place / "b.csv").write_text(HEADER + "005930,2026-01-05,1,1,1,1,5\n")
    (place / "a.CSV.GZ").write_bytes(gzip.compress((HEADER + "00104K,2026-01-05,1,1,1,1,5\n").encode("cp949")))
    (place / "c.txt").write_text("nothing to read")
    (place / "d.txt").write_bytes(b"\xef\xbb\xbf" + (HEADER + "000660,2026-01-05,1,1,1,1,5\n").encode())
    pl.read_csv(place / "b.csv", schema_overrides={"symbol": pl.String}).write_parquet(place / "e.parquet")
    (place / "readme.md").write_text("not data")
    return place


def test_a_folder_is_read_in_the_order_of_names(folder: Path) -> None:
    files = find_files([folder / "d.txt", folder])
    assert [file.name for file in files] == ["d.txt", "a.CSV.GZ", "b.csv", "c.txt", "d.txt", "e.parquet"]
    empty = folder / "empty"
    empty.mkdir()
    with pytest.raises(BadFile, match="no file to import"):
        find_files([empty])


def test_one_bad_file_does_not_stop_the_others_and_is_told(command: Command, folder: Path, tmp_path: Path) -> None:
    first = command("import", "bars", str(folder))
    assert first.returncode == 0, first.stderr
    assert "5 files, 1 of them could not be read: 3 stored, 0 updated, 1 unchanged" in first.stdout
    assert "ralph: c.txt: " in first.stderr
    again = command("import", "bars", str(folder), str(tmp_path / "absent.csv"), "--json")
    told = json.loads(again.stdout)
    assert again.returncode == 0, "nothing was new"
    assert [each["file_name"] for each in told if "error" in each] == ["c.txt", "absent.csv"]
    assert [each.get("unchanged") for each in told] == [1, 1, None, 1, 1, None]
    assert command("import", "bars", str(folder / "c.txt"), str(tmp_path / "absent.csv")).returncode == 1
    exported = command("export", "bars", "--symbols", "005930,00104K")
    assert exported.stdout.splitlines()[1:] == ["00104K,2026-01-05,1,1,1,1,5,", "005930,2026-01-05,1,1,1,1,5,"]
    assert command("export", "bars", "--format", "xlsx").returncode == 2
    assert command("export", "flows").returncode == 3
