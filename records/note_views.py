"""Session notes."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from accounts.roles import Permission
from audit.events import Kind
from core import totals
from core.api.pages import page_of
from core.api.schema import NOT_FOUND, stale
from core.api.views import ApiView
from core.errors import Missing
from core.tenancy import current_practice_id
from patients.deletion_views import DELETE_ERRORS, deleting
from patients.models import EmergencyAccess, Patient
from patients.restriction import chart_open_to, emergencies, open_for
from practices.services import current_practice
from records import notes, versions
from records.deletion_views import DELETE_ENTRIES
from records.models import SessionNote
from records.models.note import NoteQuerySet, Status
from records.note_search import search
from records.note_serializers import (
    HitPage,
    HitShape,
    NoteAmendment,
    NoteChange,
    NotePage,
    NoteQuery,
    NoteShape,
    PatientQuery,
    SearchInput,
    SessionNoteInput,
)
from records.version_serializers import ETAG, IF_MATCH, ChangeInput, etag, expected_version
from records.version_views import SEE_RECORDS, VersionsView, list_schema, one_schema

STALE = stale(
    NoteShape, "It has been changed since, or its state does not allow it; `current` is the note as it is now."
)
NONE_FINALISED = "This patient has no finalised session note."


class NoteView(ApiView):
    about = SessionNote._meta.label

    def checked_here(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body; a date without an offset is the practice's time."""
        if "date" not in self.request.data:
            return self.checked(serializer)
        with timezone.override(current_practice().tzinfo):
            return self.checked(serializer)

    def changes(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body, with the version that the caller has read as `expected`."""
        body = self.checked_here(serializer)
        expected = expected_version(self.request, body.pop("version", None))
        return {**body, "expected": expected}

    def answer(self, note: SessionNote, *, status: int = 200) -> Response:
        self.saw([note.patient_id], about_id=note.pk, **emergencies([note.patient]))
        return Response(NoteShape.of(note), status=status, headers=etag(note.version))


class Notes(NoteView):
    permissions = {"GET": SEE_RECORDS, "POST": Permission.WRITE_RECORDS}
    trail = {"GET": Kind.NOTES_LISTED, "POST": Kind.CREATED}
    extra_errors = {
        "GET": NOT_FOUND,
        "POST": NOT_FOUND | {"409": "The caller has a session note of this appointment already."},
    }

    @extend_schema(parameters=[NoteQuery], responses={200: NotePage}, summary="Session notes, the latest session first")
    def get(self, request: Request) -> Response:
        query = self._query()
        page = {"page": query.pop("page"), "limit": query.pop("limit")}
        asked = [chart_open_to(self.caller, query["patient_id"])] if "patient_id" in query else []
        found = _listed_for(self.caller, **query)
        rows, total = page_of(found.with_people(), **page), _total(self.caller, found, query)
        charts = asked or open_for(self.caller, [row.patient for row in rows])
        self.saw((chart.pk for chart in charts), hits=total, **page, **emergencies(charts))
        return Response({"sessions": [NoteShape.of(row) for row in rows], "total": total, **page})

    @extend_schema(
        request=SessionNoteInput,
        parameters=[ETAG],
        responses={201: NoteShape},
        summary="Begin a session note: a draft",
    )
    def post(self, request: Request) -> Response:
        return self.answer(notes.begin_note(by=self.caller, **self.checked_here(SessionNoteInput)), status=201)

    def _query(self) -> dict[str, Any]:
        if not {"from", "to"} & self.request.query_params.keys():
            return self.checked_query(NoteQuery)
        with timezone.override(current_practice().tzinfo):  # whose days are meant
            return self.checked_query(NoteQuery)


class NoteById(NoteView):
    permissions = {"GET": SEE_RECORDS, "PATCH": Permission.WRITE_RECORDS, "DELETE": DELETE_ENTRIES}
    trail = {"GET": Kind.NOTE_READ, "PATCH": Kind.CHANGED, "DELETE": Kind.SOFT_DELETED}
    extra_errors = {"GET": NOT_FOUND, "PATCH": NOT_FOUND | STALE, "DELETE": DELETE_ERRORS}

    @extend_schema(parameters=[ETAG], responses={200: NoteShape}, summary="One session note")
    def get(self, request: Request, note_id: UUID) -> Response:
        return self.answer(versions.opened(SessionNote, by=self.caller, pk=note_id))

    @extend_schema(
        request=NoteChange,
        parameters=[IF_MATCH, ETAG],
        responses={200: NoteShape},
        summary="Save a draft of one's own",
        description="Say which version was read, in If-Match or `version`; of two saves of one version the second is "
        "answered 409 and stores nothing.",
    )
    def patch(self, request: Request, note_id: UUID) -> Response:
        return self.answer(notes.autosave(by=self.caller, note_id=note_id, **self.changes(NoteChange)))

    delete = deleting(SessionNote)


class Finalise(NoteView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    trail = {"POST": Kind.NOTE_FINALISED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=ChangeInput,
        parameters=[IF_MATCH, ETAG],
        responses={200: NoteShape},
        summary="Finalise a draft of one's own, for good",
    )
    def post(self, request: Request, note_id: UUID) -> Response:
        return self.answer(notes.finalise(by=self.caller, note_id=note_id, **self.changes(ChangeInput)))


class NoteAmendments(NoteView):
    permissions = {"POST": Permission.WRITE_RECORDS}
    trail = {"POST": Kind.AMENDED}
    extra_errors = {"POST": NOT_FOUND | STALE}

    @extend_schema(
        request=NoteAmendment,
        parameters=[IF_MATCH, ETAG],
        responses={200: NoteShape},
        summary="Amend a finalised note, with a reason; what it said is kept",
    )
    def post(self, request: Request, note_id: UUID) -> Response:
        return self.answer(notes.amend_note(by=self.caller, note_id=note_id, **self.changes(NoteAmendment)))


class NoteVersions(VersionsView):
    about, model = SessionNote._meta.label, SessionNote

    @list_schema
    def get(self, request: Request, note_id: UUID) -> Response:
        return self.answer_all(note_id)


class NoteVersionByNumber(VersionsView):
    about, model = SessionNote._meta.label, SessionNote

    @one_schema
    def get(self, request: Request, note_id: UUID, number: int) -> Response:
        return self.answer_one(note_id, number)


class LastFinalised(NoteView):
    permissions = {"GET": SEE_RECORDS}
    trail = {"GET": Kind.NOTE_READ}
    extra_errors = {"GET": NOT_FOUND}

    @extend_schema(
        parameters=[PatientQuery, ETAG],
        responses={200: NoteShape},
        summary="A patient's last finalised note, to start from",
    )
    def get(self, request: Request) -> Response:
        chart = chart_open_to(self.caller, self.checked_query(PatientQuery)["patient_id"])
        found = _listed_for(self.caller, patient_id=chart.pk).exclude(status=Status.DRAFT)
        note = found.with_people().first()
        if note is None:
            raise Missing(NONE_FINALISED)
        open_for(self.caller, [note.patient])
        return self.answer(note)


class NoteSearch(NoteView):
    permissions = {"POST": SEE_RECORDS}
    trail = {"POST": Kind.NOTES_SEARCHED}
    extra_errors = {"POST": NOT_FOUND}

    @extend_schema(
        request=SearchInput,
        responses={200: HitPage},
        summary="The notes of a patient in which every word of the query occurs",
        description="From three letters on anywhere in a word, below that at its beginning.",
    )
    def post(self, request: Request) -> Response:
        body = self.checked(SearchInput)
        page = {"page": body["page"], "limit": body["limit"]}
        chart = chart_open_to(self.caller, body["patient_id"])
        hits, total = search(_listed_for(self.caller, patient_id=chart.pk), body["query"], **page)
        self.saw([chart.pk], hits=total, **page, **emergencies([chart]))
        return Response({"sessions": [HitShape.of(hit) for hit in hits], "total": total, **page})


def _listed_for(user: User, *, start: Any = None, end: Any = None, **equal: Any) -> NoteQuerySet:
    """`equal`: the patient, the doctor and the status, where they are asked for."""
    found: NoteQuerySet = SessionNote.objects.visible_to(user).filter(**equal).latest_first()
    if start is not None:
        found = found.filter(date__gte=start)
    return found if end is None else found.filter(date__lt=end)


def _total(user: User, found: NoteQuerySet, query: dict[str, Any]) -> int:
    """Remembered for each person, who sees drafts, also those of who has left, and restricted charts that others do
    not; a patient's notes are quickly counted."""
    if "patient_id" in query or user.can(Permission.READ_OWN_RECORDS):
        return found.count()
    total: int = totals.remembered(
        f"notes:{user.pk}:{sorted(query.items())}",
        practice_id=current_practice_id(),
        of=(SessionNote, Patient, EmergencyAccess, User),
        compute=found.count,
    )
    return total
