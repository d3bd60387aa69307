"""A script in front of a server: it makes the server die with the process that started it, then becomes the server.

    python -I -S guard.py PARENT SIGNAL WAY PROGRAM [ARGUMENT...]

WAY: own                 as the user who starts it
     namespace           in a user namespace where the present user is user 1000, since Postgres refuses to be root;
                         what `unshare --user --map-user=1000 --map-group=1000` does, which busybox cannot
     user:UID:GID        as that user
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
USER_INSIDE = 1000
CANNOT_RUN = 126  # what shells answer when a program cannot be executed


def main(arguments: list[str]) -> None:
    """Take the identity, ask to die with the parent, and become the program."""
    parent, death_signal, way, *command = arguments
    _take_identity(way)
    # After the change of identity, which clears it. It fires when the parent's thread ends: start from the main one.
    _call("prctl", PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit(CANNOT_RUN)  # the parent died before we asked
    os.execv(command[0], command)  # noqa: S606  # the whole point


def _take_identity(way: str) -> None:
    if way == "namespace":
        uid, gid = os.geteuid(), os.getegid()
        _call("unshare", CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")  # the kernel wants this before a group is mapped
        Path("/proc/self/gid_map").write_text(f"{USER_INSIDE} {gid} 1")
        Path("/proc/self/uid_map").write_text(f"{USER_INSIDE} {uid} 1")
    elif way != "own":
        _, uid_text, gid_text = way.split(":")
        os.setgroups([])
        os.setgid(int(gid_text))
        os.setuid(int(uid_text))


def _call(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*(ctypes.c_ulong(argument) for argument in arguments)) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as failure:
        sys.stderr.write(f"cannot start {sys.argv[4]}: {failure}\n")
        sys.exit(CANNOT_RUN)
