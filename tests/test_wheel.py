"""The wheel is whole: installed into a bare environment it migrates, serves and answers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pytest
from serving import Server

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv")
    if found is None:
        pytest.skip("uv is absent")
    return found


@pytest.fixture(scope="module")
def wheel(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git tracks or would track, not from leftovers of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([uv, "build", "--wheel", "--quiet", "--out-dir", str(folder), str(ROOT)], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_what_it_serves(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"ralph/_migrations/{path.name}" for path in (ROOT / "migrations").iterdir()} <= names
    assert {"ralph/web/dist/index.html", "ralph/web/dist/sw.js"} <= names
    assert {name.rpartition(".")[2] for name in names if name.startswith("ralph/web/")} == {
        "html",
        "json",
        "js",
        "css",
        "svg",
    }
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not {
        name for name in names if name.startswith(("tests", "benchmarks", "ops")) or name.endswith((".nbi", ".nbc"))
    }


def test_the_wheel_serves_from_a_bare_environment(uv: str, wheel: Path, tmp_path: Path) -> None:
    """Nothing of the checkout is reachable: another folder, another interpreter environment, an empty home."""
    environment = tmp_path / "bare"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    python = environment / "bin" / "python"
    requirements = ["--requirement", str(ROOT / "ops" / "requirements.txt")]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *requirements], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", str(wheel)], check=True)
    server = Server(tmp_path / "home", tmp_path / "log", "--no-demo", python=python, folder=tmp_path)
    try:
        server.wait_ready()
        assert httpx.get(server.url).status_code == 200
        (script,) = re.findall(r'src="(/assets/[^"]+\.js)"', httpx.get(server.url).text)
        assert httpx.get(f"{server.url}{script}").status_code == 200
        with server.client() as client:
            assert len(client.get("/api/v1/indicators").json()) >= 12
    finally:
        assert server.stop() == 0
