"""Kinds of jobs that tests work with: no-ops, effects that count, jobs that fail, wait, and kill their worker."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import msgspec

from ralph.errors import BadParameter, DatabaseDown
from ralph.jobs.kind import CataloguePath, JobContext, JobKind, Kinds

EFFECTS = "CREATE TABLE effects (job_id text, step integer, pid integer)"
_ADD = "INSERT INTO effects VALUES ($1, $2, $3)"


class StepArgs(msgspec.Struct, frozen=True):
    """How many effects, and how long each takes."""

    steps: int = 1
    pause_s: float = 0.0


class WordArgs(msgspec.Struct, frozen=True):
    """What is to happen."""

    word: str = ""


async def _nothing(context: JobContext, args: WordArgs) -> str:
    return args.word


async def _steps(context: JobContext, args: StepArgs) -> int:
    """One effect after the other; a later attempt goes on behind the last."""
    for step in range(context.checkpoint or 0, args.steps):
        await asyncio.sleep(args.pause_s)
        async with context.effect(step + 1) as connection:
            await connection.execute(_ADD, context.lease.id, step, os.getpid())
        context.progress("step", step + 1, args.steps)
    return args.steps


async def _act(context: JobContext, args: WordArgs) -> Any:
    if args.word == "refuse":
        raise BadParameter("this will never do", field="word", accepted="another word")
    if args.word == "fail":
        raise ZeroDivisionError("not today")
    if args.word == "fail once" and context.lease.attempts == 1:
        raise ZeroDivisionError("once")
    if args.word == "away" or (args.word == "away for long" and context.lease.attempt <= 8):
        raise DatabaseDown("the database is not reachable")
    if args.word == "block":
        time.sleep(0.9)  # noqa: ASYNC251  # longer than a lease: nothing else happens in this process
    if args.word == "deaf":
        time.sleep(3_600)  # noqa: ASYNC251
    if args.word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if args.word == "hang":
        await asyncio.sleep(3_600)
    return os.getpid()


_alone = 0


async def _count(context: JobContext, args: WordArgs) -> int:
    """How many of this kind are at work in this process."""
    global _alone  # that is what is counted
    _alone += 1
    found = _alone
    await asyncio.sleep(0.05)
    _alone -= 1
    return found


NOTHING = JobKind("nothing", "Nothing", "없음", WordArgs, _nothing)
STEPS = JobKind("steps", "Steps", "단계", StepArgs, _steps, timeout_s=60, retry_s=(0.05,))
ACT = JobKind("act", "Act", "동작", WordArgs, _act, timeout_s=60, retry_s=(0.05,))
BRIEF = JobKind("brief", "Brief", "잠깐", WordArgs, _act, timeout_s=0.05, retry_s=(0.05,))
APART = JobKind("apart", "Apart", "따로", WordArgs, _act, "long", 60, is_heavy=True, retry_s=(0.05,))
STEPS_APART = JobKind("steps_apart", "Steps", "단계", StepArgs, _steps, "long", 60, is_heavy=True, retry_s=(0.05,))

ALONE = JobKind("alone", "Alone", "혼자", WordArgs, _count, at_once=1)

KINDS: Kinds = {kind.name: kind for kind in (NOTHING, STEPS, ACT, BRIEF, APART, STEPS_APART, ALONE)}
CATALOGUE = CataloguePath("ledger_kinds:KINDS")
