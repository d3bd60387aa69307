"""Whether root can start Postgres in a user namespace here; some containers and kernels forbid it."""

from __future__ import annotations

import functools
import signal
import subprocess

from ralph.embedded.binaries import postgres_install
from ralph.embedded.child import environment, guarded

PROBE_S = 10.0


@functools.cache
def namespaces_work() -> bool:
    """Tried once, with the program that is to run there."""
    command = guarded([postgres_install() / "bin" / "postgres", "--version"], "namespace", signal.SIGKILL)
    try:
        answer = subprocess.run(  # noqa: S603  # the command is ours
            command, check=False, capture_output=True, env=environment(), timeout=PROBE_S
        )
    except subprocess.TimeoutExpired:
        return False
    return answer.returncode == 0
