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
from django.views.decorators.http import require_GET

from audit.events import Kind
from dashboard.admin_base import acting
from dashboard.admin_reads import shows
from dashboard.admin_records import ClinicalAdmin, link_to
from dashboard.moments import moment
from practices.services import current_practice
from records import plans
from records.files.answers import download
from records.models import PlanOfCare
from records.plan_pdf import plan_pdf


class PlanAdmin(ClinicalAdmin):
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
        return plan and plans.plan_for(by=acting(request), plan_id=plan.pk)

    def pdf(self, request: HttpRequest, plan_id: UUID) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        plan = self.get_object(request, str(plan_id))
        if plan is None:
            raise Http404
        shows(request, [plan], about=PlanOfCare._meta.label, about_id=plan.pk, kind=Kind.PLAN_READ)
        printed = plan_pdf(plan, practice=current_practice(), by=acting(request))
        return download([printed], name="plan-of-care.pdf", content_type="application/pdf", size=len(printed))

    # --- Columns and fields

    @admin.display(description="Goals met")
    def goals_met(self, plan: PlanOfCare) -> str:
        return progress_of(plan)

    @admin.display(description="Sessions")
    def session_links(self, plan: PlanOfCare) -> SafeString:
        return format_html_join("\n", "<div>{}</div>", ((link_to(note, moment(note.date)),) for note in plan.sessions))

    @admin.display(description="Appointments")
    def visits(self, plan: PlanOfCare) -> str:
        return f"{plan.appointments_done} done, {plan.appointments_to_come} to come"


def progress_of(plan: PlanOfCare) -> str:
    """`2 of 3 (66%)`, of a row `with_progress`; goals that were dropped do not count."""
    counted = plan.goals_in_all - plan.goals_dropped
    return f"{plan.goals_met} of {counted} ({plan.percent}%)" if counted else "No goals"
