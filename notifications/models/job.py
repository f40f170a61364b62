"""Jobs: what the worker does outside of requests, and its schedule (docs/adr/0043)."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.models import Model
from core.tenancy.managers import InstallationQuerySet


class JobState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    UNCERTAIN = "uncertain", _("uncertain")  # it may have happened: nobody repeats it by itself
    CANCELLED = "cancelled", _("cancelled")


ENDED = (JobState.DONE, JobState.FAILED, JobState.UNCERTAIN, JobState.CANCELLED)


class Job(Model):
    """A job of a practice, or of the installation (without one). It is written in the transaction of what causes it.

    While a worker has it, it is `running` under a lease, `claimed_until`, which the worker renews. Once that has
    passed, the worker is dead, and another takes the job again, unless it was `past_return_at`: it may have happened.
    """

    audited = False  # what a job does is audited where it is done

    practice = models.ForeignKey(
        "practices.Practice", verbose_name=_("practice"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(_("name"), max_length=100)
    payload = models.JSONField(default=dict)  # ids alone
    unique_key = models.CharField(max_length=120, blank=True)  # among those that have not ended
    urgent = models.BooleanField(default=False)  # before all that are not
    run_at = models.DateTimeField(_("due"), default=timezone.now)
    state = models.CharField(_("status"), max_length=10, choices=JobState.choices, default=JobState.WAITING)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)  # that ended with an error
    max_attempts = models.PositiveSmallIntegerField(default=1)
    lost = models.PositiveSmallIntegerField(default=0)  # how often a worker died with it
    claimed_by = models.UUIDField(null=True)  # one claim, not one worker
    claimed_until = models.DateTimeField(null=True)
    started_at = models.DateTimeField(_("started"), null=True)
    past_return_at = models.DateTimeField(null=True)
    last_error = models.CharField(_("error"), max_length=300, blank=True)  # types and places, never what was in a row
    finished_at = models.DateTimeField(_("ended"), null=True)

    objects = models.Manager()
    all_practices: ClassVar = models.Manager.from_queryset(InstallationQuerySet)()

    class Meta(Model.Meta):
        verbose_name, verbose_name_plural = _("background job"), _("background jobs")
        indexes: ClassVar = [
            models.Index(fields=["urgent", "run_at"], name="job_due", condition=Q(state=JobState.WAITING)),
            models.Index(fields=["claimed_until"], name="job_lease", condition=Q(state=JobState.RUNNING)),
            models.Index(fields=["practice", "state", "id"], name="job_of_practice"),
            models.Index(fields=["state", "finished_at"], name="job_ended"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["practice", "name", "unique_key"],
                condition=Q(finished_at=None, practice__isnull=False) & ~Q(unique_key=""),
                name="job_of_practice_once",
            ),
            models.UniqueConstraint(
                fields=["name", "unique_key"],
                condition=Q(finished_at=None, practice=None) & ~Q(unique_key=""),
                name="job_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ENDED, finished_at__isnull=False)
                | (~Q(state__in=ENDED) & Q(finished_at__isnull=True)),
                name="job_ended_has_time",
            ),
            models.CheckConstraint(
                condition=Q(state=JobState.RUNNING, claimed_by__isnull=False, claimed_until__isnull=False)
                | (~Q(state=JobState.RUNNING) & Q(claimed_by__isnull=True, claimed_until__isnull=True)),
                name="job_running_has_lease",
            ),
        ]

    def __str__(self) -> str:
        return f"Job {str(self.pk)[-6:]}"


class Schedule(Model):
    """When a job of the schedule in the code ran last, and when it runs next."""

    audited = False

    name = models.CharField(_("name"), max_length=100, unique=True)
    last_run_at = models.DateTimeField(_("last run"), null=True)
    next_run_at = models.DateTimeField(_("next run"))

    class Meta(Model.Meta):
        verbose_name, verbose_name_plural = _("schedule"), _("schedules")

    def __str__(self) -> str:
        return self.name
