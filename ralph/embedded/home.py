"""RALPH_HOME: the folder of one Ralph, who holds it, and what lies in it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ralph.embedded.namespaces import namespaces_work
from ralph.errors import HomeInUse, Misconfigured
from ralph.market.calendar import PUBLISHED, Calendar
from ralph.market.changes import parse_changes

UNPRIVILEGED_ROOT = Path("/var/lib/ralph")
"""Root's default home; also holds the databases of homes whose Postgres runs as another user."""

DISK_FREE_MIN = 2 * 10**9  # bytes; the embedded database with ten years of daily bars needs about half of it
LOCK_TRIES = 5  # holder() takes the lock for an instant to see whether it is free; a holder-to-be tries again
LOCK_PAUSE_S = 0.02
_KEY = re.compile(r"rk_[A-Za-z0-9_-]{43}")


class Holder(msgspec.Struct, frozen=True):
    """Who holds a home: `purpose` is the command, `url` where it serves."""

    pid: int
    purpose: str
    started_at: datetime
    url: str | None = None

    def __str__(self) -> str:
        at = f", at {self.url}" if self.url else ""
        return f"`ralph {self.purpose}` (process {self.pid}, since {self.started_at:%Y-%m-%d %H:%M:%S} UTC{at})"


class Addresses(msgspec.Struct, frozen=True):
    """Where the embedded servers answer; None where that server is not embedded."""

    database_url: str | None = None
    redis_url: str | None = None


class Home:
    """The folder, 0700. Permissions of a folder that is already there are not changed.

    One exception: /var/lib/ralph is 0711 where Postgres must run as another user, whose data lies in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self._lock: int | None = None
        self._holder: Holder | None = None

    def create(self) -> None:
        """Make the folder and its log folder where they are missing. Misconfigured when it cannot be written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                self.folder("", 0o711 if self._must_be_passed_through() else 0o700)
            self.folder("log")
        except OSError as error:
            raise self._unusable(error) from error
        if not os.access(self.path, os.R_OK | os.W_OK | os.X_OK):
            raise self._unusable(PermissionError(0, "not writable for this user"))

    def folder(self, name: str, mode: int = 0o700) -> Path:
        """A folder of the home, made with exactly these permissions when it is missing."""
        path = self.path / name
        if not path.is_dir():
            try:
                path.mkdir(mode)
            except FileExistsError:
                if path.is_dir():
                    return path  # another process was quicker
                raise
            path.chmod(mode)  # what the umask took away
        return path

    @property
    def held(self) -> bool:
        """Whether this object holds the home."""
        return self._lock is not None

    @contextlib.contextmanager
    def hold(self, purpose: str, url: str | None = None) -> Iterator[None]:
        """Hold the home alone. purpose: the command, such as "up" or "import". HomeInUse says who holds it."""
        assert self._lock is None, "the home is already held"
        self.create()
        lock = self._open_lock()
        try:
            if not _take(lock):
                raise self._in_use()
            self._lock = lock
            self.forget_servers()  # left by a holder that was killed
            self._sign(Holder(os.getpid(), purpose, datetime.now(UTC), url))
            try:
                yield
            finally:
                self._lock = self._holder = None
                os.ftruncate(lock, 0)
        finally:
            os.close(lock)

    def announce(self, url: str) -> None:
        """Tell others where the holder serves."""
        assert self._holder is not None, "only the holder announces itself"
        self._sign(msgspec.structs.replace(self._holder, url=url))

    def holder(self) -> Holder | None:
        """Who holds the home now; None when nobody does."""
        try:
            lock = os.open(self.path / "ralph.lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_holder(self.path / "ralph.lock")
        finally:
            os.close(lock)
        return None

    def owner_key(self) -> str:
        """The owner's bearer key, made at the first call, in `owner.key` (0600)."""
        self.create()
        path = self.path / "owner.key"
        if not path.exists():
            draft = self._write("owner.key", f"rk_{secrets.token_urlsafe(32)}\n".encode())
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)  # the first of two wins, and nobody reads half a key
            draft.unlink()
        try:
            key = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"cannot read the owner's key {path}: {error}", field="owner.key") from error
        if not _KEY.fullmatch(key):
            raise Misconfigured(f"{path} does not hold a key; remove it and Ralph makes a new one", field="owner.key")
        return key

    def calendar(self) -> Calendar:
        """The exchange calendar with the changes of `calendar.toml`, if there is one; Misconfigured names what is wrong
        in it."""
        path = self.path / "calendar.toml"
        try:
            text = path.read_bytes().decode()
        except (FileNotFoundError, NotADirectoryError):
            return PUBLISHED
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"cannot read {path}: {error}", field="calendar.toml") from error
        return Calendar(parse_changes(text, str(path)))

    def publish_servers(self, addresses: Addresses) -> None:
        """Write servers.json (0600), by which other commands find the running servers."""
        self._write("servers.json", msgspec.json.encode(addresses)).replace(self.path / "servers.json")

    def forget_servers(self) -> None:
        """Remove servers.json."""
        (self.path / "servers.json").unlink(missing_ok=True)

    def servers(self) -> Addresses | None:
        """What servers.json says; only true while the home is held."""
        try:
            return msgspec.json.decode((self.path / "servers.json").read_bytes(), type=Addresses)
        except (OSError, msgspec.DecodeError):
            return None

    def _must_be_passed_through(self) -> bool:
        """Whether Postgres, as another user, will have its data in a folder of this home."""
        return self.path == UNPRIVILEGED_ROOT and os.geteuid() == 0 and not namespaces_work()

    def _open_lock(self) -> int:
        try:
            return os.open(self.path / "ralph.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error

    def _sign(self, holder: Holder) -> None:
        assert self._lock is not None
        self._holder = holder
        text = msgspec.json.encode(holder)
        os.pwrite(self._lock, text, 0)
        os.ftruncate(self._lock, len(text))

    def _write(self, name: str, content: bytes) -> Path:
        """A new file beside `name`, 0600, written to the disk, to be moved or linked into place."""
        draft = self.path / f".{name}.{secrets.token_hex(6)}"
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
        except OSError as error:
            raise self._unusable(error) from error
        return draft

    def _in_use(self) -> HomeInUse:
        who = _read_holder(self.path / "ralph.lock") or "another process"
        return HomeInUse(
            f"the home {self.path} is held by {who}; stop it, or choose another home with --home", field="home"
        )

    def _unusable(self, error: OSError) -> Misconfigured:
        reason = error.strerror or str(error)
        return Misconfigured(
            f"the home {self.path} cannot be used ({reason}); choose a folder you may write with --home or RALPH_HOME",
            field="home",
            accepted="a folder this user may write",
        )


def _take(lock: int) -> bool:
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_S)
        else:
            return True
    return False


def _read_holder(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.DecodeError):
        return None
