"""PostgreSQL's own programs, run against a server: what they are told, and what they say when they fail."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

from ralph.embedded.binaries import postgres_install
from ralph.embedded.child import environment
from ralph.errors import Misconfigured, RalphError, Unavailable

END_S = 30.0


@dataclass(frozen=True)
class Server:
    """A server's address without its password, which goes through the environment, where `ps` does not show it."""

    address: str
    password: str | None

    @classmethod
    def of(cls, database_url: str) -> Server:
        """From a URL."""
        parts = urlsplit(database_url)
        if parts.password is None:
            return cls(database_url, None)
        user, _, place = parts.netloc.rpartition("@")
        netloc = f"{user.partition(':')[0]}@{place}"
        return cls(urlunsplit(parts._replace(netloc=netloc)), unquote(parts.password))

    def environment(self) -> dict[str, str]:
        """For a program that connects to it."""
        own = environment() | {"PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "ralph_backup"}
        return own | ({"PGPASSWORD": self.password} if self.password is not None else {})


def program(name: str, folder: Path | None = None) -> str:
    """The path of one of PostgreSQL's programs: in the folder given, else those Ralph brings."""
    path = (folder or postgres_install() / "bin") / name
    if not os.access(path, os.X_OK):
        raise Misconfigured(
            f"there is no program {path}", field="backup.programs", accepted=f"a folder with PostgreSQL's {name}"
        )
    return str(path)


class Answer:
    """A program at work, read from as it writes; `said` is what it told on standard error, once it has ended."""

    def __init__(self, popen: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._popen = popen
        self._errors = errors
        self._name = Path(str(popen.args[0])).name if isinstance(popen.args, list) else "program"

    def read(self, size: int = -1, /) -> bytes:
        """Up to size bytes; at the end, Unavailable when the program failed: half an answer never looks whole."""
        assert self._popen.stdout is not None
        if part := self._popen.stdout.read(size):
            return part
        if self._popen.wait(END_S) != 0:
            raise Unavailable(f"{self._name} failed: {_last_line(self.said)}")
        return b""

    @property
    def said(self) -> str:
        """Standard error."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")


@contextlib.contextmanager
def answering(command: Sequence[str], server: Server) -> Iterator[Answer]:
    """A program whose output is read; it is gone when this is left."""
    with tempfile.TemporaryFile() as errors:
        popen = subprocess.Popen(  # noqa: S603  # the command is ours
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=server.environment()
        )
        with popen:
            try:
                yield Answer(popen, errors)
            finally:
                popen.kill()


def feed(command: Sequence[str], server: Server, source: IO[bytes]) -> None:
    """Run a program that reads `source` from its standard input; RalphError with its last words when it fails."""
    with tempfile.TemporaryFile() as errors:
        popen = subprocess.Popen(  # noqa: S603  # the command is ours
            list(command), stdin=subprocess.PIPE, stdout=errors, stderr=errors, env=server.environment()
        )
        with popen:
            assert popen.stdin is not None
            try:
                with contextlib.suppress(BrokenPipeError):  # it says why itself
                    shutil.copyfileobj(source, popen.stdin, 1 << 20)
                    popen.stdin.close()
            except BaseException:
                popen.kill()
                raise
            exit_code = popen.wait()
        if exit_code != 0:
            errors.seek(0)
            raise RalphError(f"{Path(command[0]).name} failed: {_last_line(errors.read().decode(errors='replace'))}")


def checked(command: Sequence[str], server: Server) -> None:
    """Run a program to its end; Unavailable with its last words when it fails."""
    with answering(command, server) as answer:
        while answer.read(1 << 16):
            pass


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line or "FATAL" in line]
    return (telling or lines or ["it said nothing"])[-1].strip()
