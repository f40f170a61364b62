"""When the last backup was made, and when one was last tried: for metrics, checks, pages and the audit trail."""

import os
import pwd
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from audit import log
from audit.events import AuditEvent
from audit.log import AuditLogUnavailable
from audit.models import NO_PRACTICE, Event
from core.backups.models import Run, RunKind
from core.tenancy.scope import installation_scope

logger = structlog.get_logger("praxis.backups")
RETENTION = timedelta(days=400)
EVENTS = {
    RunKind.BACKUP: AuditEvent.BACKED_UP,
    RunKind.DRILL: AuditEvent.BACKUP_TRIED,
    RunKind.RESTORE: AuditEvent.BACKUP_RESTORED,
}
NOBODY = 2**32 - 1  # what Linux says of a process that no sign-in began


def last_backup() -> Run | None:
    """Return the last backup that ended well; None if there is none. `ended_at` says when."""
    return _last(RunKind.BACKUP)


def last_drill() -> Run | None:
    """Return the last drill that found no difference."""
    return _last(RunKind.DRILL)


def latest_events(limit: int) -> list[Event]:
    """Return who did what of it last, as the audit trail has it. To be called in the scope of the installation."""
    events = Event.objects.filter(practice_id=NO_PRACTICE, kind__in=list(EVENTS.values()))
    return list(events.order_by("-pk")[:limit])


def record(kind: RunKind, *, name: str, began_at: datetime, is_good: bool, bytes_written: int = 0) -> None:
    """Record a run, here and in the audit trail. What it did stands without either, which the database may be unable to
    take: it is full, of the release before, or empty."""
    now = timezone.now()
    state = "done" if is_good else "failed"
    _try(
        kind,
        lambda: log.record(
            EVENTS[kind], practice_id=None, about=Run._meta.label, backup=name, state=state, operator=operator()
        ),
    )
    _try(
        kind,
        lambda: Run.objects.create(
            kind=kind, name=name, began_at=began_at, ended_at=now, is_good=is_good, bytes_written=bytes_written
        ),
    )
    _try(kind, lambda: Run.objects.filter(ended_at__lt=now - RETENTION).delete())


def operator() -> str:
    """Return the account of this machine that somebody signed in to, `sudo` or not, else that of the process."""
    number = os.getuid()
    with suppress(OSError, ValueError):
        signed_in = int(Path("/proc/self/loginuid").read_text())
        number = number if signed_in == NOBODY else signed_in
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _try(kind: RunKind, write: Callable[[], object]) -> None:
    try:
        with installation_scope(), transaction.atomic():
            write()
    except (DatabaseError, AuditLogUnavailable) as error:
        logger.warning("a backup or drill could not be recorded", kind=str(kind), error=type(error).__name__)


def _last(kind: RunKind) -> Run | None:
    return Run.objects.filter(kind=kind, is_good=True).order_by("-ended_at").first()
