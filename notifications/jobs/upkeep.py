"""Jobs that have ended are kept for a while: those that ended well as long as somebody may ask, the others longer."""

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from notifications.jobs.registry import scheduled
from notifications.models import Job, JobState

GOOD_ENDS = timedelta(days=2)
BAD_ENDS = timedelta(days=90)


@scheduled("jobs.remove_old", _("Remove old background jobs"), every=timedelta(hours=1))
def remove_old() -> None:
    now = timezone.now()
    good = (JobState.DONE, JobState.CANCELLED)
    Job.objects.filter(state__in=good, finished_at__lt=now - GOOD_ENDS).delete()
    Job.objects.filter(state__in=(JobState.FAILED, JobState.UNCERTAIN), finished_at__lt=now - BAD_ENDS).delete()
