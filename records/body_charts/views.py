"""Body charts: where it hurts."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version
from core.api.views import ApiView
from core.permissions import Permission
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.restriction.services import emergency_details, get_accessible_chart, resolve_access
from practices.services import current_practice
from records.body_charts import services
from records.body_charts.serializers import (
    BodyChartAmendment,
    BodyChartInput,
    BodyChartPage,
    BodyChartQuery,
    BodyChartShape,
)
from records.models import BodyChart, SessionNote
from records.versions import services as versions
from records.versions.views import SEE_RECORDS, VersionsView, list_schema, one_schema

WRITE = Permission.WRITE_CLINICAL_FIELDS
DELETE = (WRITE, Permission.DELETE_CLINICAL)
LABEL = BodyChart._meta.label
STALE = stale(BodyChartShape, "The body chart has been corrected since; `current` is what it says now.")


class BodyCharts(ApiView):
    permissions = {"GET": SEE_RECORDS, "POST": WRITE}
    audit_events = {"GET": AuditEvent.BODY_CHARTS_LISTED, "POST": AuditEvent.CREATED}
    audited_model = LABEL
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND}

    @extend_schema(
        parameters=[BodyChartQuery],
        responses={200: BodyChartPage},
        summary="List body charts, latest first",
    )
    def get(self, request: Request) -> Response:
        query = self.checked_query(BodyChartQuery)
        page, patient_id = Page.taken_from(query), query.get("patient_id")
        drawings = BodyChart.objects.visible_to(self.caller).with_people().latest_first()
        if patient_id:  # an empty list of an unknown patient's would read as nothing drawn
            get_accessible_chart(self.caller, patient_id)
            drawings = drawings.filter(patient=patient_id)
        if "note_id" in query:
            notes = SessionNote.objects.visible_to(self.caller).only("pk")
            drawings = drawings.filter(note=notes.get_or_refuse(pk=query["note_id"]))
        rows = page.rows(drawings)
        total = page.total(drawings.count)
        opened = emergency_details(resolve_access(self.caller, [row.patient for row in rows]))
        whom = [patient_id] if patient_id else (row.patient_id for row in rows)
        self.audit_read(whom, hits=total, **page.asked, **opened)
        shown = [BodyChartShape.to_dict(row) for row in rows]
        return Response({"bodyCharts": shown, "total": total, **page.next})

    @extend_schema(
        request=BodyChartInput, parameters=[ETAG], responses={201: BodyChartShape}, summary="Draw a body chart"
    )
    def post(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            fields = self.checked(BodyChartInput)
        drawing = services.draw(by=self.caller, **fields)
        self.audit_read([drawing.patient_id], about_id=drawing.pk, **emergency_details([drawing.patient]))
        return Response(BodyChartShape.to_dict(drawing), status=201, headers=etag(drawing.version))


class BodyChartView(ApiView):
    audited_model = LABEL

    def respond(self, drawing: BodyChart) -> Response:
        self.audit_read([drawing.patient_id], about_id=drawing.pk, **emergency_details([drawing.patient]))
        return Response(BodyChartShape.to_dict(drawing), headers=etag(drawing.version))


class BodyChartById(BodyChartView):
    permissions = {"GET": SEE_RECORDS, "DELETE": DELETE}
    audit_events = {"GET": AuditEvent.BODY_CHARTS_LISTED, "DELETE": AuditEvent.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: BodyChartShape}, summary="Get a body chart")
    def get(self, request: Request, body_chart_id: UUID) -> Response:
        return self.respond(versions.get_entry(BodyChart, by=self.caller, pk=body_chart_id))

    delete = delete_handler(BodyChart)


class RestoreBodyChart(RestoreView):
    permissions = {"POST": DELETE}
    audited_model = LABEL
    post = restore_handler(BodyChart)


class BodyChartAmendments(BodyChartView):
    permissions = {"POST": WRITE}
    audit_events = {"POST": AuditEvent.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=BodyChartAmendment,
        parameters=[IF_MATCH, ETAG],
        responses={200: BodyChartShape},
        summary="Correct a body chart, with a reason; earlier versions are kept",
    )
    def post(self, request: Request, body_chart_id: UUID) -> Response:
        def shown() -> dict[str, Any]:
            return BodyChartShape.to_dict(versions.get_entry(BodyChart, by=self.caller, pk=body_chart_id))

        with timezone.override(current_practice().tzinfo):
            body = self.checked_changes(BodyChartAmendment, shown=shown)
        expected = expected_version(request, body.pop("version", None))
        return self.respond(services.correct(by=self.caller, body_chart_id=body_chart_id, expected=expected, **body))


class BodyChartVersions(VersionsView):
    audited_model, model = LABEL, BodyChart

    @list_schema
    def get(self, request: Request, body_chart_id: UUID) -> Response:
        return self.respond_with_list(body_chart_id)


class BodyChartVersionByNumber(VersionsView):
    audited_model, model = LABEL, BodyChart

    @one_schema
    def get(self, request: Request, body_chart_id: UUID, number: int) -> Response:
        return self.respond_with_version(body_chart_id, number)
