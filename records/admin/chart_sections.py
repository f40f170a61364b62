"""The clinical record on a chart's page: the newest entries, links to the rest, and the export."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from accounts.models import User
from audit.events import AuditEvent
from core.admin.access_log import log_page_read, log_page_refusal
from core.admin.base import current_user
from core.formats import format_size
from core.permissions import Permission
from patients.admin.sections import ChartSectionsAdmin, Section, register_section
from patients.models import Patient
from patients.restriction.services import ChartRestricted, check_access
from practices.services import current_practice
from records.admin.attachments import FileForm
from records.admin.plans import progress_summary
from records.attachments import quota
from records.attachments.downloads import download_response
from records.export.services import export_chart
from records.models import Attachment, PlanOfCare, SessionNote
from records.models.note import SECTIONS

MAX_ROWS = 10


@register_section
class ClinicalRecord(Section):
    template = "admin/patients/patient/record.html"

    def context(self, chart: Patient, user: User) -> dict[str, Any]:
        return {"record": clinical_record(chart, user)}


@register_section
class Export(Section):
    template = "admin/patients/patient/export.html"

    def context(self, chart: Patient, user: User) -> dict[str, Any]:
        return {"may_export": user.can(Permission.EXPORT_CHARTS)}

    def urls(self, chart_admin: ChartSectionsAdmin) -> list[URLPattern]:
        view = chart_admin.admin_site.admin_view(require_POST(export))
        return [path("<uuid:patient_id>/export/", view, name="patients_patient_export")]


def export(request: HttpRequest, patient_id: UUID) -> HttpResponseBase:
    """Export the chart; logged before the first byte is sent, like every page view."""
    user = current_user(request)
    if not user.can(Permission.EXPORT_CHARTS):
        raise PermissionDenied
    try:
        chart = check_access(user, Patient.objects.visible_to(user).get_or_refuse(pk=patient_id))
    except ChartRestricted as closed:
        log_page_refusal(request, closed)
        return redirect("admin:patients_patient_change", patient_id)  # which explains why
    log_page_read(request, [chart], about=Patient._meta.label, about_id=chart.pk, kind=AuditEvent.CHART_EXPORTED)
    chunks = export_chart(chart, practice=current_practice(), by=user)
    return download_response(chunks, name="chart.zip", content_type="application/zip")


def clinical_record(chart: Patient, user: User) -> dict[str, Any]:
    """Return the clinical record of a chart that is open to this person."""
    notes = SessionNote.objects.visible_to(user).filter(patient=chart)
    files = Attachment.objects.visible_to(user).filter(patient=chart)
    plans = PlanOfCare.objects.visible_to(user).filter(patient=chart).select_related("doctor").with_progress()
    used = quota.used_bytes(chart.pk)
    newest_plans = _newest(plans.latest_first())
    for plan in newest_plans["shown"]:
        plan.progress_summary = progress_summary(plan)
    return {
        "notes": _newest(notes.select_related("doctor").defer(*SECTIONS).latest_first()),
        "plans": newest_plans,
        "files": _newest(files.newest_first()),
        "used": format_size(used) if used else "0",
        "room": format_size(settings.PATIENT_FILES_BYTES),
        "file_form": FileForm() if user.can(Permission.ADD_FILES) else None,
    }


def _newest(rows: QuerySet[Any]) -> dict[str, Any]:
    """Return the newest rows, and how many `more` there are."""
    shown = list(rows[: MAX_ROWS + 1])
    more = rows.count() - MAX_ROWS if len(shown) > MAX_ROWS else 0
    return {"shown": shown[:MAX_ROWS], "more": more}
