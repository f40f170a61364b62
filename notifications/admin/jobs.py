"""Background jobs: what waits, what runs, what failed; and the worker's schedule, for the platform's superuser."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from core.admin.access_log import shows_no_patient
from core.admin.base import Access, P, PracticeModelAdmin, current_user, post_action
from core.admin.changelist import CachedCountPaginator
from core.formats import format_datetime
from core.tenancy.managers import row_not_found
from core.tenancy.scope import current_practice_id
from notifications.jobs import services, status
from notifications.jobs.registry import title_of
from notifications.models import Job, JobState, Schedule

BAD_ENDS = (JobState.FAILED, JobState.UNCERTAIN)


class FreshCount(CachedCountPaginator):
    """The worker writes so many rows that a count would never be kept for long."""

    cache_key = property(lambda self: None, lambda self, key: None)


@admin.register(Job)
@shows_no_patient("names of jobs and their errors, which quote no row")
class JobAdmin(PracticeModelAdmin):
    empty_hint = _("What the worker does in the background appears here.")
    access = Access(P.MANAGE_PRACTICE)
    paginator = FreshCount
    list_display = ("title", "state", "due", "attempts", "last_error", "ended")
    list_filter = ("state",)
    fields = ("title", "state", "due", "attempts", "last_error", "started", "ended")
    readonly_fields = fields
    list_before_template = "admin/notifications/job/worker.html"
    change_form_outer_after_template = "admin/notifications/job/run_again.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Return the practice's jobs; for the platform's superuser those of the installation too."""
        mine = Q(practice=current_practice_id())
        if current_user(request).is_superuser:
            mine |= Q(practice=None)
        rows: QuerySet[Job] = Job.all_practices.filter(mine).order_by("-id")
        return rows

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        late = status.lateness()
        shown: dict[str, Any] = {"worker_sentence": _sentence(late)}
        if current_user(request).is_superuser:
            shown["schedule"] = [_entry(row) for row in Schedule.objects.order_by("name")]
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        job = context["original"]
        context["may_run_again"] = job.state in BAD_ENDS
        context["is_uncertain"] = job.state == JobState.UNCERTAIN
        return super().render_change_form(request, context, *args, **kwargs)

    @post_action("<uuid:job_id>/run-again/", permission="view")
    def run_again(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        job = self.get_queryset(request).filter(pk=job_id).first()
        if job is None:
            raise row_not_found(Job, job_id)
        services.run_again(by=current_user(request), job=job)
        messages.success(request, gettext("The job will run in a moment."))
        return redirect("admin:notifications_job_changelist")

    # --- Columns and fields

    @admin.display(description=_("Job"), ordering="name")
    def title(self, row: Job) -> str:
        return title_of(row.name)

    @admin.display(description=_("Due"), ordering="run_at")
    def due(self, row: Job) -> str:
        return format_datetime(row.run_at)

    @admin.display(description=_("Started"))
    def started(self, row: Job) -> str:
        return format_datetime(row.started_at) if row.started_at else ""

    @admin.display(description=_("Ended"), ordering="finished_at")
    def ended(self, row: Job) -> str:
        return format_datetime(row.finished_at) if row.finished_at else ""


def _sentence(late: status.Lateness) -> str:
    if late.seconds is None:
        return gettext("No worker has run yet: messages, file scans and purges wait.")
    minutes = late.seconds // 60
    if not late.is_late and not minutes:
        return gettext("The worker is on time.")
    sentence = ngettext(
        "The worker is late by %(minutes)s minute.", "The worker is late by %(minutes)s minutes.", minutes
    )
    return sentence % {"minutes": minutes}


def _entry(row: Schedule) -> dict[str, str]:
    last = format_datetime(row.last_run_at) if row.last_run_at else gettext("never")
    return {"name": title_of(row.name), "last": last, "next": format_datetime(row.next_run_at)}
