"""Medical records."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version
from core.api.views import ApiView
from core.permissions import Permission
from core.tenancy.compiled import BoundQuery, CompiledQuery
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.restriction.services import emergency_details, get_accessible_chart, resolve_access
from practices.services import current_practice
from records.attachments.downloads import download_response
from records.medical_records import services
from records.medical_records.pdf import prescription_pdf
from records.medical_records.serializers import (
    RecordAmendment,
    RecordInput,
    RecordPage,
    RecordQuery,
    RecordShape,
    RecordWhole,
)
from records.models import MedicalRecord
from records.versions import services as versions
from records.versions.views import SEE_RECORDS, VersionsView, list_schema, one_schema

STALE = stale(RecordWhole, "The record has been amended since; `current` is the latest version.")


class Records(ApiView):
    permissions = {"GET": SEE_RECORDS, "POST": Permission.WRITE_RECORDS}
    audit_events = {"GET": AuditEvent.RECORDS_LISTED, "POST": AuditEvent.CREATED}
    audited_model = MedicalRecord._meta.label
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND}

    @extend_schema(parameters=[RecordQuery], responses={200: RecordPage}, summary="List medical records, latest first")
    def get(self, request: Request) -> Response:
        query = self.checked_query(RecordQuery)
        page = Page.taken_from(query)
        records = _records_for(self.caller, query.get("patient_id"))
        rows = page.rows(records)
        total = page.total(lambda: _total(self.caller, records, query))
        whom = [query["patient_id"]] if query.get("patient_id") else (row.patient_id for row in rows)
        opened = emergency_details(resolve_access(self.caller, [row.patient for row in rows]))
        self.audit_read(whom, hits=total, **page.asked, **opened)
        return Response({"records": [RecordShape.to_dict(row) for row in rows], "total": total, **page.next})

    @extend_schema(request=RecordInput, responses={201: RecordShape}, summary="Create a medical record")
    def post(self, request: Request) -> Response:
        with timezone.override(current_practice().tzinfo):
            fields = self.checked(RecordInput)
        record = services.create_record(by=self.caller, **fields)
        self.audit_read([record.patient_id], **emergency_details(resolve_access(self.caller, [record.patient])))
        return Response(RecordShape.to_dict(record), status=201)


class RecordView(ApiView):
    audited_model = MedicalRecord._meta.label

    def respond(self, record: MedicalRecord) -> Response:
        self.audit_read([record.patient_id], about_id=record.pk, **emergency_details([record.patient]))
        return Response(RecordWhole.to_dict(record), headers=etag(record.version))


class RecordById(RecordView):
    permissions = {"GET": SEE_RECORDS, "DELETE": Permission.DELETE_CLINICAL}
    audit_events = {"GET": AuditEvent.RECORD_READ, "DELETE": AuditEvent.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: RecordWhole}, summary="Get a medical record")
    def get(self, request: Request, record_id: UUID) -> Response:
        return self.respond(versions.get_entry(MedicalRecord, by=self.caller, pk=record_id))

    delete = delete_handler(MedicalRecord)


class RestoreRecord(RestoreView):
    permissions = {"POST": Permission.DELETE_CLINICAL}
    audited_model = MedicalRecord._meta.label
    post = restore_handler(MedicalRecord)


class RecordAmendments(RecordView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    audit_events = {"POST": AuditEvent.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=RecordAmendment,
        parameters=[IF_MATCH, ETAG],
        responses={200: RecordWhole},
        summary="Amend a medical record, with a reason; earlier versions are kept",
    )
    def post(self, request: Request, record_id: UUID) -> Response:
        def shown() -> dict[str, Any]:
            return RecordWhole.to_dict(versions.get_entry(MedicalRecord, by=self.caller, pk=record_id))

        body = self.checked_changes(RecordAmendment, shown=shown)
        expected = expected_version(request, body.pop("version", None))
        return self.respond(services.amend_record(by=self.caller, record_id=record_id, expected=expected, **body))


class Prescription(RecordView):
    permissions = {"GET": SEE_RECORDS}
    audit_events = {"GET": AuditEvent.RECORD_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        summary="Download what a record prescribes as a PDF, signed by name and time",
    )
    def get(self, request: Request, record_id: UUID) -> StreamingHttpResponse:
        record = versions.get_entry(MedicalRecord, by=self.caller, pk=record_id)
        printed = prescription_pdf(record, practice=current_practice(), by=self.caller)
        self.audit_read([record.patient_id], about_id=record.pk, **emergency_details([record.patient]))
        return download_response([printed], name="prescription.pdf", content_type="application/pdf", size=len(printed))


class RecordVersions(VersionsView):
    audited_model, model = MedicalRecord._meta.label, MedicalRecord

    @list_schema
    def get(self, request: Request, record_id: UUID) -> Response:
        return self.respond_with_list(record_id)


class RecordVersionByNumber(VersionsView):
    audited_model, model = MedicalRecord._meta.label, MedicalRecord

    @one_schema
    def get(self, request: Request, record_id: UUID, number: int) -> Response:
        return self.respond_with_version(record_id, number)


LISTED_COLUMNS = ("date", "diagnosis", "prescription", "notes", "attachments")
_listed = CompiledQuery[MedicalRecord](
    lambda person, **equal: (
        MedicalRecord.objects.visible_to(person).filter(**equal).with_shown_people(*LISTED_COLUMNS).latest_first()
    )
)


def _records_for(user: User, patient_id: UUID | None) -> BoundQuery[MedicalRecord]:
    """Return the records that `user` may list. Raises NotFound for an unknown patient: an empty list would read as
    `nothing on record`."""
    if patient_id is not None:
        get_accessible_chart(user, patient_id)
    return _listed(user, patient_id=patient_id)


def _total(user: User, records: BoundQuery[MedicalRecord], query: dict[str, object]) -> int:
    if query.get("patient_id") or user.can(Permission.READ_OWN_RECORDS):
        return records.count()
    return MedicalRecord.objects.total_for(user)
