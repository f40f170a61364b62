"""When the last backup was made, and when one was last tried: for metrics, checks and pages."""

from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError
from django.utils import timezone

from core.backups.models import Kind, Run

logger = structlog.get_logger("praxis.backups")
KEPT = timedelta(days=400)


def last_backup() -> Run | None:
    """Return the last backup that ended well; None if there is none. `ended_at` says when."""
    return _last(Kind.BACKUP)


def last_drill() -> Run | None:
    """Return the last drill that found no difference."""
    return _last(Kind.DRILL)


def record(kind: Kind, *, name: str, began_at: datetime, is_good: bool, bytes_written: int = 0) -> None:
    """Record a run. What it did stands without the row, which the database may be unable to take: it is full, or of
    the release before."""
    now = timezone.now()
    try:
        Run.objects.create(
            kind=kind, name=name, began_at=began_at, ended_at=now, is_good=is_good, bytes_written=bytes_written
        )
        Run.objects.filter(ended_at__lt=now - KEPT).delete()
    except DatabaseError as error:
        logger.warning("a backup or drill could not be recorded", kind=str(kind), error=type(error).__name__)


def _last(kind: Kind) -> Run | None:
    return Run.objects.filter(kind=kind, is_good=True).order_by("-ended_at").first()
