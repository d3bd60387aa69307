"""As whom Postgres runs, since it refuses to be root, and in which folders.

An ordinary user runs it as himself, with everything under the home. Root runs it in a user namespace, everything
still under the home; where namespaces are forbidden, as an unprivileged user, who can reach nothing under a 0700
home, with data and a copy of the programs in /var/lib/ralph/<hash of the home>, which HOME/postgres.path names.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ralph.embedded.binaries import postgres_install, postgres_libraries, postgres_wheel
from ralph.embedded.home import UNPRIVILEGED_ROOT, Home
from ralph.embedded.namespaces import namespaces_work
from ralph.errors import Misconfigured

Kind = Literal["own", "namespace", "user"]

UNPRIVILEGED_USERS = ("postgres", "nobody")  # the first that exists
SOCKET_PATH_MAX = 107  # bytes of sun_path, without the closing zero
LONGEST_SOCKET = ".s.PGSQL.5432"


@dataclass(frozen=True)
class Placement:
    """Where Postgres is: `way` as guard.py takes it; programs, data and sockets are folders; uid owns the data."""

    kind: Kind
    way: str
    programs: Path
    data: Path
    sockets: Path
    uid: int
    gid: int

    def describe(self) -> str:
        """For `ralph doctor`: which way, and where."""
        who = {
            "own": f"as this user ({_user_name(self.uid)})",
            "namespace": "in a user namespace (root here, user 1000 inside)",
            "user": f"as the user {_user_name(self.uid)}, because user namespaces are forbidden here",
        }[self.kind]
        return f"PostgreSQL runs {who}; data in {self.data}, sockets in {self.sockets}"


def kind_for(home: Home) -> Kind:
    """The way a home needs: the one it was begun with, else the best that works here."""
    if os.geteuid() != 0:
        return "own"
    if (home.path / "postgres.path").exists():
        return "user"
    return "namespace" if namespaces_work() else "user"


def placement(home: Home, kind: Kind) -> Placement:
    """Where Postgres of this home is, or would be; makes nothing."""
    if kind == "user":
        entry = _unprivileged_user()
        root = _unprivileged_folder(home)
        programs = _copy_folder(root) / postgres_install().relative_to(postgres_wheel())
        way = f"user:{entry.pw_uid}:{entry.pw_gid}"
        return Placement(kind, way, programs, root / "postgres", root / "run", entry.pw_uid, entry.pw_gid)
    data = home.path / "postgres"
    return Placement(kind, kind, postgres_install(), data, sockets_for(home), os.geteuid(), os.getegid())


def make_folders(home: Home, place: Placement) -> None:
    """Make what a placement needs around the data folder. Misconfigured where a folder is not ours or not private."""
    if place.kind == "user":
        _make_unprivileged(home, place)
    private_folder(place.sockets, place.uid, place.gid)


def sockets_for(home: Home) -> Path:
    """HOME/run, or a folder under the temporary one where that name is too long for a socket or holds a comma."""
    inside = home.path / "run"
    # asyncpg and Postgres both take a comma for the next host.
    if len(os.fsencode(inside / LONGEST_SOCKET)) <= SOCKET_PATH_MAX and "," not in str(inside):
        return inside
    name = f"ralph-{home_hash(home)}"
    for temporary in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # made 0700, and refused unless ours
        if len(os.fsencode(Path(temporary) / name / LONGEST_SOCKET)) <= SOCKET_PATH_MAX and "," not in temporary:
            break
    return Path(temporary) / name


def private_folder(path: Path, uid: int, gid: int) -> None:
    """Make a 0700 folder owned by uid; Misconfigured when what is there could be reached by another user."""
    try:
        path.mkdir(0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise Misconfigured(f"cannot make the folder {path}: {error.strerror}", field="home") from error
    else:
        path.chmod(0o700)
        os.chown(path, uid, gid)
    found = path.lstat()
    if not path.is_dir() or path.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
        raise Misconfigured(
            f"{path} must be a folder that only {_user_name(uid)} can open (it needs no password there); "
            f"remove it, or chown {_user_name(uid)} and chmod 700 it",
            field="home",
        )


def home_hash(home: Home) -> str:
    """The first 12 hexadecimal digits of sha256 of the home's path."""
    return hashlib.sha256(os.fsencode(home.path)).hexdigest()[:12]


def _unprivileged_user() -> pwd.struct_passwd:
    for name in UNPRIVILEGED_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Misconfigured(
        "PostgreSQL refuses to run as root, user namespaces are forbidden here, and there is no user postgres "
        "or nobody; start Ralph as an ordinary user, or set RALPH_DATABASE_URL",
        field="user",
    )


def _unprivileged_folder(home: Home) -> Path:
    try:
        folder = Path((home.path / "postgres.path").read_text().rstrip("\n"))
    except FileNotFoundError:
        return UNPRIVILEGED_ROOT / home_hash(home)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"cannot read {home.path / 'postgres.path'}: {error}", field="home") from error
    if not folder.is_dir():
        raise Misconfigured(
            f"{home.path / 'postgres.path'} says the database is in {folder}, which is missing; "
            "bring it back, or remove that file to begin with an empty database",
            field="home",
        )
    return folder


def _make_unprivileged(home: Home, place: Placement) -> None:
    if (home.path / "postgres" / "PG_VERSION").exists():
        raise Misconfigured(
            f"the database in {home.path / 'postgres'} was made in a user namespace, and those are forbidden here; "
            "allow them (sysctl user.max_user_namespaces, or the container's seccomp profile), or use another --home",
            field="home",
        )
    root = place.data.parent
    root.parent.parent.mkdir(parents=True, exist_ok=True)
    for folder in (root.parent, root):
        if not folder.is_dir():
            folder.mkdir(0o711)
            folder.chmod(0o711)  # passed through, not listed
    for folder in (root, *root.parents):
        if not folder.stat().st_mode & 0o001:
            raise Misconfigured(
                f"the user {_user_name(place.uid)} cannot pass through {folder} to the database in {place.data}; "
                f"chmod o+x {folder}, or start Ralph as an ordinary user",
                field="home",
            )
    if not place.programs.is_dir():
        _copy_programs(_copy_folder(root))
    (home.path / "postgres.path").write_text(f"{root}\n")


def _copy_programs(target: Path) -> None:
    """A copy anyone can read, without what only a compiler needs; older copies go."""
    draft = target.with_name("programs.new")
    shutil.rmtree(draft, ignore_errors=True)
    wheel, unneeded = postgres_wheel(), shutil.ignore_patterns("include", "*.a", "pkgconfig")
    for part in (postgres_install(), postgres_libraries()):  # at the same distance, by which one finds the other
        shutil.copytree(part, draft / part.relative_to(wheel), ignore=unneeded)
    for path in (draft, *draft.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    for older in target.parent.glob("programs-*"):
        shutil.rmtree(older)
    draft.rename(target)


def _copy_folder(root: Path) -> Path:
    """Where the copy of the present programs belongs; another version of them, another name."""
    found = (postgres_install() / "bin" / "postgres").stat()
    fingerprint = hashlib.sha256(f"{found.st_size} {found.st_mtime_ns}".encode()).hexdigest()[:12]
    return root / f"programs-{fingerprint}"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
