"""What the queue and the schedule look like, and how late the worker is."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.utils import timezone

from core.tenancy.scope import installation_scope
from notifications.jobs.registry import RHYTHMS
from notifications.models import Job, JobState, Schedule

SCHEDULE_LATE = timedelta(minutes=3)  # a worker that lives looks every second
QUEUE_LATE = timedelta(minutes=15)  # a hundred thousand reminders take eight
SHOWN = 20


@dataclass(frozen=True)
class Lateness:
    """For how long the job that is due longest has been waiting, and the same of the schedule; None: it never ran."""

    queue: timedelta
    schedule: timedelta | None

    @property
    def is_late(self) -> bool:
        return self.schedule is None or self.schedule > SCHEDULE_LATE or self.queue > QUEUE_LATE

    @property
    def seconds(self) -> int | None:
        return None if self.schedule is None else int(max(self.queue, self.schedule).total_seconds())


@installation_scope()
def lateness(now: datetime | None = None) -> Lateness:
    now = now or timezone.now()
    nothing = timedelta()
    due = Job.objects.filter(state=JobState.WAITING, run_at__lte=now).aggregate(first=Min("run_at"))["first"]
    following = Schedule.objects.filter(name__in=RHYTHMS).aggregate(first=Min("next_run_at"))["first"]
    return Lateness(
        queue=now - due if due else nothing,
        schedule=max(now - following, nothing) if following else None,
    )


@installation_scope()
def count_by_state() -> Counter[str]:
    rows = Job.objects.values_list("state").annotate(number=Count("pk")).order_by("state")
    return Counter(dict(rows))


@installation_scope()
def list_bad_ends() -> list[Job]:
    """Return the last jobs that did not end well."""
    bad = Job.objects.filter(state__in=(JobState.FAILED, JobState.UNCERTAIN)).order_by("-finished_at")
    return list(bad[:SHOWN])
