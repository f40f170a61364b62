"""The schedule: what is due is enqueued, by one worker alone."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from core.tenancy.scope import installation_scope
from notifications.jobs.registry import RHYTHMS
from notifications.jobs.services import enqueue
from notifications.models import Job, Schedule

KEY = "schedule"  # so that a job of the schedule is there once


def tick(now: datetime | None = None) -> list[str]:
    """Enqueue the jobs of the schedule that are due, and return their names. Each belongs to whoever locks its row
    first; the others go on."""
    now = now or timezone.now()
    due = Schedule.objects.filter(next_run_at__lte=now, name__in=RHYTHMS).order_by("next_run_at")
    return [name for name in due.values_list("name", flat=True) if _run(name, now)]


@transaction.atomic
def _run(name: str, now: datetime) -> bool:
    locked = Schedule.objects.select_for_update(skip_locked=True)
    row = locked.filter(name=name, next_run_at__lte=now).first()
    if row is None:
        return False
    with installation_scope():
        Job.objects.filter(
            practice=None, name=name, unique_key=KEY, finished_at__isnull=False
        ).delete()  # the last is enough
        enqueue(name, payload={}, run_at=now, unique_key=KEY)
    row.last_run_at, row.next_run_at = now, RHYTHMS[name].after(now)
    row.save(update_fields={"last_run_at", "next_run_at", "updated_at"})
    return True


@transaction.atomic
def write_table(now: datetime | None = None) -> None:
    """Make the table as the code is: add what is new, remove what is gone, and wait no longer than the code says. A
    worker does so as it begins."""
    now = now or timezone.now()
    rows = {row.name: row for row in Schedule.objects.select_for_update()}
    new = [Schedule(name=name, next_run_at=RHYTHMS[name].first(now)) for name in RHYTHMS.keys() - rows.keys()]
    Schedule.objects.bulk_create(new, ignore_conflicts=True)
    Schedule.objects.exclude(name__in=RHYTHMS).delete()
    for name in RHYTHMS.keys() & rows.keys():
        Schedule.objects.filter(name=name, next_run_at__gt=RHYTHMS[name].after(now)).update(
            next_run_at=RHYTHMS[name].after(now), updated_at=now
        )
