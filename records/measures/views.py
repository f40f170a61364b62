"""Vital signs and other measures."""

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
from records.measures import services
from records.measures.serializers import MeasureAmendment, MeasureInput, MeasurePage, MeasureQuery, MeasureShape
from records.models import Measure
from records.versions import services as versions
from records.versions.views import SEE_RECORDS, VersionsView, list_schema, one_schema

WRITE = Permission.WRITE_CLINICAL_FIELDS
DELETE = (WRITE, Permission.DELETE_CLINICAL)
LABEL = Measure._meta.label
STALE = stale(MeasureShape, "The measure has been corrected since; `current` is what it says now.")


class Measures(ApiView):
    permissions = {"GET": SEE_RECORDS, "POST": WRITE}
    audit_events = {"GET": AuditEvent.MEASURES_LISTED, "POST": AuditEvent.CREATED}
    audited_model = LABEL
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND}

    @extend_schema(
        parameters=[MeasureQuery],
        responses={200: MeasurePage},
        summary="List measures, latest first",
        description="`from` and `to` are about the moment of measuring.",
    )
    def get(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            query = self.checked_query(MeasureQuery)
        page, patient_id = Page.taken_from(query), query.get("patient_id")
        if patient_id:  # an empty list of an unknown patient's would read as nothing measured
            get_accessible_chart(self.caller, patient_id)
        measures = Measure.objects.visible_to(self.caller).with_people().latest_first()
        columns = {
            "patient_id": "patient",
            "kind": "kind",
            "start": "measured_at__gte",
            "end": "measured_at__lt",
        }
        measures = measures.filter(**{columns[name]: value for name, value in query.items()})
        rows = page.rows(measures)
        total = page.total(measures.count)
        opened = emergency_details(resolve_access(self.caller, [row.patient for row in rows]))
        whom = [patient_id] if patient_id else (row.patient_id for row in rows)
        self.audit_read(whom, hits=total, **page.asked, **opened)
        shown = [MeasureShape.to_dict(row) for row in rows]
        return Response({"measures": shown, "total": total, **page.next})

    @extend_schema(
        request=MeasureInput, parameters=[ETAG], responses={201: MeasureShape}, summary="Write a measure down"
    )
    def post(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            fields = self.checked(MeasureInput)
        measure = services.add_measure(by=self.caller, **fields)
        self.audit_read([measure.patient_id], about_id=measure.pk, **emergency_details([measure.patient]))
        return Response(MeasureShape.to_dict(measure), status=201, headers=etag(measure.version))


class MeasureView(ApiView):
    audited_model = LABEL

    def respond(self, measure: Measure) -> Response:
        self.audit_read([measure.patient_id], about_id=measure.pk, **emergency_details([measure.patient]))
        return Response(MeasureShape.to_dict(measure), headers=etag(measure.version))


class MeasureById(MeasureView):
    permissions = {"GET": SEE_RECORDS, "DELETE": DELETE}
    audit_events = {"GET": AuditEvent.MEASURES_LISTED, "DELETE": AuditEvent.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: MeasureShape}, summary="Get a measure")
    def get(self, request: Request, measure_id: UUID) -> Response:
        return self.respond(versions.get_entry(Measure, by=self.caller, pk=measure_id))

    delete = delete_handler(Measure)


class RestoreMeasure(RestoreView):
    permissions = {"POST": DELETE}
    audited_model = LABEL
    post = restore_handler(Measure)


class MeasureAmendments(MeasureView):
    permissions = {"POST": WRITE}
    audit_events = {"POST": AuditEvent.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=MeasureAmendment,
        parameters=[IF_MATCH, ETAG],
        responses={200: MeasureShape},
        summary="Correct a measure, with a reason; earlier versions are kept",
    )
    def post(self, request: Request, measure_id: UUID) -> Response:
        def shown() -> dict[str, Any]:
            return MeasureShape.to_dict(versions.get_entry(Measure, by=self.caller, pk=measure_id))

        with timezone.override(current_practice().tzinfo):
            body = self.checked_changes(MeasureAmendment, shown=shown)
        expected = expected_version(request, body.pop("version", None))
        return self.respond(services.correct_measure(by=self.caller, measure_id=measure_id, expected=expected, **body))


class MeasureVersions(VersionsView):
    audited_model, model = LABEL, Measure

    @list_schema
    def get(self, request: Request, measure_id: UUID) -> Response:
        return self.respond_with_list(measure_id)


class MeasureVersionByNumber(VersionsView):
    audited_model, model = LABEL, Measure

    @one_schema
    def get(self, request: Request, measure_id: UUID, number: int) -> Response:
        return self.respond_with_version(measure_id, number)
