"""Gathers what of a Debian with Python a running Ralph needs, without package manager and tools: run in the base with
the folder to put it into. What remains is still listed as Debian lists packages, for those who scan images.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = (
    *("base-files", "ca-certificates", "dash", "libbz2-1.0", "libc-bin", "libc6", "libcrypt1", "libexpat1", "libffi8"),
    *("libgcc-s1", "liblzma5", "libssl3", "libstdc++6", "libuuid1", "media-types", "netbase", "openssl", "tzdata"),
    *("zlib1g", "libpython3.11-minimal", "libpython3.11-stdlib", "python3", "python3-minimal", "python3.11"),
    "python3.11-minimal",
)
"""Those that are there: a base may bring a Python of its own, under /usr/local. initdb starts Postgres by a shell."""

MADE = ("/etc/group", "/etc/nsswitch.conf", "/etc/passwd", "/etc/ssl/certs", "/usr/local/bin", "/usr/local/lib")
"""What no package holds: made when it was installed, or brought by hand."""

LEFT = re.compile(
    r"/usr/share/(?:doc(?!/[^/]+/copyright/$)|doc-base|info|lintian|locale|man|pixmaps|applications|bug|perl5)/."
    r"|/usr/lib/[^/]+/(?:gconv|engines-3)/|/usr/bin/(?:openssl|c_rehash|localedef)/|/usr/share/zoneinfo/(?:right|posix)/"
    r"|/python3[^/]*/(?:.*/)?(?:ensurepip|idlelib|lib2to3|tkinter|turtledemo|pydoc_data|tests?|__pycache__)/"
    r"|/python3[^/]*/(?:config-[^/]+|site-packages/(?:pip|setuptools|wheel)[^/]*)/"
)
FOLDERS = ("dev", "etc", "proc", "run", "sys", "tmp", "var/lib/ralph", "var/tmp")


def main(target: Path) -> None:
    """Copy it, and add the user whose Ralph it will be."""
    kept = installed()
    for source in files(kept):
        copy(source, target)
    for name in FOLDERS:
        (target / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (target / name).chmod(0o1777)
    with (target / "etc/passwd").open("a") as users, (target / "etc/group").open("a") as groups:
        users.write("ralph:x:10001:10001::/var/lib/ralph:/usr/sbin/nologin\n")
        groups.write("ralph:x:10001:\n")
    home = target / "var/lib/ralph"
    home.chmod(0o700)
    shutil.chown(home, 10001, 10001)
    listing = target / "var/lib/dpkg/status"
    listing.parent.mkdir(parents=True, exist_ok=True)
    listing.write_text(listed(kept))
    subprocess.run(["/sbin/ldconfig", "-r", target], check=True)


def installed() -> list[str]:
    """Those of PACKAGES that the base has."""
    answer = run("dpkg-query", "--show", "--showformat", "${db:Status-Abbrev}${Package}\n")
    there = {line[3:].strip() for line in answer.splitlines() if line.startswith("ii")}
    return [name for name in PACKAGES if name in there]


def files(packages: list[str]) -> Iterator[Path]:
    """All paths of packages and those that were made, in order, without what is left behind."""
    named = [Path(line) for line in run("dpkg-query", "--listfiles", *packages).splitlines() if line.startswith("/")]
    for name in MADE:
        named += [Path(name), *sorted(Path(name).rglob("*"))]
    for path in named:
        if not LEFT.search(f"{path}/"):
            yield path


def copy(source: Path, target: Path) -> None:
    """One file, link or folder with its mode; links of the base's own, as /bin to /usr/bin, become links again."""
    for part in (*reversed(source.parents), source):
        into = target / str(part).lstrip("/")
        if part.is_symlink():
            if not into.is_symlink():
                into.symlink_to(part.readlink())
            if part.is_dir():
                (target / str(part.resolve()).lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif part.is_dir():
            into.mkdir(exist_ok=True)
            shutil.copystat(part, into)
        elif part.is_file() and not into.exists():
            shutil.copy2(part, into)


def listed(packages: list[str]) -> str:
    """Debian's own words about these packages, as in /var/lib/dpkg/status."""
    return "".join(run("dpkg-query", "--status", name) + "\n" for name in packages)


def run(*command: str) -> str:
    """What a program of the base says."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
