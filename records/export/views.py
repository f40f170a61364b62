"""Export of a patient's chart."""

from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request

from audit.events import AuditEvent
from core.api.schema import NOT_FOUND, extend_schema
from core.api.views import ApiView
from core.permissions import Permission
from patients.models import Patient
from patients.restriction.services import check_access, emergency_details
from practices.services import current_practice
from records.attachments.downloads import download_response
from records.export.services import export_chart


class ChartExport(ApiView):
    """Export a chart: the patient's own, or an office manager's, if the chart is open to them."""

    permissions = {"GET": (Permission.EXPORT_CHARTS, Permission.EXPORT_OWN_CHART)}
    audit_events = {"GET": AuditEvent.CHART_EXPORTED}
    audited_model = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        summary="Export a complete chart as a ZIP: JSON, a readable PDF and the files",
    )
    def get(self, request: Request, chart_id: UUID) -> StreamingHttpResponse:
        chart = check_access(self.caller, Patient.objects.visible_to(self.caller).get_or_refuse(pk=chart_id))
        self.audit_read([chart.pk], about_id=chart.pk, **emergency_details([chart]))
        chunks = export_chart(chart, practice=current_practice(), by=self.caller)
        return download_response(chunks, name="chart.zip", content_type="application/zip")
