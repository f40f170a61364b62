"""What the worker does for what was deleted, and for files of imports."""

from datetime import time, timedelta

from django.utils.translation import gettext_lazy as _

from core.idempotency.services import remove_expired
from core.tenancy.scope import practice_scope
from notifications.jobs import Again, scheduled, stopping
from patients.deletion.purge import BATCH, Purge, PurgeOutcome
from patients.imports import services as imports
from practices.models import Practice
from practices.services import each_practice


@scheduled(
    "deleted.purge",
    _("Remove for good what was deleted long ago"),
    daily_at=time(1, 40),
    max_attempts=4,
    first_delay=timedelta(minutes=10),
)
def purge() -> None:
    """Remove for good what is past its time, in every practice, as `manage.py purge_deleted` does."""
    failed = 0
    for practice in Practice.objects.order_by("pk"):
        work = Purge(practice, dry_run=False, batch=BATCH)
        for _deletion in work.run():
            if stopping():
                raise Again("The worker was told to stop.", after=timedelta(minutes=1))
        failed += work.tally.outcomes[PurgeOutcome.FAILED]
        with practice_scope(practice.pk):
            remove_expired()
    if failed:
        raise Again(f"{failed} deletions could not be removed; the log says why.")


@scheduled(
    "imports.remove_old",
    _("Remove files of old imports"),
    daily_at=time(1, 20),
    max_attempts=4,
    first_delay=timedelta(minutes=10),
)
def remove_old_imports() -> None:
    """Remove the text of files that were imported, a week later, as `manage.py remove_old_imports` does."""
    for _practice in each_practice():
        imports.remove_old()
