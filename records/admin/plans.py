"""Plans of care: doctors write them through the API, and the admin site shows and prints them."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from audit.events import AuditEvent
from core.admin.access_log import log_page_read
from core.admin.base import Access, P, current_user
from core.formats import format_datetime
from practices.services import current_practice
from records.admin.medical_records import ClinicalAdmin, link_to
from records.attachments.downloads import download_response
from records.models import PlanOfCare
from records.plans import services as plans
from records.plans.pdf import plan_pdf


@admin.register(PlanOfCare)
class PlanAdmin(ClinicalAdmin):
    empty_hint = _("Plans of care are begun on the page of a chart.")
    begins_at = (("admin:patients_patient_changelist", _("Patients")),)
    access = Access(P.READ_RECORDS, delete=P.DELETE_CLINICAL)
    ordering = ("-starts_on", "-id")
    list_display = ("title", "patient_name", "doctor_name", "starts_on", "status", "goals_met")
    fields = (
        "title",
        "chart_link",
        "doctor_name",
        "diagnosis",
        "frequency",
        "starts_on",
        "target_end_on",
        "status",
        "goals_met",
        "session_links",
        "visits",
    )
    readonly_fields = fields
    change_form_outer_after_template = "admin/records/plan.html"

    def get_urls(self) -> list[URLPattern]:
        pdf = self.admin_site.admin_view(require_GET(self.pdf))
        return [path("<uuid:plan_id>/pdf/", pdf, name="records_planofcare_pdf"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_progress()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        plan = super().get_object(request, object_id, from_field)
        return plan and plans.get_plan(by=current_user(request), plan_id=plan.pk)

    def pdf(self, request: HttpRequest, plan_id: UUID) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        plan = self.get_object(request, str(plan_id))
        if plan is None:
            raise Http404
        log_page_read(request, [plan], about=PlanOfCare._meta.label, about_id=plan.pk, kind=AuditEvent.PLAN_READ)
        printed = plan_pdf(plan, practice=current_practice(), by=current_user(request))
        return download_response([printed], name="plan-of-care.pdf", content_type="application/pdf", size=len(printed))

    def describe_briefly(self, row: PlanOfCare) -> str:
        return str(row.title)

    # --- Columns and fields

    @admin.display(description=_("Goals met"))
    def goals_met(self, plan: PlanOfCare) -> str:
        return progress_summary(plan)

    @admin.display(description=_("Sessions"))
    def session_links(self, plan: PlanOfCare) -> SafeString:
        return format_html_join(
            "\n", "<div>{}</div>", ((link_to(note, format_datetime(note.date)),) for note in plan.sessions)
        )

    @admin.display(description=_("Appointments"))
    def visits(self, plan: PlanOfCare) -> str:
        counts = {"completed": plan.appointments_completed, "upcoming": plan.appointments_upcoming}
        return gettext("%(completed)s completed, %(upcoming)s upcoming") % counts


def progress_summary(plan: PlanOfCare) -> str:
    """Return, for example, `2 of 3 (66%)` for a plan `with_progress`; dropped goals do not count."""
    counted = plan.goals_total - plan.goals_dropped
    if not counted:
        return gettext("No goals")
    counts = {"met": plan.goals_met, "counted": counted, "percent": plan.percent}
    return gettext("%(met)s of %(counted)s (%(percent)s%%)") % counts
