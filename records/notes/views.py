"""Session notes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from audit.events import AuditEvent
from core.api.names import check_something_sent
from core.api.pagination import Page
from core.api.schema import NOT_FOUND, Refused, extend_schema, stale
from core.api.versions import ETAG, IF_MATCH, etag, expected_version
from core.api.views import ApiView
from core.cache import cached_counts
from core.errors import NotFound
from core.permissions import Permission
from core.tenancy.compiled import BoundQuery, CompiledQuery
from core.tenancy.scope import current_practice_id
from patients.deletion.views import DELETE_ERRORS, RestoreView, delete_handler, restore_handler
from patients.models import EmergencyAccess, Patient
from patients.restriction.services import emergency_details, get_accessible_chart, resolve_access
from practices.services import current_practice, local_days
from records.attachments.downloads import download_response
from records.models import SessionNote
from records.models.note import SECTIONS, NoteQuerySet, NoteStatus
from records.notes import services as notes
from records.notes.pdf import note_pdf
from records.notes.search import search
from records.notes.serializers import (
    HitPage,
    HitShape,
    NoteAmendment,
    NoteChange,
    NotePage,
    NoteQuery,
    NoteShape,
    OtherNoteShape,
    PatientQuery,
    SearchInput,
    SessionNoteInput,
)
from records.versions import services as versions
from records.versions.serializers import ChangeInput
from records.versions.views import SEE_RECORDS, VersionsView, list_schema, one_schema

DELETE_NOTES = (Permission.DELETE_CLINICAL, Permission.WRITE_RECORDS)  # the second for drafts of one's own
STALE = stale(
    NoteShape, "The note has been changed since, or its status does not allow it; `current` is the latest version."
)
OTHER_NOTE = {"409": Refused("The caller already has a session note for this appointment.", OtherNoteShape)}
NONE_FINALISED = _("This patient has no finalised session note.")


class NoteView(ApiView):
    audited_model = SessionNote._meta.label

    @contextmanager
    def local_time(self) -> Iterator[None]:
        """Read a date without an offset in the body as the practice's local time."""
        if "date" not in self.request.data:
            yield
            return
        with timezone.override(current_practice().tzinfo):
            yield

    def changes(self, serializer: type[serializers.Serializer[Any]], note_id: UUID) -> dict[str, Any]:
        """Return the validated body, with the version that the caller has read as `expected`."""

        def shown() -> dict[str, Any]:
            return NoteShape.to_dict(versions.get_entry(SessionNote, by=self.caller, pk=note_id))

        with self.local_time():
            body = self.checked_changes(serializer, shown=shown)
        expected = expected_version(self.request, body.pop("version", None))
        return {**body, "expected": expected}

    def respond(self, note: SessionNote, *, status: int = 200) -> Response:
        self.audit_read([note.patient_id], about_id=note.pk, **emergency_details([note.patient]))
        return Response(NoteShape.to_dict(note), status=status, headers=etag(note.version))


class Notes(NoteView):
    permissions = {"GET": SEE_RECORDS, "POST": Permission.WRITE_RECORDS}
    audit_events = {"GET": AuditEvent.NOTES_LISTED, "POST": AuditEvent.CREATED}
    extra_errors = {
        "GET": NOT_FOUND,
        "POST": NOT_FOUND | OTHER_NOTE,
    }

    @extend_schema(
        parameters=[NoteQuery], responses={200: NotePage}, summary="List session notes, latest session first"
    )
    def get(self, request: Request) -> Response:
        with local_days(request.query_params):
            query = self.checked_query(NoteQuery)
        page = Page.taken_from(query)
        asked = [get_accessible_chart(self.caller, query["patient_id"])] if "patient_id" in query else []
        found = _listed(self.caller, **query)
        rows = page.rows(found)
        total = page.total(lambda: _total(self.caller, found, query))
        charts = asked or resolve_access(self.caller, [row.patient for row in rows])
        self.audit_read((chart.pk for chart in charts), hits=total, **page.asked, **emergency_details(charts))
        shown = [NoteShape.to_dict(row) for row in rows]
        return Response({"sessions": shown, "total": total, **page.asked, **page.next})

    @extend_schema(
        request=SessionNoteInput,
        parameters=[ETAG],
        responses={201: NoteShape},
        summary="Create a draft session note",
    )
    def post(self, request: Request) -> Response:
        with self.local_time():
            fields = self.checked(SessionNoteInput)
        return self.respond(notes.create_draft(by=self.caller, **fields), status=201)


class NoteById(NoteView):
    permissions = {"GET": SEE_RECORDS, "PATCH": Permission.WRITE_RECORDS, "DELETE": DELETE_NOTES}
    audit_events = {"GET": AuditEvent.NOTE_READ, "PATCH": AuditEvent.CHANGED, "DELETE": AuditEvent.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: NoteShape}, summary="Get a session note")
    def get(self, request: Request, note_id: UUID) -> Response:
        return self.respond(versions.get_entry(SessionNote, by=self.caller, pk=note_id))

    @extend_schema(
        request=NoteChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: NoteShape},
        summary="Save your own draft",
        description="Send the version that was read, in If-Match or `version`. If two requests save the same version, "
        "the second gets 409 and nothing is stored.",
    )
    def patch(self, request: Request, note_id: UUID) -> Response:
        changes = self.changes(NoteChange, note_id)
        check_something_sent(request.data, NoteChange().fields)
        return self.respond(notes.autosave(by=self.caller, note_id=note_id, **changes))

    delete = delete_handler(SessionNote)


