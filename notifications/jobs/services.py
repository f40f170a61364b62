"""Asking for work, withdrawing it, and having it done again."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context, log
from audit.events import AuditEvent
from core.errors import Conflict
from core.tenancy.scope import INSTALLATION, ScopeError, account_scope, open_scope
from notifications.jobs.registry import KINDS, name_of
from notifications.models import Job, JobState
from practices.models import Practice

BATCH_ROWS = 1_000
_ID = re.compile(r"[\w.:+/-]{0,80}")
What = str | Callable[..., Any]


class Planned(NamedTuple):
    """One of many jobs of the same name and practice."""

    payload: Mapping[str, Any]
    run_at: datetime | None = None
    unique_key: str = ""


def enqueue(
    what: What,
    *,
    payload: Mapping[str, Any],
    run_at: datetime | None = None,
    unique_key: str | None = None,
    practice: Practice | UUID | None = None,
) -> Job:
    """Have a job done at `run_at`, else at once, in `practice`, else in that of the scope. It is written in the
    caller's transaction: without a commit there is no job.

    While one of this name and `unique_key` has not ended, it is returned as it is, and there is no second. The payload
    is of ids, which must not tell anything by themselves; raises ValueError for anything else.
    """
    name, practice_id = name_of(what), _practice_id(practice)
    new = _build(name, practice_id, Planned(payload, run_at, unique_key or ""))
    with account_scope(practice_id):
        if not new.unique_key:
            new.save(force_insert=True)
            return new
        while True:
            Job.objects.bulk_create([new], ignore_conflicts=True)
            live = Job.objects.filter(practice=practice_id, name=name, unique_key=new.unique_key, finished_at=None)
            if found := live.first():
                return found  # another may have ended between the two statements: then there is room for ours


def enqueue_many(what: What, jobs: Iterable[Planned], *, practice: Practice | UUID | None = None) -> None:
    """Enqueue many jobs of one practice in few statements. Those whose `unique_key` has not ended are left out."""
    name, practice_id = name_of(what), _practice_id(practice)
    rows = [_build(name, practice_id, planned) for planned in jobs]
    with account_scope(practice_id):
        Job.objects.bulk_create(rows, batch_size=BATCH_ROWS, ignore_conflicts=True)


def cancel(what: What, *, unique_key: str, practice: Practice | UUID | None = None) -> bool:
    """Withdraw the waiting job of this key, in the caller's transaction; return False if there is none, or a worker has
    it already."""
    name, practice_id = name_of(what), _practice_id(practice)
    with account_scope(practice_id):
        waiting = Job.objects.filter(practice=practice_id, name=name, unique_key=unique_key, state=JobState.WAITING)
        now = timezone.now()
        return waiting.update(state=JobState.CANCELLED, finished_at=now, updated_at=now) > 0


def run_again(*, by: User, job: Job) -> None:
    """Have a job that has not ended well done at once, with all its attempts. Raises Conflict if it has not ended so,
    or if another of its key is on its way."""
    now = timezone.now()
    ended = Job.all_practices.filter(pk=job.pk, state__in=(JobState.FAILED, JobState.UNCERTAIN, JobState.CANCELLED))
    try:
        with transaction.atomic():
            changed = ended.update(
                state=JobState.WAITING,
                run_at=now,
                attempts=0,
                lost=0,
                past_return_at=None,
                finished_at=None,
                updated_at=now,
            )
            if changed:
                with context.done_by(by):
                    log.record(
                        AuditEvent.JOB_RUN_AGAIN,
                        practice_id=job.practice_id,
                        about=Job._meta.label,
                        about_id=job.pk,
                        job=job.name,
                    )
    except IntegrityError as error:
        raise Conflict(_("The same job is on its way already.")) from error
    if not changed:
        raise Conflict(_("This job can't be run again. Reload the page to see its status."))


def _build(name: str, practice_id: UUID | None, planned: Planned) -> Job:
    kind = KINDS[name]
    return Job(
        practice_id=practice_id,
        name=name,
        payload={key: _checked(key, value) for key, value in planned.payload.items()},
        run_at=planned.run_at or timezone.now(),
        unique_key=planned.unique_key,
        urgent=kind.urgent,
        max_attempts=kind.max_attempts,
    )


def _checked(key: str, value: Any) -> Any:
    """Return the value as it is stored: a payload is read by whoever reads the queue."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, str) and _ID.fullmatch(value):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_checked(key, each) for each in value]
    raise ValueError(f"a job's payload holds ids alone, and {key} is a {type(value).__name__} that is none.")


def _practice_id(practice: Practice | UUID | None) -> UUID | None:
    """Return whose job it is. Raises ScopeError for that of another practice than the scope's."""
    given = practice.pk if isinstance(practice, Practice) else practice
    scope = open_scope()
    in_practice = scope is not None and scope != INSTALLATION
    if given is not None and in_practice and given != scope:
        raise ScopeError("A job of another practice.")
    return given or (scope if in_practice else None)
