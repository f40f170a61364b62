"""Problems, medications and allergies of a chart."""

from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from audit.events import AuditEvent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version
from core.api.views import ApiView
from core.encryption.fields import unreadable_marked
from core.permissions import Permission
from patients.allergies import allergies_of
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.models import Patient
from patients.restriction.services import check_access, emergency_details
from records.chart_lists import services
from records.chart_lists.serializers import (
    AllergyInput,
    AllergyPage,
    ChartEntryChange,
    ChartEntryQuery,
    ChartEntryShape,
    MedicationInput,
    MedicationPage,
    NoneKnown,
    ProblemInput,
    ProblemPage,
)
from records.models import ChartEntry
from records.models.chart_entry import ChartList
from records.versions import services as versions
from records.versions.views import VersionsView, list_schema, one_schema

SEE = (Permission.READ_CHARTS, Permission.READ_OWN_CHART)
WRITE = Permission.WRITE_CLINICAL_FIELDS
BUSY = {"409": "Part of the list cannot be decrypted."}
STALE = stale(ChartEntryShape, "The entry has been changed since; `current` is what it says now.")


class ListView(ApiView):
    permissions = {"GET": SEE, "POST": WRITE}
    audit_events = {"GET": AuditEvent.CHART_READ, "POST": AuditEvent.CREATED}
    audited_model = ChartEntry._meta.label
    extra_errors = {"GET": NOT_FOUND, "POST": NOT_FOUND | BUSY}
    kind: ClassVar[ChartList]
    name: ClassVar[str]

    def show(self, chart_id: UUID) -> Response:
        query = self.checked_query(ChartEntryQuery)
        page = Page.taken_from(query)
        chart = check_access(self.caller, Patient.objects.visible_to(self.caller).get_or_refuse(pk=chart_id))
        entries = ChartEntry.objects.filter(patient=chart, kind=self.kind).with_people().active_first()
        entries = entries.filter(status=query["status"]) if "status" in query else entries.listed()
        rows = page.rows(entries)
        total = page.total(entries.count)
        self.audit_read([chart.pk], hits=total, **page.asked, **emergency_details([chart]))
        shown = [ChartEntryShape.to_dict(row) for row in rows]
        with unreadable_marked():
            return Response({self.name: shown, "total": total, **self.chart_fields(chart), **page.next})

    def chart_fields(self, chart: Patient) -> dict[str, Any]:
        """Return what the chart itself says of the list."""
        return {}

    def add(self, chart_id: UUID, serializer: Any) -> Response:
        fields = self.checked(serializer)
        entry = services.add_entry(by=self.caller, patient_id=chart_id, kind=self.kind, **fields)
        self.audit_read([chart_id], **emergency_details([entry.patient]))
        return Response(ChartEntryShape.to_dict(entry), status=201, headers=etag(entry.version))


