"""One process of an embedded server: started behind the guard, waited for, stopped within a bounded time."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ralph.embedded import guard
from ralph.errors import Misconfigured

Steps = tuple[tuple[signal.Signals, float], ...]
"""How to stop: signals, each with the seconds it is given before the next."""

POLL_S = 0.01
LOG_BYTES_MAX = 10_000_000  # then the log is set aside as .1 at the next start, and the one before that is gone
LOG_TAIL_BYTES = 8_192
FOREIGN = ("PG", "LC_", "RALPH_")
"""Beginnings of variables that servers do not inherit: other databases' settings, languages, and our secrets."""


def guarded(command: Sequence[str | Path], way: str, death_signal: signal.Signals) -> list[str]:
    """The command behind the guard; see guard.py for the ways."""
    if not sys.executable:
        raise Misconfigured("the Python interpreter does not know its own path; start Ralph with a full path to python")
    script = [sys.executable, "-I", "-S", guard.__file__, str(os.getpid()), str(int(death_signal)), way]
    return script + [str(part) for part in command]


def environment() -> dict[str, str]:
    """What servers see of our environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) and name != "LANG"}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


class Child:
    """A started process. Start from the main thread: the guard's signal comes when the starting thread ends.

    variables: what it sees of the environment; by itself, what servers see
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        way: str,
        death_signal: signal.Signals,
        log: Path,
        variables: dict[str, str] | None = None,
    ) -> None:
        if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
            log.replace(log.with_name(f"{log.name}.1"))
        with log.open("ab") as sink:
            # A session of its own: Ctrl-C reaches Ralph alone, which then stops its servers in order.
            self._popen = subprocess.Popen(  # noqa: S603  # the command is ours
                guarded(command, way, death_signal),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=environment() if variables is None else variables,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative is the signal that ended it."""
        return self._popen.poll()

    async def wait(self, timeout_s: float) -> bool:
        """Whether it ended within the time."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self.exit_code is None:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(POLL_S)
        return True

    async def stop(self, steps: Steps) -> None:
        """Send each signal in turn until it has ended; killed at once when the caller is cancelled."""
        try:
            for number, patience_s in steps:
                self._popen.send_signal(number)
                if await self.wait(patience_s):
                    return
        finally:
            if self.exit_code is None:
                self._popen.kill()
                self._popen.wait()


async def stop_stray(pid_file: Path, program: str, steps: Steps) -> None:
    """Stop a server that an earlier Ralph left running in the pid file's folder. program: the name of its binary."""
    pid = _stray(pid_file, program)
    if pid is None:
        return
    for number, patience_s in steps:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = asyncio.get_running_loop().time() + patience_s
        while _works_in(pid, pid_file.parent, program):
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(POLL_S)
        else:
            return


def _stray(pid_file: Path, program: str) -> int | None:
    """The server at work in the folder, if one lives: found by its working folder, as a pid file may not be there yet.

    A pid file that names nobody, or another process, is removed: Postgres would take that one for itself and refuse
    to start.
    """
    everybody = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    working = {pid for pid in everybody if _works_in(pid, pid_file.parent, program)}
    chief = next((pid for pid in working if _parent(pid) not in working), None)
    if chief is not None:
        return chief
    try:
        named = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        named = os.getpid()
    if named in (*everybody, os.getpid()):
        pid_file.unlink(missing_ok=True)
    return None


def _works_in(pid: int, folder: Path, program: str) -> bool:
    """Whether a live process runs the program with the folder as its working folder, as both servers do."""
    process = Path(f"/proc/{pid}")
    try:
        return (process / "exe").readlink().name.split(" ")[0] == program and (process / "cwd").samefile(folder)
    except OSError:
        return False


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


def last_words(log: Path) -> str:
    """The last line of a log that says why, for the error a person reads."""
    try:
        with log.open("rb") as source:
            source.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
            lines = source.read().decode(errors="replace").splitlines()
    except OSError:
        return "nothing"
    lines = [line for line in lines if "starting up" not in line]  # the answers to our own questions
    telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "rror", "cannot", "# "))]
    return (telling or lines or ["nothing"])[-1].strip()
