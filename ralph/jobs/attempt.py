"""One attempt at a job, from its arguments to its outcome; and how far it is."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from typing import Any

import msgspec

from ralph.config import JobsConfig
from ralph.errors import BadRequest, CacheDown, DatabaseDown, Incomplete, RalphError
from ralph.jobs.kind import CataloguePath, JobContext, JobKind, Kinds
from ralph.store.leases import Lease, Settlement
from ralph.store.ledger import JobError, Progress

_log = logging.getLogger("ralph.jobs")

RESULT_BYTES_MAX = 8_388_608
AWAY_S_MAX = 15.0  # pause after an attempt that a server's absence ended: what comes back is not waited for longer
RATE_AFTER_S = 0.5  # before that a rate is a guess
_NUL = "\\u0000"  # Postgres cannot store this character


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended: with a result (JSON), an error, or both where it stopped short; is_final: another attempt
    would end alike; is_away: it ended because Postgres or Redis was away, which is no fault of the job."""

    result: str | None = None
    error: JobError | None = None
    is_final: bool = False
    is_away: bool = False


class Pace:
    """How far a job is, and how fast. Called from the loop or from a thread; the last word counts."""

    def __init__(self) -> None:
        self.latest: Progress | None = None
        self._phase = ""
        self._begun = (0.0, 0)

    def __call__(self, phase: str, done: int, total: int) -> None:
        """So many of so many are done in this phase; a total of 0 is unknown."""
        now = time.monotonic()
        if phase != self._phase:
            self._phase, self._begun = phase, (now, done)
        took_s, made = now - self._begun[0], done - self._begun[1]
        rate = made / took_s if took_s >= RATE_AFTER_S and made > 0 else None
        remaining_s = (total - done) / rate if rate and total >= done else None
        self.latest = Progress(phase, done, total, rate, remaining_s)


def load_kinds(catalogue: CataloguePath) -> Kinds:
    """The kinds of a catalogue."""
    module, _, name = catalogue.partition(":")
    kinds: Kinds = getattr(importlib.import_module(module), name)
    return kinds


async def attempt(kind: JobKind[Any], context: JobContext) -> Outcome:
    """Do the work once. Every error is an outcome; only cancellation leaves."""
    try:
        args = kind.parse(context.lease.args)
        async with asyncio.timeout(kind.timeout_s) as limit:
            value = await kind.run(context, args)
        return _succeeded(value)
    except Incomplete as error:
        return msgspec.structs.replace(_succeeded(error.report), error=told(error), is_final=True)
    except BadRequest as error:
        return Outcome(error=told(error), is_final=True)
    except (DatabaseDown, CacheDown) as error:
        return Outcome(error=told(error), is_away=True)
    except TimeoutError as error:
        if limit.expired():
            return Outcome(error=JobError("TIMEOUT", f"it took longer than {kind.timeout_s:g} s"))
        return _unexpected(context, error)
    except RalphError as error:
        return Outcome(error=told(error))
    except Exception as error:  # noqa: BLE001  # whatever a job does wrong, its worker goes on
        return _unexpected(context, error)


def judge(lease: Lease, kind: JobKind[Any], outcome: Outcome, jobs: JobsConfig) -> Settlement:
    """What becomes of the job: it is over, or queued for another attempt. That a server was away counts as an attempt
    only when it has been the end of all of them for `outage_s`."""
    if outcome.error is None:
        return Settlement(lease.id, lease.attempt, "succeeded", outcome.result)
    if outcome.is_final:
        return Settlement(lease.id, lease.attempt, "failed", outcome.result, outcome.error)
    is_excused = outcome.is_away and lease.away_s < jobs.outage_s
    if lease.attempts >= jobs.attempts_max and not is_excused:
        return Settlement(lease.id, lease.attempt, "dead", error=outcome.error)
    # Excused attempts do not raise `attempts`: their pauses grow with all that there were.
    pause_s = min(kind.pause_s(lease.attempt), AWAY_S_MAX) if is_excused else kind.pause_s(lease.attempts)
    return Settlement(
        lease.id,
        lease.attempt,
        "queued",
        error=outcome.error,
        wait_s=pause_s,
        is_handover=is_excused,
        is_away=outcome.is_away,
    )


def told(error: RalphError) -> JobError:
    """An error of our own tree, as the ledger keeps it."""
    return JobError(error.code, error.message.replace("\0", ""), error.field, error.accepted)


def _succeeded(value: object) -> Outcome:
    result = msgspec.json.encode(value).decode()
    if len(result) > RESULT_BYTES_MAX or _NUL in result:
        reason = f"its result takes {len(result):,} bytes or holds a NUL; at most {RESULT_BYTES_MAX:,} are kept"
        return Outcome(error=JobError("RESULT_REFUSED", reason), is_final=True)
    return Outcome(result)


def _unexpected(context: JobContext, error: Exception) -> Outcome:
    _log.error("job %s (%s) failed", context.lease.id, context.lease.kind, exc_info=error)
    return Outcome(error=JobError("INTERNAL", f"{type(error).__name__}: {error}".replace("\0", "")))