class Problems(ListView):
    kind, name = ChartList.PROBLEM, "problems"

    @extend_schema(
        parameters=[ChartEntryQuery], responses={200: ProblemPage}, summary="List a chart's problems, active first"
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        return self.show(chart_id)

    @extend_schema(request=ProblemInput, parameters=[ETAG], responses={201: ChartEntryShape}, summary="Add a problem")
    def post(self, request: Request, chart_id: UUID) -> Response:
        return self.add(chart_id, ProblemInput)

    def chart_fields(self, chart: Patient) -> dict[str, Any]:
        return {"text": chart.medical_history}


class Medications(ListView):
    kind, name = ChartList.MEDICATION, "medications"

    @extend_schema(
        parameters=[ChartEntryQuery],
        responses={200: MedicationPage},
        summary="List a chart's medications, active first",
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        return self.show(chart_id)

    @extend_schema(
        request=MedicationInput, parameters=[ETAG], responses={201: ChartEntryShape}, summary="Add a medication"
    )
    def post(self, request: Request, chart_id: UUID) -> Response:
        return self.add(chart_id, MedicationInput)


class AllergyList(ListView):
    kind, name = ChartList.ALLERGY, "allergies"

    @extend_schema(
        parameters=[ChartEntryQuery], responses={200: AllergyPage}, summary="List a chart's allergies, active first"
    )
    def get(self, request: Request, chart_id: UUID) -> Response:
        return self.show(chart_id)

    @extend_schema(request=AllergyInput, parameters=[ETAG], responses={201: ChartEntryShape}, summary="Add an allergy")
    def post(self, request: Request, chart_id: UUID) -> Response:
        return self.add(chart_id, AllergyInput)

    def chart_fields(self, chart: Patient) -> dict[str, Any]:
        return {"text": chart.allergies, "state": allergies_of(chart)}


class NoKnownAllergies(ApiView):
    permissions = {"PUT": WRITE}
    audit_events = {"PUT": AuditEvent.CHANGED}
    audited_model = Patient._meta.label
    extra_errors = {"PUT": NOT_FOUND | {"409": "The chart lists allergies, or they cannot be decrypted."}}

    @extend_schema(
        request=None, responses={200: NoneKnown}, summary="Keep that somebody has asked, and no allergies are known"
    )
    def put(self, request: Request, chart_id: UUID) -> Response:
        chart = services.record_no_known_allergies(by=self.caller, patient_id=chart_id)
        self.audit_read([chart.pk], about_id=chart.pk, **emergency_details([chart]))
        return Response({"state": allergies_of(chart)})


class EntryById(ApiView):
    permissions = {"GET": SEE, "PATCH": WRITE, "DELETE": (WRITE, Permission.DELETE_CLINICAL)}
    audit_events = {
        "GET": AuditEvent.CHART_READ,
        "PATCH": AuditEvent.AMENDED,
        "DELETE": AuditEvent.SOFT_DELETED,
    }
    audited_model = ChartEntry._meta.label
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: ChartEntryShape}, summary="Get a problem, medication or allergy")
    def get(self, request: Request, chart_entry_id: UUID) -> Response:
        return self.respond(versions.get_entry(ChartEntry, by=self.caller, pk=chart_entry_id))

    @extend_schema(
        request=ChartEntryChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: ChartEntryShape},
        summary="Change a problem, medication or allergy; earlier versions are kept",
    )
    def patch(self, request: Request, chart_entry_id: UUID) -> Response:
        def shown() -> dict[str, Any]:
            return ChartEntryShape.to_dict(versions.get_entry(ChartEntry, by=self.caller, pk=chart_entry_id))

        body = self.checked_changes(ChartEntryChange, shown=shown)
        expected = expected_version(request, body.pop("version", None))
        return self.respond(services.change_entry(by=self.caller, entry_id=chart_entry_id, expected=expected, **body))

    delete = delete_handler(ChartEntry)

    def respond(self, entry: ChartEntry) -> Response:
        self.audit_read([entry.patient_id], about_id=entry.pk, **emergency_details([entry.patient]))
        return Response(ChartEntryShape.to_dict(entry), headers=etag(entry.version))


class RestoreEntry(RestoreView):
    permissions = {"POST": (WRITE, Permission.DELETE_CLINICAL)}
    audited_model = ChartEntry._meta.label
    post = restore_handler(ChartEntry)


class EntryVersions(VersionsView):
    permissions = {"GET": SEE}
    audited_model, model = ChartEntry._meta.label, ChartEntry

    @list_schema
    def get(self, request: Request, chart_entry_id: UUID) -> Response:
        return self.respond_with_list(chart_entry_id)


class EntryVersionByNumber(VersionsView):
    permissions = {"GET": SEE}
    audited_model, model = ChartEntry._meta.label, ChartEntry

    @one_schema
    def get(self, request: Request, chart_entry_id: UUID, number: int) -> Response:
        return self.respond_with_version(chart_entry_id, number)
