"""A patient's data in their hand."""

from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.roles import Permission
from audit.events import Kind
from core.api.schema import NOT_FOUND
from core.api.views import ApiView
from patients.models import Patient
from patients.restriction import check_open, emergencies
from practices.services import current_practice
from records.export import exported
from records.files.answers import download


class ChartExport(ApiView):
    """For the patient, and for the office manager, to whom the chart must be open."""

    permissions = {"GET": (Permission.EXPORT_CHARTS, Permission.EXPORT_OWN_CHART)}
    trail = {"GET": Kind.CHART_EXPORTED}
    about = Patient._meta.label
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/zip"): OpenApiTypes.BINARY},
        summary="A chart with all that is in it: a ZIP of JSON, a readable PDF and the files, streamed",
    )
    def get(self, request: Request, chart_id: UUID) -> StreamingHttpResponse:
        chart = check_open(self.caller, Patient.objects.visible_to(self.caller).found(pk=chart_id))
        self.saw([chart.pk], about_id=chart.pk, **emergencies([chart]))
        chunks = exported(chart, practice=current_practice(), by=self.caller)
        return download(chunks, name="chart.zip", content_type="application/zip")
