"""Retention as a job: it says what is older than its limit, and removes what was said, daily bars apart."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

import msgspec

from ralph.errors import BadParameter
from ralph.jobs.kind import JobContext, JobKind
from ralph.store.ledger import find_job
from ralph.store.retention import Removal, plan_removal, remove_expired


class RetentionArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """apply: remove it. dry_run: the id of the job that said what would go; nothing else goes. It may be left out where
    the setting `retention.scheduled` is on."""

    apply: bool = False
    dry_run: str | None = None


class RetentionDone(msgspec.Struct, frozen=True):
    """What is older than its limit as of a day; applied: it was removed, daily bars apart."""

    applied: bool
    today: date
    removals: list[Removal]


async def _run(context: JobContext, args: RetentionArgs) -> RetentionDone:
    limits, today = context.config.retention, datetime.now(UTC).date()
    async with context.database.acquire() as connection:
        if not args.apply:
            return RetentionDone(False, today, await plan_removal(connection, limits, today))
        if args.dry_run is not None:
            said = await find_job(connection, args.dry_run)
            if said.kind != RETENTION.name or said.result is None:
                raise BadParameter(f"job {said.id} said nothing of retention", field="dry_run", accepted="a dry run")
            shown = msgspec.convert(said.result, RetentionDone)
            today = shown.today
            _compare(shown.removals, await plan_removal(connection, limits, today))
        elif not limits.scheduled:
            raise BadParameter(
                "nothing is removed without a dry run: begin the job without `apply`, and then name it",
                field="dry_run",
                accepted="the id of a retention job",
            )
        return RetentionDone(True, today, await remove_expired(connection, limits, today))


def _compare(shown: Sequence[Removal], planned: Sequence[Removal]) -> None:
    """As of the same day nothing may go that was not shown."""
    before = {each.table: each for each in shown}
    for now in planned:
        then = before.get(now.table)
        if now.rows and (then is None or now.before != then.before or now.rows > then.rows):
            rows = then.rows if then else 0
            raise BadParameter(
                f"{now.rows} rows of {now.table} would go, and {rows} were shown ({now.setting}); begin a new dry run",
                field="dry_run",
                accepted="the id of a new dry run",
            )


RETENTION = JobKind(
    "retention",
    "Count or remove what is older than its limit",
    "보관 기간이 지난 자료 세기·지우기",
    RetentionArgs,
    _run,
    "long",
    3_600.0,
    at_once=1,
)