class RestoreNote(RestoreView):
    permissions = {"POST": DELETE_NOTES}
    audited_model = SessionNote._meta.label
    post = restore_handler(SessionNote)


class Finalise(NoteView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    audit_events = {"POST": AuditEvent.NOTE_FINALISED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=ChangeInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: NoteShape},
        summary="Finalise your own draft; this cannot be undone",
    )
    def post(self, request: Request, note_id: UUID) -> Response:
        return self.respond(notes.finalise(by=self.caller, note_id=note_id, **self.changes(ChangeInput, note_id)))


class NoteAmendments(NoteView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    audit_events = {"POST": AuditEvent.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=NoteAmendment,
        parameters=[IF_MATCH, ETAG],
        responses={200: NoteShape},
        summary="Amend a finalised note, with a reason; earlier versions are kept",
    )
    def post(self, request: Request, note_id: UUID) -> Response:
        return self.respond(notes.amend_note(by=self.caller, note_id=note_id, **self.changes(NoteAmendment, note_id)))


class NotePdf(NoteView):
    permissions = {"GET": SEE_RECORDS}
    audit_events = {"GET": AuditEvent.NOTE_READ}
    extra_errors = {"GET": NOT_FOUND | {"409": "The note is still a draft."}}

    @extend_schema(
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
        summary="Download a finalised note as a PDF, signed by name and time",
    )
    def get(self, request: Request, note_id: UUID) -> StreamingHttpResponse:
        note = versions.get_entry(SessionNote, by=self.caller, pk=note_id)
        printed = note_pdf(note, practice=current_practice(), by=self.caller)
        self.audit_read([note.patient_id], about_id=note.pk, **emergency_details([note.patient]))
        return download_response([printed], name="session-note.pdf", content_type="application/pdf", size=len(printed))


class NoteVersions(VersionsView):
    audited_model, model = SessionNote._meta.label, SessionNote

    @list_schema
    def get(self, request: Request, note_id: UUID) -> Response:
        return self.respond_with_list(note_id)


class NoteVersionByNumber(VersionsView):
    audited_model, model = SessionNote._meta.label, SessionNote

    @one_schema
    def get(self, request: Request, note_id: UUID, number: int) -> Response:
        return self.respond_with_version(note_id, number)


class LastFinalised(NoteView):
    permissions = {"GET": SEE_RECORDS}
    audit_events = {"GET": AuditEvent.NOTE_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[PatientQuery, ETAG],
        responses={200: NoteShape},
        summary="Get a patient's last finalised note, to start from",
    )
    def get(self, request: Request) -> Response:
        chart = get_accessible_chart(self.caller, self.checked_query(PatientQuery)["patient_id"])
        found = _listed_for(self.caller, patient_id=chart.pk).exclude(status=NoteStatus.DRAFT)
        note = found.with_people().first()
        if note is None:
            raise NotFound(NONE_FINALISED)
        resolve_access(self.caller, [note.patient])
        return self.respond(note)


class NoteSearch(NoteView):
    keeps_answers = False  # it is a POST so that what is searched for is in no address, and makes nothing
    permissions = {"POST": SEE_RECORDS}
    audit_events = {"POST": AuditEvent.NOTES_SEARCHED}
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        request=SearchInput,
        responses={200: HitPage},
        summary="Search a patient's notes for every word of the query",
        description="Terms of three or more letters match anywhere in a word, shorter ones only at its beginning.",
    )
    def post(self, request: Request) -> Response:
        body = self.checked(SearchInput)
        page = Page.taken_from(body)
        chart = get_accessible_chart(self.caller, body["patient_id"])
        hits, total = search(_listed_for(self.caller, patient_id=chart.pk), body["query"], page)
        self.audit_read([chart.pk], hits=total, **page.asked, **emergency_details([chart]))
        shown = [HitShape.to_dict(hit) for hit in hits]
        return Response({"sessions": shown, "total": total, **page.asked, **page.next})


def _listed_for(user: User, *, start: Any = None, end: Any = None, **equal: Any) -> NoteQuerySet:
    """Return the notes that `user` may list; `equal` filters by patient, doctor and status."""
    found: NoteQuerySet = SessionNote.objects.visible_to(user).filter(**equal).latest_first()
    if start is not None:
        found = found.filter(date__gte=start)
    return found if end is None else found.filter(date__lt=end)


LISTED_COLUMNS = (
    "appointment_id",
    "plan_of_care_id",
    "date",
    "duration_minutes",
    *SECTIONS,
    "status",
    "version",
    "finalised_at",
    "amended_at",
    "created_at",
    "updated_at",
)
_listed = CompiledQuery[SessionNote](
    lambda person, **filters: _listed_for(person, **filters).with_shown_people(*LISTED_COLUMNS)
)


def _total(user: User, found: BoundQuery[SessionNote], query: dict[str, Any]) -> int:
    """Count the notes. The total is cached per person, since who sees which drafts and restricted charts differs; one
    patient's notes are quick to count."""
    if "patient_id" in query or user.can(Permission.READ_OWN_RECORDS):
        return found.count()
    total: int = cached_counts.get_or_compute(
        f"notes:{user.pk}:{sorted(query.items())}",
        practice_id=current_practice_id(),
        of=(SessionNote, Patient, EmergencyAccess, User),
        compute=found.count,
    )
    return total
