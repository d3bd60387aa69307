"""`python -m benchmarks [NAME...] [--json]`: run benchmarks and print what was measured."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys

import msgspec

from benchmarks.goal import Goal

NAMES = ("kernels", "screens", "loop", "ingest", "http", "jobs", "stream")
BY_NAME = ("dashboard",)  # needs a browser: measured when it is asked for


def main() -> None:
    """Run the named benchmarks (all by default)."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all these by default; or {BY_NAME[0]}"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES + BY_NAME]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; known: {', '.join(NAMES + BY_NAME)}")
    goals: list[Goal] = []
    for name in options.names or NAMES:
        print(f"{name}...", file=sys.stderr)
        goals += asyncio.run(importlib.import_module(f"benchmarks.{name}").measure())
    if options.json:
        print(msgspec.json.encode(goals).decode())
    else:
        for goal in goals:
            aim = f", aim {goal.aim:g}" if goal.aim is not None else ""
            print(f"{goal.goal:12} {goal.value:10.3g} {goal.unit:8} must {goal.must:g}{aim}: {goal.met}")


if __name__ == "__main__":
    main()
