"""Whose a job is: claiming it, keeping it, giving it back, and taking it from a worker that died.

A claim is a random number in the job's row. Whatever a worker writes about a job says "while this claim holds", so one
that was slow or cut off, and whose job another has by now, writes nothing."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from core.tenancy.scope import account_scope, installation_scope
from notifications.jobs.errors import LeaseLost
from notifications.models import Job, JobState

LEASE = timedelta(seconds=60)
MAX_LOST = 20  # workers that died with it, before a job is held to be what kills them
DIED = _("The worker ended while it ran.")
RELEASED = {"claimed_by": None, "claimed_until": None}
_TABLE = Job._meta.db_table
_FIRST = f"SELECT id FROM {_TABLE} WHERE state = 'waiting' AND urgent = %s AND run_at <= %s ORDER BY run_at LIMIT 1"  # noqa: S608
_CLAIM = (
    f"UPDATE {_TABLE} SET state = 'running', claimed_by = %s, claimed_until = %s, started_at = %s, updated_at = %s"  # noqa: S608
    " WHERE id = COALESCE(({first}), ({first})) RETURNING *"
)


@installation_scope()
def claim(now: datetime, *, lease: timedelta = LEASE) -> Job | None:
    """Take the job that is due longest, an urgent one first, and return it. One statement: on PostgreSQL a row that
    somebody else is taking is passed over, and SQLite lets one statement write at a time."""
    skip_locked = " FOR UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    moment, until = (_value("run_at", each) for each in (now, now + lease))
    values = [_value("claimed_by", uuid4()), until, moment, moment, True, moment, False, moment]
    found = list(Job.objects.raw(_CLAIM.format(first=_FIRST + skip_locked), values))
    return found[0] if found else None


@installation_scope()
def renew(claims: Collection[UUID], now: datetime, *, lease: timedelta = LEASE) -> int:
    """Keep these claims for another lease, and return how many still hold."""
    held = Job.objects.filter(state=JobState.RUNNING, claimed_by__in=claims)
    return held.update(claimed_until=now + lease) if claims else 0


@installation_scope()
def pass_return(job: Job, now: datetime) -> None:
    """Write down, for good before anything else happens, that the job must not be repeated from here on."""
    with transaction.atomic(durable=True):
        _write(job, past_return_at=now, updated_at=now)
    job.past_return_at = now


def end(job: Job, state: JobState, now: datetime, *, error: str = "", attempts: int = 0) -> None:
    """End a claimed job in the current transaction. Raises LeaseLost."""
    with installation_scope():
        values = {"state": state, "finished_at": now, "last_error": error, "updated_at": now, **RELEASED}
        _write(job, attempts=job.attempts + attempts, **values)


def give_back(job: Job, run_at: datetime, now: datetime, *, error: str = "", attempts: int = 0, lost: int = 0) -> None:
    """Let a claimed job wait for `run_at` in the current transaction. Raises LeaseLost."""
    with installation_scope():
        _write(
            job,
            state=JobState.WAITING,
            run_at=run_at,
            last_error=error or job.last_error,
            attempts=job.attempts + attempts,
            lost=job.lost + lost,
            past_return_at=None,
            updated_at=now,
            **RELEASED,
        )


@installation_scope()
def list_expired(now: datetime) -> list[Job]:
    """Return jobs whose workers died."""
    expired = Job.objects.filter(state=JobState.RUNNING, claimed_until__lt=now).order_by("claimed_until")
    return list(expired[:100])


def lock_expired(job: Job, now: datetime) -> bool:
    """Lock the job in the current transaction; return False if somebody else has it, or its worker lives after all."""
    with installation_scope():
        same = Job.objects.filter(pk=job.pk, claimed_by=job.claimed_by, state=JobState.RUNNING, claimed_until__lt=now)
        return same.select_for_update(skip_locked=True).only("pk").first() is not None


def scope_of(job: Job) -> Any:
    return account_scope(job.practice_id)


def _write(job: Job, **values: Any) -> None:
    if not Job.objects.filter(pk=job.pk, claimed_by=job.claimed_by, state=JobState.RUNNING).update(**values):
        raise LeaseLost


def _value(field: str, value: Any) -> Any:
    column: Any = Job._meta.get_field(field)
    return column.get_db_prep_value(value, connection)
