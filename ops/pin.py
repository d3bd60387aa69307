"""Pins every dependency: writes ops/requirements.txt (runtime, with hashes) and the constraints in pyproject.toml.

Run `uv run python ops/pin.py` after changing a range in pyproject.toml, and commit both files.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
REQUIREMENTS = ROOT / "ops" / "requirements.txt"
HEADER = "# Written by ops/pin.py: the exact runtime set, with hashes and without any index address.\n"
_BLOCK = re.compile(r"^constraint-dependencies = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*==[^\s;\\]+(?: ; [^\\\n]+?)?)\s*\\?$", re.MULTILINE)


def resolve(*options: str) -> str:
    """What uv resolves from the ranges of pyproject.toml for every Python and platform we support."""
    command = [
        "uv",
        "pip",
        "compile",
        "pyproject.toml",
        "--universal",
        "--python-version",
        "3.11",
        "--quiet",
        "--upgrade",
    ]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", *options]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def pins(text: str) -> list[str]:
    """The `name==version` lines of a requirements file, markers kept, hashes left out."""
    return [match.group(1).strip() for match in _PIN.finditer(text)]


def toml_text(pin: str) -> str:
    """A TOML string; markers hold single quotes, which a basic string takes as they are."""
    return '"' + pin.replace('"', "'") + '"'


def main() -> None:
    """Write both files."""
    project = ROOT / "pyproject.toml"
    ranges = _BLOCK.sub("constraint-dependencies = [\n]\n", project.read_text())
    project.write_text(ranges)  # old pins must not hold back new ones
    lines = "".join(f"    {toml_text(pin)},\n" for pin in pins(resolve("--group", "dev", "--all-extras")))
    project.write_text(_BLOCK.sub(lambda _: f"constraint-dependencies = [\n{lines}]\n", ranges))
    REQUIREMENTS.write_text(HEADER + resolve("--generate-hashes", "--all-extras"))


if __name__ == "__main__":
    main()
