"""How late the event loop is, and how much memory and how many processors this process may use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

TICK_S = 0.1
_UNLIMITED = 1 << 60  # cgroup v1 says about this where there is no limit
_MEMORY = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_CPU = "/sys/fs/cgroup/cpu.max"


async def watch_loop(observe: Callable[[float], None]) -> None:
    """Ask the loop to wake us every TICK_S, for ever, and tell how much later it did, seconds."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + TICK_S
        await asyncio.sleep(TICK_S)
        observe(max(0.0, loop.time() - due))


def memory_limit(root: Path = Path("/")) -> int:
    """Bytes: the container's limit where it has one, else the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in _MEMORY:
        text = _read(root, name)
        if text.isdigit() and int(text) < _UNLIMITED:
            return min(int(text), machine)
    return machine


def cpu_limit(root: Path = Path("/")) -> float:
    """Processors: the container's quota where it has one, else those this process may run on."""
    available = float(len(os.sched_getaffinity(0)))
    quota, _, period = _read(root, _CPU).partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        return min(int(quota) / int(period), available)
    return available


def _read(root: Path, name: str) -> str:
    try:
        return (root / name.lstrip("/")).read_text().strip()
    except OSError:
        return ""
