"""Medical records."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Permission
from audit.events import Kind
from core.api.pages import page_of
from core.api.schema import NOT_FOUND, stale
from core.api.views import ApiView
from patients.deletion_views import DELETE_ERRORS, deleting
from patients.restriction import chart_open_to, emergencies, open_for
from records import services, versions
from records.deletion_views import DELETE_RECORDS
from records.models import MedicalRecord, RecordQuerySet
from records.serializers import RecordAmendment, RecordInput, RecordPage, RecordQuery, RecordShape, RecordWhole
from records.version_serializers import ETAG, IF_MATCH, etag, expected_version
from records.version_views import SEE_RECORDS, VersionsView, list_schema, one_schema

STALE = stale(RecordWhole, "It has been amended since; `current` is the record as it is now.")


class Records(ApiView):
    permissions = {"GET": SEE_RECORDS, "POST": Permission.WRITE_RECORDS}
    trail = {"GET": Kind.RECORDS_LISTED, "POST": Kind.CREATED}
    about = MedicalRecord._meta.label
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND}

    @extend_schema(parameters=[RecordQuery], responses={200: RecordPage}, summary="Medical records, the latest first")
    def get(self, request: Request) -> Response:
        query = self.checked_query(RecordQuery)
        records = _records_for(self.caller, query.get("patient_id"))
        rows = page_of(records.with_people(), page=query["page"], limit=query["limit"])
        total = _total(self.caller, records, query)
        whom = [query["patient_id"]] if query.get("patient_id") else (row.patient_id for row in rows)
        opened = emergencies(open_for(self.caller, [row.patient for row in rows]))
        self.saw(whom, hits=total, page=query["page"], limit=query["limit"], **opened)
        return Response({"records": [RecordShape.of(row) for row in rows], "total": total})

    @extend_schema(request=RecordInput, responses={201: RecordShape}, summary="Write a medical record")
    def post(self, request: Request) -> Response:
        record = services.write_record(by=self.caller, **self.checked(RecordInput))
        self.saw([record.patient_id], **emergencies(open_for(self.caller, [record.patient])))
        return Response(RecordShape.of(record), status=201)


class RecordView(ApiView):
    about = MedicalRecord._meta.label

    def answer(self, record: MedicalRecord) -> Response:
        self.saw([record.patient_id], about_id=record.pk, **emergencies([record.patient]))
        return Response(RecordWhole.of(record), headers=etag(record.version))


class RecordById(RecordView):
    permissions = {"GET": SEE_RECORDS, "DELETE": DELETE_RECORDS}
    trail = {"GET": Kind.RECORD_READ, "DELETE": Kind.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: RecordWhole}, summary="One medical record")
    def get(self, request: Request, record_id: UUID) -> Response:
        return self.answer(versions.opened(MedicalRecord, by=self.caller, pk=record_id))

    delete = deleting(MedicalRecord)


class RecordAmendments(RecordView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    trail = {"POST": Kind.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=RecordAmendment,
        parameters=[IF_MATCH, ETAG],
        responses={200: RecordWhole},
        summary="Amend a medical record, with a reason; what it said is kept",
    )
    def post(self, request: Request, record_id: UUID) -> Response:
        body = self.checked(RecordAmendment)
        expected = expected_version(request, body.pop("version", None))
        return self.answer(services.amend_record(by=self.caller, record_id=record_id, expected=expected, **body))


class RecordVersions(VersionsView):
    about, model = MedicalRecord._meta.label, MedicalRecord

    @list_schema
    def get(self, request: Request, record_id: UUID) -> Response:
        return self.answer_all(record_id)


class RecordVersionByNumber(VersionsView):
    about, model = MedicalRecord._meta.label, MedicalRecord

    @one_schema
    def get(self, request: Request, record_id: UUID, number: int) -> Response:
        return self.answer_one(record_id, number)


def _records_for(user: User, patient_id: UUID | None) -> RecordQuerySet:
    """An unknown patient is an error: an empty list would read as `nothing on record`."""
    records: RecordQuerySet = MedicalRecord.objects.visible_to(user).latest_first()
    if patient_id is None:
        return records
    chart_open_to(user, patient_id)
    return records.filter(patient_id=patient_id)


def _total(user: User, records: RecordQuerySet, query: dict[str, object]) -> int:
    if query.get("patient_id") or user.can(Permission.READ_OWN_RECORDS):
        return records.count()
    return MedicalRecord.objects.total_for(user)
